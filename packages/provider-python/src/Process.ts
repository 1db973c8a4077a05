/**
 * One child process with two channels beside its standard streams, in a process group of its own that ends with it:
 * by itself, or killed on interruption before that returns. A process that leaves the group (`setsid`) is not reached.
 * The only file that knows `node:child_process`. POSIX only.
 */
import { Data, Deferred, Effect, Queue, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { kill } from "node:process"
import { Duplex, Readable } from "node:stream"

export interface Command {
  /** A path, or a name that is looked for on the `PATH` of `env`. */
  readonly executable: string
  readonly args: ReadonlyArray<string>
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
  /** Text on its standard input. Default: nothing. */
  readonly stdin?: string
  /** Bytes on its file descriptor 3, which stays open; what it writes to 4 comes as `Report`. Without it there is neither. */
  readonly job?: Uint8Array
  /** A folder of its own. Who asks for it makes it and removes it. */
  readonly scratch?: string
}

export interface Piece {
  readonly _tag: "Stdout" | "Stderr" | "Report"
  readonly bytes: Uint8Array
  /** What comes after it is held up until this is called. */
  readonly more?: () => void
}

/** One of `code` and `signal` is there. */
export interface Ended {
  readonly code: number | undefined
  readonly signal: string | undefined
  /** Most memory that it held at once, in KiB, where that is known. */
  readonly rss?: number
}

/** Its last two elements are that it has ended, and that nothing more comes of it. */
export type Event = Piece | ({ readonly _tag: "Exited" | "Closed" } & Ended)

/** The process did not come into being. `missing`: there is no such file. */
export class NotStarted extends Data.TaggedError("NotStarted")<{
  readonly reason: string
  readonly missing: boolean
}> {}

/** Runs it to its end. `take` gets what it writes, in order within each stream; its failure ends the process. */
export const run = <E, R>(
  command: Command,
  take: (piece: Piece) => Effect.Effect<void, E, R>
): Effect.Effect<Ended, NotStarted | E, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* follow(yield* start(command), take)
    })
  )

/** Hands on what comes until it has ended and nothing more comes. */
export const follow = <E, R, F = never>(
  events: Queue.Dequeue<Event, F>,
  take: (piece: Piece) => Effect.Effect<void, E, R>
): Effect.Effect<Ended, E | F, R> =>
  Effect.gen(function* () {
    const until = Effect.fnUntraced(function* (last: "Exited" | "Closed") {
      while (true) {
        const event = yield* Queue.take(events)
        if (!("bytes" in event)) {
          if (event._tag === last) return event
          continue
        }
        event.more?.()
        yield* take(event)
      }
    })
    const { _tag, ...ended } = yield* until("Exited")
    // a process outside the group may hold the streams open for ever
    yield* Effect.timeoutOption(until("Closed"), drain)
    return ended
  })

/** Hands on what a stream brings. While much of it waits it is not read, so that whoever writes has to wait. */
export const pour = <E>(stream: Readable, tag: Piece["_tag"], events: Queue.Queue<Event, E>): void => {
  stream.on("data", (bytes: Uint8Array) => {
    if (Queue.sizeUnsafe(events) < waiting) return Queue.offerUnsafe(events, { _tag: tag, bytes })
    stream.pause()
    return Queue.offerUnsafe(events, { _tag: tag, bytes, more: () => stream.resume() })
  })
}

/** What comes of it. It is killed, and waited for, when the scope closes. */
export const start = (command: Command): Effect.Effect<Queue.Dequeue<Event>, NotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const events = yield* Queue.unbounded<Event>()
    const over = yield* Deferred.make<void>()
    yield* Effect.acquireRelease(started(command, events, over), (child) =>
      Effect.andThen(
        Effect.sync(() => killGroupOf(child)),
        Effect.andThen(
          Effect.timeoutOption(Deferred.await(over), grace),
          Effect.sync(() => {
            for (const stream of child.stdio) stream?.destroy()
          })
        )
      )
    )
    return events
  })

/** Kills all of a process group, if there is one. */
export const killGroup = (pid: number): void => {
  try {
    kill(-pid, "SIGKILL")
  } catch {
    // nobody is left in it
  }
}

// internal

/** Pieces, of 64 KiB at most. */
const waiting = 64

/** How long the streams may stay open when the process has ended, and how long a killed one may take. Milliseconds. */
const drain = 2000
const grace = 2000

const started = (
  { args, env, executable, job, stdin }: Command,
  events: Queue.Queue<Event>,
  over: Deferred.Deferred<void>
): Effect.Effect<ChildProcess, NotStarted> =>
  Effect.callback((resume) => {
    const channel = job === undefined ? "ignore" : "pipe"
    let child: ChildProcess
    try {
      child = spawn(executable, args, {
        env: { ...env },
        detached: true,
        stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe", channel, channel]
      })
    } catch (error) {
      return resume(notStarted(error))
    }
    const listen = (number: number, tag: Piece["_tag"]) => {
      const stream = child.stdio[number]
      if (!(stream instanceof Readable)) return
      pour(stream, tag, events)
      stream.on("error", ignore)
    }
    listen(1, "Stdout")
    listen(2, "Stderr")
    listen(4, "Report")
    // it may end before it has read all: that is its own affair
    child.stdin?.on("error", ignore)
    child.stdin?.end(stdin)
    const jobs = child.stdio[3]
    if (jobs instanceof Duplex && job !== undefined) {
      jobs.on("error", ignore)
      // never ended by this side: the end of this channel means that this process has died
      jobs.write(job)
      // without a reader its end would not be seen
      jobs.resume()
    }
    child.once("spawn", () => resume(Effect.succeed(child)))
    child.once("error", (error) => resume(notStarted(error)))
    const tell = (tag: "Exited" | "Closed") => (code: number | null, signal: string | null) =>
      Queue.offerUnsafe(events, { _tag: tag, code: code ?? undefined, signal: signal ?? undefined })
    child.once("exit", () => {
      if (child.pid !== undefined) killGroup(child.pid)
      Deferred.doneUnsafe(over, Effect.void)
    })
    child.once("exit", tell("Exited"))
    child.once("close", tell("Closed"))
  })

const ignore = () => {}

/** Once it has ended, its number may be another's. */
const killGroupOf = ({ exitCode, pid, signalCode }: ChildProcess): void => {
  if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid)
}

const notStarted = (error: unknown): Effect.Effect<never, NotStarted> => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  const reason = error instanceof Error ? error.message : String(error)
  return Effect.fail(new NotStarted({ reason, missing: code === "ENOENT" || code === "ENOTDIR" }))
}
