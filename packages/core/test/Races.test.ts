/** What happens while a run waits, rests or is asked: nothing is lost, and its journal says what its driver does. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TaskExecutionFailed } from "../src/Errors.ts"
import { encode, type Event } from "../src/Event.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Run from "../src/Run.ts"
import { Store } from "../src/Store.ts"
import type { Question } from "../src/Task.ts"
import { engine, inTime, type Script, told, workflow } from "./harness.ts"

const flow = (text: string) => workflow(`name: flow\n${text}`)

/** Tenths of a second. */
const pass = (tenths: number) =>
  Effect.forEach(Array.from({ length: tenths }), () => TestClock.adjust("100 millis"), { discard: true })

const journal = (run: string) =>
  Effect.flatMap(Gleitzeit, ({ events }) =>
    Effect.map(Stream.runCollect(events(run)), (events) => events.map(({ event }) => event))
  )

const kinds = (run: string) => Effect.map(journal(run), (events) => events.map(({ _tag }) => _tag))

const asked = ({ waiting }: Run.Outcome) => waiting.map(({ request }) => request)

const asks: Script = (_, { suspend }) => suspend("", { kind: "input" })
const busy: Script = () => Effect.fail(new TaskExecutionFailed({ reason: "busy", retryable: true }))
const fails: Script = () => Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: false }))
const never: Script = () => Effect.never
const after =
  (milliseconds: number, script: Script): Script =>
  (value, context) =>
    Effect.andThen(
      Effect.sleep(milliseconds),
      Effect.suspend(() => script(value, context))
    )

describe("a task marked `once`", () => {
  it.effect("that asks goes on when it is answered", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* inTime(
        gleitzeit.run(
          flow(
            'tasks: [{ id: a, method: test/write, once: true, params: { script: asks } }]\noutputs: { said: "${a}" }'
          )
        )
      )
      assert.deepStrictEqual(asked(rested), ["a"])
      yield* gleitzeit.respond(rested.run, "a", "yes")
      const over = yield* inTime(gleitzeit.wait(rested.run))
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { said: "yes" }])
    }).pipe(Effect.provide(engine({ asks })))
  )

  it.effect("for which the budget has no room goes on when that is raised, and is called once", () => {
    let calls = 0
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* inTime(
        gleitzeit.run(
          flow(
            `budget: { calls: 1 }
tasks: [{ id: a, method: test/run }, { id: b, method: test/write, once: true, dependencies: [a], params: { script: count } }]`
          )
        )
      )
      assert.deepStrictEqual([asked(rested), calls], [["budget"], 0])
      yield* gleitzeit.respond(rested.run, "budget", { calls: 9 })
      assert.strictEqual((yield* inTime(gleitzeit.wait(rested.run))).status, "completed")
      assert.strictEqual(calls, 1)
    }).pipe(Effect.provide(engine({ count: () => Effect.sync(() => ++calls) })))
  })
})

describe("an item", () => {
  it.effect("that failed, was tried again and asks goes on when it is answered after the run has rested", () => {
    let n = 0
    const flaky: Script = (value, context) => Effect.suspend(() => (n++ === 0 ? busy : asks)(value, context))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* inTime(
        gleitzeit.run(
          flow('tasks: [{ id: w, method: test/run, foreach: [1], params: { script: flaky } }]\noutputs: { w: "${w}" }')
        )
      )
      assert.deepStrictEqual(asked(rested), ["w[0]"])
      yield* gleitzeit.respond(rested.run, "w[0]", "yes")
      const over = yield* inTime(gleitzeit.wait(rested.run))
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { w: ["yes"] }])
    }).pipe(Effect.provide(engine({ flaky })))
  })

  const first =
    (then: Script): Script =>
    (value, context) =>
      value === 1 ? after(100, fails)(value, context) : after(500, then)(value, context)
  const two = 'tasks: [{ id: w, method: test/run, foreach: [1, 2], params: { script: s, value: "${item}" } }]'

  it.effect("that asks after another has failed is not waited for", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const over = yield* inTime(gleitzeit.run(flow(two)))
      assert.deepStrictEqual([over.status, over.waiting], ["failed", []])
    }).pipe(Effect.provide(engine({ s: first(asks) })))
  )

  it.effect("for whose call the budget has no room, after another has failed, is not waited for", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const over = yield* inTime(gleitzeit.run(flow(`budget: { calls: 2 }\n${two}`)))
      assert.deepStrictEqual([over.status, over.waiting], ["failed", []])
    }).pipe(Effect.provide(engine({ s: first((_, { call }) => call("more", "test/run", {})) })))
  )
})

