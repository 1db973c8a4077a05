/** `gleitzeit plan FILE` */
import { type Bounds, Errors, type Forecast, Gleitzeit, type Missing, type Workflow } from "@gleitzeit/core"
import { Effect, Layer, Option } from "effect"
import { accessSync, constants, statSync } from "node:fs"
import { dirname } from "node:path"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import * as Documents from "../Documents.ts"
import { UsageError } from "../ExitCode.ts"
import * as Fault from "../Fault.ts"
import * as Inputs from "../Inputs.ts"
import * as Machine from "../Machine.ts"
import * as Mermaid from "../Mermaid.ts"
import { McpDuty } from "../McpDuty.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"
import * as Tree from "../Tree.ts"

export const plan = Command.make(
  "plan",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("A workflow in YAML or JSON; - reads standard input")
    ),
    input: Inputs.flag,
    inputs: Inputs.fileFlag,
    mermaid: Flag.Boolean("mermaid").pipe(
      Flag.withDescription("Print a flowchart in Mermaid's language"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    ),
    simulate: Bundle.simulateFlag,
    fresh: Flag.Boolean("fresh").pipe(
      Flag.withDescription("As with run --fresh: take nothing from the cache"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.plan")(function* ({ file, fresh, input, inputs, mermaid }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    if (mermaid && output.options.json)
      return yield* new UsageError({ issue: "--mermaid and --json exclude each other" })
    const source = yield* Documents.read(file)
    yield* (yield* McpDuty).read(source.text)
    const { diagnostics, locate, workflow } = yield* gleitzeit.check(source)
    if (workflow === undefined) return yield* new Errors.InvalidWorkflow({ diagnostics })
    if (diagnostics.length > 0 && !output.options.quiet && !output.options.json) {
      yield* output.note(Fault.diagnostics(diagnostics, output))
    }
    const given = yield* Inputs.given(workflow, input, inputs)
    const options = { inputs: given, folder: source.folder, fresh, locate }
    const forecast = yield* spinning("asking providers", gleitzeit.plan(workflow, options))
    if (output.options.json) {
      return yield* output.json({ ok: forecast.missing.length === 0, file: source.file, ...forecast, diagnostics })
    }
    const lacks = missing(forecast, source.file, yield* output.size, output.dataStyle)
    if (mermaid) {
      yield* output.data(Mermaid.lines(forecast).join("\n"))
      if (forecast.missing.length > 0 && !output.options.quiet) yield* output.note(lacks.join("\n"))
      return
    }
    yield* output.data([...text(forecast, yield* output.size, output.dataStyle), "", ...lacks].join("\n").trimEnd())
  })
).pipe(
  Command.withDescription(
    "Show what a run would do, without running anything: the tasks and what they wait for, what the cache has, what is missing, how much is called and used: at least when nothing fails, at most when every attempt is needed. Exit 3 when the file has mistakes, 0 otherwise, also when something is missing"
  ),
  Command.withShortDescription("Show what a run would do and what it lacks"),
  Command.withExamples([
    { command: "gleitzeit plan research.yaml -i topic='tidal power'", description: "With an input" },
    {
      command: "gleitzeit plan research.yaml --mermaid > research.mmd",
      description: "A picture for the documentation"
    },
    { command: "gleitzeit plan research.yaml --json | jq .missing", description: "For a program to read" }
  ]),
  Command.provide(({ simulate }) =>
    Layer.unwrap(
      Effect.map(Machine.settings, ({ store }) =>
        Bundle.layer({
          store: isThere(store.value) ? "given" : "none",
          simulate: Option.getOrUndefined(simulate),
          mcp: "named"
        })
      )
    )
  )
)

/** As people read it: the tasks, then the bounds. */
export const text = (
  forecast: Forecast.Forecast,
  { columns }: { readonly columns: number },
  style: Style
): ReadonlyArray<string> => {
  const { bold, dim, signs } = style
  const size = `${Text.count(tasksIn(forecast.tasks), "task")} in ${Text.count(forecast.steps, "step")}`
  const room = Math.max(8, columns - Text.width(size) - 3)
  const lacking = new Set(forecast.missing.flatMap(({ tasks }) => tasks))
  return [
    `${bold(Text.fit(Text.flat(forecast.workflow), room, signs.ellipsis))} ${dim(`${signs.dot} ${size}`)}`,
    "",
    ...Tree.lines(forecast, { style, columns, lacking }),
    "",
    ...bounds(forecast, style)
  ]
}

