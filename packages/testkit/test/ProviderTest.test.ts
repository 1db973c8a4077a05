/** The suite for providers: those that core ships pass it, and with any of these defects one does not. */
import { assert, describe, it } from "@effect/vitest"
import {
  BuiltIn,
  type Contract,
  Failure,
  Json,
  Method,
  Protocol,
  Provider,
  Providers,
  Simulator,
  TaskContext
} from "@gleitzeit/core"
import { Cause, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { ProviderTest, ScriptedProvider } from "../src/index.ts"

const WeatherV1 = Protocol.make("weather/v1", {
  description: "Weather by city",
  methods: {
    "weather/forecast": Method.make({
      description: "Forecast for the next days",
      effects: "reads",
      params: Schema.Struct({ city: Schema.NonEmptyString, days: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ celsius: Schema.Array(Schema.Finite) }),
      examples: [{ params: { city: "Bern", days: 2 }, result: { celsius: [3, 4] } }]
    }),
    "weather/order": Method.make({
      description: "Orders rain, and waits for it",
      effects: "writes",
      params: Schema.Struct({ seconds: Schema.Finite }),
      result: Schema.Struct({ rain: Schema.Boolean }),
      examples: [{ params: { seconds: 0 }, result: { rain: true } }]
    })
  }
})

const down: Failure.Failure = { code: -30003, name: "PROVIDER_NOT_AVAILABLE", message: "no clouds", retryable: true }

const spec: Provider.Spec<(typeof WeatherV1)["methods"]> = {
  name: "weather",
  concurrency: 2,
  capabilities: { streaming: true },
  handlers: {
    "weather/forecast": Effect.fnUntraced(function* ({ city, days = 1 }) {
      const { emit, usage } = yield* TaskContext.TaskContext
      yield* emit({ _tag: "Text", text: city })
      yield* usage({ calls: 1 })
      return { celsius: Array.from({ length: days }, (_, day) => day) }
    }),
    "weather/order": ({ seconds }) =>
      seconds < 0 ? Effect.fail(down) : Effect.as(Effect.sleep(seconds * 1000), { rain: true })
  },
  identity: () => Effect.succeed("cloud 7"),
  estimate: () => Effect.succeed({ calls: 1 })
}

const options: ProviderTest.Options = {
  slow: { method: "weather/order", params: { seconds: 60 } },
  failing: [{ method: "weather/order", params: { seconds: -1 } }]
}

ProviderTest.suite("of effects", Provider.layer(WeatherV1, Effect.succeed(spec)), options)

ProviderTest.suite(
  "of promises",
  Provider.layer(
    WeatherV1,
    Provider.fromPromise(WeatherV1, {
      name: "weather",
      concurrency: 2,
      handlers: {
        "weather/forecast": async ({ days = 1 }) => ({ celsius: Array.from({ length: days }, (_, day) => day) }),
        "weather/order": ({ seconds }, { signal }) =>
          new Promise((resolve, reject) => {
            if (seconds < 0) throw Object.assign(new Error("no clouds"), { retryable: true })
            const timer = setTimeout(() => resolve({ rain: true }), seconds * 1000)
            signal.addEventListener("abort", () => {
              clearTimeout(timer)
              reject(signal.reason)
            })
          })
      }
    })
  ),
  options
)

ProviderTest.suite(
  "of an open protocol",
  Layer.effectDiscard(
    Effect.gen(function* () {
      const closed = yield* Provider.make(WeatherV1, spec)
      const contracts = yield* closed.contracts
      yield* (yield* Providers.Providers).register(
        yield* Provider.open({ ...closed, contracts: Effect.succeed(contracts) })
      )
    })
  ),
  options
)

ProviderTest.suite("built in", BuiltIn.layer, {
  methods: { "human/approve": { params: { prompt: "Really?" } } }
})

ProviderTest.suite("simulator", Simulator.layer({ when: "always" }))

ProviderTest.suite("scripted", ScriptedProvider.layer(), {
  methods: { "script/do": { params: { value: { a: [1] } } }, "script/write": { skip: "it is as script/do" } },
  slow: { method: "script/do", params: { wait: 60_000 } },
  failing: [{ method: "script/do", params: { fails: 9 } }]
})

type Mutation = (provider: Provider.Provider) => Partial<Provider.Provider>

type Call = Provider.Provider["call"]

const calling =
  (change: (call: Call) => Call): Mutation =>
  (provider) => ({ call: change(provider.call) })

const telling =
  (change: (contract: Contract.Contract) => object): Mutation =>
  (provider) => ({
    contracts: Effect.map(provider.contracts, (contracts) =>
      // Safe: that it is no contract is the point.
      contracts.map((contract) => ({ ...contract, ...change(contract) }) as Contract.Contract)
    )
  })

const failing = (change: (failure: Failure.Failure) => object): Mutation =>
  // Safe: that it is no failure is the point.
  calling((call) => (method, params) => Effect.mapError(call(method, params), (failure) => change(failure) as never))

/** Takes some params that are wrong for ones that are right. */
const taking = (takes: (params: Schema.Json) => boolean): Mutation =>
  calling(
    (call) => (method, params) =>
      takes(params)
        ? call(method, method === "weather/order" ? { seconds: 0 } : { city: "Bern" })
        : call(method, params)
  )

const hasNo =
  (...keys: ReadonlyArray<string>) =>
  (params: Schema.Json) =>
    Json.isObject(params) && !keys.some((key) => key in params)

let asked = 0
let busy = 0

const defects: { readonly [defect: string]: Mutation } = {
  "it has no name": () => ({ name: "" }),
  "its protocol has no version": () => ({ protocol: "weather" }),
  "it takes no call at once": () => ({ concurrency: 0 }),
  "it takes half a call at once": () => ({ concurrency: 1.5 }),
  // Safe: that it is none is the point.
  "it says nothing of its capabilities": () => ({ capabilities: {} as Provider.Capabilities }),
  "it has no method": () => ({ contracts: Effect.succeed([]) }),
  "it cannot say what it can do": () => ({ contracts: Effect.fail(down) }),
  "it has a method twice": (provider) => ({
    contracts: Effect.map(provider.contracts, ([first, ...rest]) => [first!, first!, ...rest])
  }),
  "a method has no description": telling(() => ({ description: "" })),
  "a method does not say what it changes": telling(() => ({ effects: undefined })),
  "a contract is of another protocol": telling(() => ({ protocol: "other/v1" })),
  "a contract is another provider's": telling(() => ({ provider: "another" })),
  "a schema cannot be used": telling(() => ({ params: { $ref: "#/$defs/nothing" } })),
  "a schema cannot be used with some values": telling(({ params }) => ({
    params: { ...params, properties: { city: { pattern: "[" } } }
  })),
  "a schema has a type that is none": telling(() => ({ result: { type: "map" } })),
  "a schema is no JSON": telling(({ result }) => ({ result: { ...result, default: () => 1 } })),
  "params may be a list": telling(() => ({ params: {} })),
  "an example's params are wrong": telling(() => ({ examples: [{ params: { town: 1 }, result: { rain: true } }] })),
  "an example's result is wrong": telling(({ examples = [] }) => ({
    examples: examples.map(({ params }) => ({ params, result: 7 }))
  })),
  "a method has no example": telling(() => ({ examples: [] })),
  "contracts change unannounced": telling(() => ({ description: `Forecast ${asked++}` })),
  "a call fails": calling(() => () => Effect.fail(down)),
  "a call dies": calling((call) => (method, params) => Effect.andThen(call(method, params), Effect.die("odd"))),
  "a call does not end": calling(() => () => Effect.never),
  "a result is of another type": calling((call) => (method, params) => Effect.as(call(method, params), "text")),
  "a result has text for a number": calling(
    (call) => (method, params) => Effect.as(call(method, params), { celsius: ["3"], rain: "yes" })
  ),
  "a result is no JSON": calling(
    (call) => (method, params) =>
      // Safe: that it is none is the point.
      Effect.map(call(method, params), (result) => ({ ...Object(result), at: new Date(0) }) as Schema.Json)
  ),
  "a call changes its params": calling(
    (call) => (method, params) =>
      Effect.tap(call(method, params), () => Effect.sync(() => Reflect.set(Object(params), "done", true)))
  ),
  "params that are no object are taken": taking((params) => !Json.isObject(params)),
  "params that are missing are taken": taking(hasNo("city", "seconds")),
  "params of another type are taken": taking(
    (params) => Json.isObject(params) && "days" in params && typeof params["days"] !== "number"
  ),
  "params that nobody knows are taken": taking((params) => Json.isObject(params) && "no_such_param" in params),
  "wrong params are found by the handler": calling(
    (call) => (method, params) =>
      Effect.tap(TaskContext.TaskContext, ({ emit }) => emit({ _tag: "Log", level: "info", message: "begun" })).pipe(
        Effect.andThen(call(method, params))
      )
  ),
  "wrong params have another code": failing((failure) => ({
    ...Failure.of(failure),
    code: failure.code === -32602 ? -29002 : failure.code
  })),
  "wrong params are worth another try": failing((failure) => ({ ...Failure.of(failure), retryable: true })),
  "a method that is not there has another code": failing((failure) => ({
    ...Failure.of(failure),
    code: failure.code === -32601 ? -30003 : failure.code
  })),
  "a method that is not there is a defect": calling(
    (call) => (method, params) =>
      method.startsWith("weather/") && method in WeatherV1.methods ? call(method, params) : Effect.die("odd")
  ),
  "a failure has a code of its own": failing((failure) => ({
    ...Failure.of(failure),
    code: failure.code === -30003 ? 404 : failure.code
  })),
  "a failure has no name": failing(({ code, message, retryable }) => ({ code, message, retryable })),
  "a failure has a name with spaces": failing((failure) => ({ ...Failure.of(failure), name: "not available" })),
  "a failure says nothing": failing((failure) => ({ ...Failure.of(failure), message: "" })),
  "a failure does not say whether to try again": failing(({ code, message, name }) => ({ code, message, name })),
  "a failure is just text": failing(({ message }) => new String(message)),
  "a failing call is a defect": calling(
    (call) => (method, params) => Effect.catchIf(call(method, params), ({ code }) => code === -30003, Effect.die)
  ),
  "two calls at once are too many for it": calling(
    (call) => (method, params) =>
      Effect.suspend(() => {
        busy++
        return busy > 1 ? Effect.fail(down) : Effect.andThen(Effect.sleep(5), call(method, params))
      }).pipe(Effect.ensuring(Effect.sync(() => void busy--)))
  ),
  "it knows no limit and has one": (provider) => ({
    concurrency: Infinity,
    call: (method, params) =>
      Effect.suspend(() => {
        busy++
        return busy > 3 ? Effect.fail(down) : Effect.andThen(Effect.sleep(5), provider.call(method, params))
      }).pipe(Effect.ensuring(Effect.sync(() => void busy--)))
  }),
  "an identity changes": () => ({ identity: () => Effect.sync(() => `cloud ${asked++}`) }),
  "an identity goes by the order of the params": () => ({
    identity: (_, params) => Effect.succeed(JSON.stringify(params))
  }),
  "an identity is empty": () => ({ identity: () => Effect.succeed("") }),
  "an identity fails": () => ({ identity: () => Effect.fail(down) }),
  "an estimate is below 0": () => ({ estimate: () => Effect.succeed({ calls: -1 }) }),
  "an estimate is no number": () => ({ estimate: () => Effect.succeed({ cost_usd: NaN }) }),
  // Safe: that there is no such count is the point.
  "an estimate counts what nobody counts": () => ({ estimate: () => Effect.succeed({ cents: 1 } as object) }),
  "it uses more than it has estimated": () => ({ estimate: () => Effect.succeed({ calls: 0.5 }) }),
  "its usage is no number": calling(
    (call) => (method, params) =>
      Effect.andThen(
        Effect.flatMap(TaskContext.TaskContext, ({ usage }) => usage({ output_tokens: NaN })),
        call(method, params)
      )
  ),
  "it says that its answers may be kept, and has no identity": () => ({ identity: () => Effect.undefined }),
  "it has an identity, and does not say that its answers may be kept": ({ capabilities }) => ({
    capabilities: { ...capabilities, caching: false }
  }),
  "it shows parts of an answer, and does not say so": ({ capabilities }) => ({
    capabilities: { ...capabilities, streaming: false }
  }),
  "it does not say in time how it is": () => ({ health: Effect.never }),
  // Safe: that it is none is the point.
  "its health is no status": () => ({ health: Effect.succeed({ status: "fine" as "healthy" }) }),
  "the details of its health are no JSON": () => ({
    // Safe: that it is none is the point.
    health: Effect.succeed({ status: "healthy", details: { at: new Date(0) } as unknown as Schema.Json })
  }),
  "its health dies": () => ({ health: Effect.die("odd") }),
  "an interruption does not reach the handler": calling(
    (call) => (method, params) => Effect.uninterruptible(call(method, params))
  ),
  "a call that is interrupted takes the provider with it": (provider) => {
    let isBroken = false
    return {
      call: (method, params) =>
        isBroken
          ? Effect.fail(down)
          : Effect.onInterrupt(provider.call(method, params), () => Effect.sync(() => void (isBroken = true)))
    }
  }
}

const register = (provider: Provider.Provider) =>
  Effect.flatMap(Providers.Providers, (providers) => providers.register(provider))

const mutated = (mutation: Mutation) =>
  Layer.effectDiscard(
    Effect.flatMap(Provider.make(WeatherV1, spec), (provider) =>
      Effect.suspend(() => register({ ...provider, isChecked: false, ...mutation(provider) }))
    )
  )

let built = 0

const layers: { readonly [defect: string]: Layer.Layer<never, Failure.Failure, Providers.Providers> } = {
  "it says that it shows parts of an answer, and does not": Provider.layer(
    WeatherV1,
    Effect.succeed({
      ...spec,
      handlers: { ...spec.handlers, "weather/forecast": () => Effect.succeed({ celsius: [] }) }
    })
  ),
  "its layer puts nobody on duty": Layer.empty,
  "its layer leaves it on duty": Layer.effectDiscard(
    Effect.flatMap(Provider.make(WeatherV1, spec), (provider) =>
      Effect.flatMap(Scope.make(), (scope) => Scope.provide(register(provider), scope))
    )
  ),
  "its layer cannot be built twice": Layer.unwrap(
    Effect.suspend(() => (built++ > 0 ? Effect.fail(down) : Effect.succeed(mutated(() => ({})))))
  ),
  "its layer does not close": Layer.merge(
    mutated(() => ({})),
    Layer.effectDiscard(Effect.addFinalizer(() => Effect.never))
  )
}

const quick: ProviderTest.Options = {
  ...options,
  slow: { method: "weather/order", params: { seconds: 60 }, after: 20 },
  limits: { call: 200, interruption: 200, health: 100 }
}

const said = (exit: Exit.Exit<void, unknown>): string =>
  Exit.isSuccess(exit) ? "" : (Cause.prettyErrors(exit.cause).map(({ message }) => message)[0] ?? "?")

/** The first fact that does not hold, by name, and what it says; in a scope that nobody waits for. */
const found = (
  layer: Layer.Layer<never, Failure.Failure, Providers.Providers>,
  more: Partial<ProviderTest.Options> = {}
) =>
  Effect.gen(function* () {
    for (const { body, name } of ProviderTest.facts(layer, { ...quick, ...more })) {
      const fiber = yield* Effect.forkDetach(Effect.scoped(body), { startImmediately: true })
      const exit = yield* Effect.timeoutOption(Fiber.await(fiber), 3000)
      fiber.interruptUnsafe()
      if (Option.isNone(exit)) return [name, "it hangs"]
      if (Exit.isFailure(exit.value)) return [name, said(exit.value)]
    }
    return undefined
  })

describe("the suite for providers", () => {
  it.live("finds nothing in one that is as it must be", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* found(mutated(() => ({}))))
    })
  )

  for (const [defect, mutation] of Object.entries(defects)) {
    it.live(`finds that ${defect}`, () =>
      Effect.gen(function* () {
        assert.isDefined(yield* found(mutated(mutation)))
      })
    )
  }

  for (const [defect, layer] of Object.entries(layers)) {
    it.live(`finds that ${defect}`, () =>
      Effect.gen(function* () {
        assert.isDefined(yield* found(layer))
      })
    )
  }

  it.live("finds what is left of a call that was interrupted, and a slow call that is none", () =>
    Effect.gen(function* () {
      const layer = mutated(() => ({}))
      const slow = { method: "weather/order", params: { seconds: 60 }, after: 20 }
      const left = yield* found(layer, { slow: { ...slow, isGone: Effect.succeed(false) } })
      assert.include(left?.[1], 'nothing is left of weather weather/order {"seconds":60} once it has ended')
      const fast = yield* found(layer, { slow: { ...slow, params: { seconds: 0 } } })
      assert.include(fast?.[1], "is to take longer than 20 ms, but it has ended")
    })
  )

  it.live("names the method, what was expected, and what came instead", () =>
    Effect.gen(function* () {
      const [fact, message] = (yield* found(mutated(calling(() => () => Effect.fail(down))))) ?? []
      assert.include(fact, "answers a call of each method")
      const about = 'weather weather/forecast {"city":"Bern","days":2}'
      assert.strictEqual(message, `${about} is to succeed, but it failed with -30003 PROVIDER_NOT_AVAILABLE: no clouds`)
    })
  )
})
