/** The whole command line, run in this process on a real store in a folder of its own. */
import { ConfigProvider, Console, Effect, type Scope } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Keyboard } from "../src/Keyboard.ts"
import { Screen } from "../src/Output.ts"
import { program } from "../src/start.ts"
import type { Terminal } from "./terminal.ts"

export interface Said {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export interface Place {
  readonly folder: string
  /** Writes a file and gives its path. */
  readonly file: (name: string, text: string) => string
  readonly gz: (...args: ReadonlyArray<string>) => Effect.Effect<Said>
  /** With both streams on a terminal; gives the exit code. */
  readonly on: (terminal: Terminal, ...args: ReadonlyArray<string>) => Effect.Effect<number>
  /** The same where somebody sits, who types these lines when asked, then no more. */
  readonly typing: (
    lines: ReadonlyArray<string>,
    terminal: Terminal,
    ...args: ReadonlyArray<string>
  ) => Effect.Effect<number>
}

/** A folder that is gone afterwards. Ollama is looked for where nothing listens. */
export const place = (env: Record<string, string> = {}): Effect.Effect<Place, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-cli-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const environment = {
        HOME: folder,
        XDG_DATA_HOME: join(folder, "data"),
        LANG: "C.UTF-8",
        PATH: process.env["PATH"] ?? "",
        GLEITZEIT_OLLAMA_URL: "http://127.0.0.1:9",
        ...env
      }
      const run = (
        args: ReadonlyArray<string>,
        screen: Screen,
        console: Pick<Console.Console, "log" | "error">,
        keyboard: Keyboard = { attended: false, line: () => Effect.die("nobody is there") }
      ) =>
        program(args).pipe(
          Effect.provideService(Console.Console, Object.assign(Object.create(globalThis.console), console)),
          Effect.provideService(Screen, screen),
          Effect.provideService(Keyboard, keyboard),
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: environment }))
        )
      return {
        folder,
        file: (name, text) => {
          const path = join(folder, name)
          mkdirSync(dirname(path), { recursive: true })
          writeFileSync(path, text)
          return path
        },
        gz: (...args) =>
          Effect.suspend(() => {
            let stdout = ""
            let stderr = ""
            const screen = {
              stdout: false,
              stderr: false,
              size: () => ({ columns: 80, rows: 24 }),
              write: () => {},
              taken: () => Effect.succeed(true)
            }
            const log = (text: unknown) => void (stdout += `${String(text)}\n`)
            const error = (text: unknown) => void (stderr += `${String(text)}\n`)
            return Effect.map(run(args, screen, { log, error }), (exit) => ({ exit, stdout, stderr }))
          }),
        on: (terminal, ...args) => run(args, screenOf(terminal), consoleOf(terminal)),
        typing: (lines, terminal, ...args) => {
          const left = [...lines]
          const line = (prompt: string) =>
            Effect.sync(() => {
              const text = left.shift()
              terminal.write(`${prompt}${text ?? ""}\n`)
              return text
            })
          return run(args, screenOf(terminal), consoleOf(terminal), { attended: true, line })
        }
      }
    }
  )

const screenOf = (terminal: Terminal): Screen => ({
  stdout: true,
  stderr: true,
  size: () => ({ columns: terminal.columns, rows: 24 }),
  write: (text) => terminal.write(text),
  taken: () => Effect.succeed(true)
})

const consoleOf = (terminal: Terminal) => {
  const line = (text: unknown) => terminal.write(`${String(text)}\n`)
  return { log: line, error: line }
}
