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

  it.effect("takes the one server of `endpoints` or `pool`, and refuses several", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const provider = yield* plugin.make({ endpoint: "http://127.0.0.1:9", pool: [mini.url], endpoints: [mini.url] })
      assert.strictEqual((yield* provider.health).status, "healthy")
      const refused = yield* Effect.flip(plugin.make({ endpoints: ["http://a", "http://b"] }, "many"))
      assert.include(refused.message, 'provider "many" cannot be used: `endpoints` names 2 servers')
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
      models: { default: "a", vision: "b", code: "c" }
    }
    assert.deepStrictEqual(JsonSchemaCheck.check(plugin.options, fine), [])
  })
})
