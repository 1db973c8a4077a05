/**
 * One task, or one item of a `foreach`, from its condition to its outcome: condition, references resolved, files found,
 * one attempt carried out, and what follows from a failure. Touches no store.
 */
import { Effect, Exit, Result, type Schema } from "effect"
import { type ConditionFailed, InvalidParams, type UnresolvedReference } from "./Errors.ts"
import type { Executor, Host, Reply } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Files } from "./Files.ts"
import { isArray, isObject } from "./Json.ts"
import type { PlannedTask } from "./Plan.ts"
import type { Scope } from "./Reference.ts"
import * as Retry from "./Retry.ts"
import { addUsage, itemPath, type Millis, type Root, type TaskPath, type Usage } from "./Task.ts"

/** One of a `foreach`. */
export interface Item {
  readonly index: number
  readonly value: Schema.Json
}

/** What is the same for all tasks of a run. */
export interface Surroundings {
  readonly run: string
  readonly folder: string
  readonly executor: Executor["Service"]
  readonly files: Files["Service"]
}

export class TaskRun {
  readonly planned: PlannedTask
  /** Number of the task in the plan. */
  readonly number: number
  readonly item: Item | undefined
  readonly path: TaskPath
  /** Of the attempt that is under way or comes next, from 1. */
  attempt: number
  /** When the first attempt began. */
  readonly started: Millis
  /** Of this attempt. */
  usage: Usage | undefined
  /** Chunks that this attempt has sent. */
  chunks = 0
  /** When this attempt began, on the monotonic clock, in nanoseconds. */
  began: bigint | undefined

  constructor(planned: PlannedTask, number: number, item: Item | undefined, attempt: number, started: Millis) {
    this.planned = planned
    this.number = number
    this.item = item
    this.path = item === undefined ? planned.path : itemPath(planned.path, item.index)
    this.attempt = attempt
    this.started = started
  }

  /** Another attempt comes next. */
  next(): void {
    this.attempt++
    this.usage = undefined
    this.chunks = 0
  }

  uses(usage: Usage): void {
    this.usage = addUsage(this.usage, usage)
  }

  /** The names that references see: those of the run, and the item's. */
  scope(outer: Scope): Scope {
    const { item } = this
    return item === undefined ? outer : withItem(outer, item)
  }
}

export const withItem = (outer: Scope, item: Item): Scope => ({
  task: outer.task,
  root: (root: Root) => (root === "item" ? item.value : root === "index" ? item.index : outer.root(root))
})

export type Verdict =
  | { readonly _tag: "Go" }
  | { readonly _tag: "Skip"; readonly because: "condition" | "no value"; readonly of?: string }
  | { readonly _tag: "Fail"; readonly error: ConditionFailed }

/** Whether a task runs at all: it has the values it needs, and its condition holds. */
export const judge = (planned: PlannedTask, tasks: ReadonlyArray<PlannedTask>, scope: Scope): Verdict => {
  for (const need of planned.needs) {
    const id = tasks[need]!.task.id
    if (scope.task(id)?.result === undefined) return { _tag: "Skip", because: "no value", of: id }
  }
  return planned.condition === undefined || planned.conditionPerItem ? go : test(planned.condition, scope)
}

/** The condition of an item. */
export const judgeItem = (planned: PlannedTask, scope: Scope): Verdict =>
  planned.condition !== undefined && planned.conditionPerItem ? test(planned.condition, scope) : go

/** One attempt. The timeout is the executor's matter: it is measured where the handler runs. */
export const attempt = (
  { executor, files, folder, run }: Surroundings,
  { attempt, path, planned }: TaskRun,
  scope: Scope,
  host: Host
): Effect.Effect<Reply, Failure> => {
  const { params: template, priority, task } = planned
  const resolved: Result.Result<Schema.Json, UnresolvedReference> = template.resolve(scope)
  if (Result.isFailure(resolved)) return Effect.fail(resolved.failure)
  const call = (params: Schema.Json) =>
    executor.execute(
      {
        run,
        task: path,
        attempt,
        method: task.method,
        ...(task.provider === undefined ? {} : { provider: task.provider }),
        params,
        ...(template.secrets.length === 0 ? {} : { secrets: template.secrets }),
        priority,
        idempotencyKey: `${run}/${path}`,
        ...(task.timeout === undefined ? {} : { timeout: task.timeout })
      },
      host
    )
  // what a secret says is known only where the call is made, too late to confine it
  const hidden = planned.files.find(({ name }) => template.secrets.some(([first]) => first === name))
  if (hidden !== undefined) {
    return Effect.fail(new InvalidParams({ method: task.method, issue: `the path "${hidden.name}" holds a secret` }))
  }
  return planned.files.length === 0
    ? call(resolved.success)
    : Effect.flatMap(locate(files, folder, resolved.success, planned.files), call)
}

export type Outcome =
  | { readonly _tag: "Completed"; readonly reply: Reply }
  | { readonly _tag: "Failed"; readonly error: Failure }
  /** Another attempt begins after some milliseconds. */
  | { readonly _tag: "Retrying"; readonly error: Failure; readonly delay: number }

export const outcome = ({ attempt, planned }: TaskRun, exit: Exit.Exit<Reply, Failure>, chance: number): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Completed", reply: exit.value }
  const error = FailureData.fromCause(exit.cause)
  const delay = Retry.next(planned.task.retry, planned.effects, error, attempt, chance)
  return delay === undefined ? { _tag: "Failed", error } : { _tag: "Retrying", error, delay }
}

// internal

const go: Verdict = { _tag: "Go" }

const test = (condition: NonNullable<PlannedTask["condition"]>, scope: Scope): Verdict => {
  const tested = condition.test(scope)
  if (Result.isFailure(tested)) return { _tag: "Fail", error: tested.failure }
  return tested.success ? go : { _tag: "Skip", because: "condition" }
}

/** Params marked as files become absolute paths; lists of them each. URLs stay as they are where they may stand. */
const locate = (
  files: Files["Service"],
  folder: string,
  params: Schema.Json,
  marked: PlannedTask["files"]
): Effect.Effect<Schema.Json, Failure> =>
  Effect.gen(function* () {
    if (!isObject(params)) return params
    const located: Record<string, Schema.Json> = { ...params }
    for (const { name, urls } of marked) {
      const one = (value: Schema.Json): Effect.Effect<Schema.Json, Failure> =>
        typeof value !== "string" || (urls && /^(data|https?):/.test(value))
          ? Effect.succeed(value)
          : files.locate(folder, value)
      const value = located[name] ?? null
      located[name] = isArray(value) ? yield* Effect.forEach(value, one) : yield* one(value)
    }
    return located
  })
