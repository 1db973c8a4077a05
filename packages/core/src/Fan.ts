/** The items of one `foreach` task on their way: which goes next, what has come of them. Knows no store and no provider. */
import type { Schema } from "effect"
import type { Failure } from "./Failure.ts"
import type { PlannedTask } from "./Plan.ts"
import type { RunState } from "./RunState.ts"
import { itemPath, type Millis, type TaskPath } from "./Task.ts"

export class Fan {
  /** Number of the task in the plan. */
  readonly task: number
  readonly planned: PlannedTask
  readonly path: TaskPath
  readonly items: ReadonlyArray<Schema.Json>
  readonly started: Millis
  /** Items that may begin, latest first. */
  readonly #ready: Array<number> = []
  readonly #results: Array<Schema.Json | undefined>
  readonly #failures: Array<{ readonly index: number; readonly error: Failure }> = []
  readonly #limit: number
  #running = 0
  /** Items that are not over. */
  #left: number
  /** No further item begins: one has failed under `on_error: fail`. */
  #stopped = false

  /** `limit`: items at once, where the task does not say. `state`: what a former driver recorded of them. */
  constructor(
    task: number,
    planned: PlannedTask,
    path: TaskPath,
    items: ReadonlyArray<Schema.Json>,
    started: Millis,
    limit: number,
    state: RunState | undefined
  ) {
    this.task = task
    this.planned = planned
    this.path = path
    this.items = items
    this.started = started
    this.#limit = planned.task.concurrency ?? limit
    this.#left = items.length
    this.#results = items.map(() => undefined)
    for (let index = items.length - 1; index >= 0; index--) {
      const known = state?.tasks.get(itemPath(path, index))
      if (known?.status === "completed" && known.result !== undefined) this.complete(index, known.result)
      else if (known?.status === "skipped") this.#left--
      else if ((known?.status === "failed" || known?.status === "cancelled") && known.error !== undefined) {
        this.fail(index, known.error)
      } else this.#ready.push(index)
    }
    if (this.#stopped) this.#giveUp()
  }

  /** Whether an item may begin now. */
  get ready(): boolean {
    return this.#ready.length > 0 && this.#running < this.#limit
  }

  /** One has failed, and no further item begins. */
  get stopped(): boolean {
    return this.#stopped
  }

  get over(): boolean {
    return this.#left === 0
  }

  /** The next item, counted as running. */
  next(): number | undefined {
    const index = this.#ready.pop()
    if (index !== undefined) this.#running++
    return index
  }

  /** An item begins no more, or waits to begin again: it is not running. */
  rest(): void {
    this.#running--
  }

  /** An item may begin again. */
  again(index: number): void {
    if (this.#stopped) this.#left--
    else this.#ready.push(index)
  }

  complete(index: number, result: Schema.Json): void {
    this.#results[index] = result
    this.#left--
  }

  skip(): void {
    this.#left--
  }

  fail(index: number, error: Failure): void {
    this.#failures.push({ index, error })
    this.#left--
    if (this.planned.task.on_error === "continue" || this.#stopped) return
    this.#stopped = true
    this.#giveUp()
  }

  /** Results of the completed items, in order. */
  get results(): ReadonlyArray<Schema.Json> {
    return this.#results.filter((result) => result !== undefined)
  }

  /** The failed items by index: the same list whichever failed first, also after a crash. */
  get failures(): ReadonlyArray<{ readonly index: number; readonly error: Failure }> {
    return this.#failures.toSorted((a, b) => a.index - b.index)
  }

  // internal

  #giveUp(): void {
    this.#left -= this.#ready.length
    this.#ready.length = 0
  }
}
