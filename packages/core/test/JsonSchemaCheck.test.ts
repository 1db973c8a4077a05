import { assert, describe, it } from "@effect/vitest"
import { type JsonSchema, Schema } from "effect"
import * as JsonSchemaCheck from "../src/JsonSchemaCheck.ts"
import { LlmV1 } from "../src/LlmV1.ts"
import * as Protocol from "../src/Protocol.ts"

const open = (text: string) => text.includes("${")

const issues = (schema: JsonSchema.JsonSchema, value: Schema.Json, options?: JsonSchemaCheck.Options) =>
  JsonSchemaCheck.check(schema, value, options).map(({ message, path, suggestion }) =>
    [path.join("."), message, ...(suggestion === undefined ? [] : [suggestion])].join(" | ")
  )

describe("check", () => {
  it("says what was expected and what was found", () => {
    const cases: ReadonlyArray<readonly [schema: JsonSchema.JsonSchema, value: Schema.Json, message: string]> = [
      [{ type: "integer" }, "5", 'expected a whole number, found "5"'],
      [{ type: "integer" }, 1.5, "expected a whole number, found 1.5"],
      [{ type: ["string", "null"] }, [], "expected text or null, found a list"],
      [{ enum: ["a", 1] }, "b", 'expected "a" or 1, found "b" | a'],
      [{ const: "a" }, null, 'expected "a", found null'],
      [{ minimum: 1 }, 0, "expected at least 1, found 0"],
      [{ maximum: 1 }, 2, "expected at most 1, found 2"],
      [{ exclusiveMinimum: 1 }, 1, "expected more than 1, found 1"],
      [{ exclusiveMaximum: 1 }, 1, "expected less than 1, found 1"],
      [{ multipleOf: 5 }, 7, "expected a multiple of 5, found 7"],
      [{ minLength: 1 }, "", "expected text, found an empty one"],
      [{ maxLength: 2 }, "abc", 'expected at most 2 characters, found "abc"'],
      [{ pattern: "^a" }, "b", 'expected text that matches ^a, found "b"'],
      [{ pattern: "^a", examples: ["a", "ab"] }, "b", 'expected text such as "a" or "ab", found "b"'],
      [{ format: "date" }, "x", 'expected text in the format "date", found "x"'],
      [{ minItems: 2 }, [1], "expected at least 2 items"],
      [{ uniqueItems: true }, [1, 1], "expected items that all differ"],
      [{ required: ["a"] }, {}, 'missing "a"'],
      [{ not: { type: "string" } }, "x", '"x" is excluded here'],
      [{ not: { required: ["a", "b"] } }, { a: 1, b: 2 }, '"a" and "b" cannot stand together'],
      [{ oneOf: [{ required: ["a"] }, { required: ["b"] }] }, { a: 1, b: 2 }, 'expected just one of "a" or "b"'],
      [{ anyOf: [{ required: ["a"] }, { required: ["b"] }] }, {}, 'missing "a" or "b"']
    ]
    for (const [schema, value, message] of cases) assert.deepStrictEqual(issues(schema, value), [` | ${message}`])
  })

  it("takes no word for true or false for a slip in a name", () => {
    const schema = { enum: ["none", "ns"] }
    assert.deepStrictEqual(issues(schema, "no"), [' | expected "none" or "ns", found "no"'])
    assert.deepStrictEqual(issues(schema, "nome"), [' | expected "none" or "ns", found "nome" | none'])
  })

  it("does not wait for what a string will be where nothing fits", () => {
    const schema = { properties: { here: {}, gone: { not: {}, description: "Not here: look there." } } }
    for (const value of ["${a}", ["${a}"], { b: "${a}" }]) {
      assert.deepStrictEqual(issues(schema, { here: value, gone: value }, { open }), ["gone | Not here: look there."])
    }
  })

  it("refuses a property that its schema rules out", () => {
    const schema = { properties: { a: false, b: true }, patternProperties: { "^x": false } }
    assert.deepStrictEqual(issues(schema, { a: 1 }), ['a | "a" is not known here, expected b | b'])
    assert.deepStrictEqual(issues(schema, { x1: 1 }), ['x1 | "x1" is not known here, expected b'])
  })

  it("says in words which name is not known once, with its place", () => {
    const schema = {
      properties: { a: { properties: { b: {} }, additionalProperties: false } },
      additionalProperties: false
    }
    const words = (value: Schema.Json) => JsonSchemaCheck.check(schema, value).map(JsonSchemaCheck.inWords)
    assert.deepStrictEqual(words({ x: 1 }), ['"x" is not known here, expected a'])
    assert.deepStrictEqual(words({ a: { x: 1 } }), ['"a.x" is not known here, expected b'])
  })

  it("names the place, and nothing that is right beside it", () => {
    const schema = {
      type: "object",
      properties: { list: { type: "array", items: { type: "object", properties: { n: { type: "number" } } } } },
      additionalProperties: false
    }
    assert.deepStrictEqual(issues(schema, { list: [{ n: 1 }, { n: "x" }] }), [
      'list.1.n | expected a number, found "x"'
    ])
    assert.deepStrictEqual(JsonSchemaCheck.check(schema, { list: [{ n: "x" }] })[0]?.path, ["list", 0, "n"])
    assert.deepStrictEqual(issues(schema, { lst: [] }), ['lst | "lst" is not known here, expected list | list'])
    assert.deepStrictEqual(issues({ ...schema, properties: { "a/b~c d": { type: "null" } } }, { "a/b~c d": 1 }), [
      "a/b~c d | expected null, found 1"
    ])
  })

  it("of several forms shows the nearest, or what all of them take", () => {
    const text = { type: "string" }
    assert.deepStrictEqual(issues({ anyOf: [text, { type: "array", items: text }, { type: "null" }] }, 5), [
      " | expected text, a list or null, found 5"
    ])
    assert.deepStrictEqual(issues({ anyOf: [text, { type: "array", items: text }] }, ["a", 5]), [
      "1 | expected text, found 5"
    ])
    const lists = { anyOf: [text, { type: "integer" }].map((items) => ({ type: "array", items })) }
    assert.deepStrictEqual(issues(lists, [true]), ["0 | expected text or a whole number, found true"])
    const limits = { anyOf: [{ minLength: 9 }, { pattern: "^b" }] }
    assert.deepStrictEqual(issues(limits, "a"), [' | expected at least 9 characters, found "a"'])
    const form = (kind: string) => ({ type: "object", properties: { kind: { const: kind }, n: { type: "number" } } })
    assert.deepStrictEqual(issues({ oneOf: [form("a"), form("b")] }, { kind: "a", n: "x" }), [
      'n | expected a number, found "x"'
    ])
    const other = { type: "object", properties: { kind: { const: "c" }, n: { type: "boolean" } } }
    assert.deepStrictEqual(issues({ oneOf: [form("a"), other] }, { kind: "a", n: "x" }), [
      'n | expected a number, found "x"'
    ])
    assert.deepStrictEqual(issues({ oneOf: [form("a"), form("b")] }, { kind: "c", n: 1 }), [
      'kind | expected "a" or "b", found "c"'
    ])
    assert.deepStrictEqual(issues({ oneOf: [{ type: "integer" }, { type: "number" }] }, 1), [
      " | 1 has more than one of the forms it may have, expected just one"
    ])
  })

  it("follows references and conditions in the schema", () => {
    const schema = { $defs: { n: { type: "integer" } }, properties: { n: { $ref: "#/$defs/n" } } }
    assert.deepStrictEqual(issues(schema, { n: "x" }), ['n | expected a whole number, found "x"'])
    const draft7 = {
      $schema: "http://json-schema.org/draft-07/schema#",
      definitions: { pair: { type: "array", items: [{ type: "string" }, { type: "number" }] } },
      $ref: "#/definitions/pair"
    }
    assert.deepStrictEqual(issues(draft7, ["a", "b"]), ['1 | expected a number, found "b"'])
    // written as text: an object with `then` is taken for a promise
    const branch = JSON.parse(
      `{"if": {"properties": {"k": {"const": "a"}}}, "then": {"required": ["z"]}, "else": {"required": ["q"]}}`
    )
    assert.deepStrictEqual(issues(branch, { k: "a" }), [' | missing "z"'])
    assert.deepStrictEqual(issues(branch, { k: "${a}" }, { open }), [])
    const longer = JSON.parse(`{"if": {"properties": {"k": {"minLength": 1}}}, "then": {"required": ["z"]}}`)
    assert.deepStrictEqual(issues(longer, { k: "${a}" }, { open }), [])
  })

  it("says nothing about what a string will be once it is known, but about where it stands", () => {
    const schema = {
      properties: {
        n: { type: "number" },
        list: { type: "array", items: { enum: ["a"] } },
        form: { anyOf: [{ type: "boolean" }, { type: "object" }] }
      },
      additionalProperties: false
    }
    const unknown = "${x}"
    assert.deepStrictEqual(issues(schema, { n: unknown, list: [unknown], form: unknown }, { open }), [])
    assert.deepStrictEqual(
      issues(schema, { n: [unknown], m: unknown, list: ["b", unknown], form: [unknown] }, { open }),
      [
        "n | expected a number, found a list",
        'list.0 | expected "a", found "b" | a',
        "form | expected true or false or a mapping, found a list",
        'm | "m" is not known here, expected n, list or form | n'
      ]
    )
    assert.deepStrictEqual(issues({ not: { required: ["a", "b"] } }, { a: unknown, b: 1 }, { open }).length, 1)
  })

  it("does not quote what nobody may see", () => {
    const quiet = (schema: JsonSchema.JsonSchema) => issues(schema, "hunter2", { quote: false }).join()
    const schemas = [{ type: "integer" }, { enum: ["a"] }, { pattern: "^a" }, { maxLength: 2 }, { format: "date" }]
    for (const schema of [...schemas, { anyOf: schemas }, { not: {} }]) assert.notInclude(quiet(schema), "hunter2")
  })

  it("takes a schema that cannot be used for an issue", () => {
    for (const schema of [{ pattern: "(" }, { $ref: "#/nowhere" }, { $ref: "#" }, { $id: "http://[" }]) {
      assert.match(issues(schema, "x").join(), /^ \| the schema cannot be used: /)
    }
  })

  it("leaves schema and value as they are", () => {
    const schema = Object.freeze({
      type: "object",
      properties: Object.freeze({ a: Object.freeze({ type: "string" }) })
    })
    assert.deepStrictEqual(issues(schema, Object.freeze({ a: "x" })), [])
    assert.deepStrictEqual(Object.getOwnPropertyNames(schema), ["type", "properties"])
  })

  it("reads the contracts of our own protocols", () => {
    const [chat] = Protocol.contracts(LlmV1)
    assert.deepStrictEqual(issues(chat?.params ?? {}, { prompt: "x", stop: ["a"], format: { type: "object" } }), [])
    assert.deepStrictEqual(
      issues(chat?.params ?? {}, { temperature: "hot", messages: [{ role: "usr", content: 1 }] }),
      [
        'messages.0.role | expected "system", "user", "assistant" or "tool", found "usr" | user',
        'temperature | expected a number, found "hot"'
      ]
    )
  })

  it.prop(
    "never throws, whatever schema and value",
    { schema: Schema.Record(Schema.String, Schema.Json), value: Schema.Json },
    ({ schema, value }) => {
      const keyed = {
        ...schema,
        type: schema["a"] ?? "object",
        properties: schema,
        anyOf: Object.values(schema),
        $ref: "#/properties"
      }
      for (const one of [schema, keyed, { items: schema, enum: value }]) {
        JsonSchemaCheck.check(one, value, { open })
        JsonSchemaCheck.coerce(one, JSON.stringify(value))
      }
    }
  )
})

