/** One task of a workflow document in its one inner form. Which tasks there are besides is `WorkflowFile`'s matter. */
import { Schema } from "effect"
import type { Complaints } from "./Complaints.ts"
import * as Field from "./Field.ts"
import { found } from "./JsonSchemaWords.ts"
import { type Entry, type Mapping, type Node, ownLines, type Scalar } from "./Position.ts"
import { standard } from "./Retry.ts"
import {
  addUnsupported,
  defaults as defaultKeys,
  type Fields,
  fields,
  methodOf,
  retry as retryKeys,
  task as taskKeys
} from "./Spelling.ts"
import { type Retry, roots, type Task, TaskId } from "./Task.ts"

/** What tasks get that do not say otherwise. */
export interface Defaults {
  readonly entries: Fields
  readonly model?: string
  readonly retry?: Partial<Retry>
  readonly rest: Pick<Task, "timeout" | "priority" | "on_error" | "provider">
}

export interface TaskRead {
  readonly task: Task
  readonly node: Mapping
  readonly fields: Fields
  /** As written: ids or names, not looked up. */
  readonly dependencies: ReadonlyArray<Scalar & { readonly value: string }>
  /** Method or params could not be read: they say nothing about what was meant. */
  readonly broken: boolean
}

export interface Origin {
  readonly text: string
  readonly file: string | undefined
}

/** `number` counts from 1. */
export const read = (
  node: Node,
  number: number,
  defaults: Defaults,
  { file, text }: Origin,
  complaints: Complaints
): TaskRead | undefined => {
  if (node.kind !== "mapping") {
    complaints.add(
      node,
      "wrong-type",
      `expected a task, a mapping with \`method\` and \`params\`, found ${found(node.value)}`
    )
    return undefined
  }
  const given = fields(node, taskKeys, complaints)
  const method = readMethod(node, given, complaints)
  const params = readParams(given, method?.method, defaults, complaints)
  const dependencies = Field.names(given.get("dependencies"), "`dependencies`", complaints)
  const cache = given.get("cache")
  if (cache !== undefined && cache.value.value !== false) addUnsupported("cache", cache.key, complaints)
  const foreach = readForeach(given.get("foreach"), complaints)
  const concurrency = given.get("concurrency")
  if (concurrency !== undefined && !given.has("foreach")) {
    complaints.add(
      concurrency.key,
      "misplaced-key",
      "`concurrency` is of a task with `foreach`; all tasks together have `max_concurrency`"
    )
  }
  const lines = file === undefined ? [] : paramLines(given, text, complaints)
  const metadata = Field.json(given.get("metadata"), "", complaints)
  const task: Task = {
    ...readId(given, number, complaints),
    ...optional("description", Field.text(given.get("description"), "`description`", complaints)),
    ...optional("tags", Field.strings(given.get("tags"), "`tags`", complaints)),
    ...(file === undefined || lines.length === 0 ? {} : { origin: { file, lines: Object.fromEntries(lines) } }),
    ...optional("metadata", metadata),
    protocol: method?.protocol ?? "",
    method: method?.method ?? "",
    ...defaults.rest,
    ...optional("provider", Field.filled(given.get("provider"), "`provider`", complaints)),
    params: params ?? {},
    ...(dependencies === undefined ? {} : { dependencies: dependencies.map(({ value }) => value) }),
    ...optional("if", readCondition(given.get("if"), complaints)),
    ...optional("foreach", foreach),
    ...optional("concurrency", Field.whole(1)(concurrency, "`concurrency`", complaints)),
    ...optional("retry", readRetry(given.get("retry"), defaults.retry, complaints)),
    ...readPolicies(given, complaints),
    ...optional("once", Field.flag(given.get("once"), "`once`", complaints))
  }
  return {
    task,
    node,
    fields: new Map([...defaults.entries, ...given]),
    dependencies: dependencies ?? [],
    broken: method === undefined || params === undefined
  }
}

