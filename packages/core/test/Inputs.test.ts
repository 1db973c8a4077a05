import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Inputs from "../src/Inputs.ts"
import type { Input, Workflow } from "../src/Workflow.ts"

type Declared = { readonly [name: string]: Input }

const read = (inputs: Declared | undefined, given: Inputs.Values) =>
  Inputs.read({ name: "w", ...(inputs === undefined ? {} : { inputs }) }, given)

const issues = (inputs: Declared | undefined, given: Inputs.Values): ReadonlyArray<string> => {
  const result = read(inputs, given)
  return Result.isFailure(result) ? result.failure.issues : []
}

const integer: Input = { schema: { type: "integer" }, required: false }
const token: Input = { schema: { type: "string", minLength: 8 }, required: true, secret: true }

describe("inputs", () => {
  it("are filled in with their defaults; what is not given and has none is not there", () => {
    const declared = { a: { ...integer, default: 3 }, b: integer, c: { ...integer, default: null, schema: {} } }
    assert.deepStrictEqual(
      Result.map(read(declared, {}), ({ plain }) => plain),
      Result.succeed({ a: 3, c: null })
    )
    assert.deepStrictEqual(
      Result.map(read(declared, { a: 5, b: 6 }), ({ plain }) => plain),
      Result.succeed({ a: 5, b: 6, c: null })
    )
  })

  it("that nobody has declared are refused with those that are", () => {
    assert.deepStrictEqual(issues({ a: integer }, { b: 1 }), ['there is no input "b" (declared: a)'])
    assert.deepStrictEqual(issues(undefined, { b: 1 }), ['there is no input "b" (declared: none)'])
  })

  it("that are required, or do not fit, are all named at once, with the place inside", () => {
    const list: Input = { schema: { type: "array", items: { type: "integer" } }, required: true }
    const found = issues({ a: { ...integer, required: true }, list, n: integer }, { list: [1, "x"], n: 1.5 })
    assert.strictEqual(found.length, 3)
    assert.strictEqual(found[0], '"a" is required')
    assert.match(found[1] ?? "", /^"list\.1" /)
    assert.match(found[2] ?? "", /^"n" /)
  })

  it("whose default does not fit are refused too", () => {
    assert.lengthOf(issues({ a: { ...integer, default: "x" } }, {}), 1)
  })

  it("may be called what objects are born with", () => {
    const given: Inputs.Values = JSON.parse('{"__proto__":{"x":1},"constructor":2}')
    const declared: Declared = Object.fromEntries(
      ["__proto__", "constructor"].map((name) => [name, { schema: {}, required: true }])
    )
    const found = read(declared, given)
    assert.strictEqual(JSON.stringify(Result.isSuccess(found) ? found.success.plain : undefined), JSON.stringify(given))
    assert.deepStrictEqual(issues({}, { toString: 1 }), ['there is no input "toString" (declared: none)'])
    assert.deepStrictEqual(issues({ toString: { schema: {}, required: true } }, {}), ['"toString" is required'])
  })

  it.prop("without a schema of their own stay as they are", { value: Schema.Json }, ({ value }) => {
    const found = read({ a: { schema: {}, required: true } }, { a: value })
    assert.deepStrictEqual(
      Result.map(found, ({ plain }) => plain),
      Result.succeed({ a: value })
    )
  })
})

describe("a secret input", () => {
  it("is kept apart from what is recorded", () => {
    const found = read({ token, a: integer }, { token: "12345678", a: 1 })
    assert.deepStrictEqual(found, Result.succeed({ plain: { a: 1 }, secret: new Map([["token", "12345678"]]) }))
  })

  it("must be text, and is not shown where it does not fit", () => {
    assert.deepStrictEqual(issues({ token: { ...token, schema: {} } }, { token: 5 }), [
      '"token" is secret and must be text'
    ])
    const found = issues({ token }, { token: "hush" })
    assert.lengthOf(found, 1)
    assert.notInclude(found[0], "hush")
  })

  it("is all that is asked for again", () => {
    const workflow: Workflow = {
      name: "w",
      inputs: { token, a: { ...integer, required: true } },
      tasks: [{ id: "t", protocol: "test/v1", method: "test/run", params: {} }]
    }
    assert.deepStrictEqual(
      Inputs.readSecret(workflow, { token: "12345678" }),
      Result.succeed(new Map([["token", "12345678"]]))
    )
    const missing = Inputs.readSecret(workflow, {})
    assert.isTrue(Result.isFailure(missing))
    if (Result.isFailure(missing)) assert.deepStrictEqual(missing.failure.issues, ['"token" is required'])
  })

  it.prop("is never in what is recorded", { value: Schema.String.check(Schema.isMinLength(8)) }, ({ value }) => {
    const found = read({ token, a: { schema: {}, required: false } }, { token: value, a: 1 })
    assert.deepStrictEqual(
      Result.map(found, ({ plain }) => plain),
      Result.succeed({ a: 1 })
    )
  })
})
