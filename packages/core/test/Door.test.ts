/** The parts of the `Gleitzeit` service beside running: calls, environment, secret inputs, removing, cancelling, looking. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { StoreError, TaskExecutionFailed } from "../src/Errors.ts"
import { encode, type Event } from "../src/Event.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { Leases } from "../src/Leases.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import { Store } from "../src/Store.ts"
import { engine, inTime, orphan, type Script, told, workflow } from "./harness.ts"

const never: Script = () => Effect.never
const slow = workflow("name: slow\ntasks: [{ id: a, method: test/run, params: { script: never } }]")

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
      const report = yield* told(
        gleitzeit.run(
          workflow(`
name: env
env: [SHOWN, MISSING]
tasks: [{ id: a, method: test/run, params: { value: "\${env.SHOWN} \${env.MISSING ?? 'nothing'}" } }]
`)
        )
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
      const report = yield* told(gleitzeit.run(document, { inputs: { token: "tok-12345678", plain: "with" } }))
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
      assert.strictEqual((yield* told(gleitzeit.wait("left"))).tasks["a"]?.result, "***")
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
      const report = yield* told(gleitzeit.wait("left"))
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
      const report = yield* told(gleitzeit.wait("left"))
      assert.strictEqual(report.tasks["a"]?.error?.name, "INTERRUPTED")
    }).pipe(Effect.provide(engine()))
  )
})

/** The services of one store for several processes. */
const shared = Effect.map(Layer.build(MemoryStore.layer), (context) => Layer.succeedContext(context))

/** What the engine's first commit of an event of a kind meets. */
const before = (
  kind: string,
  act: (store: Store["Service"], run: string, after: number) => Effect.Effect<unknown, StoreError>
) => {
  let done = false
  return Layer.effect(
    Store,
    Effect.map(Store, (store) =>
      Store.of({
        ...store,
        commit: (appends) =>
          Effect.suspend(() => {
            const [{ after, events, run }] = appends
            if (done || events[0].kind !== kind) return store.commit(appends)
            done = true
            return Effect.andThen(act(store, run, after), store.commit(appends))
          })
      })
    )
  ).pipe(Layer.provideMerge(MemoryStore.layer))
}

describe("taking a run over", () => {
  const tasks = "tasks: [{ id: a, method: test/run, params: { script: long } }, { id: b, method: test/run }]"

  it.effect("from a driver that goes on writing reads what it writes", () => {
    const completed: Event = {
      _tag: "TaskCompleted",
      v: 1,
      at: 2,
      task: "a",
      started: 1,
      duration: 1,
      attempt: 1,
      result: "theirs"
    }
    const event = { at: 2, kind: completed._tag, json: encode(completed) }
    const store = before("RunResumed", (store, run, after) => store.commit([{ run, after, events: [event] }]))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan("left", tasks)
      yield* gleitzeit.resume("left")
      const report = yield* told(inTime(gleitzeit.wait("left")))
      assert.strictEqual(report.tasks["a"]?.result, "theirs")
    }).pipe(Effect.provide(engine({ long: never }, { store })))
  })

  it.effect("hears a cancel that is posted meanwhile", () => {
    const event = { at: 2, kind: "CancelRequested", json: encode({ _tag: "CancelRequested", v: 1, at: 2 }) }
    const store = before("RunResumed", (store, run) => store.post(run, event))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan("left", tasks)
      yield* gleitzeit.resume("left")
      assert.strictEqual((yield* inTime(gleitzeit.wait("left"))).status, "cancelled")
    }).pipe(Effect.provide(engine({ long: never }, { store })))
  })

  it.effect("is done once, however many ask for it in one process, beside those who wait and cancel", () => {
    let calls = 0
    const long: Script = () =>
      Effect.delay(
        Effect.sync(() => ++calls),
        3000
      )
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan("left", tasks)
      const ask = Effect.andThen(gleitzeit.resume("left"), gleitzeit.wait("left"))
      const reports = yield* inTime(Effect.all([ask, gleitzeit.wait("left"), ask, ask], { concurrency: "unbounded" }))
      assert.deepStrictEqual(
        reports.map(({ status }) => status),
        ["completed", "completed", "completed", "completed"]
      )
      assert.strictEqual(calls, 1)
      yield* orphan("right", tasks)
      const both = [gleitzeit.resume("right"), gleitzeit.cancel("right")]
      yield* inTime(Effect.all(both, { concurrency: "unbounded" }))
      assert.strictEqual((yield* inTime(gleitzeit.wait("right"))).status, "cancelled")
      assert.strictEqual(calls, 1)
    }).pipe(Effect.provide(engine({ long })))
  })

  it.effect("by two processes at once leaves it to one, which ends it", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const long: Script = () => Effect.as(Effect.sleep(30_000), null)
      const process = (owner: string) =>
        Effect.map(Layer.build(Layer.fresh(engine({ long }, { owner, store }))), Context.get(Gleitzeit))
      const one = yield* process("one")
      const two = yield* process("two")
      for (const first of [one, two]) {
        const run = first === one ? "left" : "right"
        yield* Effect.provide(orphan(run, tasks), store)
        const both = first === one ? [one.resume(run), two.resume(run)] : [two.resume(run), one.resume(run)]
        yield* inTime(Effect.all(both, { concurrency: "unbounded" }))
        for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* one.get(run)).status, "completed")
        const events = yield* Stream.runCollect(one.events(run))
        assert.lengthOf(
          events.filter(({ event }) => event._tag === "TaskCompleted"),
          2
        )
      }
    })
  )
})

