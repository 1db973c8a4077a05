import { Validator } from "@cfworker/json-schema"
import { assert, describe, it } from "@effect/vitest"
import type { JsonSchema, Schema } from "effect"
import { sample } from "../src/JsonSchemaSample.ts"
import * as Lookup from "../src/Lookup.ts"
import type { Path } from "../src/ReferenceSyntax.ts"
import { dead } from "../src/ResultPath.ts"
import { described, isDisjoint } from "../src/SchemaMatch.ts"
import * as ValueSchema from "../src/ValueSchema.ts"
import { Choices, Numbers } from "./Choices.ts"
import { type Drawn, json, schema } from "./Schemas.ts"

const isApart = (a: JsonSchema.JsonSchema, b: JsonSchema.JsonSchema) => isDisjoint(ValueSchema.of(a), ValueSchema.of(b))

const accepts = (schema: Drawn, value: Schema.Json) => new Validator(schema, "2020-12").validate(value).valid

/** Values that a schema accepts, as far as they are found. */
const accepted = (of: Drawn, choices: Choices): ReadonlyArray<Schema.Json> =>
  [
    ...Array.from({ length: 4 }, (_, seed) => sample(of, { words: ["x", "y"], seed })),
    ...Array.from({ length: 8 }, () => json(choices))
  ].filter((value) => accepts(of, value))

describe("schemas that no value can meet both of", () => {
  const text = { type: "string" }
  const count = { type: "integer" }

  it("are of different kinds", () => {
    assert.isTrue(isApart(text, count))
    assert.isTrue(isApart({ type: ["string", "null"] }, { anyOf: [count, { type: "boolean" }] }))
    assert.isTrue(isApart({ type: "number", const: 1.5 }, count))
    assert.isTrue(isApart({ $ref: "#/$defs/t", $defs: { t: text } }, { allOf: [{}, { oneOf: [count] }] }))
    assert.isFalse(isApart({ type: "number" }, count))
    assert.isFalse(isApart({ type: ["string", "null"] }, { type: ["null", "integer"] }))
    assert.isFalse(isApart({ type: "string", nullable: true }, { type: "null" }))
    assert.isFalse(isApart({}, count))
  })

  it("have no choice, length or number in common", () => {
    assert.isTrue(isApart({ enum: ["a", "b"] }, { enum: ["c"] }))
    assert.isTrue(isApart({ const: "abc" }, { type: "string", maxLength: 2 }))
    assert.isTrue(isApart({ type: "integer", minimum: 5 }, { type: "number", exclusiveMaximum: 5 }))
    assert.isTrue(isApart({ type: "integer", minimum: 5 }, { type: "number", maximum: 4 }))
    assert.isFalse(isApart({ enum: ["a", "b"] }, { enum: ["b", "c"] }))
    assert.isFalse(isApart({ type: "integer", minimum: 5 }, { type: "number", maximum: 5 }))
  })

  it("need a field that the other cannot have, or has of another kind", () => {
    const point = { type: "object", properties: { x: count }, required: ["x"], additionalProperties: false }
    assert.isTrue(isApart(point, { type: "object", required: ["y"] }))
    assert.isTrue(isApart(point, { type: "object", properties: { x: text } }))
    assert.isFalse(isApart(point, { type: "object", properties: { y: text } }))
    assert.isFalse(isApart({ type: "object", properties: { x: text } }, { type: "object", properties: { x: count } }))
  })

  it("are lists of different items only where there must be one", () => {
    assert.isFalse(isApart({ type: "array", items: text }, { type: "array", items: count }))
    assert.isTrue(isApart({ type: "array", items: text, minItems: 1 }, { type: "array", items: count }))
  })

  it("may refer to themselves without end", () => {
    const tree = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] }
    assert.isFalse(isApart(tree, { ...tree, title: "another" }))
    assert.isFalse(isApart({ $ref: "#" }, count))
    assert.isFalse(isApart({ $ref: "#/nowhere" }, count))
  })

  it.prop(
    "are no schemas of a value that meets both",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const [a, b] = [schema(choices), schema(choices)]
      const both = [...accepted(a, choices), ...accepted(b, choices)].find(
        (value) => accepts(a, value) && accepts(b, value)
      )
      if (both === undefined) return
      const message = `${JSON.stringify(a)} and ${JSON.stringify(b)} accept ${JSON.stringify(both)}`
      assert.isFalse(isApart(a, b), message)
      assert.isFalse(isDisjoint(ValueSchema.constant(both), ValueSchema.of(b)), message)
      assert.isFalse(isDisjoint(ValueSchema.of(a), ValueSchema.constant(both)), message)
    },
    { arbitrary: { runs: 1500 } }
  )
})

