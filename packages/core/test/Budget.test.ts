/** What may still be used: the ledger alone, and runs on a provider that says beforehand what a call may use. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type Hold, Ledger } from "../src/Budget.ts"
import * as BuiltIn from "../src/BuiltIn.ts"
import { TaskExecutionFailed } from "../src/Errors.ts"
import * as Executor from "../src/Executor.ts"
import * as Files from "../src/Files.ts"
import { Gleitzeit, layer as layerGleitzeit } from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Usage } from "../src/Task.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { Choices, Numbers } from "./Choices.ts"
import { told, workflow } from "./harness.ts"

const params = Schema.Struct({
  /** Milliseconds. */
  takes: Schema.optionalKey(Schema.Finite),
  /** What it says before. */
  estimate: Schema.optionalKey(Schema.Finite),
  /** What it uses. */
  tokens: Schema.optionalKey(Schema.Finite),
  /** Attempts that fail before one completes. */
  fails: Schema.optionalKey(Schema.Int),
  calls: Schema.optionalKey(Schema.Int)
})

const MeterV1 = Protocol.make("meter/v1", {
  description: "Uses what it is told to use",
  methods: {
    "meter/use": Method.make({ description: "Uses tokens", effects: "reads", params, result: Schema.Json }),
    "meter/agent": Method.make({ description: "Makes calls", effects: "reads", params, result: Schema.Json })
  }
})

const decode = Schema.decodeUnknownSync(params)

/** `most`: calls under way at once that it has seen; `tokens`: used in all. */
const meter = () => {
  const seen = { calls: 0, now: 0, most: 0, tokens: 0 }
  const layer = Provider.layer(
    MeterV1,
    Effect.succeed({
      name: "meter",
      identity: () => Effect.succeed("one"),
      estimate: (method: string, given: Schema.Json) => {
        const { estimate } = decode(given)
        return Effect.succeed(estimate === undefined || method === "meter/agent" ? {} : { output_tokens: estimate })
      },
      handlers: {
        "meter/use": ({ fails = 0, takes = 0, tokens = 0 }) =>
          Effect.gen(function* () {
            const { attempt, usage } = yield* TaskContext
            seen.calls++
            seen.most = Math.max(seen.most, ++seen.now)
            yield* Effect.sleep(takes)
            seen.now--
            seen.tokens += tokens
            yield* usage({ output_tokens: tokens })
            return attempt <= fails ? yield* new TaskExecutionFailed({ reason: "no", retryable: true }) : seen.calls
          }),
        "meter/agent": ({ calls = 1, ...use }) =>
          Effect.gen(function* () {
            const { call } = yield* TaskContext
            for (let i = 0; i < calls; i++) yield* call(`call-${i}`, "meter/use", use)
            return calls
          })
      }
    })
  )
  const engine = layerGleitzeit({}).pipe(
    Layer.provideMerge(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord({})),
    Layer.provide(Layer.mergeAll(layer, BuiltIn.layer)),
    Layer.provideMerge(Providers.layer),
    Layer.provideMerge(MemoryStore.layer)
  )
  return { seen, engine }
}

/** The clock goes on while it runs. */
const running = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 30) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < seconds; i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const recorded = (run: string) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) =>
    Effect.map(Stream.runCollect(gleitzeit.events(run)), (events) => events.map(({ event }) => event))
  )

const tokens = (output_tokens: number) => ({ output_tokens })

/** A call that says what it uses at most, and so far has used what it is told. */
const call = (estimate: Usage = {}, soFar?: Usage): Hold => ({ estimate, soFar: () => soFar })

