/**
 * One task, one item of a `foreach`, or one iteration of a `repeat`, from its condition to its outcome: condition,
 * references resolved, files found, one attempt carried out, and what follows from a failure. Touches no store.
 */
import { Effect, Exit, Result, type Schema } from "effect"
import type { Shortage } from "./Budget.ts"
import type { ConditionFailed } from "./Errors.ts"
import type { Event } from "./Event.ts"
import type { Call, Reply } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Fan } from "./Fan.ts"
import type { Files } from "./Files.ts"
import type { Graph } from "./Graph.ts"
import * as Inputs from "./Inputs.ts"
import { isArray, isObject } from "./Json.ts"
import type { Loop } from "./Loop.ts"
import type { Plan, PlannedTask } from "./Plan.ts"
import type { Scope } from "./Reference.ts"
import * as Retry from "./Retry.ts"
import type { RunState } from "./RunState.ts"
import {
  addUsage,
  joinUsage,
  iterationPath,
  itemPath,
  type Millis,
  type Question,
  type Root,
  type TaskPath,
  type Total,
  type Usage
} from "./Task.ts"

/** One of a `foreach`. */
export interface Item {
  readonly index: number
  readonly value: Schema.Json
}

export class TaskRun {
  readonly graph: Graph
  readonly planned: PlannedTask
  /** Number of the task in the plan. */
  readonly number: number
  readonly item: Item | undefined
  readonly loop: Loop | undefined
  /** Of the task or the item: where it stands in line. */
  readonly position: TaskPath
  readonly path: TaskPath
  /** Of the attempt that is under way or comes next, from 1. */
  attempt: number
  /** Attempts before a retry of the run, which do not count. */
  readonly former: number
  readonly idempotencyKey: string
  /** A retry runs it again although it had completed. */
  readonly again: boolean
  /** When the first attempt began. */
  readonly started: Millis
  /** What this attempt has used. */
  usage: Total | undefined
  /** Gives back what budgets hold for this attempt. */
  release: (() => void) | undefined
  /** Chunks that this attempt has sent. */
  chunks = 0
  /** When this attempt began, on the monotonic clock, in nanoseconds. */
  began: bigint | undefined
  /** It waits for its provider, and holds no slot meanwhile. */
  waits = false
  /** Its handler ignores its interruption, and is not waited for. */
  left = false
  /** What this attempt has asked and has no answer to. */
  asked: { readonly request: string; readonly question: Question } | undefined
  /** Why the run's budget has no room for this attempt. */
  shortage: Shortage | undefined

  constructor(
    graph: Graph,
    number: number,
    item: Item | undefined,
    loop: Loop | undefined,
    from: RunState,
    now: Millis
  ) {
    this.graph = graph
    this.planned = graph.plan.tasks[number]!
    this.number = number
    this.item = item
    this.loop = loop
    const path = graph.path(number)
    this.position = item === undefined ? path : itemPath(path, item.index)
    this.path = loop === undefined ? this.position : iterationPath(this.position, loop.iteration)
    const known = from.tasks.size === 0 ? undefined : from.tasks.get(this.path)
    this.former = from.former.size === 0 ? 0 : (from.former.get(this.path) ?? 0)
    this.attempt = (known?.attempts ?? this.former) + 1
    this.started = known?.started_at ?? now
    const again = from.again.size === 0 ? undefined : from.again.get(this.path)
    this.again = again !== undefined
    this.idempotencyKey = `${from.run}/${this.path}${again === undefined ? "" : `#${again}`}`
  }

  /** Another attempt comes next. */
  next(): void {
    this.attempt++
    this.fresh()
  }

  /** The same attempt begins again, from its start. */
  fresh(): void {
    this.usage = undefined
    this.asked = undefined
    this.shortage = undefined
    this.chunks = 0
  }

  uses(usage: Usage): void {
    this.usage = addUsage(this.usage, usage)
  }

  /** By a call of this attempt that is not recorded. */
  loses(usage: Total | undefined): void {
    this.usage = joinUsage(this.usage, usage)
  }

  /** What it has used is counted: budgets hold nothing back for it any more. */
  settle(): void {
    this.release?.()
    this.release = undefined
  }

  /** The names that references see: those of the graph, the item's and the iteration's. */
  get scope(): Scope {
    const { graph, item, loop } = this
    const outer = graph.views.scope
    if (item === undefined && loop === undefined) return outer
    const { iteration, previous } = loop ?? {}
    return {
      task: outer.task,
      root: (root: Root) =>
        root === "item"
          ? item?.value
          : root === "index"
            ? item?.index
            : root === "previous"
              ? previous
              : root === "iteration"
                ? iteration
                : outer.root(root)
    }
  }
}

/** The fan that an item belongs to. */
export const fanOf = ({ graph, item, number }: TaskRun): Fan | undefined =>
  item === undefined ? undefined : graph.fans.get(number)

/** What every outcome says. */
export interface Base {
  readonly v: 1
  readonly at: Millis
  readonly task: TaskPath
  readonly started: Millis
  readonly duration: number
  readonly attempt: number
  readonly usage?: Total
}

export type Verdict =
  | { readonly _tag: "Go" }
  | { readonly _tag: "Skip"; readonly because: "condition" | "no value"; readonly of?: string }
  | { readonly _tag: "Fail"; readonly error: ConditionFailed }

