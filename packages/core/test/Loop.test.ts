import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import type { Event } from "../src/Event.ts"
import { Graph } from "../src/Graph.ts"
import { Loop } from "../src/Loop.ts"
import * as Run from "../src/Run.ts"
import { TaskRun } from "../src/TaskRun.ts"
import type { Repeat } from "../src/Workflow.ts"
import { Numbers } from "./Choices.ts"
import { plan, task } from "./Documents.ts"

const start = { v: 1, at: 1, started: 1, duration: 1, attempt: 1 } as const
const done = (path: string, result: Schema.Json): Event => ({ _tag: "TaskCompleted", ...start, task: path, result })

/** A loop as a driver finds it after some events, and what its condition says. */
const loop = (repeat: Repeat, events: ReadonlyArray<Event> = []) => {
  const from = Run.empty("r")
  for (const event of events) Run.fold(from, event)
  const graph = new Graph(plan([task("count", { repeat })]), from)
  const outer = new TaskRun(graph, 0, undefined, undefined, from, 1)
  const found = new Loop(outer, from)
  return {
    loop: found,
    over: (iteration: number, result: Schema.Json) =>
      found.isOver(iteration, result, repeat, outer.planned.until!, outer.scope)
  }
}

const three = { until: "result.n >= 3", max: 5 }

describe("a loop", () => {
  it("begins with its first iteration, which has none before it", () => {
    const { loop: found } = loop(three)
    assert.deepStrictEqual([found.iteration, found.previous], [1, null])
  })

  it("goes on behind the iterations that are recorded, with the result of the last", () => {
    const { loop: found } = loop(three, [done("count~1", { n: 1 }), done("count~2", { n: 2 })])
    assert.deepStrictEqual([found.iteration, found.previous], [3, { n: 2 }])
  })

  it("does not go past an iteration that has not completed, whatever comes after it", () => {
    const { loop: found } = loop(three, [done("count~1", 1), done("count~3", 3)])
    assert.strictEqual(found.iteration, 2)
  })

  it("stays at an iteration that has failed, or waits for its next attempt", () => {
    const error = { code: 1, name: "NO", message: "no", retryable: true }
    const bad: ReadonlyArray<Event> = [
      { _tag: "TaskFailed", ...start, task: "count~2", error },
      { _tag: "TaskRetrying", ...start, task: "count~2", error, due: 9 }
    ]
    for (const event of bad) {
      const { loop: found } = loop(three, [done("count~1", { n: 1 }), event])
      assert.deepStrictEqual([found.iteration, found.previous], [2, { n: 1 }])
    }
  })

  it("takes no other task's iterations for its own", () => {
    assert.strictEqual(loop(three, [done("counter~1", 1), done("count[0]~1", 1)]).loop.iteration, 1)
  })

  it("is over when its condition holds, of the result and of the iteration", () => {
    assert.deepStrictEqual(loop(three).over(1, { n: 2 }), Result.succeed(false))
    assert.deepStrictEqual(loop(three).over(1, { n: 3 }), Result.succeed(true))
    const second = loop({ until: "iteration == 2", max: 5 })
    assert.deepStrictEqual(second.over(1, null), Result.succeed(false))
    assert.deepStrictEqual(second.over(2, null), Result.succeed(true))
  })

  it("that has come to its last iteration in vain fails, or is over when it is told so", () => {
    const exhausted = loop(three).over(5, { n: 1 })
    assert.isTrue(Result.isFailure(exhausted))
    if (Result.isFailure(exhausted)) assert.strictEqual(exhausted.failure.name, "REPEAT_EXHAUSTED")
    assert.deepStrictEqual(loop({ ...three, on_max: "continue" }).over(5, { n: 1 }), Result.succeed(true))
    assert.deepStrictEqual(loop(three).over(5, { n: 3 }), Result.succeed(true))
  })

  it("fails closed: also at the last iteration, and told to go on", () => {
    for (const result of [null, {}, { n: "many" }]) {
      const failed = loop({ ...three, on_max: "continue" }).over(5, result)
      assert.isTrue(Result.isFailure(failed), JSON.stringify(result))
      if (Result.isFailure(failed)) assert.strictEqual(failed.failure.name, "TASK_CONDITION_FAILED")
    }
  })

  it.prop("stands where a driver that never stopped would stand", { results: Numbers }, ({ results }) => {
    const going = loop(three).loop
    for (const result of results) going.next(result)
    const { loop: found } = loop(
      three,
      results.map((result, i) => done(`count~${i + 1}`, result))
    )
    assert.deepStrictEqual([found.iteration, found.previous], [going.iteration, going.previous])
  })
})
