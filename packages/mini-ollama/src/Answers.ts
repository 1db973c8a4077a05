/** The bodies with which a mini-ollama answers: chat, generate and embed, whole or as lines of a stream. */
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { capabilities, fullName, type Model, someTime } from "./Catalog.ts"

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
  format: Schema.optionalKey(Schema.Json),
  think: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String])),
  keep_alive: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
  options: Schema.optionalKey(
    Schema.Struct({
      num_predict: Schema.optionalKey(Schema.Int),
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

export interface Answer {
  readonly status: number
  /** One line each when it is a stream. */
  readonly lines: ReadonlyArray<string>
  readonly stream: boolean
}

/** Without a script a model says what it was told. */
export const echo = ({ body, text }: Asked): Said =>
  body.format === undefined ? `Echo: ${text}` : JSON.stringify({ echo: text })

export const failure = (status: number, error: string): Answer => ({
  status,
  lines: [JSON.stringify({ error })],
  stream: false
})

export const json = (body: Schema.Json): Answer => ({ status: 200, lines: [JSON.stringify(body)], stream: false })

/** Answers `/api/chat` and `/api/generate`. `loaded`: the model was in memory already. */
export const text = (asked: Asked, model: Model, loaded: boolean, reply: (asked: Asked) => Said): Answer => {
  const { body, route } = asked
  if (!capabilities(model).includes("completion")) return failure(400, `"${asked.model}" does not support ${route}`)
  if (body.think !== undefined && body.think !== false && !capabilities(model).includes("thinking")) {
    return failure(400, `"${asked.model}" does not support thinking`)
  }
  const head = { model: asked.model, created_at: someTime }
  if (route === "chat" ? body.messages?.length === 0 : body.prompt === undefined || body.prompt === "") {
    const done_reason = body.keep_alive === 0 ? "unload" : "load"
    return json({
      ...head,
      ...(route === "chat" ? { message: message("") } : { response: "" }),
      done: true,
      done_reason
    })
  }
  const reply_ = reply(asked)
  const said = typeof reply_ === "string" ? { chunks: reply_.split(/(?=\s)/u) } : reply_
  const { chunks, done_reason } = limited(said.chunks, body)
  const part = (content: string, thinking?: string) =>
    route === "chat"
      ? { message: { ...message(content), ...(thinking === undefined ? {} : { thinking }) } }
      : { response: content, ...(thinking === undefined ? {} : { thinking }) }
  const last = {
    done: true,
    done_reason,
    ...(said.metrics === false ? {} : metrics(asked, chunks.length, loaded))
  }
  if (body.stream === false) {
    return json({ ...head, ...part(chunks.join(""), said.thinking), ...last })
  }
  const lines = [
    ...(said.thinking ?? "").split(/(?=\s)/u).flatMap((thinking) => (thinking === "" ? [] : [part("", thinking)])),
    ...chunks.map((chunk) => part(chunk))
  ].map((part) => ({ ...head, ...part, done: false }))
  return {
    status: 200,
    lines: [...lines, { ...head, ...part(""), ...last }].map((line) => JSON.stringify(line)),
    stream: true
  }
}

/** Answers `/api/embed`: a vector of length 1 for each text, the same for the same text. */
export const embed = (body: Body, model: Model, loaded: boolean): Answer => {
  if (body.input === undefined) return failure(400, "invalid input type")
  if (!capabilities(model).includes("embedding")) return failure(400, `"${model.name}" does not support embeddings`)
  const texts = (typeof body.input === "string" ? [body.input] : body.input).filter((text) => text !== "")
  return json({
    model: body.model ?? fullName(model.name),
    embeddings: texts.map((text) => vector(text, body.dimensions ?? 8)),
    total_duration: 9_000_000,
    load_duration: loading(loaded),
    prompt_eval_count: words(texts.join(" "))
  })
}

// internal

const message = (content: string) => ({ role: "assistant", content })

const metrics = ({ body }: Asked, eval_count: number, loaded: boolean) => ({
  total_duration: 24_000_000,
  load_duration: loading(loaded),
  prompt_eval_count: words(
    [body.system, body.prompt, ...(body.messages ?? []).map(({ content }) => content)].join(" ")
  ),
  prompt_eval_duration: 4_000_000,
  eval_count,
  eval_duration: 8_000_000
})

/** Nanoseconds. */
const loading = (loaded: boolean) => (loaded ? 1_500_000 : 12_000_000)

const words = (text: string): number => text.match(/\S+/gu)?.length ?? 0

/** A chunk counts as a token. */
const limited = (chunks: ReadonlyArray<string>, { options }: Body) => {
  const { num_predict = -1, stop = [] } = options ?? {}
  const whole = chunks.join("")
  const ends = (typeof stop === "string" ? [stop] : stop).map((sign) => whole.indexOf(sign)).filter((end) => end >= 0)
  if (ends.length > 0) return { chunks: [whole.slice(0, Math.min(...ends))], done_reason: "stop" }
  const short = num_predict >= 0 && chunks.length > num_predict
  return { chunks: short ? chunks.slice(0, num_predict) : chunks, done_reason: short ? "length" : "stop" }
}

const vector = (text: string, dimensions: number): ReadonlyArray<number> => {
  const raw = Array.from({ length: dimensions }, (_, index) => {
    const bytes = createHash("sha256").update(`${index} ${text}`).digest()
    return bytes.readInt32BE(0) / 2 ** 31
  })
  const length = Math.hypot(...raw)
  return raw.map((number) => number / length)
}
