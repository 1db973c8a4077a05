/** What is shown of a run: its report, its line in a list, what it waits for. */
import type { Schema } from "effect"
import type { Failure } from "./Failure.ts"
import { isOver, type RunState, type RunStatus, settled, type TaskState, type TaskStatus } from "./RunState.ts"
import type { RunSummary, Waiting } from "./Summary.ts"
import {
  joinUsage,
  innerPath,
  iterationPath,
  itemPath,
  type Millis,
  path,
  type Question,
  type TaskPath,
  upperPaths,
  type Total
} from "./Task.ts"
import type { Task } from "./Workflow.ts"

export {
  empty,
  fold,
  isAtRest,
  isOver,
  type RunState,
  type RunStatus,
  settled,
  withdraw,
  type TaskState,
  type TaskStatus
} from "./RunState.ts"

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
  /** Of all its attempts and of the calls that its handler made. What lies below it as a task has its own. */
  readonly usage?: Total
}

/** What somebody has to answer. */
export interface Request extends Waiting {
  readonly task: TaskPath
  /** JSON Schema of the answer. */
  readonly schema?: Question["schema"]
  /** Of a signal: `{name}`. Of a budget: `{limit, used, of}`. */
  readonly data?: Schema.Json
}

/** How a run came to rest. */
export type Outcome = Omit<Report, "tasks">

/** A run as `run --json` and `show --json` print it. */
export interface Report {
  readonly run: string
  readonly workflow: string
  readonly status: RunStatus
  readonly outputs?: { readonly [name: string]: Schema.Json }
  readonly error?: Failure
  readonly warnings: ReadonlyArray<string>
  readonly progress: { readonly completed: number; readonly total: number }
  readonly waiting: ReadonlyArray<Request>
  readonly started_at: Millis
  readonly finished_at?: Millis
  readonly usage: Total
  /**
   * By id in document order; by path after it what is below a task: items, iterations, tasks of nested workflows, as far
   * as they have come up.
   */
  readonly tasks: { readonly [id: string]: TaskReport }
}

export const report = (state: RunState): Report => {
  // entries, because an id may be `__proto__`
  const tasks: Array<readonly [id: string, path: TaskPath]> = []
  /** Paths at or below which something has happened. */
  const begun = new Set([...state.tasks.keys(), ...state.spent.keys()].flatMap(upperPaths))
  const add = (name: string, at: TaskPath) => tasks.push([name, at])
  const unit = (at: TaskPath, task: Task) => {
    for (let n = 1, next = iterationPath(at, n); begun.has(next); next = iterationPath(at, ++n)) {
      add(next, next)
      nest(next, task)
    }
    if (task.repeat === undefined) nest(at, task)
  }
  const nest = (outer: TaskPath, { workflow }: Task) => {
    if (workflow === undefined || !begun.has(outer)) return
    for (const task of workflow.tasks) {
      const at = innerPath(outer, task.id)
      add(at, at)
      each(at, task)
    }
  }
  const each = (at: TaskPath, task: Task) => {
    const items = state.tasks.get(at)?.items
    if (items === undefined) return unit(at, task)
    for (let index = 0; index < items.length; index++) {
      const item = itemPath(at, index)
      add(item, item)
      unit(item, task)
    }
  }
  for (const task of state.workflow?.tasks ?? []) {
    add(task.id, path(task.id))
    each(path(task.id), task)
  }
  const used = usages(
    state,
    tasks.map(([, at]) => at)
  )
  const reports = tasks.map(
    ([name, at]) => [name, taskReport(at, state.tasks.get(at), state.status, used.get(at))] as const
  )
  return { ...outcome(state), tasks: Object.fromEntries(reports) }
}

