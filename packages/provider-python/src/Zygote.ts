/**
 * A warm interpreter that forks a child for each task: what a task costs then is a fork, not a start of Python. Started
 * by the first task, ended with the scope. When it dies or no longer answers, the tasks under way are lost and the next
 * one starts another. It and each child connect to a socket of this process, with a token that is good for them alone,
 * so that nothing a task is given or says passes through the memory that all children begin with. Linux.
 *
 * A process that a task has left behind in a session of its own ends with the task; when the interpreter itself is
 * killed, such a process is out of reach.
 */
import { Cause, Data, Deferred, Effect, Exit, Queue, Result, Schema, Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type Socket } from "node:net"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { Frames, frame } from "./Frames.ts"
import * as Process from "./Process.ts"

export interface Options {
  readonly launch: Launch
  /**
   * Whether one child is forked before there is a task for it, which then waits for none. It takes some memory, and
   * begins with what the interpreter had loaded when it was forked. Default false.
   */
  readonly ahead?: boolean
  /**
   * Milliseconds between two questions whether it is there, while tasks are under way; without a word until the next
   * one it is given up. Default 5000.
   */
  readonly pulse?: number
}

/** Brings `zygote.py` to life: it is to connect to the socket `tasks` in the folder, with the token. */
export type Launch = (folder: string, token: string) => Effect.Effect<Launched, Process.NotStarted, Scope.Scope>

export interface Launched {
  /** What it writes, and its end. */
  readonly events: Queue.Dequeue<Process.Event>
  /** Kills what is left of the group of a child when it itself is gone. */
  readonly killGroup: (pid: number) => void
}

/** It is gone, and the task with it. */
export class Lost extends Data.TaggedError("Lost")<{ readonly reason: string }> {}

/** What a child is given. `scratch`: a folder that is removed when this process dies while the task is under way. */
export type Command = Pick<Process.Command, "env" | "stdin" | "job" | "scratch">

export interface Zygote {
  /** As `Process.run`, with a fork for a process. */
  readonly run: <E, R>(
    command: Command,
    take: (piece: Process.Piece) => Effect.Effect<void, E, R>
  ) => Effect.Effect<Process.Ended, Process.NotStarted | Lost | E, R>
}

export const make = ({ ahead = false, launch, pulse = 5000 }: Options): Effect.Effect<Zygote, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const semaphore = yield* Semaphore.make(1)
    let warm: Warm | undefined
    const current = semaphore.withPermit(
      Effect.suspend(() =>
        warm?.isAlive === true
          ? Effect.succeed(warm)
          : Effect.map(start({ ahead, launch, pulse }, scope), (made) => (warm = made))
      )
    )
    return {
      run: (command, take) =>
        Effect.scoped(
          Effect.gen(function* () {
            const zygote = yield* current
            const task = yield* Effect.acquireRelease(
              Effect.sync(() => zygote.begin(command)),
              (task) => zygote.end(task)
            )
            return yield* Process.follow(task.events, take)
          })
        )
    }
  })

/** The Python of this machine. */
export const interpreter =
  (options: {
    /** Python, absolute. */
    readonly executable: string
    /** The folder of `zygote.py`. */
    readonly folder: string
    /** All of its environment; a child gets its own. */
    readonly env: { readonly [name: string]: string }
  }): Launch =>
  (folder, token) => {
    const args = ["-X", "utf8", "-c", boot, options.folder, join(folder, socketName), token]
    return Effect.map(Process.start({ executable: options.executable, args, env: options.env }), (events) => ({
      events,
      killGroup: Process.killGroup
    }))
  }

/** What Python is started with; its arguments are the folder of `zygote.py`, the path of the socket, and the token. */
export const boot = "import sys; sys.path[0] = sys.argv[1]; import zygote; zygote.main()"

/** In the folder that `Launch` is given. */
export const socketName = "tasks"

// internal

/** How long it may take to be ready, and a killed child to be gone. Milliseconds. */
const patience = 15_000
const grace = 5000

/** Bytes of a frame of the zygote's. */
const longest = 65_536

/** Characters of a token, the name of a stream and a pid. */
const longestHello = 100

