/** What holds of the list of runs, whatever the store. */
import { assert } from "@effect/vitest"
import { Store } from "@gleitzeit/core"
import { Effect } from "effect"
import { append, creation, fresh, resting, type Suite, summary } from "./StoreSample.ts"

export const define = ({ fact }: Suite): void => {
  fact(
    "a run is listed with its latest summary, every field as written",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const run = fresh()
      yield* store.commit([creation(run, { summary: summary(run, { workflow: run }) })])
      const latest = summary(run, {
        workflow: run,
        status: "waiting",
        tags: ["a", "b"],
        created_at: 5,
        updated_at: 9,
        tasks: { total: 3, completed: 2, suspended: 1 },
        waiting: [{ request: "review", kind: "human/approve", prompt: "Süß?", expires: 99 }],
        usage: { calls: 2, input_tokens: 10, cost_usd: 0.25 },
        engine: "1.2.3",
        due: 99
      })
      yield* store.commit([{ ...append(run, 1, "A"), summary: latest }])
      yield* store.commit([append(run, 2, "B")])
      assert.deepStrictEqual(yield* store.list({ workflow: run }), { items: [latest] })
    })
  )

  fact(
    "runs are listed newest first, those of one moment by id downwards",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const workflow = fresh()
      const order = [
        ["b", 1],
        ["c", 2],
        ["a", 2],
        ["d", 0]
      ] as const
      for (const [id, created_at] of order) {
        const run = `${id}-${workflow}`
        yield* store.commit([creation(run, { summary: summary(run, { workflow, created_at }) })])
      }
      const { items } = yield* store.list({ workflow })
      assert.deepStrictEqual(
        items.map(({ run }) => run.charAt(0)),
        ["c", "a", "b", "d"]
      )
    })
  )

  fact(
    "filters are combined by and",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const workflow = fresh()
      const make = (id: string, facts: Partial<Store.RunSummary>) => {
        const run = `${id}-${workflow}`
        return creation(run, { summary: resting(run, { workflow, ...facts }) })
      }
      yield* store.commit([
        make("a", { status: "running", created_at: 1, tags: ["x"] }),
        make("b", { status: "waiting", created_at: 2, tags: ["x", "y"] }),
        make("c", { status: "failed", created_at: 3, tags: ["y"] }),
        make("d", { status: "completed", created_at: 4, tags: [] }),
        creation(`e-${workflow}`, { summary: summary(`e-${workflow}`, { workflow, created_at: 5, due: 50 }) })
      ])
      const found = (query: Store.RunQuery) =>
        Effect.map(store.list({ workflow, ...query }), ({ items }) => items.map(({ run }) => run.charAt(0)).join(""))
      assert.strictEqual(yield* found({}), "edcba")
      assert.strictEqual(yield* found({ status: ["failed"] }), "c")
      assert.strictEqual(yield* found({ status: ["running", "waiting"] }), "eba")
      assert.strictEqual(yield* found({ status: [] }), "")
      assert.strictEqual(yield* found({ tag: "x" }), "ba")
      assert.strictEqual(yield* found({ tag: "xy" }), "")
      assert.strictEqual(yield* found({ since: 3 }), "edc")
      assert.strictEqual(yield* found({ due: 50 }), "e")
      assert.strictEqual(yield* found({ due: 49 }), "")
      assert.strictEqual(yield* found({ tag: "y", since: 2, status: ["waiting"] }), "b")
      assert.deepStrictEqual((yield* store.list({ workflow: fresh() })).items, [])
    })
  )

  fact(
    "a page holds 100 runs unless asked for more or fewer",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const workflow = fresh()
      yield* create(workflow, 0, 101)
      assert.strictEqual((yield* store.list({ workflow })).items.length, 100)
      assert.strictEqual((yield* store.list({ workflow, limit: 7 })).items.length, 7)
      const all = yield* store.list({ workflow, limit: 101 })
      assert.strictEqual(all.items.length, 101)
      assert.isUndefined(all.next)
    })
  )

  fact(
    "paging neither loses nor repeats a run while others are added",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const workflow = fresh()
      const first = yield* create(workflow, 0, 25)
      const seen: Array<string> = []
      let query: Store.RunQuery = { workflow, limit: 4 }
      for (let added = 25; ; added += 3) {
        const { items, next } = yield* store.list(query)
        seen.push(...items.map(({ run }) => run))
        if (next === undefined) break
        query = { ...query, cursor: next }
        yield* create(workflow, added, 3)
      }
      assert.deepStrictEqual(seen, first.toReversed())
    })
  )

  fact(
    "paging goes through runs of one moment, too",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const workflow = fresh()
      const runs = Array.from({ length: 10 }, (_, n) => `${n}-${workflow}`)
      for (const run of runs) yield* store.commit([creation(run, { summary: summary(run, { workflow }) })])
      const seen: Array<string> = []
      for (let query: Store.RunQuery = { workflow, limit: 3 }; ;) {
        const { items, next } = yield* store.list(query)
        seen.push(...items.map(({ run }) => run))
        if (next === undefined) break
        query = { ...query, cursor: next }
      }
      assert.deepStrictEqual(seen, runs.toReversed())
    })
  )

  fact(
    "what is no cursor is refused with a hint",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const error = yield* Effect.flip(store.list({ cursor: "somewhere" }))
      assert.include(error.message, "somewhere")
      assert.isFalse(error.retryable)
      assert.isDefined(error.hint)
    })
  )
}

// internal

/** Runs whose order of creation is their order in the result. */
const create = Effect.fnUntraced(function* (workflow: string, from: number, count: number) {
  const store = yield* Store.Store
  const runs = Array.from({ length: count }, (_, n) => `${String(from + n).padStart(4, "0")}-${workflow}`)
  for (const [n, run] of runs.entries()) {
    yield* store.commit([creation(run, { summary: summary(run, { workflow, created_at: 1 + from + n }) })])
  }
  return runs
})
