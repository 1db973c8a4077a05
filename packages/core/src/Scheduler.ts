/**
 * Which task of one run may start next: in-degree counters and a heap of ready tasks. Knows no store and no provider.
 * A class with plain arrays: a thousand short runs live at once, and closures a run are what costs.
 */
import type { Plan } from "./Plan.ts"

export class Scheduler {
  readonly #plan: Plan
  /** Dependencies that a task still waits for; `over` once it is ready, running or over. */
  readonly #open: Array<number>
  readonly #ready: Array<number> = []

  /** `isOver`: tasks that ended before this driver came. */
  constructor(plan: Plan, isOver: (task: number) => boolean) {
    this.#plan = plan
    this.#open = plan.tasks.map(({ dependencies }, task) => (isOver(task) ? over : dependencies.length))
    for (let task = 0; task < this.#open.length; task++) {
      if (this.#open[task] === over) for (const next of plan.dependents[task]!) this.#count(next)
    }
    // in document order, so that without priorities nothing has to be moved
    for (let task = 0; task < this.#open.length; task++) if (this.#open[task] === 0) this.push(task)
  }

  /** The task that goes first, by urgency, then by place in the document; it stays. */
  peek(): number | undefined {
    return this.#ready[0]
  }

  /** Takes the task that goes first. */
  next(): number | undefined {
    const items = this.#ready
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down + 1 < items.length && this.before(items[down + 1]!, items[down]!)) down++
      if (down >= items.length || this.before(last, items[down]!)) break
      items[at] = items[down]!
      at = down
    }
    items[at] = last
    return first
  }

  /** A task is ready, for the first time or again. */
  push(task: number): void {
    const items = this.#ready
    let at = items.length
    this.#open[task] = over
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!this.before(task, items[up]!)) break
      items[at] = items[up]!
      at = up
    }
    items[at] = task
  }

  /** A task is over; those that waited for nothing else become ready. */
  settle(task: number): void {
    for (const next of this.#plan.dependents[task]!) if (this.#count(next) === 0) this.push(next)
  }

  /** A task has failed: all that depend on it, near and far, will not run. Gives them. */
  abandon(task: number): ReadonlyArray<number> {
    const skipped: Array<number> = []
    const queue = [task]
    for (const from of queue) {
      for (const next of this.#plan.dependents[from]!) {
        if (this.#open[next]! === over) continue
        this.#open[next] = over
        skipped.push(next)
        queue.push(next)
      }
    }
    return skipped
  }

  /** Whether `a` goes before `b`. */
  before(a: number, b: number): boolean {
    if (!this.#plan.priorities) return a < b
    const difference = this.#plan.tasks[a]!.priority - this.#plan.tasks[b]!.priority
    return difference === 0 ? a < b : difference < 0
  }

  // internal

  #count(task: number): number | undefined {
    const left = this.#open[task]!
    return left === over ? undefined : (this.#open[task] = left - 1)
  }
}

const over = -1
