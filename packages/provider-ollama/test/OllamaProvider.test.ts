import { Errors, Providers, TaskContext } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Schema } from "effect"
import { OllamaProvider } from "../src/index.ts"
import { connect, quiet, setup } from "./calls.ts"

const lastBody = (mini: MiniOllama.MiniOllama) => mini.requests().at(-1)?.body ?? {}

describe("OllamaProvider", () => {
  it.effect("answers a chat, and streams what it says", () =>
    Effect.gen(function* () {
      const { chat, chunks, mini, said, used } = yield* setup()
      const reply = yield* chat({ model: "llama3.2", messages: [{ role: "user", content: "say it again" }] })
      assert.deepStrictEqual(
        { ...reply, timing: {} },
        {
          content: "Echo: say it again",
          response: "Echo: say it again",
          result: "Echo: say it again",
          role: "assistant",
          message: { role: "assistant", content: "Echo: say it again" },
          model: "llama3.2",
          provider: "ollama",
          provider_id: "ollama",
          endpoint: mini.url,
          finish_reason: "stop",
          usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
          tokens_used: 7,
          timing: {},
          total_duration: 24_000_000,
          cost: { usd: 0, source: "local" },
          attempts: 1
        }
      )
      assert.strictEqual(said(), reply.content)
      assert.lengthOf(chunks, 4)
      assert.deepStrictEqual(used, [{ calls: 1 }, { input_tokens: 3, output_tokens: 4, cost_usd: 0 }])
    })
  )

  it.effect("gives times in milliseconds", () =>
    Effect.gen(function* () {
      const { hello } = yield* setup()
      const { timing } = yield* hello
      assert.deepStrictEqual(timing, {
        total_ms: 0,
        load_ms: 12,
        prompt_ms: 4,
        generation_ms: 8,
        first_token_ms: 0,
        tokens_per_second: 375
      })
    })
  )

  it.effect("generates from a prompt, also as llm/complete", () =>
    Effect.gen(function* () {
      const { call, mini } = yield* setup({ mini: { replies: ({ route, text }) => `${route}: ${text}` } })
      for (const method of ["llm/generate", "llm/complete"]) {
        const reply = yield* call(method, { model: "llama3.2", prompt: "once", system: "be brief" })
        assert.strictEqual(reply.content, "generate: once")
      }
      assert.deepInclude(mini.requests().at(-1), { path: "/api/generate" })
      assert.deepInclude(mini.requests().at(-1)?.body, { system: "be brief", prompt: "once", stream: true })
    })
  )

  it.effect("takes a prompt, messages without a role, and both", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      const sent = () => (lastBody(mini) as { messages: unknown }).messages
      yield* chat({ prompt: "a" })
      assert.deepStrictEqual(sent(), [{ role: "user", content: "a" }])
      yield* chat({ messages: [{ content: "a" }] })
      assert.deepStrictEqual(sent(), [{ role: "user", content: "a" }])
      yield* chat({ system: "s", messages: [{ role: "assistant", content: "a" }], prompt: "b" })
      assert.deepStrictEqual(sent(), [
        { role: "system", content: "s" },
        { role: "assistant", content: "a" },
        { role: "user", content: "b" }
      ])
    })
  )

  it.effect("sends an object as its JSON text", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup()
      const reply = yield* chat({ messages: [{ content: { rows: [1, null] } }] })
      assert.strictEqual(reply.content, `Echo: {"rows":[1,null]}`)
    })
  )

  it.effect("refuses neither prompt nor messages, and params it does not know, without asking the server", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      for (const params of [{}, { prompt: "a", tokens: 3 }]) {
        assert.instanceOf(yield* Effect.flip(chat(params)), Errors.InvalidParams)
      }
      assert.lengthOf(mini.requests(), 0)
    })
  )

  it.effect("sends zeros, minus ones and what only Ollama knows", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      yield* chat({
        prompt: "a",
        temperature: 0,
        seed: 0,
        top_k: 0,
        top_p: 0,
        max_tokens: -1,
        stop: "X",
        keep_alive: -1,
        provider_options: { ollama: { num_ctx: 2048, truncate: false }, other: { a: 1 } }
      })
      const { messages: _messages, ...sent } = lastBody(mini) as Record<string, unknown>
      assert.deepStrictEqual(sent, {
        model: "llama3.2",
        stream: true,
        keep_alive: -1,
        truncate: false,
        options: { temperature: 0, num_predict: -1, top_p: 0, top_k: 0, seed: 0, stop: ["X"], num_ctx: 2048 }
      })
    })
  )

  it.effect("sends a temperature of 0.7, a context and an end unless told otherwise", () =>
    Effect.gen(function* () {
      const { hello, mini } = yield* setup()
      yield* hello
      const options = { temperature: 0.7, num_ctx: 8192, num_predict: 8192 }
      assert.deepInclude(mini.requests().at(-1)?.body, { options })
    })
  )

  it.effect("leaves context and end to the server where its options say so", () =>
    Effect.gen(function* () {
      const { hello, mini } = yield* setup({ context: 0, maxTokens: -1 })
      yield* hello
      assert.deepInclude(mini.requests().at(-1)?.body, { options: { temperature: 0.7 } })
    })
  )

  it.effect("sends the same context for a model whatever is asked of it", () =>
    Effect.gen(function* () {
      const context = { "LLAMA3.2": 4096, "nomic-embed-text": 0, default: 16_384 }
      const { call, mini } = yield* setup({ context })
      const sent = () => (lastBody(mini) as { options: { num_ctx?: number } }).options.num_ctx
      for (const [method, params, expected] of [
        ["llm/chat", { prompt: "a" }, 4096],
        ["llm/generate", { prompt: "a", model: "llama3.2:latest" }, 4096],
        ["llm/chat", { prompt: "a", model: "deepseek-r1" }, 16_384],
        ["llm/embeddings", { text: "a" }, undefined]
      ] as const) {
        yield* call(method, params)
        assert.strictEqual(sent(), expected)
      }
    })
  )

  it.effect("takes Ollama's own options, and those for Ollama alone before them", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      yield* chat({
        prompt: "a",
        options: { repeat_penalty: 1.1, num_ctx: 1024, keep_alive: "1m" },
        provider_options: { ollama: { num_ctx: 2048 } }
      })
      assert.deepInclude(lastBody(mini), {
        keep_alive: "1m",
        options: { temperature: 0.7, num_ctx: 2048, num_predict: 8192, repeat_penalty: 1.1 }
      })
    })
  )

  it.effect("sends the name of a model with a registry in front as it is", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup({ mini: { models: ["hf.co/a/b:Q4"] } })
      yield* chat({ prompt: "a", model: "hf.co/a/b:Q4" })
      assert.deepInclude(lastBody(mini), { model: "hf.co/a/b:Q4" })
    })
  )

  it.effect("says so when the answer was cut off", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup()
      const reply = yield* chat({ prompt: "one two three", max_tokens: 2 })
      assert.strictEqual(reply.finish_reason, "length")
      assert.strictEqual(reply.content, "Echo: one")
      assert.deepStrictEqual(reply.warnings, ["the answer was cut off: it reached max_tokens (2)"])
    })
  )

  it.effect("keeps reasoning apart from the answer", () =>
    Effect.gen(function* () {
      const { chat, chunks } = yield* setup({ mini: { replies: () => ({ chunks: ["4"], thinking: "two and two" }) } })
      const reply = yield* chat({ model: "deepseek-r1", prompt: "2+2", think: true })
      assert.deepStrictEqual(reply.message, { role: "assistant", content: "4", reasoning: "two and two" })
      assert.deepStrictEqual(
        chunks.map(({ _tag }) => _tag),
        ["Reasoning", "Reasoning", "Reasoning", "Text"]
      )
    })
  )

  it.effect("warns of a model that only reasons", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup({ mini: { replies: () => ({ chunks: [], thinking: "hm" }) } })
      const reply = yield* chat({ model: "deepseek-r1", prompt: "2+2", think: true })
      assert.strictEqual(reply.content, "")
      assert.match(reply.warnings?.join() ?? "", /said nothing/)
    })
  )

  it.effect("leaves out the numbers that the server does not say", () =>
    Effect.gen(function* () {
      const { chat, used } = yield* setup({ mini: { replies: () => ({ chunks: ["a"], metrics: false }) } })
      const reply = yield* chat({ prompt: "a" })
      assert.deepStrictEqual(reply.usage, {})
      assert.deepStrictEqual(reply.timing, { total_ms: 0, first_token_ms: 0 })
      assert.deepStrictEqual(used, [{ calls: 1 }, { cost_usd: 0, at_least: ["input_tokens", "output_tokens"] }])
      assert.notProperty(reply, "tokens_used")
    })
  )

  it.effect("finds a model by any spelling, and takes the defaults where none is named", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup({ models: { default: "llama3.2:latest", code: "LLAMA3.2" } })
      const asked = () => (lastBody(mini) as { model: string }).model
      yield* chat({ prompt: "a" })
      assert.strictEqual(asked(), "llama3.2:latest")
      yield* chat({ prompt: "a", model: "code" })
      assert.strictEqual(asked(), "LLAMA3.2")
    })
  )

  it.effect("serves ten calls at once, each with its own answer", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup()
      const words = Array.from({ length: 10 }, (_, index) => `word${index}`)
      const replies = yield* Effect.forEach(words, (prompt) => chat({ prompt }), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        replies.map(({ content }) => content),
        words.map((word) => `Echo: ${word}`)
      )
    })
  )

  it.effect("uses its sockets again, and closes them with its scope", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { hello } = yield* connect({ url: mini.url })
          for (let index = 0; index < 20; index++) yield* hello
          assert.isAtMost(mini.connections(), 2)
        })
      )
      yield* mini.until(() => mini.connections() === 0)
      assert.strictEqual(mini.closes(), 0)
    })
  )

  it.effect("sends its headers, and the password of a URL as one of them", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const url = mini.url.replace("//", "//ada:secret@")
      const { hello } = yield* connect({ url, headers: { "x-project": "a" } })
      yield* hello
      assert.deepInclude(mini.requests()[0]?.headers, {
        authorization: `Basic ${btoa("ada:secret")}`,
        "x-project": "a"
      })
    })
  )
})

