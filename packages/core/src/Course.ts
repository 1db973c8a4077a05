/**
 * What follows from the outcome of a task: through its loop, its items and its workflow, up to the end of the run. All
 * that follows at once goes to the journal in one group with it. Knows no store and no provider.
 */
import { Result, type Schema } from "effect"
import * as Ending from "./Ending.ts"
import { ItemsFailed } from "./Errors.ts"
import type { Event } from "./Event.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Fan } from "./Fan.ts"
import type { Graph } from "./Graph.ts"
import type { Loop } from "./Loop.ts"
import type { View } from "./Reference.ts"
import type { RunState } from "./RunState.ts"
import type { Standby } from "./Standby.ts"
import type { Millis } from "./Task.ts"
import { type Base, fanOf, type TaskRun } from "./TaskRun.ts"
import { completed, failed, gathered, skipped } from "./Views.ts"

/** What a course asks of the run that it is part of. */
export interface Way {
  readonly from: RunState
  readonly standby: Standby
  readonly failsFast: boolean
  readonly now: () => Millis
  readonly base: (run: TaskRun) => Base
  readonly task: (graph: Graph, task: number, item: TaskRun["item"], loop?: Loop) => TaskRun
  /** `free` once it is known what has come of the events; then `next`, when they are durable and the run goes on. */
  readonly append: (events: ReadonlyArray<Event>, free: () => void, next: () => void) => void
  /** Starts what is ready. */
  readonly pump: () => void
  /** Begins a call, or a nested workflow; whether that took the slot. */
  readonly go: (run: TaskRun) => boolean
  /** A nested workflow is over. */
  readonly leave: (graph: Graph) => void
  /** The run's last event. */
  readonly ending: () => Event
  readonly failFast: () => void
}

export class Course {
  readonly #way: Way

  constructor(way: Way) {
    this.#way = way
  }

  /** What has waited, counted as running among its items, stands in line again. */
  queue(run: TaskRun): void {
    const fan = fanOf(run)
    fan?.rest()
    if (fan?.stopped === true) this.give(run.graph, fan)
    else this.#way.standby.call(run)
  }

  /** An item that was not running goes on no more. */
  give(graph: Graph, fan: Fan): void {
    fan.skip()
    if (fan.over) this.gather(graph, fan, [], nothing)
  }

