/** What the author of a provider may leave out, and what stands in for it: inside the engine it is always there. */
import { Effect, type Schema } from "effect"
import { ProviderRefused } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Usage } from "./Task.ts"

export interface Health {
  readonly status: "healthy" | "degraded" | "unhealthy"
  readonly details?: Schema.Json
}

/** What a provider does beyond answering calls, for whoever chooses one. */
export interface Capabilities {
  /** Shows parts of an answer while it is made. */
  readonly streaming: boolean
  /** Takes many calls as one. */
  readonly batch: boolean
  /** Says what its answers depend on, so that they may be kept. */
  readonly caching: boolean
  /** What it runs for others is confined. */
  readonly sandboxed: boolean
}

export const noCapabilities: Capabilities = { streaming: false, batch: false, caching: false, sandboxed: false }

/** What may be left out. `N`: the names of the methods. */
export interface Optional<N extends string> {
  /** Attempts at once in this process. Default `Infinity`. */
  readonly concurrency?: number
  /** Default: `caching` where there is an `identity`, nothing else. */
  readonly capabilities?: Partial<Capabilities>
  /** Default: always healthy. A failure is unhealthy. */
  readonly health?: Effect.Effect<Health, Failure>
  /** Default: undefined, which means that nothing is cached. */
  readonly identity?: (method: N, params: Schema.Json) => Effect.Effect<string | undefined, Failure>
  /** Default: `{}`. */
  readonly estimate?: (method: N, params: Schema.Json) => Effect.Effect<Usage>
}

/** The same with nothing left out. */
export interface Filled<N extends string> {
  readonly concurrency: number
  readonly capabilities: Capabilities
  readonly health: Effect.Effect<Health>
  readonly identity: (method: N, params: Schema.Json) => Effect.Effect<string | undefined, Failure>
  readonly estimate: (method: N, params: Schema.Json) => Effect.Effect<Usage>
}

/** Why nothing can be done with it: a provider has a name, and room for one attempt at least. */
export const refusal = (name: string, { concurrency = Infinity }: Optional<never>): ProviderRefused | undefined => {
  const reason =
    typeof name !== "string" || name === ""
      ? "it has no name"
      : concurrency >= 1 && (concurrency === Infinity || Number.isInteger(concurrency))
        ? undefined
        : `its \`concurrency\` is ${concurrency}: it must be a whole number from 1, or Infinity`
  return reason === undefined ? undefined : new ProviderRefused({ provider: String(name), reason })
}

export const fill = <N extends string>({
  capabilities,
  concurrency = Infinity,
  estimate,
  health,
  identity
}: Optional<N>): Filled<N> => ({
  concurrency,
  capabilities: { ...noCapabilities, caching: identity !== undefined, ...capabilities },
  identity: identity ?? (() => Effect.undefined),
  estimate: estimate ?? (() => Effect.succeed({})),
  health: Effect.catchCause(health ?? Effect.succeed<Health>({ status: "healthy" }), (cause) =>
    Effect.succeed<Health>({ status: "unhealthy", details: FailureData.fromCause(cause) })
  )
})
