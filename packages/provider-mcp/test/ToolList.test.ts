import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import * as ToolHeaders from "../src/ToolHeaders.ts"
import * as ToolList from "../src/ToolList.ts"

describe("a list of tools", () => {
  it.effect("gives each as it is described, its schemas untouched", () =>
    Effect.sync(() => {
      const inputSchema = { type: "object", $schema: "x", properties: { z: {}, a: { type: ["string", "null"] } } }
      const listed = { name: "t", title: "T", description: "d", inputSchema, outputSchema: { anyOf: [] }, extra: 1 }
      assert.deepStrictEqual(ToolList.read([listed], false), {
        tools: [
          {
            name: "t",
            title: "T",
            description: "d",
            input: inputSchema,
            output: { anyOf: [] },
            readOnly: false,
            destructive: false,
            idempotent: false
          }
        ],
        dropped: []
      })
    })
  )

  it.effect("has no tool whose name holds signs that nobody sees", () =>
    Effect.sync(() => {
      const names = ["a\nb", "\u001b[31mred", "read\u200b_file", "\u202eelif", "", "x".repeat(257)]
      const { dropped, tools } = ToolList.read(
        [...names, "Straße (ß) 😀"].map((name) => ({ name, inputSchema: {} })),
        false
      )
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ["Straße (ß) 😀"]
      )
      assert.lengthOf(dropped, names.length)
      assert.notMatch(dropped.join(), /\p{Cc}/u)
    })
  )

  it.effect("takes hints for what they say: who only reads destroys nothing, and may be asked twice", () =>
    Effect.sync(() => {
      const hinted = (annotations: Schema.JsonObject) =>
        ToolList.read([{ name: "t", inputSchema: {}, annotations }], false).tools[0]
      assert.deepInclude(hinted({ readOnlyHint: true, destructiveHint: true }), {
        destructive: false,
        idempotent: true
      })
      assert.deepInclude(hinted({ destructiveHint: true }), { destructive: true, idempotent: false, readOnly: false })
      assert.deepInclude(hinted({ title: "By hint" }), { title: "By hint" })
    })
  )

  it.effect("leaves out what is malformed, with its name and why", () =>
    Effect.sync(() => {
      const { dropped, tools } = ToolList.read(
        [{ name: "no-input" }, 7, { name: "good", inputSchema: {} }, { name: "good", inputSchema: {} }],
        false
      )
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ["good"]
      )
      assert.match(dropped.join("\n"), /^no-input: .*inputSchema.*\ntool 2: .*\ngood: it is listed twice$/)
    })
  )
})

describe("a param that travels in a header", () => {
  const fault = (properties: Schema.JsonObject) => ToolHeaders.faultOf({ type: "object", properties })
  const header = (name: Schema.Json, type: string) => ({ type, "x-mcp-header": name })

  it.effect("is a property of a plain type, however deep", () =>
    Effect.sync(() => {
      assert.isUndefined(
        fault({ a: header("A", "string"), b: { type: "object", properties: { c: header("C", "integer") } } })
      )
      assert.isUndefined(fault({ a: { type: "string", enum: ["x-mcp-header"], default: { "x-mcp-header": 1 } } }))
    })
  )

  it.effect("has a name that a header may have, of its own", () =>
    Effect.sync(() => {
      for (const name of ["", "two words", "new\nline", 7]) {
        assert.strictEqual(fault({ a: header(name, "string") }), "a: x-mcp-header is no name of a header")
      }
      assert.strictEqual(
        fault({ a: header("A", "string"), b: header("a", "string") }),
        "b: the header a is asked for twice"
      )
    })
  )

  it.effect("is nothing else", () =>
    Effect.sync(() => {
      for (const type of ["number", "array", "object", "null"]) {
        assert.strictEqual(fault({ a: header("A", type) }), "a: x-mcp-header may not stand at a value of this type")
      }
      assert.match(String(fault({ a: { type: "array", items: header("A", "string") } })), /stands where it may not/)
      assert.match(
        String(ToolHeaders.faultOf({ oneOf: [{ properties: { a: header("A", "string") } }] })),
        /stands where it may not/
      )
    })
  )
})
