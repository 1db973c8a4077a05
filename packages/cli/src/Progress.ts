/**
 * What people are shown of a run while it runs: one row a task, the tasks of a nested workflow beneath it, kept up to date
 * from what a watcher sees, at a cost that does not grow with the run. Draws nothing.
 */
import { type Event, type Failure, type Gleitzeit, Run, Task, type Workflow } from "@gleitzeit/core"

type Millis = Task.Millis

/** What a task waits for. */
export type Question = Pick<Task.Question, "kind" | "prompt" | "expires" | "data">

export interface Row {
  /** As it is shown in its place. */
  readonly id: string
  /** As it is named everywhere else: `outer/inner`. */
  readonly name: string
  readonly path: Task.TaskPath
  /** Of the workflow that it is a task of; undefined at the top. */
  readonly outer: Row | undefined
  /** 0 at the top. */
  readonly depth: number
  status: Run.TaskStatus
  /** The one under way, or the last. */
  attempt: number
  /** When the attempt under way began. */
  since: Millis | undefined
  /** Milliseconds, of the last attempt that ended. */
  duration: number | undefined
  tokens: number
  /** What it says of itself while it runs, in place of what it writes. */
  message: string
  /** What is being written at its path and below it, by path, whoever wrote last as the last. */
  readonly voices: Map<Task.TaskPath, Voice>
  /** Of itself, between 0 and 1. */
  fraction: number | undefined
  /** When the next attempt begins. */
  due: Millis | undefined
  error: Failure.Failure | undefined
  skipped: string | undefined
  result: unknown
  readonly logs: Array<string>
  simulated: boolean
  /** Nothing was called: where the result is from. */
  from: "cached" | "reused" | undefined
  /** Of a `foreach`. */
  items: { total: number | undefined; completed: number; failed: number; running: number } | undefined
  /** Of a `repeat`: the one under way, or the last. */
  iteration: number | undefined
  /** By request, oldest first: its own, and those of its items and iterations. */
  readonly open: Map<string, Question>
}

/** What an attempt writes. */
export interface Voice {
  /** Of the path, below the row: `[3]`, or nothing. */
  readonly of: string
  readonly attempt: number
  /** Not the answer, but what leads to it. */
  isThought: boolean
  /** The last of it, from some line's or word's beginning on. */
  text: string
}

/** Mutable on purpose: one owner observes into it. */
export interface Progress {
  readonly run: string
  workflow: string
  status: Run.RunStatus
  started: Millis
  finished: Millis | undefined
  /** When the last event happened. */
  latest: Millis
  /** In document order, the tasks of a nested workflow after it. */
  readonly rows: Array<Row>
  readonly byPath: Map<string, Row>
  /** Those that are running, suspended, or waiting for another attempt. */
  readonly active: Set<Row>
  /** Who waits for what, by request, oldest first. */
  readonly open: Map<string, Row>
  /** How many rows from the first on have been shown for good. */
  shown: number
  /** Tasks at the top. */
  total: number
  /** Of these, how many are over, and how many stand how. */
  settled: number
  readonly counts: { [status: string]: number }
  readonly usage: { input: number; output: number; cost: number }
  error: Failure.Failure | undefined
  paused: boolean
  /** Tasks wait for a higher budget. */
  exceeded: boolean
}

export const make = (run: string): Progress => ({
  run,
  workflow: "",
  status: "pending",
  started: 0,
  finished: undefined,
  latest: 0,
  rows: [],
  byPath: new Map(),
  active: new Set(),
  open: new Map(),
  shown: 0,
  total: 0,
  settled: 0,
  counts: {},
  usage: { input: 0, output: 0, cost: 0 },
  error: undefined,
  paused: false,
  exceeded: false
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
    const below = rowOf(progress, task.path)
    if (below !== undefined && !isInner(below)) {
      reportBelow(below, task)
      continue
    }
    const row = addRow(progress, id, task.path, below?.row)
    row.attempt = task.attempts
    row.duration = task.duration_ms
    row.tokens = tokens(task.usage)
    row.error = task.error
    row.skipped = task.skipped_because
    row.result = task.result
    row.simulated = task.simulated
    row.from = task.cached ? "cached" : task.reused ? "reused" : undefined
    setStatus(progress, row, task.status)
  }
  for (const request of report.waiting) {
    if (request.kind === "pause") progress.paused = true
    else if (request.kind === "budget") progress.exceeded = true
    else ask(progress, rowOf(progress, request.task)?.row, request.request, request)
  }
  if (report.status === "waiting") restAll(progress)
  // a task stands as what is below it does: nothing is recorded of its own before its end
  for (const row of progress.rows.toReversed()) {
    if (row.status === "pending" && row.open.size > 0) setStatus(progress, row, "suspended")
    const { outer } = row
    if (outer === undefined || outer.status !== "pending" || row.status === "pending" || row.status === "cancelled")
      continue
    setStatus(progress, outer, row.status === "suspended" ? "suspended" : "running")
  }
  return progress
}

