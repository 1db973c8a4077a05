/**
 * Spans and metrics, if anybody looks: a tracer is installed, or metrics are asked for. That is found out once, when a
 * layer is made, because a span costs more than a whole task does. What is told is named in `docs/observability.md`.
 */
import { Clock, Context, Effect, Exit, Metric, Option, Tracer } from "effect"
import type { Failure } from "./Failure.ts"
import type { Attributes, Value } from "./GenAi.ts"

export interface Options {
  /** Whether anything is counted. Default: when a tracer is installed. */
  readonly metrics?: boolean
  /** Whether spans hold what models are told and what they answer. Default false. */
  readonly content?: boolean
}

/** For whoever builds the layers of an engine. */
export const Telemetry: Context.Reference<Options> = Context.Reference<Options>("@gleitzeit/core/Telemetry", {
  defaultValue: () => ({})
})

/** Who looks from here; `undefined` when nobody does. */
export const observer: Effect.Effect<Observer | undefined> = Effect.gen(function* () {
  const tracer = yield* Effect.tracer
  const { content = false, metrics } = yield* Telemetry
  const installed = isInstalled(tracer) ? tracer : undefined
  const counts = metrics ?? installed !== undefined
  if (installed === undefined && !counts) return undefined
  const parent = installed === undefined ? Option.none() : yield* Effect.serviceOption(Tracer.ParentSpan)
  return new Observer(installed, counts, content, parent, yield* Clock.Clock, yield* Effect.context<never>())
})

/** Effect has one of its own, which shows its spans to nobody. */
export const isInstalled = (tracer: Tracer.Tracer): boolean => tracer !== Tracer.nativeTracer

/** The span around what asks, if anybody sees it. */
export const callerSpan: Effect.Effect<Tracer.AnySpan | undefined> = Effect.flatMap(Effect.tracer, (tracer) =>
  isInstalled(tracer) ? Effect.map(Effect.serviceOption(Tracer.ParentSpan), Option.getOrUndefined) : Effect.undefined
)

/** For providers: which server they ask, given its URL. Stands in the span of the call, if there is one. */
export const served = (url: string): Effect.Effect<void> =>
  Effect.flatMap(Effect.serviceOption(Tracer.ParentSpan), (parent) =>
    Effect.sync(() => {
      const span = Option.getOrUndefined(parent)
      if (span?._tag !== "Span" || !URL.canParse(url)) return
      const { hostname, port, protocol } = new URL(url)
      span.attribute("server.address", hostname.replace(/^\[(.*)\]$/, "$1"))
      span.attribute("server.port", port === "" ? (protocol === "https:" ? 443 : 80) : Number(port))
    })
  )

/** How something ended: well, for a reason to fail, or because it was stopped. */
export type End = "well" | "stopped" | Pick<Failure, "name" | "message">

export class Observer {
  readonly content: boolean
  /** Of what has no other: where this process was started from, or the layer built. */
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly #tracer: Tracer.Tracer | undefined
  readonly #counts: boolean
  readonly #clock: Clock.Clock
  readonly #context: Context.Context<never>

  constructor(
    tracer: Tracer.Tracer | undefined,
    counts: boolean,
    content: boolean,
    parent: Option.Option<Tracer.AnySpan>,
    clock: Clock.Clock,
    context: Context.Context<never>
  ) {
    this.#tracer = tracer
    this.#counts = counts
    this.content = content
    this.parent = parent
    this.#clock = clock
    this.#context = context
  }

  /** `undefined` when nobody traces. */
  begin(
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    kind: Tracer.SpanKind,
    attributes: Attributes
  ): Tracer.Span | undefined {
    if (this.#tracer === undefined) return undefined
    const span = this.#tracer.span({
      name,
      parent,
      annotations: Context.empty(),
      links: [],
      startTime: this.#clock.currentTimeNanosUnsafe(),
      kind,
      root: Option.isNone(parent),
      sampled: Option.match(parent, { onNone: () => true, onSome: ({ sampled }) => sampled })
    })
    this.add(span, attributes)
    return span
  }

  add(span: Tracer.Span | undefined, attributes: Readonly<Record<string, Value | undefined>>): void {
    if (span === undefined) return
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(key, value)
  }

  /** An error is told by its name and message: where in the code it arose is nobody's business elsewhere. */
  end(span: Tracer.Span | undefined, end: End): void {
    if (span === undefined) return
    if (typeof end === "object") span.attribute("error.type", end.name)
    const exit =
      end === "well"
        ? Exit.void
        : end === "stopped"
          ? Exit.interrupt()
          : Exit.fail({ name: end.name, message: end.message })
    span.end(this.#clock.currentTimeNanosUnsafe(), exit)
  }

  /** On the monotonic clock, in nanoseconds. */
  now(): bigint {
    return this.#clock.monotonicTimeNanosUnsafe()
  }

  /** Seconds since then. */
  since(began: bigint): number {
    return Number(this.now() - began) / 1e9
  }

  record(
    metric: Metric.Histogram<number>,
    value: number,
    attributes: Readonly<Record<string, Value | undefined>>
  ): void {
    if (!this.#counts) return
    const told = Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, String(value)]]
    )
    Metric.withAttributes(metric, Object.fromEntries(told)).updateUnsafe(value, this.#context)
  }
}
