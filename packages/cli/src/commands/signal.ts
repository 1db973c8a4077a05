/** `gleitzeit signal RUN NAME [VALUE]` */
import { Gleitzeit } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Interrupted from "../Interrupted.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"
import * as Answer from "../Answer.ts"

export const signal = Command.make(
  "signal",
  {
    run: RunName.argument,
    name: Argument.String("name").pipe(
      Argument.withMetavar("NAME"),
      Argument.withDescription("What signal/wait waits for")
    ),
    value: Argument.String("value").pipe(
      Argument.withMetavar("VALUE"),
      Argument.withDescription("JSON or text (default null)"),
      Argument.optional
    ),
    simulate: Bundle.simulateFlag,
    watch: watchFlag
  },
  Effect.fn("gleitzeit.signal")(function* ({ name, run, value, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const since = yield* Clock.currentTimeMillis
    const sent = Option.isNone(value) ? null : Answer.free(value.value)
    if (yield* gleitzeit.signal(id, name, sent, Machine.user())) return yield* goOn(id, { watch, since })
    if (output.options.json) yield* output.json({ run: id, signal: name })
    else if (!output.options.quiet) yield* output.note(yield* Interrupted.handed(id, "sent to"))
  })
).pipe(
  Command.withDescription("Send a signal to a run; it is kept until a task waits for it"),
  Command.withShortDescription("Send a signal to a run"),
  Command.withExamples([{ command: "gleitzeit signal latest delivered '{\"parcel\": 7}'" }]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
