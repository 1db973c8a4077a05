/** The property that holds a store to all the rest: whatever is asked of it, it answers as the memory store does. */
import { assert, it } from "@effect/vitest"
import { MemoryStore } from "@gleitzeit/core"
import { Arbitrary, Effect, Layer } from "effect"
import { Operation, perform } from "./Operations.ts"
import { fresh, type Services } from "./StoreSample.ts"

export interface Options<E> {
  readonly provide: <A, E2>(effect: Effect.Effect<A, E2, Services>) => Effect.Effect<A, E | E2>
  readonly elapse: (millis: number) => Effect.Effect<void>
  readonly sequences: number
}

export const define = <E>({ elapse, provide, sequences }: Options<E>): void => {
  it.effect.prop(
    "any sequence of operations gets the answers of the memory store",
    { operations: Arbitrary.array(Arbitrary.schema(Operation), { maxLength: 60 }) },
    ({ operations }) =>
      Effect.gen(function* () {
        const memory = yield* Layer.build(MemoryStore.layer)
        const salt = fresh("same")
        for (const [n, operation] of operations.entries()) {
          if (operation._tag === "Elapse") yield* elapse(operation.millis)
          else {
            const expected = yield* Effect.provide(perform(operation, salt), memory)
            assert.deepStrictEqual(yield* perform(operation, salt), expected, `operation ${n}: ${operation._tag}`)
          }
        }
      }).pipe(Effect.scoped, provide),
    { timeout: 60_000, arbitrary: { runs: sequences, size: 40 } }
  )
}
