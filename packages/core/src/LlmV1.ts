/**
 * `llm/v1`: text from language models. Words only: which model there is, and where it runs, is a provider's matter.
 */
import { Effect, Schema, SchemaGetter } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

/** Text; any other value (a reference may bring an object) is its JSON text. */
const text = (description: string) =>
  Schema.Json.annotate({ description }).pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transform((value) => (typeof value === "string" ? value : JSON.stringify(value))),
      encode: SchemaGetter.transform((text) => text)
    })
  )

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const JsonObject = Schema.Record(Schema.String, Schema.Json)

export const Message = Schema.Struct({
  /** Default `user`. */
  role: Schema.Literals(["system", "user", "assistant", "tool"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("user" as const))
  ),
  content: text("Text. Other values become their JSON text."),
  images: described(Schema.Array(Schema.NonEmptyString), "Data URLs or base64. Paths belong into the param `images`.")
})
export type Message = typeof Message.Type

/** What other things are called that people look for here. Whoever writes one is told where it belongs. */
const elsewhere = (use: string) =>
  Schema.optionalKey(
    Schema.Never.annotate({ message: `is no param of this method: ${use}`, description: `Not here: ${use}.` })
  )

const server = {
  keep_alive: described(
    Schema.Union([Schema.Finite, Schema.NonEmptyString]),
    "How long the model stays loaded: seconds, or `5m`. 0 unloads it, below 0 keeps it."
  ),
  options: described(
    JsonObject,
    "Options of the model's runtime, by the names that its server has for them: `num_ctx`."
  ),
  provider_options: described(
    Schema.Record(Schema.String, JsonObject),
    "The same for one provider alone, under its name: `ollama: { num_ctx: 8192 }`."
  ),
  cache: elsewhere("write `cache` beside `params`, as a key of the task")
}

const common = {
  model: described(
    Protocol.model,
    "Default: the provider's own. With the name of a provider before it, `gpu-box:llama3.2`, that one is asked."
  ),
  system: Schema.optionalKey(text("What the model is told before everything else.")),
  images: described(Schema.Array(Protocol.fileOrUrl), "Paths or data URLs; they go with the last user message."),
  image_path: described(Protocol.fileOrUrl, "One of them."),
  file_path: described(Protocol.file, "A text file, appended to the last user message; an image goes to `images`."),
  files: described(Schema.Array(Protocol.file), "Several of them."),
  directory: described(
    Protocol.file,
    "A folder: the files in it by name, as in `files`, without those of its folders."
  ),
  file_pattern: described(
    Schema.NonEmptyString,
    "Which files of `directory`: `*.txt`. `*` stands for any signs, `?` for one. Default `*`."
  ),
  temperature: described(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), "Default 0.7."),
  max_tokens: described(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(-1)),
    "Of the answer. -1: no limit. Default: the provider's own."
  ),
  top_p: described(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })), "Nucleus sampling."),
  top_k: described(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)), "Tokens to choose from."),
  seed: described(Schema.Int, "The same seed, model and params give the same text, if the model can do that."),
  stop: described(
    Schema.Union([Schema.NonEmptyString, Schema.Array(Schema.NonEmptyString)]),
    "The answer ends before any of these."
  ),
  format: described(Schema.Union([Schema.Literal("json"), JsonObject]), "`json`, or a JSON Schema as in `schema`."),
  schema: described(JsonObject, "JSON Schema of the answer, which is parsed into `result`."),
  think: described(
    Schema.Union([Schema.Boolean, Schema.Literals(["low", "medium", "high", "max"])]),
    "Whether a model that can reason does."
  ),
  ...server,
  stream: elsewhere("text always streams to whoever watches the run, as `--watch` does"),
  tools: elsewhere("`agent/run` lets a model call methods"),
  tool_choice: elsewhere("`agent/run` lets a model call methods"),
  batch_mode: elsewhere("`foreach` makes one call for each item")
}

const chat = {
  messages: described(Schema.Array(Message), "The conversation so far."),
  prompt: Schema.optionalKey(text("One more user message, or the only one.")),
  ...common
}

/** There is something to answer. */
export const says = Schema.makeFilter<Pick<Schema.Struct.Type<typeof chat>, "messages" | "prompt">>(
  ({ messages, prompt }) =>
    (messages ?? []).length > 0 ||
    prompt !== undefined ||
    "needs `messages` (a list of {role, content}, not empty) or `prompt`",
  { toJsonSchema: () => ({ anyOf: [{ required: ["messages"] }, { required: ["prompt"] }] }) }
)

