/**
 * Whether a path into the result of a task can lead anywhere, by the JSON Schema of the result. It makes the choice that
 * `Lookup` makes with the value: what a schema leaves open is never wrong here.
 */
import type { JsonSchema } from "effect"
import { nearest } from "./Diagnostic.ts"
import { isRecord, resolve } from "./JsonSchemaIssue.ts"
import { some } from "./JsonSchemaWords.ts"
import type { Path, Step } from "./ReferenceSyntax.ts"

export interface Dead {
  readonly message: string
  readonly suggestion?: string
  /** `false`: it leads somewhere only if a value that nothing is known about happens to have it. */
  readonly certain: boolean
}

/** `undefined`: it leads somewhere, or may. `each`: of a `foreach`, whose fields are taken from every item. */
export const dead = (schema: JsonSchema.JsonSchema, written: Path, each: boolean): Dead | undefined => {
  if (written[0] === "error" || (each && written[0] === "failures")) return undefined
  // a number picks an item, what is left is taken from it
  const number = each ? written.findIndex((step) => typeof step === "number") : -1
  const path = number < 0 ? written : written.toSpliced(number, 1)
  const [first, ...rest] = path
  if (first === undefined) return undefined
  let places = own(schema, schema, first)
  if (places !== undefined && places.length === 0) {
    const inner = below(schema, own(schema, schema, "result"), first)
    if (inner === undefined) return unlikely(schema, first)
    places = inner.length === 0 && (first === "result" || first === "output") ? [schema] : inner
  }
  if (places?.length === 0) return nowhere(schema, [schema], first)
  for (const step of rest) {
    const next = below(schema, places, step)
    if (next === undefined) return undefined
    if (next.length === 0) return nowhere(schema, places ?? [], step)
    places = next
  }
  return undefined
}

/** Whether the schema knows the first step and does not promise it: what is taken then is open until there is a result. */
export const isOpen = ({ properties, required }: JsonSchema.JsonSchema, path: Path, each: boolean): boolean => {
  const step = each && typeof path[0] === "number" ? path[1] : path[0]
  if (step === undefined || step === "error" || (each && step === "failures")) return false
  return (
    isRecord(properties) && Object.hasOwn(properties, step) && !(Array.isArray(required) && required.includes(step))
  )
}

// internal

/** What may stand at a place; empty: nothing can. `undefined`: anything may. */
type Places = ReadonlyArray<unknown> | undefined

const below = (root: unknown, places: Places, step: Step): Places => {
  if (places === undefined) return undefined
  return together(places.map((place) => own(root, place, step)))
}

const together = (found: ReadonlyArray<Places>): Places => {
  const all: Array<unknown> = []
  for (const places of found) {
    if (places === undefined) return undefined
    all.push(...places)
  }
  return all
}

const own = (root: unknown, schema: unknown, step: Step, hops = 20): Places => {
  if (schema === false) return []
  if (!isRecord(schema) || hops === 0) return undefined
  const { $ref, allOf, anyOf, oneOf } = schema
  if (typeof $ref === "string") return own(root, resolve(root, $ref), step, hops - 1)
  const union = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined
  const direct = ownOf(schema, step)
  const others = [
    ...(union === undefined ? [] : [together(union.map((part) => own(root, part, step, hops - 1)))]),
    ...(Array.isArray(allOf) ? allOf.map((part) => own(root, part, step, hops - 1)) : [])
  ]
  // all of them hold at once: what one knows, another that leaves it open does not undo
  const known = [direct, ...others].filter((places) => places !== undefined)
  return known.find((places) => places.length > 0) ?? known[0]
}

const ownOf = (schema: Record<string, unknown>, step: Step): Places => {
  const { additionalProperties, items, patternProperties, prefixItems, properties, type } = schema
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type]
  const isList = types.includes("array")
  const isObject = types.includes("object") || (types.length === 0 && isRecord(properties))
  if (types.length > 0 && !isList && !isObject) return []
  if (isList && isObject) return undefined
  if (isList) {
    if (typeof step !== "number") return []
    return prefixItems !== undefined || items === undefined || Array.isArray(items) ? undefined : [items]
  }
  if (!isObject) return undefined
  if (isRecord(properties) && Object.hasOwn(properties, step)) return [properties[step]]
  if (patternProperties !== undefined) return undefined
  return additionalProperties === false ? [] : isRecord(additionalProperties) ? [additionalProperties] : undefined
}

const fieldsOf = (root: unknown, schema: unknown, hops = 20): ReadonlyArray<string> => {
  if (!isRecord(schema) || hops === 0) return []
  const { $ref, allOf, anyOf, oneOf, properties } = schema
  if (typeof $ref === "string") return fieldsOf(root, resolve(root, $ref), hops - 1)
  const parts = [allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []))
  return [
    ...new Set([
      ...(isRecord(properties) ? Object.keys(properties) : []),
      ...parts.flatMap((part) => fieldsOf(root, part, hops - 1))
    ])
  ]
}

const nowhere = (root: unknown, places: ReadonlyArray<unknown>, step: Step): Dead => {
  const fields = [...new Set(places.flatMap((place) => fieldsOf(root, place)))]
  const near = typeof step === "string" ? nearest(step, fields) : undefined
  return {
    message: `there is no ${named(step)}${fields.length === 0 ? "" : `, expected ${some(fields)}`}`,
    ...(near === undefined ? {} : { suggestion: near }),
    certain: true
  }
}

/** Not an own field, but near to one: only a lucky `result` would have it. */
const unlikely = (schema: unknown, step: Step): Dead | undefined => {
  const near = typeof step === "string" ? nearest(step, fieldsOf(schema, schema)) : undefined
  if (near === undefined) return undefined
  return {
    message: `there is no ${named(step)}, but for one that its \`result\` may have`,
    suggestion: near,
    certain: false
  }
}

const named = (step: Step): string => (typeof step === "number" ? `item [${step}]` : `"${step}"`)
