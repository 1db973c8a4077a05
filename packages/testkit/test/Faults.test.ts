/** The engine on a store that fails, tears and delays its commits, and beside others who write to the same run. */
import { assert, describe, it } from "@effect/vitest"
import { Errors, Gleitzeit, MemoryStore, Store, WorkflowFile } from "@gleitzeit/core"
import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Engine, FlakyStore, ScriptedProvider } from "../src/index.ts"

const engine = (plans: FlakyStore.Plans, calls: Array<ScriptedProvider.Call> = [], options: Gleitzeit.Options = {}) =>
  engineOn(FlakyStore.layer(plans, MemoryStore.layer), calls, options)

const engineOn = (
  store: typeof MemoryStore.layer,
  calls: Array<ScriptedProvider.Call> = [],
  options: Gleitzeit.Options = {}
) => {
  const ask: ScriptedProvider.Script = (_, { call }) => call("question", "script/do", { value: "asked" })
  return Engine.layer({ owner: "us", store, provider: ScriptedProvider.layer({ calls, scripts: { ask } }), ...options })
}

type Commit = Store.Store["Service"]["commit"]

/** A memory store whose commits, counted from 1, are made as `commit` says. */
const storeWith = (
  commit: (made: ReturnType<Commit>, appends: Parameters<Commit>[0], number: number) => ReturnType<Commit>
): typeof MemoryStore.layer => {
  let number = 0
  return Layer.effect(
    Store.Store,
    Effect.map(Store.Store, (store) =>
      Store.Store.of({
        ...store,
        commit: (appends) => Effect.suspend(() => commit(store.commit(appends), appends, ++number))
      })
    )
  ).pipe(Layer.provideMerge(MemoryStore.layer))
}

const full = Effect.fail(new Errors.StoreError({ operation: "commit", retryable: false, cause: new Error("full") }))

const workflow = (tasks: ReadonlyArray<unknown>) => {
  const { diagnostics, workflow } = WorkflowFile.fromValue({ name: "faults", tasks })
  if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
  return workflow
}

const chain = workflow(
  Array.from({ length: 5 }, (_, i) => ({
    id: `t${i}`,
    method: "script/do",
    params: { value: i === 0 ? "0" : `\${t${i - 1}}${i}` }
  }))
)

const kinds = (run: string) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const events = yield* Stream.runCollect(gleitzeit.events(run))
    assert.deepStrictEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, i) => i + 1)
    )
    return events.map(({ event }) => event._tag)
  })

const whole = [
  "RunCreated",
  "TaskCompleted",
  "TaskCompleted",
  "TaskCompleted",
  "TaskCompleted",
  "TaskCompleted",
  "RunCompleted"
]

const { inTime, report } = Engine

const run = Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => report(gleitzeit.run(chain), { step: 1000 }))

describe("a commit", () => {
  for (let commit = 1; commit <= 6; commit++) {
    it.effect(`that fails (number ${commit}) is made again, and nothing is written twice`, () => {
      const calls: Array<ScriptedProvider.Call> = []
      return Effect.gen(function* () {
        const ended = yield* run
        assert.strictEqual(ended.status, "completed")
        assert.strictEqual(ended.tasks["t4"]?.result, "01234")
        assert.deepStrictEqual(yield* kinds(ended.run), whole)
        assert.lengthOf(calls, 5)
      }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ [commit]: { _tag: "Fail" } }) }, calls)))
    })

    it.effect(`that is written and reported as failed (number ${commit}) counts as written`, () =>
      Effect.gen(function* () {
        const ended = yield* run
        assert.strictEqual(ended.status, "completed")
        assert.deepStrictEqual(yield* kinds(ended.run), whole)
      }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ [commit]: { _tag: "Tear" } }) })))
    )

    it.effect(`that is written and reported as failed for good (number ${commit}) counts as written`, () =>
      Effect.gen(function* () {
        const ended = yield* run
        assert.deepStrictEqual(yield* kinds(ended.run), whole)
      }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ [commit]: { _tag: "Tear", retryable: false } }) })))
    )
  }

  it.effect("that fails for good stops the run without losing it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(chain)
      const error = yield* Effect.flip(gleitzeit.wait(id))
      assert.strictEqual(error.name, "PERSISTENCE_FAILED")
      assert.strictEqual((yield* gleitzeit.get(id)).status, "running")
    }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ 3: { _tag: "Fail", retryable: false } }) })))
  )

  it.effect("that fails for good leaves a run that resume finishes", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(chain)
      yield* Effect.flip(gleitzeit.wait(id))
      yield* gleitzeit.resume(id)
      const ended = yield* report(gleitzeit.wait(id))
      assert.strictEqual(ended.status, "completed")
      assert.strictEqual(ended.tasks["t4"]?.result, "01234")
    }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ 3: { _tag: "Fail", retryable: false } }) })))
  )
})

/** Slow tasks, each its own value. */
const waits = (...tasks: ReadonlyArray<readonly [value: string, wait: number]>) =>
  workflow(tasks.map(([value, wait]) => ({ id: value, method: "script/do", params: { value, wait } })))

