import { assert, describe, it } from "@effect/vitest"
import { type Contract, Json, JsonSchemaCheck, Protocol, PythonV1, DataV1, LlmV1 } from "@gleitzeit/core"
import * as JsonSchemaSample from "@gleitzeit/core/JsonSchemaSample"
import { Arbitrary, Effect, Result, Schema } from "effect"
import * as Choice from "../src/Choice.ts"
import * as Tools from "../src/Tools.ts"
import { ShopV1 } from "./scene.ts"

const contract = (method: string, params: Contract.Contract["params"]): Contract.Contract => ({
  protocol: "any/v1",
  method,
  description: "Any",
  effects: "reads",
  params,
  result: {}
})

const toolsOf = (...contracts: ReadonlyArray<Contract.Contract>): ReadonlyArray<Tools.Tool> => {
  const selected = Tools.select(contracts, { tools: contracts.map(({ method }) => method) })
  return Result.isSuccess(selected) ? selected.success.tools : assert.fail(selected.failure)
}

const tree: Contract.Contract["params"] = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "https://example.com/tree",
  type: "object",
  properties: { root: { $ref: "#/$defs/node" }, again: { $ref: "#" }, far: { $ref: "https://example.com/far" } },
  required: ["root"],
  additionalProperties: false,
  $defs: {
    node: {
      type: "object",
      properties: {
        name: { type: "string", pattern: "^[a-z]+$" },
        nodes: { type: "array", items: { $ref: "#/$defs/node" } }
      },
      required: ["name"],
      additionalProperties: false
    }
  }
}

/** Schemas of small objects, with words that servers make no grammar of. */
const Type = Schema.Literals(["string", "integer", "boolean", "null"])
const Property = Schema.Struct({
  type: Type,
  pattern: Schema.optionalKey(Schema.Literals(["^a", "^.*$"])),
  oneOf: Schema.optionalKey(
    Schema.Array(Schema.Struct({ minLength: Schema.Literals([0, 1, 5]) })).check(
      Schema.isMinLength(1),
      Schema.isMaxLength(3)
    )
  ),
  anyOf: Schema.optionalKey(Schema.Tuple([Schema.Struct({ type: Type }), Schema.Struct({})])),
  not: Schema.optionalKey(Schema.Struct({ const: Schema.Literals(["a", "b"]) })),
  ref: Schema.optionalKey(Schema.Literals(["#/$defs/x", "#/$defs/y", "#", "#/properties/a"]))
})
const Params = Schema.Struct({
  properties: Schema.Record(Schema.Literals(["a", "b", "c"]), Schema.optionalKey(Property)),
  required: Schema.Array(Schema.Literals(["a", "b"])).check(Schema.isMaxLength(2)),
  open: Schema.Boolean,
  patterns: Schema.Boolean
})

const written = ({ open, patterns, properties, required }: typeof Params.Type): Contract.Contract["params"] => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => {
      if (property === undefined) return []
      const { ref, ...rest } = property
      return [[name, ref === undefined ? rest : { $ref: ref }]]
    })
  ),
  required,
  ...(patterns ? { patternProperties: { "^c": {} } } : {}),
  ...(open ? {} : { additionalProperties: false }),
  $defs: { x: { type: "string", minLength: 1 } }
})

const Arguments = Schema.Record(
  Schema.Literals(["a", "b", "c", "d"]),
  Schema.optionalKey(Schema.Union([Schema.Literals(["a", "b", "", "abcdef"]), Schema.Int, Schema.Boolean, Schema.Null]))
)

