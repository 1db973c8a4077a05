/** The command line in a process of its own on a pseudo terminal, as a person has it. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Program from "./program.ts"
import { relay } from "./relay.ts"
import { Terminal } from "./terminal.ts"

const bin = Program.bin()

export interface Ended {
  readonly code: number | null
  /** What the terminal shows at the end. */
  readonly shown: string
}

/** What is typed, or happens elsewhere, once the terminal shows a text, in this order. `\u0003` is Ctrl-C, `\u0004` Ctrl-D. */
export type Script = ReadonlyArray<readonly [shown: string, then: string | Effect.Effect<unknown>]>

export const onTerminal = (folder: string, args: ReadonlyArray<string>, script: Script): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const command = [process.execPath, bin, ...args]
    const child = spawn("python3", ["-c", relay, ...command], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        LANG: "C.UTF-8",
        TERM: "xterm",
        HOME: folder,
        XDG_DATA_HOME: join(folder, "data"),
        NO_COLOR: "1"
      }
    })
    const terminal = new Terminal(100)
    const left = [...script]
    let since = ""
    let cut = ""
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      // what is read may end within a sequence
      // oxlint-disable-next-line no-control-regex -- a terminal lives on control characters
      const [whole = "", rest = ""] = (cut + piece).split(/(\u001B(?:\[[?\d;]*)?$)/)
      cut = rest
      terminal.write(whole)
      since += piece
      for (let next = left[0]; next !== undefined && since.includes(next[0]); next = left[0]) {
        left.shift()
        since = since.slice(since.indexOf(next[0]) + next[0].length)
        if (typeof next[1] === "string") child.stdin.write(next[1])
        else Effect.runFork(next[1])
      }
    })
    child.stderr.pipe(process.stderr)
    child.on("close", (code) => resume(Effect.succeed({ code, shown: terminal.shown })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })
