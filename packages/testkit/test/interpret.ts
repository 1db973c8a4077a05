/**
 * What DESIGN.md §3 says of a workflow, one task after the other: no scheduler, no plan, no journal, no concurrency. It
 * answers with what a run must come to. References and expressions are core's; which task runs, how often, and what
 * follows from its end is written here once more.
 */
import { Condition, Errors, Reference, type Workflow } from "@gleitzeit/core"
import { Result, Schema } from "effect"

export interface Ended {
  readonly status: "completed" | "failed" | "skipped"
  readonly result?: Schema.Json
  /** Code of the failure. */
  readonly code?: number
  /** Calls made; undefined where none was made by this path itself. */
  readonly attempts?: number
}

export interface Interpreted {
  readonly status: "completed" | "failed"
  readonly outputs: { readonly [name: string]: Schema.Json }
  /** Names of outputs without a value. */
  readonly leftOut: ReadonlyArray<string>
  /** By id. */
  readonly tasks: ReadonlyMap<string, Ended>
  /** By id, for tasks with `foreach` whose items all came to an end. */
  readonly items: ReadonlyMap<string, ReadonlyArray<Ended>>
}

type Roots = { readonly [name in "inputs" | "item" | "index" | "previous" | "iteration" | "result"]?: Schema.Json }

export const interpret = (workflow: Workflow.Workflow, roots: Roots = {}): Interpreted => {
  const names = Reference.names(workflow)
  const views = new Map<string, Reference.View>()
  const ended = new Map<string, Ended>()
  const items = new Map<string, ReadonlyArray<Ended>>()
  /** Failed under `on_error: fail`, or behind such a one. */
  const lost = new Set<string>()
  const scope = (more: Roots = {}): Reference.Scope => {
    const all: { readonly [name: string]: Schema.Json | undefined } = { ...roots, ...more }
    return { task: (id) => views.get(id), root: (root) => all[root] }
  }

  for (const task of inOrder(workflow, names)) {
    const spoken = speaks(task, names)
    const end = (as: Ended, view: Partial<Reference.View> = {}) => {
      const error = as.status === "failed" ? { code: as.code ?? 0, name: nameOf(as.code), message: "" } : null
      ended.set(task.id, as)
      views.set(task.id, { status: as.status, result: as.result, error, ...view })
      if (as.status === "failed" && task.on_error !== "continue") lost.add(task.id)
    }
    // downstream of a failure: skipped, whatever its condition says
    if ([...spoken.dependencies].some((id) => lost.has(id))) {
      end({ status: "skipped" })
      lost.add(task.id)
      continue
    }
    // a task that is done without a value, and a reference to it that has no other
    if ([...spoken.needs].some((id) => views.get(id)?.result === undefined)) {
      end({ status: "skipped" })
      continue
    }
    const condition = task.if === undefined ? undefined : Condition.compile(task.if, names)
    const perItem = condition?.roots.some((root) => root === "item" || root === "index") === true
    const go = (here: Reference.Scope): Ended | undefined => {
      const verdict = condition?.test(here)
      if (verdict === undefined || (Result.isSuccess(verdict) && verdict.success)) return undefined
      return Result.isSuccess(verdict) ? { status: "skipped" } : { status: "failed", code: verdict.failure.code }
    }
    const stopped = perItem ? undefined : go(scope())
    if (stopped !== undefined) {
      end(stopped)
      continue
    }
    if (task.foreach === undefined) {
      end(carryOut(task, names, scope))
      continue
    }
    const list: Result.Result<Schema.Json, { readonly code: number }> =
      typeof task.foreach === "string"
        ? Condition.compile(task.foreach, names).evaluate(scope())
        : Reference.compile(task.foreach, names).resolve(scope())
    const found = Result.isSuccess(list) ? list.success : null
    if (!isList(found)) {
      end({ status: "failed", code: Result.isFailure(list) ? list.failure.code : conditionFailed.code })
      continue
    }
    const all = found.map((item, index): Ended => {
      const stopped = perItem ? go(scope({ item, index })) : undefined
      return stopped ?? carryOut(task, names, (more) => scope({ item, index, ...more }))
    })
    const failures = all.flatMap(({ code, status }, index) =>
      status === "failed" ? [{ index, error: { code: code ?? 0, name: nameOf(code), message: "" } }] : []
    )
    // which of them began before the first failure was there is a matter of time
    if (failures.length > 0 && task.on_error !== "continue") {
      end({ status: "failed", code: itemsFailed.code })
      continue
    }
    items.set(task.id, all)
    const result = all.flatMap(({ result }) => (result === undefined ? [] : [result]))
    end({ status: "completed", result }, { fan: { failures } })
  }

  const outputs: Array<readonly [string, Schema.Json]> = []
  const leftOut: Array<string> = []
  for (const [name, template] of Object.entries(workflow.outputs ?? {})) {
    const value = Reference.compile(template, names).resolve(scope())
    if (Result.isSuccess(value)) outputs.push([name, value.success])
    else leftOut.push(name)
  }
  const failed = workflow.tasks.some(
    ({ id, on_error }) => ended.get(id)?.status === "failed" && on_error !== "continue"
  )
  return { status: failed ? "failed" : "completed", outputs: Object.fromEntries(outputs), leftOut, tasks: ended, items }
}