describe("coerce", () => {
  it("makes what the schema wants of a text", () => {
    const cases: ReadonlyArray<readonly [schema: JsonSchema.JsonSchema, text: string, value: Schema.Json]> = [
      [{ type: "integer" }, "5", 5],
      [{ type: "number" }, "1e3", 1000],
      [{ type: "boolean" }, "true", true],
      [{ type: "array" }, "[1, 2]", [1, 2]],
      [{ type: "object" }, '{"a": 1}', { a: 1 }],
      [{ type: ["string", "null"] }, "null", null],
      [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "7", 7],
      [{ $defs: { n: { type: "integer" } }, $ref: "#/$defs/n" }, "7", 7],
      [{ enum: [1, "2"] }, "1", 1],
      [{ enum: [1, "2"] }, "2", "2"],
      [{ const: false }, "false", false]
    ]
    for (const [schema, text, value] of cases) assert.deepStrictEqual(JsonSchemaCheck.coerce(schema, text), value)
  })

  it("leaves text that it wants, or that is nothing it wants, as it is", () => {
    for (const schema of [
      { type: "string" },
      {},
      { type: "integer" },
      { $ref: "#" },
      { anyOf: [{}, { type: "integer" }] }
    ]) {
      assert.strictEqual(JsonSchemaCheck.coerce(schema, "five"), "five")
    }
    assert.strictEqual(JsonSchemaCheck.coerce({ type: "string" }, "5"), "5")
    assert.strictEqual(JsonSchemaCheck.coerce({}, "5"), "5")
    assert.strictEqual(JsonSchemaCheck.coerce({ type: "integer" }, "1.5"), "1.5")
  })

  it.prop(
    "turns the JSON of a list or a mapping into itself",
    { value: Schema.Union([Schema.Array(Schema.Json), Schema.Record(Schema.String, Schema.Json)]) },
    ({ value }) => {
      const text = JSON.stringify(value)
      // V8 13.6 reads a key that is one escaped character as a backslash now and then
      if (/"\\(?:u[\da-f]{4}|.)":/.test(text)) return
      assert.strictEqual(JSON.stringify(JsonSchemaCheck.coerce({ type: ["array", "object"] }, text)), text)
    }
  )
})

describe("of a value that is wrong in many places", () => {
  it("the first hundred are told", () => {
    const wrong = Array.from({ length: 20_000 }, (_, n) => n)
    const list = JsonSchemaCheck.check({ type: "array", items: { type: "string" } }, wrong)
    assert.lengthOf(list, 100)
    assert.deepStrictEqual(list[0]?.path, [0])
    const named = (prefix: string) => Object.fromEntries(wrong.slice(0, 3000).map((n) => [`${prefix}${n}`, {}]))
    const schema = { type: "object", properties: named("property"), additionalProperties: false }
    assert.lengthOf(JsonSchemaCheck.check(schema, named("another")), 100)
  })
})
