/**
 * What the files of facts share: a way to state one, and runs to write into the store under test. Ids are new each time,
 * so that a store that others use will do.
 */
import type { KeyValues, Leases, Store } from "@gleitzeit/core"
import type { Effect, Scope } from "effect"

export type Services = Store.Store | Leases.Leases | KeyValues.KeyValues

/** What a file of facts is given. */
export interface Suite {
  /** A test with a store of its own. */
  readonly fact: <E>(name: string, body: Effect.Effect<void, E, Services | Scope.Scope>) => void
  /** Lets time pass for the store, in milliseconds. */
  readonly elapse: (millis: number) => Effect.Effect<void>
}

/** An id that nobody has used. */
export const fresh = (prefix = "run"): string => `${prefix}-${globalThis.crypto.randomUUID()}`

export const event = (kind: string, json: string = JSON.stringify({ kind }), at = 1): Store.NewEvent => ({
  at,
  kind,
  json
})

/** Of a run that is under way and due since 0, unless said otherwise. */
export const summary = (run: string, facts: Partial<Store.RunSummary> = {}): Store.RunSummary => ({
  run,
  workflow: "sample",
  status: "running",
  tags: [],
  created_at: 0,
  updated_at: 0,
  tasks: { total: 1 },
  waiting: [],
  usage: {},
  engine: "0",
  due: 0,
  ...facts
})

/** As `summary`, at rest: nothing is due. */
export const resting = (run: string, facts: Partial<Store.RunSummary> = {}): Store.RunSummary => {
  const { due: _, ...rest } = summary(run, facts)
  return rest
}

/** The append that creates a run. */
export const creation = (run: string, facts: Partial<Store.Append> = {}): Store.Append => ({
  run,
  after: 0,
  events: [event("RunCreated")],
  summary: summary(run),
  ...facts
})

/** An append with an event for each kind. */
export const append = (run: string, after: number, first: string, ...kinds: ReadonlyArray<string>): Store.Append => ({
  run,
  after,
  events: [event(first), ...kinds.map((kind) => event(kind))]
})
