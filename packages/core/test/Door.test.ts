/** The parts of the `Gleitzeit` service beside running: calls, environment, secret inputs, removing, cancelling, looking. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { Leases } from "../src/Leases.ts"
import { Store } from "../src/Store.ts"
import { engine, type Script, workflow } from "./harness.ts"

const never: Script = () => Effect.never
const slow = workflow("name: slow\ntasks: [{ id: a, method: test/run, params: { script: never } }]")

/** A run that a process left behind: created, claimed by nobody who lives. */
const orphan = (id: string, tasks: string) =>
  Effect.gen(function* () {
    const store = yield* Store
    const document = workflow(`name: orphan\n${tasks}`)
    const created = {
      _tag: "RunCreated",
      v: 1,
      at: 1,
      workflow: document,
      inputs: {},
      env: {},
      folder: "",
      engine: "0"
    }
    yield* store.commit([
      {
        run: id,
        after: 0,
        scope: "",
        events: [{ at: 1, kind: "RunCreated", json: JSON.stringify(created) }],
        summary: {
          run: id,
          workflow: "orphan",
          status: "running",
          tags: [],
          created_at: 1,
          updated_at: 1,
          tasks: {},
          waiting: [],
          usage: {},
          engine: "0",
          due: 1
        }
      }
    ])
  })

describe("call", () => {
  it.effect("runs one method as a run of its own, its params as they are", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* gleitzeit.call("test/run", { value: { text: "${not.a.reference} $${neither}" } })
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(report.outputs, { result: { text: "${not.a.reference} $${neither}" } })
      assert.strictEqual((yield* gleitzeit.list({})).items[0]?.run, report.run)
    }).pipe(Effect.provide(engine()))
  )

  it.effect("of an unknown method is refused before anything is recorded", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const error = yield* Effect.flip(gleitzeit.call("test/rnu", {}))
      assert.strictEqual(error.name, "WORKFLOW_VALIDATION_FAILED")
      assert.include(error.message, "test/run")
      assert.deepStrictEqual((yield* gleitzeit.list({})).items, [])
    }).pipe(Effect.provide(engine()))
  )
})

describe("the environment", () => {
  it.effect("is read once, and only the variables that the workflow names", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* gleitzeit.run(
        workflow(`
name: env
env: [SHOWN, MISSING]
tasks: [{ id: a, method: test/run, params: { value: "\${env.SHOWN} \${env.MISSING ?? 'nothing'}" } }]
`)
      )
      assert.strictEqual(report.tasks["a"]?.result, "seen nothing")
      const [created] = yield* Stream.runCollect(gleitzeit.events(report.run))
      assert.deepStrictEqual(created?.event._tag === "RunCreated" && created.event.env, { SHOWN: "seen" })
    }).pipe(
      Effect.provide(engine()),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ SHOWN: "seen", HIDDEN: "not asked for" })
      )
    )
  )
})

describe("an input marked secret", () => {
  const document = workflow(`
name: secret input
inputs: { token: { type: string, secret: true }, plain: { type: string } }
tasks: [{ id: a, method: test/run, params: { script: keep, value: "\${inputs.plain} \${inputs.token}" } }]
`)

  it.effect("reaches the handler, and is recorded nowhere", () => {
    let got: unknown
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* gleitzeit.run(document, { inputs: { token: "tok-12345678", plain: "with" } })
      assert.strictEqual(got, "with tok-12345678")
      assert.strictEqual(report.tasks["a"]?.result, "with ***")
      assert.notInclude(JSON.stringify(yield* Stream.runCollect(gleitzeit.events(report.run))), "tok-12345678")
    }).pipe(Effect.provide(engine({ keep: (value) => Effect.sync(() => ((got = value), value ?? null)) })))
  })

  it.effect("that does not fit is refused without being shown", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const error = yield* Effect.flip(gleitzeit.run(document, { inputs: { token: 8675309, plain: "x" } }))
      assert.include(error.message, "token")
      assert.notInclude(error.message, "8675309")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("is asked for again on resume", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan(
        "left",
        `inputs: { token: { type: string, secret: true } }
tasks: [{ id: a, method: test/run, params: { value: "\${inputs.token}" } }]`
      )
      const refused = yield* Effect.flip(gleitzeit.resume("left"))
      assert.include(refused.message, `"token" is required`)
      yield* gleitzeit.resume("left", { inputs: { token: "tok-12345678" } })
      assert.strictEqual((yield* gleitzeit.wait("left")).tasks["a"]?.result, "***")
    }).pipe(Effect.provide(engine()))
  )
})

