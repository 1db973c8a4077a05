/** How a run at rest is told: outputs to standard output, everything else to standard error. */
import { type Contract, type Run, type Workflow } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Caveats from "./Caveats.ts"
import * as Documents from "./Documents.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Lines from "./Lines.ts"
import { Output } from "./Output.ts"
import * as Outputs from "./Outputs.ts"
import * as Progress from "./Progress.ts"
import * as Requests from "./Requests.ts"
import * as Text from "./Text.ts"
import * as View from "./View.ts"

export interface Options {
  /** Named for what is shown when it declares no outputs. */
  readonly workflow?: Workflow.Workflow | undefined
  readonly contracts?: ReadonlyArray<Contract.Contract>
  /** Where the outputs go instead of standard output. */
  readonly file?: string | undefined
  /** The report has gone out already, element by element. */
  readonly streamed?: boolean
  /** That the run is paused is as it should be. */
  readonly stepping?: boolean
}

/** Fails with `Ended` unless the run is completed. */
export const conclude = Effect.fn("gleitzeit.conclude")(function* (report: Run.Report, options: Options) {
  const output = yield* Output
  const { json, quiet } = output.options
  const progress = Progress.fromReport(report)
  const look = { style: output.style, ...(yield* output.size), verbose: output.options.verbose }
  const outputs = Outputs.of(report, options.workflow, options.contracts ?? [])

  if (options.file !== undefined) yield* Documents.write("--output", options.file, written(options.file, outputs))
  if (json && options.streamed !== true) yield* output.json(report)
  if (!json) {
    const text = options.file === undefined ? Outputs.text(outputs, output.dataStyle) : ""
    // a terminal shows both streams: an empty line keeps the outputs apart from what stands around them
    const apart = output.live && output.dataIsTerminal && !quiet
    if (apart && text !== "") yield* output.note("")
    if (text !== "") yield* output.data(text)
    if (apart) yield* output.note("")
    if (quiet) for (const line of View.failures(progress, look)) yield* output.note(line)
    for (const warning of report.warnings) {
      yield* output.note(output.style.yellow(`${output.style.signs.warning} ${Text.flat(warning)}`))
    }
    const failedTasks = progress.rows.some(({ status }) => status === "failed")
    if (report.error !== undefined && !failedTasks) {
      yield* output.note(output.style.red(View.explain(report.error).join("\n")))
    }
  }
  if (!json) {
    const results = Object.entries(report.tasks).map(([id, { result }]) => [Lines.name(id), result] as const)
    for (const line of Caveats.lines(results, output.style)) yield* output.note(line)
  }
  for (const line of View.simulated(progress, look)) yield* output.note(line)
  if (!json && !quiet) {
    yield* output.note(View.summary(progress, look))
    if (options.file !== undefined) yield* output.note(output.style.dim(`outputs written to ${options.file}`))
  }
  if (!json) for (const line of yield* Requests.told(report, output.style)) yield* output.note(line)
  const paused = report.status === "waiting" && report.waiting.some(({ kind }) => kind === "pause")
  const exit = options.stepping === true && paused ? ExitCode.ok : ExitCode.ofReport(report)
  if (exit !== ExitCode.ok) return yield* new ExitCode.Ended({ exit })
})

// internal

const written = (file: string, outputs: { readonly [name: string]: unknown }): string =>
  /\.(?:md|txt)$/i.test(file) ? Outputs.plain(outputs) : `${JSON.stringify(outputs, null, 2)}\n`
