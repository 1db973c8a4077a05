/** The document in its one inner form. Plain JSON: what is decoded is what the journal keeps. */
import { Schema } from "effect"

/** 1–200 characters without `$`, `{`, `}` and control characters; it stands first in `${Load Data.rows}`. */
export const TaskId = Schema.String.check(Schema.isPattern(/^[^${}\p{Cc}]{1,200}$/u))

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

/** The task runs again and again, its result in `previous`, until an expression holds. */
export const Repeat = Schema.Struct({
  /** CEL over `result` and `iteration`, as written. */
  until: Schema.String,
  /** Iterations at most, 1 to 1,000. */
  max: Schema.Int,
  /** What follows when `until` does not hold after the last one. Default `fail`. */
  on_max: Schema.optionalKey(Schema.Literals(["fail", "continue"]))
})
export type Repeat = typeof Repeat.Type

/** Results are kept across runs. */
export const Cache = Schema.Struct({
  /** Milliseconds that a result is good for. Default: for ever. */
  ttl: Schema.optionalKey(Schema.Finite),
  /** A template that takes the place of the params in the key. */
  key: Schema.optionalKey(Schema.String)
})
export type Cache = typeof Cache.Type

/** What may be used at most. What is not named is not limited. */
export const Budget = Schema.Struct({
  /** Input and output together. */
  tokens: Schema.optionalKey(Schema.Finite),
  cost_usd: Schema.optionalKey(Schema.Finite),
  calls: Schema.optionalKey(Schema.Finite),
  /** Milliseconds running. */
  duration: Schema.optionalKey(Schema.Finite)
})
export type Budget = typeof Budget.Type

const task = {
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
  /** `llm/chat`; `workflow` for a nested workflow. */
  method: Schema.String,
  /** Which of several providers of the protocol. */
  provider: Schema.optionalKey(Schema.String),
  /** Of a nested workflow: its inputs. */
  params: Schema.Record(Schema.String, Schema.Json),
  /** Ids that the document names; references and conditions add theirs in the plan. */
  dependencies: Schema.optionalKey(Schema.Array(Schema.String)),
  /** CEL, as written. */
  if: Schema.optionalKey(Schema.String),
  /** CEL or one reference as text, or the list itself. */
  foreach: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Json)])),
  /** Items of a `foreach` at once. Default: as many as the run may. */
  concurrency: Schema.optionalKey(Schema.Int),
  repeat: Schema.optionalKey(Repeat),
  retry: Schema.optionalKey(Retry),
  /** Milliseconds for one attempt. */
  timeout: Schema.optionalKey(Schema.Finite),
  /** Default `fail`. */
  on_error: Schema.optionalKey(Schema.Literals(["fail", "continue"])),
  /** Not run again by itself when its process died under it. */
  once: Schema.optionalKey(Schema.Boolean),
  /** Absent: nothing is kept across runs. */
  cache: Schema.optionalKey(Cache),
  /** Overrides the method's mark. */
  effects: Schema.optionalKey(Schema.Literals(["reads", "writes"])),
  /** 0 (urgent) to 3 (low). Default 2. */
  priority: Schema.optionalKey(Schema.Int),
  budget: Schema.optionalKey(Budget)
}

export interface Task extends Schema.Struct.Type<typeof task> {
  /** Its tasks run in the same run, under this task's path. Here only with the method `workflow`. */
  readonly workflow?: Workflow
}

export const Task: Schema.Codec<Task> = Schema.Struct({
  ...task,
  workflow: Schema.optionalKey(Schema.suspend((): Schema.Codec<Workflow> => Workflow))
})

/** What a run may be given under a name. */
export const Input = Schema.Struct({
  /** JSON Schema of the value, without `default`. */
  schema: Schema.Record(Schema.String, Schema.Json),
  default: Schema.optionalKey(Schema.Json),
  /** Without a default it must be given. */
  required: Schema.Boolean,
  /** Not recorded, and asked for again on resume. */
  secret: Schema.optionalKey(Schema.Boolean)
})
export type Input = typeof Input.Type

const workflow = {
  /** The document's own `id`; a run has another. */
  id: Schema.optionalKey(Schema.String),
  name: Schema.String,
  version: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  metadata: Schema.optionalKey(Schema.Json),
  inputs: Schema.optionalKey(Schema.Record(Schema.String, Input)),
  /** Protocols or providers that must be on duty. */
  providers: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Names that `${secrets.NAME}` may speak of. */
  secrets: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Environment variables that `${env.NAME}` may speak of. */
  env: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Milliseconds `running`, summed over resumes. */
  timeout: Schema.optionalKey(Schema.Finite),
  /** One failure cancels everything at once. Default false: independent branches finish. */
  fail_fast: Schema.optionalKey(Schema.Boolean),
  /** Tasks at once. Default 10. */
  max_concurrency: Schema.optionalKey(Schema.Int),
  /** 0 (urgent) to 3 (low), for tasks without one of their own. */
  priority: Schema.optionalKey(Schema.Int),
  budget: Schema.optionalKey(Budget),
  outputs: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
}

export interface Workflow extends Schema.Struct.Type<typeof workflow> {
  /** At least one: a run ends with its last task. */
  readonly tasks: readonly [Task, ...Array<Task>]
}

export const Workflow: Schema.Codec<Workflow> = Schema.Struct({ ...workflow, tasks: Schema.NonEmptyArray(Task) })
