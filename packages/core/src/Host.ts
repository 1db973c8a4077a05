/** What a handler asks of the driver while it runs: chunks, usage, recorded calls, secret inputs. */
import { Clock, Effect, type Schema } from "effect"
import { NotSupported, SecretMissing } from "./Errors.ts"
import type { Event } from "./Event.ts"
import type { Call, Executor, Host } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import * as FailureData from "./Failure.ts"
import { type Journal, type Writer, write } from "./Journal.ts"
import type { Feed } from "./Live.ts"
import { addUsage, callPath, type TaskPath, type Usage } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"

/** What of a run its hosts need. */
export interface Options {
  readonly executor: Executor["Service"]
  readonly journal: Journal["Service"]
  readonly writer: Writer
  readonly feed: Feed
  /** Results of calls that were recorded, by path; grows. */
  readonly calls: Map<TaskPath, Schema.Json>
  readonly secretInputs: ReadonlyMap<string, string>
  readonly used: (usage: Usage) => void
  /** The run is over: whoever still works for it is not heard any more. */
  readonly ended: () => boolean
}

/** For one attempt. */
export const make = (options: Options, task: TaskRun): Host => {
  const { ended, feed, secretInputs, writer } = options
  const { attempt, path } = task
  return {
    emit: (chunk) =>
      Effect.sync(() => {
        if (ended()) return
        feed.publish(writer.run, { _tag: "Chunk", task: path, attempt, index: task.chunks++, chunk }, writer.sequence)
      }),
    usage: (usage) => Effect.sync(() => task.uses(usage)),
    call: (key, method, params, secrets) => nested(options, task, callPath(path, key), method, params, secrets),
    answer: () => Effect.fail(new NotSupported({ feature: "suspending a task until it is answered" })),
    secret: (input) => {
      const value = secretInputs.get(input)
      return value === undefined ? Effect.fail(new SecretMissing({ secret: `inputs.${input}` })) : Effect.succeed(value)
    }
  }
}

// internal

/**
 * Carried out once a run: recorded before the handler sees it, so that the handler run again gets the same. What was
 * carried out is recorded also when the handler is interrupted meanwhile.
 */
const nested = (
  options: Options,
  task: TaskRun,
  path: TaskPath,
  method: string,
  params: Schema.Json,
  secrets: Call["secrets"]
): Effect.Effect<Schema.Json, Failure> =>
  Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore): Effect.fn.Return<Schema.Json, Failure> {
      const { calls, ended, executor, journal, used, writer } = options
      if (ended()) return yield* Effect.interrupt
      const known = calls.get(path)
      if (known !== undefined) return known
      const clock = yield* Clock.Clock
      const started = writer.now(clock)
      const began = clock.monotonicTimeNanosUnsafe()
      let usage: Usage | undefined
      const { result, provider } = yield* Effect.onError(
        restore(
          executor.execute(
            {
              run: writer.run,
              task: path,
              attempt: 1,
              method,
              params,
              ...(secrets === undefined ? {} : { secrets }),
              priority: task.planned.priority,
              idempotencyKey: `${writer.run}/${path}`
            },
            {
              ...make(options, task),
              usage: (more) => Effect.sync(() => (usage = addUsage(usage, more))),
              // a call made by a call has its own place below it
              call: (key, name, made, hidden) => nested(options, task, callPath(path, key), name, made, hidden)
            }
          )
        ),
        // a call that fails is not recorded: the attempt that made it has used this
        () => Effect.sync(() => usage !== undefined && task.uses(usage))
      )
      if (ended()) return yield* Effect.interrupt
      const event: Event = {
        _tag: "CallRecorded",
        v: 1,
        at: writer.now(clock),
        task: path,
        started,
        duration: Number(clock.monotonicTimeNanosUnsafe() - began) / 1e6,
        attempt: 1,
        provider,
        result,
        ...(usage === undefined ? {} : { usage })
      }
      yield* Effect.mapError(write(journal, writer, [event]), (error) => FailureData.of(error))
      calls.set(path, result)
      if (usage !== undefined) used(usage)
      return result
    })
  )
