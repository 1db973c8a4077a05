import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Duration from "../src/Duration.ts"

const parse = (value: string | number) => Result.getOrElse(Duration.parse(value), (issue) => issue)

describe("parse", () => {
  it("takes a number for seconds, and text with its unit", () => {
    assert.deepStrictEqual(
      [30, 0, 1.5, "30", "30s", "5m", "1h", "250ms", "2d", "0.5h", "1 s", " 7s "].map(parse),
      [30_000, 0, 1500, 30_000, 30_000, 300_000, 3_600_000, 250, 172_800_000, 1_800_000, 1000, 7000]
    )
  })

  it("adds up parts from large to small", () => {
    assert.deepStrictEqual(
      ["1h30m", "1h 30m", "3m 05s", "1d 2h 3m 4s 5ms"].map(parse),
      [5_400_000, 5_400_000, 185_000, 93_784_005]
    )
  })

  it("says what is wrong and what is expected", () => {
    const expected = "expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d"
    assert.strictEqual(parse("soon"), `"soon" is no duration, ${expected}`)
    assert.strictEqual(parse("5 minutes"), `"5 minutes" is no duration, ${expected}`)
    assert.strictEqual(parse("1s 1h"), `"1s 1h" is no duration, ${expected}`)
    assert.strictEqual(parse("1s 1s"), `"1s 1s" is no duration, ${expected}`)
    assert.strictEqual(parse(""), `"" is no duration, ${expected}`)
    assert.strictEqual(parse(-1), `a duration cannot be negative, ${expected}`)
    assert.strictEqual(parse("-1"), `a duration cannot be negative, ${expected}`)
    assert.strictEqual(parse("-0"), `a duration cannot be negative, ${expected}`)
    assert.strictEqual(parse(Number.NaN), `the duration is not a number, ${expected}`)
    assert.strictEqual(parse(Infinity), "the duration is too long, expected at most 100,000,000 days")
    assert.strictEqual(parse("9".repeat(90)), "the duration is too long, expected at most 100,000,000 days")
  })

  it.prop("gives whole milliseconds or a reason, whatever the text", { text: Schema.String }, ({ text }) => {
    const result = Duration.parse(text)
    assert.isTrue(Result.isFailure(result) || Number.isSafeInteger(result.success))
  })

  it.prop(
    "takes nothing that its pattern does not match",
    { parts: Schema.Array(Schema.Literals(["1", "0", ".", "5", " ", "ms", "s", "m", "h", "d", "-"])) },
    ({ parts }) => {
      const text = parts.join("")
      assert.isTrue(Result.isFailure(Duration.parse(text)) || Duration.pattern.test(text), JSON.stringify(text))
    }
  )
})

describe("format", () => {
  it("is short, and rounds what is smaller than its second part", () => {
    assert.deepStrictEqual(
      [0, 250, 999.6, 1234, 59_949, 59_950, 185_000, 3_599_499, 3_599_500, 7_500_000, 86_370_000, 93_600_000].map(
        Duration.format
      ),
      [
        "0 ms",
        "250 ms",
        "1.0 s",
        "1.2 s",
        "59.9 s",
        "1m 00s",
        "3m 05s",
        "59m 59s",
        "1h 00m",
        "2h 05m",
        "1d 00h",
        "1d 02h"
      ]
    )
  })

  it.prop(
    "is read back to within its precision",
    { milliseconds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 ** 11 })) },
    ({ milliseconds }) => {
      const read = Number(parse(Duration.format(milliseconds)))
      assert.isAtMost(Math.abs(read - milliseconds), milliseconds < 60_000 ? 50 : milliseconds / 2 / 24)
    }
  )
})
