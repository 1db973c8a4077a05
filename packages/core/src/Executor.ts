/** Carries out one attempt of a task: in this process, or through a queue on another machine. */
import { Cause, Clock, Context, Effect, Fiber, Layer, Option, Schema, Semaphore } from "effect"
import type { Contract } from "./Contract.ts"
import { InvalidResult, TaskSuspended, TaskTimeout } from "./Errors.ts"
import * as Json from "./Json.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Provider } from "./Provider.ts"
import { Providers } from "./Providers.ts"
import * as Redaction from "./Redaction.ts"
import * as Secret from "./SecretMarker.ts"
import { Secrets } from "./Secrets.ts"
import { type Chunk, Counts, Question, type TaskPath, type Total, Usage } from "./Task.ts"
import { TaskContext } from "./TaskContext.ts"
import { observer as observing } from "./Telemetry.ts"
import * as TelemetryCall from "./TelemetryCall.ts"

/** One attempt, as data: it travels. */
export interface Call {
  readonly run: string
  readonly task: TaskPath
  /** From 1. */
  readonly attempt: number
  readonly method: string
  readonly provider?: string
  readonly params: Schema.Json
  /**
   * Places in `params` that hold a marker instead of a secret: `{"$secret": "NAME"}`, or for text around secrets
   * `{"$secret": ["Bearer ", {"name": "NAME"}]}`. Markers anywhere else are data.
   */
  readonly secrets?: ReadonlyArray<ReadonlyArray<string | number>>
  /** 0 (urgent) to 3 (low). */
  readonly priority: number
  readonly idempotencyKey: string
  /** Milliseconds for the attempt, from when it begins. */
  readonly timeout?: number
}

/** What a handler asks of the driver while it runs; the executor carries it there and back. */
export interface Host {
  readonly emit: (chunk: Chunk) => Effect.Effect<void>
  readonly usage: (usage: Total) => Effect.Effect<void>
  /** `secrets`: as in a `Call`. */
  readonly call: (
    key: string,
    method: string,
    params: Schema.Json,
    secrets?: Call["secrets"]
  ) => Effect.Effect<Schema.Json, Failure>
  readonly answer: (key: string, question: Question) => Effect.Effect<Schema.Json | undefined, Failure>
  /** It waits for its provider to have room, or does so no more: until then it works on nothing. */
  readonly waits: (isWaiting: boolean) => void
  /** The value of an input marked `secret`: only the driver has it. */
  readonly secret: (input: string) => Effect.Effect<string, Failure>
}

export interface Reply {
  readonly result: Schema.Json
  /** Who gave it. */
  readonly provider: string
  /** Secret values that stood in the result were masked. */
  readonly masked?: boolean
}

export interface Survey {
  /** `undefined`: nobody knows. */
  readonly identity: string | undefined
  /** `{}`: nobody knows. */
  readonly estimate: Usage
}

export class Executor extends Context.Service<
  Executor,
  {
    /** Everything that can be called from here, on whatever machine it is carried out. */
    readonly contracts: Effect.Effect<ReadonlyArray<Contract>, Failure>
    /** One attempt. Interruption cancels it where it runs. The same run, task and attempt given twice is carried out once as far as the executor can see. */
    readonly execute: (call: Call, host: Host) => Effect.Effect<Reply, Failure>
    /** What is known of a call before it is made: what besides method and params decides its answer, and what it may use at most. */
    readonly survey: (call: Call) => Effect.Effect<Survey, Failure>
    /** These attempts are journaled, or (without a list) the run has ended: what is kept about them may go. */
    readonly forget: (
      run: string,
      settled?: ReadonlyArray<{ readonly task: TaskPath; readonly attempt: number }>
    ) => Effect.Effect<void>
  }
>()("@gleitzeit/core/Executor") {}

const nothing: ReadonlyArray<Contract> = []

/** How long a handler may go on after it was interrupted. Milliseconds. */
const grace = 5000

