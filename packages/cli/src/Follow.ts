/**
 * Follows a run to its rest, in the way that was asked for: drawn, as plain lines, as NDJSON, or in silence. Where
 * somebody sits, what the run asks is asked there.
 */
import { Gleitzeit, Run } from "@gleitzeit/core"
import { Clock, Deferred, Effect, Exit, Fiber, Option, Stream } from "effect"
import * as Answer from "./Answer.ts"
import { ask, canAsk } from "./Ask.ts"
import { Flag } from "./Cli.ts"
import * as Lines from "./Lines.ts"
import { Talk } from "./LinesTalk.ts"
import { Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import { Questions } from "./Questions.ts"
import * as View from "./View.ts"

export interface Options {
  /** What tasks write is shown as they write it. With `--json`: events and chunks, one document a line, no report. */
  readonly watch: boolean
  /**
   * When this process took the run over, in milliseconds since 1970: plain lines leave out what was recorded before.
   * Absent: it only looks on, and nothing is left to be done when nobody reads what it tells.
   */
  readonly since?: number
}

export const watchFlag = Flag.Boolean("watch").pipe(
  Flag.withAlias("w"),
  Flag.withDescription(
    "Show what tasks write as they write it; with --json: events and tokens, one JSON document a line"
  ),
  Flag.withDefault(false)
)

/** The report of the run at rest: over, or waiting. Interrupted, it leaves the lines drawn so far. */
export const follow = Effect.fn("gleitzeit.follow")(function* (run: string, options: Options) {
  const output = yield* Output
  const { json, quiet } = output.options
  const { since = 0, watch } = options
  if (json ? !watch : quiet) return yield* resting(run, silent)
  const looksOn = options.since === undefined
  if (json) return yield* resting(run, { ...silent, looksOn, see: output.lines })
  return yield* output.live
    ? Effect.scoped(Effect.flatMap(drawn(run, since, watch), (face) => resting(run, face)))
    : resting(run, { ...plain(run, since, watch, output), looksOn })
})

// internal

/** Between two frames. Milliseconds. */
const interval = 100
/** The same while what tasks write is shown. */
const talkInterval = 50

/** How a run is shown. */
interface Face {
  /** Absent: nothing is. May take its time, the run goes on meanwhile. False: nobody reads it any more. */
  readonly see?: (seen: ReadonlyArray<Gleitzeit.Live>) => Effect.Effect<boolean>
  /** Nothing is left to be done then. */
  readonly looksOn: boolean
  /** Leaves the terminal to whoever asks. */
  readonly aside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Once all has been seen. */
  readonly rest: Effect.Effect<void>
  readonly interrupted: Effect.Effect<void>
}

const silent: Face = { looksOn: false, aside: (effect) => effect, rest: Effect.void, interrupted: Effect.void }

/**
 * Watches beside the waiting: whoever waits hears of it when the run can go on no more, a watcher does not. The watcher
 * begins to listen before the run's first task can begin.
 */
const resting = Effect.fnUntraced(function* (run: string, face: Face) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const questions = (yield* canAsk) ? yield* Questions.make : undefined
  const unread = yield* Deferred.make<void>()
  const watched =
    face.see === undefined && questions === undefined ? nobody : yield* watching(run, face, unread, questions)
  const rested = Effect.andThen(
    questions === undefined ? gleitzeit.wait(run) : answering(run, face, questions, watched),
    watched
  )
  return yield* Effect.gen(function* () {
    while (true) {
      yield* face.looksOn ? Effect.raceFirst(rested, Deferred.await(unread)) : rested
      if (face.looksOn && Deferred.isDoneUnsafe(unread)) return yield* gleitzeit.get(run)
      const report = yield* gleitzeit.get(run)
      // else somebody has answered meanwhile, and it goes on
      if (!isAtRest(report)) continue
      yield* face.rest
      return report
    }
  }).pipe(Effect.onInterrupt(() => face.interrupted))
}, Effect.scoped)

const isAtRest = ({ status }: Run.Outcome): boolean => status === "waiting" || Run.isOver(status)

