/** `gleitzeit watch RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import { conclude } from "../Conclude.ts"
import { follow } from "../Follow.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const watch = Command.make(
  "watch",
  { run: RunName.argument, simulate: Bundle.simulateFlag },
  Effect.fn("gleitzeit.watch")(function* ({ run }) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { options } = yield* Output
    const report = yield* follow(yield* RunName.resolve(gleitzeit, run), { watch: true })
    yield* conclude(report, { streamed: options.json })
  })
).pipe(
  Command.withDescription(
    "Follow a run to its end, whichever process drives it, and answer what it asks; --json prints an event a line"
  ),
  Command.withShortDescription("Follow a run to its end"),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
