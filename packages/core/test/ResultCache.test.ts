import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { StoreError, TaskExecutionFailed } from "../src/Errors.ts"
import type { Reply } from "../src/Executor.ts"
import type { Failure } from "../src/Failure.ts"
import type { KeyValues } from "../src/KeyValues.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import { keyOf, type Lookup, ResultCache } from "../src/ResultCache.ts"

const reply = (result: Schema.Json): Reply => ({ result, provider: "p" })
const no = new TaskExecutionFailed({ reason: "no", retryable: true })

/** A cache, and lookups in it that count their calls. */
const make = (more?: (keyValues: KeyValues["Service"]) => Partial<KeyValues["Service"]>) =>
  Effect.map(MemoryStore.make, ({ keyValues }) => {
    const given = { ...keyValues, ...more?.(keyValues) }
    const cache = new ResultCache(given)
    const seen = { calls: 0 }
    return {
      seen,
      keyValues,
      /** As another process would: it knows nothing of what is under way here. */
      other: new ResultCache(given),
      through: (
        run: string,
        execute: Effect.Effect<Reply, Failure> = Effect.sync(() => reply(seen.calls)),
        options: Partial<Lookup> = {},
        by = cache
      ) =>
        by.through({
          key: "key",
          run,
          fresh: false,
          unchanged: Effect.succeed(true),
          ...options,
          execute: Effect.andThen(
            Effect.sync(() => seen.calls++),
            execute
          )
        })
    }
  })

describe("a kept result", () => {
  it.effect("is given to every run after it, with the run it came from and who gave it", () =>
    Effect.gen(function* () {
      const { other, seen, through } = yield* make()
      assert.deepStrictEqual(yield* through("first"), reply(1))
      assert.deepStrictEqual(yield* through("second"), { ...reply(1), cached: "first" })
      assert.deepStrictEqual(yield* through("third", undefined, {}, other), { ...reply(1), cached: "first" })
      assert.strictEqual(seen.calls, 1)
    })
  )

  it.effect("is good for its time and no longer", () =>
    Effect.gen(function* () {
      const { seen, through } = yield* make()
      yield* through("first", undefined, { ttl: 1000 })
      yield* TestClock.adjust(999)
      assert.strictEqual((yield* through("second")).cached, "first")
      yield* TestClock.adjust(1)
      assert.isUndefined((yield* through("third")).cached)
      assert.strictEqual(seen.calls, 2)
    })
  )

  it.effect("is not looked at by who wants a fresh one, which takes its place", () =>
    Effect.gen(function* () {
      const { through } = yield* make()
      yield* through("first")
      assert.deepStrictEqual(yield* through("second", undefined, { fresh: true }), reply(2))
      assert.deepStrictEqual(yield* through("third"), { ...reply(2), cached: "second" })
    })
  )

  it.effect("may be null", () =>
    Effect.gen(function* () {
      const { through } = yield* make()
      yield* through("first", Effect.succeed(reply(null)))
      assert.deepStrictEqual(yield* through("second"), { ...reply(null), cached: "first" })
    })
  )

  it.effect("that this program cannot read is none", () =>
    Effect.gen(function* () {
      const { keyValues, through } = yield* make()
      for (const wrong of [null, 1, {}, { result: 1 }, { result: 1, provider: 2, run: "r" }]) {
        yield* keyValues.put("cache/key", wrong)
        assert.isUndefined((yield* through("first")).cached, JSON.stringify(wrong))
      }
    })
  )
})

describe("nothing is kept", () => {
  const cases: ReadonlyArray<readonly [string, Effect.Effect<Reply, Failure>, Partial<Lookup>]> = [
    ["of a failure", Effect.fail(no), {}],
    ["of a defect", Effect.die("broken"), {}],
    ["of a result in which secrets were masked", Effect.succeed({ ...reply("***"), masked: true }), {}],
    [
      "of a call under which what decides it has changed",
      Effect.succeed(reply(1)),
      { unchanged: Effect.succeed(false) }
    ]
  ]
  it.effect.each(cases)("%s", ([, execute, options]) =>
    Effect.gen(function* () {
      const { keyValues, seen, through } = yield* make()
      yield* Effect.exit(through("first", execute, options))
      assert.isUndefined((yield* through("second")).cached)
      assert.strictEqual(seen.calls, 2)
      assert.lengthOf((yield* keyValues.list("cache/")).items, 1)
    })
  )
})