// internal

const isList = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const conditionFailed = new Errors.ConditionFailed({ expression: "", issue: "" })
const itemsFailed = new Errors.ItemsFailed({ task: "", total: 0, items: [] })
const unresolved = new Errors.UnresolvedReference({ reference: "", issue: "" })
const repeatExhausted = { code: -29016, name: "REPEAT_EXHAUSTED" }
const nestedFailed = { code: -29020, name: "NESTED_TASK_FAILED" }
const scripted = new Errors.TaskExecutionFailed({ reason: "", retryable: true })

/** What errors have in a workflow besides their message, which is not compared. */
const nameOf = (code: number | undefined): string =>
  [conditionFailed, itemsFailed, unresolved, repeatExhausted, nestedFailed, scripted].find(
    (error) => error.code === code
  )?.name ?? ""

/** Every task after those it depends on. */
const inOrder = (workflow: Workflow.Workflow, names: Reference.Names): ReadonlyArray<Workflow.Task> => {
  const sorted: Array<Workflow.Task> = []
  const visit = (task: Workflow.Task) => {
    if (sorted.includes(task)) return
    for (const other of workflow.tasks) if (speaks(task, names).dependencies.has(other.id)) visit(other)
    sorted.push(task)
  }
  for (const task of workflow.tasks) visit(task)
  return sorted
}

/** Which tasks must be over before a task, and which of them must have left a value. */
const speaks = (task: Workflow.Task, names: Reference.Names) => {
  const templates = [task.params, ...(Array.isArray(task.foreach) ? [task.foreach] : [])]
  const references = templates.flatMap((json) => Reference.compile(json, names).references)
  const expressions = [task.if, ...(typeof task.foreach === "string" ? [task.foreach] : [])].flatMap((expression) =>
    expression === undefined ? [] : [Condition.compile(expression, names)]
  )
  const spoken = references.flatMap(({ alternatives }) =>
    alternatives.flatMap((one) => (one.kind === "task" ? [one] : []))
  )
  const alone = references.flatMap(({ alternatives: [one, ...others] }) =>
    one?.kind === "task" && others.length === 0 && !one.status && one.path[0] !== "error" ? [one.task] : []
  )
  return {
    dependencies: new Set([
      ...(task.dependencies ?? []),
      ...spoken.map((one) => one.task),
      ...expressions.flatMap((one) => one.tasks)
    ]),
    needs: new Set([...alone, ...expressions.flatMap((one) => one.needs)])
  }
}

/** One task, one item: its iterations, each with its attempts. */
const carryOut = (task: Workflow.Task, names: Reference.Names, scope: (more?: Roots) => Reference.Scope): Ended => {
  const { repeat } = task
  if (repeat === undefined) return attempts(task, names, scope())
  let previous: Schema.Json = null
  for (let iteration = 1; iteration <= repeat.max; iteration++) {
    const ended = attempts(task, names, scope({ previous, iteration }))
    if (ended.status === "failed")
      return { status: "failed", ...(ended.code === undefined ? {} : { code: ended.code }) }
    previous = ended.result ?? null
    const until = Condition.compile(repeat.until, names).test(scope({ result: previous, iteration }))
    if (Result.isFailure(until)) return { status: "failed", code: until.failure.code }
    if (until.success) return { status: "completed", result: previous }
  }
  return repeat.on_max === "continue"
    ? { status: "completed", result: previous }
    : { status: "failed", code: repeatExhausted.code }
}

const Params = Schema.Struct({ value: Schema.Json, fails: Schema.Int, retryable: Schema.Boolean })

const attempts = (task: Workflow.Task, names: Reference.Names, scope: Reference.Scope): Ended => {
  const params = Reference.compile(task.params, names).resolve(scope)
  if (Result.isFailure(params)) return { status: "failed", code: params.failure.code }
  if (task.workflow !== undefined) {
    // Safe: params of a task are a record, and stay one.
    const inner = interpret(task.workflow, { inputs: params.success })
    return inner.status === "completed"
      ? { status: "completed", result: inner.outputs }
      : { status: "failed", code: nestedFailed.code }
  }
  const { fails, retryable, value } = Schema.decodeUnknownSync(Params)(params.success)
  for (let attempt = 1; ; attempt++) {
    if (attempt > fails) return { status: "completed", result: value, attempts: attempt }
    if (attempt >= allowed(task, retryable)) return { status: "failed", code: scripted.code, attempts: attempt }
  }
}

/** Attempts in all, when every one fails as the script says. */
const allowed = ({ effects, method, retry }: Workflow.Task, retryable: boolean): number => {
  const writes = (effects ?? (method === "script/write" ? "writes" : "reads")) === "writes"
  if (retry === undefined) return writes || !retryable ? 1 : 3
  const tries = retry.on === undefined || retry.on.some((one) => one === scripted.code || one === scripted.name)
  return tries ? retry.max_attempts : 1
}
