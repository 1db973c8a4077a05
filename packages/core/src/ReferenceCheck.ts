/**
 * `${…}` and expressions of a workflow: whether what they speak of is there, is declared, and may be spoken of in that
 * place. What is found about dependencies goes into the graph of `Check`.
 */
import type { Schema } from "effect"
import { type Catalog, contractsOf } from "./CallCheck.ts"
import * as Condition from "./Condition.ts"
import { type Contract, marks } from "./Contract.ts"
import { nearest } from "./Diagnostic.ts"
import type { At, Say } from "./Complaints.ts"
import { noCondition, noList } from "./ExpressionCheck.ts"
import { some } from "./JsonSchemaWords.ts"
import * as KnownValues from "./KnownValues.ts"
import * as Lookup from "./Lookup.ts"
import * as Reference from "./Reference.ts"
import { dead, deadBelow, isOpen } from "./ResultPath.ts"
import { described, difference, isDisjoint } from "./SchemaMatch.ts"
import { unsure } from "./TaskResult.ts"
import * as ValueSchema from "./ValueSchema.ts"
import type { Value } from "./ValueSchema.ts"
import type { CanonicalPath } from "./WorkflowFile.ts"
import type { Task, Workflow } from "./Workflow.ts"

/** That one task depends on another, and where it says so. */
export type Depend = (task: number, on: string, at: At) => void

/**
 * `catalog`: what can be called; without a contract, paths into the results of a task are not looked at. `outer`: names
 * of the tasks around a nested workflow, which nothing in it may speak of. What is nested in it is not looked at.
 */
export const references = (
  workflow: Workflow,
  catalog: Catalog,
  outer: Reference.Names | undefined,
  depend: Depend,
  say: Say
): void => {
  const known = knownOf(workflow, catalog, outer)
  for (const [number, task] of workflow.tasks.entries()) {
    const place = (key: string, path: CanonicalPath = [key]): Place => ({
      path: ["tasks", number, ...path],
      key,
      task,
      depend: (on, at) => depend(number, on, at)
    })
    const inputs = task.workflow === undefined ? "params" : "inputs"
    template(task.params, { ...place(inputs, ["params"]), takes: known.takes(task) }, known, say)
    for (const name of known.formulas(task)) {
      const text = task.params[name]
      if (typeof text === "string") formula(text, place(name, ["params", name]), known, say)
    }
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
  /** What is taken at a place of it. Absent: anything. */
  readonly takes?: (path: Reference.Path) => Value
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
  readonly values: KnownValues.KnownValues
  /** What a task takes at a place of its params. */
  readonly takes: (task: Task) => (path: Reference.Path) => Value
  /** Names of the params of a task that are CEL. */
  readonly formulas: (task: Task) => ReadonlyArray<string>
}

const knownOf = (workflow: Workflow, catalog: Catalog, outer: Reference.Names | undefined): Known => {
  const contracts = (task: Task) => contractsOf(task, catalog)
  return {
    workflow,
    names: Reference.names(workflow),
    outer,
    secretInputs: new Set(
      Object.entries(workflow.inputs ?? {}).flatMap(([name, { secret }]) => (secret === true ? [name] : []))
    ),
    tasks: new Map(workflow.tasks.map((task) => [task.id, task])),
    unsure: unsure(workflow),
    values: KnownValues.make(workflow, contracts),
    takes: (task) => (path) => {
      const [name, ...rest] = path
      if (task.workflow !== undefined) {
        const { inputs = {} } = task.workflow
        const input = Object.hasOwn(inputs, String(name)) ? inputs[String(name)] : undefined
        return input && ValueSchema.at(ValueSchema.of(input.schema), rest)
      }
      const able = contracts(task)
      // code gets its references beside it
      const isCode = able.some((contract) => codeOf(contract).has(String(name)))
      if (isCode || able.length === 0) return undefined
      return able.length === 1 && rest.length === 0
        ? paramOf(able[0]!.params, String(name))
        : ValueSchema.union(able.map(({ params }) => ValueSchema.at(ValueSchema.of(params), path)))
    },
    formulas: (task) => {
      const [contract] = contracts(task)
      if (contract === undefined) return []
      return [...codeOf(contract)].flatMap(([name, language]) => (language === "cel" ? [name] : []))
    }
  }
}

/** Many tasks of a large workflow give the same params. */
const paramOf = (params: Contract["params"], name: string): Value => {
  let known = taken.get(params)
  if (known === undefined) taken.set(params, (known = new Map()))
  if (!known.has(name)) known.set(name, ValueSchema.at(ValueSchema.of(params), [name]))
  return known.get(name)
}

const taken = new WeakMap<object, Map<string, Value>>()

/** The languages of the params that are code, by name. */
const codeOf = (contract: Contract): ReadonlyMap<string, string> => {
  let found = codes.get(contract)
  if (found === undefined) {
    found = new Map(
      [...marks(contract)].flatMap(([name, mark]) => (mark.kind === "code" ? [[name, mark.language]] : []))
    )
    codes.set(contract, found)
  }
  return found
}

const codes = new WeakMap<Contract, ReadonlyMap<string, string>>()

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
    if (place.takes !== undefined) fitting(reference, textAt(value, reference.at), place.takes, at, place, known, say)
  }
}

