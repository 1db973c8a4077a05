/**
 * What the engine needs of a store, and nothing more. A store keeps text: events arrive encoded once and leave byte for
 * byte, so it knows no schema and no engine. It is correct when `StoreTest.suite` of `@gleitzeit/testkit` passes.
 */
import { Context, type Effect, type Stream } from "effect"
import type { StoreError } from "./Errors.ts"
import type { RunSummary } from "./Summary.ts"

export interface StoredEvent {
  /** From 1, without gaps. */
  readonly sequence: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly kind: string
  readonly json: string
}
export type NewEvent = Omit<StoredEvent, "sequence">

export { RunSummary, Waiting } from "./Summary.ts"

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  /** Give it back as `cursor` for more. */
  readonly next?: string
}

/** Newest first. Fields are combined by "and". */
export interface RunQuery {
  readonly status?: ReadonlyArray<RunSummary["status"]>
  readonly workflow?: string
  readonly tag?: string
  /** Created at or after. */
  readonly since?: number
  /** Due at or before. */
  readonly due?: number
  readonly cursor?: string
  /** Default 100. */
  readonly limit?: number
}

/** What one run has to say in one commit. */
export interface Append {
  readonly run: string
  /** Sequence of the last event the writer knows: the events take the numbers after it. 0 creates the run; refused when it exists. */
  readonly after: number
  /** With `after` 0: who drives the run from now on (created and claimed in one write); absent: whoever takes it. */
  readonly owner?: string
  /** With `after` 0: which processes may take it (the project folder on SQLite, a namespace on Redis). */
  readonly scope?: string
  readonly events: readonly [NewEvent, ...Array<NewEvent>]
  /** Large values the events name by hash; written before them. */
  readonly blobs?: ReadonlyArray<{ readonly hash: string; readonly bytes: Uint8Array }>
  /** Always with `after` 0; later when status, `waiting` or `due` has changed, and now and then for the counts. */
  readonly summary?: RunSummary
}

export class Store extends Context.Service<
  Store,
  {
    /** What a commit that has returned survives: `process` kill -9, `power` also a power loss. */
    readonly durability: "none" | "process" | "power"
    /**
     * Each append whole or not at all; the call is one write where the backend can. Returns the runs that were refused
     * because somebody has written to them after `after`, or that are unknown; the others are durable. After an error
     * what was written is unknown: read.
     */
    readonly commit: (appends: readonly [Append, ...Array<Append>]) => Effect.Effect<ReadonlySet<string>, StoreError>
    /** Appends at the end, whoever drives (cancel, answer, signal, pause), and makes the run due now. False when the run is unknown. */
    readonly post: (run: string, event: NewEvent) => Effect.Effect<boolean, StoreError>
    /** Events after a sequence, oldest first, at most `limit`. Empty: there are none yet. */
    readonly read: (run: string, after: number, limit: number) => Effect.Effect<ReadonlyArray<StoredEvent>, StoreError>
    /** One element at once, then one or more after every change of the run by any process. Says that, not what: readers `read`. */
    readonly changes: (run: string) => Stream.Stream<void, StoreError>
    readonly list: (query: RunQuery) => Effect.Effect<Page<RunSummary>, StoreError>
    readonly blob: (run: string, hash: string) => Effect.Effect<Uint8Array | undefined, StoreError>
    /** The run with its events, blobs and lease. Nothing happens when it is unknown. */
    readonly remove: (run: string) => Effect.Effect<void, StoreError>
  }
>()("@gleitzeit/core/Store") {}
