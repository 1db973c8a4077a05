/** `gleitzeit resume RUN` */
import { Gleitzeit, Run } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import * as Definition from "../Definition.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Inputs from "../Inputs.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"

export const resume = Command.make(
  "resume",
  {
    run: RunName.argument,
    input: Inputs.secretFlag,
    inputs: Inputs.fileFlag,
    simulate: Bundle.simulateFlag,
    watch: watchFlag
  },
  Effect.fn("gleitzeit.resume")(function* ({ input, inputs, run, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const before = yield* gleitzeit.get(id)
    const since = yield* Clock.currentTimeMillis
    const workflow = yield* Definition.of(gleitzeit, id)
    if (Run.isOver(before.status)) {
      if (!output.options.quiet && !output.options.json)
        yield* output.note(`run ${id} is over already: nothing to resume`)
    } else {
      const given = workflow ?? { name: before.workflow }
      yield* gleitzeit.resume(id, { inputs: yield* Inputs.given(given, input, inputs) })
    }
    yield* goOn(id, { watch, since, workflow })
  })
).pipe(
  Command.withDescription(
    "Go on with a run that was paused, or whose process ended: what was recorded is not run again"
  ),
  Command.withShortDescription("Go on with an interrupted or paused run"),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
