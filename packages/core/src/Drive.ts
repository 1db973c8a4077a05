/**
 * One run on its way: starts what is ready, a fiber an attempt, and opens the tasks that waited for an outcome once that
 * is durable. A small callback core: an attempt under way is a fiber; a task that waits, or whose outcome is being
 * committed, is not. A class, because a thousand of them may live at once.
 */
import { type Clock, Effect, Exit, Fiber, type Random, Schedule, Stream, type Tracer } from "effect"
import type { Alarm } from "./Alarm.ts"
import { attempt, type Surroundings } from "./Attempt.ts"
import { WorkflowTimeout } from "./Errors.ts"
import { Course } from "./Course.ts"
import * as Ending from "./Ending.ts"
import type { Event } from "./Event.ts"
import type { Executor } from "./Executor.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Files } from "./Files.ts"
import { Graph } from "./Graph.ts"
import * as Host from "./Host.ts"
import { type Journal, type JournalError, write, type Writer } from "./Journal.ts"
import type { Feed } from "./Live.ts"
import { Loop } from "./Loop.ts"
import { type Entrance, Opening } from "./Opening.ts"
import type { Plan } from "./Plan.ts"
import { Purse } from "./Purse.ts"
import type { ResultCache } from "./ResultCache.ts"
import type { Reuse } from "./Reuse.ts"
import type { Rounds, Watched } from "./Rounds.ts"
import * as Run from "./Run.ts"
import type { Slots, Taker } from "./Slots.ts"
import { Standby } from "./Standby.ts"
import type { Store } from "./Store.ts"
import { joinUsage, type Millis, type TaskPath, type Total } from "./Task.ts"
import { type Base, completion, fanOf, type Outcome, outcome, type Taken, TaskRun } from "./TaskRun.ts"
import type { RunTrace } from "./TelemetryRun.ts"

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
  /** Of whoever has made the run, if that is traced. */
  readonly parent?: Tracer.AnySpan | undefined
}

/** How long handlers may go on after the run was stopped. Milliseconds. */
const grace = 5000
/** A run that has nothing to write for as long looks out for what others post to it: else it would meet that. Milliseconds. */
export const quiet = 100
/** The same for a run that has nothing under way. Milliseconds. */
const long = 1000
/** Between two looks. Milliseconds. */
const glance = 20
/** After a look that the store refused. Milliseconds. */
const blind = 1000
/** Tasks between two summaries of a run that goes on. */
const often = 500

export class Drive implements Taker, Watched, Entrance {
  readonly #house: House
  readonly #job: Job
  /** When anybody looks. */
  readonly #trace: RunTrace | undefined
  readonly #done: (exit: Exit.Exit<Run.Outcome, JournalError>) => void
  readonly #root: Graph
  /** Nested workflows under way, oldest first. */
  readonly #nested = new Set<Graph>()
  readonly #flights = new Map<TaskRun, Fiber.Fiber<Taken, Failure>>()
  readonly standby = new Standby()
  readonly #course: Course
  readonly #opening: Opening
  readonly #alarms = new Set<() => void>()
  readonly limit: number
  readonly #host: Host.Options
  readonly #surroundings: Surroundings
  readonly #purse: Purse
  #usage: Total
  /** By attempts that were cut off. */
  readonly #lost = new Map<TaskPath, Total>()
  /** Attempts under way or being committed. */
  #running = 0
  /** Groups of events on their way to the store. */
  #writing = 0
  #steps: number
  /** It has been recorded that the run waits. */
  #resting = false
  /** Milliseconds running, up to `#since`. */
  #active: number
  #since = 0
  /** Alarms of the limits of its time. */
  readonly #limits: Array<() => void> = []
  #stop: Ending.Stop | undefined
  #over = false
  #watcher: Fiber.Fiber<void> | undefined
  /** When something was written last. */
  #wrote = 0

