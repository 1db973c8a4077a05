import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as CommentedJson from "../src/CommentedJson.ts"

describe("JSON with comments", () => {
  it("is plain JSON of the same length, line by line", () => {
    const text = `{ // one\n  "a": "x // y, ]", /* two\n, */ "b": [1, 2, ],\n  "c": "\\\\",\n}`
    const plain = CommentedJson.plain(text)
    assert.deepStrictEqual(JSON.parse(plain), { a: "x // y, ]", b: [1, 2], c: "\\" })
    assert.strictEqual(plain.length, text.length)
    assert.deepStrictEqual(
      plain.split("\n").map((line) => line.length),
      text.split("\n").map((line) => line.length)
    )
  })

  it.effect.prop("leaves plain JSON as it is", { value: Schema.Json }, ({ value }) =>
    Effect.sync(() => {
      const text = JSON.stringify(value, null, 2)
      assert.strictEqual(CommentedJson.plain(text), text)
    })
  )
})
