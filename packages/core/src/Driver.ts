/** Drives runs: each from where it stands to its end. What a drive does is in `Drive.ts`. */
import { Clock, Context, Effect, Layer, Random } from "effect"
import { Alarm } from "./Alarm.ts"
import { Drive, type House, type Job } from "./Drive.ts"
import { Executor } from "./Executor.ts"
import { Files } from "./Files.ts"
import { Journal, type JournalError } from "./Journal.ts"
import type { Feed } from "./Live.ts"
import type { RunStatus } from "./Run.ts"
import { Slots } from "./Slots.ts"
import { Store } from "./Store.ts"

export class Driver extends Context.Service<
  Driver,
  {
    /** To the run's end. Interrupted, it interrupts the handlers and leaves the run to be resumed. */
    readonly drive: (job: Job) => Effect.Effect<RunStatus, JournalError>
  }
>()("@gleitzeit/core/Driver") {}

export interface Options {
  /** Attempts under way at once in this process. Each holds its slot until its outcome is durable, which bounds memory too. */
  readonly slots: number
  readonly feed: Feed
}

export const layer = (options: Options): Layer.Layer<Driver, never, Journal | Executor | Files | Store> =>
  Layer.effect(
    Driver,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const house: House = {
        journal: yield* Journal,
        executor: yield* Executor,
        files: yield* Files,
        store: yield* Store,
        clock,
        random: yield* Random.Random,
        fork,
        slots: new Slots(options.slots),
        alarm: new Alarm(clock, fork),
        feed: options.feed
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => house.alarm.close()))
      return Driver.of({
        drive: (job) =>
          Effect.callback((resume) => {
            const drive = new Drive(house, job, (exit) => resume(exit))
            drive.begin()
            return drive.abort
          })
      })
    })
  )
