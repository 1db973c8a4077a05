import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import * as FailureData from "../src/Failure.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

/** Asks, and gives what it was told. */
const ask: Script = (value, { suspend }) =>
  suspend("", { kind: "input", prompt: String(value), schema: { type: "string" } })

/** Calls, asks, calls again. */
const twice =
  (counts: Array<string>): Script =>
  (_, { call, suspend }) =>
    Effect.gen(function* () {
      counts.push("begun")
      const before = yield* call("before", "test/run", { script: "count", value: "before" })
      const answer = yield* suspend("middle", { kind: "input" })
      const after = yield* call("after", "test/run", { script: "count", value: "after" })
      return [before, answer, after]
    })

const one = `
name: one
tasks:
  - { id: first, method: test/run, params: { value: 1 } }
  - { id: review, method: test/run, params: { script: ask, value: "good?" }, dependencies: [first] }
  - { id: last, method: test/run, params: { value: "\${review}" } }
outputs: { said: "\${last}" }
`

describe("a question", () => {
  it.effect("rests the run until it is answered, and the handler gets the answer", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* gleitzeit.run(workflow(one))
      assert.strictEqual(rested.status, "waiting")
      assert.deepStrictEqual(rested.waiting, [
        { request: "review", task: "review", kind: "input", prompt: "good?", schema: { type: "string" } }
      ])
      assert.strictEqual((yield* gleitzeit.get(rested.run)).tasks["review"]?.status, "suspended")
      const [summary] = (yield* gleitzeit.list({})).items
      assert.deepStrictEqual(
        [summary?.status, summary?.waiting, summary?.due],
        ["waiting", [{ request: "review", kind: "input", prompt: "good?" }], undefined]
      )
      assert.isTrue(yield* gleitzeit.respond(rested.run, "review", "yes"))
      const over = yield* gleitzeit.wait(rested.run)
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { said: "yes" }])
    }).pipe(Effect.provide(engine({ ask })))
  )

  it.live("is answered for good once the answer is recorded, whoever gives it goes away or not", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      for (let moment = 0; moment < 40; moment++) {
        const { run } = yield* gleitzeit.run(workflow(one))
        const answering = yield* Effect.forkChild(gleitzeit.respond(run, "review", "yes"))
        yield* Effect.repeat(Effect.yieldNow, { times: moment })
        yield* Fiber.interrupt(answering)
        // before it was recorded it can be given again
        yield* Effect.exit(gleitzeit.respond(run, "review", "yes"))
        const { status } = yield* Effect.timeout(gleitzeit.wait(run), "5 seconds")
        assert.strictEqual(status, "completed", String(moment))
      }
    }).pipe(Effect.provide(engine({ ask })))
  )

  it.effect("takes no answer that its schema refuses, no second one, and none for what was not asked", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(workflow(one))
      const wrong = yield* Effect.flip(gleitzeit.respond(run, "review", 5))
      assert.strictEqual(FailureData.of(wrong as never).name, "INVALID_ANSWER")
      const unknown = yield* Effect.flip(gleitzeit.respond(run, "revue", "yes"))
      assert.strictEqual(FailureData.of(unknown as never).name, "REQUEST_NOT_FOUND")
      yield* gleitzeit.respond(run, "review", "yes")
      const second = yield* Effect.flip(gleitzeit.respond(run, "review", "no"))
      assert.include(["ALREADY_ANSWERED", "WORKFLOW_INVALID_STATE"], FailureData.of(second as never).name)
    }).pipe(Effect.provide(engine({ ask })))
  )

  it.effect("in the middle of a handler pays for no call twice", () => {
    const counts: Array<string> = []
    const count: Script = (value) => Effect.sync(() => (counts.push(String(value)), value ?? null))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, waiting } = yield* gleitzeit.run(
        workflow(
          `{ name: m, tasks: [{ id: ask, method: test/run, params: { script: twice } }], outputs: { o: "\${ask}" } }`
        )
      )
      assert.deepStrictEqual(
        waiting.map(({ request, task }) => [request, task]),
        [["ask/middle", "ask"]]
      )
      yield* gleitzeit.respond(run, "ask/middle", { ok: true })
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { o: ["before", { ok: true }, "after"] })
      assert.deepStrictEqual(counts, ["begun", "before", "begun", "after"])
    }).pipe(Effect.provide(engine({ twice: twice(counts), count })))
  })

  it.effect("asked by a method that a handler calls suspends the handler too", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, waiting } = yield* gleitzeit.run(
        workflow(
          `{ name: m, tasks: [{ id: agent, method: test/run, params: { script: agent } }], outputs: { o: "\${agent}" } }`
        )
      )
      assert.deepStrictEqual(
        waiting.map(({ request }) => request),
        ["agent/approve-1"]
      )
      yield* gleitzeit.respond(run, "agent/approve-1", "fine")
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { o: { said: "fine" } })
    }).pipe(
      Effect.provide(
        engine({
          ask,
          agent: (_, { call }) =>
            Effect.map(call("approve-1", "test/run", { script: "ask", value: "may I?" }), (said) => ({ said }))
        })
      )
    )
  )

  it.effect("of some items rests the run with the others done; cancelling withdraws them", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, waiting } = yield* gleitzeit.run(
        workflow(`
name: items
tasks:
  - { id: work, method: test/run, foreach: [ask, "", ask], params: { script: "\${item}", value: "\${index}" } }
outputs: { o: "\${work}" }
`)
      )
      assert.deepStrictEqual(
        waiting.map(({ request }) => request),
        ["work[0]", "work[2]"]
      )
      yield* gleitzeit.respond(run, "work[2]", "two")
      const still = yield* gleitzeit.wait(run)
      assert.deepStrictEqual(
        still.waiting.map(({ request }) => request),
        ["work[0]"]
      )
      yield* gleitzeit.cancel(run)
      const over = yield* gleitzeit.get(run)
      assert.deepStrictEqual([over.status, over.waiting], ["cancelled", []])
    }).pipe(Effect.provide(engine({ ask })))
  )
})

