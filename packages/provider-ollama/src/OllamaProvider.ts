/**
 * `llm/v1` on one or many Ollama servers. Text streams to whoever watches while the server sends it; the result is the same with
 * or without watchers. The layer opens nothing: a server that is away fails the call, not the start.
 */
import { Errors, type Failure, LlmV1, Prices, Provider, type Providers } from "@gleitzeit/core"
import { Effect, type Layer, Result, Schema, type Scope } from "effect"
import * as Attachments from "./Attachments.ts"
import * as HubEndpoints from "./HubEndpoints.ts"
import * as OllamaCost from "./OllamaCost.ts"
import * as OllamaEstimate from "./OllamaEstimate.ts"
import * as OllamaModels from "./OllamaModels.ts"
import * as OllamaRequest from "./OllamaRequest.ts"
import { fullName } from "./OllamaSchema.ts"
import * as OllamaText from "./OllamaText.ts"
import * as OllamaUrl from "./OllamaUrl.ts"
import * as OllamaVectors from "./OllamaVectors.ts"

export interface Options {
  /** A URL, `HOST:PORT`, or what `OLLAMA_HOST` may say. Default `http://127.0.0.1:11434`. */
  readonly url?: string
  /** Several servers in place of `url`, by their URLs, or with what is to be known of each. */
  readonly endpoints?: ReadonlyArray<string | HubEndpoints.Endpoint>
  /**
   * Looks for servers on this machine with the first call: on the ports 11434 to 11439 of the loopback interface, and
   * at `url`. Default false; with `endpoints` nothing is looked for.
   */
  readonly discover?: boolean
  /** Requests that wait for one of several servers; one more fails. Default 512. */
  readonly maxQueue?: number
  /** Sent with every request, such as `authorization`. Never logged. */
  readonly headers?: { readonly [name: string]: string }
  /**
   * Models by the names that tasks may use in place of the models' own. `default` is taken where a task names none
   * (`llama3.2`), `vision` where it names none and brings images (`llava`), `embedding` for vectors
   * (`nomic-embed-text`).
   */
  readonly models?: { readonly [name: string]: string }
  /**
   * Calls under way at once; further ones wait. Default 4: Ollama itself queues without a limit. Of several servers each
   * has a limit of its own instead, `maxConcurrent`.
   */
  readonly concurrency?: number
  /** Milliseconds. Default 3 000. */
  readonly connectTimeout?: number
  /** Milliseconds until the first token; the model may have to be loaded first. Default 300 000. */
  readonly firstTokenTimeout?: number
  /** Milliseconds between two tokens. Default 60 000. */
  readonly idleTimeout?: number
  /**
   * Tokens that fit into a model's context, as `num_ctx`: for all models, or by name with `default` for the others. Sent
   * with every request, always the same for a model: a server loads a model again for another one. 0: the server
   * decides, and a prompt that it cuts may go unnoticed. Default 8192.
   */
  readonly context?: number | { readonly [model: string]: number }
  /** Tokens of an answer at most where a task does not say, so that no model goes on for ever. -1: no limit. Default 8192. */
  readonly maxTokens?: number
  /** Further requests for JSON that is not what was asked for, 0 to 3. Default 1. */
  readonly repair?: number
  /** Sockets to the server at once. Default: no limit. */
  readonly connections?: number
  /** Default `ollama`. */
  readonly name?: string
}

export type Spec = Provider.Spec<(typeof LlmV1.LlmV1)["methods"]>

