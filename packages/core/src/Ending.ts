/** How a run ends: its outputs, its failure, its last event. Pure. */
import { Result, type Schema } from "effect"
import type { Event } from "./Event.ts"
import type { Failure } from "./Failure.ts"
import type { Plan } from "./Plan.ts"
import * as Run from "./Run.ts"
import type { RunSummary } from "./Store.ts"
import { type Millis, path, type TaskPath, type Total } from "./Task.ts"
import type { Views } from "./Views.ts"

/** Why a run ends before its tasks do. */
export type Stop = { readonly _tag: "Cancelled" } | { readonly _tag: "Failed"; readonly error: Failure }

/** An output without a value is left out, with a warning. `lost`: by attempts that were cut off, by path. */
export const event = (
  plan: Plan,
  { failures, scope }: Views,
  stop: Stop | undefined,
  at: Millis,
  lost: ReadonlyMap<TaskPath, Total>
): Event => {
  const more = lostOf(lost)
  if (stop?._tag === "Cancelled") return { _tag: "RunCancelled", v: 1, at, ...more }
  const { outputs, warnings } = results(plan, scope)
  return stop === undefined && failures.length === 0
    ? { _tag: "RunCompleted", v: 1, at, outputs, warnings }
    : { _tag: "RunFailed", v: 1, at, error: stop?.error ?? failure(failures), outputs, warnings, ...more }
}

/** As an event says it. */
export const lostOf = (lost: ReadonlyMap<TaskPath, Total>): Pick<Extract<Event, { _tag: "RunCancelled" }>, "lost"> =>
  lost.size === 0 ? {} : { lost: [...lost].map(([task, usage]) => ({ task, usage })) }

/** Outputs by name, and what is said of those without a value. */
export const results = (plan: Plan, scope: Views["scope"]) => {
  const values: Array<readonly [string, Schema.Json]> = []
  const warnings: Array<string> = []
  for (const [name, template] of plan.outputs) {
    const value = template.resolve(scope)
    if (Result.isSuccess(value)) values.push([name, value.success])
    else warnings.push(`output "${name}" is left out: ${value.failure.message}`)
  }
  return { outputs: Object.fromEntries(values), warnings }
}

/** Of a nested workflow: the path of the task that failed, however deep it lies, and why. */
export const nestedFailure = (prefix: TaskPath, failures: Views["failures"]): Failure => {
  const first = failures.toSorted((a, b) => a.number - b.number)[0]
  if (first?.error.name === nested) return first.error
  const at = `${prefix}${path(first?.task ?? "")}`
  return {
    code: -29020,
    name: nested,
    message: `"${at}" failed: ${first?.error.message}`,
    retryable: false,
    data: { path: at, ...(first === undefined ? {} : { code: first.error.code, name: first.error.name }) }
  }
}

/** Of the tasks that failed: the first is named, all are listed, in document order, which a crash does not change. */
export const failure = (unordered: Views["failures"]): Failure => {
  const failures = unordered.toSorted((a, b) => a.number - b.number)
  const [first] = failures
  const others = failures.length - 1
  return {
    code: -28003,
    name: "WORKFLOW_EXECUTION_FAILED",
    message: `task "${first?.task}" failed: ${first?.error.message}${others > 0 ? ` (and ${others} more)` : ""}`,
    retryable: false,
    data: { tasks: failures.map(({ task }) => task) }
  }
}

/** The status that an event ends a run with; undefined when it does not. */
export const status = (
  event: Event | undefined
): Exclude<Run.RunStatus, "pending" | "running" | "waiting"> | undefined => {
  switch (event?._tag) {
    case "RunCompleted":
      return "completed"
    case "RunFailed":
      return "failed"
    case "RunCancelled":
      return "cancelled"
    default:
      return undefined
  }
}

/** Where a run stands that is driven. */
export interface Standing {
  readonly plan: Plan
  readonly from: Run.RunState
  readonly views: Views
  readonly usage: Total
  /** Of its last event. */
  readonly at: Millis
}

/** How it came to rest: by its last event, or waiting. */
export const outcome = ({ at, from, plan, usage, views }: Standing, last: Event | undefined): Run.Outcome => {
  const over = status(last)
  const ended = last?._tag === "RunCompleted" || last?._tag === "RunFailed" ? last : undefined
  return {
    run: from.run,
    workflow: plan.workflow.name,
    status: over ?? "waiting",
    ...(ended === undefined ? {} : { outputs: ended.outputs }),
    ...(last?._tag === "RunFailed" ? { error: last.error } : {}),
    warnings: ended?.warnings ?? [],
    progress: { completed: plan.tasks.length - views.left, total: plan.tasks.length },
    waiting: over === undefined ? Run.requests(from) : [],
    started_at: from.created_at,
    ...(over === undefined ? {} : { finished_at: at }),
    usage
  }
}

export const summary = ({ at, from, plan, usage, views }: Standing, status: Run.RunStatus): RunSummary =>
  Run.summaryOf(from, {
    status,
    updated_at: at,
    tasks: { ...views.counts, total: plan.tasks.length },
    waiting: status === "waiting" ? Run.waiting(from) : [],
    usage
  })

// internal

const nested = "NESTED_TASK_FAILED"
