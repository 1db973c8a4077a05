/** Several servers as a provider sees them: one place for requests, one list of models, one health. */
import { Errors, type Provider } from "@gleitzeit/core"
import { Effect, type Scope, type Schema, Stream } from "effect"
import * as Hub from "./Hub.ts"
import type { EndpointStatus, Status } from "./HubStatus.ts"
import * as OllamaModels from "./OllamaModels.ts"
import type { Model } from "./OllamaClient.ts"
import { fullName } from "./OllamaSchema.ts"
import type { Listed, Servers } from "./OllamaServer.ts"

export type Options = Omit<Hub.Options, "absent">

/** What it begins in the background ends with the scope. */
export const make = (options: Options): Effect.Effect<Servers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { name } = options
    const hub = yield* Hub.make({
      ...options,
      absent: ({ asked, model }, available) => OllamaModels.absent(name, asked ?? model, available)
    })
    yield* Effect.forkScoped(
      Stream.runForEach(hub.changes, ({ reason, state, url }) =>
        Effect.logInfo(`provider ${name}: ${url} is ${state}${reason === undefined ? "" : `: ${reason}`}`)
      )
    )

    /** What the servers have that can be asked; a failure when there are none. */
    const asked = Effect.flatMap(
      hub.fresh,
      ({ endpoints }): Effect.Effect<ReadonlyArray<EndpointStatus>, Errors.ProviderUnavailable> => {
        const there = endpoints.filter(({ models, state }) => models !== undefined && state !== "down")
        if (there.length > 0) return Effect.succeed(there)
        const reason = `none of ${endpoints.length} servers can be asked: ${reasons(endpoints)}`
        return Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: true }))
      }
    )
    return {
      run: hub.run,
      models: Effect.map(asked, listed),
      listed: Effect.map(asked, listed),
      health: Effect.map(hub.refresh, health)
    }
  })

// internal

/** One list of all that the servers have. What they do not agree on is left out. */
const listed = (endpoints: ReadonlyArray<EndpointStatus>): ReadonlyArray<Listed> => {
  const byName = new Map<string, Array<{ readonly model: Model; readonly on: EndpointStatus }>>()
  for (const on of endpoints) {
    for (const model of on.models ?? []) {
      const key = fullName(model.name)
      byName.set(key, [...(byName.get(key) ?? []), { model, on }])
    }
  }
  return [...byName].flatMap(([key, found]) => {
    const [first] = found
    if (first === undefined) return []
    const { capabilities, name } = first.model
    const digest = agreed(found.map(({ model }) => model.digest))
    const size = agreed(found.map(({ model }) => model.size))
    const contexts = found.flatMap(({ on }) => on.loaded.filter((loaded) => loaded.model === key))
    const context = agreed(contexts.map((loaded) => loaded.context))
    return [
      {
        name,
        ...(digest === undefined ? {} : { digest }),
        ...(size === undefined ? {} : { size }),
        ...(capabilities === undefined ? {} : { capabilities }),
        ...(context === undefined ? {} : { context }),
        loaded: contexts.length > 0,
        endpoints: found.map(({ on }) => on.url)
      }
    ]
  })
}

const agreed = <A>(values: ReadonlyArray<A>): A | undefined =>
  values.every((value) => value === values[0]) ? values[0] : undefined

const reasons = (endpoints: ReadonlyArray<EndpointStatus>): string =>
  endpoints.flatMap(({ reason }) => (reason === undefined ? [] : [reason])).join("; ")

/** One server that is away is no reason not to work with the others. */
const health = ({ endpoints, queued }: Status): Provider.Health => {
  const well = endpoints.filter(({ state }) => state === "healthy").length
  const status = well === 0 ? "unhealthy" : well < endpoints.length ? "degraded" : "healthy"
  return { status, details: { queued, endpoints: endpoints.map(details) } }
}

const details = (endpoint: EndpointStatus): { readonly [name: string]: Schema.Json } => {
  const { coolsFor, inFlight, loaded, models, reason, state, url, version } = endpoint
  return {
    url,
    status: state === "healthy" ? "healthy" : state === "busy" ? "degraded" : "unhealthy",
    ...(state === "healthy" ? {} : { state }),
    ...(reason === undefined ? {} : { reason }),
    ...(coolsFor === undefined ? {} : { cools_for_seconds: Math.ceil(coolsFor / 1000) }),
    ...(version === undefined ? {} : { version }),
    ...(models === undefined || state === "down" ? {} : { models: models.map(({ name }) => name) }),
    loaded: loaded.map(({ model }) => model),
    in_flight: inFlight
  }
}