describe("after a commit that failed for good", () => {
  it.effect("the slots are free again", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      yield* Effect.flip(inTime(gleitzeit.run(waits(["a", 100], ["b", 100]))))
      const ended = yield* report(gleitzeit.run(chain))
      assert.strictEqual(ended.status, "completed")
    }).pipe(
      Effect.provide(engine({ commit: FlakyStore.at({ 2: { _tag: "Fail", retryable: false } }) }, [], { slots: 1 }))
    )
  )

  it.effect("what came after it is not written, and nothing waits for it", () => {
    // "b" and "c" are over while the commit of "a" takes its time
    const store = storeWith((made, _, number) => (number === 2 ? Effect.delay(full, 500) : made))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(waits(["a", 1000], ["b", 1200], ["c", 1300]))
      yield* Effect.flip(inTime(gleitzeit.wait(id)))
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated"])
      yield* inTime(gleitzeit.run(chain))
      yield* gleitzeit.resume(id)
      assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "completed")
    }).pipe(Effect.provide(engineOn(store)))
  })

  it.effect("because of one run, the others of the same commit go on", () => {
    const isPoison = ({ events }: Store.Append) =>
      events.some(({ json, kind }) => kind === "TaskCompleted" && json.includes("poison"))
    // the others are over while the commit of "first" takes its time
    const store = storeWith((made, appends) => Effect.delay(appends.some(isPoison) ? full : made, 500))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const submit = (value: string, wait: number) => gleitzeit.submit(waits([value, wait]))
      const all = [submit("first", 900), submit("poison", 1000), submit("other", 1000)]
      const [, poison, other] = yield* inTime(Effect.all(all, { concurrency: "unbounded" }))
      yield* Effect.flip(inTime(gleitzeit.wait(poison ?? "")))
      assert.strictEqual((yield* inTime(gleitzeit.wait(other ?? ""))).status, "completed")
    }).pipe(Effect.provide(engineOn(store)))
  })
})

describe("a commit that takes its time", () => {
  it.effect("leaves nothing to be written after the run's end", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(
        workflow([
          { id: "none", method: "script/do", foreach: [], params: { value: 1 } },
          { id: "slow", method: "script/do", params: { value: "s", wait: 60_000 } }
        ])
      )
      yield* TestClock.adjust("100 millis")
      yield* inTime(gleitzeit.cancel(id))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "CancelRequested", "TaskExpanded", "RunCancelled"])
    }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ 2: { _tag: "Delay", millis: 3000 } }) })))
  )

  it.effect("to answer does not hide what is posted meanwhile", () => {
    const store = storeWith((made, _, number) => (number === 2 ? Effect.tap(made, Effect.sleep(500)) : made))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const store = yield* Store.Store
      const id = yield* gleitzeit.submit(waits(["a", 1000], ["b", 1_000_000]))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("100 millis")
      const json = JSON.stringify({ _tag: "CancelRequested", v: 1, at: 0 })
      yield* store.post(id, { at: 0, kind: "CancelRequested", json })
      assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "cancelled")
    }).pipe(Effect.provide(engineOn(store)))
  })

  it.effect("of a call that a handler has made counts, though the attempt is over before it", () => {
    const calls: Array<ScriptedProvider.Call> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const asks = {
        id: "a",
        method: "script/do",
        params: { script: "ask" },
        timeout: 1,
        retry: { max_attempts: 2, delay: 1 }
      }
      const ended = yield* report(gleitzeit.run(workflow([asks])))
      assert.strictEqual(ended.tasks["a"]?.attempts, 2)
      assert.strictEqual(ended.tasks["a"]?.result, "asked")
      assert.lengthOf(
        calls.filter(({ value }) => value === "asked"),
        1
      )
    }).pipe(Effect.provide(engine({ commit: FlakyStore.at({ 2: { _tag: "Delay", millis: 3000 } }) }, calls)))
  })
})

