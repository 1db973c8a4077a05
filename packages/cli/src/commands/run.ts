/** `gleitzeit run FILE` */
import { Errors, Gleitzeit } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import { conclude } from "../Conclude.ts"
import * as Documents from "../Documents.ts"
import * as Fault from "../Fault.ts"
import { follow } from "../Follow.ts"
import * as Inputs from "../Inputs.ts"
import { Output } from "../Output.ts"
import * as Resumable from "../Resumable.ts"

export const run = Command.make(
  "run",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("A workflow in YAML or JSON; - reads standard input")
    ),
    input: Flag.String("input").pipe(
      Flag.withAlias("i"),
      Flag.withMetavar("NAME=VALUE"),
      Flag.withDescription("An input; as often as needed"),
      Flag.atLeast(0)
    ),
    inputs: Flag.String("inputs").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Inputs from a YAML or JSON file; --input wins over it"),
      Flag.optional
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the outputs to a file: text for .md and .txt, JSON otherwise"),
      Flag.optional
    ),
    simulate: Bundle.simulateFlag,
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("With --json: events and tokens as they come, one JSON document a line"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.run")(function* ({ file, input, inputs, output: target, watch }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (Option.isSome(target)) yield* Documents.writable("--output", target.value)
    const source = yield* Documents.read(file)
    const { diagnostics, workflow } = yield* gleitzeit.check(source)
    if (workflow === undefined) return yield* new Errors.InvalidWorkflow({ diagnostics })
    if (diagnostics.length > 0 && !output.options.quiet) yield* output.note(Fault.diagnostics(diagnostics, output))

    const values = Option.isSome(inputs) ? yield* Documents.values(inputs.value) : {}
    const merged = yield* Inputs.merge(workflow, input, values)
    const id = yield* gleitzeit.submit(workflow, { inputs: merged, folder: source.folder })
    const report = yield* Resumable.hint(id, follow(id, { watch }))
    yield* conclude(report, {
      workflow,
      contracts: yield* gleitzeit.contracts,
      file: Option.getOrUndefined(target),
      streamed: watch
    })
  })
).pipe(
  Command.withDescription("Check a workflow, run it, show how it goes, print its outputs"),
  Command.withShortDescription("Run a workflow"),
  Command.withExamples([
    { command: "gleitzeit run research.yaml -i topic='tidal power'", description: "With an input" },
    { command: "gleitzeit run research.yaml --simulate llm", description: "Try it out without a model" },
    { command: "gleitzeit run research.yaml --json > report.json", description: "For a program to read" }
  ]),
  Command.provide(({ simulate }) => Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate) }))
)
