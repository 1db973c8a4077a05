/** What a plan finds out about models from a server that answers, without asking a model anything. */
import { Executor, Files, Gleitzeit, MemoryStore, Providers, Secrets } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { OllamaProvider } from "../src/index.ts"

const engine = (options: OllamaProvider.Options) =>
  Gleitzeit.layer().pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(OllamaProvider.layer(options)),
    Layer.provide(Layer.mergeAll(Providers.layer, MemoryStore.layer, Files.layer(), Secrets.layer))
  )

const foretold = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { locate, workflow } = yield* gleitzeit.check({ text: ["tasks:", ...lines].join("\n") })
  if (workflow === undefined) return yield* Effect.die(new Error("the workflow has mistakes"))
  return yield* gleitzeit.plan(workflow, { locate })
})

describe("a plan", () => {
  it.live("names models that the server does not have, also where a prompt is not known yet", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const { bounds, missing } = yield* foretold([
        "  - { id: a, method: llm/chat, params: { prompt: hello, max_tokens: 50 } }",
        "  - { id: b, method: llm/chat, params: { prompt: 'More of ${a.content}', model: nope } }",
        "  - { id: c, method: llm/generate, params: { prompt: '${b.content}', model: nope } }",
        "  - { id: d, method: llm/chat, params: { messages: [{ content: '${c.content}' }] } }"
      ]).pipe(Effect.provide(engine({ url: mini.url, models: { default: "gone" } })))
      assert.deepStrictEqual(
        missing.map(({ column, kind, line, name, tasks }) => ({ column, kind, line, name, tasks })),
        [
          { column: 22, kind: "model", line: 2, name: "gone", tasks: ["a", "d"] },
          { column: 81, kind: "model", line: 3, name: "nope", tasks: ["b", "c"] }
        ]
      )
      assert.match(missing[0]?.reason ?? "", /ollama pull gone/)
      assert.strictEqual(bounds.output_tokens.most, null)
      assert.isTrue(mini.requests().every(({ path }) => !/chat|generate/.test(path)))
    }).pipe(Effect.scoped)
  )
})
