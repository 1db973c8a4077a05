/** One task of a workflow in its one inner form, and the words for what happens while it runs. */
import { type JsonSchema, Schema } from "effect"

/** Milliseconds since 1970. */
export type Millis = number

/** 1–200 characters without `$`, `{`, `}` and control characters; it stands first in `${Load Data.rows}`. */
export const TaskId = Schema.String.check(Schema.isPattern(/^[^${}\p{Cc}]{1,200}$/u))

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

/** The path of a call that a handler makes under a key. */
export const callPath = (task: TaskPath, key: string): TaskPath => `${task}/${path(key)}`

/** How a failed attempt is followed by another. Times in milliseconds. */
export const Retry = Schema.Struct({
  /** Attempts in all, the first included. */
  max_attempts: Schema.Int,
  delay: Schema.Finite,
  backoff: Schema.Literals(["fixed", "linear", "exponential"]),
  max_delay: Schema.Finite,
  /** Adds up to 30 % to each delay. */
  jitter: Schema.Boolean,
  /** Codes or names of the failures to try again; absent: all but those that cannot change. */
  on: Schema.optionalKey(Schema.Array(Schema.Union([Schema.Int, Schema.String])))
})
export type Retry = typeof Retry.Type

export const Task = Schema.Struct({
  id: TaskId,
  /** What people read where the document gives both an `id` and a `name`. */
  label: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The file it was read from, and the lines (from 1) on which params begin whose lines are the file's lines. */
  origin: Schema.optionalKey(Schema.Struct({ file: Schema.String, lines: Schema.Record(Schema.String, Schema.Int) })),
  /** Not read here: editors keep positions in it. */
  metadata: Schema.optionalKey(Schema.Json),
  /** `llm/v1` */
  protocol: Schema.String,
  /** `llm/chat` */
  method: Schema.String,
  /** Which of several providers of the protocol. */
  provider: Schema.optionalKey(Schema.String),
  params: Schema.Record(Schema.String, Schema.Json),
  /** Ids that the document names; references and conditions add theirs in the plan. */
  dependencies: Schema.optionalKey(Schema.Array(Schema.String)),
  /** CEL, as written. */
  if: Schema.optionalKey(Schema.String),
  /** CEL or one reference as text, or the list itself. */
  foreach: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Json)])),
  /** Items of a `foreach` at once. Default: as many as the run may. */
  concurrency: Schema.optionalKey(Schema.Int),
  retry: Schema.optionalKey(Retry),
  /** Milliseconds for one attempt. */
  timeout: Schema.optionalKey(Schema.Finite),
  /** Default `fail`. */
  on_error: Schema.optionalKey(Schema.Literals(["fail", "continue"])),
  /** Not run again by itself when its process died under it. */
  once: Schema.optionalKey(Schema.Boolean),
  /** 0 (urgent) to 3 (low). Default 2. */
  priority: Schema.optionalKey(Schema.Int)
})
export type Task = typeof Task.Type

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
export interface Question {
  readonly kind: string
  readonly prompt?: string
  readonly schema?: JsonSchema.JsonSchema
  readonly expires?: Millis
  readonly data?: Schema.Json
}
