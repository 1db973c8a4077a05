/** `gleitzeit pause RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as Invocation from "../Invocation.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const pause = Command.make(
  "pause",
  { run: RunName.argument },
  Effect.fn("gleitzeit.pause")(function* ({ run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    yield* gleitzeit.pause(id, Machine.user())
    const { status } = yield* gleitzeit.get(id)
    if (output.options.json) return yield* output.json({ run: id, status })
    if (output.options.quiet) return
    const resume = yield* Invocation.of("resume", id)
    yield* output.note(
      status === "waiting"
        ? `paused ${id}; go on with: ${resume}`
        : `asked the process that drives ${id} to pause, what is under way finishes; go on with: ${resume}`
    )
  })
).pipe(
  Command.withDescription("Let what is under way in a run finish and begin nothing more, until resume"),
  Command.withShortDescription("Let a run rest"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
