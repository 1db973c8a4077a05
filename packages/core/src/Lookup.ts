/**
 * How a path is looked up in what a task left behind, and what is said when nothing is there. The first step alone
 * chooses: an own field of the result, else that field of `result`, else, for `result` and `output`, the value itself.
 * After it every step must exist; there is no second try further down.
 */
import type { Schema } from "effect"
import { nearest } from "./Diagnostic.ts"
import type { Alternative, Path, Reference, Step } from "./ReferenceSyntax.ts"
import type { Root } from "./Task.ts"

/** What a reference sees of a task that is over. */
export interface View {
  readonly status: "completed" | "failed" | "skipped"
  /** `undefined`: done without a value. */
  readonly result: Schema.Json | undefined
  /** `{code, name, message, data?}` after a failure, else `null`. */
  readonly error: Schema.Json
  /**
   * Of a `foreach`: its result is the list of the completed items' results. A step that is no number is taken from
   * every item, a number picks one: `${work.content[0]}` is `${work[0].content}`.
   */
  readonly fan?: {
    /** `[{index, error}]` */
    readonly failures: Schema.Json
  }
}

/** Where values come from. */
export interface Scope {
  /** `undefined` while the task is not over, which cannot happen in a checked workflow. */
  readonly task: (id: string) => View | undefined
  /** `undefined` where there is no such thing; never asked for `secrets` and `tasks`. */
  readonly root: (root: Root) => Schema.Json | undefined
}

/** How a reference gets its value; `undefined`: it has none, and `missing` says why. Secrets have none here. */
export const reader = ({ alternatives }: Reference): ((scope: Scope) => Schema.Json | undefined) => {
  const broken = alternatives.some(({ kind }) => kind === "unknown")
  const [only, ...others] = alternatives.map(readOf)
  if (broken || only === undefined) return () => undefined
  if (others.length === 0) return only
  return (scope) => {
    let value = only(scope)
    for (let i = 0; i < others.length && value === undefined; i++) value = others[i]?.(scope)
    return value
  }
}

/** Why a reference has no value. */
export const missing = ({ alternatives }: Reference, scope: Scope): string => {
  const unknown = alternatives.find((one) => one.kind === "unknown")
  return (unknown === undefined ? alternatives : [unknown]).map((one) => whyNot(one, scope)).join("; ")
}

/** `undefined`: nothing there. */
export const inTask = (view: View, path: Path): Schema.Json | undefined => {
  const step = path[0]
  if (step === undefined) return view.result
  if (view.fan !== undefined && step === "failures") return inValue(view.fan.failures, path, 1)
  if (view.fan !== undefined && step === "error") return inValue(view.error, path, 1)
  if (view.fan !== undefined && isList(view.result)) return inItems(view.result, path)
  const found = view.result === undefined ? undefined : first(view.result, step)
  return inValue(found === undefined && step === "error" ? view.error : found, path, 1)
}

/** Every step from number `from` on, no second try. */
export const inValue = (value: Schema.Json | undefined, path: Path, from: number): Schema.Json | undefined => {
  let found = value
  for (let i = from; i < path.length && found !== undefined; i++) found = own(found, path[i]!)
  return found
}

/** In a result that is no task's own: `previous`, and `result` in `until`. */
export const inResult = (result: Schema.Json | undefined, path: Path): Schema.Json | undefined => {
  const [step] = path
  return result === undefined || step === undefined ? result : inValue(first(result, step), path, 1)
}

/** Why `inTask` finds nothing: what was asked for, what exists there, and the nearest name. Never a value. */
export const missingInTask = (id: string, view: View | undefined, path: Path): string => {
  const task = `task "${id}"`
  if (view === undefined) return `${task} is not over`
  if (view.result === undefined && path[0] !== "error" && !(view.fan !== undefined && path[0] === "failures")) {
    return view.status === "completed"
      ? `${task} gave no value`
      : `${task} ${view.status === "skipped" ? "was skipped" : "failed"} and has no value`
  }
  const [step] = path
  if (view.fan !== undefined && isList(view.result) && typeof step === "string") {
    const without = view.result.findIndex((item) => first(item, step) === undefined)
    const item = view.result[without]
    if (item !== undefined) return nothingAt(`item [${without}] of ${task}`, [step], () => item, true)
  }
  return nothingAt(task, path, (part) => inTask(view, part), view.fan === undefined)
}

/** The same for a root. */
export const missingInRoot = (root: Root, value: Schema.Json | undefined, path: Path): string =>
  value === undefined
    ? `there is no \`${root}\` here`
    : isResult(root)
      ? nothingAt(`\`${root}\``, path, (part) => inResult(value, part), true)
      : nothingAt(`\`${root}\``, path, (part) => inValue(value, part, 0), false)