describe("a time", () => {
  it.effect("is waited for by the process that drives the run", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const running = yield* Effect.forkChild(
        gleitzeit.run(
          workflow(
            `{ name: t, tasks: [{ id: s, method: timer/sleep, params: { seconds: 3600 } }], outputs: { o: "\${s.until}" } }`
          )
        ),
        { startImmediately: true }
      )
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("100 millis")
      const [summary] = (yield* gleitzeit.list({})).items
      assert.strictEqual(summary?.status, "waiting")
      assert.strictEqual(summary?.due, 3_600_000)
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("1 hour")
      const over = yield* Fiber.join(running)
      assert.strictEqual(over.status, "completed")
    }).pipe(Effect.provide(engine({})))
  )
})

describe("a signal", () => {
  const waits = `
name: signals
tasks:
  - { id: a, method: signal/wait, params: { name: go } }
  - { id: b, method: signal/wait, params: { name: go }, dependencies: [a] }
outputs: { a: "\${a.value}", b: "\${b.value}" }
`
  it.effect("is kept until somebody waits for it, and taken once", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(workflow(waits))
      yield* gleitzeit.signal(run, "go", 1)
      assert.deepStrictEqual(
        (yield* gleitzeit.wait(run)).waiting.map(({ request }) => request),
        ["b"]
      )
      yield* gleitzeit.signal(run, "other", 9)
      yield* gleitzeit.signal(run, "go", 2)
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { a: 1, b: 2 })
    }).pipe(Effect.provide(engine({})))
  )
})

describe("a pause", () => {
  const three = `
name: three
tasks:
  - { id: a, method: test/run, params: { script: hold } }
  - { id: b, method: test/run, params: { value: "\${a}" } }
  - { id: c, method: test/run, params: { value: "\${b}" } }
outputs: { o: "\${c}" }
`
  it.effect("lets what is under way finish; a step begins one task; resuming goes on", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(workflow(three))
      const done = (status: string) =>
        Effect.map(
          gleitzeit.get(run),
          ({ tasks }) => Object.values(tasks).filter((task) => task.status === status).length
        )
      const pausing = yield* Effect.forkChild(gleitzeit.pause(run), { startImmediately: true })
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("100 millis")
      yield* Fiber.join(pausing)
      const rested = yield* gleitzeit.wait(run)
      assert.deepStrictEqual([rested.status, rested.waiting.map(({ request }) => request)], ["waiting", ["pause"]])
      assert.strictEqual(yield* done("completed"), 1)
      yield* gleitzeit.step(run)
      yield* gleitzeit.wait(run)
      assert.strictEqual(yield* done("completed"), 2)
      yield* gleitzeit.resume(run)
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { o: "held" })
    }).pipe(Effect.provide(engine({ hold: () => Effect.as(Effect.sleep("1 second"), "held" as Schema.Json) })))
  )
})

describe("a repeat", () => {
  const loop = (until: string, max: number, more = "") => `
name: loop
tasks:
  - id: count
    method: test/run
    params: { value: { n: "\${iteration}", before: "\${previous}" } }
    repeat: { until: "${"$"}{result.n} ${until}", max: ${max}${more} }
outputs: { o: "\${count.n}" }
`
  it.effect("runs until its condition holds, each iteration seeing the one before", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(gleitzeit.run(workflow(loop(">= 3", 5))))
      assert.deepStrictEqual([report.status, report.outputs], ["completed", { o: 3 }])
      assert.deepStrictEqual(Object.keys(report.tasks), ["count", "count~1", "count~2", "count~3"])
      assert.deepStrictEqual(report.tasks["count~2"]?.result, { n: 2, before: { n: 1, before: null } })
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("fails at its last iteration, or goes on with what it has", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const failed = yield* told(gleitzeit.run(workflow(loop("> 9", 2))))
      assert.strictEqual(failed.tasks["count"]?.error?.name, "REPEAT_EXHAUSTED")
      const over = yield* gleitzeit.run(workflow(loop("> 9", 2, ", on_max: continue")))
      assert.deepStrictEqual(over.outputs, { o: 2 })
    }).pipe(Effect.provide(engine({})))
  )
})

