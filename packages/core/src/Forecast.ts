/**
 * What a run of a workflow would do, before it runs: its graph, what is known of each task, what it uses at least and at
 * most, and what it lacks. Asks providers who they are and how they are, and the cache what it holds; calls nothing and
 * writes nothing.
 */
import { Effect, Option, Result, type Schema } from "effect"
import * as Bounds from "./Bounds.ts"
import { type Contract, marks } from "./Contract.ts"
import { DataV1 } from "./DataV1.ts"
import * as Environment from "./Environment.ts"
import type { InvalidInputs } from "./Errors.ts"
import type { Executor } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import type { Files } from "./Files.ts"
import * as Given from "./Given.ts"
import { HumanV1 } from "./HumanV1.ts"
import * as Inputs from "./Inputs.ts"
import { type Duty, Inquiry } from "./Inquiry.ts"
import { isArray, isObject } from "./Json.ts"
import type { KeyValues } from "./KeyValues.ts"
import { declarations, type Mention, mentions } from "./Mentions.ts"
import { Inventory, type Missing } from "./Missing.ts"
import type { Plan, PlannedTask } from "./Plan.ts"
import type { Health } from "./Provider.ts"
import type { Providers } from "./Providers.ts"
import { PythonV1 } from "./PythonV1.ts"
import * as Reference from "./Reference.ts"
import { find, keyOf } from "./ResultCache.ts"
import { standard } from "./Retry.ts"
import type { Secrets } from "./Secrets.ts"
import { SignalV1 } from "./SignalV1.ts"
import type { TaskPath, Usage } from "./Task.ts"
import { locate, pathsIn } from "./TaskRun.ts"
import { TimerV1 } from "./TimerV1.ts"
import type { Budget, Workflow } from "./Workflow.ts"
import type { CanonicalPath, Parsed } from "./WorkflowFile.ts"

export interface Forecast {
  readonly workflow: string
  /** In the order of the document. */
  readonly tasks: ReadonlyArray<Task>
  /** Tasks one after the other on the longest way through the graph, those of nested workflows counted singly. */
  readonly steps: number
  readonly bounds: Bounds.Bounds
  /** Of the run. */
  readonly budget?: Budget
  readonly missing: ReadonlyArray<Missing>
}

export interface Task {
  readonly id: string
  /** What people read, where that is not the id. */
  readonly label?: string
  /** Where it is in a run, without the numbers of items and iterations. */
  readonly path: TaskPath
  /** `workflow` for a nested workflow. */
  readonly method: string
  /** Who would be called. Absent: nobody, or nobody knows. */
  readonly provider?: string
  /** Ids of those that must be over first. */
  readonly after: ReadonlyArray<string>
  /** Those of them whose value it can do without. */
  readonly optional: ReadonlyArray<string>
  /** From 1: how far it is from the beginning of its workflow. */
  readonly wave: number
  /** As written. */
  readonly if?: string
  /** `never`: its condition is known to be false (or to fail), or it needs a value of one that never runs. */
  readonly runs: "certain" | "maybe" | "never"
  /** `items: null`: the list is known only once other tasks are over. */
  readonly foreach?: { readonly items: number | null }
  /** Iterations at most. */
  readonly repeat?: { readonly max: number }
  /** Of one call, at most. */
  readonly attempts: number
  /** Calls (items of a `foreach` each) whose results are kept, and the runs that they come from. */
  readonly cached?: { readonly calls: number; readonly runs: ReadonlyArray<string> }
  /** What one attempt uses at most, as far as its provider says. */
  readonly estimate?: Usage
  readonly bounds: Bounds.Bounds
  /** Those of a nested workflow. */
  readonly tasks?: ReadonlyArray<Task>
}

export interface Options {
  /** Values by name; what is not given has its default. */
  readonly inputs?: Inputs.Values
  /** Where paths are relative to. Default: none, and they must be absolute. */
  readonly folder?: string
  /** The cache is not looked at. Default false. */
  readonly fresh?: boolean
  /** In place of the workflow's own. */
  readonly budget?: Budget
  /** Where the parts of the workflow stand in its document. */
  readonly locate?: Parsed["locate"]
}

/** What is asked. */
export interface Sources {
  readonly executor: Executor["Service"]
  readonly providers: Providers["Service"]
  readonly secrets: Secrets["Service"]
  readonly files: Files["Service"]
  readonly keyValues: KeyValues["Service"]
}

/** Items of one `foreach` that are looked at singly; of more than these it is said what holds for any of them. */
export const maxItems = 100

