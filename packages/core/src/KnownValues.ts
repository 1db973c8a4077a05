/**
 * What is known of the values in a workflow before it runs: of results by the contracts, of inputs by their schemas, of
 * references and templates by what they speak of. Pure.
 */
import type { Schema } from "effect"
import type { Contract } from "./Contract.ts"
import * as ExpressionCheck from "./ExpressionCheck.ts"
import { isArray, isObject } from "./Json.ts"
import * as Reference from "./Reference.ts"
import { unsure } from "./TaskResult.ts"
import * as ValueSchema from "./ValueSchema.ts"
import type { Value } from "./ValueSchema.ts"
import type { Task, Workflow } from "./Workflow.ts"

export interface KnownValues {
  /** Of its result; of a `foreach`, of that of one item. */
  readonly result: (task: Task) => Value
  /** Of `item`. */
  readonly item: (task: Task) => Value
  /** `task`: where it stands; `undefined`: in the outputs. */
  readonly reference: (reference: Pick<Reference.Reference, "alternatives">, task: Task | undefined) => Value
  readonly template: (json: Schema.Json, task: Task | undefined) => Value
  readonly expression: (text: string, task: Task | undefined) => ExpressionCheck.Reading
}

/** `contractsOf`: who may carry out a task; none: nothing is known. */
export const make = (workflow: Workflow, contractsOf: (task: Task) => ReadonlyArray<Contract>): KnownValues => {
  const names = Reference.names(workflow)
  const tasks = new Map(workflow.tasks.map((task) => [task.id, task]))
  const results = new Map<Task, Value>()
  const items = new Map<Task, Value>()

  const result = (task: Task): Value => {
    if (!results.has(task)) {
      results.set(task, undefined)
      const { workflow: inner } = task
      results.set(task, inner === undefined ? promised(contractsOf(task)) : outputs(inner, contractsOf))
    }
    return results.get(task)
  }

  const item = (task: Task): Value => {
    if (!items.has(task)) {
      // what speaks of itself is open
      items.set(task, undefined)
      const { foreach } = task
      if (typeof foreach === "string") items.set(task, ValueSchema.items(expression(foreach, task).value))
      else if (foreach !== undefined && foreach.length <= maxItems) {
        items.set(task, ValueSchema.union(foreach.map((json) => template(json, task))))
      }
    }
    return items.get(task)
  }

  const reference: KnownValues["reference"] = ({ alternatives }, task) =>
    ValueSchema.union(alternatives.map((one) => alternative(one, task)))

  const alternative = (one: Reference.Alternative, task: Task | undefined): Value => {
    switch (one.kind) {
      case "task": {
        const target = tasks.get(one.task)
        if (one.status === true) return status
        return target && ValueSchema.inTask(result(target), one.path, target.foreach !== undefined)
      }
      case "root":
        return root(one, task)
      case "secret":
        return ValueSchema.text
      case "literal":
        return ValueSchema.constant(one.value)
      case "unknown":
        return undefined
    }
  }

  const root = (
    { path, root }: Extract<Reference.Alternative, { readonly kind: "root" }>,
    task: Task | undefined
  ): Value => {
    const [name, ...rest] = path
    switch (root) {
      case "inputs": {
        const { inputs = {} } = workflow
        const input = name !== undefined && Object.hasOwn(inputs, name) ? inputs[name] : undefined
        return input && (input.secret === true ? ValueSchema.text : ValueSchema.at(ValueSchema.of(input.schema), rest))
      }
      case "env":
        return rest.length === 0 && name !== undefined ? ValueSchema.text : undefined
      case "run":
        return ValueSchema.at(run, path)
      case "index":
        return path.length === 0 ? index : undefined
      case "iteration":
        return path.length === 0 ? iteration : undefined
      case "item":
        return task && ValueSchema.at(item(task), path)
      case "result":
        return task && ValueSchema.inResult(result(task), path)
      case "previous": {
        if (task === undefined) return undefined
        const after = ValueSchema.inResult(result(task), path)
        // null before the first result, and `previous.result` of null is null
        const isWhole = path.length === 0 || name === "result" || name === "output"
        return isWhole ? ValueSchema.union([after, ValueSchema.constant(null)]) : after
      }
      default:
        return undefined
    }
  }

  const template = (json: Schema.Json, task: Task | undefined): Value => {
    if (typeof json === "string") {
      if (!json.includes("${")) return ValueSchema.constant(json)
      const [part, more] = Reference.parse(json, names)
      return part === undefined || typeof part === "string" || more !== undefined
        ? ValueSchema.text
        : reference(part, task)
    }
    if (isArray(json)) {
      const items = json.length > maxItems ? undefined : ValueSchema.union(json.map((item) => template(item, task)))
      return ValueSchema.written(ValueSchema.list(items))
    }
    if (!isObject(json)) return ValueSchema.constant(json)
    const fields = new Map(Object.entries(json).map(([name, field]) => [name, template(field, task)]))
    return ValueSchema.written(ValueSchema.record(fields))
  }

  const expression: KnownValues["expression"] = (text, task) =>
    ExpressionCheck.read(text, names, (spoken) => reference(spoken, task))

  return { result, item, reference, template, expression }
}

// internal

/** What is longer is not looked at item by item. */
const maxItems = 100

const status = ValueSchema.of({ enum: ["completed", "failed", "skipped"] })
const index = ValueSchema.of({ type: "integer", minimum: 0 })
const iteration = ValueSchema.of({ type: "integer", minimum: 1 })
const run = ValueSchema.of({
  type: "object",
  properties: { id: { type: "string" }, name: { type: "string" }, started_at: { type: "number" } },
  required: ["id", "name", "started_at"],
  additionalProperties: false
})

/** Whoever carries it out. */
const promised = (contracts: ReadonlyArray<Contract>): Value =>
  contracts.length === 0
    ? undefined
    : ValueSchema.union([...new Set(contracts.map(({ result }) => result))].map((schema) => ValueSchema.of(schema)))

const outputs = (workflow: Workflow, contractsOf: (task: Task) => ReadonlyArray<Contract>): Value => {
  const values = make(workflow, contractsOf)
  const names = Reference.names(workflow)
  const unsureOf = unsure(workflow)
  const fields = new Map<string, Value>()
  const open = new Set<string>()
  for (const [name, output] of Object.entries(workflow.outputs ?? {})) {
    fields.set(name, values.template(output, undefined))
    const { references } = Reference.compile(output, names)
    if (references.some((reference) => Reference.needs(reference).some((id) => unsureOf.has(id)))) open.add(name)
  }
  return ValueSchema.record(fields, open)
}