describe("a question that is none", () => {
  let deep: Schema.Json = 1
  for (let i = 0; i < 5000; i++) deep = [deep]
  const odd: ReadonlyArray<readonly [string, unknown]> = [
    ["a time that is no number", { kind: "input", expires: Number.NaN }],
    ["a time without end", { kind: "input", expires: Infinity }],
    ["a schema that is no object", { kind: "input", schema: "text" }],
    ["no kind", { prompt: "well?" }],
    ["a big integer", { kind: "input", data: 1n }],
    ["data nested 5,000 deep", { kind: "input", data: deep }],
    ["a schema nested 5,000 deep", { kind: "input", schema: { deep } }]
  ]

  it.effect.each(odd)("for %s fails its task; the journal is read, and other runs go on", ([, question]) => {
    // Safe: that it is none is what is tested.
    const asks = after(10, (_, { suspend }) => suspend("", question as Question))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const other = yield* gleitzeit.submit(flow("tasks: [{ id: o, method: test/run, params: { script: slow } }]"))
      const report = yield* inTime(
        told(gleitzeit.run(flow("tasks: [{ id: a, method: test/run, params: { script: asks } }]")))
      )
      assert.deepStrictEqual([report.status, report.tasks["a"]?.error?.name], ["failed", "TASK_RESULT_INVALID"])
      assert.deepStrictEqual(yield* kinds(report.run), ["RunCreated", "TaskFailed", "RunFailed"])
      assert.strictEqual((yield* inTime(gleitzeit.wait(other))).status, "completed")
    }).pipe(Effect.provide(engine({ asks, slow: after(200, () => Effect.succeed(1)) })))
  })
})

describe("a signal", () => {
  /**
   * Two wait for the same one, the first of them an item; another item fails at 1 s, and the last is over at 5 s. One more
   * task is under way all the time, so that the run does not rest.
   */
  const document = flow(`
tasks:
  - { id: w, method: test/run, foreach: [fails, waits, lasts], params: { script: "\${item}" } }
  - { id: o, method: test/run, params: { script: late } }
  - { id: k, method: test/run, params: { script: never } }
`)
  it.effect.each([
    ["while its other items are under way", 20],
    ["when it is over", 70]
  ] as const)("goes where the journal says, of a fan with a failed item, %s", ([, tenths]) => {
    const heard: Array<Schema.Json> = []
    const waits: Script = (_, { suspend }) => suspend("", { kind: "signal", data: { name: "go" } })
    const late = after(500, (value, context) =>
      Effect.andThen(
        Effect.tap(waits(value, context), (got) => Effect.sync(() => heard.push(got))),
        Effect.never
      )
    )
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(document)
      yield* pass(tenths)
      for (const value of ["first", "second"]) {
        yield* gleitzeit.signal(run, "go", value)
        yield* pass(5)
        const state = Run.empty(run)
        for (const event of yield* journal(run)) Run.fold(state, event)
        const answer = state.requests.answered("o")
        assert.deepStrictEqual(heard, answer?._tag === "Answered" ? [answer.value] : [])
      }
      assert.lengthOf(heard, 1)
      yield* inTime(gleitzeit.cancel(run))
    }).pipe(
      Effect.provide(
        engine({ fails: after(1000, fails), waits, lasts: after(5000, () => Effect.succeed(1)), late, never })
      )
    )
  })
})