/** Of a workflow that has been checked. Required inputs that are not given are among what is missing; wrong ones fail. */
export const make = Effect.fnUntraced(function* (
  sources: Sources,
  plan: Plan,
  contracts: ReadonlyArray<Contract>,
  options: Options = {}
): Effect.fn.Return<Forecast, InvalidInputs> {
  const { workflow } = plan
  const inventory = new Inventory(options.locate)
  const inputs = yield* Effect.fromResult(read(workflow, options.inputs ?? {}, inventory))
  const env = yield* Environment.read(workflow)
  const byMethod = new Map(contracts.map((contract) => [contract.method, contract]))
  const around: Around = {
    sources,
    contracts: byMethod,
    folder: options.folder ?? "",
    fresh: options.fresh ?? false,
    inventory,
    inquiry: new Inquiry(sources, byMethod),
    keys: new Set()
  }
  yield* around.inquiry.all(leaves(plan).map(({ task }) => task))
  yield* lackOfNames(around, plan, env)
  const { bounds, steps, tasks } = yield* level(around, plan, { ...inputs, env }, root)
  const budget = options.budget ?? workflow.budget
  return {
    workflow: workflow.name,
    tasks,
    steps,
    bounds,
    ...(budget === undefined ? {} : { budget }),
    missing: inventory.all
  }
})

// internal

interface Around {
  readonly sources: Sources
  readonly contracts: ReadonlyMap<string, Contract>
  readonly folder: string
  readonly fresh: boolean
  readonly inventory: Inventory
  readonly inquiry: Inquiry
  /** Of the cache: calls that another task makes already. */
  readonly keys: Set<string>
}

/** A workflow's place. */
interface Place {
  readonly at: CanonicalPath
  readonly prefix: string
  /** It does not run at all. */
  readonly never: boolean
  /** It may run more than once: what is said holds for each of its runs. */
  readonly many: boolean
}

const root: Place = { at: [], prefix: "", never: false, many: false }

/** Protocols whose methods ask no model and cost nothing. */
const free: ReadonlySet<string> = new Set([DataV1, HumanV1, PythonV1, SignalV1, TimerV1].map(({ id }) => id))

const nothing: Usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 }

/** The code of `ModelNotFound`. */
const modelNotFound = -30010

const read = (
  { inputs: declared = {}, name }: Workflow,
  given: Inputs.Values,
  inventory: Inventory
): Result.Result<Pick<Given.Given, "inputs" | "unknown">, InvalidInputs> => {
  const absent = Object.keys(declared).filter(
    (name) => declared[name]?.required === true && declared[name].default === undefined && !Object.hasOwn(given, name)
  )
  for (const name of absent) {
    inventory.lacks("input", name, "it is required and has no default", { at: ["inputs", name] })
  }
  const others = Object.entries(declared).filter(([name]) => !absent.includes(name))
  return Result.mapBoth(Inputs.read({ name, inputs: Object.fromEntries(others) }, given), {
    onFailure: (error) => error,
    onSuccess: ({ plain, secret }) => ({ inputs: plain, unknown: new Set([...absent, ...secret.keys()]) })
  })
}

interface Level {
  readonly tasks: ReadonlyArray<Task>
  readonly bounds: Bounds.Bounds
  readonly steps: number
}

const level = (around: Around, plan: Plan, known: Given.Given, place: Place): Effect.Effect<Level> =>
  Effect.gen(function* () {
    const names = Reference.names(plan.workflow)
    const made: Array<Task> = []
    const steps: Array<number> = []
    const lengths = new Map<string, Bounds.Range>()
    const seen: Given.Given = { ...known, lengths }
    for (const number of inOrder(plan)) {
      const planned = plan.tasks[number]!
      const { dependencies, needs, reads, task } = planned
      const runs = place.never ? "never" : fate(planned, made, known)
      const here = { ...place, at: [...place.at, "tasks", number], never: runs === "never" }
      const path = place.prefix + planned.path
      const one = yield* planned.nested === undefined
        ? leaf(around, planned, seen, names, here, path)
        : nested(around, planned, planned.nested, seen, names, here, path)
      if (planned.each !== undefined) lengths.set(task.id, one.count)
      made[number] = {
        id: task.id,
        ...(task.label === undefined ? {} : { label: task.label }),
        path,
        method: task.method,
        ...(one.provider === undefined ? {} : { provider: one.provider }),
        after: dependencies.map((other) => plan.tasks[other]!.task.id),
        optional: reads.filter((other) => !needs.includes(other)).map((other) => plan.tasks[other]!.task.id),
        wave: 1 + largest(dependencies, (other) => made[other]!.wave),
        ...(task.if === undefined ? {} : { if: task.if }),
        runs,
        ...(planned.each === undefined ? {} : { foreach: { items: one.items } }),
        ...(task.repeat === undefined ? {} : { repeat: { max: task.repeat.max } }),
        attempts: attemptsOf(planned),
        ...(one.cached === undefined ? {} : { cached: one.cached }),
        ...(one.estimate === undefined ? {} : { estimate: one.estimate }),
        bounds: runs === "never" ? Bounds.zero : runs === "maybe" ? Bounds.optional(one.bounds) : one.bounds,
        ...(one.tasks === undefined ? {} : { tasks: one.tasks })
      }
      steps[number] = (runs === "never" ? 0 : one.steps) + largest(dependencies, (other) => steps[other]!)
    }
    return {
      tasks: made,
      bounds: Bounds.sum(made.map(({ bounds }) => bounds)),
      steps: largest(steps, (one) => one)
    }
  })

