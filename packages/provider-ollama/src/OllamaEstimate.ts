/** What a call may use at most, as far as its params tell. Pure. */
import { LlmV1, Prices, type Task } from "@gleitzeit/core"
import { Result, Schema } from "effect"
import { provider } from "./OllamaCost.ts"

export interface About {
  readonly pricing: Prices.Pricing
  readonly model: string
  /** How often a model is asked again for JSON. */
  readonly repair: number
}

/** What an option of the server may change, and what files and images add, is left out. */
export const of = (method: string, params: Schema.Json, { model, pricing, repair }: About): Task.Usage => {
  if (method === "llm/models") return { input_tokens: 0, output_tokens: 0, cost_usd: 0 }
  if (method === "llm/embeddings" || method === "llm/embed") {
    const decoded = decodeEmbed(params)
    if (Result.isFailure(decoded)) return {}
    const { texts } = LlmV1.textsOf(decoded.success)
    return Prices.estimate(pricing, { provider, model, texts, output: 0 })
  }
  const decoded = decodeText(params)
  if (Result.isFailure(decoded)) return {}
  const { format, max_tokens = -1, options, provider_options, schema, ...rest } = decoded.success
  const isOpen = (options ?? provider_options) !== undefined
  const most = isOpen || max_tokens < 0 ? {} : { output: max_tokens }
  const requests = (schema ?? format) === undefined ? 1 : 1 + repair
  const usage = Prices.estimate(pricing, { provider, model, requests, texts: textsOf(rest), ...most })
  if (!shows(rest)) return usage
  const { cost_usd, input_tokens: _, ...known } = usage
  return cost_usd === 0 ? { ...known, cost_usd } : known
}

// internal

const given = Schema.optionalKey(Schema.Unknown)

const Text = Schema.Struct({
  ...LlmV1.ChatParams.fields,
  max_tokens: Schema.optionalKey(Schema.Int),
  schema: given,
  format: given,
  options: given,
  provider_options: given
})

const decodeText = Schema.decodeUnknownResult(Text)
const decodeEmbed = Schema.decodeUnknownResult(LlmV1.EmbedParams)

const textsOf = (params: Parameters<typeof LlmV1.conversation>[0]): ReadonlyArray<string> =>
  LlmV1.conversation(params).map(({ content }) => content)

/** Nobody knows how many tokens these are. */
const files = ["images", "image_path", "file_path", "files", "directory"] as const

const shows = (params: Omit<typeof Text.Type, "schema" | "format" | "options" | "provider_options" | "max_tokens">) =>
  files.some((name) => params[name] !== undefined) ||
  (params.messages ?? []).some(({ images = [] }) => images.length > 0)
