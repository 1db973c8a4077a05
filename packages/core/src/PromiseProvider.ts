/**
 * Providers for people who do not write Effect: handlers are functions that return a value or a promise of it. What they
 * are given and what they throw is made into what the engine speaks; nothing here decides anything.
 */
import { Cause, Effect, Exit, Fiber, type Schema, type Scope } from "effect"
import { ProviderRefused, TaskExecutionFailed } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Method } from "./Method.ts"
import type { Protocol } from "./Protocol.ts"
import type { Handlers, Omissible, Spec as EffectSpec } from "./Provider.ts"
import type { Capabilities, Health } from "./ProviderDefaults.ts"
import type { Chunk, Millis, Question, TaskPath, Usage } from "./Task.ts"
import { TaskContext } from "./TaskContext.ts"

/** A value, or a promise of it. */
export type Soon<A> = A | PromiseLike<A>

/** What a handler may know of the task it works for, and ask of the run while it works: `TaskContext` with promises. */
export interface Context {
  readonly run: string
  readonly task: TaskPath
  /** From 1. */
  readonly attempt: number
  /** The same on every attempt, resume and restart of this call; differs per item and iteration. */
  readonly idempotencyKey: string
  /** When the attempt is interrupted. Absent without a timeout. */
  readonly deadline?: Millis
  /** Aborted when the attempt is over before the handler: pass it to `fetch`, or end what was begun. */
  readonly signal: AbortSignal
  /** Tokens, progress, logs for whoever watches. Never fails, is not recorded. */
  readonly emit: (chunk: Chunk) => Promise<void>
  /** Adds to what this attempt has used. Counts also when the attempt fails. */
  readonly usage: (usage: Usage) => Promise<void>
  /** Calls a method of any provider, recorded under `key`: run again, the handler gets the recorded result. */
  readonly call: (key: string, method: string, params: Schema.Json) => Promise<Schema.Json>
  /**
   * Ends this attempt until the question is answered: then the handler runs again from its start, and this gives the
   * answer. To end the attempt it rejects, and `signal` is aborted: whatever the handler does after that counts for
   * nothing.
   */
  readonly suspend: (key: string, question: Question) => Promise<Schema.Json>
}

type Handler<M extends Method> = (params: M["params"]["Type"], context: Context) => Soon<M["result"]["Type"]>

/** One handler for each method of `M`. Leaving out one that is not optional is a type error. */
export type PromiseHandlers<M extends Record<string, Method>> = {
  readonly [K in Exclude<keyof M, Omissible<M>>]: Handler<M[K]>
} & { readonly [K in Omissible<M>]?: Handler<M[K]> }

/** What an author writes. */
export interface Spec<M extends Record<string, Method>> {
  readonly name: string
  /**
   * Throwing is failing. An error with an integer `code` and a boolean `retryable` says itself what is the case (see
   * `docs/errors.md`); any other is `TASK_EXECUTION_FAILED`, tried again only when its `retryable` is true, after at
   * least its `retryAfter` milliseconds.
   */
  readonly handlers: PromiseHandlers<M>
  /** Attempts at once in this process. Default `Infinity`. */
  readonly concurrency?: number
  /** Default: `caching` where there is an `identity`, nothing else. */
  readonly capabilities?: Partial<Capabilities>
  /** Default: always healthy. Throwing is unhealthy. */
  readonly health?: (signal: AbortSignal) => Soon<Health>
  /** Default: undefined, which means that nothing is cached. */
  readonly identity?: (method: keyof M & string, params: Schema.Json, signal: AbortSignal) => Soon<string | undefined>
  /** Default: `{}`; so is throwing. */
  readonly estimate?: (method: keyof M & string, params: Schema.Json, signal: AbortSignal) => Soon<Usage>
  /** Ends what was opened for it, when it goes off duty. */
  readonly close?: () => Soon<void>
}

/**
 * The same in Effect, for `Provider.layer`, `Provider.make` and `Plugin.provider`:
 * `Provider.layer(WeatherV1, Provider.fromPromise(WeatherV1, { name, handlers }))`. A function is called when the layer
 * is built, and may open what the handlers need.
 */
