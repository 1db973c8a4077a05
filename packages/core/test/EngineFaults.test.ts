/** What a run meets besides work: clocks, handlers and values that are not as they should be, sizes, words at odd times. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InvalidParams, TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit, type RunOptions } from "../src/Gleitzeit.ts"
import type { Provider } from "../src/Provider.ts"
import { Providers } from "../src/Providers.ts"
import { Store, type StoredEvent } from "../src/Store.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

const ask: Script = (value, { suspend }) => suspend("", { kind: "input", prompt: String(value) })
/** Takes a second. */
const hold: Script = (value) => Effect.as(Effect.sleep("1 second"), value ?? null)
const fails: Script = () => Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: true }))

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

/** The clock goes on while it runs. */
const running = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 20) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < seconds && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const run = (text: string, options?: RunOptions) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) => running(told(gleitzeit.run(workflow(text), options))))

const recorded = (run: string) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) =>
    Effect.map(Stream.runCollect(gleitzeit.events(run)), (events) => events.map(({ event }) => event))
  )

const tagOf = (error: object) => ("_tag" in error ? error._tag : undefined)

const completed = (report: { readonly tasks: { readonly [path: string]: { readonly status: string } } }) =>
  Object.entries(report.tasks).flatMap(([path, { status }]) => (status === "completed" ? [path] : []))

describe("a clock that jumps back", () => {
  it.effect("ends nothing early, and no event is earlier than the one before", () => {
    let broken = true
    const flaky: Script = (value, context) =>
      Effect.suspend(() => (broken ? ((broken = false), fails(value, context)) : Effect.succeed(1)))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      yield* TestClock.setTime(1_000_000)
      const id = yield* gleitzeit.submit(
        workflow(`
name: back
timeout: 1h
tasks:
  - { id: a, method: test/run, params: { script: hold } }
  - { id: b, method: test/run, params: { script: flaky }, dependencies: [a], retry: { max_attempts: 2, delay: 10, jitter: false } }
  - { id: c, method: timer/sleep, params: { seconds: 20 }, dependencies: [b] }
`)
      )
      yield* pass(3)
      yield* TestClock.setTime(900_000)
      const over = yield* running(told(gleitzeit.wait(id)), 300)
      assert.strictEqual(over.status, "completed")
      const events = yield* recorded(id)
      const times = events.map(({ at }) => at)
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
      assert.isAtLeast((times.at(-1) ?? 0) - (times[0] ?? 0), 30_000)
    }).pipe(Effect.provide(engine({ hold, flaky })))
  })
})

