/**
 * One call of a provider, as a span and in numbers. It is told what was asked with markers in place of secrets, and
 * what was answered with secrets masked.
 */
import { Effect, Exit, Option, type Schema, Tracer } from "effect"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import * as GenAi from "./GenAi.ts"
import { isObject } from "./Json.ts"
import * as Redaction from "./Redaction.ts"
import type { End, Observer } from "./Telemetry.ts"
import * as Metrics from "./TelemetryMetrics.ts"

export interface Called {
  readonly run: string
  readonly task: string
  readonly attempt: number
  readonly method: string
  /** Without the values of secrets. */
  readonly params: Schema.Json
}

export const around = <A extends { readonly result: Schema.Json }>(
  observer: Observer,
  { attempt, method, params, run, task }: Called,
  provider: string,
  mask: Redaction.Mask | undefined,
  effect: Effect.Effect<A, Failure>
): Effect.Effect<A, Failure> =>
  Effect.flatMap(Effect.serviceOption(Tracer.ParentSpan), (parent) => {
    const began = observer.now()
    const { content } = observer
    const operation = GenAi.operation({ method, params, provider, byAgent: isByAgent(parent), content })
    const span = observer.begin(operation?.title ?? method, parent, operation?.kind ?? "internal", {
      "rpc.method": method,
      "gleitzeit.run.id": run,
      "gleitzeit.task.path": task,
      "gleitzeit.task.attempt": attempt,
      "gleitzeit.provider": provider,
      ...operation?.attributes
    })
    const inside = span === undefined ? effect : Effect.provideService(effect, Tracer.ParentSpan, span)
    return Effect.onExit(inside, (exit) =>
      Effect.sync(() => {
        const result = Exit.isSuccess(exit) ? (mask ?? same)(exit.value.result) : null
        const simulated = isObject(result) && result["simulated"] === true
        const answered = operation === undefined ? {} : GenAi.answer(operation, result, content)
        const end = endOf(exit, mask)
        if (operation?.kind === "client" && !simulated) {
          measure(observer, { ...operation.attributes, ...serverOf(span), ...answered }, observer.since(began), end)
        }
        if (span === undefined) return
        if (mask !== undefined) hide(span, mask)
        observer.add(span, answered)
        if (simulated) span.attribute("gleitzeit.simulated", true)
        if (end === "waits") span.attribute("gleitzeit.waits", true)
        observer.end(span, end === "waits" ? "well" : end)
      })
    )
  })

// internal

const same: Redaction.Mask = (json) => json

/** The nearest call around this one is an agent's. */
const isByAgent = (parent: Option.Option<Tracer.AnySpan>): boolean => {
  let span = Option.getOrUndefined(parent)
  while (span?._tag === "Span") {
    if (span.attributes.has("rpc.method")) return GenAi.isAgent(span.attributes)
    span = Option.getOrUndefined(span.parent)
  }
  return false
}

/** `waits`: for an answer, or for more budget. */
const endOf = (exit: Exit.Exit<unknown, Failure>, mask: Redaction.Mask | undefined): End | "waits" => {
  if (Exit.isSuccess(exit)) return "well"
  if (Exit.hasInterrupts(exit) && !Exit.hasFails(exit)) return "stopped"
  const failure = FailureData.fromCause(exit.cause)
  if (failure.name === "TASK_SUSPENDED" || failure.name === "BUDGET_EXCEEDED") return "waits"
  return mask === undefined ? failure : Redaction.failure(mask, failure)
}

/** Where the model runs, if the provider has said so in the span. */
const serverOf = (span: Tracer.Span | undefined): Readonly<Record<string, GenAi.Value | undefined>> => {
  const address = span?.attributes.get(GenAi.words.serverAddress)
  const port = span?.attributes.get(GenAi.words.serverPort)
  return {
    ...(typeof address === "string" ? { [GenAi.words.serverAddress]: address } : {}),
    ...(typeof port === "number" ? { [GenAi.words.serverPort]: port } : {})
  }
}

/** What a provider has told of the secrets that it was given. */
const hide = (span: Tracer.Span, mask: Redaction.Mask): void => {
  for (const [key, value] of span.attributes) {
    if (typeof value === "string") span.attribute(key, mask(value))
  }
}

const measure = (
  observer: Observer,
  attributes: Readonly<Record<string, GenAi.Value | undefined>>,
  seconds: number,
  end: End | "waits"
): void => {
  const { words } = GenAi
  const dimensions = Object.fromEntries(measured.map((name) => [name, attributes[name]]))
  const failed = typeof end === "object" ? { [words.errorType]: end.name } : {}
  observer.record(Metrics.operationDuration, seconds, { ...dimensions, ...failed })
  for (const [type, name] of [
    ["input", words.inputTokens],
    ["output", words.outputTokens]
  ] as const) {
    const tokens = attributes[name]
    if (typeof tokens === "number") {
      observer.record(Metrics.tokenUsage, tokens, { ...dimensions, [words.tokenType]: type })
    }
  }
}

const measured = [
  GenAi.words.operation,
  GenAi.words.provider,
  GenAi.words.requestModel,
  GenAi.words.responseModel,
  GenAi.words.serverAddress,
  GenAi.words.serverPort
]
