/**
 * What is known of the result of a task before it runs: its JSON Schema, and whether there will be one. Of a nested
 * workflow that follows from its outputs.
 */
import type { JsonSchema, Schema } from "effect"
import * as Condition from "./Condition.ts"
import type { Contract } from "./Contract.ts"
import * as Reference from "./Reference.ts"
import type { Task, Workflow } from "./Workflow.ts"

/** Without what `foreach` makes of it: the schema of one item's. `undefined`: nothing is known. */
export const schemaOf = (
  { method, workflow }: Task,
  methods: ReadonlyMap<string, Contract>
): JsonSchema.JsonSchema | undefined =>
  workflow === undefined ? methods.get(method)?.result : outputsOf(workflow, methods)

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

// internal

const outputsOf = (workflow: Workflow, methods: ReadonlyMap<string, Contract>): JsonSchema.JsonSchema => {
  const { outputs = {}, tasks } = workflow
  const names = Reference.names(workflow)
  const open = unsure(workflow)
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const required = Object.keys(outputs).filter((name) => {
    const { references } = Reference.compile(outputs[name] ?? null, names)
    return !references.some((reference) => Reference.needs(reference).some((id) => open.has(id)))
  })
  const properties = Object.entries(outputs).map(([name, value]) => [name, outputOf(value, names, byId, methods)])
  return { type: "object", properties: Object.fromEntries(properties), required, additionalProperties: false }
}

/** The schema of an output that is the whole result of a task. */
const outputOf = (
  output: Schema.Json,
  names: Reference.Names,
  tasks: ReadonlyMap<string, Task>,
  methods: ReadonlyMap<string, Contract>
): JsonSchema.JsonSchema => {
  const [part, more] = typeof output === "string" ? Reference.parse(output, names) : []
  if (part === undefined || typeof part === "string" || more !== undefined) return {}
  const [one, other] = part.alternatives
  if (one?.kind !== "task" || other !== undefined || one.status === true || one.path.length > 0) return {}
  const task = tasks.get(one.task)
  const schema = task === undefined ? undefined : schemaOf(task, methods)
  // a `$ref` of it would be looked up in the whole that it becomes a part of
  if (task === undefined || schema === undefined || JSON.stringify(schema).includes('"$ref"')) return {}
  return task.foreach === undefined ? schema : { type: "array", items: schema }
}
