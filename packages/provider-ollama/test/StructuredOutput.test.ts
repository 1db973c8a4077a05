import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setup } from "./calls.ts"

const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } }
const saying = (text: string) => setup({ mini: { replies: () => text } })

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
        const { chat } = yield* saying(text)
        assert.strictEqual((yield* Effect.flip(chat({ prompt: "how many", schema }))).name, "TASK_RESULT_INVALID")
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
      assert.strictEqual(failure.name, "TASK_RESULT_INVALID")
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
      assert.strictEqual(failure.name, "TASK_RESULT_INVALID")
      assert.match(failure.message, /\{\\"n\\": \\"one\\"\}.* does not accept: n: /)
      assert.deepStrictEqual((yield* chat({ prompt: "how many", format: "json" })).result, { n: "one" })
    })
  )

  it.effect("fails differently when it was cut off", () =>
    Effect.gen(function* () {
      const { chat } = yield* saying(`{"n": 1, "m": 2}`)
      const failure = yield* Effect.flip(chat({ prompt: "how many", schema, max_tokens: 2 }))
      assert.include(failure.message, "max_tokens")
    })
  )

  it.effect("is the text itself where no JSON was asked for", () =>
    Effect.gen(function* () {
      const { chat } = yield* saying(`{"n": 1}`)
      assert.strictEqual((yield* chat({ prompt: "how many" })).result, `{"n": 1}`)
    })
  )
})
