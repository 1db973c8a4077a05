import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as BuiltIn from "../src/BuiltIn.ts"
import { DataV1 } from "../src/DataV1.ts"
import * as Providers from "../src/Providers.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { TimerV1 } from "../src/TimerV1.ts"

const context: TaskContext["Service"] = {
  run: "run",
  task: "task",
  attempt: 1,
  idempotencyKey: "run/task",
  emit: () => Effect.void,
  usage: () => Effect.void,
  call: () => Effect.die("not used"),
  suspend: () => Effect.die("not used")
}
const onDuty = BuiltIn.layer.pipe(Layer.provideMerge(Providers.layer))
const call = (method: string, params: Schema.Json) =>
  Effect.gen(function* () {
    const provider = yield* (yield* Providers.Providers).choose(method, params)
    return yield* Effect.provideService(provider.call(method, params), TaskContext, context)
  })

describe("timer/sleep", () => {
  it.effect("waits for some seconds and says until when", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      const sleep = yield* Effect.forkChild(call("timer/sleep", { seconds: 2.5 }))
      yield* TestClock.adjust(2499)
      assert.isUndefined(sleep.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(sleep), { until: 3500 })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("waits until a time", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2026-12-24T17:59:00Z"))
      const sleep = yield* Effect.forkChild(call("timer/sleep", { until: "2026-12-24T19:00:00+01:00" }))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(sleep.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(sleep), { until: Date.parse("2026-12-24T18:00:00Z") })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("is over at once when the time is past, or after 0 seconds", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2026-01-01"))
      assert.deepStrictEqual(yield* call("timer/sleep", { until: "2020-01-01T00:00:00Z" }), { until: 1577836800000 })
      assert.deepStrictEqual(yield* call("timer/sleep", { seconds: 0 }), { until: Date.parse("2026-01-01") })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("needs either seconds or a time that is one", () =>
    Effect.gen(function* () {
      for (const params of [{}, { seconds: 1, until: "2026-01-01" }, { until: "tomorrow" }, { until: "" }]) {
        const error = yield* Effect.flip(call("timer/sleep", params))
        assert.strictEqual(error.code, -32602)
        assert.match(error.message, /either `seconds` or `until` \(such as "2026-12-24T18:00:00Z"\)/)
      }
      for (const params of [{ seconds: -1 }, { seconds: "1" }, { second: 1 }]) {
        assert.strictEqual((yield* Effect.flip(call("timer/sleep", params))).code, -32602)
      }
    }).pipe(Effect.provide(onDuty))
  )
})

describe("data/value", () => {
  it.effect.prop(
    "gives its params back as they are",
    { params: Schema.Record(Schema.String, Schema.Json) },
    ({ params }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* call("data/value", params), params)
      }).pipe(Effect.provide(onDuty))
  )

  it.effect("also with fields of odd names", () =>
    Effect.gen(function* () {
      const json = '{"__proto__":{"a":1},"constructor":2}'
      assert.strictEqual(JSON.stringify(yield* call("data/value", JSON.parse(json))), json)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("takes an object and nothing else", () =>
    Effect.gen(function* () {
      for (const params of [[], "text", null]) {
        assert.strictEqual((yield* Effect.flip(call("data/value", params))).code, -32602)
      }
    }).pipe(Effect.provide(onDuty))
  )
})

it.effect("the examples of the built-in methods are what they give", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(Date.parse("2026-01-01"))
    for (const { methods } of [TimerV1, DataV1]) {
      for (const [method, { examples }] of Object.entries(methods)) {
        assert.isNotEmpty(examples)
        for (const { params, result } of examples) assert.deepStrictEqual(yield* call(method, params), result)
      }
    }
  }).pipe(Effect.provide(onDuty))
)