export const readDefaults = (entry: Entry | undefined, complaints: Complaints): Defaults => {
  const node = Field.mapping(entry, "`defaults`", complaints)
  if (node === undefined) return { entries: new Map(), rest: {} }
  const given = fields(node, defaultKeys, complaints)
  return {
    entries: given,
    ...optional("model", Field.filled(given.get("model"), "`model`", complaints)),
    ...optional("retry", retryFields(given.get("retry"), complaints)),
    rest: {
      ...optional("provider", Field.filled(given.get("provider"), "`provider`", complaints)),
      ...readPolicies(given, complaints)
    }
  }
}

// internal

const optional = <K extends string, A>(key: K, value: A | undefined): { readonly [_ in K]?: A } =>
  // Safe: the one key that is there is K.
  (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: A }

const readPolicies = (given: Fields, complaints: Complaints): Pick<Task, "timeout" | "priority" | "on_error"> => ({
  ...optional("timeout", Field.duration(1)(given.get("timeout"), "`timeout`", complaints)),
  ...optional("on_error", Field.choice("fail", "continue")(given.get("on_error"), "`on_error`", complaints)),
  ...optional("priority", Field.priority(given.get("priority"), "`priority`", complaints))
})

const isTaskId: (id: string) => boolean = Schema.is(TaskId)

const readId = (given: Fields, number: number, complaints: Complaints): Pick<Task, "id" | "label"> => {
  const name = Field.filled(given.get("name"), "`name`", complaints)
  const id = Field.filled(given.get("id"), "`id`", complaints) ?? name ?? `task-${number}`
  const place = (given.get("id") ?? given.get("name"))?.value
  if (place !== undefined && !isTaskId(id)) {
    const expected = id.length > 200 ? "at most 200 characters" : "no $, {, } and no control characters"
    complaints.add(place, "invalid-id", `${found(id)} cannot be the id of a task, expected ${expected}`)
  } else if (place !== undefined && roots.some((root) => root === id)) {
    complaints.add(
      place,
      "reserved-id",
      `a task cannot be called "${id}": in a reference the word stands for something else`
    )
  }
  return { id, ...(given.has("id") && name !== undefined && name !== id ? { label: name } : {}) }
}

const readMethod = (node: Mapping, given: Fields, complaints: Complaints) => {
  const entry = given.get("method")
  if (entry === undefined) {
    const place = given.get("id") ?? given.get("name")
    complaints.add(
      { ...node, start: place?.key.start ?? node.start },
      "missing-key",
      "the task has no `method`, such as llm/chat or python/execute"
    )
    return undefined
  }
  const name = Field.filled(entry, "`method`", complaints)
  const protocolEntry = given.get("protocol")
  const protocol = Field.filled(protocolEntry, "`protocol`", complaints)
  if (name === undefined || (protocolEntry !== undefined && protocol === undefined)) return undefined
  if (protocol !== undefined && protocolEntry !== undefined && !/^[a-z][a-z0-9_-]*\/v\d+$/.test(protocol)) {
    const suggestion = /^[a-z][a-z0-9_-]*$/.test(protocol) ? `${protocol}/v1` : undefined
    complaints.add(
      protocolEntry.value,
      "wrong-type",
      `"${protocol}" is no protocol, expected a name and a version such as llm/v1`,
      { suggestion }
    )
    return undefined
  }
  if (!/^[A-Za-z]\S{0,199}$/.test(name) || /[${}]/.test(name)) {
    complaints.add(entry.value, "wrong-type", `${found(name)} is no method, expected a name such as llm/chat`)
    return undefined
  }
  const method = methodOf(name, protocol)
  if ("method" in method) return method
  complaints.add(entry.value, "invalid-method", method.issue, method)
  return undefined
}

const readParams = (
  given: Fields,
  method: string | undefined,
  defaults: Defaults,
  complaints: Complaints
): Record<string, Schema.Json> | undefined => {
  const entry = given.get("params")
  const node = Field.mapping(entry, "`params`", complaints)
  if (entry !== undefined && node === undefined) return undefined
  const params = node?.value ?? {}
  const { model } = defaults
  return model === undefined || method?.startsWith("llm/") !== true || Object.hasOwn(params, "model")
    ? params
    : { ...params, model }
}

