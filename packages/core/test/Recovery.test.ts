/** Several processes on one store: who goes on with what another has left, and who does not. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { StoreError, TaskExecutionFailed } from "../src/Errors.ts"
import { encode, type Event } from "../src/Event.ts"
import { Gleitzeit, type Options } from "../src/Gleitzeit.ts"
import { Leases } from "../src/Leases.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import { Store } from "../src/Store.ts"
import { engine, orphan, type Script, workflow } from "./harness.ts"

type Scripts = { readonly [name: string]: Script }
type Shared = typeof MemoryStore.layer

/** The services of one store for several processes. */
const shared: Effect.Effect<Shared, never, Scope.Scope> = Effect.map(Layer.build(MemoryStore.layer), (context) =>
  Layer.succeedContext(context)
)

/** An engine of its own on a store. */
const process = (store: Shared, scripts: Scripts, options: Options = {}) =>
  Effect.map(Layer.build(Layer.fresh(engine(scripts, { ...options, store }))), Context.get(Gleitzeit))

/** The same, until `kill`: from then on nothing it does reaches the store. Its leases stand until they end by themselves. */
const mortal = (store: Shared, scripts: Scripts, options: Options = {}) =>
  Effect.suspend(() => {
    let dead = false
    const alive = <A>(effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
      Effect.suspend(() =>
        dead ? Effect.fail(new StoreError({ operation: "any", retryable: false, cause: "killed" })) : effect
      )
    const cut = Layer.effectContext(
      Effect.gen(function* () {
        const store = yield* Store
        const leases = yield* Leases
        return Context.make(
          Store,
          Store.of({
            ...store,
            commit: (appends) => alive(store.commit(appends)),
            post: (run, event) => alive(store.post(run, event)),
            read: (run, after, limit) => alive(store.read(run, after, limit))
          })
        ).pipe(
          Context.add(
            Leases,
            Leases.of({
              ...leases,
              take: (owner, scope, n, ttl) => alive(leases.take(owner, scope, n, ttl)),
              claim: (run, owner, options) => alive(leases.claim(run, owner, options)),
              beat: (owner, ttl) => alive(leases.beat(owner, ttl)),
              release: (runs, owner) => alive(leases.release(runs, owner))
            })
          )
        )
      })
    ).pipe(Layer.provideMerge(store))
    return Effect.map(process(cut, scripts, options), (gleitzeit) => ({
      gleitzeit,
      kill: Effect.sync(() => {
        dead = true
      })
    }))
  })

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

type Face = Gleitzeit["Service"]

const kinds = (gleitzeit: Face, run: string) =>
  Effect.map(Stream.runCollect(gleitzeit.events(run)), (events) => events.map(({ event }) => event._tag))

const statusOf = (gleitzeit: Face, run: string) => Effect.map(gleitzeit.get(run), ({ status }) => status)

/** Notes who calls and under which key; takes some seconds. */
const noting =
  (calls: Array<string>, who: string, seconds = 0): Script =>
  (value, { idempotencyKey, run }) =>
    Effect.gen(function* () {
      calls.push(`${who} ${idempotencyKey.replace(run, "R")}`)
      yield* Effect.sleep(seconds * 1000)
      return value ?? null
    })

const two = workflow(`
name: two
tasks:
  - { id: a, method: test/run, params: { script: quick, value: 1 } }
  - { id: b, method: test/run, params: { script: slow, value: "\${a}" } }
outputs: { b: "\${b}" }
`)

const asks: Script = (_, { suspend }) => suspend("", { kind: "input" })
const asking = workflow("{ name: asking, tasks: [{ id: q, method: test/run, params: { script: asks } }] }")
const sleeping = workflow(
  "{ name: sleeping, tasks: [{ id: s, method: timer/sleep, params: { seconds: 60 } }, { id: after, method: test/run, params: { script: quick }, dependencies: [s] }] }"
)

describe("a run whose process has died", () => {
  it.effect("is taken up and finished: what was recorded is not called again, the rest under the same key", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const store = yield* shared
      const { gleitzeit: one, kill } = yield* mortal(store, {
        quick: noting(calls, "one"),
        slow: noting(calls, "one", 3600)
      })
      const other = yield* process(
        store,
        { quick: noting(calls, "two"), slow: noting(calls, "two", 2) },
        { recover: true, owner: "two" }
      )
      const run = yield* one.submit(two)
      yield* pass(40)
      assert.deepStrictEqual(calls, ["one R/a", "one R/b"], "as long as it lives it keeps its run")
      yield* kill
      yield* pass(40)
      assert.deepStrictEqual(calls, ["one R/a", "one R/b", "two R/b"])
      const report = yield* other.get(run)
      assert.deepStrictEqual([report.status, report.outputs], ["completed", { b: 1 }])
      assert.deepStrictEqual(yield* kinds(other, run), [
        "RunCreated",
        "TaskCompleted",
        "RunResumed",
        "TaskCompleted",
        "RunCompleted"
      ])
    })
  )

  it.effect("is left alone by a process that does not recover, which lists it as interrupted", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const calls: Array<string> = []
      const slow = noting(calls, "one", 3600)
      const { gleitzeit: one, kill } = yield* mortal(store, { quick: noting(calls, "one"), slow, asks })
      const shot = yield* process(store, { quick: noting(calls, "shot"), slow: noting(calls, "shot") })
      const left = yield* one.submit(two)
      const rests = yield* one.submit(asking)
      const timed = yield* one.submit(sleeping)
      const done = yield* shot.submit(workflow("{ name: done, tasks: [{ id: a, method: test/run }] }"))
      yield* pass(5)
      assert.deepStrictEqual(yield* shot.interrupted, [])
      yield* kill
      yield* pass(30)
      assert.deepStrictEqual(yield* shot.interrupted, [left])
      yield* pass(60)
      assert.deepStrictEqual((yield* shot.interrupted).toSorted(), [left, timed].toSorted())
      assert.deepStrictEqual([yield* statusOf(shot, rests), yield* statusOf(shot, done)], ["waiting", "completed"])
      assert.isFalse(calls.some((call) => call.startsWith("shot")))
      yield* shot.resume(left)
      yield* pass(5)
      assert.deepStrictEqual(yield* shot.interrupted, [timed])
      assert.strictEqual(yield* statusOf(shot, left), "completed")
    })
  )

  it.effect("of another scope is nobody's business here", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const { gleitzeit: one, kill } = yield* mortal(store, { slow: noting([], "one", 3600) }, { scope: "there" })
      const here = yield* process(store, {}, { recover: true, scope: "here" })
      const there = yield* process(store, {}, { scope: "there" })
      const run = yield* one.submit(two)
      yield* pass(1)
      yield* kill
      yield* pass(60)
      assert.strictEqual(yield* statusOf(here, run), "running")
      assert.deepStrictEqual([yield* here.interrupted, yield* there.interrupted], [[], [run]])
    })
  )

  it.effect("goes on counting attempts, and waits for the next one's time", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const attempts: Array<string> = []
      const fails =
        (who: string): Script =>
        (_, { attempt }) =>
          Effect.suspend(() => {
            attempts.push(`${who} ${attempt}`)
            return Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: true }))
          })
      const { gleitzeit: one, kill } = yield* mortal(store, { fails: fails("one") })
      const other = yield* process(store, { fails: fails("two") }, { recover: true })
      const run = yield* one.submit(
        workflow(
          "{ name: r, tasks: [{ id: a, method: test/run, params: { script: fails }, retry: { max_attempts: 3, delay: 60, backoff: fixed, jitter: false } }] }"
        )
      )
      yield* pass(2)
      yield* kill
      yield* pass(55)
      assert.deepStrictEqual(attempts, ["one 1"])
      yield* pass(70)
      // what the dead one would begin, it begins for itself alone
      assert.deepStrictEqual(
        attempts.filter((attempt) => attempt !== "one 2"),
        ["one 1", "two 2", "two 3"]
      )
      assert.strictEqual(yield* statusOf(other, run), "failed")
    })
  )
})