  constructor(
    house: House,
    job: Job,
    done: (exit: Exit.Exit<Run.Outcome, JournalError>) => void,
    trace: RunTrace | undefined
  ) {
    this.#house = house
    this.#job = job
    this.#trace = trace
    this.#done = done
    const { from, plan, reuse, secretInputs, writer } = job
    this.limit = plan.workflow.max_concurrency ?? 10
    this.#usage = from.usage
    this.#active = from.active
    this.#steps = from.steps
    this.#root = new Graph(plan, from)
    this.#purse = new Purse(plan, from, () => this.#usage)
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
    this.#course = new Course(this)
    this.#opening = new Opening(this, this.#course)
    this.#host = {
      executor: house.executor,
      journal: house.journal,
      writer,
      feed: house.feed,
      calls: from.calls,
      requests: from.requests,
      secretInputs,
      ledgers,
      used: (usage, run) => this.#uses(usage, run),
      waits: (run, isWaiting) => this.#waits(run, isWaiting),
      ended: () => this.#over
    }
  }

  get from(): Run.RunState {
    return this.#job.from
  }

  now(): Millis {
    return this.#job.writer.now(this.#house.clock)
  }

  go(run: TaskRun): boolean {
    return this.#opening.go(run)
  }

  enter(graph: Graph): void {
    this.#nested.add(graph)
  }

  leave(graph: Graph): void {
    this.#nested.delete(graph)
  }

  begin(): void {
    if (this.#over) return
    const { from, writer } = this.#job
    writer.onPost = (event) => this.#hear(event)
    if (from.cancelling) return this.#halt({ _tag: "Cancelled" })
    if (this.failsFast) return this.failFast()
    if (this.#root.views.left === 0) return this.#finish()
    const now = this.now()
    this.#run(now)
    if (this.#stop !== undefined) return
    for (const [request, { question }] of from.requests.open) this.#expect(request, question.expires)
    this.#wrote = now
    this.#house.rounds.add(this)
    this.pump()
  }

  /** Its time runs: until it rests, and again when it goes on. */
  #run(now: Millis): void {
    const { timeout } = this.#job.plan.workflow
    const { time } = this.#purse
    this.#since = now
    if (timeout !== undefined) {
      const error = FailureData.of(new WorkflowTimeout({ milliseconds: timeout }))
      const halt = () => this.#halt({ _tag: "Failed", error })
      if (this.#active >= timeout) halt()
      else this.#limits.push(this.#ring(now + timeout - this.#active, halt))
    }
    if (time !== undefined) {
      if (this.#active >= time) this.#purse.overtime(time)
      else this.#limits.push(this.#ring(now + time - this.#active, () => this.#purse.overtime(time)))
    }
  }

  #stand(now: Millis): void {
    this.#active += now - this.#since
    for (const silence of this.#limits.splice(0)) silence()
  }

  /** Starts what is ready while there are slots; called again when a slot may be free. */
  readonly pump = (): void => {
    const { slots } = this.#house
    let slot = false
    while (this.#stop === undefined && !this.#over && this.#running < this.limit && this.#mayBegin) {
      const graph = this.#next()
      const first = graph.first()
      if (first === undefined) break
      if (!slot && !(slot = slots.take(this))) return
      if (typeof first === "number" ? this.#opening.start(graph, first) : this.#opening.startItem(graph, first))
        slot = false
    }
    if (slot) slots.give()
    this.#rest()
  }

  /** Interrupts what is under way, records that, and leaves the run to be resumed. */
  readonly abort = Effect.suspend(() => {
    const isUnderWay = !this.#over && this.#flights.size > 0
    const tasks = [...this.#flights.keys()].map(({ path }) => path)
    const fibers = [...this.#flights.values()]
    this.#leave()
    if (!isUnderWay) return Effect.void
    const recorded = Effect.suspend(() => {
      this.#leaveBehind()
      const event: Event = { _tag: "RunInterrupted", v: 1, at: this.now(), tasks, ...Ending.lostOf(this.#lost) }
      return Effect.ignore(Effect.timeoutOption(write(this.#house.journal, this.#job.writer, [event]), grace))
    })
    return Effect.andThen(Effect.timeoutOption(Fiber.interruptAll(fibers), grace), recorded)
  })

  // ── starting ────────────────────────────────────────────────────────────────────

  get #mayBegin(): boolean {
    return !this.from.paused || this.#steps > 0
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

  task(graph: Graph, task: number, item: TaskRun["item"], loop?: Loop): TaskRun {
    return new TaskRun(graph, task, item, loop, this.#job.from, this.now())
  }

  /** Its next attempt begins at a time; until then it holds nothing. */
  wait(run: TaskRun, due: Millis): boolean {
    const { retrying } = this.standby
    const fan = fanOf(run)
    fan?.rest()
    if (fan?.stopped === true) {
      this.#course.give(run.graph, fan)
      return false
    }
    retrying.set(run.path, run)
    this.#ring(due, () => {
      if (!retrying.delete(run.path)) return
      this.standby.call(run)
      this.pump()
    })
    return false
  }

  dispatch(run: TaskRun): boolean {
    this.#running++
    if (this.from.paused) this.#steps--
    if (run.planned.task.once !== true) this.#launch(run)
    else {
      const at = this.now()
      this.append(
        [{ _tag: "TaskStarted", v: 1, at, task: run.path, attempt: run.attempt }],
        () => (this.#stop !== undefined || this.#over) && this.#give(run),
        () => this.#launch(run)
      )
    }
    return true
  }

  #launch(run: TaskRun): void {
    const { clock, feed, fork, random } = this.#house
    const { writer } = this.#job
    run.began = clock.monotonicTimeNanosUnsafe()
    const at = this.now()
    if (feed.isHeard) {
      feed.publish(writer.run, { _tag: "Started", task: run.path, attempt: run.attempt, at }, writer.sequence)
    }
    const taking = attempt(this.#surroundings, run, Host.make(this.#host, run))
    const trace = this.#trace?.attempt(run)
    const fiber = fork(trace === undefined ? taking : trace.around(taking))
    this.#flights.set(run, fiber)
    fiber.addObserver((exit) => {
      if (!this.#flights.delete(run)) return trace?.end(undefined) // left behind
      if (this.#stop === undefined && !this.#over) {
        const ended = outcome(run, exit, random.nextDoubleUnsafe())
        trace?.end(ended)
        this.#record(run, ended)
      } else {
        trace?.end(undefined)
        this.#lose(run)
        this.#give(run)
        if (this.#stop !== undefined && this.#flights.size === 0) this.#finish()
      }
    })
  }

  // ── outcomes: each goes to the journal with what follows from it at once ────────

  #record(run: TaskRun, outcome: Outcome): void {
    const base = this.base(run)
    if (run.usage !== undefined) this.#uses(run.usage, run)
    run.settle()
    const free = () => {
      this.#running--
      this.#give(run)
    }
    const events = this.#warnings(base.at)
    switch (outcome._tag) {
      case "Failed":
        return this.#course.fail(run, base, outcome.error, events, free)
      case "Blocked":
        return this.#block(run, base, outcome.shortage, events, free)
      case "Suspended":
        return this.#suspend(run, base, outcome, events, free)
      case "Retrying": {
        const due = base.at + outcome.delay
        events.push({ _tag: "TaskRetrying", ...base, error: outcome.error, due })
        return this.append(events, free, () => {
          run.next()
          this.wait(run, due)
          this.pump()
        })
      }
      case "Completed": {
        events.push(completion(base, outcome.reply))
        return this.#course.complete(run, outcome.reply.result, events, free)
      }
    }
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
    this.append(events, free, () => {
      const { requests } = this.#job.from
      run.fresh()
      requests.ask(request, task, question)
      // no further item goes on: one has failed
      if (fanOf(run)?.stopped === true) {
        this.#course.queue(run)
        return this.pump()
      }
      this.standby.suspended.set(task, run)
      if (requests.open.has(request)) this.#expect(request, question.expires)
      else this.#answered(task)
      this.pump()
    })
  }

  /** Nobody can answer after a time. */
  #expect(request: string, expires: Millis | undefined): void {
    if (expires === undefined) return
    this.#ring(expires, () => {
      const { from } = this.#job
      if (this.#stop !== undefined || !from.requests.open.has(request)) return
      this.append([{ _tag: "Expired", v: 1, at: this.now(), request }], nothing, () => {
        this.#answered(from.requests.expire(request))
        this.pump()
      })
    })
  }

  #answered(task: TaskPath | undefined): void {
    const run = task === undefined ? undefined : this.standby.suspended.get(task)
    if (run === undefined) return
    this.standby.suspended.delete(run.path)
    this.#course.queue(run)
  }

  /** The budget has no room. Calls under way may use less than they hold back; without any, only more budget helps. */
  #block(
    run: TaskRun,
    { at, task, usage }: Base,
    shortage: NonNullable<TaskRun["shortage"]>,
    events: Array<Event>,
    free: () => void
  ): void {
    const { from } = this.#job
    run.fresh()
    const isStopped = fanOf(run)?.stopped === true
    if (!isStopped) this.standby.blocked.push(run)
    const isFirst = !this.#purse.isHolding && from.exceeded === undefined
    // what it has used until then is not used again, and its start is taken back
    if (isFirst || usage !== undefined || run.planned.task.once === true) {
      from.exceeded ??= shortage
      const used = usage === undefined ? {} : { usage }
      events.push({ _tag: "BudgetExceeded", v: 1, at, task, ...used, ...shortage })
    }
    const next = () => {
      if (isStopped) this.#course.queue(run)
      this.pump()
    }
    if (events.length > 0) return this.append(events, free, next)
    free()
    next()
  }

  #unblock(): void {
    for (const run of this.standby.blocked.splice(0)) this.#course.queue(run)
  }

  /** What somebody has posted, in the order of the journal. */
  #hear(event: Event): void {
    const { from } = this.#job
    switch (event._tag) {
      case "CancelRequested":
        return this.#halt({ _tag: "Cancelled" })
      case "PauseRequested":
        from.paused = true
        break
      case "Continued":
        from.paused = false
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
        from.warned.clear()
        this.#purse.raise(event.budget)
        this.#unblock()
        break
    }
    if (this.#resting) this.#wake()
    this.pump()
  }

  /** Nothing is under way, and nothing can begin: the run waits. */
  #rest(): void {
    const { from } = this.#job
    if (this.#resting || this.#over || this.#stop !== undefined || this.#running + this.#writing > 0) return
    if (this.standby.retrying.size > 0 && !this.from.paused) return
    if (this.standby.blocked.length > 0 && from.exceeded === undefined) {
      this.#unblock()
      return this.pump()
    }
    if (this.#mayBegin && this.#next().first() !== undefined) return
    if (!this.from.paused && this.standby.suspended.size + this.standby.blocked.length === 0) return
    this.#resting = true
    this.#stand(this.now())
    this.#steps = 0
    const at = this.now()
    const { due } = from.requests
    this.append([{ _tag: "RunWaiting", v: 1, at, ...(due === undefined ? {} : { due }) }], nothing, () => {
      // what was posted meanwhile has been heard, and `RunWaiting` was not written
      if (!this.#resting) return this.pump()
      // times are waited for here; answers, and whoever they come from, by nobody
      if (!from.paused && (from.requests.hasTimer || this.standby.retrying.size > 0)) return
      this.#leave()
      this.#done(Exit.succeed(Ending.outcome(this.#standing, undefined)))
    })
  }

  #wake(): void {
    this.#resting = false
    this.#run(this.now())
  }

  // ── the end ─────────────────────────────────────────────────────────────────────

  ending(): Event {
    const { plan } = this.#job
    return Ending.event(plan, this.#root.views, this.#stop, this.now(), this.#lost)
  }

  get failsFast(): boolean {
    return this.#root.views.failures.length > 0 && this.#job.plan.workflow.fail_fast === true
  }

  failFast(): void {
    this.#halt({ _tag: "Failed", error: Ending.failure(this.#root.views.failures) })
  }

  /** Nothing begins any more; what is under way is interrupted, and then the run ends. */
  #halt(stop: Ending.Stop): void {
    if (this.#stop !== undefined || this.#over) return
    this.#stop = stop
    if (this.#flights.size === 0) return this.#finish()
    this.#ring(this.now() + grace, () => {
      this.#leaveBehind()
      this.#finish()
    })
    for (const fiber of this.#flights.values()) fiber.interruptUnsafe()
  }

  #finish(): void {
    if (!this.#over) this.append([this.ending()], nothing, nothing)
  }

  /** Handlers that ignore their interruption hold no slot any more. */
  #leaveBehind(): void {
    const left = [...this.#flights.keys()]
    this.#flights.clear()
    for (const run of left) {
      run.left = true
      this.#lose(run)
      this.#give(run)
    }
  }

  /** Its attempt was cut off: no outcome says what it has used. */
  #lose(run: TaskRun): void {
    if (run.usage === undefined) return
    this.#uses(run.usage, run)
    this.#lost.set(run.path, run.usage)
    run.usage = undefined
  }

  /** Its slot is free, unless it waited for its provider. */
  #give(run: TaskRun): void {
    if (run.waits) run.waits = false
    else this.#house.slots.give()
  }

  #waits(run: TaskRun, isWaiting: boolean): void {
    if (run.waits === isWaiting || run.left) return
    run.waits = isWaiting
    if (isWaiting) this.#house.slots.give()
    else this.#house.slots.retake()
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

  get #standing(): Ending.Standing {
    const { from, plan, writer } = this.#job
    return { plan, from, views: this.#root.views, usage: this.#usage, at: writer.at }
  }

  // ── journal, time, posts ────────────────────────────────────────────────────────

  /** `free` once it is known what has come of the events; then `next`, when they are durable and the run goes on. */
  append(events: ReadonlyArray<Event>, free: () => void, next: () => void): void {
    const { journal } = this.#house
    const { writer } = this.#job
    const last = events.at(-1)
    const status = Ending.status(last)
    if (status !== undefined) this.#over = true
    const closed = this.#job.plan.tasks.length - this.#root.views.left
    const waits = last?._tag === "RunWaiting"
    const told = waits || status !== undefined || (closed > 0 && closed % often === 0)
    if (!waits && this.#resting) this.#wake()
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
        if (this.from.requests.open.size > 0) for (const event of events) Run.withdraw(this.from, event)
        if (status !== undefined) {
          this.#leave()
          this.#done(Exit.succeed(Ending.outcome(this.#standing, last)))
        } else if (this.#stop === undefined && !this.#over) next()
      },
      told
        ? { summary: Ending.summary(this.#standing, waits ? "waiting" : (status ?? "running")), unlessPosted: waits }
        : {}
    )
  }

  base({ attempt, began, path, started, usage }: TaskRun): Base {
    const { clock } = this.#house
    const at = this.now()
    const duration =
      began === undefined ? at - started : Math.round(Number(clock.monotonicTimeNanosUnsafe() - began) / 1e3) / 1e3
    const plain = { v: 1, at, task: path, started, duration, attempt } as const
    return usage === undefined ? plain : { ...plain, usage }
  }

  #uses(usage: Total, run: TaskRun): void {
    this.#usage = joinUsage(this.#usage, usage) ?? {}
    this.#purse.spent(run, usage)
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

  #ring(at: Millis, ring: () => void): () => void {
    const silence = this.#house.alarm.set(at, () => {
      this.#alarms.delete(silence)
      ring()
    })
    this.#alarms.add(silence)
    return silence
  }

  /** Its next commit meets what another process has posted; while there is none to come, it has to look out. */
  look(now: Millis): void {
    if (this.#watcher !== undefined || this.#writing > 0 || now - this.#wrote < quiet) return
    const isQuiet = this.#flights.size > 0 || this.#resting || this.standby.retrying.size > 0
    // one that stands in line for a slot may wait for long, but there may be thousands of them
    if (isQuiet || now - this.#wrote >= long) this.#watch()
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
