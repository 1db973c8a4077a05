/**
 * One child process with two channels beside its standard streams, in a process group of its own that ends with it:
 * by itself, or killed on interruption before that returns. A process that leaves the group (`setsid`) is not reached.
 * The only file that knows `node:child_process`. POSIX only.
 */
import { Data, Deferred, Effect, Queue, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { kill } from "node:process"
import { Duplex } from "node:stream"

export interface Command {
  /** A path, or a name that is looked for on the `PATH` of `env`. */
  readonly executable: string
  readonly args: ReadonlyArray<string>
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
  /** Default: that of this process. */
  readonly cwd?: string
  /** Text on its standard input. Default: nothing. */
  readonly stdin?: string
  /** Bytes on its file descriptor 3, which stays open; what it writes to 4 comes as `Report`. Without it there is neither. */
  readonly job?: Uint8Array
}

export interface Piece {
  readonly _tag: "Stdout" | "Stderr" | "Report"
  readonly bytes: Uint8Array
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

export interface Started {
  readonly events: Queue.Dequeue<Event>
  /** More bytes for its file descriptor 3. */
  readonly write: (bytes: Uint8Array) => void
}

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
      const { events } = yield* start(command)
      return yield* follow(events, take)
    })
  )

/** Hands on what comes until it has ended and nothing more comes. */
export const follow = <E, R>(
  events: Queue.Dequeue<Event>,
  take: (piece: Piece) => Effect.Effect<void, E, R>
): Effect.Effect<Ended, E, R> =>
  Effect.gen(function* () {
    const until = Effect.fnUntraced(function* (last: "Exited" | "Closed") {
      while (true) {
        const event = yield* Queue.take(events)
        if ("bytes" in event) yield* take(event)
        else if (event._tag === last) return event
      }
    })
    const { _tag, ...ended } = yield* until("Exited")
    // a process outside the group may hold the streams open for ever
    yield* Effect.timeoutOption(until("Closed"), drain)
    return ended
  })

/** It is killed, and waited for, when the scope closes. */
export const start = (command: Command): Effect.Effect<Started, NotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const events = yield* Queue.unbounded<Event>()
    const over = yield* Deferred.make<void>()
    const child = yield* Effect.acquireRelease(started(command, events, over), (child) =>
      Effect.andThen(
        Effect.sync(() => killGroup(child)),
        Effect.andThen(
          Effect.timeoutOption(Deferred.await(over), grace),
          Effect.sync(() => {
            for (const stream of child.stdio) stream?.destroy()
          })
        )
      )
    )
    const channel = child.stdio[3]
    return { events, write: (bytes) => void (channel instanceof Duplex && channel.writable && channel.write(bytes)) }
  })

// internal

/** How long the streams may stay open when the process has ended, and how long a killed one may take. Milliseconds. */
const drain = 2000
const grace = 2000

const started = (
  { args, cwd, env, executable, job, stdin }: Command,
  events: Queue.Enqueue<Event>,
  over: Deferred.Deferred<void>
): Effect.Effect<ChildProcess, NotStarted> =>
  Effect.callback((resume) => {
    const channel = job === undefined ? "ignore" : "pipe"
    let child: ChildProcess
    try {
      child = spawn(executable, args, {
        env: { ...env },
        ...(cwd === undefined ? {} : { cwd }),
        detached: true,
        stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe", channel, channel]
      })
    } catch (error) {
      return resume(notStarted(error))
    }
    const listen = (number: number, tag: Piece["_tag"]) => {
      const stream = child.stdio[number]
      stream?.on("data", (bytes: Uint8Array) => Queue.offerUnsafe(events, { _tag: tag, bytes }))
      stream?.on("error", ignore)
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
      killGroup(child)
      Deferred.doneUnsafe(over, Effect.void)
    })
    child.once("exit", tell("Exited"))
    child.once("close", tell("Closed"))
  })

const ignore = () => {}

const killGroup = ({ pid }: ChildProcess) => {
  if (pid === undefined) return
  try {
    kill(-pid, "SIGKILL")
  } catch {
    // nobody is left in it
  }
}

const notStarted = (error: unknown): Effect.Effect<never, NotStarted> => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  const reason = error instanceof Error ? error.message : String(error)
  return Effect.fail(new NotStarted({ reason, missing: code === "ENOENT" || code === "ENOTDIR" }))
}
