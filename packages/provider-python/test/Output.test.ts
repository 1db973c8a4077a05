import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Output } from "../src/Output.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const Pieces = Schema.Array(Schema.Literals(["a", "é", "🦊", "\n", "\r\n", "\r", "xyz", " "]))

describe("output", () => {
  it.prop(
    "is kept whole below its limit, however its bytes are cut",
    { Pieces, cut: Schema.Int },
    ({ Pieces, cut }) => {
      const text = Pieces.join("")
      const all = bytes(text)
      const output = new Output(10_000)
      const size = 1 + (Math.abs(cut) % 3)
      const lines: Array<string> = []
      for (let from = 0; from < all.length; from += size) lines.push(...output.push(all.subarray(from, from + size)))
      lines.push(...output.end())
      assert.strictEqual(output.text, text)
      assert.isFalse(output.truncated)
      assert.deepStrictEqual(
        lines,
        text.split(/[\r\n]/).filter((line) => line !== "")
      )
    }
  )

  it.prop("keeps its beginning and its end beyond its limit", { Pieces }, ({ Pieces }) => {
    const text = Pieces.join("")
    const output = new Output(10)
    for (const piece of Pieces) output.push(bytes(piece))
    output.end()
    assert.strictEqual(output.truncated, text.length > 10)
    assert.strictEqual(
      output.text,
      text.length > 10 ? `${text.slice(0, 5)}\n… ${text.length - 10} characters left out …\n${text.slice(-5)}` : text
    )
  })

  it("tells a line that does not end in parts, and nothing beyond its limit", () => {
    const output = new Output(20_000)
    assert.lengthOf(output.push(bytes("x".repeat(9000))), 1)
    assert.deepStrictEqual(output.push(bytes("a\nb")), ["a"])
    assert.lengthOf(output.push(bytes("c\n".repeat(6000))), 6000)
    assert.deepStrictEqual(output.push(bytes("d\n".repeat(10))), [])
    assert.strictEqual(output.last(5), "…\nd\nd\n".slice(0, 1) + "\nd\nd\n".slice(-5))
  })
})