/** At least 0. */
const largest = (numbers: ReadonlyArray<number>, of: (number: number) => number): number =>
  numbers.reduce((most, number) => Math.max(most, of(number)), 0)

/** Numbers of the tasks, each after those that it waits for. */
const inOrder = ({ dependents, tasks }: Plan): ReadonlyArray<number> => {
  const left = tasks.map(({ dependencies }) => dependencies.length)
  const order = left.flatMap((count, number) => (count === 0 ? [number] : []))
  // grows while it is walked
  for (const number of order) for (const next of dependents[number] ?? []) if (--left[next]! === 0) order.push(next)
  return order
}

const fate = (
  { condition, conditionPerItem, needs }: PlannedTask,
  made: ReadonlyArray<Task>,
  known: Given.Given
): Task["runs"] => {
  const holds = condition === undefined || conditionPerItem ? true : Given.holds(known, condition)
  const needed = needs.map((other) => made[other]!.runs)
  if (holds === false || needed.includes("never")) return "never"
  return holds === undefined || needed.includes("maybe") ? "maybe" : "certain"
}

const attemptsOf = ({ effects, nested, task: { retry } }: PlannedTask): number =>
  nested !== undefined ? 1 : Math.max(1, retry?.max_attempts ?? (effects === "writes" ? 1 : standard.max_attempts))

/** What is known of a task but how it hangs together with others. */
interface Own {
  readonly provider?: string | undefined
  readonly items: number | null
  /** Items whose condition holds, or that have none. */
  readonly count: Bounds.Range
  readonly cached?: Task["cached"]
  readonly estimate?: Usage | undefined
  readonly bounds: Bounds.Bounds
  readonly steps: number
  readonly tasks?: ReadonlyArray<Task>
}

/** Of the items of a `foreach`, those whose condition may hold. */
interface Spread {
  /** Singly, each with whether its condition holds; undefined when they are too many, or not known. */
  readonly singly: ReadonlyArray<{ readonly known: Given.Given; readonly certain: boolean }> | undefined
  readonly count: Bounds.Range
  readonly items: number | null
}

const spread = (planned: PlannedTask, known: Given.Given): Spread => {
  const { condition, conditionPerItem, each } = planned
  if (each === undefined) return { singly: [{ known, certain: true }], count: { least: 1, most: 1 }, items: null }
  const items = Given.items(known, planned)
  if (items === undefined) return { singly: undefined, count: { least: 0, most: null }, items: null }
  const judged = condition !== undefined && conditionPerItem ? condition : undefined
  if ("least" in items) {
    const { least, most } = items
    const count = { least: judged === undefined ? least : 0, most }
    return { singly: undefined, count, items: least === most ? most : null }
  }
  const singly = items.flatMap((value, index) => {
    const own = { ...known, item: { index, value } }
    const holds = judged === undefined ? true : Given.holds(own, judged)
    return holds === false ? [] : [{ known: own, certain: holds === true }]
  })
  const count = { least: singly.filter(({ certain }) => certain).length, most: singly.length }
  return { singly: singly.length > maxItems ? undefined : singly, count, items: items.length }
}

const repeated = (bounds: Bounds.Bounds, { repeat }: PlannedTask["task"]): Bounds.Bounds =>
  repeat === undefined ? bounds : Bounds.times(bounds, { least: 1, most: repeat.max })

const nested = (
  around: Around,
  planned: PlannedTask,
  plan: Plan,
  known: Given.Given,
  names: Reference.Names,
  place: Place,
  path: TaskPath
): Effect.Effect<Own> => {
  const { count, items } = spread(planned, known)
  const { each, task } = planned
  const inside: Place = {
    at: [...place.at, "workflow"],
    prefix: `${path}/`,
    never: place.never || count.most === 0,
    many: place.many || each !== undefined || task.repeat !== undefined
  }
  return Effect.map(level(around, plan, Given.inside(known, task, plan.workflow, names), inside), (level) => ({
    items,
    count,
    bounds: Bounds.times(repeated(level.bounds, task), count),
    steps: level.steps,
    tasks: level.tasks
  }))
}

