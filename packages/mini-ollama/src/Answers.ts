/** The bodies with which a mini-ollama answers, whole or as lines of a stream. */
import { Clock, Effect, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { capabilities, contextFor, fullName, type Model, someTime } from "./Catalog.ts"
import type { Ready } from "./Runner.ts"
import * as Sample from "./Sample.ts"
import { limited, type Piece, words } from "./Speech.ts"

/** What the API reads of a request; anything else in it is let pass, as Ollama does. */
export const Body = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  stream: Schema.optionalKey(Schema.Boolean),
  messages: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        role: Schema.String,
        content: Schema.String,
        images: Schema.optionalKey(Schema.Array(Schema.String))
      })
    )
  ),
  prompt: Schema.optionalKey(Schema.String),
  system: Schema.optionalKey(Schema.String),
  images: Schema.optionalKey(Schema.Array(Schema.String)),
  input: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  dimensions: Schema.optionalKey(Schema.Int),
  truncate: Schema.optionalKey(Schema.Boolean),
  format: Schema.optionalKey(Schema.Json),
  think: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String])),
  keep_alive: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
  options: Schema.optionalKey(
    Schema.Struct({
      num_ctx: Schema.optionalKey(Schema.Int),
      num_predict: Schema.optionalKey(Schema.Int),
      temperature: Schema.optionalKey(Schema.Finite),
      seed: Schema.optionalKey(Schema.Int),
      stop: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
    })
  )
})
export type Body = typeof Body.Type

/** A request for text. */
export interface Asked {
  readonly route: "chat" | "generate"
  readonly model: string
  /** The last user message, or the prompt. */
  readonly text: string
  /** The request as it came. */
  readonly body: Body
}

/** What the model says; a text alone is split into words. */
export type Said =
  | string
  | {
      readonly chunks: ReadonlyArray<string>
      readonly thinking?: string
      /** False: the last line has no numbers. Default true. */
      readonly metrics?: boolean
    }

/** `Error`: Ollama's words for what went wrong meanwhile. */
export interface Answer {
  readonly status: number
  /** One line each when it is a stream. */
  readonly lines: Stream.Stream<string, Error>
  readonly stream: boolean
}

/** Without a script a model says what it was told; asked for a schema, the smallest value that fits. */
export const echo = ({ body: { format }, text }: Asked): Said => {
  if (format === undefined) return `Echo: ${text}`
  return JSON.stringify(typeof format === "object" ? Sample.of(format) : { echo: text })
}

export const failure = (status: number, error: string): Answer => ({
  status,
  lines: Stream.make(JSON.stringify({ error })),
  stream: false
})

export const json = (body: Schema.Json): Answer => ({
  status: 200,
  lines: Stream.make(JSON.stringify(body)),
  stream: false
})

/** Why a model cannot do what is asked of it; undefined when it can. */
export const refusal = (
  { body, model, route }: Asked,
  known: Model,
  overlong: "truncate" | "refuse"
): Answer | undefined => {
  if (!capabilities(known).includes("completion")) return failure(400, `"${model}" does not support ${route}`)
  if (body.think !== undefined && body.think !== false && !capabilities(known).includes("thinking")) {
    return failure(400, `"${model}" does not support thinking`)
  }
  const refuses = body.truncate === false || overlong === "refuse"
  return refuses && prompted(body) > contextOf(known, body) ? failure(400, tooLong) : undefined
}

/** Asked for nothing a model is only loaded, or sent away. */
export const isEmpty = ({ body, route }: Asked): boolean =>
  route === "chat" ? body.messages?.length === 0 : body.prompt === undefined || body.prompt === ""

/** The answer to a request for nothing. */
export const empty = ({ body, model, route }: Asked): Answer =>
  json({
    model,
    created_at: someTime,
    ...(route === "chat" ? { message: message("") } : { response: "" }),
    done: true,
    done_reason: body.keep_alive === 0 ? "unload" : "load"
  })

/** What a script lets a model say. */
export const spoken = (said: Said): Stream.Stream<Piece> => {
  const { chunks, thinking = "" } = typeof said === "string" ? { chunks: words(said) } : said
  return Stream.fromIterable([
    ...words(thinking).map((thinking): Piece => ({ text: "", thinking })),
    ...chunks.map((text): Piece => ({ text }))
  ])
}

/** Each token comes `delay` milliseconds after the one before. */
export const late = (tokens: Stream.Stream<Piece, Error>, delay: number): Stream.Stream<Piece, Error> =>
  delay > 0 ? Stream.mapEffect(tokens, (token) => Effect.delay(Effect.succeed(token), delay)) : tokens

