import { assert, describe, it } from "@effect/vitest"
import { JsonSchemaCheck } from "@gleitzeit/core"
import { Result, type Schema } from "effect"
import * as McpAnswer from "../src/McpAnswer.ts"

const origin = { server: "files", tool: "read" }
const text = (text: string) => ({ type: "text", text })

/** Of an answer that is none of failure. */
const read = (content: ReadonlyArray<Schema.JsonObject>, structured?: Schema.Json): Schema.JsonObject =>
  Result.getOrThrow(
    McpAnswer.read({ content, isError: false, ...(structured === undefined ? {} : { structured }) }, origin)
  )

describe("an answer", () => {
  it("is its blocks, their text in one piece, and whose it is", () => {
    const blocks = [
      text("one"),
      { type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" },
      { type: "resource", resource: { uri: "a:b", text: "two" } },
      { type: "resource_link", uri: "a:c", name: "c" },
      text("")
    ]
    assert.deepStrictEqual(read(blocks), {
      content: blocks,
      text: "one\ntwo\n",
      output: "one\ntwo\n",
      result: "one\ntwo\n",
      isError: false,
      server: "files",
      tool: "read"
    })
  })

  it("has what is structured as its result", () => {
    const given = read([text(`{"a":1}`)], { a: 2 })
    assert.deepInclude(given, { structured: { a: 2 }, result: { a: 2 }, json: { a: 1 }, text: `{"a":1}` })
    assert.deepInclude(read([], null), { structured: null, result: null })
  })

  it("has a text that is a JSON object or list as its result", () => {
    assert.deepInclude(read([text(` {"a":[1]} `)]), { json: { a: [1] }, result: { a: [1] } })
    assert.deepInclude(read([text("[1,2]")]), { json: [1, 2] })
    for (const plain of ["42", `"42"`, "true", "{oops", "[1]]", "", "[".repeat(3000) + "]".repeat(3000)]) {
      const given = read([text(plain)])
      assert.notProperty(given, "json")
      assert.strictEqual(given["result"], plain)
    }
  })

  it("that says that it failed is a failure with its text, which another attempt does not mend", () => {
    const content = [text("no such file")]
    const failure = Result.getOrThrow(Result.flip(McpAnswer.read({ content, isError: true }, origin)))
    assert.strictEqual(failure.message, 'the tool read of "files" failed: no such file')
    assert.deepInclude(failure, { name: "TASK_EXECUTION_FAILED", retryable: false })
    assert.deepStrictEqual(Object(failure).data, { ...origin, content })
  })

  it("that failed is cut where it is long", () => {
    const content = [text("x".repeat(100_000))]
    const failure = Result.getOrThrow(Result.flip(McpAnswer.read({ content, isError: true }, origin)))
    assert.isBelow(failure.message.length, 2100)
    assert.deepStrictEqual(Object(failure).data, origin)
  })

  it("that is larger than allowed is refused, structured or not", () => {
    for (const answer of [
      { content: [text("ä".repeat(60))], isError: false },
      { content: [], structured: { long: "x".repeat(120) }, isError: false },
      { content: [text("x".repeat(120))], isError: true }
    ]) {
      const failure = Result.getOrThrow(Result.flip(McpAnswer.read(answer, origin, 100)))
      assert.strictEqual(failure.name, "RESULT_TOO_LARGE")
    }
  })
})

describe("the schema of an answer", () => {
  const output = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    definitions: { n: { type: "number" } },
    properties: { n: { $ref: "#/definitions/n" } },
    required: ["n"]
  }

  it("accepts what is read", () => {
    for (const given of [read([]), read([text("[1]")]), read([text("a")], { b: 1 })]) {
      assert.deepStrictEqual(JsonSchemaCheck.check(McpAnswer.schema(undefined), given), [])
    }
    assert.deepStrictEqual(JsonSchemaCheck.check(McpAnswer.schema(output), read([], { n: 1 })), [])
  })

  it("refuses what the tool does not promise", () => {
    for (const given of [read([], { n: "one" }), read([], {}), read([text(`{"n":1}`)])]) {
      assert.isNotEmpty(JsonSchemaCheck.check(McpAnswer.schema(output), given))
    }
  })
})
