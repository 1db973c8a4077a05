/** The command line in a process of its own on a pseudo terminal, as a person has it. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Program from "./program.ts"
import { Terminal } from "./terminal.ts"

const bin = Program.bin()

export interface Ended {
  readonly code: number | null
  /** What the terminal shows at the end. */
  readonly shown: string
}

/** What is typed, or happens elsewhere, once the terminal shows a text, in this order. `\u0003` is Ctrl-C, `\u0004` Ctrl-D. */
export type Script = ReadonlyArray<readonly [shown: string, then: string | Effect.Effect<unknown>]>

/** Node has no pseudo terminals, Python has: it copies what is typed and what is shown, and ends with the exit code. */
const relay = `
import fcntl, os, select, struct, sys, termios
import pty
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
sources = [terminal, 0]
while True:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if source == 0:
            if data: os.write(terminal, data)
            else: sources.remove(0)
        elif data:
            os.write(1, data)
        else:
            _, status = os.waitpid(pid, 0)
            sys.exit(os.waitstatus_to_exitcode(status))
`

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
