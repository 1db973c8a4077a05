/** What somebody types. Asked for only where a person sits; what that takes is loaded with the first question. */
import { Context, Effect } from "effect"

export interface Keyboard {
  /** Standard input is a terminal. */
  readonly attended: boolean
  /**
   * One line, typed behind a prompt on standard error; undefined at the end of the input. What was typed before it was
   * asked for, and what is pasted behind the line, answers nothing. Interrupted, the line is given up.
   */
  readonly line: (prompt: string) => Effect.Effect<string | undefined>
}

export const Keyboard = Context.Reference<Keyboard>("gleitzeit/Keyboard", {
  defaultValue: () => ({ attended: process.stdin.isTTY === true, line })
})

// internal

const line = (prompt: string): Effect.Effect<string | undefined> =>
  Effect.flatMap(
    Effect.promise(() => import("node:readline")),
    ({ createInterface }) =>
      Effect.callback((resume) => {
        const reader = createInterface({ input: process.stdin, output: process.stderr, terminal: true, historySize: 0 })
        let answered = false
        reader.once("line", (text) => {
          answered = true
          resume(Effect.succeed(text))
          reader.close()
        })
        reader.once("close", () => {
          // the cursor stands behind what was not answered
          if (!answered) process.stderr.write("\n")
          resume(Effect.succeed(undefined))
        })
        // in raw mode the terminal makes no signal of Ctrl-C
        reader.once("SIGINT", () => process.kill(process.pid, "SIGINT"))
        reader.setPrompt(prompt)
        reader.prompt()
        return Effect.sync(() => reader.close())
      })
  )
