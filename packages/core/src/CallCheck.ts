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
  /** By full name: a contract of each who serves it, the first to come first. */
  readonly methods: ReadonlyMap<string, ReadonlyArray<Contract>>
  /** Methods by protocol. */
  readonly protocols: ReadonlyMap<string, ReadonlyArray<string>>
  /** Methods by the name of who serves them. */
  readonly providers: ReadonlyMap<string, ReadonlyArray<string>>
  /** Everybody has a name. */
  readonly isNamed: boolean
}

export const catalog = (contracts: ReadonlyArray<Contract>): Catalog => {
  const methods = new Map<string, Array<Contract>>()
  const protocols = new Map<string, Set<string>>()
  const providers = new Map<string, Set<string>>()
  for (const contract of contracts) {
    const { method, protocol, provider } = contract
    const others = methods.get(method)
    if (others === undefined) methods.set(method, [contract])
    else others.push(contract)
    add(protocols, protocol, method)
    if (provider !== undefined) add(providers, provider, method)
  }
  const listed = (sets: ReadonlyMap<string, ReadonlySet<string>>) =>
    new Map([...sets].map(([name, set]) => [name, [...set]] as const))
  return {
    methods,
    protocols: listed(protocols),
    providers: listed(providers),
    isNamed: contracts.every(({ provider }) => provider !== undefined)
  }
}

/** Who may carry out a task: those of its method and protocol, or the one of them that it names. */
export const contractsOf = (task: Task, { methods }: Pick<Catalog, "methods">): ReadonlyArray<Contract> => {
  const serving = methods.get(task.method) ?? none
  const [only, other] = serving
  if (only === undefined || (other === undefined && task.provider === undefined && only.protocol === task.protocol)) {
    return serving
  }
  const able = serving.filter(({ protocol }) => protocol === task.protocol)
  if (task.provider === undefined) return able
  const named = able.filter(({ provider }) => provider === task.provider)
  // who has no name may be it
  return named.length > 0 ? named : able.filter(({ provider }) => provider === undefined)
}

/** `broken`: whether method and params of a task, by its number, say nothing. What is nested is not looked at. */
export const calls = (workflow: Workflow, known: Catalog, broken: (task: number) => boolean, say: Say): void => {
  const { methods, protocols } = known
  const open = opening(workflow)
  const onDuty = protocols.size === 0 ? "nothing is on duty" : `on duty: ${[...protocols.keys()].join(", ")}`
  for (const [index, name] of (workflow.providers ?? []).entries()) {
    const isProtocol = /\/v\d+$/.test(name)
    if (protocols.has(name) || known.providers.has(name) || (!isProtocol && !known.isNamed)) continue
    const at = { path: ["providers", index] }
    const suggestion = nearest(name, [...protocols.keys(), ...known.providers.keys()])
    if (isProtocol) say(at, "no-provider", `no provider of ${name} is on duty (${onDuty})`, { suggestion })
    else say(at, "no-provider", `no provider "${name}" is on duty (${namesOf(known)})`, { suggestion })
  }
  for (const [number, task] of workflow.tasks.entries()) {
    if (task.method === "" || task.protocol === "" || task.workflow !== undefined) continue
    const at = { path: ["tasks", number, "method"] }
    const serving = (methods.get(task.method) ?? none).filter(({ protocol }) => protocol === task.protocol)
    if (serving.length === 0) {
      const siblings = protocols.get(task.protocol)
      if (siblings === undefined) {
        // a slip in the prefix makes another protocol
        const suggestion = nearest(task.method, methods.keys()) ?? nearest(task.protocol, protocols.keys())
        const message = `no provider of ${task.protocol} is on duty for "${task.method}" (${onDuty})`
        const protocol = methods.get(task.method)?.[0]?.protocol
        say(at, "no-provider", message, { suggestion: suggestion === task.method ? protocol : suggestion })
      } else {
        const message = `${task.protocol} has no method "${task.method}", expected ${some(siblings)}`
        say(at, "unknown-method", message, { suggestion: nearest(task.method, siblings) })
      }
      continue
    }
    const able = contractsOf(task, known)
    if (able.length === 0) {
      unable(task, number, serving, known, say)
      continue
    }
    const deprecated = able.every((contract) => contract.deprecated !== undefined) ? able[0]?.deprecated : undefined
    if (deprecated !== undefined) {
      const message = `${task.method} is deprecated, use ${deprecated} instead`
      say(at, "deprecated", message, { severity: "warning" })
    }
    if (broken(number)) continue
    for (const issue of issuesOf(task, able, open)) sayIssue(issue, number, task, say)
  }
}

