import { Errors } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { connect, listening, setup } from "./calls.ts"

const many = Array.from({ length: 20 }, (_, index) => `text number ${index}`)

/** A server that answers so. */
const answering = (answer: (path: string) => readonly [status: number, body: Schema.Json]) =>
  Effect.flatMap(
    listening((request, response) => {
      request.resume()
      const [status, body] = answer(request.url ?? "")
      response.writeHead(status, { "content-type": "application/json" })
      response.end(JSON.stringify(body))
    }),
    (url) => connect({ url })
  )

/** A server that answers every request with these vectors. */
const giving = (embeddings: ReadonlyArray<ReadonlyArray<number>>) =>
  answering(() => [200, { model: "nomic-embed-text", embeddings: embeddings.map((vector) => [...vector]) }])

describe("embeddings", () => {
  it.effect("are asked for in one request, and keep the order of the texts", () =>
    Effect.gen(function* () {
      const { embed, mini, used } = yield* setup()
      const { dimensions, embedding, embeddings, result, ...about } = yield* embed({ texts: many })
      assert.lengthOf(mini.requests(), 1)
      assert.deepInclude(mini.requests()[0], { path: "/api/embed" })
      assert.deepInclude(mini.requests()[0]?.body, { model: "nomic-embed-text", input: many })
      assert.lengthOf(embeddings, 20)
      assert.strictEqual(dimensions, embedding.length)
      assert.deepStrictEqual(result, embeddings)
      for (const [index, text] of many.entries()) {
        if (index % 7 === 0) assert.deepStrictEqual((yield* embed({ text })).embedding, embeddings[index])
      }
      assert.deepInclude(about, {
        provider: "ollama",
        provider_id: "ollama",
        endpoint: mini.url,
        attempts: 1,
        usage: { input_tokens: 60, total_tokens: 60 },
        cost: { usd: 0, source: "local" }
      })
      assert.deepStrictEqual(used[0], { calls: 1, input_tokens: 60, output_tokens: 0, cost_usd: 0 })
    })
  )

  it.effect("of a single text are that text's vector, by any name", () =>
    Effect.gen(function* () {
      const { call, embed, mini } = yield* setup()
      const { embedding, result } = yield* embed({ text: "a" })
      assert.deepStrictEqual(result, embedding)
      for (const params of [{ prompt: "a" }, { input: "a" }]) {
        assert.deepStrictEqual((yield* embed(params)).result, embedding)
      }
      assert.deepStrictEqual((yield* embed({ input: ["a"] })).result, [embedding])
      assert.deepStrictEqual((yield* call("llm/embed", { text: "a" })).result, embedding)
      assert.isTrue(mini.requests().every(({ path }) => path === "/api/embed"))
    })
  )

  it.effect("come from the model that is named, of the size that is asked for", () =>
    Effect.gen(function* () {
      const models = ["nomic-embed-text", "tiny"].map((name) => ({ name, capabilities: ["embedding"] as const }))
      const { embed, mini } = yield* setup({ mini: { models }, models: { embedding: "tiny" } })
      assert.strictEqual((yield* embed({ text: "a", dimensions: 5 })).dimensions, 5)
      assert.deepInclude(mini.requests().at(-1)?.body, { model: "tiny", dimensions: 5 })
      yield* embed({ text: "a", model: "nomic-embed-text", truncate: false, keep_alive: 0, options: { num_thread: 2 } })
      assert.deepInclude(mini.requests().at(-1)?.body, {
        model: "nomic-embed-text",
        truncate: false,
        keep_alive: 0,
        options: { num_ctx: 8192, num_thread: 2 }
      })
    })
  )

  it.effect("of no text are none, and nobody is asked", () =>
    Effect.gen(function* () {
      const { embed, mini, used } = yield* setup()
      const { attempts, dimensions, embedding, embeddings } = yield* embed({ texts: [] })
      assert.deepStrictEqual(
        { attempts, dimensions, embedding, embeddings },
        {
          attempts: 0,
          dimensions: 0,
          embedding: [],
          embeddings: []
        }
      )
      assert.lengthOf(mini.requests(), 0)
      assert.lengthOf(used, 0)
    })
  )

  it.effect("of an empty text are refused, by its place, and nobody is asked", () =>
    Effect.gen(function* () {
      const { embed, mini } = yield* setup()
      for (const [params, words] of [
        [{ text: "" }, "the text is empty"],
        [{ texts: ["a", "", "b"] }, "text 2 of 3 is empty"]
      ] as const) {
        const failure = yield* Effect.flip(embed(params))
        assert.instanceOf(failure, Errors.InvalidParams)
        assert.include(failure.message, words)
      }
      assert.lengthOf(mini.requests(), 0)
    })
  )

  it.effect("come from the older route of an older server, one request for each text", () =>
    Effect.gen(function* () {
      const { embed, mini, used } = yield* setup({ mini: { legacy: true } })
      const { embeddings, usage } = yield* embed({ texts: many })
      assert.lengthOf(embeddings, 20)
      assert.deepStrictEqual((yield* embed({ text: many[4] ?? "" })).embedding, embeddings[4])
      const [first, ...others] = mini.requests().slice(0, 21)
      assert.strictEqual(first?.path, "/api/embed")
      assert.deepStrictEqual(
        others.map(({ path, body }) => [path, (body as { prompt: string }).prompt]),
        many.map((text) => ["/api/embeddings", text])
      )
      assert.deepStrictEqual(usage, {})
      assert.deepStrictEqual(used[0], { calls: 1, output_tokens: 0, cost_usd: 0, at_least: ["input_tokens"] })
    })
  )

  it.effect("of a model that is not there name those that are", () =>
    Effect.gen(function* () {
      for (const legacy of [false, true]) {
        const { embed } = yield* setup({ mini: { legacy, models: ["llama3.2"] } })
        const failure = yield* Effect.flip(embed({ text: "a" }))
        assert.instanceOf(failure, Errors.ModelNotFound)
        assert.include(failure.message, "ollama pull nomic-embed-text")
      }
    })
  )

  it.effect("that are refused on both routes fail in the words of the first", () =>
    Effect.gen(function* () {
      const { embed } = yield* answering((path) =>
        path === "/api/tags"
          ? [200, { models: [{ name: "nomic-embed-text:latest" }] }]
          : [404, { error: path === "/api/embed" ? "the runner is gone" : "404 page not found" }]
      )
      assert.include((yield* Effect.flip(embed({ text: "a" }))).message, "the runner is gone")
    })
  )

  it.effect("of a model that makes none fail in the server's words", () =>
    Effect.gen(function* () {
      const { embed } = yield* setup()
      const failure = yield* Effect.flip(embed({ text: "a", model: "llava" }))
      assert.isFalse(failure.retryable)
      assert.include(failure.message, "does not support")
    })
  )

  for (const [what, texts, embeddings, words] of [
    ["fewer vectors than texts", ["a", "b"], [[1, 0]], "1 vectors for 2 texts"],
    ["none at all", ["a"], [], "0 vectors for 1 texts"],
    ["vectors of different lengths", ["a", "b"], [[1, 0], [1]], "different lengths"],
    ["a vector without numbers", ["a"], [[]], "without numbers"]
  ] as const) {
    it.effect(`are refused when the server gives ${what}`, () =>
      Effect.gen(function* () {
        const { embed } = yield* giving(embeddings)
        const failure = yield* Effect.flip(embed({ texts }))
        assert.instanceOf(failure, Errors.InvalidResult)
        assert.include(failure.message, words)
      })
    )
  }

  it.effect("say so when they are not of the size that was asked for", () =>
    Effect.gen(function* () {
      const { embed } = yield* giving([[0.6, 0.8]])
      const { warnings } = yield* embed({ text: "a", dimensions: 3 })
      assert.deepStrictEqual(warnings, ["the vectors have 2 numbers, not 3: the model cannot do otherwise"])
    })
  )

  it.effect("may be many megabytes", () =>
    Effect.gen(function* () {
      const { embed } = yield* giving(Array.from({ length: 300 }, () => Array.from({ length: 1000 }, () => 1 / 3)))
      const { dimensions } = yield* embed({ texts: Array.from({ length: 300 }, (_, index) => `${index}`) })
      assert.strictEqual(dimensions, 1000)
    })
  )
})
