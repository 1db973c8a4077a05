import { Validator } from "@cfworker/json-schema"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Code } from "../src/Contract.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"

const one = (params: Schema.Codec<unknown, unknown>, result: Schema.Codec<unknown, unknown> = Schema.Json) =>
  Protocol.contracts(
    Protocol.make("test/v1", {
      description: "For tests",
      methods: { "test/do": Method.make({ description: "Does it", effects: "reads", params, result }) }
    })
  )[0]!

describe("a protocol", () => {
  const weather = Protocol.make("weather/v1", {
    description: "Weather by city",
    methods: {
      "weather/forecast": Method.make({
        description: "Forecast for the next days",
        effects: "reads",
        params: Schema.Struct({ city: Schema.NonEmptyString, days: Schema.optionalKey(Schema.Int) }),
        result: Schema.Struct({ celsius: Schema.Array(Schema.Finite) }),
        examples: [{ params: { city: "Bern" }, result: { celsius: [3, 4] } }]
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

  it("is its methods as contracts: JSON, in their order", () => {
    const contracts = Protocol.contracts(weather)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(contracts)), contracts)
    assert.deepStrictEqual(
      contracts.map(({ description, effects, method, protocol }) => [protocol, method, effects, description]),
      [
        ["weather/v1", "weather/forecast", "reads", "Forecast for the next days"],
        ["weather/v1", "weather/order", "writes", "Orders rain"]
      ]
    )
  })

  it("keeps what a method says and fills in what it leaves out", () => {
    const { "weather/forecast": forecast, "weather/order": order } = weather.methods
    assert.deepStrictEqual([forecast.optional, forecast.examples.length], [false, 1])
    assert.deepStrictEqual([order.optional, order.examples.length], [true, 0])
  })

  it("describes params and results as JSON Schema that other tools can use", () => {
    const [contract] = Protocol.contracts(weather)
    const valid = (schema: object, json: unknown) => new Validator(schema, "2020-12").validate(json).valid
    assert.isTrue(valid(contract!.params, { city: "Bern", days: 2 }))
    assert.isFalse(valid(contract!.params, { city: "" }))
    assert.isFalse(valid(contract!.params, { city: "Bern", days: 1.5 }))
    assert.isFalse(valid(contract!.params, { days: 2 }))
    assert.isFalse(valid(contract!.params, { city: "Bern", dais: 2 }), "unknown params are refused")
    assert.isTrue(valid(contract!.result, { celsius: [1] }))
    assert.isFalse(valid(contract!.result, { celsius: ["1"] }))
  })

  it("brings the schemas that another refers to", () => {
    class City extends Schema.Class<City>("City")({ name: Schema.String }) {}
    const { params } = one(Schema.Struct({ from: City, to: City }))
    const validator = new Validator(params, "2020-12")
    assert.isTrue(validator.validate({ from: { name: "Bern" }, to: { name: "Rome" } }).valid)
    assert.isFalse(validator.validate({ from: { name: "Bern" }, to: {} }).valid)
  })
})

describe("a marked param", () => {
  it("says so in the JSON Schema", () => {
    const json = (schema: Schema.Codec<unknown, unknown>) => JSON.stringify(one(Schema.Struct({ it: schema })).params)
    assert.include(json(Protocol.file), '"x-gleitzeit":{"kind":"file"}')
    assert.include(json(Protocol.model), '"x-gleitzeit":{"kind":"model"}')
    assert.include(json(Protocol.code("python")), '"x-gleitzeit":{"kind":"code","language":"python"}')
  })

  it("that is a file or a model is not empty", () => {
    for (const schema of [Protocol.file, Protocol.model]) {
      assert.isTrue(Schema.is(schema)("a"))
      assert.isFalse(Schema.is(schema)(""))
    }
  })
})

describe("code", () => {
  const is = Schema.is(Protocol.code("python"))
  const code: Code = {
    source: "x = ${a}",
    segments: ["x = ", { ref: "r0", raw: "${a}" }],
    values: { r0: [1] },
    origin: { file: "a.yaml", line: 3 }
  }

  it("is text, or source with its references apart", () => {
    assert.isTrue(is("x = 1"))
    assert.isTrue(is(code))
    assert.isTrue(is({ source: "", segments: [], values: {} }))
  })

  it("is nothing else", () => {
    for (const other of [
      1,
      null,
      ["x"],
      { source: "x" },
      { ...code, values: { r0: undefined } },
      { ...code, segments: [1] }
    ]) {
      assert.isFalse(is(other), JSON.stringify(other))
    }
  })

  it("comes through a contract's JSON Schema as either", () => {
    const validator = new Validator(one(Schema.Struct({ code: Protocol.code("python") })).params, "2020-12")
    assert.isTrue(validator.validate({ code: "x = 1" }).valid)
    assert.isTrue(validator.validate({ code }).valid)
    assert.isFalse(validator.validate({ code: 1 }).valid)
  })
})
