import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { Contract } from "../src/Contract.ts"
import * as JsonSchemaCheck from "../src/JsonSchemaCheck.ts"
import * as LlmV1 from "../src/LlmV1.ts"
import * as OpenRpc from "../src/OpenRpc.ts"
import * as Protocol from "../src/Protocol.ts"
import * as PythonV1 from "../src/PythonV1.ts"

const info = { title: "x", version: "1", context: false }
const owner = { name: "far" }
const read = (json: Schema.Json, from: OpenRpc.Owner = owner) => Result.getOrThrow(OpenRpc.read(json, from))
const through = (contracts: ReadonlyArray<Contract>) =>
  // as text: that is how it travels
  read(JSON.parse(JSON.stringify(OpenRpc.document(contracts, info)))).methods.map(({ contract }) => contract)
const methods = (...methods: ReadonlyArray<Schema.Json>) => ({
  openrpc: "1.3.2",
  info: { title: "x", version: "1" },
  methods
})
const one = (method: Schema.Json, from?: OpenRpc.Owner) => {
  const [found] = read(methods(method), from).methods
  if (found === undefined) throw new Error("no method")
  return found
}

describe("a document", () => {
  it("says of our own protocols what their contracts say", () => {
    for (const protocol of [LlmV1.LlmV1, PythonV1.PythonV1]) {
      const contracts = Protocol.contracts(protocol, "far")
      const read = through(contracts)
      const bare = (all: ReadonlyArray<Contract>) => all.map((one) => ({ ...one, params: {}, result: {} }))
      assert.deepStrictEqual(bare(read), bare(contracts))
      for (const [index, { params, result }] of contracts.entries()) {
        const found = read[index]
        assert.deepStrictEqual(OpenRpc.names(found?.params ?? {}), OpenRpc.names(params))
        for (const value of [{}, { prompt: "x" }, { messages: [{ role: "x" }] }, { code: 3 }, { nothing: 1 }]) {
          assert.deepStrictEqual(
            JsonSchemaCheck.check(found?.params ?? {}, value),
            JsonSchemaCheck.check(params, value)
          )
          assert.deepStrictEqual(
            JsonSchemaCheck.check(found?.result ?? {}, value),
            JsonSchemaCheck.check(result, value)
          )
        }
      }
    }
  })

  it("says plain params one by one, and what refers to other places by a component", () => {
    const tree = { type: "object", properties: { left: { $ref: "#/$defs/Tree" } }, $defs: { Tree: { type: "string" } } }
    const plain = {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city"],
      additionalProperties: false
    }
    const contract = { protocol: "x/v1", method: "x/a", description: "A", effects: "reads" as const }
    const document: unknown = OpenRpc.document(
      [
        { ...contract, params: plain, result: { type: "null" }, deprecated: "x/b" },
        { ...contract, method: "x/b", params: tree, result: {} }
      ],
      { ...info, context: true }
    )
    const schema = "#/components/schemas/x.b.params"
    assert.deepStrictEqual(document, {
      openrpc: "1.3.2",
      info: { title: "x", version: "1" },
      "x-gleitzeit": 1,
      methods: [
        {
          name: "x/a",
          description: "A",
          paramStructure: "either",
          params: [
            { name: "city", required: true, schema: { type: "string" } },
            { name: "days", required: false, schema: { type: "integer" } }
          ],
          result: { name: "result", schema: { type: "null" } },
          deprecated: true,
          "x-gleitzeit-deprecated": "x/b",
          "x-gleitzeit-protocol": "x/v1",
          "x-gleitzeit-effects": "reads"
        },
        {
          name: "x/b",
          description: "A",
          paramStructure: "either",
          params: [{ name: "left", required: false, schema: { $ref: `${schema}/properties/left` } }],
          result: { name: "result", schema: {} },
          "x-gleitzeit-protocol": "x/v1",
          "x-gleitzeit-effects": "reads",
          "x-gleitzeit-params": { $ref: schema }
        }
      ],
      components: {
        schemas: { "x.b.params": { ...tree, properties: { left: { $ref: `${schema}/$defs/Tree` } } } }
      }
    })
  })

  it.each([
    [{ name: "rates/convert" }, "rates/convert", "rates/v1"],
    [{ name: "subtract" }, "far/subtract", "far/v1"],
    [{ name: "Eth/block" }, "far/Eth/block", "far/v1"],
    [{ name: "next", "x-gleitzeit-protocol": "tide/v2" }, "tide/next", "tide/v2"],
    [{ name: "tide/next", "x-gleitzeit-protocol": "tide/v2" }, "tide/next", "tide/v2"]
  ])("gives %j the name %s and the protocol %s", (method, name, protocol) => {
    const { contract, name: wire } = one(method)
    assert.deepStrictEqual([contract.method, contract.protocol, wire], [name, protocol, method.name])
    assert.strictEqual(contract.effects, "writes")
  })

  it("of somebody else has its references resolved", () => {
    const { contract, positions } = one({
      name: "add",
      summary: "Adds",
      paramStructure: "by-position",
      deprecated: true,
      params: [
        { name: "a", required: true, schema: { type: "number" }, description: "The first" },
        { name: "b", schema: true }
      ],
      result: { name: "sum", schema: { type: "number" } },
      examples: [{ name: "e", params: [{ name: "a", value: 1 }], result: { name: "r", value: 2 } }]
    })
    assert.deepStrictEqual(positions, ["a", "b"])
    assert.strictEqual(contract.description, "Adds")
    assert.strictEqual(contract.deprecated, "another method")
    assert.deepStrictEqual(contract.examples, [{ params: { a: 1 }, result: 2 }])
    assert.deepStrictEqual(contract.params, {
      type: "object",
      properties: { a: { type: "number", description: "The first" }, b: {} },
      required: ["a"],
      additionalProperties: false
    })
    const shared = read({
      ...methods({ $ref: "#/components/x-methods/get" }),
      components: {
        contentDescriptors: { Key: { name: "key", required: true, schema: { $ref: "#/components/schemas/Key" } } },
        schemas: { Key: { type: "string", enum: ["$ref"], examples: [{ $ref: "#/components/schemas/No" }] } },
        "x-methods": {
          get: {
            name: "kv/get",
            params: [{ $ref: "#/components/contentDescriptors/Key" }],
            result: { name: "r", schema: { $ref: "#/components/schemas/Key" } }
          }
        }
      }
    }).methods[0]?.contract
    const $defs = { Key: { type: "string", enum: ["$ref"], examples: [{ $ref: "#/components/schemas/No" }] } }
    assert.deepStrictEqual(shared?.params, {
      type: "object",
      properties: { key: { $ref: "#/$defs/Key" } },
      required: ["key"],
      additionalProperties: false,
      $defs
    })
    assert.deepStrictEqual(shared?.result, { ...$defs.Key, $defs })
  })

  it("that is none says why", () => {
    for (const [json, reason] of [
      [{ swagger: "2.0" }, /openrpc/],
      [null, /object/],
      [methods({ nome: "x" }), /a method of it:.*name/s],
      [methods({ name: "far/a" }, { name: "a" }), /"far\/a" and "a" are both the method "far\/a"/],
      [methods({ name: "a", "x-gleitzeit-protocol": "Bad" }), /x-gleitzeit-protocol/]
    ] as const) {
      const found = OpenRpc.read(json, owner)
      assert.isTrue(Result.isFailure(found))
      if (Result.isFailure(found)) assert.match(found.failure, reason)
    }
  })

  it("has components of any name", () => {
    const schemas = { "a/b~c d": { type: "string" }, é: { type: "number" } }
    const [found] = read({
      ...methods({
        name: "x/t",
        params: [
          { name: "a", schema: { $ref: "#/components/schemas/a~1b~0c%20d" } },
          { name: "e", schema: { $ref: "#/components/schemas/%C3%A9" } },
          { name: "no", schema: { $ref: "#/components/schemas/%E0%A4%A" } },
          { name: "half", schema: { $ref: "#/components/schemas/\ud800" } }
        ]
      }),
      components: { schemas }
    }).methods
    const issues = (params: Schema.Json) => JsonSchemaCheck.check(found?.contract.params ?? {}, params)
    assert.deepStrictEqual(issues({ a: "x", e: 1 }), [])
    assert.deepStrictEqual(
      issues({ a: 1, e: "x" }).map(({ message, path }) => [path, message]),
      [
        [["a"], "expected text, found 1"],
        [["e"], 'expected a number, found "x"']
      ]
    )
  })

  it("that refers to itself comes to an end", () => {
    const { contract } = one({
      name: "x/t",
      "x-gleitzeit-params": { $ref: "#/components/schemas/T" }
    })
    assert.property(contract.params, "$defs")
    const looped = read({
      ...methods({ name: "x/t", "x-gleitzeit-params": { $ref: "#/components/schemas/T" } }),
      components: { schemas: { T: { type: "object", properties: { inner: { $ref: "#/components/schemas/T" } } } } }
    }).methods[0]?.contract.params
    assert.deepStrictEqual(OpenRpc.names(looped ?? {}), ["inner"])
    assert.lengthOf(JsonSchemaCheck.check(looped ?? {}, { inner: { inner: 3 } }), 1)
  })

  it("is read in time that its length says, whatever refers to what", () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, n) => [
          `n${n}`,
          { properties: { next: { $ref: `#/components/schemas/n${(n + 1) % length}` } } }
        ])
      )
    const deep = { ...methods({ name: "x/t", result: { $ref: "#/components/results/t" } }) }
    const found = read({
      ...deep,
      components: { schemas: chain(5000), results: { t: { name: "t", schema: { $ref: "#/components/schemas/n0" } } } }
    })
    assert.lengthOf(Object.keys(Object(found.methods[0]?.contract.result["$defs"])), 5000)
    const wide = (names: number, length: number) => ({
      ...methods(
        ...Array.from({ length: names }, (_, n) => ({
          name: `x/t${n}`,
          result: { name: "t", schema: { $ref: "#/components/schemas/n0" } }
        }))
      ),
      components: { schemas: chain(length) }
    })
    const big = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`p${n}`, { type: "string" }]))
    const shared = read({ ...wide(200, 1), components: { schemas: { n0: { properties: big } } } })
    const [one, other] = shared.methods.map(({ contract }) => contract.result["$defs"])
    assert.strictEqual(Reflect.get(Object(one), "n0"), Reflect.get(Object(other), "n0"))
    const refused = OpenRpc.read(wide(1100, 1000), owner)
    assert.isTrue(Result.isFailure(refused) && /more than 1000000 parts/.test(refused.failure))
    const copied = OpenRpc.read(
      {
        ...methods(
          ...Array.from({ length: 110 }, (_, n) => ({ name: `x/t${n}`, params: [{ $ref: "#/components/params/p" }] }))
        ),
        components: { params: { p: { name: "p", schema: { properties: big } } } }
      },
      owner
    )
    assert.isTrue(Result.isFailure(copied) && /more than 1000000 parts/.test(copied.failure))
  })
})
