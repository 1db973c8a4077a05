import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Failure } from "../src/Failure.ts"
import * as Redaction from "../src/Redaction.ts"

const key = "sk-12345678"

describe("a mask", () => {
  it("puts *** for each occurrence, in texts, lists, fields and names of fields", () => {
    const mask = Redaction.mask([key])
    assert.strictEqual(mask(`a ${key} b ${key}`), "a *** b ***")
    assert.deepStrictEqual(mask({ a: [1, null, { b: `Bearer ${key}` }], [key]: true }), {
      a: [1, null, { b: "Bearer ***" }],
      "***": true
    })
  })

  it("leaves values of fewer than 8 characters", () => {
    const mask = Redaction.mask(["1234567", ""])
    assert.strictEqual(mask("1234567"), "1234567")
    assert.strictEqual(Redaction.mask(["12345678"])("12345678"), "***")
  })

  it("leaves no rest of a secret that holds another", () => {
    assert.strictEqual(Redaction.mask(["abcdefgh", "abcdefgh-and-more"])("<abcdefgh-and-more>"), "<***>")
    assert.strictEqual(Redaction.mask(["abcdefgh-and-more", "abcdefgh"])("<abcdefgh>"), "<***>")
  })

  it("finds a secret of several lines in JSON, and each of its lines alone", () => {
    const secret = 'first "line"\r\n  second line\n\nshort\n'
    const mask = Redaction.mask([secret])
    assert.strictEqual(mask(`a ${secret}b`), "a ***b")
    assert.strictEqual(mask(JSON.stringify({ a: secret })), '{"a":"***"}')
    assert.strictEqual(mask("> second line <"), "> *** <")
    assert.strictEqual(mask("short"), "short")
  })

  it("takes a secret as text, whatever signs it has", () => {
    assert.strictEqual(Redaction.mask(["$&.*(a)[b]"])("x$&.*(a)[b]x"), "x***x")
  })

  it("keeps a field named __proto__", () => {
    const json: Schema.Json = JSON.parse(`{"__proto__": {"a": "${key}"}}`)
    assert.strictEqual(JSON.stringify(Redaction.mask([key])(json)), `{"__proto__":{"a":"***"}}`)
  })

  it.prop("gives back the very same value when there is nothing to mask", { json: Schema.Json }, ({ json }) => {
    assert.strictEqual(Redaction.mask(["\u{1f98a} not there \u{1f98a}"])(json), json)
    assert.strictEqual(Redaction.mask([])(json), json)
  })

  const Secret = Schema.Array(Schema.Literals(["a", "b", "ab"])).check(Schema.isMinLength(8), Schema.isMaxLength(12))
  it.prop(
    "leaves no secret in a text, and all that is not secret",
    { secrets: Schema.Array(Secret), texts: Schema.Array(Schema.String) },
    ({ secrets, texts }) => {
      const values = secrets.map((parts) => parts.join(""))
      const json: Schema.Json = { list: [...texts, ...values, texts.join(values[0] ?? "")] }
      const masked = JSON.stringify(Redaction.mask(values)(json))
      for (const value of values) assert.notInclude(masked, value)
      for (const text of texts) {
        if (!values.some((value) => text.includes(value))) assert.include(masked, JSON.stringify(text).slice(1, -1))
      }
    }
  )
})

describe("a failure", () => {
  it("is masked in its message and data, and keeps its fields alone", () => {
    const error: Failure & { readonly secret: string } = {
      code: 1,
      name: "N",
      message: `bad ${key}`,
      retryable: true,
      retryAfter: 5,
      data: { token: key },
      secret: key
    }
    assert.deepStrictEqual(Redaction.failure(Redaction.mask([key]), error), {
      code: 1,
      name: "N",
      message: "bad ***",
      retryable: true,
      retryAfter: 5,
      data: { token: "***" }
    })
  })

  it("without data gets none", () => {
    const error = { code: 1, name: "N", message: "m", retryable: false }
    assert.deepStrictEqual(Redaction.failure(Redaction.mask([key]), error), error)
  })
})

describe("a chunk", () => {
  const mask = Redaction.mask([key])
  it("is masked in its text or message", () => {
    assert.deepStrictEqual(Redaction.chunk(mask, { _tag: "Text", text: key }), { _tag: "Text", text: "***" })
    assert.deepStrictEqual(Redaction.chunk(mask, { _tag: "Reasoning", text: key }), { _tag: "Reasoning", text: "***" })
    assert.deepStrictEqual(Redaction.chunk(mask, { _tag: "Progress", fraction: 0.5, message: key }), {
      _tag: "Progress",
      fraction: 0.5,
      message: "***"
    })
    assert.deepStrictEqual(Redaction.chunk(mask, { _tag: "Progress", fraction: 0.5 }), {
      _tag: "Progress",
      fraction: 0.5
    })
    assert.deepStrictEqual(Redaction.chunk(mask, { _tag: "Log", level: "info", message: key }), {
      _tag: "Log",
      level: "info",
      message: "***"
    })
  })
})