const Said = Schema.Union([
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Pong", {}),
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
  readonly events: Queue.Queue<Process.Event, Process.NotStarted | Lost>
  readonly over: Deferred.Deferred<void>
  readonly sockets: Map<Stream, Socket>
  /** Streams that may still bring something, those among them that have yet to be connected. */
  open: number
  pid: number | undefined
  ended: Process.Ended | undefined
  /** Of one that is forked ahead it comes later. */
  command: Command | undefined
}

/** One interpreter, from its start to its end. */
class Warm {
  isAlive = true
  /** Children whose end it has not told before its own. */
  readonly orphans: Array<number> = []
  readonly token = randomUUID()
  readonly ready = Deferred.makeUnsafe<void, Lost>()
  readonly #tasks = new Map<number, Task>()
  readonly #ahead: boolean
  readonly #close: Effect.Effect<void>
  readonly #frames = new Frames(decodeSaid, longest)
  /** All that are connected to it, whoever they are. */
  readonly #sockets = new Set<Socket>()
  #control: Socket | undefined
  /** The child that waits for its task. */
  #spare: Task | undefined
  #last = 0
  #heard = 0

  /** `close`: ends what it consists of. */
  constructor(ahead: boolean, close: Effect.Effect<void>) {
    this.#ahead = ahead
    this.#close = close
  }

  begin(command: Command): Task {
    const task = this.#spare ?? this.#fork()
    this.#spare = undefined
    task.command = command
    if (!this.isAlive) fail(task, new Lost({ reason: gone }))
    const { scratch } = command
    if (scratch !== undefined) this.#say({ _tag: "Holds", task: task.number, scratch })
    this.#give(task)
    if (this.#ahead && this.isAlive) this.#spare = this.#fork()
    return task
  }

  #fork(): Task {
    const task: Task = {
      number: ++this.#last,
      token: randomUUID(),
      events: Effect.runSync(Queue.unbounded<Process.Event, Process.NotStarted | Lost>()),
      over: Deferred.makeUnsafe(),
      sockets: new Map(),
      open: streams.length - 1,
      pid: undefined,
      ended: undefined,
      command: undefined
    }
    if (this.isAlive) this.#tasks.set(task.number, task)
    this.#say({ _tag: "Fork", task: task.number, token: task.token })
    return task
  }

  /** Once both are there. */
  #give({ command, sockets }: Task): void {
    const channel = sockets.get("Channel")
    if (command === undefined || channel === undefined) return
    channel.write(frame({ env: command.env, stdin: command.stdin !== undefined }))
    if (command.job !== undefined) channel.write(command.job)
  }

  /** Kills what is left of it; a zygote that does not manage that is of no use any more. */
  end(task: Task): Effect.Effect<void> {
    const settled = Effect.sync(() => this.#settle(task))
    if (task.ended !== undefined || !this.isAlive) return settled
    this.#say({ _tag: "Kill", task: task.number })
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
      this.lose(reason)
      // what asks for this may be ended by it
      return Effect.asVoid(Effect.forkDetach(this.#close))
    })
  }

  lose(reason: string): void {
    this.isAlive = false
    const lost = new Lost({ reason })
    Deferred.doneUnsafe(this.ready, Exit.fail(lost))
    for (const task of this.#tasks.values()) {
      if (task.ended !== undefined) continue
      if (task.pid !== undefined) this.orphans.push(task.pid)
      fail(task, lost)
    }
  }

  /** It ends by itself when it sees that nobody is here any more. */
  leave(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** True while it answers, and while nothing is asked of it. */
  readonly answers = (within: number): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (this.#tasks.size === (this.#spare === undefined ? 0 : 1)) return Effect.succeed(true)
      const heard = this.#heard
      this.#say({ _tag: "Ping" })
      return Effect.map(Effect.sleep(within), () => this.#heard > heard)
    })

  /** Whoever connects says who it is, in a line of its token and a name; what follows is its stream. */
  meet(socket: Socket): void {
    let hello = Buffer.alloc(0)
    this.#sockets.add(socket)
    socket.once("close", () => this.#sockets.delete(socket))
    socket.on("error", ignore)
    socket.on("data", (bytes: Buffer) => {
      hello = Buffer.concat([hello, bytes])
      const end = hello.indexOf("\n")
      if (end < 0 ? hello.length > longestHello : !this.#knows(socket, hello.toString("latin1", 0, end))) {
        return socket.destroy()
      }
      if (end < 0) return
      const rest = hello.subarray(end + 1)
      if (rest.length > 0) socket.emit("data", rest)
    })
  }

  #settle(task: Task): void {
    this.#tasks.delete(task.number)
    for (const socket of task.sockets.values()) socket.destroy()
  }

  #say(command: Schema.JsonObject): void {
    if (this.#control?.writable === true) this.#control.write(frame(command))
  }

  #knows(socket: Socket, hello: string): boolean {
    const [token, name, pid] = hello.split(" ")
    if (token === this.token && name === "Control" && this.#control === undefined) {
      this.#control = socket
      socket.removeAllListeners("data")
      socket.on("data", (bytes: Uint8Array) => this.#listen(bytes))
      return true
    }
    const task = [...this.#tasks.values()].find((task) => task.token === token)
    const stream = streams.find((stream) => stream === name)
    if (task === undefined || stream === undefined || task.sockets.has(stream)) return false
    socket.removeAllListeners("data")
    task.sockets.set(stream, socket)
    if (stream === "Stdin") {
      socket.end(task.command?.stdin ?? "")
      // without a reader its end would not be seen
      socket.resume()
      return true
    }
    const tag = stream === "Channel" ? "Report" : stream
    Process.pour(socket, tag, task.events)
    socket.once("close", () => {
      task.open--
      this.#closed(task)
    })
    if (stream === "Channel") {
      if (Number.isSafeInteger(Number(pid)) && Number(pid) > 1) task.pid = Number(pid)
      this.#give(task)
    }
    return true
  }

  #listen(bytes: Uint8Array): void {
    const heard = this.#frames.push(bytes)
    if (Result.isFailure(heard)) return Effect.runSync(this.give(`it says what it never says: ${heard.failure}`))
    for (const said of heard.success) this.#hear(said)
  }

  #hear(said: typeof Said.Type): void {
    this.#heard++
    if (said._tag === "Ready") Deferred.doneUnsafe(this.ready, Exit.void)
    const task = "task" in said ? this.#tasks.get(said.task) : undefined
    if (task === undefined || task.ended !== undefined) return
    if (task === this.#spare) {
      // the next task asks for another, and is told when there is none to be had
      this.#spare = undefined
      return this.#settle(task)
    }
    if (said._tag === "NotForked") {
      task.ended = { code: undefined, signal: undefined }
      fail(task, new Process.NotStarted({ reason: `it cannot be forked: ${said.reason}`, missing: false }))
    }
    if (said._tag === "Exited") {
      const { code, rss, signal } = said
      task.ended = { code, signal: signal === undefined ? undefined : (names.get(signal) ?? `signal ${signal}`), rss }
      if (!task.sockets.has("Channel")) {
        // it has never seen its job
        fail(task, new Process.NotStarted({ reason: "its fork ended before it was there", missing: false }))
      }
      Queue.offerUnsafe(task.events, { _tag: "Exited", ...task.ended })
      Deferred.doneUnsafe(task.over, Exit.void)
      this.#closed(task)
    }
  }

  #closed({ ended, events, open }: Task): void {
    if (ended !== undefined && open === 0) Queue.offerUnsafe(events, { _tag: "Closed", ...ended })
  }
}

