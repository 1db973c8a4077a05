/** The budgets of one run: its own, and those of its tasks. Knows no store and no provider. */
import type { Spending } from "./Attempt.ts"
import { Ledger, type Shortage } from "./Budget.ts"
import type { Plan } from "./Plan.ts"
import { isAt } from "./Requests.ts"
import type { RunState } from "./RunState.ts"
import { joinUsage, type Millis, type TaskPath, type Total } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"
import type { Budget } from "./Workflow.ts"

export class Purse {
  readonly #from: RunState
  readonly #used: () => Total
  #own: Ledger | undefined
  readonly #tasksHave: boolean
  readonly #accounts = new Map<TaskPath, Account>()

  /** `used`: by the whole run. */
  constructor(plan: Plan, from: RunState, used: () => Total) {
    const limits = from.budget ?? plan.workflow.budget
    this.#tasksHave = plan.budgets
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

  /** What a call of a task is taken from: the run's budget, the task's, and those of the tasks that it is nested in. */
  of(run: TaskRun): ReadonlyArray<Spending> {
    if (this.#own === undefined && !this.#tasksHave) return none
    const spendings: Array<Spending> = []
    if (this.#own !== undefined) {
      spendings.push({ ledger: this.#own, used: this.#used, waits: true })
    }
    for (const task of this.#around(run)) {
      spendings.push({ ledger: task.ledger, used: () => task.used, waits: false })
    }
    return spendings
  }

  /** By an attempt that is over, or a call made in one. */
  spent(run: TaskRun, usage: Total): void {
    if (!this.#tasksHave) return
    for (const task of this.#around(run)) task.used = joinUsage(task.used, usage) ?? {}
  }

  /** Limits of the run of which little is left. */
  low(): ReadonlyArray<Shortage> {
    return this.#own === undefined ? none : this.#own.low(this.#used())
  }

  // internal

  #around(run: TaskRun): ReadonlyArray<Account> {
    const found: Array<Account> = []
    for (let at: TaskRun | undefined = run; at !== undefined; at = at.graph.outer) {
      const { budget } = at.planned.task
      if (budget !== undefined) found.push(this.#account(at.graph.path(at.number), budget, at.started))
    }
    return found
  }

  #account(path: TaskPath, budget: Budget, started: Millis): Account {
    let account = this.#accounts.get(path)
    if (account === undefined) {
      let used: Total = {}
      for (const [at, state] of this.#from.tasks) if (isAt(at, path)) used = joinUsage(used, state.usage) ?? {}
      for (const [at, usage] of this.#from.spent) if (isAt(at, path)) used = joinUsage(used, usage) ?? {}
      const since = this.#from.tasks.get(path)?.started_at ?? started
      this.#accounts.set(path, (account = { ledger: new Ledger(budget, since), used }))
    }
    return account
  }
}

// internal

/** Of one task with a budget. */
interface Account {
  readonly ledger: Ledger
  used: Total
}

const none: ReadonlyArray<never> = []
