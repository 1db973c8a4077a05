/** What every provider must do, against a server that speaks as Ollama does. */
import { LlmV1, Provider, Providers } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { ProviderTest } from "@gleitzeit/testkit"
import { Effect, Layer } from "effect"
import { OllamaProvider } from "../src/index.ts"

let mini: MiniOllama.MiniOllama | undefined

const moons = { type: "object", required: ["moons"], properties: { moons: { type: "integer" } } }

const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const server = yield* MiniOllama.start({
      replies: ({ body, text }) => (body.format === undefined ? `Echo: ${text}` : `{"moons": 2}`)
    })
    mini = server
    const provider = yield* Provider.make(LlmV1.LlmV1, yield* OllamaProvider.make({ url: server.url }))
    const { register } = yield* Providers.Providers
    yield* register({
      ...provider,
      call: (method, params) => {
        if (JSON.stringify(params).includes("wait for it")) server.script({ hold: 1 })
        return provider.call(method, params)
      }
    })
  })
)

ProviderTest.suite("ollama", layer, {
  slow: {
    method: "llm/chat",
    params: { model: "llama3.2", prompt: "wait for it" },
    isGone: Effect.suspend(() => Effect.as(mini?.until(() => mini?.closes() === 1) ?? Effect.void, true))
  },
  failing: [
    { method: "llm/chat", params: { model: "nobody-has-it", prompt: "a" } },
    { method: "llm/embeddings", params: { model: "nobody-has-it", text: "a" } },
    { method: "llm/embeddings", params: { text: "" } },
    { method: "llm/vision", params: { prompt: "a", images: ["/nowhere/at/all.png"] } },
    { method: "llm/chat", params: { model: "llama3.2", prompt: "a", images: ["/nowhere/at/all.png"] } }
  ]
})

ProviderTest.suite("ollama with structured answers", layer, {
  methods: {
    "llm/chat": { params: { model: "llama3.2", prompt: "How many moons has Mars?", schema: moons } },
    "llm/generate": { params: { model: "llama3.2", prompt: "How many moons has Mars?", schema: moons } }
  }
})
