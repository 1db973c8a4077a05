/** What is sent to Ollama for the params of `llm/v1`. Pure: files have been read before. */
import { LlmV1 } from "@gleitzeit/core"
import type { Schema } from "effect"
import type { Attachments } from "./Attachments.ts"
import type { Wish } from "./HubWish.ts"
import type { Wanted } from "./OllamaAnswer.ts"
import { type EmbedRequest, fullName, type Request } from "./OllamaSchema.ts"

/** What is asked for where a task says nothing. */
export interface Defaults {
  readonly model: string
  /** Tokens, as `num_ctx`. Always the same for a model: a server loads it again for another. Default: the server's. */
  readonly context?: number | undefined
  /** Tokens of an answer at most. Default: no limit. */
  readonly most?: number | undefined
}

/** Images of the messages by their place in the conversation. */
export type Inline = ReadonlyMap<LlmV1.Message, ReadonlyArray<Uint8Array>>

/** Files and images go with the last user message; without one they become it. */
export const chat = (
  params: LlmV1.ChatParams,
  defaults: Defaults,
  attachments: Attachments,
  inline: Inline
): Request => {
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
  return { ...common(params, defaults), messages }
}

export const generate = (params: LlmV1.GenerateParams, defaults: Defaults, { images, text }: Attachments): Request => ({
  ...common(params, defaults),
  prompt: `${params.prompt}${text}`,
  ...(params.system === undefined ? {} : { system: params.system }),
  ...(images.length === 0 ? {} : { images })
})

export const embed = (params: LlmV1.EmbedParams, defaults: Defaults, input: ReadonlyArray<string>): EmbedRequest => {
  const { dimensions, keep_alive, truncate } = params
  const own = ofOllama(params)
  return {
    model: defaults.model,
    input,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(truncate === undefined ? {} : { truncate }),
    ...(keep_alive === undefined ? {} : { keep_alive }),
    ...Object.fromEntries(own.filter(([name]) => beside.has(name))),
    options: {
      ...given("num_ctx", defaults.context),
      ...Object.fromEntries(own.filter(([name]) => !beside.has(name)))
    }
  }
}

/** The same once more, after an answer that is not what was asked for. */
export const repaired = (request: Request, answer: string, issue: string): Request => {
  const complaint = `That is not usable: ${issue}. Answer again, with nothing but the corrected JSON.`
  return request.messages === undefined
    ? { ...request, prompt: `${request.prompt ?? ""}\n\n${answer}\n\n${complaint}\n` }
    : {
        ...request,
        messages: [...request.messages, { role: "assistant", content: answer }, { role: "user", content: complaint }]
      }
}

/** What the answer is to be. */
export const wanted = ({ format, schema }: Pick<LlmV1.ChatParams, "format" | "schema">): Wanted =>
  schema ?? format ?? "text"

/** A number among the options that are sent; undefined when it is none, or not there. */
export const option = (request: Request | EmbedRequest, name: "num_ctx" | "num_predict"): number | undefined => {
  const { [name]: value } = request.options
  return typeof value === "number" ? value : undefined
}

/** What decides where it is sent. `most`: tokens of the answer, where the task says so. */
export const wish = (request: Request | EmbedRequest, most?: number): Wish => {
  const context = option(request, "num_ctx")
  return {
    model: fullName(request.model),
    asked: request.model,
    ...(context === undefined ? {} : { context }),
    ...(most === undefined || most < 0 ? {} : { output: most })
  }
}

/** Characters that the model is to read. */
export const length = ({ messages = [], prompt = "", system = "" }: Request): number =>
  messages.reduce((sum, { content }) => sum + content.length, prompt.length + system.length)

// internal

const temperature = 0.7

/** Of what only Ollama knows: these stand beside the model, all others are options of the runtime. */
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

const ofOllama = ({ options, provider_options }: Pick<LlmV1.ChatParams, "options" | "provider_options">) =>
  Object.entries({ ...options, ...provider_options?.["ollama"] })

const common = (
  params: LlmV1.ChatParams | LlmV1.GenerateParams,
  { context, model, most }: Defaults
): Omit<Request, "messages" | "prompt"> & Pick<Request, "options" | "model"> => {
  const own = ofOllama(params)
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
      ...given("num_ctx", context),
      ...given("num_predict", params.max_tokens ?? most),
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