/** On the providers of this process. */
export const layerLocal: Layer.Layer<Executor, never, Providers | Secrets> = Layer.effect(
  Executor,
  Effect.gen(function* () {
    const providers = yield* Providers
    const secrets = yield* Secrets
    const clock = yield* Clock.Clock
    const observer = yield* observing
    const gates = new WeakMap<Provider, Gate>()

    const gate = (provider: Provider): Gate => {
      let found = gates.get(provider)
      if (found === undefined) {
        gates.set(
          provider,
          (found = {
            permits: Semaphore.makeUnsafe(provider.concurrency),
            limit: provider.concurrency,
            holders: new Set()
          })
        )
      }
      return found
    }

    const secret = (name: string, host: Host) =>
      name.startsWith("inputs.") ? host.secret(name.slice("inputs.".length)) : secrets.get(name)

    const attempt = (
      provider: Provider,
      call: Call,
      params: Schema.Json,
      host: Host,
      mask?: Redaction.Mask
    ): Effect.Effect<Reply, Failure> => {
      const begin = () => {
        const surroundings = new Surroundings(call, host, clock)
        const called = Effect.provideService(provider.call(call.method, params), TaskContext, surroundings)
        const timed = call.timeout === undefined ? called : withTimeout(called, call.task, call.timeout, surroundings)
        const replied = Effect.matchCauseEffect(timed, {
          onFailure: (cause) => {
            const { ended } = surroundings
            return ended === undefined || !Cause.hasInterrupts(cause) ? Effect.failCause(cause) : Effect.fail(ended)
          },
          onSuccess: (result): Effect.Effect<Reply, Failure> =>
            // a handler that goes on although it asked has no answer
            surroundings.ended !== undefined
              ? Effect.fail(surroundings.ended)
              : provider.isChecked === true || isResult(result)
                ? Effect.succeed({ result, provider: provider.name })
                : Effect.fail(new InvalidResult({ method: call.method, issue: "it is no JSON, or nested too deeply" }))
        })
        return observer === undefined ? replied : TelemetryCall.around(observer, call, provider.name, mask, replied)
      }
      // it begins, and its time runs, once the provider has room for it
      return provider.concurrency === Infinity ? begin() : through(gate(provider), call, host, Effect.suspend(begin))
    }

    const withSecrets = Effect.fnUntraced(function* (
      provider: Provider,
      call: Call,
      places: NonNullable<Call["secrets"]>,
      host: Host
    ) {
      const values = new Map<string, string>()
      for (const name of places.flatMap((place) => Secret.names(call.params, place))) {
        values.set(name, yield* secret(name, host))
      }
      const params = Secret.fill(call.params, places, values)
      const mask = Redaction.mask(values.values())
      const reply = yield* Effect.catchCauseIf(
        attempt(
          provider,
          call,
          params,
          {
            ...host,
            emit: (chunk) => host.emit(Redaction.chunk(mask, chunk)),
            answer: (key, question) => host.answer(String(mask(key)), Redaction.question(mask, question)),
            // what the handler passes on of its secrets is recorded as little as what it gives back
            call: (key, method, made) => {
              const { params, places } = Secret.conceal(made, values)
              const shown = String(mask(key))
              return places.length === 0 ? host.call(shown, method, made) : host.call(shown, method, params, places)
            }
          },
          mask
        ),
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.fail(Redaction.failure(mask, FailureData.fromCause(cause)))
      )
      const result = mask(reply.result)
      return result === reply.result ? reply : { ...reply, result, masked: true }
    })

    // the same list while nobody's contracts have changed: plans are kept by it
    let known: { readonly of: ReadonlyArray<unknown>; readonly list: ReadonlyArray<Contract> } = { of: [], list: [] }
    /** Whose contracts these are: another list once somebody comes, goes or announces other ones. */
    let onDuty: ReadonlyArray<Provider> | undefined

    return Executor.of({
      contracts: Effect.flatMap(providers.all, (all) => {
        if (all === onDuty) return Effect.succeed(known.list)
        let isWhole = true
        return Effect.map(
          // who cannot say what it can do is found out by whoever calls it; the others go on serving
          Effect.forEach(
            all,
            (provider) => Effect.catch(provider.contracts, () => Effect.sync(() => ((isWhole = false), nothing))),
            { concurrency: "unbounded" }
          ),
          (of) => {
            // it may be able to the next time
            if (isWhole) onDuty = all
            if (of.length !== known.of.length || of.some((one, i) => one !== known.of[i]))
              known = { of, list: of.flat() }
            return known.list
          }
        )
      }),
      execute: (call, host) =>
        Effect.flatMap(providers.choose(call.method, call.params, call.provider), (provider) =>
          call.secrets === undefined
            ? attempt(provider, call, call.params, host)
            : withSecrets(provider, call, call.secrets, host)
        ),
      survey: ({ method, params, provider }) =>
        Effect.flatMap(providers.choose(method, params, provider), (chosen) =>
          Effect.zipWith(chosen.identity(method, params), chosen.estimate(method, params), (identity, estimate) => ({
            identity: identity === undefined ? undefined : `${chosen.protocol} ${chosen.name} ${identity}`,
            estimate
          }))
        ),
      forget: () => Effect.void
    })
  })
)

// internal

/** Of calls that a handler makes: their task waits, and so does the handler's. */
const ends = ({ code }: Failure): boolean => code === -29017 || code === -29018

/** Of a provider that takes a limited number of attempts at once. */
interface Gate {
  readonly permits: Semaphore.Semaphore
  readonly limit: number
  /** Attempts that hold one: `RUN PATH`. */
  readonly holders: Set<string>
}

