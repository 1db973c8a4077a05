/** How long a question stays open, and what becomes of its task when nobody answers: params of whatever asks one. */
import { Clock, Effect, Result, Schema } from "effect"
import * as Duration from "./Duration.ts"
import type { Failure } from "./Failure.ts"
import type { Question } from "./Task.ts"
import { TaskContext } from "./TaskContext.ts"

/** `value` is what the task goes on with under `on_expire: value`. */
export const params = <V extends Schema.Codec<unknown, unknown>>(value: V, words: string) => ({
  expires: Schema.optionalKey(
    Schema.Union([Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), Schema.String])
      .check(length)
      .annotate({
        description:
          "How long it can be answered, from when it is asked: seconds, or `1h`. At most 100 years. Default: no end."
      })
  ),
  on_expire: Schema.optionalKey(
    Schema.Literals(["fail", "value"]).annotate({
      description: "When nobody has answered by then: `fail` (the default), or go on with `value`."
    })
  ),
  value: Schema.optionalKey(value.annotate({ description: words }))
})

export interface Params {
  readonly expires?: string | number
  readonly on_expire?: "fail" | "value"
  readonly value?: Schema.Json
}

/** Params that would say nothing are a mistake. */
export const meant = Schema.makeFilter(
  ({ expires, on_expire, value }: Params) =>
    on_expire !== undefined && expires === undefined
      ? "`on_expire` needs `expires`: without a time nothing expires"
      : value === undefined || on_expire === "value" || "`value` needs `on_expire: value`",
  { toJsonSchema: () => ({ dependentRequired: { on_expire: ["expires"], value: ["on_expire"] } }) }
)

/**
 * Asks under the task's own path, and returns the answer. When nobody has answered in time: `value`, or the failure
 * `QUESTION_EXPIRED`.
 */
export const ask = Effect.fnUntraced(function* (
  question: Question,
  { expires, on_expire, value = null }: Params
): Effect.fn.Return<Schema.Json, Failure, TaskContext> {
  const { suspend } = yield* TaskContext
  // the first time this is asked is the one that counts: run again, the engine keeps what it has recorded
  const end = expires === undefined ? {} : { expires: (yield* Clock.currentTimeMillis) + milliseconds(expires) }
  const answer = suspend("", { ...question, ...end })
  return yield* on_expire === "value" ? Effect.catchIf(answer, isExpired, () => Effect.succeed(value)) : answer
})

/** What `TaskContext.suspend` fails with once a question's time is over. */
export const isExpired = ({ name }: Failure): boolean => name === "QUESTION_EXPIRED"

// internal

/** 100 years, in milliseconds. */
const longest = 3_155_760_000_000

const length = Schema.makeFilter(
  (expires: string | number) => {
    const parsed = Duration.parse(expires)
    return Result.isFailure(parsed) ? parsed.failure : parsed.success <= longest || "is more than 100 years"
  },
  {
    toJsonSchema: () => ({
      pattern: String.raw`^\s*(\d+(\.\d*)?|\.\d+)\s*((ms|[dhms])\s*(\d+(\.\d+)?\s*(ms|[dhms])\s*)*)?$`
    })
  }
)

/** Safe: what is no duration has not passed the schema. */
const milliseconds = (expires: string | number): number => Result.getOrThrow(Duration.parse(expires))