describe("a handler", () => {
  it.effect("that ignores its interruption is left behind by its timeout, and its late result discarded", () => {
    let ended = 0
    return Effect.gen(function* () {
      const report = yield* run(`
name: deaf
tasks:
  - { id: a, method: test/write, params: { script: deaf }, timeout: 2, on_error: continue }
  - { id: b, method: test/run, params: { value: "\${a ?? 'gone on'}" } }
outputs: { b: "\${b}" }
`)
      assert.deepStrictEqual([report.status, report.outputs], ["completed", { b: "gone on" }])
      assert.strictEqual(report.tasks["a"]?.error?.name, "TASK_TIMEOUT")
      const before = yield* recorded(report.run)
      yield* pass(60)
      assert.strictEqual(ended, 1)
      assert.deepStrictEqual(yield* recorded(report.run), before)
    }).pipe(
      Effect.provide(
        engine({
          deaf: () =>
            Effect.uninterruptible(
              Effect.andThen(
                Effect.sleep("30 seconds"),
                Effect.sync(() => ++ended)
              )
            )
        })
      )
    )
  })

  /** Not made by `Provider.make`: what it gives is not checked before. */
  const raw = (result: unknown): Provider => ({
    name: "raw",
    protocol: "raw/v1",
    concurrency: Infinity,
    capabilities: { streaming: false, batch: false, caching: false, sandboxed: false },
    contracts: Effect.succeed([
      {
        method: "raw/run",
        protocol: "raw/v1",
        description: "Anything",
        effects: "reads",
        params: {},
        result: {},
        examples: []
      }
    ] as never),
    changes: Stream.empty,
    // Safe: that it is none is what is tested.
    call: () => Effect.succeed(result as Schema.Json),
    identity: () => Effect.undefined,
    estimate: () => Effect.succeed({}),
    health: Effect.succeed({ status: "healthy" })
  })
  const circle: { self?: unknown } = {}
  circle.self = circle
  let deep: unknown = 1
  for (let i = 0; i < 5000; i++) deep = [deep]
  const noJson: ReadonlyArray<readonly [string, unknown]> = [
    ["undefined", undefined],
    ["a big integer", 5n],
    ["a function", () => 1],
    ["NaN", Number.NaN],
    ["a date", new Date(0)],
    ["a map", new Map([[1, 2]])],
    ["undefined inside", { a: undefined }],
    ["what holds itself", circle],
    ["what is nested 5,000 deep", deep],
    ["a list with a hole", Array(2)],
    [
      "what throws when it is written",
      {
        toJSON: () => {
          throw new Error("no")
        }
      }
    ]
  ]
  it.effect.each(noJson)("that gives %s fails its task, and the run goes on", ([, result]) =>
    Effect.gen(function* () {
      yield* (yield* Providers).register(raw(result))
      const report = yield* run(
        "{ name: raw, tasks: [{ id: a, protocol: raw/v1, method: raw/run }, { id: b, method: test/run }] }"
      )
      assert.strictEqual(report.tasks["a"]?.error?.name, "TASK_RESULT_INVALID")
      assert.strictEqual(report.tasks["b"]?.status, "completed")
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.effect("may give fields that objects are born with: they pass through params, results and outputs", () => {
    const odd: Schema.Json = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"hasOwnProperty":3}')
    return Effect.gen(function* () {
      const report = yield* run(
        `
name: odd
inputs: { odd: {} }
tasks:
  - { id: a, method: test/run, params: { value: "\${inputs.odd}" } }
  - { id: b, method: test/run, params: { value: { inside: "\${a}" } } }
  - { id: w, method: test/run, foreach: ["\${b.inside}"], params: { value: "\${item}" } }
outputs: { a: "\${a}", b: "\${b}", proto: "\${a.constructor}" }
`,
        { inputs: { odd } }
      )
      assert.strictEqual(JSON.stringify(report.outputs), JSON.stringify({ a: odd, b: { inside: odd }, proto: 2 }))
      assert.notProperty({}, "polluted")
    }).pipe(Effect.provide(engine()))
  })
})

describe("a condition", () => {
  it.effect("that throws fails its task or its item, and nothing else", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: closed
tasks:
  - { id: n, method: test/run, params: { value: { list: [1], zero: 0 } } }
  - { id: divided, method: test/run, if: "1 / int(n.zero) > 0" }
  - { id: beyond, method: test/run, if: "n.list[5] > 0" }
  - { id: items, method: test/run, foreach: [1, 0], if: "2 / int(item) > 0", params: { value: "\${item}" }, on_error: continue }
  - { id: fine, method: test/run }
`)
      assert.strictEqual(report.tasks["divided"]?.error?.name, "TASK_CONDITION_FAILED")
      assert.strictEqual(report.tasks["beyond"]?.error?.name, "TASK_CONDITION_FAILED")
      assert.strictEqual(report.tasks["items[1]"]?.error?.name, "TASK_CONDITION_FAILED")
      assert.deepStrictEqual(report.tasks["items"]?.result, [1])
      assert.strictEqual(report.tasks["fine"]?.status, "completed")
    }).pipe(Effect.provide(engine()))
  )
})

describe("a size", () => {
  it.live("of 20 million characters goes through two tasks", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { outputs, status } = yield* gleitzeit.run(
        workflow(`
name: big
tasks:
  - { id: a, method: test/run, params: { script: big } }
  - { id: b, method: test/run, params: { value: "\${a}" } }
outputs: { b: "\${b}" }
`)
      )
      assert.strictEqual(status, "completed")
      assert.lengthOf(outputs?.["b"] as string, 20_000_000)
    }).pipe(Effect.provide(engine({ big: () => Effect.succeed("x".repeat(20_000_000)) })))
  )

  it.live("of a list may be 0, 1 and 50,000 items", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = workflow(`
name: fan
inputs: { items: {} }
tasks:
  - { id: w, method: test/run, foreach: "\${inputs.items}", params: { value: "\${item}" } }
  - { id: after, method: test/run, params: { value: "\${w}" } }
outputs: { w: "\${after}" }
`)
      for (const length of [0, 1, 50_000]) {
        const items = Array.from({ length }, (_, i) => i)
        const { outputs, status } = yield* gleitzeit.run(document, { inputs: { items } })
        assert.strictEqual(status, "completed")
        assert.deepStrictEqual(outputs, { w: items })
      }
    }).pipe(Effect.provide(engine()))
  )

  it.live("of 10,000 attempts of one task is one task in the end", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(
        gleitzeit.run(
          workflow(`
name: many
tasks: [{ id: a, method: test/run, params: { script: fails }, retry: { max_attempts: 10000, delay: 0, backoff: fixed, jitter: false } }]
`)
        )
      )
      assert.deepStrictEqual([report.status, report.tasks["a"]?.attempts], ["failed", 10_000])
      const events = yield* recorded(report.run)
      assert.lengthOf(events, 10_002)
    }).pipe(Effect.provide(engine({ fails })))
  )
})

describe("words at odd times", () => {
  const asking = "{ name: q, tasks: [{ id: a, method: test/run, params: { script: ask } }] }"

  it.effect("to a run that is over are refused, and nothing is written", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run: done } = yield* run("{ name: d, tasks: [{ id: a, method: test/run }] }")
      const before = yield* recorded(done)
      const words = [
        gleitzeit.signal(done, "go", 1),
        gleitzeit.respond(done, "a", 1),
        gleitzeit.pause(done),
        gleitzeit.step(done),
        gleitzeit.cancel(done)
      ]
      for (const word of words)
        assert.strictEqual(tagOf(yield* Effect.flip(Effect.asVoid<unknown, object, never>(word))), "RunFinished")
      yield* gleitzeit.resume(done)
      assert.deepStrictEqual(yield* recorded(done), before)
    }).pipe(Effect.provide(engine({ ask })))
  )

  it.effect("cancel and answer: the answer comes too late", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* run(asking)
      yield* gleitzeit.cancel(rested.run)
      assert.strictEqual(tagOf(yield* Effect.flip(gleitzeit.respond(rested.run, "a", 1))), "RunFinished")
      const report = yield* gleitzeit.get(rested.run)
      assert.deepStrictEqual([report.status, report.waiting, report.tasks["a"]?.status], ["cancelled", [], "cancelled"])
    }).pipe(Effect.provide(engine({ ask })))
  )

  it.effect("pause, then cancel: the run is cancelled, whether it rests or something is under way", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* run(asking)
      yield* gleitzeit.pause(rested.run)
      assert.deepStrictEqual(
        (yield* gleitzeit.get(rested.run)).waiting.map(({ request }) => request),
        ["pause", "a"]
      )
      yield* gleitzeit.cancel(rested.run)
      assert.strictEqual((yield* gleitzeit.get(rested.run)).status, "cancelled")
      const busy = yield* gleitzeit.submit(
        workflow("{ name: b, tasks: [{ id: a, method: test/run, params: { script: hold } }] }")
      )
      const both = Effect.all([gleitzeit.pause(busy), gleitzeit.cancel(busy)], { concurrency: 2 })
      yield* running(both)
      assert.strictEqual((yield* gleitzeit.get(busy)).status, "cancelled")
    }).pipe(Effect.provide(engine({ ask, hold })))
  )

  it.effect("an answer while the run is paused is kept until it goes on", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* run(asking)
      yield* gleitzeit.pause(rested.run)
      yield* gleitzeit.respond(rested.run, "a", "yes")
      const still = yield* running(gleitzeit.wait(rested.run))
      assert.deepStrictEqual([still.status, still.waiting.map(({ request }) => request)], ["waiting", ["pause"]])
      yield* gleitzeit.resume(rested.run)
      const over = yield* running(told(gleitzeit.wait(rested.run)))
      assert.deepStrictEqual([over.status, over.tasks["a"]?.result], ["completed", "yes"])
    }).pipe(Effect.provide(engine({ ask })))
  )
})

describe("a paused run", () => {
  const flaky = () => {
    let broken = true
    const script: Script = (value, context) =>
      Effect.suspend(() => (broken ? ((broken = false), fails(value, context)) : Effect.succeed("well")))
    return script
  }
  const retrying =
    "{ name: p, tasks: [{ id: a, method: test/run, params: { script: flaky }, retry: { max_attempts: 2, delay: 10, jitter: false } }] }"

  it.effect("begins no attempt whose time comes; resumed later, it begins at once", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* gleitzeit.submit(workflow(retrying))
      yield* pass(2)
      yield* running(gleitzeit.pause(id))
      yield* pass(60)
      const rested = yield* gleitzeit.get(id)
      assert.deepStrictEqual([rested.status, rested.tasks["a"]?.attempts], ["waiting", 1])
      yield* gleitzeit.resume(id)
      const over = yield* running(told(gleitzeit.wait(id)), 2)
      assert.deepStrictEqual([over.status, over.tasks["a"]?.attempts], ["completed", 2])
    }).pipe(Effect.provide(engine({ flaky: flaky() })))
  )

  it.effect("lets times run out meanwhile; what follows from that waits for the pause to end", () => {
    const late = "{ id: q, method: human/input, params: { prompt: x, expires: 10, on_expire: value, value: late } }"
    const timer = "{ id: t, method: timer/sleep, params: { seconds: 20 } }"
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* gleitzeit.submit(workflow(`{ name: p, tasks: [${late}, ${timer}], outputs: { q: "\${q}" } }`))
      yield* pass(2)
      yield* running(gleitzeit.pause(id), 3)
      yield* pass(60)
      const rested = yield* gleitzeit.get(id)
      assert.strictEqual(rested.status, "waiting")
      assert.deepStrictEqual(completed(rested), [])
      yield* gleitzeit.resume(id)
      const over = yield* running(gleitzeit.wait(id), 2)
      assert.deepStrictEqual([over.status, over.outputs], ["completed", { q: "late" }])
    }).pipe(Effect.provide(engine()))
  })
})

describe("a handler that asks", () => {
  it.effect("twice at once is asked one question after the other, and gets both answers", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const first = yield* run(
        '{ name: b, tasks: [{ id: a, method: test/run, params: { script: both } }], outputs: { o: "${a}" } }'
      )
      assert.deepStrictEqual(
        first.waiting.map(({ request }) => request),
        ["a/x"]
      )
      yield* gleitzeit.respond(first.run, "a/x", 1)
      assert.deepStrictEqual(
        (yield* gleitzeit.wait(first.run)).waiting.map(({ request }) => request),
        ["a/y"]
      )
      yield* gleitzeit.respond(first.run, "a/y", 2)
      assert.deepStrictEqual((yield* gleitzeit.wait(first.run)).outputs, { o: [1, 2] })
    }).pipe(
      Effect.provide(
        engine({
          both: (_, { suspend }) =>
            Effect.all([suspend("x", { kind: "input" }), suspend("y", { kind: "input" })], { concurrency: 2 })
        })
      )
    )
  )

  it.effect("for an item holds the item's place among those at once", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* run(
        '{ name: i, tasks: [{ id: w, method: test/run, foreach: [ask, echo, echo], concurrency: 1, params: { script: "${item}", value: 1 } }] }'
      )
      assert.deepStrictEqual(completed(rested), [])
      yield* gleitzeit.respond(rested.run, "w[0]", "yes")
      const over = yield* running(told(gleitzeit.wait(rested.run)))
      assert.deepStrictEqual(over.tasks["w"]?.result, ["yes", 1, 1])
    }).pipe(Effect.provide(engine({ ask, echo: (value) => Effect.succeed(value ?? null) })))
  )

  it.effect("is cancelled by a failure that ends all", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: fast
fail_fast: true
tasks:
  - { id: q, method: test/run, params: { script: ask } }
  - { id: bad, method: test/write, params: { script: late } }
`)
      assert.deepStrictEqual([report.status, report.waiting], ["failed", []])
      assert.strictEqual(report.tasks["q"]?.status, "cancelled")
    }).pipe(Effect.provide(engine({ ask, late: (value, context) => Effect.delay(fails(value, context), 3000) })))
  )
})

