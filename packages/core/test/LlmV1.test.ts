import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { marks } from "../src/Contract.ts"
import { conversation, LlmV1 } from "../src/LlmV1.ts"
import * as Protocol from "../src/Protocol.ts"

const strict = { onExcessProperty: "error", errors: "all" } as const
const decode = (params: unknown) =>
  Schema.decodeUnknownResult(Schema.toCodecJson(LlmV1.methods["llm/chat"].params))(params, strict)

const issue = (params: unknown) => {
  const decoded = decode(params)
  return Result.isFailure(decoded) ? decoded.failure.message : "no issue"
}

describe("llm/v1", () => {
  it("holds examples that match its own schemas", () => {
    for (const { examples, params, result } of Object.values<(typeof LlmV1.methods)["llm/chat" | "llm/generate"]>(
      LlmV1.methods
    )) {
      assert.isNotEmpty(examples)
      for (const example of examples) {
        Schema.decodeUnknownSync(Schema.toCodecJson<Schema.Top & { readonly DecodingServices: never }>(params))(
          example.params,
          strict
        )
        Schema.decodeUnknownSync(Schema.toCodecJson(result))(example.result, strict)
      }
    }
  })

  it("takes a prompt, messages, or both", () => {
    for (const params of [{ prompt: "a" }, { messages: [{ content: "b" }] }, { messages: [], prompt: "c" }]) {
      assert.isTrue(Result.isSuccess(decode(params)), JSON.stringify(params))
    }
  })

  it("refuses neither, and says what it needs", () => {
    for (const params of [{}, { messages: [] }]) assert.include(issue(params), "needs `messages`")
  })

  it("refuses params it does not know, by name", () => {
    assert.include(issue({ prompt: "a", temprature: 1 }), `["temprature"]`)
    assert.include(issue({ messages: [{ content: "a", rol: "user" }] }), `["rol"]`)
  })

  it("makes JSON text of a content that is not text, and a user of who has no role", () => {
    const decoded = Result.getOrThrow(decode({ messages: [{ content: { rows: [1, 2] } }], system: 3 }))
    assert.deepStrictEqual(conversation(decoded), [
      { role: "system", content: "3" },
      { role: "user", content: `{"rows":[1,2]}` }
    ])
  })

  it("puts the prompt after the messages", () => {
    const decoded = Result.getOrThrow(decode({ messages: [{ role: "assistant", content: "Hi" }], prompt: "Bye" }))
    assert.deepStrictEqual(
      conversation(decoded).map(({ content }) => content),
      ["Hi", "Bye"]
    )
  })

  it("accepts zero, and minus one for max_tokens", () => {
    assert.isTrue(Result.isSuccess(decode({ prompt: "a", temperature: 0, seed: 0, top_k: 0, max_tokens: -1 })))
    assert.isTrue(Result.isFailure(decode({ prompt: "a", max_tokens: -2 })))
  })

  it("marks models and files", () => {
    for (const contract of Protocol.contracts(LlmV1)) {
      assert.deepStrictEqual(Object.fromEntries([...marks(contract)].map(([name, { kind }]) => [name, kind])), {
        model: "model",
        images: "file",
        file_path: "file",
        files: "file"
      })
    }
  })

  it("says in its JSON Schema that a chat needs messages or a prompt", () => {
    const [chat] = Protocol.contracts(LlmV1)
    assert.deepStrictEqual(chat?.params["allOf"], [{ anyOf: [{ required: ["messages"] }, { required: ["prompt"] }] }])
  })
})
