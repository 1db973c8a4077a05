/** What is wrong around a run: configuration, files, the program itself. −3100x. */
import { Schema } from "effect"

/** A setting is missing or cannot be used. */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>()("ConfigurationError", {
  setting: Schema.String,
  issue: Schema.String
}) {
  override readonly name = "CONFIGURATION_ERROR"
  readonly code = -31003
  readonly retryable = false
  override get message() {
    return `${this.setting}: ${this.issue}`
  }
}

/** A file that was asked for cannot be read. */
export class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", {
  file: Schema.String,
  /** `missing`: there is no such file. `outside`: it lies outside the folders that a run may read. */
  reason: Schema.Literals(["missing", "outside", "unreadable", "too large"]),
  detail: Schema.String
}) {
  override readonly name = "FILE_UNREADABLE"
  readonly code = -31006
  readonly retryable = false
  override get message() {
    return `${this.file}: ${this.detail}`
  }
}

/** A recorded call cannot be read, or recordings cannot be written. */
export class RecordingUnusable extends Schema.TaggedError<RecordingUnusable>()("RecordingUnusable", {
  file: Schema.String,
  /** From 1, as `column`; absent where it is not about what stands in the file. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int),
  issue: Schema.String
}) {
  override readonly name = "RECORDING_UNUSABLE"
  readonly code = -31007
  readonly retryable = false
  override get message() {
    const { column, file, issue, line } = this
    return `${[file, line, column].filter((part) => part !== undefined).join(":")}: ${issue}`
  }
}