const fail = (task: Task, error: Process.NotStarted | Lost): void => {
  Queue.failCauseUnsafe(task.events, Cause.fail(error))
  Deferred.doneUnsafe(task.over, Exit.void)
}

const ignore = () => {}

const gone = "the Python that forks the tasks is gone"

/** Of two names of a signal the first is the usual one. */
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name])
)

const start = (
  { ahead, launch, pulse }: Required<Options>,
  scope: Scope.Scope
): Effect.Effect<Warm, Process.NotStarted | Lost> =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const close = Scope.close(own, Exit.void)
    const warm = new Warm(ahead, close)
    return yield* begun(warm, launch, pulse).pipe(
      Scope.provide(own),
      // whoever asked for it may be gone before it is there
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : close))
    )
  })

const begun = (
  warm: Warm,
  launch: Launch,
  pulse: number
): Effect.Effect<Warm, Process.NotStarted | Lost, Scope.Scope> =>
  Effect.gen(function* () {
    const own = yield* Effect.scope
    const folder = yield* privateFolder
    yield* listening(join(folder, socketName), (socket) => warm.meet(socket))
    const { events, killGroup } = yield* launch(folder, warm.token)
    const over = yield* Deferred.make<void>()
    let words = ""
    const watched = Process.follow(events, ({ bytes }) =>
      Effect.sync(() => {
        words = `${words}${Buffer.from(bytes).toString("utf8")}`.slice(-2000)
      })
    ).pipe(
      Effect.flatMap(({ code, signal }) => {
        Deferred.doneUnsafe(over, Exit.void)
        const how = signal === undefined ? `ended with exit code ${code}` : `was ended by ${signal}`
        return warm.give(`the Python that forks the tasks ${how}${words === "" ? "" : `: ${words.trim()}`}`)
      })
    )
    yield* Effect.forkIn(watched, own, { startImmediately: true })
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        if (!warm.isAlive) return Effect.sync(() => warm.orphans.forEach(killGroup))
        warm.lose(gone)
        warm.leave()
        return Effect.timeoutOption(Deferred.await(over), grace)
      })
    )
    yield* Deferred.await(warm.ready).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.andThen(warm.give(late), Effect.fail(new Lost({ reason: late })))
      })
    )
    yield* Effect.forkIn(watching(warm, pulse), own)
    return warm
  })

const late = `it has not started within ${patience / 1000} s`

/** Frozen, or out of its mind: its tasks would be waited for for ever. */
const watching = (warm: Warm, pulse: number): Effect.Effect<void> =>
  Effect.sleep(pulse).pipe(
    Effect.andThen(warm.answers(pulse)),
    Effect.repeat({ while: (answers) => answers }),
    Effect.andThen(warm.give(`it has not answered for ${pulse / 1000} s`))
  )

/** Nobody else may enter it. The path of a socket is short by nature. */
const privateFolder = Effect.acquireRelease(
  Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir().length > 60 ? "/tmp" : tmpdir(), "gleitzeit-python-")),
    catch: (error) => notStarted(error)
  }),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

const listening = (path: string, meet: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>, Process.NotStarted>((resume) => {
      const server = createServer(meet)
      server.once("error", (error) => resume(Effect.fail(notStarted(error))))
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const notStarted = (error: unknown): Process.NotStarted =>
  new Process.NotStarted({ reason: error instanceof Error ? error.message : String(error), missing: false })
