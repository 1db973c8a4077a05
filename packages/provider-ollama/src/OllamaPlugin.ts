/**
 * `@gleitzeit/provider-ollama` by its name in a configuration: the options as files write them, with units, made into
 * those of `OllamaProvider`.
 */
import { Errors, LlmV1, Plugin, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Schedule, Schema } from "effect"
import * as OllamaProvider from "./OllamaProvider.ts"

export const Options = Schema.Struct({
  endpoint: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The server's URL. Default http://127.0.0.1:11434." })
  ),
  endpoints: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString).annotate({ description: "One URL, in place of `endpoint`." })
  ),
  pool: Schema.optionalKey(Schema.Array(Schema.NonEmptyString).annotate({ description: "The same as `endpoints`." })),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "Sent with every request. Never shown." })
  ),
  models: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.NonEmptyString).annotate({
      description: "Models by the names that tasks may use; `default` and `vision` where a task names none."
    })
  ),
  default_models: Schema.optionalKey(
    Schema.Struct({
      chat: Schema.optionalKey(Schema.NonEmptyString),
      vision: Schema.optionalKey(Schema.NonEmptyString),
      embedding: Schema.optionalKey(Schema.NonEmptyString)
    }).annotate({ description: "The same for `default` and `vision`, by other names." })
  ),
  concurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Calls at once. Default 4." })
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
      const url = yield* endpoint(options, name)
      const spec = yield* OllamaProvider.make({
        name,
        models: models(options),
        ...(url === undefined ? {} : { url }),
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

/** One server: a choice between several is not there yet. */
const endpoint = (
  { endpoint, endpoints = [], pool = [] }: Options,
  name: string
): Effect.Effect<string | undefined, Errors.ProviderRefused> => {
  const several = [...new Set([...endpoints, ...pool])]
  // `endpoint` has a default in the settings: what is said about several wins
  if (several.length > 1) {
    const reason = `\`endpoints\` names ${several.length} servers, and this version works with one: give each a provider of its own under \`providers\`, with \`use: ollama\``
    return Effect.fail(new Errors.ProviderRefused({ provider: name, reason }))
  }
  return Effect.succeed(several[0] ?? endpoint)
}

const models = ({
  default_models: { chat, vision } = {},
  models = {}
}: Options): { readonly [name: string]: string } => ({
  ...(chat === undefined ? {} : { default: chat }),
  ...(vision === undefined ? {} : { vision }),
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
