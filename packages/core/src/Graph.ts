/**
 * A workflow under way at its place in a run: the run's own, or a nested one. Which of its tasks goes next, and what has
 * come of them. Knows no store and no provider.
 */
import type { Schema } from "effect"
import type { Fan } from "./Fan.ts"
import type { Plan } from "./Plan.ts"
import type { RunState } from "./RunState.ts"
import { Scheduler } from "./Scheduler.ts"
import type { TaskPath } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"
import { Views } from "./Views.ts"

export class Graph {
  readonly plan: Plan
  /** Stands before the paths of its tasks; "" for the run's own. */
  readonly prefix: string
  /** The task that it is nested in. */
  readonly outer: TaskRun | undefined
  readonly scheduler: Scheduler
  readonly views: Views
  /** Of tasks whose items are under way. */
  readonly fans = new Map<number, Fan>()

  /** `from`: what a former driver recorded. `keep`: results that nobody is going to read too. */
  constructor(
    plan: Plan,
    from: RunState,
    keep = false,
    outer?: TaskRun,
    inputs: { readonly [name: string]: Schema.Json } = from.inputs
  ) {
    this.plan = plan
    this.outer = outer
    this.prefix = outer === undefined ? "" : `${outer.path}/`
    this.views = new Views(plan, from, this.prefix, inputs, keep)
    this.scheduler = new Scheduler(plan, (task) => this.views.isOver(task))
  }

  path(task: number): TaskPath {
    const { path } = this.plan.tasks[task]!
    return this.prefix === "" ? path : this.prefix + path
  }

  /** What goes first: a fan with an item to start, or a ready task. */
  first(): Fan | number | undefined {
    const task = this.scheduler.peek()
    if (this.fans.size === 0) return task
    let first: Fan | undefined
    for (const fan of this.fans.values()) {
      if (fan.ready && (first === undefined || this.scheduler.before(fan.task, first.task))) first = fan
    }
    return first === undefined || (task !== undefined && this.scheduler.before(task, first.task)) ? task : first
  }

  /** 0 (urgent) to 3 (low). */
  urgency(first: Fan | number): number {
    return this.plan.tasks[typeof first === "number" ? first : first.task]!.priority
  }
}
