import { assert, describe, it } from "@effect/vitest"
import { type Contract, Errors, Method, Protocol, Provider } from "@gleitzeit/core"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Protocols from "../src/commands/protocols.ts"
import * as ProviderList from "../src/ProviderList.ts"
import * as Style from "../src/Style.ts"
import { place } from "./command.ts"

const plain = Style.make({ color: false, unicode: true })

const WeatherV1 = Protocol.make("weather/v1", {
  description: "Weather by city",
  methods: {
    "weather/forecast": Method.make({
      description: "Forecast for the next days",
      effects: "reads",
      params: Schema.Struct({ city: Schema.NonEmptyString }),
      result: Schema.Struct({ celsius: Schema.Array(Schema.Finite) }),
      examples: [{ params: { city: "Bern" }, result: { celsius: [3, 4] } }]
    }),
    "weather/place": Method.make({
      description: "Where it is measured",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Json,
      examples: [
        { params: {}, result: "x".repeat(200) },
        { params: {}, result: "\u009b2J" }
      ]
    })
  }
})

const make = (more: Partial<Provider.Provider> = {}) =>
  Effect.map(
    Provider.make(WeatherV1, {
      name: "weather",
      concurrency: 4,
      capabilities: { streaming: true, sandboxed: true },
      handlers: {
        "weather/forecast": () => Effect.succeed({ celsius: [] }),
        "weather/place": () => Effect.succeed("Bern")
      }
    }),
    (provider) => ({ ...provider, ...more })
  )

describe("the list of providers", () => {
  it.effect("says of each what it can do, how much at once, and by which methods", () =>
    Effect.gen(function* () {
      const list = yield* ProviderList.of([yield* make(), yield* make({ name: "other", concurrency: Infinity })])
      assert.deepStrictEqual(list[0], {
        name: "weather",
        protocol: "weather/v1",
        concurrency: 4,
        capabilities: { streaming: true, batch: false, caching: false, sandboxed: true },
        methods: [
          { method: "weather/forecast", description: "Forecast for the next days", effects: "reads" },
          { method: "weather/place", description: "Where it is measured", effects: "reads" }
        ]
      })
      assert.isNull(list[1]?.concurrency)
      assert.deepStrictEqual(ProviderList.table(list, plain), [
        "PROVIDER  PROTOCOL    AT ONCE  CAN             METHODS",
        "weather   weather/v1  4        stream sandbox  weather/forecast, weather/place",
        "other     weather/v1  any      stream sandbox  weather/forecast, weather/place"
      ])
    })
  )

  it.effect("gives the reason of one that cannot say what it can do, and the others as they are", () =>
    Effect.gen(function* () {
      const reason = "no\nanswer"
      const down = new Errors.ProviderUnavailable({ provider: "down", reason, retryable: true })
      const fiber = yield* Effect.forkChild(
        ProviderList.of([
          yield* make({ name: "down", contracts: Effect.fail(down) }),
          yield* make({ name: "odd", contracts: Effect.die(new Error("odd")) }),
          yield* make({ name: "silent", contracts: Effect.never }),
          yield* make()
        ])
      )
      yield* TestClock.adjust(5000)
      const list = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        list.map(({ error, methods, name }) => [name, error?.name, methods.length]),
        [
          ["down", "PROVIDER_NOT_AVAILABLE", 0],
          ["odd", "INTERNAL_ERROR", 0],
          ["silent", "PROVIDER_TIMEOUT", 0],
          ["weather", undefined, 2]
        ]
      )
      const [, first, , third] = ProviderList.table(list, plain)
      assert.match(first ?? "", /stream sandbox {2}provider "down" is not available: no answer$/)
      assert.match(third ?? "", /provider "silent": saying what it can do took more than 5 s$/)
    })
  )

  it.live("is a document of `providers --json`, where one that is down says so", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, gz } = yield* place()
        const config = file(
          "gleitzeit.config.yaml",
          `providers: { away: { use: remote, url: "http://127.0.0.1:9/rpc" } }`
        )
        const listed = yield* gz("providers", "--json", "--config", config)
        const { providers } = JSON.parse(listed.stdout)
        const named = (name: string) => providers.find((one: { readonly name: string }) => one.name === name)
        assert.strictEqual(listed.exit, 0)
        assert.deepStrictEqual(named("ollama").capabilities, {
          streaming: true,
          batch: false,
          caching: true,
          sandboxed: false
        })
        assert.isNull(named("data").concurrency)
        assert.strictEqual(named("data").methods[0].description, "Returns its params as they are, references resolved")
        assert.strictEqual(named("away").error.code, -30003)
        const { stdout } = yield* gz("providers", "--config", config)
        assert.match(stdout, /^PROVIDER +PROTOCOL +AT ONCE +CAN +METHODS\n/)
        assert.match(stdout, /^away .*not available/m)
        assert.match(stdout, /^data +data\/v1 +any +- +data\/value, data\/eval$/m)
      })
    )
  )
})

