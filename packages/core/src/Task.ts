/** Where a task stands in a run and what happens to it there: paths, usage, chunks, questions. */
import { Schema } from "effect"

/** Milliseconds since 1970. */
export type Millis = number

/** Names that stand first in a reference and are no tasks. */
export const roots = [
  "inputs",
  "env",
  "secrets",
  "item",
  "index",
  "previous",
  "iteration",
  "result",
  "run",
  "tasks"
] as const
export type Root = (typeof roots)[number]

/** Names a task in a run: `research`, `work[3]` (item), `ask/turn-1` (a call made by a handler). Ids percent-encoded. */
export type TaskPath = string

/** The path of a task at the top of a workflow. */
export const path = (id: string): TaskPath =>
  id.replaceAll(/[%/[\]~]/g, (sign) => encodeURIComponent(sign).replace("~", "%7E"))

/** The path of an item of a `foreach`, counted from 0. */
export const itemPath = (task: TaskPath, index: number): TaskPath => `${task}[${index}]`

/** The path of an iteration of a `repeat`, counted from 1. */
export const iterationPath = (task: TaskPath, iteration: number): TaskPath => `${task}~${iteration}`

/** The path of what lies inside a nested workflow. */
export const innerPath = (outer: TaskPath, id: string): TaskPath => `${outer}/${path(id)}`

/** The path itself, and those of all that it lies in. */
export const upperPaths = (path: TaskPath): ReadonlyArray<TaskPath> => {
  const found = [path]
  for (let at = path.length - 1; at > 0; at--) if ("/~[".includes(path[at]!)) found.push(path.slice(0, at))
  return found
}

/** The path of a call that a handler makes under a key. */
export const callPath = (task: TaskPath, key: string): TaskPath => `${task}/${path(key)}`

/** What a call has used. What is not known is left out, never zero. */
export const Usage = Schema.Struct({
  calls: Schema.optionalKey(Schema.Finite),
  input_tokens: Schema.optionalKey(Schema.Finite),
  output_tokens: Schema.optionalKey(Schema.Finite),
  cost_usd: Schema.optionalKey(Schema.Finite)
})
export type Usage = typeof Usage.Type

/** Counts that a call may not tell. */
export const Counts = Schema.Literals(["input_tokens", "output_tokens", "cost_usd"])

/** What several calls have used. */
export const Total = Schema.Struct({
  ...Usage.fields,
  /** Counts that some of the calls do not tell: what is here of them is of the others, and all together used more. */
  at_least: Schema.optionalKey(Schema.Array(Counts))
})
export type Total = typeof Total.Type

/** One call tells more of what it uses. What is no number from 0 is not counted. */
export const addUsage = (a: Total | undefined, b: Total | undefined): Total | undefined => {
  if (b === undefined) return a
  const sum: { -readonly [K in (typeof amounts)[number]]?: number } = {}
  for (const key of amounts) {
    const more = b[key]
    const added = isAmount(more) ? more : undefined
    if (added !== undefined || a?.[key] !== undefined) sum[key] = exact((a?.[key] ?? 0) + (added ?? 0))
  }
  return marked(
    sum,
    Counts.literals.filter((count) => a?.at_least?.includes(count) || b.at_least?.includes(count))
  )
}

/**
 * What some calls and others have used together. Who tells tokens and no cost, or output and no input, has used what it
 * does not tell; who tells no tokens is taken to have used none, unless it says `at_least` of them.
 */
export const joinUsage = (a: Total | undefined, b: Total | undefined): Total | undefined => {
  if (a === undefined || b === undefined) return a ?? b
  return marked(
    addUsage(a, b) ?? {},
    Counts.literals.filter((count) => isUnsure(a, b, count))
  )
}

/** Of a call of a model that is over: whatever it does not tell was used, and nobody knows how much. */
export const ofModel = (usage: Usage): Total =>
  marked(
    usage,
    Counts.literals.filter((count) => !isAmount(usage[count]))
  )

/** A sum to 1e-10: the same dollars give the same, in whatever order they come. */
export const exact = (sum: number): number => (Number.isInteger(sum) ? sum : Math.round(sum * 1e10) / 1e10)

/** What a handler tells whoever watches. Not recorded. */
export type Chunk =
  | { readonly _tag: "Text" | "Reasoning"; readonly text: string }
  | { readonly _tag: "Progress"; readonly fraction?: number; readonly message?: string }
  | { readonly _tag: "Log"; readonly level: "debug" | "info" | "warning" | "error"; readonly message: string }

/** What a suspended task waits for. */
export const Question = Schema.Struct({
  /** `input`, `approval`, `timer`, `signal`, or a provider's own. */
  kind: Schema.String,
  /** For people. */
  prompt: Schema.optionalKey(Schema.String),
  /** JSON Schema of the answer. */
  schema: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  /** After this time nobody can answer any more. */
  expires: Schema.optionalKey(Schema.Finite),
  data: Schema.optionalKey(Schema.Json)
})
export type Question = typeof Question.Type

// internal

const amounts = ["calls", ...Counts.literals] as const

const isAmount = (value: number | undefined): value is number => value !== undefined && value >= 0

const marked = (sum: Total, unsure: ReadonlyArray<typeof Counts.Type>): Total =>
  unsure.length === 0 ? sum : { ...sum, at_least: unsure }

const isUnsure = (a: Total, b: Total, count: typeof Counts.Type): boolean => {
  if (a.at_least?.includes(count) || b.at_least?.includes(count)) return true
  return (a[count] !== undefined && isUntold(b, count)) || (b[count] !== undefined && isUntold(a, count))
}

const isUntold = (usage: Usage, count: typeof Counts.Type): boolean => {
  if (usage[count] !== undefined || count === "output_tokens") return false
  // an embedding has input alone
  return usage.output_tokens !== undefined || (count === "cost_usd" && usage.input_tokens !== undefined)
}