describe("a nested workflow", () => {
  const nested = (inner: string, more = "") => `
name: outer
tasks:
  - id: sub
    workflow:
      inputs: { n: { type: integer } }
      tasks:
        - { id: a, method: test/run, params: { value: "\${inputs.n}" } }
        - { id: b, method: test/run, params: ${inner} }
      outputs: { both: ["\${a}", "\${b}"] }
    inputs: { n: 7 }
    ${more}
outputs: { o: "\${sub.both}" }
`
  it.effect("runs in the same journal under its task's path; its outputs are the task's result", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(gleitzeit.run(workflow(nested(`{ value: "\${a}" }`))))
      assert.deepStrictEqual([report.status, report.outputs], ["completed", { o: [7, 7] }])
      assert.deepStrictEqual(Object.keys(report.tasks), ["sub", "sub/a", "sub/b"])
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("that fails says where", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(gleitzeit.run(workflow(nested(`{ script: fail }`))))
      assert.strictEqual(report.status, "failed")
      assert.match(report.error?.message ?? "", /"sub\/b" failed: no/)
      assert.deepStrictEqual(report.tasks["sub"]?.error?.data, { path: "sub/b", code: 1, name: "NO" })
    }).pipe(
      Effect.provide(engine({ fail: () => Effect.fail({ code: 1, name: "NO", message: "no", retryable: false }) }))
    )
  )

  it.effect("runs for each item, and in each iteration", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(
        gleitzeit.run(
          workflow(nested(`{ value: "\${a}" }`, `foreach: [1, 2]\n    concurrency: 1`).replace("n: 7", 'n: "${item}"'))
        )
      )
      assert.deepStrictEqual(report.outputs, {
        o: [
          [1, 1],
          [2, 2]
        ]
      })
      assert.include(Object.keys(report.tasks), "sub[1]/b")
      const loops = yield* told(
        gleitzeit.run(
          workflow(
            nested(`{ value: "\${a}" }`, `repeat: { until: "iteration == 2", max: 3 }`).replace(
              "n: 7",
              'n: "${iteration}"'
            )
          )
        )
      )
      assert.deepStrictEqual(loops.outputs, { o: [2, 2] })
      assert.include(Object.keys(loops.tasks), "sub~2/b")
    }).pipe(Effect.provide(engine({})))
  )
})

describe("a key", () => {
  it.effect("gives the same run", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = workflow(`{ name: k, tasks: [{ id: a, method: test/run, params: {} }] }`)
      const first = yield* gleitzeit.run(document, { key: "daily" })
      const second = yield* gleitzeit.run(document, { key: "daily" })
      const other = yield* gleitzeit.run(document, { key: "weekly" })
      assert.strictEqual(second.run, first.run)
      assert.notStrictEqual(other.run, first.run)
    }).pipe(Effect.provide(engine({})))
  )
})

describe("a workflow's timeout", () => {
  it.effect("does not run while the run waits", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const text = `
name: t
timeout: 10
tasks:
  - { id: s, method: timer/sleep, params: { seconds: 3600 } }
  - { id: work, method: test/run, params: { script: work }, dependencies: [s] }
`
      const running = yield* Effect.forkChild(gleitzeit.run(workflow(text)), { startImmediately: true })
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("100 millis")
      yield* TestClock.adjust("1 hour")
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
      const over = yield* Fiber.join(running)
      assert.deepStrictEqual([over.status, over.error?.name], ["failed", "WORKFLOW_TIMEOUT"])
      const { tasks } = yield* gleitzeit.get(over.run)
      assert.deepStrictEqual([tasks["s"]?.status, tasks["work"]?.status], ["completed", "cancelled"])
    }).pipe(Effect.provide(engine({ work: () => Effect.never })))
  )
})

describe("a process that stops driving a run", () => {
  it.effect("records what it interrupted", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const tasks = ["deaf", "never"].map((id) => `{ id: ${id}, method: test/run, params: { script: ${id} } }`)
      const running = yield* Effect.forkChild(gleitzeit.run(workflow(`{ name: s, tasks: [${tasks.join(", ")}] }`)), {
        startImmediately: true
      })
      yield* TestClock.adjust("100 millis")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(stopping)
      const [{ run } = { run: "" }] = (yield* gleitzeit.list({})).items
      const events = yield* Stream.runCollect(gleitzeit.events(run))
      const last = events.at(-1)?.event
      assert.deepStrictEqual(last?._tag === "RunInterrupted" && last.tasks, ["deaf", "never"])
      const report = yield* gleitzeit.get(run)
      assert.deepStrictEqual([report.tasks["deaf"]?.status, report.status], ["pending", "running"])
      assert.deepStrictEqual(yield* gleitzeit.interrupted, [run])
    }).pipe(
      Effect.provide(
        engine({
          never: () => Effect.never,
          deaf: () => Effect.uninterruptible(Effect.as(Effect.sleep("2 seconds"), "late" as Schema.Json))
        })
      )
    )
  )
})
