import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { ProviderUnavailable, TaskExecutionFailed } from "../src/Errors.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as ProvidersModule from "../src/Providers.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { context } from "./context.ts"

const { Providers } = ProvidersModule

const TestV1 = Protocol.make("test/v1", {
  description: "For tests",
  methods: {
    "test/day": Method.make({
      description: "The day after",
      effects: "reads",
      params: Schema.Struct({ day: Schema.Date, step: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ day: Schema.Date })
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

const after = (day: Date, step = 1) => new Date(day.getTime() + step * 86_400_000)
const spec: Provider.Spec<typeof TestV1.methods> = {
  name: "days",
  handlers: { "test/day": ({ day, step }) => Effect.succeed({ day: after(day, step) }) }
}
const make = (more: Partial<typeof spec> = {}) => Provider.make(TestV1, { ...spec, ...more })

const call = (provider: Provider.Provider, method: string, params: Schema.Json) =>
  Effect.provideService(provider.call(method, params), TaskContext, context())

describe("a provider", () => {
  it.effect("gives its handlers decoded params, and the caller an encoded result", () =>
    Effect.gen(function* () {
      const provider = yield* make()
      const result = yield* call(provider, "test/day", { day: "2026-02-28T00:00:00.000Z", step: 2 })
      assert.deepStrictEqual(result, { day: "2026-03-02T00:00:00.000Z" })
    })
  )

  it.effect("has a contract for each method that it has a handler for", () =>
    Effect.gen(function* () {
      const names = (provider: Provider.Provider) =>
        Effect.map(provider.contracts, (contracts) => contracts.map(({ method }) => method))
      assert.deepStrictEqual(yield* names(yield* make()), ["test/day"])
      const whole = yield* make({ handlers: { ...spec.handlers, "test/extra": () => Effect.succeed(1) } })
      assert.deepStrictEqual(yield* names(whole), ["test/day", "test/extra"])
    })
  )

  it.effect("refuses params that are wrong, all issues at once, before its handler runs", () =>
    Effect.gen(function* () {
      let calls = 0
      const provider = yield* make({ handlers: { "test/day": () => Effect.sync(() => ({ day: new Date(calls++) })) } })
      const refused = (params: Schema.Json) => Effect.flip(call(provider, "test/day", params))
      const wrong = yield* refused({ day: "tomorrow", step: 0.5 })
      assert.strictEqual(wrong.code, -32602)
      assert.match(wrong.message, /^params of "test\/day": .* at \["day"\]; .* at \["step"\]$/)
      assert.match((yield* refused({ day: "2026-01-01", stop: 1 })).message, /"stop"/)
      assert.strictEqual((yield* refused(null)).code, -32602)
      assert.strictEqual(calls, 0)
    })
  )

  it.effect("refuses whatever a method is given that takes nothing", () =>
    Effect.gen(function* () {
      const provider = yield* make({ handlers: { ...spec.handlers, "test/extra": () => Effect.succeed(1) } })
      assert.strictEqual(yield* call(provider, "test/extra", {}), 1)
      for (const params of [{ a: 1 }, [], [1], "x", 7, true, null]) {
        const error = yield* Effect.flip(call(provider, "test/extra", params))
        assert.strictEqual(error.code, -32602, JSON.stringify(params))
      }
      const [, extra] = yield* provider.contracts
      assert.deepStrictEqual(extra?.params, { type: "object", additionalProperties: false })
    })
  )

  it.effect("without what its protocol wants, a name, or room for a call is refused", () =>
    Effect.gen(function* () {
      // Safe: that a handler is missing is the point.
      const none = make({ handlers: {} as typeof spec.handlers })
      assert.include((yield* Effect.flip(none)).message, "test/v1 wants a handler for test/day")
      for (const [more, said] of [
        [{ name: "" }, "no name"],
        [{ concurrency: 0 }, "`concurrency` is 0"],
        [{ concurrency: NaN }, "`concurrency` is NaN"]
      ] as const) {
        assert.include((yield* Effect.flip(make(more))).message, said)
      }
    })
  )

  it.effect("answers for a wrong result of its handler", () =>
    Effect.gen(function* () {
      // Safe: that it is no date is the point.
      const provider = yield* make({ handlers: { "test/day": () => Effect.succeed({ day: "x" as unknown as Date }) } })
      const error = yield* Effect.flip(call(provider, "test/day", { day: "2026-01-01" }))
      assert.deepStrictEqual([error.code, error.name, error.retryable], [-29007, "TASK_RESULT_INVALID", false])
      assert.match(error.message, /test\/day.*"day"/s)
    })
  )

  it.effect("passes its handlers' failures on", () =>
    Effect.gen(function* () {
      const error = new TaskExecutionFailed({ reason: "no", retryable: true })
      const provider = yield* make({ handlers: { "test/day": () => Effect.fail(error) } })
      assert.strictEqual(yield* Effect.flip(call(provider, "test/day", { day: "2026-01-01" })), error)
    })
  )

  it.effect("says that it lacks a method", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(call(yield* make(), "test/extra", {}))
      assert.strictEqual(error.code, -32601)
      assert.match(error.message, /test\/extra/)
    })
  )

  it.effect("gives no result that is nested too deeply to be written down", () =>
    Effect.gen(function* () {
      const nested = (depth: number): Schema.Json => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)
      const deep = yield* make({ handlers: { ...spec.handlers, "test/extra": () => Effect.succeed(nested(100_000)) } })
      const error = yield* Effect.flip(call(deep, "test/extra", {}))
      assert.strictEqual(error.code, -29007)
      assert.include(error.message, "nested more than 1000 deep")
      const flat = yield* make({ handlers: { ...spec.handlers, "test/extra": () => Effect.succeed(nested(1000)) } })
      assert.deepStrictEqual(yield* call(flat, "test/extra", {}), nested(1000))
    })
  )

  it.effect("gives no result that is no JSON, or that holds itself", () =>
    Effect.gen(function* () {
      const itself: { [key: string]: unknown } = {}
      itself["a"] = { b: [itself, itself] }
      for (const result of [itself, { count: 10n }, { run: () => 1 }, { a: undefined }, [NaN], new Map()]) {
        // Safe: that it is no JSON is the point.
        const handler = () => Effect.succeed(result as unknown as Schema.Json)
        const provider = yield* make({ handlers: { ...spec.handlers, "test/extra": handler } })
        const error = yield* Effect.flip(call(provider, "test/extra", {}))
        assert.deepStrictEqual([error.code, error.name], [-29007, "TASK_RESULT_INVALID"])
      }
    })
  )

  it.effect("with a handler that its protocol does not have is refused", () =>
    Effect.gen(function* () {
      for (const name of ["test/dya", "constructor"]) {
        const handlers = { ...spec.handlers, [name]: () => Effect.succeed(1) }
        const error = yield* Effect.flip(make({ handlers }))
        assert.strictEqual(error._tag, "ProviderRefused")
        assert.include(error.message, `test/v1 has no method "${name}" (it has test/day, test/extra)`)
      }
    })
  )

  it.effect("gets what its author left out", () =>
    Effect.gen(function* () {
      const provider = yield* make()
      assert.deepStrictEqual([provider.name, provider.protocol, provider.concurrency], ["days", "test/v1", Infinity])
      assert.isUndefined(yield* provider.identity("test/day", {}))
      assert.deepStrictEqual(yield* provider.estimate("test/day", {}), {})
      assert.deepStrictEqual(yield* provider.health, { status: "healthy" })
      assert.deepStrictEqual(yield* Stream.runCollect(provider.changes), [])
    })
  )

  it.effect("keeps what its author gave", () =>
    Effect.gen(function* () {
      const provider = yield* make({
        concurrency: 3,
        identity: (method) => Effect.succeed(`digest of ${method}`),
        estimate: () => Effect.succeed({ calls: 2 }),
        health: Effect.succeed({ status: "degraded" })
      })
      assert.strictEqual(provider.concurrency, 3)
      assert.strictEqual(yield* provider.identity("test/day", {}), "digest of test/day")
      assert.deepStrictEqual(yield* provider.estimate("test/day", {}), { calls: 2 })
      assert.deepStrictEqual(yield* provider.health, { status: "degraded" })
    })
  )

  it.effect("refuses what is no handler, and says what a handler gives that is no effect", () =>
    Effect.gen(function* () {
      // Safe: it is what plain JavaScript may give.
      const handlers = (handler: unknown) => ({ handlers: { ...spec.handlers, "test/day": handler } }) as never
      const refused = yield* Effect.flip(make(handlers(3)))
      assert.include(refused.message, "its handler of test/day is no function")
      for (const [given, words] of [
        [Promise.resolve(1), "gives a promise, expected an effect; Provider.fromPromise"],
        [1, "gives no effect"]
      ] as const) {
        const provider = yield* make(handlers(() => given))
        const failed = yield* Effect.flip(call(provider, "test/day", { day: "2026-02-28T00:00:00.000Z", step: 2 }))
        assert.include(failed.message, words)
      }
    })
  )

  it.effect("whose health check fails, however, is unhealthy", () =>
    Effect.gen(function* () {
      const error = new ProviderUnavailable({ provider: "days", reason: "down", retryable: true })
      assert.deepStrictEqual(yield* (yield* make({ health: Effect.fail(error) })).health, {
        status: "unhealthy",
        details: {
          code: -30003,
          name: "PROVIDER_NOT_AVAILABLE",
          message: 'provider "days" is not available: down',
          retryable: true
        }
      })
      assert.strictEqual((yield* (yield* make({ health: Effect.die(new Error("odd")) })).health).status, "unhealthy")
    })
  )
})

describe("the layer of a provider", () => {
  it.effect("puts it on duty while it lives, and closes what its effect opened", () =>
    Effect.gen(function* () {
      let open = 0
      const opened = Effect.acquireRelease(
        Effect.sync(() => void open++),
        () => Effect.sync(() => void open--)
      )
      const providers = yield* Providers
      const days = Provider.layer(TestV1, Effect.as(opened, spec))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Layer.build(days)
          assert.strictEqual(open, 1)
          assert.deepStrictEqual(
            (yield* providers.all).map(({ name }) => name),
            ["days"]
          )
        })
      )
      assert.strictEqual(open, 0)
      assert.deepStrictEqual(yield* providers.all, [])
    }).pipe(Effect.provide(ProvidersModule.layer))
  )

  it.effect("fails when the provider is refused", () =>
    Effect.gen(function* () {
      const wrong = { ...spec, handlers: { ...spec.handlers, other: () => Effect.void } }
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Provider.layer(TestV1, Effect.succeed(wrong)))))
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(Effect.provide(ProvidersModule.layer))
  )
})
