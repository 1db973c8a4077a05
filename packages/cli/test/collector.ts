/** What a collector of OpenTelemetry gets, in this process: OTLP over HTTP, in JSON or protobuf. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type Value = string | number | boolean | ReadonlyArray<Value>
export type Attributes = { readonly [name: string]: Value }

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 1 internal, 3 client. */
  readonly kind: number
  readonly attributes: Attributes
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message?: string }
}

export interface Series {
  readonly attributes: Attributes
  readonly count: number
  readonly sum: number
  readonly explicitBounds: ReadonlyArray<number>
}

export interface Collector {
  readonly url: string
  readonly received: () => ReadonlyArray<Received>
  /** Of what came in JSON. */
  readonly spans: () => ReadonlyArray<Span>
  /** As they came last, by name. */
  readonly metrics: () => ReadonlyMap<string, { readonly unit: string; readonly series: ReadonlyArray<Series> }>
  readonly resources: () => ReadonlyArray<Attributes>
}

/** Listening until the scope closes. `status` 0: it never answers. */
export const start = (status = 200): Effect.Effect<Collector, never, Scope.Scope> =>
  Effect.gen(function* () {
    const received: Array<Received> = []
    const server = createServer((request, response) => {
      const pieces: Array<Buffer> = []
      request.on("data", (piece: Buffer) => pieces.push(piece))
      request.on("end", () => {
        received.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(pieces) })
        if (status > 0) response.writeHead(status, { "content-type": "application/json" }).end("{}")
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    // Safe: it listens on a port, not on a socket of the file system.
    const { port } = server.address() as AddressInfo
    const bodies = (path: string): ReadonlyArray<Json> =>
      received.filter((one) => one.path === path && isJson(one)).map(({ body }) => JSON.parse(String(body)))
    return {
      url: `http://127.0.0.1:${port}`,
      received: () => received,
      spans: () =>
        bodies("/v1/traces").flatMap(({ resourceSpans }) =>
          resourceSpans.flatMap(({ scopeSpans }: Json) =>
            scopeSpans.flatMap(({ spans }: Json) =>
              spans.map((span: Json) => ({ ...span, attributes: record(span.attributes) }))
            )
          )
        ),
      metrics: () =>
        new Map(
          bodies("/v1/metrics").flatMap(({ resourceMetrics }) =>
            resourceMetrics.flatMap(({ scopeMetrics }: Json) =>
              scopeMetrics.flatMap(({ metrics }: Json) =>
                metrics.map(({ histogram, name, unit }: Json) => [
                  name,
                  {
                    unit,
                    series: histogram.dataPoints.map((point: Json) => ({
                      ...point,
                      attributes: record(point.attributes)
                    }))
                  }
                ])
              )
            )
          )
        ),
      resources: () =>
        [...bodies("/v1/traces"), ...bodies("/v1/metrics")].flatMap(({ resourceMetrics, resourceSpans }) =>
          (resourceMetrics ?? resourceSpans).map(({ resource }: Json) => record(resource.attributes))
        )
    }
  })

// internal

// Safe: tests look at what they read.
type Json = ReturnType<typeof JSON.parse>

const isJson = ({ headers }: Received) => headers["content-type"] === "application/json"

const record = (attributes: ReadonlyArray<{ readonly key: string; readonly value: Json }>): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))

const valueOf = (value: Json): Value =>
  value.arrayValue === undefined
    ? (value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue)
    : value.arrayValue.values.map(valueOf)
