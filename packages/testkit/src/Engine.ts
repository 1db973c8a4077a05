/** An engine in this process for tests, on a scripted provider and any store, and a way to let time pass for it. */
import {
  BuiltIn,
  type Errors,
  Executor,
  type Failure,
  Files,
  Gleitzeit,
  MemoryStore,
  Providers,
  type Run,
  Secrets
} from "@gleitzeit/core"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedProvider from "./ScriptedProvider.ts"
import type { Services } from "./StoreSample.ts"

export interface Options<E> extends Gleitzeit.Options {
  /** Default: the memory store. */
  readonly store?: Layer.Layer<Services, E>
  /** Who is on duty besides the built-in ones; it may look into the store. Default: a `ScriptedProvider`. */
  readonly provider?: Layer.Layer<never, Failure.Failure, Providers.Providers | Services>
  /** Secrets by name. Default: none. */
  readonly secrets?: { readonly [name: string]: string }
}

export const layer = <E = never>(
  options: Options<E> = {}
): Layer.Layer<Gleitzeit.Gleitzeit | Services, E | Errors.StoreError | Failure.Failure> => {
  const { provider = ScriptedProvider.layer(), secrets = {}, store, ...rest } = options
  const below: Layer.Layer<Services, E> = store ?? MemoryStore.layer
  return Gleitzeit.layer(rest).pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(secrets)),
    Layer.provide(Layer.mergeAll(provider, BuiltIn.layer)),
    Layer.provide(Providers.layer),
    Layer.provideMerge(below)
  )
}

export interface Pace {
  /** Milliseconds that pass at once. Default 50. */
  readonly step?: number
  /** After so many steps it is said to hang. Default 3,000. */
  readonly steps?: number
}

/** Lets the test's time pass until the effect is done. A defect when it never is. */
export const inTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { step = 50, steps = 3000 }: Pace = {}
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < steps && fiber.pollUnsafe() === undefined; i++) {
      yield* turn
      if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(step)
    }
    if (fiber.pollUnsafe() === undefined) {
      yield* Fiber.interrupt(fiber)
      return yield* Effect.die(new Error(`it hangs: ${(step * steps) / 1000} s have passed`))
    }
    return yield* Fiber.join(fiber)
  })

/** Lets time pass until a run is at rest, and gives its report with all its tasks. */
export const report = <E, R>(
  rest: Effect.Effect<{ readonly run: string }, E, R>,
  pace?: Pace
): Effect.Effect<Run.Report, E | Gleitzeit.ReadError, Gleitzeit.Gleitzeit | R> =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) =>
    Effect.flatMap(inTime(rest, pace), ({ run }) => gleitzeit.get(run))
  )

// internal

/** The journal commits in a turn of its own. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
