import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Bounds from "../src/Bounds.ts"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
const Range = Schema.Struct({ least: Count, more: Schema.NullOr(Count) })
const rangeOf = ({ least, more }: typeof Range.Type): Bounds.Range => ({
  least,
  most: more === null ? null : least + more
})
const boundsOf = (range: Bounds.Range): Bounds.Bounds => ({
  calls: range,
  input_tokens: range,
  output_tokens: range,
  cost_usd: range
})

/** Numbers within a range, its ends among them. */
const within = ({ least, most }: Bounds.Range): ReadonlyArray<number> => [least, most ?? least + 7]
const contains = ({ least, most }: Bounds.Range, number: number): boolean =>
  number >= least && (most === null || number <= most)

describe("bounds", () => {
  it.effect.prop(
    "of a sum and of a product hold whatever is within those of the parts",
    { a: Range, b: Range },
    (drawn) =>
      Effect.sync(() => {
        const [a, b] = [rangeOf(drawn.a), rangeOf(drawn.b)]
        for (const x of within(a)) {
          for (const y of within(b)) {
            assert.isTrue(contains(Bounds.sum([boundsOf(a), boundsOf(b)]).calls, x + y))
            assert.isTrue(contains(Bounds.times(boundsOf(a), b).output_tokens, x * y))
            assert.isTrue(contains(Bounds.optional(boundsOf(a)).cost_usd, x))
            assert.isTrue(contains(Bounds.optional(boundsOf(a)).cost_usd, 0))
          }
        }
      })
  )

  it("of nothing are zero, however often it is done", () => {
    assert.deepStrictEqual(Bounds.sum([]), Bounds.zero)
    assert.deepStrictEqual(Bounds.times(Bounds.zero, { least: 0, most: null }), Bounds.zero)
    assert.deepStrictEqual(
      Bounds.times(boundsOf({ least: 2, most: null }), { least: 0, most: 0 }).calls,
      Bounds.zero.calls
    )
  })

  it("of a call count its attempts, and leave open what its provider does not say", () => {
    assert.deepStrictEqual(Bounds.ofCall(3, { output_tokens: 100, cost_usd: 0 }), {
      calls: { least: 1, most: 3 },
      input_tokens: { least: 0, most: null },
      output_tokens: { least: 0, most: 300 },
      cost_usd: { least: 0, most: 0 }
    })
    assert.deepStrictEqual(Bounds.ofCall(2, { calls: 10 }).calls, { least: 1, most: 20 })
  })
})
