/** The program in a process of its own on a pseudo terminal, as a person has it. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { relay } from "../../cli/test/relay.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

/** What is typed once the terminal shows a text, in this order. `\u0003` is Ctrl-C, `\u0004` Ctrl-D. */
export type Script = ReadonlyArray<readonly [shown: string, typed: string]>

/** `shown`: all that was written to the terminal, without its control sequences. */
export const onTerminal = (folder: string, args: ReadonlyArray<string>, script: Script) =>
  Effect.callback<{ readonly code: number | null; readonly shown: string }>((resume) => {
    const child = spawn("python3", ["-c", relay, process.execPath, bin, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8", TERM: "xterm" }
    })
    const left = [...script]
    let shown = ""
    let seen = 0
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      shown += piece
      for (let next = left[0]; next !== undefined && shown.includes(next[0], seen); next = left[0]) {
        left.shift()
        seen = shown.indexOf(next[0], seen) + next[0].length
        child.stdin.write(next[1])
      }
    })
    child.stderr.pipe(process.stderr)
    child.on("close", (code) => {
      // oxlint-disable-next-line no-control-regex -- a terminal lives on control characters
      resume(Effect.succeed({ code, shown: shown.replaceAll(/\u001B\[[?\d;]*[A-Za-z]|\r/g, "") }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })
