/** Who drives a run, and what it goes on with: keys, leases, time, retries, forks. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, type Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { TaskExecutionFailed } from "../src/Errors.ts"
import type { Event } from "../src/Event.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { KeyValues } from "../src/KeyValues.ts"
import { Leases } from "../src/Leases.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Plan from "../src/Plan.ts"
import * as Rerun from "../src/Rerun.ts"
import { Reuse } from "../src/Reuse.ts"
import * as Run from "../src/Run.ts"
import { Store } from "../src/Store.ts"
import { task, workflow as document } from "./Documents.ts"
import { engine, inTime, orphan, type Script, told, workflow } from "./harness.ts"

const flow = (text: string) => workflow(`name: flow\n${text}`)

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

type Shared = typeof MemoryStore.layer

/** The services of one store for several processes. */
const shared: Effect.Effect<Shared, never, Scope.Scope> = Effect.map(Layer.build(MemoryStore.layer), (context) =>
  Layer.succeedContext(context)
)

const process = (store: Shared, owner: string, scripts: { readonly [name: string]: Script }) =>
  Effect.map(Layer.build(Layer.fresh(engine(scripts, { owner, store }))), Context.get(Gleitzeit))

const no: ReturnType<Script> = Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: false }))
const fails: Script = () => no
/** What the first call does, and what all others do. */
const first = (then: Script, after: Script): Script => {
  let n = 0
  return (value, context) => Effect.suspend(() => (n++ === 0 ? then(value, context) : after(value, context)))
}
/** How often it was called. */
const counter = (): Script => {
  let n = 0
  return () => Effect.sync(() => ++n)
}
/** Gives what it is given after a while. */
const takes = (milliseconds: number, calls: Array<Schema.Json> = []): Script => {
  return (value = null) => Effect.suspend(() => (calls.push(value), Effect.delay(Effect.succeed(value), milliseconds)))
}

describe("a key", () => {
  const one = flow("tasks: [{ id: a, method: test/write, params: { script: slow } }]")
  const key = "daily"

  it.effect.each([
    ["one process", "one"],
    ["two processes", "two"]
  ] as const)("used twice at once in %s gives one run, whose tasks are called once", ([, other]) =>
    Effect.gen(function* () {
      const calls: Array<Schema.Json> = []
      const store = yield* shared
      const first = yield* process(store, "one", { slow: takes(20, calls) })
      const second = other === "one" ? first : yield* process(store, other, { slow: takes(20, calls) })
      const runs = yield* Effect.forEach([first, second], ({ submit }) => submit(one, { key }), {
        concurrency: "unbounded"
      })
      assert.lengthOf(new Set(runs), 1)
      yield* pass(2)
      assert.strictEqual((yield* first.get(runs[0] ?? "")).status, "completed")
      assert.lengthOf(calls, 1)
    })
  )

  const late = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.tap(effect, () => Effect.sleep(2000))
  /** What the first process does takes so long that the other one is faster. */
  const slow = {
    "has taken the key": (store: Shared) =>
      Layer.effect(
        KeyValues,
        Effect.map(KeyValues, (keyValues) =>
          KeyValues.of({ ...keyValues, put: (...all) => late(keyValues.put(...all)) })
        )
      ).pipe(Layer.provideMerge(store)),
    "has seen no run": (store: Shared) =>
      Layer.effect(
        Store,
        Effect.map(Store, (store) => Store.of({ ...store, read: (...all) => late(store.read(...all)) }))
      ).pipe(Layer.provideMerge(store))
  }
  it.effect.each(Object.entries(slow))("gives the run that another process made after the first one %s", ([, slow]) =>
    Effect.gen(function* () {
      const store = yield* shared
      const first = yield* process(slow(store), "one", {})
      const second = yield* process(store, "two", {})
      const submitting = yield* Effect.forkChild(first.submit(one, { key }), { startImmediately: true })
      const run = yield* second.submit(one, { key })
      assert.strictEqual(yield* inTime(Fiber.join(submitting)), run)
      assert.strictEqual((yield* inTime(first.wait(run))).status, "completed")
    })
  )
})