/** Params that may bring an image. */
const showing = ["images", "image_path", "file_path", "files", "directory", "messages"] as const

const shows = Schema.makeFilter<Schema.Struct.Type<typeof chat>>(
  ({ messages = [], ...params }) =>
    showing.some((name) => name !== "messages" && params[name] !== undefined) ||
    messages.some(({ images = [] }) => images.length > 0) ||
    "needs an image: `images` (paths or data URLs), or `images` of a message",
  { toJsonSchema: () => ({ anyOf: showing.map((name) => ({ required: [name] })) }) }
)

export const ChatParams = Schema.Struct(chat).check(says)
export type ChatParams = typeof ChatParams.Type

/** A chat with something to look at. */
export const VisionParams = Schema.Struct(chat).check(says, shows)
export type VisionParams = typeof VisionParams.Type

export const GenerateParams = Schema.Struct({
  prompt: text("What the text follows from."),
  ...common
})
export type GenerateParams = typeof GenerateParams.Type

/** The names under which an embedding takes what it is of. */
const embedded = ["text", "texts", "prompt", "input"] as const

export const EmbedParams = Schema.Struct({
  text: Schema.optionalKey(text("What the vector stands for.")),
  texts: described(Schema.Array(text("Text. Other values become their JSON text.")), "One vector each, in this order."),
  prompt: Schema.optionalKey(text("The same as `text`.")),
  input: described(Schema.Union([Schema.String, Schema.Array(Schema.String)]), "The same as `text` or `texts`."),
  model: described(Protocol.model, "Default: the provider's own for embeddings."),
  dimensions: described(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
    "Numbers in each vector, if the model can do that. Default: the model's own."
  ),
  truncate: described(
    Schema.Boolean,
    "Whether a text that is too long for the model is cut at its end. False: it is refused. Default: the provider's own."
  ),
  ...server
}).check(
  Schema.makeFilter(
    (params) =>
      embedded.filter((name) => params[name] !== undefined).length === 1 ||
      "needs just one of `text`, `texts`, `prompt`, `input`",
    { toJsonSchema: () => ({ oneOf: embedded.map((name) => ({ required: [name] })) }) }
  )
)
export type EmbedParams = typeof EmbedParams.Type

/** The texts of an embedding, and whether they were given as a list. */
export const textsOf = ({
  input,
  prompt,
  text,
  texts
}: EmbedParams): { readonly texts: ReadonlyArray<string>; readonly isList: boolean } => {
  if (texts !== undefined) return { texts, isList: true }
  if (Array.isArray(input)) return { texts: input, isList: true }
  // Safe: the check of the params has seen that one of them is there, and what is left is text.
  return { texts: [text ?? prompt ?? (input as string)], isList: false }
}

/** A model without the name of its provider before it: `gpu-box:llama3.2` of `gpu-box` is `llama3.2`. */
export const withoutProvider = (provider: string, model: string): string =>
  model.startsWith(`${provider}:`) && model.length > provider.length + 1 ? model.slice(provider.length + 1) : model

/** The messages that a model gets: `system` first, `prompt` last. */
export const conversation = ({
  messages = [],
  prompt,
  system
}: Pick<ChatParams, "messages" | "prompt" | "system">): ReadonlyArray<Message> => [
  ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
  ...messages,
  ...(prompt === undefined ? [] : [{ role: "user", content: prompt } as const])
]

const of = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const provider = {
  model: of(Schema.String, "As the server names it."),
  provider: of(Schema.String, "Who has served the call."),
  provider_id: of(Schema.String, "The same as `provider`."),
  endpoint: described(Schema.String, "Where the model runs: its server's URL.")
}

/** What it took. What is unknown is left out. */
const account = {
  timing: of(
    Schema.Struct({
      total_ms: of(Schema.Finite, "From the request to the end of the answer."),
      load_ms: described(Schema.Finite, "Of that: until the model was in memory."),
      prompt_ms: described(Schema.Finite, "Of that: until the prompt was read."),
      generation_ms: described(Schema.Finite, "Of that: until the answer was written."),
      first_token_ms: described(Schema.Finite, "From the request to the first sign of the answer."),
      tokens_per_second: described(Schema.Finite, "While the answer was written.")
    }),
    "Milliseconds."
  ),
  tokens_used: described(Schema.Finite, "The same as `usage.total_tokens`."),
  total_duration: described(Schema.Finite, "Nanoseconds, as the server says."),
  cost: described(
    Schema.Struct({
      usd: of(Schema.Finite, "US dollars."),
      source: of(
        Schema.String,
        "Whose price it is: `table`, `genai-prices`, or `local` for a model on one's own machine."
      )
    }),
    "Left out where the price is not known."
  ),
  attempts: described(Schema.Int, "Requests to the model: more than one where an answer had to be put right."),
  simulated: described(Schema.Literal(true), "No model was asked."),
  warnings: described(Schema.Array(Schema.String), "What to know before the answer is trusted.")
}

