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

export const addUsage = (a: Usage | undefined, b: Usage | undefined): Usage | undefined => {
  if (a === undefined || b === undefined) return a ?? b
  const sum: Record<string, number> = { ...a }
  for (const [key, value] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + value
  return sum
}

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
