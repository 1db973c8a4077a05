/** Runs of this folder whose process is gone. One-shot commands do not take them over: they say how to go on. */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Invocation from "./Invocation.ts"
import { Output } from "./Output.ts"
import * as Text from "./Text.ts"

/** Told on standard error, where somebody reads it. `except`: one that has been told of already. */
export const tell = (except?: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    if (output.options.json || output.options.quiet) return
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const runs = (yield* gleitzeit.interrupted).filter((run) => run !== except)
    const line = yield* text(runs)
    if (line !== undefined) yield* output.note(output.style.yellow(line))
  })

/** What was said to a run that this process does not drive: another does, or nobody can without what is secret. */
export const handed = Effect.fnUntraced(function* (run: string, done: string) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  return (yield* gleitzeit.interrupted).includes(run)
    ? `${done} the run, which goes on with its secret inputs: ${yield* Invocation.of("resume", run)} --input NAME=VALUE`
    : `${done} the process that drives ${run}`
})

/** The first three by name. */
export const text = Effect.fnUntraced(function* (runs: ReadonlyArray<string>) {
  if (runs.length === 0) return undefined
  const commands = yield* Effect.forEach(runs.slice(0, most), (run) => Invocation.of("resume", run))
  const more = runs.length > most ? `, and ${runs.length - most} more` : ""
  return `${Text.count(runs.length, "interrupted run")}: ${commands.join(", ")}${more}`
})

// internal

const most = 3
