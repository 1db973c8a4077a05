/** `gleitzeit cancel RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const cancel = Command.make(
  "cancel",
  { run: RunName.argument },
  Effect.fn("gleitzeit.cancel")(function* ({ run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    yield* gleitzeit.cancel(id, Machine.user())
    const { status } = yield* gleitzeit.get(id)
    if (output.options.json) yield* output.json({ run: id, status })
    else if (!output.options.quiet) {
      yield* output.note(status === "cancelled" ? `cancelled ${id}` : `asked the process that drives ${id} to stop`)
    }
  })
).pipe(
  Command.withDescription("Stop a run for good, whichever process drives it"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