describe("the schema of a turn", () => {
  it.effect.prop(
    "takes every call that its tool takes",
    { params: Arbitrary.schema(Params), given: Arbitrary.schema(Arguments) },
    ({ given, params }) =>
      Effect.sync(() => {
        const tools = toolsOf(contract("any/one", { type: "object" }), contract("any/two", written(params)))
        const made = JSON.parse(JSON.stringify(given))
        const choice = { tool: "any/two", arguments: made }
        if (JsonSchemaCheck.check(written(params), made).length > 0) return
        assert.deepStrictEqual(JsonSchemaCheck.check(Choice.schema(tools, undefined), choice), [])
        const read = Choice.read(choice, tools, undefined)
        assert.deepStrictEqual(Result.isSuccess(read) && read.success._tag === "Call" && read.success.params, made)
      })
  )

  const open = { type: "object" } as const
  it.each<[Contract.Contract["params"], Json.JsonObject]>([
    [{ ...open, properties: { a: { oneOf: [{ pattern: "^a" }, { pattern: "^b" }] } } }, { a: "b" }],
    [{ ...open, properties: { a: { anyOf: [{}], oneOf: [{ type: "string" }, { const: 1 }] } } }, { a: 1 }],
    [{ ...open, patternProperties: { "^x": {} }, additionalProperties: false }, { xa: 1 }],
    [{ ...open, properties: { a: { not: { const: 1 } } } }, { a: 2 }],
    [{ ...open, properties: { a: { $ref: "#/properties/b" }, b: { type: "string" } } }, { a: "b" }],
    [{ ...open, properties: { a: { $ref: "#/$defs/x%20y" } }, $defs: { "x y": { type: "string" } } }, { a: "b" }],
    [
      { ...open, properties: { enum: { type: "string" }, $ref: { type: "string" } } },
      { enum: "a", $ref: "b" }
    ]
  ])("takes of %o what that takes", (params, given) => {
    assert.deepStrictEqual(JsonSchemaCheck.check(params, given), [])
    const schema = Choice.schema(toolsOf(contract("any/one", params)), undefined)
    assert.deepStrictEqual(JsonSchemaCheck.check(schema, { tool: "any/one", arguments: given }), [])
  })

  it.effect.prop("takes no tool that is not there", { name: Schema.String }, ({ name }) =>
    Effect.sync(() => {
      const tools = toolsOf(contract("any/one", { type: "object" }))
      const isThere = name.trim() === "any/one"
      assert.strictEqual(Result.isSuccess(Choice.read({ tool: name, arguments: {} }, tools, undefined)), isThere)
      const schema = Choice.schema(tools, undefined)
      assert.strictEqual(JsonSchemaCheck.check(schema, { tool: name, arguments: {} }).length === 0, name === "any/one")
      assert.isNotEmpty(JsonSchemaCheck.check(Choice.schema([], undefined), { tool: name, arguments: {} }))
    })
  )

  it.effect.prop("reads whatever is said, and never throws", { said: Schema.Json }, ({ said }) =>
    Effect.sync(() => {
      const read = Choice.read(said, toolsOf(contract("any/one", tree)), { type: "integer" })
      assert.isTrue(Result.isSuccess(read) || read.failure !== "")
    })
  )

  it("keeps what refers to itself, and nothing that leads out of it", () => {
    const schema = Choice.schema(toolsOf(contract("any/tree", tree)), undefined)
    const node = { name: "a", nodes: [{ name: "b" }] }
    assert.deepStrictEqual(JsonSchemaCheck.check(schema, { tool: "any/tree", arguments: { root: node } }), [])
    assert.deepStrictEqual(
      JsonSchemaCheck.check(schema, { tool: "any/tree", arguments: { root: node, again: { root: node }, far: 1 } }),
      []
    )
    for (const root of [7, { name: 7 }, { name: "a", nodes: [{ nam: "b" }] }]) {
      assert.isNotEmpty(JsonSchemaCheck.check(schema, { tool: "any/tree", arguments: { root } }))
    }
    assert.notInclude(JSON.stringify(schema), "example.com")
    assert.notInclude(JSON.stringify(schema), "pattern")
  })

  it("has the answer as its own schema says, references and all", () => {
    const answer: Json.JsonObject = {
      $defs: { enum: { type: "integer" } },
      type: "object",
      properties: { enum: { $ref: "#/$defs/enum" } },
      required: ["enum"]
    }
    const schema = Choice.schema([], answer)
    assert.deepStrictEqual(JsonSchemaCheck.check(schema, { answer: { enum: 2 } }), [])
    assert.isNotEmpty(JsonSchemaCheck.check(schema, { answer: { enum: "2" } }))
    assert.isNotEmpty(JsonSchemaCheck.check(schema, { answer: "2" }))
  })

  it("says plainly what methods of ours take", () => {
    const tools = [ShopV1, DataV1.DataV1, PythonV1.PythonV1, LlmV1.LlmV1].flatMap((protocol) => {
      const contracts = Protocol.contracts(protocol)
      const selected = Tools.select(contracts, { tools: contracts.map(({ method }) => method) })
      return Result.isSuccess(selected) ? selected.success.tools : []
    })
    assert.isAbove(tools.length, 8)
    const text = JSON.stringify(Choice.schema(tools, undefined))
    assert.notInclude(text, "x-gleitzeit")
    assert.notInclude(text, "segments")
    assert.notInclude(text, `"file_path":`)
    assert.notInclude(text, `"stream":`)
    for (const tool of tools) {
      const [example] = tool.contract.examples ?? []
      if (example === undefined || !Json.isObject(example.params)) continue
      if (tool.files.some((file) => file in Object(example.params))) continue
      const choice = { tool: tool.method, arguments: example.params }
      assert.deepStrictEqual(JsonSchemaCheck.check(Choice.schema(tools, undefined), choice), [], tool.method)
      assert.isTrue(Result.isSuccess(Choice.read(choice, tools, undefined)), tool.method)
    }
  })

  it("is answered by whoever fills it in without a thought", () => {
    const sample = JsonSchemaSample.sample(Choice.schema(toolsOf(contract("any/tree", tree)), undefined), {
      words: ["well"],
      seed: 3
    })
    assert.deepStrictEqual(sample, { answer: "well" })
  })
})

describe("what a model says", () => {
  it.each([[`{"answer": "yes"}`], ['```json\n{"answer": "yes"}\n```'], [' ```\n{"answer": "yes"}```\n']])(
    "%s is an answer",
    (said) => {
      assert.deepStrictEqual(Choice.read(said, [], undefined), Result.succeed({ _tag: "Answer", answer: "yes" }))
    }
  )
})
