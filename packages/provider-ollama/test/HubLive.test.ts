/** The hub on real sockets and in real time: servers of unequal speed that load models, and one that dies. */
import { Gleitzeit, WorkflowFile } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Engine } from "@gleitzeit/testkit"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { OllamaProvider } from "../src/index.ts"
import { fleet } from "./fleet.ts"

const models = ["llama3.2", "llava", "qwen3"]

/** One model in memory, one request at a time. Milliseconds a token. */
const mini = (tokenDelay: number): { readonly mini: MiniOllama.Options } => ({
  mini: { models, parallel: 1, maxLoaded: 1, loadDelay: 30, tokenDelay }
})

it.live("no request fails when a server dies while it answers", () =>
  Effect.gen(function* () {
    const { ask, hub, minis, parts } = yield* fleet([mini(1), mini(3), mini(5)])
    const asked = Array.from({ length: 40 }, (_, index) => models[index % models.length] ?? "")
    const dying = minis[1]
    const waits = dying?.until(() => parts(dying) >= 5) ?? Effect.void
    yield* Effect.forkChild(Effect.andThen(waits, dying?.stop ?? Effect.void))
    const urls = yield* Effect.forEach(asked, (model) => ask(model), { concurrency: 30 })
    assert.strictEqual(urls.length, 40)
    const { endpoints, queued } = yield* hub.status
    assert.deepStrictEqual(
      endpoints.map(({ state }) => state),
      ["healthy", "down", "healthy"]
    )
    assert.deepStrictEqual([queued, ...endpoints.map(({ inFlight }) => inFlight)], [0, 0, 0, 0])
  })
)

it.live("no task fails when a server dies under a run, whose answers are shown as they come", () =>
  Effect.gen(function* () {
    const minis = yield* Effect.forEach([1, 3, 5], (tokenDelay) => MiniOllama.start(mini(tokenDelay).mini))
    const dying = minis[1]
    const asked = () => dying?.requests().filter(({ path }) => path === "/api/chat").length ?? 0
    yield* Effect.forkChild(Effect.andThen(dying?.until(() => asked() >= 3) ?? Effect.void, dying?.stop ?? Effect.void))
    const tasks = Array.from({ length: 24 }, (_, i) => ({
      id: `t${i}`,
      method: "llm/chat",
      params: { model: models[i % models.length], prompt: `say ${i} again and again` },
      retry: { delay: "10ms" }
    }))
    const { workflow } = WorkflowFile.parse({ text: JSON.stringify({ name: "fleet", max_concurrency: 12, tasks }) })
    if (workflow === undefined) throw new Error("the workflow cannot be read")
    const report = yield* Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { run } = yield* gleitzeit.run(workflow)
      return yield* gleitzeit.get(run)
    }).pipe(
      Effect.provide(Engine.layer({ provider: OllamaProvider.layer({ endpoints: minis.map(({ url }) => url) }) }))
    )
    assert.strictEqual(report.status, "completed")
    for (let i = 0; i < tasks.length; i++) {
      const result = report.tasks[`t${i}`]?.result
      assert.deepInclude(result, { content: `Echo: say ${i} again and again` })
    }
    assert.isAtLeast(asked(), 3)
  })
)
