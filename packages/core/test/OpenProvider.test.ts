import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema, Stream } from "effect"
import { ProviderUnavailable } from "../src/Errors.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { context } from "./context.ts"

const add: Provider.Offer = {
  method: "sum/add",
  description: "Adds",
  effects: "reads",
  params: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
    additionalProperties: false
  },
  result: { type: "object", properties: { sum: { type: "integer" } }, required: ["sum"] }
}
const sub: Provider.Offer = { ...add, method: "sum/sub" }

const spec: Provider.OpenSpec = {
  name: "calculator",
  protocol: "sum/v1",
  contracts: Effect.succeed([add]),
  call: (_, params) => Effect.succeed({ sum: sumOf(params) })
}

const sumOf = (params: Schema.Json): number =>
  Object.values(params ?? {}).reduce<number>((sum, value) => sum + Number(value), 0)

const call = (provider: Provider.Provider, method: string, params: Schema.Json) =>
  Effect.provideService(provider.call(method, params), TaskContext, context())

describe("a provider of an open protocol", () => {
  it.effect("that dies of saying what it can do fails, and others go on", () =>
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      yield* providers.register(
        yield* Provider.open({ ...spec, name: "broken", contracts: Effect.die(new Error("slip")) })
      )
      yield* providers.register(yield* Provider.open(spec))
      assert.strictEqual((yield* providers.choose("sum/add", {})).name, "calculator")
      const failed = yield* Effect.flip(providers.choose("sum/add", {}, "broken"))
      assert.strictEqual(failed.message, "unexpected Error: slip")
    }).pipe(Effect.scoped, Effect.provide(Providers.layer))
  )

  it.effect("answers by the contracts that it gives, which carry its name and its protocol", () =>
    Effect.gen(function* () {
      const provider = yield* Provider.open(spec)
      assert.deepStrictEqual(yield* call(provider, "sum/add", { a: 1, b: 2 }), { sum: 3 })
      assert.deepStrictEqual(yield* provider.contracts, [{ ...add, protocol: "sum/v1", provider: "calculator" }])
    })
  )

  it.effect("refuses params that its contract does not allow before it is called", () =>
    Effect.gen(function* () {
      let calls = 0
      const provider = yield* Provider.open({ ...spec, call: () => Effect.sync(() => ({ sum: calls++ })) })
      for (const params of [{ a: "one", b: 2 }, { a: 1 }, { a: 1, b: 2, c: 3 }, [1, 2], null, "x"]) {
        const { code, message } = yield* Effect.flip(call(provider, "sum/add", params))
        assert.strictEqual(code, -32602, JSON.stringify(params))
        assert.include(message, "sum/add")
      }
      assert.strictEqual(calls, 0)
    })
  )

  it.effect("answers for a result that its contract does not allow, or that is no JSON", () =>
    Effect.gen(function* () {
      const itself: { [key: string]: unknown } = { sum: 1 }
      itself["self"] = itself
      for (const result of [{ sum: 0.5 }, {}, null, { sum: 1, more: undefined }, { sum: 1, big: 1n }, itself]) {
        // Safe: that it is no JSON is the point.
        const provider = yield* Provider.open({ ...spec, call: () => Effect.succeed(result as Schema.Json) })
        const { code, retryable } = yield* Effect.flip(call(provider, "sum/add", { a: 1, b: 2 }))
        assert.deepStrictEqual([code, retryable], [-29007, false])
      }
    })
  )

  it.effect("asks again for a method that it does not know, and says which it has", () =>
    Effect.gen(function* () {
      let offers = [add]
      const provider = yield* Provider.open({ ...spec, contracts: Effect.sync(() => offers) })
      const failure = yield* Effect.flip(call(provider, "sum/sub", { a: 1, b: 2 }))
      assert.strictEqual(failure.code, -32601)
      assert.include(failure.message, "sum/add")
      offers = [add, sub]
      assert.deepStrictEqual(yield* call(provider, "sum/sub", { a: 1, b: 2 }), { sum: 3 })
    })
  )

  it.effect("gives the same list of contracts while its author does", () =>
    Effect.gen(function* () {
      let offers = [add]
      const provider = yield* Provider.open({ ...spec, contracts: Effect.sync(() => offers) })
      const first = yield* provider.contracts
      assert.strictEqual(yield* provider.contracts, first)
      offers = [add, sub]
      assert.lengthOf(yield* provider.contracts, 2)
    })
  )

  it.effect("is asked anew once it has announced changes", () =>
    Effect.gen(function* () {
      let offers = [add]
      const provider = yield* Provider.open({
        ...spec,
        contracts: Effect.sync(() => offers),
        changes: Stream.make(undefined)
      })
      yield* provider.contracts
      offers = [sub]
      // until then it goes by what it was told
      assert.deepStrictEqual(yield* call(provider, "sum/add", { a: 1, b: 2 }), { sum: 3 })
      yield* Stream.runDrain(provider.changes)
      assert.strictEqual((yield* Effect.flip(call(provider, "sum/add", { a: 1, b: 2 }))).code, -32601)
      assert.deepStrictEqual(yield* call(provider, "sum/sub", { a: 1, b: 2 }), { sum: 3 })
    })
  )

  it.effect("passes on that it cannot say what it can do", () =>
    Effect.gen(function* () {
      const down = new ProviderUnavailable({ provider: "calculator", reason: "down", retryable: true })
      const provider = yield* Provider.open({ ...spec, contracts: Effect.fail(down) })
      assert.strictEqual(yield* Effect.flip(provider.contracts), down)
      assert.strictEqual(yield* Effect.flip(call(provider, "sum/add", { a: 1, b: 2 })), down)
    })
  )

  it.effect("with a schema that cannot be used says so", () =>
    Effect.gen(function* () {
      const broken = { ...add, params: { $ref: "#/$defs/nothing" } }
      const provider = yield* Provider.open({ ...spec, contracts: Effect.succeed([broken]) })
      const { code, message } = yield* Effect.flip(call(provider, "sum/add", { a: 1, b: 2 }))
      assert.strictEqual(code, -32602)
      assert.include(message, "the schema cannot be used")
    })
  )

  it.effect("gets what its author left out", () =>
    Effect.gen(function* () {
      const provider = yield* Provider.open(spec)
      assert.strictEqual(provider.concurrency, Infinity)
      assert.deepStrictEqual(provider.capabilities, Provider.noCapabilities)
      assert.deepStrictEqual(yield* provider.health, { status: "healthy" })
      assert.isUndefined(yield* provider.identity("sum/add", {}))
      assert.deepStrictEqual(yield* provider.estimate("sum/add", {}), {})
    })
  )

  it.effect("without a name, a protocol or room for one attempt is refused", () =>
    Effect.gen(function* () {
      for (const [more, said] of [
        [{ name: "" }, "no name"],
        [{ protocol: "sum" }, '"sum" is no protocol'],
        [{ concurrency: 0 }, "`concurrency` is 0"],
        [{ concurrency: NaN }, "`concurrency` is NaN"],
        [{ concurrency: 1.5 }, "`concurrency` is 1.5"]
      ] as const) {
        const error = yield* Effect.flip(Provider.open({ ...spec, ...more }))
        assert.strictEqual(error._tag, "ProviderRefused")
        assert.include(error.message, said)
      }
    })
  )
})
