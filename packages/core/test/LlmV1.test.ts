import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { marks } from "../src/Contract.ts"
import { conversation, LlmV1, reply, textsOf } from "../src/LlmV1.ts"
import type { Method } from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"

const strict = { onExcessProperty: "error", errors: "all" } as const
const decodeAs =
  <A>({ params }: { readonly params: Schema.Codec<A, unknown> }) =>
  (given: unknown) =>
    Schema.decodeUnknownResult(Schema.toCodecJson(params))(given, strict)
const decode = decodeAs(LlmV1.methods["llm/chat"])
const decodeVision = decodeAs(LlmV1.methods["llm/vision"])
const decodeEmbed = decodeAs(LlmV1.methods["llm/embeddings"])

const issue = (params: unknown) => {
  const decoded = decode(params)
  return Result.isFailure(decoded) ? decoded.failure.message : "no issue"
}

describe("llm/v1", () => {
  it("holds examples that match its own schemas", () => {
    for (const { examples, params, result } of Object.values<Method>(LlmV1.methods)) {
      assert.isNotEmpty(examples)
      for (const example of examples) {
        Schema.decodeUnknownSync(Schema.toCodecJson(params))(example.params, strict)
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
    const text = {
      model: "model",
      images: "file",
      image_path: "file",
      file_path: "file",
      files: "file",
      directory: "file"
    }
    const expected: { readonly [method: string]: { readonly [param: string]: string } } = {
      "llm/embeddings": { model: "model" },
      "llm/embed": { model: "model" },
      "llm/models": {}
    }
    for (const contract of Protocol.contracts(LlmV1)) {
      const found = Object.fromEntries([...marks(contract)].map(([name, { kind }]) => [name, kind]))
      assert.deepStrictEqual(found, expected[contract.method] ?? text, contract.method)
    }
  })

  it("says where caching, streaming and tools belong", () => {
    for (const [name, words] of [
      ["cache", "key of the task"],
      ["stream", "--watch"],
      ["tools", "agent/run"],
      ["tool_choice", "agent/run"],
      ["batch_mode", "foreach"]
    ] as const) {
      for (const value of [true, [], null]) assert.include(issue({ prompt: "a", [name]: value }), words)
    }
  })

  it("wants something to look at for llm/vision", () => {
    for (const params of [
      { prompt: "a", images: ["a.png"] },
      { prompt: "a", image_path: "a.png" },
      { prompt: "a", directory: "images", file_pattern: "*.png" },
      { messages: [{ content: "a", images: ["data:image/png;base64,AA=="] }] }
    ]) {
      assert.isTrue(Result.isSuccess(decodeVision(params)), JSON.stringify(params))
    }
    for (const params of [{ prompt: "a" }, { messages: [{ content: "a" }] }, { prompt: "a", messages: [] }]) {
      const decoded = decodeVision(params)
      assert.include(Result.isFailure(decoded) ? decoded.failure.message : "", "needs an image")
    }
    assert.isTrue(Result.isFailure(decodeVision({ images: ["a.png"] })))
  })

  it("takes the texts of an embedding by any of four names, and just one", () => {
    for (const [params, expected] of [
      [{ text: "a" }, { texts: ["a"], isList: false }],
      [{ prompt: { a: 1 } }, { texts: [`{"a":1}`], isList: false }],
      [{ input: "a" }, { texts: ["a"], isList: false }],
      [{ input: ["a", "b"] }, { texts: ["a", "b"], isList: true }],
      [{ texts: ["a", 1] }, { texts: ["a", "1"], isList: true }],
      [{ texts: [] }, { texts: [], isList: true }]
    ] as const) {
      assert.deepStrictEqual(textsOf(Result.getOrThrow(decodeEmbed(params))), expected)
    }
    for (const params of [{}, { text: "a", input: "b" }, { texts: ["a"], prompt: "b" }]) {
      const decoded = decodeEmbed(params)
      assert.include(Result.isFailure(decoded) ? decoded.failure.message : "", "just one of `text`")
    }
  })

  it("makes a reply of what is known, and leaves out what is not", () => {
    const about = { content: "a", model: "m", provider: "p", timing: { total_ms: 1 } }
    assert.deepStrictEqual(reply({ ...about, result: null, usage: { input_tokens: 1, output_tokens: 2 } }), {
      content: "a",
      response: "a",
      result: null,
      role: "assistant",
      message: { role: "assistant", content: "a" },
      model: "m",
      provider: "p",
      provider_id: "p",
      finish_reason: "stop",
      usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
      tokens_used: 3,
      timing: { total_ms: 1 }
    })
    const unknown = reply({ ...about, reasoning: "hm", usage: { input_tokens: 1 } })
    assert.deepStrictEqual(unknown.usage, { input_tokens: 1 })
    assert.notProperty(unknown, "tokens_used")
    assert.strictEqual(unknown.result, "a")
    assert.strictEqual(unknown.message.reasoning, "hm")
  })

  it("says what each field of its results means", () => {
    for (const { method, result } of Protocol.contracts(LlmV1)) {
      for (const [name, field] of Object.entries(result["properties"] ?? {})) {
        assert.match(String(Reflect.get(Object(field), "description")), /\.$/, `${method}: ${name}`)
      }
    }
  })

  it("says in its JSON Schema that a chat needs messages or a prompt", () => {
    const [chat] = Protocol.contracts(LlmV1)
    assert.deepStrictEqual(chat?.params["allOf"], [{ anyOf: [{ required: ["messages"] }, { required: ["prompt"] }] }])
  })
})
