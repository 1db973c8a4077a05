/**
 * `${…}` and expressions of a workflow: whether what they speak of is there, is declared, and may be spoken of in that
 * place. What is found about dependencies goes into the graph of `Check`.
 */
import type { JsonSchema, Schema } from "effect"
import * as Condition from "./Condition.ts"
import type { Contract } from "./Contract.ts"
import { nearest } from "./Diagnostic.ts"
import type { At, Say } from "./Complaints.ts"
import { some } from "./JsonSchemaWords.ts"
import * as Reference from "./Reference.ts"
import { dead, isOpen } from "./ResultPath.ts"
import * as TaskResult from "./TaskResult.ts"
import type { CanonicalPath } from "./WorkflowFile.ts"
import type { Task, Workflow } from "./Workflow.ts"

/** That one task depends on another, and where it says so. */
export type Depend = (task: number, on: string, at: At) => void

/**
 * `methods`: contracts by method; without one, paths into the results of a task are not looked at. `outer`: names of the
 * tasks around a nested workflow, which nothing in it may speak of. What is nested in it is not looked at.
 */
export const references = (
  workflow: Workflow,
  methods: ReadonlyMap<string, Contract>,
  outer: Reference.Names | undefined,
  depend: Depend,
  say: Say
): void => {
  const known = knownOf(workflow, methods, outer)
  for (const [number, task] of workflow.tasks.entries()) {
    const place = (key: string, path: CanonicalPath = [key]): Place => ({
      path: ["tasks", number, ...path],
      key,
      task,
      depend: (on, at) => depend(number, on, at)
    })
    template(task.params, place(task.workflow === undefined ? "params" : "inputs", ["params"]), known, say)
    if (task.if !== undefined) expression(task.if, place("if"), known, say)
    if (typeof task.foreach === "string") expression(task.foreach, place("foreach"), known, say)
    else if (task.foreach !== undefined) template(task.foreach, place("foreach"), known, say)
    if (task.repeat !== undefined) expression(task.repeat.until, place("until", ["repeat", "until"]), known, say)
    if (task.cache?.key !== undefined) template(task.cache.key, place("cache.key", ["cache", "key"]), known, say)
  }
  const isListed = resultsAsTheyAre(workflow, known.names)
  for (const [name, value] of Object.entries(workflow.outputs ?? {})) {
    const key = outer !== undefined && isListed ? "results" : "outputs"
    template(value, { path: ["outputs", name], key, task: undefined, depend: () => {} }, known, say)
  }
}

// internal

interface Place {
  readonly path: CanonicalPath
  /** The key of the task in its document, or `outputs`; `results` of a nested workflow that has no outputs of its own. */
  readonly key: string
  /** Whose it is. */
  readonly task: Task | undefined
  readonly depend: (on: string, at: At) => void
}

/** What there is to speak of. */
interface Known {
  readonly workflow: Workflow
  readonly names: Reference.Names
  /** Around it. `undefined`: it is not nested. */
  readonly outer: Reference.Names | undefined
  readonly secretInputs: ReadonlySet<string>
  readonly tasks: ReadonlyMap<string, Task>
  /** Why a task may have no value, by its id. */
  readonly unsure: ReadonlyMap<string, string>
  /** What is known of a task's result. */
  readonly schemaOf: (task: Task) => JsonSchema.JsonSchema | undefined
}

const knownOf = (
  workflow: Workflow,
  methods: ReadonlyMap<string, Contract>,
  outer: Reference.Names | undefined
): Known => {
  const nested = new Map<Task, JsonSchema.JsonSchema | undefined>()
  return {
    workflow,
    names: Reference.names(workflow),
    outer,
    secretInputs: new Set(
      Object.entries(workflow.inputs ?? {}).flatMap(([name, { secret }]) => (secret === true ? [name] : []))
    ),
    tasks: new Map(workflow.tasks.map((task) => [task.id, task])),
    unsure: TaskResult.unsure(workflow),
    schemaOf: (task) => {
      if (task.workflow === undefined) return TaskResult.schemaOf(task, methods)
      if (!nested.has(task)) nested.set(task, TaskResult.schemaOf(task, methods))
      return nested.get(task)
    }
  }
}

/** What the reader makes the outputs of a nested workflow that has none: nobody asked for each of them. */
const resultsAsTheyAre = ({ outputs = {}, tasks }: Workflow, names: Reference.Names): boolean =>
  Object.keys(outputs).length === tasks.length && tasks.every(({ id }) => outputs[id] === Reference.ofTask(id, names))

const template = (value: Schema.Json, place: Place, known: Known, say: Say): void => {
  for (const reference of Reference.compile(value, known.names, known.secretInputs).references) {
    const at: At = { path: [...place.path, ...reference.at], offset: reference.offset }
    for (const one of reference.alternatives) {
      if (one.kind === "unknown") unknown(one, reference, at, known, say)
      else alternative(one, at, place, known, say)
    }
    open(reference, at, place, known, say)
    for (const id of Reference.needs(reference)) needed(id, at, place, known, say)
  }
}