describe("a run that is over", () => {
  it.effect("is retried by any process, while the one that ended it lives", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const one = yield* process(store, "one", { s: fails })
      const two = yield* process(store, "two", { s: () => Effect.succeed(1) })
      const { run, status } = yield* inTime(
        one.run(flow("tasks: [{ id: a, method: test/run, params: { script: s } }]"))
      )
      assert.strictEqual(status, "failed")
      yield* two.retry(run)
      assert.strictEqual((yield* inTime(two.wait(run))).status, "completed")
    })
  )
})

describe("a run that is let go of", () => {
  it.effect("and resumed while its handler takes its time to stop has the lease of who drives it", () => {
    let begun = 0
    const slow: Script = () =>
      Effect.suspend(() => (begun++ === 0 ? Effect.uninterruptible(Effect.as(Effect.sleep(4000), 1)) : Effect.never))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const leases = yield* Leases
      const running = yield* Effect.forkChild(gleitzeit.call("test/run", { script: "slow" }), {
        startImmediately: true
      })
      yield* pass(1)
      const [{ run } = { run: "" }] = (yield* gleitzeit.list({})).items
      yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      yield* inTime(gleitzeit.resume(run))
      yield* pass(10)
      assert.strictEqual(begun, 2)
      assert.deepStrictEqual(yield* leases.take("another", "", 5, 1000), [])
    }).pipe(Effect.provide(engine({ slow })))
  })
})

describe("a run that stands in line", () => {
  it.effect("for a slot hears that it is cancelled", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* gleitzeit.submit(flow("tasks: [{ id: a, method: test/run, params: { script: long } }]"))
      const run = yield* gleitzeit.submit(flow("tasks: [{ id: b, method: test/run }]"))
      yield* pass(1)
      yield* inTime(gleitzeit.cancel(run))
      assert.strictEqual((yield* gleitzeit.get(run)).status, "cancelled")
    }).pipe(Effect.provide(engine({ long: takes(36_000_000) }, { slots: 1 })))
  )
})

describe("the time of a run", () => {
  it.effect("does not count what lies between a crash and its resume, whatever is posted meanwhile", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* orphan(
        "left",
        "timeout: 60s\ntasks: [{ id: a, method: test/run }, { id: b, method: test/run, params: { script: slow } }]",
        [{ _tag: "TaskCompleted", v: 1, at: 2, task: "a", started: 1, duration: 1, attempt: 1, result: 1 }]
      )
      yield* TestClock.adjust("3 days")
      yield* gleitzeit.signal("left", "x", 1)
      assert.strictEqual((yield* inTime(gleitzeit.wait("left"))).status, "completed")
    }).pipe(Effect.provide(engine({ slow: takes(1000) })))
  )

  it.effect("that its budget allows, once spent, lets no call begin when it is resumed", () => {
    const begun: Array<Schema.Json> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* inTime(
        gleitzeit.run(
          flow(`budget: { duration: 60s }
tasks:
  - { id: a, method: test/run, params: { script: slow } }
  - { id: b, method: test/run, dependencies: [a], params: { script: slow } }
  - { id: c, method: test/run, dependencies: [a], params: { script: slow } }`)
        ),
        200
      )
      yield* gleitzeit.signal(run, "x", 1)
      const rested = yield* inTime(gleitzeit.wait(run), 200)
      assert.deepStrictEqual([rested.status, rested.waiting.map(({ request }) => request)], ["waiting", ["budget"]])
      assert.lengthOf(begun, 1)
    }).pipe(Effect.provide(engine({ slow: takes(70_000, begun) })))
  })

  it.effect("begins anew with a retry after it was up", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { error, run } = yield* inTime(
        gleitzeit.run(flow("timeout: 60s\ntasks: [{ id: a, method: test/run, params: { script: s } }]")),
        200
      )
      assert.strictEqual(error?.name, "WORKFLOW_TIMEOUT")
      yield* gleitzeit.retry(run)
      assert.strictEqual((yield* inTime(gleitzeit.wait(run), 200)).status, "completed")
    }).pipe(Effect.provide(engine({ s: first(() => Effect.never, takes(50_000)) })))
  )
})

