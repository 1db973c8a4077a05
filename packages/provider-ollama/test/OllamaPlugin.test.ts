import { JsonSchemaCheck, type Task, TaskContext } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Schema } from "effect"
import { TestClock } from "effect/testing"
import plugin from "../src/index.ts"

const opened = Effect.fnUntraced(function* (options: { readonly [key: string]: Schema.Json } = {}) {
  const mini = yield* MiniOllama.start()
  const provider = yield* plugin.make({ endpoint: mini.url, ...options }, "big")
  const chunks: Array<Task.Chunk> = []
  const ask = (params: Schema.Json) =>
    Effect.provideService(provider.call("llm/chat", params), TaskContext.TaskContext, {
      run: "run",
      task: "task",
      attempt: 1,
      idempotencyKey: "run/task",
      emit: (chunk) => Effect.sync(() => void chunks.push(chunk)),
      usage: () => Effect.void,
      call: () => Effect.die("not used"),
      suspend: () => Effect.die("not used")
    })
  return { mini, provider, chunks, ask }
})

const hello = { prompt: "hello there" }
const full = { status: 503, body: { error: "busy" } }

describe("the plug-in of Ollama", () => {
  it.effect("makes a provider under the configured name, on the server of `endpoint`", () =>
    Effect.gen(function* () {
      const { ask, mini, provider } = yield* opened({ models: { default: "llama3.2", code: "llama3.2" } })
      assert.strictEqual(provider.name, "big")
      yield* ask({ ...hello, model: "code" })
      assert.deepInclude(mini.requests().at(-1)?.body, { model: "llama3.2" })
    })
  )

  it.effect("takes the servers of `endpoints` and `pool` in place of `endpoint`, each once", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const provider = yield* plugin.make({ endpoint: "http://127.0.0.1:9", pool: [mini.url], endpoints: [mini.url] })
      assert.strictEqual((yield* provider.health).status, "healthy")
      assert.strictEqual(provider.concurrency, 4)
      const other = yield* MiniOllama.start()
      const several = yield* plugin.make({
        endpoints: [mini.url, { url: other.url, weight: 2, max_concurrent: 2, models: { deny: ["llava"] } }],
        max_queue: 8
      })
      assert.strictEqual(several.concurrency, Infinity)
      const { details, status } = yield* several.health
      assert.strictEqual(status, "healthy")
      assert.include(JSON.stringify(details), mini.url)
      assert.include(JSON.stringify(details), other.url)
    })
  )

  it.effect("takes a number for `pool`: connections at once", () =>
    Effect.gen(function* () {
      const { ask, mini } = yield* opened({ pool: 2, concurrency: 8 })
      yield* Effect.forEach(Array.from({ length: 8 }), () => ask(hello), { concurrency: "unbounded" })
      assert.isAtMost(mini.connections(), 2)
    })
  )

  it.effect("hands on contexts, lengths, repairs and models for embeddings", () =>
    Effect.gen(function* () {
      const { ask, mini } = yield* opened({
        num_ctx: { default: 2048 },
        max_tokens: 100,
        repair: 0,
        default_models: { embedding: "nomic-embed-text" }
      })
      yield* ask(hello)
      assert.deepInclude(mini.requests().at(-1)?.body, {
        options: { temperature: 0.7, num_ctx: 2048, num_predict: 100 }
      })
      mini.script({ raw: [`{"message":{"content":"no"},"done":true}\n`] })
      yield* Effect.flip(ask({ ...hello, format: "json" }))
      assert.lengthOf(mini.requests(), 2)
    })
  )

  it.effect("gives a call up after `timeout`", () =>
    Effect.gen(function* () {
      const { ask, mini } = yield* opened({ timeout: "5s" })
      mini.script({ hold: "headers" })
      const asked = yield* Effect.forkChild(Effect.flip(ask(hello)), { startImmediately: true })
      yield* mini.until(() => mini.requests().some(({ path }) => path === "/api/chat"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(asked)).message, 'provider "big": the call took more than 5 s')
    })
  )

  it.live("tries again as often as `max_retries` says, while the model has said nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { ask, chunks, mini } = yield* opened({ max_retries: 1 })
        mini.script(full)
        yield* ask(hello)
        assert.lengthOf(mini.requests(), 2)
        mini.script(full, full)
        assert.isTrue((yield* Effect.flip(ask(hello))).retryable)
        assert.lengthOf(mini.requests(), 4)
        chunks.length = 0
        mini.script({ cutAfter: 2 })
        yield* Effect.flip(ask(hello))
        assert.lengthOf(mini.requests(), 5)
        assert.lengthOf(chunks, 2)
      })
    )
  )

  it("says what its options may be", () => {
    const issues = JsonSchemaCheck.check(plugin.options, { endpoint: 5, concurrency: 0, timeuot: 1, models: { a: "" } })
    assert.deepStrictEqual(issues.map(({ path }) => path.join(".")).toSorted(), [
      "concurrency",
      "endpoint",
      "models.a",
      "timeuot"
    ])
    const fine = {
      endpoint: "http://x",
      timeout: "30s",
      max_retries: 3,
      pool: 4,
      num_ctx: 4096,
      max_tokens: -1,
      repair: 1,
      models: { default: "a", vision: "b", code: "c", embedding: "d" }
    }
    assert.deepStrictEqual(JsonSchemaCheck.check(plugin.options, fine), [])
  })
})
