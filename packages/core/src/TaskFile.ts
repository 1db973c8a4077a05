/** One task of a workflow document in its one inner form. Which tasks there are besides is `DocumentFile`'s matter. */
import { Schema } from "effect"
import type { Complaints } from "./Complaints.ts"
import * as Field from "./Field.ts"
import { found } from "./JsonSchemaWords.ts"
import type { Document } from "./DocumentFile.ts"
import type { Sheet } from "./Library.ts"
import * as PolicyFile from "./PolicyFile.ts"
import { type Fields, reading } from "./Keys.ts"
import { type Entry, type Mapping, type Node, ownLines, type Scalar } from "./Position.ts"
import { besideWorkflow, defaults as defaultKeys, fields, methodOf, task as taskKeys } from "./Spelling.ts"
import { roots } from "./Task.ts"
import { type Retry, type Task, TaskId } from "./Workflow.ts"

/** What tasks get that do not say otherwise. */
export interface Defaults {
  readonly entries: Fields
  readonly model?: string
  readonly retry?: Partial<Retry>
  readonly rest: Pick<Task, "timeout" | "priority" | "on_error" | "provider">
}

export const noDefaults: Defaults = { entries: new Map(), rest: {} }

/** What a nested workflow has from the task it is in. */
export interface Outer {
  readonly id: string
  readonly inputs: Task["params"]
  readonly defaults: Defaults
}

/** Reads what stands under `workflow`. `undefined`: nothing that can be read, which is a complaint. */
export type ReadNested = (entry: Entry, outer: Outer) => Document | undefined

export interface TaskRead {
  readonly task: Task
  readonly node: Mapping
  readonly fields: Fields
  /** As written: ids or names, not looked up. */
  readonly dependencies: ReadonlyArray<Scalar & { readonly value: string }>
  /** The workflow in it. */
  readonly nested?: Document
  /** Method or params could not be read: they say nothing about what was meant. */
  readonly broken: boolean
}

/** `number` counts from 1. */
export const read = (
  node: Node,
  number: number,
  defaults: Defaults,
  { complaints, file, text }: Sheet,
  readNested: ReadNested
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
  const names = readId(given, number, complaints)
  const { call, nested, params } = given.has("workflow")
    ? readWorkflow(given, names.id, defaults, readNested, complaints)
    : readCall(node, given, defaults, complaints)
  const dependencies = Field.names(given.get("dependencies"), "`dependencies`", complaints)
  const foreach = readForeach(given.get("foreach"), complaints)
  const concurrency = given.get("concurrency")
  if (concurrency !== undefined && !given.has("foreach")) {
    complaints.add(
      concurrency.key,
      "misplaced-key",
      "`concurrency` is of a task with `foreach`; all tasks together have `max_concurrency`"
    )
  }
  const { part } = reading(given, taskKeys, complaints)
  const lines = file === undefined || nested !== undefined ? [] : paramLines(given, text, complaints)
  const task: Task = {
    ...names,
    ...part("description"),
    ...part("tags"),
    ...(file === undefined || lines.length === 0 ? {} : { origin: { file, lines: Object.fromEntries(lines) } }),
    ...part("metadata"),
    ...call,
    params: params ?? {},
    ...Field.optional("workflow", nested?.workflow),
    ...(dependencies === undefined ? {} : { dependencies: dependencies.map(({ value }) => value) }),
    ...part("if"),
    ...Field.optional("foreach", foreach),
    ...part("concurrency"),
    ...Field.optional("repeat", PolicyFile.repeat(given.get("repeat"), complaints)),
    ...Field.optional("budget", PolicyFile.budget(given.get("budget"), complaints)),
    ...Field.optional("on_error", defaults.rest.on_error),
    ...Field.optional("priority", defaults.rest.priority),
    ...part("on_error"),
    ...part("priority")
  }
  return {
    task,
    node,
    fields: new Map([...defaults.entries, ...given]),
    dependencies: dependencies ?? [],
    ...Field.optional("nested", nested),
    broken: call.method === "" || params === undefined
  }
}

