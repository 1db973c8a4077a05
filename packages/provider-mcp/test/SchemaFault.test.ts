import { assert, describe, it } from "@effect/vitest"
import { JsonSchemaCheck } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as SchemaFault from "../src/SchemaFault.ts"

describe("a schema that a server tells", () => {
  it.each<[string, Schema.JsonObject]>([
    ["nothing", {}],
    [
      "a property that is called $ref",
      { type: "object", properties: { $ref: { type: "string" }, type: { const: 1 } } }
    ],
    ["a reference to itself", { type: "object", properties: { next: { $ref: "#" } } }],
    ["a definition", { $defs: { a: { type: "string" } }, properties: { x: { $ref: "#/$defs/a" } } }],
    ["a definition with odd signs", { $defs: { "a/b c": true }, items: { $ref: "#/$defs/a~1b%20c" } }],
    ["an anchor", { $defs: { a: { $anchor: "here", type: "string" } }, properties: { x: { $ref: "#here" } } }],
    ["draft-07", { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "string" }] }],
    ["values that look like schemas", { enum: [{ type: "wat" }], default: { $ref: "#/nowhere" } }]
  ])("can be used with %s", (_, schema) => {
    assert.isUndefined(SchemaFault.of(schema))
  })

  it.each<[string, Schema.JsonObject, string]>([
    ["type", { properties: { x: { type: "wat" } } }, `"wat" is no type`],
    ["type among others", { items: { type: ["string", 5] } }, "5 is no type"],
    ["pattern", { anyOf: [{ pattern: "(" }] }, `"(" is no pattern`],
    ["pattern of names", { patternProperties: { "[": {} } }, `"[" is no pattern`],
    ["reference", { not: { $ref: "#/nowhere" } }, `the reference "#/nowhere" leads nowhere`],
    ["anchor", { not: { $ref: "#nowhere" } }, `the reference "#nowhere" leads nowhere`],
    [
      "document",
      { properties: { x: { $ref: "http://127.0.0.1:1/x.json" } } },
      `the reference "http://127.0.0.1:1/x.json" leads out of it`
    ]
  ])("cannot be used with a %s that is none", (_, schema, reason) => {
    assert.strictEqual(SchemaFault.of(schema), reason)
  })

  it("cannot be used when it is too deep", () => {
    let deep: Schema.JsonObject = {}
    for (let i = 0; i < 1200; i++) deep = { items: deep }
    assert.match(SchemaFault.of(deep) ?? "", /more than 1000 deep/)
  })

  it("cannot be used when its references double at each turn", () => {
    const turns = Array.from({ length: 40 }, (_, n) => [
      `t${n}`,
      { allOf: Array(2).fill({ $ref: `#/$defs/t${n + 1}` }) }
    ])
    const $defs = { ...Object.fromEntries(turns), t40: {} }
    assert.strictEqual(SchemaFault.of({ $defs, $ref: "#/$defs/t0" }), "one value takes more than 10000 steps")
    assert.isDefined(SchemaFault.of({ $defs, properties: { x: { $ref: "#/$defs/t0" } } }))
    const row = Array.from({ length: 50_000 }, (_, n) => [`t${n}`, { $ref: `#/$defs/t${n + 1}` }])
    assert.isDefined(SchemaFault.of({ $defs: { ...Object.fromEntries(row), t50000: {} }, $ref: "#/$defs/t0" }))
  })

  it.effect.prop(
    "never stops who looks at it, whatever it is",
    { schema: Schema.Record(Schema.String, Schema.Json) },
    ({ schema }) => Effect.sync(() => void SchemaFault.of(schema))
  )
})

describe("a schema that is moved", () => {
  const tree: Schema.JsonObject = {
    $defs: { node: { type: "object", properties: { left: { $ref: "#/$defs/node" }, n: { type: "number" } } } },
    type: "object",
    properties: { root: { $ref: "#/$defs/node" }, again: { $ref: "#" } },
    required: ["root"],
    examples: [{ $ref: "#/$defs/node" }]
  }
  const around = { type: "object", properties: { inner: SchemaFault.moved(tree, "/properties/inner") } }

  it("means the same where it is", () => {
    for (const [value, holds] of [
      [{ root: { left: { n: 1 } } }, true],
      [{ root: { left: { n: "one" } } }, false],
      [{ root: {}, again: { root: { n: 2 } } }, true],
      [{ root: {}, again: {} }, false]
    ] as const) {
      assert.strictEqual(JsonSchemaCheck.check(around, { inner: value }).length === 0, holds, JSON.stringify(value))
    }
  })

  it("keeps what is no schema, and what brings its own name", () => {
    assert.deepInclude(around.properties.inner, { examples: [{ $ref: "#/$defs/node" }] })
    const named = { $id: "http://example.org/a", properties: { x: { $ref: "#/properties/y" }, y: {} } }
    assert.strictEqual(SchemaFault.moved(named, "/properties/inner"), named)
  })
})
