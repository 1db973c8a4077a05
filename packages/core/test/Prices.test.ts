import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Prices from "../src/Prices.ts"

const million = { input_tokens: 1_000_000, output_tokens: 1_000_000 }

const usd = (pricing: Prices.Pricing, provider: string, model: string, usage: Prices.Counted = million) =>
  pricing.costOf({ provider, model, usage })?.usd

/** A table in which every price tells which line it is. */
const table = (...keys: ReadonlyArray<string>) =>
  Prices.fromTable(Object.fromEntries(keys.map((key, index) => [key, { input: index + 1, output: 0 }])))

describe("a table", () => {
  it("gives dollars for a million tokens in and out, and for a call", () => {
    const prices = Prices.fromTable({ m: { input: 2.5, output: 10, request: 0.01 } })
    assert.deepStrictEqual(
      prices.costOf({ provider: "p", model: "m", usage: { input_tokens: 1000, output_tokens: 500 } }),
      { usd: 0.0175, source: "table" }
    )
    assert.strictEqual(usd(prices, "p", "m", { calls: 3, input_tokens: 0, output_tokens: 0 }), 0.03)
  })

  it("takes what the provider's cache holds out of the input", () => {
    const prices = Prices.fromTable({ m: { input: 10, output: 0, cache_read: 1, cache_write: 12.5 } })
    const usage = { input_tokens: 1000, output_tokens: 0, cache_read_tokens: 600, cache_write_tokens: 200 }
    assert.strictEqual(usd(prices, "p", "m", usage), (200 * 10 + 600 * 1 + 200 * 12.5) / 1e6)
    assert.strictEqual(usd(Prices.fromTable({ m: { input: 10, output: 0 } }), "p", "m", usage), 0.01)
  })

  it("knows a model with and without its provider, its tag `latest`, and in any letters", () => {
    for (const key of ["llama3.2", "llama3.2:latest", "ollama/llama3.2", "ollama:LLAMA3.2", "Ollama/llama3.2:latest"]) {
      for (const model of ["llama3.2", "Llama3.2:latest", "ollama:llama3.2", "ollama/llama3.2:latest"]) {
        assert.strictEqual(usd(table(key), "ollama", model), 1, `${key} ${model}`)
      }
      assert.isUndefined(usd(table(key), "ollama", "llama3.2:1b"), key)
    }
    assert.isUndefined(usd(table("openai/gpt-4o"), "azure", "gpt-4o"))
    assert.strictEqual(usd(table("openrouter/openai/gpt-4o"), "openrouter", "openai/gpt-4o"), 1)
  })

  it("takes a name before a pattern, and of two patterns the one that says more", () => {
    const prices = table("*", "gpt-4o*", "openai/*", "gpt-4o", "gpt-*-mini", "openai/gpt-4o*")
    assert.strictEqual(usd(prices, "openai", "gpt-4o"), 4)
    assert.strictEqual(usd(prices, "openai", "gpt-4o-2024-08-06"), 6)
    assert.strictEqual(usd(prices, "azure", "gpt-4o-2024-08-06"), 2)
    assert.strictEqual(usd(prices, "azure", "gpt-4o-mini"), 5)
    assert.strictEqual(usd(prices, "openai", "o1"), 3)
    assert.strictEqual(usd(prices, "ollama", "qwen3"), 1)
  })

  it("is quick with a key of many stars", () => {
    const prices = table(`${"*a".repeat(50)}*b`)
    assert.isUndefined(usd(prices, "p", "a".repeat(20_000)))
    assert.strictEqual(usd(table("a*ba"), "p", "aba"), 1)
    assert.isUndefined(usd(table("ab*ba"), "p", "aba"))
  })

  it("does not know what a call costs whose tokens are not known, unless they cost nothing", () => {
    const prices = Prices.fromTable({ m: { input: 1, output: 2 }, embed: { input: 1, output: 0 } })
    for (const usage of [{}, { input_tokens: 5 }, { output_tokens: 5 }, { calls: 1 }]) {
      assert.isUndefined(usd(prices, "p", "m", usage))
    }
    assert.strictEqual(usd(prices, "p", "embed", { input_tokens: 5 }), 0.000005)
    assert.isUndefined(usd(prices, "p", "other"))
  })

  it("refuses prices below 0 and keys that there are not", () => {
    const decode = Schema.decodeUnknownResult(Prices.Table, { onExcessProperty: "error" })
    for (const wrong of [{ input: -1, output: 0 }, { input: 1 }, { input: 1, output: Infinity }, { in: 1, out: 1 }]) {
      assert.strictEqual(decode({ m: wrong })._tag, "Failure", JSON.stringify(wrong))
    }
  })

  const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000_000 }))
  const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

  it.prop(
    "gives no cost below 0, none that shrinks with more tokens, and the same for two halves as for the whole",
    { input: Amount, output: Amount, a: Count, b: Count, c: Count },
    ({ a, b, c, input, output }) => {
      const prices = Prices.fromTable({ m: { input: input / 1000, output: output / 1000 } })
      const of = (input_tokens: number, output_tokens: number) =>
        usd(prices, "p", "m", { input_tokens, output_tokens }) ?? -1
      assert.isAtLeast(of(a, b), 0)
      assert.isAtLeast(of(a + c, b), of(a, b))
      assert.closeTo(of(a, b) + of(c, 0), of(a + c, b), 1e-9)
    }
  )
})

