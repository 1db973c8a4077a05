/**
 * A store whose nth call goes wrong in a way that is said beforehand; everything else is the store below. It shows what
 * its user does about failures, so it knows no chance: the same plan gives the same faults.
 */
import { Backend, Errors, KeyValues, Leases, Store } from "@gleitzeit/core"
import { Effect, Layer } from "effect"

export type Fault =
  /** Nothing is done, and a failure reported. `retryable`: default true. */
  | { readonly _tag: "Fail"; readonly retryable?: boolean }
  /**
   * It is done, and a failure reported all the same; of a commit, its first `appends` (default: all) are written.
   * `retryable`: default true.
   */
  | { readonly _tag: "Tear"; readonly appends?: number; readonly retryable?: boolean }
  /** Done as it should be, after so many milliseconds. */
  | { readonly _tag: "Delay"; readonly millis: number }

/** The fault of a call, counted from 1 for each operation; undefined: it goes well. */
export type Plan = (call: number) => Fault | undefined

/** By operation; one without a plan goes well. */
export type Plans = { readonly [operation in Operation]?: Plan }

/** What can be made to go wrong. The last three are those of the leases. */
export type Operation = "commit" | "post" | "read" | "list" | "remove" | "claim" | "beat" | "release"

/** Faults by the number of the call. */
export const at =
  (faults: { readonly [call: number]: Fault }): Plan =>
  (call) =>
    faults[call]

/** Calls are counted from the evaluation on. */
export const make = ({ keyValues, leases, store }: Backend.Backend, plans: Plans): Effect.Effect<Backend.Backend> =>
  Effect.sync(() => {
    const calls = new Map<Operation, number>()

    /** `torn`: what is done of it before it is reported as failed. Default: all. */
    const flaky = <A>(
      operation: Operation,
      effect: Effect.Effect<A, Errors.StoreError>,
      torn: (fault: Extract<Fault, { readonly _tag: "Tear" }>) => Effect.Effect<unknown, Errors.StoreError> = () =>
        effect
    ): Effect.Effect<A, Errors.StoreError> =>
      Effect.suspend(() => {
        const call = (calls.get(operation) ?? 0) + 1
        calls.set(operation, call)
        const fault = plans[operation]?.(call)
        if (fault === undefined) return effect
        if (fault._tag === "Delay") return Effect.delay(effect, fault.millis)
        const failure = Effect.fail(failed(operation, call, fault.retryable))
        return fault._tag === "Fail" ? failure : Effect.andThen(torn(fault), failure)
      })

    return {
      store: Store.Store.of({
        ...store,
        commit: (appends) =>
          flaky("commit", store.commit(appends), ({ appends: written = appends.length }) => {
            const [first, ...rest] = appends.slice(0, written)
            return first === undefined ? Effect.void : store.commit([first, ...rest])
          }),
        post: (run, event) => flaky("post", store.post(run, event)),
        read: (run, after, limit) => flaky("read", store.read(run, after, limit)),
        list: (query) => flaky("list", store.list(query)),
        remove: (run) => flaky("remove", store.remove(run))
      }),
      leases: Leases.Leases.of({
        ...leases,
        claim: (run, owner, options) => flaky("claim", leases.claim(run, owner, options)),
        beat: (owner, ttl) => flaky("beat", leases.beat(owner, ttl)),
        release: (runs, owner) => flaky("release", leases.release(runs, owner))
      }),
      keyValues
    }
  })

/** The three services of a layer, spoilt as planned. */
export const layer = <E, R>(
  plans: Plans,
  backend: Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, E, R>
): Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, E, R> =>
  Backend.layer(
    Effect.gen(function* () {
      const parts = { store: yield* Store.Store, leases: yield* Leases.Leases, keyValues: yield* KeyValues.KeyValues }
      return yield* make(parts, plans)
    })
  ).pipe(Layer.provide(backend))

// internal

const failed = (operation: Operation, call: number, retryable = true) =>
  new Errors.StoreError({ operation, retryable, cause: new Error(`${operation} ${call} was to go wrong`) })
