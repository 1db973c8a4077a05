/** The service apps use: check a workflow, run it, look at runs, steer them. */
import { Clock, Context, Effect, Exit, Fiber, Layer, Result, type Schema, Semaphore, Stream } from "effect"
import * as Answer from "./Answer.ts"
import * as Check from "./Check.ts"
import type { Contract } from "./Contract.ts"
import * as Custody from "./Custody.ts"
import type { Diagnostic } from "./Diagnostic.ts"
import { layer as layerDriver } from "./Driver.ts"
import * as Environment from "./Environment.ts"
import {
  AlreadyAnswered,
  InvalidAnswer,
  type InvalidInputs,
  InvalidState,
  InvalidWorkflow,
  LeaseLost,
  type RequestNotFound,
  RunFinished,
  RunNotFound,
  type StoreError,
  TaskNotFound
} from "./Errors.ts"
import type { Event } from "./Event.ts"
import { Executor } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import { Files } from "./Files.ts"
import * as Forecast from "./Forecast.ts"
import * as Inputs from "./Inputs.ts"
import { Journal, type JournalError, layer as layerJournal, write, Writer } from "./Journal.ts"
import { KeyValues } from "./KeyValues.ts"
import { Leases } from "./Leases.ts"
import { isDeep, isObject } from "./Json.ts"
import { Feed } from "./Live.ts"
import * as MethodName from "./MethodName.ts"
import type { Health } from "./Provider.ts"
import { Providers } from "./Providers.ts"
import * as Rerun from "./Rerun.ts"
import { Reuse } from "./Reuse.ts"
import * as Run from "./Run.ts"
import { Secrets } from "./Secrets.ts"
import { type Page, type RunQuery, type RunSummary, Store } from "./Store.ts"
import { callerSpan } from "./Telemetry.ts"
import { ulid } from "./Ulid.ts"
import { version } from "./Version.ts"
import * as Watch from "./Watch.ts"
import type { Budget, Workflow } from "./Workflow.ts"
import * as WorkflowFile from "./WorkflowFile.ts"

export interface Options {
  /** Tasks under way at once in this process, over all runs. Default 256. */
  readonly slots?: number
  /** Which processes may take over the runs made here: the project folder on SQLite. Default "". */
  readonly scope?: string
  /** Names this process in the store's leases. Default: a random id. */
  readonly owner?: string
  /** Written into each run. Default: this package's version. */
  readonly engine?: string
  /**
   * Takes up runs of its scope that are due and that nobody drives: those of processes that died, those whose time is
   * up. For processes that live long. Default false.
   */
  readonly recover?: boolean
}

export interface RunOptions {
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** Where paths in the workflow are relative to. Default: none, and `file` params must be absolute. */
  readonly folder?: string
  /** The same key gives the same run, however often it is submitted. */
  readonly key?: string
  /** What the cache holds is not looked at. */
  readonly fresh?: boolean
  /** In place of the workflow's own. */
  readonly budget?: Budget
  /** Not driven here: whoever takes it. Default false. */
  readonly detached?: boolean
}

/** A parsed file with all that is wrong with it. `workflow` is there when nothing is an error. */
export interface Checked {
  readonly workflow: Workflow | undefined
  readonly diagnostics: ReadonlyArray<Diagnostic>
  readonly locate: WorkflowFile.Parsed["locate"]
}

/** What a watcher sees: recorded events, each once and in order, and what is never recorded, as far as it was there to see. */
export type Live = Watch.Watched
export type ReadError = Watch.ReadError
export type RunError = ReadError | JournalError | InvalidWorkflow | InvalidInputs | Failure

