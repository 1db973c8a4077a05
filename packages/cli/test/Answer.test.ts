import { assert, describe, it } from "@effect/vitest"
import type { Run } from "@gleitzeit/core"
import { Result, Schema } from "effect"
import * as Answer from "../src/Answer.ts"

const request = (kind: string, schema?: NonNullable<Run.Request["schema"]>): Run.Request => ({
  request: "ask",
  task: "ask",
  kind,
  ...(schema === undefined ? {} : { schema })
})

const read = (request: Run.Request, text: string, numbered = true) => Result.merge(Answer.read(request, text, numbered))

describe("Answer", () => {
  it("an approval is yes or no, with or without a comment", () => {
    const approval = request("approval")
    for (const text of ["y", "yes", "Y", "true", " yes "]) assert.strictEqual(read(approval, text), true, text)
    for (const text of ["n", "No", "false"]) assert.strictEqual(read(approval, text), false, text)
    assert.deepStrictEqual(read(approval, "no, too long"), { approved: false, comment: "too long" })
    assert.deepStrictEqual(read(approval, "y looks good"), { approved: true, comment: "looks good" })
    assert.deepStrictEqual(read(approval, '{"approved": true, "by": "ada"}'), { approved: true, by: "ada" })
    assert.strictEqual(read(approval, "maybe"), 'expected y or n, not "maybe"')
    assert.strictEqual(read(approval, "yesterday"), 'expected y or n, not "yesterday"')
    assert.strictEqual(read(approval, "{broken"), 'expected y or n, not "{broken"')
  })

  it("a choice is named by itself, or by its number where it is numbered", () => {
    const colors = request("input", { enum: ["red", "dark red", "blue"] })
    assert.strictEqual(read(colors, "2"), "dark red")
    assert.strictEqual(read(colors, "blue"), "blue")
    assert.match(String(read(colors, "4")), /expected/)
    assert.match(String(read(colors, "2", false)), /expected/)
    assert.strictEqual(Answer.expected(colors), "a number from 1 to 3")
  })

  it("choices that look like numbers have no numbers of their own", () => {
    const sizes = request("input", { enum: [2, 1] })
    assert.strictEqual(read(sizes, "1"), 1)
    assert.strictEqual(read(sizes, "2"), 2)
    assert.strictEqual(Answer.expected(sizes), "one of these")
  })

  it("a budget is limits", () => {
    assert.deepStrictEqual(read(request("budget"), "tokens=500,duration=1m"), { tokens: 500, duration: 60_000 })
    assert.match(String(read(request("budget"), "more")), /^expected limits such as/)
  })

  it("an answer is brought to what its schema wants, and refused with the reason", () => {
    assert.strictEqual(read(request("input", { type: "integer", minimum: 1 }), "5"), 5)
    assert.match(String(read(request("input", { type: "integer", minimum: 1 }), "0")), /at least 1|1 or more|≥/)
    assert.match(String(read(request("input", { type: "integer" }), "five")), /expected a whole number|integer/)
    const object = request("input", { type: "object", properties: { city: { type: "string" } }, required: ["city"] })
    assert.deepStrictEqual(read(object, '{"city": "Bern"}'), { city: "Bern" })
    assert.match(String(read(object, "{}")), /city/)
    assert.match(String(read(object, '{"city": 3}')), /^city expected/)
    assert.strictEqual(Answer.expected(object), "a JSON object with city")
  })

  it.prop("without a schema a text is the answer as it stands", { text: Schema.String }, ({ text }) => {
    assert.strictEqual(read(request("input"), text), text)
  })

  it("a text without a question is JSON where it is JSON", () => {
    for (const [text, value] of [
      ["7", 7],
      ["null", null],
      ["[1]", [1]],
      ['{"a": 1}', { a: 1 }],
      ["true", true],
      ["hello", "hello"],
      ['"7"', '"7"']
    ] as const) {
      assert.deepStrictEqual<unknown>(Answer.free(text), value, text)
    }
  })
})
