/** What every command does that has made a run go on: it follows the run to its rest, and tells how it came to it. */
import { Gleitzeit, type Run, type Workflow } from "@gleitzeit/core"
import { Effect } from "effect"
import { conclude } from "./Conclude.ts"
import * as Definition from "./Definition.ts"
import { follow } from "./Follow.ts"
import * as Resumable from "./Resumable.ts"

export interface Options {
  /** With `--json`: an event a line. */
  readonly watch: boolean
  /** When it was made to go on, in milliseconds since 1970. */
  readonly since: number
  /** Where it is known; else it is read from the journal. */
  readonly workflow?: Workflow.Workflow | undefined
  /** Where the outputs go instead of standard output. */
  readonly file?: string | undefined
  /** A paused run has done what it should. */
  readonly stepping?: boolean
  /** What else there is to say, before the outputs. */
  readonly remark?: (report: Run.Report) => Effect.Effect<void>
}

/** Fails with `Ended` unless the run is completed. */
export const goOn = Effect.fn("gleitzeit.goOn")(function* (id: string, options: Options) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { file, remark, since, stepping = false, watch } = options
  const report = yield* Resumable.hint(id, follow(id, { watch, since }))
  if (remark !== undefined) yield* remark(report)
  yield* conclude(report, {
    workflow: options.workflow ?? (yield* Definition.of(gleitzeit, id)),
    contracts: yield* gleitzeit.contracts,
    file,
    stepping,
    streamed: watch
  })
})