describe("a run that waits", () => {
  it.effect("for a time is driven on by another process, when it is due and not before", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const calls: Array<string> = []
      const run = yield* Effect.scoped(
        Effect.gen(function* () {
          const one = yield* process(store, {})
          const run = yield* one.submit(sleeping)
          yield* pass(2)
          return run
        })
      )
      const other = yield* process(store, { quick: noting(calls, "two") }, { recover: true })
      const before = yield* kinds(other, run)
      yield* pass(50)
      assert.deepStrictEqual(yield* kinds(other, run), before)
      yield* pass(15)
      assert.strictEqual(yield* statusOf(other, run), "completed")
      assert.deepStrictEqual(calls, ["two R/after"])
    })
  )

  it.effect("for a person is not touched, until somebody who does not drive it has answered", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const other = yield* process(store, { asks }, { recover: true })
      const { gleitzeit: one, kill } = yield* mortal(store, { asks })
      const run = yield* one.submit(asking)
      yield* pass(2)
      yield* kill
      yield* pass(60)
      assert.deepStrictEqual(yield* kinds(other, run), ["RunCreated", "TaskSuspended", "RunWaiting"])
      const answer: Event = { _tag: "Answered", v: 1, at: 70_000, request: "q", value: "yes" }
      const { post } = Context.get(yield* Layer.build(store), Store)
      yield* post(run, { at: answer.at, kind: answer._tag, json: encode(answer) })
      yield* pass(2)
      const report = yield* other.get(run)
      assert.deepStrictEqual([report.status, report.tasks["q"]?.result], ["completed", "yes"])
    })
  )
})

