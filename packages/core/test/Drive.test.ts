/** One run on its way: what a former driver left behind, handlers that do not stop, slots. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ProviderOverloaded, TaskCancelled, TaskExecutionFailed } from "../src/Errors.ts"
import type { Event } from "../src/Event.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { engine, orphan, type Script, told, workflow } from "./harness.ts"

const fails: Script = () => Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: false }))

const failed = (task: string): Event => ({
  _tag: "TaskFailed",
  v: 1,
  at: 2,
  task,
  started: 1,
  duration: 1,
  attempt: 1,
  error: { code: -29002, name: "TASK_EXECUTION_FAILED", message: "no", retryable: false }
})

const resumed = (run: string) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit
    yield* gleitzeit.resume(run)
    return yield* told(gleitzeit.wait(run))
  })

const kinds = (run: string) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit
    const events = yield* Stream.runCollect(gleitzeit.events(run))
    return events.map(({ event }) => ("task" in event ? `${event._tag} ${event.task}` : event._tag))
  })

const quick = workflow("name: quick\ntasks: [{ id: a, method: test/run, params: { value: 1 } }]")

describe("a resumed run", () => {
  it.effect("runs what a skipped task would have waited for", () =>
    Effect.gen(function* () {
      const tasks = `tasks:
  - { id: bad, method: test/run }
  - { id: other, method: test/run, params: { value: 1 } }
  - { id: both, method: test/run, dependencies: [bad, other] }`
      yield* orphan("left", tasks, [
        failed("bad"),
        { _tag: "TaskSkipped", v: 1, at: 2, task: "both", because: "failed", of: "bad" }
      ])
      const report = yield* resumed("left")
      assert.strictEqual(report.status, "failed")
      assert.strictEqual(report.tasks["other"]?.status, "completed")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("begins nothing after a failure that ends all", () =>
    Effect.gen(function* () {
      const tasks = "fail_fast: true\ntasks: [{ id: bad, method: test/run }, { id: other, method: test/run }]"
      yield* orphan("left", tasks, [failed("bad")])
      const report = yield* resumed("left")
      assert.strictEqual(report.status, "failed")
      assert.include(report.error?.message ?? "", `task "bad" failed`)
      assert.strictEqual(report.tasks["other"]?.status, "cancelled")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("does not run again what its handler has called cancelled, alone or as an item", () => {
    let calls = 0
    const cancels: Script = (_, { task }) =>
      Effect.suspend(() => {
        calls++
        return Effect.fail(new TaskCancelled({ task }))
      })
    const tasks = `tasks:
  - { id: alone, method: test/run, params: { script: cancels } }
  - { id: items, method: test/run, foreach: [1], params: { script: cancels } }
  - { id: last, method: test/run }`
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const whole = yield* told(gleitzeit.run(workflow(`name: whole\n${tasks}`)))
      assert.strictEqual(calls, 2)
      const events = yield* Stream.runCollect(gleitzeit.events(whole.run))
      const outcomes = events.map(({ event }) => event).filter(({ _tag }) => _tag === "TaskFailed")
      assert.lengthOf(outcomes, 3)
      const items: Event = { _tag: "TaskExpanded", v: 1, at: 1, task: "items", items: [1] }
      yield* orphan("left", tasks, [items, ...outcomes.filter((event) => "task" in event && event.task !== "items")])
      const report = yield* resumed("left")
      assert.strictEqual(calls, 2)
      assert.strictEqual(report.tasks["items"]?.error?.name, "ITEMS_FAILED")
      assert.strictEqual(report.tasks["last"]?.status, "completed")
    }).pipe(Effect.provide(engine({ cancels })))
  })

  it.effect("names its failures in document order, whichever came first", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const tasks = `tasks:
  - { id: a, method: test/run, params: { script: later } }
  - { id: b, method: test/run, params: { script: fails } }`
      const running = yield* Effect.forkChild(gleitzeit.run(workflow(`name: whole\n${tasks}`)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      yield* orphan("left", tasks, [failed("b"), failed("a")])
      const [whole, left] = [yield* Fiber.join(running), yield* resumed("left")]
      assert.deepStrictEqual(whole.error, left.error)
      assert.deepStrictEqual(left.error?.data, { tasks: ["a", "b"] })
      assert.include(left.error?.message ?? "", `task "a" failed: no (and 1 more)`)
    }).pipe(Effect.provide(engine({ fails, later: (value, context) => Effect.delay(fails(value, context), 500) })))
  )
})

describe("a `foreach`", () => {
  it.effect("ends when an item fails while another, whose delay is over, waits for its turn", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const fiber = yield* Effect.forkChild(
        gleitzeit.run(
          workflow(`
name: turns
tasks:
  - id: work
    method: test/run
    foreach: [busy, slow]
    concurrency: 1
    params: { script: "\${item}" }
    retry: { max_attempts: 2, delay: 1, jitter: false, on: [PROVIDER_OVERLOADED] }
`)
        ),
        { startImmediately: true }
      )
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* told(Fiber.join(fiber))).tasks["work"]?.error?.name, "ITEMS_FAILED")
    }).pipe(
      Effect.provide(
        engine({
          busy: () => Effect.fail(new ProviderOverloaded({ provider: "test", reason: "busy" })),
          slow: (value, context) => Effect.delay(fails(value, context), 3000)
        })
      )
    )
  )
})

describe("a handler that ignores its interruption", () => {
  /** Goes on for 30 s, then asks for more and says so. */
  const deaf: Script = (_, { call, emit }) =>
    Effect.uninterruptible(
      Effect.gen(function* () {
        yield* Effect.sleep(30_000)
        yield* emit({ _tag: "Text", text: "late" })
        return yield* call("late", "test/run", { script: "count" })
      })
    )
  const document = workflow("name: deaf\ntasks: [{ id: a, method: test/run, params: { script: deaf } }]")

  it.effect("is left behind after 5 s: its slot is free, and what it says and asks is not heard", () => {
    let calls = 0
    let under = 0
    let most = 0
    const busy: Script = () =>
      Effect.gen(function* () {
        most = Math.max(most, ++under)
        yield* Effect.sleep(2000)
        return --under
      })
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(document)
      yield* TestClock.adjust("1 second")
      const cancelling = yield* Effect.forkChild(gleitzeit.cancel(run), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(cancelling.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(cancelling)
      const next = yield* Effect.forkChild(gleitzeit.run(quick), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(next)).status, "completed")
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(calls, 0)
      assert.deepStrictEqual(yield* kinds(run), ["RunCreated", "CancelRequested", "RunCancelled"])
      // the slot was given back once, not again when the handler had ended
      const two = workflow("name: two\ntasks: [{ id: w, method: test/run, foreach: [1, 2], params: { script: busy } }]")
      const both = yield* Effect.forkChild(gleitzeit.run(two), { startImmediately: true })
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(both)
      assert.strictEqual(most, 1)
    }).pipe(Effect.provide(engine({ deaf, busy, count: () => Effect.sync(() => ++calls) }, { slots: 1 })))
  })

  it.effect("gives its slot back after its run was interrupted", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const fiber = yield* Effect.forkChild(gleitzeit.run(document), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(stopping)
      const next = yield* Effect.forkChild(gleitzeit.run(quick), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(next)).status, "completed")
    }).pipe(Effect.provide(engine({ deaf }, { slots: 1 })))
  )
})

