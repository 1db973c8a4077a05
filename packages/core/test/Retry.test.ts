import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Errors from "../src/Errors.ts"
import * as FailureData from "../src/Failure.ts"
import type { Failure } from "../src/Failure.ts"
import * as Retry from "../src/Retry.ts"
import type { Retry as Policy } from "../src/Workflow.ts"

const failure = (more: Partial<Failure> = {}): Failure => ({
  code: -29002,
  name: "TASK_EXECUTION_FAILED",
  message: "no",
  retryable: true,
  ...more
})
const policy = (more: Partial<Policy> = {}): Policy => ({
  max_attempts: 5,
  delay: 100,
  backoff: "fixed",
  max_delay: 1000,
  jitter: false,
  ...more
})

describe("without a block, another attempt", () => {
  it("follows the first two that failed retryably, and not the third", () => {
    assert.strictEqual(Retry.next(undefined, "reads", failure(), 1, 0), 1000)
    assert.strictEqual(Retry.next(undefined, "reads", failure(), 2, 0), 2000)
    assert.isUndefined(Retry.next(undefined, "reads", failure(), 3, 0))
    assert.isUndefined(Retry.next(undefined, "reads", failure(), 4, 0))
  })

  it("does not follow a failure that trying again does not mend", () => {
    assert.isUndefined(Retry.next(undefined, "reads", failure({ retryable: false }), 1, 0))
  })

  it("does not follow a call that writes", () => {
    assert.isUndefined(Retry.next(undefined, "writes", failure(), 1, 0))
  })
})

describe("with a block, another attempt", () => {
  it("follows any failure, of reads and writes alike, up to `max_attempts`", () => {
    for (const effects of ["reads", "writes"] as const) {
      assert.strictEqual(Retry.next(policy(), effects, failure({ retryable: false }), 4, 0), 100)
      assert.isUndefined(Retry.next(policy(), effects, failure(), 5, 0))
    }
    assert.isUndefined(Retry.next(policy({ max_attempts: 1 }), "reads", failure(), 1, 0))
  })

  it("does not follow a failure that the next attempt would meet again", () => {
    for (const error of [
      new Errors.MethodNotFound({ method: "a/b", known: [] }),
      new Errors.InvalidParams({ method: "a/b", issue: "no" }),
      new Errors.ProviderNotFound({ provider: "p", method: "a/b", known: [] }),
      new Errors.NotSupported({ feature: "x" }),
      new Errors.TaskCancelled({ task: "t" }),
      new Errors.UnresolvedReference({ reference: "a", issue: "no" }),
      new Errors.ConditionFailed({ expression: "a", issue: "no" }),
      new Errors.SecretMissing({ secret: "S" }),
      new Errors.TaskInterrupted({ task: "t" })
    ]) {
      assert.isUndefined(Retry.next(policy(), "reads", FailureData.of(error), 1, 0), error.name)
    }
  })

  it("follows exactly what `on` names, by code or by name", () => {
    const on = policy({ on: [-29003, "PROVIDER_OVERLOADED", "INVALID_PARAMS"] })
    assert.strictEqual(Retry.next(on, "reads", failure({ code: -29003 }), 1, 0), 100)
    assert.strictEqual(Retry.next(on, "reads", failure({ name: "PROVIDER_OVERLOADED", retryable: false }), 1, 0), 100)
    assert.strictEqual(Retry.next(on, "reads", failure({ code: -32602, name: "INVALID_PARAMS" }), 1, 0), 100)
    assert.isUndefined(Retry.next(on, "reads", failure(), 1, 0))
    assert.isUndefined(Retry.next(policy({ on: [] }), "reads", failure(), 1, 0))
  })
})

describe("the delay", () => {
  const delays = (more: Partial<Policy>) => [1, 2, 3, 4, 5].map((attempt) => Retry.wait(policy(more), attempt, 0))

  it("stays, grows by itself or doubles, up to `max_delay`", () => {
    assert.deepStrictEqual(delays({ backoff: "fixed" }), [100, 100, 100, 100, 100])
    assert.deepStrictEqual(delays({ backoff: "linear", max_delay: 350 }), [100, 200, 300, 350, 350])
    assert.deepStrictEqual(delays({ backoff: "exponential" }), [100, 200, 400, 800, 1000])
  })

  it("is 5 minutes at most without a block, whatever the attempt", () => {
    assert.strictEqual(Retry.wait(Retry.standard, 100_000, 0), 300_000)
  })

  it("is at least what the failure asks for", () => {
    assert.strictEqual(Retry.next(policy(), "reads", failure({ retryAfter: 5000 }), 1, 0), 5000)
    assert.strictEqual(Retry.next(policy(), "reads", failure({ retryAfter: 50 }), 1, 0), 100)
  })

  const natural = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))
  const chance = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))
  it.prop(
    "never shrinks from attempt to attempt, and jitter adds at most 30 %",
    { delay: natural, max_delay: natural, attempt: natural, chance },
    ({ attempt, chance, delay, max_delay }) => {
      for (const backoff of ["fixed", "linear", "exponential"] as const) {
        const plain = policy({ backoff, delay, max_delay })
        const wait = Retry.wait(plain, attempt, 0)
        assert.isAtLeast(wait, Math.min(delay, max_delay))
        assert.isAtMost(wait, max_delay)
        assert.isAtLeast(Retry.wait(plain, attempt + 1, 0), wait)
        const jittered = Retry.wait({ ...plain, jitter: true }, attempt, chance / 1000)
        assert.isAtLeast(jittered, wait)
        assert.isAtMost(jittered, Math.ceil(wait * 1.3))
      }
    }
  )
})
