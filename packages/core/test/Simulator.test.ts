import { Validator } from "@cfworker/json-schema"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { type Embedding, type Models, type Reply, LlmV1 } from "../src/LlmV1.ts"
import * as Provider from "../src/Provider.ts"
import * as ProvidersModule from "../src/Providers.ts"
import * as Simulator from "../src/Simulator.ts"
import type { Chunk, Usage } from "../src/Task.ts"
import { TaskContext } from "../src/TaskContext.ts"

const { Providers } = ProvidersModule

const call = Effect.fnUntraced(function* (method: string, params: Schema.Json) {
  const chunks: Array<Chunk> = []
  const used: Array<Usage> = []
  const provider = yield* Simulator.make({ when: "always" })
  const result = yield* provider.call(method, params).pipe(
    Effect.provideService(TaskContext, {
      run: "run",
      task: "task",
      attempt: 1,
      idempotencyKey: "run/task",
      emit: (chunk) => Effect.sync(() => void chunks.push(chunk)),
      usage: (usage) => Effect.sync(() => void used.push(usage)),
      call: () => Effect.die("not used"),
      suspend: () => Effect.die("not used")
    })
  )
  // Safe: `call` has encoded it with the schema of the method's result.
  return { result, reply: result as Reply, chunks, used }
})

const embed = (params: Schema.Json) =>
  Effect.map(call("llm/embeddings", params), ({ result, used }) => ({ ...(result as Embedding), used }))

const chat = (params: Schema.Json) => Effect.map(call("llm/chat", params), ({ reply }) => reply)

describe("Simulator", () => {
  it.effect("gives the same answer to the same params, and says that it is simulated", () =>
    Effect.gen(function* () {
      const params = { model: "llama3", messages: [{ content: "Explain async programming in Python" }] }
      const first = yield* chat(params)
      assert.deepStrictEqual(yield* chat(params), first)
      assert.strictEqual(first.simulated, true)
      assert.strictEqual(first.model, "llama3")
      assert.strictEqual(first.provider, "simulator")
      assert.isNotEmpty(first.warnings ?? [])
      assert.strictEqual(first.response, first.content)
      assert.match(first.content, /async.*Python/)
    })
  )

  it.effect("answers differently to different prompts", () =>
    Effect.gen(function* () {
      assert.notStrictEqual((yield* chat({ prompt: "cats" })).content, (yield* chat({ prompt: "dogs" })).content)
    })
  )

  it.effect("numbers a list when one is asked for", () =>
    Effect.gen(function* () {
      for (const [prompt, length] of [
        ["List 5 ideas for a garden", 5],
        ["Please give me three names for a river boat", 3]
      ] as const) {
        const lines = (yield* chat({ prompt })).content.split("\n")
        assert.lengthOf(lines, length)
        lines.forEach((line, index) => assert.isTrue(line.startsWith(`${index + 1}. `), line))
        assert.strictEqual(new Set(lines.map((line) => line.slice(3))).size, length)
      }
    })
  )

  it.effect("gives JSON that conforms to the schema", () =>
    Effect.gen(function* () {
      const schema: { [key: string]: Schema.Json } = {
        type: "object",
        required: ["sentiment", "score"],
        properties: { sentiment: { enum: ["good", "bad"] }, score: { type: "number", minimum: 0, maximum: 1 } }
      }
      for (const params of [{ schema }, { format: schema }]) {
        const reply = yield* chat({ prompt: "What a day", max_tokens: 1, ...params })
        assert.isTrue(new Validator(schema).validate(reply.result).valid)
        assert.deepStrictEqual(JSON.parse(reply.content), reply.result)
      }
      assert.isObject((yield* chat({ prompt: "What a day", format: "json" })).result)
    })
  )

  it.effect("streams what it says, and reports what it used", () =>
    Effect.gen(function* () {
      const { chunks, reply, used } = yield* call("llm/generate", { prompt: "Once upon a time in Bern" })
      assert.isAbove(chunks.length, 3)
      assert.strictEqual(chunks.map((chunk) => (chunk._tag === "Text" ? chunk.text : "")).join(""), reply.content)
      const { input_tokens = NaN, output_tokens = NaN } = reply.usage
      assert.deepStrictEqual(used, [{ calls: 1, input_tokens, output_tokens }])
    })
  )

  it.effect("ends at max_tokens and at a stop sign", () =>
    Effect.gen(function* () {
      const short = yield* chat({ prompt: "cats and dogs", max_tokens: 3 })
      assert.strictEqual(short.finish_reason, "length")
      assert.lengthOf(short.content.split(" "), 3)
      const stopped = yield* chat({ prompt: "cats and dogs", stop: ["about"] })
      assert.strictEqual(stopped.content, "Simulated answer ")
    })
  )

  it.effect("answers llm/complete as llm/generate", () =>
    Effect.gen(function* () {
      const params = { prompt: "Roses are red" }
      assert.deepStrictEqual((yield* call("llm/complete", params)).reply, (yield* call("llm/generate", params)).reply)
    })
  )

  it.effect("answers llm/vision", () =>
    Effect.gen(function* () {
      const { reply } = yield* call("llm/vision", { prompt: "Describe the picture", images: ["/a.png"] })
      assert.match(reply.content, /picture/)
    })
  )

  it.effect("gives the same text the same vector of length 1", () =>
    Effect.gen(function* () {
      const { dimensions, embedding, embeddings, result, simulated, used } = yield* embed({
        texts: ["cats and dogs", "dogs and cats", "quantum physics", "", "!"],
        dimensions: 48
      })
      assert.strictEqual(dimensions, 48)
      assert.isTrue(simulated)
      assert.deepStrictEqual(result, embeddings)
      assert.deepStrictEqual(embedding, embeddings[0])
      for (const vector of embeddings) {
        assert.lengthOf(vector, 48)
        assert.closeTo(Math.hypot(...vector), 1, 1e-9)
      }
      assert.deepStrictEqual(embeddings[1], embedding)
      assert.notDeepEqual(embeddings[2], embedding)
      assert.deepStrictEqual(
        used.map(({ calls }) => calls),
        [1]
      )
      const alone = yield* embed({ text: "cats and dogs", dimensions: 48 })
      assert.deepStrictEqual(alone.result, embedding)
    })
  )

  it.effect("puts texts with words in common closer than others", () =>
    Effect.gen(function* () {
      const { embeddings } = yield* embed({ texts: ["the red fox runs", "a red fox sleeps", "prices fell in March"] })
      const near = (a: number, b: number) =>
        (embeddings[a] ?? []).reduce((sum, value, index) => sum + value * (embeddings[b]?.[index] ?? 0), 0)
      assert.isAbove(near(0, 1), near(0, 2))
    })
  )

  it.effect("lists itself as the only model", () =>
    Effect.gen(function* () {
      const { result } = yield* call("llm/models", {})
      assert.deepStrictEqual((result as Models).result, ["simulator"])
    })
  )

  it.effect("finds something to say to anything", () =>
    Effect.gen(function* () {
      for (const prompt of ["", "?", "日本語", "a b c", "List 0 things", "x".repeat(100_000)]) {
        assert.isNotEmpty((yield* chat({ prompt })).content)
      }
    })
  )
})

