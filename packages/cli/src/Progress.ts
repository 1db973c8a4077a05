/**
 * What people are shown of a run while it runs: one row a task, kept up to date from what a watcher sees, at a cost that
 * does not grow with the run. Draws nothing.
 */
import { type Event, type Failure, type Gleitzeit, Run, Task } from "@gleitzeit/core"

type Millis = Task.Millis

export interface Row {
  readonly id: string
  status: Run.TaskStatus
  /** The one under way, or the last. */
  attempt: number
  /** When the attempt under way began. */
  since: Millis | undefined
  /** Milliseconds, of the last attempt that ended. */
  duration: number | undefined
  tokens: number
  /** The last of what it says while it runs. */
  preview: string
  /** Of itself, between 0 and 1. */
  fraction: number | undefined
  /** When the next attempt begins. */
  due: Millis | undefined
  error: Failure.Failure | undefined
  skipped: string | undefined
  result: unknown
  readonly logs: Array<string>
  simulated: boolean
  /** Of a `foreach`. */
  items: { total: number | undefined; completed: number; failed: number; running: number } | undefined
}

/** Mutable on purpose: one owner observes into it. */
export interface Progress {
  readonly run: string
  workflow: string
  status: Run.RunStatus
  started: Millis
  finished: Millis | undefined
  /** In document order. */
  readonly rows: Array<Row>
  readonly byPath: Map<string, Row>
  /** Those that are running or waiting for another attempt. */
  readonly active: Set<Row>
  /** How many rows from the first on have been shown for good. */
  shown: number
  settled: number
  readonly counts: { [status: string]: number }
  readonly usage: { input: number; output: number; cost: number }
  error: Failure.Failure | undefined
}

export const make = (run: string): Progress => ({
  run,
  workflow: "",
  status: "pending",
  started: 0,
  finished: undefined,
  rows: [],
  byPath: new Map(),
  active: new Set(),
  shown: 0,
  settled: 0,
  counts: {},
  usage: { input: 0, output: 0, cost: 0 },
  error: undefined
})

/** As a run at rest reports it. */
export const fromReport = (report: Run.Report): Progress => {
  const progress = make(report.run)
  progress.workflow = report.workflow
  progress.status = report.status
  progress.started = report.started_at
  progress.finished = report.finished_at
  progress.error = report.error
  addUsage(progress, undefined, report.usage)
  for (const [id, task] of Object.entries(report.tasks)) {
    const parent = itemOf(progress, task.path)
    if (parent !== undefined) {
      const items = (parent.items ??= { total: 0, completed: 0, failed: 0, running: 0 })
      items.total = (items.total ?? 0) + 1
      if (task.status === "completed") items.completed++
      if (task.status === "failed") items.failed++
      if (task.status === "running") items.running++
      parent.simulated ||= task.simulated
      continue
    }
    const row = addRow(progress, id, task.path)
    row.attempt = task.attempts
    row.duration = task.duration_ms
    row.tokens = tokens(task.usage)
    row.error = task.error
    row.skipped = task.skipped_because
    row.result = task.result
    row.simulated = task.simulated
    setStatus(progress, row, task.status)
  }
  return progress
}

