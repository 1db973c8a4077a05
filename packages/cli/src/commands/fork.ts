/** `gleitzeit fork RUN` */
import { Errors, Gleitzeit, type Run } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command, Flag } from "../Cli.ts"
import * as Definition from "../Definition.ts"
import * as Documents from "../Documents.ts"
import * as Fault from "../Fault.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Inputs from "../Inputs.ts"
import { Output } from "../Output.ts"
import * as RunName from "../RunName.ts"
import * as TaskName from "../TaskName.ts"
import * as Text from "../Text.ts"

export const fork = Command.make(
  "fork",
  {
    run: RunName.argument,
    from: Flag.String("from").pipe(
      Flag.withMetavar("TASK"),
      Flag.withDescription("Run this task and what follows it again, whatever is the same"),
      Flag.optional
    ),
    file: Flag.String("file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("An edited workflow instead of the recorded one"),
      Flag.optional
    ),
    input: Inputs.flag,
    inputs: Inputs.fileFlag,
    simulate: Bundle.simulateFlag,
    watch: watchFlag
  },
  Effect.fn("gleitzeit.fork")(function* ({ file, from, input, inputs, run, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const before = yield* gleitzeit.get(id)
    const edited = Option.isNone(file) ? undefined : yield* read(gleitzeit, file.value)
    const workflow = edited?.workflow ?? (yield* Definition.of(gleitzeit, id))
    // a task that only the edited file has is run anyhow
    const known = Option.isNone(from) || edited?.workflow.tasks.some(({ id }) => id === from.value) === true
    if (!known) yield* TaskName.resolve(before, from.value)
    const given = yield* Inputs.given(workflow ?? { name: before.workflow }, input, inputs)
    const since = yield* Clock.currentTimeMillis
    const forked = yield* gleitzeit.fork(id, {
      inputs: given,
      ...(Option.isNone(from) ? {} : { from: from.value }),
      ...(edited === undefined ? {} : { workflow: edited.workflow, folder: edited.folder })
    })
    const silent = output.options.quiet || output.options.json
    yield* goOn(forked, {
      watch,
      since,
      workflow,
      remark: (report) => (silent ? Effect.void : output.note(output.style.dim(reused(report, id))))
    })
  })
).pipe(
  Command.withDescription("Begin another run of a workflow, which uses again every result whose task is the same"),
  Command.withShortDescription("Run again from a task on, or with an edited workflow"),
  Command.withExamples([
    { command: "gleitzeit fork latest --file edited.yaml", description: "With another prompt, say" },
    { command: "gleitzeit fork latest --from summary", description: "From a task on" },
    { command: "gleitzeit fork latest -i topic=tides", description: "With another input" }
  ]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)

// internal

const read = Effect.fnUntraced(function* (gleitzeit: Gleitzeit.Gleitzeit["Service"], file: string) {
  const output = yield* Output
  const source = yield* Documents.read(file)
  const { diagnostics, workflow } = yield* gleitzeit.check(source)
  if (workflow === undefined) return yield* new Errors.InvalidWorkflow({ diagnostics })
  if (diagnostics.length > 0 && !output.options.quiet) yield* output.note(Fault.diagnostics(diagnostics, output))
  return { workflow, folder: source.folder }
})

/** What was not paid for again. */
const reused = ({ tasks }: Run.Report, of: string): string => {
  const names = Object.keys(tasks).filter((name) => tasks[name]?.reused === true)
  if (names.length === 0) return `nothing of run ${of} could be used again`
  const some = names.slice(0, 8).map(Text.flat).join(", ")
  return `used again from run ${of}: ${some}${names.length > 8 ? ` and ${Text.number(names.length - 8)} more` : ""}`
}