/** A call that a handler makes of its own provider runs under the permit that the handler holds: else it could wait for itself. */
const through = <A>(
  { holders, limit, permits }: Gate,
  { run, task }: Call,
  host: Host,
  effect: Effect.Effect<A, Failure>
): Effect.Effect<A, Failure> => {
  for (let end = task.lastIndexOf("/"); end > 0; end = task.lastIndexOf("/", end - 1)) {
    if (holders.has(`${run} ${task.slice(0, end)}`)) return effect
  }
  const holder = `${run} ${task}`
  return Effect.suspend(() => {
    if (holders.size >= limit) host.waits(true)
    return permits.withPermit(
      Effect.suspend(() => {
        host.waits(false)
        holders.add(holder)
        return Effect.ensuring(
          effect,
          Effect.sync(() => holders.delete(holder))
        )
      })
    )
  })
}

const isJson = Schema.is(Schema.Json)

const isResult = (result: unknown): boolean => isJson(result) && !Json.isDeep(result)

const counts = Object.keys(Usage.fields)

/** Without what an author of plain JavaScript has not counted: the journal holds numbers alone. */
const countable = (usage: Total): Total => {
  const told = Object.entries(usage).filter(([key, value]) => counts.includes(key) && Number.isFinite(value))
  const { at_least: said = [] } = usage
  const unsure = Counts.literals.filter((count) => Json.isArray(said) && said.includes(count))
  return { ...Object.fromEntries(told), ...(unsure.length === 0 ? {} : { at_least: unsure }) }
}

const decodeQuestion = Schema.decodeUnknownOption(Question)

/** What is asked goes to the journal: it is what a question is, or it is not asked. */
const ask = (host: Host, key: string, question: Question): ReturnType<Host["answer"]> => {
  const decoded = decodeQuestion(question)
  const isFine =
    Option.isSome(decoded) && !Json.isDeep(decoded.value.schema ?? null) && !Json.isDeep(decoded.value.data ?? null)
  return isFine
    ? host.answer(key, decoded.value)
    : Effect.fail(
        FailureData.of(
          new InvalidResult({
            method: "suspend",
            issue: "the question cannot be recorded: it needs a `kind`, and JSON in the rest"
          })
        )
      )
}

/** What a handler sees of its attempt. A class: it is made for every task. */
class Surroundings {
  readonly run: string
  readonly task: TaskPath
  readonly attempt: number
  readonly idempotencyKey: string
  declare readonly deadline?: number
  /** Why the attempt is over: not for the handler to catch. */
  ended: Failure | undefined
  readonly #host: Host
  /** The handler goes on although nobody waits for it. */
  #left = false

  constructor({ attempt, idempotencyKey, run, task, timeout }: Call, host: Host, clock: Clock.Clock) {
    this.run = run
    this.task = task
    this.attempt = attempt
    this.idempotencyKey = idempotencyKey
    if (timeout !== undefined) this.deadline = clock.currentTimeMillisUnsafe() + timeout
    this.#host = host
  }

  readonly emit: TaskContext["Service"]["emit"] = (chunk) => (this.#left ? Effect.void : this.#host.emit(chunk))

  readonly usage: TaskContext["Service"]["usage"] = (usage) =>
    this.#left ? Effect.void : this.#host.usage(countable(usage))

  readonly call: TaskContext["Service"]["call"] = (key, method, params) =>
    this.#left
      ? Effect.interrupt
      : Effect.catch(this.#host.call(key, method, params), (failure) =>
          ends(failure) ? this.#end(failure) : Effect.fail(failure)
        )

  readonly suspend: TaskContext["Service"]["suspend"] = (key, question) =>
    this.#left
      ? Effect.interrupt
      : Effect.flatMap(ask(this.#host, key, question), (answer) =>
          answer === undefined
            ? this.#end(FailureData.of(new TaskSuspended({ request: key === "" ? this.task : key })))
            : Effect.succeed(answer)
        )

  leave(): void {
    this.#left = true
  }

  // internal

  #end(failure: Failure): Effect.Effect<never> {
    this.ended ??= failure
    return Effect.interrupt
  }
}

/** A handler that ignores its interruption is left behind after a while, its outcome discarded. */
const withTimeout = <A>(
  effect: Effect.Effect<A, Failure>,
  task: TaskPath,
  milliseconds: number,
  surroundings: Surroundings
): Effect.Effect<A, Failure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(restore(effect)), (fiber) => {
      const stop = Effect.andThen(
        Effect.timeoutOption(Fiber.interrupt(fiber), grace),
        Effect.sync(() => surroundings.leave())
      )
      return restore(Effect.timeoutOption(Fiber.await(fiber), milliseconds)).pipe(
        Effect.onInterrupt(() => stop),
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.andThen(stop, Effect.fail(new TaskTimeout({ task, milliseconds }))),
            onSome: (exit) => exit
          })
        )
      )
    })
  )
