/** `gleitzeit result RUN [TASK]` */
import { Gleitzeit } from "@gleitzeit/core"
import { Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import { Output } from "../Output.ts"
import * as Outputs from "../Outputs.ts"
import * as RunName from "../RunName.ts"
import * as TaskName from "../TaskName.ts"

export const result = Command.make(
  "result",
  {
    run: RunName.argument,
    task: Argument.String("task").pipe(
      Argument.withMetavar("TASK"),
      Argument.withDescription("Id of a task; without it the outputs"),
      Argument.optional
    )
  },
  Effect.fn("gleitzeit.result")(function* ({ run, task }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const report = yield* gleitzeit.get(yield* RunName.resolve(gleitzeit, run))
    if (Option.isNone(task)) {
      const outputs = report.outputs ?? {}
      if (output.options.json) return yield* output.json(outputs)
      if (report.outputs === undefined)
        return yield* output.note(`run ${report.run} is ${report.status}: it has no outputs yet`)
      const text = Outputs.text(outputs, output.dataStyle)
      return yield* text === "" ? output.note(`run ${report.run} has no outputs`) : output.data(text)
    }
    const id = task.value
    const found = yield* TaskName.resolve(report, id)
    if (found.error !== undefined && found.status !== "completed") return yield* Effect.fail(found.error)
    if (found.result === undefined) {
      const reason = found.skipped_because === undefined ? "" : `: ${found.skipped_because}`
      return yield* new ExitCode.NotFound({ issue: `task "${id}" has no result, it is ${found.status}${reason}` })
    }
    if (output.options.json) return yield* output.json(found.result)
    yield* output.data(typeof found.result === "string" ? found.result : JSON.stringify(found.result, null, 2))
  })
).pipe(
  Command.withDescription("Print a run's outputs, or the result of one task"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)
