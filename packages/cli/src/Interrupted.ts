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

/** The first three by name. */
export const text = Effect.fnUntraced(function* (runs: ReadonlyArray<string>) {
  if (runs.length === 0) return undefined
  const commands = yield* Effect.forEach(runs.slice(0, most), (run) => Invocation.of("resume", run))
  const more = runs.length > most ? `, and ${runs.length - most} more` : ""
  return `${Text.count(runs.length, "interrupted run")}: ${commands.join(", ")}${more}`
})

// internal

const most = 3