/** Whether a text of the workflow holds a reference, so that nobody knows yet what it will be. */
export const opening = (workflow: Workflow): ((text: string) => boolean) => {
  const names = Reference.names(workflow)
  return (text) => text.includes("${") && Reference.parse(text, names).some((part) => typeof part !== "string")
}

/** Whether results may be kept across runs. A method that is not known may read. */
export const caches = ({ tasks, inputs = {} }: Workflow, known: Catalog, say: Say): void => {
  const secretInputs = new Set(Object.entries(inputs).flatMap(([name, { secret }]) => (secret === true ? [name] : [])))
  let names: Reference.Names | undefined
  for (const [number, task] of tasks.entries()) {
    if (task.cache === undefined || task.workflow !== undefined) continue
    const at = { path: ["tasks", number, "cache"], key: true }
    const able = contractsOf(task, known)
    const isWriting = able.length > 0 && able.every(({ effects }) => effects === "writes")
    if (task.effects === "writes" || (task.effects === undefined && isWriting)) {
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
export const adopt = (workflow: Workflow, known: Catalog): Workflow => {
  const adopted = (task: Task): Task => {
    if (task.workflow !== undefined) {
      const inner = adoptAll(task.workflow)
      return inner === task.workflow ? task : { ...task, workflow: inner }
    }
    if (!Object.hasOwn(task.params, "timeout")) return task
    const { timeout, ...params } = task.params
    if (typeof timeout !== "number" && typeof timeout !== "string") return task
    const able = contractsOf(task, known)
    if (able.length === 0 || able.some((contract) => takes(contract.params, "timeout"))) return task
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

const none: ReadonlyArray<Contract> = []

const add = (sets: Map<string, Set<string>>, name: string, member: string): void => {
  const set = sets.get(name)
  if (set === undefined) sets.set(name, new Set([member]))
  else set.add(member)
}

const namesOf = ({ providers }: Catalog): string =>
  providers.size === 0 ? "nobody is on duty" : `on duty: ${[...providers.keys()].join(", ")}`

/** The provider that a task names is not there, or cannot do it. */
const unable = (task: Task, number: number, serving: ReadonlyArray<Contract>, known: Catalog, say: Say): void => {
  const { method, provider = "" } = task
  const at = { path: ["tasks", number, "provider"] }
  const able = [...new Set(serving.flatMap(({ provider }) => provider ?? []))]
  const [only, other] = able
  if (known.providers.has(provider)) {
    const message = `the provider "${provider}" does not serve ${method}, expected ${some(able)}`
    say(at, "unknown-provider", message, {
      suggestion: nearest(provider, able) ?? (other === undefined ? only : undefined)
    })
  } else {
    const suggestion = nearest(provider, able) ?? nearest(provider, known.providers.keys())
    say(at, "unknown-provider", `no provider "${provider}" is on duty for ${method} (${namesOf(known)})`, {
      suggestion
    })
  }
}

/** What is wrong with params whoever gets them: of several who may, the first one's words. */
const issuesOf = (
  { params }: Task,
  able: ReadonlyArray<Contract>,
  open: (text: string) => boolean
): ReadonlyArray<Issue> => {
  let first: ReadonlyArray<Issue> | undefined
  for (const schema of new Set(able.map((contract) => contract.params))) {
    const issues = check(schema, params, { open })
    if (issues.length === 0) return issues
    first ??= issues
  }
  return first ?? []
}

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