/** What the reference will be, against what is taken where it stands: itself if it stands alone, else text. */
const fitting = (
  reference: Reference.Reference & { readonly at: Reference.Path },
  written: Schema.Json | undefined,
  takes: NonNullable<Place["takes"]>,
  at: At,
  { task }: Place,
  { values }: Known,
  say: Say
): void => {
  const wanted = takes(reference.at)
  if (wanted === undefined) return
  const isAlone = written === reference.raw
  const given = isAlone ? values.reference(reference, task) : ValueSchema.text
  if (!isDisjoint(given, wanted)) return
  const name = `\`${Lookup.format(reference.at).replace(/^\./, "")}\``
  const subject = isAlone ? `\`${short(reference.raw)}\`` : `\`${short(reference.raw)}\` in a text`
  const why = difference(given, wanted)
  say(
    at,
    "type-mismatch",
    why === undefined
      ? `${subject} is ${described(given)}, ${name} takes ${described(wanted)}`
      : `${subject} does not fit ${name}: ${why}`
  )
}

const textAt = (json: Schema.Json, path: Reference.Path): Schema.Json | undefined => Lookup.inValue(json, path, 0)

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

const expression = (text: string, place: Place, known: Known, sayAt: Say): void => {
  let isWrong = false
  const say: Say = (at, code, message, more = {}) => {
    if (more.severity !== "warning") isWrong = true
    sayAt(at, code, message, more)
  }
  const { problems, references } = Condition.compile(text, known.names, known.secretInputs)
  for (const { message, offset, suggestion } of problems) {
    say({ path: place.path, offset }, "invalid-expression", `\`${place.key}\`: ${message}`, { suggestion })
  }
  // what the expression itself asks for
  const asked = new Set(references.flatMap(({ asks, reference }) => (asks === true ? [fieldOf(reference)] : [])))
  for (const { asks = false, optional, reference } of references) {
    const at: At = { path: place.path, offset: reference.offset }
    for (const one of reference.alternatives) {
      // secrets and what is unknown are among the problems
      if (one.kind === "root" || one.kind === "task") alternative(one, at, place, known, say, asks)
    }
    if (optional) continue
    if (!asked.has(fieldOf(reference))) open(reference, at, place, known, say)
    for (const id of Reference.needs(reference)) needed(id, at, place, known, say)
  }
  // of what is not there, or not in this place, nothing follows
  if (isWrong) return
  const reading = known.values.expression(text, place.task)
  for (const { code, message, offset, severity, suggestion } of reading.issues) {
    say({ path: place.path, offset }, code, `\`${place.key}\`: ${message}`, { suggestion, severity })
  }
  const wrong = place.key === "foreach" ? noList(reading) : noCondition(reading)
  if (wrong !== undefined) say({ path: place.path }, "type-mismatch", `\`${place.key}\`: ${wrong}`)
}

