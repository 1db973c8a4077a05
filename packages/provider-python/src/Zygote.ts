/**
 * A warm interpreter that forks a child for each task: what a task costs then is a fork, not a start of Python. Started
 * by the first task, ended with the scope; when it dies, the tasks under way are lost and the next one starts another.
 * A child connects to a socket of this process by itself, with a token that is good for it alone, so that nothing a task
 * is given or says passes through the memory that all children begin with. Linux.
 */
import { Data, Deferred, Effect, Exit, Queue, Result, Schema, Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type Socket } from "node:net"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { Frames, frame } from "./Frames.ts"
import * as Process from "./Process.ts"

export interface Options {
  /** Python, absolute. */
  readonly executable: string
  /** The folder of `zygote.py`. */
  readonly folder: string
  /** All of its environment; a child gets its own. */
  readonly env: { readonly [name: string]: string }
}

/** The zygote is gone, and the task with it. */
export class Lost extends Data.TaggedError("Lost")<{ readonly reason: string }> {}

/** As `Process.run`, for commands whose process is a fork: `executable` and `args` are the zygote's own. */
export interface Zygote {
  readonly run: <E, R>(
    command: Pick<Process.Command, "env" | "cwd" | "stdin" | "job">,
    take: (piece: Process.Piece) => Effect.Effect<void, E, R>
  ) => Effect.Effect<Process.Ended, Process.NotStarted | Lost | E, R>
}

export const make = (options: Options): Effect.Effect<Zygote, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const semaphore = yield* Semaphore.make(1)
    let warm: Warm | undefined
    const current = semaphore.withPermit(
      Effect.suspend(() =>
        warm?.isAlive === true ? Effect.succeed(warm) : Effect.map(start(options, scope), (made) => (warm = made))
      )
    )
    return {
      run: (command, take) =>
        Effect.scoped(
          Effect.gen(function* () {
            const zygote = yield* current
            const task = yield* Effect.acquireRelease(
              Effect.sync(() => zygote.fork(command)),
              (task) => zygote.end(task)
            )
            yield* Effect.raceFirst(
              Deferred.await(task.begun),
              Effect.andThen(
                Effect.sleep(patience),
                // it does not even fork: frozen, or out of its mind
                Effect.andThen(zygote.give(`it has not answered for ${patience / 1000} s`), Effect.never)
              )
            )
            return yield* Effect.raceFirst(Process.follow(task.events, take), Deferred.await(zygote.lost))
          })
        )
    }
  })

// internal

/** How long a fork may take, and a killed child to be gone. Milliseconds. */
const patience = 10_000
const grace = 3000

/** Bytes of a frame of the zygote's. */
const longest = 65_536

/** Characters of a token and the name of a stream. */
const longestHello = 100

const boot = "import sys; sys.path[0] = sys.argv[1]; import zygote; zygote.main()"

const Said = Schema.Union([
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("NotForked", { task: Schema.Int, reason: Schema.String }),
  Schema.TaggedStruct("Exited", {
    task: Schema.Int,
    /** KiB. */
    rss: Schema.Int,
    code: Schema.optionalKey(Schema.Int),
    signal: Schema.optionalKey(Schema.Int)
  })
])
const decodeSaid = Schema.decodeUnknownResult(Schema.fromJsonString(Said))

const streams = ["Stdin", "Stdout", "Stderr", "Channel"] as const
type Stream = (typeof streams)[number]

interface Task {
  readonly number: number
  readonly token: string
  readonly command: Parameters<Zygote["run"]>[0]
  readonly events: Queue.Queue<Process.Event>
  /** All of its streams are there, or it has not come into being. */
  readonly begun: Deferred.Deferred<void, Process.NotStarted | Lost>
  readonly over: Deferred.Deferred<void>
  readonly sockets: Map<Stream, Socket>
  open: number
  ended: Process.Ended | undefined
}

/** One interpreter, from its start to its end. */
class Warm {
  isAlive = true
  readonly lost: Deferred.Deferred<never, Lost>
  readonly #path: string
  readonly #process: Process.Started
  readonly #close: Effect.Effect<void>
  readonly #tasks = new Map<number, Task>()
  #last = 0

  constructor(
    path: string,
    process: Process.Started,
    lost: Deferred.Deferred<never, Lost>,
    close: Effect.Effect<void>
  ) {
    this.#path = path
    this.#process = process
    this.lost = lost
    this.#close = close
  }

  fork(command: Task["command"]): Task {
    const task: Task = {
      number: ++this.#last,
      token: randomUUID(),
      command,
      events: Effect.runSync(Queue.unbounded<Process.Event>()),
      begun: Deferred.makeUnsafe(),
      over: Deferred.makeUnsafe(),
      sockets: new Map(),
      open: 0,
      ended: undefined
    }
    this.#tasks.set(task.number, task)
    const { number, token } = task
    const { cwd = null, env, stdin } = command
    this.#process.write(
      frame({ _tag: "Fork", task: number, socket: this.#path, token, env, cwd, stdin: stdin !== undefined })
    )
    return task
  }

  /** Kills what is left of it; a zygote that does not manage that is of no use any more. */
  end(task: Task): Effect.Effect<void> {
    const settled = Effect.sync(() => {
      this.#tasks.delete(task.number)
      for (const socket of task.sockets.values()) socket.destroy()
    })
    if (task.ended !== undefined || !this.isAlive) return settled
    this.#process.write(frame({ _tag: "Kill", task: task.number }))
    return Deferred.await(task.over).pipe(
      Effect.timeoutOrElse({
        duration: grace,
        orElse: () => this.give(`it has not ended a task for ${grace / 1000} s`)
      }),
      Effect.andThen(settled)
    )
  }

  /** Gives it up, with all that it has forked. */
  give(reason: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.isAlive) return Effect.void
      this.isAlive = false
      Deferred.doneUnsafe(this.lost, Exit.fail(new Lost({ reason })))
      for (const task of this.#tasks.values()) {
        Deferred.doneUnsafe(task.begun, Exit.fail(new Lost({ reason })))
        Deferred.doneUnsafe(task.over, Exit.void)
      }
      // what watches it asks for this itself, and is ended by it
      return Effect.asVoid(Effect.forkDetach(this.#close))
    })
  }