/** What every method that gives text returns. What is unknown is left out. */
export const Reply = Schema.Struct({
  content: of(Schema.String, "The text."),
  response: of(Schema.String, "The same as `content`."),
  result: of(Schema.Json, "The parsed value where JSON was asked for, else the text."),
  role: of(Schema.Literal("assistant"), "Who speaks."),
  message: of(
    Schema.Struct({
      role: Schema.Literal("assistant"),
      content: of(Schema.String, "The same as `content` above."),
      reasoning: described(Schema.String, "What the model thought before it spoke.")
    }),
    "The text as one more message of the conversation."
  ),
  ...provider,
  finish_reason: of(
    Schema.Literals(["stop", "length", "tool_calls", "content_filter", "error", "other"]),
    "Why the text ends. `length`: it was cut off."
  ),
  usage: of(
    Schema.Struct({
      input_tokens: described(Schema.Finite, "Of the prompt."),
      output_tokens: described(Schema.Finite, "Of the answer."),
      total_tokens: described(Schema.Finite, "Both.")
    }),
    "Tokens, of all attempts."
  ),
  ...account
})
export type Reply = typeof Reply.Type

/** What a provider knows of an answer; the other fields of a reply say the same again. */
export interface Said extends Pick<
  Reply,
  "model" | "provider" | "timing" | "endpoint" | "total_duration" | "cost" | "attempts" | "simulated" | "warnings"
> {
  readonly content: string
  /** Default: the text. */
  readonly result?: Schema.Json
  readonly reasoning?: string
  /** Default `stop`. */
  readonly finish_reason?: Reply["finish_reason"]
  /** Default: unknown. */
  readonly usage?: Pick<Reply["usage"], "input_tokens" | "output_tokens">
}

export const reply = ({ content, finish_reason, reasoning, result, usage = {}, ...said }: Said): Reply => {
  const { input_tokens, output_tokens } = usage
  const total = input_tokens === undefined || output_tokens === undefined ? undefined : input_tokens + output_tokens
  return {
    content,
    response: content,
    result: result === undefined ? content : result,
    role: "assistant",
    message: { role: "assistant", content, ...(reasoning === undefined ? {} : { reasoning }) },
    finish_reason: finish_reason ?? "stop",
    usage: { ...usage, ...(total === undefined ? {} : { total_tokens: total }) },
    ...(total === undefined ? {} : { tokens_used: total }),
    ...said,
    provider_id: said.provider
  }
}

const Vector = Schema.Array(Schema.Finite)

export const Embedding = Schema.Struct({
  embedding: of(Vector, "The vector of the first text; empty without texts."),
  embeddings: of(Schema.Array(Vector), "One vector for each text, in the order of the texts."),
  dimensions: of(Schema.Int, "Numbers in each vector."),
  // any JSON: there may be millions of numbers, and each was looked at just above
  result: of(Schema.Json, "`embedding` of a text, `embeddings` of a list."),
  ...provider,
  usage: of(
    Schema.Struct({
      input_tokens: described(Schema.Finite, "Of all texts."),
      total_tokens: described(Schema.Finite, "The same.")
    }),
    "Tokens."
  ),
  ...account
})
export type Embedding = typeof Embedding.Type

export const Models = Schema.Struct({
  models: of(
    Schema.Array(
      Schema.Struct({
        name: of(Schema.String, "With its tag: `llama3.2:latest`."),
        size: described(Schema.Finite, "Bytes on disk."),
        digest: described(Schema.String, "Of what the model is made of."),
        capabilities: described(
          Schema.Array(Schema.String),
          "`completion`, `tools`, `vision`, `thinking`, `embedding`: as the server says."
        ),
        loaded: of(Schema.Boolean, "Whether it is in memory, anywhere."),
        context_length: described(Schema.Finite, "Tokens that fit into its context as it is loaded."),
        endpoints: of(Schema.Array(Schema.String), "The servers that have it.")
      })
    ),
    "By name."
  ),
  result: of(Schema.Array(Schema.String), "The names alone."),
  provider: provider.provider,
  provider_id: provider.provider_id,
  simulated: account.simulated
})
export type Models = typeof Models.Type

