/** `gleitzeit show RUN` */
import { Gleitzeit, Run } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import { Output } from "../Output.ts"
import * as Outputs from "../Outputs.ts"
import * as Progress from "../Progress.ts"
import * as RunName from "../RunName.ts"
import * as Text from "../Text.ts"
import * as View from "../View.ts"

export const show = Command.make(
  "show",
  { run: Argument.String("run").pipe(Argument.withMetavar("RUN"), Argument.withDescription(RunName.description)) },
  Effect.fn("gleitzeit.show")(function* ({ run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const report = yield* gleitzeit.get(yield* RunName.resolve(gleitzeit, run))
    if (output.options.json) return yield* output.json(report)
    const look = {
      style: output.dataStyle,
      ...(yield* output.size),
      verbose: output.options.verbose
    }
    yield* output.data(text(report, look).join("\n"))
  })
).pipe(
  Command.withDescription("Show a run: its tasks, what they used, its outputs"),
  Command.withShortDescription("Show a run"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)

/** As people read it. */
export const text = (report: Run.Report, look: View.Look): ReadonlyArray<string> => {
  const { dim, yellow, signs } = look.style
  const progress = Progress.fromReport(report)
  const outputs = Outputs.text(report.outputs ?? {}, look.style)
  const failedTasks = progress.rows.some(({ status }) => status === "failed")
  return [
    ...View.header(progress, look),
    ...View.all(progress, look),
    "",
    ...(report.error === undefined || failedTasks ? [] : [...View.explain(report.error), ""]),
    ...(outputs === "" ? [] : [...outputs.split("\n"), ""]),
    ...report.warnings.map((warning) => yellow(`${signs.warning} ${Text.flat(warning)}`)),
    ...View.simulated(progress, look),
    `${View.summary(progress, look)}${dim(` ${signs.dot} begun ${Text.dateTime(report.started_at)}`)}`
  ]
}