describe("a retry", () => {
  it.effect("of one task leaves skipped what also depends on another failure", () => {
    const calls: Array<Schema.Json> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* inTime(
        gleitzeit.run(
          flow(`tasks:
  - { id: t, method: test/run, params: { script: heals } }
  - { id: x, method: test/run, params: { script: fails } }
  - { id: both, method: test/write, dependencies: [t, x], params: { script: counts } }
  - { id: one, method: test/write, dependencies: [t], params: { script: counts, value: one } }`)
        )
      )
      yield* gleitzeit.retry(run, { task: "t" })
      const { status, tasks } = yield* inTime(told(gleitzeit.wait(run)))
      const each = ["t", "x", "both", "one"].map((id) => tasks[id]?.status)
      assert.deepStrictEqual([status, each], ["failed", ["completed", "failed", "skipped", "completed"]])
      assert.deepStrictEqual(calls, ["one"])
    }).pipe(Effect.provide(engine({ fails, heals: first(fails, () => Effect.succeed(1)), counts: takes(0, calls) })))
  })

  it.effect.each([
    ["one that gave it", "", "${a}", [1, 2], { task: "a", force: true }],
    ["one that had failed too", ", on_error: continue", "${a ?? [1, 2]}", undefined, {}]
  ] as const)("of a failed fan and of %s runs over the list that there is then", ([, more, list, before, options]) => {
    const two: Script = (value) => (value === 2 ? no : Effect.succeed([value ?? null]))
    const gives: Script = () => (before === undefined ? no : Effect.succeed(before))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, status } = yield* inTime(
        gleitzeit.run(
          flow(`tasks:
  - { id: a, method: test/run, params: { script: list }${more} }
  - { id: w, method: test/run, foreach: "${list}", params: { script: two, value: "\${item}" } }
outputs: { w: "\${w}" }`)
        )
      )
      assert.strictEqual(status, "failed")
      yield* gleitzeit.retry(run, options)
      const over = yield* inTime(gleitzeit.wait(run))
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { w: [[7], [8], [9]] }])
    }).pipe(Effect.provide(engine({ two, list: first(gives, () => Effect.succeed([7, 8, 9])) })))
  })

  it.effect("of what a failed task was given makes its calls again", () => {
    const seen: Array<Schema.Json> = []
    const agent: Script = (value = null, { call }) =>
      Effect.flatMap(call("same", "test/run", { value }), (called) =>
        seen.push([value, called]) === 1 ? no : Effect.succeed(called)
      )
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* inTime(
        gleitzeit.run(
          flow(`tasks:
  - { id: a, method: test/run, params: { script: counter } }
  - { id: b, method: test/run, params: { script: agent, value: "\${a}" } }`)
        )
      )
      yield* gleitzeit.retry(run, { task: "a", force: true })
      assert.strictEqual((yield* inTime(gleitzeit.wait(run))).status, "completed")
      assert.deepStrictEqual(seen, [
        [1, 1],
        [2, 2]
      ])
    }).pipe(Effect.provide(engine({ agent, counter: counter() })))
  })

  it.effect("of a cancelled run repeats no iteration of an item that is done", () => {
    const begun: Array<Schema.Json> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(
        flow(
          'tasks: [{ id: w, method: test/run, foreach: [1], repeat: { until: "iteration == 4", max: 9 }, params: { script: slow, value: "${iteration}" } }]'
        )
      )
      for (let i = 0; i < 25; i++) yield* TestClock.adjust("100 millis")
      yield* inTime(gleitzeit.cancel(run))
      assert.deepStrictEqual(begun.splice(0), [1, 2, 3])
      yield* gleitzeit.retry(run)
      assert.strictEqual((yield* inTime(gleitzeit.wait(run))).status, "completed")
      assert.deepStrictEqual(begun, [3, 4])
    }).pipe(Effect.provide(engine({ slow: takes(1000, begun) })))
  })

  it.effect("of a task that then asks counts its attempts on, also when it is resumed", () => {
    const attempts: Array<number> = []
    const asks: Script = (_, { attempt, suspend }) =>
      Effect.suspend(() => (attempts.push(attempt) === 1 ? no : suspend("", { kind: "input" })))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* inTime(
        gleitzeit.run(flow("tasks: [{ id: a, method: test/run, params: { script: asks } }]"))
      )
      yield* gleitzeit.retry(run)
      yield* inTime(gleitzeit.wait(run))
      yield* gleitzeit.respond(run, "a", 1)
      const { status, tasks } = yield* inTime(told(gleitzeit.wait(run)))
      assert.deepStrictEqual([status, tasks["a"]?.attempts], ["completed", 2])
      assert.deepStrictEqual(attempts, [1, 2, 2])
    }).pipe(Effect.provide(engine({ asks })))
  })
})