/** A path as it is written behind a name: `.rows[0]["two words"]`. */
export const format = (path: Path): string =>
  path
    .map((step) =>
      typeof step === "number"
        ? `[${step}]`
        : /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(step)
          ? `.${step}`
          : `[${JSON.stringify(step)}]`
    )
    .join("")

// internal

/** Its first step chooses, as in the result of a task. */
const isResult = (root: Root): boolean => root === "result" || root === "previous"

const isList = (value: Schema.Json | undefined): value is Schema.JsonArray => Array.isArray(value)

const own = (value: Schema.Json, step: Step): Schema.Json | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  if (isList(value)) return typeof step === "number" ? value[step] : undefined
  return Object.hasOwn(value, step) ? value[step] : undefined
}

const first = (result: Schema.Json, step: Step): Schema.Json | undefined => {
  const direct = own(result, step)
  if (direct !== undefined) return direct
  const inner = own(result, "result")
  const indirect = inner === undefined ? undefined : own(inner, step)
  return indirect === undefined && (step === "result" || step === "output") ? result : indirect
}

const inItems = (results: Schema.JsonArray, path: Path): Schema.Json | undefined => {
  let items: ReadonlyArray<Schema.Json> = results
  let look = first
  for (let i = 0; i < path.length; i++) {
    const step = path[i]!
    if (typeof step === "number") {
      const item = items[step]
      const next = path[i + 1]
      return item === undefined || next === undefined ? item : inValue(look(item, next), path, i + 2)
    }
    const taken: Array<Schema.Json> = []
    for (const item of items) {
      const value = look(item, step)
      if (value === undefined) return undefined
      taken.push(value)
    }
    items = taken
    look = own
  }
  return items
}

const nothingAt = (
  subject: string,
  path: Path,
  at: (part: Path) => Schema.Json | undefined,
  throughResult: boolean
): string => {
  let depth = path.length - 1
  while (depth > 0 && at(path.slice(0, depth)) === undefined) depth--
  const found = at(path.slice(0, depth)) ?? null
  // a first step also looks one level further down
  const inner = depth === 0 && throughResult ? own(found, "result") : undefined
  const fields = [...new Set([...fieldsOf(found), ...(inner === undefined ? [] : fieldsOf(inner))])]
  const step = path[depth]
  const near = typeof step === "string" ? nearest(step, fields) : undefined
  const where = depth === 0 ? "it" : format(path.slice(0, depth))
  return `${subject} has no ${format(path.slice(0, depth + 1))} (${where} ${contents(found, fields)})${
    near === undefined ? "" : `, did you mean "${near}"?`
  }`
}

const fieldsOf = (value: Schema.Json): ReadonlyArray<string> =>
  typeof value !== "object" || value === null || isList(value) ? [] : Object.keys(value)

const contents = (value: Schema.Json, fields: ReadonlyArray<string>): string => {
  if (isList(value)) return value.length === 0 ? "is an empty list" : `is a list of ${value.length}`
  if (value === null) return "is null"
  if (typeof value !== "object") return typeof value === "string" ? "is text" : `is a ${typeof value}`
  const more = fields.length > 8 ? ` and ${fields.length - 8} more` : ""
  return fields.length === 0 ? "has no fields" : `has ${fields.slice(0, 8).map(short).join(", ")}${more}`
}

const short = (name: string): string => (name.length > 40 ? `${name.slice(0, 39)}…` : name)

const readOf = (one: Alternative): ((scope: Scope) => Schema.Json | undefined) => {
  switch (one.kind) {
    case "task": {
      const { path, status, task } = one
      if (status) return (scope) => scope.task(task)?.status
      if (path.length === 0) return (scope) => scope.task(task)?.result
      return (scope) => {
        const view = scope.task(task)
        return view === undefined ? undefined : inTask(view, path)
      }
    }
    case "root": {
      const { path, root } = one
      if (isResult(root)) return (scope) => inResult(scope.root(root), path)
      return (scope) => inValue(scope.root(root), path, 0)
    }
    case "literal":
      return () => one.value
    default:
      return () => undefined
  }
}

const whyNot = (one: Alternative, scope: Scope): string => {
  switch (one.kind) {
    case "task":
      return missingInTask(one.task, scope.task(one.task), one.path)
    case "root":
      return missingInRoot(one.root, scope.root(one.root), one.path)
    case "unknown":
      return one.suggestion === undefined ? one.issue : `${one.issue}, did you mean "${one.suggestion}"?`
    case "secret":
      return "a secret has no place here"
    case "literal":
      return "it has a value"
  }
}
