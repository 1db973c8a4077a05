/**
 * A run as somebody watches it: every recorded event once and in order, whichever process drives the run, and between
 * them what is never recorded, as far as it happens in this process. Chunks of an attempt come in order, a gap stands for
 * those that are missing, and none follows its attempt's recorded end.
 */
import { Array as Arr, Cause, Effect, type Exit, Option, type Pull, Queue, Stream } from "effect"
import { RunNotFound, type StoreError, type WrittenByNewer } from "./Errors.ts"
import type * as Event from "./Event.ts"
import { unpack } from "./LargeValue.ts"
import type { Feed, Live } from "./Live.ts"
import * as Run from "./Run.ts"
import type { Store, StoredEvent } from "./Store.ts"
import type { TaskPath } from "./Task.ts"
import { Backlog, type Gap } from "./WatchBacklog.ts"

export interface Recorded {
  readonly sequence: number
  readonly event: Event.Event
}
export type Watched = Live | Gap | ({ readonly _tag: "Event" } & Recorded)
export type ReadError = StoreError | RunNotFound | WrittenByNewer

/** Recorded events after a sequence, to the last there is. */
export const events = (store: Store["Service"], run: string, after = 0): Stream.Stream<Recorded, ReadError> =>
  Stream.paginate(
    after,
    Effect.fnUntraced(function* (last) {
      const found = yield* read(store, run, last)
      const end = found.at(-1)
      const next = end === undefined || found.length < page ? Option.none<number>() : Option.some(end.sequence)
      return [found, next] as const
    })
  )

/** The fold of all that is recorded; of what came after `from`, when it is given, which becomes that state. */
export const state = (
  store: Store["Service"],
  run: string,
  from: Run.RunState = Run.empty(run)
): Effect.Effect<Run.RunState, ReadError> =>
  Stream.runFold(
    Stream.suspend(() => events(store, run, from.sequence)),
    () => from,
    (state, { event }) => Run.fold(state, event)
  )

/**
 * From the run's beginning to its end. Whoever takes slowly slows nobody: events are read as they are asked for, and of
 * what is not recorded no more than a backlog is kept.
 */
export const watch = (store: Store["Service"], feed: Feed, run: string): Stream.Stream<Watched, ReadError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const state = Run.empty(run)
      const backlog = new Backlog()
      const stirred = yield* Queue.sliding<void>(1)
      /** Whoever takes has found nothing. It is woken once, however much comes in the same turn. */
      let asleep = false
      const stir = () => {
        if (!asleep) return
        asleep = false
        Queue.offerUnsafe(stirred, undefined)
      }
      /** There may be events that have not been read. */
      let stale = false
      /** How the news of changes have ended. */
      let closed: Exit.Exit<void, ReadError> | undefined
      const attempts = (task: TaskPath) => state.tasks.get(task)?.attempts ?? 0
      const isOpen = ({ attempt, task }: Live | Gap) => attempts(task) < attempt

      const silence = feed.listen(run, (live, after) => {
        backlog.add(live, after)
        stir()
      })
      yield* Effect.addFinalizer(() => Effect.sync(silence))
      yield* store.changes(run).pipe(
        Stream.runForEach(() =>
          Effect.sync(() => {
            stale = true
            stir()
          })
        ),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            closed = exit
            stir()
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )

      const catchUp = Effect.fnUntraced(function* (seen: Array<Watched>) {
        stale = false
        const found = yield* read(store, run, state.sequence)
        if (found.length === page) stale = true
        for (const recorded of found) {
          backlog.take(state.sequence, isOpen, (live) => seen.push(live))
          Run.fold(state, recorded.event)
          if ("task" in recorded.event) backlog.forget(recorded.event.task, attempts(recorded.event.task))
          seen.push({ _tag: "Event", ...recorded })
        }
      })

      const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<Watched>, ReadError> = Effect.gen(function* () {
        while (true) {
          const seen: Array<Watched> = []
          if (stale) yield* catchUp(seen)
          backlog.take(state.sequence, isOpen, (live) => seen.push(live))
          if (Arr.isArrayNonEmpty(seen)) return seen
          if (stale) continue
          if (Run.isOver(state.status)) return yield* Cause.done()
          if (closed !== undefined) return yield* Effect.andThen(closed, Cause.done())
          asleep = true
          yield* Queue.take(stirred)
        }
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

// internal

/** Events a read. */
const page = 1000

/** The next events after a sequence, as many as a read gives. */
const read = Effect.fnUntraced(function* (store: Store["Service"], run: string, after: number) {
  const found = yield* store.read(run, after, page)
  // nothing there: there is no such run, or it has been removed since
  if (found.length === 0 && (after === 0 || (yield* store.read(run, 0, 1)).length === 0)) {
    return yield* new RunNotFound({ run })
  }
  return yield* Effect.forEach(found, (stored) => decode(store, run, stored))
})

const decode = (store: Store["Service"], run: string, stored: StoredEvent) =>
  Effect.map(unpack(store, run, stored), (event): Recorded => ({ sequence: stored.sequence, event }))
