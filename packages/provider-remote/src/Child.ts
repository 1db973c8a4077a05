/**
 * One long-lived child process that is written to and read from line by line, in a process group of its own that ends
 * with it. When the scope closes its input is closed, and what is left of the group a moment later is killed. A process
 * that leaves the group (`setsid`) is not reached. The only file that knows `node:child_process`. POSIX only.
 */
import { Data, Deferred, Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { kill } from "node:process"

export interface Command {
  /** A path, or a name that is looked for on the `PATH` of `env`. */
  readonly executable: string
  readonly args: ReadonlyArray<string>
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
  /** Default: that of this process. */
  readonly cwd?: string
}

export interface Listener {
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
}

/** Of code and signal one is there. */
export interface Ended {
  readonly code: number | undefined
  readonly signal: string | undefined
  /** It was killed because it had closed its standard output: nothing would have come of it any more. */
  readonly isMute: boolean
}

export interface Child {
  /** One line. What it does not take in is its own affair: its end is told by `ended`. */
  readonly write: (line: string) => void
  /** Bytes that were written and that it has not taken in. */
  readonly backlog: () => number
  /** The process and all in its group, at once. */
  readonly kill: () => void
  /** It has ended, and all that it wrote was read. */
  readonly ended: Effect.Effect<Ended>
}

/** The process did not come into being. `missing`: there is no such file. */
export class NotStarted extends Data.TaggedError("NotStarted")<{
  readonly reason: string
  readonly missing: boolean
}> {}

export const start = (command: Command, listener: Listener): Effect.Effect<Child, NotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const exited = yield* Deferred.make<Omit<Ended, "isMute">>()
    const closed = yield* Deferred.make<void>()
    const mute = yield* Deferred.make<void>()
    const child = yield* Effect.acquireRelease(started(command, listener, { exited, closed, mute }), (child) =>
      Effect.gen(function* () {
        child.stdin?.end()
        yield* Effect.timeoutOption(Deferred.await(exited), leave)
        killGroup(child)
        yield* Effect.timeoutOption(Deferred.await(exited), grace)
        for (const stream of child.stdio) stream?.destroy()
      })
    )
    let isMute = false
    yield* Deferred.await(mute).pipe(
      // one that is about to end closes it as well
      Effect.andThen(Effect.sleep(drain)),
      Effect.andThen(
        Effect.sync(() => {
          isMute = true
          killGroup(child)
        })
      ),
      Effect.forkScoped
    )
    return {
      backlog: () => child.stdin?.writableLength ?? 0,
      write: (line) => void child.stdin?.write(`${line}\n`),
      kill: () => killGroup(child),
      // a process outside the group may hold the streams open for ever
      ended: Effect.map(
        Effect.tap(Deferred.await(exited), () => Effect.timeoutOption(Deferred.await(closed), drain)),
        (ended) => ({ ...ended, isMute })
      )
    }
  })

// internal

/** How long it may take to leave when its input has ended, and to die when it is killed. Milliseconds. */
const leave = 500
const grace = 2000

/** How long its streams may stay open when it has ended. Milliseconds. */
const drain = 1000

interface Ends {
  readonly exited: Deferred.Deferred<Omit<Ended, "isMute">>
  /** All of its streams. */
  readonly closed: Deferred.Deferred<void>
  /** Its standard output. */
  readonly mute: Deferred.Deferred<void>
}

const started = (
  { args, cwd, env, executable }: Command,
  listener: Listener,
  { closed, exited, mute }: Ends
): Effect.Effect<ChildProcess, NotStarted> =>
  Effect.callback((resume) => {
    let child: ChildProcess
    try {
      child = spawn(executable, args, {
        env: { ...env },
        ...(cwd === undefined ? {} : { cwd }),
        detached: true,
        stdio: ["pipe", "pipe", "pipe"]
      })
    } catch (error) {
      return resume(notStarted(error))
    }
    child.stdout?.on("data", (bytes: Uint8Array) => listener.stdout(bytes))
    child.stderr?.on("data", (bytes: Uint8Array) => listener.stderr(bytes))
    child.stdout?.once("close", () => Deferred.doneUnsafe(mute, Effect.void))
    for (const stream of child.stdio) stream?.on("error", ignore)
    child.once("spawn", () => resume(Effect.succeed(child)))
    child.once("error", (error) => resume(notStarted(error)))
    child.once("exit", (code, signal) => {
      killGroup(child)
      Deferred.doneUnsafe(exited, Effect.succeed({ code: code ?? undefined, signal: signal ?? undefined }))
    })
    child.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
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
  return Effect.fail(new NotStarted({ reason, missing: code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" }))
}
