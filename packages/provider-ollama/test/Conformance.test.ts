/** What every provider must do, against a server that speaks as Ollama does. */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { ProviderTest } from "@gleitzeit/testkit"
import { Effect } from "effect"
import { onDuty } from "./calls.ts"

const moons = { type: "object", required: ["moons"], properties: { moons: { type: "integer" } } }

const { layer, slow } = onDuty(
  Effect.map(
    MiniOllama.start({
      replies: ({ body, text }) => (body.format === undefined ? `Echo: ${text}` : `{"moons": 2}`)
    }),
    (mini) => [mini]
  )
)

ProviderTest.suite("ollama", layer, {
  slow,
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
