/** What holds of a run's blobs and of its removal, whatever the store. */
import { assert } from "@effect/vitest"
import { Store } from "@gleitzeit/core"
import { Effect } from "effect"
import { append, creation, event, fresh, type Suite, summary } from "./StoreSample.ts"

export const define = ({ fact }: Suite): void => {
  fact(
    "blobs are kept for their run by hash, byte for byte",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const [one, two] = [fresh("a"), fresh("b")]
      const all = Uint8Array.from({ length: 300_000 }, (_, n) => n % 256)
      const blobs = [
        { hash: "all", bytes: all },
        { hash: "none", bytes: new Uint8Array(0) }
      ]
      yield* store.commit([creation(one, { blobs }), creation(two)])
      yield* store.commit([{ ...append(one, 1, "A"), blobs }])
      assert.deepStrictEqual(yield* store.blob(one, "all"), all)
      assert.deepStrictEqual(yield* store.blob(one, "none"), new Uint8Array(0))
      assert.isUndefined(yield* store.blob(one, "other"))
      assert.isUndefined(yield* store.blob(two, "all"))
      assert.isUndefined(yield* store.blob(fresh(), "all"))
    })
  )

  fact(
    "a removed run leaves nothing behind, and its id can be used again",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const [id, other] = [fresh(), fresh()]
      const blobs = [{ hash: "a", bytes: new Uint8Array([1]) }]
      yield* store.commit([
        creation(id, { blobs, summary: summary(id, { workflow: id }) }),
        creation(other, { blobs, summary: summary(other, { workflow: id }) })
      ])
      yield* store.remove(id)
      yield* store.remove(id)
      assert.deepStrictEqual(yield* kinds(id), [])
      assert.isUndefined(yield* store.blob(id, "a"))
      assert.deepStrictEqual(
        (yield* store.list({ workflow: id })).items.map(({ run }) => run),
        [other]
      )
      assert.isFalse(yield* store.post(id, event("CancelRequested")))
      assert.deepStrictEqual(yield* kinds(other), ["RunCreated"])
      assert.deepStrictEqual(yield* store.blob(other, "a"), new Uint8Array([1]))

      assert.strictEqual((yield* store.commit([creation(id, { events: [event("Again")] })])).size, 0)
      assert.deepStrictEqual(yield* kinds(id), ["Again"])
      assert.isUndefined(yield* store.blob(id, "a"))
    })
  )

  fact(
    "whoever writes to a removed run is refused, also when its id is in use again",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = fresh()
      yield* store.commit([creation(id)])
      yield* store.commit([append(id, 1, "A", "B")])
      yield* store.remove(id)
      assert.deepStrictEqual(yield* store.commit([append(id, 3, "C")]), new Set([id]))
      yield* store.commit([creation(id)])
      assert.deepStrictEqual(yield* store.commit([append(id, 3, "C")]), new Set([id]))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated"])
    })
  )
}

// internal

const kinds = (run: string) =>
  Effect.flatMap(Store.Store, (store) =>
    Effect.map(store.read(run, 0, 1000), (events) => events.map(({ kind }) => kind))
  )
