/**
 * One run on its way: starts what is ready, a fiber an attempt, and opens the tasks that waited for an outcome once that
 * is durable. A small callback core: an attempt under way is a fiber; a task that waits, or whose outcome is being
 * committed, is not. A class, because a thousand of them may live at once.
 */
import { type Clock, Effect, Exit, Fiber, type Random, Result, Schedule, type Schema, Stream } from "effect"
import type { Alarm } from "./Alarm.ts"
import { ConditionFailed, ItemsFailed, TaskInterrupted, WorkflowTimeout } from "./Errors.ts"
import * as Ending from "./Ending.ts"
import type { Event } from "./Event.ts"
import type { Executor, Reply } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import { Fan } from "./Fan.ts"
import type { Files } from "./Files.ts"
import * as Host from "./Host.ts"
import type { Journal, JournalError, Writer } from "./Journal.ts"
import { isArray, kindOf } from "./Json.ts"
import type { Feed } from "./Live.ts"
import { isCondition, type Plan, type PlannedTask } from "./Plan.ts"
import type { View } from "./Reference.ts"
import type { RunState, RunStatus, TaskState } from "./Run.ts"
import { Scheduler } from "./Scheduler.ts"
import type { Slots, Taker } from "./Slots.ts"
import type { RunSummary, Store } from "./Store.ts"
import { addUsage, itemPath, type Millis, type Usage } from "./Task.ts"
import { attempt, judge, judgeItem, type Outcome, outcome, TaskRun, withItem } from "./TaskRun.ts"
import { completed, failed, gathered, skipped, Views } from "./Views.ts"

/** What all runs of the process share. */
export interface House {
  readonly journal: Journal["Service"]
  readonly executor: Executor["Service"]
  readonly files: Files["Service"]
  readonly store: Store["Service"]
  readonly clock: Clock.Clock
  readonly random: (typeof Random.Random)["Service"]
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly slots: Slots
  readonly alarm: Alarm
  readonly feed: Feed
}

export interface Job {
  readonly plan: Plan
  readonly writer: Writer
  /** Where the run stands, `RunCreated` or `RunResumed` included. */
  readonly from: RunState
  /** Values of inputs marked `secret`, which no journal holds. */
  readonly secretInputs: ReadonlyMap<string, string>
}

/** How long handlers may go on after the run was stopped. Milliseconds. */
const grace = 5000
/** A run that lives longer than this looks out for what others post to it. Milliseconds. */
const short = 100
/** Between two looks. Milliseconds. */
const glance = 20
/** After a look that the store refused. Milliseconds. */
const blind = 1000
/** Tasks between two summaries of a run that goes on. */
const often = 500

export class Drive implements Taker {
  readonly #house: House
  readonly #job: Job
  readonly #done: (exit: Exit.Exit<RunStatus, JournalError>) => void
  readonly #scheduler: Scheduler
  readonly #views: Views
  readonly #fans = new Map<number, Fan>()
  readonly #flights = new Map<TaskRun, Fiber.Fiber<Reply, Failure>>()
  /** Waiting for their next attempt, by path. */
  readonly #retrying = new Map<string, TaskRun>()
  /** Whose next attempt may begin, by path. */
  readonly #waited = new Map<string, TaskRun>()
  readonly #alarms = new Set<() => void>()
  readonly #limit: number
  readonly #host: Host.Options
  #usage: Usage
  /** Attempts under way or being committed. */
  #running = 0
  #stop: Ending.Stop | undefined
  #over = false
  #watcher: Fiber.Fiber<void> | undefined

