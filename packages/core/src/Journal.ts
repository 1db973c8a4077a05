/**
 * Commit before consequence, in groups: whatever the runs of this process have to write in one turn of the event loop
 * goes to the store in one commit, and only then do the writers go on. When a run was written to meanwhile, or a commit
 * failed, the journal reads on and finds out what stands there before it tries again.
 */
import { type Clock, Context, Effect, Exit, Layer, Result, Scheduler } from "effect"
import { LeaseLost, StoreError, type WrittenByNewer } from "./Errors.ts"
import * as Event from "./Event.ts"
import { pack, type Packed } from "./LargeValue.ts"
import { type Append, type NewEvent, type RunSummary, Store, type StoredEvent } from "./Store.ts"

export type JournalError = StoreError | LeaseLost | WrittenByNewer
/** Told when the events are durable, or why they are not. A callback, not an effect: an outcome needs no waiting fiber. */
export type Then = (exit: Exit.Exit<void, JournalError>) => void

/** The one who may write to a run, with what it has not written yet. */
export class Writer {
  readonly run: string
  readonly owner: string
  /** Of the last event handed to the store. */
  sequence: number
  /** Time of the last event: none is earlier. */
  at: number
  /** Told of what others posted, once each and in order. */
  onPost: (event: Event.Event) => void = () => {}
  /** Why it writes no more: after a failure nobody knows where the run stands. */
  failed: Exit.Exit<never, JournalError> | undefined
  /** What goes into the next commit. */
  next: Group | undefined
  /** A group of it is on its way to the store. */
  busy = false

  constructor(run: string, owner: string, sequence = 0, at = 0) {
    this.run = run
    this.owner = owner
    this.sequence = sequence
    this.at = at
  }

  /** Wall-clock time, never smaller than the run's last. */
  now(clock: Clock.Clock): number {
    return (this.at = Math.max(this.at, clock.currentTimeMillisUnsafe()))
  }
}

interface Group {
  readonly writer: Writer
  after: number
  readonly stored: Array<NewEvent>
  /** How many of them are known to stand in the store. */
  written: number
  blobs: Append["blobs"] | undefined
  summary: RunSummary | undefined
  readonly scope: string | undefined
  /** Not written when something was posted before it. */
  unlessPosted: boolean
  readonly told: Array<Then>
}

export interface Options {
  readonly summary?: RunSummary
  /** Of a run that these events create. */
  readonly scope?: string
  /** When something was posted meanwhile, the writer is told of that, and these events are not written. Default false. */
  readonly unlessPosted?: boolean
}

export class Journal extends Context.Service<
  Journal,
  {
    /** `LeaseLost` when somebody else drives the run: then nothing of the group was written. */
    readonly append: (writer: Writer, events: ReadonlyArray<Event.Event>, then: Then, options?: Options) => void
    /** Looks whether somebody has posted to the run, and tells the writer. */
    readonly sync: (writer: Writer) => Effect.Effect<void, JournalError>
  }
>()("@gleitzeit/core/Journal") {}

/** `append` as an effect. */
export const write = (
  journal: Journal["Service"],
  writer: Writer,
  events: ReadonlyArray<Event.Event>,
  options?: Options
): Effect.Effect<void, JournalError> => Effect.callback((resume) => journal.append(writer, events, resume, options))