export class Gleitzeit extends Context.Service<
  Gleitzeit,
  {
    /** Everything wrong with a file, against what can be called from here. */
    readonly check: (source: WorkflowFile.Source) => Effect.Effect<Checked, Failure>
    /**
     * What a run would do, what of it is kept already, what it lacks and what it uses at most. Creates nothing, calls no
     * method: providers are asked how they are and what they know of a call.
     */
    readonly plan: (
      workflow: Workflow,
      options?: Forecast.Options
    ) => Effect.Effect<Forecast.Forecast, Failure | InvalidWorkflow | InvalidInputs>
    /** `submit`, then `wait`. Interrupted, it stops driving and leaves the run to be resumed. */
    readonly run: (workflow: Workflow, options?: RunOptions) => Effect.Effect<Run.Outcome, RunError>
    /** Creates a run and drives it for as long as the layer lives. Returns its id once it is durable. */
    readonly submit: (workflow: Workflow, options?: RunOptions) => Effect.Effect<string, RunError>
    /**
     * Goes on with a run that was interrupted, or paused, at once, whoever holds its lease. A finished one is left as it
     * is.
     */
    readonly resume: (
      run: string,
      options?: { readonly inputs?: RunOptions["inputs"] }
    ) => Effect.Effect<void, RunError>
    /**
     * Once the run is at rest: over, or waiting for somebody (for a time it is driven on). Fails when this process was
     * driving it and could not go on.
     */
    readonly wait: (run: string) => Effect.Effect<Run.Outcome, RunError>
    /** As far as it is recorded; `at`: as it was after that event. */
    readonly get: (run: string, options?: { readonly at?: number }) => Effect.Effect<Run.Report, ReadError>
    /** Recorded events after a sequence (default 0), oldest first; ends with the last there is. */
    readonly events: (run: string, after?: number) => Stream.Stream<Watch.Recorded, ReadError>
    /** From the run's beginning to its end, whichever process drives it. Live parts only from this process. */
    readonly watch: (run: string) => Stream.Stream<Live, ReadError>
    readonly list: (query: RunQuery) => Effect.Effect<Page<RunSummary>, StoreError>
    /** Asks the run's driver to stop; when nobody drives it, it is ended here. */
    readonly cancel: (run: string, by?: string) => Effect.Effect<void, RunError | RunFinished>
    /** Lets what is under way finish and begins nothing more, until `resume`. */
    readonly pause: (run: string, by?: string) => Effect.Effect<void, RunError | RunFinished>
    /** Of a paused run (else it is paused): begins one task. Drives it to its rest when nobody else does. */
    readonly step: (run: string, by?: string) => Effect.Effect<void, RunError | RunFinished>
    /**
     * Answers what the run waits for. `budget` is answered with a higher budget. True when this process drives the run on,
     * false when another does.
     */
    readonly respond: (
      run: string,
      request: string,
      value: Schema.Json,
      by?: string
    ) => Effect.Effect<boolean, RunError | RunFinished | RequestNotFound | AlreadyAnswered | InvalidAnswer>
    /** Kept until a `signal/wait` of that name takes it. True when this process drives the run on. */
    readonly signal: (
      run: string,
      name: string,
      value: Schema.Json,
      by?: string
    ) => Effect.Effect<boolean, RunError | RunFinished | InvalidAnswer>
    /** A run that is over goes on: failed and cancelled tasks, and all that depends on them. `task`: that one alone, with `force` also a completed one. */
    readonly retry: (
      run: string,
      options?: { readonly task?: string; readonly force?: boolean; readonly inputs?: RunOptions["inputs"] }
    ) => Effect.Effect<void, RunError | InvalidState | TaskNotFound>
    /** Another run, of the same workflow or an edited one, that uses again every result whose task is the same; `from`: but not of that task and those after it. Its id. */
    readonly fork: (
      run: string,
      options?: RunOptions & { readonly from?: string; readonly workflow?: Workflow }
    ) => Effect.Effect<string, RunError | TaskNotFound>
    /** The run and all that is kept of it. Refused while it is under way. */
    readonly remove: (run: string) => Effect.Effect<void, ReadError | LeaseLost>
    /** One task without a file, as a run of its own. */
    readonly call: (
      method: string,
      params: Schema.Json,
      options?: RunOptions & { readonly provider?: string; readonly timeout?: number }
    ) => Effect.Effect<Run.Outcome, RunError>
    /** Runs of this scope that nobody drives although they are not over and wait for nobody. */
    readonly interrupted: Effect.Effect<ReadonlyArray<string>, StoreError>
    readonly contracts: Effect.Effect<ReadonlyArray<Contract>, Failure>
    /** Of each provider on duty, by name. */
    readonly health: Effect.Effect<
      ReadonlyArray<{ readonly name: string; readonly protocol: string; readonly health: Health }>
    >
  }
