import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Frame from "../src/Frame.ts"

const read = (value: unknown) => Frame.read(JSON.stringify(value))

describe("a line", () => {
  it.effect("that is a message is taken as it is", () =>
    Effect.sync(() => {
      const messages = [
        { jsonrpc: "2.0", id: 1, method: "ping" },
        { jsonrpc: "2.0", id: "a", method: "tools/call", params: { name: "x" } },
        { jsonrpc: "2.0", method: "notifications/progress", params: {} },
        { jsonrpc: "2.0", id: 1, result: { any: [1] } },
        { jsonrpc: "2.0", id: 1, error: { code: -1, message: "no", data: null } }
      ]
      for (const message of messages) assert.deepStrictEqual<unknown>(read(message), message)
    })
  )

  it.effect("that is none is left out", () =>
    Effect.sync(() => {
      for (const text of [
        "",
        "Serving...",
        "{oops",
        "null",
        "[1]",
        '"text"',
        '{"level":"info"}',
        '{"jsonrpc":"1.0","id":1}'
      ]) {
        assert.isUndefined(Frame.read(text), text)
      }
      assert.isUndefined(read({ jsonrpc: "2.0", id: {}, result: {} }))
      assert.isUndefined(read({ jsonrpc: "2.0", id: null, error: { code: -32_700, message: "?" } }))
      assert.isUndefined(read({ jsonrpc: "2.0", method: "x", params: [1] }))
      assert.isUndefined(read({ jsonrpc: "2.0", id: 1 }))
    })
  )

  it.effect("that is a malformed answer becomes an error of the same call", () =>
    Effect.sync(() => {
      assert.deepStrictEqual<unknown>(
        read({ jsonrpc: "2.0", id: 7, result: "hello" }),
        Frame.failed(7, "the result is a string, expected an object")
      )
      assert.deepStrictEqual<unknown>(
        read({ jsonrpc: "2.0", id: 7, error: { code: "E", message: "boom" } }),
        Frame.failed(7, "boom")
      )
    })
  )

  it.effect.prop(
    "of whatever kind is read without an exception",
    { value: Schema.Json, text: Schema.String },
    ({ text, value }) =>
      Effect.sync(() => {
        read(value)
        read({ jsonrpc: "2.0", id: 1, result: value, error: value, params: value })
        Frame.read(text)
      })
  )
})
