/**
 * `llm/v1` without a model: answers made from the words of the prompt, the same for the same params, and JSON that
 * conforms where a schema is given. Every result says `simulated: true`. For trying workflows out, never a silent
 * stand-in: who puts it on duty tells people so.
 */
import { Clock, Effect, type Layer } from "effect"
import type { Failure } from "./Failure.ts"
import * as JsonSchemaSample from "./JsonSchemaSample.ts"
import {
  type ChatParams,
  conversation,
  type EmbedParams,
  type Embedding,
  type GenerateParams,
  LlmV1,
  reply,
  type Reply,
  textsOf
} from "./LlmV1.ts"
import * as Provider from "./Provider.ts"
import type { Providers } from "./Providers.ts"
import { TaskContext } from "./TaskContext.ts"

export interface Options {
  /**
   * `always`: as good as any other provider; put no other `llm/v1` on duty. `unavailable`: it calls itself degraded, so
   * that it is chosen only when no other provider of the method is healthy.
   */
  readonly when: "always" | "unavailable"
}

export const make = (options: Options): Effect.Effect<Provider.Provider, Failure> => Provider.make(LlmV1, spec(options))

/** The simulator on duty, under the name `simulator`. */
export const layer = (options: Options): Layer.Layer<never, Failure, Providers> =>
  Provider.layer(LlmV1, Effect.succeed(spec(options)))

// internal

const name = "simulator"

const spec = ({ when }: Options): Provider.Spec<(typeof LlmV1)["methods"]> => ({
  name,
  capabilities: { streaming: true },
  handlers: {
    "llm/chat": (params) => answer("llm/chat", params),
    "llm/generate": (params) => answer("llm/generate", params),
    "llm/complete": (params) => answer("llm/generate", params),
    "llm/vision": (params) => answer("llm/vision", params),
    "llm/embeddings": vectors,
    "llm/embed": vectors,
    "llm/models": () =>
      Effect.succeed({
        models: [{ name, loaded: true, endpoints: [] }],
        result: [name],
        provider: name,
        provider_id: name,
        simulated: true
      })
  },
  health: Effect.succeed({ status: when === "always" ? "healthy" : "degraded", details: { simulated: true } }),
  identity: () => Effect.succeed(`${name}/1`)
})

const answer = (method: string, params: ChatParams | GenerateParams): Effect.Effect<Reply, never, TaskContext> =>
  Effect.gen(function* () {
    const task = yield* TaskContext
    const start = yield* Clock.currentTimeMillis
    const messages = conversation(params)
    const asked = messages.findLast(({ role }) => role === "user")?.content ?? messages.at(-1)?.content ?? ""
    const seed = hash(`${method} ${JSON.stringify(params)}`)
    const schema = params.schema ?? params.format
    const parsed =
      schema === undefined
        ? undefined
        : JsonSchemaSample.sample(schema === "json" ? freeForm : schema, { words: topics(asked), seed })
    const whole = parsed === undefined ? cut(compose(asked, seed), params.stop) : JSON.stringify(parsed)
    const pieces = whole.match(/\s*\S+\s*/gu) ?? []
    const most = params.max_tokens ?? -1
    // Half a JSON document would be of no use to anybody.
    const short = parsed === undefined && most >= 0 && pieces.length > most
    const content = short ? pieces.slice(0, most).join("").trimEnd() : whole
    for (const text of content.match(/\s*\S+\s*/gu) ?? []) yield* task.emit({ _tag: "Text", text })
    const input_tokens = tokens(messages.map((message) => message.content).join("\n"))
    const output_tokens = tokens(content)
    yield* task.usage({ calls: 1, input_tokens, output_tokens })
    return reply({
      content,
      result: parsed === undefined ? content : parsed,
      model: params.model ?? name,
      provider: name,
      finish_reason: short ? "length" : "stop",
      usage: { input_tokens, output_tokens },
      timing: { total_ms: (yield* Clock.currentTimeMillis) - start },
      attempts: 1,
      simulated: true,
      warnings: [notice]
    })
  })

const notice = "simulated: no model was asked, and the numbers of tokens are estimates"

/** Texts with words in common lie close. */
const vectors = (params: EmbedParams): Effect.Effect<Embedding, never, TaskContext> =>
  Effect.gen(function* () {
    const task = yield* TaskContext
    const { isList, texts } = textsOf(params)
    const dimensions = params.dimensions ?? 64
    const embeddings = texts.map((text) => vector(text, dimensions))
    const [embedding = []] = embeddings
    const input_tokens = tokens(texts.join("\n"))
    yield* task.usage({ calls: 1, input_tokens })
    return {
      embedding,
      embeddings,
      dimensions: embedding.length,
      result: isList ? embeddings : embedding,
      model: params.model ?? name,
      provider: name,
      provider_id: name,
      usage: { input_tokens, total_tokens: input_tokens },
      tokens_used: input_tokens,
      timing: { total_ms: 0 },
      attempts: 1,
      simulated: true,
      warnings: [notice]
    }
  })

