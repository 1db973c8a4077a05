/** The service apps use: check a workflow, run it, look at runs, steer them. */
import {
  Clock,
  Config,
  Context,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  type Schema,
  Scope,
  Semaphore,
  Stream
} from "effect"
import * as Check from "./Check.ts"
import type { Contract } from "./Contract.ts"
import type { Diagnostic } from "./Diagnostic.ts"
import { Driver, layer as layerDriver } from "./Driver.ts"
import { InvalidInputs, InvalidWorkflow, LeaseLost, RunFinished, type StoreError } from "./Errors.ts"
import type { Event } from "./Event.ts"
import { Executor } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import type { Files } from "./Files.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import { Journal, type JournalError, layer as layerJournal, write, Writer } from "./Journal.ts"
import { Leases } from "./Leases.ts"
import { isObject } from "./Json.ts"
import { Feed } from "./Live.ts"
import * as Plan from "./Plan.ts"
import type { Health } from "./Provider.ts"
import { Providers } from "./Providers.ts"
import * as Run from "./Run.ts"
import { type Page, type RunQuery, type RunSummary, Store } from "./Store.ts"
import { ulid } from "./Ulid.ts"
import { version } from "./Version.ts"
import * as Watch from "./Watch.ts"
import type { Workflow } from "./Workflow.ts"
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
}

export interface RunOptions {
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** Where paths in the workflow are relative to. Default: none, and `file` params must be absolute. */
  readonly folder?: string
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
    /** `submit`, then `wait`. Interrupted, it stops driving and leaves the run to be resumed. */
    readonly run: (workflow: Workflow, options?: RunOptions) => Effect.Effect<Run.Report, RunError>
    /** Creates a run and drives it for as long as the layer lives. Returns its id once it is durable. */
    readonly submit: (workflow: Workflow, options?: RunOptions) => Effect.Effect<string, RunError>
    /** Goes on with a run whose process died, at once, whoever holds its lease. A finished one is left as it is. */
    readonly resume: (
      run: string,
      options?: { readonly inputs?: RunOptions["inputs"] }
    ) => Effect.Effect<void, RunError>
    /** The report once the run is at rest. Fails when this process was driving it and could not go on. */
    readonly wait: (run: string) => Effect.Effect<Run.Report, ReadError | JournalError>
    /** As far as it is recorded. */
    readonly get: (run: string) => Effect.Effect<Run.Report, ReadError>
    /** Recorded events after a sequence (default 0), oldest first; ends with the last there is. */
    readonly events: (run: string, after?: number) => Stream.Stream<Watch.Recorded, ReadError>
    /** From the run's beginning to its end, whichever process drives it. Live parts only from this process. */
    readonly watch: (run: string) => Stream.Stream<Live, ReadError>
    readonly list: (query: RunQuery) => Effect.Effect<Page<RunSummary>, StoreError>
    /** Asks the run's driver to stop; when nobody drives it, it is ended here. */
    readonly cancel: (run: string, by?: string) => Effect.Effect<void, RunError | RunFinished>
    /** The run and all that is kept of it. Refused while it is under way. */
    readonly remove: (run: string) => Effect.Effect<void, ReadError | LeaseLost>
    /** One task without a file, as a run of its own. */
    readonly call: (
      method: string,
      params: Schema.Json,
      options?: RunOptions & { readonly provider?: string; readonly timeout?: number }
    ) => Effect.Effect<Run.Report, RunError>
    readonly contracts: Effect.Effect<ReadonlyArray<Contract>, Failure>
    /** Of each provider on duty, by name. */
    readonly health: Effect.Effect<
      ReadonlyArray<{ readonly name: string; readonly protocol: string; readonly health: Health }>
    >
  }
>()("@gleitzeit/core/Gleitzeit") {}

/** How long a silent process keeps its runs. Milliseconds. */
const ttl = 15_000
/** How often a former driver may be faster when its run is taken over. */
const patience = 1000