/** CEL that a task computes: only what stands in `${...}` has a value there, and has been looked at as a reference. */
const formula = (text: string, place: Place, known: Known, say: Say): void => {
  const { problems, references } = Condition.compile(text, known.names, known.secretInputs)
  const bare = references.filter(({ reference }) => !reference.raw.startsWith("${"))
  const wrong = problems.filter(({ offset }) => !text.startsWith("${", offset))
  for (const { message, offset, suggestion } of wrong) {
    say({ path: place.path, offset }, "invalid-expression", `\`${place.key}\`: ${message}`, { suggestion })
  }
  for (const { reference } of bare) {
    const message = `\`${place.key}\`: "${reference.raw}" has no value here: write it as a reference, in \`\${...}\``
    say({ path: place.path, offset: reference.offset }, "invalid-expression", message, {
      suggestion: `\${${reference.raw}}`
    })
  }
  if (problems.length > 0 || bare.length > 0) return
  for (const { code, message, offset, severity, suggestion } of known.values.expression(text, place.task).issues) {
    say({ path: place.path, offset }, code, `\`${place.key}\`: ${message}`, { suggestion, severity })
  }
}

/** The field of a result that a reference takes. */
const fieldOf = ({ alternatives: [one] }: Reference.Reference): string | undefined =>
  one?.kind === "task" ? JSON.stringify([one.task, one.path.find((step) => typeof step === "string")]) : undefined

/** A field that the result need not have, and nothing that steps in for it. */
const open = ({ alternatives }: Reference.Reference, at: At, { key }: Place, known: Known, say: Say): void => {
  const [one, other] = alternatives
  if (one?.kind !== "task" || one.status === true || other !== undefined) return
  const target = known.tasks.get(one.task)
  if (target === undefined) return
  const each = target.foreach !== undefined
  const value = known.values.result(target)
  if (!isOpen(value, one.path, each) || dead(value, one.path, each) !== undefined) return
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

const alternative = (one: Reference.Alternative, at: At, place: Place, known: Known, say: Say, asks = false): void => {
  if (one.kind === "task") {
    place.depend(one.task, at)
    if (one.status === undefined) path(one, asks, at, known, say)
  } else if (one.kind === "root") root(one, at, place, known, say, asks)
  else if (one.kind === "secret") secret(one.name, at, place, known, say)
}

/** The steps that must find something. */
const sure = (path: Reference.Path, asks: boolean): Reference.Path => (asks ? path.slice(0, -1) : path)

const path = (
  { path, task }: Extract<Reference.Alternative, { readonly kind: "task" }>,
  asks: boolean,
  at: At,
  { tasks, values }: Known,
  say: Say
): void => {
  const target = tasks.get(task)
  const found = target && dead(values.result(target), sure(path, asks), target.foreach !== undefined)
  if (target === undefined || found === undefined) return
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
  asks: boolean
): void => {
  const { env = [], inputs = {} } = known.workflow
  const name = path[0] === undefined ? undefined : String(path[0])
  if (root === "item" || root === "index") {
    if (place.key === "foreach")
      say(at, "misplaced-reference", `\`${root}\` is there once the list is: not in the \`foreach\` itself`)
    else if (place.task?.foreach === undefined)
      say(at, "misplaced-reference", `\`${root}\` is there only in a task with \`foreach\`${given(known)}`)
    else if (root === "item") inItem(sure(path, asks), at, place.task, known, say)
  } else if (root === "previous" || root === "iteration" || root === "result") {
    iterated(root, sure(path, asks), at, place, known, say)
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
  } else if (root === "inputs" && name !== undefined) inInput(name, sure(path, asks), at, known, say)
}

const inItem = (path: Reference.Path, at: At, task: Task, { values }: Known, say: Say): void => {
  const found = deadBelow(values.item(task), path)
  if (found === undefined) return
  say(at, "unknown-field", `the items of \`foreach\`: ${found.message}`, { suggestion: found.suggestion })
}

const inInput = (name: string, path: Reference.Path, at: At, { secretInputs, workflow }: Known, say: Say): void => {
  const input = workflow.inputs?.[name]
  const found =
    input === undefined || secretInputs.has(name) ? undefined : deadBelow(ValueSchema.of(input.schema), path.slice(1))
  if (found === undefined) return
  say(at, "unknown-field", `the input "${name}": ${found.message}`, { suggestion: found.suggestion })
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
    const found = dead(known.values.result(task), path, false)
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
