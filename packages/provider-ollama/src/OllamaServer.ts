/** Where the requests of a provider go, and the simplest case of it: one server. */
import { Errors, type Failure, type Provider } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import type { Run } from "./Hub.ts"
import type { Model, OllamaClient } from "./OllamaClient.ts"
import { Refused } from "./OllamaFailure.ts"
import * as OllamaModels from "./OllamaModels.ts"
import { fullName } from "./OllamaSchema.ts"

/** A model, and where it is. */
export interface Listed extends Model {
  /** In memory, anywhere. */
  readonly loaded: boolean
  /** Tokens that fit into its context as it is loaded. */
  readonly context?: number
  /** URLs of the servers that have it. */
  readonly endpoints: ReadonlyArray<string>
}

export interface Servers {
  readonly run: Run
  /** The models that there are. A digest is left out where servers disagree. */
  readonly models: Effect.Effect<ReadonlyArray<Model>, Failure.Failure>
  /** The same, with where they are and whether they are loaded. */
  readonly listed: Effect.Effect<ReadonlyArray<Listed>, Failure.Failure>
  readonly health: Effect.Effect<Provider.Health>
}

/** `name`: the provider's. */
export const one = (name: string, url: string, client: OllamaClient): Servers => {
  const slot = { url, client, published: () => undefined, took: () => undefined }
  const models = Effect.catchIf(client.models, isRefused, client.explain)

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
            return OllamaModels.isThere(model, available)
              ? client.explain(refused)
              : Effect.fail(OllamaModels.absent(name, model, available))
          }
        })

  return {
    run: (wish, use) => Effect.catchIf(use(slot), isRefused, (refused) => explained(refused, wish.asked ?? wish.model)),
    models,
    listed: Effect.map(
      // a server that does not say what is loaded may still have models
      Effect.all([models, Effect.option(client.loaded)], { concurrency: 2 }),
      ([all, loaded]) => {
        const running = new Map(Option.getOrElse(loaded, () => []).map((model) => [fullName(model.name), model]))
        return all.map((model): Listed => {
          const found = running.get(fullName(model.name))
          const context = found?.context
          return {
            ...model,
            loaded: found !== undefined,
            ...(context === undefined ? {} : { context }),
            endpoints: [url]
          }
        })
      }
    ),
    health: Effect.all({ version: client.version, models: client.models }, { concurrency: 2 }).pipe(
      Effect.timeoutOption(healthTimeout),
      Effect.match({
        onFailure: (failure): Provider.Health => {
          const reason = failure instanceof Errors.ProviderUnavailable ? failure.reason : failure.message
          return { status: "unhealthy", details: { url, reason } }
        },
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
    )
  }
}

// internal

/** Milliseconds. */
const healthTimeout = 1000

const isRefused = (error: unknown): error is Refused => error instanceof Refused
