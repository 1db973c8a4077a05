/**
 * `llm/v1` on one Ollama server. Text streams to whoever watches while the server sends it; the result is the same with
 * or without watchers. The layer opens nothing: a server that is away fails the call, not the start.
 */
import { Errors, type Failure, LlmV1, Provider, type Providers, TaskContext } from "@gleitzeit/core"
import { Clock, Effect, type Layer, Option, Result, Schema, type Scope } from "effect"
import * as Attachments from "./Attachments.ts"
import { Answer, type Wanted } from "./OllamaAnswer.ts"
import * as OllamaClient from "./OllamaClient.ts"
import { Refused } from "./OllamaFailure.ts"
import * as OllamaRequest from "./OllamaRequest.ts"
import { fullName, type Request } from "./OllamaSchema.ts"
import * as OllamaUrl from "./OllamaUrl.ts"

export interface Options {
  /** A URL, `HOST:PORT`, or what `OLLAMA_HOST` may say. Default `http://127.0.0.1:11434`. */
  readonly url?: string
  /** Sent with every request, such as `authorization`. Never logged. */
  readonly headers?: { readonly [name: string]: string }
  /**
   * Models by the names that tasks may use in place of the models' own. `default` is taken where a task names none
   * (`llama3.2`), `vision` where it names none and brings images (`llava`).
   */
  readonly models?: { readonly [name: string]: string }
  /** Calls under way at once; further ones wait. Default 4: Ollama itself queues without a limit. */
  readonly concurrency?: number
  /** Milliseconds. Default 3 000. */
  readonly connectTimeout?: number
  /** Milliseconds until the first token; the model may have to be loaded first. Default 300 000. */
  readonly firstTokenTimeout?: number
  /** Milliseconds between two tokens. Default 60 000. */
  readonly idleTimeout?: number
  /** Default `ollama`. */
  readonly name?: string
}

export type Spec = Provider.Spec<(typeof LlmV1.LlmV1)["methods"]>

