/** What calls have used, added up. */
import { assert, describe, it } from "@effect/vitest"
import { addUsage, joinUsage, ofModel, type Total } from "../src/Task.ts"
import { Choices, Numbers } from "./Choices.ts"

const same = (usage: Total): Total => usage

const sumOf = (all: ReadonlyArray<Total>) => all.reduce<Total | undefined>(joinUsage, undefined)

describe("usage", () => {
  it("of calls that tell everything is their sum", () => {
    const one = { calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.1 }
    assert.deepStrictEqual(sumOf([one, one, one]), { calls: 3, input_tokens: 30, output_tokens: 15, cost_usd: 0.3 })
  })

  it("is marked where some calls tell a count and others do not", () => {
    const paid = { input_tokens: 10, output_tokens: 5, cost_usd: 0.1 }
    const unpriced = { input_tokens: 1, output_tokens: 1 }
    assert.deepStrictEqual(sumOf([paid, unpriced]), {
      input_tokens: 11,
      output_tokens: 6,
      cost_usd: 0.1,
      at_least: ["cost_usd"]
    })
    assert.deepStrictEqual(sumOf([paid, { output_tokens: 2 }]), {
      input_tokens: 10,
      output_tokens: 7,
      cost_usd: 0.1,
      at_least: ["input_tokens", "cost_usd"]
    })
    const embedding = { input_tokens: 3, cost_usd: 0 }
    assert.deepStrictEqual(sumOf([paid, embedding]), { input_tokens: 13, output_tokens: 5, cost_usd: 0.1 })
    assert.deepStrictEqual(sumOf([{ calls: 1 }, ofModel({ calls: 1 }), paid]), {
      calls: 2,
      ...paid,
      at_least: ["input_tokens", "output_tokens", "cost_usd"]
    })
    assert.deepStrictEqual(sumOf([unpriced, unpriced]), { input_tokens: 2, output_tokens: 2 })
  })

  it("is complete with calls that use no model", () => {
    const paid = { calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.1 }
    assert.deepStrictEqual(sumOf([{ calls: 1 }, paid, {}]), { ...paid, calls: 2 })
    assert.deepStrictEqual(sumOf([{ cost_usd: 1 }, paid]), { ...paid, cost_usd: 1.1 })
  })

  it("is told by a call in pieces", () => {
    const told = [{ calls: 1 }, { input_tokens: 10, output_tokens: 5 }, { cost_usd: 0.1 }]
    assert.deepStrictEqual(told.reduce<Total | undefined>(addUsage, undefined), {
      calls: 1,
      input_tokens: 10,
      output_tokens: 5,
      cost_usd: 0.1
    })
  })

  it("counts nothing below 0", () => {
    assert.deepStrictEqual(addUsage({ calls: 1 }, { calls: -5, output_tokens: -1, input_tokens: NaN }), { calls: 1 })
    const strange = ofModel({ calls: 1, input_tokens: -1, output_tokens: 2, cost_usd: 0 })
    assert.deepStrictEqual(sumOf([{ input_tokens: 3, output_tokens: 2, cost_usd: 0 }, strange])?.at_least, [
      "input_tokens"
    ])
  })

  /** Whether it tells tokens and cost is drawn. Cost to a ten-thousandth of a cent. */
  const draw = (choices: Choices): Total => (choices.once(5) ? ofModel : same)(drawn(choices))

  const drawn = (choices: Choices) =>
    addUsage(
      {},
      {
        ...(choices.once(2) ? { calls: 1 } : {}),
        ...(choices.once(2) ? { input_tokens: choices.below(1000) } : {}),
        ...(choices.once(2) ? { output_tokens: choices.below(1000) } : {}),
        ...(choices.once(2) ? { cost_usd: choices.below(1e6) / 1e6 } : {})
      }
    ) ?? {}

  it.prop("has the same sum in whatever order and groups it comes", { numbers: Numbers }, ({ numbers }) => {
    const choices = new Choices(numbers)
    const all = Array.from({ length: 2 + choices.below(8) }, () => draw(choices))
    const left = [...all]
    const mixed = all.map(() => choices.take(left))
    const middle = choices.below(all.length)
    assert.deepStrictEqual(sumOf(mixed), sumOf(all))
    assert.deepStrictEqual(joinUsage(sumOf(all.slice(0, middle)), sumOf(all.slice(middle))), sumOf(all))
  })

  it.prop("never shrinks, and never forgets that something is not known", { numbers: Numbers }, ({ numbers }) => {
    const choices = new Choices(numbers)
    const isMetered = (usage: Total, key: string) =>
      (usage.output_tokens !== undefined && key !== "output_tokens") ||
      (usage.input_tokens !== undefined && key === "cost_usd")
    const all = Array.from({ length: 1 + choices.below(8) }, () => draw(choices))
    let sum: Total = {}
    for (const usage of all) {
      const next = joinUsage(sum, usage) ?? {}
      for (const key of ["calls", "input_tokens", "output_tokens", "cost_usd"] as const) {
        assert.isAtLeast(next[key] ?? 0, sum[key] ?? 0)
        if (sum[key] !== undefined) assert.isDefined(next[key])
      }
      sum = next
    }
    for (const key of ["input_tokens", "output_tokens", "cost_usd"] as const) {
      const told = all.filter((usage) => usage[key] !== undefined)
      const untold = all.some((usage) => usage[key] === undefined && isMetered(usage, key))
      const marked = all.some(({ at_least }) => at_least?.includes(key))
      assert.strictEqual(sum[key] !== undefined, told.length > 0)
      assert.strictEqual(sum.at_least?.includes(key) === true, marked || (told.length > 0 && untold), key)
    }
  })
})