describe("a ledger", () => {
  it("has room up to its limit and no further", () => {
    const ledger = new Ledger({ calls: 2 })
    const [a, b] = [call(), call()]
    assert.isUndefined(ledger.reserve({}, a, 0))
    assert.isTrue(ledger.isHolding)
    assert.isUndefined(ledger.reserve({}, b, 0))
    assert.deepStrictEqual(ledger.reserve({}, call(), 0), { limit: "calls", used: 0, of: 2 })
    ledger.settle(a)
    assert.isUndefined(ledger.reserve({}, a, 0))
    ledger.settle(a)
    ledger.settle(b)
    assert.isFalse(ledger.isHolding)
    assert.deepStrictEqual(ledger.reserve({ calls: 2 }, call(), 0), { limit: "calls", used: 2, of: 2 })
  })

  it("counts input and output together, and only what it has a limit for", () => {
    const ledger = new Ledger({ tokens: 10 })
    const used = { input_tokens: 4, output_tokens: 3, calls: 99, cost_usd: 99 }
    const first = call({ input_tokens: 1, output_tokens: 2 })
    assert.isUndefined(ledger.reserve(used, first, 0))
    ledger.settle(first)
    assert.deepStrictEqual(ledger.reserve(used, call(tokens(4)), 0), { limit: "tokens", used: 7, of: 10 })
  })

  it("lets a call of unknown size begin while anything is left", () => {
    const ledger = new Ledger({ tokens: 10 })
    assert.isUndefined(ledger.reserve(tokens(9), call(), 0))
    assert.deepStrictEqual(ledger.reserve(tokens(10), call(), 0), { limit: "tokens", used: 10, of: 10 })
  })

  it("counts what a call under way has used beyond what it said", () => {
    const ledger = new Ledger({ tokens: 10 })
    assert.isUndefined(ledger.reserve({}, call(tokens(2), tokens(7)), 0))
    assert.isUndefined(ledger.reserve({}, call(tokens(3)), 0))
    assert.deepStrictEqual(ledger.reserve({}, call(tokens(1)), 0), { limit: "tokens", used: 7, of: 10 })
  })

  it("has room for a cost that fits to the cent, however its parts are added up", () => {
    const ledger = new Ledger({ cost_usd: 0.3 })
    assert.isUndefined(ledger.reserve({ cost_usd: 0.1 }, call({ cost_usd: 0.2 }), 0))
    assert.isDefined(ledger.reserve({ cost_usd: 0.1 }, call({ cost_usd: 0.000001 }), 0))
  })

  it("holds nothing back of a call that it refuses", () => {
    const ledger = new Ledger({ calls: 9, tokens: 5 })
    assert.isDefined(ledger.reserve({}, call(tokens(6)), 0))
    assert.isFalse(ledger.isHolding)
    assert.isUndefined(ledger.reserve({}, call(tokens(5)), 0))
  })

  it("has no room once its time is up", () => {
    const ledger = new Ledger({ duration: 1000 })
    assert.isUndefined(ledger.reserve({}, call(), 0))
    ledger.overtime = 1000
    assert.deepStrictEqual(ledger.reserve({}, call(), 0), { limit: "duration", used: 1000, of: 1000 })
  })

  it("says of which limits four fifths are used", () => {
    const ledger = new Ledger({ calls: 10, tokens: 100, cost_usd: 1 })
    assert.deepStrictEqual(ledger.low({ calls: 7, output_tokens: 79, cost_usd: 0.79 }), [])
    assert.deepStrictEqual(
      ledger.low({ calls: 8, input_tokens: 40, output_tokens: 40 }).map(({ limit }) => limit),
      ["tokens", "calls"]
    )
  })

  it.prop(
    "is never exceeded by calls that use no more than they said, in whatever order they end",
    { numbers: Numbers },
    (given) => {
      const choices = new Choices(given.numbers)
      const limits = { calls: 1 + choices.below(8), tokens: 1 + choices.below(40) }
      const ledger = new Ledger(limits)
      const under: Array<Hold> = []
      let used = { calls: 0, output_tokens: 0 }
      for (let step = 0; step < given.numbers.length; step++) {
        if (under.length > 0 && choices.once(2)) {
          const hold = choices.take(under)
          const most = hold.estimate.output_tokens ?? 0
          used = { calls: used.calls + 1, output_tokens: used.output_tokens + choices.below(most + 1) }
          ledger.settle(hold)
        } else {
          const hold = call(tokens(choices.below(12)))
          if (ledger.reserve(used, hold, 0) === undefined) under.push(hold)
        }
        assert.isAtMost(used.calls + under.length, limits.calls)
        assert.isAtMost(
          used.output_tokens + under.reduce((a, { estimate }) => a + (estimate.output_tokens ?? 0), 0),
          limits.tokens
        )
        assert.strictEqual(ledger.isHolding, under.length > 0)
      }
    }
  )
})

