/** Tasks of a run as people name them: an id, or the path of what is below one. */
import { Diagnostic, type Run } from "@gleitzeit/core"
import { Effect } from "effect"
import * as ExitCode from "./ExitCode.ts"

/** Fails with what was meant, or with what there is. */
export const resolve = (report: Run.Report, name: string): Effect.Effect<Run.TaskReport, ExitCode.NotFound> =>
  Effect.suspend(() => {
    const found = Object.hasOwn(report.tasks, name) ? report.tasks[name] : undefined
    if (found !== undefined) return Effect.succeed(found)
    const known = Object.keys(report.tasks)
    const meant = Diagnostic.nearest(name, known)
    const hint = meant === undefined ? ` (it has ${known.slice(0, 20).join(", ")})` : `, did you mean "${meant}"?`
    return Effect.fail(new ExitCode.NotFound({ issue: `run ${report.run} has no task "${name}"${hint}` }))
  })