describe("a run's timeout", () => {
  it.effect("does not count the time that it waits for a person or a timer", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* run(`
name: patient
timeout: 10s
tasks:
  - { id: q, method: test/run, params: { script: ask } }
  - { id: t, method: timer/sleep, params: { seconds: 60 }, dependencies: [q] }
  - { id: last, method: test/run, params: { script: hold }, dependencies: [t] }
`)
      yield* pass(60)
      yield* gleitzeit.respond(rested.run, "q", "yes")
      assert.strictEqual((yield* running(gleitzeit.wait(rested.run), 100)).status, "completed")
    }).pipe(Effect.provide(engine({ ask, hold })))
  )
})

describe("a failing item", () => {
  it.effect("withdraws what the other items ask and wait for, and their task fails", () =>
    Effect.gen(function* () {
      const report = yield* run(`
name: stopped
tasks:
  - id: w
    method: test/run
    foreach: [ask, fails, refused, ask]
    params: { script: "\${item}" }
    retry: { max_attempts: 2, delay: 1h }
  - { id: other, method: test/run }
`)
      assert.deepStrictEqual([report.status, report.waiting], ["failed", []])
      assert.strictEqual(report.tasks["w"]?.error?.name, "ITEMS_FAILED")
      assert.deepStrictEqual(
        ["w[0]", "w[1]", "w[2]", "w[3]"].map((path) => report.tasks[path]?.status),
        ["cancelled", "cancelled", "failed", "cancelled"]
      )
      assert.deepStrictEqual(completed(report), ["other"])
    }).pipe(
      Effect.provide(
        engine({
          ask,
          fails,
          refused: () => Effect.delay(Effect.fail(new InvalidParams({ method: "m", issue: "no" })), 3000)
        })
      )
    )
  )
})