export const layer = (
  options: Options = {}
): Layer.Layer<Gleitzeit, never, Store | Leases | Executor | Providers | Files> =>
  Layer.suspend(() => {
    const feed = new Feed()
    return Layer.effect(Gleitzeit, make(options, feed)).pipe(
      Layer.provide(layerDriver({ slots: options.slots ?? 256, feed })),
      Layer.provide(layerJournal)
    )
  })

// internal

const make = Effect.fnUntraced(function* (options: Options, feed: Feed) {
  const store = yield* Store
  const leases = yield* Leases
  const executor = yield* Executor
  const providers = yield* Providers
  const journal = yield* Journal
  const driver = yield* Driver
  const clock = yield* Clock.Clock
  const scope = yield* Scope.Scope
  const owner = options.owner ?? ulid(clock.currentTimeMillisUnsafe())
  /** Runs that are driven here, and those that could not go on, until somebody takes them over. */
  const driven = new Map<string, Fiber.Fiber<Run.RunStatus, JournalError>>()
  /** One run at a time is taken over. */
  const gate = Semaphore.makeUnsafe(1)
  const proved = new WeakSet<Workflow>()
  const plans = new WeakMap<Workflow, { readonly contracts: ReadonlyArray<Contract>; readonly plan: Plan.Plan }>()

  let beating = false
  /** One row says that all runs of this process are alive; a process that only reads never writes it. */
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

  /** Drives the run no more, and leaves it to be resumed. */
  const letGo = (run: string): Effect.Effect<void> => {
    const fiber = driven.get(run)
    driven.delete(run)
    return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
  }

  const release = (run: string) => Effect.ignore(leases.release([run], owner))

  const planOf = (workflow: Workflow, contracts: ReadonlyArray<Contract>): Plan.Plan => {
    const known = plans.get(workflow)
    if (known?.contracts === contracts) return known.plan
    const plan = Plan.make(workflow, new Map(contracts.map((contract) => [contract.method, contract])))
    plans.set(workflow, { contracts, plan })
    return plan
  }

  const prove = (workflow: Workflow, contracts: ReadonlyArray<Contract>) =>
    Effect.suspend(() => {
      if (proved.has(workflow)) return Effect.void
      const diagnostics = Check.check({ workflow, diagnostics: [], locate: () => ({ line: 1, column: 1 }) }, contracts)
      if (diagnostics.some(({ severity }) => severity === "error"))
        return Effect.fail(new InvalidWorkflow({ diagnostics }))
      proved.add(workflow)
      return Effect.void
    })

  const drive = (job: Parameters<Driver["Service"]["drive"]>[0]) =>
    Effect.gen(function* () {
      const { run } = job.writer
      // whoever stops before the end leaves the run to anybody
      const fiber = yield* Effect.forkIn(
        Effect.onError(driver.drive(job), () => release(run)),
        scope
      )
      driven.set(run, fiber)
      // a run that has ended is found in the store
      fiber.addObserver((exit) => Exit.isSuccess(exit) && driven.get(run) === fiber && driven.delete(run))
    })

  const submit = Effect.fn("Gleitzeit.submit")(function* (
    workflow: Workflow,
    { folder = "", inputs = {} }: RunOptions = {}
  ) {
    const contracts = yield* executor.contracts
    yield* prove(workflow, contracts)
    const { plain, secret } = yield* readInputs(workflow, inputs)
    const env = yield* readEnv(workflow.env ?? [])
    yield* alive
    const at = clock.currentTimeMillisUnsafe()
    const run = ulid(at)
    const writer = new Writer(run, owner, 0, at)
    const event: Event = {
      _tag: "RunCreated",
      v: 1,
      at,
      workflow,
      inputs: plain,
      env,
      folder,
      engine: options.engine ?? version
    }
    const from = Run.fold(Run.empty(run), event)
    yield* write(journal, writer, [event], { summary: Run.summary(from), scope: options.scope ?? "" })
    yield* drive({ plan: planOf(workflow, contracts), writer, from, secretInputs: secret })
    return run
  })

  /** One that could not go on stays known, so that whoever waits learns why; it may be taken over again. */
  const isDriving = (run: string) => driven.get(run)?.pollUnsafe() === undefined && driven.has(run)

  /**
   * Takes the run over: claim, read, `RunResumed`; what a former driver writes meanwhile is read, and `RunResumed` tried
   * again. False: another process drives it. Without `inputs` no secret one is asked for.
   */
  const takeOver = Effect.fnUntraced(function* (
    run: string,
    inputs: RunOptions["inputs"],
    force: boolean
  ): Effect.fn.Return<boolean, RunError> {
    if (isDriving(run)) return true
    const from = yield* Watch.state(store, run)
    const { workflow } = from
    if (workflow === undefined || Run.isOver(from.status)) return true
    const secretInputs = inputs === undefined ? new Map<string, string>() : yield* readSecretInputs(workflow, inputs)
    const plan = planOf(workflow, yield* executor.contracts)
    yield* alive
    const enter = Effect.gen(function* () {
      yield* Watch.state(store, run, from)
      if (Run.isOver(from.status)) return true
      // whoever claims the run after this reads what is written below
      if ((yield* leases.claim(run, owner, { ttl })) !== true) return false
      const writer = new Writer(run, owner, from.sequence, from.updated_at)
      writer.onPost = (event) => Run.fold(from, event)
      const event: Event = { _tag: "RunResumed", v: 1, at: writer.now(clock), owner }
      yield* write(journal, writer, [event], { summary: Run.summary(from) })
      yield* drive({ plan, writer, from: Run.fold(from, event), secretInputs })
      return true
    })
    if ((yield* leases.claim(run, owner, { ttl, force })) !== true) return false
    return yield* enter.pipe(
      Effect.retry({ while: ({ _tag }) => _tag === "LeaseLost", times: patience }),
      Effect.onError(() => release(run))
    )
  }, gate.withPermit)

  const get = (run: string) => Effect.map(Watch.state(store, run), Run.report)

  const wait = Effect.fnUntraced(function* (run: string) {
    const fiber = driven.get(run)
    if (fiber !== undefined) {
      const exit = yield* Fiber.await(fiber)
      if (Exit.isSuccess(exit)) return yield* get(run)
      // a run that was let go of is followed in the store
      if (driven.get(run) === fiber) return yield* Effect.failCause(exit.cause)
    }
    const state = Run.empty(run)
    yield* store.changes(run).pipe(
      Stream.mapEffect(() => Watch.state(store, run, state)),
      Stream.takeUntil(({ status }) => Run.isOver(status)),
      Stream.runDrain
    )
    return Run.report(state)
  })

  const run = (workflow: Workflow, runOptions?: RunOptions) =>
    Effect.flatMap(submit(workflow, runOptions), (id) => Effect.onInterrupt(wait(id), () => letGo(id)))

  return Gleitzeit.of({
    check: (source) =>
      Effect.map(executor.contracts, (contracts) => {
        const parsed = WorkflowFile.parse(source)
        const workflow = parsed.workflow && Check.adopt(parsed.workflow, contracts)
        const diagnostics = Check.check({ ...parsed, workflow }, contracts)
        const wrong = diagnostics.some(({ severity }) => severity === "error")
        if (workflow !== undefined && !wrong) proved.add(workflow)
        return { workflow: wrong ? undefined : workflow, diagnostics, locate: parsed.locate }
      }),
    run,
    submit,
    resume: (id, { inputs = {} } = {}) => Effect.asVoid(takeOver(id, inputs, true)),
    wait,
    get,
    events: (id, after) => Watch.events(store, id, after),
    watch: (id) => Watch.watch(store, feed, id),
    list: (query) => store.list(query),
    cancel: Effect.fnUntraced(function* (id, by) {
      const { status, updated_at } = yield* Watch.state(store, id)
      if (Run.isOver(status)) return yield* new RunFinished({ run: id, status })
      const at = Math.max(updated_at, clock.currentTimeMillisUnsafe())
      const event: Event = { _tag: "CancelRequested", v: 1, at, ...(by === undefined ? {} : { by }) }
      yield* store.post(id, { at, kind: event._tag, json: JSON.stringify(event) })
      // a driver sees the post; without one the run is ended here
      if (yield* takeOver(id, undefined, false)) yield* wait(id)
    }),
    remove: Effect.fnUntraced(function* (id) {
      const { status } = yield* Watch.state(store, id)
      if (!Run.isOver(status)) {
        if (isDriving(id)) return yield* new LeaseLost({ run: id, heldBy: "this process" })
        const claimed = yield* leases.claim(id, owner, { ttl })
        if (claimed !== true) return yield* new LeaseLost({ run: id, heldBy: claimed.heldBy })
      }
      yield* store.remove(id)
    }),
    call: (method, params, { provider, timeout, ...runOptions } = {}) =>
      run(single(method, params, provider, timeout), runOptions),
    contracts: executor.contracts,
    health: Effect.flatMap(providers.all, (all) =>
      Effect.forEach(
        all,
        ({ health, name, protocol }) => Effect.map(health, (health) => ({ name, protocol, health })),
        { concurrency: "unbounded" }
      )
    )
  })
})

