/** What a list of runs shows of each without reading its journal. */
import { Schema } from "effect"
import { Total } from "./Task.ts"

/** A question somebody has to answer. */
export const Waiting = Schema.Struct({
  request: Schema.String,
  kind: Schema.String,
  prompt: Schema.optionalKey(Schema.String),
  expires: Schema.optionalKey(Schema.Finite)
})
export type Waiting = typeof Waiting.Type

export const RunSummary = Schema.Struct({
  run: Schema.String,
  workflow: Schema.String,
  status: Schema.Literals(["pending", "running", "waiting", "completed", "failed", "cancelled"]),
  tags: Schema.Array(Schema.String),
  created_at: Schema.Finite,
  updated_at: Schema.Finite,
  /** How many tasks have each status, and their `total`. */
  tasks: Schema.Record(Schema.String, Schema.Finite),
  waiting: Schema.Array(Waiting),
  usage: Total,
  engine: Schema.String,
  /** When it wants a driver next: now while it runs, a timer's time while it waits, absent at rest. */
  due: Schema.optionalKey(Schema.Finite)
})
export type RunSummary = typeof RunSummary.Type

/** Nothing happens in it any more, but by a retry. */
export const isOver = (status: RunSummary["status"]): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"
