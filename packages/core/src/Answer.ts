/** An answer to what a run waits for: whether it is asked for, and whether it is one. */
import { Effect, Result, Schema, Stream } from "effect"
import { AlreadyAnswered, InvalidAnswer, RequestNotFound } from "./Errors.ts"
import type { Event } from "./Event.ts"
import { canonical } from "./Hash.ts"
import { isDeep } from "./Json.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as Run from "./Run.ts"
import type { Store } from "./Store.ts"
import * as Watch from "./Watch.ts"
import { Budget } from "./Workflow.ts"

/** What is posted. `budget` is answered with a higher one. */
export const event = (
  state: Run.RunState,
  request: string,
  value: Schema.Json,
  at: number,
  by: string | undefined
): Effect.Effect<Event, RequestNotFound | AlreadyAnswered | InvalidAnswer> => {
  const who = by === undefined ? {} : { by }
  if (request === "budget" && !state.requests.open.has(request)) {
    const budget = decodeBudget(value)
    return Result.isSuccess(budget)
      ? Effect.succeed({ _tag: "BudgetRaised", v: 1, at, budget: budget.success, ...who })
      : Effect.fail(
          new InvalidAnswer({
            request,
            issues: [`expected a budget such as {"calls": 100}: ${budget.failure.message}`]
          })
        )
  }
  const { requests, run } = state
  const open = requests.open.get(request)
  if (open === undefined || open.question.kind === "timer") {
    return Effect.fail(
      requests.answered(request)?._tag === "Answered"
        ? new AlreadyAnswered({ run, request })
        : new RequestNotFound({ run, request, open: Run.requests(state).map(({ request }) => request) })
    )
  }
  const { expires, schema } = open.question
  if (expires !== undefined && at >= expires) {
    const issue = `it had to be given before ${new Date(expires).toISOString()}`
    return Effect.fail(new InvalidAnswer({ request, issues: [issue] }))
  }
  const issues = isDeep(value)
    ? [{ message: "is nested too deeply", path: [] }]
    : schema === undefined
      ? []
      : JsonSchemaCheck.check(schema, value)
  return issues.length === 0
    ? Effect.succeed({ _tag: "Answered", v: 1, at, request, value, ...who })
    : Effect.fail(
        new InvalidAnswer({
          request,
          issues: issues.map(JsonSchemaCheck.inWords)
        })
      )
}

/** The first answer in the journal is the one that counts. */
export const isFirst = (
  store: Store["Service"],
  run: string,
  answer: Answered
): Effect.Effect<boolean, Watch.ReadError> => {
  const state = Run.empty(run)
  return Effect.map(
    Stream.runFold(
      Watch.events(store, run),
      () => false,
      (isFirst, { event }) => {
        const counts =
          event._tag === "Answered" && event.request === answer.request && state.requests.open.has(event.request)
        Run.fold(state, event)
        return counts ? isSame(event, answer) : isFirst
      }
    ),
    (isFirst) => isFirst
  )
}

// internal

type Answered = Extract<Event, { readonly _tag: "Answered" }>

const isSame = (a: Answered, b: Answered): boolean =>
  a.at === b.at && a.by === b.by && canonical(a.value) === canonical(b.value)

const decodeBudget = Schema.decodeUnknownResult(Budget, { onExcessProperty: "error" })
