/** What the Python side says of a task, over a channel of its own. */
import { Schema } from "effect"
import { Frames } from "./Frames.ts"

/** Longer than `run.py` makes them: what code says by itself is not recorded at any length. */
const Words = Schema.String.check(Schema.isMaxLength(20_000))

export const LogLevel = Schema.Literals(["debug", "info", "warning", "error"])
export type LogLevel = typeof LogLevel.Type

export const Report = Schema.Union([
  Schema.TaggedStruct("Progress", {
    fraction: Schema.optionalKey(Schema.Finite),
    message: Schema.optionalKey(Words)
  }),
  Schema.TaggedStruct("Log", { level: LogLevel, message: Words }),
  /** Without `result`: the code set no such variable. */
  Schema.TaggedStruct("Done", { result: Schema.optionalKey(Schema.Json) }),
  /** Bytes. */
  Schema.TaggedStruct("TooLarge", { size: Schema.Int }),
  Schema.TaggedStruct("Failed", {
    type: Words,
    message: Words,
    traceback: Schema.optionalKey(Words),
    /** Of the task's own source. */
    line: Schema.optionalKey(Schema.Int)
  }),
  /** What is to confine the code cannot: the code has not been read. */
  Schema.TaggedStruct("Unsealed", { message: Words }),
  Schema.TaggedStruct("Checked", {
    errors: Schema.Array(Schema.Struct({ line: Schema.Int, column: Schema.Int, message: Schema.String }))
  })
])
export type Report = typeof Report.Type

/** `limit`: bytes of one report. */
export const reports = (limit: number): Frames<Report> => new Frames(decode, limit)

// internal

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Report))
