/** Workflow files that hold agents: read, checked, planned, run; with a simulated model too, whatever that says. */
import { assert, describe, it } from "@effect/vitest"
import {
  AgentV1,
  Errors,
  type Failure,
  Gleitzeit,
  type Json,
  JsonSchemaCheck,
  LlmV1,
  Plugins,
  Protocol,
  Provider,
  Providers,
  Simulator,
  WorkflowSchema
} from "@gleitzeit/core"
import { Engine } from "@gleitzeit/testkit"
import { Effect, Layer, Schema } from "effect"
import plugin, { AgentProvider } from "../src/index.ts"
import { ask, call, engine, type Scene, shop } from "./scene.ts"

const document = `
defaults: { model: small }
tasks:
  - id: ask
    method: llm/agent
    params:
      prompt: Is there enough tea?
      tools: ["shop/*"]
      max_turns: 4
  - id: say
    method: data/value
    params: { text: "\${ask.answer}, after \${ask.turns} turns" }
`

const checked = (text: string) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "workflow.yaml" })
    assert.deepStrictEqual(diagnostics, [])
    return workflow ?? assert.fail("there is no workflow")
  })

const enough: Scene["say"] = (_, turn) => (turn === 1 ? call("shop/stock", { item: "tea" }) : { answer: "enough" })

describe("a workflow file", () => {
  it.effect("may call an agent llm/agent, with the model of all its tasks", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const workflow = yield* checked(document)
        assert.deepInclude(workflow.tasks[0], { protocol: "agent/v1", method: "agent/run" })
        const forecast = yield* gleitzeit.plan(workflow)
        assert.notInclude(JSON.stringify(forecast), "no provider")
        const report = yield* Engine.report(gleitzeit.run(workflow))
        assert.deepStrictEqual(report.tasks["say"]?.result, { text: "enough, after 2 turns" })
      }).pipe(Effect.provide(engine({ say: enough, heard })))
      assert.deepStrictEqual(
        heard.map(({ model }) => model),
        ["small", "small"]
      )
    })
  )

  it.effect("may say so beside a protocol, and the long way", () =>
    Effect.gen(function* () {
      for (const words of [
        "protocol: llm/v1\n    method: agent",
        "protocol: llm/v1\n    method: llm/agent",
        "method: agent/run"
      ]) {
        const workflow = yield* checked(document.replace("method: llm/agent", words))
        assert.strictEqual(workflow.tasks[0].method, "agent/run", words)
      }
    }).pipe(Effect.provide(engine({ say: enough })))
  )

  it.effect("is checked against what an agent takes and gives", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      for (const [from, to, words] of [
        ["max_turns: 4", "max_turns: many", "max_turns"],
        ["tools:", "tool:", "tool"],
        ["ask.turns", "ask.turn", "turn"]
      ] as const) {
        const { diagnostics } = yield* gleitzeit.check({ text: document.replace(from, to), file: "a.yaml" })
        assert.include(diagnostics.map(({ message }) => message).join("\n"), words)
      }
    }).pipe(Effect.provide(engine({ say: enough })))
  )
})

describe("the health of an agent", () => {
  const healthOf = (provider: Layer.Layer<never, Failure.Failure, Providers.Providers>) =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      return (yield* gleitzeit.health).find(({ name }) => name === "agent")?.health
    }).pipe(Effect.provide(Engine.layer({ provider: Layer.merge(provider, AgentProvider.layer()) })))

  it.effect("is that of its model", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* healthOf(Simulator.layer({ when: "always" })), { status: "healthy" })
      const broken = Provider.open({
        name: "broken",
        protocol: "llm/v1",
        contracts: Effect.succeed(Protocol.contracts(LlmV1.LlmV1).filter(({ method }) => method === "llm/chat")),
        call: () => Effect.die("nobody calls it"),
        health: Effect.succeed({ status: "unhealthy", details: { reason: "it is switched off" } })
      })
      const down = yield* healthOf(
        Layer.effectDiscard(Effect.flatMap(Providers.Providers, ({ register }) => Effect.flatMap(broken, register)))
      )
      assert.deepStrictEqual(down, {
        status: "unhealthy",
        details: { reason: `its model is provider "broken", which cannot work: it is switched off` }
      })
      const none = yield* healthOf(Layer.empty)
      assert.strictEqual(none?.status, "unhealthy")
      assert.include(JSON.stringify(none?.details), "llm/chat")
    })
  )
})

