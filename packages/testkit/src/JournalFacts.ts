/** What holds of a run's journal and its hints, whatever the store. */
import { assert } from "@effect/vitest"
import { Store } from "@gleitzeit/core"
import { Effect, Fiber, Queue, Stream } from "effect"
import { append, creation, event, fresh, resting, type Suite, summary } from "./StoreSample.ts"

export const define = ({ elapse, fact }: Suite): void => {
  const run = fresh

  fact(
    "a run is created with its first events",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      const events = [event("RunCreated", "{}", 5), event("TaskCompleted", "[1]", 6)] as const
      assert.strictEqual((yield* store.commit([creation(id, { events })])).size, 0)
      assert.deepStrictEqual(yield* store.read(id, 0, 10), [
        { sequence: 1, at: 5, kind: "RunCreated", json: "{}" },
        { sequence: 2, at: 6, kind: "TaskCompleted", json: "[1]" }
      ])
    })
  )

  fact(
    "a run that exists is not created again and stays as it is",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id, { summary: summary(id, { workflow: id }) })])
      const again = creation(id, { events: [event("Other")], summary: summary(id, { workflow: fresh() }) })
      assert.deepStrictEqual(yield* store.commit([again]), new Set([id]))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated"])
      assert.strictEqual((yield* store.list({ workflow: id })).items.length, 1)
    })
  )

  fact(
    "a run is not created without a summary, and then nothing of the commit is written",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const [one, two] = [run(), run()]
      const error = yield* Effect.flip(store.commit([creation(one), append(two, 0, "RunCreated")]))
      assert.strictEqual(error._tag, "StoreError")
      assert.isFalse(error.retryable)
      assert.deepStrictEqual(yield* kinds(one), [])
      assert.deepStrictEqual(yield* kinds(two), [])
    })
  )

  fact(
    "events are numbered from 1 without gaps, however they are grouped",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id)])
      yield* store.commit([append(id, 1, "A", "B", "C")])
      yield* store.commit([append(id, 4, "D"), append(id, 5, "E", "F")])
      assert.deepStrictEqual(
        (yield* store.read(id, 0, 100)).map(({ kind, sequence }) => `${sequence} ${kind}`),
        ["1 RunCreated", "2 A", "3 B", "4 C", "5 D", "6 E", "7 F"]
      )
    })
  )

  fact(
    "an append behind somebody else's is refused with its events, blobs and summary",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id, { summary: summary(id, { workflow: id }) })])
      yield* store.commit([append(id, 1, "Theirs")])
      const late = {
        ...append(id, 1, "Late", "Later", "Latest"),
        blobs: [{ hash: "late", bytes: new Uint8Array([1]) }],
        summary: summary(id, { workflow: id, status: "failed" })
      }
      assert.deepStrictEqual(yield* store.commit([late]), new Set([id]))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "Theirs"])
      assert.isUndefined(yield* store.blob(id, "late"))
      assert.strictEqual((yield* store.list({ workflow: id })).items[0]?.status, "running")
    })
  )

  fact(
    "an append that would leave a gap is refused",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id)])
      assert.deepStrictEqual(yield* store.commit([append(id, 2, "TooFar")]), new Set([id]))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated"])
      assert.strictEqual((yield* store.commit([append(id, 1, "Next")])).size, 0)
    })
  )

  fact(
    "an append to an unknown run is refused",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      assert.deepStrictEqual(yield* store.commit([append(id, 3, "Lost")]), new Set([id]))
      assert.deepStrictEqual(yield* kinds(id), [])
    })
  )

  fact(
    "a refused append leaves its neighbours written",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const [before, refused, after] = [run("a"), run("b"), run("c")]
      yield* store.commit([creation(before), creation(refused), creation(after)])
      yield* store.commit([append(refused, 1, "Theirs")])
      const result = yield* store.commit([
        append(before, 1, "Ours"),
        append(refused, 1, "Late", "Later"),
        append(after, 1, "Ours")
      ])
      assert.deepStrictEqual(result, new Set([refused]))
      assert.deepStrictEqual(yield* kinds(before), ["RunCreated", "Ours"])
      assert.deepStrictEqual(yield* kinds(refused), ["RunCreated", "Theirs"])
      assert.deepStrictEqual(yield* kinds(after), ["RunCreated", "Ours"])
    })
  )

  fact(
    "of 20 writers racing for one number exactly one wins",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id)])
      const writers = Array.from({ length: 20 }, (_, writer) =>
        store.commit([append(id, 1, `W${writer}`, `W${writer}`)])
      )
      const results = yield* Effect.all(writers, { concurrency: "unbounded" })
      const winner = results.findIndex((refused) => refused.size === 0)
      assert.strictEqual(results.filter((refused) => refused.size === 0).length, 1)
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", `W${winner}`, `W${winner}`])
    })
  )

  fact(
    "a post lands at the end and makes the run due",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id, { summary: resting(id, { workflow: id, status: "waiting" }) })])
      yield* elapse(50)
      assert.isTrue(yield* store.post(id, event("Answered", `{"value":1}`, 7)))
      assert.deepStrictEqual(
        (yield* store.read(id, 1, 10)).map(({ at, json, kind, sequence }) => [sequence, at, kind, json]),
        [[2, 7, "Answered", `{"value":1}`]]
      )
      const found = yield* store.list({ workflow: id })
      assert.isNumber(found.items[0]?.due)
      assert.strictEqual((yield* store.list({ workflow: id, due: found.items[0]?.due ?? -1 })).items.length, 1)
    })
  )

  fact(
    "a post to an unknown run is false and makes none",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      assert.isFalse(yield* store.post(id, event("CancelRequested")))
      assert.deepStrictEqual(yield* kinds(id), [])
    })
  )

  fact(
    "a driver that has not seen a post is refused, and goes on behind it",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id)])
      yield* store.commit([append(id, 1, "A")])
      yield* store.post(id, event("CancelRequested"))
      assert.deepStrictEqual(yield* store.commit([append(id, 2, "B")]), new Set([id]))
      assert.strictEqual((yield* store.commit([append(id, 3, "B")])).size, 0)
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "A", "CancelRequested", "B"])
    })
  )

  fact(
    "a post to a run that has ended is recorded and wakes nobody",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id, { summary: resting(id, { workflow: id, status: "completed" }) })])
      assert.isTrue(yield* store.post(id, event("Signalled")))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "Signalled"])
      assert.isUndefined((yield* store.list({ workflow: id })).items[0]?.due)
    })
  )

  fact(
    "pages of a journal join to the whole, oldest first",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      const events = Array.from({ length: 24 }, (_, n) => event(`E${n + 2}`))
      yield* store.commit([creation(id, { events: [event("RunCreated"), ...events] })])
      const sequences: Array<number> = []
      for (let after = 0; ; after += 7) {
        const page = yield* store.read(id, after, 7)
        sequences.push(...page.map(({ sequence }) => sequence))
        if (page.length < 7) break
      }
      assert.deepStrictEqual(
        sequences,
        Array.from({ length: 25 }, (_, n) => n + 1)
      )
      assert.deepStrictEqual(yield* store.read(id, 25, 7), [])
      assert.deepStrictEqual(yield* store.read(id, 0, 0), [])
      assert.deepStrictEqual(yield* store.read(run(), 0, 7), [])
    })
  )

  fact(
    "`changes` gives one element at once, and one after a commit, a post and a removal",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      const hints = yield* Queue.unbounded<void>()
      yield* Effect.forkScoped(Stream.runForEach(store.changes(id), () => Queue.offer(hints, undefined)))
      yield* Queue.take(hints)
      yield* store.commit([creation(id)])
      yield* Queue.take(hints)
      yield* store.commit([append(id, 1, "A")])
      yield* Queue.take(hints)
      yield* store.post(id, event("CancelRequested"))
      yield* Queue.take(hints)
      yield* store.remove(id)
      yield* Queue.take(hints)
    })
  )

  fact(
    "a reader that reads at every hint of `changes` misses nothing",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const id = run()
      yield* store.commit([creation(id)])
      const seen: Array<number> = []
      const reader = yield* store.changes(id).pipe(
        Stream.mapEffect(() => store.read(id, seen.length, 1000)),
        Stream.tap((events) => Effect.sync(() => seen.push(...events.map(({ sequence }) => sequence)))),
        Stream.takeUntil(() => seen.length >= 101),
        Stream.runDrain,
        Effect.forkScoped
      )
      for (let after = 1; after <= 100; after++) {
        yield* store.commit([append(id, after, "A")])
        if (after % 7 === 0) yield* Effect.yieldNow
      }
      yield* Fiber.join(reader)
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 101 }, (_, n) => n + 1)
      )
    })
  )
}

// internal

const kinds = (run: string) =>
  Effect.flatMap(Store.Store, (store) =>
    Effect.map(store.read(run, 0, 1000), (events) => events.map(({ kind }) => kind))
  )
