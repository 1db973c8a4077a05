/** The document in its one inner form. Plain JSON: what is decoded is what the journal keeps. */
import { Schema } from "effect"
import { Task } from "./Task.ts"

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

export const Workflow = Schema.Struct({
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
  /** At least one: a run ends with its last task. */
  tasks: Schema.NonEmptyArray(Task),
  outputs: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})
export type Workflow = typeof Workflow.Type
