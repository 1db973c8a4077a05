import { assert, describe, it } from "@effect/vitest"
import { Errors, type Failure, Gleitzeit } from "@gleitzeit/core"
import { Deferred, Effect, Exit, Fiber, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { Engine, ScriptedProvider } from "../src/index.ts"

const engine = (options: ScriptedProvider.Options = {}) =>
  Effect.provide(Engine.layer({ provider: ScriptedProvider.layer(options) }))

/** One task by its params. */
const call = (params: { readonly [name: string]: Schema.Json }) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => Engine.report(gleitzeit.call("script/do", params)))

describe("a scripted call", () => {
  it.effect("returns its value, or null", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* call({ value: { a: [1] } })).outputs, { result: { a: [1] } })
      assert.deepStrictEqual((yield* call({})).outputs, { result: null })
    }).pipe(engine())
  )

  it.effect("fails as often as it is told to, and is tried again where that may help", () =>
    Effect.gen(function* () {
      const again = yield* call({ value: 1, fails: 2 })
      assert.deepStrictEqual([again.status, again.tasks["call"]?.attempts], ["completed", 3])
      const ever = yield* call({ value: 1, fails: 3 })
      assert.deepStrictEqual([ever.status, ever.tasks["call"]?.attempts], ["failed", 3])
      const final = yield* call({ value: 1, fails: 1, retryable: false })
      assert.deepStrictEqual([final.status, final.tasks["call"]?.attempts], ["failed", 1])
    }).pipe(engine())
  )

  it.effect("is listed as it begins", () => {
    const calls: Array<ScriptedProvider.Call> = []
    return Effect.gen(function* () {
      const { run } = yield* call({ value: 7, fails: 1 })
      const of = (attempt: number) => ({
        method: "script/do",
        run,
        task: "call",
        attempt,
        idempotencyKey: `${run}/call`,
        value: 7
      })
      assert.deepStrictEqual(calls, [of(1), of(2)])
    }).pipe(engine({ calls }))
  })

  it.effect("follows a script by its name, and a script that is not there is a defect", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* call({ script: "constant", value: 1 })).outputs, { result: 2 })
      const failed = yield* call({ script: "other" })
      assert.strictEqual(failed.tasks["call"]?.error?.code, -32603)
    }).pipe(engine({ scripts: { constant: ScriptedProvider.succeed(2) } }))
  )
})

// what a script asks of its context is its number of attempts alone
const attempt = (script: ScriptedProvider.Script, attempt = 1): Effect.Effect<Schema.Json, Failure.Failure> => {
  const nothing = () => Effect.die(new Error("not asked for here"))
  return script("value", {
    run: "run",
    task: "task",
    attempt,
    idempotencyKey: "run/task",
    emit: nothing,
    usage: nothing,
    call: nothing,
    suspend: nothing
  })
}

describe("a script", () => {
  it.effect("that fails so many times goes on as it is told to", () =>
    Effect.gen(function* () {
      const error = new Errors.ProviderOverloaded({ provider: "p", reason: "busy" })
      const script = ScriptedProvider.failing(2, error, ScriptedProvider.succeed("then"))
      assert.strictEqual(yield* Effect.flip(attempt(script, 1)), error)
      assert.strictEqual(yield* Effect.flip(attempt(script, 2)), error)
      assert.strictEqual(yield* attempt(script, 3), "then")
    })
  )

  it.effect("that hangs says so, and goes on once the door is open", () =>
    Effect.gen(function* () {
      const door = yield* ScriptedProvider.door
      const fiber = yield* Effect.forkChild(attempt(ScriptedProvider.hang(door)))
      yield* Deferred.await(door.reached)
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(door.open, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "value")
    })
  )

  it.effect("that is deaf goes on though it is interrupted", () =>
    Effect.gen(function* () {
      let ended = false
      const script: ScriptedProvider.Script = (value) => Effect.sync(() => ((ended = true), value))
      const deaf = ScriptedProvider.deaf(ScriptedProvider.after(100, script))
      const fiber = yield* Effect.forkChild(attempt(deaf), { startImmediately: true })
      fiber.interruptUnsafe()
      yield* TestClock.adjust(99)
      assert.isFalse(ended)
      yield* TestClock.adjust(1)
      assert.isTrue(ended)
      yield* Fiber.await(fiber)
    })
  )

  it.effect("that dies is a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(attempt(ScriptedProvider.die("odd")))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

describe("time for an engine", () => {
  it.effect("that never ends is a defect that says so", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Engine.inTime(Effect.never, { step: 1000, steps: 5 }))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})
