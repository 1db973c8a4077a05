/** Where a run stands: a pure fold of its events. Status, timeline, `--json` and recovery read the same fold. */
import type { Schema } from "effect"
import { type Event, isPost } from "./Event.ts"
import type { Failure } from "./Failure.ts"
import { isOver, type RunSummary } from "./Summary.ts"
import { Requests } from "./Requests.ts"
import { joinUsage, iterationPath, itemPath, type Millis, type TaskPath, upperPaths, type Total } from "./Task.ts"
import type { Budget, Workflow } from "./Workflow.ts"

export { isOver } from "./Summary.ts"
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
  usage: Total | undefined
  skipped: { readonly because: "condition" | "failed" | "no value"; readonly of?: string } | undefined
  /** Taken from the cache, or from the run that this one was forked from. */
  from: "cache" | "fork" | undefined
  /** Hashes of the files it was given. */
  files: { readonly [path: string]: string } | undefined
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
  paused: boolean
  /** Attempts that may begin in spite of the pause. */
  steps: number
  /** In place of the workflow's own. */
  budget: Budget | undefined
  /** The limit that keeps tasks from beginning. */
  exceeded: Pick<Extract<Event, { readonly _tag: "BudgetExceeded" }>, "limit" | "used" | "of"> | undefined
  /** Limits that have been warned of. */
  readonly warned: Set<string>
  forked: { readonly run: string; readonly rerun: ReadonlyArray<string> } | undefined
  fresh: boolean
  outputs: Values | undefined
  warnings: ReadonlyArray<string>
  error: Failure | undefined
  usage: Total
  /** When `active` was added up last. */
  since: Millis
  /** Milliseconds running, up to the last event; time between a crash and its resume is not in it. */
  active: number
  /** By path. A task that nothing has happened to is not here. */
  readonly tasks: Map<TaskPath, TaskState>
  /** Results of calls that handlers made, by path. */
  readonly calls: Map<TaskPath, Schema.Json>
  /** What those calls have used, by path, and attempts that were cut off. */
  readonly spent: Map<TaskPath, Total>
  /** What was used before a retry that runs it again, by path: budgets of tasks begin anew. */
  readonly earlier: Map<TaskPath, Total>
  readonly requests: Requests
  /** Of tasks that a retry ran again: attempts that came before it and do not count towards `max_attempts`. */
  readonly former: Map<TaskPath, number>
  /** Of completed tasks that a retry ran again: how often. */
  readonly again: Map<TaskPath, number>
  /** Paths, in the run that this one was forked from, of the results that were used. */
  readonly reused: Set<TaskPath>
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
  paused: false,
  steps: 0,
  budget: undefined,
  exceeded: undefined,
  warned: new Set(),
  forked: undefined,
  fresh: false,
  outputs: undefined,
  warnings: [],
  error: undefined,
  usage: {},
  since: 0,
  active: 0,
  tasks: new Map(),
  calls: new Map(),
  spent: new Map(),
  earlier: new Map(),
  requests: new Requests(),
  former: new Map(),
  again: new Map(),
  reused: new Set()
})

/** Nothing happens in it but by what somebody says: over, or waiting, and not for a time. */
export const isAtRest = ({ paused, requests, status }: RunState): boolean =>
  isOver(status) || (status === "waiting" && (paused || !requests.hasTimer))

/** After the run's end nothing changes any more, but by a retry. */
export const fold = (state: RunState, event: Event): RunState => {
  state.sequence++
  if (isOver(state.status) && event._tag !== "RunRetried") return state
  clock(state, event)
  state.updated_at = Math.max(state.updated_at, event.at)
  state.status = event._tag === "RunWaiting" ? "waiting" : "running"
  switch (event._tag) {
    case "RunCreated":
      state.workflow = event.workflow
      state.inputs = event.inputs
      state.env = event.env
      state.folder = event.folder
      state.engine = event.engine
      state.created_at = event.at
      state.forked = event.forked
      state.fresh = event.fresh ?? false
      state.budget = event.budget
      break
    case "RunResumed":
      state.owner = event.owner
      break
    case "RunRetried":
      retried(state, event)
      break
    case "RunInterrupted":
      lose(state, event)
      break
    case "RunWaiting":
      state.steps = 0
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
    case "TaskCompleted": {
      const task = ended(state, event, "completed")
      task.result = event.result
      if (event.reused !== undefined) state.reused.add(event.reused)
      task.from = event.cached !== undefined ? "cache" : event.reused !== undefined ? "fork" : undefined
      task.files = event.files
      break
    }
    case "TaskGathered":
      ended(state, event, "completed").result =
        event.iterations === undefined
          ? itemsOf(state, event.task).flatMap((item) => (item?.result === undefined ? [] : [item.result]))
          : (state.tasks.get(iterationPath(event.task, event.iterations))?.result ?? null)
      break
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
    case "TaskSuspended": {
      const task = taskOf(state, event.task)
      task.status = "suspended"
      task.begun = false
      task.error = undefined
      task.due = undefined
      task.started_at ??= event.started
      task.usage = joinUsage(task.usage, event.usage)
      state.usage = joinUsage(state.usage, event.usage) ?? {}
      state.requests.ask(event.request, event.task, event.question)
      break
    }
    case "Expired":
      state.requests.expire(event.request)
      break
    case "BudgetExceeded": {
      const task = state.tasks.get(event.task)
      if (task !== undefined) task.begun = false
      spend(state, event.task, event.usage)
      state.exceeded = { limit: event.limit, used: event.used, of: event.of }
      break
    }
    case "BudgetWarned":
      state.warned.add(event.limit)
      break
    case "TaskSkipped": {
      const task = taskOf(state, event.task)
      task.status = "skipped"
      task.finished_at = event.at
      task.skipped = { because: event.because, ...(event.of === undefined ? {} : { of: event.of }) }
      break
    }
    case "CallRecorded":
      state.calls.set(event.task, event.result)
      spend(state, event.task, event.usage)
      break
    case "CancelRequested":
      state.cancelling = true
      break
    case "PauseRequested":
      state.paused = true
      break
    case "Continued":
      state.paused = false
      state.steps = 0
      break
    case "StepRequested":
      state.steps++
      break
    case "Answered":
      state.requests.answer(event.request, event.value)
      break
    case "Signalled":
      state.requests.signal(event.name, event.value)
      break
    case "BudgetRaised":
      state.budget = { ...(state.budget ?? state.workflow?.budget), ...event.budget }
      state.exceeded = undefined
      state.warned.clear()
      break
    case "RunCompleted":
      end(state, "completed", event.at)
      state.outputs = event.outputs
      state.warnings = event.warnings
      break
    case "RunFailed":
      lose(state, event)
      end(state, "failed", event.at)
      state.error = event.error
      state.outputs = event.outputs
      state.warnings = event.warnings
      break
    case "RunCancelled":
      lose(state, event)
      end(state, "cancelled", event.at)
      break
  }
  return state
}

