/** `gleitzeit retry RUN` */
import { Gleitzeit } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command, Flag } from "../Cli.ts"
import * as Definition from "../Definition.ts"
import { UsageError } from "../ExitCode.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Inputs from "../Inputs.ts"
import * as RunName from "../RunName.ts"
import * as TaskName from "../TaskName.ts"

export const retry = Command.make(
  "retry",
  {
    run: RunName.argument,
    task: Flag.String("task").pipe(
      Flag.withMetavar("TASK"),
      Flag.withDescription("This task and what depends on it, instead of all that failed"),
      Flag.optional
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("With --task: also when it has completed"),
      Flag.withDefault(false)
    ),
    input: Inputs.secretFlag,
    inputs: Inputs.fileFlag,
    simulate: Bundle.simulateFlag,
    watch: watchFlag
  },
  Effect.fn("gleitzeit.retry")(function* ({ force, input, inputs, run, task, watch }) {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (force && Option.isNone(task)) {
      return yield* new UsageError({ issue: "--force says which task to run again with --task TASK" })
    }
    const id = yield* RunName.resolve(gleitzeit, run)
    const before = yield* gleitzeit.get(id)
    const workflow = yield* Definition.of(gleitzeit, id)
    if (Option.isSome(task)) yield* TaskName.resolve(before, task.value)
    const given = yield* Inputs.given(workflow ?? { name: before.workflow }, input, inputs)
    const since = yield* Clock.currentTimeMillis
    yield* gleitzeit.retry(id, { inputs: given, force, ...(Option.isNone(task) ? {} : { task: task.value }) })
    yield* goOn(id, { watch, since, workflow })
  })
).pipe(
  Command.withDescription("Run what failed in a run again, and what depends on it; what completed is kept"),
  Command.withShortDescription("Run what failed again"),
  Command.withExamples([
    { command: "gleitzeit retry latest" },
    { command: "gleitzeit retry latest --task summary --force", description: "A task that has completed" }
  ]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
