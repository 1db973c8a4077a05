/**
 * `agent/v1`: a language model that works towards an answer with tools, which are methods of other providers. Words only:
 * the loop is a provider's matter.
 */
import { Schema } from "effect"
import { Failure } from "./Failure.ts"
import { ChatParams, says } from "./LlmV1.ts"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"
import { Usage } from "./Task.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const JsonObject = Schema.Record(Schema.String, Schema.Json)

const patterns = Schema.Array(Schema.NonEmptyString)

const { max_tokens, messages, model, prompt, provider_options, system, temperature } = ChatParams.fields

export const RunParams = Schema.Struct({
  messages,
  prompt,
  system,
  model,
  temperature,
  max_tokens,
  provider_options,
  tools: described(
    patterns,
    "Methods that the model may call: names, or patterns such as `weather/*` (`*`: anything but a slash, `**`: anything). Methods that write are meant by their names alone, or with `approve`. Default: none."
  ),
  approve: described(patterns, "Methods that people are asked about before each call: names or patterns."),
  max_turns: described(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
    "Answers of the model. In the last one it has no tools. Default 10."
  ),
  max_calls: described(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
    "Calls of tools, refused ones too. After them the model has no tools. Default 25."
  ),
  schema: described(JsonObject, "JSON Schema of the final answer. Default: text."),
  on_error: described(
    Schema.Literals(["tell", "fail"]),
    "After a tool fails: `tell` the model (the default), or `fail` as the tool did."
  )
}).check(says)
export type RunParams = typeof RunParams.Type

/** What came of a tool. One of `result` and `error` is there. */
const outcome = {
  result: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Failure),
  /** Characters of the result's JSON text, when it had too many: `result` is the beginning of that text. */
  cut: Schema.optionalKey(Schema.Int)
}

export const Outcome = Schema.Struct(outcome)
export type Outcome = typeof Outcome.Type

export const RunResult = Schema.Struct({
  /** Text, or what `schema` describes; null when the model gave none. */
  answer: Schema.Json,
  /** The answer as text; empty when there is none. */
  content: Schema.String,
  /** The same as `answer`. */
  result: Schema.Json,
  /** Answers of the model, the last one included. */
  turns: Schema.Int,
  /** In order. */
  calls: Schema.Array(Schema.Struct({ method: Schema.String, params: JsonObject, ...outcome })),
  /** `answer`: the model came to its end by itself. Else the limit after which it had no tools any more. */
  stopped: Schema.Literals(["answer", "max_turns", "max_calls"]),
  /** Of the model; what tools have used is not in it. */
  usage: Usage,
  /** No model was asked. */
  simulated: Schema.optionalKey(Schema.Literal(true))
})
export type RunResult = typeof RunResult.Type

export const AgentV1 = Protocol.make("agent/v1", {
  description: "Language models that work with tools",
  methods: {
    "agent/run": Method.make({
      description: "Works towards an answer: a model calls methods until it has one",
      effects: "writes",
      params: RunParams,
      result: RunResult,
      examples: [
        {
          params: { prompt: "What is 6 times 7?", tools: ["data/eval"], max_turns: 4 },
          result: {
            answer: "42",
            content: "42",
            result: "42",
            turns: 2,
            calls: [{ method: "data/eval", params: { expr: "6 * 7" }, result: { result: 42 } }],
            stopped: "answer",
            usage: { calls: 2, input_tokens: 412, output_tokens: 31 }
          }
        },
        {
          params: {
            messages: [{ role: "user", content: "How many moons has Mars?" }],
            model: "llama3.2",
            schema: { type: "object", required: ["moons"], properties: { moons: { type: "integer" } } }
          },
          result: {
            answer: { moons: 2 },
            content: `{"moons":2}`,
            result: { moons: 2 },
            turns: 1,
            calls: [],
            stopped: "answer",
            usage: { calls: 1, input_tokens: 96, output_tokens: 12 }
          }
        }
      ]
    }),
    "agent/tool": Method.make({
      description: "Calls a method for an agent: a failure is a result, so that it is kept as one",
      effects: "writes",
      params: Schema.Struct({
        method: Schema.NonEmptyString.annotate({ description: "Of any provider." }),
        params: JsonObject.annotate({ description: "What the method is given." }),
        max_result: described(
          Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
          "Characters of the result that are kept. Default: the provider's own."
        )
      }),
      result: Outcome,
      examples: [
        {
          params: { method: "data/eval", params: { expr: "6 * 7" } },
          result: { result: { result: 42 } }
        }
      ]
    })
  }
})
