/**
 * A provider that is loaded when something is asked of it: what it can do is known before, so a workflow is checked
 * against it, and a run that does not call it does not pay for it.
 */
import { type Failure, Protocol, type Provider, Providers } from "@gleitzeit/core"
import { Context, Effect, Layer, Semaphore, Stream } from "effect"

export interface Options {
  readonly name: string
  readonly protocol: Protocol.Protocol
  readonly capabilities: Provider.Capabilities
  /** The layer that puts the real one on duty. It is built once, and lives as long as this one. */
  readonly load: Effect.Effect<Layer.Layer<never, Failure.Failure, Providers.Providers>>
}

export const layer = (options: Options): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      const scope = yield* Effect.scope
      const real = yield* Effect.cached(
        // uninterruptible: whoever asks first may go away, whoever asks next still waits for it
        Effect.uninterruptible(
          Effect.gen(function* () {
            const layer = Layer.provideMerge(yield* options.load, Layer.fresh(Providers.layer))
            const context = yield* Layer.buildWithScope(layer, scope)
            const [provider] = yield* Context.get(context, Providers.Providers).all
            if (provider === undefined) return yield* Effect.die(new Error(`${options.name} put no provider on duty`))
            const gate = provider.concurrency === Infinity ? undefined : yield* Semaphore.make(provider.concurrency)
            return { provider, gate }
          })
        )
      )
      const contracts = Protocol.contracts(options.protocol, options.name)
      const provider: Provider.Provider = {
        name: options.name,
        protocol: options.protocol.id,
        concurrency: Infinity,
        capabilities: options.capabilities,
        contracts: Effect.succeed(contracts),
        changes: Stream.empty,
        call: (method, params) =>
          Effect.flatMap(real, ({ gate, provider }) => {
            const called = provider.call(method, params)
            return gate === undefined ? called : gate.withPermit(called)
          }),
        identity: (method, params) => Effect.flatMap(real, ({ provider }) => provider.identity(method, params)),
        estimate: (method, params) =>
          Effect.matchEffect(real, {
            onFailure: () => Effect.succeed({}),
            onSuccess: ({ provider }) => provider.estimate(method, params)
          }),
        health: Effect.matchEffect(real, {
          onFailure: ({ message }) => Effect.succeed<Provider.Health>({ status: "unhealthy", details: { message } }),
          onSuccess: ({ provider }) => provider.health
        })
      }
      yield* providers.register(provider)
    })
  )
