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

const common = {
  model: described(Protocol.model, "Default: the provider's own."),
  system: Schema.optionalKey(text("What the model is told before everything else.")),
  images: described(Schema.Array(Protocol.fileOrUrl), "Paths or data URLs; they go with the last user message."),
  file_path: described(Protocol.file, "A text file, appended to the last user message; an image goes to `images`."),
  files: described(Schema.Array(Protocol.file), "Several of them."),
  temperature: described(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), "Default 0.7."),
  max_tokens: described(Schema.Int.check(Schema.isGreaterThanOrEqualTo(-1)), "Of the answer. -1: no limit."),
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
  keep_alive: described(
    Schema.Union([Schema.Finite, Schema.NonEmptyString]),
    "How long the model stays loaded: seconds, or `5m`. 0 unloads it, below 0 keeps it."
  ),
  provider_options: described(
    Schema.Record(Schema.String, JsonObject),
    "What only one provider knows, under its name: `ollama: { num_ctx: 8192 }`."
  )
}

export const ChatParams = Schema.Struct({
  messages: described(Schema.Array(Message), "The conversation so far."),
  prompt: Schema.optionalKey(text("One more user message, or the only one.")),
  ...common
}).check(
  Schema.makeFilter(
    ({ messages, prompt }) =>
      (messages ?? []).length > 0 ||
      prompt !== undefined ||
      "needs `messages` (a list of {role, content}, not empty) or `prompt`",
    { toJsonSchema: () => ({ anyOf: [{ required: ["messages"] }, { required: ["prompt"] }] }) }
  )
)
export type ChatParams = typeof ChatParams.Type

export const GenerateParams = Schema.Struct({
  prompt: text("What the text follows from."),
  ...common
})
export type GenerateParams = typeof GenerateParams.Type

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

/** What every method that gives text returns. `content` and `response` are the same text. What is unknown is left out. */
export const Reply = Schema.Struct({
  content: Schema.String,
  response: Schema.String,
  /** The parsed value when JSON was asked for, else the text. */
  result: Schema.Json,
  message: Schema.Struct({
    role: Schema.Literal("assistant"),
    content: Schema.String,
    reasoning: Schema.optionalKey(Schema.String)
  }),
  /** As the server names it. */
  model: Schema.String,
  provider: Schema.String,
  finish_reason: Schema.Literals(["stop", "length", "tool_calls", "content_filter", "error", "other"]),
  usage: Schema.Struct({
    input_tokens: Schema.optionalKey(Schema.Finite),
    output_tokens: Schema.optionalKey(Schema.Finite),
    total_tokens: Schema.optionalKey(Schema.Finite)
  }),
  /** Milliseconds. */
  timing: Schema.Struct({
    total_ms: Schema.Finite,
    load_ms: Schema.optionalKey(Schema.Finite),
    first_token_ms: Schema.optionalKey(Schema.Finite)
  }),
  /** No model was asked. */
  simulated: Schema.optionalKey(Schema.Literal(true)),
  warnings: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Reply = typeof Reply.Type

const answer = (content: string, result: Schema.Json = content) => ({
  content,
  response: content,
  result,
  message: { role: "assistant", content },
  model: "llama3.2:latest",
  provider: "ollama",
  finish_reason: "stop",
  usage: { input_tokens: 12, output_tokens: 4, total_tokens: 16 },
  timing: { total_ms: 420, load_ms: 3, first_token_ms: 90 }
})

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
    })
  }
})
