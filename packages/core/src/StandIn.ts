/**
 * On duty for a provider that is there once somebody has asked something of it, or never: then every answer is why. What
 * is known of it before that is told at once.
 */
import { Deferred, Effect, Stream } from "effect"
import type { Failure } from "./Failure.ts"
import type { Provider } from "./Provider.ts"
import { type Capabilities, type Health, noCapabilities } from "./ProviderDefaults.ts"

export interface Options {
  readonly name: string
  /** Gives the provider, the same each time, or says why there is none. */
  readonly asked: Effect.Effect<Provider, Failure>
  readonly contracts: Provider["contracts"]
  /** Default: nothing is; its protocol is "" until it is there. */
  readonly known?:
    | { readonly protocol: string; readonly capabilities: Capabilities; readonly concurrency: number }
    | undefined
}

export const make = ({ asked, contracts, known, name }: Options): Effect.Effect<Provider> =>
  Effect.map(Deferred.make<Provider>(), (present) => {
    let real: Provider | undefined
    const found = Effect.tap(asked, (provider) => {
      real = provider
      return Deferred.succeed(present, provider)
    })
    return {
      name,
      get protocol() {
        return real?.protocol ?? known?.protocol ?? ""
      },
      // nobody is chosen before his contracts are known: it is there when it counts
      get concurrency() {
        return known?.concurrency ?? real?.concurrency ?? Infinity
      },
      get capabilities() {
        return real?.capabilities ?? known?.capabilities ?? noCapabilities
      },
      get isChecked() {
        return real?.isChecked === true
      },
      contracts: known === undefined ? Effect.andThen(found, contracts) : contracts,
      changes: Stream.unwrap(Effect.map(Deferred.await(present), ({ changes }) => changes)),
      call: (method, params) => Effect.flatMap(found, (provider) => provider.call(method, params)),
      identity: (method, params) => Effect.flatMap(found, (provider) => provider.identity(method, params)),
      estimate: (method, params) =>
        Effect.matchEffect(found, {
          onFailure: () => Effect.succeed({}),
          onSuccess: (provider) => provider.estimate(method, params)
        }),
      // who cannot say what it can do is of no use, however well it is
      health: Effect.matchEffect(
        Effect.andThen(found, (provider) => Effect.as(contracts, provider)),
        {
          onFailure: ({ message }) => Effect.succeed<Health>({ status: "unhealthy", details: { reason: message } }),
          onSuccess: ({ health }) => health
        }
      )
    }
  })