describe("a fork", () => {
  it.effect("whose task is retried by force calls it again, though there are other results of the same call", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const task = (id: string) => `{ id: ${id}, method: test/run, params: { script: counter } }`
      const document = (...ids: ReadonlyArray<string>) =>
        flow(`tasks: [${ids.map(task).join(", ")}]\noutputs: { n: "\${a}" }`)
      const { run } = yield* inTime(gleitzeit.run(document("a", "b")))
      const fork = yield* gleitzeit.fork(run, { workflow: document("a") })
      assert.deepStrictEqual((yield* inTime(gleitzeit.wait(fork))).outputs, { n: 1 })
      yield* gleitzeit.retry(fork, { task: "a", force: true })
      assert.deepStrictEqual((yield* inTime(gleitzeit.wait(fork))).outputs, { n: 3 })
    }).pipe(Effect.provide(engine({ counter: counter() })))
  )

  it.effect("that is resumed does not use a result again that it has used", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const two = flow(`tasks:
  - { id: a, method: test/run, params: { script: counter } }
  - { id: gap, method: test/run, dependencies: [a], params: { script: gap } }
  - { id: b, method: test/run, dependencies: [gap], params: { script: counter } }
outputs: { a: "\${a}", b: "\${b}" }`)
      const counts = counter()
      const one = yield* process(store, "one", { counter: counts, gap: () => Effect.never })
      const other = yield* process(store, "other", { counter: counts, gap: () => Effect.succeed(1) })
      const { outputs, run } = yield* inTime(other.run(two))
      assert.deepStrictEqual(outputs, { a: 1, b: 2 })
      // the first process gets as far as the call between the two
      const fork = yield* one.fork(run, { from: "gap" })
      yield* pass(1)
      yield* other.resume(fork)
      yield* pass(20)
      const { tasks } = yield* other.get(fork)
      assert.deepStrictEqual([tasks["a"]?.result, tasks["b"]?.result], [1, 3])
    })
  )
})

describe("a large run", () => {
  type Tasks = Parameters<typeof document>[0]
  const outcome = { v: 1, at: 1, started: 1, duration: 0, attempt: 1 } as const
  const error = { code: 1, name: "NO", message: "no", retryable: false }
  /** Its first task has failed, and `skipped` for that. */
  const failed = (tasks: Tasks, skipped: ReadonlyArray<string> = []) => {
    const workflow = document(tasks)
    const events: ReadonlyArray<Event> = [
      { _tag: "RunCreated", v: 1, at: 1, workflow, inputs: {}, env: {}, folder: "", engine: "0" },
      { _tag: "TaskFailed", ...outcome, task: "t0", error },
      ...skipped.map((task): Event => ({ _tag: "TaskSkipped", v: 1, at: 1, task, because: "failed", of: "t0" })),
      { _tag: "RunFailed", v: 1, at: 1, error, outputs: {}, warnings: [] }
    ]
    const state = Run.empty("r")
    for (const event of events) Run.fold(state, event)
    return { plan: Plan.make(workflow, new Map()), state }
  }
  const many = (n: number, dependency: (i: number) => number): Tasks => [
    task("t0"),
    ...Array.from({ length: n - 1 }, (_, i) => task(`t${i + 1}`, { dependencies: [`t${dependency(i + 1)}`] }))
  ]

  it("of 50,000 tasks, each after the other, is retried from the first", () => {
    const tasks = many(50_000, (i) => i - 1)
    const { plan, state } = failed(
      tasks,
      tasks.slice(1).map(({ id }) => id)
    )
    assert.lengthOf(Rerun.failures(plan, state).tasks, 50_000)
    assert.lengthOf(Rerun.one(plan, state, "t0").tasks, 50_000)
  })

  it("of 130,000 tasks after one is retried, and forked", () => {
    const { plan, state } = failed(many(130_000, () => 0))
    assert.deepStrictEqual(Rerun.failures(plan, state).tasks, ["t0"])
    assert.isDefined(new Reuse(plan, state, ["t0"]))
  })
})
