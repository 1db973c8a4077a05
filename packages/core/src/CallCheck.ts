/** What the tasks of a workflow call, against the contracts of what can be called: protocols, methods, params. */
import { Result } from "effect"
import type { Contract } from "./Contract.ts"
import { nearest } from "./Diagnostic.ts"
import * as Duration from "./Duration.ts"
import type { Say } from "./Complaints.ts"
import { check, type Issue } from "./JsonSchemaCheck.ts"
import { isRecord } from "./JsonSchemaIssue.ts"
import { some } from "./JsonSchemaWords.ts"
import * as Reference from "./Reference.ts"
import type { Task, Workflow } from "./Workflow.ts"

/** What can be called. */
export interface Catalog {
  /** By full name. */
  readonly methods: ReadonlyMap<string, Contract>
  /** Methods by protocol. */
  readonly protocols: ReadonlyMap<string, ReadonlyArray<string>>
}

export const catalog = (contracts: ReadonlyArray<Contract>): Catalog => {
  const protocols = new Map<string, Array<string>>()
  for (const { method, protocol } of contracts) {
    const methods = protocols.get(protocol)
    if (methods === undefined) protocols.set(protocol, [method])
    else methods.push(method)
  }
  return { methods: new Map(contracts.map((contract) => [contract.method, contract])), protocols }
}

/** `broken`: whether method and params of a task, by its number, say nothing. What is nested is not looked at. */
export const calls = (
  workflow: Workflow,
  { methods, protocols }: Catalog,
  broken: (task: number) => boolean,
  say: Say
): void => {
  const open = opening(workflow)
  const onDuty = protocols.size === 0 ? "nothing is on duty" : `on duty: ${[...protocols.keys()].join(", ")}`
  for (const [index, name] of (workflow.providers ?? []).entries()) {
    if (!/\/v\d+$/.test(name) || protocols.has(name)) continue
    const suggestion = nearest(name, protocols.keys())
    say({ path: ["providers", index] }, "no-provider", `no provider of ${name} is on duty (${onDuty})`, { suggestion })
  }
  for (const [number, task] of workflow.tasks.entries()) {
    if (task.method === "" || task.protocol === "" || task.workflow !== undefined) continue
    const at = { path: ["tasks", number, "method"] }
    const contract = methods.get(task.method)
    if (contract === undefined || contract.protocol !== task.protocol) {
      const siblings = protocols.get(task.protocol)
      if (siblings === undefined) {
        // a slip in the prefix makes another protocol
        const suggestion = nearest(task.method, methods.keys()) ?? nearest(task.protocol, protocols.keys())
        const message = `no provider of ${task.protocol} is on duty for "${task.method}" (${onDuty})`
        say(at, "no-provider", message, { suggestion: suggestion === task.method ? contract?.protocol : suggestion })
      } else {
        const message = `${task.protocol} has no method "${task.method}", expected ${some(siblings)}`
        say(at, "unknown-method", message, { suggestion: nearest(task.method, siblings) })
      }
      continue
    }
    if (contract.deprecated !== undefined) {
      const message = `${task.method} is deprecated, use ${contract.deprecated} instead`
      say(at, "deprecated", message, { severity: "warning" })
    }
    if (broken(number)) continue
    for (const issue of check(contract.params, task.params, { open })) sayIssue(issue, number, task, say)
  }
}

/** Whether a text of the workflow holds a reference, so that nobody knows yet what it will be. */
export const opening = (workflow: Workflow): ((text: string) => boolean) => {
  const names = Reference.names(workflow)
  return (text) => text.includes("${") && Reference.parse(text, names).some((part) => typeof part !== "string")
}