describe("OllamaProvider on duty", () => {
  it.effect("is healthy with a server, and tells its version and models", () =>
    Effect.gen(function* () {
      const { mini, provider } = yield* setup({ mini: { models: ["llama3.2"], version: "0.12.3" } })
      assert.deepStrictEqual(yield* provider.health, {
        status: "healthy",
        details: { url: mini.url, version: "0.12.3", models: ["llama3.2:latest"] }
      })
    })
  )

  it.effect("is unhealthy without one, and says why", () =>
    Effect.gen(function* () {
      const { mini, provider } = yield* setup()
      yield* mini.stop
      const reason = `nothing listens on ${mini.url}; start Ollama ("ollama serve"), or say where it is`
      assert.deepStrictEqual(yield* provider.health, { status: "unhealthy", details: { url: mini.url, reason } })
    })
  )

  it.effect("identifies a model by its digest", () =>
    Effect.gen(function* () {
      const { mini, provider } = yield* setup()
      const digest = yield* provider.identity("llm/chat", { model: "LLAMA3.2", prompt: "a" })
      assert.match(digest ?? "", /^[0-9a-f]{64} /)
      assert.strictEqual(yield* provider.identity("llm/chat", { prompt: "a" }), digest)
      assert.notStrictEqual(yield* provider.identity("llm/chat", { prompt: "a", images: ["/a.png"] }), digest)
      const said = { messages: [{ role: "user", content: "a" }] }
      assert.strictEqual(yield* provider.identity("llm/chat", said), digest)
      const shown = { messages: [{ role: "user", content: "a", images: ["/a.png"] }] }
      assert.notStrictEqual(yield* provider.identity("llm/chat", shown), digest)
      for (const more of [{ file_path: "/a.png" }, { files: ["/a.png"] }, { directory: "/a" }]) {
        assert.isUndefined(yield* provider.identity("llm/chat", { ...said, ...more }))
        assert.strictEqual(yield* provider.identity("llm/chat", { ...said, ...more, model: "llama3.2" }), digest)
      }
      const vision = yield* provider.identity("llm/vision", { prompt: "a", file_path: "/a.png" })
      assert.strictEqual(vision, yield* provider.identity("llm/chat", shown))
      assert.strictEqual(vision, yield* provider.identity("llm/chat", { prompt: "a", image_path: "/a.png" }))
      const vectors = yield* provider.identity("llm/embed", { text: "a" })
      assert.match(vectors ?? "", /^[0-9a-f]{64} /)
      assert.notInclude([digest, vision], vectors)
      const absent = yield* Effect.flip(provider.identity("llm/chat", { model: "nope", prompt: "a" }))
      assert.strictEqual(absent.name, "MODEL_NOT_FOUND")
      assert.match(absent.message, /does not have the model "nope" \(it has .*llama3\.2.*ollama pull nope/)
      yield* mini.stop
      assert.isUndefined(yield* provider.identity("llm/chat", { model: "llama3.2", prompt: "a" }))
    })
  )

  it.effect("identifies what it cuts prompts and answers by, where tasks leave that to it", () =>
    Effect.gen(function* () {
      const { mini } = yield* setup()
      const identity = (options: OllamaProvider.Options, method = "llm/chat", params = { prompt: "a" }) =>
        Effect.flatMap(connect({ url: mini.url, ...options }), ({ provider }) => provider.identity(method, params))
      const usual = yield* identity({})
      assert.strictEqual(yield* identity({}), usual)
      assert.notStrictEqual(yield* identity({ maxTokens: 10 }), usual)
      assert.notStrictEqual(yield* identity({ context: 512 }), usual)
      const vectors = (options: OllamaProvider.Options) => identity(options, "llm/embed", { prompt: "a" })
      assert.strictEqual(yield* vectors({ maxTokens: 10 }), yield* vectors({}))
      assert.notStrictEqual(yield* vectors({ context: 512 }), yield* vectors({}))
    })
  )

  it.effect("knows what a call uses at most, as far as the task says it", () =>
    Effect.gen(function* () {
      const { provider } = yield* setup()
      const estimate = (params: Schema.Json, method = "llm/chat") => provider.estimate(method, params)
      // a token for every two bytes, 16 for what is around a message
      const given = { input_tokens: 17, cost_usd: 0 }
      assert.deepStrictEqual(yield* estimate({ prompt: "a", max_tokens: 400 }), { ...given, output_tokens: 400 })
      for (const params of [
        {},
        { max_tokens: -1 },
        { max_tokens: 400, options: { num_predict: 800 } },
        { max_tokens: 400, provider_options: { ollama: { num_predict: 800 } } }
      ]) {
        assert.deepStrictEqual(yield* estimate({ prompt: "a", ...params }), given)
      }
      assert.deepStrictEqual(yield* estimate({ prompt: "a", max_tokens: 400, schema: { type: "object" } }), {
        // the second time with the first answer
        input_tokens: 2 * 17 + 400,
        output_tokens: 800,
        cost_usd: 0
      })
      assert.deepStrictEqual(yield* estimate({ prompt: "a", schema: {} }), { cost_usd: 0 })
      for (const params of [{ images: ["data:,"] }, { messages: [{ content: "b", images: ["data:,"] }] }]) {
        assert.deepStrictEqual(yield* estimate({ prompt: "a", max_tokens: 3, ...params }), {
          output_tokens: 3,
          cost_usd: 0
        })
      }
      assert.deepStrictEqual(yield* estimate({ texts: ["a", "bcd"] }, "llm/embed"), {
        input_tokens: 17 + 18,
        output_tokens: 0,
        cost_usd: 0
      })
      assert.deepStrictEqual(yield* estimate({}, "llm/models"), { input_tokens: 0, output_tokens: 0, cost_usd: 0 })
      assert.deepStrictEqual(yield* estimate({ prompt: 5, max_tokens: "x" }), {})
    })
  )

  it.effect("is meant by its name before a model, and takes what follows for the model", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start({ models: ["qwen3:4b", "other:qwen3", "hf.co/a/b:q4"] })
      const both = Layer.mergeAll(
        OllamaProvider.layer({ url: "127.0.0.1:1", name: "first" }),
        OllamaProvider.layer({ url: mini.url, name: "gpu-box", models: { small: "qwen3:4b" } })
      ).pipe(Layer.provideMerge(Providers.layer))
      yield* Effect.gen(function* () {
        const providers = yield* Providers.Providers
        for (const [model, name, asked] of [
          ["gpu-box:qwen3:4b", "gpu-box", "qwen3:4b"],
          ["gpu-box:small", "gpu-box", "qwen3:4b"],
          ["gpu-box:hf.co/a/b:q4", "gpu-box", "hf.co/a/b:q4"],
          ["first:qwen3", "first", undefined],
          // nobody's name: a model of that name, of whoever is healthy
          ["other:qwen3", "gpu-box", "other:qwen3"],
          ["hf.co/a/b:q4", "gpu-box", "hf.co/a/b:q4"]
        ] as const) {
          const params = { prompt: "a", model }
          const provider = yield* providers.choose("llm/chat", params)
          assert.strictEqual(provider.name, name, model)
          if (asked === undefined) continue
          yield* Effect.provideService(provider.call("llm/chat", params), TaskContext.TaskContext, quiet)
          assert.deepInclude(mini.requests().at(-1)?.body, { model: asked })
        }
      }).pipe(Effect.provide(both))
    })
  )

  it.effect("starts without a server, under its name", () =>
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      assert.strictEqual((yield* providers.choose("llm/complete", {})).name, "gpu-box")
    }).pipe(
      Effect.provide(
        OllamaProvider.layer({ url: "127.0.0.1:1", name: "gpu-box" }).pipe(Layer.provideMerge(Providers.layer))
      )
    )
  )

  it.effect("refuses an address that is none", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(OllamaProvider.make({ url: "ftp://a" }))
      assert.strictEqual(failure.name, "PROVIDER_INITIALIZATION_FAILED")
      assert.include(failure.message, "http://127.0.0.1:11434")
    })
  )
})