/** Fails with `ProviderRefused` when `url` is no address. */
export const make = (options: Options = {}): Effect.Effect<Spec, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { name = "ollama", url = OllamaUrl.standard } = options
    const models = { default: "llama3.2", vision: "llava", embedding: "nomic-embed-text", ...options.models }
    const { endpoints = [url] } = options
    const discover = options.discover === true && options.endpoints === undefined
    const servers = yield* HubEndpoints.make({
      name,
      // what says nothing is looked for with the others
      endpoints: discover && options.url === undefined ? [] : endpoints,
      discover,
      headers: options.headers ?? {},
      client: {
        connectTimeout: options.connectTimeout ?? 3000,
        firstTokenTimeout: options.firstTokenTimeout ?? 300_000,
        idleTimeout: options.idleTimeout ?? 60_000,
        ...(options.connections === undefined ? {} : { connections: options.connections })
      },
      ...(options.maxQueue === undefined ? {} : { maxQueue: options.maxQueue })
    })
    const { health, listed, models: known, run } = servers
    const { concurrency = servers.queues ? Infinity : HubEndpoints.usual } = options
    const around: OllamaText.Around = {
      name,
      run,
      pricing: yield* Prices.Prices,
      repair: options.repair ?? 1,
      contexts: new Map()
    }
    const contextFor = contexts(options.context ?? 8192)
    const most = options.maxTokens ?? 8192

    const modelFor = (asked: string | undefined, role: Role): string => {
      if (asked === undefined) return models[role]
      const model = LlmV1.withoutProvider(name, asked)
      return own(models, model) ?? model
    }

    const isVectors = (method: string) => method === "llm/embeddings" || method === "llm/embed"

    /** The model that is asked, as far as the params tell: what files hold may ask for another one. */
    const chosenFor = (method: string, { image_path, images = [], messages = [], model }: Chosen): string => {
      const shown = [images, ...messages.map(({ images = [] }) => images)]
      const shows = method === "llm/vision" || image_path !== undefined || shown.some(({ length }) => length > 0)
      return modelFor(model, isVectors(method) ? "embedding" : shows ? "vision" : "default")
    }

    const defaults = (asked: string | undefined, role: Role): OllamaRequest.Defaults => {
      const model = modelFor(asked, role)
      return { model, context: contextFor(model), most: most < 0 ? undefined : most }
    }

    const chat = (method: string) =>
      Effect.fnUntraced(function* (params: LlmV1.ChatParams) {
        const attachments = yield* Attachments.read(method, params)
        const inline = new Map<LlmV1.Message, ReadonlyArray<Uint8Array>>()
        for (const message of params.messages ?? []) {
          const { images = [] } = message
          if (images.length > 0)
            inline.set(message, yield* Effect.forEach(images, (image) => Attachments.inline(method, image)))
        }
        const shows = attachments.images.length > 0 || inline.size > 0
        if (method === "llm/vision" && !shows) {
          return yield* new Errors.InvalidParams({ method, issue: "none of the files is an image" })
        }
        return yield* OllamaText.ask(around, {
          method,
          route: "chat",
          request: OllamaRequest.chat(
            params,
            defaults(params.model, shows ? "vision" : "default"),
            attachments,
            inline
          ),
          wanted: OllamaRequest.wanted(params),
          most: params.max_tokens
        })
      })

    const generate = (method: string) =>
      Effect.fnUntraced(function* (params: LlmV1.GenerateParams) {
        const attachments = yield* Attachments.read(method, params)
        const role = attachments.images.length > 0 ? "vision" : "default"
        return yield* OllamaText.ask(around, {
          method,
          route: "generate",
          request: OllamaRequest.generate(params, defaults(params.model, role), attachments),
          wanted: OllamaRequest.wanted(params),
          most: params.max_tokens
        })
      })

    const embed = (method: string) => (params: LlmV1.EmbedParams) =>
      OllamaVectors.embed(around, method, params, defaults(params.model, "embedding"))

    return {
      name,
      concurrency,
      capabilities: { streaming: true },
      handlers: {
        "llm/chat": chat("llm/chat"),
        "llm/vision": chat("llm/vision"),
        "llm/generate": generate("llm/generate"),
        "llm/complete": generate("llm/complete"),
        "llm/embeddings": embed("llm/embeddings"),
        "llm/embed": embed("llm/embed"),
        "llm/models": () =>
          Effect.map(listed, (all) => {
            const models = all
              .map(({ context, ...model }) => ({
                ...model,
                ...(context === undefined ? {} : { context_length: context })
              }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1))
            return { models, result: models.map((model) => model.name), provider: name, provider_id: name }
          })
      },
      health,
      // a server that does not say which models it has may still answer
      identity: (method, params) =>
        Effect.gen(function* () {
          const chosen = decodeChosen(params)
          if (method === "llm/models" || Result.isFailure(chosen)) return undefined
          const { directory, file_path, files, model } = chosen.success
          // What files hold decides which model is taken, so without a name there is no telling here.
          if (method !== "llm/vision" && model === undefined && (file_path ?? files ?? directory) !== undefined) {
            return undefined
          }
          const wanted = chosenFor(method, chosen.success)
          const all = yield* Effect.option(known)
          if (all._tag === "None") return undefined
          const found = all.value.find(({ name }) => fullName(name) === fullName(wanted))
          // limits that a task leaves to the provider cut prompts and answers
          const limits = [contextFor(wanted) ?? "", isVectors(method) ? "" : most]
          if (found !== undefined) return found.digest === undefined ? undefined : [found.digest, ...limits].join(" ")
          return yield* OllamaModels.absent(
            name,
            wanted,
            all.value.map(({ name }) => name)
          )
        }),
      estimate: (method, params) =>
        Effect.sync(() => {
          const chosen = decodeChosen(params)
          const model = Result.isFailure(chosen) ? models.default : chosenFor(method, chosen.success)
          return OllamaEstimate.of(method, params, {
            pricing: OllamaCost.local(around.pricing),
            model,
            repair: around.repair
          })
        })
    }
  })

/** The provider on duty for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Provider.layer(LlmV1.LlmV1, make(options))

// internal

/** What a model is taken for where a task names none. */
type Role = "default" | "vision" | "embedding"

const own = (models: { readonly [name: string]: string }, name: string): string | undefined =>
  Object.hasOwn(models, name) ? models[name] : undefined

/** The context of each model; undefined where the server decides. */
const contexts = (context: number | { readonly [model: string]: number }): ((model: string) => number | undefined) => {
  if (typeof context === "number") return () => (context === 0 ? undefined : context)
  const { default: others = 8192, ...named } = context
  const byName = new Map(Object.entries(named).map(([model, tokens]) => [fullName(model), tokens]))
  return (model) => {
    const tokens = byName.get(fullName(model)) ?? others
    return tokens === 0 ? undefined : tokens
  }
}

const given = Schema.optionalKey(Schema.Unknown)
const several = Schema.optionalKey(Schema.Array(Schema.Unknown))

/** The params that decide which model is asked. */
const Chosen = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  images: several,
  messages: Schema.optionalKey(Schema.Array(Schema.Struct({ images: several }))),
  image_path: given,
  file_path: given,
  files: given,
  directory: given
})
type Chosen = typeof Chosen.Type

const decodeChosen = Schema.decodeUnknownResult(Chosen)
