/**
 * Who drives a run. Time is the store's, not the caller's. The fence is not the claim but the first append after it
 * (`RunResumed`): a former driver finds its next append refused.
 */
import { Context, type Effect, type Stream } from "effect"
import type { StoreError } from "./Errors.ts"

export class Leases extends Context.Service<
  Leases,
  {
    /** Up to `n` due runs of a scope that nobody drives (new ones, those whose driver died, those whose timer is up), oldest first, leased for `ttl` ms. */
    readonly take: (
      owner: string,
      scope: string,
      n: number,
      ttl: number
    ) => Effect.Effect<ReadonlyArray<string>, StoreError>
    /** Up to `n` runs that `take` would give, oldest first, left as they are. */
    readonly idle: (scope: string, n: number) => Effect.Effect<ReadonlyArray<string>, StoreError>
    /** One run that is free, or over, or whose owner is silent; with `force` in any case. True, or who holds it. An unknown run is held by "". */
    readonly claim: (
      run: string,
      owner: string,
      options: { readonly ttl: number; readonly force?: boolean }
    ) => Effect.Effect<true | { readonly heldBy: string }, StoreError>
    /** `owner` is alive for another `ttl` ms: one round trip for all its runs, every ttl/3; need not survive power loss. Returns the runs that it has lost since. */
    readonly beat: (owner: string, ttl: number) => Effect.Effect<ReadonlyArray<string>, StoreError>
    readonly release: (runs: ReadonlyArray<string>, owner: string) => Effect.Effect<void, StoreError>
    /** Something may have become due. A hint: takers also ask every second. */
    readonly wakes: Stream.Stream<void, StoreError>
  }
>()("@gleitzeit/core/Leases") {}
