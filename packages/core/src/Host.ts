/** What a handler asks of the driver while it runs: chunks, usage, recorded calls, secret inputs. */
import { Clock, Effect, type Schema } from "effect"
import { type Meter, spend, type Spending } from "./Attempt.ts"
import { QuestionExpired, SecretMissing } from "./Errors.ts"
import type { Event } from "./Event.ts"
import type { Call, Executor, Host } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import * as FailureData from "./Failure.ts"
import { type Journal, type Writer, write } from "./Journal.ts"
import type { Feed } from "./Live.ts"
import type { Requests } from "./Requests.ts"
import { addUsage, callPath, type TaskPath, type Total } from "./Task.ts"
import type { TaskRun } from "./TaskRun.ts"

/** What of a run its hosts need. */
export interface Options {
  readonly executor: Executor["Service"]
  readonly journal: Journal["Service"]
  readonly writer: Writer
  readonly feed: Feed
  /** Results of calls that were recorded, by path; grows. */
  readonly calls: Map<TaskPath, Schema.Json>
  readonly requests: Requests
  readonly secretInputs: ReadonlyMap<string, string>
  readonly ledgers: (task: TaskRun) => ReadonlyArray<Spending>
  readonly used: (usage: Total, task: TaskRun) => void
  readonly waits: (task: TaskRun, isWaiting: boolean) => void
  /** The run is over: whoever still works for it is not heard any more. */
  readonly ended: () => boolean
}

/** For one attempt. */
export const make = (options: Options, task: TaskRun): Host => {
  const { ended, feed, secretInputs, waits, writer } = options
  const { attempt, path } = task
  return {
    emit: (chunk) =>
      Effect.sync(() => {
        if (ended()) return
        feed.publish(writer.run, { _tag: "Chunk", task: path, attempt, index: task.chunks++, chunk }, writer.sequence)
      }),
    usage: (usage) => Effect.sync(() => task.uses(usage)),
    waits: (isWaiting) => waits(task, isWaiting),
    call: (key, method, params, secrets) => nested(options, task, callPath(path, key), method, params, secrets),
    answer: answer(options, task, path),
    secret: (input) => {
      const value = secretInputs.get(input)
      return value === undefined ? Effect.fail(new SecretMissing({ secret: `inputs.${input}` })) : Effect.succeed(value)
    }
  }
}

// internal

/** Asked by the task itself or by a call it makes, which stands at a path of its own. */
const answer =
  ({ ended, requests }: Options, task: TaskRun, path: TaskPath): Host["answer"] =>
  (key, question) =>
    Effect.suspend(() => {
      if (ended()) return Effect.interrupt
      const request = key === "" ? path : callPath(path, key)
      const found = requests.answered(request)
      if (found?._tag === "Answered") return Effect.succeed(found.value)
      if (found?._tag === "Expired") return Effect.fail(FailureData.of(new QuestionExpired({ request })))
      task.asked ??= { request, question }
      return Effect.undefined
    })

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
      const { calls, ended, executor, journal, ledgers, used, writer } = options
      if (ended()) return yield* Effect.interrupt
      const known = calls.get(path)
      if (known !== undefined) return known
      const clock = yield* Clock.Clock
      const started = writer.now(clock)
      const began = clock.monotonicTimeNanosUnsafe()
      let usage: Total | undefined
      let release = () => {}
      const meter: Meter = {
        uses: (more) => (usage = addUsage(usage, more)),
        soFar: () => usage,
        holds: (given) => (release = given)
      }
      /** The call is not recorded: the attempt that made it has used this. */
      const lost = () => {
        task.loses(usage)
        release()
      }
      const call: Call = {
        run: writer.run,
        task: path,
        attempt: 1,
        method,
        params,
        ...(secrets === undefined ? {} : { secrets }),
        priority: task.planned.priority,
        idempotencyKey: `${task.idempotencyKey}${path.slice(task.path.length)}`
      }
      const host: Host = {
        ...make(options, task),
        usage: (more) => Effect.sync(() => meter.uses(more)),
        // a call made by a call has its own place below it
        call: (key, name, made, hidden) => nested(options, task, callPath(path, key), name, made, hidden),
        answer: answer(options, task, path),
        // the task goes on working while a call of it waits
        waits: () => {}
      }
      const { result, provider } = yield* Effect.onError(
        restore(spend(executor, call, ledgers(task), task, meter, executor.execute(call, host))),
        () => Effect.sync(lost)
      )
      if (ended()) {
        lost()
        return yield* Effect.interrupt
      }
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
      if (usage !== undefined) used(usage, task)
      release()
      return result
    })
  )
