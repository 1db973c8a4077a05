/**
 * A failure as data: what every tagged error of ours and every error of a plug-in has at least, what crosses borders
 * (journal, queue, JSON-RPC, command line), and what the engine looks at. Never a list of tags.
 */
import { Cause, Schema } from "effect"
import { isDeep } from "./Json.ts"

export const Failure = Schema.Struct({
  /** In the ranges of `docs/errors.md`; JSON-RPC's own for calls that cannot be made. */
  code: Schema.Int,
  /** The code's name, such as `TASK_TIMEOUT`. */
  name: Schema.String,
  message: Schema.String,
  /** Whether trying again can help. */
  retryable: Schema.Boolean,
  /** Not before this many milliseconds. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  /** The facts, for machines. */
  data: Schema.optionalKey(Schema.Json)
})
export type Failure = typeof Failure.Type

/** The fields of `Failure` and nothing else, as plain JSON. */
export const of = (error: Failure): Failure => ({
  code: error.code,
  name: error.name,
  message: error.message,
  retryable: error.retryable,
  ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  ...(error.data === undefined ? {} : { data: error.data })
})

/**
 * The first failure of a cause; a defect of a handler counts as an internal error that trying again does not mend. So
 * does what an author of plain JavaScript fails with when it is no failure: whatever comes of this is JSON that can be
 * written. `data` that cannot (functions, what holds itself, what is deeper than `Json.maxDepth`) is left out.
 */
export const fromCause = (cause: Cause.Cause<Failure>): Failure => {
  const failed = cause.reasons.find(Cause.isFailReason)
  return failed === undefined ? unexpected(Cause.squash(cause)) : (checked(failed.error) ?? unexpected(failed.error))
}

// internal

const isFailure = Schema.is(Failure)
const isJson = Schema.is(Schema.Json)

const checked = (error: unknown): Failure | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  // Safe: what `of` makes of it is looked at before it is believed.
  const failure = attempt(() => of(error as Failure))
  if (failure === undefined) return undefined
  const { data, retryAfter, ...rest } = failure
  if (!isFailure(rest)) return undefined
  return {
    ...rest,
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
    ...(attempt(() => isJson(data) && !isDeep(data)) ? { data } : {})
  }
}

/** Objects give their message alone: their other fields may hold what is not to be recorded. */
const unexpected = (defect: unknown): Failure => ({
  code: -32603,
  name: "INTERNAL_ERROR",
  message: `unexpected ${attempt(() => wordsOf(defect)) ?? "object without a message"}`,
  retryable: false
})

const wordsOf = (defect: unknown): string => {
  if (defect instanceof Error) return `${defect.name}: ${defect.message}`
  if (typeof defect !== "object" || defect === null) return String(defect)
  return "message" in defect && typeof defect.message === "string" ? defect.message : "object without a message"
}

/** Fields may be an author's own code. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}
