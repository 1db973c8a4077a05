import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Text from "../src/Text.ts"

describe("Text", () => {
  it("writes dollars without what sums of fractions leave behind", () => {
    assert.deepStrictEqual([5.4 * 3, 0, 100, 0.000012, 0.1 + 0.2, 0.37].map(Text.dollars), [
      "$16.2",
      "$0",
      "$100",
      "$0.000012",
      "$0.3",
      "$0.37"
    ])
  })

  it("durations are short and exact enough", () => {
    const said = [0, 0.4, 12.6, 999, 999.6, 1234, 9949, 9950, 59_400, 59_600, 64_000, 3_599_400, 7_500_000, 100_000_000]
    assert.deepStrictEqual(said.map(Text.duration), [
      "0 ms",
      "0 ms",
      "13 ms",
      "999 ms",
      "1.0 s",
      "1.2 s",
      "9.9 s",
      "10 s",
      "59 s",
      "1 m 00 s",
      "1 m 04 s",
      "59 m 59 s",
      "2 h 05 m",
      "1 d 03 h"
    ])
  })

  it("numbers are grouped", () => {
    assert.deepStrictEqual([0, 999, 1000, 1_234_567].map(Text.number), ["0", "999", "1,000", "1,234,567"])
    assert.deepStrictEqual([Text.count(1, "task"), Text.count(2, "task")], ["1 task", "2 tasks"])
  })

  it.prop(
    "a text cut to columns takes no more of them, and is left alone when it fits",
    { text: Schema.String, columns: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 })) },
    ({ columns, text }) => {
      for (const cut of [Text.fit, Text.fitEnd]) {
        const short = cut(text, columns, "…")
        assert.isAtMost(Text.width(short), Math.max(columns, 1))
        if (Text.width(text) <= columns) assert.strictEqual(short, text)
      }
    }
  )

  it("wide characters count twice", () => {
    assert.strictEqual(Text.width("日本"), 4)
    assert.strictEqual(Text.fit("日本語", 5, "…"), "日本…")
    assert.strictEqual(Text.fitEnd("日本語", 5, "…"), "…本語")
    assert.strictEqual(Text.pad("日", 4), "日  ")
  })

  it("control characters are taken out, newlines and tabs stay", () => {
    assert.strictEqual(Text.clean("a\u001B[31mb\u001B[0m\r\nc\td\u0007\u009B2J"), "ab\nc\td2J")
    assert.strictEqual(Text.flat("  a\n\n b\tc "), "a b c")
    assert.strictEqual(Text.safe("\u001B[1mbold\u001B[22m\u001B[2J"), "\u001B[1mbold\u001B[22m")
  })

  it("a table is as wide as its cells", () => {
    assert.deepStrictEqual(
      Text.table([
        ["a", "bb", "c"],
        ["aaa", "b", ""]
      ]),
      ["a    bb  c", "aaa  b"]
    )
  })
})
