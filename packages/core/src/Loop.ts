/** A `repeat` on its way: which iteration, and whether another follows. Knows no store and no provider. */
import { Result, type Schema } from "effect"
import { type ConditionFailed, RepeatExhausted } from "./Errors.ts"
import type { Repeat } from "./Workflow.ts"
import type { Condition } from "./Condition.ts"
import type { Scope } from "./Reference.ts"
import type { RunState } from "./RunState.ts"
import { iterationPath, type Root } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"

export class Loop {
  /** The task, or the item, that repeats. */
  readonly outer: TaskRun
  /** From 1. */
  iteration = 1
  /** The result of the iteration before. */
  previous: Schema.Json = null

  /** `from`: iterations that a former driver recorded. */
  constructor(outer: TaskRun, { tasks }: RunState) {
    this.outer = outer
    for (;;) {
      const known = tasks.get(iterationPath(outer.path, this.iteration))
      if (known?.status !== "completed") break
      this.next(known.result ?? null)
    }
  }

  next(result: Schema.Json): void {
    this.previous = result
    this.iteration++
  }

  /** What follows the iteration that had this result: true when the loop is over. */
  isOver(
    iteration: number,
    result: Schema.Json,
    { max, on_max, until: written }: Repeat,
    until: Condition,
    scope: Scope
  ): Result.Result<boolean, ConditionFailed | RepeatExhausted> {
    const seen: Scope = {
      task: scope.task,
      root: (root: Root) => (root === "result" ? result : root === "iteration" ? iteration : scope.root(root))
    }
    const holds = until.test(seen)
    if (Result.isFailure(holds) || holds.success || iteration < max) return holds
    return on_max === "continue"
      ? Result.succeed(true)
      : Result.fail(new RepeatExhausted({ task: this.outer.path, until: written, iterations: max }))
  }
}
