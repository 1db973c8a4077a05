/** Tasks of a run that wait, and hold nothing: for their next attempt, for an answer, for room in the budget. */
import type { Fan } from "./Fan.ts"
import type { Graph } from "./Graph.ts"
import type { TaskPath } from "./Task.ts"
import { fanOf, type TaskRun } from "./TaskRun.ts"

export class Standby {
  /** Until a time, by path. */
  readonly retrying = new Map<TaskPath, TaskRun>()
  /** For an answer, by path. */
  readonly suspended = new Map<TaskPath, TaskRun>()
  /** For room in the budget. */
  blocked: Array<TaskRun> = []
  /** Those whose turn comes, by the position they stand in line at. */
  readonly #called = new Map<TaskPath, TaskRun>()

  /** It stands in line again, and is not counted as running among its items. */
  call(run: TaskRun): void {
    this.#called.set(run.position, run)
    if (run.item === undefined) run.graph.scheduler.push(run.number)
    else fanOf(run)?.again(run.item.index)
  }

  /** What has waited at a position, if its turn has come. */
  take(position: TaskPath): TaskRun | undefined {
    if (this.#called.size === 0) return undefined
    const run = this.#called.get(position)
    if (run !== undefined) this.#called.delete(position)
    return run
  }

  /** Items of a fan that has been stopped wait no more. */
  forget(graph: Graph, fan: Fan): void {
    const isOf = (run: TaskRun) => run.graph === graph && run.number === fan.task
    for (const [path, run] of this.retrying) {
      if (!isOf(run)) continue
      this.retrying.delete(path)
      fan.skip()
    }
    for (const [path, run] of this.suspended) {
      if (!isOf(run)) continue
      this.suspended.delete(path)
      fan.rest()
      fan.skip()
    }
    this.blocked = this.blocked.filter((run) => {
      if (!isOf(run)) return true
      fan.rest()
      fan.skip()
      return false
    })
  }
}
