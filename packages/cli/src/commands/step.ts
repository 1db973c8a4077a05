/** `gleitzeit step RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command } from "../Cli.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as RunName from "../RunName.ts"

export const step = Command.make(
  "step",
  { run: RunName.argument, simulate: Bundle.simulateFlag, watch: watchFlag },
  Effect.fn("gleitzeit.step")(function* ({ run, watch }) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const since = yield* Clock.currentTimeMillis
    yield* gleitzeit.step(id)
    yield* goOn(id, { watch, since, stepping: true })
  })
).pipe(
  Command.withDescription("Run one task of a paused run; a run that is not paused is paused first"),
  Command.withShortDescription("Run one task of a paused run"),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
