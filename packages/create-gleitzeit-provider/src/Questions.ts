/** Questions on a terminal, one line each. Asked on standard error: standard output is for what comes out. */
import { Context, Effect, type Scope } from "effect"
import { createInterface } from "node:readline"
import { Failed } from "./Refusal.ts"

export interface Questions {
  /** Somebody sits there, and sees what is asked. */
  readonly attended: boolean
  /** One line. Fails when the answers end before it. */
  readonly ask: (prompt: string) => Effect.Effect<string, Failed>
}

export const Questions = Context.Service<Questions>("create-gleitzeit-provider/Questions")

/** One reader for all questions, so that what is pasted over several lines answers several. */
export const make: Effect.Effect<Questions, never, Scope.Scope> = Effect.gen(function* () {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return { attended: false, ask: () => Effect.fail(over) }
  const typed: Array<string> = []
  let waiting: ((line: string | undefined) => void) | undefined
  let open = true
  const reader = yield* Effect.acquireRelease(
    Effect.sync(() => createInterface({ input: process.stdin, output: process.stderr, historySize: 0 })),
    (reader) => Effect.sync(() => reader.close())
  )
  reader.on("line", (line) => (waiting === undefined ? typed.push(line) : waiting(line)))
  reader.on("close", () => {
    open = false
    waiting?.(undefined)
  })
  // in raw mode the terminal makes no signal of Ctrl-C
  reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
  return {
    attended: true,
    ask: (prompt) =>
      Effect.callback((resume) => {
        reader.setPrompt(prompt)
        reader.prompt()
        waiting = (line) => {
          waiting = undefined
          resume(line === undefined ? Effect.fail(over) : Effect.succeed(line))
        }
        const next = typed.shift()
        if (next !== undefined || !open) waiting(next)
      })
  }
})

// internal

const over = new Failed({ message: "nothing was made: the answers ended before the questions" })
