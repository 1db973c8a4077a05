import { assert, describe, it } from "@effect/vitest"
import { KeyValues, Leases, MemoryStore, Store } from "@gleitzeit/core"
import { Arbitrary, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { FlakyStore, StoreSample, StoreTest } from "../src/index.ts"

const { append, creation, event } = StoreSample

const spoilt = (commit: FlakyStore.Plan) => Effect.provide(FlakyStore.layer({ commit }, MemoryStore.layer))

const kinds = (run: string) =>
  Effect.flatMap(Store.Store, (store) =>
    Effect.map(store.read(run, 0, 1000), (events) => events.map(({ kind }) => kind))
  )

// a plan without faults changes nothing
StoreTest.suite("flaky, without faults", FlakyStore.layer({ commit: () => undefined }, MemoryStore.layer), {
  sequences: 20
})

describe("FlakyStore", () => {
  it.effect("a commit that fails has written nothing, and the next one goes well", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      yield* store.commit([creation("a")])
      const error = yield* Effect.flip(store.commit([append("a", 1, "Lost")]))
      assert.strictEqual(error._tag, "StoreError")
      assert.isTrue(error.retryable)
      assert.deepStrictEqual(yield* kinds("a"), ["RunCreated"])
      assert.strictEqual((yield* store.commit([append("a", 1, "Kept")])).size, 0)
    }).pipe(spoilt(FlakyStore.at({ 2: { _tag: "Fail" } })))
  )

  it.effect("a torn commit has written all of it, or its first appends, and fails all the same", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      assert.isFalse((yield* Effect.flip(store.commit([creation("a"), creation("b"), creation("c")]))).retryable)
      assert.deepStrictEqual(yield* kinds("c"), ["RunCreated"])
      yield* Effect.flip(store.commit([append("a", 1, "A"), append("b", 1, "B"), append("c", 1, "C")]))
      assert.deepStrictEqual(yield* kinds("a"), ["RunCreated", "A"])
      assert.deepStrictEqual(yield* kinds("b"), ["RunCreated"])
      yield* Effect.flip(store.commit([append("b", 1, "B")]))
      assert.deepStrictEqual(yield* kinds("b"), ["RunCreated"])
    }).pipe(
      spoilt(
        FlakyStore.at({
          1: { _tag: "Tear", retryable: false },
          2: { _tag: "Tear", appends: 1 },
          3: { _tag: "Tear", appends: 0 }
        })
      )
    )
  )

  it.effect("a delayed commit is written when its time has come", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const commit = yield* Effect.forkChild(store.commit([creation("a")]))
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(yield* kinds("a"), [])
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(commit)).size, 0)
      assert.deepStrictEqual(yield* kinds("a"), ["RunCreated"])
    }).pipe(spoilt(FlakyStore.at({ 1: { _tag: "Delay", millis: 100 } })))
  )

  it.effect("posts, leases and key-values are those of the store below, and are not counted", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      yield* store.commit([creation("a")])
      assert.isTrue(yield* store.post("a", event("CancelRequested")))
      assert.isTrue(yield* (yield* Leases.Leases).claim("a", "me", { ttl: 10 }))
      assert.isNumber(yield* (yield* KeyValues.KeyValues).put("key", 1))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(store.commit([append("a", 2, "A")]))))
    }).pipe(spoilt(FlakyStore.at({ 2: { _tag: "Fail" } })))
  )

  it.effect("other calls go wrong by plans of their own, each counted for itself", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const leases = yield* Leases.Leases
      yield* store.commit([creation("a")])
      assert.strictEqual((yield* Effect.flip(store.post("a", event("Lost")))).operation, "post")
      assert.isTrue(yield* store.post("a", event("First")))
      yield* Effect.flip(store.post("a", event("Second")))
      assert.isFalse((yield* Effect.flip(store.read("a", 0, 10))).retryable)
      assert.deepStrictEqual(yield* kinds("a"), ["RunCreated", "First", "Second"])
      yield* Effect.flip(store.list({}))
      yield* Effect.flip(leases.claim("a", "me", { ttl: 10 }))
      assert.deepStrictEqual(yield* leases.claim("a", "you", { ttl: 10 }), { heldBy: "me" })
      yield* Effect.flip(leases.beat("me", 10))
      yield* Effect.flip(leases.release(["a"], "me"))
      yield* Effect.flip(store.remove("a"))
      assert.lengthOf((yield* store.list({})).items, 1)
    }).pipe(
      Effect.provide(
        FlakyStore.layer(
          {
            post: FlakyStore.at({ 1: { _tag: "Fail" }, 3: { _tag: "Tear" } }),
            read: FlakyStore.at({ 1: { _tag: "Fail", retryable: false } }),
            list: FlakyStore.at({ 1: { _tag: "Fail" } }),
            claim: FlakyStore.at({ 1: { _tag: "Tear" } }),
            beat: FlakyStore.at({ 1: { _tag: "Fail" } }),
            release: FlakyStore.at({ 1: { _tag: "Fail" } }),
            remove: FlakyStore.at({ 1: { _tag: "Fail" } })
          },
          MemoryStore.layer
        )
      )
    )
  )

  const Fault = Schema.Union([
    Schema.TaggedStruct("Fail", {}),
    Schema.TaggedStruct("Tear", {}),
    Schema.TaggedStruct("Tear", { appends: Schema.Literals([0, 1]) }),
    Schema.Null
  ])

  it.effect.prop(
    "a writer that reads after a failure writes everything once, whatever the plan",
    { faults: Arbitrary.array(Arbitrary.schema(Fault), { maxLength: 20 }) },
    ({ faults }) =>
      Effect.gen(function* () {
        const store = yield* Store.Store
        yield* Effect.retry(
          Effect.gen(function* () {
            if ((yield* kinds("a")).length === 0) yield* store.commit([creation("a")])
          }),
          { times: 30 }
        )
        for (let next = 1; next <= 10; next++) {
          const write = Effect.gen(function* () {
            const last = (yield* kinds("a")).length
            if (last === next) yield* store.commit([append("a", last, `E${next}`)])
          })
          yield* Effect.retry(write, { times: 30 })
        }
        assert.deepStrictEqual(yield* kinds("a"), ["RunCreated", ...Array.from({ length: 10 }, (_, n) => `E${n + 1}`)])
      }).pipe(spoilt((commit) => faults[commit - 1] ?? undefined))
  )
})
