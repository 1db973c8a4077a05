/**
 * What is known of a workflow's values before it runs: its inputs, its environment, the items of a list that stands in
 * the document. Whatever hangs on a result of a task is not. Pure.
 */
import { Result, type Schema } from "effect"
import type { Range } from "./Bounds.ts"
import type { Condition } from "./Condition.ts"
import type { Values } from "./Inputs.ts"
import { isArray, isObject } from "./Json.ts"
import { isCondition, type PlannedTask } from "./Plan.ts"
import * as Reference from "./Reference.ts"
import type { Root } from "./Task.ts"
import type { Task, Workflow } from "./Workflow.ts"

export interface Given {
  readonly inputs: Values
  /** Inputs that have a value which is not known. One that is in neither has none. */
  readonly unknown: ReadonlySet<string>
  readonly env: { readonly [name: string]: string }
  /** How many results the tasks with a `foreach` give, by their ids. */
  readonly lengths?: ReadonlyMap<string, Range>
  /** Of a `foreach`, where it is about one of its items. */
  readonly item?: { readonly index: number; readonly value: Schema.Json }
}

/** What a template comes to; undefined when that is not known, or when it comes to nothing. */
export const value = (known: Given, { references, resolve }: Reference.Template): Schema.Json | undefined => {
  if (!references.every((reference) => isKnown(known, reference))) return undefined
  const resolved = resolve(scope(known))
  return Result.isSuccess(resolved) ? resolved.success : undefined
}

/** What a condition comes to, `undefined` when that is not known. One that fails lets its task run as little as a false one. */
export const holds = (known: Given, condition: Condition): boolean | undefined => {
  if (!condition.references.every(({ reference }) => isKnown(known, reference))) return undefined
  const tested = condition.test(scope(known))
  return Result.isSuccess(tested) && tested.success
}

/** The items of a `foreach`; how many there are, where it is that alone what is known; `undefined` when nothing is. */
export const items = (known: Given, { each, task }: PlannedTask): ReadonlyArray<Schema.Json> | Range | undefined => {
  if (each === undefined) return undefined
  if (!isCondition(each)) {
    const list = value(known, each)
    if (isArray(list)) return list
    return isArray(task.foreach) ? { least: task.foreach.length, most: task.foreach.length } : undefined
  }
  if (!each.references.every(({ reference }) => isKnown(known, reference))) {
    const [only, another] = each.references
    const isAlone = another === undefined && only?.reference.raw === String(task.foreach).trim()
    return isAlone ? lengthOf(known, only.reference) : undefined
  }
  const list = each.evaluate(scope(known))
  // what is no list fails its task before a call
  return Result.isSuccess(list) && isArray(list.success) ? list.success : []
}

/** The same of a workflow that is nested in a task. */
export const inside = (known: Given, { params }: Task, { inputs = {} }: Workflow, names: Reference.Names): Given => {
  const values: Record<string, Schema.Json> = {}
  const unknown = new Set<string>()
  for (const [name, { default: byDefault }] of Object.entries(inputs)) {
    const written = Object.hasOwn(params, name) ? params[name] : undefined
    const given = written === undefined ? byDefault : plain(known, Reference.compile(written, names))
    if (given !== undefined) values[name] = given
    else if (written !== undefined) unknown.add(name)
  }
  return { inputs: values, unknown, env: known.env }
}

/** Params as they might be: texts that are not known yet are some text. For whoever is asked about all but those. */
export const guess = (known: Given, params: Schema.Json, names: Reference.Names): Schema.Json => {
  if (typeof params === "string") return value(known, Reference.compile(params, names)) ?? params
  if (isArray(params)) return params.map((one) => guess(known, one, names))
  if (!isObject(params)) return params
  return Object.fromEntries(Object.entries(params).map(([name, one]) => [name, guess(known, one, names)]))
}

// internal

/** Of the results of all items, or of a field of each. */
const lengthOf = ({ lengths }: Given, { alternatives: [one, other] }: Reference.Reference): Range | undefined => {
  if (one?.kind !== "task" || other !== undefined || one.status !== undefined) return undefined
  const [step, further] = one.path
  const ofEach = step === undefined || (typeof step === "string" && step !== "error" && step !== "failures")
  return ofEach && further === undefined ? lengths?.get(one.task) : undefined
}

/** A marker in place of a secret is no value. */
const plain = (known: Given, template: Reference.Template): Schema.Json | undefined =>
  template.secrets.length > 0 ? undefined : value(known, template)

const scope = ({ env, inputs, item }: Given): Reference.Scope => ({
  task: () => undefined,
  root: (root: Root) =>
    root === "inputs"
      ? inputs
      : root === "env"
        ? env
        : root === "item"
          ? item?.value
          : root === "index"
            ? item?.index
            : undefined
})

/** Its sources are known up to the first that has a value. */
const isKnown = (known: Given, reference: Reference.Reference): boolean => {
  for (const one of reference.alternatives) {
    if (one.kind === "secret" || one.kind === "literal") return true
    if (one.kind !== "root" || !isGiven(known, one)) return false
    if (Reference.reader({ ...reference, alternatives: [one] })(scope(known)) !== undefined) return true
  }
  return true
}

const isGiven = (
  { item, unknown }: Given,
  { path, root }: Extract<Reference.Alternative, { readonly kind: "root" }>
): boolean => {
  switch (root) {
    case "env":
      return true
    case "item":
    case "index":
      return item !== undefined
    case "inputs":
      return path[0] === undefined ? unknown.size === 0 : !unknown.has(String(path[0]))
    default:
      return false
  }
}
