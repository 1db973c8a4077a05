/**
 * A run as somebody watches it: every recorded event once and in order, whichever process drives the run, and between
 * them what is never recorded, as far as it happens in this process. A chunk never follows its attempt's recorded end.
 */
import { Effect, Option, Queue, Stream } from "effect"
import { RunNotFound, type StoreError, type WrittenByNewer } from "./Errors.ts"
import type * as Event from "./Event.ts"
import { unpack } from "./LargeValue.ts"
import type { Feed, Live } from "./Live.ts"
import * as Run from "./Run.ts"
import type { Store, StoredEvent } from "./Store.ts"

export interface Recorded {
  readonly sequence: number
  readonly event: Event.Event
}
export type Watched = Live | ({ readonly _tag: "Event" } & Recorded)
export type ReadError = StoreError | RunNotFound | WrittenByNewer

/** Recorded events after a sequence, to the last there is. */
export const events = (store: Store["Service"], run: string, after = 0): Stream.Stream<Recorded, ReadError> =>
  Stream.paginate(
    after,
    Effect.fnUntraced(function* (last) {
      const found = yield* store.read(run, last, page)
      const end = found.at(-1)
      // nothing there: there is no such run, or it has been removed since
      if (end === undefined && (last === 0 || (yield* store.read(run, 0, 1)).length === 0)) {
        return yield* new RunNotFound({ run })
      }
      const next = end === undefined || found.length < page ? Option.none<number>() : Option.some(end.sequence)
      return [yield* Effect.forEach(found, (stored) => decode(store, run, stored)), next] as const
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

/** From the run's beginning to its end. */
export const watch = (store: Store["Service"], feed: Feed, run: string): Stream.Stream<Watched, ReadError> =>
  Stream.callback<Watched, ReadError>((queue) =>
    Effect.gen(function* () {
      const state = Run.empty(run)
      /** What is not recorded and came before the events that it follows were read. */
      let early: Array<{ readonly live: Live; readonly after: number }> = []
      const show = (live: Live) => {
        if ((state.tasks.get(live.task)?.attempts ?? 0) < live.attempt) Queue.offerUnsafe(queue, live)
      }
      const silence = feed.listen(run, (live, after) => {
        if (live._tag === "Chunk" && Queue.sizeUnsafe(queue) + early.length > enough) return
        if (early.length === 0 && after <= state.sequence) show(live)
        else early.push({ live, after })
      })
      yield* Effect.addFinalizer(() => Effect.sync(silence))
      const catchUp = Stream.runForEach(
        Stream.suspend(() => events(store, run, state.sequence)),
        (found) =>
          Effect.sync(() => {
            Run.fold(state, found.event)
            Queue.offerUnsafe(queue, { _tag: "Event", ...found })
            const due = early.findIndex(({ after }) => after > state.sequence)
            const now = early.splice(0, due < 0 ? early.length : due)
            for (const { live } of now) show(live)
          })
      )
      yield* store.changes(run).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.mapEffect(() => catchUp),
        Stream.takeUntil(() => Run.isOver(state.status)),
        Stream.runDrain
      )
      yield* Queue.end(queue)
    })
  )

// internal

/** Events a read. */
const page = 1000
/** Elements that a slow watcher may leave lying before chunks are dropped. */
const enough = 1000

const decode = (store: Store["Service"], run: string, stored: StoredEvent) =>
  Effect.map(unpack(store, run, stored), (event): Recorded => ({ sequence: stored.sequence, event }))