describe("a run's budget", () => {
  const { engine, seen } = meter()
  it.effect("is not exceeded however many tasks begin at once, and holds no call back that there is room for", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = workflow(`
name: exact
max_concurrency: 50
tasks:
  - { id: w, method: meter/use, foreach: "\${inputs.items}", params: { takes: 500, estimate: 10, tokens: "\${item}" } }
inputs: { items: {} }
`)
      // each says 10 and uses 4: of 100 tokens 23 calls are sure of their room
      const items = Array.from({ length: 40 }, () => 4)
      const rested = yield* running(gleitzeit.run(document, { inputs: { items }, budget: { tokens: 100 } }))
      assert.deepStrictEqual([rested.status, rested.waiting.map(({ request }) => request)], ["waiting", ["budget"]])
      assert.deepStrictEqual([seen.tokens, seen.calls, seen.most], [92, 23, 10])
      assert.deepStrictEqual(rested.usage, { calls: 23, output_tokens: 92 })
      const lines = yield* recorded(rested.run)
      assert.lengthOf(
        lines.filter(({ _tag }) => _tag === "BudgetExceeded"),
        1
      )
      yield* gleitzeit.respond(rested.run, "budget", { tokens: 1000 })
      const over = yield* running(told(gleitzeit.wait(rested.run)))
      assert.deepStrictEqual([over.status, over.usage], ["completed", { calls: 40, output_tokens: 160 }])
    }).pipe(Effect.provide(engine))
  )

  it.effect("is not exceeded by calls that many handlers make while what others used is being recorded", () => {
    const { engine, seen } = meter()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* running(
        gleitzeit.run(
          workflow(`
name: agents
max_concurrency: 20
budget: { tokens: 300 }
tasks: [{ id: w, method: meter/agent, foreach: "\${inputs.items}", params: { calls: 9, tokens: 10, estimate: 10 } }]
inputs: { items: {} }
`),
          { inputs: { items: Array.from({ length: 20 }, (_, index) => index) } }
        )
      )
      assert.deepStrictEqual([rested.status, rested.usage.output_tokens, seen.tokens], ["waiting", 300, 300])
    }).pipe(Effect.provide(engine))
  })

  it.effect("warns once when four fifths are used, however many tasks follow", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, status } = yield* running(
        gleitzeit.run(
          workflow(`
name: soft
max_concurrency: 1
budget: { tokens: 100 }
tasks: [{ id: w, method: meter/use, foreach: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], params: { tokens: 9 } }]
`)
        )
      )
      assert.strictEqual(status, "completed")
      const warned = (yield* recorded(run)).filter(({ _tag }) => _tag === "BudgetWarned")
      assert.deepStrictEqual(
        warned.map((event) => event._tag === "BudgetWarned" && [event.limit, event.used, event.of]),
        [["tokens", 81, 100]]
      )
    }).pipe(Effect.provide(meter().engine))
  )

  it.effect("counts attempts that fail, and calls that a handler makes", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = (task: string) => workflow(`{ name: b, tasks: [{ id: a, ${task} }] }`)
      const retry = "retry: { max_attempts: 5, delay: 1, jitter: false }"
      const retried = yield* running(
        gleitzeit.run(document(`method: meter/use, params: { fails: 4, tokens: 10 }, ${retry}`), {
          budget: { calls: 3 }
        })
      )
      assert.deepStrictEqual([retried.status, retried.usage], ["waiting", { calls: 3, output_tokens: 30 }])
      const agent = yield* running(
        gleitzeit.run(document("method: meter/agent, params: { calls: 9, tokens: 10 }"), { budget: { tokens: 45 } })
      )
      assert.deepStrictEqual([agent.status, agent.usage.output_tokens], ["waiting", 50])
      // what was carried out is not carried out again
      yield* gleitzeit.respond(agent.run, "budget", { tokens: 1000 })
      const over = yield* running(told(gleitzeit.wait(agent.run)))
      assert.deepStrictEqual([over.status, over.usage.output_tokens], ["completed", 90])
    }).pipe(Effect.provide(meter().engine))
  )

  it.effect("counts neither what the cache gives nor what a fork takes over", () => {
    const { engine, seen } = meter()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const document = workflow(
        "{ name: b, tasks: [{ id: w, method: meter/use, foreach: [1, 2, 3], params: { tokens: '${item}' }, cache: true }] }"
      )
      const first = yield* running(gleitzeit.run(document, { budget: { calls: 3 } }))
      assert.deepStrictEqual([first.status, first.usage], ["completed", { calls: 3, output_tokens: 6 }])
      const cached = yield* running(gleitzeit.run(document, { budget: { calls: 1 } }))
      assert.deepStrictEqual([cached.status, cached.usage], ["completed", {}])
      const fork = yield* gleitzeit.fork(first.run, { budget: { calls: 1 }, fresh: true })
      const forked = yield* running(gleitzeit.wait(fork))
      assert.deepStrictEqual([forked.status, forked.usage], ["completed", {}])
      assert.strictEqual(seen.calls, 3)
    }).pipe(Effect.provide(engine))
  })

  it.effect("of time rests the run when it is up: what is under way ends, and no more begins", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const rested = yield* running(
        gleitzeit.run(
          workflow(`
name: time
max_concurrency: 1
budget: { duration: 5s }
tasks: [{ id: w, method: meter/use, foreach: [1, 2, 3, 4], params: { takes: 2000 } }]
`)
        )
      )
      assert.deepStrictEqual([rested.status, rested.usage.calls], ["waiting", 3])
      yield* gleitzeit.respond(rested.run, "budget", { duration: 60_000 })
      assert.strictEqual((yield* running(gleitzeit.wait(rested.run))).status, "completed")
    }).pipe(Effect.provide(meter().engine))
  )

  it.effect("takes a higher budget for an answer and nothing else", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow("{ name: b, tasks: [{ id: a, method: meter/use }, { id: c, method: meter/use }] }"),
        {
          budget: { calls: 1 }
        }
      )
      for (const wrong of [null, 5, "more", { calls: "2" }, { call: 2 }]) {
        const error = yield* Effect.flip(gleitzeit.respond(run, "budget", wrong))
        assert.strictEqual("_tag" in error ? error._tag : "", "InvalidAnswer", JSON.stringify(wrong))
      }
      yield* gleitzeit.respond(run, "budget", { calls: 1 })
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "waiting")
      yield* gleitzeit.respond(run, "budget", { calls: 2 })
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "completed")
    }).pipe(Effect.provide(meter().engine))
  )
})

