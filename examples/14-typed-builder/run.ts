/** A workflow written in TypeScript: params and references are checked by the compiler, nothing is read from a file. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Executor, Files, Gleitzeit, LlmV1, MemoryStore, Providers, PythonV1, Secrets } from "@gleitzeit/core"
import { Simulator, WorkflowBuilder } from "@gleitzeit/core"
import { PythonProvider } from "@gleitzeit/provider-python"
import { Console, Effect, Layer } from "effect"

const Engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide([PythonProvider.layer(), Simulator.layer({ when: "always" })]),
  Layer.provide([Providers.layer, MemoryStore.layer, Files.layer(), Secrets.layer])
)

const digest = WorkflowBuilder.make("digest", (w) => {
  const topic = w.input("topic", { type: "string", default: "tides" })
  const research = w.task("research", LlmV1.LlmV1, "llm/chat", { prompt: `What is to be known about ${topic}?` })
  const count = w.task("count", PythonV1.PythonV1, "python/execute", {
    code: `result = len("${research.content}".split())`
  })
  const shorten = w.task(
    "shorten",
    LlmV1.LlmV1,
    "llm/chat",
    { messages: [{ role: "user", content: `Shorten: ${research.content}` }] },
    { if: `${count.result} > 200` }
  )
  return { words: count.result, digest: WorkflowBuilder.or(shorten.content, research.content) }
})

const program = Effect.gen(function* () {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { outputs, status } = yield* gleitzeit.run(yield* digest, { inputs: { topic: "lighthouses" } })
  yield* Console.log(status, outputs)
})

program.pipe(Effect.provide(Engine), NodeRuntime.runMain)
