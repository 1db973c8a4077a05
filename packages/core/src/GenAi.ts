/**
 * The words of OpenTelemetry's semantic conventions for generative AI, for calls whose params and results are those of
 * `llm/v1` and `agent/v1`, whoever serves them. Version 1.41.0, whose status is "development":
 * https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai
 *
 * Pure. Params are read before anybody has checked them, and results of any provider: what is not as expected is left
 * out. A place that holds a secret holds its marker here, which is no text and no number.
 */
import type { Schema } from "effect"
import { isArray, isObject } from "./Json.ts"

export type Value = string | number | boolean | ReadonlyArray<string>
export type Attributes = Readonly<Record<string, Value>>

export interface Operation {
  /** `chat`, `text_completion`, `embeddings`, `invoke_agent` or `execute_tool`. */
  readonly name: string
  /** What the span is called: the operation, and what it is done with. */
  readonly title: string
  /** `client`: a model that runs somewhere else is asked. */
  readonly kind: "client" | "internal"
  readonly attributes: Attributes
}

export interface Asked {
  readonly method: string
  readonly params: Schema.Json
  /** The name of the provider that answers. */
  readonly provider: string
  /** The call is made by an agent, for its model. */
  readonly byAgent: boolean
  /** With what the model is told. */
  readonly content: boolean
}

/** `undefined` for what is no matter of generative AI. */
export const operation = (asked: Asked): Operation | undefined => {
  const { byAgent, content, method, params, provider } = asked
  const name = operations.get(method)
  const read = fieldsOf(params)
  if (name === undefined)
    return byAgent ? tool(method === inAgent ? (read.text("method") ?? method) : method) : undefined
  const model = read.text("model")
  const attributes: Record<string, Value | undefined> = {
    [words.operation]: name,
    [words.provider]: provider,
    [words.requestModel]: model,
    "gen_ai.request.temperature": read.number("temperature"),
    "gen_ai.request.top_p": read.number("top_p"),
    "gen_ai.request.top_k": read.number("top_k"),
    "gen_ai.request.seed": read.number("seed"),
    "gen_ai.request.max_tokens": atLeast(1, read.number("max_tokens")),
    "gen_ai.request.stop_sequences": read.texts("stop"),
    "gen_ai.embeddings.dimension.count": name === "embeddings" ? read.number("dimensions") : undefined,
    "gen_ai.output.type": read.has("format") || read.has("schema") ? "json" : undefined,
    ...(content && name !== "embeddings" ? told(read) : {})
  }
  return {
    name,
    title: model === undefined || name === "invoke_agent" ? name : `${name} ${model}`,
    kind: name === "invoke_agent" ? "internal" : "client",
    attributes: known(attributes)
  }
}

/** What the answer says. Durations are in seconds, as everywhere in the conventions. */
export const answer = (operation: Operation, result: Schema.Json, content: boolean): Attributes => {
  if (operation.name === "execute_tool") return {}
  const read = fieldsOf(result)
  const usage = fieldsOf(read.value("usage"))
  const reason = read.text("finish_reason")
  const first = fieldsOf(read.value("timing")).number("first_token_ms")
  return known({
    // whom the provider has asked, if it knows better than its own name says
    [words.provider]: read.text("provider"),
    [words.responseModel]: read.text("model"),
    "gen_ai.response.finish_reasons": reason === undefined ? undefined : [reason],
    [words.inputTokens]: usage.number("input_tokens"),
    [words.outputTokens]: usage.number("output_tokens"),
    "gen_ai.response.time_to_first_chunk": first === undefined ? undefined : first / 1000,
    ...(content ? said(read) : {})
  })
}

/** The names that more than one place needs. */
export const words = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  tokenType: "gen_ai.token.type",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port"
} as const

/** Whether calls that are made inside a span with these attributes are an agent's. */
export const isAgent = (attributes: ReadonlyMap<string, unknown>): boolean =>
  attributes.get(words.operation) === "invoke_agent"

// internal

const operations: ReadonlyMap<string, string> = new Map([
  ["llm/chat", "chat"],
  ["llm/vision", "chat"],
  ["llm/generate", "text_completion"],
  ["llm/complete", "text_completion"],
  ["llm/embeddings", "embeddings"],
  ["llm/embed", "embeddings"],
  ["agent/run", "invoke_agent"],
  ["llm/agent", "invoke_agent"]
])

/** An agent's own method around a tool whose answer is cut to size. */
const inAgent = "agent/tool"

const tool = (method: string): Operation => ({
  name: "execute_tool",
  title: `execute_tool ${method}`,
  kind: "internal",
  attributes: { [words.operation]: "execute_tool", "gen_ai.tool.name": method, "gen_ai.tool.type": "function" }
})

/** What the model is told, without images. */
const told = (read: Fields): Record<string, Value | undefined> => {
  const system = read.value("system")
  const prompt = read.value("prompt")
  const given = read.value("messages")
  const messages = (isArray(given) ? given : []).map((message) => {
    const fields = fieldsOf(message)
    return { role: fields.text("role") ?? "user", parts: [part("text", fields.value("content"))] }
  })
  const all = prompt === null ? messages : [...messages, { role: "user", parts: [part("text", prompt)] }]
  return {
    "gen_ai.system_instructions": system === null ? undefined : JSON.stringify([part("text", system)]),
    "gen_ai.input.messages": all.length === 0 ? undefined : JSON.stringify(all)
  }
}

/** What it answers. */
const said = (read: Fields): Record<string, Value | undefined> => {
  const text = read.text("content")
  if (text === undefined) return {}
  const reasoning = fieldsOf(read.value("message")).text("reasoning")
  const parts = [...(reasoning === undefined ? [] : [part("reasoning", reasoning)]), part("text", text)]
  const reason = read.text("finish_reason") ?? "stop"
  // here the conventions know another word for it
  const finish_reason = reason === "tool_calls" ? "tool_call" : reason
  return { "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts, finish_reason }]) }
}

const part = (type: "text" | "reasoning", content: Schema.Json) => ({
  type,
  content: typeof content === "string" ? content : JSON.stringify(content)
})

const atLeast = (least: number, value: number | undefined): number | undefined =>
  value === undefined || value < least ? undefined : value

const known = (attributes: Readonly<Record<string, Value | undefined>>): Attributes =>
  Object.fromEntries(Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))

interface Fields {
  /** `null` where there is none. */
  readonly value: (name: string) => Schema.Json
  readonly has: (name: string) => boolean
  readonly text: (name: string) => string | undefined
  /** One text counts as a list of one. */
  readonly texts: (name: string) => ReadonlyArray<string> | undefined
  readonly number: (name: string) => number | undefined
}

const fieldsOf = (json: Schema.Json): Fields => {
  const value = (name: string): Schema.Json =>
    isObject(json) && Object.hasOwn(json, name) ? (json[name] ?? null) : null
  return {
    value,
    has: (name) => value(name) !== null,
    text: (name) => {
      const found = value(name)
      return typeof found === "string" && found !== "" ? found : undefined
    },
    texts: (name) => {
      const found = value(name)
      const list = (isArray(found) ? found : [found]).filter((one) => typeof one === "string")
      return list.length === 0 ? undefined : list
    },
    number: (name) => {
      const found = value(name)
      return typeof found === "number" && Number.isFinite(found) ? found : undefined
    }
  }
}
