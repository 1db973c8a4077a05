/** The suite for protocols: those that core ships pass it, and with any of these defects one does not. */
import { assert, describe, it } from "@effect/vitest"
import { type Contract, DataV1, HumanV1, LlmV1, Method, Protocol, PythonV1, SignalV1, TimerV1 } from "@gleitzeit/core"
import { Schema, SchemaGetter } from "effect"
import { ProtocolTest } from "../src/index.ts"

ProtocolTest.suite(LlmV1.LlmV1)
ProtocolTest.suite(PythonV1.PythonV1)
ProtocolTest.suite(DataV1.DataV1, { open: ["data/value"] })
ProtocolTest.suite(HumanV1.HumanV1)
ProtocolTest.suite(TimerV1.TimerV1)
ProtocolTest.suite(SignalV1.SignalV1)

type Made = Parameters<typeof Method.make>[0]

const good = {
  description: "Forecast for the next days",
  effects: "reads",
  params: Schema.Struct({ city: Schema.NonEmptyString, map: Schema.optionalKey(Protocol.file) }),
  result: Schema.Struct({ celsius: Schema.Array(Schema.Finite) }),
  examples: [{ params: { city: "Bern" }, result: { celsius: [3, 4] } }]
} as const satisfies Made

const weather = (more: Partial<Made> = {}, name = "weather/forecast"): Protocol.Protocol =>
  Protocol.make("weather/v1", {
    description: "Weather by city",
    methods: { [name]: Method.make({ ...good, ...more }) }
  })

/** Gives back another text than it has read. */
const forgetful = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform((text) => text),
    encode: SchemaGetter.transform(() => "else")
  })
)

const marked = (schema: Schema.Codec<string, string>, kind: string) =>
  schema.annotate({ "x-gleitzeit": { kind: kind as Contract.Mark["kind"] } })

const defects: { readonly [defect: string]: Protocol.Protocol } = {
  "its version is none": { ...weather(), id: "weather/v0" },
  "its name has spaces": { ...weather(), id: "the weather/v1" },
  "it has no description": { ...weather(), description: " " },
  "it has no method": { ...weather(), methods: {} },
  "a method has another prefix": weather({}, "forecast/weather"),
  "a method is nothing but the prefix": weather({}, "weather/"),
  "a method has no description": weather({ description: "" }),
  // Safe: that it is none is the point.
  "a method does not say what it changes": weather({ effects: "nothing" as "reads" }),
  "a schema has a pattern that is none": weather({
    params: Schema.Struct({ city: Schema.String.annotate({ pattern: "[" }) }).check(
      Schema.makeFilter(() => true, { toJsonSchema: () => ({ properties: { city: { pattern: "[" } } }) })
    )
  }),
  "a method has no example": weather({ examples: [] }),
  "the params of an example cannot be read": weather({ examples: [{ params: { city: "" }, result: { celsius: [] } }] }),
  "an example has a param that there is none of": weather({
    examples: [{ params: { city: "Bern", days: 1 }, result: { celsius: [] } }]
  }),
  "the result of an example cannot be read": weather({ examples: [{ params: { city: "Bern" }, result: {} }] }),
  "the result of an example has a field that there is none of": weather({
    examples: [{ params: { city: "Bern" }, result: { celsius: [], kelvin: [] } }]
  }),
  "the result of an example comes back as something else": weather({
    result: Schema.Struct({ text: forgetful }),
    examples: [{ params: { city: "Bern" }, result: { text: "cold" } }]
  }),
  "an example is read by the schema and refused by its JSON Schema": weather({
    params: Schema.Struct({ city: Schema.String }).check(
      Schema.makeFilter(() => true, { toJsonSchema: () => ({ required: ["town"] }) })
    )
  }),
  "a method takes params of any name": weather({
    params: Schema.Record(Schema.String, Schema.Json),
    examples: [{ params: {}, result: { celsius: [] } }]
  }),
  "a mark stands too deep": weather({
    params: Schema.Struct({ city: Schema.String, maps: Schema.optionalKey(Schema.Struct({ one: Protocol.file })) })
  }),
  "a mark is none": weather({ params: Schema.Struct({ city: marked(Schema.String, "folder") }) }),
  "a result is marked": weather({
    result: Schema.Struct({ map: Protocol.file }),
    examples: [{ params: { city: "Bern" }, result: { map: "map.png" } }]
  })
}

const found = (protocol: Protocol.Protocol): ReadonlyArray<string> =>
  ProtocolTest.facts(protocol).flatMap(({ body }) => {
    try {
      body()
      return []
    } catch (error) {
      return [String(error)]
    }
  })

describe("the suite for protocols", () => {
  it("finds nothing in one that is as it must be", () => {
    assert.deepStrictEqual(found(weather()), [])
  })

  for (const [defect, protocol] of Object.entries(defects)) {
    it(`finds that ${defect}`, () => assert.isNotEmpty(found(protocol)))
  }

  it("names the method and what was expected", () => {
    assert.deepStrictEqual(
      found(weather({ examples: [] })).map((said) => said.split("\n")[0]),
      ["AssertionError: weather/forecast has an example: expected [] not to be empty"]
    )
  })
})