const leaf = (
  around: Around,
  planned: PlannedTask,
  known: Given.Given,
  names: Reference.Names,
  place: Place,
  path: TaskPath
): Effect.Effect<Own> =>
  Effect.gen(function* () {
    const { task } = planned
    const { count, items, singly } = spread(planned, known)
    if (place.never || count.most === 0) return { items, count, bounds: Bounds.zero, steps: 1 }
    const duty = yield* around.inquiry.duty(task)
    lackOfProvider(around, planned, duty, place, path)
    if (singly === undefined) {
      const each = yield* single(around, planned, duty, known, names, { ...place, many: true }, path)
      return {
        provider: duty.provider,
        items,
        count,
        estimate: each.estimate,
        bounds: Bounds.times(repeated(each.bounds, task), count),
        steps: 1
      }
    }
    const calls: Array<Single & { readonly certain: boolean }> = []
    for (const { certain, known } of singly) {
      calls.push({ certain, ...(yield* single(around, planned, duty, known, names, place, path)) })
    }
    const runs = calls.flatMap(({ kept }) => (kept === undefined ? [] : [kept]))
    return {
      provider: duty.provider,
      items,
      count,
      ...(runs.length === 0 ? {} : { cached: { calls: runs.length, runs: [...new Set(runs)] } }),
      estimate: calls[0]?.estimate,
      bounds: repeated(
        Bounds.sum(calls.map(({ bounds, certain }) => (certain ? bounds : Bounds.optional(bounds)))),
        task
      ),
      steps: 1
    }
  })

interface Single {
  /** The run whose result the cache has. */
  readonly kept?: string
  readonly estimate: Usage | undefined
  readonly bounds: Bounds.Bounds
}

/** One call of a task. */
const single = (
  around: Around,
  planned: PlannedTask,
  duty: Duty,
  known: Given.Given,
  names: Reference.Names,
  place: Place,
  path: TaskPath
): Effect.Effect<Single> =>
  Effect.gen(function* () {
    const { task } = planned
    yield* lackOfFiles(around, planned, known, names, place, path)
    const params = Given.value(known, planned.params)
    const located =
      params === undefined
        ? undefined
        : yield* Effect.orElseSucceed(
            locate(around.sources.files, around.folder, params, planned.files),
            () => undefined
          )
    const isFree = free.has(task.protocol)
    const asks = duty.failure === undefined && duty.health.status !== "unhealthy"
    const surveyed =
      asks && (!isFree || task.cache !== undefined)
        ? yield* around.inquiry.survey(planned, located ?? Given.guess(known, task.params, names), path)
        : undefined
    if (surveyed !== undefined && Result.isFailure(surveyed))
      lackOfModel(around, planned, surveyed.failure, place, path)
    const found = surveyed === undefined || Result.isFailure(surveyed) ? undefined : surveyed.success
    // what it is guessed to be given says nothing of what it uses, but how often it is called
    const guessed = found?.estimate.calls === undefined ? {} : { calls: found.estimate.calls }
    const estimate = isFree ? nothing : located === undefined ? guessed : (found?.estimate ?? {})
    const bounds = Bounds.ofCall(attemptsOf(planned), estimate)
    const said = isFree || Object.keys(estimate).length === 0 ? undefined : estimate
    if (task.cache === undefined || around.fresh) return { estimate: said, bounds }
    const key = yield* keyOfCall(around, planned, known, located, found?.identity)
    const kept = key === undefined ? Option.none() : yield* find(around.sources.keyValues, key)
    if (Option.isSome(kept)) return { kept: kept.value.run, estimate: said, bounds: Bounds.zero }
    // the same call is made once, whoever makes it; of one that is not known it may have been made by anybody
    const isKeptNever = located !== undefined && found !== undefined && found.identity === undefined
    const isFirst = isKeptNever || (key !== undefined && !place.many && !around.keys.has(key))
    if (key !== undefined) around.keys.add(key)
    return { estimate: said, bounds: isFirst ? bounds : Bounds.optional(bounds) }
  })

