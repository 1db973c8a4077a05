/**
 * Results of another run that a fork takes over where nothing has changed: found by what was called with what, not by
 * where it stood.
 */
import { Result, type Schema } from "effect"
import { Graph } from "./Graph.ts"
import { canonical, sha256 } from "./Hash.ts"
import { isObject } from "./Json.ts"
import { Loop } from "./Loop.ts"
import type { Plan } from "./Plan.ts"
import type { RunState } from "./RunState.ts"
import type { TaskPath } from "./Task.ts"
import { type Item, nestedInputs, resolve, TaskRun } from "./TaskRun.ts"

export interface Reusable {
  /** In the run it comes from. */
  readonly path: TaskPath
  readonly result: Schema.Json
  readonly provider: string | undefined
}

/** Of a call: method, resolved params with secrets by name, hashes of the files it is given. Where code stands in a file does not count. */
export const contentHash = (method: string, params: Schema.Json, files: ReadonlyArray<string>): string =>
  sha256(canonical([method, isObject(params) ? withoutOrigins(params) : params, files]))

export class Reuse {
  /** Paths of those that have been taken before a resume. */
  readonly #used: ReadonlySet<TaskPath>
  /** Each may be taken once, in the order of the run it comes from. */
  readonly #results = new Map<string, Array<Reusable>>()

  /** `rerun`: ids at the top whose results, and those of all that follows, are not taken. */
  constructor(plan: Plan, from: RunState, rerun: ReadonlyArray<string>, used: ReadonlySet<TaskPath> = new Set()) {
    this.#used = used
    const without = new Set<number>()
    const queue = rerun.flatMap((id) => plan.index.get(id) ?? [])
    for (const task of queue) {
      if (without.has(task)) continue
      without.add(task)
      for (const next of plan.dependents[task]!) queue.push(next)
    }
    this.#collect(new Graph(plan, from, true), from, without)
  }

  take(hash: string): Reusable | undefined {
    return this.#results.get(hash)?.shift()
  }

  // internal

  #collect(graph: Graph, from: RunState, without: ReadonlySet<number>): void {
    graph.plan.tasks.forEach((_, number) => {
      if (without.has(number)) return
      const items = from.tasks.get(graph.path(number))?.items
      if (items === undefined) return this.#repeat(graph, number, undefined, from)
      items.forEach((value, index) => this.#repeat(graph, number, { index, value }, from))
    })
  }

  #repeat(graph: Graph, number: number, item: Item | undefined, from: RunState): void {
    const run = new TaskRun(graph, number, item, undefined, from, 0)
    if (run.planned.until === undefined) return this.#call(run, from)
    const loop = new Loop(run, { ...from, tasks: new Map() })
    for (;;) {
      const iteration = new TaskRun(graph, number, item, loop, from, 0)
      const known = from.tasks.get(iteration.path)
      this.#call(iteration, from)
      if (known?.status !== "completed") return
      loop.next(known.result ?? null)
    }
  }

  #call(run: TaskRun, from: RunState): void {
    const { path, planned } = run
    const params = resolve(run)
    if (Result.isFailure(params)) return
    if (planned.nested !== undefined) {
      const inputs = nestedInputs(planned.nested, params.success)
      if (Result.isSuccess(inputs))
        this.#collect(new Graph(planned.nested, from, true, run, inputs.success), from, new Set())
      return
    }
    const known = from.tasks.get(path)
    if (known?.status !== "completed" || known.result === undefined || this.#used.has(path)) return
    const hash = contentHash(planned.task.method, params.success, Object.values(known.files ?? {}))
    const found = this.#results.get(hash) ?? []
    found.push({ path, result: known.result, provider: known.provider })
    this.#results.set(hash, found)
  }
}

// internal

const withoutOrigins = (params: Schema.JsonObject): Schema.JsonObject =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (!isObject(value) || !("segments" in value)) return [name, value]
      const { origin: _origin, ...code } = value
      return [name, code]
    })
  )
