/**
 * The runs that this process drives: leases kept alive, runs taken over, let go of, and taken up when their process has
 * died or their time is up. The fence is the first append after a claim.
 */
import { Clock, Effect, Exit, Fiber, Result, type Schema, Scope, Semaphore, Stream } from "effect"
import type { Contract } from "./Contract.ts"
import { Driver } from "./Driver.ts"
import type { Job } from "./Drive.ts"
import type { InvalidInputs, RunFinished } from "./Errors.ts"
import type { Event } from "./Event.ts"
import { Executor } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import * as Inputs from "./Inputs.ts"
import { Journal, type JournalError, write, Writer } from "./Journal.ts"
import { Leases } from "./Leases.ts"
import * as Plan from "./Plan.ts"
import { Reuse } from "./Reuse.ts"
import * as Run from "./Run.ts"
import { Store } from "./Store.ts"
import * as Watch from "./Watch.ts"
import type { Workflow } from "./Workflow.ts"

export type TakeError = Watch.ReadError | JournalError | InvalidInputs | Failure

export interface Driving {
  /** How it came to rest here, or why it could not go on. */
  readonly rest: Effect.Effect<Exit.Exit<Run.Outcome, TakeError>>
}

export interface Entry {
  /** Whoever holds the run's lease loses it. Default false. */
  readonly force?: boolean
  /** For inputs marked `secret`. Without them a run that has some is not taken. */
  readonly inputs?: { readonly [name: string]: Schema.Json } | undefined
  /** A run that has secret inputs is taken without them: nothing of it is going to be called. Default false. */
  readonly ending?: boolean
  /** Goes to the journal first, and fences. Default: `RunResumed`. Undefined: the run is left as it is. */
  readonly enter?: (state: Run.RunState, at: number) => Effect.Effect<Event | undefined, Failure | RunFinished>
}

export interface Custody {
  /** One row says that all runs of this process are alive; a process that only reads never writes it. */
  readonly alive: Effect.Effect<void, TakeError>
  /** Drives the run in the background, to its rest. */
  readonly drive: (job: Job) => void
  /** False: another process drives it. Also true when there is nothing left to drive. */
  readonly takeOver: (run: string, entry?: Entry) => Effect.Effect<boolean, TakeError>
  /** A run that is driven here; one that could not go on is known until somebody takes it over. */
  readonly driving: (run: string) => Driving | undefined
  readonly isDriving: (run: string) => boolean
  /** Drives the run no more, and leaves it to be resumed. */
  readonly letGo: (run: string) => Effect.Effect<void>
  readonly planOf: (workflow: Workflow, contracts: ReadonlyArray<Contract>) => Plan.Plan
  /** Takes up the runs of a scope that are due and that nobody drives, for ever. */
  readonly recover: (scope: string) => Effect.Effect<never>
}

/** How long a silent process keeps its runs. Milliseconds. */
export const ttl = 15_000
/** How often a former driver may be faster when its run is taken over. */
const patience = 1000
/** Runs taken up at a time. */
const handful = 32
/** Between two looks for runs that are due, when no hint comes. Milliseconds. */
const look = 1000
/** Until a run that could not be taken is tried again. Milliseconds. */
const patient = 60_000

