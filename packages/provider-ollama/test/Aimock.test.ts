/**
 * A second opinion on what a server may send: `aimock`, which was not written here. Where it speaks as Ollama does the
 * provider understands it, and where it does not the provider says what is wrong.
 */
import { LLMock } from "@copilotkit/aimock"
import { Errors } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect } from "./calls.ts"

const setup = Effect.gen(function* () {
  const mock = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const mock = new LLMock({ port: 0 })
      mock.onMessage("hello", { content: "Hello to you" })
      mock.onMessage("busy", { error: { message: "we are busy", type: "overloaded" }, status: 503 })
      mock.onEmbedding("cat", { embedding: [0.6, 0.8] })
      await mock.start()
      return mock
    }),
    (mock) => Effect.promise(() => mock.stop())
  )
  return yield* connect({ url: mock.url, models: { default: "gpt-4" } })
})

const garbled = /is not what an Ollama server sends: "\{\\"model\\":\\"gpt-4\\",\\"embedding\\":/

describe("the provider on aimock", () => {
  it.effect("answers chats and prompts, and streams what is said", () =>
    Effect.gen(function* () {
      const { call, chat, said } = yield* setup
      const reply = yield* chat({ prompt: "hello" })
      assert.deepInclude(reply, { content: "Hello to you", model: "gpt-4", finish_reason: "stop" })
      assert.strictEqual(said(), reply.content)
      assert.strictEqual((yield* call("llm/generate", { prompt: "hello" })).response, "Hello to you")
    })
  )

  it.effect("tells the words of an error that is an object", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup
      const busy = yield* Effect.flip(chat({ prompt: "busy" }))
      assert.instanceOf(busy, Errors.ProviderOverloaded)
      assert.match(busy.message, /answers 503: we are busy$/)
      const strange = yield* Effect.flip(chat({ prompt: "nobody foresaw this" }))
      assert.match(strange.message, /answers 404: No fixture matched$/)
      assert.isFalse(strange.retryable)
    })
  )

  it.effect("tells a model that is missing from an answer that is", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup
      const failure = yield* Effect.flip(chat({ prompt: "nobody foresaw this", model: "llama3.2" }))
      assert.instanceOf(failure, Errors.ModelNotFound)
      assert.match(failure.message, /it has gpt-4, .*ollama pull llama3\.2/)
    })
  )

  it.effect("refuses vectors of another shape than Ollama's, and shows them", () =>
    Effect.gen(function* () {
      const { embed } = yield* setup
      for (const texts of [{ text: "cat" }, { texts: ["cat", "cat"] }]) {
        assert.match((yield* Effect.flip(embed({ model: "gpt-4", ...texts }))).message, garbled)
      }
    })
  )

  it.effect("lists the models of a server that does not say what runs, and calls one without a version unhealthy", () =>
    Effect.gen(function* () {
      const { models, provider } = yield* setup
      assert.include((yield* models).result, "gpt-4o")
      assert.strictEqual((yield* provider.health).status, "unhealthy")
    })
  )
})
