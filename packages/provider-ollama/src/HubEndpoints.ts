/**
 * From what people say about servers to servers that take requests: one by itself, several behind a hub, or those that
 * are found on this machine. Nothing is asked of any of them here.
 */
import { Errors } from "@gleitzeit/core"
import { Effect, Result, Scope, Semaphore } from "effect"
import * as Discovery from "./Discovery.ts"
import type { Place } from "./HubNode.ts"
import * as HubServers from "./HubServers.ts"
import * as OllamaClient from "./OllamaClient.ts"
import * as OllamaServer from "./OllamaServer.ts"
import * as OllamaUrl from "./OllamaUrl.ts"

/** A server, and what is to be known of it. Its `url` may be anything that `OllamaUrl.parse` reads. */
export interface Endpoint extends Place {
  /** Sent with every request, beside and before those of all servers. Never logged. */
  readonly headers?: { readonly [name: string]: string }
}

export interface Options extends Pick<HubServers.Options, "name" | "maxQueue" | "patience"> {
  /** At least one, but where servers are looked for. */
  readonly endpoints: ReadonlyArray<string | Endpoint>
  /** Looks for servers on this machine with the first request, and first at the first of `endpoints`. Default false. */
  readonly discover?: boolean
  /** Where it looks; by default as `Discovery` does. */
  readonly ports?: ReadonlyArray<number>
  /** Sent with every request. */
  readonly headers: { readonly [name: string]: string }
  /** The rest of what a client needs. */
  readonly client: Omit<OllamaClient.Options, "name" | "url" | "headers">
}

/** Calls at once on one server. */
export const usual = 4

export interface Made extends OllamaServer.Servers {
  /** Requests wait in a queue, and servers have limits: they need no other limit. */
  readonly queues: boolean
}

/** Fails with `ProviderRefused` when an address is none, or a header cannot be sent. */
export const make = (options: Options): Effect.Effect<Made, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const places = yield* read(options)
    return options.discover === true
      ? { ...(yield* discovered(options, places[0])), queues: true }
      : { ...(yield* served(options, places)), queues: alone(places) === undefined }
  })

// internal

/** A server that needs no hub: there is no other, and no limit of its own. */
const alone = ([only, ...others]: ReadonlyArray<Read>): Read | undefined =>
  only === undefined || others.length > 0 || isParticular(only) ? undefined : only

const isParticular = ({ maxConcurrent, models }: Place): boolean => maxConcurrent !== undefined || models !== undefined

/** A place with the address that it was written as. */
interface Read extends Place {
  readonly headers: { readonly [name: string]: string }
}

/** The same address twice is one server, and `localhost` is another word for `127.0.0.1`. */
const read = ({ discover = false, endpoints, headers, name }: Options) =>
  Effect.gen(function* () {
    if (endpoints.length === 0 && !discover) {
      return yield* new Errors.ProviderRefused({ provider: name, reason: "`endpoints` names no server" })
    }
    const places = new Map<string, Read>()
    yield* sendable(name, headers)
    for (const endpoint of endpoints) {
      const { headers: own = {}, url: written, ...place } = typeof endpoint === "string" ? { url: endpoint } : endpoint
      const address = OllamaUrl.parse(written)
      if (Result.isFailure(address)) {
        return yield* new Errors.ProviderRefused({ provider: name, reason: address.failure })
      }
      yield* sendable(name, own)
      const { url } = address.success
      const key = url.replace(/\/\/localhost(?=[:/]|$)/u, "//127.0.0.1")
      if (!places.has(key)) {
        places.set(key, { ...place, url, headers: { ...address.success.headers, ...headers, ...own } })
      }
    }
    return [...places.values()]
  })

const sendable = (name: string, headers: { readonly [name: string]: string }) =>
  Effect.gen(function* () {
    for (const header of Object.entries(headers)) {
      // its own words would quote the value
      if (Result.isFailure(Result.try(() => new Headers([header])))) {
        const reason = `the header ${JSON.stringify(header[0])} cannot be sent: its name or its value has signs that no header may have`
        return yield* new Errors.ProviderRefused({ provider: name, reason })
      }
    }
  })

const served = (
  options: Options,
  places: ReadonlyArray<Read>
): Effect.Effect<OllamaServer.Servers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { maxQueue, name, patience } = options
    const clientOf = ({ headers, url }: Read) => OllamaClient.make({ ...options.client, name, url, headers })
    const only = alone(places)
    if (only !== undefined) return OllamaServer.one(name, only.url, yield* clientOf(only))
    const endpoints = yield* Effect.forEach(places, (place) =>
      Effect.map(clientOf(place), (client) => ({ ...place, client }))
    )
    // there is no other to wait for: trying again is the task's business
    const wait = endpoints.length === 1 ? 0 : patience
    return yield* HubServers.make({
      name,
      endpoints,
      ...(maxQueue === undefined ? {} : { maxQueue }),
      ...(wait === undefined ? {} : { patience: wait })
    })
  })

/** Looks when it is first asked, and again as long as there is nothing. */
const discovered = (
  options: Options,
  first: Read | undefined
): Effect.Effect<OllamaServer.Servers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { headers, name, ports } = options
    const scope = yield* Effect.scope
    const turns = yield* Semaphore.make(1)
    const wanted: Discovery.Options = {
      name,
      headers,
      ...(first === undefined ? {} : { also: first }),
      ...(ports === undefined ? {} : { ports })
    }
    let found: OllamaServer.Servers | undefined
    const search = Effect.gen(function* () {
      if (found !== undefined) return found
      const addresses = yield* Discovery.find(wanted)
      if (addresses.length === 0) {
        const reason = `no Ollama server answers on ${Discovery.inWords(wanted)}; start one ("ollama serve"), or say where it is`
        return yield* new Errors.ProviderUnavailable({ provider: name, reason, retryable: true })
      }
      // one by itself has as many requests at once as one that was named
      const limit = addresses.length === 1 ? { maxConcurrent: usual } : {}
      const places = addresses.map(({ url, headers: own }) => ({ url, headers: { ...headers, ...own }, ...limit }))
      found = yield* Scope.provide(served(options, places), scope)
      return found
    })
    const servers = Effect.suspend(() => (found === undefined ? turns.withPermits(1)(search) : Effect.succeed(found)))
    return {
      run: (wish, use) => Effect.flatMap(servers, ({ run }) => run(wish, use)),
      models: Effect.flatMap(servers, ({ models }) => models),
      listed: Effect.flatMap(servers, ({ listed }) => listed),
      health: Effect.matchEffect(servers, {
        onFailure: ({ reason }) => Effect.succeed({ status: "unhealthy", details: { reason } } as const),
        onSuccess: ({ health }) => health
      })
    }
  })