describe("a store that fails", () => {
  const broken = Effect.fail(new StoreError({ operation: "get", retryable: false, cause: "gone" }))

  it.effect("in reading is a miss, in writing a cache without the entry", () =>
    Effect.gen(function* () {
      for (const more of [{ get: () => broken }, { put: () => broken }]) {
        const { seen, through } = yield* make(() => more)
        yield* through("first")
        assert.deepStrictEqual(yield* through("second"), reply(2))
        assert.strictEqual(seen.calls, 2)
      }
    })
  )
})

describe("equal calls at once", () => {
  const start = { startImmediately: true }

  it.effect("are one call: the others have its result, with its run", () =>
    Effect.gen(function* () {
      const { seen, through } = yield* make()
      const slow = Effect.delay(Effect.succeed(reply("slow")), 1000)
      const all = yield* Effect.forEach(["a", "b", "c"], (run) => Effect.forkChild(through(run, slow), start))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll(all), [
        reply("slow"),
        { ...reply("slow"), cached: "a" },
        { ...reply("slow"), cached: "a" }
      ])
      assert.strictEqual(seen.calls, 1)
    })
  )

  it.effect("of other keys are calls of their own, and so are those that want a fresh one", () =>
    Effect.gen(function* () {
      const { seen, through } = yield* make()
      const slow = Effect.delay(Effect.succeed(reply("slow")), 1000)
      const all = [
        yield* Effect.forkChild(through("a", slow), start),
        yield* Effect.forkChild(through("b", slow, { key: "other" }), start),
        yield* Effect.forkChild(through("c", slow, { fresh: true }), start)
      ]
      yield* TestClock.adjust("1 second")
      const taken = yield* Fiber.joinAll(all)
      assert.deepStrictEqual(
        taken.map(({ cached }) => cached),
        [undefined, undefined, undefined]
      )
      assert.strictEqual(seen.calls, 3)
    })
  )

  it.effect("do not fail with each other: the next in line calls", () =>
    Effect.gen(function* () {
      const { seen, through } = yield* make()
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        Effect.exit(through("a", Effect.andThen(Deferred.await(gate), Effect.fail(no)))),
        start
      )
      const others = yield* Effect.forEach(["b", "c"], (run) =>
        Effect.forkChild(through(run, Effect.delay(Effect.succeed(reply("well")), 1000)), start)
      )
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      yield* TestClock.adjust("1 second")
      const taken = yield* Fiber.joinAll(others)
      assert.deepStrictEqual(taken.map(({ cached }) => cached).toSorted(), ["b", undefined])
      assert.strictEqual(seen.calls, 2)
    })
  )

  it.effect("outlive the one that calls: interrupted, it leaves the call to the next", () =>
    Effect.gen(function* () {
      const { seen, through } = yield* make()
      const first = yield* Effect.forkChild(through("a", Effect.never), start)
      const second = yield* Effect.forkChild(through("b"), start)
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* Fiber.join(second), reply(2))
      assert.deepStrictEqual(yield* through("c"), { ...reply(2), cached: "b" })
      assert.strictEqual(seen.calls, 2)
    })
  )
})

describe("the key of a call", () => {
  const key = keyOf("llm/chat", { a: 1, b: { c: [1, 2] } }, "model", ["file"])

  it("does not see the order of fields", () => {
    assert.strictEqual(keyOf("llm/chat", { b: { c: [1, 2] }, a: 1 }, "model", ["file"]), key)
  })

  it("sees everything else", () => {
    for (const other of [
      keyOf("llm/complete", { a: 1, b: { c: [1, 2] } }, "model", ["file"]),
      keyOf("llm/chat", { a: 1, b: { c: [2, 1] } }, "model", ["file"]),
      keyOf("llm/chat", { a: "1", b: { c: [1, 2] } }, "model", ["file"]),
      keyOf("llm/chat", { a: 1, b: { c: [1, 2] } }, "other", ["file"]),
      keyOf("llm/chat", { a: 1, b: { c: [1, 2] } }, "model", []),
      keyOf("llm/chat", { a: 1, b: { c: [1, 2] } }, "model", ["file", "file"]),
      keyOf("llm/chat", JSON.parse('{"a":1,"b":{"c":[1,2]},"__proto__":1}'), "model", ["file"])
    ]) {
      assert.notStrictEqual(other, key)
    }
  })
})
