import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Budgets from "../src/Budgets.ts"

const read = (text: string) => Result.merge(Budgets.parse(text))

describe("Budgets", () => {
  it("limits are numbers, a duration is one in seconds or with a unit", () => {
    assert.deepStrictEqual(read("calls=10,tokens=5_000,cost_usd=0.5,duration=5m"), {
      calls: 10,
      tokens: 5000,
      cost_usd: 0.5,
      duration: 300_000
    })
    assert.deepStrictEqual(read(" duration = 90 "), { duration: 90_000 })
    assert.deepStrictEqual(read("cost_usd=.25"), { cost_usd: 0.25 })
  })

  it("what cannot be used is said", () => {
    for (const [text, issue] of [
      ["", `expected ${Budgets.expected}, not ""`],
      ["10", `expected ${Budgets.expected}, not "10"`],
      ["calls=", `expected ${Budgets.expected}, not "calls="`],
      ["calls=1,", `expected ${Budgets.expected}, not ""`],
      ["token=5", 'there is no limit "token", did you mean "tokens"?'],
      ["weather=5", 'there is no limit "weather" (there are calls, tokens, cost_usd, duration)'],
      ["calls=1,calls=2", "calls is given twice"],
      ["calls=1.5", 'calls: expected a whole number, not "1.5"'],
      ["calls=-1", 'calls: expected a number, not "-1"'],
      ["tokens=1e3", 'tokens: expected a number, not "1e3"']
    ] as const) {
      assert.strictEqual(read(text), issue)
    }
    assert.match(String(read("duration=soon")), /^"soon" is no duration, expected seconds/)
  })

  it.prop(
    "a budget that is written is the budget that is read",
    {
      budget: Schema.Struct({
        calls: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
        tokens: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))
      })
    },
    ({ budget }) => {
      assert.deepStrictEqual(read(`calls=${budget.calls},tokens=${budget.tokens}`), budget)
    }
  )
})
