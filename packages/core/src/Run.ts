/** Where a run stands: a pure fold of its events. Status, timeline, `--json` and recovery read the same fold. */
import type { Schema } from "effect"
import type { Event } from "./Event.ts"
import type { Failure } from "./Failure.ts"
import type { RunSummary, Waiting } from "./Summary.ts"
import { addUsage, itemPath, type Millis, path, type TaskPath, type Usage } from "./Task.ts"
import type { Workflow } from "./Workflow.ts"

export type RunStatus = RunSummary["status"]
export type TaskStatus =
  | "pending"
  | "running"
  | "retrying"
  | "suspended"
  | "completed"
  | "failed"
  | "skipped"
  | "cancelled"

type Values = { readonly [name: string]: Schema.Json }

export interface TaskState {
  status: TaskStatus
  /** Attempts that have ended. */
  attempts: number
  started_at: Millis | undefined
  finished_at: Millis | undefined
  duration_ms: number | undefined
  result: Schema.Json | undefined
  error: Failure | undefined
  provider: string | undefined
  usage: Usage | undefined
  skipped: { readonly because: "condition" | "failed" | "no value"; readonly of?: string } | undefined
  /** When the next attempt begins. */
  due: Millis | undefined
  /** Of a `foreach`: its items, once they are fixed. */
  items: ReadonlyArray<Schema.Json> | undefined
  /** Marked `once`, and its attempt has begun. */
  begun: boolean
}

/** Mutable on purpose: one owner folds it. */
export interface RunState {
  readonly run: string
  /** Of the last event folded. */
  sequence: number
  status: RunStatus
  workflow: Workflow | undefined
  inputs: Values
  env: { readonly [name: string]: string }
  folder: string
  engine: string
  created_at: Millis
  updated_at: Millis
  finished_at: Millis | undefined
  /** Who took the run over last. */
  owner: string | undefined
  cancelling: boolean
  outputs: Values | undefined
  warnings: ReadonlyArray<string>
  error: Failure | undefined
  usage: Usage
  /** Milliseconds running, up to the last event; time between a crash and its resume is not in it. */
  active: number
  /** By path. A task that nothing has happened to is not here. */
  readonly tasks: Map<TaskPath, TaskState>
  /** Results of calls that handlers made, by path. */
  readonly calls: Map<TaskPath, Schema.Json>
}

export const empty = (run: string): RunState => ({
  run,
  sequence: 0,
  status: "pending",
  workflow: undefined,
  inputs: {},
  env: {},
  folder: "",
  engine: "",
  created_at: 0,
  updated_at: 0,
  finished_at: undefined,
  owner: undefined,
  cancelling: false,
  outputs: undefined,
  warnings: [],
  error: undefined,
  usage: {},
  active: 0,
  tasks: new Map(),
  calls: new Map()
})

export const isOver = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"

/** After the run's end nothing changes any more. */
export const fold = (state: RunState, event: Event): RunState => {
  state.sequence++
  if (isOver(state.status)) return state
  if (event._tag !== "RunResumed" && state.updated_at > 0) state.active += Math.max(0, event.at - state.updated_at)
  state.updated_at = Math.max(state.updated_at, event.at)
  switch (event._tag) {
    case "RunCreated":
      state.status = "running"
      state.workflow = event.workflow
      state.inputs = event.inputs
      state.env = event.env
      state.folder = event.folder
      state.engine = event.engine
      state.created_at = event.at
      break
    case "RunResumed":
      state.owner = event.owner
      break
    case "TaskStarted": {
      const task = taskOf(state, event.task)
      task.begun = true
      task.started_at ??= event.at
      break
    }
    case "TaskExpanded": {
      const task = taskOf(state, event.task)
      task.items = event.items
      task.started_at ??= event.at
      task.status = "running"
      break
    }
    case "TaskCompleted":
      ended(state, event, "completed").result = event.result
      break
    case "TaskGathered": {
      const results = itemsOf(state, event.task).flatMap((item) => (item?.result === undefined ? [] : [item.result]))
      ended(state, event, "completed").result = results
      break
    }
    case "TaskFailed":
      ended(state, event, event.error.code === cancelled ? "cancelled" : "failed").error = event.error
      break
    case "TaskRetrying": {
      const task = ended(state, event, "retrying")
      task.error = event.error
      task.finished_at = undefined
      task.due = event.due
      break
    }
    case "TaskSkipped": {
      const task = taskOf(state, event.task)
      task.status = "skipped"
      task.finished_at = event.at
      task.skipped = { because: event.because, ...(event.of === undefined ? {} : { of: event.of }) }
      break
    }
    case "CallRecorded":
      state.calls.set(event.task, event.result)
      state.usage = addUsage(state.usage, event.usage) ?? {}
      break
    case "CancelRequested":
      state.cancelling = true
      break
    case "RunCompleted":
      end(state, "completed", event.at)
      state.outputs = event.outputs
      state.warnings = event.warnings
      break
    case "RunFailed":
      end(state, "failed", event.at)
      state.error = event.error
      state.outputs = event.outputs
      state.warnings = event.warnings
      break
    case "RunCancelled":
      end(state, "cancelled", event.at)
      break
  }
  return state
}

/** A task as `--json` shows it. Times in milliseconds. */
export interface TaskReport {
  readonly path: TaskPath
  readonly status: TaskStatus
  readonly attempts: number
  readonly result?: Schema.Json
  readonly error?: Failure
  readonly provider?: string
  readonly started_at?: Millis
  readonly finished_at?: Millis
  readonly duration_ms?: number
  readonly cached: boolean
  readonly reused: boolean
  readonly simulated: boolean
  readonly skipped_because?: string
  readonly usage?: Usage
}

