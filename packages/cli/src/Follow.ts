/** Follows a run to its end, in the way that was asked for: drawn, as plain lines, as NDJSON, or in silence. */
import { Gleitzeit, type Run } from "@gleitzeit/core"
import { Clock, Effect, Fiber, Stream } from "effect"
import * as Lines from "./Lines.ts"
import { Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as View from "./View.ts"

export interface Options {
  /** With `--json`: events and chunks as they come, one document a line, instead of the report. */
  readonly watch: boolean
  /** When this process took the run over, in milliseconds since 1970: plain lines leave out what was recorded before. */
  readonly since?: number
}

/** The report of the run at rest. Interrupted, it leaves the lines drawn so far. */
export const follow = Effect.fn("gleitzeit.follow")(function* (run: string, options: Options) {
  const output = yield* Output
  const { json, quiet } = output.options
  const { since = 0, watch } = options
  if (json) return yield* watch ? stream(run) : silently(run)
  if (quiet) return yield* silently(run)
  return yield* output.live ? drawn(run) : plain(run, since)
})

// internal

/** Between two frames. Milliseconds. */
const interval = 100

const silently = (run: string) => Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => gleitzeit.wait(run))

/**
 * Watches beside the waiting: whoever waits hears of it when the run can go on no more, a watcher does not. The watcher
 * begins to listen before the run's first task can begin.
 */
const watching = <E, R>(run: string, see: (live: Gleitzeit.Live) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const watched = Stream.runForEach(gleitzeit.watch(run), see)
    const watcher = yield* Effect.forkChild(watched, { startImmediately: true })
    const report: Run.Report = yield* gleitzeit.wait(run)
    yield* Fiber.join(watcher)
    return report
  })

const stream = (run: string) => Effect.flatMap(Output, (output) => watching(run, (live) => output.line(live)))

const plain = (run: string, since: number) =>
  Effect.gen(function* () {
    const output = yield* Output
    return yield* watching(
      run,
      Effect.fnUntraced(function* (live) {
        if (live._tag === "Event" && live.event.at < since) return
        const now = yield* Clock.currentTimeMillis
        for (const line of Lines.ofLive(live, now, { run, verbose: output.options.verbose })) yield* output.note(line)
      })
    )
  })

const drawn = (run: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const output = yield* Output
      const canvas = yield* output.canvas
      const progress = Progress.make(run)
      let tick = 0
      let headed = false

      const paint = (rest: "frame" | "nothing" | "interrupted") =>
        Effect.gen(function* () {
          if (progress.workflow === "") return
          const look = { style: output.style, ...(yield* output.size), verbose: output.options.verbose }
          const now = yield* Clock.currentTimeMillis
          const stay = [
            ...(headed ? [] : View.header(progress, look)),
            ...View.settled(progress, look),
            ...(rest === "interrupted" ? View.interrupted(progress, look, now) : [])
          ]
          headed = true
          yield* canvas.draw(stay, rest === "frame" ? View.frame(progress, look, now, tick++) : [])
        })

      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(interval), paint("frame"))))
      const report = yield* Effect.onInterrupt(
        watching(run, (live) => Effect.sync(() => Progress.observe(progress, live))),
        () => paint("interrupted")
      )
      yield* paint("nothing")
      return report
    })
  )