const answer = (content: string, result: Schema.Json = content) => ({
  content,
  response: content,
  result,
  role: "assistant",
  message: { role: "assistant", content },
  model: "llama3.2:latest",
  provider: "ollama",
  provider_id: "ollama",
  endpoint: "http://127.0.0.1:11434",
  finish_reason: "stop",
  usage: { input_tokens: 12, output_tokens: 4, total_tokens: 16 },
  tokens_used: 16,
  timing: {
    total_ms: 420,
    load_ms: 3,
    prompt_ms: 80,
    generation_ms: 320,
    first_token_ms: 90,
    tokens_per_second: 12.5
  },
  total_duration: 410_000_000,
  cost: { usd: 0, source: "local" },
  attempts: 1
})

/** An image that every provider finds, wherever it is: one pixel, as a PNG. */
const dot =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="

const vectors = (embeddings: ReadonlyArray<ReadonlyArray<number>>, isList: boolean) => ({
  embedding: embeddings[0] ?? [],
  embeddings,
  dimensions: 3,
  result: isList ? embeddings : (embeddings[0] ?? []),
  model: "nomic-embed-text:latest",
  provider: "ollama",
  provider_id: "ollama",
  usage: { input_tokens: 4, total_tokens: 4 },
  tokens_used: 4,
  timing: { total_ms: 35, load_ms: 2 },
  attempts: 1
})

const embeddings = {
  description: "Turns texts into vectors: texts that mean the same have vectors that lie close",
  effects: "reads",
  params: EmbedParams,
  result: Embedding,
  optional: true
} as const

const generate = {
  description: "Goes on from a prompt, without a conversation",
  effects: "reads",
  params: GenerateParams,
  result: Reply,
  examples: [
    {
      params: { model: "llama3.2", prompt: "Complete this: Once upon a", temperature: 0 },
      result: answer("time in a land")
    }
  ]
} as const

export const LlmV1 = Protocol.make("llm/v1", {
  description: "Text from language models",
  methods: {
    "llm/chat": Method.make({
      description: "Answers a conversation, or a single prompt",
      effects: "reads",
      params: ChatParams,
      result: Reply,
      examples: [
        {
          params: { model: "llama3.2", messages: [{ role: "user", content: "Say hello to Ada." }] },
          result: answer("Hello, Ada, welcome!")
        },
        {
          params: {
            prompt: "How many moons has Mars?",
            schema: { type: "object", required: ["moons"], properties: { moons: { type: "integer" } } }
          },
          result: answer(`{"moons": 2}`, { moons: 2 })
        }
      ]
    }),
    "llm/generate": Method.make(generate),
    "llm/complete": Method.make({
      ...generate,
      description: "The same as llm/generate",
      optional: true,
      examples: [{ params: { prompt: "Roses are red," }, result: answer("violets are blue.") }]
    }),
    "llm/vision": Method.make({
      description: "Answers questions about images",
      effects: "reads",
      params: VisionParams,
      result: Reply,
      optional: true,
      examples: [
        {
          params: { model: "llava", images: [dot], messages: [{ role: "user", content: "What's in this image?" }] },
          result: { ...answer("A single dot."), model: "llava:latest" }
        }
      ]
    }),
    "llm/embeddings": Method.make({
      ...embeddings,
      examples: [
        { params: { model: "nomic-embed-text", text: "Text to embed" }, result: vectors([[0.6, 0, 0.8]], false) },
        {
          params: { texts: ["one", "two"] },
          result: vectors(
            [
              [1, 0, 0],
              [0, 1, 0]
            ],
            true
          )
        }
      ]
    }),
    "llm/embed": Method.make({
      ...embeddings,
      description: "The same as llm/embeddings",
      examples: [{ params: { input: "Text to embed" }, result: vectors([[0.6, 0, 0.8]], false) }]
    }),
    "llm/models": Method.make({
      description: "Lists the models that there are",
      effects: "reads",
      params: Schema.Struct({}),
      result: Models,
      optional: true,
      examples: [
        {
          params: {},
          result: {
            models: [
              {
                name: "llama3.2:latest",
                size: 2_019_393_189,
                digest: "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
                capabilities: ["completion", "tools"],
                loaded: true,
                context_length: 8192,
                endpoints: ["http://127.0.0.1:11434"]
              }
            ],
            result: ["llama3.2:latest"],
            provider: "ollama",
            provider_id: "ollama"
          }
        }
      ]
    })
  }
})