const keyOfCall = Effect.fnUntraced(function* (
  { sources: { files } }: Around,
  planned: PlannedTask,
  known: Given.Given,
  params: Schema.Json | undefined,
  identity: string | undefined
) {
  if (params === undefined || identity === undefined) return undefined
  const { cacheKey, task } = planned
  const custom = cacheKey === undefined ? undefined : Given.value(known, cacheKey)
  if (cacheKey !== undefined && custom === undefined) return undefined
  const hashes = yield* Effect.option(Effect.forEach(pathsIn(params, planned), (path) => files.hash(path)))
  return Option.isNone(hashes)
    ? undefined
    : keyOf(task.method, custom === undefined ? params : [custom], identity, hashes.value)
})

/** The tasks that are calls, those of nested workflows too. */
const leaves = ({ tasks }: Plan): ReadonlyArray<PlannedTask> =>
  tasks.flatMap((planned) => (planned.nested === undefined ? [planned] : leaves(planned.nested)))

const lackOfProvider = (
  { inventory }: Around,
  { task }: PlannedTask,
  { failure, health, provider }: Duty,
  { at }: Place,
  path: TaskPath
): void => {
  const where = { task: path, at: [...at, task.provider === undefined ? "method" : "provider"] }
  if (failure !== undefined) {
    if (task.provider === undefined) inventory.lacks("method", task.method, failure.message, where)
    else inventory.lacks("provider", task.provider, failure.message, where)
  } else if (health.status === "unhealthy") {
    inventory.lacks("provider", provider ?? task.protocol, reasonOf(health), where)
  }
}

const reasonOf = ({ details }: Health): string => {
  const { message, reason } = isObject(details) ? details : {}
  return typeof reason === "string" ? reason : typeof message === "string" ? message : "it says that it cannot work"
}

/** Other failures are for the call to meet: what it is given may be a guess. */
const lackOfModel = (
  { contracts, inventory }: Around,
  { task }: PlannedTask,
  failure: Failure,
  { at }: Place,
  path: TaskPath
): void => {
  if (failure.code !== modelNotFound) return
  const contract = contracts.get(task.method)
  const param = contract === undefined ? undefined : [...marks(contract)].find(([, { kind }]) => kind === "model")?.[0]
  const written = param === undefined ? undefined : task.params[param]
  const model = isObject(failure.data) ? failure.data["model"] : undefined
  inventory.lacks(
    "model",
    typeof model === "string" ? model : typeof written === "string" ? written : task.method,
    failure.message,
    { task: path, at: written === undefined || param === undefined ? [...at, "method"] : [...at, "params", param] }
  )
}

/** Paths that are known already. */
const lackOfFiles = Effect.fnUntraced(function* (
  { folder, inventory, sources: { files } }: Around,
  { files: marked, task }: PlannedTask,
  known: Given.Given,
  names: Reference.Names,
  { at }: Place,
  path: TaskPath
) {
  for (const { name, urls } of marked) {
    const written = task.params[name] ?? null
    for (const [index, one] of isArray(written) ? [...written.entries()] : [[undefined, written] as const]) {
      const value = Given.value(known, Reference.compile(one, names))
      const failure = yield* Effect.flip(locate(files, folder, { [name]: value ?? null }, [{ name, urls }])).pipe(
        Effect.orElseSucceed(() => undefined)
      )
      if (failure === undefined) continue
      const where = { task: path, at: [...at, "params", name, ...(index === undefined ? [] : [index])] }
      inventory.lacks("file", typeof value === "string" ? value : name, failure.message, where)
    }
  }
})

/** Secrets and environment variables without a value, with those who speak of them. */
const lackOfNames = Effect.fnUntraced(function* (
  { inventory, sources: { secrets } }: Around,
  plan: Plan,
  env: Given.Given["env"]
) {
  const mentioned = new Map<string, Array<Mention>>()
  for (const mention of mentions(plan, [], "")) {
    const key = `${mention.kind} ${mention.name}`
    mentioned.set(key, [...(mentioned.get(key) ?? []), mention])
  }
  const declared = declarations(plan.workflow, [])
  const lacks = (kind: "secret" | "env", name: string, at: CanonicalPath, reason: string) => {
    const all = mentioned.get(`${kind} ${name}`) ?? []
    if (all.length === 0) inventory.lacks(kind, name, reason, { at })
    for (const mention of all) inventory.lacks(kind, name, reason, mention)
  }
  for (const { at, kind, name } of declared) {
    if (kind === "secret") {
      const failure = yield* Effect.orElseSucceed(Effect.flip(secrets.get(name)), () => undefined)
      if (failure !== undefined) lacks(kind, name, at, failure.message)
    } else if (!Object.hasOwn(env, name) && mentioned.get(`env ${name}`)?.every(({ optional }) => optional) !== true) {
      lacks(kind, name, at, `the environment variable ${name} is not set`)
    }
  }
})