describe("cancel", () => {
  it.effect("ends a run that nobody drives, without asking for its secret inputs", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan(
        "left",
        `inputs: { token: { type: string, secret: true } }
tasks: [{ id: a, method: test/run, params: { value: "\${inputs.token}" } }]`
      )
      yield* gleitzeit.cancel("left")
      assert.strictEqual((yield* gleitzeit.get("left")).status, "cancelled")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("of a run that another process drives is left to that process", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const leases = yield* Leases
      yield* orphan("theirs", "tasks: [{ id: a, method: test/run }]")
      yield* leases.claim("theirs", "them", { ttl: 60_000 })
      yield* gleitzeit.cancel("theirs")
      const events = yield* Stream.runCollect(gleitzeit.events("theirs"))
      assert.deepStrictEqual(
        events.map(({ event }) => event._tag),
        ["RunCreated", "CancelRequested"]
      )
    }).pipe(Effect.provide(engine()))
  )
})

describe("remove", () => {
  it.effect("takes a finished run, and says so of an unknown one", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.call("test/run", {})
      yield* gleitzeit.remove(run)
      assert.strictEqual((yield* Effect.flip(gleitzeit.get(run))).name, "WORKFLOW_NOT_FOUND")
      assert.strictEqual((yield* Effect.flip(gleitzeit.remove(run))).name, "WORKFLOW_NOT_FOUND")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("is refused while the run is driven, here or elsewhere", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const leases = yield* Leases
      const id = yield* gleitzeit.submit(slow)
      assert.include((yield* Effect.flip(gleitzeit.remove(id))).message, "this process")
      yield* orphan("theirs", "tasks: [{ id: a, method: test/run }]")
      yield* leases.claim("theirs", "them", { ttl: 60_000 })
      assert.include((yield* Effect.flip(gleitzeit.remove("theirs"))).message, "them")
    }).pipe(Effect.provide(engine({ never })))
  )
})

describe("resume", () => {
  it.effect("goes on with a run that was left behind, and leaves a finished one as it is", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan("left", "tasks: [{ id: a, method: test/run, params: { value: 1 } }]\noutputs: { a: '${a}' }")
      yield* gleitzeit.resume("left")
      const report = yield* gleitzeit.wait("left")
      assert.deepStrictEqual(report.outputs, { a: 1 })
      const before = yield* Stream.runCollect(gleitzeit.events("left"))
      yield* gleitzeit.resume("left")
      assert.lengthOf(yield* Stream.runCollect(gleitzeit.events("left")), before.length)
    }).pipe(Effect.provide(engine()))
  )

  it.effect("does not run a task again that is marked `once` and had begun", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const store = yield* Store
      yield* orphan("left", "tasks: [{ id: a, method: test/run, once: true }]")
      const json = JSON.stringify({ _tag: "TaskStarted", v: 1, at: 2, task: "a", attempt: 1 })
      yield* store.commit([{ run: "left", after: 1, events: [{ at: 2, kind: "TaskStarted", json }] }])
      yield* gleitzeit.resume("left")
      const report = yield* gleitzeit.wait("left")
      assert.strictEqual(report.tasks["a"]?.error?.name, "INTERRUPTED")
    }).pipe(Effect.provide(engine()))
  )
})

describe("wait", () => {
  it.effect("for a run of another process ends when that process ends it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const store = yield* Store
      yield* orphan("theirs", "tasks: [{ id: a, method: test/run }]")
      const waiting = yield* Effect.forkChild(gleitzeit.wait("theirs"), { startImmediately: true })
      const json = JSON.stringify({ _tag: "RunCancelled", v: 1, at: 2 })
      yield* store.commit([{ run: "theirs", after: 1, events: [{ at: 2, kind: "RunCancelled", json }] }])
      yield* TestClock.adjust("1 second")
      const report = yield* Fiber.join(waiting)
      assert.strictEqual(report.status, "cancelled")
    }).pipe(Effect.provide(engine()))
  )
})

describe("looking around", () => {
  it.effect("names what can be called and how each provider is", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const methods = (yield* gleitzeit.contracts).map(({ method }) => method)
      assert.includeMembers(methods, ["test/run", "test/write", "timer/sleep", "data/value"])
      const health = yield* gleitzeit.health
      assert.deepStrictEqual(
        health.map(({ health, name }) => [name, health.status]),
        [
          ["test", "healthy"],
          ["data", "healthy"],
          ["timer", "healthy"]
        ]
      )
    }).pipe(Effect.provide(engine()))
  )

  it.effect("checks a file against it, with places and what was meant", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { diagnostics, workflow } = yield* gleitzeit.check({
        file: "w.yaml",
        text: "name: w\ntasks:\n  - { id: a, method: test/rnu }\n"
      })
      assert.isUndefined(workflow)
      assert.deepInclude(diagnostics[0], { file: "w.yaml", line: 3, suggestion: "test/run" })
    }).pipe(Effect.provide(engine()))
  )

  it.effect("a failure keeps what was used by the attempts before it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* gleitzeit.call("test/run", { script: "costs" })
      assert.strictEqual(report.status, "failed")
      assert.deepStrictEqual(report.usage, { calls: 1, input_tokens: 7 })
    }).pipe(
      Effect.provide(
        engine({
          costs: (_, { usage }) =>
            Effect.andThen(
              usage({ calls: 1, input_tokens: 7 }),
              Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: false }))
            )
        })
      )
    )
  )
})
