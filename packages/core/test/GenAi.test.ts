import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as GenAi from "../src/GenAi.ts"

const asked = (method: string, params: Schema.Json, more: Partial<GenAi.Asked> = {}) =>
  GenAi.operation({ method, params, provider: "ollama", byAgent: false, content: false, ...more })

const answered = (method: string, result: Schema.Json, content = false) => {
  const operation = asked(method, {})
  assert.isDefined(operation)
  return GenAi.answer(operation, result, content)
}

describe("what a model is asked", () => {
  it("has the operation's name in the conventions, and the model in its title", () => {
    const names = {
      "llm/chat": "chat",
      "llm/vision": "chat",
      "llm/generate": "text_completion",
      "llm/complete": "text_completion",
      "llm/embeddings": "embeddings",
      "llm/embed": "embeddings"
    }
    for (const [method, name] of Object.entries(names)) {
      assert.deepStrictEqual(asked(method, { model: "llama3.2" }), {
        name,
        title: `${name} llama3.2`,
        kind: "client",
        attributes: {
          "gen_ai.operation.name": name,
          "gen_ai.provider.name": "ollama",
          "gen_ai.request.model": "llama3.2"
        }
      })
      assert.strictEqual(asked(method, {})?.title, name)
    }
  })

  it("is no operation when no model is asked", () => {
    for (const method of ["llm/models", "data/value", "python/execute", "chat"]) assert.isUndefined(asked(method, {}))
  })

  it("tells the settings that the conventions have words for", () => {
    const params = {
      model: "m",
      prompt: "Hi",
      temperature: 0.2,
      top_p: 0.9,
      top_k: 40,
      seed: 7,
      max_tokens: 100,
      stop: ["a", "b"],
      schema: { type: "object" },
      keep_alive: "5m"
    }
    assert.deepStrictEqual(asked("llm/chat", params)?.attributes, {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "ollama",
      "gen_ai.request.model": "m",
      "gen_ai.request.temperature": 0.2,
      "gen_ai.request.top_p": 0.9,
      "gen_ai.request.top_k": 40,
      "gen_ai.request.seed": 7,
      "gen_ai.request.max_tokens": 100,
      "gen_ai.request.stop_sequences": ["a", "b"],
      "gen_ai.output.type": "json"
    })
  })

  it("counts one stop text as a list of one, and leaves out a limit that is none", () => {
    const attributes = asked("llm/chat", { stop: "end", max_tokens: -1 })?.attributes
    assert.deepStrictEqual(attributes?.["gen_ai.request.stop_sequences"], ["end"])
    assert.notProperty(attributes, "gen_ai.request.max_tokens")
  })

  it("asks for dimensions where vectors are made", () => {
    const name = "gen_ai.embeddings.dimension.count"
    assert.strictEqual(asked("llm/embed", { dimensions: 256 })?.attributes[name], 256)
    assert.notProperty(asked("llm/chat", { dimensions: 256 })?.attributes, name)
  })

  it("leaves out what holds a secret's marker, and what nobody can read", () => {
    const params = { model: { $secret: "MODEL" }, temperature: "hot", top_k: null, stop: [1, {}] }
    assert.deepStrictEqual(asked("llm/chat", params)?.attributes, {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "ollama"
    })
  })

  it("holds no content, unless that is wanted", () => {
    const params = {
      system: "Be brief.",
      messages: [{ role: "assistant", content: "Hi" }, { content: { a: 1 } }],
      prompt: "Bye"
    }
    assert.notInclude(JSON.stringify(asked("llm/chat", params)), "Be brief")
    const attributes = asked("llm/chat", params, { content: true })?.attributes ?? {}
    assert.deepStrictEqual(JSON.parse(String(attributes["gen_ai.system_instructions"])), [
      { type: "text", content: "Be brief." }
    ])
    assert.deepStrictEqual(JSON.parse(String(attributes["gen_ai.input.messages"])), [
      { role: "assistant", parts: [{ type: "text", content: "Hi" }] },
      { role: "user", parts: [{ type: "text", content: `{"a":1}` }] },
      { role: "user", parts: [{ type: "text", content: "Bye" }] }
    ])
  })
})

describe("what a model answers", () => {
  it("tells model, reason, tokens, and the time to the first token in seconds", () => {
    const result = {
      content: "Hello",
      model: "llama3.2:latest",
      provider: "ollama",
      finish_reason: "stop",
      usage: { input_tokens: 12, output_tokens: 4, total_tokens: 16 },
      timing: { total_ms: 420, first_token_ms: 90 }
    }
    assert.deepStrictEqual(answered("llm/chat", result), {
      "gen_ai.provider.name": "ollama",
      "gen_ai.response.model": "llama3.2:latest",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 12,
      "gen_ai.usage.output_tokens": 4,
      "gen_ai.response.time_to_first_chunk": 0.09
    })
    assert.deepStrictEqual(answered("llm/embed", { embeddings: [[1]], usage: { input_tokens: 3 } }), {
      "gen_ai.usage.input_tokens": 3
    })
  })

  it("holds the text when content is wanted, with the conventions' word for a tool call", () => {
    const result = { content: "Hello", finish_reason: "tool_calls", message: { reasoning: "Greet." } }
    assert.deepStrictEqual(JSON.parse(String(answered("llm/chat", result, true)["gen_ai.output.messages"])), [
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "Greet." },
          { type: "text", content: "Hello" }
        ],
        finish_reason: "tool_call"
      }
    ])
  })

  it.prop("is read from any JSON", { result: Schema.Json, params: Schema.Json }, ({ params, result }) => {
    const operation = asked("llm/chat", params, { content: true })
    assert.isDefined(operation)
    for (const value of Object.values({ ...operation.attributes, ...GenAi.answer(operation, result, true) })) {
      assert.isTrue(Array.isArray(value) || ["string", "number"].includes(typeof value))
    }
  })
})

describe("an agent", () => {
  it("is invoked, and its calls that ask no model are its tools", () => {
    assert.deepInclude(asked("agent/run", { model: "m" }), { title: "invoke_agent", kind: "internal" })
    assert.deepStrictEqual(asked("weather/now", {}, { byAgent: true }), {
      name: "execute_tool",
      title: "execute_tool weather/now",
      kind: "internal",
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather/now",
        "gen_ai.tool.type": "function"
      }
    })
    assert.strictEqual(asked("llm/chat", {}, { byAgent: true })?.name, "chat")
  })

  it("calls a tool by its own name also where it stands in a call that cuts its answer", () => {
    const params = { method: "weather/now", params: {}, max_result: 1000 }
    assert.strictEqual(asked("agent/tool", params, { byAgent: true })?.title, "execute_tool weather/now")
  })
})
