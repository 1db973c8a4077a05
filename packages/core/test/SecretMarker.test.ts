import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as SecretMarker from "../src/SecretMarker.ts"

const values = new Map([
  ["A", "secret of A"],
  ["B", "secret of B"]
])

describe("a marker", () => {
  it("of a whole value is replaced by the secret", () => {
    const params = { headers: ["x", { key: SecretMarker.whole("A") }], other: 1 }
    const filled = SecretMarker.fill(params, [["headers", 1, "key"]], values)
    assert.deepStrictEqual(filled, { headers: ["x", { key: "secret of A" }], other: 1 })
    assert.deepStrictEqual(SecretMarker.fill(["x", SecretMarker.whole("A"), "y"], [[1]], values), [
      "x",
      "secret of A",
      "y"
    ])
  })

  it("of text is replaced by the text with its secrets", () => {
    const params = { key: SecretMarker.text(["Bearer ", { name: "A" }, ":", { name: "B" }]) }
    assert.deepStrictEqual(SecretMarker.names(params, ["key"]), ["A", "B"])
    assert.deepStrictEqual(SecretMarker.fill(params, [["key"]], values), { key: "Bearer secret of A:secret of B" })
  })

  it("that is all there is, is replaced by the secret", () => {
    assert.deepStrictEqual(SecretMarker.names(SecretMarker.whole("B"), []), ["B"])
    assert.strictEqual(SecretMarker.fill(SecretMarker.whole("B"), [[]], values), "secret of B")
  })

  it("at a place that is not listed is data", () => {
    const params = { a: SecretMarker.whole("A"), b: SecretMarker.whole("B"), c: [SecretMarker.whole("A")] }
    assert.deepStrictEqual(SecretMarker.fill(params, [["b"]], values), {
      a: { $secret: "A" },
      b: "secret of B",
      c: [{ $secret: "A" }]
    })
  })
})

describe("a place without a marker", () => {
  it("speaks of no secret", () => {
    for (const place of [["x"], ["a", 1], ["a", "length"], ["toString"], ["s", 0]]) {
      assert.deepStrictEqual(SecretMarker.names({ a: [1], s: "text" }, place), [])
    }
    assert.deepStrictEqual(SecretMarker.names({ a: { $secret: 5 } }, ["a"]), [])
  })

  it.prop("is left as it is", { json: Schema.Json, key: Schema.String }, ({ json, key }) => {
    const params: Schema.Json = { [key]: json }
    assert.deepStrictEqual(SecretMarker.fill(params, [[key, "x"], [key, 0], ["other"]], values), params)
    if (typeof json === "string") assert.deepStrictEqual(SecretMarker.fill(params, [[key]], values), params)
  })
})

describe("values of secrets", () => {
  it("become markers, in texts wherever they stand, and say where", () => {
    const params = { a: "secret of A", b: ["x", "secret of B, secret of A!"], "secret of A": 1, c: null }
    assert.deepStrictEqual(SecretMarker.conceal(params, values), {
      params: {
        a: SecretMarker.text([{ name: "A" }]),
        b: ["x", SecretMarker.text([{ name: "B" }, ", ", { name: "A" }, "!"])],
        "secret of A": 1,
        c: null
      },
      places: [["a"], ["b", 1]]
    })
  })

  it("that are short, or hold another, are treated as they are masked", () => {
    const odd = new Map([
      ["SHORT", "1234567"],
      ["IN", "12345678"],
      ["OUT", "<12345678>"]
    ])
    assert.deepStrictEqual(SecretMarker.conceal(["1234567", "<12345678>", "12345678"], odd), {
      params: ["1234567", SecretMarker.text([{ name: "OUT" }]), SecretMarker.text([{ name: "IN" }])],
      places: [[1], [2]]
    })
  })

  const Text = Schema.Array(Schema.Literals(["secret of A", "secret of B", "secret", " of A", "$", '{"$secret":"A"}']))
  it.prop(
    "are there again once the markers are filled in",
    { texts: Schema.Array(Text), json: Schema.Json },
    ({ json, texts }) => {
      const params: Schema.Json = { texts: texts.map((parts) => parts.join("")), json }
      const concealed = SecretMarker.conceal(params, values)
      for (const value of values.values()) assert.notInclude(JSON.stringify(concealed.params), value)
      assert.deepStrictEqual(SecretMarker.fill(concealed.params, concealed.places, values), params)
      if (concealed.places.length === 0) assert.strictEqual(concealed.params, params)
    }
  )
})

it("the parts of the params that hold no marker are shared with them", () => {
  const shared = { big: [1, 2, 3] }
  const filled = SecretMarker.fill({ shared, key: SecretMarker.whole("A") }, [["key"]], values)
  assert.strictEqual(Reflect.get(Object(filled), "shared"), shared)
})

it("the params themselves do not change", () => {
  const params = { a: [SecretMarker.whole("A")] }
  SecretMarker.fill(params, [["a", 0]], values)
  assert.deepStrictEqual(params, { a: [{ $secret: "A" }] })
})

it("a secret whose value looks like a marker is text", () => {
  const odd = new Map([["A", `{"$secret":"B"}`]])
  const params = { a: SecretMarker.whole("A") }
  assert.deepStrictEqual(SecretMarker.fill(params, [["a"]], odd), { a: `{"$secret":"B"}` })
})
