/** What the process says to whoever started it when it ends. */
import { Schema } from "effect"
import type { Run } from "@gleitzeit/core"

export const ok = 0
/** The run failed or was cancelled; whatever has no number of its own. */
export const failed = 1
/** The command line, an input or a setting cannot be used. */
export const usage = 2
export const invalidWorkflow = 3
/** A file, a run or a task that was named is not there. */
export const notFound = 4
/** A provider or the store cannot be used. */
export const unavailable = 5
/** The run waits for an answer, a signal, or to be continued. */
export const waiting = 6
/** The run waits for a higher budget. */
export const budget = 7
/** The workflow's own `timeout`. */
export const timeout = 124

/** Everything has been said: the process ends with the code, without another word. */
export class Ended extends Schema.TaggedError<Ended>()("Ended", { exit: Schema.Int }) {}

/** The command line says something that cannot be done; the message says what can. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { issue: Schema.String }) {
  override readonly name = "INVALID_REQUEST"
  readonly code = -32600
  readonly retryable = false
  override get message() {
    return this.issue
  }
}

/** A run has no such task, or a task no such result. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { issue: Schema.String }) {
  override readonly name = "TASK_NOT_FOUND"
  readonly code = -29009
  readonly retryable = false
  override get message() {
    return this.issue
  }
}

/** Of an error's number (`docs/errors.md`). */
export const ofCode = (code: number): number => {
  switch (code) {
    case -32600: // the command line
    case -32601: // a method
    case -31003: // a setting
    case -28010: // inputs
    case -28013: // an answer
      return usage
    case -28001: // mistakes in a workflow
      return invalidWorkflow
    case -28002: // run
    case -28011: // request
    case -29009: // task
    case -31006: // file
      return notFound
    case -28004:
      return timeout
    case -28009: // written by a newer version
      return unavailable
    default:
      return (code <= -30001 && code >= -30999) ||
        (code <= -26001 && code >= -26999) ||
        (code <= -25001 && code >= -25999)
        ? unavailable
        : failed
  }
}

/** Of a run at rest. When everything that failed failed for want of a provider, that is what is said. */
export const ofReport = (report: Run.Report): number => {
  if (report.status === "completed") return ok
  if (report.status === "waiting") return report.waiting.some(({ kind }) => kind === "budget") ? budget : waiting
  if (report.status !== "failed") return failed
  if (report.error !== undefined && ofCode(report.error.code) === timeout) return timeout
  const errors = Object.values(report.tasks).flatMap(({ error, status }) =>
    status === "failed" && error !== undefined ? [error] : []
  )
  return errors.length > 0 && errors.every(({ code }) => ofCode(code) === unavailable) ? unavailable : failed
}