/** Fails with `ProviderRefused` when `url` is no address. */
export const make = (options: Options = {}): Effect.Effect<Spec, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { concurrency = 4, name = "ollama" } = options
    const models = { default: "llama3.2", vision: "llava", ...options.models }
    const address = OllamaUrl.parse(options.url ?? OllamaUrl.standard)
    if (Result.isFailure(address)) {
      return yield* new Errors.ProviderRefused({ provider: name, reason: address.failure })
    }
    const { url } = address.success
    for (const header of Object.entries(options.headers ?? {})) {
      // its own words would quote the value
      if (Result.isFailure(Result.try(() => new Headers([header])))) {
        const reason = `the header ${JSON.stringify(header[0])} cannot be sent: its name or its value has signs that no header may have`
        return yield* new Errors.ProviderRefused({ provider: name, reason })
      }
    }
    const client = yield* OllamaClient.make({
      name,
      url,
      headers: { ...address.success.headers, ...options.headers },
      connectTimeout: options.connectTimeout ?? 3000,
      firstTokenTimeout: options.firstTokenTimeout ?? 300_000,
      idleTimeout: options.idleTimeout ?? 60_000
    })

    const modelFor = (asked: string | undefined, images: boolean): string =>
      asked === undefined ? (images ? models.vision : models.default) : (own(models, asked) ?? asked)

    /** A refusal in words that help: which models there are, when there is not the one that was asked for. */
    const explained = (refused: Refused, model: string): Effect.Effect<never, Failure.Failure> =>
      refused.status !== 404
        ? client.explain(refused)
        : Effect.matchEffect(client.models, {
            onFailure: () => {
              const reason = `${url} answers 404 and lists no models: it does not look like an Ollama server`
              return Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: false }))
            },
            onSuccess: (all): Effect.Effect<never, Failure.Failure> => {
              const available = all.map((model) => model.name)
              if (available.some((name) => fullName(name) === fullName(model))) return client.explain(refused)
              return Effect.fail(absent(model, available))
            }
          })

    const absent = (model: string, available: ReadonlyArray<string>) =>
      new Errors.ModelNotFound({ provider: name, model, available, remedy: `get it with "ollama pull ${model}"` })

    const ask = Effect.fnUntraced(function* (
      method: string,
      route: "chat" | "generate",
      request: Request,
      wanted: Wanted
    ): Effect.fn.Return<LlmV1.Reply, Failure.Failure, TaskContext.TaskContext> {
      const task = yield* TaskContext.TaskContext
      const clock = yield* Clock.Clock
      const start = clock.currentTimeMillisUnsafe()
      const answer = new Answer()
      yield* Effect.catchIf(
        client.ask(route, request, (part) =>
          Effect.suspend(() => {
            const { reasoning, text } = answer.add(part, clock.currentTimeMillisUnsafe() - start)
            if (answer.size > largest) {
              return Effect.fail(new Errors.ResultTooLarge({ size: answer.size, limit: largest }))
            }
            const counted = answer.count === 1 ? task.usage({ calls: 1 }) : Effect.void
            const thought = reasoning === "" ? Effect.void : task.emit({ _tag: "Reasoning", text: reasoning })
            const said = text === "" ? Effect.void : task.emit({ _tag: "Text", text })
            return Effect.andThen(counted, Effect.andThen(thought, said))
          })
        ),
        (error): error is Refused => error instanceof Refused,
        (refused) => explained(refused, request.model)
      )
      const { tokens } = answer
      if (Object.keys(tokens).length > 0) yield* task.usage(tokens)
      const total = clock.currentTimeMillisUnsafe() - start
      return yield* Effect.fromResult(answer.reply({ method, provider: name, model: request.model, wanted, total }))
    })

    const chat = Effect.fnUntraced(function* (params: LlmV1.ChatParams) {
      const method = "llm/chat"
      const attachments = yield* Attachments.read(method, params)
      const inline = new Map<LlmV1.Message, ReadonlyArray<Uint8Array>>()
      for (const message of params.messages ?? []) {
        const { images = [] } = message
        if (images.length > 0)
          inline.set(message, yield* Effect.forEach(images, (image) => Attachments.inline(method, image)))
      }
      const model = modelFor(params.model, attachments.images.length > 0 || inline.size > 0)
      const request = OllamaRequest.chat(params, model, attachments, inline)
      return yield* ask(method, "chat", request, OllamaRequest.wanted(params))
    })

    const generate = (method: string) =>
      Effect.fnUntraced(function* (params: LlmV1.GenerateParams) {
        const attachments = yield* Attachments.read(method, params)
        const model = modelFor(params.model, attachments.images.length > 0)
        const request = OllamaRequest.generate(params, model, attachments)
        return yield* ask(method, "generate", request, OllamaRequest.wanted(params))
      })

    return {
      name,
      concurrency,
      capabilities: { streaming: true },
      handlers: {
        "llm/chat": chat,
        "llm/generate": generate("llm/generate"),
        "llm/complete": generate("llm/complete")
      },
      health: Effect.all({ version: client.version, models: client.models }, { concurrency: 2 }).pipe(
        Effect.timeoutOption(healthTimeout),
        Effect.match({
          onFailure: (failure): Provider.Health => ({ status: "unhealthy", details: { url, reason: failure.message } }),
          onSuccess: Option.match({
            onNone: (): Provider.Health => ({
              status: "unhealthy",
              details: { url, reason: `${url} does not answer within ${healthTimeout / 1000} s` }
            }),
            onSome: ({ models, version }): Provider.Health => ({
              status: "healthy",
              details: { url, version, models: models.map(({ name }) => name) }
            })
          })
        })
      ),
      // a server that does not say which models it has may still answer
      identity: (_method, params) =>
        Effect.gen(function* () {
          const chosen = decodeChosen(params)
          if (Result.isFailure(chosen)) return undefined
          const { file_path, files, images = [], messages = [], model } = chosen.success
          // What files hold decides which model is taken, so without a name there is no telling here.
          if (model === undefined && (file_path !== undefined || files !== undefined)) return undefined
          const shown = [images, ...messages.map(({ images = [] }) => images)]
          const wanted = modelFor(
            model,
            shown.some(({ length }) => length > 0)
          )
          const all = yield* Effect.option(client.models)
          if (Option.isNone(all)) return undefined
          const found = all.value.find(({ name }) => fullName(name) === fullName(wanted))
          if (found !== undefined) return found.digest
          const available = all.value.map(({ name }) => name)
          return yield* absent(wanted, available)
        }),
      estimate: (_method, params) => {
        const limited = decodeLimited(params)
        return Effect.succeed(
          Result.isSuccess(limited) && limited.success.provider_options === undefined
            ? { output_tokens: limited.success.max_tokens }
            : {}
        )
      }
    }
  })

/** The provider on duty for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Provider.layer(LlmV1.LlmV1, make(options))

// internal

/** Milliseconds. */
const healthTimeout = 1000

/** Characters of an answer, what was reasoned included. */
const largest = 16 * 1024 ** 2

const own = (models: { readonly [name: string]: string }, name: string): string | undefined =>
  Object.hasOwn(models, name) ? models[name] : undefined

/** The params that decide which model is asked. */
const decodeChosen = Schema.decodeUnknownResult(
  Schema.Struct({
    model: Schema.optionalKey(Schema.String),
    images: Schema.optionalKey(Schema.Array(Schema.Unknown)),
    messages: Schema.optionalKey(
      Schema.Array(Schema.Struct({ images: Schema.optionalKey(Schema.Array(Schema.Unknown)) }))
    ),
    file_path: Schema.optionalKey(Schema.Unknown),
    files: Schema.optionalKey(Schema.Unknown)
  })
)

/** The params that say how long an answer is at most. -1: no limit. */
const decodeLimited = Schema.decodeUnknownResult(
  Schema.Struct({
    max_tokens: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
    provider_options: Schema.optionalKey(Schema.Unknown)
  })
)
