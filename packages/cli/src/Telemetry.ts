/**
 * Whether spans and metrics go to a collector, as the environment says in OpenTelemetry's own variables:
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 * What sends them is loaded only then.
 */
import { Config, Effect, Layer, Option, Schema } from "effect"
import { Output } from "./Output.ts"

/** Where one signal goes. */
export interface Target {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly format: "json" | "protobuf"
  /** Milliseconds that one delivery may take. */
  readonly timeout: number
  /** Milliseconds between two deliveries. Default: the exporter's own. */
  readonly interval: number | undefined
}

export interface Wanted {
  readonly traces: Target | undefined
  readonly metrics: Target | undefined
  /** What models are told and what they answer goes along. */
  readonly content: boolean
  /** `TRACEPARENT`: the span that this process was started in. */
  readonly parent: string | undefined
  /** How the program is named. Default: as it is called here. */
  readonly service: string | undefined
}

/** Nothing when no endpoint is set. What is wrong with the variables is said with --verbose, and nothing is sent. */
export const layer: Layer.Layer<never, never, Output> = Layer.unwrap(
  Effect.gen(function* () {
    const { note, options } = yield* Output
    const told = (issue: string) => (options.verbose ? note(`telemetry: ${issue}`) : Effect.void)
    return yield* Effect.matchEffect(wanted, {
      onFailure: (issue) => Effect.as(told(`nothing is sent: ${issue}`), Layer.empty),
      onSuccess: (wanted) =>
        wanted === undefined
          ? Effect.succeed(Layer.empty)
          : Effect.map(
              Effect.promise(() => import("./TelemetryExport.ts")),
              (exporting) => exporting.layer(wanted, told)
            )
    })
  })
)

/** `undefined` when nothing is to be sent; fails with what is wrong. */
export const wanted: Effect.Effect<Wanted | undefined, string> = Effect.gen(function* () {
  const [base, forTraces, forMetrics] = yield* Effect.all([
    text("OTEL_EXPORTER_OTLP_ENDPOINT"),
    text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    text("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
  ])
  if ((base ?? forTraces ?? forMetrics) === undefined) return undefined
  if (isTrue(yield* text("OTEL_SDK_DISABLED"))) return undefined
  const traces = yield* target("TRACES", forTraces, base, "OTEL_BSP_SCHEDULE_DELAY")
  const metrics = yield* target("METRICS", forMetrics, base, "OTEL_METRIC_EXPORT_INTERVAL")
  if (traces === undefined && metrics === undefined) return undefined
  const resource = yield* pairs("OTEL_RESOURCE_ATTRIBUTES")
  const capture = yield* text("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
  return {
    traces,
    metrics,
    content: /^(?:true|span_only|span_and_event)$/i.test(capture ?? ""),
    parent: yield* text("TRACEPARENT"),
    service: (yield* text("OTEL_SERVICE_NAME")) ?? (resource["service.name"] || undefined)
  }
})

// internal

type Signal = "TRACES" | "METRICS"

const target = Effect.fnUntraced(function* (
  signal: Signal,
  own: string | undefined,
  base: string | undefined,
  intervalName: string
): Effect.fn.Return<Target | undefined, string> {
  const url = yield* own === undefined
    ? below(base, `v1/${signal.toLowerCase()}`)
    : checked(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, own)
  const exporters = ((yield* text(`OTEL_${signal}_EXPORTER`)) ?? "otlp").toLowerCase().split(",")
  if (url === undefined || !exporters.some((name) => name.trim() === "otlp")) return undefined
  const name = yield* either(signal, "PROTOCOL", "http/protobuf")
  const format = formats.get(name)
  if (format === undefined) {
    return yield* Effect.fail(`the protocol is ${name}, and only ${[...formats.keys()].join(" and ")} are spoken here`)
  }
  const ownHeaders = `OTEL_EXPORTER_OTLP_${signal}_HEADERS`
  return {
    url,
    headers: yield* pairs((yield* text(ownHeaders)) === undefined ? "OTEL_EXPORTER_OTLP_HEADERS" : ownHeaders),
    format,
    timeout: (yield* milliseconds(`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`, "OTEL_EXPORTER_OTLP_TIMEOUT")) ?? 10_000,
    interval: yield* milliseconds(intervalName)
  }
})

const formats: ReadonlyMap<string, Target["format"]> = new Map([
  ["http/protobuf", "protobuf"],
  ["http/json", "json"]
])

/** It may hold a secret, and is not quoted. */
const checked = (variable: string, url: string): Effect.Effect<string, string> =>
  URL.canParse(url) && /^https?:/.test(url) ? Effect.succeed(url) : Effect.fail(`${variable} is no http URL`)

/** The path of a signal is put behind whatever path the common endpoint has. */
const below = (base: string | undefined, path: string): Effect.Effect<string | undefined, string> =>
  base === undefined
    ? Effect.undefined
    : Effect.map(checked("OTEL_EXPORTER_OTLP_ENDPOINT", base), (text) => {
        const url = new URL(text)
        url.pathname = `${url.pathname.replace(/\/$/, "")}/${path}`
        return url.href
      })

/** The signal's own variable, else the one for all. */
const either = (signal: Signal, what: string, byDefault: string) =>
  Effect.gen(function* () {
    const own = yield* text(`OTEL_EXPORTER_OTLP_${signal}_${what}`)
    return own ?? (yield* text(`OTEL_EXPORTER_OTLP_${what}`)) ?? byDefault
  })

const milliseconds = Effect.fnUntraced(function* (
  ...names: ReadonlyArray<string>
): Effect.fn.Return<number | undefined, string> {
  for (const name of names) {
    const value = yield* text(name)
    if (value === undefined) continue
    if (!/^[1-9]\d{0,9}$/.test(value)) return yield* Effect.fail(`${name} is ${value}, expected milliseconds`)
    return Number(value)
  }
  return undefined
})

/** `a=1,b=2`, values percent-encoded. They may be secrets: what is wrong with them is not quoted. */
const pairs = (name: string): Effect.Effect<{ readonly [name: string]: string }, string> =>
  Config.Record(Schema.String, Schema.StringFromUriComponent, name, { trim: true, keepEmptyValues: true }).pipe(
    Config.option,
    Effect.mapBoth({
      onFailure: () => `${name} is no list of name=value, percent-encoded`,
      onSuccess: Option.getOrElse(() => ({}))
    })
  )

/** One that is empty counts as not set. */
const text = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text.trim() !== "")))
  )

const isTrue = (value: string | undefined): boolean => value?.trim().toLowerCase() === "true"