/** A run as `run --json` and `show --json` print it. */
export interface Report {
  readonly run: string
  readonly workflow: string
  readonly status: RunStatus
  readonly outputs?: Values
  readonly error?: Failure
  readonly warnings: ReadonlyArray<string>
  readonly progress: { readonly completed: number; readonly total: number }
  readonly waiting: ReadonlyArray<Waiting>
  readonly started_at: Millis
  readonly finished_at?: Millis
  readonly usage: Usage
  /** By id in document order; the items of a `foreach` by path after it. */
  readonly tasks: { readonly [id: string]: TaskReport }
}

export const report = (state: RunState): Report => {
  // entries, because an id may be `__proto__`
  const tasks: Array<readonly [id: string, task: TaskReport]> = []
  const all = state.workflow?.tasks ?? []
  for (const { id } of all) {
    const at = path(id)
    const task = state.tasks.get(at)
    tasks.push([id, taskReport(at, task, state.status)])
    task?.items?.forEach((_, index) => {
      const item = itemPath(at, index)
      tasks.push([item, taskReport(item, state.tasks.get(item), state.status)])
    })
  }
  const completed = all.filter(({ id }) => settled(state.tasks.get(path(id))?.status)).length
  return {
    run: state.run,
    workflow: state.workflow?.name ?? "",
    status: state.status,
    ...defined("outputs", state.outputs),
    ...defined("error", state.error),
    warnings: state.warnings,
    progress: { completed, total: all.length },
    waiting: [],
    started_at: state.created_at,
    ...defined("finished_at", state.finished_at),
    usage: state.usage,
    tasks: Object.fromEntries(tasks)
  }
}

/** What a list of runs shows. */
export const summary = (state: RunState): RunSummary => {
  const all = state.workflow?.tasks ?? []
  const counts: Record<string, number> = { total: all.length }
  for (const { id } of all) {
    const status = state.tasks.get(path(id))?.status
    if (status !== undefined) counts[status] = (counts[status] ?? 0) + 1
  }
  return {
    run: state.run,
    workflow: state.workflow?.name ?? "",
    status: state.status,
    tags: state.workflow?.tags ?? [],
    created_at: state.created_at,
    updated_at: state.updated_at,
    tasks: counts,
    waiting: [],
    usage: state.usage,
    engine: state.engine,
    ...(isOver(state.status) ? {} : { due: state.updated_at })
  }
}

/** Whether a task is over. */
export const settled = (status: TaskStatus | undefined): boolean =>
  status === "completed" || status === "failed" || status === "skipped" || status === "cancelled"

// internal

/** The code of `TaskCancelled`. */
const cancelled = -29004

const taskOf = (state: RunState, at: TaskPath): TaskState => {
  let task = state.tasks.get(at)
  if (task === undefined) {
    task = {
      status: "pending",
      attempts: 0,
      started_at: undefined,
      finished_at: undefined,
      duration_ms: undefined,
      result: undefined,
      error: undefined,
      provider: undefined,
      usage: undefined,
      skipped: undefined,
      due: undefined,
      items: undefined,
      begun: false
    }
    state.tasks.set(at, task)
  }
  return task
}

/** The states of a fan's items, in order. */
const itemsOf = (state: RunState, task: TaskPath): ReadonlyArray<TaskState | undefined> =>
  state.tasks.get(task)?.items?.map((_, index) => state.tasks.get(itemPath(task, index))) ?? []

type Outcome = Extract<Event, { readonly attempt: number; readonly duration: number }>

const ended = (state: RunState, event: Outcome, status: TaskStatus): TaskState => {
  const task = taskOf(state, event.task)
  task.status = status
  task.attempts = event.attempt
  task.started_at ??= event.started
  task.finished_at = event.at
  task.duration_ms = event.duration
  task.provider = event.provider
  task.usage = addUsage(task.usage, event.usage)
  task.error = undefined
  task.due = undefined
  task.begun = false
  if (event.usage !== undefined) state.usage = addUsage(state.usage, event.usage) ?? {}
  return task
}

const end = (state: RunState, status: RunStatus, at: Millis) => {
  state.status = status
  state.finished_at = at
  for (const task of state.tasks.values()) if (!settled(task.status)) task.status = "cancelled"
}

const taskReport = (at: TaskPath, task: TaskState | undefined, run: RunStatus): TaskReport => ({
  path: at,
  status: task?.status ?? (isOver(run) ? "cancelled" : "pending"),
  attempts: task?.attempts ?? 0,
  ...defined("result", task?.result),
  ...defined("error", task?.error),
  ...defined("provider", task?.provider),
  ...defined("started_at", task?.started_at),
  ...defined("finished_at", task?.finished_at),
  ...defined("duration_ms", task?.duration_ms),
  cached: false,
  reused: false,
  simulated: isSimulated(task?.result),
  ...defined("skipped_because", task?.skipped && skippedBecause(task.skipped)),
  ...defined("usage", task?.usage)
})

const skippedBecause = ({ because, of }: NonNullable<TaskState["skipped"]>): string =>
  because === "condition" ? "its condition is false" : because === "failed" ? `"${of}" failed` : `"${of}" has no value`

const isSimulated = (result: Schema.Json | undefined): boolean =>
  typeof result === "object" &&
  result !== null &&
  Object.hasOwn(result, "simulated") &&
  Reflect.get(result, "simulated") === true

const defined = <K extends string, A>(key: K, value: A | undefined): { readonly [P in K]?: A } =>
  // Safe: the object has exactly the key it is typed with.
  value === undefined ? {} : ({ [key]: value } as { [P in K]: A })