const unknown = (
  { issue, suggestion }: Extract<Reference.Alternative, { readonly kind: "unknown" }>,
  { raw }: Reference.Reference,
  at: At,
  { outer = new Map() }: Known,
  say: Say
): void => {
  const [around] = outer.size === 0 ? [] : Reference.parse(raw, outer)
  const [task] = around === undefined || typeof around === "string" ? [] : Reference.tasks(around)
  if (task === undefined) say(at, "unknown-reference", `${short(raw)}: ${issue}`, { suggestion })
  else {
    const message = `${short(raw)}: "${task}" is a task outside of the nested workflow: give its value under \`inputs\``
    say(at, "unknown-reference", message)
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
  const schema = target === undefined ? undefined : known.schemaOf(target)
  if (target === undefined || schema === undefined) return
  const each = target.foreach !== undefined
  if (!isOpen(schema, one.path, each) || dead(schema, one.path, each) !== undefined) return
  const field = `the result of "${one.task}" (${target.method}) need not have "${String(one.path.find((step) => typeof step === "string"))}"`
  const remedy =
    key === "if" || key === "foreach" || key === "until"
      ? "ask with `has(...)` first"
      : "`??` and another value goes on without it"
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
  } else if (one.kind === "root") root(one, at, place, known, say, optional)
  else if (one.kind === "secret") secret(one.name, at, place, known, say)
}

const path = (
  { path, task }: Extract<Reference.Alternative, { readonly kind: "task" }>,
  at: At,
  { schemaOf, tasks }: Known,
  say: Say
): void => {
  const target = tasks.get(task)
  const schema = target === undefined ? undefined : schemaOf(target)
  if (target === undefined || schema === undefined) return
  const found = dead(schema, path, target.foreach !== undefined)
  if (found === undefined) return
  const message = `the result of "${task}" (${target.method}): ${found.message}`
  const { certain, suggestion } = found
  say(at, "unknown-field", message, { suggestion, severity: certain ? "error" : "warning" })
}

const root = (
  { path, root }: Extract<Reference.Alternative, { readonly kind: "root" }>,
  at: At,
  place: Place,
  known: Known,
  say: Say,
  optional: boolean
): void => {
  const { env = [], inputs = {} } = known.workflow
  const name = path[0] === undefined ? undefined : String(path[0])
  if (root === "item" || root === "index") {
    if (place.key === "foreach")
      say(at, "misplaced-reference", `\`${root}\` is there once the list is: not in the \`foreach\` itself`)
    else if (place.task?.foreach === undefined)
      say(at, "misplaced-reference", `\`${root}\` is there only in a task with \`foreach\`${given(known)}`)
  } else if (root === "previous" || root === "iteration" || root === "result") {
    iterated(root, optional ? [] : path, at, place, known, say)
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

/** What is there in a task with `repeat` alone, and there not everywhere. */
const iterated = (
  root: "previous" | "iteration" | "result",
  path: Reference.Path,
  at: At,
  { key, task }: Place,
  known: Known,
  say: Say
): void => {
  if (task?.repeat === undefined) {
    const inner = root === "result" ? "" : given(known)
    say(at, "misplaced-reference", `\`${root}\` is there only in a task with \`repeat\`${inner}`)
  } else if (key === "if" || key === "foreach") {
    const message = `\`${root}\` is there once the task runs: not in its \`${key}\``
    say(at, "misplaced-reference", message)
  } else if (root === "result" && key !== "until") {
    const message = "`result` is there once an iteration is over, in `until`: what it was before is `previous`"
    say(at, "misplaced-reference", message, { suggestion: "previous" })
  } else if (root !== "iteration") {
    const schema = known.schemaOf(task)
    const found = schema === undefined ? undefined : dead(schema, path, false)
    if (found === undefined) return
    const { certain, message, suggestion } = found
    const severity = certain ? "error" : "warning"
    say(at, "unknown-field", `\`${root}\` (${task.method}): ${message}`, { suggestion, severity })
  }
}

const given = ({ outer }: Known): string =>
  outer === undefined ? "" : "; what is around a nested workflow is given to it under `inputs`"

const runFields = ["id", "name", "started_at"]

const secret = (name: string, at: At, { key }: Place, { secretInputs, workflow }: Known, say: Say): void => {
  const { secrets = [] } = workflow
  if (key === "inputs") {
    const message = "a secret cannot be given to a nested workflow: list it under the `secrets` of the nested workflow"
    say(at, "misplaced-secret", message)
  } else if (key !== "params") {
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
  if (why === undefined || key === "results") return
  const then = key === "outputs" ? "the output is left out then" : "this task is skipped then"
  const remedy =
    key === "if" || key === "foreach" || key === "until" ? "" : "; `??` and another value goes on without it"
  say(at, "may-be-missing", `"${id}" ${why}: ${then}${remedy}`, { severity: "warning" })
}

const short = (raw: string): string => (raw.length > 60 ? `${raw.slice(0, 59)}…` : raw)