describe("calls of Ollama at once, where nobody says how many", () => {
  const one = "http://127.0.0.1:9"
  it.live("are four with one server, and as many as the servers take with several", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, gz } = yield* place()
        const providers: Record<string, object> = {
          one: { endpoint: one },
          alone: { endpoints: [one] },
          limited: { endpoints: [{ url: one, max_concurrent: 9 }] },
          several: { endpoints: [one, { url: "http://127.0.0.1:8" }] },
          pool: { pool: [one, "http://127.0.0.1:8"] },
          found: { discover: true },
          told: { endpoints: [one, "http://127.0.0.1:8"], concurrency: 7 }
        }
        const used = Object.entries(providers).map(([name, options]) => [name, { use: "ollama", ...options }])
        const config = file("gleitzeit.config.yaml", JSON.stringify({ providers: Object.fromEntries(used) }))
        const listed = JSON.parse((yield* gz("providers", "--json", "--config", config)).stdout)
        const atOnce = new Map<string, number | null>(
          listed.providers.map((one: { readonly name: string; readonly concurrency: number | null }) => [
            one.name,
            one.concurrency
          ])
        )
        assert.deepStrictEqual(
          Object.keys(providers).map((name) => atOnce.get(name)),
          [4, 4, null, null, null, null, 7]
        )
      })
    )
  )
})

describe("a method", () => {
  const described = (contract: Contract.Contract | undefined) =>
    contract === undefined ? [] : Protocols.describe(contract, plain)

  it("is shown with its params, its result, and its examples, each on a line", () => {
    const [forecast, where] = Protocol.contracts(WeatherV1)
    assert.deepStrictEqual(described(forecast), [
      "weather/forecast  weather/v1, reads",
      "  Forecast for the next days",
      "  params",
      "    city  string",
      "  result",
      "    celsius  list of number",
      "  example",
      '    params  {"city":"Bern"}',
      '    result  {"celsius":[3,4]}'
    ])
    const lines = described(where)
    assert.deepStrictEqual(lines.slice(2, 6), ["  params", "    nothing", "  result", "    anything"])
    assert.deepStrictEqual(lines.slice(6, 9), [
      "  example 1",
      "    params  {}",
      `    result  "${"x".repeat(98)}${plain.signs.ellipsis}`
    ])
    assert.strictEqual(lines.at(-1), '    result  "2J"')
  })

  it.live("that several providers promise in the same words is listed once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { file, gz } = yield* place()
        const config = file(
          "gleitzeit.config.yaml",
          `providers: { big: { use: ollama, endpoint: "http://127.0.0.1:9" } }`
        )
        const { stdout } = yield* gz("protocols", "--config", config)
        assert.lengthOf(stdout.match(/^llm\/v1 +llm\/chat /gm) ?? [], 1)
        const shown = yield* gz("protocols", "show", "llm/chat", "--config", config)
        assert.lengthOf(shown.stdout.match(/^llm\/chat /gm) ?? [], 1)
        assert.include(shown.stdout, "  example 1\n")
        // names that are there to say what stands elsewhere are no params
        assert.notMatch(shown.stdout, /Not here|^ +cache/m)
        assert.match(shown.stdout, /^ +image_path\? +string +One of them\.$/m)
        const document = JSON.parse((yield* gz("protocols", "show", "llm/chat", "--json", "--config", config)).stdout)
        assert.deepStrictEqual(
          document.methods.map(({ provider }: Contract.Contract) => provider),
          ["ollama", "big"]
        )
      })
    )
  )
})
