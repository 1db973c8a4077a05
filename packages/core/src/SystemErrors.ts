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