/** Lines (from 1) of the params whose lines are the file's. */
const paramLines = (given: Fields, text: string, complaints: Complaints): ReadonlyArray<readonly [string, number]> => {
  const node = given.get("params")?.value
  if (node?.kind !== "mapping") return []
  return [...node.entries].flatMap(([name, { value }]) => {
    const start = value.kind === "scalar" ? ownLines(text, value) : undefined
    return start === undefined ? [] : [[name, complaints.position(start).line] as const]
  })
}

const readCondition = (entry: Entry | undefined, complaints: Complaints): string | undefined => {
  const value = entry?.value.value
  return typeof value === "boolean" ? String(value) : Field.filled(entry, "`if`", complaints)
}

const readForeach = (entry: Entry | undefined, complaints: Complaints): Task["foreach"] => {
  if (entry === undefined) return undefined
  const { value: node } = entry
  if (node.kind === "list") return node.value
  if (node.kind === "scalar" && typeof node.value === "string" && node.value !== "") return node.value
  complaints.add(
    node,
    "wrong-type",
    `\`foreach\`: expected a list, a reference to one, or an expression, found ${found(node.value)}`
  )
  return undefined
}

const readRetry = (
  entry: Entry | undefined,
  former: Partial<Retry> | undefined,
  complaints: Complaints
): Retry | undefined => {
  const own = retryFields(entry, complaints)
  if (own === undefined && former === undefined) return undefined
  const merged = { ...standard, ...former, ...own }
  // a longer delay that was asked for is not cut by a limit that was not
  const limit = own?.max_delay ?? former?.max_delay ?? Math.max(standard.max_delay, merged.delay)
  if (entry !== undefined && own !== undefined && merged.delay > limit) {
    complaints.add(entry.key, "wrong-type", "`retry`: `delay` is longer than `max_delay`")
  }
  return { ...merged, max_delay: limit }
}

const retryFields = (entry: Entry | undefined, complaints: Complaints): Partial<Retry> | undefined => {
  const node = Field.mapping(entry, "`retry`", complaints)
  if (node === undefined) return undefined
  const given = fields(node, retryKeys, complaints)
  const exponential = Field.flag(given.get("exponential_backoff"), "`exponential_backoff`", complaints)
  const backoff = Field.choice("fixed", "linear", "exponential")(given.get("backoff"), "`backoff`", complaints)
  const both = given.get("exponential_backoff")
  if (both !== undefined && backoff !== undefined && (backoff === "exponential") !== exponential) {
    complaints.add(both.key, "duplicate-key", "`exponential_backoff` contradicts `backoff`, expected one of them")
  }
  return {
    ...optional("max_attempts", Field.whole(1)(given.get("max_attempts"), "`max_attempts`", complaints)),
    ...optional("delay", Field.duration(0)(given.get("delay"), "`delay`", complaints)),
    ...optional("backoff", backoff ?? (exponential === undefined ? undefined : exponential ? "exponential" : "fixed")),
    ...optional("max_delay", Field.duration(0)(given.get("max_delay"), "`max_delay`", complaints)),
    ...optional("jitter", Field.flag(given.get("jitter"), "`jitter`", complaints)),
    ...optional("on", readFailures(given.get("on"), complaints))
  }
}

/** Numbers are codes, texts are names. */
const readFailures = (entry: Entry | undefined, complaints: Complaints): Retry["on"] => {
  if (entry === undefined) return undefined
  const { value: node } = entry
  return (node.kind === "list" ? node.items : [node]).flatMap(({ value, ...place }) => {
    if (typeof value === "string" ? value !== "" : Number.isSafeInteger(value)) {
      // Safe: text, or a whole number.
      return [value as string | number]
    }
    complaints.add(
      place,
      "wrong-type",
      `\`on\`: expected codes or names of errors, such as -29003 or TASK_TIMEOUT, found ${found(value)}`
    )
    return []
  })
}
