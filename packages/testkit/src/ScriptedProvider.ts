/**
 * A provider whose answers are scripted: it succeeds, fails so many times, waits until it is let go, is deaf to its
 * interruption, and keeps a list of what it was asked. It knows no chance: the same script gives the same answers.
 */
import { Errors, type Failure, Method, Protocol, Provider, type Providers, TaskContext } from "@gleitzeit/core"
import { Deferred, Effect, type Layer, Schema } from "effect"

const params = Schema.Struct({
  /** What is returned. Default `null`. */
  value: Schema.optionalKey(Schema.Json),
  /** Name of a script, which is asked in place of what follows. */
  script: Schema.optionalKey(Schema.String),
  /** Attempts that fail before one succeeds. Default 0. */
  fails: Schema.optionalKey(Schema.Int),
  /** Whether such a failure may be tried again by itself. Default true. */
  retryable: Schema.optionalKey(Schema.Boolean),
  /** Milliseconds before it ends. Default 0. */
  wait: Schema.optionalKey(Schema.Finite)
})

export const ScriptV1 = Protocol.make("script/v1", {
  description: "Whatever a test is to meet",
  methods: {
    "script/do": Method.make({ description: "Follows a script", effects: "reads", params, result: Schema.Json }),
    "script/write": Method.make({
      description: "Follows a script, with consequences",
      effects: "writes",
      params,
      result: Schema.Json
    })
  }
})

/** What comes of a call: a function of its `value` and of what the handler knows and may ask. */
export type Script = (
  value: Schema.Json,
  context: TaskContext.TaskContext["Service"]
) => Effect.Effect<Schema.Json, Failure.Failure>

/** As it was when the call began. */
export interface Call {
  readonly method: string
  readonly run: string
  readonly task: string
  readonly attempt: number
  readonly idempotencyKey: string
  readonly value: Schema.Json
}

export interface Options {
  /** Default `scripted`. */
  readonly name?: string
  /** By the name that `params.script` gives. A name that is not here is a defect of the test. */
  readonly scripts?: { readonly [name: string]: Script }
  /** Calls are added as they begin. */
  readonly calls?: Array<Call>
  /** Attempts at once. Default `Infinity`. */
  readonly concurrency?: number
}

/** On duty for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<never, Failure.Failure, Providers.Providers> => {
  const { calls, concurrency = Infinity, name = "scripted", scripts = {} } = options
  const handler = (method: string) => (given: typeof params.Type) =>
    Effect.flatMap(TaskContext.TaskContext, (context) => {
      const { fails = 0, retryable, script, value = null, wait = 0 } = given
      const { attempt, idempotencyKey, run, task } = context
      calls?.push({ method, run, task, attempt, idempotencyKey, value })
      const named = script === undefined ? failing(fails, failure(retryable)) : scripts[script]
      if (named === undefined) return Effect.die(new Error(`there is no script "${script}"`))
      return after(wait, named)(value, context)
    })
  return Provider.layer(
    ScriptV1,
    Effect.succeed({
      name,
      concurrency,
      handlers: { "script/do": handler("script/do"), "script/write": handler("script/write") }
    })
  )
}

/** The failure of a scripted call that is to fail. */
export const failure = (retryable = true): Failure.Failure =>
  new Errors.TaskExecutionFailed({ reason: "as the script says", retryable })

/** Returns what it is given. */
export const echo: Script = (value) => Effect.succeed(value)

export const succeed =
  (result: Schema.Json): Script =>
  () =>
    Effect.succeed(result)

export const fail =
  (error: Failure.Failure = failure()): Script =>
  () =>
    Effect.fail(error)

/** A defect: what a handler does that has a bug. */
export const die =
  (defect: unknown): Script =>
  () =>
    Effect.die(defect)

/** Fails in the first so many attempts. */
export const failing =
  (times: number, error: Failure.Failure = failure(), then: Script = echo): Script =>
  (value, context) =>
    context.attempt <= times ? Effect.fail(error) : then(value, context)

/** Waits so many milliseconds first. */
export const after = (millis: number, then: Script = echo): Script =>
  millis === 0 ? then : (value, context) => Effect.delay(then(value, context), millis)

/** Says that it is there, and waits until it is let go; for ever with a door that nobody opens. */
export const hang =
  (door: Door, then: Script = echo): Script =>
  (value, context) =>
    Effect.andThen(
      Effect.andThen(Deferred.succeed(door.reached, undefined), Deferred.await(door.open)),
      Effect.suspend(() => then(value, context))
    )

/** Goes on to its end though it is interrupted. */
export const deaf =
  (then: Script): Script =>
  (value, context) =>
    Effect.uninterruptible(then(value, context))

/** Between a test and a call that hangs. */
export interface Door {
  /** Done once a call waits. */
  readonly reached: Deferred.Deferred<void>
  /** To be done by the test. */
  readonly open: Deferred.Deferred<void>
}

export const door: Effect.Effect<Door> = Effect.all({ reached: Deferred.make<void>(), open: Deferred.make<void>() })
