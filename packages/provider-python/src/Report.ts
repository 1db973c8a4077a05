/** What the Python side says over its own channel: frames of four bytes of length and JSON, none of it trusted. */
import { Result, Schema } from "effect"

export const Report = Schema.Union([
  Schema.TaggedStruct("Progress", {
    fraction: Schema.optionalKey(Schema.Finite),
    message: Schema.optionalKey(Schema.String)
  }),
  Schema.TaggedStruct("Warning", { message: Schema.String }),
  /** Without `result`: the code set no such variable. */
  Schema.TaggedStruct("Done", { result: Schema.optionalKey(Schema.Json) }),
  /** Bytes. */
  Schema.TaggedStruct("TooLarge", { size: Schema.Int }),
  Schema.TaggedStruct("Failed", {
    type: Schema.String,
    message: Schema.String,
    traceback: Schema.optionalKey(Schema.String),
    /** Of the task's own source. */
    line: Schema.optionalKey(Schema.Int)
  }),
  Schema.TaggedStruct("Checked", {
    errors: Schema.Array(Schema.Struct({ line: Schema.Int, column: Schema.Int, message: Schema.String }))
  })
])
export type Report = typeof Report.Type

/** Puts frames together. */
export class Reports {
  readonly #limit: number
  #chunks: Array<Uint8Array> = []
  #size = 0

  /** `limit`: bytes of one frame. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The reports that are complete with this. Fails with what is wrong; nothing that follows can be read then. */
  push(bytes: Uint8Array): Result.Result<ReadonlyArray<Report>, string> {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    const reports: Array<Report> = []
    while (this.#size >= 4) {
      const length = this.#join(4).readUInt32BE(0)
      if (length > this.#limit) return Result.fail(`a frame of ${length} bytes`)
      if (this.#size < 4 + length) break
      const all = this.#join(4 + length)
      const report = decode(all.toString("utf8", 4, 4 + length))
      if (Result.isFailure(report)) return Result.fail("a frame that is no report")
      reports.push(report.success)
      this.#chunks = [all.subarray(4 + length)]
      this.#size -= 4 + length
    }
    return Result.succeed(reports)
  }

  /** The first chunk, with at least so many bytes. Chunks are put together only when the frame is whole. */
  #join(bytes: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= bytes) return Buffer.from(first.buffer, first.byteOffset, first.length)
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

// internal

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Report))
