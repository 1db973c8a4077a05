/** A run as plain lines, for logs and for where there is no terminal. Pure. */
import type { Event, Gleitzeit } from "@gleitzeit/core"
import * as Text from "./Text.ts"
import { explain, readable } from "./View.ts"

export interface Options {
  /** Named in the first line. */
  readonly run: string
  /** Results and logs of tasks too. */
  readonly verbose: boolean
  /** How a time is written. Default: the local time of day. */
  readonly clock?: (millis: number) => string
}

/** What is worth a line of its own, and its details beneath it. `now` stands in for what has no time of its own. */
export const ofLive = (live: Gleitzeit.Live, now: number, options: Options): ReadonlyArray<string> => {
  switch (live._tag) {
    case "Started":
      return [
        `${at(live.at, options)} ${name(live.task)} started${live.attempt > 1 ? ` (attempt ${live.attempt})` : ""}`
      ]
    case "Chunk":
      return options.verbose && live.chunk._tag === "Log"
        ? [`${at(now, options)} ${name(live.task)} | ${Text.flat(live.chunk.message)}`]
        : []
    case "Gap":
      return []
    case "Event":
      return ofEvent(live.event, options)
  }
}

/** A recorded event. */
export const ofEvent = (event: Event.Event, options: Options): ReadonlyArray<string> => {
  const time = at(event.at, options)
  switch (event._tag) {
    case "RunCreated":
      return [
        `${time} run ${options.run} of ${Text.flat(event.workflow.name)}: ${Text.count(event.workflow.tasks.length, "task")}`
      ]
    case "RunResumed":
      return [`${time} run resumed`]
    case "RunInterrupted":
      return [`${time} run interrupted, ${Text.count(event.tasks.length, "task")} under way`]
    case "RunRetried":
      return [`${time} run goes on, ${Text.count(event.tasks.length, "task")} again`]
    case "RunWaiting":
      // a task that sleeps has said so itself
      return event.due === undefined ? [`${time} run waits`] : []
    case "TaskStarted":
      return [`${time} ${name(event.task)} begins, once (attempt ${event.attempt})`]
    case "TaskExpanded":
      return [`${time} ${name(event.task)} has ${Text.count(event.items.length, "item")}`]
    case "TaskCompleted":
    case "CallRecorded":
      return [
        `${time} ${name(event.task)} completed ${how(event)}${used(event)}${simulated(event.result)}`,
        ...(options.verbose ? beneath(Text.clean(readable(event.result)).trimEnd()) : [])
      ]
    case "TaskGathered": {
      const times = event.iterations === undefined ? "" : `, ${Text.count(event.iterations, "iteration")}`
      return [`${time} ${name(event.task)} completed in ${Text.duration(event.duration)}${times}`]
    }
    case "TaskFailed": {
      const [first, ...rest] = explain(event.error)
      const attempts = event.attempt > 1 ? ` (attempt ${event.attempt})` : ""
      return [
        `${time} ${name(event.task)} failed after ${Text.duration(event.duration)}${attempts}: ${first}`,
        ...beneath(rest.join("\n"))
      ]
    }
    case "TaskRetrying": {
      const wait = Text.duration(Math.max(0, event.due - event.at))
      return [
        `${time} ${name(event.task)} failed (attempt ${event.attempt}), again in ${wait}: ${explain(event.error)[0]}`
      ]
    }
    case "TaskSkipped": {
      const reason =
        event.because === "condition"
          ? "its condition is false"
          : `"${event.of ?? "?"}" ${event.because === "failed" ? "failed" : "has no value"}`
      return [`${time} ${name(event.task)} skipped: ${reason}`]
    }
    case "TaskSuspended":
      return [`${time} ${name(event.task)} ${waits(event, options)}`]
    case "Expired":
      return [`${time} ${name(event.request)}: the time is up`]
    case "Answered":
      return [
        `${time} ${name(event.request)} answered${by(event)}`,
        ...(options.verbose ? beneath(Text.clean(readable(event.value)).trimEnd()) : [])
      ]
    case "Signalled":
      return [`${time} signal ${JSON.stringify(event.name)}${by(event)}`]
    case "BudgetExceeded":
      return [`${time} ${name(event.task)} waits: the budget has no room for it (${budget(event)})`]
    case "BudgetWarned":
      return [`${time} warning: most of the budget is used (${budget(event)})`]
    case "BudgetRaised":
      return [`${time} another budget${by(event)}`]
    case "PauseRequested":
      return [`${time} pausing${by(event)}`]
    case "Continued":
      return [`${time} the pause is over${by(event)}`]
    case "StepRequested":
      return [`${time} one step${by(event)}`]
    case "CancelRequested":
      return [`${time} cancelling${by(event)}`]
    case "RunCompleted":
      return [`${time} run completed`, ...event.warnings.map((warning) => `${time} warning: ${Text.flat(warning)}`)]
    case "RunFailed":
      return [
        `${time} run failed: ${explain(event.error)[0]}`,
        ...event.warnings.map((warning) => `${time} warning: ${Text.flat(warning)}`)
      ]
    case "RunCancelled":
      return [`${time} run cancelled`]
  }
}

/** A path as it is read: its parts decoded. */
export const name = (path: string): string => {
  try {
    return Text.flat(decodeURIComponent(path))
  } catch {
    return Text.flat(path)
  }
}

// internal

const at = (millis: number, { clock = Text.clock }: Options): string => clock(millis)

const by = ({ by }: { readonly by?: string }): string => (by === undefined ? "" : `, by ${Text.flat(by)}`)

const how = (event: Extract<Event.Event, { readonly _tag: "TaskCompleted" | "CallRecorded" }>): string =>
  event._tag === "TaskCompleted" && event.cached !== undefined
    ? `from the cache, run ${event.cached}`
    : event._tag === "TaskCompleted" && event.reused !== undefined
      ? "already, reused"
      : `in ${Text.duration(event.duration)}`

const waits = (event: Extract<Event.Event, { readonly _tag: "TaskSuspended" }>, options: Options): string => {
  const { data, expires, kind, prompt } = event.question
  const signal = typeof data === "object" && data !== null && "name" in data ? ` ${JSON.stringify(data["name"])}` : ""
  const until =
    expires === undefined
      ? ""
      : ` until ${expires - event.at > Text.halfDay ? Text.dateTime(expires) : at(expires, options)}`
  if (kind === "timer") return `sleeps${until}`
  if (kind === "signal") return `waits for signal${signal}${until}`
  return `waits for an answer${until}${prompt === undefined ? "" : `: ${Text.flat(prompt)}`}`
}

const budget = ({ limit, of, used }: { readonly limit: string; readonly of: number; readonly used: number }): string =>
  limit === "duration"
    ? `${Text.duration(used)} of ${Text.duration(of)}`
    : limit === "cost_usd"
      ? `${Text.dollars(used)} of ${Text.dollars(of)}`
      : `${Text.number(used)} of ${Text.number(of)} ${limit}`

const used = ({ usage }: { readonly usage?: { readonly input_tokens?: number; readonly output_tokens?: number } }) => {
  const tokens = (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0)
  return tokens > 0 ? `, ${Text.count(tokens, "token")}` : ""
}

const simulated = (result: unknown): string =>
  typeof result === "object" && result !== null && "simulated" in result && result.simulated === true
    ? ", simulated"
    : ""

const beneath = (text: string): ReadonlyArray<string> => (text === "" ? [] : Text.indent(text, "    ").split("\n"))
