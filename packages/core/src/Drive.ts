/**
 * One run on its way: starts what is ready, a fiber an attempt, and opens the tasks that waited for an outcome once that
 * is durable. A small callback core: an attempt under way is a fiber; a task that waits, or whose outcome is being
 * committed, is not. A class, because a thousand of them may live at once.
 */
import { type Clock, Effect, Exit, Fiber, type Random, Result, Schedule, type Schema, Stream } from "effect"
import type { Alarm } from "./Alarm.ts"
import { attempt, type Surroundings } from "./Attempt.ts"
import { ConditionFailed, ItemsFailed, TaskInterrupted, WorkflowTimeout } from "./Errors.ts"
import * as Ending from "./Ending.ts"
import type { Event } from "./Event.ts"
import type { Executor } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import { Fan } from "./Fan.ts"
import type { Files } from "./Files.ts"
import { Graph } from "./Graph.ts"
import * as Host from "./Host.ts"
import type { Journal, JournalError, Writer } from "./Journal.ts"
import { isArray, kindOf } from "./Json.ts"
import type { Feed } from "./Live.ts"
import { Loop } from "./Loop.ts"
import { isCondition, type Plan, type PlannedTask } from "./Plan.ts"
import { Purse } from "./Purse.ts"
import type { View } from "./Reference.ts"
import type { ResultCache } from "./ResultCache.ts"
import type { Reuse } from "./Reuse.ts"
import type { Rounds, Watched } from "./Rounds.ts"
import * as Run from "./Run.ts"
import type { Slots, Taker } from "./Slots.ts"
import type { RunSummary, Store } from "./Store.ts"
import { addUsage, type Millis, type TaskPath, type Usage } from "./Task.ts"
import { judge, judgeItem, nestedInputs, type Outcome, outcome, resolve, type Taken, TaskRun } from "./TaskRun.ts"
import { completed, failed, gathered, skipped } from "./Views.ts"

/** What all runs of the process share. */
export interface House {
  readonly journal: Journal["Service"]
  readonly executor: Executor["Service"]
  readonly files: Files["Service"]
  readonly store: Store["Service"]
  readonly cache: ResultCache
  readonly clock: Clock.Clock
  readonly random: (typeof Random.Random)["Service"]
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly slots: Slots
  readonly alarm: Alarm
  readonly rounds: Rounds
  readonly feed: Feed
}

export interface Job {
  readonly plan: Plan
  readonly writer: Writer
  /** Where the run stands, `RunCreated` or `RunResumed` included. What it waits for is kept up here. */
  readonly from: Run.RunState
  /** Values of inputs marked `secret`, which no journal holds. */
  readonly secretInputs: ReadonlyMap<string, string>
  /** Of the run that this one was forked from. */
  readonly reuse: Reuse | undefined
}

/** How long handlers may go on after the run was stopped. Milliseconds. */
const grace = 5000
/** A run that has nothing to write for as long looks out for what others post to it: else it would meet that. Milliseconds. */
export const quiet = 100
/** Between two looks. Milliseconds. */
const glance = 20
/** After a look that the store refused. Milliseconds. */
const blind = 1000
/** Tasks between two summaries of a run that goes on. */
const often = 500

export class Drive implements Taker, Watched {
  readonly #house: House
  readonly #job: Job
  readonly #done: (exit: Exit.Exit<Run.Outcome, JournalError>) => void
  readonly #root: Graph
  /** Nested workflows under way, oldest first. */
  readonly #nested = new Set<Graph>()
  readonly #flights = new Map<TaskRun, Fiber.Fiber<Taken, Failure>>()
  /** Waiting for their next attempt, by path. */
  readonly #retrying = new Map<TaskPath, TaskRun>()
  /** Waiting for an answer, by path. */
  readonly #suspended = new Map<TaskPath, TaskRun>()
  /** Waiting for room in the budget. */
  #blocked: Array<TaskRun> = []
  /** Whose next attempt or iteration may begin, by the position they stand in line at. */
  readonly #waited = new Map<TaskPath, TaskRun>()
  readonly #alarms = new Set<() => void>()
  readonly #limit: number
  readonly #host: Host.Options
  readonly #surroundings: Surroundings
  readonly #purse: Purse
  #usage: Usage
  /** Attempts under way or being committed. */
  #running = 0
  /** Groups of events on their way to the store. */
  #writing = 0
  #paused: boolean
  #steps: number
  /** It has been recorded that the run waits. */
  #resting = false
  #stop: Ending.Stop | undefined
  #over = false
  #watcher: Fiber.Fiber<void> | undefined
  /** When something was written last. */
  #wrote = 0

