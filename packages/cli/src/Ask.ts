/** Asks a question of a run on the terminal, and hands the answer in. */
import { Gleitzeit, type Run } from "@gleitzeit/core"
import { Effect, Result } from "effect"
import * as Answer from "./Answer.ts"
import { Keyboard } from "./Keyboard.ts"
import * as Machine from "./Machine.ts"
import { Output } from "./Output.ts"
import * as Requests from "./Requests.ts"
import * as Text from "./Text.ts"

/** Somebody sits there, and can see what is asked. */
export const canAsk = Effect.gen(function* () {
  const output = yield* Output
  return output.live && !output.options.json && (yield* Keyboard).attended
})

/**
 * Until an answer is taken, or is needed no longer: true when this process drives the run on. Undefined at the end of the
 * input: nobody answers.
 */
export const ask = Effect.fn("gleitzeit.ask")(function* (run: string, request: Run.Request) {
  const output = yield* Output
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const user = Machine.user()
  const note = (line: string) => output.note(line)
  const wrong = (issue: string) => note(output.style.red(`  ${Text.clean(issue)}`))

  yield* Effect.forEach(Requests.asked(request, output.style), note)
  while (true) {
    const value = yield* read(request, wrong)
    if (value === undefined) return undefined
    const responded = yield* gleitzeit.respond(run, request.request, value, user).pipe(
      Effect.catchTag("InvalidAnswer", ({ issues }) => Effect.as(wrong(issues.join("; ")), undefined)),
      // somebody else was faster
      Effect.catchTag(["AlreadyAnswered", "RequestNotFound", "RunFinished"], ({ message }) =>
        Effect.as(note(output.style.dim(`  ${message}`)), false)
      )
    )
    if (responded !== undefined) return responded
  }
})

// internal

const read = Effect.fnUntraced(function* (request: Run.Request, wrong: (issue: string) => Effect.Effect<void>) {
  const keyboard = yield* Keyboard
  const byDefault = Answer.byDefault(request)
  while (true) {
    const text = yield* keyboard.line("> ")
    if (text === undefined) return undefined
    if (text.trim() === "") {
      if (byDefault !== undefined) return byDefault
      yield* wrong("an answer is needed; Ctrl-C leaves the run waiting for it")
      continue
    }
    const answer = Answer.read(request, text, true)
    if (Result.isSuccess(answer)) return answer.success
    yield* wrong(answer.failure)
  }
})