/** What a task that is over has asked, and all below it, nobody has to answer any more. */
export const withdraw = ({ requests }: RunState, event: Event): void => {
  if (requests.open.size === 0) return
  switch (event._tag) {
    case "TaskCompleted":
    case "TaskGathered":
    case "TaskFailed":
      requests.withdraw(event.task)
  }
}

/** Whether a task is over. */
export const settled = (status: TaskStatus | undefined): boolean =>
  status === "completed" || status === "failed" || status === "skipped" || status === "cancelled"

// internal

/**
 * Time counts from a driver's event to its next one. A post to a run that waits starts the clock, and a driver that takes
 * over begins it anew: what lies between a crash and that does not count.
 */
const clock = (state: RunState, event: Event) => {
  if (isPost(event._tag)) {
    if (state.status === "waiting") state.since = event.at
    return
  }
  const begins = event._tag === "RunCreated" || event._tag === "RunResumed" || event._tag === "RunRetried"
  if (!begins && state.status === "running") state.active += Math.max(0, event.at - state.since)
  state.since = event.at
}

/** The code of `TaskCancelled`. */
const cancelled = -29004

const taskOf = (state: RunState, at: TaskPath): TaskState => {
  let task = state.tasks.get(at)
  if (task === undefined) {
    task = {
      status: "pending",
      attempts: state.former.get(at) ?? 0,
      started_at: undefined,
      finished_at: undefined,
      duration_ms: undefined,
      result: undefined,
      error: undefined,
      provider: undefined,
      usage: undefined,
      skipped: undefined,
      from: undefined,
      files: undefined,
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

type Ended = Extract<Event, { readonly attempt: number; readonly duration: number }>

const ended = (state: RunState, event: Ended, status: TaskStatus): TaskState => {
  const task = taskOf(state, event.task)
  withdraw(state, event)
  if (state.paused && state.steps > 0 && event._tag !== "TaskGathered") state.steps--
  task.status = status
  task.attempts = event.attempt
  task.started_at ??= event.started
  task.finished_at = event.at
  task.duration_ms = event.duration
  task.provider = event.provider
  task.usage = joinUsage(task.usage, event.usage)
  task.error = undefined
  task.due = undefined
  task.begun = false
  if (event.usage !== undefined) state.usage = joinUsage(state.usage, event.usage) ?? {}
  return task
}

const add = (all: Map<TaskPath, Total>, at: TaskPath, usage: Total | undefined) => {
  const sum = joinUsage(all.get(at), usage)
  if (sum !== undefined) all.set(at, sum)
}

/** By what has no outcome of its own. */
const spend = (state: RunState, at: TaskPath, usage: Total | undefined) => {
  add(state.spent, at, usage)
  state.usage = joinUsage(state.usage, usage) ?? {}
}

const lose = (state: RunState, { lost = [] }: Pick<Extract<Event, { readonly _tag: "RunCancelled" }>, "lost">) => {
  for (const { task, usage } of lost) spend(state, task, usage)
}

const retried = (state: RunState, { again, owner, tasks }: Extract<Event, { readonly _tag: "RunRetried" }>) => {
  state.owner = owner
  state.finished_at = undefined
  state.outputs = undefined
  state.error = undefined
  state.active = 0
  state.warnings = []
  state.cancelling = false
  state.paused = false
  const whole = new Set(again)
  for (const call of state.calls.keys()) if (upperPaths(call).some((at) => whole.has(at))) state.calls.delete(call)
  const anew = new Set(tasks)
  for (const [path, usage] of state.spent) {
    if (!upperPaths(path).some((at) => anew.has(at))) continue
    add(state.earlier, path, usage)
    state.spent.delete(path)
  }
  for (const path of tasks) {
    const task = state.tasks.get(path)
    if (task !== undefined) state.former.set(path, task.attempts)
    add(state.earlier, path, task?.usage)
    state.tasks.delete(path)
    state.requests.forget(path)
    // what a `foreach` runs over stays as it was first evaluated
    if (task?.items !== undefined && !whole.has(path)) {
      const open = taskOf(state, path)
      open.status = "running"
      open.items = task.items
      open.started_at = task.started_at
    }
  }
  for (const path of again) state.again.set(path, (state.again.get(path) ?? 0) + 1)
}

const end = (state: RunState, status: RunStatus, at: Millis) => {
  state.status = status
  state.finished_at = at
  state.requests.open.clear()
  for (const task of state.tasks.values()) if (!settled(task.status)) task.status = "cancelled"
}
