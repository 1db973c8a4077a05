/** What a run that is over does again when it is retried. Pure. */
import type { Plan, PlannedTask } from "./Plan.ts"
import { isAt } from "./Requests.ts"
import type { RunState, TaskState } from "./RunState.ts"
import { iterationPath, itemPath, type TaskPath } from "./Task.ts"

export interface Rerun {
  /** What happened there has not happened. */
  readonly tasks: ReadonlyArray<TaskPath>
  /** Those of them that had completed. */
  readonly again: ReadonlyArray<TaskPath>
}

/** Failed and cancelled tasks and all that depends on them; of what lies inside them, what has completed stays. */
export const failures = (plan: Plan, state: RunState): Rerun => rerun(plan, state, undefined)

/** One task at the top and all that depends on it. */
export const task = (plan: Plan, state: RunState, id: string): Rerun => rerun(plan, state, id)

// internal

const rerun = (plan: Plan, state: RunState, id: string | undefined): Rerun => {
  const tasks: Array<TaskPath> = []
  const again: Array<TaskPath> = []
  const whole = (at: TaskPath) => {
    for (const [found, { status }] of state.tasks) {
      if (!isAt(found, at)) continue
      tasks.push(found)
      if (status === "completed") again.push(found)
    }
  }
  const isBad = (known: TaskState | undefined) => known?.status === "failed" || known?.status === "cancelled"

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
    if (!state.tasks.has(next)) {
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
      only === undefined
        ? planned.flatMap((_, number) => (isBad(state.tasks.get(at(number))) ? [number] : []))
        : [index.get(only) ?? -1]
    const roots = new Set(first)
    const seen = new Set<number>()
    const queue = [...first]
    for (const number of queue) {
      const task = planned[number]
      if (task === undefined || seen.has(number)) continue
      seen.add(number)
      queue.push(...(dependents[number] ?? []))
      const known = state.tasks.get(at(number))
      if (roots.has(number) && known?.status !== "completed") part(at(number), task)
      else whole(at(number))
    }
  }
  graph(plan, "", id)
  return { tasks: [...new Set(tasks)].filter((at) => state.tasks.has(at)), again: [...new Set(again)] }
}
