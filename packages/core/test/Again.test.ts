import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { Leases } from "../src/Leases.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import { engine, inTime, orphan, type Script, told, workflow } from "./harness.ts"

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })
const running = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 20) => inTime(effect, seconds)
const no = (retryable = false) => Effect.fail(new TaskExecutionFailed({ reason: "no", retryable }))
/** The first time something else. */
const first = (then: Script, after: Script = (value) => Effect.succeed(value ?? null)): Script => {
  let n = 0
  return (value, context) => Effect.suspend(() => (n++ === 0 ? then(value, context) : after(value, context)))
}

describe("a retry", () => {
  it.effect("of a run that timed out has its time again", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* running(
        gleitzeit.run(
          workflow("{ name: x, timeout: 10s, tasks: [{ id: a, method: test/run, params: { script: s } }] }")
        )
      )
      yield* gleitzeit.retry(run)
      assert.strictEqual((yield* running(gleitzeit.wait(run))).status, "completed")
    }).pipe(
      Effect.provide(
        engine({
          s: first(
            () => Effect.never,
            () => Effect.as(Effect.sleep("8 seconds"), 1)
          )
        })
      )
    )
  )

  it.effect("evaluates the list of a failed fan again when what it comes from is run again", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, status } = yield* gleitzeit.run(
        workflow(
          '{ name: x, tasks: [{ id: a, method: test/run, params: { script: list } }, { id: w, method: test/run, foreach: "${a}", params: { script: two, value: "${item}" } }], outputs: { w: "${w}" } }'
        )
      )
      assert.strictEqual(status, "failed")
      yield* gleitzeit.retry(run, { task: "a", force: true })
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { w: [5, 6, 7] })
    }).pipe(
      Effect.provide(
        engine({
          list: first(
            () => Effect.succeed([1, 2]),
            () => Effect.succeed([5, 6, 7])
          ),
          two: (value) => (value === 2 ? no() : Effect.succeed(value ?? null))
        })
      )
    )
  )

  const cancelRetry = (text: string, scripts: Parameters<typeof engine>[0]) =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(workflow(text))
      yield* pass(2)
      yield* running(gleitzeit.cancel(run))
      yield* gleitzeit.retry(run)
      return yield* running(told(gleitzeit.wait(run)), 7300)
    }).pipe(Effect.provide(engine(scripts)))

  it.effect("of a cancelled run runs what waited for its next attempt in a nested workflow", () =>
    Effect.gen(function* () {
      const over = yield* cancelRetry(
        `
name: x
tasks:
  - id: sub
    workflow:
      tasks: [{ id: b, method: test/run, params: { script: s }, retry: { max_attempts: 5, delay: 1h } }]
      outputs: { b: done }
`,
        { s: first(() => no(true)) }
      )
      assert.strictEqual(over.status, "completed")
    })
  )

  it.effect("of a cancelled run allows a loop all its attempts again", () =>
    Effect.gen(function* () {
      const over = yield* cancelRetry(
        `
name: x
tasks:
  - { id: l, method: test/run, repeat: { until: iteration == 1, max: 2 }, params: { script: s }, retry: { max_attempts: 2, delay: 1h, jitter: false } }
`,
        {
          s: first(
            () => no(true),
            first(() => no(true))
          )
        }
      )
      assert.strictEqual(over.status, "completed")
    })
  )

  it.effect("of a cancelled run goes on with an item's loop at the iteration that was under way", () => {
    const calls: Array<unknown> = []
    let held = false
    return Effect.gen(function* () {
      const over = yield* cancelRetry(
        `
name: x
tasks:
  - { id: l, method: test/run, foreach: [x], repeat: { until: iteration == 3, max: 3 }, params: { script: s, value: "\${iteration}" } }
`,
        {
          s: (value) =>
            Effect.suspend(() => {
              calls.push(value)
              if (value !== 2 || held) return Effect.succeed(value ?? null)
              held = true
              return Effect.never
            })
        }
      )
      assert.strictEqual(over.status, "completed")
      assert.deepStrictEqual(calls, [1, 2, 2, 3])
    })
  })

  it.effect("by force calls the task again, also in a fork", () => {
    const calls: Array<unknown> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow("{ name: x, tasks: [{ id: a, method: test/run, params: { script: s } }] }")
      )
      const fork = yield* gleitzeit.fork(run)
      yield* gleitzeit.wait(fork)
      yield* gleitzeit.retry(fork, { task: "a", force: true })
      yield* gleitzeit.wait(fork)
      assert.lengthOf(calls, 2)
    }).pipe(Effect.provide(engine({ s: () => Effect.sync(() => calls.push(1)) })))
  })
})