export const make = Effect.fnUntraced(function* (owner: string) {
  const store = yield* Store
  const leases = yield* Leases
  const executor = yield* Executor
  const journal = yield* Journal
  const driver = yield* Driver
  const clock = yield* Clock.Clock
  const scope = yield* Scope.Scope
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const driven = new Map<string, Watched>()
  /** Of runs that rest: they are asked for once. */
  const secrets = new Map<string, Job["secretInputs"]>()
  /** One run at a time is taken over. */
  const gate = Semaphore.makeUnsafe(1)
  const plans = new WeakMap<Workflow, { readonly contracts: ReadonlyArray<Contract>; readonly plan: Plan.Plan }>()

  let beating = false
  const alive = Effect.suspend(() =>
    beating
      ? Effect.void
      : Effect.andThen(
          leases.beat(owner, ttl),
          Effect.suspend(() => {
            if (beating) return Effect.void
            beating = true
            return Effect.forkIn(Effect.forever(Effect.andThen(Effect.sleep(ttl / 3), Effect.ignore(beat))), scope)
          })
        )
  )
  const beat = Effect.flatMap(leases.beat(owner, ttl), (lost) =>
    // not waited for: a handler that takes its time must not hold up the next beat
    Effect.forkIn(Effect.forEach(lost, letGo, { concurrency: "unbounded", discard: true }), scope)
  )

  const letGo = (run: string): Effect.Effect<void> => {
    const watched = driven.get(run)
    if (watched === undefined) return Effect.void
    if (watched.exit !== undefined) return Effect.sync(() => driven.delete(run))
    if (watched.leaving) return Effect.asVoid(watched.rest)
    watched.leaving = true
    return Effect.ensuring(
      Effect.andThen(watched.stop, release(run)),
      Effect.sync(() => {
        // whoever takes the run over waits for this: else the lease that is given back would be the next one's
        driven.delete(run)
        watched.settle(Exit.interrupt())
      })
    )
  }

  const release = (run: string) => Effect.ignore(leases.release([run], owner))

  const planOf = (workflow: Workflow, contracts: ReadonlyArray<Contract>): Plan.Plan => {
    const known = plans.get(workflow)
    if (known?.contracts === contracts) return known.plan
    const plan = Plan.make(workflow, new Map(contracts.map((contract) => [contract.method, contract])))
    plans.set(workflow, { contracts, plan })
    return plan
  }

  const isDriving = (run: string) => driven.has(run) && driven.get(run)?.exit === undefined

  const secretInputs = (workflow: Workflow, run: string, { ending, inputs }: Entry) => {
    const kept = secrets.get(run)
    if (kept !== undefined) return Result.succeed(kept)
    if (inputs !== undefined) return Inputs.readSecret(workflow, inputs)
    const needed = Object.values(workflow.inputs ?? {}).some(({ secret }) => secret === true)
    return Result.succeed(needed && ending !== true ? undefined : new Map<string, string>())
  }

  /** Claim, read, `RunResumed`; what a former driver writes meanwhile is read, and `RunResumed` tried again. */
  const acquire = Effect.fnUntraced(function* (
    run: string,
    entry: Entry
  ): Effect.fn.Return<Job | "over" | undefined, TakeError> {
    const { enter = resumed(owner), force = false } = entry
    const from = yield* Watch.state(store, run)
    const { workflow } = from
    if (workflow === undefined) return "over"
    if ((yield* enter(from, from.updated_at)) === undefined) return "over"
    const given = secretInputs(workflow, run, entry)
    if (Result.isFailure(given)) return yield* given.failure
    if (given.success === undefined) return undefined
    const secret = given.success
    const contracts = yield* executor.contracts
    const plan = planOf(workflow, contracts)
    const reuse = from.forked === undefined ? undefined : yield* reuseOf(from, from.forked, contracts)
    yield* alive
    let first = true
    const attempt = Effect.gen(function* () {
      // what could not be written has been folded in
      const state = yield* first ? Watch.state(store, run, from) : Watch.state(store, run)
      first = false
      // whoever claims the run after this reads what is written below
      if ((yield* leases.claim(run, owner, { ttl })) !== true) return undefined
      const writer = new Writer(run, owner, state.sequence, state.updated_at)
      const posts: Array<Event> = []
      writer.onPost = (post) => posts.push(post)
      const event = yield* enter(state, writer.now(clock))
      if (event === undefined) return "over" as const
      Run.fold(state, event)
      yield* write(journal, writer, [event], { summary: Run.summary(state) })
      // they stand before it in the journal; what they say holds after it too
      for (const post of posts) Run.fold(state, post)
      return { plan, writer, from: state, secretInputs: secret, reuse }
    })
    if ((yield* leases.claim(run, owner, { ttl, force })) !== true) return undefined
    return yield* attempt.pipe(
      Effect.retry({ while: (error) => "_tag" in error && error._tag === "LeaseLost", times: patience }),
      Effect.tap((job) => (job === "over" ? release(run) : Effect.void)),
      Effect.onError(() => release(run))
    )
  })

  const reuseOf = (
    from: Run.RunState,
    forked: NonNullable<Run.RunState["forked"]>,
    contracts: ReadonlyArray<Contract>
  ) =>
    Watch.state(store, forked.run).pipe(
      Effect.map((state) =>
        state.workflow === undefined
          ? undefined
          : new Reuse(planOf(state.workflow, contracts), state, forked.rerun, from.reused)
      ),
      // it was removed: nothing is left to be used again
      Effect.catchTag("RunNotFound", () => Effect.undefined)
    )

  /** A fiber only where something is left to do: a thousand short runs may be driven at once. */
  const drive = (job: Job) => {
    const { run } = job.writer
    const watched = new Watched()
    driven.set(run, watched)
    carryOn(watched, job)
  }

  const carryOn = (watched: Watched, job: Job) => {
    const { run } = job.writer
    watched.stop = driver.drive(job, (exit) => {
      const isOver = Exit.isSuccess(exit) && Run.isOver(exit.value.status)
      if (isOver) secrets.delete(run)
      else if (job.secretInputs.size > 0) secrets.set(run, job.secretInputs)
      if (isOver) end(watched, run, exit)
      else fork(Exit.isSuccess(exit) ? rested(watched, job, exit.value) : failed(watched, run, exit))
    })
  }

  const end = (watched: Watched, run: string, exit: Exit.Exit<Run.Outcome, TakeError>) => {
    // a run that has come to rest is found in the store
    if (Exit.isSuccess(exit) && driven.get(run) === watched) driven.delete(run)
    watched.settle(exit)
  }

  /** Whoever stops before the end leaves the run to anybody. */
  const failed = (watched: Watched, run: string, exit: Exit.Exit<Run.Outcome, TakeError>) =>
    Effect.andThen(
      release(run),
      Effect.sync(() => end(watched, run, exit))
    )

  /** What was posted just before nobody drove the run any more is found here. */
  const rested = (watched: Watched, job: Job, outcome: Run.Outcome): Effect.Effect<void> => {
    const { run, sequence } = job.writer
    return Effect.gen(function* () {
      yield* release(run)
      const again =
        (yield* store.read(run, sequence, 1)).length === 0 ? undefined : yield* gate.withPermit(acquire(run, {}))
      if (again === undefined || again === "over") end(watched, run, Exit.succeed(outcome))
      else if (driven.get(run) === watched) carryOn(watched, again)
      else yield* release(run)
    }).pipe(Effect.catchCause((cause) => Effect.sync(() => end(watched, run, Exit.failCause(cause)))))
  }

  yield* Effect.addFinalizer(() =>
    Effect.forEach([...driven.keys()], letGo, { concurrency: "unbounded", discard: true })
  )

  // whoever asks for it may go away in between: a run that was claimed and that nobody drives would lie there
  const takeOver = (run: string, entry: Entry = {}) =>
    gate
      .withPermit(
        Effect.gen(function* () {
          const watched = driven.get(run)
          if (watched?.leaving === true) yield* watched.rest
          if (isDriving(run)) return true
          const job = yield* acquire(run, entry)
          if (job === undefined) return false
          if (job !== "over") drive(job)
          return true
        })
      )
      .pipe(Effect.forkIn(scope, { startImmediately: true }), Effect.flatMap(Fiber.join))

  const custody: Custody = {
    alive,
    drive,
    takeOver,
    driving: (run) => driven.get(run),
    isDriving,
    letGo,
    planOf,
    recover: (of) =>
      Effect.gen(function* () {
        yield* Effect.ignore(alive)
        /** Those that cannot be taken are for another process, or for a person: until when they are left alone. */
        const refused = new Map<string, number>()
        /** Until when hints are not heeded: giving a run back is one. */
        let deaf = 0
        const one = Effect.fnUntraced(function* (run: string, now: number) {
          if (!refused.has(run) && (yield* Effect.orElseSucceed(takeOver(run), () => false))) return
          if (!refused.has(run)) refused.set(run, now + patient)
          deaf = now + look / 2
          yield* release(run)
        })
        const round = Effect.suspend(() => {
          const now = clock.currentTimeMillisUnsafe()
          for (const [run, until] of refused) if (until <= now) refused.delete(run)
          return Effect.flatMap(leases.take(owner, of, handful + refused.size, ttl), (runs) =>
            Effect.forEach(runs, (run) => one(run, now), { discard: true })
          )
        })
        const wakes = Stream.filter(
          Stream.orElseSucceed(leases.wakes, () => undefined),
          () => clock.currentTimeMillisUnsafe() >= deaf
        )
        return yield* Stream.merge(wakes, Stream.tick(look)).pipe(
          Stream.buffer({ capacity: 1, strategy: "sliding" }),
          Stream.runForEach(() => Effect.ignore(round)),
          Effect.forever
        )
      })
  }
  return custody
})

// internal

/** A run that is driven here, for those who wait for it. */
class Watched implements Driving {
  exit: Exit.Exit<Run.Outcome, TakeError> | undefined
  /** It is being let go of. */
  leaving = false
  stop: Effect.Effect<void> = Effect.void
  #told: Array<(exit: Exit.Exit<Run.Outcome, TakeError>) => void> = []

  readonly rest: Driving["rest"] = Effect.callback((resume) => {
    if (this.exit !== undefined) return resume(Effect.succeed(this.exit))
    this.#told.push((exit) => resume(Effect.succeed(exit)))
  })

  settle(exit: Exit.Exit<Run.Outcome, TakeError>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    for (const tell of this.#told.splice(0)) tell(exit)
  }
}

const resumed =
  (owner: string): NonNullable<Entry["enter"]> =>
  (state, at) =>
    Effect.succeed(Run.isOver(state.status) ? undefined : { _tag: "RunResumed", v: 1, at, owner })
