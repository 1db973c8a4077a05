/** `gleitzeit resume RUN` */
import { Gleitzeit, Run } from "@gleitzeit/core"
import { Clock, Effect, Option, Stream } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import { conclude } from "../Conclude.ts"
import { follow } from "../Follow.ts"
import * as Inputs from "../Inputs.ts"
import { Output } from "../Output.ts"
import * as Resumable from "../Resumable.ts"
import * as RunName from "../RunName.ts"

export const resume = Command.make(
  "resume",
  {
    run: Argument.String("run").pipe(Argument.withMetavar("RUN"), Argument.withDescription(RunName.description)),
    input: Flag.String("input").pipe(
      Flag.withAlias("i"),
      Flag.withMetavar("NAME=VALUE"),
      Flag.withDescription("A secret input, which is not recorded; as often as needed"),
      Flag.atLeast(0)
    ),
    simulate: Bundle.simulateFlag,
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("With --json: events and tokens as they come, one JSON document a line"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.resume")(function* ({ input, run, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const before = yield* gleitzeit.get(id)
    const since = yield* Clock.currentTimeMillis
    const workflow = yield* definition(gleitzeit, id)
    if (Run.isOver(before.status)) {
      if (!output.options.quiet && !output.options.json)
        yield* output.note(`run ${id} is over already: nothing to resume`)
    } else {
      yield* gleitzeit.resume(id, { inputs: yield* Inputs.merge(workflow ?? { name: before.workflow }, input, {}) })
    }
    const report = yield* Resumable.hint(id, follow(id, { watch, since }))
    yield* conclude(report, { workflow, contracts: yield* gleitzeit.contracts, streamed: watch })
  })
).pipe(
  Command.withDescription("Go on with a run whose process ended: what was recorded is not run again"),
  Command.withShortDescription("Go on with an interrupted run"),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)

// internal

/** The document that the run was created with. */
const definition = (gleitzeit: Gleitzeit.Gleitzeit["Service"], id: string) =>
  gleitzeit
    .events(id)
    .pipe(
      Stream.runHead,
      Effect.map(
        Option.flatMap(({ event }) => (event._tag === "RunCreated" ? Option.some(event.workflow) : Option.none()))
      ),
      Effect.map(Option.getOrUndefined)
    )