  constructor(house: House, job: Job, done: (exit: Exit.Exit<Run.Outcome, JournalError>) => void) {
    this.#house = house
    this.#job = job
    this.#done = done
    const { from, plan, reuse, secretInputs, writer } = job
    this.#limit = plan.workflow.max_concurrency ?? 10
    this.#usage = from.usage
    this.#paused = from.paused
    this.#steps = from.steps
    this.#root = new Graph(plan, from)
    this.#purse = new Purse(plan.workflow.budget, from, () => this.#usage)
    const ledgers: Surroundings["ledgers"] = (run) => this.#purse.of(run)
    this.#surroundings = {
      run: writer.run,
      folder: from.folder,
      fresh: from.fresh,
      executor: house.executor,
      files: house.files,
      cache: house.cache,
      reuse,
      ledgers
    }
    this.#host = {
      executor: house.executor,
      journal: house.journal,
      writer,
      feed: house.feed,
      calls: from.calls,
      requests: from.requests,
      secretInputs,
      ledgers,
      used: (usage) => this.#uses(usage),
      ended: () => this.#over
    }
  }

  begin(): void {
    if (this.#over) return
    const { from, plan, writer } = this.#job
    writer.onPost = (event) => this.#hear(event)
    if (from.cancelling) return this.#halt({ _tag: "Cancelled" })
    if (this.#failsFast) return this.#failFast()
    if (this.#root.views.left === 0) return this.#finish()
    const now = writer.now(this.#house.clock)
    const { timeout } = plan.workflow
    if (timeout !== undefined) {
      const error = FailureData.of(new WorkflowTimeout({ milliseconds: timeout }))
      this.#ring(now + Math.max(0, timeout - from.active), () => this.#halt({ _tag: "Failed", error }))
    }
    const time = this.#purse.time
    if (time !== undefined) this.#ring(now + Math.max(0, time - from.active), () => this.#purse.overtime(time))
    for (const [request, { question }] of from.requests.open) this.#expect(request, question.expires)
    this.#wrote = now
    this.#house.rounds.add(this)
    this.pump()
  }

  /** Starts what is ready while there are slots; called again when a slot may be free. */
  readonly pump = (): void => {
    const { slots } = this.#house
    let slot = false
    while (this.#stop === undefined && !this.#over && this.#running < this.#limit && this.#mayBegin) {
      const graph = this.#next()
      const first = graph.first()
      if (first === undefined) break
      if (!slot && !(slot = slots.take(this))) return
      if (typeof first === "number" ? this.#start(graph, first) : this.#startItem(graph, first)) slot = false
    }
    if (slot) slots.give()
    this.#rest()
  }

  /** Interrupts what is under way and leaves the run to be resumed. */
  readonly abort = Effect.suspend(() => {
    const fibers = [...this.#flights.values()]
    this.#leave()
    return Effect.andThen(
      Effect.timeoutOption(Fiber.interruptAll(fibers), grace),
      Effect.sync(() => this.#leaveBehind())
    )
  })

  // ── starting: each says whether it took the slot ────────────────────────────────

  get #mayBegin(): boolean {
    return !this.#paused || this.#steps > 0
  }

  /** The graph whose first goes next. Nested workflows go before what is as urgent: they have begun. */
  #next(): Graph {
    if (this.#nested.size === 0) return this.#root
    const first = this.#root.first()
    let found = this.#root
    let urgency = first === undefined ? Infinity : found.urgency(first) + 0.5
    for (const graph of this.#nested) {
      const first = graph.first()
      if (first === undefined || graph.urgency(first) >= urgency) continue
      found = graph
      urgency = graph.urgency(first)
    }
    return found
  }

  #start(graph: Graph, task: number): boolean {
    graph.scheduler.next()
    const path = graph.path(task)
    const waited = this.#waited.get(path)
    if (waited !== undefined) return this.#again(waited)
    const run = this.#task(graph, task, undefined)
    const known = this.#job.from.tasks.get(path)
    if (known?.items !== undefined) return this.#open(run, known.items, this.#job.from)
    if (known === undefined || known.status === "pending") {
      const verdict = judge(run)
      if (verdict._tag === "Fail") return this.#refuse(run, verdict.error)
      if (verdict._tag === "Skip") return this.#skip(run, verdict)
    }
    const { each } = run.planned
    return each === undefined ? this.#enter(run) : this.#expand(run, each)
  }

  #startItem(graph: Graph, fan: Fan): boolean {
    const index = fan.next()
    if (index === undefined) return false
    const run = this.#task(graph, fan.task, { index, value: fan.items[index] ?? null })
    const waited = this.#waited.get(run.position)
    if (waited !== undefined) return this.#again(waited)
    const verdict = judgeItem(run)
    if (verdict._tag === "Fail") return this.#refuse(run, verdict.error)
    return verdict._tag === "Skip" ? this.#skip(run, verdict) : this.#enter(run)
  }

  #task(graph: Graph, task: number, item: TaskRun["item"], loop?: Loop): TaskRun {
    return new TaskRun(graph, task, item, loop, this.#job.from, this.#job.writer.now(this.#house.clock))
  }

  /** Fixes the items of a `foreach`. */
  #expand(run: TaskRun, each: NonNullable<PlannedTask["each"]>): boolean {
    const found: Result.Result<Schema.Json, Failure> = isCondition(each)
      ? each.evaluate(run.scope)
      : each.resolve(run.scope)
    if (Result.isFailure(found)) return this.#refuse(run, found.failure)
    const items = found.success
    if (!isArray(items)) {
      const { foreach } = run.planned.task
      const expression = typeof foreach === "string" ? foreach : "foreach"
      const issue = `a list was expected, found ${kindOf(items)}`
      return this.#refuse(run, new ConditionFailed({ expression, issue }))
    }
    this.#append([{ _tag: "TaskExpanded", v: 1, at: run.started, task: run.path, items }], nothing, () => {
      this.#open(run, items, undefined)
      this.pump()
    })
    return false
  }

  #open(run: TaskRun, items: ReadonlyArray<Schema.Json>, from: Run.RunState | undefined): boolean {
    // items with a nested workflow hold no slot: as many are open as could use one
    const limit = run.planned.nested === undefined ? Infinity : this.#limit
    const fan = new Fan(run.number, run.planned, run.path, items, run.started, limit, from)
    run.graph.fans.set(run.number, fan)
    if (fan.over) this.#gather(run.graph, fan, [], nothing)
    return false
  }

  /** A task, or an item, with its condition behind it. */
  #enter(run: TaskRun): boolean {
    const { planned } = run
    if (planned.until === undefined) return this.#go(run)
    const loop = new Loop(run, this.#job.from)
    return loop.iteration === 1
      ? this.#go(this.#task(run.graph, run.number, run.item, loop))
      : this.#iterate(loop, loop.iteration - 1, loop.previous, [], nothing)
  }

  /** One call, or a nested workflow. */
  #go(run: TaskRun): boolean {
    if (run.planned.nested !== undefined) return this.#nest(run, run.planned.nested)
    const known = this.#job.from.tasks.get(run.path)
    if (known === undefined) return this.#begin(run)
    if (known.begun) return this.#refuse(run, new TaskInterrupted({ task: run.path }))
    if (known.status === "retrying" && known.due !== undefined) return this.#wait(run, known.due)
    if (known.status === "suspended" && this.#isAsking(run.path)) {
      this.#suspended.set(run.path, run)
      return false
    }
    return this.#begin(run)
  }

  /** Its tasks stand in line beside all others of the run; it holds no slot itself. */
  #nest(run: TaskRun, plan: Plan): boolean {
    const inputs = Result.flatMap(resolve(run), (params) => nestedInputs(plan, params))
    if (Result.isFailure(inputs)) return this.#refuse(run, inputs.failure)
    const graph = new Graph(plan, this.#job.from, false, run, inputs.success)
    if (graph.views.left === 0) this.#leaveGraph(graph, run, [], nothing)
    else this.#nested.add(graph)
    return false
  }

  /** Its next attempt begins at a time; until then it holds nothing. */
  #wait(run: TaskRun, due: Millis): boolean {
    const fan = this.#fan(run)
    fan?.rest()
    if (fan?.stopped === true) {
      fan.skip()
      if (fan.over) this.#gather(run.graph, fan, [], nothing)
      return false
    }
    this.#retrying.set(run.path, run)
    this.#ring(due, () => {
      if (!this.#retrying.delete(run.path)) return
      this.#waited.set(run.position, run)
      if (run.item === undefined) run.graph.scheduler.push(run.number)
      else fan?.again(run.item.index)
      this.pump()
    })
    return false
  }

  /** What has waited, counted as running among its items, stands in line again. */
  #queue(run: TaskRun): void {
    const fan = this.#fan(run)
    fan?.rest()
    if (fan?.stopped === true) {
      fan.skip()
      if (fan.over) this.#gather(run.graph, fan, [], nothing)
      return
    }
    this.#waited.set(run.position, run)
    if (run.item === undefined) run.graph.scheduler.push(run.number)
    else fan?.again(run.item.index)
  }

  #again(run: TaskRun): boolean {
    this.#waited.delete(run.position)
    return run.planned.nested === undefined ? this.#begin(run) : this.#nest(run, run.planned.nested)
  }

  #begin(run: TaskRun): boolean {
    this.#running++
    if (this.#paused) this.#steps--
    if (run.planned.task.once !== true) this.#launch(run)
    else {
      const at = this.#job.writer.now(this.#house.clock)
      this.#append(
        [{ _tag: "TaskStarted", v: 1, at, task: run.path, attempt: run.attempt }],
        () => (this.#stop !== undefined || this.#over) && this.#house.slots.give(),
        () => this.#launch(run)
      )
    }
    return true
  }

  #launch(run: TaskRun): void {
    const { clock, feed, fork, random, slots } = this.#house
    const { writer } = this.#job
    run.began = clock.monotonicTimeNanosUnsafe()
    const at = writer.now(clock)
    if (feed.isHeard) {
      feed.publish(writer.run, { _tag: "Started", task: run.path, attempt: run.attempt, at }, writer.sequence)
    }
    const fiber = fork(attempt(this.#surroundings, run, Host.make(this.#host, run)))
    this.#flights.set(run, fiber)
    fiber.addObserver((exit) => {
      if (!this.#flights.delete(run)) return // left behind
      if (this.#stop === undefined && !this.#over) this.#record(run, outcome(run, exit, random.nextDoubleUnsafe()))
      else {
        slots.give()
        if (this.#stop !== undefined && this.#flights.size === 0) this.#finish()
      }
    })
  }

  // ── outcomes: each goes to the journal with what follows from it at once ────────

  #record(run: TaskRun, outcome: Outcome): void {
    const base = this.#base(run)
    if (run.usage !== undefined) this.#uses(run.usage, run)
    const free = () => {
      this.#running--
      this.#house.slots.give()
    }
    const events = this.#warnings(base.at)
    switch (outcome._tag) {
      case "Failed":
        return this.#fail(run, base, outcome.error, events, free)
      case "Blocked":
        return this.#block(run, outcome.shortage, free)
      case "Suspended":
        return this.#suspend(run, base, outcome, events, free)
      case "Retrying": {
        const due = base.at + outcome.delay
        events.push({ _tag: "TaskRetrying", ...base, error: outcome.error, due })
        return this.#append(events, free, () => {
          run.next()
          this.#wait(run, due)
          this.pump()
        })
      }
      case "Completed": {
        const { cached, files, masked, provider, result, reused } = outcome.reply
        const { at, attempt, duration, started, task, usage } = base
        // written out: this is made for every task, and spreading costs more than all the rest of it
        const plain = { _tag: "TaskCompleted", v: 1, at, task, started, duration, attempt, provider, result } as const
        const isPlain = usage === undefined && masked !== true && (files ?? cached ?? reused) === undefined
        events.push(
          isPlain
            ? plain
            : {
                ...plain,
                ...(usage === undefined ? {} : { usage }),
                ...(masked === true ? { masked } : {}),
                ...(files === undefined ? {} : { files }),
                ...(cached === undefined ? {} : { cached }),
                ...(reused === undefined ? {} : { reused })
              }
        )
        return this.#complete(run, result, events, free)
      }
    }
  }

  /** Failed before its attempt; it holds no slot. */
  #refuse(run: TaskRun, error: Failure): boolean {
    this.#fail(run, this.#base(run), FailureData.of(error), [], nothing)
    return false
  }

  #fail(run: TaskRun, base: Base, error: Failure, events: Array<Event>, free: () => void): void {
    events.push({ _tag: "TaskFailed", ...base, error })
    const outer = run.loop?.outer
    if (outer !== undefined) return this.#fail(outer, this.#base(outer), error, events, free)
    const fan = this.#fan(run)
    if (fan === undefined || run.item === undefined)
      return this.#closeFailed(run.graph, run.number, error, events, free)
    fan.fail(run.item.index, error)
    this.#afterItem(run.graph, fan, events, free)
  }

  /** It has a result, and that is recorded with `events`. */
  #complete(run: TaskRun, result: Schema.Json, events: Array<Event>, free: () => void): void {
    if (run.loop !== undefined) this.#iterate(run.loop, run.loop.iteration, result, events, free)
    else {
      const fan = this.#fan(run)
      if (fan === undefined || run.item === undefined)
        return this.#close(run.graph, run.number, completed(result), events, free)
      fan.complete(run.item.index, result)
      this.#afterItem(run.graph, fan, events, free)
    }
  }

  /** An iteration is over: the loop is too, or the next one stands in line. */
  #iterate(loop: Loop, iteration: number, result: Schema.Json, events: Array<Event>, free: () => void): boolean {
    const { outer } = loop
    const { planned } = outer
    const { repeat } = planned.task
    const over =
      planned.until === undefined || repeat === undefined
        ? Result.succeed(true)
        : loop.isOver(iteration, result, repeat, planned.until, outer.scope)
    if (Result.isFailure(over)) {
      this.#fail(outer, this.#base(outer), FailureData.of(over.failure), events, free)
    } else if (over.success) {
      events.push({ _tag: "TaskGathered", ...this.#base(outer), iterations: iteration })
      this.#complete(outer, result, events, free)
    } else if (events.length === 0) {
      return this.#go(this.#task(outer.graph, outer.number, outer.item, loop))
    } else {
      this.#append(events, free, () => {
        loop.next(result)
        this.#queue(this.#task(outer.graph, outer.number, outer.item, loop))
        this.pump()
      })
    }
    return false
  }

  #skip(run: TaskRun, because: { readonly because: "condition" | "no value"; readonly of?: string }): boolean {
    const { because: why, of } = because
    const at = this.#job.writer.now(this.#house.clock)
    const events: Array<Event> = [
      { _tag: "TaskSkipped", v: 1, at, task: run.path, because: why, ...(of === undefined ? {} : { of }) }
    ]
    const fan = this.#fan(run)
    if (fan === undefined) this.#close(run.graph, run.number, skipped, events, nothing)
    else {
      fan.skip()
      this.#afterItem(run.graph, fan, events, nothing)
    }
    return false
  }

  #afterItem(graph: Graph, fan: Fan, events: Array<Event>, free: () => void): void {
    const then = () => {
      free()
      fan.rest()
    }
    if (fan.stopped) this.#forget(graph, fan)
    if (fan.over) return this.#gather(graph, fan, events, then)
    this.#append(events, then, this.pump)
  }

  /** Items that wait for another attempt, or an answer, wait no more. */
  #forget(graph: Graph, fan: Fan): void {
    const isOf = (run: TaskRun) => run.graph === graph && run.number === fan.task
    for (const [path, run] of this.#retrying) {
      if (!isOf(run)) continue
      this.#retrying.delete(path)
      fan.skip()
    }
    for (const [path, run] of this.#suspended) {
      if (!isOf(run)) continue
      this.#suspended.delete(path)
      this.#job.from.requests.withdraw(path)
      fan.rest()
      fan.skip()
    }
    this.#blocked = this.#blocked.filter((run) => {
      if (!isOf(run)) return true
      fan.rest()
      fan.skip()
      return false
    })
  }

  /** All items of a fan are over, and so is its task. */
  #gather(graph: Graph, fan: Fan, events: Array<Event>, free: () => void): void {
    const { failures, items, path, planned, task } = fan
    graph.fans.delete(task)
    const at = this.#job.writer.now(this.#house.clock)
    const base = { v: 1 as const, at, task: path, started: fan.started, duration: at - fan.started, attempt: 1 }
    if (failures.length > 0 && planned.task.on_error !== "continue") {
      const failed = failures.map(({ error, index }) => ({ index, message: error.message }))
      const error = FailureData.of(new ItemsFailed({ task: planned.task.id, total: items.length, items: failed }))
      events.push({ _tag: "TaskFailed", ...base, error })
      return this.#closeFailed(graph, task, error, events, free)
    }
    events.push({ _tag: "TaskGathered", ...base })
    this.#close(graph, task, gathered(fan), events, free)
  }

  #closeFailed(graph: Graph, task: number, error: Failure, events: Array<Event>, free: () => void): void {
    const { at } = this.#job.writer
    const { id: of, on_error } = graph.plan.tasks[task]!.task
    if (on_error !== "continue") {
      for (const other of graph.scheduler.abandon(task)) {
        events.push({ _tag: "TaskSkipped", v: 1, at, task: graph.path(other), because: "failed", of })
        graph.views.enter(other, skipped)
      }
    }
    this.#close(graph, task, failed(error), events, free, error)
  }

  /** A task is over. Those that waited for it are opened when that is durable; the last one ends its workflow. */
  #close(graph: Graph, task: number, view: View, events: Array<Event>, free: () => void, error?: Failure): void {
    graph.views.enter(task, view, error)
    if (graph.views.left === 0) {
      if (graph.outer !== undefined) return this.#leaveGraph(graph, graph.outer, events, free)
      return this.#append([...events, this.#ending()], free, nothing)
    }
    this.#append(events, free, () => {
      if (this.#failsFast) return this.#failFast()
      graph.scheduler.settle(task)
      this.pump()
    })
  }

  /** A nested workflow is over: its outputs are its task's result. */
  #leaveGraph(graph: Graph, outer: TaskRun, events: Array<Event>, free: () => void): void {
    this.#nested.delete(graph)
    const base = this.#base(outer)
    const { plan, prefix, views } = graph
    if (views.failures.length > 0) {
      return this.#fail(outer, base, Ending.nestedFailure(prefix, views.failures), events, free)
    }
    const { outputs } = Ending.results(plan, views.scope)
    events.push({ _tag: "TaskCompleted", ...base, result: outputs })
    this.#complete(outer, outputs, events, free)
  }

  // ── waiting: for answers, signals, times, room in the budget, the end of a pause ──

  #suspend(
    run: TaskRun,
    { at, attempt, started, task, usage }: Base,
    { question, request }: Extract<Outcome, { readonly _tag: "Suspended" }>,
    events: Array<Event>,
    free: () => void
  ): void {
    const used = usage === undefined ? {} : { usage }
    events.push({ _tag: "TaskSuspended", v: 1, at, task, started, attempt, request, question, ...used })
    this.#append(events, free, () => {
      const { requests } = this.#job.from
      run.fresh()
      requests.ask(request, task, question)
      this.#suspended.set(task, run)
      if (requests.open.has(request)) this.#expect(request, question.expires)
      else this.#answered(task)
      this.pump()
    })
  }

  #isAsking(task: TaskPath): boolean {
    for (const open of this.#job.from.requests.open.values()) if (open.task === task) return true
    return false
  }

  /** Nobody can answer after a time. */
  #expect(request: string, expires: Millis | undefined): void {
    if (expires === undefined) return
    this.#ring(expires, () => {
      const { from, writer } = this.#job
      if (this.#stop !== undefined || !from.requests.open.has(request)) return
      this.#append([{ _tag: "Expired", v: 1, at: writer.now(this.#house.clock), request }], nothing, () => {
        this.#answered(from.requests.expire(request))
        this.pump()
      })
    })
  }

  #answered(task: TaskPath | undefined): void {
    const run = task === undefined ? undefined : this.#suspended.get(task)
    if (run === undefined) return
    this.#suspended.delete(run.path)
    this.#queue(run)
  }

  /** The budget has no room. Calls under way may use less than they hold back; without any, only more budget helps. */
  #block(run: TaskRun, shortage: NonNullable<TaskRun["shortage"]>, free: () => void): void {
    run.fresh()
    this.#blocked.push(run)
    const { from, writer } = this.#job
    if (this.#purse.isHolding || from.exceeded !== undefined) {
      free()
      return this.pump()
    }
    from.exceeded = shortage.limit
    const at = writer.now(this.#house.clock)
    this.#append([{ _tag: "BudgetExceeded", v: 1, at, task: run.path, ...shortage }], free, this.pump)
  }

  #unblock(): void {
    for (const run of this.#blocked.splice(0)) this.#queue(run)
  }

  /** What somebody has posted, in the order of the journal. */
  #hear(event: Event): void {
    const { from } = this.#job
    switch (event._tag) {
      case "CancelRequested":
        return this.#halt({ _tag: "Cancelled" })
      case "PauseRequested":
        from.paused = this.#paused = true
        break
      case "Continued":
        from.paused = this.#paused = false
        this.#steps = 0
        break
      case "StepRequested":
        this.#steps++
        break
      case "Answered":
        this.#answered(from.requests.answer(event.request, event.value))
        break
      case "Signalled":
        this.#answered(from.requests.signal(event.name, event.value))
        break
      case "BudgetRaised":
        from.exceeded = undefined
        from.budget = { ...from.budget, ...event.budget }
        this.#purse.raise(event.budget)
        this.#unblock()
        break
    }
    this.#resting = false
    this.pump()
  }

  /** Nothing is under way, and nothing can begin: the run waits. */
  #rest(): void {
    const { from, writer } = this.#job
    if (this.#resting || this.#over || this.#stop !== undefined || this.#running + this.#writing > 0) return
    if (this.#retrying.size > 0 && !this.#paused) return
    if (this.#blocked.length > 0 && from.exceeded === undefined) return (this.#unblock(), this.pump())
    if (this.#mayBegin && this.#next().first() !== undefined) return
    if (!this.#paused && this.#suspended.size + this.#blocked.length === 0) return
    this.#resting = true
    this.#steps = 0
    const at = writer.now(this.#house.clock)
    const { due } = from.requests
    this.#append([{ _tag: "RunWaiting", v: 1, at, ...(due === undefined ? {} : { due }) }], nothing, () => {
      // what was posted meanwhile has been heard, and `RunWaiting` was not written
      if (!this.#resting) return this.pump()
      // times are waited for here; answers, and whoever they come from, by nobody
      const timers = [...from.requests.open.values()].some(({ question }) => question.kind === "timer")
      if (timers || (this.#retrying.size > 0 && !this.#paused)) return
      this.#leave()
      this.#done(Exit.succeed(this.#outcome(undefined)))
    })
  }

  // ── the end ─────────────────────────────────────────────────────────────────────

  #ending(): Event {
    const { plan, writer } = this.#job
    return Ending.event(plan, this.#root.views, this.#stop, writer.now(this.#house.clock))
  }

  get #failsFast(): boolean {
    return this.#root.views.failures.length > 0 && this.#job.plan.workflow.fail_fast === true
  }

  #failFast(): void {
    this.#halt({ _tag: "Failed", error: Ending.failure(this.#root.views.failures) })
  }

  /** Nothing begins any more; what is under way is interrupted, and then the run ends. */
  #halt(stop: Ending.Stop): void {
    if (this.#stop !== undefined || this.#over) return
    this.#stop = stop
    if (this.#flights.size === 0) return this.#finish()
    this.#ring(this.#job.writer.now(this.#house.clock) + grace, () => {
      this.#leaveBehind()
      this.#finish()
    })
    for (const fiber of this.#flights.values()) fiber.interruptUnsafe()
  }

  #finish(): void {
    if (!this.#over) this.#append([this.#ending()], nothing, nothing)
  }

  /** Handlers that ignore their interruption hold no slot any more. */
  #leaveBehind(): void {
    const { size } = this.#flights
    this.#flights.clear()
    for (let i = 0; i < size; i++) this.#house.slots.give()
  }

  /** Does no more. */
  #leave(): void {
    this.#over = true
    for (const silence of this.#alarms) silence()
    this.#alarms.clear()
    this.#watcher?.interruptUnsafe()
    this.#house.slots.leave(this)
    this.#house.rounds.remove(this)
  }

  #fatal(exit: Exit.Exit<never, JournalError>): void {
    if (this.#over) return
    this.#leave()
    const { alarm, clock } = this.#house
    if (this.#flights.size > 0) alarm.set(clock.currentTimeMillisUnsafe() + grace, () => this.#leaveBehind())
    for (const fiber of this.#flights.values()) fiber.interruptUnsafe()
    this.#done(exit)
  }

  #outcome(event: Event | undefined): Run.Outcome {
    const { from, plan, writer } = this.#job
    const status = Ending.status(event)
    const ended = event?._tag === "RunCompleted" || event?._tag === "RunFailed" ? event : undefined
    return {
      run: writer.run,
      workflow: plan.workflow.name,
      status: status ?? "waiting",
      ...(ended === undefined ? {} : { outputs: ended.outputs }),
      ...(event?._tag === "RunFailed" ? { error: event.error } : {}),
      warnings: ended?.warnings ?? [],
      progress: { completed: plan.tasks.length - this.#root.views.left, total: plan.tasks.length },
      waiting: status === undefined ? Run.requests(from) : [],
      started_at: from.created_at,
      ...(status === undefined ? {} : { finished_at: writer.at }),
      usage: this.#usage
    }
  }

  // ── journal, time, posts ────────────────────────────────────────────────────────

  /** `free` once it is known what has come of the events; then `next`, when they are durable and the run goes on. */
  #append(events: ReadonlyArray<Event>, free: () => void, next: () => void): void {
    const { journal } = this.#house
    const { writer } = this.#job
    const last = events.at(-1)
    const status = Ending.status(last)
    if (status !== undefined) this.#over = true
    const closed = this.#job.plan.tasks.length - this.#root.views.left
    const waits = last?._tag === "RunWaiting"
    const told = waits || status !== undefined || (closed > 0 && closed % often === 0)
    if (!waits) this.#resting = false
    this.#writing++
    this.#wrote = writer.at
    this.#watcher?.interruptUnsafe()
    this.#watcher = undefined
    journal.append(
      writer,
      events,
      (written) => {
        this.#writing--
        if (Exit.isFailure(written)) {
          if (status !== undefined) this.#over = false
          this.#fatal(Exit.failCause(written.cause))
          return free()
        }
        free()
        if (status !== undefined) {
          this.#leave()
          this.#done(Exit.succeed(this.#outcome(last)))
        } else if (this.#stop === undefined && !this.#over) next()
      },
      told ? { summary: this.#summary(waits ? "waiting" : (status ?? "running")), unlessPosted: waits } : {}
    )
  }

  #summary(status: Run.RunStatus): RunSummary {
    const { from, plan, writer } = this.#job
    const due = status === "waiting" ? from.requests.due : Run.isOver(status) ? undefined : writer.at
    return {
      run: writer.run,
      workflow: plan.workflow.name,
      status,
      tags: plan.workflow.tags ?? [],
      created_at: from.created_at,
      updated_at: writer.at,
      tasks: { ...this.#root.views.counts, total: plan.tasks.length },
      waiting: status === "waiting" ? Run.waiting(Run.requests(from)) : [],
      usage: this.#usage,
      engine: from.engine,
      ...(due === undefined ? {} : { due })
    }
  }

  #base({ attempt, began, path, started, usage }: TaskRun): Base {
    const { clock } = this.#house
    const at = this.#job.writer.now(clock)
    const duration =
      began === undefined ? at - started : Math.round(Number(clock.monotonicTimeNanosUnsafe() - began) / 1e3) / 1e3
    const plain = { v: 1, at, task: path, started, duration, attempt } as const
    return usage === undefined ? plain : { ...plain, usage }
  }

  #fan({ graph, item, number }: TaskRun): Fan | undefined {
    return item === undefined ? undefined : graph.fans.get(number)
  }

  #uses(usage: Usage, run?: TaskRun): void {
    this.#usage = addUsage(this.#usage, usage) ?? {}
    if (run !== undefined) this.#purse.spent(run, usage)
  }

  /** Once for each limit of which little is left. */
  #warnings(at: Millis): Array<Event> {
    if (!this.#purse.isLimited) return []
    const { warned } = this.#job.from
    return this.#purse.low().flatMap((shortage) => {
      if (warned.has(shortage.limit)) return []
      warned.add(shortage.limit)
      return [{ _tag: "BudgetWarned" as const, v: 1 as const, at, ...shortage }]
    })
  }

  #ring(at: Millis, ring: () => void): void {
    const silence = this.#house.alarm.set(at, () => {
      this.#alarms.delete(silence)
      ring()
    })
    this.#alarms.add(silence)
  }

  /** Its next commit meets what another process has posted; while there is none to come, it has to look out. */
  look(now: Millis): void {
    if (this.#watcher !== undefined || this.#writing > 0 || now - this.#wrote < quiet) return
    if (this.#flights.size > 0 || this.#resting || this.#retrying.size > 0) this.#watch()
  }

  #watch(): void {
    const { fork, journal, store } = this.#house
    const { writer } = this.#job
    const look = Effect.andThen(journal.sync(writer), Effect.sleep(glance))
    this.#watcher = fork(
      store.changes(writer.run).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach(() => look),
        Effect.retry({ while: ({ _tag }) => _tag === "StoreError", schedule: Schedule.spaced(blind) }),
        Effect.catch((error) => Effect.sync(() => this.#fatal(Exit.fail(error))))
      )
    )
  }
}

// internal

const nothing = () => {}

interface Base {
  readonly v: 1
  readonly at: Millis
  readonly task: string
  readonly started: Millis
  readonly duration: number
  readonly attempt: number
  readonly usage?: Usage
}
