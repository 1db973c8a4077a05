/** The loop on the real engine, with a model and tools that follow a script. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit, type LlmV1, Method, Protocol, Provider, Providers } from "@gleitzeit/core"
import { Engine, ScriptedProvider } from "@gleitzeit/testkit"
import { Deferred, Effect, Exit, Layer, Schema, Scope, Stream } from "effect"
import { ask, call, engine, type Scene } from "./scene.ts"

const Result = Schema.Struct({
  answer: Schema.Json,
  content: Schema.String,
  turns: Schema.Int,
  calls: Schema.Array(Schema.Record(Schema.String, Schema.Json)),
  stopped: Schema.String,
  usage: Schema.Record(Schema.String, Schema.Json)
})

const decode = Schema.decodeUnknownSync(Result)

const report = (scene: Scene, params: Parameters<typeof ask>[0]) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    return yield* Engine.report(gleitzeit.run(ask(params)))
  }).pipe(Effect.provide(engine(scene)))

const result = (scene: Scene, params: Parameters<typeof ask>[0]) =>
  Effect.map(report(scene, params), (report) => decode(report.tasks["ask"]?.result))

const failure = (scene: Scene, params: Parameters<typeof ask>[0]) =>
  Effect.map(report(scene, params), (report) => report.tasks["ask"]?.error?.message ?? "it did not fail")

const TillV1 = Protocol.make("till/v1", {
  description: "A till",
  methods: {
    "till/open": Method.make({
      description: "Opens the till",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Boolean
    })
  }
})

/** The last thing that the model was told in its last turn. */
const told = (heard: ReadonlyArray<LlmV1.ChatParams>) => heard.at(-1)?.messages?.at(-1)?.content ?? ""

