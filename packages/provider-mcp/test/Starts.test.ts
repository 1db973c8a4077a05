import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Starts } from "../src/Starts.ts"

const rules = { max: 3, backoff: 100, window: 10_000 }

it.effect("starts at once when none has failed", () =>
  Effect.sync(() => assert.isUndefined(new Starts(rules).restAt(0)))
)

it.effect("rests twice as long after each failure, and for the whole window after the last that may be", () =>
  Effect.sync(() => {
    const starts = new Starts(rules)
    starts.failedAt(1000)
    assert.deepStrictEqual(starts.restAt(1050), { until: 1100, isBroken: false })
    assert.isUndefined(starts.restAt(1100))
    starts.failedAt(1100)
    assert.deepStrictEqual(starts.restAt(1100), { until: 1300, isBroken: false })
    starts.failedAt(1300)
    assert.deepStrictEqual(starts.restAt(1300), { until: 11_300, isBroken: true })
    assert.isUndefined(starts.restAt(11_300))
  })
)

it.effect("forgets what failed when one has answered, and what is older than the window", () =>
  Effect.sync(() => {
    const starts = new Starts(rules)
    for (const at of [0, 1]) starts.failedAt(at)
    starts.succeeded()
    assert.isUndefined(starts.restAt(2))
    for (const at of [3, 4, 20_000]) starts.failedAt(at)
    assert.isFalse(starts.restAt(20_000)?.isBroken)
  })
)
