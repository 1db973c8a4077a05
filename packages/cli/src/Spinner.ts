/** A sign of life while something is awaited that tells nothing by itself. */
import { Clock, Effect } from "effect"
import { Output } from "./Output.ts"
import * as Text from "./Text.ts"

/** Drawn on a terminal only, and gone when it is over. */
export const spinning = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    if (!output.live || output.options.quiet || output.options.json) return yield* effect
    const begun = yield* Clock.currentTimeMillis
    const { cyan, dim, signs } = output.style
    let tick = 0
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const canvas = yield* output.canvas
        const paint = Effect.gen(function* () {
          const { columns } = yield* output.size
          const time = Text.elapsed((yield* Clock.currentTimeMillis) - begun)
          const sign = signs.spinner[tick++ % signs.spinner.length] ?? signs.dot
          const text = Text.fit(what, columns - 16, signs.ellipsis)
          yield* canvas.draw([], [`  ${cyan(sign)} ${text}  ${dim(time)}`.trimEnd()])
        })
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(100), paint)))
        return yield* effect
      })
    )
  })
