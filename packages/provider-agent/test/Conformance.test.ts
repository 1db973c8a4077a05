/** What every protocol and every provider must be. */
import { AgentV1 } from "@gleitzeit/core"
import { ProtocolTest, ProviderTest } from "@gleitzeit/testkit"
import { Effect } from "effect"
import { AgentProvider } from "../src/index.ts"

ProtocolTest.suite(AgentV1.AgentV1)

const said = { content: `{"answer": "so"}`, result: { answer: "so" } }

const call: ProviderTest.Options["call"] = (key, method, params) =>
  JSON.stringify(params).includes("for ever")
    ? Effect.never
    : Effect.sync(() => (method === "llm/chat" ? said : { key, method }))

ProviderTest.suite("agent", AgentProvider.layer(), {
  methods: {
    // the tools of the first example are not on duty here
    "agent/run": { params: { prompt: "Well?", tools: [], max_turns: 2 } }
  },
  call,
  slow: { method: "agent/run", params: { prompt: "for ever" } },
  failing: [
    { method: "agent/run", params: { prompt: "a", tools: ["nobody/has"] } },
    { method: "agent/run", params: { prompt: "a", approve: ["*"] } }
  ]
})
