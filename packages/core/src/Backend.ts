/** The three store seams together: what a store package gives. */
import { Context, Effect, Layer, type Scope } from "effect"
import { KeyValues } from "./KeyValues.ts"
import { Leases } from "./Leases.ts"
import { Store } from "./Store.ts"

export interface Backend {
  readonly store: Store["Service"]
  readonly leases: Leases["Service"]
  readonly keyValues: KeyValues["Service"]
}

/** The three services of one backend, closed with the layer. */
export const layer = <E, R>(
  make: Effect.Effect<Backend, E, R>
): Layer.Layer<Store | Leases | KeyValues, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(
    Effect.map(make, ({ keyValues, leases, store }) =>
      Context.make(Store, store).pipe(Context.add(Leases, leases), Context.add(KeyValues, keyValues))
    )
  )
