import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Alarm } from "../src/Alarm.ts"
import { Choices, Numbers } from "./Choices.ts"

/** An alarm whose rings are written down. */
const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  let fibers = 0
  const alarm = new Alarm(clock, (effect) => {
    fibers++
    return Effect.runForkWith(context)(Effect.onExit(effect, () => Effect.sync(() => fibers--)))
  })
  const rung: Array<string> = []
  const set = (at: number, name: string) => alarm.set(at, () => rung.push(name))
  return { alarm, rung, set, sleeping: () => fibers }
})

describe("an alarm", () => {
  it.effect("rings at its time, the earliest first, however they were set", () =>
    Effect.gen(function* () {
      const { rung, set } = yield* make
      set(300, "c")
      set(100, "a")
      set(200, "b")
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(rung, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(rung, ["a"])
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(rung, ["a", "b", "c"])
    })
  )

  it.effect("of a time that is over rings at once, and so do those after it in time", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      const { rung, set } = yield* make
      set(1, "late")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(rung, ["late"])
      set(1000, "now")
      set(1500, "later")
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(rung, ["late", "now", "later"])
    })
  )

  it.effect("of the same time as another rings after it when it was set after it", () =>
    Effect.gen(function* () {
      const { rung, set } = yield* make
      for (const name of ["a", "b", "c"]) set(100, name)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rung, ["a", "b", "c"])
    })
  )

  it.effect("that is silenced does not ring, and the others do", () =>
    Effect.gen(function* () {
      const { rung, set } = yield* make
      const silence = set(100, "a")
      set(200, "b")
      silence()
      silence()
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(rung, ["b"])
    })
  )

  it.effect("may be set by one that rings", () =>
    Effect.gen(function* () {
      const { alarm, rung, set } = yield* make
      alarm.set(100, () => {
        set(100, "same time")
        set(150, "later")
      })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rung, ["same time"])
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(rung, ["same time", "later"])
    })
  )

  it.effect("rings no more once all are closed", () =>
    Effect.gen(function* () {
      const { alarm, rung, set, sleeping } = yield* make
      set(100, "a")
      alarm.close()
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(rung, [])
      assert.strictEqual(sleeping(), 0)
    })
  )
})

it.effect("one fiber sleeps for all alarms, and none when there is none", () =>
  Effect.gen(function* () {
    const { set, sleeping } = yield* make
    for (let at = 1000; at > 0; at--) set(at, "x")
    yield* TestClock.adjust(1)
    assert.strictEqual(sleeping(), 1)
    yield* TestClock.adjust(1000)
    assert.strictEqual(sleeping(), 0)
  })
)

it.effect.prop(
  "whatever is set, silenced and waited for: each rings once, at its time, in the order of times",
  { numbers: Numbers },
  ({ numbers }) =>
    Effect.gen(function* () {
      const choices = new Choices(numbers)
      const clock = yield* Clock.Clock
      const { alarm } = yield* make
      const begin = clock.currentTimeMillisUnsafe()
      const pending: Array<{ readonly at: number; readonly silence: () => void; rung: number }> = []
      let last = 0
      for (let turn = 0; turn < 20; turn++) {
        const now = clock.currentTimeMillisUnsafe()
        const act = choices.below(4)
        if (act < 2) {
          const at = now - 3 + choices.below(20)
          const one = {
            at,
            rung: 0,
            silence: alarm.set(at, () => {
              one.rung++
              const time = clock.currentTimeMillisUnsafe()
              assert.isAtLeast(time, Math.max(at, last))
              assert.isAtMost(time, Math.max(at, now))
              last = time
            })
          }
          pending.push(one)
        } else if (act === 2 && pending.length > 0) {
          const one = choices.take(pending)
          one.silence()
          const { rung } = one
          yield* TestClock.adjust(1)
          assert.strictEqual(one.rung, rung)
        } else yield* TestClock.adjust(choices.below(10))
      }
      yield* TestClock.adjust(100)
      for (const { rung } of pending) assert.strictEqual(rung, 1)
      assert.isAtLeast(clock.currentTimeMillisUnsafe(), begin + 100)
    }),
  { arbitrary: { runs: 100 } }
)
