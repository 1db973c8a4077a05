/** The budgets of one run: its own, and those of its tasks. Knows no store and no provider. */
import type { Spending } from "./Attempt.ts"
import { Ledger, type Shortage } from "./Budget.ts"
import { isAt } from "./Requests.ts"
import type { RunState } from "./RunState.ts"
import { addUsage, type TaskPath, type Usage } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"
import type { Budget } from "./Workflow.ts"

export class Purse {
  readonly #from: RunState
  readonly #used: () => Usage
  #own: Ledger | undefined
  readonly #tasks = new Map<TaskPath, { readonly ledger: Ledger; used: Usage }>()

  /** `used`: by the whole run. */
  constructor(budget: Budget | undefined, from: RunState, used: () => Usage) {
    const limits = from.budget ?? budget
    this.#from = from
    this.#used = used
    this.#own = limits === undefined ? undefined : new Ledger(limits)
  }

  /** Milliseconds that the run may be running. */
  get time(): number | undefined {
    return this.#own?.limits.duration
  }

  /** The run has a budget of its own. */
  get isLimited(): boolean {
    return this.#own !== undefined
  }

  get isHolding(): boolean {
    return this.#own?.isHolding === true
  }

  overtime(milliseconds: number): void {
    if (this.#own !== undefined) this.#own.overtime = milliseconds
  }

  raise(budget: Budget): void {
    if (this.#own === undefined) this.#own = new Ledger(budget)
    else {
      this.#own.limits = { ...this.#own.limits, ...budget }
      this.#own.overtime = undefined
    }
  }

  /** What a call of a task is taken from. */
  of(run: TaskRun): ReadonlyArray<Spending> {
    const { budget } = run.planned.task
    if (this.#own === undefined && budget === undefined) return none
    const spendings: Array<Spending> = []
    if (this.#own !== undefined) {
      spendings.push({ ledger: this.#own, used: () => addUsage(this.#used(), run.usage) ?? {}, waits: true })
    }
    if (budget !== undefined) {
      const task = this.#task(run.graph.path(run.number), budget)
      spendings.push({ ledger: task.ledger, used: () => addUsage(task.used, run.usage) ?? {}, waits: false })
    }
    return spendings
  }

  /** An attempt is over. */
  spent(run: TaskRun, usage: Usage): void {
    const task = run.planned.task.budget && this.#tasks.get(run.graph.path(run.number))
    if (task !== undefined) task.used = addUsage(task.used, usage) ?? {}
  }

  /** Limits of the run of which little is left. */
  low(): ReadonlyArray<Shortage> {
    return this.#own === undefined ? none : this.#own.low(this.#used())
  }

  // internal

  #task(path: TaskPath, budget: Budget) {
    let task = this.#tasks.get(path)
    if (task === undefined) {
      let used: Usage = {}
      for (const [at, state] of this.#from.tasks) if (isAt(at, path)) used = addUsage(used, state.usage) ?? {}
      this.#tasks.set(path, (task = { ledger: new Ledger(budget), used }))
    }
    return task
  }
}

// internal

const none: ReadonlyArray<never> = []
