/**
 * What the reader refuses in a document, looked for in a workflow that was never one: names that clash or are taken,
 * numbers out of range, keys that need another. What stands in a nested workflow is not looked at.
 */
import { Schema } from "effect"
import type { At, Say } from "./Complaints.ts"
import { check } from "./JsonSchemaCheck.ts"
import { found } from "./JsonSchemaWords.ts"
import { inputName, maxIterations } from "./Spelling.ts"
import { roots } from "./Task.ts"
import { type Task, TaskId, type Workflow } from "./Workflow.ts"

export const form = (workflow: Workflow, say: Say): void => {
  ids(workflow, say)
  inputs(workflow, say)
  whole(workflow.max_concurrency, 1, Infinity, { path: ["max_concurrency"] }, say)
  whole(workflow.priority, 0, 3, { path: ["priority"] }, say)
  time(workflow.timeout, { path: ["timeout"] }, say)
  for (const [number, task] of workflow.tasks.entries()) policies(task, ["tasks", number], say)
}

// internal

const isTaskId = Schema.is(TaskId)

const ids = ({ tasks }: Workflow, say: Say): void => {
  const known = new Map<string, number>()
  for (const [number, { id }] of tasks.entries()) {
    const at = { path: ["tasks", number, "id"] }
    const former = known.get(id)
    if (former === undefined) known.set(id, number)
    else say(at, "duplicate-id", `duplicate task id "${id}", first at tasks[${former}]`)
    if (!isTaskId(id)) {
      say(at, "invalid-id", `${found(id)} cannot be the id of a task: 1 to 200 characters without $, { and }`)
    } else if (roots.some((root) => root === id)) {
      const message = `a task cannot be called "${id}": in a reference the word stands for something else`
      say(at, "reserved-id", message)
    }
  }
  for (const [number, { id, label }] of tasks.entries()) {
    const other = label === undefined || label === id ? undefined : known.get(label)
    if (other === undefined) continue
    const message = `the name "${label}" is the id of another task, at tasks[${other}]`
    say({ path: ["tasks", number, "label"] }, "ambiguous-name", message)
  }
}

const inputs = ({ inputs = {} }: Workflow, say: Say): void => {
  for (const [name, { default: standard, schema, secret }] of Object.entries(inputs)) {
    const path = ["inputs", name]
    if (!inputName.test(name)) {
      const expected = "a letter or _ first, then letters, digits, _ and -"
      say({ path, key: true }, "invalid-name", `"${name}" is no name for an input, expected ${expected}`)
    }
    for (const { message, path: inside } of standard === undefined
      ? []
      : check(schema, standard, { quote: secret !== true })) {
      const at = { path: [...path, "default", ...inside] }
      say(at, "invalid-default", `\`default\` does not fit its own schema: ${message}`)
    }
  }
}

const policies = (task: Task, path: At["path"], say: Say): void => {
  const at = (...steps: ReadonlyArray<string>): At => ({ path: [...path, ...steps] })
  if (task.concurrency !== undefined && task.foreach === undefined) {
    const message = "`concurrency` is of a task with `foreach`; all tasks together have `max_concurrency`"
    say({ ...at("concurrency"), key: true }, "misplaced-key", message)
  }
  whole(task.concurrency, 1, Infinity, at("concurrency"), say)
  whole(task.priority, 0, 3, at("priority"), say)
  whole(task.repeat?.max, 1, maxIterations, at("repeat", "max"), say)
  whole(task.retry?.max_attempts, 1, Infinity, at("retry", "max_attempts"), say)
  time(task.timeout, at("timeout"), say)
  time(task.cache?.ttl, at("cache", "ttl"), say)
  if (task.retry !== undefined && task.retry.delay > task.retry.max_delay) {
    say({ ...at("retry"), key: true }, "wrong-type", "`retry`: `delay` is longer than `max_delay`")
  }
}

const whole = (value: number | undefined, least: number, most: number, at: At, say: Say): void => {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`
  say(at, "wrong-type", `\`${String(at.path.at(-1))}\`: expected a whole number ${range}, found ${value}`)
}

/** Milliseconds. */
const time = (value: number | undefined, at: At, say: Say): void => {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return
  say(at, "wrong-type", `\`${String(at.path.at(-1))}\`: expected milliseconds, more than 0, found ${value}`)
}