describe("a run of many tasks", () => {
  const many = 10_000
  const chain = (first: object) => {
    const next = (i: number) => (i === 0 ? first : { params: { value: `\${t${i - 1}}` } })
    const tasks = Array.from({ length: many }, (_, i) => ({ id: `t${i}`, method: "test/run", ...next(i) }))
    return WorkflowFile.fromValue({ name: "chain", tasks }).workflow
  }

  it.live("in a row, or skipped one after the other, does not fill the stack", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const last = (first: object) =>
        Effect.gen(function* () {
          const document = chain(first)
          assert.isDefined(document)
          return (yield* told(gleitzeit.run(document))).tasks[`t${many - 1}`]
        })
      assert.strictEqual((yield* last({ params: { value: 1 } }))?.result, 1)
      assert.strictEqual((yield* last({ if: "1 > 2" }))?.skipped_because, `"t${many - 2}" has no value`)
      assert.strictEqual((yield* last({ params: { script: "fails" } }))?.skipped_because, `"t0" failed`)
    }).pipe(Effect.provide(engine({ fails })))
  )
})

describe("a task that waits for its provider", () => {
  it.effect("holds no slot of the process: others go on", () => {
    let under = 0
    let most = 0
    const slow: Script = () =>
      Effect.acquireUseRelease(
        Effect.sync(() => (most = Math.max(most, ++under))),
        () => Effect.as(Effect.sleep("1 second"), null),
        () => Effect.sync(() => under--)
      )
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const tasks = Array.from(
        { length: 5 },
        (_, i) => `  - { id: t${i}, method: test/run, params: { script: slow } }\n`
      )
      const many = yield* Effect.forkChild(gleitzeit.run(workflow(`name: many\ntasks:\n${tasks.join("")}`)), {
        startImmediately: true
      })
      const other = yield* Effect.forkChild(
        gleitzeit.run(workflow("name: other\ntasks: [{ id: a, method: data/value, params: {} }]")),
        { startImmediately: true }
      )
      for (let i = 0; i < 5; i++) yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* Fiber.join(other)).status, "completed")
      for (let i = 0; i < 12; i++) yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(many)).status, "completed")
      assert.strictEqual(most, 1)
    }).pipe(Effect.provide(engine({ slow }, { slots: 2, concurrency: 1 })))
  })
})
