/** What a handler may know of the task it works for, and ask of the run while it works. */
import { Context, type Effect, type Schema } from "effect"
import type { Failure } from "./Failure.ts"
import type { Chunk, Millis, Question, TaskPath, Total } from "./Task.ts"

export class TaskContext extends Context.Service<
  TaskContext,
  {
    readonly run: string
    readonly task: TaskPath
    /** From 1. */
    readonly attempt: number
    /** The same on every attempt, resume and restart of this call; differs per item and iteration. */
    readonly idempotencyKey: string
    /** When the attempt is interrupted. Absent without a timeout. */
    readonly deadline?: Millis
    /** Tokens, progress, logs for whoever watches. Never waits, never fails, is not recorded. */
    readonly emit: (chunk: Chunk) => Effect.Effect<void>
    /** Adds to what this attempt has used. Counts also when the attempt fails. `at_least` names what is not known. */
    readonly usage: (usage: Total) => Effect.Effect<void>
    /** Calls a method of any provider, recorded under `key`: run again, the handler gets the recorded result. */
    readonly call: (key: string, method: string, params: Schema.Json) => Effect.Effect<Schema.Json, Failure>
    /**
     * Ends this attempt until the question is answered: then the handler runs again from its start, and this returns the
     * answer. With the key "" the question is known by the task's own path, else by a path below it. Fails with
     * `QUESTION_EXPIRED` when nobody has answered before `expires`. A `signal` named in `data.name` answers a question of
     * the kind `signal`; one of the kind `timer` is answered by its time alone.
     */
    readonly suspend: (key: string, question: Question) => Effect.Effect<Schema.Json, Failure>
  }
>()("@gleitzeit/core/TaskContext") {}