const counted = (status: Provider.Health["status"]) => {
  const state = { asked: 0, status }
  const layer = Provider.layer(
    LlmV1,
    Effect.succeed({
      name: "ollama",
      handlers: { "llm/chat": () => Effect.die("not called"), "llm/generate": () => Effect.die("not called") },
      health: Effect.sync(() => {
        state.asked++
        return { status: state.status }
      })
    })
  )
  return { state, layer }
}

describe("Simulator on duty", () => {
  const chosen = Effect.gen(function* () {
    const providers = yield* Providers
    return (yield* providers.choose("llm/chat", {})).name
  })

  for (const [status, expected] of [
    ["healthy", "ollama"],
    ["unhealthy", "simulator"]
  ] as const) {
    it.effect(`${expected} takes the call when the other provider is ${status}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* chosen, expected)
      }).pipe(
        Effect.provide(
          Layer.mergeAll(Simulator.layer({ when: "unavailable" }), counted(status).layer).pipe(
            Layer.provideMerge(ProvidersModule.layer)
          )
        )
      )
    )
  }

  it.effect("asks for health once in five seconds, however many calls there are", () => {
    const { layer, state } = counted("unhealthy")
    return Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 50 }), () => chosen, { concurrency: "unbounded" })
      assert.strictEqual(state.asked, 1)
      state.status = "healthy"
      assert.strictEqual(yield* chosen, "simulator")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* chosen, "ollama")
      assert.strictEqual(state.asked, 2)
    }).pipe(
      Effect.provide(
        Layer.mergeAll(Simulator.layer({ when: "unavailable" }), layer).pipe(Layer.provideMerge(ProvidersModule.layer))
      )
    )
  })
})
