/**
 * Whether a path into the result of a task can lead anywhere, by what is known of the result. It makes the choice that
 * `Lookup` makes with the value: what a schema leaves open is never wrong here.
 */
import { nearest } from "./Diagnostic.ts"
import { isRecord } from "./JsonSchemaIssue.ts"
import { some } from "./JsonSchemaWords.ts"
import type { Path, Step } from "./ReferenceSyntax.ts"
import { at, fieldsOf, first, opened, own, type Part, type Value } from "./ValueSchema.ts"

export interface Dead {
  readonly message: string
  readonly suggestion?: string
  /** `false`: it leads somewhere only if a value that nothing is known about happens to have it. */
  readonly certain: boolean
}

/** `undefined`: it leads somewhere, or may. `each`: of a `foreach`, whose fields are taken from every item. */
export const dead = (value: Value, written: Path, each: boolean): Dead | undefined => {
  if (value === undefined || written[0] === "error" || (each && written[0] === "failures")) return undefined
  // a number picks an item, what is left is taken from it
  const number = each ? written.findIndex((step) => typeof step === "number") : -1
  const path = number < 0 ? written : written.toSpliced(number, 1)
  const found: Array<Dead> = []
  for (const part of value) {
    const one = deadIn(part, path)
    if (one === undefined) return undefined
    found.push(one)
  }
  return found.find(({ certain }) => !certain) ?? found[0]
}

/** The same of steps that are all looked up alike. */
export const deadBelow = (value: Value, path: Path): Dead | undefined => {
  let found = value
  for (const step of path) {
    const next = at(found, [step])
    if (next?.length === 0) return nowhere(found ?? [], step)
    found = next
  }
  return undefined
}

/** Whether the schema knows the first step and does not promise it: what is taken then is open until there is a result. */
export const isOpen = (value: Value, path: Path, each: boolean): boolean => {
  const step = each && typeof path[0] === "number" ? path[1] : path[0]
  if (value === undefined || step === undefined || step === "error" || (each && step === "failures")) return false
  return value.some((part) => {
    const { schema } = opened(part)
    if (!isRecord(schema)) return false
    const { properties, required } = schema
    return (
      isRecord(properties) && Object.hasOwn(properties, step) && !(Array.isArray(required) && required.includes(step))
    )
  })
}

// internal

const deadIn = (part: Part, [step, ...rest]: Path): Dead | undefined => {
  if (step === undefined) return undefined
  const direct = own(part, step)
  if (direct === undefined) return undefined
  const chosen = first(part, step)
  if (chosen === undefined) {
    if (direct.length === 0) return unlikely(part, step)
    // the field need not be there, and then its `result` is looked into
    const found = deadBelow(direct, rest)
    return found && { ...found, certain: false }
  }
  return chosen.length === 0 ? nowhere([part], step) : deadBelow(chosen, rest)
}

const nowhere = (places: ReadonlyArray<Part>, step: Step): Dead => {
  const fields = [...new Set(places.flatMap((place) => fieldsOf(place)))]
  const near = typeof step === "string" ? nearest(step, fields) : undefined
  return {
    message: `there is no ${named(step)}${fields.length === 0 ? "" : `, expected ${some(fields)}`}`,
    ...(near === undefined ? {} : { suggestion: near }),
    certain: true
  }
}

/** Not an own field, but near to one: only a lucky `result` would have it. */
const unlikely = (part: Part, step: Step): Dead | undefined => {
  const near = typeof step === "string" ? nearest(step, fieldsOf(part)) : undefined
  if (near === undefined) return undefined
  return {
    message: `there is no ${named(step)}, but for one that its \`result\` may have`,
    suggestion: near,
    certain: false
  }
}

const named = (step: Step): string => (typeof step === "number" ? `item [${step}]` : `"${step}"`)