/** Begins to watch; gives what waits until all that is recorded has been seen. */
const watching = Effect.fnUntraced(function* (
  run: string,
  { see }: Face,
  unread: Deferred.Deferred<void>,
  questions: Questions | undefined
) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  let isRead = see !== undefined
  let seen = 0
  let wanted: { readonly sequence: number; readonly reached: Deferred.Deferred<void> } | undefined
  const observe = Effect.fnUntraced(function* (all: ReadonlyArray<Gleitzeit.Live>) {
    if (isRead && see !== undefined) isRead = yield* see(all)
    if (!isRead && see !== undefined) Deferred.doneUnsafe(unread, Exit.void)
    for (const live of all) {
      if (live._tag !== "Event") continue
      seen = live.sequence
      questions?.observe(live.event)
    }
    if (wanted !== undefined && seen >= wanted.sequence) Deferred.doneUnsafe(wanted.reached, Exit.void)
  })
  // ends with the following: no line comes after the one that says how to go on
  const watcher = yield* Effect.forkScoped(Stream.runForEachArray(gleitzeit.watch(run), observe), {
    startImmediately: true
  })
  return Effect.gen(function* () {
    const last = yield* Stream.runLast(gleitzeit.events(run, seen))
    if (Option.isNone(last) || last.value.sequence <= seen) return
    wanted = { sequence: last.value.sequence, reached: yield* Deferred.make<void>() }
    // a watch that ends has seen all, or says why it cannot
    yield* Effect.raceFirst(Deferred.await(wanted.reached), Fiber.join(watcher))
  })
})

const nobody: Effect.Effect<void, Gleitzeit.ReadError> = Effect.void

/** Waits, and asks whatever comes up meanwhile, one question at a time, until nothing is left to be asked. */
const answering = Effect.fnUntraced(function* (
  run: string,
  face: Face,
  questions: Questions,
  watched: Effect.Effect<void, Gleitzeit.ReadError>
) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  while (true) {
    const rested = yield* Effect.raceFirst(
      Effect.as(gleitzeit.wait(run), true),
      questions.left ? Effect.never : Effect.as(questions.asked, false)
    )
    const { status, waiting } = yield* gleitzeit.get(run)
    if (rested && (questions.left || Run.isOver(status))) return
    // while it is paused an answer moves nothing
    const request = waiting.some(({ kind }) => kind === "pause") ? undefined : waiting.find(Answer.isForPeople)
    if (request === undefined) {
      if (rested) return
      continue
    }
    // what led to the question stands above it
    yield* watched
    const driving = yield* face.aside(questions.unlessSettled(request.request, ask(run, request)))
    questions.left = driving === undefined
    questions.again()
  }
})

const plain = (run: string, since: number, watch: boolean, output: Output["Service"]): Face => {
  const options = { run, verbose: output.options.verbose }
  const talk = new Talk(options)
  return {
    ...silent,
    see: Effect.fnUntraced(function* (seen) {
      const now = yield* Clock.currentTimeMillis
      return yield* output.notes(
        seen.flatMap((live) => {
          if (live._tag === "Event" && live.event.at < since) return []
          return watch ? talk.of(live, now) : Lines.ofLive(live, now, options)
        })
      )
    }),
    interrupted: Effect.gen(function* () {
      for (const line of talk.end(yield* Clock.currentTimeMillis)) yield* output.note(line)
    })
  }
}

const drawn = (run: string, since: number, talk: boolean) =>
  Effect.gen(function* () {
    const output = yield* Output
    const canvas = yield* output.canvas
    const progress = Progress.make(run)
    let tick = 0
    let headed = false
    let held = false

    const paint = (what: "frame" | "settled" | "rest" | "interrupted") =>
      Effect.gen(function* () {
        if (progress.workflow === "") return
        const look = { style: output.style, ...(yield* output.size), verbose: output.options.verbose, talk }
        const now = yield* Clock.currentTimeMillis
        const stay = [
          ...(headed ? [] : View.header(progress, look)),
          ...View.settled(progress, look),
          ...(what === "interrupted" ? View.interrupted(progress, look, now) : []),
          ...(what === "rest" ? View.rest(progress, look, now) : [])
        ]
        headed = true
        yield* canvas.draw(stay, what === "frame" ? View.frame(progress, look, now, tick++) : [])
      })
    // what was recorded before is no news: a task that failed then may be under way again
    const frame = Effect.suspend(() => (held || progress.latest < since ? Effect.void : paint("frame")))

    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(talk ? talkInterval : interval), frame)))
    return {
      ...silent,
      see: (seen) =>
        Effect.sync(() => {
          for (const live of seen) Progress.observe(progress, live)
          return true
        }),
      aside: (effect) =>
        Effect.gen(function* () {
          yield* paint("settled")
          held = true
          return yield* Effect.ensuring(
            canvas.aside(effect),
            Effect.sync(() => (held = false))
          )
        }),
      rest: paint("rest"),
      interrupted: paint("interrupted")
    } satisfies Face
  })
