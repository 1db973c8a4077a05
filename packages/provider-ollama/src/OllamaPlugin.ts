/**
 * `@gleitzeit/provider-ollama` by its name in a configuration: the options as files write them, with units, made into
 * those of `OllamaProvider`.
 */
import { Errors, LlmV1, Plugin, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Schedule, Schema } from "effect"
import type * as HubEndpoints from "./HubEndpoints.ts"
import * as OllamaProvider from "./OllamaProvider.ts"

const Tokens = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** A server with what is to be known of it. */
const Endpoint = Schema.Struct({
  url: Schema.NonEmptyString,
  weight: Schema.optionalKey(
    Schema.Finite.check(Schema.isGreaterThan(0)).annotate({
      description: "How fast it is beside the others, until that is known. Default 1."
    })
  ),
  max_concurrent: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Requests at once for one model, as `OLLAMA_NUM_PARALLEL` there. Default 1."
    })
  ),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "Sent to this one alone. Never shown." })
  ),
  models: Schema.optionalKey(
    Schema.Struct({
      allow: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
      deny: Schema.optionalKey(Schema.Array(Schema.NonEmptyString))
    }).annotate({
      description: "Models that may be asked for there, or may not; `*` stands for anything. Default: all may."
    })
  )
})
type Endpoint = typeof Endpoint.Type

export const Options = Schema.Struct({
  endpoint: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The server's URL. Default http://127.0.0.1:11434." })
  ),
  endpoints: Schema.optionalKey(
    Schema.Array(Schema.Union([Schema.NonEmptyString, Endpoint])).annotate({
      description: "Servers in place of `endpoint`: URLs, or with what is to be known of each."
    })
  ),
  discover: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "Looks for servers on this machine, on the ports 11434 to 11439, where `endpoints` names none. Default: only where `endpoint` does not say either."
    })
  ),
  max_queue: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Requests that wait for one of several servers; one more fails. Default 512."
    })
  ),
  pool: Schema.optionalKey(
    Schema.Union([Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), Schema.Array(Schema.NonEmptyString)]).annotate({
      description: "A number: connections to the server at once, default no limit. A list: the same as `endpoints`."
    })
  ),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "Sent with every request. Never shown." })
  ),
  models: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.NonEmptyString).annotate({
      description:
        "Models by the names that tasks may use; `default`, `vision` and `embedding` where a task names none."
    })
  ),
  default_models: Schema.optionalKey(
    Schema.Struct({
      chat: Schema.optionalKey(Schema.NonEmptyString),
      vision: Schema.optionalKey(Schema.NonEmptyString),
      embedding: Schema.optionalKey(Schema.NonEmptyString)
    }).annotate({ description: "The same for `default`, `vision` and `embedding`, by other names." })
  ),
  num_ctx: Schema.optionalKey(
    Schema.Union([Tokens, Schema.Record(Schema.String, Tokens)]).annotate({
      description:
        "Tokens that fit into a model's context: one number, or by model with `default` for the others. Default 8192. 0: the server decides."
    })
  ),
  max_tokens: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(-1)).annotate({
      description: "Of an answer, where a task does not say. Default 8192. -1: no limit."
    })
  ),
  repair: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })).annotate({
      description: "How often a model is asked again for JSON that is not what was asked for. Default 1."
    })
  ),
  concurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Calls at once. Default 4 with one server, no limit with several."
    })
  ),
  timeout: Schema.optionalKey(Plugin.duration.annotate({ description: "Of a whole call. Default: none." })),
  connect_timeout: Schema.optionalKey(Plugin.duration),
  first_token_timeout: Schema.optionalKey(Plugin.duration),
  idle_timeout: Schema.optionalKey(Plugin.duration),
  max_retries: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })).annotate({
      description: "Of one attempt, while the model has said nothing. Default 0: trying again is the task's `retry`."
    })
  )
})
export type Options = typeof Options.Type

export const plugin: Plugin.ProviderPlugin = Plugin.open({
  name: "ollama",
  options: Options,
  make: (options, name) =>
    Effect.gen(function* () {
      const { max_retries = 0, timeout } = options
      const spec = yield* OllamaProvider.make({
        name,
        models: models(options),
        ...servers(options),
        ...(options.max_queue === undefined ? {} : { maxQueue: options.max_queue }),
        ...(typeof options.pool === "number" ? { connections: options.pool } : {}),
        ...(options.num_ctx === undefined ? {} : { context: options.num_ctx }),
        ...(options.max_tokens === undefined ? {} : { maxTokens: options.max_tokens }),
        ...(options.repair === undefined ? {} : { repair: options.repair }),
        ...(options.headers === undefined ? {} : { headers: options.headers }),
        ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
        ...(options.connect_timeout === undefined ? {} : { connectTimeout: options.connect_timeout }),
        ...(options.first_token_timeout === undefined ? {} : { firstTokenTimeout: options.first_token_timeout }),
        ...(options.idle_timeout === undefined ? {} : { idleTimeout: options.idle_timeout })
      })
      const provider = yield* Provider.make(LlmV1.LlmV1, spec)
      return { ...provider, call: within(name, timeout, again(max_retries, provider.call)) }
    })
})

// internal

type Call = Provider.Provider["call"]

/** What is said about several wins. Where nothing is said, servers are looked for. */
const servers = ({
  discover,
  endpoint,
  endpoints = [],
  pool
}: Options): Pick<OllamaProvider.Options, "discover" | "endpoints" | "url"> => {
  const several = [...endpoints.map(server), ...(typeof pool === "object" ? pool : [])]
  if (several.length > 0) return { endpoints: several }
  return { ...(endpoint === undefined ? {} : { url: endpoint }), discover: discover ?? endpoint === undefined }
}

const server = (written: string | Endpoint): string | HubEndpoints.Endpoint => {
  if (typeof written === "string") return written
  const { max_concurrent, ...endpoint } = written
  return { ...endpoint, ...(max_concurrent === undefined ? {} : { maxConcurrent: max_concurrent }) }
}

const models = ({
  default_models: { chat, embedding, vision } = {},
  models = {}
}: Options): { readonly [name: string]: string } => ({
  ...(chat === undefined ? {} : { default: chat }),
  ...(vision === undefined ? {} : { vision }),
  ...(embedding === undefined ? {} : { embedding }),
  ...models
})

const within = (provider: string, timeout: number | undefined, call: Call): Call => {
  if (timeout === undefined) return call
  const late = new Errors.ProviderTimeout({ provider, phase: "the call", seconds: timeout / 1000 })
  return (method, params) =>
    Effect.timeoutOrElse(call(method, params), { duration: timeout, orElse: () => Effect.fail(late) })
}

/** Whoever watches has seen what was said: it is not said twice. */
const again = (times: number, call: Call): Call =>
  times === 0
    ? call
    : Effect.fnUntraced(function* (method, params) {
        const task = yield* TaskContext.TaskContext
        let silent = true
        const emit: typeof task.emit = (chunk) => {
          silent = false
          return task.emit(chunk)
        }
        const called = Effect.provideService(call(method, params), TaskContext.TaskContext, { ...task, emit })
        return yield* Effect.retry(called, {
          times,
          while: ({ retryable }) => retryable && silent,
          schedule: Schedule.exponential("500 millis")
        })
      })
