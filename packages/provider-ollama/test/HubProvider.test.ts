/** What every provider must do, on several servers; and what of a provider only several servers show. */
import { Errors } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { ProviderTest } from "@gleitzeit/testkit"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OllamaProvider } from "../src/index.ts"
import { connect, onDuty } from "./calls.ts"

const { layer, slow } = onDuty(Effect.all([MiniOllama.start(), MiniOllama.start({ models: ["llava"] })]))

ProviderTest.suite("ollama on two servers", layer, {
  slow,
  failing: [
    { method: "llm/chat", params: { model: "nobody-has-it", prompt: "a" } },
    { method: "llm/embeddings", params: { model: "nobody-has-it", text: "a" } }
  ]
})

const two = Effect.fnUntraced(function* (...options: ReadonlyArray<MiniOllama.Options>) {
  const servers = yield* Effect.forEach(options, MiniOllama.start)
  return { servers, ...(yield* connect({ endpoints: servers.map(({ url }) => url) })) }
})

describe("a provider on several servers", () => {
  it.effect("says where it was answered, and what it cost, once, though another server was asked before", () =>
    Effect.gen(function* () {
      const { chat, servers, used } = yield* two({}, {})
      const [first] = servers
      const before = yield* chat({ model: "llama3.2", prompt: "hello there" })
      const warm = servers.find(({ url }) => url === before.endpoint) ?? first
      used.splice(0)
      warm?.script({ status: 500, body: { error: "llama runner process has terminated" } })
      const reply = yield* chat({ model: "llama3.2", prompt: "hello there" })
      assert.notStrictEqual(reply.endpoint, before.endpoint)
      assert.strictEqual(reply.attempts, 1)
      assert.strictEqual(
        used.reduce((sum, { calls = 0 }) => sum + calls, 0),
        1
      )
    })
  )

  it.effect(
    "does not say twice what was said: a server that breaks off fails the attempt, and it can be tried again",
    () =>
      Effect.gen(function* () {
        const { chat, said, servers } = yield* two({}, {})
        for (const server of servers) server.script({ cutAfter: 2 })
        const failure = yield* Effect.flip(chat({ model: "llama3.2", prompt: "one two three four" }))
        assert.isTrue(failure.retryable)
        assert.isBelow(said().length, "one two three four".length)
        assert.strictEqual(
          servers.flatMap((server) => server.requests()).filter(({ path }) => path === "/api/chat").length,
          1
        )
      })
  )

  it.effect("names the models of all servers when none has the one that is asked for", () =>
    Effect.gen(function* () {
      const { chat } = yield* two({ models: ["llava"] }, { models: ["qwen3"] })
      const failure = yield* Effect.flip(chat({ model: "llama3.2", prompt: "a" }))
      assert.strictEqual(failure.name, "MODEL_NOT_FOUND")
      assert.include(failure.message, "llava:latest")
      assert.include(failure.message, "qwen3:latest")
    })
  )

  it.effect("knows a model by its digest when all servers that have it agree", () =>
    Effect.gen(function* () {
      const { provider } = yield* two({ models: ["llama3.2"] }, { models: ["llama3.2", "llava"] })
      const identity = yield* provider.identity("llm/chat", { model: "llama3.2", prompt: "a" })
      assert.isString(identity)
    })
  )

  it.effect("has all vectors of a request come from one server", () =>
    Effect.gen(function* () {
      const { embed } = yield* two({}, { models: ["llava"] })
      const { embeddings } = yield* embed({ texts: ["one", "two"] })
      assert.lengthOf(embeddings, 2)
    })
  )

  it.effect("refuses to have no server", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* Effect.flip(OllamaProvider.make({ endpoints: [] })), Errors.ProviderRefused)
    })
  )
})
