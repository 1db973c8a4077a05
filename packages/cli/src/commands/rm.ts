/** `gleitzeit rm RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as Detach from "../Detach.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const rm = Command.make(
  "rm",
  { run: RunName.argument },
  Effect.fn("gleitzeit.rm")(function* ({ run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    yield* gleitzeit.remove(id)
    yield* Detach.removeLog(id)
    if (output.options.json) yield* output.json({ removed: id })
    else if (!output.options.quiet) yield* output.note(`removed ${id}`)
  })
).pipe(
  Command.withDescription("Remove a run and all that is kept of it; refused while it is under way"),
  Command.withShortDescription("Remove a run"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