describe("a process", () => {
  it.effect("whose first heartbeat fails makes another with its next run", () => {
    let beats = 0
    const store = Layer.effect(
      Leases,
      Effect.map(Leases, (leases) =>
        Leases.of({
          ...leases,
          beat: (owner, ttl) =>
            Effect.suspend(() =>
              ++beats === 1
                ? Effect.fail(new StoreError({ operation: "beat", retryable: true, cause: new Error("busy") }))
                : leases.beat(owner, ttl)
            )
        })
      )
    ).pipe(Layer.provideMerge(MemoryStore.layer))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* Effect.flip(gleitzeit.call("test/run", {}))
      assert.strictEqual((yield* gleitzeit.call("test/run", {})).status, "completed")
    }).pipe(Effect.provide(engine({}, { store })))
  })

  it.effect("that could not go on with a run leaves it to any other", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const broken = Layer.effect(
        Store,
        Effect.map(Store, (store) =>
          Store.of({
            ...store,
            commit: (appends) =>
              appends[0].after === 0
                ? store.commit(appends)
                : Effect.fail(new StoreError({ operation: "commit", retryable: false, cause: new Error("full") }))
          })
        )
      ).pipe(Layer.provideMerge(store))
      const one = yield* Effect.map(Layer.build(Layer.fresh(engine({}, { store: broken }))), Context.get(Gleitzeit))
      const two = yield* Effect.map(Layer.build(Layer.fresh(engine({}, { store }))), Context.get(Gleitzeit))
      const run = yield* one.submit(workflow("name: broken\ntasks: [{ id: a, method: test/run }]"))
      yield* Effect.flip(one.wait(run))
      yield* two.cancel(run)
      assert.strictEqual((yield* two.get(run)).status, "cancelled")
    })
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

  it.effect("for a run that is removed ends, and so does watching it", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan("left", "tasks: [{ id: a, method: test/run }]")
      const waiting = yield* Effect.forkChild(Effect.flip(gleitzeit.wait("left")), { startImmediately: true })
      const watching = yield* Effect.forkChild(Effect.flip(Stream.runDrain(gleitzeit.watch("left"))), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      yield* gleitzeit.remove("left")
      yield* TestClock.adjust("1 second")
      assert.isDefined(waiting.pollUnsafe())
      assert.isDefined(watching.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(waiting)).name, "WORKFLOW_NOT_FOUND")
      assert.strictEqual((yield* Fiber.join(watching)).name, "WORKFLOW_NOT_FOUND")
    }).pipe(Effect.provide(engine()))
  )

  it.effect("for a run that was interrupted here ends when it is resumed and over", () => {
    let calls = 0
    const second: Script = () => Effect.suspend(() => (++calls === 1 ? Effect.never : Effect.succeed(calls)))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = workflow("name: second\ntasks: [{ id: a, method: test/run, params: { script: second } }]")
      const running = yield* Effect.forkChild(gleitzeit.run(document), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(running)
      const id = (yield* gleitzeit.list({})).items[0]?.run ?? ""
      const waiting = yield* Effect.forkChild(gleitzeit.wait(id), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      yield* gleitzeit.resume(id)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* told(Fiber.join(waiting))).tasks["a"]?.result, 2)
    }).pipe(Effect.provide(engine({ second })))
  })
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
          ["timer", "healthy"],
          ["human", "healthy"],
          ["signal", "healthy"]
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
