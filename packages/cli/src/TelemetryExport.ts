/**
 * Spans and metrics sent to a collector over HTTP. It is never waited for but at the end, and then only shortly; what it
 * does not take is lost, and a run is none the worse for it.
 */
import { Telemetry } from "@gleitzeit/core"
import { Effect, Layer, Metric, Option } from "effect"
import { FetchHttpClient, Headers, HttpBody, HttpClient, HttpClientResponse, HttpTraceContext } from "effect/http"
import { OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { Target, Wanted } from "./Telemetry.ts"
import { version } from "./Version.ts"

/** Milliseconds that each of the two may take at the end of the program. */
const patience = 1500

/** `told` hears of what could not be delivered. */
export const layer = (
  { content, metrics, parent, service, traces }: Wanted,
  told: (issue: string) => Effect.Effect<void>
): Layer.Layer<never> => {
  // the version of something else is nobody's knowledge here
  const resource =
    service === undefined ? { serviceName: "gleitzeit", serviceVersion: version } : { serviceName: service }
  const options = ({ headers, interval, url }: Target) => ({
    url,
    headers,
    resource,
    exportInterval: interval,
    shutdownTimeout: patience
  })
  const through = (target: Target) =>
    Layer.merge(serialization(target.format), client(told, target.timeout).pipe(Layer.provide(FetchHttpClient.layer)))
  const caller = Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromInput({ traceparent: parent })))
  const both = Layer.mergeAll(
    traces === undefined ? Layer.empty : OtlpTracer.layer(options(traces)).pipe(Layer.provide(through(traces))),
    metrics === undefined ? Layer.empty : OtlpMetrics.layer(options(metrics)).pipe(Layer.provide(through(metrics))),
    Layer.succeed(Telemetry.Telemetry, { metrics: metrics !== undefined, content }),
    caller === undefined ? Layer.empty : Layer.parentSpan(caller)
  )
  // of this program alone, whatever else counts in the process
  return Layer.provideMerge(
    both,
    Layer.sync(Metric.MetricRegistry, () => new Map())
  )
}

// internal

/** Where nothing has been counted there is nothing to send. */
const serialization = (format: Target["format"]): Layer.Layer<OtlpSerialization.OtlpSerialization> =>
  Layer.effect(
    OtlpSerialization.OtlpSerialization,
    Effect.map(OtlpSerialization.OtlpSerialization, (inner) =>
      OtlpSerialization.OtlpSerialization.of({
        ...inner,
        traces: ({ resourceSpans }) => inner.traces({ resourceSpans: resourceSpans.map(named) }),
        metrics: ({ resourceMetrics }) =>
          resourceMetrics.every(({ scopeMetrics }) => scopeMetrics.every(({ metrics }) => metrics.length === 0))
            ? HttpBody.empty
            : inner.metrics({ resourceMetrics: resourceMetrics.map(measured) })
      })
    )
  ).pipe(Layer.provide(format === "json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf))

/** Who has made the spans: effect names itself. */
const scope = { name: "gleitzeit", version }

const named = (one: OtlpTracer.ResourceSpan): OtlpTracer.ResourceSpan => ({
  ...one,
  scopeSpans: one.scopeSpans.map((spans) => ({ ...spans, scope }))
})

type ResourceMetrics = OtlpMetrics.MetricsData["resourceMetrics"][number]

/** A metric's unit comes as an attribute of each of its series too, where it says nothing; and all of these are texts. */
const measured = (one: ResourceMetrics): ResourceMetrics => ({
  ...one,
  scopeMetrics: one.scopeMetrics.map(({ metrics, ...rest }) => ({
    ...rest,
    scope,
    metrics: metrics.map((metric) =>
      metric.histogram === undefined
        ? metric
        : {
            ...metric,
            histogram: {
              ...metric.histogram,
              dataPoints: metric.histogram.dataPoints.map(({ attributes = [], ...point }) => ({
                ...point,
                attributes: attributes.flatMap(({ key, value }) =>
                  key === "unit"
                    ? []
                    : [{ key, value: key === "server.port" ? { intValue: Number(value.stringValue) } : value }]
                )
              }))
            }
          }
    )
  }))
})

/** Statuses that ask for another try, which the exporter makes. */
const busy = new Set([429, 502, 503, 504])

/**
 * One try for each delivery: whoever is away is not tried again in the next second, but with the next delivery. What is
 * not delivered counts as taken, so that nothing piles up.
 */
const client = (
  told: (issue: string) => Effect.Effect<void>,
  timeout: number
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (inner) => {
      let isTold = false
      return HttpClient.transform(inner, (sent, request) => {
        const taken = HttpClientResponse.fromWeb(request, new Response(null, { status: 204 }))
        if (request.body._tag === "Empty") return Effect.succeed(taken)
        const lost = (issue: string) => {
          if (isTold) return Effect.succeed(taken)
          isTold = true
          // what else is in the URL may be a secret
          const { origin, pathname } = new URL(request.url)
          return Effect.as(told(`${origin}${pathname} ${issue}`), taken)
        }
        const waited = Effect.onInterrupt(Effect.timeoutOption(sent, timeout), () =>
          lost("is not waited for any longer")
        )
        return Effect.matchEffect(waited, {
          onFailure: () => lost("does not answer"),
          onSuccess: Option.match({
            onNone: () => lost(`does not answer within ${timeout} ms`),
            onSome: (response) => {
              if (response.status < 300) return Effect.succeed(response)
              const told = lost(`answers with status ${response.status}`)
              return busy.has(response.status) ? Effect.as(told, response) : told
            }
          })
        })
      })
    })
  )