describe("what a path leads to", () => {
  const steps = ["a", "b", "result", "output", 0, 1] as const
  const path = (choices: Choices): Path => {
    const [first, ...rest] = Array.from({ length: 1 + choices.below(3) }, () => steps[choices.below(steps.length)] ?? 0)
    return [first ?? 0, ...rest]
  }

  /** One of the forms accepts it. */
  const fits = (value: ValueSchema.Value, whole: Drawn, found: Schema.Json) =>
    value === undefined || value.some(({ schema }) => fitsPart(schema, whole, found))
  const fitsPart = (schema: unknown, whole: Drawn, found: Schema.Json): boolean => {
    if (schema instanceof ValueSchema.Part) return fitsPart(schema.schema, whole, found)
    if (typeof schema === "boolean") return schema
    // Safe: parts of a drawn schema are drawn, those put together of parts are lists of them.
    const { items, ...own } = schema as Drawn & { readonly items?: unknown }
    if (items instanceof ValueSchema.Part || (typeof items === "object" && items !== null && "anyOf" in items)) {
      const forms = items instanceof ValueSchema.Part ? [items] : (items as { anyOf: ReadonlyArray<unknown> }).anyOf
      if (!Array.isArray(found)) return false
      return found.every((item: Schema.Json) => forms.some((form) => fitsPart(form, whole, item)))
    }
    const $defs = whole["$defs"] ?? {}
    const part: Drawn = JSON.parse(JSON.stringify(items === undefined ? own : { ...own, items }))
    return accepts({ ...part, $defs }, found)
  }

  it.prop(
    "is what is found in a value, of a task and of its items",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const whole = schema(choices)
      const way = path(choices)
      const values = accepted(whole, choices)
      const told = JSON.stringify({ whole, way, values })
      const view = { status: "completed", error: null } as const
      for (const value of values) {
        const found = Lookup.inTask({ ...view, result: value }, way)
        if (found === undefined) continue
        assert.isTrue(fits(ValueSchema.inTask(ValueSchema.of(whole), way, false), whole, found), told)
        assert.isFalse(dead(ValueSchema.of(whole), way, false)?.certain ?? false, told)
      }
      const found =
        values.length === 0 ? undefined : Lookup.inTask({ ...view, result: values, fan: { failures: [] } }, way)
      if (found === undefined) return
      assert.isTrue(fits(ValueSchema.inTask(ValueSchema.of(whole), way, true), whole, found), told)
      assert.isFalse(dead(ValueSchema.of(whole), way, true)?.certain ?? false, told)
    },
    { arbitrary: { runs: 1500 } }
  )
})

describe("what is known, in words", () => {
  it("is its kinds, or the values it may have", () => {
    const words = (schema: JsonSchema.JsonSchema) => described(ValueSchema.of(schema))
    assert.strictEqual(words({ type: "string" }), "text")
    assert.strictEqual(words({ type: "integer" }), "a whole number")
    assert.strictEqual(words({ type: ["number", "null"] }), "a number or null")
    assert.strictEqual(words({ anyOf: [{ type: "array" }, { type: "object" }] }), "a list or a mapping")
    assert.strictEqual(words({ enum: ["a", 2] }), '"a" or 2')
    assert.strictEqual(words({}), "anything")
  })
})
