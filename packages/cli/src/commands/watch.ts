/** `gleitzeit watch RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import { conclude } from "../Conclude.ts"
import { follow } from "../Follow.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const watch = Command.make(
  "watch",
  { run: Argument.String("run").pipe(Argument.withMetavar("RUN"), Argument.withDescription(RunName.description)) },
  Effect.fn("gleitzeit.watch")(function* ({ run }) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { options } = yield* Output
    const report = yield* follow(yield* RunName.resolve(gleitzeit, run), { watch: true })
    yield* conclude(report, { streamed: options.json })
  })
).pipe(
  Command.withDescription("Follow a run to its end, whichever process drives it; --json prints an event a line"),
  Command.withShortDescription("Follow a run to its end"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
