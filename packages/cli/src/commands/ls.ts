/** `gleitzeit ls` */
import { Gleitzeit, type Store } from "@gleitzeit/core"
import { Clock, Effect, Option } from "effect"
import * as Bundle from "../Bundle.ts"
import { Command, Flag } from "../Cli.ts"
import * as Interrupted from "../Interrupted.ts"
import { Output } from "../Output.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"

const statuses = ["pending", "running", "waiting", "completed", "failed", "cancelled"] as const

export const ls = Command.make(
  "ls",
  {
    status: Flag.Literals("status", statuses).pipe(
      Flag.withDescription("Only runs that stand like this; as often as needed"),
      Flag.atLeast(0)
    ),
    workflow: Flag.String("workflow").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only runs of this workflow"),
      Flag.optional
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withAlias("n"),
      Flag.withDescription("How many at most, newest first (default 20)"),
      Flag.filter(
        (limit) => limit >= 1 && limit <= 1000,
        () => "expected a number from 1 to 1000"
      ),
      Flag.withDefault(20)
    ),
    cursor: Flag.String("cursor").pipe(
      Flag.withMetavar("NEXT"),
      Flag.withDescription("Go on where --json said next"),
      Flag.optional
    )
  },
  Effect.fn("gleitzeit.ls")(function* ({ cursor, limit, status, workflow }) {
    const output = yield* Output
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { items, next } = yield* gleitzeit.list({
      limit,
      ...(status.length === 0 ? {} : { status }),
      ...(Option.isNone(workflow) ? {} : { workflow: workflow.value }),
      ...(Option.isNone(cursor) ? {} : { cursor: cursor.value })
    })
    if (output.options.json) return yield* output.json({ runs: items, ...(next === undefined ? {} : { next }) })
    if (items.length === 0) return yield* output.note("no runs")
    const now = yield* Clock.currentTimeMillis
    for (const line of table(items, now, output.dataStyle)) yield* output.data(line)
    if (next !== undefined && !output.options.quiet) yield* output.note(`more with --limit ${limit * 2}`)
    yield* Interrupted.tell()
  })
).pipe(
  Command.withDescription("List runs, newest first"),
  Command.withAlias("list"),
  Command.provide(() => Bundle.layer({ store: "given" }))
)

/** As people read it. */
export const table = (runs: ReadonlyArray<Store.RunSummary>, now: number, style: Style): ReadonlyArray<string> => {
  const rows = runs.map(({ created_at, due, run, status, tasks, waiting, workflow }) => {
    const done = ["completed", "failed", "skipped", "cancelled"].reduce((sum, name) => sum + (tasks[name] ?? 0), 0)
    return [
      run,
      status,
      `${done}/${tasks["total"] ?? 0}`,
      `${Text.duration(now - created_at)} ago`,
      `${Text.flat(workflow)}${status === "waiting" ? style.yellow(waits(waiting, due)) : ""}`
    ]
  })
  const [head = "", ...lines] = Text.table([["RUN", "STATUS", "TASKS", "BEGUN", "WORKFLOW"], ...rows])
  const painted = lines.map((line, i) => {
    const status = runs[i]?.status ?? ""
    const paint = status === "failed" ? style.red : status === "completed" ? style.green : style.yellow
    return line.replace(status, paint(status))
  })
  return [style.dim(head), ...painted]
}

// internal

/** What it waits for, behind its name. */
const waits = (waiting: ReadonlyArray<{ readonly request: string }>, due: number | undefined): string => {
  const [first, ...others] = waiting.map(({ request }) => request)
  if (first !== undefined)
    return `  waits for ${Text.flat(first)}${others.length > 0 ? ` and ${others.length} more` : ""}`
  return due === undefined ? "" : `  waits until ${Text.dateTime(due)}`
}
