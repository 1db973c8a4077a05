/** What the compiler finds in a provider before anything runs. */
import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"

const WeatherV1 = Protocol.make("weather/v1", {
  description: "Weather by city",
  methods: {
    "weather/forecast": Method.make({
      description: "Forecast for the next days",
      effects: "reads",
      params: Schema.Struct({ city: Schema.NonEmptyString, days: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ celsius: Schema.Array(Schema.Finite) })
    }),
    "weather/order": Method.make({
      description: "Orders rain",
      effects: "writes",
      params: Schema.Struct({}),
      result: Schema.Null,
      optional: true
    })
  }
})

const name = "weather"
const celsius = [3, 4]

describe("the compiler", () => {
  it("lets pass what is as it must be", () => {
    Provider.make(WeatherV1, { name, handlers: { "weather/forecast": () => Effect.succeed({ celsius }) } })
    Provider.fromPromise(WeatherV1, { name, handlers: { "weather/forecast": async () => ({ celsius }) } })
    Provider.fromPromise(WeatherV1, { name, handlers: { "weather/forecast": () => ({ celsius }) } })
    Provider.fromPromise(WeatherV1, async () => ({ name, handlers: { "weather/forecast": () => ({ celsius }) } }))
    Provider.layer(
      WeatherV1,
      Provider.fromPromise(WeatherV1, {
        name,
        handlers: {
          "weather/forecast": ({ city, days = 1 }) => ({ celsius: Array<number>(days).fill(city.length) }),
          "weather/order": async (_, { call }) => {
            await call("key", "data/value", {})
            return null
          }
        }
      })
    )
  })

  it("finds a handler that is missing", () => {
    // @ts-expect-error `weather/forecast` is not optional
    Provider.make(WeatherV1, { name, handlers: {} })
    // @ts-expect-error `weather/forecast` is not optional
    Provider.fromPromise(WeatherV1, { name, handlers: {} })
    // @ts-expect-error `weather/forecast` is not optional
    Provider.fromPromise(WeatherV1, async () => ({ name, handlers: {} }))
    // @ts-expect-error `weather/forecast` is not optional
    Provider.layer(WeatherV1, Effect.succeed({ name, handlers: {} }))
  })

  it("finds a wrong result", () => {
    // @ts-expect-error text is no list of numbers
    Provider.make(WeatherV1, { name, handlers: { "weather/forecast": () => Effect.succeed({ celsius: "3" }) } })
    // @ts-expect-error text is no list of numbers
    Provider.fromPromise(WeatherV1, { name, handlers: { "weather/forecast": async () => ({ celsius: "3" }) } })
    // @ts-expect-error text is no list of numbers
    Provider.fromPromise(WeatherV1, { name, handlers: { "weather/forecast": () => ({ celsius: "3" }) } })
    // @ts-expect-error the result has another name
    Provider.fromPromise(WeatherV1, { name, handlers: { "weather/forecast": async () => ({ kelvin: celsius }) } })
  })

  it("finds a wrong param", () => {
    Provider.make(WeatherV1, {
      name,
      // @ts-expect-error there is no param `town`
      handlers: { "weather/forecast": ({ town }) => Effect.succeed({ celsius: [String(town).length] }) }
    })
    Provider.fromPromise(WeatherV1, {
      name,
      // @ts-expect-error there is no param `town`
      handlers: { "weather/forecast": ({ town }) => ({ celsius: [String(town).length] }) }
    })
    Provider.fromPromise(WeatherV1, {
      name,
      // @ts-expect-error `city` is text
      handlers: { "weather/forecast": ({ city }) => ({ celsius: [city] }) }
    })
    Provider.fromPromise(WeatherV1, {
      name,
      // @ts-expect-error `days` may be left out
      handlers: { "weather/forecast": ({ days }) => ({ celsius: [days] }) }
    })
  })

  it("finds a method that the protocol does not have", () => {
    const handlers = { "weather/forecast": () => Effect.succeed({ celsius }) }
    // @ts-expect-error there is no `weather/history`
    Provider.make(WeatherV1, { name, handlers: { ...handlers, "weather/history": () => Effect.succeed({ celsius }) } })
    Provider.fromPromise(WeatherV1, {
      name,
      // @ts-expect-error there is no `weather/history`
      handlers: { "weather/forecast": () => ({ celsius }), "weather/history": () => ({ celsius }) }
    })
  })

  it("finds a question about a method that the protocol does not have", () => {
    const handlers = { "weather/forecast": () => ({ celsius }) }
    Provider.fromPromise(WeatherV1, {
      name,
      handlers,
      // @ts-expect-error there is no `weather/history`
      estimate: (method) => ({ calls: method === "weather/history" ? 2 : 1 })
    })
  })
})
