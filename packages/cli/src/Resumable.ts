/** A run that is left behind when the process is told to stop. */
import { Effect } from "effect"
import * as Invocation from "./Invocation.ts"
import * as Machine from "./Machine.ts"
import { Output } from "./Output.ts"

/** Interrupted, it says how to go on, where the store outlives the process. */
export const hint = <A, E, R>(run: string, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { store } = yield* Machine.settings
    const message =
      store.value._tag === "Memory"
        ? "interrupted; the store in memory ends with it"
        : `interrupted; go on with: ${yield* Invocation.of("resume", run)}`
    return yield* Effect.onInterrupt(effect, () =>
      output.options.json
        ? output.line({ error: { code: -29014, name: "INTERRUPTED", message, data: { run } } })
        : output.note(message)
    )
  })
