/** What the facts of a provider share: a workshop where it is on duty, calls that succeed, and what a call tells. */
import { assert } from "@effect/vitest"
import {
  type Contract,
  Errors,
  Executor,
  type Failure,
  JsonSchemaCheck,
  type Provider,
  Providers,
  Secrets,
  type Task,
  TaskContext
} from "@gleitzeit/core"
import * as JsonSchemaSample from "@gleitzeit/core/JsonSchemaSample"
import { Context, Effect, Exit, Fiber, Layer, Option, type Schema, Scope } from "effect"
import { failureOf } from "./ExecutorSample.ts"
import { fresh } from "./StoreSample.ts"

export interface Options {
  /**
   * By method: params of a call that succeeds, in place of its examples; or, in words, why it is not called at all. A
   * method without examples needs one of them.
   */
  readonly methods?: { readonly [method: string]: { readonly params?: Schema.Json; readonly skip?: string } }
  /** Without one nobody looks whether an interruption reaches the handler. */
  readonly slow?: Slow
  /** Calls that fail when they are made: what they fail with is looked at. */
  readonly failing?: ReadonlyArray<{ readonly method: string; readonly params: Schema.Json }>
  /** What a handler gets that calls a method of another provider. Default: nobody has the method. */
  readonly call?: TaskContext.TaskContext["Service"]["call"]
  /** What a handler gets that asks and waits. Default: a small value that the question's schema allows. */
  readonly answer?: (question: Task.Question) => Schema.Json
  /** Milliseconds. */
  readonly limits?: {
    /** For a call that is to succeed or to fail, and for a layer to close. Default 10,000. */
    readonly call?: number
    /** From an interruption to the end of the call. Default 3,000: a handler that goes on for longer is left behind. */
    readonly interruption?: number
    /** To say how it is. Default 5,000: who takes longer is taken for unhealthy. */
    readonly health?: number
  }
}

/** A call that takes seconds unless it is interrupted. */
export interface Slow {
  readonly method: string
  readonly params: Schema.Json
  /** Milliseconds after which it is interrupted. Default 300. */
  readonly after?: number
  /** Whether nothing of it is left (no process, no connection) once it has ended. Default: nobody looks. */
  readonly isGone?: Effect.Effect<boolean>
}

/** What a file of facts is given. */
export interface Suite {
  readonly fact: <E>(name: string, body: Effect.Effect<void, E, Scope.Scope>, skipped?: string) => void
  readonly open: Effect.Effect<Workshop, unknown, Scope.Scope>
  readonly options: Options
}

export interface Workshop {
  /** Those that the layer puts on duty; one at least. */
  readonly providers: ReadonlyArray<Provider.Provider>
  readonly executor: Executor.Executor["Service"]
  /** What is to succeed, one or more for each method that is not skipped. */
  readonly samples: Effect.Effect<ReadonlyArray<Sample>>
  readonly attempt: (provider: Provider.Provider, method: string, params: Schema.Json) => Effect.Effect<Attempt>
  /** Closes the layer; who is on duty after that. */
  readonly close: Effect.Effect<ReadonlyArray<Provider.Provider>>
  /** The same layer, built once more in the same house. */
  readonly again: Effect.Effect<Workshop, unknown>
}

export interface Sample {
  readonly provider: Provider.Provider
  readonly contract: Contract.Contract
  readonly params: Schema.Json
  /** `NAME x/y {...}`: what it is about, for messages. */
  readonly about: string
}

/** What came of a call, as far as it can be seen from outside. */
export interface Attempt {
  /** `undefined`: it has not ended in time. */
  readonly exit: Exit.Exit<Schema.Json, Failure.Failure> | undefined
  readonly chunks: ReadonlyArray<Task.Chunk>
  readonly usage: ReadonlyArray<Task.Usage>
  /** The handler looked at what it works for, or said something. */
  readonly isBegun: boolean
}

export const limitOf = ({ limits = {} }: Options, what: keyof NonNullable<Options["limits"]>): number =>
  limits[what] ?? { call: 10_000, interruption: 3_000, health: 5_000 }[what]

export const workshop = <E>(
  layer: Layer.Layer<never, E, Providers.Providers>,
  options: Options
): Effect.Effect<Workshop, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const house = Layer.provideMerge(Executor.layerLocal, Layer.fresh(Providers.layer))
    const services = yield* Layer.build(Layer.provide(house, Secrets.layerRecord({})))
    const providers = Context.get(services, Providers.Providers)
    const parent = yield* Effect.scope
    const open: Effect.Effect<Workshop, unknown> = Effect.gen(function* () {
      const scope = yield* Scope.fork(parent)
      yield* Layer.buildWithScope(Layer.fresh(layer), scope).pipe(Effect.provide(services))
      const onDuty = yield* providers.all
      assert.isAbove(onDuty.length, 0, "the layer puts a provider on duty")
      return {
        providers: onDuty,
        executor: Context.get(services, Executor.Executor),
        samples: Effect.map(
          Effect.forEach(onDuty, (provider) => Effect.map(contractsOf(provider), samplesOf(provider, options))),
          (all) => all.flat()
        ),
        attempt: (provider, method, params) => attempt(provider, method, params, options),
        close: Effect.andThen(Scope.close(scope, Exit.void), providers.all),
        again: open
      }
    })
    return yield* open
  })

