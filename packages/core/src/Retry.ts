/** When a failed attempt is followed by another, and after how long. Pure: chance comes in from outside. */
import type { Failure } from "./Failure.ts"
import type { Retry } from "./Workflow.ts"

/** What a task without a `retry` block gets, for methods that only read. Times in milliseconds. */
export const standard: Retry = {
  max_attempts: 3,
  delay: 1000,
  backoff: "exponential",
  max_delay: 300_000,
  jitter: true
}

/** The most that a failure's `retryAfter` counts for, 1 hour in milliseconds: a server's slip is not to park a run. */
export const longestAfter = 3_600_000

/**
 * Milliseconds until the next attempt; undefined when there is none. At least the failure's `retryAfter`, of which an
 * hour at most counts. `attempt` counts from 1, `chance` is in [0, 1).
 */
export const next = (
  retry: Retry | undefined,
  effects: "reads" | "writes",
  failure: Failure,
  attempt: number,
  chance: number
): number | undefined => {
  const policy = retry ?? standard
  if (attempt >= policy.max_attempts) return undefined
  if (retry === undefined ? effects === "writes" || !failure.retryable : !included(retry, failure)) return undefined
  return Math.max(wait(policy, attempt, chance), Math.min(failure.retryAfter ?? 0, longestAfter))
}

/** Milliseconds after the given attempt. Jitter adds up to 30 % and may exceed `max_delay` by as much. */
export const wait = (policy: Retry, attempt: number, chance: number): number => {
  const { backoff, delay, jitter, max_delay } = policy
  const factor = backoff === "fixed" ? 1 : backoff === "linear" ? attempt : 2 ** Math.min(attempt - 1, 60)
  return Math.round(Math.min(delay * factor, max_delay) * (jitter ? 1 + 0.3 * chance : 1))
}

// internal

const included = (retry: Retry, failure: Failure): boolean =>
  retry.on === undefined
    ? !final.has(failure.code)
    : retry.on.some((name) => name === failure.code || name === failure.name)

/** Failures that the next attempt would meet again: method, provider, params, reference, condition, secret, cancelled, `once`, an answer. */
const final: ReadonlySet<number> = new Set([
  -32601, -32602, -30002, -30008, -29004, -29006, -29010, -29011, -29014, -29015, -29018, -29019
])
