/**
 * One server as a child process: messages are lines on its standard input and output. It is in a process group of its
 * own that ends with it. When the scope closes its input is closed; what is left of the group is asked to leave, and
 * killed within a second. A process that leaves the group (`setsid`) is not reached. The only file that knows
 * `node:child_process`. POSIX only.
 */
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
import { Data, Deferred, Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import process from "node:process"
import * as Frame from "./Frame.ts"
import type { End, Link, Said } from "./Link.ts"

export interface Command {
  /** A path, or a name that is looked for on the `PATH` of `env`. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
  /** Default: that of this process. */
  readonly cwd?: string
  /** Bytes of one message. */
  readonly maxMessage: number
}

/** The process did not come into being. */
export class NotStarted extends Data.TaggedError("NotStarted")<{
  /** `command`: there is no such file. `folder`: there is none to start it in. */
  readonly missing: "command" | "folder" | undefined
  readonly reason: string
}> {}

export const start = (command: Command): Effect.Effect<Link, NotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const exited = yield* Deferred.make<void>()
    const closed = yield* Deferred.make<void>()
    const mute = yield* Deferred.make<void>()
    const deaf = yield* Deferred.make<void>()
    const pipe = new Pipe(command.maxMessage)
    pipe.deaf = () => Deferred.doneUnsafe(deaf, Effect.void)
    const child = yield* Effect.acquireRelease(started(command, pipe, { exited, closed, mute }), (child) =>
      Effect.gen(function* () {
        pipe.hangUp()
        if (yield* within(exited, leave)) return
        signalGroup(child.pid, "SIGTERM")
        if (yield* within(exited, hurry)) return
        signalGroup(child.pid, "SIGKILL")
        yield* within(exited, grace)
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            forget(child.pid)
            for (const stream of child.stdio) stream?.destroy()
          })
        )
      )
    )
    // one that is about to end closes its output as well
    yield* Deferred.await(mute).pipe(
      Effect.andThen(Effect.sleep(drain)),
      Effect.andThen(
        Effect.sync(() => {
          pipe.isMute = true
          signalGroup(child.pid, "SIGKILL")
        })
      ),
      Effect.forkScoped
    )
    yield* Deferred.await(deaf).pipe(
      Effect.andThen(Effect.sleep(drain)),
      Effect.andThen(Effect.sync(() => signalGroup(child.pid, "SIGKILL"))),
      Effect.forkScoped
    )
    yield* Deferred.await(exited).pipe(
      // a process outside the group may hold the streams open for ever
      Effect.andThen(within(closed, drain)),
      Effect.andThen(Effect.sync(() => pipe.over(child))),
      Effect.forkScoped
    )
    return {
      kind: "stdio",
      transport: pipe,
      ...(child.pid === undefined ? {} : { pid: child.pid }),
      end: () => pipe.end,
      said: () => pipe.said()
    }
  })

// internal

/** How long it may take to leave when its input has ended, when it is asked to, and when it is killed. Milliseconds. */
const leave = 500
const hurry = 400
const grace = 2000

/** How long its streams may stay open when it has ended. Milliseconds. */
const drain = 200

/** Bytes that may wait for it to read them. */
const backlog = 64 * 1024 ** 2

/** Bytes of its standard error that are kept. */
const tail = 8192

/** Characters of a line that is no message. */
const longest = 200

interface Ends {
  readonly exited: Deferred.Deferred<void>
  /** All of its streams. */
  readonly closed: Deferred.Deferred<void>
  /** Its standard output. */
  readonly mute: Deferred.Deferred<void>
}

const within = (end: Deferred.Deferred<void>, millis: number): Effect.Effect<boolean> =>
  Effect.map(Effect.timeoutOption(Deferred.await(end), millis), ({ _tag }) => _tag === "Some")

/** What the client of the protocol speaks through. */
class Pipe implements Transport {
  // These three are assigned by the client.
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  /** These two tell the client that it is a pipe: it does not take silence for an outage. */
  readonly stderr = null
  pid: number | null = null
  end: End | undefined
  isMute = false
  child: ChildProcess | undefined
  /** Called when it reads no more. */
  deaf = () => {}
  #unsaid: Array<() => void> = []
  readonly #maxMessage: number
  #isOver = false
  /** The beginning of a line. */
  #begun: Array<Uint8Array> = []
  #size = 0
  #stderr: Uint8Array = new Uint8Array()
  #held: Array<JSONRPCMessage> | undefined
  #noise = 0
  #firstNoise: string | undefined

  constructor(maxMessage: number) {
    this.#maxMessage = maxMessage
  }

