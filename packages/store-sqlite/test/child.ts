/** Processes for tests: they say one line of JSON for each thing done, and can be killed at any moment. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"

const node = [process.execPath, "--conditions=gz-source", "--disable-warning=ExperimentalWarning"]

/** Most of such a process's life is reading its modules: the second finds them compiled. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "gleitzeit-compile-cache") }

export interface Child {
  readonly process: ChildProcess
  /** Waits for so many lines, or for the end. */
  readonly lines: (count: number) => Effect.Effect<ReadonlyArray<unknown>>
  readonly end: Effect.Effect<{
    readonly code: number | null
    readonly lines: ReadonlyArray<unknown>
    readonly stderr: string
  }>
}

/** A program of `fixtures`, in a process that does not outlive the test. With `shell` it is started by that, as `"$@"`. */
export const start = (
  program: string,
  args: ReadonlyArray<string>,
  options: { readonly shell?: string; readonly uid?: number } = {}
): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { shell, ...rest } = options
        const [command = "", ...first] = shell === undefined ? node : ["sh", "-c", shell, "sh", ...node]
        const file = join(import.meta.dirname, "fixtures", program)
        const child = spawn(command, [...first, file, ...args], { env, stdio: ["ignore", "pipe", "pipe"], ...rest })
        const seen = { out: "", err: "", ended: false, listeners: new Set<() => void>() }
        const tell = () => seen.listeners.forEach((listener) => listener())
        child.stdout.setEncoding("utf8").on("data", (text: string) => ((seen.out += text), tell()))
        child.stderr.setEncoding("utf8").on("data", (text: string) => (seen.err += text))
        child.on("close", () => ((seen.ended = true), tell()))
        return { child, seen }
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ child, seen }) => {
      // a line that the kill cut off was never said
      const said = () =>
        seen.out
          .split("\n")
          .slice(0, -1)
          .map((line): unknown => JSON.parse(line))
      const until = (done: () => boolean) =>
        Effect.callback<void>((resume) => {
          const listener = () => {
            if (!done()) return
            seen.listeners.delete(listener)
            resume(Effect.void)
          }
          seen.listeners.add(listener)
          listener()
        })
      return {
        process: child,
        lines: (count) =>
          Effect.map(
            until(() => seen.ended || said().length >= count),
            said
          ),
        end: Effect.map(
          until(() => seen.ended),
          () => ({ code: child.exitCode, lines: said(), stderr: seen.err })
        )
      }
    }
  )