/** Takes in what a watcher has seen. */
export const observe = (progress: Progress, live: Gleitzeit.Live): void => {
  switch (live._tag) {
    case "Event": {
      const { event } = live
      progress.latest = Math.max(progress.latest, event.at)
      if (!Run.isOver(progress.status)) progress.status = event._tag === "RunWaiting" ? "waiting" : "running"
      return observeEvent(progress, event)
    }
    case "Started": {
      const found = rowOf(progress, live.task)
      if (found === undefined || Run.settled(found.row.status)) return
      const { rest, row } = found
      row.voices.delete(live.task)
      if (rest === "") row.attempt = live.attempt
      else if (isItem(rest)) items(row).running++
      else row.iteration = iterationOf(rest) ?? row.iteration
      return begin(progress, row, live.at)
    }
    case "Chunk":
    case "Gap": {
      const found = rowOf(progress, live.task)
      if (found === undefined || Run.settled(found.row.status)) return
      // it began before anybody watched
      if (found.row.status === "pending") begin(progress, found.row, undefined)
      if (live._tag === "Gap") observeText(found, live, "\n…\n")
      else observeChunk(found, live)
    }
  }
}

/** Tokens in and out. */
export const tokens = (usage: Task.Usage | undefined): number =>
  (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0)

// internal

/** Characters that are kept of what is written, at least: more than is shown of it. */
const enoughText = 2048
const maxLogs = 1000

interface Found {
  readonly row: Row
  /** Of the path, below the row: `[3]`, `~2`, `/turn-1`, several of them, or nothing. */
  readonly rest: string
}

/** The nearest row at or above a path. */
const rowOf = (progress: Progress, path: string): Found | undefined => {
  let at = path
  while (true) {
    const row = progress.byPath.get(at)
    if (row !== undefined) return { row, rest: path.slice(at.length) }
    const cut = Math.max(at.lastIndexOf("/"), at.lastIndexOf("["), at.lastIndexOf("~"))
    if (cut < 1) return undefined
    at = at.slice(0, cut)
  }
}

const isItem = (rest: string): boolean => /^\[\d+\]$/.test(rest)

const iterationOf = (rest: string): number | undefined => {
  const number = /^~(\d+)$/.exec(rest)?.[1]
  return number === undefined ? undefined : Number(number)
}

