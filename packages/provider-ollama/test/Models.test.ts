import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as OllamaModels from "../src/OllamaModels.ts"
import { setup } from "./calls.ts"

describe("llm/models", () => {
  it.effect("lists the models by name, and says which are loaded", () =>
    Effect.gen(function* () {
      const { hello, mini, models } = yield* setup()
      yield* hello
      const { models: all, provider, result } = yield* models
      assert.deepStrictEqual(result, [
        "deepseek-r1:latest",
        "llama3.2:latest",
        "llava:latest",
        "nomic-embed-text:latest"
      ])
      assert.strictEqual(provider, "ollama")
      const { digest, size, ...llama } = all[1] ?? {}
      assert.match(digest ?? "", /^[0-9a-f]{64}$/)
      assert.isAbove(size ?? 0, 1000)
      assert.deepStrictEqual(llama, {
        name: "llama3.2:latest",
        capabilities: ["completion", "tools"],
        loaded: true,
        context_length: 8192,
        endpoints: [mini.url]
      })
      assert.deepStrictEqual(
        all.map(({ loaded }) => loaded),
        [false, true, false, false]
      )
    })
  )

  it.effect("are not kept: they change with every `ollama pull`", () =>
    Effect.gen(function* () {
      const { provider } = yield* setup()
      assert.isUndefined(yield* provider.identity("llm/models", {}))
    })
  )

  it.effect("fails without a server, and says how to start one", () =>
    Effect.gen(function* () {
      const { mini, models } = yield* setup()
      yield* mini.stop
      const failure = yield* Effect.flip(models)
      assert.include(failure.message, mini.url)
      assert.include(failure.message, "ollama serve")
    })
  )
})

describe("a model that is not there", () => {
  it("is told in few words, however many others there are", () => {
    const others = Array.from({ length: 20_000 }, (_, index) => `model-${index}-${"x".repeat(500)}:latest`)
    const failure = OllamaModels.absent("ollama", "lama3.2", [...others, "llama3.2:latest"])
    assert.match(failure.message, /it has llama3\.2:latest, model-0-.* and 180 more\); get it with/)
    assert.isBelow(failure.message.length, 5000)
    assert.isBelow(JSON.stringify(failure.data).length, 50_000)
  })

  it("brings those to mind first that were probably meant", () => {
    const available = ["mistral:latest", "llava:13b", "llama3.2:1b", "qwen3:8b"]
    const nearest = (model: string) => OllamaModels.nearestFirst(model, available)[0]
    assert.strictEqual(nearest("llama3.2"), "llama3.2:1b")
    assert.strictEqual(nearest("Lama3.2:1b"), "llama3.2:1b")
    assert.strictEqual(nearest("mistrl"), "mistral:latest")
    assert.deepStrictEqual(OllamaModels.nearestFirst("something-else", available), available)
    assert.lengthOf(OllamaModels.nearestFirst("qwen3", available), 4)
  })

  it.prop(
    "brings all of them to mind, whatever they are called",
    { model: Schema.String, available: Schema.Array(Schema.String) },
    ({ available, model }) => {
      assert.deepStrictEqual(OllamaModels.nearestFirst(model, available).toSorted(), available.toSorted())
    }
  )
})
