/**
 * One value of a document: what is expected in its place, and the complaint when something else stands there; the same
 * as JSON Schema, which takes what the reader takes, and hardly more.
 */
import { type JsonSchema, Result, type Schema } from "effect"
import type { Complaints } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import * as Duration from "./Duration.ts"
import { found, or } from "./JsonSchemaWords.ts"
import type { Entry, Mapping, Node, Scalar } from "./Position.ts"

/** Reads what stands under a key. `undefined`: nothing does, or something wrong, which is a complaint then. */
export interface Reader<A> {
  (entry: Entry | undefined, what: string, complaints: Complaints): A | undefined
  /** Draft-07. Of several types the first is the usual one: an editor begins a value with it. */
  readonly schema: JsonSchema.JsonSchema
}

/** Text; a number stands for its digits. */
export const text: Reader<string> = reader("text", { type: ["string", "number"] }, (node) => {
  if (node.kind !== "scalar") return undefined
  if (typeof node.value === "number") return node.written ?? String(node.value)
  return typeof node.value === "string" ? node.value : undefined
})

/** Text that is not empty. */
export const filled: Reader<string> = described({ ...text.schema, minLength: 1 }, (entry, what, complaints) => {
  const value = text(entry, what, complaints)
  if (entry === undefined || value !== "") return value
  complaints.add(entry.value, "wrong-type", `${what} is empty, expected text`)
  return undefined
})

export const flag: Reader<boolean> = reader("true or false", { type: "boolean" }, ({ value }) =>
  typeof value === "boolean" ? value : undefined
)

/** A list of names, or one name alone. */
export const names = (
  entry: Entry | undefined,
  what: string,
  complaints: Complaints
): ReadonlyArray<Scalar & { readonly value: string }> | undefined => {
  if (entry === undefined) return undefined
  const { value: node } = entry
  if (node.kind === "scalar" && node.value === null) return []
  const items = node.kind === "list" ? node.items : [node]
  if (node.kind === "mapping") {
    complaints.add(node, "wrong-type", `${what}: expected a list of names, found a mapping`)
    return undefined
  }
  return items.flatMap((item) => {
    const value = filled({ key: entry.key, value: item }, what, complaints)
    return value === undefined || item.kind !== "scalar" ? [] : [{ ...item, value }]
  })
}

export const strings: Reader<ReadonlyArray<string>> = described(
  { type: ["array", "string", "number", "null"], items: filled.schema, minLength: 1 },
  (entry, what, complaints) => names(entry, what, complaints)?.map(({ value }) => value)
)

/** CEL; `true` and `false` need no quotes. */
export const expression: Reader<string> = described(
  { type: ["string", "boolean", "number"], minLength: 1 },
  (entry, what, complaints) => {
    const value = entry?.value.value
    return typeof value === "boolean" ? String(value) : filled(entry, what, complaints)
  }
)

export const json: Reader<Schema.Json> = described({}, (entry) => entry?.value.value)

/** Nothing stands for an empty one. */
export const mapping: Reader<Mapping> = described({ type: ["object", "null"] }, (entry, what, complaints) => {
  if (entry === undefined) return undefined
  const { value: node } = entry
  if (node.kind === "mapping") return node
  if (node.kind === "scalar" && node.value === null) return { ...node, kind: "mapping", entries: new Map(), value: {} }
  complaints.add(node, "wrong-type", `${what}: expected a mapping, found ${found(node.value)}`)
  return undefined
})

export const whole = (minimum: number, maximum = Number.MAX_SAFE_INTEGER): Reader<number> =>
  reader(
    `a whole number from ${minimum}${maximum === Number.MAX_SAFE_INTEGER ? "" : ` to ${maximum}`}`,
    { type: "integer", minimum, maximum },
    ({ value }) =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum
        ? value
        : undefined
  )

export const positive: Reader<number> = reader(
  "a number above 0",
  { type: "number", exclusiveMinimum: 0 },
  ({ value }) => (typeof value === "number" && value > 0 ? value : undefined)
)

export const choice = <const A extends string>(...choices: ReadonlyArray<A>): Reader<A> =>
  reader(or(choices), { enum: choices }, ({ value }) => choices.find((choice) => choice === value), choices)

/** Milliseconds. `minimum` is 1 for what must take some time. */
export const duration = (minimum: 0 | 1): Reader<number> =>
  described(durationSchema(minimum), (entry, what, complaints) => {
    if (entry === undefined) return undefined
    const { value } = entry.value
    const result =
      typeof value === "string" || typeof value === "number"
        ? Duration.parse(value)
        : Result.fail(`expected ${Duration.expected}, found ${found(value)}`)
    if (Result.isSuccess(result) && result.success >= minimum) return result.success
    const issue = Result.isFailure(result) ? result.failure : "expected more than 0"
    complaints.add(entry.value, "wrong-type", `${what}: ${issue}`)
    return undefined
  })

/** 0 to 3. */
export const priority: Reader<number> = reader(
  "urgent, high, normal, low or 0 to 3",
  { enum: ["urgent", "high", "normal", "low", 0, 1, 2, 3] },
  ({ value }) => {
    const rank = typeof value === "number" ? value : priorities.indexOf(String(value))
    return Number.isInteger(rank) && rank >= 0 && rank < priorities.length ? rank : undefined
  },
  ["urgent", "high", "normal", "low"]
)

/** An object with the key, or without it where there is no value. */
export const optional = <K extends string, A>(key: K, value: A | undefined): { readonly [_ in K]?: A } =>
  // Safe: the one key that is there is K.
  (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: A }

// internal

const priorities = ["urgent", "high", "normal", "low"]

function described<A>(
  schema: JsonSchema.JsonSchema,
  read: (entry: Entry | undefined, what: string, complaints: Complaints) => A | undefined
): Reader<A> {
  return Object.assign(read, { schema })
}

function reader<A>(
  expected: string,
  schema: JsonSchema.JsonSchema,
  read: (node: Node) => A | undefined,
  choices: ReadonlyArray<string> = []
): Reader<A> {
  return described(schema, (entry, what, complaints) => {
    if (entry === undefined) return undefined
    const value = read(entry.value)
    if (value !== undefined) return value
    const { value: written } = entry.value
    const suggestion = typeof written === "string" ? nearest(written, choices) : undefined
    complaints.add(entry.value, "wrong-type", `${what}: expected ${expected}, found ${found(written)}`, { suggestion })
    return undefined
  })
}

/** Seconds as a number or as text, or parts with units from large to small. */
function durationSchema(minimum: 0 | 1): JsonSchema.JsonSchema {
  const parts = ["d", "h", "m", "s", "ms"].map((unit) => `(\\d+(\\.\\d+)?\\s*${unit}\\s*)?`).join("")
  return {
    type: ["string", "number"],
    pattern: `^\\s*((\\d+\\.?\\d*|\\.\\d+)\\s*|(?=\\d)${parts})$`,
    patternErrorMessage: `expected ${Duration.expected}`,
    // what is less is rounded to nothing
    minimum: minimum === 0 ? 0 : 0.0005
  }
}
