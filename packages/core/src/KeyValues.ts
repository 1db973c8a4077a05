/** Small things that outlive a run: registrations, cached results, what workers publish about themselves. */
import { Context, type Effect, type Schema } from "effect"
import type { StoreError } from "./Errors.ts"
import type { Page } from "./Store.ts"

export interface Entry {
  readonly key: string
  readonly value: Schema.Json
  /** Grows with every `put`. */
  readonly version: number
}

export class KeyValues extends Context.Service<
  KeyValues,
  {
    readonly get: (key: string) => Effect.Effect<Entry | undefined, StoreError>
    /** With `version` only while the entry still has it (0: absent). The new version, or undefined when it lost. `ttl` in ms. */
    readonly put: (
      key: string,
      value: Schema.Json,
      options?: { readonly ttl?: number; readonly version?: number }
    ) => Effect.Effect<number | undefined, StoreError>
    readonly remove: (key: string) => Effect.Effect<void, StoreError>
    /** By key, 100 a page. */
    readonly list: (prefix: string, cursor?: string) => Effect.Effect<Page<Entry>, StoreError>
  }
>()("@gleitzeit/core/KeyValues") {}