/** Answers `/api/chat` and `/api/generate` with what is said. */
export const text = (
  asked: Asked,
  known: Model,
  tokens: Stream.Stream<Piece, Error>,
  ready: Ready,
  numbers: boolean
): Answer => {
  const { body, model, route } = asked
  const head = { model, created_at: someTime }
  const { num_predict = -1, stop = [] } = body.options ?? {}
  const pieces = limited(tokens, { tokens: num_predict, stop: typeof stop === "string" ? [stop] : stop })
  const part = (content: string, thinking?: string) =>
    route === "chat"
      ? { message: { ...message(content), ...(thinking === undefined ? {} : { thinking }) } }
      : { response: content, ...(thinking === undefined ? {} : { thinking }) }
  const last = (done_reason: string, count: number, took: number) => ({
    done: true,
    done_reason,
    ...(numbers ? metrics(Math.min(prompted(body), contextOf(known, body)), count, ready, took) : {})
  })
  return {
    status: 200,
    stream: body.stream !== false,
    lines: Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (since) => {
        const took = Effect.map(Clock.currentTimeMillis, (now) => now - since)
        if (body.stream === false) {
          return Stream.fromEffect(
            Effect.gen(function* () {
              const all = yield* Stream.runCollect(pieces)
              const whole = all.map(({ text }) => text).join("")
              const thinking = all.map(({ thinking = "" }) => thinking).join("")
              const count = all.filter(({ text }) => text !== "").length
              const { end = "stop" } = all.at(-1) ?? {}
              return { ...head, ...part(whole, thinking || undefined), ...last(end, count, yield* took) }
            })
          )
        }
        let count = 0
        return Stream.flatMap(pieces, ({ end, text, thinking }) => {
          if (text !== "") count++
          const line = { ...head, ...part(text, thinking), done: false }
          const lines = text !== "" || thinking !== undefined ? Stream.make(line) : Stream.empty
          return end === undefined
            ? lines
            : Stream.concat(
                lines,
                Stream.fromEffect(Effect.map(took, (took) => ({ ...head, ...part(""), ...last(end, count, took) })))
              )
        })
      })
    ).pipe(Stream.map((line) => JSON.stringify(line)))
  }
}

/** Why texts cannot be turned into vectors; undefined when they can. */
export const embedRefusal = (body: Body, known: Model, overlong: "truncate" | "refuse"): Answer | undefined => {
  if (body.input === undefined && body.prompt === undefined) return failure(400, "invalid input type")
  if (!capabilities(known).includes("embedding")) return failure(400, `"${known.name}" does not support embeddings`)
  const refuses = body.truncate === false || overlong === "refuse"
  // One text too long, and the whole batch is refused.
  return refuses && texts(body).some((text) => tokensIn(text) > contextOf(known, body))
    ? failure(400, tooLong)
    : undefined
}

/** Answers `/api/embed`: a vector of length 1 for each text, the same for the same text. */
export const embed = (body: Body, known: Model, ready: Ready): Answer => {
  const wanted = texts(body).filter((text) => text !== "")
  const load_duration = loading(ready)
  return json({
    model: body.model ?? fullName(known.name),
    embeddings: wanted.map((text) => vector(text, body.dimensions ?? 8)),
    total_duration: load_duration + 3_000_000,
    load_duration,
    prompt_eval_count: tokensIn(wanted.join(" "))
  })
}

/** Answers `/api/embeddings`, which came before `/api/embed` and takes one `prompt`. */
export const embedding = ({ prompt = "" }: Body): Answer => json({ embedding: prompt === "" ? [] : vector(prompt, 8) })

/** Tokens of context that a request finds a model loaded with. */
export const contextOf = (model: Model, { options }: Body): number => contextFor(model, options?.num_ctx)

// internal

const tooLong = "the input length exceeds the context length"

const message = (content: string) => ({ role: "assistant", content })

const texts = ({ input = [] }: Body): ReadonlyArray<string> => (typeof input === "string" ? [input] : input)

/** Numbers made up, and the time that passed where that is more. */
const metrics = (prompt_eval_count: number, eval_count: number, ready: Ready, took: number) => {
  const load_duration = loading(ready)
  const prompt_eval_duration = 4_000_000
  const eval_duration = Math.max(8_000_000, took * nanoseconds)
  const total_duration = load_duration + prompt_eval_duration + eval_duration
  return { total_duration, load_duration, prompt_eval_count, prompt_eval_duration, eval_count, eval_duration }
}

const loading = ({ cold, waited }: Ready) => Math.max(cold ? 12_000_000 : 1_500_000, waited * nanoseconds)

/** In a millisecond. */
const nanoseconds = 1_000_000

/** A word is a token. */
const tokensIn = (text: string): number => text.match(/\S+/gu)?.length ?? 0

const prompted = ({ messages = [], prompt, system }: Body): number =>
  tokensIn([system, prompt, ...messages.map(({ content }) => content)].join(" "))

const vector = (text: string, dimensions: number): ReadonlyArray<number> => {
  const raw = Array.from({ length: dimensions }, (_, index) => {
    const bytes = createHash("sha256").update(`${index} ${text}`).digest()
    return bytes.readInt32BE(0) / 2 ** 31
  })
  const length = Math.hypot(...raw)
  return raw.map((number) => number / length)
}
