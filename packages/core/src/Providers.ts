/** Who is on duty in this process, and who of them takes a call. */
import { Context, Effect, identity, Layer, Option, PubSub, Result, type Schema, type Scope, Stream } from "effect"
import { MethodNotFound, ProviderNotFound, ProviderRefused } from "./Errors.ts"
import type { Failure } from "./Failure.ts"
import { isObject } from "./Json.ts"
import type { Health, Provider } from "./Provider.ts"

export class Providers extends Context.Service<
  Providers,
  {
    /** On duty until the scope closes. Names are unique; many may serve one method. */
    readonly register: (provider: Provider) => Effect.Effect<void, Failure, Scope.Scope>
    /** In the order of registration; the same list until somebody comes, goes, or announces other contracts. */
    readonly all: Effect.Effect<ReadonlyArray<Provider>>
    /**
     * By method, then by name when one is given, then by the name before the first colon of the param `model` when that is
     * one of theirs, then health.
     */
    readonly choose: (method: string, params: Schema.Json, name?: string) => Effect.Effect<Provider, Failure>
    /**
     * Until the scope closes `look` is asked, once a call, before a method or a name is said to be unknown: it may put on
     * duty who has it.
     */
    readonly discover: (look: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
    /** One element whenever somebody comes, goes, or has new contracts. */
    readonly changes: Stream.Stream<void>
  }
>()("@gleitzeit/core/Providers") {}

/** How long an answer about a provider's health is believed when there is a choice, and waited for. Milliseconds. */
const believed = 5000

interface Serving {
  readonly byMethod: ReadonlyMap<string, ReadonlyArray<Provider>>
  /** Of methods that one alone serves: made once, for every task asks. */
  readonly only: ReadonlyMap<string, Effect.Effect<Provider>>
  /** By name: those that could not say what they can do. The others go on serving. */
  readonly silent: ReadonlyMap<string, Failure>
}

export const layer: Layer.Layer<Providers> = Layer.effect(
  Providers,
  Effect.gen(function* () {
    const onDuty = new Map<string, Provider>()
    const healths = new WeakMap<Provider, Effect.Effect<Health>>()
    const looks = new Set<Effect.Effect<void>>()
    const changed = yield* PubSub.sliding<void>(1)
    /** Forgotten whenever anything changes. */
    let serving: Serving | undefined
    let all: ReadonlyArray<Provider> | undefined
    let changes = 0

    const stale = Effect.suspend(() => {
      serving = undefined
      all = undefined
      changes++
      return PubSub.publish(changed, undefined)
    })

    const index = Effect.suspend(() => {
      if (serving !== undefined) return Effect.succeed(serving)
      const before = changes
      return Effect.map(
        Effect.forEach(
          [...onDuty.values()],
          (provider) => Effect.map(Effect.result(provider.contracts), (contracts) => ({ provider, contracts })),
          // one that takes its time holds up nobody else
          { concurrency: "unbounded" }
        ),
        (all): Serving => {
          const byMethod = new Map<string, Array<Provider>>()
          const silent = new Map<string, Failure>()
          for (const { contracts, provider } of all) {
            if (Result.isFailure(contracts)) silent.set(provider.name, contracts.failure)
            else
              for (const { method } of contracts.success)
                byMethod.set(method, [...(byMethod.get(method) ?? []), provider])
          }
          const only = new Map(
            [...byMethod].flatMap(([method, [first, ...others]]) =>
              first === undefined || others.length > 0 ? [] : [[method, Effect.succeed(first)]]
            )
          )
          const found = { byMethod, only, silent }
          // who came, went or changed while the others were asked is not in it
          if (changes === before) serving = found
          return found
        }
      )
    })

    const healthiest = (candidates: ReadonlyArray<Provider>, otherwise: Provider) =>
      Effect.map(
        Effect.forEach(
          candidates,
          (provider) => Effect.map(healths.get(provider) ?? provider.health, ({ status }) => ({ provider, status })),
          { concurrency: "unbounded" }
        ),
        (all) => {
          for (const wanted of ["healthy", "degraded"]) {
            const found = all.find(({ status }) => status === wanted)
            if (found !== undefined) return found.provider
          }
          return otherwise
        }
      )

    const find = (method: string, name: string | undefined, isLast: boolean): Effect.Effect<Provider, Failure> =>
      Effect.flatMap(index, ({ byMethod, silent }): Effect.Effect<Provider, Failure> => {
        const candidates = byMethod.get(method) ?? []
        const known = candidates.map((provider) => provider.name)
        const [first] = candidates
        const chosen = name === undefined ? first : candidates.find((provider) => provider.name === name)
        if (chosen === undefined) {
          if (!isLast && looks.size > 0) {
            return Effect.andThen(Effect.forEach([...looks], identity, { discard: true }), find(method, name, true))
          }
          const [failure] = name === undefined ? silent.values() : [silent.get(name)]
          // who could not say what it can do may be able to the next time
          if (failure !== undefined) serving = undefined
          return Effect.fail(
            failure ??
              (name === undefined
                ? new MethodNotFound({ method, known: [...byMethod.keys()] })
                : new ProviderNotFound({ provider: name, method, known }))
          )
        }
        return name !== undefined || candidates.length === 1 ? Effect.succeed(chosen) : healthiest(candidates, chosen)
      })

    return Providers.of({
      register: (provider) =>
        Effect.gen(function* () {
          const health = Effect.map(
            Effect.timeoutOption(provider.health, believed),
            Option.getOrElse((): Health => ({ status: "unhealthy" }))
          )
          healths.set(provider, yield* Effect.cachedWithTTL(health, believed))
          yield* Effect.acquireRelease(
            Effect.suspend(() => {
              if (onDuty.has(provider.name)) {
                const reason = `a provider of this name is on duty already (for ${onDuty.get(provider.name)!.protocol})`
                return Effect.fail(new ProviderRefused({ provider: provider.name, reason }))
              }
              onDuty.set(provider.name, provider)
              return stale
            }),
            () =>
              Effect.suspend(() => {
                onDuty.delete(provider.name)
                return stale
              })
          )
          yield* Effect.forkScoped(Stream.runForEach(provider.changes, () => stale))
        }),
      all: Effect.sync(() => (all ??= [...onDuty.values()])),
      choose: (method, params, name) => {
        const only = name === undefined ? serving?.only.get(method) : undefined
        if (only !== undefined) return only
        const written = name === undefined ? prefixOf(params) : undefined
        if (written === undefined || !onDuty.has(written)) return find(method, name, false)
        return Effect.flatMap(index, ({ byMethod }) => {
          const isMeant = byMethod.get(method)?.some((provider) => provider.name === written) === true
          return find(method, isMeant ? written : undefined, false)
        })
      },
      discover: (look) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              // one of its own for each who registers it
              const own = Effect.suspend(() => look)
              looks.add(own)
              return own
            }),
            (own) => Effect.sync(() => looks.delete(own))
          )
        ),
      changes: Stream.fromPubSub(changed)
    })
  })
)

// internal

/** What stands before the first colon of the param `model`, if it may be a provider's name: `gpu-box:llama3.2`. */
const prefixOf = (params: Schema.Json): string | undefined => {
  const model = isObject(params) ? params["model"] : undefined
  const colon = typeof model === "string" ? model.indexOf(":") : -1
  return typeof model === "string" && colon > 0 ? model.slice(0, colon) : undefined
}