/** `outer`: those of the document that this one stands in. */
export const readDefaults = (
  entry: Entry | undefined,
  outer: Defaults | undefined,
  complaints: Complaints
): Defaults => {
  const node = Field.mapping(entry, "`defaults`", complaints)
  if (node === undefined) return outer ?? noDefaults
  const given = fields(node, defaultKeys, complaints)
  const { part, value } = reading(given, defaultKeys, complaints)
  const retry = PolicyFile.retryFields(given.get("retry"), complaints)
  return {
    entries: new Map([...(outer?.entries ?? []), ...given]),
    ...Field.optional("model", value("model") ?? outer?.model),
    ...Field.optional("retry", retry === undefined ? outer?.retry : { ...outer?.retry, ...retry }),
    rest: {
      ...outer?.rest,
      ...part("provider"),
      ...part("timeout"),
      ...part("on_error"),
      ...part("priority")
    }
  }
}

// internal

/** Of what a task does: the call of a method, or a workflow. */
interface Work {
  readonly call: Pick<Task, "protocol" | "method" | "provider" | "timeout" | "retry" | "once" | "cache" | "effects">
  /** `undefined`: they could not be read. */
  readonly params: Task["params"] | undefined
  readonly nested?: Document | undefined
}

const readCall = (node: Mapping, given: Fields, defaults: Defaults, complaints: Complaints): Work => {
  const method = readMethod(node, given, complaints)
  const inputs = given.get("inputs")
  if (inputs !== undefined) {
    const message = "`inputs` are of a task with `workflow`: a method gets `params`"
    complaints.add(inputs.key, "misplaced-key", message, { suggestion: given.has("params") ? undefined : "params" })
  }
  const { provider, timeout } = defaults.rest
  const { part, value } = reading(given, taskKeys, complaints)
  return {
    call: {
      protocol: method?.protocol ?? "",
      method: method?.method ?? "",
      ...Field.optional("provider", value("provider") ?? provider),
      ...Field.optional("timeout", value("timeout") ?? timeout),
      ...Field.optional("retry", PolicyFile.retry(given.get("retry"), defaults.retry, complaints)),
      ...part("once"),
      ...Field.optional("cache", PolicyFile.cache(given.get("cache"), complaints)),
      ...part("effects")
    },
    params: readParams(given, method?.method, defaults, complaints)
  }
}

const readWorkflow = (
  given: Fields,
  id: string,
  defaults: Defaults,
  readNested: ReadNested,
  complaints: Complaints
): Work => {
  for (const [key, remedy] of besideWorkflow) {
    const entry = given.get(key)
    if (entry === undefined) continue
    const suggestion = key === "params" && !given.has("inputs") ? "inputs" : undefined
    complaints.add(entry.key, "misplaced-key", `\`${key}\` cannot stand beside \`workflow\`: ${remedy}`, {
      suggestion
    })
  }
  const inputs = given.get("inputs")
  const node = reading(given, taskKeys, complaints).value("inputs")
  const entry = given.get("workflow")
  const nested = entry && readNested(entry, { id, inputs: node?.value ?? {}, defaults })
  const sound = nested?.workflow !== undefined
  return {
    call: sound ? { protocol: "workflow/v1", method: "workflow" } : { protocol: "", method: "" },
    params: inputs !== undefined && node === undefined ? undefined : (node?.value ?? {}),
    nested
  }
}

const isTaskId: (id: string) => boolean = Schema.is(TaskId)

const readId = (given: Fields, number: number, complaints: Complaints): Pick<Task, "id" | "label"> => {
  const { value } = reading(given, taskKeys, complaints)
  const name = value("name")
  const id = value("id") ?? name ?? `task-${number}`
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
  const { value } = reading(given, taskKeys, complaints)
  const name = value("method")
  const protocolEntry = given.get("protocol")
  const protocol = value("protocol")
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
  const node = reading(given, taskKeys, complaints).value("params")
  if (entry !== undefined && node === undefined) return undefined
  const params = node?.value ?? {}
  const { model } = defaults
  if (model === undefined || method === undefined || !askingForText.has(method)) return params
  return Object.hasOwn(params, "model") ? params : { ...params, model }
}

/** Methods that ask a model for text: that of a document is for all of them. Images and embeddings need others. */
const askingForText = new Set(["llm/chat", "llm/generate", "llm/complete", "agent/run"])

/** Lines (from 1) of the params whose lines are the file's. */
const paramLines = (given: Fields, text: string, complaints: Complaints): ReadonlyArray<readonly [string, number]> => {
  const node = given.get("params")?.value
  if (node?.kind !== "mapping") return []
  return [...node.entries].flatMap(([name, { value }]) => {
    const start = value.kind === "scalar" ? ownLines(text, value) : undefined
    return start === undefined ? [] : [[name, complaints.position(start).line] as const]
  })
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
