/** What is sent to Ollama for the params of `llm/v1`. Pure: files have been read before. */
import { LlmV1 } from "@gleitzeit/core"
import type { Schema } from "effect"
import type { Attachments } from "./Attachments.ts"
import type { Wanted } from "./OllamaAnswer.ts"
import type { Request } from "./OllamaSchema.ts"

/** Images of the messages by their place in the conversation. */
export type Inline = ReadonlyMap<LlmV1.Message, ReadonlyArray<Uint8Array>>

/** Files and images go with the last user message; without one they become it. */
export const chat = (params: LlmV1.ChatParams, model: string, attachments: Attachments, inline: Inline): Request => {
  const conversation = LlmV1.conversation(params)
  const last = conversation.findLastIndex(({ role }) => role === "user")
  const attached = attachments.text !== "" || attachments.images.length > 0
  const whole: ReadonlyArray<LlmV1.Message> =
    last < 0 && attached ? [...conversation, { role: "user", content: "" }] : conversation
  const target = last < 0 ? whole.length - 1 : last
  const messages = whole.map((message, index) => {
    const own = inline.get(message) ?? []
    const images = index === target ? [...own, ...attachments.images] : own
    const content = index === target ? `${message.content}${attachments.text}` : message.content
    return { role: message.role, content, ...(images.length === 0 ? {} : { images }) }
  })
  return { ...common(params, model), messages }
}

export const generate = (params: LlmV1.GenerateParams, model: string, { images, text }: Attachments): Request => ({
  ...common(params, model),
  prompt: `${params.prompt}${text}`,
  ...(params.system === undefined ? {} : { system: params.system }),
  ...(images.length === 0 ? {} : { images })
})

/** What the answer is to be. */
export const wanted = ({ format, schema }: Pick<LlmV1.ChatParams, "format" | "schema">): Wanted =>
  schema ?? format ?? "text"

// internal

const temperature = 0.7

/** Of `provider_options.ollama`: these stand beside the model, all others are options of the runtime. */
const beside: ReadonlySet<string> = new Set([
  "keep_alive",
  "think",
  "truncate",
  "shift",
  "raw",
  "template",
  "suffix",
  "context"
])

const common = (params: LlmV1.ChatParams | LlmV1.GenerateParams, model: string): Request => {
  const own = Object.entries(params.provider_options?.["ollama"] ?? {})
  const { keep_alive, stop } = params
  const format = params.schema ?? params.format
  // A model that reasons spends its tokens on that, and what it reasons is no JSON.
  const think = params.think ?? (format === undefined ? undefined : false)
  return {
    model,
    ...(format === undefined ? {} : { format }),
    ...(think === undefined ? {} : { think }),
    ...(keep_alive === undefined ? {} : { keep_alive }),
    ...Object.fromEntries(own.filter(([name]) => beside.has(name))),
    options: {
      temperature: params.temperature ?? temperature,
      ...given("num_predict", params.max_tokens),
      ...given("top_p", params.top_p),
      ...given("top_k", params.top_k),
      ...given("seed", params.seed),
      ...given("stop", typeof stop === "string" ? [stop] : stop),
      ...Object.fromEntries(own.filter(([name]) => !beside.has(name)))
    }
  }
}

const given = (name: string, value: Schema.Json | undefined): { readonly [name: string]: Schema.Json } =>
  value === undefined ? {} : { [name]: value }