  constructor(house: House, job: Job, done: (exit: Exit.Exit<RunStatus, JournalError>) => void) {
    this.#house = house
    this.#job = job
    this.#done = done
    const { from, plan, secretInputs, writer } = job
    this.#limit = plan.workflow.max_concurrency ?? 10
    this.#usage = from.usage
    this.#views = new Views(plan, from)
    this.#scheduler = new Scheduler(plan, (task) => this.#views.isOver(task))
    this.#host = {
      executor: house.executor,
      journal: house.journal,
      writer,
      feed: house.feed,
      calls: from.calls,
      secretInputs,
      used: (usage) => this.#uses(usage),
      ended: () => this.#over
    }
  }

  begin(): void {
    const { from, plan, writer } = this.#job
    writer.onPost = (event) => event._tag === "CancelRequested" && this.#halt({ _tag: "Cancelled" })
    if (from.cancelling) return this.#halt({ _tag: "Cancelled" })
    if (this.#failsFast) return this.#failFast()
    if (this.#views.left === 0) return this.#finish()
    const now = writer.now(this.#house.clock)
    const { timeout } = plan.workflow
    if (timeout !== undefined) {
      const error = FailureData.of(new WorkflowTimeout({ milliseconds: timeout }))
      this.#ring(now + Math.max(0, timeout - from.active), () => this.#halt({ _tag: "Failed", error }))
    }
    this.#ring(now + short, () => this.#watch())
    this.pump()
  }

  /** Starts what is ready while there are slots; called again when a slot may be free. */
  readonly pump = (): void => {
    const { slots } = this.#house
    let slot = false
    while (this.#stop === undefined && !this.#over && this.#running < this.#limit) {
      const next = this.#first()
      if (next === undefined) break
      if (!slot && !(slot = slots.take(this))) return
      if (typeof next === "number" ? this.#start(next) : this.#startItem(next)) slot = false
    }
    if (slot) slots.give()
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

  /** What goes first: a fan with an item to start, or a ready task. */
  #first(): Fan | number | undefined {
    const task = this.#scheduler.peek()
    let first: Fan | undefined
    for (const fan of this.#fans.values()) {
      if (fan.ready && (first === undefined || this.#scheduler.before(fan.task, first.task))) first = fan
    }
    return first === undefined || (task !== undefined && this.#scheduler.before(task, first.task)) ? task : first
  }

  #start(task: number): boolean {
    this.#scheduler.next()
    const { from, plan } = this.#job
    const planned = plan.tasks[task]!
    const known = from.tasks.get(planned.path)
    const waited = this.#waited.get(planned.path)
    if (waited !== undefined) return this.#again(waited)
    const run = this.#task(planned, task, undefined, known)
    if (known?.items !== undefined) return this.#open(run, known.items, from)
    if (known?.begun === true) return this.#refuse(run, new TaskInterrupted({ task: planned.task.id }))
    if (known?.due !== undefined) return this.#wait(run, known.due)
    const verdict = judge(planned, plan.tasks, this.#views.scope)
    if (verdict._tag === "Fail") return this.#refuse(run, verdict.error)
    if (verdict._tag === "Skip") return this.#skip(run, verdict)
    return planned.each === undefined ? this.#begin(run) : this.#expand(run, planned.each)
  }

  #startItem(fan: Fan): boolean {
    const index = fan.next()
    if (index === undefined) return false
    const path = itemPath(fan.planned.path, index)
    const known = this.#job.from.tasks.get(path)
    const item = { index, value: fan.items[index] ?? null }
    const waited = this.#waited.get(path)
    if (waited !== undefined) return this.#again(waited)
    const run = this.#task(fan.planned, fan.task, item, known)
    if (known?.begun === true) return this.#refuse(run, new TaskInterrupted({ task: path }))
    if (known?.due !== undefined) return this.#wait(run, known.due)
    const verdict = judgeItem(fan.planned, withItem(this.#views.scope, item))
    if (verdict._tag === "Fail") return this.#refuse(run, verdict.error)
    return verdict._tag === "Skip" ? this.#skip(run, verdict) : this.#begin(run)
  }

  #task(planned: PlannedTask, task: number, item: TaskRun["item"], known: TaskState | undefined): TaskRun {
    const started = known?.started_at ?? this.#job.writer.now(this.#house.clock)
    return new TaskRun(planned, task, item, (known?.attempts ?? 0) + 1, started)
  }

  /** Fixes the items of a `foreach`. */
  #expand(run: TaskRun, each: NonNullable<PlannedTask["each"]>): boolean {
    const found: Result.Result<Schema.Json, Failure> = isCondition(each)
      ? each.evaluate(this.#views.scope)
      : each.resolve(this.#views.scope)
    if (Result.isFailure(found)) return this.#refuse(run, found.failure)
    const items = found.success
    if (!isArray(items)) {
      const { foreach } = run.planned.task
      const expression = typeof foreach === "string" ? foreach : "foreach"
      return this.#refuse(
        run,
        new ConditionFailed({ expression, issue: `a list was expected, found ${kindOf(items)}` })
      )
    }
    this.#append([{ _tag: "TaskExpanded", v: 1, at: run.started, task: run.path, items }], nothing, () => {
      this.#open(run, items, undefined)
      this.pump()
    })
    return false
  }

  #open(run: TaskRun, items: ReadonlyArray<Schema.Json>, from: RunState | undefined): boolean {
    const fan = new Fan(run.number, run.planned, items, run.started, from)
    this.#fans.set(run.number, fan)
    if (fan.over) this.#gather(fan, [], nothing)
    return false
  }

  /** Its next attempt begins at a time; until then it holds nothing. */
  #wait(run: TaskRun, due: Millis): boolean {
    const fan = this.#fans.get(run.number)
    fan?.rest()
    if (fan?.stopped === true) {
      fan.skip()
      if (fan.over) this.#gather(fan, [], nothing)
      return false
    }
    this.#retrying.set(run.path, run)
    this.#ring(due, () => {
      if (!this.#retrying.delete(run.path)) return
      this.#waited.set(run.path, run)
      if (run.item === undefined) this.#scheduler.push(run.number)
      else fan?.again(run.item.index)
      this.pump()
    })
    return false
  }

  #again(run: TaskRun): boolean {
    this.#waited.delete(run.path)
    return this.#begin(run)
  }

  #begin(run: TaskRun): boolean {
    this.#running++
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
    const { clock, executor, feed, files, fork, random, slots } = this.#house
    const { from, writer } = this.#job
    run.began = clock.monotonicTimeNanosUnsafe()
    const at = writer.now(clock)
    feed.publish(writer.run, { _tag: "Started", task: run.path, attempt: run.attempt, at }, writer.sequence)
    const surroundings = { run: writer.run, folder: from.folder, executor, files }
    const fiber = fork(attempt(surroundings, run, run.scope(this.#views.scope), Host.make(this.#host, run)))
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
    if (run.usage !== undefined) this.#uses(run.usage)
    const free = () => {
      this.#running--
      this.#house.slots.give()
    }
    if (outcome._tag === "Failed") return this.#fail(run, base, outcome.error, free)
    if (outcome._tag === "Retrying") {
      const due = base.at + outcome.delay
      return this.#append([{ _tag: "TaskRetrying", ...base, error: outcome.error, due }], free, () => {
        run.next()
        this.#wait(run, due)
        this.pump()
      })
    }
    const { masked, provider, result } = outcome.reply
    const events: Array<Event> = [
      { _tag: "TaskCompleted", ...base, provider, result, ...(masked === true ? { masked } : {}) }
    ]
    if (run.item === undefined) this.#close(run.number, completed(result), events, free)
    else {
      const fan = this.#fans.get(run.number)
      fan?.complete(run.item.index, result)
      this.#afterItem(fan, events, free)
    }
  }

  /** Failed before its attempt; it holds no slot. */
  #refuse(run: TaskRun, error: Failure): boolean {
    this.#fail(run, this.#base(run), FailureData.of(error), nothing)
    return false
  }

  #fail(run: TaskRun, base: Base, error: Failure, free: () => void): void {
    const events: Array<Event> = [{ _tag: "TaskFailed", ...base, error }]
    if (run.item === undefined) this.#closeFailed(run.number, error, events, free)
    else {
      const fan = this.#fans.get(run.number)
      fan?.fail(run.item.index, error)
      this.#afterItem(fan, events, free)
    }
  }

  #skip(run: TaskRun, because: { readonly because: "condition" | "no value"; readonly of?: string }): boolean {
    const { because: why, of } = because
    const at = this.#job.writer.now(this.#house.clock)
    const events: Array<Event> = [
      { _tag: "TaskSkipped", v: 1, at, task: run.path, because: why, ...(of === undefined ? {} : { of }) }
    ]
    if (run.item === undefined) this.#close(run.number, skipped, events, nothing)
    else {
      const fan = this.#fans.get(run.number)
      fan?.skip()
      this.#afterItem(fan, events, nothing)
    }
    return false
  }

  #afterItem(fan: Fan | undefined, events: Array<Event>, free: () => void): void {
    const then = () => {
      free()
      fan?.rest()
    }
    if (fan?.stopped === true) this.#forget(fan)
    if (fan?.over === true) return this.#gather(fan, events, then)
    this.#append(events, then, this.pump)
  }

  /** Items that wait for another attempt wait no more. */
  #forget(fan: Fan): void {
    for (const [path, { number }] of this.#retrying) {
      if (number !== fan.task) continue
      this.#retrying.delete(path)
      fan.skip()
    }
  }

  /** All items of a fan are over, and so is its task. */
  #gather(fan: Fan, events: Array<Event>, free: () => void): void {
    const { failures, items, planned, task } = fan
    this.#fans.delete(task)
    const at = this.#job.writer.now(this.#house.clock)
    const base = { v: 1 as const, at, task: planned.path, started: fan.started, duration: at - fan.started, attempt: 1 }
    if (failures.length > 0 && planned.task.on_error !== "continue") {
      const failed = failures.map(({ error, index }) => ({ index, message: error.message }))
      const error = FailureData.of(new ItemsFailed({ task: planned.task.id, total: items.length, items: failed }))
      events.push({ _tag: "TaskFailed", ...base, error })
      return this.#closeFailed(task, error, events, free)
    }
    events.push({ _tag: "TaskGathered", ...base })
    this.#close(task, gathered(fan), events, free)
  }

  #closeFailed(task: number, error: Failure, events: Array<Event>, free: () => void): void {
    const { plan, writer } = this.#job
    const { id: of, on_error } = plan.tasks[task]!.task
    if (on_error !== "continue") {
      for (const other of this.#scheduler.abandon(task)) {
        events.push({ _tag: "TaskSkipped", v: 1, at: writer.at, task: plan.tasks[other]!.path, because: "failed", of })
        this.#views.enter(other, skipped)
      }
    }
    this.#close(task, failed(error), events, free, error)
  }

  /** A task is over. Those that waited for it are opened when that is durable; the last one ends the run. */
  #close(task: number, view: View, events: Array<Event>, free: () => void, error?: Failure): void {
    this.#views.enter(task, view, error)
    if (this.#views.left === 0) return this.#append([...events, this.#ending()], free, nothing)
    this.#append(events, free, () => {
      if (this.#failsFast) return this.#failFast()
      this.#scheduler.settle(task)
      this.pump()
    })
  }

  // ── the end ─────────────────────────────────────────────────────────────────────

  #ending(): Event {
    const { plan, writer } = this.#job
    return Ending.event(plan, this.#views, this.#stop, writer.now(this.#house.clock))
  }

  get #failsFast(): boolean {
    return this.#views.failures.length > 0 && this.#job.plan.workflow.fail_fast === true
  }

  #failFast(): void {
    this.#halt({ _tag: "Failed", error: Ending.failure(this.#views.failures) })
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
  }

  #fatal(exit: Exit.Exit<never, JournalError>): void {
    if (this.#over) return
    this.#leave()
    const { alarm, clock } = this.#house
    if (this.#flights.size > 0) alarm.set(clock.currentTimeMillisUnsafe() + grace, () => this.#leaveBehind())
    for (const fiber of this.#flights.values()) fiber.interruptUnsafe()
    this.#done(exit)
  }

  // ── journal, time, posts ────────────────────────────────────────────────────────

  /** `free` once it is known what has come of the events; then `next`, when they are durable and the run goes on. */
  #append(events: ReadonlyArray<Event>, free: () => void, next: () => void): void {
    const { journal } = this.#house
    const { writer } = this.#job
    const status = Ending.status(events.at(-1))
    if (status !== undefined) this.#over = true
    const closed = this.#job.plan.tasks.length - this.#views.left
    const summary = status !== undefined || (closed > 0 && closed % often === 0) ? this.#summary(status) : undefined
    journal.append(
      writer,
      events,
      (written) => {
        if (Exit.isFailure(written)) {
          if (status !== undefined) this.#over = false
          this.#fatal(Exit.failCause(written.cause))
          return free()
        }
        free()
        if (status !== undefined) {
          this.#leave()
          this.#done(Exit.succeed(status))
        } else if (this.#stop === undefined && !this.#over) next()
      },
      summary === undefined ? {} : { summary }
    )
  }

  #summary(ended: RunStatus | undefined): RunSummary {
    const { from, plan, writer } = this.#job
    const status = ended ?? "running"
    return {
      run: writer.run,
      workflow: plan.workflow.name,
      status,
      tags: plan.workflow.tags ?? [],
      created_at: from.created_at,
      updated_at: writer.at,
      tasks: { ...this.#views.counts, total: plan.tasks.length },
      waiting: [],
      usage: this.#usage,
      engine: from.engine,
      ...(ended === undefined ? { due: writer.at } : {})
    }
  }

  #base({ attempt, began, path, started, usage }: TaskRun): Base {
    const { clock } = this.#house
    return {
      v: 1,
      at: this.#job.writer.now(clock),
      task: path,
      started,
      duration: began === undefined ? 0 : Math.round(Number(clock.monotonicTimeNanosUnsafe() - began) / 1e3) / 1e3,
      attempt,
      ...(usage === undefined ? {} : { usage })
    }
  }

  #uses(usage: Usage): void {
    this.#usage = addUsage(this.#usage, usage) ?? {}
  }

  #ring(at: Millis, ring: () => void): void {
    const silence = this.#house.alarm.set(at, () => {
      this.#alarms.delete(silence)
      ring()
    })
    this.#alarms.add(silence)
  }

  /** Looks out for posts: what another process asks of this run. */
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
