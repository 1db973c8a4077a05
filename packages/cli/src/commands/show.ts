/** `gleitzeit show RUN` */
import { Gleitzeit, Run } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import * as Caveats from "../Caveats.ts"
import { Command, Flag } from "../Cli.ts"
import * as Lines from "../Lines.ts"
import { Output } from "../Output.ts"
import * as Outputs from "../Outputs.ts"
import * as Progress from "../Progress.ts"
import * as Requests from "../Requests.ts"
import * as RunName from "../RunName.ts"
import * as Text from "../Text.ts"
import * as View from "../View.ts"

export const show = Command.make(
  "show",
  {
    run: RunName.argument,
    at: Flag.Int("at").pipe(
      Flag.withMetavar("SEQ"),
      Flag.withDescription("As it was after this event; gleitzeit logs RUN --json numbers them"),
      Flag.filter(
        (at) => at >= 1,
        () => "expected the number of an event, from 1"
      ),
      Flag.optional
    )
  },
  Effect.fn("gleitzeit.show")(function* ({ at, run }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const id = yield* RunName.resolve(gleitzeit, run)
    const report = yield* gleitzeit.get(id, Option.isNone(at) ? {} : { at: at.value })
    if (output.options.json) return yield* output.json(report)
    const look = {
      style: output.dataStyle,
      ...(yield* output.size),
      verbose: output.options.verbose
    }
    yield* output.data(text(report, look).join("\n"))
    // what could be answered then is no matter now
    if (Option.isSome(at)) return
    for (const line of yield* Requests.told(report, look.style)) yield* output.data(line)
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
    ...Caveats.lines(
      Object.entries(report.tasks).map(([id, { result }]) => [Lines.name(id), result] as const),
      look.style
    ),
    ...View.simulated(progress, look),
    `${View.summary(progress, look)}${dim(` ${signs.dot} begun ${Text.dateTime(report.started_at)}`)}`
  ]
}
