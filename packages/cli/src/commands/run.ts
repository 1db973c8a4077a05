/** `gleitzeit run FILE` */
import { Errors, Gleitzeit } from "@gleitzeit/core"
import { Effect, Exit, Option, Result, type Schema } from "effect"
import * as Budgets from "../Budgets.ts"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import * as Detach from "../Detach.ts"
import * as Documents from "../Documents.ts"
import { UsageError } from "../ExitCode.ts"
import * as Fault from "../Fault.ts"
import { watchFlag } from "../Follow.ts"
import { goOn } from "../GoOn.ts"
import * as Inputs from "../Inputs.ts"
import * as Interrupted from "../Interrupted.ts"
import * as Invocation from "../Invocation.ts"
import { McpDuty } from "../McpDuty.ts"
import { Output } from "../Output.ts"

export const run = Command.make(
  "run",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("A workflow in YAML or JSON; - reads standard input")
    ),
    input: Inputs.flag,
    inputs: Inputs.fileFlag,
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the outputs to a file: text for .md and .txt, JSON otherwise"),
      Flag.optional
    ),
    simulate: Bundle.simulateFlag,
    watch: watchFlag,
    key: Flag.String("key").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription("The same key gives the same run: one that is there is not begun again"),
      Flag.filter(
        (key) => key !== "",
        () => "expected a key"
      ),
      Flag.optional
    ),
    fresh: Flag.Boolean("fresh").pipe(
      Flag.withDescription("Take nothing from the cache"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    ),
    budget: Flag.String("budget").pipe(
      Flag.withMetavar("LIMITS"),
      Flag.withDescription("Such as calls=10,tokens=5000,cost_usd=0.5,duration=5m, in place of the workflow's own"),
      Flag.optional
    ),
    detach: Flag.Boolean("detach").pipe(
      Flag.withAlias("d"),
      Flag.withDescription("Run in the background and print the run's id"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.run")(function* (flags) {
    const { budget, detach, file, fresh, input, inputs, key, output: target, simulate, watch } = flags
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (detach) {
      if (watch) return yield* new UsageError({ issue: "--detach and --watch exclude each other" })
      if (Option.isSome(target)) return yield* new UsageError({ issue: "--detach and --output exclude each other" })
      yield* Detach.possible
    }
    if (Option.isSome(target)) yield* Documents.writable("--output", target.value)
    const limits = Option.isNone(budget) ? undefined : Budgets.parse(budget.value)
    if (limits !== undefined && Result.isFailure(limits)) {
      return yield* new UsageError({ issue: `--budget: ${limits.failure}` })
    }
    const source = yield* Documents.read(file)
    yield* (yield* McpDuty).read(source.text)
    const { diagnostics, workflow } = yield* gleitzeit.check(source)
    if (workflow === undefined) return yield* new Errors.InvalidWorkflow({ diagnostics })
    if (diagnostics.length > 0 && !output.options.quiet) yield* output.note(Fault.diagnostics(diagnostics, output))

    const merged = yield* Inputs.given(workflow, input, inputs)
    const id = yield* gleitzeit.submit(workflow, {
      inputs: merged,
      folder: source.folder,
      fresh,
      detached: detach,
      ...(Option.isNone(key) ? {} : { key: key.value }),
      ...(limits === undefined ? {} : { budget: limits.success })
    })
    const secrets = Inputs.secret(workflow, merged)
    // of a key the run may be there already: driven by somebody, left by a process that is gone, or over
    const free = Option.isNone(key) ? detach : (yield* gleitzeit.interrupted).includes(id)
    if (detach) return yield* detached(id, free, secrets, Option.getOrUndefined(simulate))
    if (free) yield* gleitzeit.resume(id, { inputs: secrets })
    yield* goOn(id, { watch, since: 0, workflow, file: Option.getOrUndefined(target) }).pipe(
      Effect.onExit((exit) => (Exit.hasInterrupts(exit) ? Effect.void : Interrupted.tell(id)))
    )
  })
).pipe(
  Command.withDescription("Check a workflow, run it, show how it goes, print its outputs"),
  Command.withShortDescription("Run a workflow"),
  Command.withExamples([
    { command: "gleitzeit run research.yaml -i topic='tidal power'", description: "With an input" },
    { command: "gleitzeit run research.yaml --simulate llm", description: "Try it out without a model" },
    {
      command: "gleitzeit run research.yaml --detach --budget tokens=20000",
      description: "In the background, with a limit"
    },
    { command: "gleitzeit run research.yaml --json > report.json", description: "For a program to read" }
  ]),
  Command.provide(({ simulate }) =>
    Bundle.layer({ store: "given", simulate: Option.getOrUndefined(simulate), mcp: "named" })
  )
)

// internal

const detached = Effect.fnUntraced(function* (
  run: string,
  free: boolean,
  secrets: { readonly [name: string]: Schema.Json },
  simulate: string | undefined
) {
  const output = yield* Output
  const log = free ? yield* Detach.start({ run, secrets, simulate }) : undefined
  if (output.options.json) return yield* output.json({ run, ...(log === undefined ? {} : { log }) })
  yield* output.data(run)
  if (output.options.quiet) return
  const follows = `${yield* Invocation.of("watch", run)} follows it`
  yield* output.note(
    log === undefined ? `it is there already; ${follows}` : `in the background; ${follows}, it writes to ${log}`
  )
})