describe("an editor", () => {
  const schema = WorkflowSchema.make([AgentV1.AgentV1, LlmV1.LlmV1].flatMap((protocol) => Protocol.contracts(protocol)))
  const task = (words: Json.JsonObject) => ({ tasks: [{ id: "ask", params: { prompt: "a", max_turns: 2 }, ...words }] })

  it.each([
    [{ method: "llm/agent" }],
    [{ method: "agent/run" }],
    [{ protocol: "llm/v1", method: "agent" }],
    [{ protocol: "llm/v1", method: "llm/agent" }],
    [{ protocol: "agent/v1", method: "run" }]
  ])("takes %o, with the params of an agent", (words) => {
    assert.deepStrictEqual(JsonSchemaCheck.check(schema, task(words)), [])
    assert.isNotEmpty(JsonSchemaCheck.check(schema, task({ ...words, params: { prompt: "a", max_turn: 2 } })))
  })

  it("takes no other spelling", () => {
    assert.isNotEmpty(JsonSchemaCheck.check(schema, task({ method: "llm/agents" })))
    assert.isNotEmpty(JsonSchemaCheck.check(schema, task({ protocol: "agent/v1", method: "llm/agent" })))
  })
})

const Result = Schema.Struct({
  stopped: Schema.String,
  turns: Schema.Int,
  simulated: Schema.optionalKey(Schema.Boolean)
})

describe("a model that knows nothing", () => {
  const Simulated = Engine.layer({
    provider: Layer.mergeAll(Simulator.layer({ when: "always" }), shop(), AgentProvider.layer())
  })

  it.effect.prop(
    "comes to an end, and says that it is simulated",
    { prompt: Schema.NonEmptyString, schema: Schema.optionalKey(Schema.Literals(["integer", "array", "object"])) },
    ({ prompt, schema }) =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const params = {
          prompt: prompt.replaceAll("$", ""),
          tools: ["shop/*"],
          ...(schema && { schema: { type: schema } })
        }
        const report = yield* Engine.report(gleitzeit.run(ask(params)))
        const found = Schema.decodeUnknownSync(Result)(report.tasks["ask"]?.result)
        assert.deepStrictEqual(found, { stopped: "answer", turns: 1, simulated: true })
        assert.isTrue(report.tasks["ask"]?.simulated)
      }).pipe(Effect.provide(Simulated)),
    { arbitrary: { runs: 15 } }
  )

  it.effect.prop(
    "comes to an end whatever it says",
    { said: Schema.Array(Schema.Json).check(Schema.isMaxLength(6)) },
    ({ said }) =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const report = yield* Engine.report(gleitzeit.run(ask({ prompt: "a", tools: ["shop/*"], max_turns: 5 })))
        assert.strictEqual(report.status, "completed")
        const { turns } = Schema.decodeUnknownSync(Result)(report.tasks["ask"]?.result)
        assert.isAtMost(turns, 5)
      }).pipe(Effect.provide(engine({ say: (_, turn) => said[turn - 1] ?? call("shop/fail") }))),
    { arbitrary: { runs: 25 } }
  )
})

describe("an attempt after a failed one", () => {
  it.effect("asks again only what has not been answered", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const heard: Array<LlmV1.ChatParams> = []
      const busy = new Errors.ProviderOverloaded({ provider: "scripted-model", reason: "busy" })
      let isBusy = true
      const say: Scene["say"] = (_, turn) => {
        if (turn === 1) return call("shop/stock", { item: "tea" })
        if (!isBusy) return { answer: "enough" }
        isBusy = false
        return Effect.fail(busy)
      }
      const report = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const params = { prompt: "a", tools: ["shop/stock"] }
        const retry = { max_attempts: 2, delay: 1, backoff: "fixed", max_delay: 1, jitter: false } as const
        return yield* Engine.report(gleitzeit.run(ask(params, { retry })))
      }).pipe(Effect.provide(engine({ say, log, heard })))
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(report.tasks["ask"]?.attempts, 2)
      assert.lengthOf(heard, 3)
      assert.deepStrictEqual(log, ["stock tea"])
    })
  )
})

describe("as a plug-in", () => {
  const layer = (options: { readonly [key: string]: Schema.Json }) =>
    Plugins.layer({
      plugins: [{ name: "helper", use: "agent", options }],
      from: ".",
      bundled: { agent: { load: Effect.succeed(plugin) } }
    })

  const run = (options: { readonly [key: string]: Schema.Json }) =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      return yield* Engine.report(gleitzeit.run(ask({ prompt: "a", tools: ["shop/tell"] }, { provider: "helper" })))
    }).pipe(
      Effect.provide(
        engine({
          say: (_, turn) => (turn === 1 ? call("shop/tell", { characters: 50 }) : { answer: "" }),
          also: layer(options)
        })
      )
    )

  it.effect("it calls whoever is on duty where it is loaded, with its options", () =>
    Effect.gen(function* () {
      const { tasks } = yield* run({ max_result: 10 })
      assert.include(JSON.stringify(tasks["ask"]?.result), `"result":"xxxxxxxxxx","cut":50`)
      const refused = yield* Effect.flip(Effect.scoped(plugin.make({ max_result: 0 }, "helper")))
      assert.include(refused.message, "max_result")
    })
  )

  it.effect("it says so when nobody tells it who is on duty", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Effect.scoped(plugin.make({}, "helper")))
      assert.include(failure.message, "who is on duty")
    })
  )
})
