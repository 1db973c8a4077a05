/** The graph of a workflow: tasks by number, dependencies declared and implied, references compiled. Pure. */
import { Result, type Schema } from "effect"
import * as Condition from "./Condition.ts"
import { type Contract, type Mark, marks } from "./Contract.ts"
import { isArray, isObject, type JsonArray } from "./Json.ts"
import * as Reference from "./Reference.ts"
import { path, type TaskPath } from "./Task.ts"
import type { Task, Workflow } from "./Workflow.ts"

export interface PlannedTask {
  readonly task: Task
  readonly path: TaskPath
  readonly params: Reference.Template
  /** Names of the params that are paths. */
  readonly files: ReadonlyArray<{ readonly name: string; readonly urls: boolean; readonly folder?: true }>
  readonly condition: Condition.Condition | undefined
  /** The condition names `item` or `index`: it is judged for each. */
  readonly conditionPerItem: boolean
  /** Of a `foreach`: where its items come from. */
  readonly each: Reference.Template | Condition.Condition | undefined
  /** Of a `repeat`: whether it is over. */
  readonly until: Condition.Condition | undefined
  /** Of a nested workflow. One for all its instances. */
  readonly nested: Plan | undefined
  /** Takes the place of method and params in the cache's key. */
  readonly cacheKey: Reference.Template | undefined
  /** Numbers of the tasks that must be over first. */
  readonly dependencies: ReadonlyArray<number>
  /** Those of them that it speaks of, and may read. */
  readonly reads: ReadonlyArray<number>
  /** Those of them that it needs a value of. */
  readonly needs: ReadonlyArray<number>
  readonly effects: "reads" | "writes"
  /** 0 (urgent) to 3 (low): the most urgent of its own and of what waits for it. */
  readonly priority: number
}

/** One plan serves every run of its workflow: nothing in it changes. */
export interface Plan {
  readonly workflow: Workflow
  readonly tasks: ReadonlyArray<PlannedTask>
  /** Who waits for a task. */
  readonly dependents: ReadonlyArray<ReadonlyArray<number>>
  /** Numbers by id. */
  readonly index: ReadonlyMap<string, number>
  readonly outputs: ReadonlyArray<readonly [name: string, template: Reference.Template]>
  /** How many tasks read a result; what the outputs read is never let go (`Infinity`). */
  readonly readers: ReadonlyArray<number>
  readonly priorities: boolean
  /** Some task of it, or of a nested workflow, has a budget. */
  readonly budgets: boolean
}

/**
 * `contracts` say which params are code or files; a method they do not know counts as writing. `priority`: of tasks that
 * have none.
 */
export const make = (
  workflow: Workflow,
  contracts: ReadonlyMap<string, Contract>,
  priority = workflow.priority ?? 2
): Plan => {
  const names = Reference.names(workflow)
  const index = new Map(workflow.tasks.map(({ id }, number) => [id, number]))
  const secrets = new Set(
    Object.entries(workflow.inputs ?? {}).flatMap(([name, { secret }]) => (secret === true ? [name] : []))
  )
  const dependents: Array<Array<number>> = workflow.tasks.map(() => [])
  const readers = workflow.tasks.map(() => 0)
  const marksOf = memo((method: string) => {
    const contract = contracts.get(method)
    return contract === undefined ? noMarks : marks(contract)
  })
  const filesOf = memo((method: string) =>
    [...marksOf(method)].flatMap(([name, mark]) =>
      mark.kind === "file"
        ? [{ name, urls: mark.urls === true, ...(mark.folder === true ? { folder: mark.folder } : {}) }]
        : []
    )
  )
  const numbers = (ids: ReadonlyArray<string>): ReadonlyArray<number> => {
    if (ids.length === 0) return none
    const found = new Set<number>()
    for (const id of ids) {
      const number = index.get(id)
      if (number !== undefined) found.add(number)
    }
    return [...found]
  }

  const planned = workflow.tasks.map((task, number) => {
    const params = compileParams(task, marksOf(task.method), names, secrets)
    const condition = task.if === undefined ? undefined : Condition.compile(task.if, names, secrets)
    const each = compileEach(task, names, secrets)
    const until = task.repeat === undefined ? undefined : Condition.compile(task.repeat.until, names, secrets)
    const cacheKey = task.cache?.key === undefined ? undefined : Reference.compile(task.cache.key, names, secrets)
    const own = task.priority ?? priority
    const needed: Array<string> = []
    const spoken: Array<string> = []
    for (const one of [params, cacheKey, each, condition, until]) {
      if (one === undefined) continue
      if (isCondition(one)) {
        needed.push(...one.needs)
        spoken.push(...one.tasks)
      } else {
        for (const reference of one.references) {
          needed.push(...Reference.needs(reference))
          spoken.push(...Reference.tasks(reference))
        }
      }
    }
    const needs = numbers(needed)
    const reads = numbers(spoken)
    const dependencies = task.dependencies === undefined ? reads : numbers([...task.dependencies, ...spoken])
    for (const dependency of dependencies) dependents[dependency]?.push(number)
    for (const read of reads) readers[read]!++
    return {
      task,
      path: path(task.id),
      params,
      files: filesOf(task.method).filter(({ name }) => Object.hasOwn(task.params, name)),
      condition,
      conditionPerItem: condition?.roots.some((root) => root === "item" || root === "index") ?? false,
      each,
      until,
      nested: task.workflow === undefined ? undefined : make(task.workflow, contracts, own),
      cacheKey,
      dependencies,
      reads,
      needs,
      effects: task.effects ?? contracts.get(task.method)?.effects ?? "writes",
      priority: own
    }
  })

  const outputs = Object.entries(workflow.outputs ?? {}).map(
    ([name, value]) => [name, Reference.compile(value, names, secrets)] as const
  )
  for (const [, template] of outputs) {
    for (const read of numbers(template.references.flatMap(Reference.tasks))) readers[read] = Infinity
  }
  const priorities = planned.some(({ priority }) => priority !== planned[0]?.priority)
  return {
    workflow,
    tasks: priorities ? withUrgency(planned) : planned,
    dependents,
    index,
    outputs,
    readers,
    priorities,
    budgets: planned.some(({ nested, task }) => task.budget !== undefined || nested?.budgets === true)
  }
}

