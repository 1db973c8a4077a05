import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ProviderOverloaded } from "../src/Errors.ts"
import * as Executor from "../src/Executor.ts"
import type { Failure } from "../src/Failure.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as ProvidersModule from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Chunk, Question, Usage } from "../src/Task.ts"

const TestV1 = Protocol.make("test/v1", {
  description: "For tests",
  methods: {
    "test/day": Method.make({
      description: "The day after",
      effects: "reads",
      params: Schema.Struct({ day: Schema.Date, step: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ day: Schema.Date })
    }),
    "test/do": Method.make({
      description: "Whatever",
      effects: "reads",
      params: Schema.Record(Schema.String, Schema.Json),
      result: Schema.Json
    }),
    "test/extra": Method.make({
      description: "May be left out",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Json,
      optional: true
    })
  }
})

type Spec = Provider.PromiseSpec<(typeof TestV1)["methods"]>
type Do = Spec["handlers"]["test/do"]

const spec: Spec = {
  name: "days",
  handlers: {
    "test/day": async ({ day, step = 1 }) => ({ day: new Date(day.getTime() + step * 86_400_000) }),
    "test/do": () => null
  }
}
const doing = (handler: Do): Spec => ({ ...spec, handlers: { ...spec.handlers, "test/do": handler } })

interface Heard {
  readonly chunks: Array<Chunk>
  readonly usage: Array<Usage>
  readonly calls: Array<ReadonlyArray<unknown>>
  readonly asked: Array<ReadonlyArray<unknown>>
}

const workshop = (given: Parameters<typeof Provider.fromPromise<(typeof TestV1)["methods"]>>[1]) =>
  Effect.gen(function* () {
    const layer = Executor.layerLocal.pipe(
      Layer.provide(Provider.layer(TestV1, Provider.fromPromise(TestV1, given))),
      Layer.provide(Secrets.layerRecord({})),
      Layer.provide(Layer.fresh(ProvidersModule.layer))
    )
    const executor = yield* Effect.provide(Executor.Executor, yield* Layer.build(layer))
    const heard: Heard = { chunks: [], usage: [], calls: [], asked: [] }
    const host: Executor.Host = {
      emit: (chunk) => Effect.sync(() => void heard.chunks.push(chunk)),
      usage: (usage) => Effect.sync(() => void heard.usage.push(usage)),
      call: (...args) => Effect.sync(() => heard.calls.push(args)),
      answer: (...args) =>
        Effect.sync(() => {
          heard.asked.push(args)
          return undefined
        }),
      waits: () => {},
      secret: () => Effect.die("not used")
    }
    const execute = (
      params: Schema.Json = {},
      more: Partial<Executor.Call> = {},
      other: Partial<Executor.Host> = {}
    ): Effect.Effect<Schema.Json, Failure> =>
      Effect.map(
        executor.execute(
          {
            run: "run",
            task: "task",
            attempt: 2,
            method: "test/do",
            params,
            priority: 2,
            idempotencyKey: "run/task",
            ...more
          },
          { ...host, ...other }
        ),
        ({ result }) => result
      )
    return { execute, executor, heard }
  })

const question: Question = { kind: "approval", prompt: "Sure?" }

