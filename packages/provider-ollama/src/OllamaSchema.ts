/**
 * What Ollama's API says, as far as it is read here. Frames from outside are decoded before they are trusted; what is
 * not read is let pass. Some servers that look like Ollama say null where Ollama says nothing.
 */
import { Schema } from "effect"

const text = Schema.optionalKey(Schema.NullOr(Schema.String))
const count = Schema.optionalKey(Schema.NullOr(Schema.Finite))

/** One line of `/api/chat` or `/api/generate`. */
export const Part = Schema.Struct({
  model: text,
  message: Schema.optionalKey(Schema.NullOr(Schema.Struct({ content: text, thinking: text }))),
  response: text,
  thinking: text,
  done: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  done_reason: text,
  /** All durations are nanoseconds. */
  total_duration: count,
  load_duration: count,
  prompt_eval_count: count,
  prompt_eval_duration: count,
  eval_count: count,
  eval_duration: count
})
export type Part = typeof Part.Type

/** `/api/version` */
export const Version = Schema.Struct({ version: Schema.String })

/** `/api/tags` */
export const Tags = Schema.Struct({
  models: Schema.NullOr(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        digest: text,
        size: count,
        capabilities: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
      })
    )
  )
})

/** `/api/ps` */
export const Ps = Schema.Struct({
  models: Schema.NullOr(Schema.Array(Schema.Struct({ name: Schema.String, size_vram: count, context_length: count })))
})

/** Numbers by the thousand: looked at in one go, which takes a twentieth of the time. */
const Vector = Schema.declare(
  (value: unknown): value is ReadonlyArray<number> => Array.isArray(value) && value.every(Number.isFinite)
)

/** `/api/embed` */
export const Embedded = Schema.Struct({
  model: text,
  embeddings: Schema.Array(Vector),
  total_duration: count,
  load_duration: count,
  prompt_eval_count: count
})
export type Embedded = typeof Embedded.Type

/** `/api/embeddings`, of servers that know no `/api/embed`: one text, one vector. */
export const OneEmbedded = Schema.Struct({ embedding: Vector })

/** `llama3.2` and `LLAMA3.2:latest` are the same model. */
export const fullName = (model: string): string => {
  const lower = model.toLowerCase()
  return lower.slice(lower.lastIndexOf("/") + 1).includes(":") ? lower : `${lower}:latest`
}

/** A request for vectors, as it is sent. */
export interface EmbedRequest {
  readonly model: string
  readonly input: ReadonlyArray<string>
  readonly options: { readonly [name: string]: Schema.Json }
  readonly [name: string]: unknown
}

/** A request for text, as it is sent; `stream` is always true. */
export interface Request {
  readonly model: string
  readonly messages?: ReadonlyArray<{
    readonly role: string
    readonly content: string
    readonly images?: ReadonlyArray<Uint8Array>
  }>
  readonly prompt?: string
  readonly system?: string
  readonly images?: ReadonlyArray<Uint8Array>
  readonly format?: Schema.Json
  readonly think?: boolean | string
  readonly keep_alive?: string | number
  readonly options: { readonly [name: string]: Schema.Json }
  /** What else `provider_options` name that belongs beside these. */
  readonly [name: string]: unknown
}