/** The tasks of one cycle in order, the first again at the end; undefined when there is none. */
export const cycle = (dependencies: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> | undefined => {
  const done = new Set<string>()
  for (const start of dependencies.keys()) {
    // the path walked so far, each with how many of its dependencies have been looked at
    const walk: Array<{ readonly id: string; next: number }> = [{ id: start, next: 0 }]
    const on = new Set([start])
    for (let top = walk.at(-1); top !== undefined; top = walk.at(-1)) {
      const id = done.has(top.id) ? undefined : dependencies.get(top.id)?.[top.next++]
      if (id === undefined) {
        walk.pop()
        on.delete(top.id)
        done.add(top.id)
      } else if (on.has(id)) {
        return [...walk.slice(walk.findIndex((step) => step.id === id)).map((step) => step.id), id]
      } else if (!done.has(id)) {
        walk.push({ id, next: 0 })
        on.add(id)
      }
    }
  }
  return undefined
}

export const isCondition = (each: Reference.Template | Condition.Condition | undefined): each is Condition.Condition =>
  each !== undefined && "evaluate" in each

// internal

const noMarks: ReadonlyMap<string, Mark> = new Map()
const none: ReadonlyArray<number> = []

const memo = <A>(make: (key: string) => A): ((key: string) => A) => {
  const known = new Map<string, A>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined) known.set(key, (value = make(key)))
    return value
  }
}

/** Code is bound, everything else resolved; a task without code has one template. */
const compileParams = (
  task: Task,
  marked: ReadonlyMap<string, Mark>,
  names: Reference.Names,
  secrets: ReadonlySet<string>
): Reference.Template => {
  const code: Array<readonly [name: string, template: Reference.Template]> = []
  let plain: Record<string, Schema.Json> = task.params
  for (const [name, { kind }] of marked) {
    const source = kind === "code" && Object.hasOwn(task.params, name) ? task.params[name] : undefined
    const line = task.origin?.lines[name]
    const origin = task.origin === undefined || line === undefined ? undefined : { file: task.origin.file, line }
    if (typeof source === "string") code.push([name, Reference.compileCode(source, names, secrets, origin)])
    else if (isArray(source)) code.push([name, compileCodes(source, names, secrets)])
    else continue
    const { [name]: _, ...others } = plain
    plain = others
  }
  const rest = Reference.compile(plain, names, secrets)
  if (code.length === 0) return rest
  const inside = merged(code)
  return {
    references: [...rest.references, ...inside.references],
    secrets: [...rest.secrets, ...inside.secrets],
    resolve: (scope) =>
      Result.gen(function* () {
        const resolved: Record<string, Schema.Json> = {}
        for (const [name, template] of code) resolved[name] = yield* template.resolve(scope)
        const others = yield* rest.resolve(scope)
        return isObject(others) ? { ...others, ...resolved } : resolved
      })
  }
}

/** A list of code: each text of it is bound for itself. */
const compileCodes = (sources: JsonArray, names: Reference.Names, secrets: ReadonlySet<string>): Reference.Template => {
  const templates = sources.map((source) =>
    typeof source === "string"
      ? Reference.compileCode(source, names, secrets)
      : Reference.compile(source, names, secrets)
  )
  return {
    ...merged([...templates.entries()]),
    resolve: (scope) => Result.all(templates.map((one) => one.resolve(scope)))
  }
}

/** What templates at places of a whole refer to, as seen from it. */
const merged = (
  templates: ReadonlyArray<readonly [place: string | number, template: Reference.Template]>
): Pick<Reference.Template, "references" | "secrets"> => ({
  references: templates.flatMap(([place, { references }]) =>
    references.map((reference) => ({ ...reference, at: [place, ...reference.at] }))
  ),
  secrets: templates.flatMap(([place, { secrets }]) => secrets.map((at) => [place, ...at]))
})

const compileEach = ({ foreach }: Task, names: Reference.Names, secrets: ReadonlySet<string>): PlannedTask["each"] =>
  foreach === undefined
    ? undefined
    : typeof foreach === "string"
      ? Condition.compile(foreach, names, secrets)
      : Reference.compile(foreach, names, secrets)

/** A task is as urgent as the most urgent of what waits for it. Numbers may stand in any order in the document. */
const withUrgency = (tasks: ReadonlyArray<PlannedTask>): ReadonlyArray<PlannedTask> => {
  const priorities = tasks.map(({ priority }) => priority)
  const queue = tasks.map((_, number) => number)
  for (const number of queue) {
    for (const dependency of tasks[number]?.dependencies ?? []) {
      if (priorities[dependency]! > priorities[number]!) {
        priorities[dependency] = priorities[number]!
        queue.push(dependency)
      }
    }
  }
  return tasks.map((task, number) => ({ ...task, priority: priorities[number]! }))
}