>()("@gleitzeit/core/Gleitzeit") {}

/** Runs that are listed as interrupted. */
const many = 100

export const layer = (
  options: Options = {}
): Layer.Layer<Gleitzeit, never, Store | Leases | KeyValues | Executor | Providers | Files | Secrets> =>
  Layer.suspend(() => {
    const feed = new Feed()
    return Layer.effect(Gleitzeit, make(options, feed)).pipe(
      Layer.provide(layerDriver({ slots: options.slots ?? 256, feed })),
      Layer.provide(layerJournal)
    )
  })

// internal

const make = Effect.fnUntraced(function* (
  { engine = version, recover = false, scope = "", ...options }: Options,
  feed: Feed
) {
  const store = yield* Store
  const leases = yield* Leases
  const keyValues = yield* KeyValues
  const executor = yield* Executor
  const files = yield* Files
  const providers = yield* Providers
  const secrets = yield* Secrets
  const journal = yield* Journal
  const clock = yield* Clock.Clock
  const owner = options.owner ?? ulid(clock.currentTimeMillisUnsafe())
  const custody = yield* Custody.make(owner)
  const proved = new WeakSet<Workflow>()
  const own = yield* Effect.scope
  if (recover) yield* Effect.forkScoped(custody.recover(scope))

  /** Who may be missing where nobody serves a method: a plug-in that cannot be loaded says why, and so does a part of one. */
  const explained = (diagnostics: ReadonlyArray<Diagnostic>): Effect.Effect<ReadonlyArray<Diagnostic>> =>
    diagnostics.every(({ code }) => code !== "no-provider" && code !== "unknown-method")
      ? Effect.succeed(diagnostics)
      : Effect.gen(function* () {
          const silent: Array<string> = []
          /** By protocol. */
          const lacking = new Map<string, string>()
          for (const provider of yield* providers.all) {
            const { name } = provider
            const said = yield* Effect.result(provider.contracts)
            // known once it has been asked
            const { protocol } = provider
            if (Result.isFailure(said)) silent.push(`; "${name}" cannot be asked: ${said.failure.message}`)
            // one that was not started to say what it can do has all of it
            else if (provider.isChecked === true && diagnostics.some((one) => isLacking(one, protocol))) {
              const { details, status } = yield* provider.health
              const reason = isObject(details) ? details["reason"] : undefined
              if (status === "healthy" || typeof reason !== "string") continue
              lacking.set(protocol, `${lacking.get(protocol) ?? ""}; "${name}" is ${status}: ${reason}`)
            }
          }
          return diagnostics.map((one) => {
            const [, why = ""] = [...lacking].find(([protocol]) => isLacking(one, protocol)) ?? []
            if (why !== "") return { ...one, message: one.message + why }
            if (one.code !== "no-provider" || silent.length === 0) return one
            // what nobody here knows of may be just what was meant
            const { suggestion: _, ...rest } = one
            return { ...rest, message: one.message + silent.join("") }
          })
        })

  const prove = (workflow: Workflow, contracts: ReadonlyArray<Contract>) =>
    Effect.suspend(() => {
      if (proved.has(workflow)) return Effect.void
      const diagnostics = Check.check({ workflow, diagnostics: [], locate: () => ({ line: 1, column: 1 }) }, contracts)
      if (diagnostics.some(({ severity }) => severity === "error"))
        return Effect.flatMap(explained(diagnostics), (diagnostics) =>
          Effect.fail(new InvalidWorkflow({ diagnostics }))
        )
      proved.add(workflow)
      return Effect.void
    })

  const create = Effect.fnUntraced(function* (
    run: string,
    workflow: Workflow,
    { budget, detached = false, folder = "", fresh, inputs = {} }: RunOptions,
    forked?: Forked
  ): Effect.fn.Return<string, RunError> {
    const contracts = yield* executor.contracts
    yield* prove(workflow, contracts)
    const given = Inputs.read(workflow, inputs)
    if (Result.isFailure(given)) return yield* given.failure
    const { plain, secret } = given.success
    const env = yield* Environment.read(workflow)
    if (!detached) yield* custody.alive
    const at = clock.currentTimeMillisUnsafe()
    const writer = new Writer(run, detached ? "" : owner, 0, at)
    const event: Event = {
      _tag: "RunCreated",
      v: 1,
      at,
      workflow,
      inputs: plain,
      env,
      folder,
      engine,
      owner,
      ...(forked === undefined ? {} : { forked: { run: forked.run, rerun: forked.rerun } }),
      ...(budget === undefined ? {} : { budget }),
      ...(fresh === true ? { fresh } : {})
    }
    const from = Run.fold(Run.empty(run), event)
    yield* write(journal, writer, [event], { summary: Run.summary(from), scope })
    if (!detached) {
      const plan = custody.planOf(workflow, contracts)
      const parent = yield* callerSpan
      custody.drive({ plan, writer, from, secretInputs: secret, reuse: forked?.reuse(contracts), parent })
    }
    return run
  })

  const submit = Effect.fn("Gleitzeit.submit")(function* (workflow: Workflow, options: RunOptions = {}) {
    const run = ulid(clock.currentTimeMillisUnsafe())
    return yield* options.key === undefined
      ? create(run, workflow, options)
      : keyed(`run/${scope}/${options.key}`, run, workflow, options)
  })

  /** Of all who come with one key the first creates the run; one that it could not create any more is created by the next. */
  const keyed = Effect.fnUntraced(function* (
    key: string,
    fresh: string,
    workflow: Workflow,
    options: RunOptions
  ): Effect.fn.Return<string, RunError> {
    const isFirst = (yield* keyValues.put(key, fresh, { version: 0 })) !== undefined
    const run = isFirst ? fresh : String((yield* keyValues.get(key))?.value ?? fresh)
    if ((yield* store.read(run, 0, 1)).length > 0) return run
    // somebody else may be faster with what nobody has made yet
    return yield* Effect.catchTag(create(run, workflow, options), "LeaseLost", () => Effect.succeed(run))
  }, Semaphore.makeUnsafe(1).withPermit)

  const state = (run: string) => Watch.state(store, run)

  const wait = (run: string): Effect.Effect<Run.Outcome, RunError> =>
    Effect.suspend(() => {
      const driving = custody.driving(run)
      if (driving === undefined) return follow(run)
      return Effect.flatMap(driving.rest, (exit) =>
        Exit.isSuccess(exit)
          ? Effect.succeed(exit.value)
          : // a run that was let go of is followed in the store
            custody.driving(run) === driving
            ? Effect.failCause(exit.cause)
            : follow(run)
      )
    })

  const follow = Effect.fnUntraced(function* (run: string) {
    const state = Run.empty(run)
    yield* store.changes(run).pipe(
      Stream.mapEffect(() => Watch.state(store, run, state)),
      Stream.takeUntil(Run.isAtRest),
      Stream.runDrain
    )
    return Run.outcome(state)
  })

  const run = (workflow: Workflow, runOptions?: RunOptions) =>
    Effect.flatMap(submit(workflow, runOptions), (id) => Effect.onInterrupt(wait(id), () => custody.letGo(id)))

  /** Says something to a run, if it is not over. */
  const post = Effect.fnUntraced(function* <E>(
    run: string,
    word: (state: Run.RunState, at: number) => Effect.Effect<Event | undefined, E>
  ): Effect.fn.Return<Event | undefined, ReadError | RunFinished | E> {
    const before = yield* state(run)
    if (Run.isOver(before.status)) return yield* new RunFinished({ run, status: before.status })
    const at = Math.max(before.updated_at, clock.currentTimeMillisUnsafe())
    const event = yield* word(before, at)
    if (event !== undefined) yield* store.post(run, { at, kind: event._tag, json: JSON.stringify(event) })
    return event
  })

  /** Posts, and sees to it that somebody drives the run, also when whoever posts goes away in between. */
  const tell = <E>(run: string, posting: Effect.Effect<Event | undefined, E>, entry?: Custody.Entry) =>
    Effect.all({ event: posting, taken: custody.takeOver(run, entry) }).pipe(
      Effect.forkIn(own, { startImmediately: true }),
      Effect.flatMap(Fiber.join)
    )

  const by = (who: string | undefined) => (who === undefined ? {} : { by: who })

  const postPause = (run: string, who: string | undefined) =>
    post(run, ({ paused }, at) => Effect.succeed(paused ? undefined : { _tag: "PauseRequested", v: 1, at, ...by(who) }))

  return Gleitzeit.of({
    check: (source) =>
      Effect.gen(function* () {
        const contracts = yield* executor.contracts
        const parsed = yield* WorkflowFile.load(source, files.read)
        const workflow = parsed.workflow && Check.adopt(parsed.workflow, contracts)
        const diagnostics = yield* explained(Check.check({ ...parsed, workflow }, contracts))
        const wrong = diagnostics.some(({ severity }) => severity === "error")
        if (workflow !== undefined && !wrong) proved.add(workflow)
        return { workflow: wrong ? undefined : workflow, diagnostics, locate: parsed.locate }
      }),
    plan: Effect.fn("Gleitzeit.plan")(function* (workflow, planOptions) {
      const contracts = yield* executor.contracts
      yield* prove(workflow, contracts)
      const sources = { executor, providers, secrets, files, keyValues }
      return yield* Forecast.make(sources, custody.planOf(workflow, contracts), contracts, planOptions)
    }),
    run,
    submit,
    resume: Effect.fnUntraced(function* (id, { inputs = {} } = {}) {
      if ((yield* state(id)).paused) {
        const posting = post(id, (_, at) => Effect.succeed({ _tag: "Continued", v: 1, at }))
        // its driver, if it has one, goes on
        yield* tell(
          id,
          Effect.catchTag(posting, "RunFinished", () => Effect.undefined),
          { inputs }
        )
      } else yield* custody.takeOver(id, { inputs, force: true })
    }),
    wait,
    get: (id, { at = Infinity } = {}) =>
      Effect.map(
        at === Infinity
          ? state(id)
          : Stream.runFold(
              Stream.takeWhile(Watch.events(store, id), ({ sequence }) => sequence <= at),
              () => Run.empty(id),
              (state, { event }) => Run.fold(state, event)
            ),
        Run.report
      ),
    events: (id, after) => Watch.events(store, id, after),
    watch: (id) => Watch.watch(store, feed, id),
    list: (query) => store.list(query),
    cancel: Effect.fnUntraced(function* (id, who) {
      const posting = post(id, (_, at) => Effect.succeed({ _tag: "CancelRequested", v: 1, at, ...by(who) }))
      // a driver sees the post; without one the run is ended here
      if ((yield* tell(id, posting, { ending: true })).taken) yield* wait(id)
    }),
    pause: Effect.fnUntraced(function* (id, who) {
      if ((yield* tell(id, postPause(id, who), { ending: true })).taken) yield* wait(id)
    }),
    step: Effect.fnUntraced(function* (id, who) {
      yield* postPause(id, who)
      yield* tell(
        id,
        post(id, (_, at) => Effect.succeed({ _tag: "StepRequested", v: 1, at, ...by(who) }))
      )
    }),
    respond: Effect.fnUntraced(function* (id, request, value, who) {
      const posting = post(id, (state, at) => Answer.event(state, request, value, at, who))
      const { event, taken } = yield* tell(id, posting)
      // two answers may be on their way at once
      if (event?._tag === "Answered" && !(yield* Answer.isFirst(store, id, event))) {
        return yield* new AlreadyAnswered({ run: id, request })
      }
      return taken
    }),
    signal: Effect.fnUntraced(function* (id, name, value, who) {
      if (isDeep(value)) return yield* new InvalidAnswer({ request: name, issues: ["it is nested too deeply"] })
      const posting = post(id, (_, at) => Effect.succeed({ _tag: "Signalled", v: 1, at, name, value, ...by(who) }))
      return (yield* tell(id, posting)).taken
    }),
    retry: Effect.fnUntraced(function* (id, { force = false, inputs = {}, task } = {}) {
      const contracts = yield* executor.contracts
      const taken = yield* custody.takeOver(id, {
        inputs,
        enter: (state, at) =>
          Effect.map(
            Rerun.of(state, (workflow) => custody.planOf(workflow, contracts), task, force),
            (rerun) => ({
              _tag: "RunRetried",
              v: 1,
              at,
              owner,
              ...rerun
            })
          )
      })
      if (!taken) return yield* new LeaseLost({ run: id, heldBy: "another process" })
    }),
    fork: Effect.fnUntraced(function* (id, { from, workflow: edited, ...runOptions } = {}) {
      const before = yield* state(id)
      const workflow = edited ?? before.workflow
      if (workflow === undefined) return yield* new RunNotFound({ run: id })
      const contracts = yield* executor.contracts
      const plan = custody.planOf(workflow, contracts)
      const ids = from === undefined ? [] : Rerun.behind(plan, from)
      if (ids === undefined)
        return yield* new TaskNotFound({ run: id, task: from ?? "", known: [...plan.index.keys()] })
      const declared = workflow.inputs ?? {}
      const kept = Object.entries(before.inputs).filter(([name]) => Object.hasOwn(declared, name))
      return yield* create(
        ulid(clock.currentTimeMillisUnsafe()),
        workflow,
        { folder: before.folder, ...runOptions, inputs: { ...Object.fromEntries(kept), ...runOptions.inputs } },
        {
          run: id,
          rerun: ids,
          reuse: (contracts) => before.workflow && new Reuse(custody.planOf(before.workflow, contracts), before, ids)
        }
      )
    }),
    remove: Effect.fnUntraced(function* (id) {
      const { status } = yield* state(id)
      if (!Run.isOver(status)) {
        if (custody.isDriving(id)) return yield* new LeaseLost({ run: id, heldBy: "this process" })
        const claimed = yield* leases.claim(id, owner, { ttl: Custody.ttl })
        if (claimed !== true) return yield* new LeaseLost({ run: id, heldBy: claimed.heldBy })
      }
      yield* store.remove(id)
    }),
    call: (method, params, { provider, timeout, ...runOptions } = {}) =>
      Effect.flatMap(executor.contracts, (contracts) =>
        run(single(method, params, contracts, provider, timeout), runOptions)
      ),
    interrupted: leases.idle(scope, many),
    contracts: executor.contracts,
    health: Effect.flatMap(providers.all, (all) =>
      Effect.forEach(
        all,
        // its protocol is read last: a plug-in may be loaded by being asked
        (provider) =>
          Effect.map(provider.health, (health) => ({ name: provider.name, protocol: provider.protocol, health })),
        { concurrency: "unbounded" }
      )
    )
  })
})