  start(): Promise<void> {
    // what came before the client listened waits in the stream
    this.child?.stdout?.on("data", (bytes: Buffer) => this.#read(bytes))
    return Promise.resolve()
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.child?.stdin
    if (this.#isOver) return Promise.reject(new Error("its input is closed"))
    if (stdin?.writable !== true) {
      // it has ended, or is of no use: its end says more than its input
      this.fellDeaf()
      return new Promise((_, reject) => this.#unsaid.push(() => reject(new Error("its input is closed"))))
    }
    // one that asks without end and reads nothing must not fill the memory
    if (stdin.writableLength > backlog) return Promise.reject(new Error("it does not read its input"))
    stdin.write(`${JSON.stringify(message)}\n`)
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.hangUp()
    return Promise.resolve()
  }

  hangUp(): void {
    this.child?.stdin?.end()
    this.#conclude()
  }

  /** What was said may not have been heard, and no answer would come of it. */
  fellDeaf(): void {
    if (!this.#isOver) this.deaf()
  }

  over(child: ChildProcess): void {
    const { exitCode, signalCode } = child
    if (!this.#isOver) {
      this.end ??= {
        _tag: "Exited",
        isMute: this.isMute,
        ...(signalCode === null ? {} : { signal: signalCode }),
        ...(exitCode === null ? {} : { code: exitCode })
      }
    }
    this.#conclude()
  }

  said(): Said {
    return {
      stderr: new TextDecoder().decode(this.#stderr),
      noise: this.#noise,
      ...(this.#firstNoise === undefined ? {} : { firstNoise: this.#firstNoise })
    }
  }

  wrote(bytes: Uint8Array): void {
    this.#stderr = Buffer.concat([this.#stderr, bytes.subarray(-tail)]).subarray(-tail)
  }

  #conclude(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const message of this.#held ?? []) this.onmessage?.(message)
    this.onclose?.()
    for (const fail of this.#unsaid) fail()
  }

  #read(bytes: Buffer): void {
    let from = 0
    while (!this.#isOver) {
      const end = bytes.indexOf(10, from)
      const size = this.#size + (end < 0 ? bytes.length : end) - from
      if (size > this.#maxMessage) return this.#refuse(size)
      if (end < 0) {
        if (from < bytes.length) this.#begun.push(bytes.subarray(from))
        this.#size = size
        return
      }
      if (this.#begun.length === 0) this.#line(bytes.toString("utf8", from, end))
      else {
        this.#begun.push(bytes.subarray(from, end))
        const line = Buffer.concat(this.#begun, size)
        this.#begun = []
        this.#size = 0
        this.#line(line.toString("utf8"))
      }
      from = end + 1
    }
  }

  #line(text: string): void {
    const message = Frame.read(text)
    if (message !== undefined) return this.#hand(message)
    if (text.trim() === "") return
    this.#noise++
    this.#firstNoise ??= text.trim().slice(0, longest)
  }

  /** The client takes in a notification a moment later than an answer: what comes right after one waits as long. */
  #hand(message: JSONRPCMessage): void {
    if (this.#held !== undefined) return void this.#held.push(message)
    this.onmessage?.(message)
    if ("id" in message) return
    this.#held = []
    void Promise.resolve()
      .then(ignore)
      .then(ignore)
      .then(() => this.#release())
  }

  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const message of held) this.#hand(message)
  }

  #refuse(size: number): void {
    this.#begun = []
    this.end = { _tag: "TooLarge", size, limit: this.#maxMessage }
    signalGroup(this.child?.pid, "SIGKILL")
    this.#conclude()
  }
}

const started = (
  { args, command, cwd, env }: Command,
  pipe: Pipe,
  { closed, exited, mute }: Ends
): Effect.Effect<ChildProcess, NotStarted> =>
  Effect.callback((resume) => {
    const fail = (error: unknown) => resume(notStarted(error, cwd))
    let child: ChildProcess
    try {
      child = spawn(command, args, {
        env: { ...env },
        ...(cwd === undefined ? {} : { cwd }),
        detached: true,
        stdio: ["pipe", "pipe", "pipe"]
      })
    } catch (error) {
      return fail(error)
    }
    child.stderr?.on("data", (bytes: Uint8Array) => pipe.wrote(bytes))
    child.stdout?.once("close", () => Deferred.doneUnsafe(mute, Effect.void))
    for (const stream of child.stdio) stream?.on("error", ignore)
    child.stdin?.once("error", () => pipe.fellDeaf())
    child.once("spawn", () => {
      remember(child.pid)
      pipe.child = child
      pipe.pid = child.pid ?? null
      resume(Effect.succeed(child))
    })
    child.once("error", fail)
    child.once("exit", () => {
      signalGroup(child.pid, "SIGKILL")
      forget(child.pid)
      Deferred.doneUnsafe(exited, Effect.void)
    })
    child.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
  })

const ignore = () => {}

const signalGroup = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // nobody is left in it
  }
}

/** Groups that live, for the case that this process ends without closing its scopes. */
const living = new Set<number>()

const remember = (pid: number | undefined): void => {
  if (pid === undefined) return
  if (living.size === 0) process.on("exit", killAll)
  living.add(pid)
}

const forget = (pid: number | undefined): void => {
  if (pid === undefined || !living.delete(pid)) return
  if (living.size === 0) process.off("exit", killAll)
}

const killAll = (): void => {
  for (const pid of living) signalGroup(pid, "SIGKILL")
}

const notStarted = (error: unknown, cwd: string | undefined): Effect.Effect<never, NotStarted> => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  const reason = error instanceof Error ? error.message : String(error)
  // the error of a folder that is not there names the command
  const isAbsent = code === "ENOENT" || code === "ENOTDIR"
  const missing = !isAbsent ? undefined : cwd !== undefined && !existsSync(cwd) ? "folder" : "command"
  return Effect.fail(new NotStarted({ missing, reason }))
}
