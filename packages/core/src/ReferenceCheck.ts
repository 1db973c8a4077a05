/**
 * `${…}` and expressions of a workflow: whether what they speak of is there, is declared, and may be spoken of in that
 * place. What is found about dependencies goes into the graph of `Check`.
 */
import type { Schema } from "effect"
import * as Condition from "./Condition.ts"
import type { Contract } from "./Contract.ts"
import { nearest } from "./Diagnostic.ts"
import type { At, Say } from "./Complaints.ts"
import { some } from "./JsonSchemaWords.ts"
import * as Reference from "./Reference.ts"
import { dead, isOpen } from "./ResultPath.ts"
import type { Root, Task } from "./Task.ts"
import type { CanonicalPath } from "./WorkflowFile.ts"
import type { Workflow } from "./Workflow.ts"

/** That one task depends on another, and where it says so. */
export type Depend = (task: number, on: string, at: At) => void

/** `methods`: contracts by method; without one, paths into the results of a task are not looked at. */
export const references = (
  workflow: Workflow,
  methods: ReadonlyMap<string, Contract>,
  depend: Depend,
  say: Say
): void => {
  const known = knownOf(workflow, methods)
  for (const [number, task] of workflow.tasks.entries()) {
    const place = (key: string): Place => ({
      path: ["tasks", number, key],
      key,
      isFan: task.foreach !== undefined,
      depend: (on, at) => depend(number, on, at)
    })
    template(task.params, place("params"), known, say)
    if (task.if !== undefined) expression(task.if, place("if"), known, say)
    if (typeof task.foreach === "string") expression(task.foreach, place("foreach"), known, say)
    else if (task.foreach !== undefined) template(task.foreach, place("foreach"), known, say)
  }
  for (const [name, value] of Object.entries(workflow.outputs ?? {})) {
    template(value, { path: ["outputs", name], key: "outputs", isFan: false, depend: () => {} }, known, say)
  }
}

// internal

interface Place {
  readonly path: CanonicalPath
  /** The task's key, or `outputs`. */
  readonly key: string
  /** Of a task with `foreach`. */
  readonly isFan: boolean
  readonly depend: (on: string, at: At) => void
}

/** What there is to speak of. */
interface Known {
  readonly workflow: Workflow
  readonly names: Reference.Names
  readonly secretInputs: ReadonlySet<string>
  readonly tasks: ReadonlyMap<string, Task>
  /** Why a task may have no value, by its id. */
  readonly unsure: ReadonlyMap<string, string>
  readonly methods: ReadonlyMap<string, Contract>
}

const knownOf = (workflow: Workflow, methods: ReadonlyMap<string, Contract>): Known => {
  const names = Reference.names(workflow)
  const unsure = new Map<string, string>()
  for (const task of workflow.tasks) {
    // an item that is skipped or fails is left out of the list
    const isPerItem =
      task.if !== undefined &&
      task.foreach !== undefined &&
      Condition.compile(task.if, names).roots.some((root) => root === "item" || root === "index")
    if (task.if !== undefined && !isPerItem) unsure.set(task.id, "may be skipped (it has an `if`)")
    else if (task.on_error === "continue" && task.foreach === undefined) {
      unsure.set(task.id, "may fail and the run goes on (`on_error: continue`)")
    }
  }
  return {
    workflow,
    names,
    secretInputs: new Set(
      Object.entries(workflow.inputs ?? {}).flatMap(([name, { secret }]) => (secret === true ? [name] : []))
    ),
    tasks: new Map(workflow.tasks.map((task) => [task.id, task])),
    unsure,
    methods
  }
}

const template = (value: Schema.Json, place: Place, known: Known, say: Say): void => {
  for (const reference of Reference.compile(value, known.names, known.secretInputs).references) {
    const at: At = { path: [...place.path, ...reference.at], offset: reference.offset }
    for (const one of reference.alternatives) {
      if (one.kind === "unknown") {
        say(at, "unknown-reference", `${short(reference.raw)}: ${one.issue}`, { suggestion: one.suggestion })
      } else alternative(one, at, place, known, say)
    }
    open(reference, at, place, known, say)
    for (const id of Reference.needs(reference)) needed(id, at, place, known, say)
  }
}

const expression = (text: string, place: Place, known: Known, say: Say): void => {
  const { problems, references } = Condition.compile(text, known.names, known.secretInputs)
  for (const { message, offset, suggestion } of problems) {
    say({ path: place.path, offset }, "invalid-expression", `\`${place.key}\`: ${message}`, { suggestion })
  }
  for (const { optional, reference } of references) {
    const at: At = { path: place.path, offset: reference.offset }
    for (const one of reference.alternatives) {
      // secrets and what is unknown are among the problems
      if (one.kind === "root" || one.kind === "task") alternative(one, at, place, known, say, optional)
    }
    if (optional) continue
    open(reference, at, place, known, say)
    for (const id of Reference.needs(reference)) needed(id, at, place, known, say)
  }
}