  hear(said: typeof Said.Type): void {
    if (said._tag === "Ready") return
    const task = this.#tasks.get(said.task)
    if (task === undefined) return
    if (said._tag === "NotForked") {
      task.ended = { code: undefined, signal: undefined }
      const failure = new Process.NotStarted({ reason: `it cannot be forked: ${said.reason}`, missing: false })
      Deferred.doneUnsafe(task.begun, Exit.fail(failure))
      return
    }
    const { code, rss, signal } = said
    task.ended = { code, signal: signal === undefined ? undefined : (names.get(signal) ?? `signal ${signal}`), rss }
    Queue.offerUnsafe(task.events, { _tag: "Exited", ...task.ended })
    // it may have died before it could say who it is
    Deferred.doneUnsafe(task.begun, Exit.void)
    Deferred.doneUnsafe(task.over, Exit.void)
    this.#closed(task)
  }

  /** A child says who it is, in a line; what follows is its stream. */
  meet(socket: Socket): void {
    let hello = Buffer.alloc(0)
    socket.on("error", ignore)
    socket.on("data", (bytes: Buffer) => {
      hello = Buffer.concat([hello, bytes])
      const end = hello.indexOf("\n")
      if (end < 0 ? hello.length > longestHello : !this.#take(socket, hello.toString("latin1", 0, end))) {
        return socket.destroy()
      }
      if (end < 0) return
      const rest = hello.subarray(end + 1)
      if (rest.length > 0) socket.emit("data", rest)
    })
  }

  #take(socket: Socket, hello: string): boolean {
    const [token, name] = hello.split(" ")
    const stream = streams.find((stream) => stream === name)
    const task = [...this.#tasks.values()].find((task) => task.token === token)
    if (task === undefined || stream === undefined || task.sockets.has(stream)) return false
    socket.removeAllListeners("data")
    task.sockets.set(stream, socket)
    if (stream === "Stdin") socket.end(task.command.stdin ?? "")
    else {
      const tag = stream === "Channel" ? "Report" : stream
      task.open++
      socket.on("data", (bytes: Uint8Array) => Queue.offerUnsafe(task.events, { _tag: tag, bytes }))
      socket.once("close", () => {
        task.open--
        this.#closed(task)
      })
      if (stream === "Channel") {
        // the end of this socket tells the child that this process has died
        if (task.command.job !== undefined) socket.write(task.command.job)
        Deferred.doneUnsafe(task.begun, Exit.void)
      }
    }
    return true
  }

  #closed({ ended, events, open }: Task): void {
    if (ended !== undefined && open === 0) Queue.offerUnsafe(events, { _tag: "Closed", ...ended })
  }
}

const ignore = () => {}

/** Of two names of a signal the first is the usual one. */
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name])
)

const start = (
  { env, executable, folder }: Options,
  scope: Scope.Scope
): Effect.Effect<Warm, Process.NotStarted | Lost> =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const lost = yield* Deferred.make<never, Lost>()
    const path = join(yield* Scope.provide(privateFolder, own), "tasks")
    const process = yield* Scope.provide(
      Process.start({ executable, args: ["-X", "utf8", "-c", boot, folder], env, job: nothing }),
      own
    )
    const warm = new Warm(path, process, lost, Scope.close(own, Exit.void))
    yield* Scope.provide(
      listening(path, (socket) => warm.meet(socket)),
      own
    )
    const frames = new Frames(decodeSaid, longest)
    const ready = yield* Deferred.make<void>()
    let words = ""
    const watcher = Process.follow(process.events, ({ _tag, bytes }) =>
      Effect.suspend(() => {
        if (_tag !== "Report") {
          words = `${words}${Buffer.from(bytes).toString("utf8")}`.slice(-2000)
          return Effect.void
        }
        const heard = frames.push(bytes)
        if (Result.isFailure(heard)) return warm.give(`it says what it never says: ${heard.failure}`)
        for (const said of heard.success) {
          if (said._tag === "Ready") Deferred.doneUnsafe(ready, Exit.void)
          warm.hear(said)
        }
        return Effect.void
      })
    ).pipe(
      Effect.flatMap(({ code, signal }) => {
        const how = signal === undefined ? `ended with exit code ${code}` : `was ended by ${signal}`
        return warm.give(`the Python that forks the tasks ${how}${words === "" ? "" : `: ${words.trim()}`}`)
      })
    )
    yield* Effect.forkIn(watcher, own, { startImmediately: true })
    yield* Effect.raceFirst(Deferred.await(ready), Deferred.await(lost)).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () =>
          Effect.andThen(warm.give("it does not start"), Effect.fail(new Lost({ reason: "it does not start" })))
      })
    )
    return warm
  })

const nothing = new Uint8Array()

/** Nobody else may enter it. */
const privateFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "gleitzeit-python-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

const listening = (path: string, meet: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(meet)
      server.once("error", (error) => resume(Effect.die(error)))
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