export const fromPromise = <M extends Record<string, Method>>(
  protocol: Protocol<M>,
  spec: Spec<NoInfer<M>> | ((signal: AbortSignal) => Soon<Spec<NoInfer<M>>>)
): Effect.Effect<EffectSpec<M>, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = typeof spec === "function" ? soon((signal) => spec(signal)) : Effect.succeed(spec)
    const given = yield* Effect.acquireRelease(opened, ({ close }) =>
      close === undefined ? Effect.void : Effect.ignore(soon(() => close()))
    )
    const { capabilities, concurrency, estimate, handlers, health, identity, name } = given
    const converted: Record<string, (params: unknown) => Effect.Effect<unknown, Failure, TaskContext>> = {}
    for (const [method, handler] of Object.entries<PlainHandler | undefined>(handlers)) {
      if (handler === undefined) continue
      if (typeof handler !== "function") {
        const reason = `its handler of "${method}" (${protocol.id}) is no function`
        return yield* new ProviderRefused({ provider: String(name), reason })
      }
      // Safe: `Provider.make` decodes the params by this method's schema before it calls.
      converted[method] = (params) => attempt((context) => handler(params as never, context))
    }
    return {
      name,
      // Safe: a handler of the same name for each that was given, of the params and results that M says.
      handlers: converted as unknown as Handlers<M>,
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(capabilities === undefined ? {} : { capabilities }),
      ...(health === undefined ? {} : { health: soon(health) }),
      ...(identity === undefined
        ? {}
        : {
            identity: (method: keyof M & string, params: Schema.Json) =>
              soon((signal) => identity(method, params, signal))
          }),
      ...(estimate === undefined
        ? {}
        : {
            estimate: (method: keyof M & string, params: Schema.Json) =>
              Effect.orElseSucceed(
                soon((signal) => estimate(method, params, signal)),
                () => ({})
              )
          })
    }
  })

// internal

type PlainHandler = (params: never, context: Context) => unknown

/** How long what was aborted may go on, as for any handler. Milliseconds. */
const grace = 5000

/** Interruption aborts the signal and waits until the function has ended, within limits. */
const soon = <A>(run: (signal: AbortSignal) => Soon<A>): Effect.Effect<A, Failure> =>
  Effect.callback((resume) => {
    const controller = new AbortController()
    const end = settled(() => run(controller.signal), resume)
    return Effect.suspend(() => {
      controller.abort()
      return Effect.asVoid(within(end))
    })
  })

const attempt = (run: (context: Context) => unknown): Effect.Effect<unknown, Failure, TaskContext> =>
  Effect.flatMap(TaskContext, (task) =>
    Effect.flatMap(Effect.context<never>(), (services) =>
      Effect.callback((resume) => {
        const surroundings = new Surroundings(task, Effect.runForkWith(services), () =>
          resume(Effect.suspend(() => Effect.andThen(surroundings.leave(end), Effect.interrupt)))
        )
        const end: Promise<void> = settled(
          () => run(surroundings.context),
          (exit) => resume(Effect.andThen(surroundings.end(), exit))
        )
        return surroundings.leave(end)
      })
    )
  )

/** Done when the function has ended, however, and whoever waits for it has been told. */
const settled = <A>(run: () => Soon<A>, tell: (exit: Exit.Exit<A, Failure>) => void): Promise<void> =>
  new Promise<A>((resolve) => resolve(run())).then(
    (value) => tell(Exit.succeed(value)),
    (error: unknown) => tell(Exit.fail(failureOf(error)))
  )

const within = (end: Promise<void>): Effect.Effect<unknown> =>
  Effect.timeoutOption(
    Effect.promise(() => end),
    grace
  )

/** What one attempt of a handler has to do with the run. */
class Surroundings {
  readonly context: Context
  readonly #controller = new AbortController()
  readonly #fork: Fork
  /** Called when the handler has asked what it gets no answer to in this attempt. */
  readonly #suspended: () => void
  readonly #telling = new Set<Fiber.Fiber<unknown, Failure>>()
  readonly #asking = new Set<Fiber.Fiber<unknown, Failure>>()
  /** What the handler does from here on counts for nothing. */
  #isOver = false

