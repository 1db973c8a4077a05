/** `story/v1` over a WebSocket: one for each call, told piece by piece and shown while it comes. */
import { Errors, Method, Plugin, Protocol, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import { Socket } from "effect/socket"

export const StoryV1 = Protocol.make("story/v1", {
  description: "Stories",
  methods: {
    "story/tell": Method.make({
      description: "A story, told piece by piece",
      effects: "reads",
      params: Schema.Struct({ about: Schema.NonEmptyString }),
      result: Schema.Struct({ text: Schema.String }),
      examples: [{ params: { about: "Tides" }, result: { text: "Once upon a tide." } }]
    })
  }
})

/** `patience`: until the next piece is there. Default 10 s. */
export const Options = Schema.Struct({ url: Schema.String, patience: Schema.optionalKey(Plugin.duration) })
const Message = Schema.fromJsonString(Schema.Struct({ piece: Schema.String, last: Schema.Boolean }))

const make = ({ patience = 10_000, url }: typeof Options.Type, provider = "stories") => {
  const late = new Errors.ProviderTimeout({ provider, phase: "the next piece", seconds: patience / 1000 })
  const tell = Effect.fnUntraced(
    function* ({ about }: { readonly about: string }) {
      const task = yield* TaskContext.TaskContext
      const socket = yield* Socket.makeWebSocket(url, { openTimeout: patience })
      // opened here, and closed with the call however it ends: interrupted, too
      const { pull } = yield* socket.reader
      const next = Effect.timeoutOrElse(pull, { duration: patience, orElse: () => Effect.fail(late) })
      yield* (yield* socket.writer).write(JSON.stringify({ about }))
      for (let text = ""; ;) {
        for (const frame of yield* next) {
          const { last, piece } = yield* Schema.decodeUnknownEffect(Message)(frame)
          yield* task.emit({ _tag: "Text", text: piece })
          text += piece
          if (last) return { text }
        }
      }
    },
    Effect.scoped,
    Effect.provide(Socket.layerWebSocketConstructorGlobal),
    Effect.catchTag(["SocketError", "SchemaError"], (error) =>
      Effect.fail(refusal(provider, `${new URL(url).host}: ${error.message}`, error))
    )
  )
  return Effect.succeed({ name: provider, handlers: { "story/tell": tell }, capabilities: { streaming: true } })
}

/** 1013 is "try again later", 1008 is "not you"; without a close frame the connection is broken. */
const refusal = (provider: string, reason: string, error: Socket.SocketError | Schema.SchemaError) => {
  const code = error._tag === "SocketError" && error.reason._tag === "SocketCloseError" ? error.reason.code : 1006
  if (code === 1013) return new Errors.ProviderOverloaded({ provider, reason })
  const retryable = error._tag === "SocketError" && code !== 1008
  return new Errors.ProviderUnavailable({ provider, reason, retryable })
}

export const layer = (options: typeof Options.Type) => Provider.layer(StoryV1, make(options))
export default Plugin.provider({ name: "stories", protocol: StoryV1, options: Options, make })
