/** `gleitzeit logs RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect, Stream } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as Lines from "../Lines.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"
import * as Text from "../Text.ts"

export const logs = Command.make(
  "logs",
  { run: RunName.argument },
  Effect.fn("gleitzeit.logs")(function* ({ run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    if (output.options.json) {
      const events = yield* Stream.runCollect(gleitzeit.events(id))
      return yield* output.json({ run: id, events: Array.from(events) })
    }
    const options = { run: id, verbose: output.options.verbose, clock: Text.dateTime }
    yield* Stream.runForEach(gleitzeit.events(id), ({ event }) =>
      Effect.forEach(Lines.ofEvent(event, options), (line) => output.data(line), { discard: true })
    )
  })
).pipe(
  Command.withDescription("Print what was recorded of a run, event by event; --verbose with results"),
  Command.withShortDescription("Print a run's journal"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
