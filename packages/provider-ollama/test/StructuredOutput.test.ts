import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setup } from "./calls.ts"

const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } }
const saying = (text: string, repair = 1) => setup({ mini: { replies: () => text }, repair })

describe("structured output", () => {
  for (const text of [`{"n": 1}`, '```json\n{"n": 1}\n```', '  ```\n{"n":\n1}\n```\n']) {
    it.effect(`is parsed: ${JSON.stringify(text)}`, () =>
      Effect.gen(function* () {
        const { chat } = yield* saying(text)
        const reply = yield* chat({ prompt: "how many", schema })
        assert.deepStrictEqual(reply.result, { n: 1 })
        assert.strictEqual(reply.content, text)
      })
    )
  }

  for (const text of [`\`\`\`json${"\n".repeat(5_000)}`, `\`\`\`json\n{${"\n ".repeat(5_000)}`]) {
    it.effect(`does not stop at blank lines without end: ${JSON.stringify(text.slice(0, 12))}…`, () =>
      Effect.gen(function* () {
        const { chat } = yield* saying(text, 0)
        assert.match((yield* Effect.flip(chat({ prompt: "how many", schema }))).name, /^MODEL_OUTPUT_/)
      })
    )
  }

  it.effect("asks the server for it, and keeps the model from reasoning", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* saying(`{"n": 1}`)
      for (const [params, format] of [
        [{ schema }, schema],
        [{ format: schema }, schema],
        [{ format: "json" }, "json"]
      ] as const) {
        yield* chat({ prompt: "how many", ...params })
        assert.deepInclude(mini.requests().at(-1)?.body, { format, think: false })
      }
      yield* chat({ model: "deepseek-r1", prompt: "how many", schema, think: true })
      assert.deepInclude(mini.requests().at(-1)?.body, { think: true })
    })
  )

  it.effect("fails when it is no JSON, and shows what it is", () =>
    Effect.gen(function* () {
      const { call, chat } = yield* saying("one, I think")
      const failure = yield* Effect.flip(chat({ prompt: "how many", schema }))
      assert.strictEqual(failure.name, "MODEL_OUTPUT_INVALID")
      assert.include(failure.message, "one, I think")
      assert.include(
        (yield* Effect.flip(call("llm/complete", { prompt: "a", format: "json" }))).message,
        "llm/complete"
      )
    })
  )

  it.effect("fails when the schema does not accept it, and says where", () =>
    Effect.gen(function* () {
      const { chat } = yield* saying(`{"n": "one"}`)
      const failure = yield* Effect.flip(chat({ prompt: "how many", schema }))
      assert.strictEqual(failure.name, "MODEL_OUTPUT_INVALID")
      assert.match(failure.message, /\{\\"n\\": \\"one\\"\}.* does not accept: n: /)
      assert.deepStrictEqual((yield* chat({ prompt: "how many", format: "json" })).result, { n: "one" })
    })
  )

  it.effect("is asked for once more when it is not usable: the model sees its answer and what is wrong with it", () =>
    Effect.gen(function* () {
      for (const [method, params] of [
        ["llm/chat", { system: "be exact", prompt: "how many" }],
        ["llm/generate", { prompt: "how many" }]
      ] as const) {
        const answers = [`{"n": "one"}`, `{"n": 1}`]
        const { call, chunks, mini, said, used } = yield* setup({ mini: { replies: () => answers.shift() ?? "" } })
        const reply = yield* call(method, { ...params, schema })
        assert.deepStrictEqual(reply.result, { n: 1 })
        assert.strictEqual(reply.content, `{"n": 1}`)
        assert.strictEqual(reply.attempts, 2)
        assert.match(reply.warnings?.join() ?? "", /put right.*n: /)
        const [first, second] = mini.requests().map(({ body }) => JSON.stringify(body))
        assert.isTrue(second?.includes(`{\\"n\\": \\"one\\"}`))
        assert.include(second, "how many")
        assert.include(second, "corrected JSON")
        assert.notInclude(first, "corrected JSON")
        const sums = used.reduce(
          (sum, { calls = 0, output_tokens = 0 }) => [(sum[0] ?? 0) + calls, (sum[1] ?? 0) + output_tokens],
          [0, 0]
        )
        assert.deepStrictEqual(sums, [2, reply.usage.output_tokens ?? 0])
        assert.strictEqual(said(), `{"n": "one"}{"n": 1}`)
        assert.lengthOf(
          chunks.filter((chunk) => chunk._tag === "Log" && chunk.message.includes("asked once more")),
          1
        )
      }
    })
  )

  for (const [repair, requests] of [
    [0, 1],
    [1, 2],
    [3, 4]
  ] as const) {
    it.effect(`is asked for again ${repair} times at most, where the option says so`, () =>
      Effect.gen(function* () {
        const { chat, mini } = yield* setup({ mini: { replies: () => "no" }, repair })
        const failure = yield* Effect.flip(chat({ prompt: "how many", schema }))
        assert.lengthOf(mini.requests(), requests)
        assert.isTrue(failure.retryable)
        assert.deepStrictEqual(failure.data, { raw: "no", attempts: requests })
      })
    )
  }

  it.effect("fails differently when it was cut off", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* saying(`{"n": 1, "m": 2}`)
      const failure = yield* Effect.flip(chat({ prompt: "how many", schema, max_tokens: 2 }))
      assert.strictEqual(failure.name, "MODEL_OUTPUT_CUT_OFF")
      assert.isFalse(failure.retryable)
      assert.include(failure.message, "max_tokens (2)")
      assert.lengthOf(mini.requests(), 1)
    })
  )

  it.effect("is the text itself where no JSON was asked for", () =>
    Effect.gen(function* () {
      const { chat } = yield* saying(`{"n": 1}`)
      assert.strictEqual((yield* chat({ prompt: "how many" })).result, `{"n": 1}`)
    })
  )
})