describe("a time in a nested workflow", () => {
  it.effect("is waited for in each of its instances", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const id = yield* gleitzeit.submit(
        workflow(`
name: nested
tasks:
  - id: sub
    foreach: [10, 30]
    inputs: { s: "\${item}" }
    workflow:
      inputs: { s: { type: integer } }
      tasks:
        - { id: sleep, method: timer/sleep, params: { seconds: "\${inputs.s}" } }
        - { id: after, method: test/run, params: { value: "\${inputs.s}" }, dependencies: [sleep] }
      outputs: { s: "\${after}" }
outputs: { s: "\${sub.s}" }
`)
      )
      yield* pass(5)
      const [summary] = (yield* gleitzeit.list({})).items
      assert.deepStrictEqual([summary?.status, summary?.due], ["waiting", 10_000])
      yield* pass(10)
      assert.include(completed(yield* gleitzeit.get(id)), "sub[0]/after")
      assert.strictEqual((yield* gleitzeit.list({})).items[0]?.due, 30_000)
      yield* pass(20)
      assert.deepStrictEqual((yield* gleitzeit.wait(id)).outputs, { s: [10, 30] })
    }).pipe(Effect.provide(engine()))
  )
})

/** Every kind of task, each call noted. */
const everything = `
name: everything
max_concurrency: 2
tasks:
  - { id: a, method: test/run, params: { script: note, value: 1 } }
  - { id: q, method: test/run, params: { script: asks, value: "\${a}" } }
  - { id: w, method: test/run, foreach: [x, y, z], if: item != "y", params: { script: note, value: "\${item}" }, dependencies: [a] }
  - { id: l, method: test/run, repeat: { until: iteration == 2, max: 3 }, params: { script: note, value: "\${iteration}" } }
  - { id: t, method: timer/sleep, params: { seconds: 5 }, dependencies: [l] }
  - id: n
    dependencies: [t]
    foreach: [1, 2]
    inputs: { v: "\${item}" }
    workflow:
      inputs: { v: {} }
      tasks:
        - { id: x, method: test/run, params: { script: note, value: "\${inputs.v}" } }
        - { id: y, method: test/run, params: { script: asks, value: "\${x}" } }
        - { id: z, method: signal/wait, params: { name: go }, dependencies: [y] }
      outputs: { y: "\${y}", z: "\${z.value}" }
  - { id: skipped, method: test/run, if: 1 > 2 }
  - { id: failed, method: test/write, params: { script: fails }, on_error: continue }
outputs: { q: "\${q}", w: "\${w}", l: "\${l}", n: "\${n}", rest: "\${skipped ?? failed ?? 'none'}" }
`