/** What is missing as people read it, one after the other; or that nothing is. */
export const missing = (
  { missing: all }: Forecast.Forecast,
  file: string,
  { columns }: { readonly columns: number },
  style: Style
): ReadonlyArray<string> => {
  const { green, signs, yellow } = style
  if (all.length === 0) return [`${green(signs.completed)} nothing is missing`]
  return [
    ...all.flatMap((one) => [
      ...Tree.wrapped(
        [`${signs.warning} ${one.kind} ${Text.flat(one.name)}${placeOf(one, file)}`],
        columns,
        signs.dot
      ).map((line, index) => (index === 0 ? yellow(line) : yellow(`  ${line}`))),
      ...Tree.wrapped([reasonOf(one)], columns - 4, signs.dot).map((line) => `    ${line}`)
    ]),
    "",
    yellow(`${Text.count(all.length, "thing is", "things are")} missing: a run may not get through`)
  ]
}

// internal

const tasksIn = (tasks: ReadonlyArray<Forecast.Task>): number =>
  tasks.reduce((sum, { tasks: inside }) => sum + 1 + (inside === undefined ? 0 : tasksIn(inside)), 0)

const placeOf = ({ column, file = "", line, tasks }: Missing.Missing, own: string): string => {
  const some = tasks.length === 0 ? "" : `, for ${tasks.slice(0, 5).join(", ")}`
  const more = tasks.length > 5 ? ` and ${Text.number(tasks.length - 5)} more` : ""
  const at = line === undefined ? "" : ` (${file === "" ? own : file}:${line}:${column})`
  return Text.flat(`${some}${more}`) + at
}

const reasonOf = ({ kind, name, reason }: Missing.Missing): string =>
  kind === "input" ? `${reason}: give it one with --input ${name}=VALUE` : reason

/** What is used, with what is not known said so. */
const bounds = (
  { bounds: { calls, cost_usd, input_tokens, output_tokens }, budget }: Forecast.Forecast,
  style: Style
): ReadonlyArray<string> => {
  const row = (name: string, { least, most }: Bounds.Range, show = Text.number) => [
    name,
    show(least),
    most === null ? "unknown" : show(most)
  ]
  const asksModels = [cost_usd, input_tokens, output_tokens].some(({ most }) => most !== 0)
  const rows = [
    ["", "AT LEAST", "AT MOST"],
    row("calls", calls),
    ...(asksModels
      ? [row("tokens in", input_tokens), row("tokens out", output_tokens), row("cost", cost_usd, Text.dollars)]
      : [])
  ]
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((cells) => Text.width(cells[i] ?? ""))))
  const lines = rows.map(([name = "", ...numbers], index) => {
    const cells = [Text.pad(name, widths[0] ?? 0), ...numbers.map((one, i) => Text.padStart(one, widths[i + 1] ?? 0))]
    const line = `    ${cells.join("  ")}`
    return index === 0 ? style.dim(line) : line
  })
  return budget === undefined ? lines : [...lines, `    budget: ${limits(budget).join(", ")}`]
}

const limits = ({ calls, cost_usd, duration, tokens }: Workflow.Budget): ReadonlyArray<string> => [
  ...(calls === undefined ? [] : [Text.count(calls, "call")]),
  ...(tokens === undefined ? [] : [`${Text.count(tokens, "token")} in and out`]),
  ...(cost_usd === undefined ? [] : [Text.dollars(cost_usd)]),
  ...(duration === undefined ? [] : [Text.duration(duration)])
]

/** A plan leaves no file behind: a store that is not there yet, or that may only be read, is none. */
const isThere = (store: { readonly _tag: string; readonly filename?: string }): boolean => {
  if (store.filename === undefined) return store._tag !== "Memory"
  if (statSync(store.filename, { throwIfNoEntry: false }) === undefined) return false
  try {
    for (const path of [store.filename, dirname(store.filename)]) accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}
