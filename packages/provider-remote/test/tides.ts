/** A provider as anybody may write one: it streams, fails and takes its time. */
import { Errors, Method, Protocol, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Schema } from "effect"

const Port = Schema.Struct({ port: Schema.NonEmptyString, count: Schema.optionalKey(Schema.Int) })

export const TideV1 = Protocol.make("tide/v1", {
  description: "Tides by port",
  methods: {
    "tide/next": Method.make({
      description: "The next high waters at a port",
      effects: "reads",
      params: Port,
      result: Schema.Struct({ port: Port, times: Schema.Array(Schema.NullOr(Schema.String)) }),
      examples: [
        { params: { port: "Husum" }, result: { port: { port: "Husum" }, times: ["15:41"] } },
        { params: { port: "Ærø 👋", count: 2 }, result: { port: { port: "Ærø 👋" }, times: ["15:41", null] } }
      ]
    }),
    "tide/watch": Method.make({
      description: "Waits for the water",
      effects: "writes",
      params: Schema.Struct({ seconds: Schema.Finite }),
      result: Schema.Null,
      examples: [{ params: { seconds: 0 }, result: null }]
    })
  }
})

/** `watching`: how many wait for the water. */
export const tides = (watching: { count: number } = { count: 0 }) =>
  Provider.make(TideV1, {
    name: "tides",
    capabilities: { streaming: true },
    handlers: {
      "tide/next": Effect.fnUntraced(function* ({ count = 1, port }) {
        const task = yield* TaskContext.TaskContext
        yield* task.emit({ _tag: "Text", text: port })
        yield* task.usage({ calls: 1 })
        if (port === "Atlantis") return yield* new Errors.TaskExecutionFailed({ reason: "it sank", retryable: false })
        return { port: { port }, times: Array.from({ length: count }, (_, n) => (n === 0 ? "15:41" : null)) }
      }),
      "tide/watch": ({ seconds }) =>
        Effect.acquireUseRelease(
          Effect.sync(() => void watching.count++),
          () => Effect.as(Effect.sleep(seconds * 1000), null),
          () => Effect.sync(() => void watching.count--)
        )
    }
  })