/** A field that the result need not have, and nothing that steps in for it. */
const open = ({ alternatives }: Reference.Reference, at: At, { key }: Place, known: Known, say: Say): void => {
  const [one, other] = alternatives
  if (one?.kind !== "task" || one.status === true || other !== undefined) return
  const target = known.tasks.get(one.task)
  const contract = target === undefined ? undefined : known.methods.get(target.method)
  if (target === undefined || contract === undefined) return
  const each = target.foreach !== undefined
  if (!isOpen(contract.result, one.path, each) || dead(contract.result, one.path, each) !== undefined) return
  const field = `the result of "${one.task}" (${target.method}) need not have "${String(one.path.find((step) => typeof step === "string"))}"`
  const remedy =
    key === "if" || key === "foreach" ? "ask with `has(...)` first" : "`??` and another value goes on without it"
  say(
    at,
    "may-be-missing",
    `${field}: ${key === "outputs" ? "the output is left out then" : "this task fails then"}; ${remedy}`,
    {
      severity: "warning"
    }
  )
}

const alternative = (
  one: Reference.Alternative,
  at: At,
  place: Place,
  known: Known,
  say: Say,
  optional = false
): void => {
  if (one.kind === "task") {
    place.depend(one.task, at)
    if (one.status === undefined && !optional) path(one, at, known, say)
  } else if (one.kind === "root") root(one.root, one.path, at, place, known, say)
  else if (one.kind === "secret") secret(one.name, at, place, known, say)
}

const path = (
  { path, task }: Extract<Reference.Alternative, { readonly kind: "task" }>,
  at: At,
  { methods, tasks }: Known,
  say: Say
): void => {
  const target = tasks.get(task)
  const contract = target === undefined ? undefined : methods.get(target.method)
  if (target === undefined || contract === undefined) return
  const found = dead(contract.result, path, target.foreach !== undefined)
  if (found === undefined) return
  const message = `the result of "${task}" (${target.method}): ${found.message}`
  const { certain, suggestion } = found
  say(at, "unknown-field", message, { suggestion, severity: certain ? "error" : "warning" })
}

const root = (root: Root, path: Reference.Path, at: At, place: Place, known: Known, say: Say): void => {
  const { env = [], inputs = {} } = known.workflow
  const name = path[0] === undefined ? undefined : String(path[0])
  if (root === "item" || root === "index") {
    if (place.key === "foreach")
      say(at, "misplaced-reference", `\`${root}\` is there once the list is: not in the \`foreach\` itself`)
    else if (!place.isFan) say(at, "misplaced-reference", `\`${root}\` is there only in a task with \`foreach\``)
  } else if (root === "previous" || root === "iteration" || root === "result") {
    say(at, "misplaced-reference", `\`${root}\` is there only in a task with \`repeat\``)
  } else if (root === "inputs" && name !== undefined && !Object.hasOwn(inputs, name)) {
    const declared = Object.keys(inputs)
    const message = `the input "${name}" is not declared under \`inputs\`${declared.length === 0 ? "" : `, expected ${some(declared)}`}`
    say(at, "undeclared-input", message, { suggestion: nearest(name, declared) })
  } else if (root === "env" && name !== undefined && !env.includes(name)) {
    say(at, "undeclared-env", `the variable "${name}" is not listed under \`env\``, { suggestion: nearest(name, env) })
  } else if (root === "run" && name !== undefined && !runFields.includes(name)) {
    say(at, "unknown-field", `\`run\` has no "${name}", expected ${some(runFields)}`, {
      suggestion: nearest(name, runFields)
    })
  }
}

const runFields = ["id", "name", "started_at"]

const secret = (name: string, at: At, { key }: Place, { secretInputs, workflow }: Known, say: Say): void => {
  const { secrets = [] } = workflow
  if (key !== "params") {
    say(at, "misplaced-secret", `a secret cannot stand in \`${key}\`, only in the params of a task`)
  }
  if (secrets.includes(name) || (name.startsWith("inputs.") && secretInputs.has(name.slice("inputs.".length)))) return
  say(at, "undeclared-secret", `the secret "${name}" is not listed under \`secrets\``, {
    suggestion: nearest(name, secrets)
  })
}

/** The value of a task that may have none. */
const needed = (id: string, at: At, { key }: Place, { unsure }: Known, say: Say): void => {
  const why = unsure.get(id)
  if (why === undefined) return
  const then = key === "outputs" ? "the output is left out then" : "this task is skipped then"
  const remedy = key === "params" || key === "outputs" ? "; `??` and another value goes on without it" : ""
  say(at, "may-be-missing", `"${id}" ${why}: ${then}${remedy}`, { severity: "warning" })
}

const short = (raw: string): string => (raw.length > 60 ? `${raw.slice(0, 59)}…` : raw)