export const outcome = (state: RunState): Outcome => {
  const all = state.workflow?.tasks ?? []
  return {
    run: state.run,
    workflow: state.workflow?.name ?? "",
    status: state.status,
    ...defined("outputs", state.outputs),
    ...defined("error", state.error),
    warnings: state.warnings,
    progress: {
      completed: all.filter(({ id }) => settled(state.tasks.get(path(id))?.status)).length,
      total: all.length
    },
    waiting: isOver(state.status) ? [] : requests(state),
    started_at: state.created_at,
    ...defined("finished_at", state.finished_at),
    usage: state.usage
  }
}

/** What somebody has to answer before the run goes on. Nobody answers a timer. */
export const requests = ({ exceeded, paused, requests }: RunState): ReadonlyArray<Request> => {
  const found: Array<Request> = []
  if (exceeded !== undefined) {
    const prompt = `the budget of ${exceeded.of} ${exceeded.limit} has no room for the next call`
    found.push({ request: "budget", task: "", kind: "budget", prompt, data: exceeded })
  }
  if (paused) found.push({ request: "pause", task: "", kind: "pause" })
  for (const [request, { question, task }] of requests.open) {
    if (question.kind !== "timer") found.push({ request, task, ...question })
  }
  return found
}

export const waiting = (state: RunState): ReadonlyArray<Waiting> =>
  requests(state).map(({ expires, kind, prompt, request }) => ({
    request,
    kind,
    ...defined("prompt", prompt),
    ...defined("expires", expires)
  }))

/** What a list of runs shows. */
export const summary = (state: RunState): RunSummary => {
  const all = state.workflow?.tasks ?? []
  const tasks: Record<string, number> = { total: all.length }
  for (const { id } of all) {
    const status = state.tasks.get(path(id))?.status
    if (status !== undefined) tasks[status] = (tasks[status] ?? 0) + 1
  }
  const { status, updated_at, usage } = state
  return summaryOf(state, { status, updated_at, tasks, waiting: isOver(status) ? [] : waiting(state), usage })
}

/** The same of one that is driven: what its driver counts as it goes is not in the state. */
export const summaryOf = (
  { created_at, engine, requests, run, workflow }: RunState,
  counted: Pick<RunSummary, "status" | "updated_at" | "tasks" | "waiting" | "usage">
): RunSummary => {
  const { status, tasks, updated_at, usage, waiting } = counted
  return {
    run,
    workflow: workflow?.name ?? "",
    status,
    tags: workflow?.tags ?? [],
    created_at,
    updated_at,
    tasks,
    waiting,
    usage,
    engine,
    // at once while it runs, when a time is up while it waits
    ...defined("due", isOver(status) ? undefined : status === "waiting" ? requests.due : updated_at)
  }
}

// internal

/** What each task has used: itself, and what stands below it and is no task. */
const usages = (state: RunState, tasks: Iterable<TaskPath>): ReadonlyMap<TaskPath, Total | undefined> => {
  const all = new Map<TaskPath, Total | undefined>([...tasks].map((at) => [at, undefined]))
  for (const some of [[...state.tasks].map(([at, { usage }]) => [at, usage] as const), state.spent, state.earlier]) {
    for (const [at, usage] of some) {
      if (usage === undefined) continue
      const task = upperPaths(at).find((one) => all.has(one)) ?? at
      all.set(task, joinUsage(all.get(task), usage))
    }
  }
  return all
}

const taskReport = (
  at: TaskPath,
  task: TaskState | undefined,
  run: RunStatus,
  usage: Total | undefined
): TaskReport => ({
  path: at,
  status: task?.status ?? (isOver(run) ? "cancelled" : "pending"),
  attempts: task?.attempts ?? 0,
  ...defined("result", task?.result),
  ...defined("error", task?.error),
  ...defined("provider", task?.provider),
  ...defined("started_at", task?.started_at),
  ...defined("finished_at", task?.finished_at),
  ...defined("duration_ms", task?.duration_ms),
  cached: task?.from === "cache",
  reused: task?.from === "fork",
  simulated: isSimulated(task?.result),
  ...defined("skipped_because", task?.skipped && skippedBecause(task.skipped)),
  ...defined("usage", usage)
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
