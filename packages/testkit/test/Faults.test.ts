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
    })
  }
})

const engine = (plan: FlakyStore.Plan, calls: Array<string> = []) => {
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
          )
      }
    })
  )
  return Gleitzeit.layer({ owner: "us" }).pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(Echo),
    Layer.provide(Providers.layer),
    Layer.provideMerge(FlakyStore.layer(plan, MemoryStore.layer))
  )
}

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