/** A workflow of one task. Its params are values, not templates. */
const single = (method: string, params: Schema.Json, provider?: string, timeout?: number): Workflow => ({
  name: method,
  tasks: [
    {
      id: "call",
      protocol: `${method.split("/")[0]}/v1`,
      method,
      params: isObject(params) ? literal(params) : {},
      ...(provider === undefined ? {} : { provider }),
      ...(timeout === undefined ? {} : { timeout })
    }
  ],
  outputs: { result: "${call}" }
})

const literal = <A extends Schema.Json>(json: A): A =>
  // Safe: only the texts in it change.
  JSON.parse(
    JSON.stringify(json, (_, value: unknown) =>
      typeof value === "string" ? value.replaceAll("${", () => "$${") : value
    )
  ) as A

const readInputs = (workflow: Workflow, given: NonNullable<RunOptions["inputs"]>) =>
  Effect.suspend(() => {
    const declared = workflow.inputs ?? {}
    const issues: Array<string> = []
    const plain: Record<string, Schema.Json> = {}
    const secret = new Map<string, string>()
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(declared, name)) {
        issues.push(`there is no input "${name}" (declared: ${Object.keys(declared).join(", ") || "none"})`)
      }
    }
    for (const [name, input] of Object.entries(declared)) {
      const value = Object.hasOwn(given, name) ? given[name] : input.default
      if (value === undefined) {
        if (input.required) issues.push(`"${name}" is required`)
        continue
      }
      for (const { message, path } of JsonSchemaCheck.check(input.schema, value, { quote: input.secret !== true })) {
        issues.push(`"${[name, ...path].join(".")}" ${message}`)
      }
      if (input.secret !== true) plain[name] = value
      else if (typeof value === "string") secret.set(name, value)
      else issues.push(`"${name}" is secret and must be text`)
    }
    return issues.length > 0
      ? Effect.fail(new InvalidInputs({ workflow: workflow.name, issues }))
      : Effect.succeed({ plain, secret })
  })

/** What a journal does not hold must be given again. */
const readSecretInputs = (workflow: Workflow, given: NonNullable<RunOptions["inputs"]>) => {
  const inputs = Object.fromEntries(Object.entries(workflow.inputs ?? {}).filter(([, { secret }]) => secret === true))
  return Effect.map(readInputs({ ...workflow, inputs }, given), ({ secret }) => secret)
}

const readEnv = (names: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(names, (name) =>
      Effect.map(
        Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>()),
        (value) => [name, Option.getOrUndefined(value)] as const
      )
    ),
    (values): Record<string, string> =>
      Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  )
