/** What a run that is over does again when it is retried. Pure. */
import { Effect } from "effect"
import { InvalidState, TaskNotFound } from "./Errors.ts"
import type { Plan, PlannedTask } from "./Plan.ts"
import { isOver, type RunState } from "./RunState.ts"
import { iterationPath, itemPath, type TaskPath, upperPaths } from "./Task.ts"
import type { Workflow } from "./Workflow.ts"

export interface Rerun {
  /** What happened there has not happened. */
  readonly tasks: ReadonlyArray<TaskPath>
  /** Those of them that begin as if they had never run. */
  readonly again: ReadonlyArray<TaskPath>
}

/** Failed and cancelled tasks and all that depends on them; of what lies inside them, what has completed stays. */
export const failures = (plan: Plan, state: RunState): Rerun => rerun(plan, state, undefined)

/** One task at the top and all that depends on it. */
export const one = (plan: Plan, state: RunState, id: string): Rerun => rerun(plan, state, id)

/** What a retry does again; refused when the run is not over, or nothing in it has failed. */
export const of = (
  state: RunState,
  planOf: (workflow: Workflow) => Plan,
  task: string | undefined,
  force: boolean
): Effect.Effect<Rerun, InvalidState | TaskNotFound> => {
  const { run, status, workflow } = state
  if (workflow === undefined || !isOver(status)) {
    const expected = "one that is over: `resume` goes on with a run, `pause` and `cancel` end what is under way"
    return Effect.fail(new InvalidState({ run, status, expected }))
  }
  const plan = planOf(workflow)
  if (task === undefined) {
    return status === "completed"
      ? Effect.fail(new InvalidState({ run, status, expected: "a failed or cancelled one, or a task to run again" }))
      : Effect.succeed(failures(plan, state))
  }
  const planned = plan.tasks[plan.index.get(task) ?? -1]
  if (planned === undefined) return Effect.fail(new TaskNotFound({ run, task, known: [...plan.index.keys()] }))
  const known = state.tasks.get(planned.path)?.status
  return known === "completed" && !force
    ? Effect.fail(
        new InvalidState({
          run,
          status,
          expected: `one whose task "${task}" has not completed: that is run again by force`
        })
      )
    : Effect.succeed(one(plan, state, task))
}

/** Ids of a task at the top and of all that depends on it; undefined when there is no such task. */
export const behind = ({ dependents, index, tasks }: Plan, id: string): ReadonlyArray<string> | undefined => {
  const first = index.get(id)
  if (first === undefined) return undefined
  const found = new Set([first])
  for (const task of found) for (const next of dependents[task] ?? []) found.add(next)
  return [...found].map((task) => tasks[task]!.task.id)
}

// internal

const rerun = (plan: Plan, state: RunState, id: string | undefined): Rerun => {
  const tasks: Array<TaskPath> = []
  const again: Array<TaskPath> = []
  const below = lower(state)
  /** What it is given may be other than before: it begins as if it had never run. */
  const whole = (at: TaskPath) => {
    for (const found of below.get(at) ?? []) {
      tasks.push(found)
      if (state.tasks.get(found)?.skipped === undefined) again.push(found)
    }
  }
  /** What a nested workflow or a loop was under way in when the run ended has no state of its own. */
  const isBad = (at: TaskPath) => {
    const status = state.tasks.get(at)?.status
    return status === undefined ? below.has(at) : status === "failed" || status === "cancelled"
  }

  /** Something in it has failed: that alone is done again, and what it leads to. */
  const part = (at: TaskPath, planned: PlannedTask) => {
    const items = state.tasks.get(at)?.items
    if (items === undefined) return unit(at, planned)
    tasks.push(at)
    items.forEach((_, index) => {
      const item = itemPath(at, index)
      const known = state.tasks.get(item)
      if (known?.status !== "completed" && known?.skipped === undefined) unit(item, planned)
    })
  }
  const unit = (at: TaskPath, planned: PlannedTask) => {
    tasks.push(at)
    if (planned.until === undefined) return inner(at, planned)
    let last = 1
    while (state.tasks.get(iterationPath(at, last))?.status === "completed") last++
    const next = iterationPath(at, last)
    // every iteration is done and it was not enough: it begins from the first
    if (state.tasks.get(at)?.status === "failed" && !state.tasks.has(next)) {
      for (let n = 1; n < last; n++) whole(iterationPath(at, n))
    } else {
      tasks.push(next)
      inner(next, planned)
    }
  }
  const inner = (at: TaskPath, { nested }: PlannedTask) => {
    if (nested !== undefined) graph(nested, `${at}/`, undefined)
  }
  const graph = ({ dependents, index, tasks: planned }: Plan, prefix: TaskPath, only: string | undefined) => {
    const at = (number: number) => prefix + (planned[number]?.path ?? "")
    const first =
      only === undefined ? planned.flatMap((_, number) => (isBad(at(number)) ? [number] : [])) : [index.get(only) ?? -1]
    const roots = new Set(first)
    const seen = new Set<number>()
    const reached = new Set<number>()
    const queue = [...first]
    for (const number of queue) {
      if (planned[number] === undefined || seen.has(number)) continue
      seen.add(number)
      for (const next of dependents[number] ?? []) {
        reached.add(next)
        queue.push(next)
      }
    }
    // what also depends on a failure that is left as it is stays skipped
    const isBlocked = (number: number) =>
      !roots.has(number) && planned[number]!.dependencies.some((on) => !seen.has(on) && blocks(at(on), planned[on]!))
    const blocked = [...seen].filter(isBlocked)
    for (const number of blocked) {
      if (!seen.delete(number)) continue
      for (const next of dependents[number] ?? []) if (seen.has(next) && isBlocked(next)) blocked.push(next)
    }
    for (const number of seen) {
      const task = planned[number]!
      const isPart = roots.has(number) && !reached.has(number) && state.tasks.get(at(number))?.status !== "completed"
      if (isPart) part(at(number), task)
      else whole(at(number))
    }
  }
  const blocks = (at: TaskPath, { task }: PlannedTask) => {
    const known = state.tasks.get(at)
    return (isBad(at) && task.on_error !== "continue") || known?.skipped?.because === "failed"
  }
  graph(plan, "", id)
  return { tasks: [...new Set(tasks)].filter((at) => state.tasks.has(at)), again: [...new Set(again)] }
}

/** By path, all that lies at it and below. */
const lower = ({ tasks }: RunState): ReadonlyMap<TaskPath, ReadonlyArray<TaskPath>> => {
  const found = new Map<TaskPath, Array<TaskPath>>()
  for (const path of tasks.keys()) {
    for (const upper of upperPaths(path)) {
      const known = found.get(upper)
      if (known === undefined) found.set(upper, [path])
      else known.push(path)
    }
  }
  return found
}
