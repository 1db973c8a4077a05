/**
 * What references see of a run's tasks: those that are over, with results kept for as long as somebody is going to read
 * them. Knows no store and no provider.
 */
import type { Schema } from "effect"
import type { Failure } from "./Failure.ts"
import { Fan } from "./Fan.ts"
import type { Plan, PlannedTask } from "./Plan.ts"
import type { Scope, View } from "./Reference.ts"
import type { RunState, TaskState } from "./RunState.ts"
import type { TaskPath } from "./Task.ts"

export class Views {
  readonly #plan: Plan
  readonly #views: Array<View | undefined>
  /** Tasks that are going to read a result. */
  readonly #readers: Array<number>
  readonly counts = { completed: 0, failed: 0, skipped: 0 }
  /** Failures that fail the run. */
  readonly failures: Array<{ readonly task: string; readonly number: number; readonly error: Failure }> = []
  /** Tasks that are not over. */
  left: number
  readonly scope: Scope

  /** `prefix` stands before the paths of the tasks. `from`: those that ended before this driver came. */
  constructor(plan: Plan, from: RunState, prefix = "", inputs = from.inputs, keep = false) {
    this.#plan = plan
    this.#readers = keep ? plan.readers.map(() => Infinity) : [...plan.readers]
    this.#views = plan.tasks.map(() => undefined)
    this.left = plan.tasks.length
    if (from.tasks.size > 0) {
      plan.tasks.forEach((planned, task) => {
        const path = prefix + planned.path
        const state = from.tasks.get(path)
        const view = state && recorded(planned, path, from, state)
        if (view !== undefined) this.enter(task, view, state?.error)
      })
    }
    this.scope = {
      task: (id) => this.#views[plan.index.get(id) ?? -1],
      root: (root) =>
        root === "inputs"
          ? inputs
          : root === "env"
            ? from.env
            : root === "run"
              ? { id: from.run, name: from.workflow?.name ?? "", started_at: from.created_at }
              : undefined
    }
  }

  isOver(task: number): boolean {
    return this.#views[task] !== undefined
  }

  /** A task is over. Lets go of results that nobody is going to read any more. */
  enter(task: number, view: View, error?: Failure): void {
    const { reads, task: document } = this.#plan.tasks[task]!
    this.left--
    this.counts[view.status]++
    this.#views[task] = view.result === undefined || this.#readers[task]! > 0 ? view : released
    if (error !== undefined && document.on_error !== "continue")
      this.failures.push({ task: document.id, number: task, error })
    for (const read of reads) {
      this.#readers[read]!--
      // one that is not over may have lost its readers already: they were skipped
      if (this.#readers[read] === 0 && this.isOver(read)) this.#views[read] = released
    }
  }
}

export const completed = (result: Schema.Json): View => ({ status: "completed", result, error: null })

export const failed = (error: Failure): View => ({ status: "failed", result: undefined, error: errorOf(error) })

export const skipped: View = { status: "skipped", result: undefined, error: null }

/** Of a fan whose items are over. */
export const gathered = (fan: Fan): View => ({
  ...completed(fan.results),
  fan: { failures: fan.failures.map(({ error, index }) => ({ index, error: errorOf(error) })) }
})

// internal

/** A result that nobody reads any more. */
const released: View = { status: "completed", result: undefined, error: null }

const errorOf = ({ code, data, message, name }: Failure): Schema.Json => ({
  code,
  name,
  message,
  ...(data === undefined ? {} : { data })
})

/** What a former driver left of a task; undefined when it is not over. */
const recorded = (planned: PlannedTask, path: TaskPath, from: RunState, state: TaskState): View | undefined => {
  switch (state.status) {
    case "completed":
      return state.items === undefined
        ? completed(state.result ?? null)
        : gathered(new Fan(0, planned, path, state.items, 0, Infinity, from))
    case "failed":
    case "cancelled":
      return state.error === undefined ? undefined : failed(state.error)
    case "skipped":
      return skipped
    default:
      return undefined
  }
}