interface Forked {
  readonly run: string
  readonly rerun: ReadonlyArray<string>
  readonly reuse: (contracts: ReadonlyArray<Contract>) => Reuse | undefined
}

/** A workflow of one task. Its params are values, not templates. */
const single = (
  method: string,
  params: Schema.Json,
  contracts: ReadonlyArray<Contract>,
  provider?: string,
  timeout?: number
): Workflow => {
  const found = MethodName.find(contracts, method)
  return {
    name: method,
    tasks: [
      {
        id: "call",
        protocol: found?.protocol ?? `${method.split("/")[0]}/v1`,
        method: found?.method ?? method,
        params: isObject(params) ? literal(params) : {},
        ...(provider === undefined ? {} : { provider }),
        ...(timeout === undefined ? {} : { timeout })
      }
    ],
    outputs: { result: "${call}" }
  }
}

/** A method that nobody of the protocol has. */
const isLacking = ({ code, message }: Diagnostic, protocol: string): boolean =>
  code === "unknown-method" && message.includes(`${protocol} has no method "`)

const literal = <A extends Schema.Json>(json: A): A =>
  // Safe: only the texts in it change.
  JSON.parse(
    JSON.stringify(json, (_, value: unknown) =>
      typeof value === "string" ? value.replaceAll("${", () => "$${") : value
    )
  ) as A
