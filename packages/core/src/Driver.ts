/** Drives runs: each from where it stands to its end. What a drive does is in `Drive.ts`. */
import { Clock, Context, Effect, type Exit, Layer, Random, Scheduler } from "effect"
import { Alarm } from "./Alarm.ts"
import { Drive, type House, type Job, quiet } from "./Drive.ts"
import { Executor } from "./Executor.ts"
import { Files } from "./Files.ts"
import { Journal, type JournalError } from "./Journal.ts"
import type { Feed } from "./Live.ts"
import { KeyValues } from "./KeyValues.ts"
import { ResultCache } from "./ResultCache.ts"
import type { Outcome } from "./Run.ts"
import { Rounds } from "./Rounds.ts"
import { Slots } from "./Slots.ts"
import { Store } from "./Store.ts"
import { observer as observing } from "./Telemetry.ts"
import { RunTrace } from "./TelemetryRun.ts"

export class Driver extends Context.Service<
  Driver,
  {
    /**
     * To the run's rest: its end, or until somebody answers; then `done` is told. Gives a way to stop before it: handlers
     * are interrupted, `done` is told nothing, and the run is left to be resumed.
     */
    readonly drive: (job: Job, done: (exit: Exit.Exit<Outcome, JournalError>) => void) => Effect.Effect<void>
  }
>()("@gleitzeit/core/Driver") {}

export interface Options {
  /** Attempts under way at once in this process. Each holds its slot until its outcome is durable, which bounds memory too. */
  readonly slots: number
  readonly feed: Feed
}

export const layer = (options: Options): Layer.Layer<Driver, never, Journal | Executor | Files | Store | KeyValues> =>
  Layer.effect(
    Driver,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const observer = yield* observing
      const house: House = {
        journal: yield* Journal,
        executor: yield* Executor,
        files: yield* Files,
        store: yield* Store,
        cache: new ResultCache(yield* KeyValues),
        clock,
        random: yield* Random.Random,
        fork,
        slots: new Slots(options.slots),
        alarm: new Alarm(clock, fork),
        rounds: new Rounds(clock, fork, quiet),
        feed: options.feed
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => (house.alarm.close(), house.rounds.close())))
      return Driver.of({
        drive: (job, done) => {
          const trace = observer === undefined ? undefined : new RunTrace(observer, job.plan, job.from, job.parent)
          const told: typeof done = trace === undefined ? done : (exit) => (trace.end(exit), done(exit))
          const drive = new Drive(house, job, told, trace)
          // whoever made the run may begin to watch it first
          dispatcher.scheduleTask(() => drive.begin(), 0)
          return trace === undefined
            ? drive.abort
            : Effect.ensuring(
                drive.abort,
                Effect.sync(() => trace.end(undefined))
              )
        }
      })
    })
  )
