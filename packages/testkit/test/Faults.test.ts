/** The engine on a store that fails, tears and delays its commits, and beside others who write to the same run. */
import { assert, describe, it } from "@effect/vitest"
import {
  Errors,
  Executor,
  Files,
  Gleitzeit,
  MemoryStore,
  Method,
  Protocol,
  Provider,
  Providers,
  Secrets,
  Store,
  TaskContext,
  WorkflowFile
} from "@gleitzeit/core"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FlakyStore from "../src/FlakyStore.ts"

const EchoV1 = Protocol.make("echo/v1", {
  description: "Says what it is told",
  methods: {
    "echo/say": Method.make({
      description: "Returns its value; waits as long as it is told to",
      effects: "reads",
      params: Schema.Struct({ value: Schema.Json, wait: Schema.optionalKey(Schema.Finite) }),
      result: Schema.Json
    }),
    "echo/ask": Method.make({
      description: "Has another call made, and returns what that returns",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Json
    })
  }
})

const engine = (plan: FlakyStore.Plan, calls: Array<string> = [], options: Gleitzeit.Options = {}) =>
  engineOn(FlakyStore.layer(plan, MemoryStore.layer), calls, options)

const engineOn = (store: typeof MemoryStore.layer, calls: Array<string> = [], options: Gleitzeit.Options = {}) => {
  const Echo = Provider.layer(
    EchoV1,
    Effect.succeed({
      name: "echo",
      handlers: {
        "echo/say": ({ value, wait = 0 }) =>
          Effect.delay(
            Effect.sync(() => {
              calls.push(String(value))
              return value
            }),
            wait
          ),
        "echo/ask": () =>
          Effect.flatMap(TaskContext.TaskContext, ({ call }) => call("question", "echo/say", { value: "asked" }))
      }
    })
  )
  return Gleitzeit.layer({ owner: "us", ...options }).pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(Echo),
    Layer.provide(Providers.layer),
    Layer.provideMerge(store)
  )
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
    method: "echo/say",
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

/** Runs to the end while time passes. */
const run = Effect.gen(function* () {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const fiber = yield* Effect.forkChild(gleitzeit.run(chain), { startImmediately: true })
  for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
  return yield* Fiber.join(fiber)
})

describe("a commit", () => {
  for (let commit = 1; commit <= 6; commit++) {
    it.effect(`that fails (number ${commit}) is made again, and nothing is written twice`, () => {
      const calls: Array<string> = []
      return Effect.gen(function* () {
        const report = yield* run
        assert.strictEqual(report.status, "completed")
        assert.strictEqual(report.tasks["t4"]?.result, "01234")
        assert.deepStrictEqual(yield* kinds(report.run), whole)
        assert.lengthOf(calls, 5)
      }).pipe(Effect.provide(engine(FlakyStore.at({ [commit]: { _tag: "Fail" } }), calls)))
    })

    it.effect(`that is written and reported as failed (number ${commit}) counts as written`, () =>
      Effect.gen(function* () {
        const report = yield* run
        assert.strictEqual(report.status, "completed")
        assert.deepStrictEqual(yield* kinds(report.run), whole)
      }).pipe(Effect.provide(engine(FlakyStore.at({ [commit]: { _tag: "Tear" } }))))
    )

    it.effect(`that is written and reported as failed for good (number ${commit}) counts as written`, () =>
      Effect.gen(function* () {
        const report = yield* run
        assert.deepStrictEqual(yield* kinds(report.run), whole)
      }).pipe(Effect.provide(engine(FlakyStore.at({ [commit]: { _tag: "Tear", retryable: false } }))))
    )
  }

  it.effect("that fails for good stops the run without losing it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(chain)
      const error = yield* Effect.flip(gleitzeit.wait(id))
      assert.strictEqual(error.name, "PERSISTENCE_FAILED")
      assert.strictEqual((yield* gleitzeit.get(id)).status, "running")
    }).pipe(Effect.provide(engine(FlakyStore.at({ 3: { _tag: "Fail", retryable: false } }))))
  )

  it.effect("that fails for good leaves a run that resume finishes", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const id = yield* gleitzeit.submit(chain)
      yield* Effect.flip(gleitzeit.wait(id))
      yield* gleitzeit.resume(id)
      const report = yield* gleitzeit.wait(id)
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(report.tasks["t4"]?.result, "01234")
    }).pipe(Effect.provide(engine(FlakyStore.at({ 3: { _tag: "Fail", retryable: false } }))))
  )
})

/** Lets seconds pass until the effect is done. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < 60 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
    assert.isDefined(fiber.pollUnsafe(), "it hangs")
    return yield* Fiber.join(fiber)
  })

/** Slow tasks, each its own value. */
const waits = (...tasks: ReadonlyArray<readonly [value: string, wait: number]>) =>
  workflow(tasks.map(([value, wait]) => ({ id: value, method: "echo/say", params: { value, wait } })))

describe("after a commit that failed for good", () => {
  it.effect("the slots are free again", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      yield* Effect.flip(inTime(gleitzeit.run(waits(["a", 100], ["b", 100]))))
      const report = yield* inTime(gleitzeit.run(chain))
      assert.strictEqual(report.status, "completed")
    }).pipe(Effect.provide(engine(FlakyStore.at({ 2: { _tag: "Fail", retryable: false } }), [], { slots: 1 })))
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
          { id: "none", method: "echo/say", foreach: [], params: { value: 1 } },
          { id: "slow", method: "echo/say", params: { value: "s", wait: 60_000 } }
        ])
      )
      yield* TestClock.adjust("100 millis")
      yield* inTime(gleitzeit.cancel(id))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* kinds(id), ["RunCreated", "CancelRequested", "TaskExpanded", "RunCancelled"])
    }).pipe(Effect.provide(engine(FlakyStore.at({ 2: { _tag: "Delay", millis: 3000 } }))))
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
    const calls: Array<string> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const asks = { id: "a", method: "echo/ask", params: {}, timeout: 1, retry: { max_attempts: 2, delay: 1 } }
      const report = yield* inTime(gleitzeit.run(workflow([asks])))
      assert.strictEqual(report.tasks["a"]?.attempts, 2)
      assert.strictEqual(report.tasks["a"]?.result, "asked")
      assert.deepStrictEqual(calls, ["asked"])
    }).pipe(Effect.provide(engine(FlakyStore.at({ 2: { _tag: "Delay", millis: 3000 } }), calls)))
  })
})

describe("somebody else", () => {
  const slow = workflow([
    { id: "slow", method: "echo/say", params: { value: "s", wait: 60_000 } },
    { id: "quick", method: "echo/say", params: { value: "q", wait: 1000 } },
    { id: "after", method: "echo/say", params: { value: "${quick}" } }
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
      const report = yield* gleitzeit.wait(id)
      assert.strictEqual(report.status, "cancelled")
      assert.strictEqual(report.tasks["after"]?.status, "completed")
      assert.strictEqual(report.tasks["slow"]?.status, "cancelled")
    }).pipe(Effect.provide(engine(() => undefined)))
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
      const report = yield* gleitzeit.wait(id)
      assert.strictEqual(report.status, "cancelled")
      yield* kinds(id)
    }).pipe(Effect.provide(engine(() => undefined)))
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
    }).pipe(Effect.provide(engine(() => undefined)))
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
    }).pipe(Effect.provide(engine(() => undefined)))
  )
})