export const layer: Layer.Layer<Journal, never, Store> = Layer.effect(
  Journal,
  Effect.gen(function* () {
    const store = yield* Store
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
    let waiting: Array<Group> = []
    let busy = false

    const append: Journal["Service"]["append"] = (writer, events, then, options) => {
      if (writer.failed !== undefined) return then(writer.failed)
      const packed = packAll(events)
      if (Result.isFailure(packed)) return then((writer.failed = Exit.fail(packed.failure)))
      let group = writer.next
      if (group === undefined) {
        group = writer.next = {
          writer,
          after: writer.sequence,
          stored: [],
          written: 0,
          blobs: undefined,
          summary: undefined,
          scope: options?.scope,
          unlessPosted: options?.unlessPosted === true,
          told: []
        }
        waiting.push(group)
      } else if (group.unlessPosted) {
        // with company it is written whatever was posted, and does not say how the run stands
        group.unlessPosted = false
        group.summary = undefined
      }
      for (const [i, { blobs, json }] of packed.success.entries()) {
        const { _tag: kind, at } = events[i]!
        group.stored.push({ at, kind, json })
        if (blobs.length > 0) group.blobs = [...(group.blobs ?? []), ...blobs]
      }
      if (options?.summary !== undefined) group.summary = options.summary
      group.told.push(then)
      if (!busy) arm()
    }

    const arm = () => {
      busy = true
      dispatcher.scheduleTask(flush, 0) // whatever else finishes in this turn joins the group
    }

    const flush = () => {
      const groups: Array<Group> = []
      const collected = waiting
      waiting = []
      for (const group of collected) {
        const { writer } = group
        if (writer.failed !== undefined) {
          settle(group, writer.failed)
          continue
        }
        groups.push(group)
        // what a sync or a conflict has found since the group was opened lies before it
        group.after = writer.sequence
        writer.sequence += group.stored.length
        writer.next = undefined
        writer.busy = true
      }
      fork(commit(groups)).addObserver((exit) => {
        busy = false
        if (Exit.isFailure(exit)) for (const group of groups) settle(group, exit)
        if (waiting.length > 0 && !busy) arm()
      })
    }

    const commit = (groups: ReadonlyArray<Group>): Effect.Effect<void> => {
      const appends = groups.map(toAppend)
      if (!isNonEmpty(appends)) return Effect.void
      return Effect.matchEffect(store.commit(appends), {
        onSuccess: (refused) => {
          if (refused.size === 0) {
            for (const group of groups) settle(group, Exit.void)
            return Effect.void
          }
          for (const group of groups) if (!refused.has(group.writer.run)) settle(group, Exit.void)
          return Effect.forEach(
            groups.filter(({ writer }) => refused.has(writer.run)),
            reconcile,
            { discard: true }
          )
        },
        onFailure: (error) =>
          Effect.forEach(groups, (group) => again(group, error, groups.length > 1), {
            concurrency: "unbounded",
            discard: true
          })
      })
    }

    /**
     * After a failed commit nobody knows what was written: read on, then write what is missing, a few times. `shared`:
     * it may be another run's part of the commit that cannot be written.
     */
    const again = (group: Group, error: StoreError, shared = false, tries = 0): Effect.Effect<void> =>
      (error.retryable && tries < 5) || shared
        ? Effect.delay(
            Effect.catchTag(place(group), "StoreError", (next) => again(group, next, false, tries + 1)),
            50 * 2 ** tries
          ).pipe(Effect.catch((failure) => Effect.sync(() => settle(group, Exit.fail(failure)))))
        : Effect.catch(
            // not to be tried again, but it may have been written all the same
            Effect.flatMap(remaining(group), (missing) =>
              missing.length === 0 ? Effect.sync(() => settle(group, Exit.void)) : Effect.fail(error)
            ),
            () => Effect.sync(() => settle(group, Exit.fail(error)))
          )

    const reconcile = (group: Group): Effect.Effect<void> =>
      Effect.catch(place(group, true), (failure) =>
        failure._tag === "StoreError" ? again(group, failure) : Effect.sync(() => settle(group, Exit.fail(failure)))
      )

    /** Writes what is missing of a group behind whatever stands there, until it is all there. */
    const place = (group: Group, refused = false): Effect.Effect<void, JournalError> =>
      Effect.flatMap(remaining(group, refused), (missing) => {
        group.writer.sequence = group.after + missing.length
        if (!isNonEmpty(missing)) return Effect.sync(() => settle(group, Exit.void))
        const rest = { ...toAppend(group), events: missing, after: group.after }
        return Effect.flatMap(store.commit([rest]), (refused) => {
          if (refused.size > 0) return place(group, true)
          return Effect.sync(() => settle(group, Exit.void))
        })
      })

    /**
     * Reads from the group's place on. Own events that stand there count as written, posts go to the writer. Where a
     * group was `refused`, somebody has written, or there is no such run any more.
     */
    const remaining = (group: Group, refused = false): Effect.Effect<ReadonlyArray<NewEvent>, JournalError> =>
      Effect.gen(function* () {
        const found = yield* everything(group.writer.run, group.after)
        if (refused && found.length === 0) {
          return yield* new LeaseLost({ run: group.writer.run, heldBy: "nobody: it was removed" })
        }
        for (const stored of found) {
          if (stored.json === group.stored[group.written]?.json) group.written++
          else yield* foreign(group.writer, stored)
          group.after = stored.sequence
        }
        if (group.unlessPosted && found.length > 0 && group.written === 0) return []
        return group.stored.slice(group.written)
      })

    /** What somebody else has written: a post is passed on, another driver means that the lease is lost. */
    const foreign = (writer: Writer, { json, kind }: StoredEvent): Effect.Effect<void, JournalError> =>
      Effect.suspend(() => {
        const known = Event.isPost(kind) || kind === "RunResumed" || kind === "RunRetried"
        if (!known) return lost(writer, "another process")
        return Effect.flatMap(Event.decode(writer.run, kind, json), (event) => {
          if (event._tag === "RunResumed" || event._tag === "RunRetried") return lost(writer, event.owner)
          writer.at = Math.max(writer.at, event.at)
          return Effect.sync(() => writer.onPost(event))
        })
      })

    const lost = (writer: Writer, heldBy: string) =>
      (writer.failed = Exit.fail(new LeaseLost({ run: writer.run, heldBy })))

    const everything = (run: string, after: number): Effect.Effect<ReadonlyArray<StoredEvent>, StoreError> =>
      Effect.flatMap(store.read(run, after, page), (first) =>
        first.length < page
          ? Effect.succeed(first)
          : Effect.map(everything(run, first[first.length - 1]!.sequence), (rest) => [...first, ...rest])
      )

    const settle = ({ told, writer }: Group, exit: Exit.Exit<void, JournalError>) => {
      writer.busy = false
      if (Exit.isFailure(exit)) writer.failed = Exit.failCause(exit.cause)
      for (const then of told.splice(0)) then(exit)
    }

    const sync = (writer: Writer): Effect.Effect<void, JournalError> =>
      Effect.suspend(() => {
        if (writer.failed !== undefined) return Effect.void
        // what is posted after an append was written and before it is settled is found by neither
        if (isBusy(writer)) return Effect.delay(sync(writer), pause)
        const from = writer.sequence
        return Effect.flatMap(store.read(writer.run, from, page), (found) =>
          writer.sequence !== from || isBusy(writer)
            ? sync(writer)
            : Effect.forEach(
                found,
                (stored) => {
                  writer.sequence = stored.sequence
                  return foreign(writer, stored)
                },
                { discard: true }
              )
        )
      })

    return Journal.of({
      append,
      sync
    })
  })
)

// internal

/** What cannot be written stops its run, and no other. */
const packAll = (events: ReadonlyArray<Event.Event>): Result.Result<ReadonlyArray<Packed>, StoreError> =>
  Result.try({
    try: () => events.map(pack),
    catch: (cause) => new StoreError({ operation: "encode", retryable: false, cause })
  })

const page = 1000
/** Until a look at a run that is being written to. Milliseconds. */
const pause = 20

const isBusy = ({ busy, next }: Writer): boolean => busy || next !== undefined

const isNonEmpty = <A>(items: ReadonlyArray<A>): items is readonly [A, ...Array<A>] => items.length > 0

const toAppend = ({ after, blobs, scope, stored, summary, writer }: Group): Append => ({
  run: writer.run,
  after,
  // Safe: a group is opened with its first event.
  events: stored as unknown as Append["events"],
  ...(after === 0 ? { owner: writer.owner } : {}),
  ...(after === 0 && scope !== undefined ? { scope } : {}),
  ...(blobs === undefined ? {} : { blobs }),
  ...(summary === undefined ? {} : { summary })
})