/** Whether a task runs at all: it has the values it needs, and its condition holds. */
export const judge = ({ graph, planned, scope }: TaskRun): Verdict => {
  for (const need of planned.needs) {
    const id = graph.plan.tasks[need]!.task.id
    if (scope.task(id)?.result === undefined) return { _tag: "Skip", because: "no value", of: id }
  }
  return planned.condition === undefined || planned.conditionPerItem ? go : test(planned.condition, scope)
}

/** The condition of an item. */
export const judgeItem = ({ planned, scope }: TaskRun): Verdict =>
  planned.condition !== undefined && planned.conditionPerItem ? test(planned.condition, scope) : go

/** What a task gives its call, references resolved. */
export const resolve = ({ planned, scope }: TaskRun): Result.Result<Schema.Json, Failure> =>
  planned.params.resolve(scope)

/** The inputs of a nested workflow, checked and with defaults. */
export const nestedInputs = ({ workflow }: Plan, params: Schema.Json): Result.Result<Inputs.Values, Failure> =>
  Result.map(Inputs.read(workflow, isObject(params) ? params : {}), ({ plain }) => plain)

/** One attempt as data. The timeout is the executor's matter: it is measured where the handler runs. */
export const callOf = (run: string, { attempt, idempotencyKey, path, planned }: TaskRun, params: Schema.Json): Call => {
  const { params: template, priority, task } = planned
  const { method, provider, timeout } = task
  const { secrets } = template
  const plain = { run, task: path, attempt, method, params, priority, idempotencyKey }
  return provider === undefined && timeout === undefined && secrets.length === 0
    ? plain
    : {
        ...plain,
        ...(provider === undefined ? {} : { provider }),
        ...(secrets.length === 0 ? {} : { secrets }),
        ...(timeout === undefined ? {} : { timeout })
      }
}

/** Where a result came from, if nothing was called for it. */
export interface Taken extends Reply {
  /** The run that the cache has it from. */
  readonly cached?: string
  /** The path in the run that this one was forked from. */
  readonly reused?: TaskPath
  /** Hashes of the files that it was given. */
  readonly files?: { readonly [path: string]: string }
}

/** Absolute paths in what `prepare` gave. */
export const pathsIn = (params: Schema.Json, { files }: PlannedTask): ReadonlyArray<string> =>
  !isObject(params)
    ? []
    : files.flatMap(({ folder, name }) => {
        if (folder === true) return []
        const value = params[name] ?? null
        return (isArray(value) ? value : [value]).flatMap((one) =>
          typeof one === "string" && !isUrl(one) ? [one] : []
        )
      })

/** Params marked as files become absolute paths; lists of them each. URLs stay as they are where they may stand. */
export const locate = (
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
        typeof value !== "string" || (urls && isUrl(value)) ? Effect.succeed(value) : files.locate(folder, value)
      const value = located[name] ?? null
      located[name] = isArray(value) ? yield* Effect.forEach(value, one) : yield* one(value)
    }
    return located
  })

/** Written out: this is made for every task, and spreading costs more than all the rest of it. */
export const completion = (base: Base, reply: Taken): Event => {
  const { at, attempt, duration, started, task, usage } = base
  const { cached, files, masked, provider, result, reused } = reply
  const plain = { _tag: "TaskCompleted", v: 1, at, task, started, duration, attempt, provider, result } as const
  return usage === undefined && masked !== true && (files ?? cached ?? reused) === undefined
    ? plain
    : {
        ...plain,
        ...(usage === undefined ? {} : { usage }),
        ...(masked === true ? { masked } : {}),
        ...(files === undefined ? {} : { files }),
        ...(cached === undefined ? {} : { cached }),
        ...(reused === undefined ? {} : { reused })
      }
}

export type Outcome =
  | { readonly _tag: "Completed"; readonly reply: Taken }
  | { readonly _tag: "Failed"; readonly error: Failure }
  /** Another attempt begins after some milliseconds. */
  | { readonly _tag: "Retrying"; readonly error: Failure; readonly delay: number }
  | { readonly _tag: "Suspended"; readonly request: string; readonly question: Question }
  /** The run's budget has no room for it. */
  | { readonly _tag: "Blocked"; readonly shortage: Shortage }

export const outcome = (
  { asked, attempt, former, planned, shortage }: TaskRun,
  exit: Exit.Exit<Taken, Failure>,
  chance: number
): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Completed", reply: exit.value }
  const error = FailureData.fromCause(exit.cause)
  if (error.code === suspended && asked !== undefined) return { _tag: "Suspended", ...asked }
  if (shortage !== undefined) return { _tag: "Blocked", shortage }
  const delay = Retry.next(planned.task.retry, planned.effects, error, attempt - former, chance)
  return delay === undefined ? { _tag: "Failed", error } : { _tag: "Retrying", error, delay }
}

// internal

/** The code of `TaskSuspended`. */
const suspended = -29017

const isUrl = (value: string): boolean => /^(data|https?):/.test(value)

const go: Verdict = { _tag: "Go" }

const test = (condition: NonNullable<PlannedTask["condition"]>, scope: Scope): Verdict => {
  const tested = condition.test(scope)
  if (Result.isFailure(tested)) return { _tag: "Fail", error: tested.failure }
  return tested.success ? go : { _tag: "Skip", because: "condition" }
}