describe("what follows a task that is run again", () => {
  it.effect("makes its calls again, also where it had failed", () => {
    let broken = true
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow(
          '{ name: x, tasks: [{ id: a, method: test/run, params: { script: count } }, { id: b, method: test/run, params: { script: calls, value: "${a}" } }], outputs: { b: "${b}" } }'
        )
      )
      broken = false
      yield* gleitzeit.retry(run, { task: "a", force: true })
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { b: [2, 2] })
    }).pipe(
      Effect.provide(
        engine({
          count: first(
            () => Effect.succeed(1),
            () => Effect.succeed(2)
          ),
          calls: (value, { call }) =>
            Effect.gen(function* () {
              const echoed = yield* call("echo", "test/run", { value: value ?? null })
              return broken
                ? yield* new TaskExecutionFailed({ reason: "no", retryable: false })
                : [value ?? null, echoed]
            })
        })
      )
    )
  })
})

describe("a step", () => {
  it.effect("begins an attempt whose time has come", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(
        workflow(
          "{ name: x, tasks: [{ id: a, method: test/run, params: { script: s }, retry: { max_attempts: 2, delay: 10, jitter: false } }] }"
        )
      )
      yield* pass(2)
      yield* running(gleitzeit.pause(run))
      yield* pass(30)
      yield* gleitzeit.step(run)
      assert.strictEqual((yield* running(gleitzeit.wait(run))).status, "completed")
    }).pipe(Effect.provide(engine({ s: first(() => no(true)) })))
  )
})

describe("a budget", () => {
  const agent: Script = (_, { call, suspend }) =>
    Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* call(`c${i}`, "test/run", { value: i })
      yield* suspend("q", { kind: "input" })
      for (let i = 3; i < 6; i++) yield* call(`c${i}`, "test/run", { value: i })
      return 1
    })
  it.effect("of a task counts the calls that its handler made before it asked", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow("{ name: x, tasks: [{ id: a, method: test/run, params: { script: agent }, budget: { calls: 5 } }] }")
      )
      yield* gleitzeit.respond(run, "a/q", 1)
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "failed")
    }).pipe(Effect.provide(engine({ agent })))
  )
  it.effect("shows the same usage to who waits and to who looks", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* gleitzeit.run(
        workflow("{ name: x, budget: { calls: 2 }, tasks: [{ id: a, method: test/run, params: { script: agent } }] }")
      )
      assert.strictEqual(rested.status, "waiting")
      assert.deepStrictEqual((yield* gleitzeit.get(rested.run)).usage, rested.usage)
    }).pipe(Effect.provide(engine({ agent })))
  )
})

describe("a process that recovers", () => {
  const secret = "inputs: { token: { type: string, secret: true } }\ntasks: [{ id: a, method: test/run }]"
  const world = Effect.map(Layer.build(MemoryStore.layer), (context) => Layer.succeedContext(context))
  it.effect("looks for runs now and then, also when there is one that it cannot take", () =>
    Effect.gen(function* () {
      let takes = 0
      const store = yield* world
      const counting = Layer.effect(
        Leases,
        Effect.map(Leases, (leases) =>
          Leases.of({ ...leases, take: (...all) => Effect.suspend(() => (takes++, leases.take(...all))) })
        )
      ).pipe(Layer.provideMerge(store))
      yield* Effect.provide(orphan("left", secret), store)
      yield* Layer.build(Layer.fresh(engine({}, { store: counting, recover: true })))
      for (let i = 0; i < 5; i++) yield* TestClock.adjust("100 millis")
      assert.isBelow(takes, 10)
    })
  )
  it.effect("takes what it can, however many others there are", () =>
    Effect.gen(function* () {
      const store = yield* world
      for (let i = 0; i < 40; i++) yield* Effect.provide(orphan(`a${i}`, secret), store)
      yield* Effect.provide(orphan("z", "tasks: [{ id: a, method: test/run }]"), store)
      const gleitzeit = yield* Effect.map(
        Layer.build(Layer.fresh(engine({}, { store, recover: true }))),
        Context.get(Gleitzeit)
      )
      for (let i = 0; i < 40; i++) yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* gleitzeit.get("z")).status, "completed")
    })
  )
})
