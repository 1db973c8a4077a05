import { assert, describe, it } from "@effect/vitest"
import { JsonSchemaCheck } from "@gleitzeit/core"
import type { Schema } from "effect"
import * as McpTools from "../src/McpTools.ts"
import * as TameSchema from "../src/TameSchema.ts"

describe("a pattern of a server", () => {
  it.each([
    "^(a+)+$",
    "(a|a)*b",
    "(a?){50}x",
    "(?<x>a+)*",
    "^(\\\\w+\\\\s?)*$",
    "(a)\\1",
    "a*b*c*d*e*f*g*",
    "x".repeat(2000)
  ])("may take for ever: %s", (pattern) => assert.isTrue(TameSchema.mayBeEndless(pattern)))

  it.each(["^[a-z]+$", "^\\d{4}-\\d{2}$", "^(a|b)$", "^(?:\\+1)?\\d{3,10}$", "[(+*]+", "^\\(\\+\\)*$", "\\p{L}+"])(
    "is harmless: %s",
    (pattern) => assert.isFalse(TameSchema.mayBeEndless(pattern))
  )
})

describe("a schema of a server", () => {
  const slow = "^(a+)+$"
  const tool = (input: Schema.JsonObject, output: Schema.JsonObject) =>
    McpTools.offer({
      name: "one.echo",
      server: "one",
      tool: { name: "echo", description: "", input, output, readOnly: false, destructive: false, idempotent: false }
    })

  it("holds up nobody, wherever the pattern stands", () => {
    const text = `${"a".repeat(60)}!`
    const input = {
      type: "object",
      properties: { x: { type: "string", pattern: slow }, y: { $ref: "#/x-hidden" }, n: { type: "number" } },
      "x-hidden": { pattern: slow },
      patternProperties: { [slow]: {} },
      additionalProperties: false
    }
    const { params, result } = tool(input, { type: "object", properties: { x: { pattern: slow } } })
    assert.deepStrictEqual(JsonSchemaCheck.check(params, { x: text, y: text, [text]: 1, n: 1 }), [])
    assert.lengthOf(JsonSchemaCheck.check(params, { n: "one" }), 1)
    const answer = { content: [], text: "", output: "", isError: false, server: "one", tool: "echo" }
    const structured = { x: text }
    assert.deepStrictEqual(JsonSchemaCheck.check(result, { ...answer, structured, result: structured }), [])
  })

  it("is the very same where it is harmless", () => {
    const input = { type: "object", properties: { x: { pattern: "^a+$" } }, default: { pattern: slow } }
    assert.strictEqual(tool(input, {}).params, input)
  })
})
