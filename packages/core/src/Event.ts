/**
 * What happened in a run: the journal's words. Events are JSON as they stand (Type = Encoded, the compiler proves it
 * below): writing one is `JSON.stringify`, and only reading one back costs a decode.
 */
import { Effect, Result, Schema } from "effect"
import { WrittenByNewer } from "./Errors.ts"
import { Failure } from "./Failure.ts"
import { Usage } from "./Task.ts"
import { Workflow } from "./Workflow.ts"

/** Milliseconds since 1970, never smaller than the run's last. */
const at = Schema.Finite
/** The version of the event's shape. */
const v = Schema.Literal(1)
const Values = Schema.Record(Schema.String, Schema.Json)

/** An outcome carries when its first attempt started: there is no event for the start, but for `once`. */
const outcome = {
  v,
  at,
  task: Schema.String,
  started: at,
  /** Of the last attempt, monotonic. */
  duration: Schema.Finite,
  /** From 1; goes on counting after a crash. */
  attempt: Schema.Int,
  usage: Schema.optionalKey(Usage),
  provider: Schema.optionalKey(Schema.String)
}

export const Event = Schema.Union([
  Schema.TaggedStruct("RunCreated", {
    v,
    at,
    workflow: Workflow,
    /** With defaults filled in, without secret ones. */
    inputs: Values,
    /** Values of the variables that the workflow names, read once. */
    env: Schema.Record(Schema.String, Schema.String),
    /** Where the workflow's file is: paths are relative to it. */
    folder: Schema.String,
    /** Version of the engine. */
    engine: Schema.String
  }),
  /** A process took the run over. Written first after a claim: it fences the former driver out. */
  Schema.TaggedStruct("RunResumed", { v, at, owner: Schema.String }),
  /** Of a task marked `once`, committed before its call. */
  Schema.TaggedStruct("TaskStarted", { v, at, task: Schema.String, attempt: Schema.Int }),
  /** The items of a `foreach`, fixed at its first evaluation. */
  Schema.TaggedStruct("TaskExpanded", { v, at, task: Schema.String, items: Schema.Array(Schema.Json) }),
  Schema.TaggedStruct("TaskCompleted", {
    ...outcome,
    result: Schema.Json,
    /** Values of secrets that stood in the result were masked. */
    masked: Schema.optionalKey(Schema.Boolean)
  }),
  /** A `foreach` is over: its result is its completed items' results in order. */
  Schema.TaggedStruct("TaskGathered", { ...outcome }),
  Schema.TaggedStruct("TaskFailed", { ...outcome, error: Failure }),
  /** An attempt failed; the next one begins at `due`. */
  Schema.TaggedStruct("TaskRetrying", { ...outcome, error: Failure, due: at }),
  Schema.TaggedStruct("TaskSkipped", {
    v,
    at,
    task: Schema.String,
    /** `condition`: its own is false. `failed`: what it depends on failed. `no value`: what it refers to has none. */
    because: Schema.Literals(["condition", "failed", "no value"]),
    /** The task that failed, or has no value. */
    of: Schema.optionalKey(Schema.String)
  }),
  /** A call that a handler made of another method: run again, the handler gets this. */
  Schema.TaggedStruct("CallRecorded", { ...outcome, result: Schema.Json }),
  /** Posted by anybody. */
  Schema.TaggedStruct("CancelRequested", { v, at, by: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("RunCompleted", { v, at, outputs: Values, warnings: Schema.Array(Schema.String) }),
  Schema.TaggedStruct("RunFailed", { v, at, error: Failure, outputs: Values, warnings: Schema.Array(Schema.String) }),
  Schema.TaggedStruct("RunCancelled", { v, at })
])
export type Event = typeof Event.Type

/** Kinds that may be appended by whoever does not drive the run. */
export const isPost = (event: Event): boolean => event._tag === "CancelRequested"

/** The journal's text of an event. */
export const encode = (event: Event): string => JSON.stringify(event)

/** Back from a store's text. `WrittenByNewer` for what this program does not know, be it no JSON. */
export const decode = (run: string, kind: string, json: string): Effect.Effect<Event, WrittenByNewer> =>
  Effect.suspend(() => {
    const event = Result.flatMap(
      Result.try(() => upcast(JSON.parse(json))),
      (lifted) => decodeResult(lifted)
    )
    return Result.isSuccess(event) ? Effect.succeed(event.success) : Effect.fail(new WrittenByNewer({ run, kind }))
  })

/** Lifts an event of an earlier version to this one. There is only one version yet, so it is the identity. */
export const upcast = (event: unknown): unknown => event

// internal

const decodeResult = Schema.decodeUnknownResult(Event)

// Type = Encoded: a transformation added to an event makes this line fail.
void (Event satisfies Schema.Codec<Event, Event>)