describe("a provider of promises", () => {
  it.effect("gives its handlers decoded params, and the caller an encoded result", () =>
    Effect.gen(function* () {
      const { execute } = yield* workshop(spec)
      const params = { day: "2026-02-28T00:00:00.000Z", step: 2 }
      assert.deepStrictEqual(yield* execute(params, { method: "test/day" }), { day: "2026-03-02T00:00:00.000Z" })
      assert.strictEqual((yield* Effect.flip(execute({ day: 1 }, { method: "test/day" }))).code, -32602)
      assert.isNull(yield* execute())
    })
  )

  it.effect("answers for a wrong result of its handler", () =>
    Effect.gen(function* () {
      // Safe: that it is no JSON is the point.
      const { execute } = yield* workshop(doing(async () => 1n as unknown as Schema.Json))
      assert.strictEqual((yield* Effect.flip(execute())).code, -29007)
    })
  )

  it.effect("tells its handlers what they work for, and passes on what they say", () =>
    Effect.gen(function* () {
      const { execute, heard } = yield* workshop(
        doing(async (_, { attempt, call, deadline, emit, idempotencyKey, run, task, usage }) => {
          await emit({ _tag: "Text", text: "one" })
          void emit({ _tag: "Text", text: "two" })
          await usage({ calls: 1 })
          const answer = await call("key", "other/do", { a: 1 })
          return { attempt, deadline: deadline ?? null, idempotencyKey, run, task, answer }
        })
      )
      assert.deepStrictEqual(yield* execute({}, { timeout: 1000 }), {
        attempt: 2,
        deadline: 1000,
        idempotencyKey: "run/task",
        run: "run",
        task: "task",
        answer: 1
      })
      assert.deepStrictEqual(heard, {
        chunks: [
          { _tag: "Text", text: "one" },
          { _tag: "Text", text: "two" }
        ],
        usage: [{ calls: 1 }],
        calls: [["key", "other/do", { a: 1 }]],
        asked: []
      })
    })
  )

  it.effect("passes on an error that says itself what is the case, whatever class it is of", () =>
    Effect.gen(function* () {
      const fields = {
        code: -30007,
        name: "BUSY",
        message: "busy",
        retryable: true,
        retryAfter: 1500,
        data: { queue: [3] }
      }
      for (const error of [fields, Object.assign(new Error("busy"), fields)]) {
        const { execute } = yield* workshop(doing(() => Promise.reject(error)))
        assert.deepStrictEqual(yield* Effect.flip(execute()), fields)
      }
      const overloaded = new ProviderOverloaded({ provider: "days", reason: "busy" })
      const { execute } = yield* workshop(
        doing(() => {
          throw overloaded
        })
      )
      const { code, message, name, retryable } = yield* Effect.flip(execute())
      assert.deepStrictEqual(
        { code, message, name, retryable },
        { code: -30007, name: "PROVIDER_OVERLOADED", message: overloaded.message, retryable: true }
      )
    })
  )

  it.effect("takes any other error for a failed execution, with its cause and without its stack", () =>
    Effect.gen(function* () {
      const refused = Object.assign(new Error(""), { code: "ECONNREFUSED" })
      const said = async (error: unknown) => Promise.reject(error)
      for (const [error, message, more] of [
        [
          new TypeError("fetch failed", { cause: refused }),
          "fetch failed: ECONNREFUSED",
          { data: { name: "TypeError" } }
        ],
        [Object.assign(new Error("no"), { retryable: true, retryAfter: 7 }), "no", { retryable: true, retryAfter: 7 }],
        [Object.assign(new Error("no"), { code: "ENOENT" }), "no", { data: { name: "Error", code: "ENOENT" } }],
        ["just text", "just text", { data: {} }],
        [undefined, "undefined", {}],
        [{}, "an object without a message was thrown", {}],
        [
          new Proxy(
            {},
            {
              get: () => {
                throw new Error("not even that")
              }
            }
          ),
          "an object without a message was thrown",
          {}
        ]
      ] as const) {
        const { execute } = yield* workshop(doing(() => said(error)))
        const failure = yield* Effect.flip(execute())
        const whole = { code: -29002, name: "TASK_EXECUTION_FAILED", message, retryable: false, ...more }
        assert.deepInclude(failure, whole)
        assert.notInclude(JSON.stringify(failure), ".ts:")
      }
    })
  )

  it.effect("fails by what a call of its handler fails with, unless the handler catches it", () =>
    Effect.gen(function* () {
      const busy = { code: -30007, name: "PROVIDER_OVERLOADED", message: "busy", retryable: true }
      const other = { call: () => Effect.fail(busy) }
      const passes = yield* workshop(doing((_, { call }) => call("key", "other/do", {})))
      assert.deepStrictEqual(yield* Effect.flip(passes.execute({}, {}, other)), busy)
      const catches = yield* workshop(
        doing((_, { call }) => call("key", "other/do", {}).catch((error: Error) => error.message))
      )
      assert.strictEqual(yield* catches.execute({}, {}, other), "busy")
      const forgets = yield* workshop(
        doing((_, { call }) => {
          void call("key", "other/do", {})
          return 1
        })
      )
      assert.strictEqual(yield* forgets.execute({}, {}, other), 1)
    })
  )

  it.effect("takes back what its handler has asked and does not wait for", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const { execute } = yield* workshop(
        doing((_, { call }) => {
          void call("key", "other/do", {})
          return 1
        })
      )
      const call = () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      assert.strictEqual(yield* execute({}, {}, { call }), 1)
      yield* Deferred.await(interrupted)
    })
  )

  it.effect("waits for what its handler has told and nobody has taken down yet", () =>
    Effect.gen(function* () {
      const door = yield* Deferred.make<void>()
      const { execute } = yield* workshop(
        doing((_, { usage }) => {
          void usage({ calls: 1 })
          throw new Error("no")
        })
      )
      const fiber = yield* Effect.forkChild(Effect.flip(execute({}, {}, { usage: () => Deferred.await(door) })))
      yield* turns(5)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(door, undefined)
      assert.strictEqual((yield* Fiber.join(fiber)).message, "no")
    })
  )

  it.effect("gets the answer to what its handler asks, and the attempt goes on", () =>
    Effect.gen(function* () {
      const { execute } = yield* workshop(doing(async (_, { suspend }) => ({ answer: await suspend("key", question) })))
      assert.deepStrictEqual(yield* execute({}, {}, { answer: () => Effect.succeed(true) }), { answer: true })
    })
  )

  it.effect("that waits for an answer ends its attempt, whatever its handler makes of that", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const suspends: ReadonlyArray<Do> = [
        async (_, { suspend }) => {
          try {
            return await suspend("key", question)
          } finally {
            ends.push("finally")
          }
        },
        async (_, { emit, suspend }) => {
          const answer = await suspend("key", question).catch(() => "none")
          await emit({ _tag: "Text", text: "on" })
          return answer
        },
        (_, { suspend }) =>
          suspend("key", question).catch(() => {
            throw new Error("my own")
          }),
        async (_, { call, suspend }) => {
          await suspend("key", question).catch(() => {})
          return call("late", "other/do", {})
        },
        (_, { signal, suspend }) => {
          void suspend("key", question)
          return new Promise((resolve) => signal.addEventListener("abort", () => resolve("aborted")))
        }
      ]
      for (const handler of suspends) {
        const { execute, heard } = yield* workshop(doing(handler))
        const failure = yield* Effect.flip(execute())
        assert.strictEqual(failure.code, -29017)
        assert.deepStrictEqual(heard.asked, [["key", question]])
        assert.deepStrictEqual(heard.calls, [])
      }
      assert.deepStrictEqual(ends, ["finally"])
    })
  )

  it.effect("aborts the signal when it is interrupted, and waits until its handler has ended", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const events: Array<string> = []
      const { execute } = yield* workshop(
        doing(async (_, { call, signal }) => {
          Effect.runSync(Deferred.succeed(begun, undefined))
          await new Promise((resolve) => signal.addEventListener("abort", resolve))
          events.push("aborted")
          await call("late", "other/do", {}).catch((error: Error) => events.push(error.name))
          await new Promise((resolve) => setImmediate(resolve))
          events.push("closed")
          return null
        })
      )
      const fiber = yield* Effect.forkChild(execute())
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(events, ["aborted", "AbortError", "closed"])
    })
  )

  it.effect("leaves a handler behind that is deaf to it, and hears no more of it", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const door = yield* Deferred.make<void>()
      const over = yield* Deferred.make<void>()
      const { execute, heard } = yield* workshop(
        doing(async (_, { emit }) => {
          Effect.runSync(Deferred.succeed(begun, undefined))
          await Effect.runPromise(Deferred.await(door))
          await emit({ _tag: "Text", text: "late" })
          Effect.runSync(Deferred.succeed(over, undefined))
          return null
        })
      )
      const fiber = yield* Effect.forkChild(execute())
      yield* Deferred.await(begun)
      const stop = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* turns(5)
      yield* TestClock.adjust(4999)
      assert.isUndefined(stop.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(stop)
      yield* Deferred.succeed(door, undefined)
      yield* Deferred.await(over)
      assert.deepStrictEqual(heard.chunks, [])
    })
  )

  it.effect("aborts the signal when its time is up", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      let aborted = false
      const { execute } = yield* workshop(
        doing((_, { signal }) => {
          Effect.runSync(Deferred.succeed(begun, undefined))
          return new Promise((resolve) =>
            signal.addEventListener("abort", () => {
              aborted = true
              resolve(null)
            })
          )
        })
      )
      const fiber = yield* Effect.forkChild(Effect.flip(execute({}, { timeout: 1000 })))
      yield* Deferred.await(begun)
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* Fiber.join(fiber)).code, -29003)
      assert.isTrue(aborted)
    })
  )

  it.effect("says by promises how it is, what its answers depend on, and what they cost", () =>
    Effect.gen(function* () {
      const make = (more: Partial<Spec>) =>
        Effect.flatMap(Provider.fromPromise(TestV1, { ...spec, ...more }), (spec) => Provider.make(TestV1, spec))
      const bare = yield* make({})
      assert.deepStrictEqual(yield* bare.health, { status: "healthy" })
      assert.isUndefined(yield* bare.identity("test/do", {}))
      assert.deepStrictEqual(bare.capabilities, Provider.noCapabilities)
      const full = yield* make({
        concurrency: 2,
        capabilities: { streaming: true },
        health: async () => ({ status: "degraded" }),
        identity: async (method) => `digest of ${method}`,
        estimate: () => ({ calls: 2 })
      })
      assert.strictEqual(full.concurrency, 2)
      assert.deepStrictEqual(full.capabilities, { ...Provider.noCapabilities, streaming: true, caching: true })
      assert.deepStrictEqual(yield* full.health, { status: "degraded" })
      assert.strictEqual(yield* full.identity("test/do", {}), "digest of test/do")
      assert.deepStrictEqual(yield* full.estimate("test/do", {}), { calls: 2 })
      const down = () => Promise.reject(new Error("down"))
      const broken = yield* make({ health: down, identity: down, estimate: down })
      assert.deepInclude(yield* broken.health, { status: "unhealthy" })
      assert.strictEqual((yield* Effect.flip(broken.identity("test/do", {}))).message, "down")
      assert.deepStrictEqual(yield* broken.estimate("test/do", {}), {})
    })
  )

  it.effect("opens what it needs with its layer, and closes it with it", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const layer = Provider.layer(
        TestV1,
        Provider.fromPromise(TestV1, async () => {
          events.push("open")
          return { ...spec, close: async () => void events.push("closed") }
        })
      )
      yield* Effect.scoped(Layer.build(layer))
      assert.deepStrictEqual(events, ["open", "closed"])
      const fails = Provider.layer(
        TestV1,
        Provider.fromPromise(TestV1, () => Promise.reject(new Error("no key")))
      )
      const failure = yield* Effect.flip(Effect.scoped(Layer.build(fails)))
      assert.deepInclude(failure, { code: -29002, message: "no key" })
    }).pipe(Effect.provide(ProvidersModule.layer))
  )

  it.effect("with a handler that is no function is refused", () =>
    Effect.gen(function* () {
      // Safe: that it is none is the point.
      const handlers = { ...spec.handlers, "test/do": "text" as unknown as Do }
      const exit = yield* Effect.exit(Effect.scoped(Provider.fromPromise(TestV1, { ...spec, handlers })))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), 'its handler of "test/do" (test/v1) is no function')
    })
  )
})

/** Lets everything that is ready go on. */
const turns = (n: number) =>
  Effect.repeat(
    Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
    { times: n }
  )
