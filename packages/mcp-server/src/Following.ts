/** A run while somebody waits for it at the other end of a connection: what is told on the way, and what ends it. */
import { type Event, Gleitzeit, Run } from "@gleitzeit/core"
import { Effect, Fiber, Schedule, Stream } from "effect"

/** A step on the way. `progress` grows with every one; it and `total` count tasks. */
export interface Step {
  readonly progress: number
  readonly total: number
  readonly message: string
}

/** Who has called a tool. */
export interface Caller {
  /** Absent: the caller wants to hear of nothing. It never fails. */
  readonly tell: ((step: Step) => Effect.Effect<void>) | undefined
  /** The caller has cancelled, or gone away. */
  readonly isGone: () => boolean
}

/** Once the run is at rest. Tells of every task that is over, and every 10 s that it is still under way. */
export const until = (
  run: string,
  { tell }: Caller
): Effect.Effect<Run.Report, Gleitzeit.RunError, Gleitzeit.Gleitzeit> =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (tell === undefined) yield* gleitzeit.wait(run)
    else {
      const state = Run.empty(run)
      const pace = new Pace()
      const say = (message: string) =>
        Effect.suspend(() => {
          const { progress } = Run.outcome(state)
          const step = pace.next(progress.completed, progress.total)
          return step === undefined ? Effect.void : tell({ progress: step, total: progress.total, message })
        })
      const told = yield* gleitzeit.watch(run).pipe(
        Stream.filter((seen) => seen._tag === "Event"),
        Stream.mapEffect(({ event }) => {
          Run.fold(state, event)
          const message = messageOf(event)
          return message === undefined ? Effect.void : say(message)
        }),
        Stream.takeUntil(() => Run.isAtRest(state)),
        Stream.runDrain,
        Effect.ignore,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* say("still under way").pipe(Effect.delay(heartbeat), Effect.repeat(Schedule.forever), Effect.forkScoped)
      yield* gleitzeit.wait(run)
      // what has happened is told before the answer: after it nobody listens
      yield* Effect.timeoutOption(Fiber.join(told), patience)
    }
    return yield* gleitzeit.get(run)
  }).pipe(Effect.scoped)

/**
 * A run that nobody knows of yet, and what is done until its caller has heard of it. A caller who goes before that takes
 * the run along: it is cancelled.
 */
export const begun = <A, E, R>(
  begin: Effect.Effect<string, E, R>,
  { isGone }: Caller,
  andThen: (run: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Gleitzeit.Gleitzeit> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(begin, (run) =>
      Effect.onInterrupt(restore(andThen(run)), () =>
        Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) =>
          // a server that ends leaves its runs to be resumed
          isGone() ? Effect.ignore(gleitzeit.cancel(run, "mcp")) : Effect.void
        )
      )
    )
  )

/** Numbers that grow: whole ones for tasks that are over, between them whatever else is told. */
export class Pace {
  #done = 0
  #beats = 0

  /** Undefined: there is nothing left to count. */
  next(done: number, total: number): number | undefined {
    if (done > this.#done) {
      this.#done = done
      this.#beats = 0
      return done
    }
    if (this.#done >= total) return undefined
    this.#beats++
    return this.#done + this.#beats / (this.#beats + 1)
  }
}

// internal

/** Clients give up after a minute without a word, some earlier. */
const heartbeat = "10 seconds"

const patience = "1 second"

const messageOf = (event: Event.Event): string | undefined => {
  switch (event._tag) {
    case "TaskCompleted":
    case "TaskGathered":
      return `"${event.task}" is completed`
    case "TaskFailed":
      return `"${event.task}" has failed: ${event.error.message}`
    case "TaskSkipped":
      return `"${event.task}" is skipped`
    case "TaskRetrying":
      return `"${event.task}" is tried again: ${event.error.message}`
    case "TaskSuspended":
      return `"${event.task}" waits`
    default:
      return undefined
  }
}
