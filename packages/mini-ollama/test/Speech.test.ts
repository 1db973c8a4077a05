import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import * as Speech from "../src/Speech.ts"

const heard = (chunks: ReadonlyArray<string>, limits: Speech.Limits) =>
  Effect.map(
    Stream.runCollect(Speech.limited(Stream.fromIterable(chunks.map((text) => ({ text }))), limits)),
    (pieces) => ({
      chunks: pieces.map(({ text }) => text).filter((text) => text !== ""),
      text: pieces.map(({ text }) => text).join(""),
      ends: pieces.flatMap(({ end }) => (end === undefined ? [] : [end]))
    })
  )

describe("limited speech", () => {
  it.effect("ends after so many tokens, if there was more to say", () =>
    Effect.gen(function* () {
      const chunks = ["one", " two", " three"]
      assert.deepStrictEqual(yield* heard(chunks, { tokens: 2 }), {
        chunks: ["one", " two"],
        text: "one two",
        ends: ["length"]
      })
      assert.deepStrictEqual((yield* heard(chunks, { tokens: 3 })).ends, ["stop"])
      assert.strictEqual((yield* heard(chunks, { tokens: -1 })).text, "one two three")
      assert.strictEqual((yield* heard(chunks, { tokens: 0 })).text, "")
    })
  )

  it.effect("holds no token back that cannot begin a stop sign", () =>
    Effect.gen(function* () {
      const { chunks } = yield* heard(["a", " b", " E", "N", "D c"], { stop: ["END", "x"] })
      assert.deepStrictEqual(chunks, ["a", " b", " "])
    })
  )

  it.effect("gives out what was held back when it was no stop sign", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* heard(["E", "N", "E", "N"], { stop: ["END"] })).text, "ENEN")
    })
  )

  it.effect.prop(
    "is what stands before the stop sign, however it is cut into tokens",
    {
      chunks: Schema.Array(Schema.Literals(["a", "ab", "b", "ba", "c", "abc"])),
      sign: Schema.Literals(["ab", "bb", "abab", "aca"])
    },
    ({ chunks, sign }) =>
      Effect.gen(function* () {
        const { ends, text } = yield* heard(chunks, { stop: [sign] })
        assert.strictEqual(text, chunks.join("").split(sign, 1)[0])
        assert.deepStrictEqual(ends, ["stop"])
      })
  )
})