describe("a task's budget", () => {
  it.effect("fails the task, of whose items and attempts it is", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* running(
        told(
          gleitzeit.run(
            workflow(`
name: own
max_concurrency: 1
tasks:
  - { id: w, method: meter/use, foreach: [1, 2, 3], params: { tokens: 10 }, budget: { tokens: 20 }, on_error: continue }
  - { id: other, method: meter/use, params: { tokens: 100 } }
`)
          )
        )
      )
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(report.tasks["w[2]"]?.error?.name, "BUDGET_EXCEEDED")
      assert.lengthOf(report.tasks["w"]?.result as ReadonlyArray<Schema.Json>, 2)
      assert.strictEqual(report.tasks["other"]?.status, "completed")
    }).pipe(Effect.provide(meter().engine))
  )

  it.effect("is also of the calls that its handler makes", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* running(
        told(
          gleitzeit.run(
            workflow(
              "{ name: own, tasks: [{ id: a, method: meter/agent, params: { calls: 9, tokens: 10 }, budget: { tokens: 35 } }] }"
            )
          )
        )
      )
      assert.deepStrictEqual([report.tasks["a"]?.error?.name, report.usage.output_tokens], ["BUDGET_EXCEEDED", 40])
    }).pipe(Effect.provide(meter().engine))
  )
})

describe("a run without room", () => {
  it.effect("that is used up rests the run until it is raised", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const tasks = Array.from({ length: 4 }, (_, i) => `{ id: t${i}, method: meter/use }`).join(", ")
      const rested = yield* gleitzeit.run(workflow(`{ name: b, max_concurrency: 2, tasks: [${tasks}] }`), {
        budget: { calls: 2 }
      })
      assert.deepStrictEqual([rested.status, rested.waiting.map(({ request }) => request)], ["waiting", ["budget"]])
      assert.strictEqual(rested.usage.calls, 2)
      yield* gleitzeit.respond(rested.run, "budget", { calls: 4 })
      const over = yield* gleitzeit.wait(rested.run)
      assert.deepStrictEqual([over.status, over.usage.calls], ["completed", 4])
    }).pipe(Effect.provide(meter().engine))
  )
})
