import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ProviderOverloaded, TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

const fails: Script = (value) =>
  Effect.fail(new TaskExecutionFailed({ reason: `no: ${String(value)}`, retryable: false }))

/** Returns odd numbers and fails for even ones. */
const odd: Script = (value, context) =>
  Number(value) % 2 === 0 ? fails(value, context) : Effect.succeed(value ?? null)

const run = (text: string, options?: Parameters<Gleitzeit["Service"]["run"]>[1]) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) => told(gleitzeit.run(workflow(text), options)))

const statuses = (tasks: { readonly [id: string]: { readonly status: string } }) =>
  Object.fromEntries(Object.entries(tasks).map(([id, { status }]) => [id, status]))

describe("a run", () => {
  it.effect("chains results through references and gives outputs", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: chain
inputs: { n: { type: integer, default: 3 } }
tasks:
  - { id: a, method: test/run, params: { value: { list: [1, "\${inputs.n}"], text: "n=\${inputs.n}" } } }
  - { id: b, method: test/run, params: { value: "\${a.list}" } }
  - { id: c, method: test/run, params: { value: "\${b[1]} of \${a.list}" } }
outputs: { last: "\${c}", list: "\${b}" }
`)
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(report.outputs, { last: "3 of [1,3]", list: [1, 3] })
      assert.deepStrictEqual(report.progress, { completed: 3, total: 3 })
    }).pipe(Effect.provide(engine()))
  )

  it.effect("skips what depends on a failure and finishes the rest", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: failure
tasks:
  - { id: bad, method: test/run, params: { script: fails, value: 1 } }
  - { id: after, method: test/run, params: { value: "\${bad}" } }
  - { id: far, method: test/run, dependencies: [after] }
  - { id: other, method: test/run, params: { value: 7 } }
outputs: { other: "\${other}", after: "\${after}" }
`)
      assert.strictEqual(report.status, "failed")
      assert.deepStrictEqual(statuses(report.tasks), {
        bad: "failed",
        after: "skipped",
        far: "skipped",
        other: "completed"
      })
      assert.include(report.error?.message ?? "", `task "bad" failed: no: 1`)
      assert.deepStrictEqual(report.outputs, { other: 7 })
      assert.lengthOf(report.warnings, 1)
      assert.strictEqual(report.tasks["after"]?.skipped_because, `"bad" failed`)
    }).pipe(Effect.provide(engine({ fails })))
  )

  it.effect("goes on after a failure that may be", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: continue
tasks:
  - { id: bad, method: test/run, params: { script: fails }, on_error: continue }
  - { id: after, method: test/run, dependencies: [bad], params: { value: ran } }
  - { id: uses, method: test/run, params: { value: "\${bad}" } }
  - { id: falls, method: test/run, params: { value: "\${bad ?? 'instead'}" } }
  - { id: error, method: test/run, params: { value: "\${bad.error.name}" } }
`)
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(statuses(report.tasks), {
        bad: "failed",
        after: "completed",
        uses: "skipped",
        falls: "completed",
        error: "completed"
      })
      assert.strictEqual(report.tasks["falls"]?.result, "instead")
      assert.strictEqual(report.tasks["error"]?.result, "TASK_EXECUTION_FAILED")
    }).pipe(Effect.provide(engine({ fails })))
  )

  it.effect("skips a task whose condition is false, and what needs its value", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: conditions
tasks:
  - { id: n, method: test/run, params: { value: { words: 5 } } }
  - { id: long, method: test/run, if: n.words > 10, params: { value: long } }
  - { id: short, method: test/run, if: n.words <= 10, params: { value: short } }
  - { id: uses, method: test/run, params: { value: "\${long}" } }
  - { id: either, method: test/run, params: { value: "\${long ?? short}" } }
outputs: { either: "\${either}" }
`)
      assert.deepStrictEqual(statuses(report.tasks), {
        n: "completed",
        long: "skipped",
        short: "completed",
        uses: "skipped",
        either: "completed"
      })
      assert.deepStrictEqual(report.outputs, { either: "short" })
      assert.strictEqual(report.status, "completed")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("fails a task whose condition cannot be evaluated", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: closed
tasks:
  - { id: n, method: test/run, params: { value: { words: 5 } } }
  - { id: t, method: test/run, if: "n.words", params: { value: 1 } }
`)
      assert.strictEqual(report.tasks["t"]?.status, "failed")
      assert.strictEqual(report.tasks["t"]?.error?.name, "TASK_CONDITION_FAILED")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("tries a retryable failure again after its delay, without a slot", () => {
    let calls = 0
    const flaky: Script = () =>
      Effect.suspend(() =>
        ++calls < 3 ? Effect.fail(new TaskExecutionFailed({ reason: "busy", retryable: true })) : Effect.succeed("done")
      )
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        run(`
name: retry
max_concurrency: 1
tasks:
  - { id: flaky, method: test/run, params: { script: flaky }, retry: { max_attempts: 3, delay: 60s, backoff: fixed, jitter: false } }
  - { id: other, method: test/run, params: { value: 1 } }
`),
        { startImmediately: true }
      )
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(calls, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(calls, 2)
      yield* TestClock.adjust("60 seconds")
      const report = yield* Fiber.join(fiber)
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(report.tasks["flaky"]?.attempts, 3)
      assert.strictEqual(report.tasks["flaky"]?.result, "done")
    }).pipe(Effect.provide(engine({ flaky }, { slots: 1 })))
  })

  it.effect("makes a call that writes once", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: writes
tasks:
  - { id: w, method: test/write, params: { script: busy } }
`)
      assert.strictEqual(report.tasks["w"]?.attempts, 1)
      assert.strictEqual(report.tasks["w"]?.status, "failed")
    }).pipe(
      Effect.provide(engine({ busy: () => Effect.fail(new TaskExecutionFailed({ reason: "busy", retryable: true })) }))
    )
  )

  it.effect("interrupts an attempt at its timeout", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        run(`
name: timeout
tasks:
  - { id: slow, method: test/write, params: { script: never }, timeout: 5 }
`),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      const report = yield* Fiber.join(fiber)
      assert.strictEqual(report.tasks["slow"]?.error?.name, "TASK_TIMEOUT")
      assert.strictEqual(report.tasks["slow"]?.error?.code, -29003)
    }).pipe(Effect.provide(engine({ never: () => Effect.never })))
  )

  it.effect("ends at the workflow's timeout", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        run(`
name: timeout
timeout: 5
tasks:
  - { id: slow, method: test/write, params: { script: never } }
  - { id: after, method: test/run, dependencies: [slow] }
`),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      const report = yield* Fiber.join(fiber)
      assert.strictEqual(report.status, "failed")
      assert.strictEqual(report.error?.name, "WORKFLOW_TIMEOUT")
      assert.deepStrictEqual(statuses(report.tasks), { slow: "cancelled", after: "cancelled" })
    }).pipe(Effect.provide(engine({ never: () => Effect.never })))
  )

  it.effect("never has more tasks under way than it may", () => {
    let now = 0
    let most = 0
    const busy: Script = () =>
      Effect.gen(function* () {
        most = Math.max(most, ++now)
        yield* Effect.yieldNow
        now--
        return null
      })
    return Effect.gen(function* () {
      const tasks = Array.from(
        { length: 40 },
        (_, i) => `  - { id: t${i}, method: test/run, params: { script: busy } }`
      )
      const report = yield* run(`name: limit\nmax_concurrency: 3\ntasks:\n${tasks.join("\n")}`)
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(most, 3)
    }).pipe(Effect.provide(engine({ busy })))
  })

  it.effect("fails fast when told to", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: fast
fail_fast: true
tasks:
  - { id: slow, method: test/run, params: { script: never } }
  - { id: bad, method: test/run, params: { script: fails } }
`)
      assert.strictEqual(report.status, "failed")
      assert.deepStrictEqual(statuses(report.tasks), { slow: "cancelled", bad: "failed" })
    }).pipe(Effect.provide(engine({ fails, never: () => Effect.never })))
  )

  it.effect("refuses inputs that do not fit, all of them", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        run(
          `
name: inputs
inputs: { n: { type: integer }, s: { type: string } }
tasks: [{ id: a, method: test/run }]
`,
          { inputs: { n: "x", t: 1 } }
        )
      )
      assert.strictEqual(error.name, "INVALID_INPUTS")
      assert.include(error.message, `no input "t"`)
      assert.include(error.message, `"s" is required`)
      assert.include(error.message, `"n"`)
    }).pipe(Effect.provide(engine()))
  )
})

describe("foreach", () => {
  it.effect("runs once an item, gathers results in order", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: fan
inputs: { files: { type: array, default: [a, b, c] } }
tasks:
  - { id: work, method: test/run, foreach: "\${inputs.files}", params: { value: { name: "\${item}", at: "\${index}" } } }
  - { id: all, method: test/run, params: { value: "\${work.name}" } }
  - { id: one, method: test/run, params: { value: "\${work[1].at}" } }
outputs: { all: "\${all}", one: "\${one}", work: "\${work}" }
`)
      assert.deepStrictEqual(report.outputs, {
        all: ["a", "b", "c"],
        one: 1,
        work: [
          { name: "a", at: 0 },
          { name: "b", at: 1 },
          { name: "c", at: 2 }
        ]
      })
      assert.strictEqual(report.tasks["work[2]"]?.status, "completed")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("of nothing is completed with nothing", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: empty
tasks:
  - { id: work, method: test/run, foreach: [], params: { value: "\${item}" } }
  - { id: after, method: test/run, params: { value: "\${work}" } }
`)
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(report.tasks["after"]?.result, [])
    }).pipe(Effect.provide(engine()))
  )

  it.effect("leaves failed items out when it may go on", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: partial
tasks:
  - { id: work, method: test/run, foreach: [1, 2, 3], on_error: continue, params: { script: odd, value: "\${item}" } }
  - { id: failures, method: test/run, params: { value: "\${work.failures}" } }
outputs: { work: "\${work}" }
`)
      assert.deepStrictEqual(report.outputs, { work: [1, 3] })
      assert.strictEqual(report.status, "completed")
      const error = { code: -29002, name: "TASK_EXECUTION_FAILED", message: "no: 2" }
      assert.deepStrictEqual(report.tasks["failures"]?.result, [{ index: 1, error }])
    }).pipe(Effect.provide(engine({ odd })))
  )

  it.effect("stops at the first failure and names the items", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: stop
tasks:
  - { id: work, method: test/run, foreach: [1, 2, 3, 4], concurrency: 1, params: { script: odd, value: "\${item}" } }
`)
      assert.strictEqual(report.status, "failed")
      assert.strictEqual(report.tasks["work"]?.error?.name, "ITEMS_FAILED")
      assert.deepStrictEqual(report.tasks["work"]?.error?.data, { items: [{ index: 1, message: "no: 2" }] })
      assert.isUndefined(report.tasks["work[2]"]?.result)
    }).pipe(Effect.provide(engine({ odd })))
  )

  it.effect("ends at once when an item fails for good while another waits for its next attempt", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: waiting
tasks:
  - id: work
    method: test/run
    foreach: [later, never]
    params: { script: "\${item}" }
    retry: { max_attempts: 2, delay: 1h, on: [PROVIDER_OVERLOADED] }
`)
      assert.strictEqual(report.status, "failed")
      assert.strictEqual(report.tasks["work"]?.error?.name, "ITEMS_FAILED")
    }).pipe(
      Effect.provide(
        engine({
          later: () => Effect.fail(new ProviderOverloaded({ provider: "test", reason: "busy" })),
          never: fails
        })
      )
    )
  )

  it.effect("judges a condition that names the item for each", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: items
tasks:
  - { id: work, method: test/run, foreach: [1, 2, 3], if: item > 1, params: { value: "\${item}" } }
outputs: { work: "\${work}" }
`)
      assert.deepStrictEqual(report.outputs, { work: [2, 3] })
      assert.strictEqual(report.tasks["work[0]"]?.status, "skipped")
    }).pipe(Effect.provide(engine()))
  )
})

describe("a provider of one attempt at once", () => {
  it.effect("serves the calls of its own handlers", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: nested
tasks:
  - { id: outer, method: test/run, params: { script: asks } }
`)
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(report.tasks["outer"]?.result, ["inner", "inner"])
    }).pipe(
      Effect.provide(
        engine(
          {
            asks: (_, { call }) =>
              Effect.gen(function* () {
                const first = yield* call("a", "test/run", { value: "inner" })
                return [first, yield* call("b", "test/run", { value: "inner" })]
              })
          },
          { concurrency: 1 }
        )
      )
    )
  )
})

