/** A provider of ours, served by JSON-RPC and reached through it, is as good as it is by itself. */
import { assert, describe, it } from "@effect/vitest"
import { RpcServer } from "@gleitzeit/core"
import { ProviderTest } from "@gleitzeit/testkit"
import { Effect, Fiber, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { RemoteProvider } from "../src/index.ts"
import { call, context, failure, server } from "./calls.ts"
import { tides } from "./tides.ts"

const failing = [{ method: "tide/next", params: { port: "Atlantis" } }]
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const watching = { count: 0 }

const http = Layer.unwrap(
  Effect.gen(function* () {
    const answer = RpcServer.make(RpcServer.ofProvider(yield* tides(watching)))
    const url = yield* server((_, response, body) => {
      const fiber = Effect.runFork(
        Effect.map(answer(body), (text) => {
          response.statusCode = text === undefined ? 204 : 200
          response.end(text)
        })
      )
      response.on("close", () => Effect.runFork(Fiber.interrupt(fiber)))
    })
    return RemoteProvider.layer({ name: "tides", url })
  })
)

ProviderTest.suite("over HTTP", http, {
  failing,
  slow: {
    method: "tide/watch",
    params: { seconds: 20 },
    isGone: Effect.repeat(
      Effect.sync(() => watching.count === 0),
      { until: (is) => is, times: 100 }
    )
  }
})

ProviderTest.suite(
  "over standard input and output",
  RemoteProvider.layer({ name: "tides", command: process.execPath, args: [fixture("tides.mjs")] }),
  { failing, slow: { method: "tide/watch", params: { seconds: 20 } } }
)

describe("a provider of ours as a process of ours", () => {
  it.live("shows chunks and usage, gets the context, and is interrupted", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const provider = yield* RemoteProvider.make({
          command: process.execPath,
          args: ["--conditions=gz-source", fixture("served.ts")]
        })
        const told: Parameters<typeof context>[0] = []
        assert.deepStrictEqual(yield* call(provider, "tide/next", { port: "Ærø 👋" }, told), {
          port: { port: "Ærø 👋" },
          times: ["15:41"]
        })
        assert.deepStrictEqual(told, [{ _tag: "Text", text: "Ærø 👋" }, { calls: 1 }])
        assert.strictEqual(provider.protocol, "tide/v1")
        const watch = yield* Effect.forkChild(call(provider, "tide/watch", { seconds: 60 }), {
          startImmediately: true
        })
        yield* call(provider, "tide/next", { port: "Husum" })
        yield* Fiber.interrupt(watch)
        const failed = yield* failure(call(provider, "tide/next", { port: "Atlantis" }))
        assert.deepStrictEqual([failed.code, failed.message], [-29002, "it sank"])
      })
    )
  )
})