  /** Failed before its attempt; it holds no slot. */
  refuse(run: TaskRun, error: Failure): boolean {
    this.fail(run, this.#way.base(run), FailureData.of(error), [], nothing)
    return false
  }

  fail(run: TaskRun, base: Base, error: Failure, events: Array<Event>, free: () => void): void {
    events.push({ _tag: "TaskFailed", ...base, error })
    const outer = run.loop?.outer
    if (outer !== undefined) return this.fail(outer, this.#way.base(outer), error, events, free)
    const fan = fanOf(run)
    if (fan === undefined || run.item === undefined)
      return this.#closeFailed(run.graph, run.number, error, events, free)
    fan.fail(run.item.index, error)
    this.#afterItem(run.graph, fan, events, free)
  }

  /** It has a result, and that is recorded with `events`. */
  complete(run: TaskRun, result: Schema.Json, events: Array<Event>, free: () => void): void {
    if (run.loop !== undefined) this.iterate(run.loop, run.loop.iteration, result, events, free)
    else {
      const fan = fanOf(run)
      if (fan === undefined || run.item === undefined)
        return this.#close(run.graph, run.number, completed(result), events, free)
      fan.complete(run.item.index, result)
      this.#afterItem(run.graph, fan, events, free)
    }
  }

  /** An iteration is over: the loop is too, or the next one stands in line. */
  iterate(loop: Loop, iteration: number, result: Schema.Json, events: Array<Event>, free: () => void): boolean {
    const { outer } = loop
    const { planned } = outer
    const { repeat } = planned.task
    const over =
      planned.until === undefined || repeat === undefined
        ? Result.succeed(true)
        : loop.isOver(iteration, result, repeat, planned.until, outer.scope)
    if (Result.isFailure(over)) {
      this.fail(outer, this.#way.base(outer), FailureData.of(over.failure), events, free)
    } else if (over.success) {
      events.push({ _tag: "TaskGathered", ...this.#way.base(outer), iterations: iteration })
      this.complete(outer, result, events, free)
    } else if (events.length === 0) {
      return this.#way.go(this.#way.task(outer.graph, outer.number, outer.item, loop))
    } else {
      this.#way.append(events, free, () => {
        loop.next(result)
        this.queue(this.#way.task(outer.graph, outer.number, outer.item, loop))
        this.#way.pump()
      })
    }
    return false
  }

  skip(run: TaskRun, because: { readonly because: "condition" | "no value"; readonly of?: string }): boolean {
    const { because: why, of } = because
    const at = this.#way.now()
    const events: Array<Event> = [
      { _tag: "TaskSkipped", v: 1, at, task: run.path, because: why, ...(of === undefined ? {} : { of }) }
    ]
    const fan = fanOf(run)
    if (fan === undefined) this.#close(run.graph, run.number, skipped, events, nothing)
    else {
      fan.skip()
      this.#afterItem(run.graph, fan, events, nothing)
    }
    return false
  }

  #afterItem(graph: Graph, fan: Fan, events: Array<Event>, free: () => void): void {
    const then = () => {
      free()
      fan.rest()
    }
    if (fan.stopped) this.#way.standby.forget(graph, fan)
    if (fan.over) return this.gather(graph, fan, events, then)
    this.#way.append(events, then, this.#way.pump)
  }

  /** All items of a fan are over, and so is its task. */
  gather(graph: Graph, fan: Fan, events: Array<Event>, free: () => void): void {
    const { failures, items, path, planned, task } = fan
    graph.fans.delete(task)
    const at = this.#way.now()
    const base = { v: 1 as const, at, task: path, started: fan.started, duration: at - fan.started, attempt: 1 }
    if (failures.length > 0 && planned.task.on_error !== "continue") {
      const failed = failures.map(({ error, index }) => ({ index, message: error.message }))
      const error = FailureData.of(new ItemsFailed({ task: planned.task.id, total: items.length, items: failed }))
      events.push({ _tag: "TaskFailed", ...base, error })
      return this.#closeFailed(graph, task, error, events, free)
    }
    events.push({ _tag: "TaskGathered", ...base })
    this.#close(graph, task, gathered(fan), events, free)
  }

  #closeFailed(graph: Graph, task: number, error: Failure, events: Array<Event>, free: () => void): void {
    const at = this.#way.now()
    const { id: of, on_error } = graph.plan.tasks[task]!.task
    if (on_error !== "continue") {
      for (const other of graph.scheduler.abandon(task)) {
        events.push({ _tag: "TaskSkipped", v: 1, at, task: graph.path(other), because: "failed", of })
        graph.views.enter(other, skipped)
      }
    }
    this.#close(graph, task, failed(error), events, free, error)
  }

  /** A task is over. Those that waited for it are opened when that is durable; the last one ends its workflow. */
  #close(graph: Graph, task: number, view: View, events: Array<Event>, free: () => void, error?: Failure): void {
    graph.views.enter(task, view, error)
    if (graph.views.left === 0) {
      if (graph.outer !== undefined) return this.leaveGraph(graph, graph.outer, events, free)
      return this.#way.append([...events, this.#way.ending()], free, nothing)
    }
    this.#way.append(events, free, () => {
      if (this.#way.failsFast) return this.#way.failFast()
      graph.scheduler.settle(task)
      this.#way.pump()
    })
  }

  /** A nested workflow is over: its outputs are its task's result. */
  leaveGraph(graph: Graph, outer: TaskRun, events: Array<Event>, free: () => void): void {
    this.#way.leave(graph)
    const base = this.#way.base(outer)
    const { plan, prefix, views } = graph
    if (views.failures.length > 0) {
      return this.fail(outer, base, Ending.nestedFailure(prefix, views.failures), events, free)
    }
    const { outputs } = Ending.results(plan, views.scope)
    events.push({ _tag: "TaskCompleted", ...base, result: outputs })
    this.complete(outer, outputs, events, free)
  }
}

// internal

const nothing = () => {}