/** Whether results may be kept across runs. A method that is not known may read. */
export const caches = ({ tasks, inputs = {} }: Workflow, { methods }: Catalog, say: Say): void => {
  const secretInputs = new Set(Object.entries(inputs).flatMap(([name, { secret }]) => (secret === true ? [name] : [])))
  let names: Reference.Names | undefined
  for (const [number, task] of tasks.entries()) {
    if (task.cache === undefined) continue
    const at = { path: ["tasks", number, "cache"], key: true }
    if (task.workflow !== undefined) {
      say(at, "misplaced-key", "`cache` cannot stand beside `workflow`: give it to the tasks inside")
      continue
    }
    if ((task.effects ?? methods.get(task.method)?.effects) === "writes") {
      const remedy = task.effects === undefined ? "; `effects: reads` says that this call changes nothing" : ""
      const message = `\`cache\` is for calls that read, and ${task.method} is marked as one that writes${remedy}`
      say(at, "not-cacheable", message)
    }
    names ??= Reference.names({ tasks })
    if (task.cache.key === undefined && Reference.compile(task.params, names, secretInputs).secrets.length > 0) {
      const message = "the params hold a secret, which no key may hold: `cache` needs a `key` of its own"
      say(at, "missing-key", message)
    }
  }
}

/** `params.timeout` becomes the task's own where the method has no such param. */
export const adopt = (workflow: Workflow, { methods }: Catalog): Workflow => {
  const adopted = (task: Task): Task => {
    if (task.workflow !== undefined) {
      const inner = adoptAll(task.workflow)
      return inner === task.workflow ? task : { ...task, workflow: inner }
    }
    const { timeout, ...params } = task.params
    const contract = methods.get(task.method)
    if (contract === undefined || (typeof timeout !== "number" && typeof timeout !== "string")) return task
    if (takes(contract.params, "timeout")) return task
    const milliseconds = Duration.parse(timeout)
    return Result.isFailure(milliseconds) || milliseconds.success === 0
      ? task
      : { ...task, params, timeout: milliseconds.success }
  }
  const adoptAll = (workflow: Workflow): Workflow => {
    const [first, ...rest] = workflow.tasks
    const tasks: Workflow["tasks"] = [adopted(first), ...rest.map(adopted)]
    return tasks.every((task, number) => task === workflow.tasks[number]) ? workflow : { ...workflow, tasks }
  }
  return adoptAll(workflow)
}

// internal

const sayIssue = (issue: Issue, number: number, task: Task, say: Say): void => {
  const { keyword, message, path, suggestion } = issue
  const place = ["tasks", number, "params", ...path]
  const parent = keyword === "additionalProperties" ? path.slice(0, -1) : path
  const where = parent.length === 0 ? "" : ` in \`${format(parent)}\``
  if (keyword === "schema") {
    say(
      { path: ["tasks", number, "method"] },
      "invalid-schema",
      `the params of ${task.method} cannot be checked: ${message}`,
      { severity: "warning" }
    )
  } else if (keyword === "additionalProperties") {
    const [, expected = ""] = /(, expected .*)$/s.exec(message) ?? []
    say(
      { path: place, key: true },
      "unknown-param",
      `${task.method} has no param "${String(path.at(-1))}"${where}${expected}`,
      { suggestion }
    )
  } else if (keyword === "required") {
    say(
      { path: place, key: true },
      "missing-param",
      `${task.method}: ${message}${path.length === 0 ? " in `params`" : where}`
    )
  } else {
    const subject = path.length === 0 ? "`params`" : `\`${format(path)}\``
    say({ path: place, key: path.length === 0 }, "invalid-param", `${subject}: ${message}`, { suggestion })
  }
}

/** `messages[0].role` */
const format = (path: ReadonlyArray<string | number>): string =>
  path.map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)).join("")

const takes = (schema: Contract["params"], name: string): boolean => {
  const { additionalProperties, allOf, anyOf, oneOf, properties } = schema
  if (isRecord(properties) && Object.hasOwn(properties, name)) return true
  // without a list of its own params a method takes any
  if (!isRecord(properties))
    return additionalProperties !== false && allOf === undefined && anyOf === undefined && oneOf === undefined
  return additionalProperties === true || isRecord(additionalProperties)
}
