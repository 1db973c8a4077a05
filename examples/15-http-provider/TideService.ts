/** `tide/v1` from a web service: `GET URL/ports/PORT?count=3`. */
import { Errors, Method, Plugin, Protocol, Provider } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

const Tides = Schema.Struct({ times: Schema.Array(Schema.String) })
export const TideV1 = Protocol.make("tide/v1", {
  description: "Tides by port",
  methods: {
    "tide/next": Method.make({
      description: "The next high waters at a port",
      effects: "reads",
      params: Schema.Struct({ port: Schema.NonEmptyString, count: Schema.optionalKey(Schema.Int) }),
      result: Tides,
      examples: [{ params: { port: "Husum" }, result: { times: ["2026-11-21T15:41:00Z"] } }]
    })
  }
})

/** `timeout`: until an answer is there as a whole. Default 10 s. */
export const Options = Schema.Struct({ url: Schema.String, timeout: Schema.optionalKey(Plugin.duration) })

const make = ({ timeout = 10_000, url }: typeof Options.Type, provider = "tides") =>
  Effect.gen(function* () {
    const client = HttpClient.mapRequest(yield* HttpClient.HttpClient, HttpClientRequest.prependUrl(url))
    const late = (phase: string) => new Errors.ProviderTimeout({ provider, phase, seconds: timeout / 1000 })
    const get = <A>(path: string, schema: Schema.Codec<A, unknown>) =>
      // its socket is closed with the scope, whatever of the answer has been read by then
      HttpClient.withScope(client)
        .get(path)
        .pipe(
          Effect.filterOrFail(
            ({ status }) => status === 200,
            (response) => refusal(provider, response)
          ),
          Effect.flatMap(HttpClientResponse.schemaBodyJson(schema)),
          Effect.catchTag(["HttpClientError", "SchemaError"], ({ _tag, message: reason }) =>
            Effect.fail(new Errors.ProviderUnavailable({ provider, reason, retryable: _tag === "HttpClientError" }))
          ),
          Effect.scoped,
          Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(late(`GET ${path}`)) })
        )
    const handlers: Provider.Handlers<typeof TideV1.methods> = {
      "tide/next": ({ count = 1, port }) => get(`/ports/${encodeURIComponent(port)}?count=${count}`, Tides)
    }
    return { name: provider, handlers, health: Effect.as(get("/health", Schema.Json), { status: "healthy" as const }) }
  }).pipe(Effect.provide(FetchHttpClient.layer))

const refusal = (provider: string, { headers, status }: HttpClientResponse.HttpClientResponse) => {
  const [reason, wait] = [`HTTP ${status}`, Number(headers["retry-after"]) * 1000]
  const later = wait > 0 ? { retryAfter: wait } : {}
  if (status === 429) return new Errors.ProviderOverloaded({ provider, reason, ...later })
  if (status >= 500) return new Errors.ProviderUnavailable({ provider, reason, retryable: true, ...later })
  return new Errors.TaskExecutionFailed({ reason, retryable: false })
}

export const layer = (options: typeof Options.Type) => Provider.layer(TideV1, make(options))
export default Plugin.provider({ name: "tides", protocol: TideV1, options: Options, make })