/** Takes in what a watcher has seen. */
export const observe = (progress: Progress, live: Gleitzeit.Live): void => {
  switch (live._tag) {
    case "Event":
      return observeEvent(progress, live.event)
    case "Started": {
      const item = itemOf(progress, live.task)
      const row = item ?? progress.byPath.get(live.task)
      if (row === undefined || Run.settled(row.status)) return
      row.since ??= live.at
      row.due = undefined
      if (item !== undefined) items(item).running++
      else row.attempt = live.attempt
      return setStatus(progress, row, "running")
    }
    case "Chunk": {
      const row = progress.byPath.get(live.task.replace(/[[/].*$/s, ""))
      if (row !== undefined) observeChunk(row, live.chunk)
    }
  }
}

/** Tokens in and out. */
export const tokens = (usage: Task.Usage | undefined): number =>
  (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0)

/** The row of the `foreach` that a path is an item of. */
export const itemOf = (progress: Progress, path: string): Row | undefined => {
  const begin = path.indexOf("[")
  return begin < 0 ? undefined : progress.byPath.get(path.slice(0, begin))
}

// internal

/** What is kept of a model's words: more than a terminal is wide. */
const previewLength = 500
const maxLogs = 1000

const observeEvent = (progress: Progress, event: Event.Event): void => {
  switch (event._tag) {
    case "RunCreated":
      progress.workflow = event.workflow.name
      progress.status = "running"
      progress.started = event.at
      for (const { id } of event.workflow.tasks) addRow(progress, id, Task.path(id))
      return
    case "TaskExpanded": {
      const row = progress.byPath.get(event.task)
      if (row === undefined) return
      items(row).total = event.items.length
      row.since ??= event.at
      return setStatus(progress, row, "running")
    }
    case "TaskCompleted":
    case "TaskGathered":
    case "TaskFailed":
    case "TaskRetrying":
      return observeOutcome(progress, event)
    case "TaskSkipped": {
      const row = progress.byPath.get(event.task)
      if (row === undefined) return
      row.skipped =
        event.because === "condition"
          ? "its condition is false"
          : `"${event.of ?? "?"}" ${event.because === "failed" ? "failed" : "has no value"}`
      return setStatus(progress, row, "skipped")
    }
    case "CallRecorded":
      return addUsage(progress, undefined, event.usage)
    case "RunCompleted":
      return finish(progress, "completed", event.at)
    case "RunFailed":
      progress.error = event.error
      return finish(progress, "failed", event.at)
    case "RunCancelled":
      return finish(progress, "cancelled", event.at)
    case "RunResumed":
      // what was under way in the former process begins anew
      for (const row of progress.active) {
        row.since = undefined
        if (row.items !== undefined) row.items.running = 0
        else setStatus(progress, row, "pending")
      }
  }
}

type Outcome = Extract<Event.Event, { readonly _tag: "TaskCompleted" | "TaskGathered" | "TaskFailed" | "TaskRetrying" }>

const observeOutcome = (progress: Progress, event: Outcome): void => {
  const item = itemOf(progress, event.task)
  const row = item ?? progress.byPath.get(event.task)
  if (row === undefined) return
  addUsage(progress, row, event.usage)
  row.preview = ""
  row.fraction = undefined
  if (event._tag === "TaskCompleted") row.simulated ||= isSimulated(event.result)
  if (item !== undefined) {
    const of = items(item)
    of.running = Math.max(0, of.running - 1)
    if (event._tag === "TaskCompleted") of.completed++
    if (event._tag === "TaskFailed") of.failed++
    return
  }
  row.attempt = event.attempt
  row.duration = event.duration
  row.since = undefined
  row.due = undefined
  row.error = undefined
  switch (event._tag) {
    case "TaskCompleted":
      row.result = event.result
      return setStatus(progress, row, "completed")
    case "TaskGathered":
      return setStatus(progress, row, "completed")
    case "TaskFailed":
      row.error = event.error
      return setStatus(progress, row, event.error.code === cancelled ? "cancelled" : "failed")
    case "TaskRetrying":
      row.error = event.error
      row.due = event.due
      return setStatus(progress, row, "retrying")
  }
}

/** The code of `TaskCancelled`. */
const cancelled = -29004

const observeChunk = (row: Row, chunk: Task.Chunk): void => {
  switch (chunk._tag) {
    case "Text":
    case "Reasoning":
      row.preview = (row.preview + chunk.text).slice(-previewLength)
      return
    case "Progress":
      row.fraction = chunk.fraction ?? row.fraction
      if (chunk.message !== undefined) row.preview = chunk.message
      return
    case "Log":
      if (row.logs.length < maxLogs) row.logs.push(chunk.message)
  }
}

const finish = (progress: Progress, status: Run.RunStatus, at: Millis): void => {
  progress.status = status
  progress.finished = at
  for (const row of progress.rows) {
    if (Run.settled(row.status)) continue
    row.preview = ""
    setStatus(progress, row, "cancelled")
  }
}

const addRow = (progress: Progress, id: string, path: string): Row => {
  const row: Row = {
    id,
    status: "pending",
    attempt: 0,
    since: undefined,
    duration: undefined,
    tokens: 0,
    preview: "",
    fraction: undefined,
    due: undefined,
    error: undefined,
    skipped: undefined,
    result: undefined,
    logs: [],
    simulated: false,
    items: undefined
  }
  progress.rows.push(row)
  progress.byPath.set(path, row)
  progress.counts["pending"] = (progress.counts["pending"] ?? 0) + 1
  return row
}

const setStatus = (progress: Progress, row: Row, status: Run.TaskStatus): void => {
  if (Run.settled(status) && !Run.settled(row.status)) progress.settled++
  progress.counts[row.status] = (progress.counts[row.status] ?? 1) - 1
  progress.counts[status] = (progress.counts[status] ?? 0) + 1
  row.status = status
  if (status === "running" || status === "retrying") progress.active.add(row)
  else progress.active.delete(row)
}

const items = (row: Row) => (row.items ??= { total: undefined, completed: 0, failed: 0, running: 0 })

const addUsage = (progress: Progress, row: Row | undefined, usage: Task.Usage | undefined): void => {
  if (usage === undefined) return
  progress.usage.input += usage.input_tokens ?? 0
  progress.usage.output += usage.output_tokens ?? 0
  progress.usage.cost += usage.cost_usd ?? 0
  if (row !== undefined) row.tokens += tokens(usage)
}

const isSimulated = (result: unknown): boolean =>
  typeof result === "object" && result !== null && "simulated" in result && result.simulated === true
