/**
 * How a task begins: its condition, the items of a `foreach`, the iterations of a `repeat`, the tasks of a nested
 * workflow, down to one call. What begins says whether it took the slot. Knows no store and no provider.
 */
import { Result, type Schema } from "effect"
import type { Course, Way } from "./Course.ts"
import { ConditionFailed, TaskInterrupted } from "./Errors.ts"
import type { Failure } from "./Failure.ts"
import { Fan } from "./Fan.ts"
import { Graph } from "./Graph.ts"
import { isArray, kindOf } from "./Json.ts"
import { Loop } from "./Loop.ts"
import { isCondition, type Plan, type PlannedTask } from "./Plan.ts"
import type { RunState } from "./RunState.ts"
import type { Millis } from "./Task.ts"
import { judge, judgeItem, nestedInputs, resolve, type TaskRun } from "./TaskRun.ts"

/** What an opening asks of the run that it is part of. */
export interface Entrance extends Way {
  /** Calls at once. */
  readonly limit: number
  /** Begins an attempt; it takes the slot. */
  readonly dispatch: (run: TaskRun) => boolean
  /** Its next attempt begins at a time. */
  readonly wait: (run: TaskRun, due: Millis) => boolean
  /** A nested workflow begins. */
  readonly enter: (graph: Graph) => void
}

export class Opening {
  readonly #way: Entrance
  readonly #course: Course

  constructor(way: Entrance, course: Course) {
    this.#way = way
    this.#course = course
  }

  start(graph: Graph, task: number): boolean {
    graph.scheduler.next()
    const path = graph.path(task)
    const waited = this.#way.standby.take(path)
    if (waited !== undefined) return this.again(waited)
    const run = this.#way.task(graph, task, undefined)
    const known = this.#way.from.tasks.get(path)
    if (known?.items !== undefined) return this.#open(run, known.items, this.#way.from)
    if (known === undefined || known.status === "pending") {
      const verdict = judge(run)
      if (verdict._tag === "Fail") return this.#course.refuse(run, verdict.error)
      if (verdict._tag === "Skip") return this.#course.skip(run, verdict)
    }
    const { each } = run.planned
    return each === undefined ? this.#enter(run) : this.#expand(run, each)
  }

  startItem(graph: Graph, fan: Fan): boolean {
    const index = fan.next()
    if (index === undefined) return false
    const run = this.#way.task(graph, fan.task, { index, value: fan.items[index] ?? null })
    const waited = this.#way.standby.take(run.position)
    if (waited !== undefined) return this.again(waited)
    const verdict = judgeItem(run)
    if (verdict._tag === "Fail") return this.#course.refuse(run, verdict.error)
    return verdict._tag === "Skip" ? this.#course.skip(run, verdict) : this.#enter(run)
  }

  /** Fixes the items of a `foreach`. */
  #expand(run: TaskRun, each: NonNullable<PlannedTask["each"]>): boolean {
    const found: Result.Result<Schema.Json, Failure> = isCondition(each)
      ? each.evaluate(run.scope)
      : each.resolve(run.scope)
    if (Result.isFailure(found)) return this.#course.refuse(run, found.failure)
    const items = found.success
    if (!isArray(items)) {
      const { foreach } = run.planned.task
      const expression = typeof foreach === "string" ? foreach : "foreach"
      const issue = `a list was expected, found ${kindOf(items)}`
      return this.#course.refuse(run, new ConditionFailed({ expression, issue }))
    }
    this.#way.append([{ _tag: "TaskExpanded", v: 1, at: run.started, task: run.path, items }], nothing, () => {
      this.#open(run, items, undefined)
      this.#way.pump()
    })
    return false
  }

  #open(run: TaskRun, items: ReadonlyArray<Schema.Json>, from: RunState | undefined): boolean {
    // items with a nested workflow hold no slot: as many are open as could use one
    const limit = run.planned.nested === undefined ? Infinity : this.#way.limit
    const fan = new Fan(run.number, run.planned, run.path, items, run.started, limit, from)
    run.graph.fans.set(run.number, fan)
    if (fan.over) this.#course.gather(run.graph, fan, [], nothing)
    return false
  }

  /** A task, or an item, with its condition behind it. */
  #enter(run: TaskRun): boolean {
    const { planned } = run
    if (planned.until === undefined) return this.go(run)
    const loop = new Loop(run, this.#way.from)
    return loop.iteration === 1
      ? this.go(this.#way.task(run.graph, run.number, run.item, loop))
      : this.#course.iterate(loop, loop.iteration - 1, loop.previous, [], nothing)
  }

  /** One call, or a nested workflow. */
  go(run: TaskRun): boolean {
    if (run.planned.nested !== undefined) return this.#nest(run, run.planned.nested)
    const known = this.#way.from.tasks.get(run.path)
    if (known === undefined) return this.#way.dispatch(run)
    if (known.begun) return this.#course.refuse(run, new TaskInterrupted({ task: run.path }))
    if (known.status === "retrying" && known.due !== undefined && known.due > this.#way.now()) {
      return this.#way.wait(run, known.due)
    }
    if (known.status === "suspended" && this.#way.from.requests.isAsking(run.path)) {
      this.#way.standby.suspended.set(run.path, run)
      return false
    }
    return this.#way.dispatch(run)
  }

  /** Its tasks stand in line beside all others of the run; it holds no slot itself. */
  #nest(run: TaskRun, plan: Plan): boolean {
    const inputs = Result.flatMap(resolve(run), (params) => nestedInputs(plan, params))
    if (Result.isFailure(inputs)) return this.#course.refuse(run, inputs.failure)
    const graph = new Graph(plan, this.#way.from, false, run, inputs.success)
    if (graph.views.left === 0) this.#course.leaveGraph(graph, run, [], nothing)
    else this.#way.enter(graph)
    return false
  }

  /** What has waited begins. */
  again(run: TaskRun): boolean {
    return run.planned.nested === undefined ? this.#way.dispatch(run) : this.#nest(run, run.planned.nested)
  }
}

// internal

const nothing = () => {}