describe("a detached run", () => {
  it.effect("is not driven by who submits it, and taken by a process that recovers", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const calls: Array<string> = []
      const one = yield* process(store, { asks, quick: noting(calls, "one"), slow: noting(calls, "one") })
      // it lives, and drives what it has not given away
      yield* one.submit(asking)
      const run = yield* one.submit(two, { detached: true })
      yield* pass(5)
      assert.deepStrictEqual(yield* kinds(one, run), ["RunCreated"])
      assert.deepStrictEqual(yield* one.interrupted, [run])
      const waiting = yield* Effect.forkChild(one.wait(run), { startImmediately: true })
      yield* process(store, { quick: noting(calls, "two"), slow: noting(calls, "two") }, { recover: true })
      yield* pass(2)
      assert.deepStrictEqual((yield* Fiber.join(waiting)).outputs, { b: 1 })
      assert.deepStrictEqual(calls, ["two R/a", "two R/b"])
    })
  )
})

describe("processes that recover", () => {
  it.effect("share what is left: each run is driven once, and a living process keeps its own", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const calls: Array<string> = []
      const note: Script = (value, { run }) =>
        Effect.gen(function* () {
          calls.push(`${run} ${String(value)}`)
          yield* Effect.sleep(500)
          return null
        })
      const names = Array.from({ length: 80 }, (_, i) => `run-${i}`)
      const tasks = `tasks:
  - { id: a, method: test/run, params: { script: note, value: a } }
  - { id: b, method: test/run, params: { script: note, value: b }, dependencies: [a] }`
      for (const name of names) yield* Effect.provide(orphan(name, tasks), store)
      const faces = yield* Effect.forEach(
        ["one", "two", "three"],
        (owner) => process(store, { note }, { recover: true, owner }),
        { concurrency: "unbounded" }
      )
      yield* pass(30)
      const [one] = faces
      assert.isDefined(one)
      assert.strictEqual(calls.length, 160)
      assert.strictEqual(new Set(calls).size, 160)
      for (const name of names) assert.strictEqual(yield* statusOf(one, name), "completed", name)
      assert.deepStrictEqual(yield* one.interrupted, [])
    })
  )

  it.effect("pass over what they cannot drive", () =>
    Effect.gen(function* () {
      const store = yield* shared
      const secret = "inputs: { token: { type: string, secret: true } }\ntasks: [{ id: a, method: test/run }]"
      yield* Effect.provide(orphan("secret", secret), store)
      yield* Effect.provide(orphan("plain", "tasks: [{ id: a, method: test/run }]"), store)
      const other = yield* process(store, {}, { recover: true })
      yield* pass(5)
      assert.strictEqual(yield* statusOf(other, "plain"), "completed")
      assert.strictEqual(yield* statusOf(other, "secret"), "running")
      assert.deepStrictEqual(yield* other.interrupted, ["secret"])
    })
  )
})

describe("a driver that has lost its run", () => {
  it.effect("stops without damage: its handlers are interrupted, what it comes up with is not written", () =>
    Effect.gen(function* () {
      const store = yield* shared
      let interrupted = 0
      const calls: Array<string> = []
      const one = yield* process(store, {
        quick: noting(calls, "one"),
        slow: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      const other = yield* process(store, { quick: noting(calls, "two"), slow: noting(calls, "two", 5) })
      const run = yield* one.submit(two)
      yield* pass(1)
      const waiting = yield* Effect.forkChild(Effect.exit(one.wait(run)), { startImmediately: true })
      yield* other.resume(run)
      yield* pass(20)
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual(calls, ["one R/a", "two R/b"])
      const exit = yield* Fiber.join(waiting)
      if (Exit.isSuccess(exit)) assert.strictEqual(exit.value.status, "completed")
      assert.deepStrictEqual(yield* kinds(other, run), [
        "RunCreated",
        "TaskCompleted",
        "RunResumed",
        "TaskCompleted",
        "RunCompleted"
      ])
      // the process itself goes on
      assert.strictEqual((yield* one.call("test/run", {})).status, "completed")
    })
  )
})