describe("a journal", () => {
  it.effect("that is told to rest a run keeps what joins that, though something is posted meanwhile", () => {
    let slow = ""
    let post: Store["Service"]["post"] | undefined
    const begun = Deferred.makeUnsafe<void>()
    const word: Event = { _tag: "Signalled", v: 1, at: 1, name: "x", value: 1 }
    const stored = { at: word.at, kind: word._tag, json: encode(word) }
    // reading on after a conflict takes 3 s: meanwhile no other commit begins
    const store = Layer.effect(
      Store,
      Effect.map(Store, (store) => {
        post = store.post
        return Store.of({
          ...store,
          read: (run, after, limit) =>
            run === slow && after > 0
              ? Effect.delay(store.read(run, after, limit), 3000)
              : store.read(run, after, limit)
        })
      })
    ).pipe(Layer.provideMerge(MemoryStore.layer))
    const interferes: Script = () =>
      Effect.andThen(
        Deferred.await(begun),
        Effect.suspend(() => Effect.as(Effect.ignore(post?.(slow, stored) ?? Effect.void), 1))
      )
    const times: Script = after(500, (_, { suspend }) =>
      Effect.andThen(
        Deferred.succeed(begun, undefined),
        Effect.suspend(() => suspend("", { kind: "timer", expires: 2000 }))
      )
    )
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      slow = yield* gleitzeit.submit(flow("tasks: [{ id: s, method: test/run, params: { script: interferes } }]"))
      const run = yield* gleitzeit.submit(
        flow(`tasks:
  - { id: a, method: test/run, on_error: continue, params: { script: times } }
  - { id: b, method: test/run, dependencies: [a], params: { script: never } }`)
      )
      yield* pass(15)
      assert.deepStrictEqual(yield* kinds(run), ["RunCreated", "TaskSuspended"])
      yield* (yield* Store).post(run, stored)
      yield* pass(60)
      // what its task has failed of
      assert.deepStrictEqual(
        (yield* kinds(run)).filter((kind) => kind !== "RunWaiting"),
        ["RunCreated", "TaskSuspended", "Signalled", "Expired", "TaskFailed"]
      )
      yield* inTime(gleitzeit.cancel(run))
    }).pipe(Effect.provide(engine({ interferes, times, never }, { store })))
  })
})

describe("an attempt that the budget has no room for", () => {
  const agent: Script = (_, { call, usage }) =>
    Effect.andThen(usage({ input_tokens: 150 }), call("more", "test/run", {}))

  it.effect("counts what it had used, in the journal too, and is warned of", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* inTime(
        gleitzeit.run(flow("budget: { tokens: 100 }\ntasks: [{ id: a, method: test/run, params: { script: agent } }]"))
      )
      assert.deepStrictEqual(asked(rested), ["budget"])
      assert.strictEqual(rested.usage.input_tokens, 150)
      assert.deepStrictEqual((yield* gleitzeit.get(rested.run)).usage, rested.usage)
      assert.deepStrictEqual(yield* kinds(rested.run), ["RunCreated", "BudgetWarned", "BudgetExceeded", "RunWaiting"])
    }).pipe(Effect.provide(engine({ agent })))
  )
})

describe("a task named as what a run itself asks", () => {
  it.effect("is answered like any other", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* inTime(
        gleitzeit.run(
          flow(
            'tasks: [{ id: budget, method: human/input, params: { prompt: "how much?" } }]\noutputs: { said: "${budget}" }'
          )
        )
      )
      assert.deepStrictEqual(asked(rested), ["budget"])
      yield* gleitzeit.respond(rested.run, "budget", "a lot")
      const over = yield* inTime(gleitzeit.wait(rested.run))
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { said: "a lot" }])
    }).pipe(Effect.provide(engine()))
  )
})

describe("a secret", () => {
  it.effect("that a handler gives for a key or the name of its failure is not in the journal", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* inTime(
        gleitzeit.run(
          flow(`secrets: [KEY]
tasks:
  - { id: a, method: test/run, params: { script: calls, value: "\${secrets.KEY}" } }
  - { id: b, method: test/run, params: { script: named, value: "\${secrets.KEY}" } }
  - { id: c, method: test/run, params: { script: keyed, value: "\${secrets.KEY}" } }`)
        )
      )
      const events = yield* journal(run)
      assert.includeMembers(
        events.map(({ _tag }) => _tag),
        ["CallRecorded", "TaskFailed", "TaskSuspended"]
      )
      assert.notInclude(JSON.stringify(events), "a-long-secret")
    }).pipe(
      Effect.provide(
        engine(
          {
            calls: (value, { call }) => call(String(value), "test/run", { value: 1 }),
            keyed: (value, { suspend }) => suspend(String(value), { kind: "input" }),
            named: (value) => Effect.fail({ code: 1, name: String(value), message: "no", retryable: false })
          },
          { secrets: { KEY: "a-long-secret" } }
        )
      )
    )
  )
})