/** Of length 1: each word of the text points in a few directions of its own. */
const vector = (text: string, dimensions: number): ReadonlyArray<number> => {
  const sums = new Float64Array(dimensions)
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  for (const word of words.length === 0 ? [`"${text}"`] : words) {
    for (let turn = 0; turn < 4; turn++) {
      const place = hash(`${turn} ${word}`)
      sums[place % dimensions] = (sums[place % dimensions] ?? 0) + (place & 0x10000 ? 1 : -1)
    }
  }
  const length = Math.hypot(...sums)
  // words may cancel each other out
  return length === 0 ? Array.from(sums, (_, index) => (index === 0 ? 1 : 0)) : Array.from(sums, (sum) => sum / length)
}

const freeForm = { type: "object", properties: { answer: { type: "string" } } }

/** A numbered list when one is asked for, else a few sentences. */
const compose = (asked: string, seed: number): string => {
  const words = topics(asked)
  const word = (position: number) => words[position % words.length] ?? "text"
  const wanted = numberAsked(asked)
  if (wanted !== undefined) {
    return Array.from({ length: wanted }, (_, index) => {
      const shape = lines[(seed + index) % lines.length] ?? firstLine
      return `${index + 1}. ${capital(shape(word(index), word(index + 1 + Math.floor(index / words.length))))}`
    }).join("\n")
  }
  const body = Array.from({ length: 2 + (seed % 2) }, (_, index) => {
    const shape = sentences[(seed + index) % sentences.length] ?? firstSentence
    return capital(shape(word(2 * index), word(2 * index + 1)))
  })
  return [`Simulated answer about ${words.slice(0, 3).join(", ")}.`, ...body].join(" ")
}

type Shape = (a: string, b: string) => string

const firstLine: Shape = (a, b) => `${a}, and what it means for ${b}`
const lines: ReadonlyArray<Shape> = [
  firstLine,
  (a, b) => `${a} before ${b}`,
  (a, b) => `${b} seen from ${a}`,
  (a, b) => `where ${a} ends and ${b} begins`,
  (a, b) => `less ${a}, more ${b}`
]

const firstSentence: Shape = (a, b) => `${a} comes first, then ${b}.`
const sentences: ReadonlyArray<Shape> = [
  firstSentence,
  (a, b) => `much depends on ${a} and on how it meets ${b}.`,
  (a, b) => `what holds for ${a} holds for ${b} only in part.`,
  (a, b) => `in short: ${a} and ${b}.`
]

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

const numerals = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
const asksForList = new RegExp(
  `\\b(?:list|name|give|suggest|write|propose|enumerate|find)\\b(?:\\s+(?:me|us|the|top|exactly|up|to))*\\s+(\\d{1,2}|${numerals.join("|")})\\b`,
  "iu"
)

const numberAsked = (asked: string): number | undefined => {
  const found = asksForList.exec(asked.slice(0, longest))?.[1]
  if (found === undefined) return undefined
  const spelled = numerals.indexOf(found.toLowerCase())
  const wanted = spelled >= 0 ? spelled + 1 : Number(found)
  return wanted === 0 ? undefined : wanted
}

/** Characters of a prompt that are looked at. */
const longest = 4000

const small = new Set(
  (
    "about also analyze and are been but can could describe did does explain for from give had has have how into its " +
    "just list make may more most name not now one our out over please research say should some summarize tell than " +
    "that the their them then there these they this those three two use very was were what when where which who why " +
    "will with write would you your"
  ).split(" ")
)

/** The words that the prompt is about, each once; never none. */
const topics = (asked: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const [word] of asked.slice(0, longest).matchAll(/\p{L}[\p{L}\p{N}'-]{2,40}/gu)) {
    if (!small.has(word.toLowerCase())) found.add(word)
    if (found.size === 24) break
  }
  return found.size === 0 ? ["nothing in particular"] : [...found]
}

const cut = (text: string, stop: ChatParams["stop"]): string => {
  const ends = (stop === undefined ? [] : typeof stop === "string" ? [stop] : stop)
    .map((sign) => text.indexOf(sign))
    .filter((end) => end >= 0)
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
}

/** Four characters a token, as is usual for English. */
const tokens = (text: string): number => Math.ceil(text.length / 4)

/** FNV-1a, 32 bits: repeatable everywhere, and nothing depends on its strength. */
const hash = (text: string): number => {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return sum >>> 0
}
