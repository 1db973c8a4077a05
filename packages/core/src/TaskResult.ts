/** Whether the tasks of a workflow will have a result. */
import * as Condition from "./Condition.ts"
import * as Reference from "./Reference.ts"
import type { Workflow } from "./Workflow.ts"

/** Why tasks of a workflow may have no value, by their ids. */
export const unsure = (workflow: Workflow): ReadonlyMap<string, string> => {
  const names = Reference.names(workflow)
  const found = new Map<string, string>()
  for (const task of workflow.tasks) {
    // an item that is skipped or fails is left out of the list
    const isPerItem =
      task.if !== undefined &&
      task.foreach !== undefined &&
      Condition.compile(task.if, names).roots.some((root) => root === "item" || root === "index")
    if (task.if !== undefined && !isPerItem) found.set(task.id, "may be skipped (it has an `if`)")
    else if (task.on_error === "continue" && task.foreach === undefined) {
      found.set(task.id, "may fail and the run goes on (`on_error: continue`)")
    }
  }
  return found
}
