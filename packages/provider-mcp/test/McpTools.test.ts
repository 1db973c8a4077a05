import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Tool } from "../src/Connection.ts"
import * as McpTools from "../src/McpTools.ts"

const tool = (more: Partial<Tool> = {}): Tool => ({
  name: "read",
  description: "Reads",
  input: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
  readOnly: false,
  destructive: false,
  idempotent: false,
  ...more
})
const offer = (more?: Partial<Tool>) => McpTools.offer({ name: "fs.read", server: "files", tool: tool(more) })

describe("the contract of a tool", () => {
  it("takes what the server says, untouched", () => {
    const { input } = tool()
    assert.strictEqual(offer({ input }).params, input)
    assert.deepInclude(offer(), { method: "mcp/tool.fs.read", description: "Reads", effects: "writes" })
    assert.strictEqual(offer({ readOnly: true }).effects, "reads")
  })

  it("has words where the server has none", () => {
    assert.strictEqual(offer({ description: "", title: "Read a file" }).description, "Read a file")
    assert.strictEqual(offer({ description: "" }).description, "read")
  })

  it("takes and gives anything where the schemas are none, and says so", () => {
    const odd = offer({ input: { properties: { x: { type: "wat" } } }, output: { $ref: "#/nowhere" } })
    assert.deepStrictEqual(odd.params, { type: "object" })
    assert.notInclude(JSON.stringify(odd.result), "nowhere")
    assert.include(odd.description, `its params cannot be checked: "wat" is no type`)
    assert.include(odd.description, `its structured result cannot be checked: the reference "#/nowhere" leads nowhere`)
  })
})

describe("a digest", () => {
  it("is that of all a tool promises, in whatever order", () => {
    const turned = { required: ["path"], properties: { path: { type: "string" } }, type: "object" }
    assert.strictEqual(McpTools.digest(tool()), McpTools.digest(tool({ input: turned })))
    for (const other of [{ description: "x" }, { input: {} }, { output: {} }, { readOnly: true }, { title: "x" }]) {
      assert.notStrictEqual(McpTools.digest(tool()), McpTools.digest(tool(other)))
    }
  })
})

describe("who is asked", () => {
  it("is asked about what is destructive, or about what the configuration names", () => {
    const asks = (approve: ReadonlyArray<string> | "destructive", more?: Partial<Tool>) =>
      McpTools.asks({ approve }, tool(more))
    assert.isFalse(asks("destructive"))
    assert.isTrue(asks("destructive", { destructive: true }))
    assert.isTrue(asks(["write_*", "r*d"]))
    assert.isFalse(asks(["rea", "ead", "read?"]))
  })

  it("reads what the tool would be given, cut where it is long", () => {
    const offered = { name: "fs.read", server: "files", tool: tool() }
    assert.strictEqual(
      McpTools.question(offered, { path: "a" }),
      `Call the tool read of the MCP server "files" with {"path":"a"}?`
    )
    assert.isBelow(McpTools.question(offered, { path: "a".repeat(10_000) }).length, 700)
  })
})

describe("a pattern", () => {
  it.effect.prop(
    "stands for what it was made of",
    { parts: Schema.Array(Schema.String), fill: Schema.String },
    ({ fill, parts }) =>
      Effect.sync(() => {
        const plain = parts.map((part) => part.replaceAll("*", ""))
        assert.isTrue(McpTools.matches(plain.join("*"), plain.join(plain.length > 1 ? fill : "")))
      })
  )

  it.each([
    ["*", "", true],
    ["a*", "b", false],
    ["a*a", "a", false],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "acb", false],
    ["a.b", "axb", false]
  ])("%s and %s: %s", (pattern, name, holds) => {
    assert.strictEqual(McpTools.matches(pattern, name), holds)
  })
})