  constructor(task: TaskContext["Service"], fork: Fork, suspended: () => void) {
    this.#fork = fork
    this.#suspended = suspended
    const { attempt, deadline, idempotencyKey, run, task: path } = task
    this.context = {
      run,
      task: path,
      attempt,
      idempotencyKey,
      ...(deadline === undefined ? {} : { deadline }),
      signal: this.#controller.signal,
      emit: (chunk) => this.#tell(task.emit(chunk)),
      usage: (usage) => this.#tell(task.usage(usage)),
      call: (key, method, params) => this.#ask(task.call(key, method, params)),
      suspend: (key, question) => this.#ask(task.suspend(key, question))
    }
  }

  /** The handler has ended: what it has told is heard, what it has asked and not waited for is taken back. */
  end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isOver = true
      if (this.#telling.size === 0 && this.#asking.size === 0) return Effect.void
      return Effect.andThen(Fiber.awaitAll(this.#telling), Fiber.interruptAll(this.#asking))
    })
  }

  /** The attempt is over before the handler. */
  leave(end: Promise<void>): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        this.#controller.abort()
        return Effect.andThen(Fiber.interruptAll(this.#asking), Effect.andThen(within(end), this.end()))
      })
    )
  }

  // internal

  #tell(effect: Effect.Effect<void>): Promise<void> {
    return this.#isOver ? Promise.resolve() : this.#forked(effect, this.#telling)
  }

  #ask(effect: Effect.Effect<Schema.Json, Failure>): Promise<Schema.Json> {
    return this.#forked(this.#isOver || this.context.signal.aborted ? Effect.interrupt : effect, this.#asking)
  }

  #forked<A>(effect: Effect.Effect<A, Failure>, among: Set<Fiber.Fiber<unknown, Failure>>): Promise<A> {
    const promise = new Promise<A>((resolve, reject) => {
      const fiber = this.#fork(effect)
      among.add(fiber)
      fiber.addObserver((exit) => {
        among.delete(fiber)
        if (Exit.isSuccess(exit)) return resolve(exit.value)
        if (!Cause.hasInterrupts(exit.cause)) return reject(thrown(FailureData.fromCause(exit.cause)))
        if (!this.#isOver && !this.context.signal.aborted) this.#suspended()
        reject(over())
      })
    })
    // a handler that does not wait for it does not end the process
    promise.catch(() => {})
    return promise
  }
}

type Fork = <A>(effect: Effect.Effect<A, Failure>) => Fiber.Fiber<A, Failure>

const over = (): Error => Object.assign(new Error("the attempt is over"), { name: "AbortError" })

/** An error to throw that says the same. */
const thrown = ({ message, ...fields }: Failure): Error => Object.assign(new Error(message), fields)

const failureOf = (error: unknown): Failure => {
  const code = field(error, "code")
  const retryable = field(error, "retryable")
  if (Number.isInteger(code) && typeof retryable === "boolean" && typeof field(error, "message") === "string") {
    // Safe: what is taken over of it is looked at.
    return FailureData.fromCause(Cause.fail(error as Failure))
  }
  const name = field(error, "name")
  const retryAfter = field(error, "retryAfter")
  const data = {
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof code === "string" ? { code } : {})
  }
  const failure = new TaskExecutionFailed({ reason: wordsOf(error, 3), retryable: retryable === true, data })
  return {
    ...FailureData.of(failure),
    ...(typeof retryAfter === "number" && Number.isFinite(retryAfter) ? { retryAfter } : {})
  }
}

/** What it says, and what its causes say: never a stack. */
const wordsOf = (error: unknown, causes: number): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const said = ["message", "code", "name"].map((key) => field(error, key)).find((text) => isText(text))
  const cause = causes === 0 ? undefined : field(error, "cause")
  const own = isText(said) ? said : "an object without a message was thrown"
  if (cause === undefined || cause === null) return own
  const why = wordsOf(cause, causes - 1)
  return own.includes(why) ? own : `${own}: ${why}`
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

/** Fields may be an author's own code. */
const field = (error: unknown, key: string): unknown => {
  try {
    return typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined
  } catch {
    return undefined
  }
}
