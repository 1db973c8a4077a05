import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Failure } from "../src/Failure.ts"
import * as JsonRpc from "../src/JsonRpc.ts"

const wire = (text: string): Schema.Json => Result.getOrThrow(JsonRpc.parse(text))

describe("a failure", () => {
  it.prop("comes back from the wire as it went", { failure: Failure }, ({ failure }) => {
    const json = JSON.parse(JSON.stringify(failure))
    const sent = wire(JsonRpc.failed(1, JsonRpc.errorOf(failure)))
    const response = JsonRpc.responseOf(sent)
    assert.deepStrictEqual(
      JSON.parse(
        JSON.stringify(response !== undefined && "error" in response ? JsonRpc.failureOf(response.error) : null)
      ),
      json
    )
  })

  it("of a server that knows none of ours is not to be tried again", () => {
    assert.deepStrictEqual(JsonRpc.failureOf({ code: 7, message: "no", data: { name: 3 } }), {
      code: 7,
      name: "REMOTE_ERROR",
      message: "no",
      retryable: false,
      data: { name: 3 }
    })
    assert.strictEqual(JsonRpc.failureOf({ code: -32602, message: "" }).name, "INVALID_PARAMS")
  })

  it("keeps its code and its message, whatever its data says", () => {
    const { code, message } = JsonRpc.failureOf({
      code: 7,
      message: "no",
      data: { code: -29017, message: "yes", name: "X", retryable: true }
    })
    assert.deepStrictEqual([code, message], [7, "no"])
  })
})

describe("a response", () => {
  it("has an error or a result", () => {
    const error = { code: 1, message: "" }
    assert.deepStrictEqual(JsonRpc.responseOf({ jsonrpc: "2.0", result: null, error: null, id: 1 }), {
      jsonrpc: "2.0",
      result: null,
      id: 1
    })
    assert.deepStrictEqual(JsonRpc.responseOf({ jsonrpc: "2.0", result: null, error, id: null }), {
      jsonrpc: "2.0",
      error,
      id: null
    })
    for (const json of [
      { jsonrpc: "2.0", id: 1 },
      { jsonrpc: "2.0", result: 1 },
      { result: 1, id: 1 },
      { jsonrpc: "2.0", error: { message: "" }, id: 1 },
      null,
      []
    ]) {
      assert.isUndefined(JsonRpc.responseOf(json), JSON.stringify(json))
    }
  })
})

describe("a whole number", () => {
  it.each([
    [`{"n": 9007199254740993}`, "9007199254740993"],
    [`[18446744073709551616]`, "18446744073709551616"],
    [`[-9007199254740993]`, "-9007199254740993"],
    [`[9007199254740992, 100000000000000000000, 1e300, 0.12345678901234567890]`, undefined],
    [`["9007199254740993", "a\\"9007199254740993"]`, undefined]
  ])("in %s that cannot be held is %s", (text, found) => assert.strictEqual(JsonRpc.inexact(text), found))

  it("is looked for behind strings of any length", () => {
    const text = (long: string, number: string) => `{"long": ${JSON.stringify(long)}, "n": ${number}}`
    for (const long of ["x".repeat(16_000_000), '"\\\n'.repeat(2_000_000)]) {
      assert.isUndefined(JsonRpc.inexact(text(long, "9007199254740992")))
      assert.strictEqual(JsonRpc.inexact(text(long, "9007199254740993")), "9007199254740993")
    }
    assert.strictEqual(JsonRpc.inexact(`["\\\\", 9007199254740993]`), "9007199254740993")
    assert.isUndefined(JsonRpc.inexact(`["\\\\\\", 9007199254740993", 1]`))
  })
})
