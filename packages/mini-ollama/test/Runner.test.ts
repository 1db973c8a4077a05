import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Runner from "../src/Runner.ts"

const make = (options: Runner.Options = {}) => Runner.make(options, () => {})

const wish = (model: string, more: Partial<Runner.Wish> = {}): Runner.Wish => ({
  model,
  context: 4096,
  keepAlive: 300_000,
  ...more
})

/** Requests that begin when the runner lets them and end when the test lets them. */
const requests = (runner: Runner.Runner) => {
  const begun: Array<string> = []
  const ask = Effect.fnUntraced(function* (name: string, model: string, more: Partial<Runner.Wish> = {}) {
    const end = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      runner.run(wish(model, more), (ready) => {
        begun.push(name)
        return Effect.as(Deferred.await(end), ready)
      }),
      { startImmediately: true }
    )
    const finish = Effect.andThen(Deferred.succeed(end, undefined), Fiber.join(fiber))
    return { finish, leave: Fiber.interrupt(fiber) }
  })
  return { ask, begun }
}

const models = (runner: Runner.Runner) => Effect.map(runner.memory, (memory) => memory.map(({ model }) => model))

describe("Runner", () => {
  it.effect("begins in order, and no more at once than may", () =>
    Effect.gen(function* () {
      const runner = yield* make({ parallel: 2 })
      const { ask, begun } = requests(runner)
      const first = yield* ask("first", "a")
      const second = yield* ask("second", "b")
      yield* ask("third", "a")
      yield* ask("fourth", "a")
      assert.deepStrictEqual(begun, ["first", "second"])
      assert.strictEqual(runner.waiting(), 2)
      yield* second.finish
      assert.deepStrictEqual(begun, ["first", "second", "third"])
      yield* first.finish
      assert.deepStrictEqual(begun, ["first", "second", "third", "fourth"])
    })
  )

  it.effect("loads a model once for all, and says to whom it was cold", () =>
    Effect.gen(function* () {
      const runner = yield* make({ loadDelay: (model) => model.length * 100 })
      const { ask, begun } = requests(runner)
      const first = yield* ask("first", "abc")
      yield* TestClock.adjust(100)
      const second = yield* ask("second", "abc")
      assert.deepStrictEqual(begun, [])
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(begun, ["first", "second"])
      assert.deepStrictEqual(yield* first.finish, { cold: true, waited: 300 })
      assert.deepStrictEqual(yield* second.finish, { cold: false, waited: 200 })
      assert.strictEqual(runner.loads(), 1)
    })
  )

  it.effect("loads a model again for another context, once nobody works with it", () =>
    Effect.gen(function* () {
      const runner = yield* make()
      const { ask, begun } = requests(runner)
      const small = yield* ask("small", "a")
      const large = yield* ask("large", "a", { context: 8192 })
      assert.deepStrictEqual(begun, ["small"])
      yield* small.finish
      yield* large.finish
      assert.deepStrictEqual(begun, ["small", "large"])
      assert.strictEqual(runner.loads(), 2)
      assert.deepStrictEqual(yield* runner.memory, [{ model: "a", context: 8192, expires: 300_000 }])
    })
  )

  it.effect("sends away the model unused longest, and none that is at work", () =>
    Effect.gen(function* () {
      const runner = yield* make({ maxLoaded: 2 })
      const { ask, begun } = requests(runner)
      const a = yield* ask("a", "a")
      yield* (yield* ask("b", "b")).finish
      yield* a.finish
      const c = yield* ask("c", "c")
      assert.deepStrictEqual(yield* models(runner), ["a", "c"])
      const again = yield* ask("a again", "a")
      yield* ask("b again", "b")
      yield* ask("a behind", "a")
      assert.deepStrictEqual(begun, ["a", "b", "c", "a again"])
      yield* c.finish
      assert.deepStrictEqual(begun, ["a", "b", "c", "a again", "b again", "a behind"])
      assert.deepStrictEqual(yield* models(runner), ["b", "a"])
      yield* again.finish
      assert.strictEqual(runner.loads(), 4)
    })
  )

  it.effect("refuses whoever is one too many to wait", () =>
    Effect.gen(function* () {
      const runner = yield* make({ parallel: 1, maxQueue: 1 })
      const { ask, begun } = requests(runner)
      const first = yield* ask("first", "a")
      const second = yield* ask("second", "a")
      const third = yield* ask("third", "a")
      assert.strictEqual((yield* Effect.flip(third.finish))._tag, "Busy")
      yield* first.finish
      yield* second.finish
      assert.deepStrictEqual(begun, ["first", "second"])
    })
  )

  it.effect("gives a place free at once when its request goes away: waiting, loading or at work", () =>
    Effect.gen(function* () {
      const runner = yield* make({ parallel: 1, maxQueue: 1, loadDelay: 100 })
      const { ask, begun } = requests(runner)
      const loading = yield* ask("loading", "a")
      const waiting = yield* ask("waiting", "a")
      yield* waiting.leave
      assert.strictEqual(runner.waiting(), 0)
      yield* loading.leave
      const working = yield* ask("working", "a")
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(begun, ["working"])
      const next = yield* ask("next", "a")
      yield* working.leave
      assert.deepStrictEqual(begun, ["working", "next"])
      yield* next.finish
      assert.strictEqual(runner.loads(), 1)
    })
  )

  it.effect("keeps a model as long as its last request says", () =>
    Effect.gen(function* () {
      const runner = yield* make()
      const { ask } = requests(runner)
      yield* (yield* ask("for ever", "a", { keepAlive: Infinity })).finish
      yield* (yield* ask("a second", "b", { keepAlive: 1000 })).finish
      yield* (yield* ask("no time", "c", { keepAlive: 0 })).finish
      assert.deepStrictEqual(yield* models(runner), ["a", "b"])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* models(runner), ["a"])
      const last = yield* ask("last", "a", { keepAlive: Infinity })
      yield* runner.unload("a")
      assert.deepStrictEqual(yield* models(runner), ["a"])
      yield* last.finish
      assert.deepStrictEqual(yield* models(runner), [])
    })
  )
})