const outputs = {
  q: { called: 1, told: "yes" },
  w: ["x", "z"],
  l: 2,
  n: [
    { y: { called: 1, told: "yes" }, z: "signal" },
    { y: { called: 2, told: "yes" }, z: "signal" }
  ],
  rest: "none"
}

describe("a run of everything", () => {
  const scripts = (calls: Array<string>): { readonly [name: string]: Script } => {
    const note: Script = (value, { task }) => Effect.sync(() => (calls.push(task), value ?? null))
    const asks: Script = (value, { call, suspend }) =>
      Effect.gen(function* () {
        const called = yield* call("before", "test/run", { script: "note", value: value ?? null })
        return { called, told: yield* suspend("", { kind: "input" }) }
      })
    return { note, asks, fails }
  }

  /** Answers whatever is asked, sends whatever is waited for, until it is over. */
  const through = (id: string) =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      for (let round = 0; round < 50; round++) {
        const { status, waiting } = yield* running(gleitzeit.wait(id), 100)
        if (status !== "waiting") return yield* gleitzeit.get(id)
        for (const { kind, request } of waiting) {
          yield* kind === "signal" ? gleitzeit.signal(id, "go", "signal") : gleitzeit.respond(id, request, "yes")
        }
      }
      return yield* Effect.die("it does not end")
    })

  const journal = Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit
    const store = yield* Store
    const id = yield* gleitzeit.submit(workflow(everything))
    const report = yield* through(id)
    assert.deepStrictEqual([report.status, report.outputs], ["completed", outputs])
    return { lines: yield* store.read(id, 0, 1000) }
  })

  /** A journal that somebody has left behind. */
  const left = (lines: ReadonlyArray<StoredEvent>) =>
    Effect.gen(function* () {
      const store = yield* Store
      const [first, ...rest] = lines.map(({ at, json, kind }) => ({ at, json, kind }))
      assert.isDefined(first)
      const summary = {
        run: "left",
        workflow: "everything",
        status: "running" as const,
        tags: [],
        created_at: 0,
        updated_at: 0,
        tasks: {},
        waiting: [],
        usage: {},
        engine: "0",
        due: 0
      }
      const refused = yield* store.commit([{ run: "left", after: 0, scope: "", events: [first, ...rest], summary }])
      assert.strictEqual(refused.size, 0)
    })

  it.effect(
    "comes to the same end from wherever it was left, and neither calls nor records again what is recorded",
    () =>
      Effect.gen(function* () {
        const { lines } = yield* journal.pipe(Effect.provide(engine(scripts([]))))
        assert.isAbove(lines.length, 35)
        for (let length = 1; length < lines.length; length++) {
          const calls: Array<string> = []
          yield* Effect.gen(function* () {
            const gleitzeit = yield* Gleitzeit
            yield* left(lines.slice(0, length))
            const before = yield* gleitzeit.get("left")
            yield* gleitzeit.resume("left")
            const report = yield* through("left")
            assert.deepStrictEqual([report.status, report.outputs], ["completed", outputs], `after ${length} events`)
            assert.strictEqual(new Set(calls).size, calls.length, `after ${length} events: ${calls.join(" ")}`)
            const ends = (yield* recorded("left")).flatMap((event) =>
              event._tag === "TaskCompleted" || event._tag === "TaskSkipped" || event._tag === "TaskGathered"
                ? [event.task]
                : []
            )
            assert.strictEqual(new Set(ends).size, ends.length, `after ${length} events: ${ends.join(" ")}`)
            const again = completed(before).filter((path) => calls.includes(path))
            assert.deepStrictEqual(again, [], `after ${length} events`)
          }).pipe(Effect.provide(engine(scripts(calls))))
        }
      })
  )

  it.effect("with a past of failures, budgets, pauses and retries ends the same from wherever it was left", () => {
    const past = workflow(`
name: past
budget: { calls: 3 }
max_concurrency: 1
tasks:
  - { id: a, method: test/run, params: { script: note, value: 1 } }
  - { id: w, method: test/write, foreach: [1, 2, 3], params: { script: unsteady, value: "\${item}" }, dependencies: [a] }
  - { id: q, method: test/run, params: { script: asks, value: "\${a}" } }
  - { id: b, method: test/run, params: { script: note, value: "\${w}" } }
outputs: { b: "\${b}", q: "\${q.told}" }
`)
    /** Whatever it rests for, it is given. */
    const onward = (id: string, fixed: () => void) =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit
        for (let round = 0; round < 30; round++) {
          const { status, waiting } = yield* running(gleitzeit.wait(id), 60)
          if (status === "completed") return yield* gleitzeit.get(id)
          if (status === "failed") {
            fixed()
            yield* gleitzeit.retry(id)
          }
          for (const { kind, request } of waiting) {
            if (kind === "budget") yield* gleitzeit.respond(id, request, { calls: 100 })
            else if (kind === "pause") yield* gleitzeit.resume(id)
            else {
              yield* gleitzeit.pause(id)
              yield* gleitzeit.respond(id, request, "yes")
            }
          }
        }
        return yield* Effect.die("it does not end")
      })
    const world = (calls: Array<string>, broken: boolean) => {
      const state = { broken }
      const unsteady: Script = (value, { task }) =>
        Effect.suspend(() => {
          if (state.broken && value === 2)
            return Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: false }))
          calls.push(task)
          return Effect.succeed(value ?? null)
        })
      return { engine: engine({ ...scripts(calls), unsteady }), fixed: () => void (state.broken = false) }
    }
    const expected = { b: [1, 2, 3], q: "yes" }
    return Effect.gen(function* () {
      const first = world([], true)
      const lines = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit
        const store = yield* Store
        const id = yield* gleitzeit.submit(past)
        assert.deepStrictEqual((yield* onward(id, first.fixed)).outputs, expected)
        return yield* store.read(id, 0, 1000)
      }).pipe(Effect.provide(first.engine))
      const kinds = new Set(lines.map(({ kind }) => kind))
      for (const kind of ["BudgetRaised", "PauseRequested", "Continued", "RunRetried", "TaskFailed", "CallRecorded"]) {
        assert.isTrue(kinds.has(kind), kind)
      }
      for (let length = 1; length < lines.length; length++) {
        const calls: Array<string> = []
        const then = world(calls, false)
        yield* Effect.gen(function* () {
          const gleitzeit = yield* Gleitzeit
          yield* left(lines.slice(0, length))
          const before = yield* gleitzeit.get("left")
          yield* gleitzeit.resume("left")
          assert.deepStrictEqual((yield* onward("left", then.fixed)).outputs, expected, `after ${length} events`)
          assert.strictEqual(new Set(calls).size, calls.length, `after ${length} events: ${calls.join(" ")}`)
          assert.deepStrictEqual(
            completed(before).filter((path) => calls.includes(path)),
            [],
            `after ${length} events`
          )
        }).pipe(Effect.provide(then.engine))
      }
    })
  })

  it.effect("goes to its end in steps, one task each", () => {
    const calls: Array<string> = []
    const stepped = Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const attempts = () => calls.filter((path) => !path.endsWith("/before")).length
      for (let step = 0; step < 60; step++) {
        const before = attempts()
        yield* gleitzeit.step("left")
        const { status, waiting } = yield* running(gleitzeit.wait("left"), 100)
        assert.isAtMost(attempts() - before, 1)
        if (status !== "waiting") break
        for (const { kind, request } of waiting) {
          if (kind === "signal") yield* gleitzeit.signal("left", "go", "signal")
          else if (kind === "input") yield* gleitzeit.respond("left", request, "yes")
        }
      }
      const report = yield* gleitzeit.get("left")
      assert.deepStrictEqual([report.status, report.outputs], ["completed", outputs])
      assert.strictEqual(new Set(calls).size, calls.length)
    })
    return Effect.gen(function* () {
      const { lines } = yield* journal.pipe(Effect.provide(engine(scripts([]))))
      yield* Effect.andThen(left(lines.slice(0, 1)), stepped).pipe(Effect.provide(engine(scripts(calls))))
    })
  })
})
