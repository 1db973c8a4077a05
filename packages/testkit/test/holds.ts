/** Whether a fact of a suite holds: it neither fails nor waits for what does not come. For tests of the suites. */
import { Effect, type Scope } from "effect"

export const holds = <E>(fact: Effect.Effect<void, E, Scope.Scope>): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(Effect.scoped(fact), { startImmediately: true })
    for (let turn = 0; turn < 100 && fiber.pollUnsafe() === undefined; turn++) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    const exit = fiber.pollUnsafe()
    // not waited for: it may be deaf
    fiber.interruptUnsafe()
    return exit?._tag === "Success"
  })
