/** What a result says of itself: what it took, and what is to be known before it is trusted. */
import { Prices } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Answer } from "../src/OllamaAnswer.ts"
import { isTruncated } from "../src/OllamaWarnings.ts"
import { setup } from "./calls.ts"

const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(" ")
const quiet = () => ({ chunks: ["ok"] })
const warned = (reply: { readonly warnings?: ReadonlyArray<string> }) => reply.warnings?.join("; ") ?? ""

describe("a prompt", () => {
  it.effect("that fills the context is reported as probably cut", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup({ mini: { replies: quiet }, context: 1000 })
      assert.notProperty(yield* chat({ prompt: words(900) }), "warnings")
      const reply = yield* chat({ prompt: words(1200) })
      assert.match(warned(reply), /probably cut: \d+ tokens of it were read, and 1000 fit into the context/)
    })
  )

  it.effect("is measured by what the server has loaded, where that is less than was asked for", () =>
    Effect.gen(function* () {
      const models = [{ name: "llama3.2", context: 600 }]
      const { chat, mini } = yield* setup({ mini: { models, replies: quiet } })
      assert.match(warned(yield* chat({ prompt: words(700) })), /600 fit into the context/)
      yield* chat({ prompt: words(700) })
      const asked = mini.requests().filter(({ path }) => path === "/api/ps")
      assert.lengthOf(asked, 1)
    })
  )

  it.effect("that is short costs no further request", () =>
    Effect.gen(function* () {
      const { hello, mini } = yield* setup()
      yield* hello
      assert.lengthOf(mini.requests(), 1)
    })
  )

  it("is taken for cut when as much was read as fits, or half of it, or when it can not fit at all", () => {
    for (const [read, characters, expected] of [
      [4096, 10_000, true],
      [4093, 10_000, true],
      [2050, 10_000, true],
      [2100, 10_000, false],
      [4000, 10_000, false],
      [20, 40_000, true],
      [undefined, 40_000, true],
      [undefined, 10_000, false]
    ] as const) {
      assert.strictEqual(isTruncated(read, characters, 4096), expected, `${read} of ${characters}`)
    }
  })
})

describe("a count below 0", () => {
  it("is not known", () => {
    const answer = new Answer()
    answer.add({ response: "a", prompt_eval_count: -1, eval_count: 3, done: true }, 0)
    assert.deepStrictEqual(answer.tokens, { output_tokens: 3 })
  })
})

describe("an answer without end", () => {
  it.effect("ends at the provider's own limit, and says so", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup({ mini: { replies: () => words(50) }, maxTokens: 10 })
      const reply = yield* chat({ prompt: "go on" })
      assert.strictEqual(reply.finish_reason, "length")
      assert.strictEqual(reply.usage.output_tokens, 10)
      assert.match(warned(reply), /reached 10 tokens, the provider's own limit; `max_tokens` of the task/)
    })
  )

  it.effect("goes on where the task says that it may", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup({ mini: { replies: () => words(50) }, maxTokens: 10 })
      for (const max_tokens of [-1, 50]) {
        const reply = yield* chat({ prompt: "go on", max_tokens })
        assert.strictEqual(reply.usage.output_tokens, 50)
        assert.notProperty(reply, "warnings")
      }
    })
  )
})

describe("a cost", () => {
  const priced = Prices.fromTable({ "llama3.2": { input: 1e6, output: 2e6 } })

  it.effect("is nothing on one's own machine", () =>
    Effect.gen(function* () {
      const { hello } = yield* setup()
      assert.deepStrictEqual((yield* hello).cost, { usd: 0, source: "local" })
    })
  )

  it.effect("is what the table of prices says, of every request that was made", () =>
    Effect.gen(function* () {
      const { chat, embed, used } = yield* setup({ mini: { replies: () => "one two" } })
      assert.deepStrictEqual((yield* chat({ prompt: "a b c" })).cost, { usd: 7, source: "table" })
      assert.deepStrictEqual((yield* embed({ text: "a b" })).cost, { usd: 0, source: "local" })
      assert.deepStrictEqual(
        used.map(({ cost_usd }) => cost_usd),
        [undefined, 7, 0]
      )
    }).pipe(Effect.provideService(Prices.Prices, priced))
  )

  it.effect("is not known where there is a price and the tokens are not known", () =>
    Effect.gen(function* () {
      const { hello, used } = yield* setup({ mini: { replies: () => ({ chunks: ["a"], metrics: false }) } })
      assert.notProperty(yield* hello, "cost")
      assert.deepStrictEqual(used, [{ calls: 1 }, { at_least: ["input_tokens", "output_tokens", "cost_usd"] }])
    }).pipe(Effect.provideService(Prices.Prices, priced))
  )
})