describe("one after the other", () => {
  it("the first that knows decides, and what nobody knows stays unknown", () => {
    const own = table("mine")
    const list = Prices.fromTable({ mine: { input: 100, output: 0 }, theirs: { input: 7, output: 0 } })
    const both = Prices.orElse(own, list)
    assert.deepStrictEqual(
      ["mine", "theirs", "nobody's"].map((model) => usd(both, "p", model)),
      [1, 7, undefined]
    )
  })

  it.effect("nothing is known where nobody says anything", () =>
    Effect.gen(function* () {
      assert.isUndefined(usd(yield* Prices.Prices, "openai", "gpt-4o"))
      const told = Effect.map(Prices.Prices, (prices) => usd(prices, "p", "m"))
      assert.strictEqual(yield* Effect.provideService(told, Prices.Prices, table("m")), 1)
    })
  )
})

describe("an estimate", () => {
  const prices = Prices.fromTable({ m: { input: 1, output: 2 }, free: { input: 0, output: 0 } })
  const of = (planned: Partial<Prices.Planned>) =>
    Prices.estimate(prices, { provider: "p", model: "m", texts: ["x".repeat(84)], ...planned })

  it("tells what it can: input by its length, output by its limit, cost when both are known", () => {
    assert.deepStrictEqual(of({ output: 100 }), { input_tokens: 58, output_tokens: 100, cost_usd: 0.000258 })
    assert.deepStrictEqual(of({}), { input_tokens: 58 })
    assert.deepStrictEqual(of({ model: "other", output: 100 }), { input_tokens: 58, output_tokens: 100 })
    assert.deepStrictEqual(of({ model: "free" }), { input_tokens: 58, cost_usd: 0 })
  })

  it("counts what is asked again with all that was said before, where it is known how much", () => {
    const { input_tokens, output_tokens } = of({ output: 100, requests: 3 })
    assert.deepStrictEqual([input_tokens, output_tokens], [3 * 58 + 100 + 200, 300])
    assert.deepStrictEqual(of({ requests: 2 }), {})
  })

  it.prop(
    "grows with every text, and is no less than its words",
    { texts: Schema.Array(Schema.String), more: Schema.String },
    ({ more, texts }) => {
      const input = (all: ReadonlyArray<string>) => of({ texts: all }).input_tokens ?? -1
      assert.isAbove(input([...texts, more]), input(texts))
      assert.isAtLeast(input(texts), texts.join(" ").split(/\s+/).filter(Boolean).length)
    }
  )
})

describe("a calculator", () => {
  const given = (price: unknown) => {
    const asked: Array<unknown> = []
    const calculate = (...all: ReadonlyArray<unknown>) => {
      asked.push(...all)
      if (price instanceof Error) throw price
      return price
    }
    // Safe: what it returns may be anything, which is what is tested.
    return { asked, prices: Prices.fromCalculator(calculate as Prices.Calculator, "list") }
  }
  const both = { input_mtok: 1, output_mtok: 2 }

  it("is asked by the provider's own name of the model, with counts alone", () => {
    const { asked, prices } = given({ total_price: 0.5, model_price: both })
    const usage = { calls: 2, input_tokens: 3, output_tokens: 4, cost_usd: 9, cache_read_tokens: 1 }
    assert.deepStrictEqual(prices.costOf({ provider: "openai", model: "openai:gpt-4o", usage }), {
      usd: 0.5,
      source: "list"
    })
    const counts = { input_tokens: 3, output_tokens: 4, cache_read_tokens: 1 }
    assert.deepStrictEqual(asked, [counts, "gpt-4o", { providerId: "openai" }])
  })

  it("knows nothing when it throws, or says what is no price", () => {
    for (const price of [
      null,
      undefined,
      "1",
      {},
      { total_price: NaN, model_price: both },
      { total_price: -1, model_price: both },
      new Error("no")
    ]) {
      assert.isUndefined(usd(given(price).prices, "openai", "m"), String(price))
    }
  })

  it("knows no price of a call whose tokens are not known, though 0 of them would cost nothing", () => {
    const { prices } = given({ total_price: 0, model_price: both })
    for (const usage of [{}, { input_tokens: 5 }, { output_tokens: 5 }])
      assert.isUndefined(usd(prices, "p", "m", usage))
    const embeddings = given({ total_price: 0.1, model_price: { input_mtok: 1 } }).prices
    assert.strictEqual(usd(embeddings, "p", "m", { input_tokens: 5 }), 0.1)
  })

  it("is not asked of whom a model is", () => {
    const { asked, prices } = given({ total_price: 1, model_price: both })
    assert.isUndefined(usd(prices, "", "gpt-4o"))
    assert.deepStrictEqual(asked, [])
  })
})