describe("somebody else", () => {
  const slow = workflow([
    { id: "slow", method: "script/do", params: { value: "s", wait: 60_000 } },
    { id: "quick", method: "script/do", params: { value: "q", wait: 1000 } },
    { id: "after", method: "script/do", params: { value: "${quick}" } }
  ])

  it.effect("who posts a cancel is heard while tasks are under way", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const store = yield* Store.Store
      const id = yield* gleitzeit.submit(slow)
      yield* TestClock.adjust("2 seconds")
      const json = JSON.stringify({ _tag: "CancelRequested", v: 1, at: 0 })
      assert.isTrue(yield* store.post(id, { at: 0, kind: "CancelRequested", json }))
      yield* TestClock.adjust("1 second")
      const ended = yield* report(gleitzeit.wait(id))
      assert.strictEqual(ended.status, "cancelled")
      assert.strictEqual(ended.tasks["after"]?.status, "completed")
      assert.strictEqual(ended.tasks["slow"]?.status, "cancelled")
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("who posts just before a commit is heard by it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const store = yield* Store.Store
      const id = yield* gleitzeit.submit(slow)
      const json = JSON.stringify({ _tag: "CancelRequested", v: 1, at: 0 })
      // before the driver looks out for posts: its next append meets the used number
      yield* store.post(id, { at: 0, kind: "CancelRequested", json })
      yield* TestClock.adjust("2 seconds")
      const ended = yield* report(gleitzeit.wait(id))
      assert.strictEqual(ended.status, "cancelled")
      yield* kinds(id)
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("who removes the run stops its driver", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const store = yield* Store.Store
      const id = yield* gleitzeit.submit(waits(["a", 1000]))
      yield* TestClock.adjust("10 millis")
      yield* store.remove(id)
      const error = yield* Effect.flip(inTime(gleitzeit.wait(id)))
      assert.include(error.message, "it was removed")
      assert.strictEqual((yield* inTime(gleitzeit.run(chain))).status, "completed")
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("who takes the run over stops its driver without damage", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const store = yield* Store.Store
      const id = yield* gleitzeit.submit(slow)
      const json = JSON.stringify({ _tag: "RunResumed", v: 1, at: 0, owner: "them" })
      yield* store.commit([{ run: id, after: 1, events: [{ at: 0, kind: "RunResumed", json }] }])
      yield* TestClock.adjust("2 seconds")
      const error = yield* Effect.flip(gleitzeit.wait(id))
      assert.instanceOf(error, Errors.LeaseLost)
      assert.include(error.message, "them")
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "RunResumed"])
    }).pipe(Effect.provide(engine({})))
  )
})

describe("another call of the store that fails", () => {
  const fails = FlakyStore.at({ 1: { _tag: "Fail" } })
  const torn = FlakyStore.at({ 1: { _tag: "Tear" } })
  const storeError = (error: { readonly name: string }) => assert.strictEqual(error.name, "PERSISTENCE_FAILED")

  it.effect("reading after a commit that failed, leaves a run that resume finishes", () => {
    let mute = false
    const plans: FlakyStore.Plans = {
      commit: (commit) => {
        if (commit !== 3) return undefined
        mute = true
        return { _tag: "Tear", retryable: false }
      },
      read: () => (mute ? { _tag: "Fail", retryable: false } : undefined)
    }
    const calls: Array<ScriptedProvider.Call> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(chain)
      storeError(yield* Effect.flip(inTime(gleitzeit.wait(id))))
      mute = false
      yield* gleitzeit.resume(id)
      assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "completed")
      // what was written, though nobody knew, did not run again
      assert.lengthOf(calls, 5)
    }).pipe(Effect.provide(engine(plans, calls)))
  })

  it.effect("posting a cancel, is told to who cancels, and the run goes on until somebody does it again", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(waits(["a", 1000], ["b", 60_000]))
      storeError(yield* Effect.flip(gleitzeit.cancel(id)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* gleitzeit.get(id)).status, "running")
      yield* inTime(gleitzeit.cancel(id))
      assert.strictEqual((yield* gleitzeit.get(id)).status, "cancelled")
    }).pipe(Effect.provide(engine({ post: fails })))
  )

  it.effect("posting a cancel that is written all the same, cancels the run", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(waits(["a", 60_000]))
      yield* TestClock.adjust("1 second")
      storeError(yield* Effect.flip(gleitzeit.cancel(id)))
      assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "cancelled")
    }).pipe(Effect.provide(engine({ post: torn })))
  )

  it.effect("listing runs, fails that list alone", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { run } = yield* inTime(gleitzeit.run(chain))
      storeError(yield* Effect.flip(gleitzeit.list({})))
      assert.deepStrictEqual(
        (yield* gleitzeit.list({})).items.map((one) => one.run),
        [run]
      )
    }).pipe(Effect.provide(engine({ list: fails })))
  )

  for (const fault of [fails, torn]) {
    it.effect(`claiming a run, ${fault === fails ? "not done" : "done"}, does not keep the next resume from it`, () =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const id = yield* gleitzeit.submit(chain)
        storeError(yield* Effect.flip(inTime(gleitzeit.wait(id))))
        storeError(yield* Effect.flip(gleitzeit.resume(id)))
        yield* gleitzeit.resume(id)
        assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "completed")
        yield* kinds(id)
      }).pipe(
        Effect.provide(engine({ commit: FlakyStore.at({ 2: { _tag: "Fail", retryable: false } }), claim: fault }))
      )
    )
  }

  it.effect("saying that this process is alive, ends no run", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(waits(["a", 60_000]))
      assert.strictEqual((yield* inTime(gleitzeit.wait(id))).status, "completed")
    }).pipe(Effect.provide(engine({ beat: (beat) => (beat === 1 ? undefined : { _tag: "Fail" }) })))
  )

  it.effect("removing a run that is gone all the same, is told, and the run is not found", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { run } = yield* inTime(gleitzeit.run(chain))
      storeError(yield* Effect.flip(gleitzeit.remove(run)))
      assert.instanceOf(yield* Effect.flip(gleitzeit.get(run)), Errors.RunNotFound)
    }).pipe(Effect.provide(engine({ remove: torn })))
  )
})