/** What a handler gets that calls a method of another provider. */
export const calling = ({
  call = (_key, method) => Effect.fail(new Errors.MethodNotFound({ method, known: [] }))
}: Options): TaskContext.TaskContext["Service"]["call"] => call

/** What a handler gets that asks and waits; nobody but time answers a timer. */
export const answering = (
  request: string,
  question: Task.Question,
  { answer = answerTo }: Options
): Effect.Effect<Schema.Json, Failure.Failure> =>
  question.kind === "timer" ? Effect.fail(new Errors.QuestionExpired({ request })) : Effect.sync(() => answer(question))

/** What an effect gives that is to succeed; `about` says which. */
export const given = <A>(about: string, effect: Effect.Effect<A, Failure.Failure>): Effect.Effect<A> =>
  Effect.catchCause(
    Effect.suspend(() => effect),
    (cause) => Effect.sync(() => assert.fail(`${about} is to be given, but ${ending({ exit: Exit.failCause(cause) })}`))
  )

export const contractsOf = (provider: Provider.Provider): Effect.Effect<ReadonlyArray<Contract.Contract>> =>
  given(`what ${provider.name} can do`, provider.contracts)

/** How it ended, in words, for a message. */
export const ending = ({ exit }: { readonly exit: Exit.Exit<unknown, Failure.Failure> | undefined }): string => {
  if (exit === undefined) return "it has not ended in time"
  if (Exit.isSuccess(exit)) return `it gave ${short(exit.value)}`
  const { code, message, name } = failureOf(exit.cause)
  return `it failed with ${code} ${name}: ${message}`
}

/** The failure it ended with; a defect is one too. */
export const failureIn = ({ exit }: Pick<Attempt, "exit">): Failure.Failure | undefined =>
  exit === undefined || Exit.isSuccess(exit) ? undefined : failureOf(exit.cause)

export const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}

/** What is wrong with a value, on one line; undefined when nothing is. */
export const issueOf = (schema: Contract.Contract["params"], value: Schema.Json): string | undefined => {
  const issues = JsonSchemaCheck.check(schema, value)
  return issues.length === 0
    ? undefined
    : issues.map(({ message, path }) => (path.length === 0 ? message : `"${path.join(".")}" ${message}`)).join("; ")
}

// internal

const answerTo = ({ schema }: Task.Question): Schema.Json =>
  // Safe: a JSON Schema is JSON.
  schema === undefined ? null : JsonSchemaSample.sample(schema as Schema.Json, { words: ["yes"], seed: 1 })

const samplesOf =
  (provider: Provider.Provider, { methods = {} }: Options) =>
  (contracts: ReadonlyArray<Contract.Contract>): ReadonlyArray<Sample> =>
    contracts.flatMap((contract) => {
      const { params, skip } = methods[contract.method] ?? {}
      if (skip !== undefined) return []
      const found = params === undefined ? (contract.examples ?? []).map((example) => example.params) : [params]
      const about = `${provider.name} ${contract.method}`
      assert.isAbove(
        found.length,
        0,
        `${about} has an example, or \`params\` or a reason to \`skip\` it in \`methods\``
      )
      // a copy: a provider that changes what it is given is to change nothing else
      return found.map((params) => ({
        provider,
        contract,
        params: JSON.parse(JSON.stringify(params)),
        about: `${about} ${short(params)}`
      }))
    })

const attempt = (
  provider: Provider.Provider,
  method: string,
  params: Schema.Json,
  options: Options
): Effect.Effect<Attempt> =>
  Effect.gen(function* () {
    const { context, told } = listener(options)
    const call = Effect.provideService(
      Effect.suspend(() => provider.call(method, params)),
      TaskContext.TaskContext,
      context
    )
    const fiber = yield* Effect.forkDetach(call, { startImmediately: true })
    const exit = yield* Effect.onInterrupt(Effect.timeoutOption(Fiber.await(fiber), limitOf(options, "call")), () =>
      Fiber.interrupt(fiber)
    )
    // not waited for: it may be deaf
    if (Option.isNone(exit)) fiber.interruptUnsafe()
    return { exit: Option.getOrUndefined(exit), ...told }
  })

interface Told {
  readonly chunks: Array<Task.Chunk>
  readonly usage: Array<Task.Usage>
  isBegun: boolean
}

/** A task context that writes down what it is told, and that it was looked at. */
const listener = (options: Options): { readonly context: TaskContext.TaskContext["Service"]; readonly told: Told } => {
  const told: Told = { chunks: [], usage: [], isBegun: false }
  const run = fresh()
  const begun = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      told.isBegun = true
      return effect
    })
  const context: TaskContext.TaskContext["Service"] = {
    run,
    task: "task",
    attempt: 1,
    idempotencyKey: `${run}/task`,
    emit: (chunk) => begun(Effect.sync(() => void told.chunks.push(chunk))),
    usage: (usage) => begun(Effect.sync(() => void told.usage.push(usage))),
    call: (...args) => begun(calling(options)(...args)),
    suspend: (key, question) => begun(answering(key, question, options))
  }
  let isCopied = false
  return {
    told,
    context: new Proxy(context, {
      get: (target, key) => {
        told.isBegun ||= !isCopied
        return Reflect.get(target, key)
      },
      // who wraps a context reads all of it: that is no handler
      ownKeys: (target) => {
        isCopied = true
        return Reflect.ownKeys(target)
      }
    })
  }
}
