import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Contract, type Mark, marks } from "../src/Contract.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"

const { code, file, model } = Protocol

const marked = (params: Schema.Codec<unknown, unknown>): Record<string, Mark> => {
  const methods = { "test/do": Method.make({ description: "", effects: "reads", params, result: Schema.Json }) }
  return Object.fromEntries(marks(Protocol.contracts(Protocol.make("test/v1", { description: "", methods }))[0]!))
}
const kind = (schema: Schema.Codec<unknown, unknown>) => marked(Schema.Struct({ it: schema }))["it"]

describe("the marks of a method's params", () => {
  it("are found by name", () => {
    const params = Schema.Struct({ code: code("python"), path: file, model, other: Schema.String })
    assert.deepStrictEqual(marked(params), {
      code: { kind: "code", language: "python" },
      path: { kind: "file" },
      model: { kind: "model" }
    })
  })

  it("are found when the param is optional, checked, described, or may be null", () => {
    assert.deepStrictEqual(marked(Schema.Struct({ path: Schema.optionalKey(file) })), { path: { kind: "file" } })
    for (const schema of [
      file.check(Schema.isMaxLength(5)),
      file.annotate({ description: "which" }),
      file.pipe(Schema.brand("Path")),
      Schema.NullOr(file)
    ]) {
      assert.deepStrictEqual(kind(schema), { kind: "file" })
    }
  })

  it("are found on the items of lists, and in unions with them", () => {
    for (const schema of [
      Schema.Array(file),
      Schema.NonEmptyArray(file),
      Schema.Tuple([Schema.Int, file]),
      Schema.Union([file, Schema.Array(file)]),
      Schema.Array(Schema.Union([Schema.Int, file]))
    ]) {
      assert.deepStrictEqual(kind(schema), { kind: "file" })
    }
  })

  it("are found where the schema has a name of its own", () => {
    class Params extends Schema.Class<Params>("a/b ~ c")({ path: file, models: Schema.Array(model) }) {}
    assert.deepStrictEqual(marked(Params), { path: { kind: "file" }, models: { kind: "model" } })
    assert.deepStrictEqual(kind(file.annotate({ identifier: "Path" })), { kind: "file" })
  })

  it("are found in each of several shapes", () => {
    const params = Schema.Union([Schema.Struct({ path: file }), Schema.Struct({ model, path: Schema.String })])
    assert.deepStrictEqual(marked(params), { path: { kind: "file" }, model: { kind: "model" } })
  })

  it("are not looked for further down", () => {
    assert.isUndefined(kind(Schema.Struct({ path: file })))
    assert.isUndefined(kind(Schema.Record(Schema.String, file)))
  })
})

describe("a contract that somebody else has written", () => {
  const foreign = (params: Contract["params"]): ReadonlyMap<string, Mark> =>
    marks({ protocol: "x/v1", method: "x/do", description: "", effects: "reads", params, result: {} })

  it("may have no params, or odd ones", () => {
    for (const params of [{}, { properties: [] }, { properties: { a: true, b: null, c: { "x-gleitzeit": "file" } } }]) {
      assert.strictEqual(foreign(params).size, 0)
    }
    assert.strictEqual(foreign({ properties: { a: { "x-gleitzeit": { kind: "new" } } } }).size, 0)
  })

  it("may refer to what is not there, or to itself", () => {
    assert.strictEqual(foreign({ $ref: "#/$defs/none" }).size, 0)
    assert.strictEqual(foreign({ $ref: "https://example.org/schema" }).size, 0)
    assert.strictEqual(foreign({ $ref: "#" }).size, 0)
    assert.strictEqual(foreign({ $ref: "#/100%" }).size, 0)
    const tree = {
      $defs: {
        t: { anyOf: [{ $ref: "#/$defs/t" }, { items: { $ref: "#/$defs/t" } }, { "x-gleitzeit": { kind: "file" } }] }
      }
    }
    assert.deepStrictEqual(
      [...foreign({ ...tree, properties: { a: { $ref: "#/$defs/t" } } })],
      [["a", { kind: "file" }]]
    )
  })

  it("may be of an earlier draft", () => {
    const params = {
      definitions: { "a/b": { "x-gleitzeit": { kind: "file" } } },
      properties: { a: { $ref: "#/definitions/a~1b" } }
    }
    assert.deepStrictEqual([...foreign(params)], [["a", { kind: "file" }]])
  })
})

it("a file that may be a URL says so", () => {
  assert.deepStrictEqual(marked(Schema.Struct({ image: Protocol.fileOrUrl, path: Protocol.file })), {
    image: { kind: "file", urls: true },
    path: { kind: "file" }
  })
})
