/**
 * A store whose nth commit goes wrong in a way that is said beforehand; everything else is the store below. It shows
 * what its user does about failures, so it knows no chance: the same plan gives the same faults.
 */
import { Backend, Errors, KeyValues, Leases, Store } from "@gleitzeit/core"
import { Effect, Layer } from "effect"

export type Fault =
  /** Nothing is written, and a failure reported. `retryable`: default true. */
  | { readonly _tag: "Fail"; readonly retryable?: boolean }
  /** The first `appends` (default: all) are written, and a failure reported all the same. `retryable`: default true. */
  | { readonly _tag: "Tear"; readonly appends?: number; readonly retryable?: boolean }
  /** Written as it should be, after so many milliseconds. */
  | { readonly _tag: "Delay"; readonly millis: number }

/** The fault of a commit, counted from 1; undefined: it goes well. */
export type Plan = (commit: number) => Fault | undefined

/** Faults by the number of the commit. */
export const at =
  (faults: { readonly [commit: number]: Fault }): Plan =>
  (commit) =>
    faults[commit]

/** Commits are counted from the evaluation on. */
export const make = (backend: Backend.Backend, plan: Plan): Effect.Effect<Backend.Backend> =>
  Effect.sync(() => {
    let commits = 0
    return {
      ...backend,
      store: Store.Store.of({
        ...backend.store,
        commit: (appends) =>
          Effect.suspend(() => {
            const commit = ++commits
            const fault = plan(commit)
            return fault === undefined ? backend.store.commit(appends) : spoil(backend.store, appends, commit, fault)
          })
      })
    }
  })

/** The three services of a layer, its commits spoilt. */
export const layer = <E, R>(
  plan: Plan,
  backend: Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, E, R>
): Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, E, R> =>
  Backend.layer(
    Effect.gen(function* () {
      const parts = { store: yield* Store.Store, leases: yield* Leases.Leases, keyValues: yield* KeyValues.KeyValues }
      return yield* make(parts, plan)
    })
  ).pipe(Layer.provide(backend))

// internal

type Commit = Store.Store["Service"]["commit"]

const spoil = (
  store: Store.Store["Service"],
  appends: Parameters<Commit>[0],
  commit: number,
  fault: Fault
): ReturnType<Commit> => {
  if (fault._tag === "Delay") return Effect.delay(store.commit(appends), fault.millis)
  const failure = Effect.fail(
    new Errors.StoreError({
      operation: "commit",
      retryable: fault.retryable ?? true,
      cause: new Error(`commit ${commit} was to go wrong`)
    })
  )
  if (fault._tag === "Fail") return failure
  const [first, ...rest] = appends.slice(0, fault.appends ?? appends.length)
  return first === undefined ? failure : Effect.andThen(store.commit([first, ...rest]), failure)
}