describe("steering", () => {
  it.effect("cancel interrupts handlers and is recorded", () => {
    let interrupted = false
    const never: Script = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* gleitzeit.submit(
        workflow(`
name: cancel
tasks:
  - { id: slow, method: test/run, params: { script: never } }
  - { id: after, method: test/run, dependencies: [slow] }
`)
      )
      const cancelling = yield* Effect.forkChild(gleitzeit.cancel(id, "a test"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(cancelling)
      const report = yield* gleitzeit.get(id)
      assert.strictEqual(report.status, "cancelled")
      assert.isTrue(interrupted)
      const again = yield* Effect.flip(gleitzeit.cancel(id))
      assert.strictEqual(again.name, "WORKFLOW_INVALID_STATE")
    }).pipe(Effect.provide(engine({ never })))
  })

  it.effect("a watcher sees every event once and in order, and chunks before their attempt's end", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* gleitzeit.submit(
        workflow(`
name: watch
tasks:
  - { id: a, method: test/run, params: { script: talk } }
  - { id: b, method: test/run, params: { value: "\${a}" } }
`)
      )
      const seen = yield* Stream.runCollect(gleitzeit.watch(id))
      const events = seen.flatMap((live) => (live._tag === "Event" ? [live] : []))
      assert.deepStrictEqual(
        events.map(({ sequence }) => sequence),
        [1, 2, 3, 4]
      )
      assert.strictEqual(events.at(-1)?.event._tag, "RunCompleted")
      const order = seen.map((live) =>
        live._tag === "Event"
          ? `${live.event._tag} ${"task" in live.event ? live.event.task : ""}`
          : `${live._tag} ${live.task}`
      )
      assert.isBelow(order.indexOf("TaskCompleted a"), order.indexOf("Started b"), order.join(", "))
    }).pipe(
      Effect.provide(
        engine({
          talk: (_, context) =>
            Effect.as(Effect.andThen(context.emit({ _tag: "Text", text: "hello" }), Effect.yieldNow), "said")
        })
      )
    )
  )
})

describe("secrets", () => {
  it.effect("reach the handler and nothing else", () => {
    let got: unknown
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* run(`
name: secret
secrets: [KEY]
tasks:
  - { id: a, method: test/run, params: { script: keep, value: { auth: "Bearer \${secrets.KEY}", whole: "\${secrets.KEY}" } } }
`)
      assert.deepStrictEqual(got, { auth: "Bearer hunter2hunter2", whole: "hunter2hunter2" })
      assert.deepStrictEqual(report.tasks["a"]?.result, { auth: "Bearer ***", whole: "***" })
      const events = yield* Stream.runCollect(gleitzeit.events(report.run))
      assert.notInclude(JSON.stringify(events), "hunter2")
      assert.isTrue(events.some(({ event }) => event._tag === "TaskCompleted" && event.masked === true))
    }).pipe(
      Effect.provide(
        engine(
          { keep: (value) => Effect.sync(() => ((got = value), value ?? null)) },
          { secrets: { KEY: "hunter2hunter2" } }
        )
      )
    )
  })
})