/** What stands right below a row that has no items or iterations. */
const isInner = ({ rest, row }: Found): boolean =>
  row.items === undefined && row.iteration === undefined && /^\/[^/[~]+$/.test(rest)

const reportBelow = ({ rest, row }: Found, task: Run.TaskReport): void => {
  row.simulated ||= task.simulated
  const iteration = iterationOf(rest)
  if (iteration !== undefined && task.status !== "pending") row.iteration = iteration
  if (!isItem(rest)) return
  const all = items(row)
  all.total = (all.total ?? 0) + 1
  if (task.status === "completed") all.completed++
  if (task.status === "failed") all.failed++
  if (task.status === "running") all.running++
}

/** It is under way, and so is what it is a part of. */
const begin = (progress: Progress, row: Row, at: Millis | undefined): void => {
  row.due = undefined
  for (let one: Row | undefined = row; one !== undefined && !Run.settled(one.status); one = one.outer) {
    one.since ??= at
    setStatus(progress, one, "running")
  }
}

const observeEvent = (progress: Progress, event: Event.Event): void => {
  switch (event._tag) {
    case "RunCreated":
      progress.workflow = event.workflow.name
      progress.started = event.at
      return addRows(progress, event.workflow, undefined)
    case "TaskExpanded": {
      const found = rowOf(progress, event.task)
      if (found?.rest !== "") return
      items(found.row).total = event.items.length
      return begin(progress, found.row, event.at)
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
    case "TaskSuspended":
      return suspend(progress, event)
    case "Answered":
    case "Expired":
      return goOn(progress, event.request)
    case "Signalled": {
      const request = signalled(progress, event.name)
      if (request !== undefined) goOn(progress, request)
      return
    }
    case "BudgetExceeded":
      progress.exceeded = true
      return
    case "BudgetRaised":
      progress.exceeded = false
      return
    case "PauseRequested":
      progress.paused = true
      return
    case "Continued":
      progress.paused = false
      return
    case "CallRecorded":
      return addUsage(progress, undefined, event.usage)
    case "RunCompleted":
      return finish(progress, "completed", event.at)
    case "RunFailed":
      progress.error = event.error
      return finish(progress, "failed", event.at)
    case "RunCancelled":
      return finish(progress, "cancelled", event.at)
    case "RunRetried":
      return retry(progress, event.tasks)
    case "RunWaiting":
      return restAll(progress)
    case "RunResumed":
      // what was under way in the former process begins anew
      for (const row of progress.active) {
        row.since = undefined
        row.voices.clear()
        if (row.items !== undefined) row.items.running = 0
        else if (row.status !== "suspended") setStatus(progress, row, "pending")
      }
  }
}

type Suspension = Extract<Event.Event, { readonly _tag: "TaskSuspended" }>
type Outcome = Extract<Event.Event, { readonly _tag: "TaskCompleted" | "TaskGathered" | "TaskFailed" | "TaskRetrying" }>

/** The row of an attempt that is over: it shows no longer what it was at. */
const settled = (progress: Progress, event: Outcome | Suspension) => {
  const found = rowOf(progress, event.task)
  if (found === undefined) return undefined
  addUsage(progress, found.row, event.usage)
  found.row.message = ""
  found.row.voices.delete(event.task)
  found.row.fraction = undefined
  return found
}

const observeOutcome = (progress: Progress, event: Outcome): void => {
  const found = settled(progress, event)
  if (found === undefined) return
  const { rest, row } = found
  if (event._tag === "TaskCompleted") row.simulated ||= isSimulated(event.result)
  if (rest !== "") {
    for (const request of row.open.keys()) if (isAt(request, event.task)) close(progress, row, request)
    row.iteration = iterationOf(rest) ?? row.iteration
    if (!isItem(rest)) return
    const all = items(row)
    all.running = Math.max(0, all.running - 1)
    if (event._tag === "TaskCompleted" || event._tag === "TaskGathered") all.completed++
    if (event._tag === "TaskFailed") all.failed++
    return
  }
  row.attempt = event.attempt
  row.duration = event.duration
  row.since = undefined
  row.due = undefined
  row.error = undefined
  closeAll(progress, row)
  switch (event._tag) {
    case "TaskCompleted":
      row.result = event.result
      row.from = event.cached !== undefined ? "cached" : event.reused !== undefined ? "reused" : undefined
      return setStatus(progress, row, "completed")
    case "TaskGathered":
      row.iteration = event.iterations ?? row.iteration
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

const observeChunk = (found: Found, live: Extract<Gleitzeit.Live, { readonly _tag: "Chunk" }>): void => {
  const { row } = found
  const { chunk } = live
  switch (chunk._tag) {
    case "Text":
    case "Reasoning":
      return observeText(found, live, chunk.text, chunk._tag === "Reasoning")
    case "Progress":
      row.fraction = chunk.fraction ?? row.fraction
      row.message = chunk.message ?? row.message
      return
    case "Log":
      if (row.logs.length < maxLogs) row.logs.push(chunk.message)
      if (chunk.level !== "debug") observeLine(found, live, chunk.message)
  }
}

/** Without `isThought` it is of the kind of what came before. */
const observeText = (
  { rest, row }: Found,
  { attempt, task }: { readonly task: Task.TaskPath; readonly attempt: number },
  text: string,
  isThought?: boolean
): void => {
  row.message = ""
  const known = row.voices.get(task)
  const goesOn = known?.attempt === attempt && known.isThought === (isThought ?? known.isThought)
  const voice = goesOn ? known : { of: rest, attempt, isThought: isThought ?? false, text: "" }
  voice.text = shorten(voice.text + text)
  row.voices.delete(task)
  row.voices.set(task, voice)
}

/** A line of its own among what is written. What the task says of itself stays. */
const observeLine = (found: Found, live: Extract<Gleitzeit.Live, { readonly _tag: "Chunk" }>, line: string): void => {
  const { row } = found
  const { message } = row
  const known = row.voices.get(live.task)
  const isBegun = known?.attempt === live.attempt && !known.text.endsWith("\n")
  observeText(found, live, `${isBegun ? "\n" : ""}${line}\n`)
  row.message = message
}

/** Seldom, and at a line's or word's beginning where there is one: so what is broken into lines stays broken there. */
const shorten = (text: string): string => {
  if (text.length < 2 * enoughText) return text
  const least = text.length - enoughText
  const line = text.lastIndexOf("\n", least)
  const at = line > 0 ? line : text.indexOf(" ", least)
  return text.slice(at < 0 ? least : at + 1)
}

const suspend = (progress: Progress, event: Suspension): void => {
  const found = settled(progress, event)
  if (found === undefined) return
  const { rest, row } = found
  ask(progress, row, event.request, event.question)
  if (isItem(rest)) items(row).running = Math.max(0, items(row).running - 1)
  if (rest === "") {
    row.attempt = event.attempt
    row.since = undefined
  }
  if (row.items === undefined || row.items.running === 0) setStatus(progress, row, "suspended")
}

const ask = (progress: Progress, row: Row | undefined, request: string, question: Question): void => {
  if (row === undefined) return
  row.open.set(request, question)
  progress.open.set(request, row)
}

const close = (progress: Progress, row: Row, request: string): void => {
  row.open.delete(request)
  progress.open.delete(request)
}

const closeAll = (progress: Progress, row: Row): void => {
  for (const request of row.open.keys()) close(progress, row, request)
}

/** The question is none any longer. */
const goOn = (progress: Progress, request: string): void => {
  const row = progress.open.get(request)
  if (row === undefined) return
  close(progress, row, request)
  if (row.open.size > 0 || row.status !== "suspended") return
  setStatus(progress, row, row.items === undefined && row.iteration === undefined ? "pending" : "running")
}

/** Who has waited longest for a signal of that name. */
const signalled = (progress: Progress, name: string): string | undefined => {
  for (const [request, row] of progress.open) {
    const question = row.open.get(request)
    if (question?.kind === "signal" && isObject(question.data) && question.data["name"] === name) return request
  }
  return undefined
}

/** Nothing is under way in a run that waits: what has begun stands still with what is below it. */
const restAll = (progress: Progress): void => {
  for (const row of progress.active) {
    if (row.status !== "running") continue
    row.since = undefined
    setStatus(progress, row, "suspended")
  }
}

/** Whether a path is another's, or below it. */
const isAt = (path: string, other: string): boolean =>
  path.startsWith(other) && (path.length === other.length || "/[~".includes(path[other.length] ?? ""))

const finish = (progress: Progress, status: Run.RunStatus, at: Millis): void => {
  progress.status = status
  progress.finished = at
  progress.exceeded = false
  progress.paused = false
  for (const row of progress.rows) {
    if (Run.settled(row.status)) continue
    row.message = ""
    row.voices.clear()
    closeAll(progress, row)
    setStatus(progress, row, "cancelled")
  }
}

/** The run is not over after all: what happened at these paths has not happened. */
const retry = (progress: Progress, paths: ReadonlyArray<string>): void => {
  progress.status = "running"
  progress.finished = undefined
  progress.error = undefined
  const whole = new Set(paths)
  const again = new Set(paths.flatMap((path) => rowOf(progress, path)?.row ?? []))
  progress.rows.forEach((row, i) => {
    // what was cancelled by the end never ended by itself
    if (!again.has(row) && row.status !== "cancelled") return
    row.since = undefined
    row.duration = undefined
    row.error = undefined
    row.skipped = undefined
    closeAll(progress, row)
    if (row.items !== undefined) {
      row.items.failed = 0
      row.items.running = 0
      if (whole.has(row.path)) row.items.completed = 0
    }
    setStatus(progress, row, "pending")
    progress.shown = Math.min(progress.shown, i)
  })
}

/** Tasks inside items and iterations have no rows: how many there are is known too late, and may be too many. */
const addRows = (progress: Progress, { tasks }: Workflow.Workflow, outer: Row | undefined): void => {
  for (const task of tasks) {
    const path = outer === undefined ? Task.path(task.id) : Task.innerPath(outer.path, task.id)
    const row = addRow(progress, task.id, path, outer)
    if (task.workflow !== undefined && task.foreach === undefined && task.repeat === undefined) {
      addRows(progress, task.workflow, row)
    }
  }
}

/** `name`: its id, or the path below `outer`. */
const addRow = (progress: Progress, name: string, path: string, outer: Row | undefined): Row => {
  const id = outer === undefined ? name : decoded(path.slice(path.lastIndexOf("/") + 1))
  const row: Row = {
    id,
    name: outer === undefined ? id : `${outer.name}/${id}`,
    path,
    outer,
    depth: outer === undefined ? 0 : outer.depth + 1,
    status: "pending",
    attempt: 0,
    since: undefined,
    duration: undefined,
    tokens: 0,
    message: "",
    voices: new Map(),
    fraction: undefined,
    due: undefined,
    error: undefined,
    skipped: undefined,
    result: undefined,
    logs: [],
    simulated: false,
    from: undefined,
    items: undefined,
    iteration: undefined,
    open: new Map()
  }
  progress.rows.push(row)
  progress.byPath.set(path, row)
  if (outer === undefined) {
    progress.total++
    progress.counts["pending"] = (progress.counts["pending"] ?? 0) + 1
  }
  return row
}

const decoded = (id: string): string => {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}

const setStatus = (progress: Progress, row: Row, status: Run.TaskStatus): void => {
  if (row.outer === undefined) {
    progress.settled += Number(Run.settled(status)) - Number(Run.settled(row.status))
    progress.counts[row.status] = (progress.counts[row.status] ?? 1) - 1
    progress.counts[status] = (progress.counts[status] ?? 0) + 1
  }
  row.status = status
  if (status === "running" || status === "retrying" || status === "suspended") progress.active.add(row)
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

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
