/**
 * What happened in a run: the journal's words. Events are JSON as they stand (Type = Encoded, the compiler proves it
 * below): writing one is `JSON.stringify`, and only reading one back costs a decode.
 */
import { Effect, Result, Schema } from "effect"
import { WrittenByNewer } from "./Errors.ts"
import { Failure } from "./Failure.ts"
import { Question, Total } from "./Task.ts"
import { Budget, Workflow } from "./Workflow.ts"

/** Milliseconds since 1970, never smaller than the run's last. */
const at = Schema.Finite
/** The version of the event's shape. */
const v = Schema.Literal(1)
const Values = Schema.Record(Schema.String, Schema.Json)
const by = Schema.optionalKey(Schema.String)
/** What attempts that were cut off have used. */
const lost = Schema.optionalKey(Schema.Array(Schema.Struct({ task: Schema.String, usage: Total })))

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
  usage: Schema.optionalKey(Total),
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
    engine: Schema.String,
    /** Who made it, and drives it first. */
    owner: Schema.optionalKey(Schema.String),
    /** Results of another run are used again where nothing has changed, but not those of `rerun`, ids at the top. */
    forked: Schema.optionalKey(Schema.Struct({ run: Schema.String, rerun: Schema.Array(Schema.String) })),
    /** In place of the workflow's own. */
    budget: Schema.optionalKey(Budget),
    /** What the cache holds is not looked at. */
    fresh: Schema.optionalKey(Schema.Boolean)
  }),
  /** A process took the run over. Written first after a claim: it fences the former driver out. */
  Schema.TaggedStruct("RunResumed", { v, at, owner: Schema.String }),
  /** The same for a run that is over and goes on: what happened at these paths has not happened. */
  Schema.TaggedStruct("RunRetried", {
    v,
    at,
    owner: Schema.String,
    tasks: Schema.Array(Schema.String),
    /** Those of them that begin as if they had never run: their calls get new idempotency keys. */
    again: Schema.Array(Schema.String)
  }),
  /** Its process stopped driving it, and ended the attempts of these tasks: they are made again. */
  Schema.TaggedStruct("RunInterrupted", { v, at, tasks: Schema.Array(Schema.String), lost }),
  /** Nothing is under way, and what is left waits for an answer, a signal or a time. Until somebody posts, or `due`. */
  Schema.TaggedStruct("RunWaiting", { v, at, due: Schema.optionalKey(at) }),
  /** Of a task marked `once`, committed before its call. */
  Schema.TaggedStruct("TaskStarted", { v, at, task: Schema.String, attempt: Schema.Int }),
  /** The items of a `foreach`, fixed at its first evaluation. */
  Schema.TaggedStruct("TaskExpanded", { v, at, task: Schema.String, items: Schema.Array(Schema.Json) }),
  Schema.TaggedStruct("TaskCompleted", {
    ...outcome,
    result: Schema.Json,
    /** Values of secrets that stood in the result were masked. */
    masked: Schema.optionalKey(Schema.Boolean),
    /** Hashes of the files it was given, by path. */
    files: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    /** Taken from the cache: the run it came from. Nothing was called. */
    cached: Schema.optionalKey(Schema.String),
    /** Taken from the run that this one was forked from: the path there. Nothing was called. */
    reused: Schema.optionalKey(Schema.String)
  }),
  /**
   * A `foreach` or a `repeat` is over: its result is its completed items' results in order, or that of the last
   * iteration.
   */
  Schema.TaggedStruct("TaskGathered", { ...outcome, iterations: Schema.optionalKey(Schema.Int) }),
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
  /** The attempt has ended until a question is answered. `request` is answered under its own path. */
  Schema.TaggedStruct("TaskSuspended", {
    v,
    at,
    task: Schema.String,
    started: at,
    attempt: Schema.Int,
    usage: Schema.optionalKey(Total),
    request: Schema.String,
    question: Question
  }),
  /** Nobody has answered in time. */
  Schema.TaggedStruct("Expired", { v, at, request: Schema.String }),
  /** A task waits: the budget has no room for it. Once for each time it is raised. */
  Schema.TaggedStruct("BudgetExceeded", {
    v,
    at,
    task: Schema.String,
    /** By the attempt, until there was no room. */
    usage: Schema.optionalKey(Total),
    limit: Schema.String,
    used: Schema.Finite,
    of: Schema.Finite
  }),
  /** Four fifths of a budget are used. */
  Schema.TaggedStruct("BudgetWarned", { v, at, limit: Schema.String, used: Schema.Finite, of: Schema.Finite }),
  /** A call that a handler made of another method: run again, the handler gets this. */
  Schema.TaggedStruct("CallRecorded", { ...outcome, result: Schema.Json }),
  // posted by anybody
  Schema.TaggedStruct("CancelRequested", { v, at, by }),
  Schema.TaggedStruct("PauseRequested", { v, at, by }),
  /** The pause is over. */
  Schema.TaggedStruct("Continued", { v, at, by }),
  /** One more task may begin in spite of the pause. */
  Schema.TaggedStruct("StepRequested", { v, at, by }),
  Schema.TaggedStruct("Answered", { v, at, by, request: Schema.String, value: Schema.Json }),
  Schema.TaggedStruct("Signalled", { v, at, by, name: Schema.String, value: Schema.Json }),
  /** In place of the run's own budget. */
  Schema.TaggedStruct("BudgetRaised", { v, at, by, budget: Budget }),
  Schema.TaggedStruct("RunCompleted", { v, at, outputs: Values, warnings: Schema.Array(Schema.String) }),
  Schema.TaggedStruct("RunFailed", {
    v,
    at,
    error: Failure,
    outputs: Values,
    warnings: Schema.Array(Schema.String),
    lost
  }),
  Schema.TaggedStruct("RunCancelled", { v, at, lost })
])
export type Event = typeof Event.Type

/** Kinds that may be appended by whoever does not drive the run. */
export const isPost = (kind: string): boolean => posts.has(kind)

/** The journal's text of an event. */
export const encode = (event: Event): string => JSON.stringify(event)

/** Back from a store's text. `WrittenByNewer` for what this program does not know, be it no JSON. */
export const decode = (run: string, kind: string, json: string): Effect.Effect<Event, WrittenByNewer> =>
  Effect.suspend(() => {
    const parsed = Result.try((): unknown => JSON.parse(json))
    return Result.isSuccess(parsed)
      ? fromJson(run, kind, parsed.success)
      : Effect.fail(new WrittenByNewer({ run, kind }))
  })

/** The same of what has been parsed. */
export const fromJson = (run: string, kind: string, json: unknown): Effect.Effect<Event, WrittenByNewer> => {
  const event = decodeResult(upcast(json))
  return Result.isSuccess(event) ? Effect.succeed(event.success) : Effect.fail(new WrittenByNewer({ run, kind }))
}

/** Lifts an event of an earlier version to this one. There is only one version yet, so it is the identity. */
export const upcast = (event: unknown): unknown => event

// internal

const posts: ReadonlySet<string> = new Set<Event["_tag"]>([
  "CancelRequested",
  "PauseRequested",
  "Continued",
  "StepRequested",
  "Answered",
  "Signalled",
  "BudgetRaised"
])

const decodeResult = Schema.decodeUnknownResult(Event)

// Type = Encoded: a transformation added to an event makes this line fail.
void (Event satisfies Schema.Codec<Event, Event>)
