/** What the facts of an executor share: a workshop with a scripted provider in it, calls for it, and a host that listens. */
import { Errors, Executor, Failure, type Task } from "@gleitzeit/core"
import { Cause, Effect, Exit, type Schema, type Scope } from "effect"
import * as ScriptedProvider from "./ScriptedProvider.ts"
import { fresh } from "./StoreSample.ts"

/** What a file of facts is given. */
export interface Suite {
  readonly fact: <E>(name: string, body: Effect.Effect<void, E, Scope.Scope>) => void
  /** The executor under test, with a provider of its own on duty. */
  readonly workshop: (options?: ScriptedProvider.Options) => Effect.Effect<Workshop, unknown, Scope.Scope>
  /** Lets time pass for the executor, in milliseconds. */
  readonly elapse: (millis: number) => Effect.Effect<void>
}

export interface Workshop {
  readonly executor: Executor.Executor["Service"]
  /** One attempt by a script or with other params; on a host that listens unless one is given. */
  readonly execute: (
    call?: Partial<Executor.Call>,
    host?: Executor.Host
  ) => Effect.Effect<Executor.Reply, Failure.Failure>
  /** How it ends: the result, or the failure as plain data. */
  readonly outcome: (
    call?: Partial<Executor.Call>,
    host?: Executor.Host
  ) => Effect.Effect<Schema.Json | Failure.Failure>
}

/** Secrets that the process of the executor knows. */
export const secrets = { TOKEN: "sk-12345678", OTHER: "other-secret" }

export const workshopOf = (executor: Executor.Executor["Service"]): Workshop => {
  const execute: Workshop["execute"] = (more, host = listener().host) => executor.execute(call(more), host)
  return {
    executor,
    execute,
    outcome: (more, host) =>
      Effect.map(Effect.exit(execute(more, host)), (exit) =>
        Exit.isSuccess(exit) ? exit.value.result : failureOf(exit.cause)
      )
  }
}

/** Of a run that nobody has used. */
export const call = (more: Partial<Executor.Call> = {}): Executor.Call => {
  const { run = fresh(), task = "task" } = more
  return {
    run,
    task,
    attempt: 1,
    method: "script/do",
    params: {},
    priority: 2,
    idempotencyKey: `${run}/${task}`,
    ...more
  }
}

/** `params` that ask a script by its name. */
export const by = (script: string, value: Schema.Json = null) => ({ params: { script, value } })

/** What a host heard, in order. */
export interface Heard {
  readonly chunks: Array<Task.Chunk>
  readonly usage: Array<Task.Usage>
  readonly calls: Array<ReadonlyArray<unknown>>
  readonly asked: Array<ReadonlyArray<unknown>>
}

/** A host that writes down what it is asked, and says yes. */
export const listener = (
  more: Partial<Executor.Host> = {}
): { readonly heard: Heard; readonly host: Executor.Host } => {
  const heard: Heard = { chunks: [], usage: [], calls: [], asked: [] }
  return {
    heard,
    host: {
      emit: (chunk) => Effect.sync(() => void heard.chunks.push(chunk)),
      usage: (usage) => Effect.sync(() => void heard.usage.push(usage)),
      call: (key, method, params) =>
        Effect.sync(() => {
          heard.calls.push([key, method, params])
          return "called"
        }),
      answer: (key, question) =>
        Effect.sync(() => {
          heard.asked.push([key, question])
          return "yes"
        }),
      waits: () => {},
      secret: (input) => Effect.fail(new Errors.SecretMissing({ secret: `inputs.${input}` })),
      ...more
    }
  }
}

/** As a driver records it; an interruption has code 0. */
export const failureOf = (cause: Cause.Cause<Failure.Failure>): Failure.Failure =>
  Cause.hasInterruptsOnly(cause)
    ? { code: 0, name: "INTERRUPTED", message: "", retryable: false }
    : Failure.of(Failure.fromCause(cause))
