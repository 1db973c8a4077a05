import { Validator } from "@cfworker/json-schema"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { sample } from "../src/JsonSchemaSample.ts"

const words = ["alpha", "beta"]

const accepts = (schema: Schema.Json, seed = 7) => {
  const value = sample(schema, { words, seed })
  const { errors, valid } = new Validator(schema as object, "2020-12").validate(value)
  assert.isTrue(valid, `${JSON.stringify(schema)} refuses ${JSON.stringify(value)}: ${JSON.stringify(errors)}`)
  return value
}

/** Builds a schema from numbers: each decides one thing, and 0 once they are used up. */
const build = (numbers: ReadonlyArray<number>): Schema.Json => {
  let position = 0
  const next = (limit: number) => Math.abs(numbers[position++] ?? 0) % limit
  const some = (limit: number) => Array.from({ length: next(limit) })
  const limits = (low: string, high: string): { [key: string]: number } => {
    const least = next(100) - 50
    return [{}, { [low]: least }, { [high]: least }, { [low]: least, [high]: least + next(40) }][next(4)] ?? {}
  }
  const schema = (depth: number): { [key: string]: Schema.Json } => {
    switch (next(depth > 4 ? 10 : 15)) {
      case 0:
        return [{ type: "boolean" }, { type: "null" }, { type: ["string", "null"] }, {}][next(4)] ?? {}
      case 1:
        return { type: "string", format: ["date", "date-time", "email", "uuid", "uri"][next(5)] ?? "time" }
      case 2:
        return { enum: [next(9), ...some(3).map((_, index) => `${index}`)] }
      case 3:
        return { const: [next(9), "a", false, { a: [1] }][next(4)] ?? null }
      case 4:
        return { type: "integer", ...limits("minimum", "maximum") }
      case 5:
        return { type: "number", ...limits("minimum", "maximum") }
      case 6: {
        const least = next(20) - 10
        return { type: "number", exclusiveMinimum: least, exclusiveMaximum: least + 1 }
      }
      case 7: {
        const least = next(20) - 10
        return { type: "integer", exclusiveMinimum: least, exclusiveMaximum: least + 2 }
      }
      case 8:
        return { type: "integer", minimum: -3, multipleOf: next(9) + 1 }
      case 9: {
        const minLength = next(20)
        return { type: "string", minLength, maxLength: minLength + next(9) }
      }
      case 10:
      case 11: {
        const minItems = next(4)
        return { type: "array", items: schema(depth + 1), minItems, maxItems: minItems + next(3) }
      }
      case 12: {
        const properties = Object.fromEntries(some(4).map((_, index) => [`p${index}`, schema(depth + 1)]))
        const required = Object.keys(properties).slice(next(4))
        return { type: "object", properties, required, additionalProperties: false }
      }
      case 13:
        return { anyOf: [{ type: "null" }, schema(depth + 1)] }
      default:
        return { allOf: [schema(depth + 1)] }
    }
  }
  return schema(0)
}

const Numbers = Schema.Array(Schema.Int)

describe("JsonSchemaSample", () => {
  it.prop(
    "makes a value that the schema accepts",
    { numbers: Numbers, seed: Schema.Int },
    ({ numbers, seed }) => void accepts(build(numbers), Math.abs(seed)),
    { arbitrary: { runs: 500 } }
  )

  it.prop("makes the same value again", { numbers: Numbers }, ({ numbers }) => {
    assert.deepStrictEqual(sample(build(numbers), { words, seed: 3 }), sample(build(numbers), { words, seed: 3 }))
  })

  it("follows references", () => {
    const value = accepts({
      $defs: { "a/b": { type: "integer", minimum: 4 } },
      type: "object",
      required: ["n"],
      properties: { n: { $ref: "#/$defs/a~1b" } }
    })
    assert.deepStrictEqual(value, { n: 4 })
  })

  it("ends a schema that refers to itself", () => {
    const tree = { type: "object", required: ["name"], properties: { name: { type: "string" }, child: { $ref: "#" } } }
    accepts(tree)
    assert.isObject(sample({ ...tree, required: ["name", "child"] }, { words, seed: 1 }))
    assert.isDefined(sample({ $ref: "#" }, { words, seed: 1 }))
    const twice = { type: "object", required: ["a", "b"], properties: { a: { $ref: "#" }, b: { $ref: "#" } } }
    assert.isBelow(JSON.stringify(sample(twice, { words, seed: 1 })).length, 1_000_000)
  })

  it("prefers a value to null", () => {
    assert.strictEqual(accepts({ anyOf: [{ type: "null" }, { const: 3 }] }), 3)
    assert.strictEqual(accepts({ type: ["null", "integer"], minimum: 2 }), 2)
  })

  it("makes unique items where there are enough", () => {
    accepts({ type: "array", items: { type: "string" }, minItems: 30, uniqueItems: true })
    accepts({ type: "array", items: { type: "integer" }, minItems: 30, uniqueItems: true })
    const choices = accepts({ type: "array", items: { enum: ["a", "b", "c"] }, minItems: 3, uniqueItems: true })
    assert.sameMembers(choices as Array<string>, ["a", "b", "c"])
  })
})