describe("an agent", () => {
  it.effect("calls tools until the model answers, and says what it has done and used", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const log: Array<string> = []
      const say: Scene["say"] = (_, turn) =>
        [call("shop/stock", { item: "tea" }), call("shop/stock", { item: "salt" }), { answer: "enough" }][turn - 1] ??
        null
      const found = yield* result({ say, heard, log }, { prompt: "Is there enough?", tools: ["shop/stock"] })
      assert.deepStrictEqual(found, {
        answer: "enough",
        content: "enough",
        turns: 3,
        calls: [
          { method: "shop/stock", params: { item: "tea" }, result: { item: "tea", pieces: 3 } },
          { method: "shop/stock", params: { item: "salt" }, result: { item: "salt", pieces: 3 } }
        ],
        stopped: "answer",
        usage: { calls: 3, input_tokens: 30, output_tokens: 6 }
      })
      assert.deepStrictEqual(log, ["stock tea", "stock salt"])
      assert.deepStrictEqual(
        heard.at(-1)?.messages?.map(({ role }) => role),
        ["user", "assistant", "user", "assistant", "user"]
      )
      assert.include(told(heard), `{"item":"salt","pieces":3}`)
      assert.include(heard[0]?.system ?? "", "shop/stock: How many pieces of a thing there are")
    })
  )

  it.effect("passes on what is meant for the model", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      yield* result(
        { say: () => ({ answer: "yes" }), heard },
        { prompt: "Well?", system: "Be brief.", model: "m", temperature: 0, max_tokens: 9, tools: ["shop/*"] }
      )
      const [{ max_tokens, model, system = "", temperature } = {}] = heard
      assert.deepStrictEqual({ max_tokens, model, temperature }, { max_tokens: 9, model: "m", temperature: 0 })
      assert.isTrue(system.startsWith("Be brief."))
    })
  )

  it.effect("has an answer as the schema describes it, and tells the model what is wrong with another", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const schema = { type: "object", required: ["moons"], properties: { moons: { type: "integer" } } }
      const found = yield* result(
        { say: (_, turn) => ({ answer: { moons: turn === 1 ? "two" : 2 } }), heard },
        { prompt: "How many?", schema }
      )
      assert.deepStrictEqual(found.answer, { moons: 2 })
      assert.strictEqual(found.content, `{"moons":2}`)
      assert.strictEqual(found.turns, 2)
      assert.include(told(heard), `"moons"`)
    })
  )

  it.effect("counts a choice that cannot be used as a turn, and says why", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const wrong: ReadonlyArray<readonly [Schema.Json, string]> = [
        ["I think so.", "expected one JSON object"],
        [{ thought: "hm" }, `expected "tool" or "answer"`],
        [call("shop/sell", {}), `there is no tool "shop/sell"`],
        [call("shop/stock", { item: 7 }), "arguments of shop/stock"],
        [{ tool: "shop/stock", arguments: "tea" }, "expected an object"],
        [call("shop/read", { title: "a", file: "/etc/passwd" }), "is a path"]
      ]
      const found = yield* result(
        { say: (_, turn) => wrong[turn - 1]?.[0] ?? { answer: "no" }, heard },
        { prompt: "Well?", tools: ["shop/stock", "shop/read"] }
      )
      assert.strictEqual(found.turns, wrong.length + 1)
      assert.deepStrictEqual(found.calls, [])
      const said =
        heard
          .at(-1)
          ?.messages?.filter(({ role }) => role === "user")
          .map(({ content }) => content) ?? []
      wrong.forEach(([, words], n) => assert.include(said[n + 1], words))
    })
  )

  it.effect("takes arguments that are right but for their type", () =>
    Effect.gen(function* () {
      const found = yield* result(
        { say: (_, turn) => (turn === 1 ? call("shop/tell", { characters: "4", nothing: null }) : { answer: "so" }) },
        { prompt: "Well?", tools: ["shop/tell"] }
      )
      assert.deepStrictEqual(found.calls, [{ method: "shop/tell", params: { characters: 4 }, result: "xxxx" }])
    })
  )

  it.effect("has no tools in its last turn, and says that it was stopped", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const stock = call("shop/stock", { item: "tea" })
      const found = yield* result(
        { say: (_, turn) => (turn === 3 ? { answer: "so far" } : stock), heard },
        { prompt: "Well?", tools: ["shop/stock"], max_turns: 3 }
      )
      assert.strictEqual(found.stopped, "max_turns")
      assert.strictEqual(found.answer, "so far")
      assert.lengthOf(found.calls, 2)
      assert.include(told(heard), "You have no tools any more")
      assert.notInclude(JSON.stringify(heard.at(-1)?.schema), "shop/stock")
      const silent = yield* result({ say: () => stock }, { prompt: "Well?", tools: ["shop/stock"], max_turns: 3 })
      assert.strictEqual(silent.stopped, "max_turns")
      assert.isNull(silent.answer)
      assert.strictEqual(silent.turns, 3)
    })
  )

  it.effect("has no tools after its last call", () =>
    Effect.gen(function* () {
      const found = yield* result(
        {
          say: (params) =>
            JSON.stringify(params.schema).includes("shop/stock") ? call("shop/stock", { item: "a" }) : { answer: "" }
        },
        { prompt: "Well?", tools: ["shop/stock"], max_calls: 2 }
      )
      assert.strictEqual(found.stopped, "max_calls")
      assert.lengthOf(found.calls, 2)
      assert.strictEqual(found.turns, 3)
    })
  )

  it.effect("tells the model of a failure, or fails", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const say: Scene["say"] = (_, turn) => (turn === 1 ? call("shop/fail") : { answer: "closed" })
      const found = yield* result({ say, heard }, { prompt: "Well?", tools: ["shop/fail"] })
      assert.strictEqual(found.answer, "closed")
      assert.deepInclude(found.calls[0]?.["error"], { name: "TASK_EXECUTION_FAILED", message: "the till is closed" })
      assert.include(told(heard), "failed: the till is closed")
      const message = yield* failure({ say }, { prompt: "Well?", tools: ["shop/fail"], on_error: "fail" })
      assert.strictEqual(message, "the till is closed")
    })
  )

  it.effect("cuts what a tool gives, and says so to the model", () =>
    Effect.gen(function* () {
      for (const on_error of ["tell", "fail"]) {
        const heard: Array<LlmV1.ChatParams> = []
        const say: Scene["say"] = (_, turn) => (turn === 1 ? call("shop/tell", { characters: 999 }) : { answer: "so" })
        const scene = { say, heard, options: { maxResult: 100 } }
        const found = yield* result(scene, { prompt: "Well?", tools: ["shop/tell"], on_error })
        assert.deepInclude(found.calls[0], { result: "x".repeat(100), cut: 999 })
        assert.include(told(heard), "the first 100 of 999 characters")
        assert.notInclude(told(heard), "x".repeat(101))
      }
    })
  )

  it.effect("calls what writes only when it is named, or people are asked", () =>
    Effect.gen(function* () {
      const say: Scene["say"] = (_, turn) =>
        turn === 1 ? call("shop/order", { item: "tea", pieces: 2 }) : { answer: "done" }
      const log: Array<string> = []
      const left = yield* result({ say, log }, { prompt: "Order.", tools: ["shop/*"] })
      assert.deepStrictEqual([left.calls, log], [[], []])
      assert.include(yield* failure({ say }, { prompt: "Order.", tools: ["shop/o*"] }), "shop/order writes")
      const named = yield* result({ say, log }, { prompt: "Order.", tools: ["shop/order"] })
      assert.lengthOf(named.calls, 1)
      assert.deepStrictEqual(log, ["order 2 tea"])
    })
  )

  it.effect("says which pattern means no method, and what there is", () =>
    Effect.gen(function* () {
      const say = () => ({ answer: "" })
      const message = yield* failure({ say }, { prompt: "a", tools: ["shop/stock", "shp/*"] })
      assert.include(message, `tools[1] "shp/*"`)
      assert.include(message, "shop/*, ")
      assert.include(yield* failure({ say }, { prompt: "a", tools: ["shop/stok"] }), "shop/stock, ")
      assert.include(yield* failure({ say }, { prompt: "a", tools: ["agent/tool"] }), `tools[0] "agent/tool"`)
      assert.include(
        yield* failure({ say }, { prompt: "a", tools: ["shop/stock"], approve: ["shop/order"] }),
        `approve[0] "shop/order": no tool is meant`
      )
    })
  )

  it.effect("asks people first, goes on with their answer, and pays for nothing twice", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const log: Array<string> = []
      const say: Scene["say"] = (_, turn) =>
        [
          call("shop/fail"),
          call("shop/stock", { item: "tea" }),
          call("shop/order", { item: "tea", pieces: 2 }),
          call("shop/order", { item: "gold", pieces: 9 }),
          { answer: "ordered" }
        ][turn - 1] ?? null
      const report = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const workflow = ask({ prompt: "Order.", tools: ["shop/*"], approve: ["shop/order"] })
        const { run, waiting } = yield* gleitzeit.run(workflow)
        const [first] = waiting
        assert.strictEqual(first?.request, "ask/approve-3")
        assert.include(first?.prompt, `shop/order with {"item":"tea","pieces":2}`)
        assert.deepStrictEqual(log, ["fail", "stock tea"])
        yield* gleitzeit.respond(run, "ask/approve-3", true)
        yield* gleitzeit.wait(run)
        yield* gleitzeit.respond(run, "ask/approve-4", { approved: false, comment: "too dear", by: "ada" })
        return yield* Engine.report(gleitzeit.wait(run))
      }).pipe(Effect.provide(engine({ say, heard, log })))
      const found = decode(report.tasks["ask"]?.result)
      assert.strictEqual(found.answer, "ordered")
      assert.deepStrictEqual(log, ["fail", "stock tea", "order 2 tea"])
      assert.lengthOf(heard, 5)
      assert.include(told(heard), "was rejected by ada: too dear")
      assert.deepInclude(found.calls[3]?.["error"], { name: "APPROVAL_REJECTED" })
    })
  )

  it.effect("keeps to an answer for the call that was asked about, also when a tool has gone since", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const till = yield* Scope.make()
      const also = Layer.effectDiscard(
        Effect.gen(function* () {
          const providers = yield* Providers.Providers
          const provider = yield* Provider.make(TillV1, {
            name: "till",
            handlers: { "till/open": () => Effect.succeed(true) }
          })
          yield* Scope.provide(providers.register(provider), till)
        })
      )
      const say: Scene["say"] = (_, turn) =>
        [
          call("till/open"),
          call("shop/order", { item: "tea", pieces: 2 }),
          call("shop/order", { item: "gold", pieces: 9 }),
          { answer: "ordered" }
        ][turn - 1] ?? null
      const report = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const { run } = yield* gleitzeit.run(ask({ prompt: "Order.", tools: ["**"], approve: ["shop/order"] }))
        yield* gleitzeit.respond(run, "ask/approve-2", true)
        const { waiting } = yield* gleitzeit.wait(run)
        assert.deepStrictEqual(
          waiting.map(({ request }) => request),
          ["ask/approve-3"]
        )
        yield* Scope.close(till, Exit.void)
        yield* gleitzeit.respond(run, "ask/approve-3", false)
        return yield* Engine.report(gleitzeit.wait(run))
      }).pipe(Effect.provide(engine({ say, log, also })))
      assert.deepStrictEqual(log, ["order 2 tea"])
      const { calls } = decode(report.tasks["ask"]?.result)
      assert.deepStrictEqual(
        calls.map(({ error, method, params }) => [method, params, error === undefined]),
        [
          ["shop/order", { item: "tea", pieces: 2 }, true],
          ["shop/order", { item: "gold", pieces: 9 }, false]
        ]
      )
    })
  )

  it.effect("keeps secrets out of the journal, and out of what watchers see", () =>
    Effect.gen(function* () {
      const secret = "tr0ub4dor&3-horse"
      const heard: Array<LlmV1.ChatParams> = []
      const said: Array<unknown> = []
      const say: Scene["say"] = (_, turn) =>
        turn === 1 ? call("shop/stock", { item: secret }) : { answer: `it is ${secret}` }
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const workflow = { ...ask({ prompt: "The key is ${secrets.KEY}.", tools: ["shop/stock"] }), secrets: ["KEY"] }
        const run = yield* gleitzeit.submit(workflow)
        yield* Stream.runForEach(gleitzeit.watch(run), (live) => Effect.sync(() => said.push(live)))
        said.push(yield* Engine.report(gleitzeit.wait(run)))
        said.push(yield* Stream.runCollect(gleitzeit.events(run)))
      }).pipe(Effect.provide(engine({ say, heard, secrets: { KEY: secret } })))
      assert.include(heard[0]?.messages?.[0]?.content, secret)
      assert.isAbove(said.length, 3)
      assert.notInclude(JSON.stringify(said), secret)
    })
  )

  it.effect("tells whoever watches what it does", () =>
    Effect.gen(function* () {
      const messages: Array<string> = []
      const say: Scene["say"] = (_, turn) =>
        turn === 1 ? call("shop/stock", { item: "tea" }) : turn === 2 ? "eh" : { answer: "" }
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const run = yield* gleitzeit.submit(ask({ prompt: "Well?", tools: ["shop/stock"] }))
        yield* Stream.runForEach(gleitzeit.watch(run), (live) =>
          Effect.sync(() => {
            if (live._tag === "Chunk" && "message" in live.chunk) messages.push(String(live.chunk.message))
          })
        )
      }).pipe(Effect.provide(engine({ say })))
      assert.deepStrictEqual(messages, [
        "turn 1 of at most 10",
        `call 1: shop/stock {"item":"tea"}`,
        "turn 2 of at most 10",
        "turn 2: expected one JSON object, found text",
        "turn 3 of at most 10"
      ])
    })
  )

  it.effect("works inside of an agent, with no more than that has, and not without end", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const log: Array<string> = []
      const say: Scene["say"] = (params, turn) => {
        if (turn > 1) return { answer: "done" }
        return JSON.stringify(params.schema).includes("agent/run")
          ? call("agent/run", { prompt: "Go on.", tools: ["**"], max_turns: 900 })
          : call("shop/order", { item: "tea", pieces: 1 })
      }
      const found = yield* result(
        { say, heard, log },
        { prompt: "Well?", tools: ["agent/run", "shop/stock"], max_turns: 4 }
      )
      assert.strictEqual(found.answer, "done")
      assert.deepInclude(found.calls[0]?.["params"], {
        tools: ["shop/stock", "agent/run"],
        max_turns: 4
      })
      // three of them, each asked twice: the innermost has no agent, and none may order
      assert.deepStrictEqual(
        heard.map(({ schema }) => JSON.stringify(schema).includes("agent/run")),
        [true, true, false, false, true, true]
      )
      assert.deepStrictEqual(log, [])
    })
  )

  it.effect("works no deeper behind tools that call agents themselves", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const again: ScriptedProvider.Script = (_, { call }) =>
        call("inner", "agent/run", { prompt: "Go on.", tools: ["script/do"] })
      const found = yield* result(
        {
          say: (_, turn) => (turn === 1 ? call("script/do", { script: "again" }) : { answer: "done" }),
          heard,
          also: ScriptedProvider.layer({ scripts: { again } })
        },
        { prompt: "Well?", tools: ["script/do"] }
      )
      assert.lengthOf(heard, 6)
      assert.include(JSON.stringify(heard), "4 deep, 3 are allowed")
      assert.strictEqual(found.answer, "done")
    })
  )

  it.effect("has its calls counted by the budget of the run", () =>
    Effect.gen(function* () {
      const heard: Array<LlmV1.ChatParams> = []
      const log: Array<string> = []
      const stock = call("shop/stock", { item: "tea" })
      const report = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const workflow = ask({ prompt: "Well?", tools: ["shop/stock"] })
        // the agent, two turns and one tool
        const { run, waiting } = yield* gleitzeit.run(workflow, { budget: { calls: 4 } })
        assert.deepStrictEqual([heard.length, log.length], [2, 1])
        assert.lengthOf(waiting, 1)
        yield* gleitzeit.respond(run, waiting[0]?.request ?? "", { calls: 20 })
        return yield* Engine.report(gleitzeit.wait(run))
      }).pipe(Effect.provide(engine({ say: (_, turn) => (turn < 4 ? stock : { answer: "" }), heard, log })))
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual([heard.length, log.length], [4, 3])
    })
  )

  it.effect("ends with its run, and closes what is under way", () =>
    Effect.gen(function* () {
      const door = yield* ScriptedProvider.door
      let closed = 0
      const held = Effect.andThen(Deferred.succeed(door.reached, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => void closed++))
      )
      const say: Scene["say"] = (_, turn) => (turn === 1 ? call("shop/stock", { item: "tea" }) : held)
      const report = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const run = yield* gleitzeit.submit(ask({ prompt: "Well?", tools: ["shop/stock"] }))
        yield* Engine.inTime(Deferred.await(door.reached))
        yield* Engine.inTime(gleitzeit.cancel(run))
        return yield* Engine.report(gleitzeit.wait(run))
      }).pipe(Effect.provide(engine({ say })))
      assert.strictEqual(report.status, "cancelled")
      assert.strictEqual(closed, 1)
    })
  )
})
