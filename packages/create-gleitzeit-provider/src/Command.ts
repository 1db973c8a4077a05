/** Another program, run to its end. What it says goes to standard error. */
import { Effect } from "effect"
import { spawn } from "node:child_process"

/** Its exit code; undefined when there is no such program. Interrupted, it is ended. */
export const run = (command: string, folder: string, quiet = false): Effect.Effect<number | undefined> =>
  Effect.callback((resume) => {
    const [program = "", ...args] = command.split(" ")
    const child = spawn(program, args, {
      cwd: folder,
      stdio: ["ignore", quiet ? "ignore" : 2, quiet ? "ignore" : 2],
      // npm is a script there
      shell: process.platform === "win32"
    })
    child.on("error", () => resume(Effect.undefined))
    child.on("close", (code) => resume(Effect.succeed(code ?? 1)))
    return Effect.sync(() => child.kill())
  })
