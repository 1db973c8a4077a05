import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Metric, Option, Schema, Tracer } from "effect"
import { TaskExecutionFailed } from "../src/Errors.ts"
import * as BuiltIn from "../src/BuiltIn.ts"
import * as Executor from "../src/Executor.ts"
import type { Failure } from "../src/Failure.ts"
import * as Files from "../src/Files.ts"
import * as Gleitzeit from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { type Options, served, Telemetry } from "../src/Telemetry.ts"
import { engine, inTime, workflow } from "./harness.ts"

/** A tracer that keeps its spans, in the order in which they began. */
const recorder = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = Tracer.nativeTracer.span(options)
      spans.push(span)
      return span
    }
  })
  const only = (name: string) => {
    const found = spans.filter((span) => span.name === name)
    assert.lengthOf(found, 1, `${name} among ${spans.map((span) => span.name).join(", ")}`)
    return found[0]!
  }
  return { spans, only, tracer, layer: Layer.succeed(Tracer.Tracer, tracer) }
}

const attributesOf = (span: Tracer.Span) => Object.fromEntries(span.attributes)
const parentOf = (span: Tracer.Span) => Option.getOrUndefined(Option.map(span.parent, ({ spanId }) => spanId))
const exitOf = ({ status }: Tracer.Span): Exit.Exit<unknown, unknown> => {
  if (status._tag !== "Ended") throw new Error("the span goes on")
  return status.exit
}
const errorOf = (span: Tracer.Span): unknown =>
  Exit.match(exitOf(span), {
    onFailure: (cause) => cause.reasons.find(({ _tag }) => _tag === "Fail"),
    onSuccess: () => undefined
  })

const LooksLikeLlm = Protocol.make("llm/v1", {
  description: "Looks like llm/v1",
  methods: {
    "llm/chat": Method.make({ description: "Answers", effects: "reads", params: Schema.Json, result: Schema.Json })
  }
})
const LooksLikeAgent = Protocol.make("agent/v1", {
  description: "Looks like agent/v1",
  methods: {
    "agent/run": Method.make({ description: "Acts", effects: "reads", params: Schema.Json, result: Schema.Json })
  }
})

type Handler = (params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>

/** An engine whose only provider looks like a language model. */
const language = (
  handlers: { readonly chat?: Handler; readonly agent?: Handler },
  options: Options = {},
  secrets: { readonly [name: string]: string } = {}
) =>
  Gleitzeit.layer().pipe(
    Layer.provideMerge(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(secrets)),
    Layer.provide(BuiltIn.layer),
    Layer.provide(
      Provider.layer(
        LooksLikeAgent,
        Effect.succeed({ name: "agent", handlers: { "agent/run": handlers.agent ?? (() => Effect.succeed(null)) } })
      )
    ),
    Layer.provide(
      Provider.layer(
        LooksLikeLlm,
        Effect.succeed({
          name: "local",
          identity: () => Effect.succeed("the same"),
          handlers: { "llm/chat": handlers.chat ?? (() => Effect.succeed(null)) }
        })
      )
    ),
    Layer.provideMerge(Providers.layer),
    Layer.provideMerge(MemoryStore.layer),
    Layer.provideMerge(Layer.succeed(Telemetry, options)),
    Layer.provideMerge(Layer.sync(Metric.MetricRegistry, () => new Map()))
  )

const run = (text: string) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => gleitzeit.run(workflow(`name: Traced\n${text}`)))

const ask = (params: string) => `tasks: [{ id: ask, method: llm/chat, params: ${params} }]`

const failing = (reason: string, retryable = false) => Effect.fail(new TaskExecutionFailed({ reason, retryable }))

describe("spans", () => {
  it.effect("a run holds its tasks, and each of these its call", () => {
    const { layer, only, spans } = recorder()
    return Effect.gen(function* () {
      const { run: id } = yield* run("tasks: [{ id: greet, method: test/run, params: { value: 1 } }]")
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["run Traced", "task greet", "test/run"]
      )
      const [whole, task, call] = [only("run Traced"), only("task greet"), only("test/run")]
      assert.deepStrictEqual([parentOf(whole), parentOf(task), parentOf(call)], [undefined, whole.spanId, task.spanId])
      assert.strictEqual(call.traceId, whole.traceId)
      assert.deepStrictEqual(attributesOf(whole), {
        "gleitzeit.run.id": id,
        "gleitzeit.workflow.name": "Traced",
        "gleitzeit.run.status": "completed"
      })
      assert.deepStrictEqual(attributesOf(task), {
        "gleitzeit.run.id": id,
        "gleitzeit.workflow.name": "Traced",
        "gleitzeit.task.path": "greet",
        "gleitzeit.task.attempt": 1,
        "gleitzeit.task.outcome": "completed",
        "rpc.method": "test/run",
        "gleitzeit.provider": "test"
      })
      assert.deepStrictEqual(attributesOf(call), {
        "rpc.method": "test/run",
        "gleitzeit.run.id": id,
        "gleitzeit.task.path": "greet",
        "gleitzeit.task.attempt": 1,
        "gleitzeit.provider": "test"
      })
      assert.isTrue(spans.every((span) => Exit.isSuccess(exitOf(span)) && span.kind === "internal"))
    }).pipe(Effect.provide(engine().pipe(Layer.provide(layer))))
  })

  it.effect("every attempt has its own, and says how it failed", () => {
    const { layer, only, spans } = recorder()
    let calls = 0
    const flaky = () => (calls++ === 0 ? failing("no luck", true) : Effect.succeed("luck"))
    return Effect.gen(function* () {
      yield* inTime(
        run("tasks: [{ id: try, method: test/run, params: { script: flaky }, retry: { max_attempts: 2, delay: 1 } }]")
      )
      const tasks = spans.filter(({ name }) => name === "task try").map(attributesOf)
      assert.deepStrictEqual(
        tasks.map((task) => [task["gleitzeit.task.attempt"], task["gleitzeit.task.outcome"], task["error.type"]]),
        [
          [1, "retrying", "TASK_EXECUTION_FAILED"],
          [2, "completed", undefined]
        ]
      )
      assert.strictEqual(only("run Traced").attributes.get("gleitzeit.run.status"), "completed")
    }).pipe(Effect.provide(engine({ flaky }).pipe(Layer.provide(layer))))
  })

  it.effect("what fails says so with the error's name and message, at each level", () => {
    const { layer, only } = recorder()
    return Effect.gen(function* () {
      yield* run("tasks: [{ id: fail, method: test/run, params: { script: bad } }]")
      for (const [name, type] of [
        ["test/run", "TASK_EXECUTION_FAILED"],
        ["task fail", "TASK_EXECUTION_FAILED"],
        ["run Traced", "WORKFLOW_EXECUTION_FAILED"]
      ] as const) {
        const span = only(name)
        assert.strictEqual(span.attributes.get("error.type"), type)
        assert.deepInclude(errorOf(span), { _tag: "Fail" })
        assert.include(JSON.stringify(errorOf(span)), "no luck")
      }
    }).pipe(Effect.provide(engine({ bad: () => failing("no luck") }).pipe(Layer.provide(layer))))
  })

  it.effect("a task that waits for an answer has not failed", () => {
    const { layer, only } = recorder()
    const asking = (_: unknown, context: TaskContext["Service"]) => context.suspend("", { kind: "approval" })
    return Effect.gen(function* () {
      yield* run("tasks: [{ id: wait, method: test/run, params: { script: asking } }]")
      assert.strictEqual(only("run Traced").attributes.get("gleitzeit.run.status"), "waiting")
      assert.strictEqual(only("task wait").attributes.get("gleitzeit.task.outcome"), "suspended")
      assert.strictEqual(only("test/run").attributes.get("gleitzeit.waits"), true)
      assert.isTrue(Exit.isSuccess(exitOf(only("test/run"))))
    }).pipe(Effect.provide(engine({ asking }).pipe(Layer.provide(layer))))
  })

  it.effect("what is not called has no call", () => {
    const { layer, only, spans } = recorder()
    const cached = "tasks: [{ id: once, method: llm/chat, params: { prompt: a }, cache: true }]"
    return Effect.gen(function* () {
      yield* run(cached)
      yield* run(cached)
      const tasks = spans.filter(({ name }) => name === "task once")
      assert.deepStrictEqual(
        tasks.map((task) => task.attributes.get("gleitzeit.task.cached")),
        [undefined, true]
      )
      assert.strictEqual(parentOf(only("chat")), tasks[0]?.spanId)
    }).pipe(Effect.provide(language({}).pipe(Layer.provide(layer))))
  })

  it.effect("a run is a child of the span that made it, and of no span that nobody sees", () => {
    const { layer, only, tracer } = recorder()
    return Effect.gen(function* () {
      yield* run("tasks: [{ id: a, method: test/run, params: {} }]").pipe(
        Effect.withSpan("request"),
        Effect.withTracer(tracer)
      )
      const submit = only("Gleitzeit.submit")
      assert.strictEqual(parentOf(submit), only("request").spanId)
      assert.strictEqual(parentOf(only("run Traced")), submit.spanId)
    }).pipe(Effect.provide(engine().pipe(Layer.provide(layer))))
  })

  it.effect("without a parent of its own it has the one that the engine was made under", () => {
    const { layer, only } = recorder()
    const outer = Tracer.externalSpan({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      sampled: false
    })
    return Effect.gen(function* () {
      yield* Effect.withSpan(run("tasks: [{ id: a, method: test/run, params: {} }]"), "unseen")
      const span = only("run Traced")
      assert.deepStrictEqual([span.traceId, parentOf(span), span.sampled], [outer.traceId, outer.spanId, false])
    }).pipe(Effect.provide(engine().pipe(Layer.provide(Layer.parentSpan(outer)), Layer.provide(layer))))
  })
})

describe("calls of models", () => {
  const reply = {
    content: "Hello, Ada",
    model: "tiny:latest",
    provider: "ollama",
    finish_reason: "stop",
    usage: { input_tokens: 20, output_tokens: 5 }
  }

  it.effect("are clients' spans in the words of the conventions", () => {
    const { layer, only } = recorder()
    const handler = () => Effect.as(served("http://127.0.0.1:11434/api"), reply)
    return Effect.gen(function* () {
      yield* run(ask(`{ model: tiny, prompt: "Greet Ada", temperature: 0 }`))
      const span = only("chat tiny")
      assert.strictEqual(span.kind, "client")
      assert.deepInclude(attributesOf(span), {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "tiny",
        "gen_ai.request.temperature": 0,
        "gen_ai.response.model": "tiny:latest",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 5,
        "gleitzeit.provider": "local",
        "server.address": "127.0.0.1",
        "server.port": 11434
      })
      const [duration = {}] = yield* histogram("gen_ai.client.operation.duration")
      assert.strictEqual(duration["server.port"], "11434")
      assert.notInclude(JSON.stringify(attributesOf(span)), "Ada")
    }).pipe(Effect.provide(language({ chat: handler }).pipe(Layer.provide(layer))))
  })

  it.effect("hold what was said only where that is asked for", () => {
    const { layer, only } = recorder()
    return Effect.gen(function* () {
      yield* run(ask(`{ model: tiny, prompt: "Greet Ada" }`))
      const { attributes } = only("chat tiny")
      assert.include(attributes.get("gen_ai.input.messages"), "Greet Ada")
      assert.include(attributes.get("gen_ai.output.messages"), "Hello, Ada")
    }).pipe(
      Effect.provide(language({ chat: () => Effect.succeed(reply) }, { content: true }).pipe(Layer.provide(layer)))
    )
  })

  it.effect("never hold a secret, in whatever it comes back", () => {
    const { layer, spans } = recorder()
    const secret = "sk-very-secret-42"
    const leaky = (params: Schema.Json) =>
      Effect.annotateCurrentSpan({ seen: JSON.stringify(params) }).pipe(
        Effect.andThen(
          JSON.stringify(params).includes("fail")
            ? failing(`not ${secret}`)
            : Effect.succeed({ ...reply, content: secret })
        )
      )
    return Effect.gen(function* () {
      yield* run(
        'secrets: [KEY]\ntasks: [{ id: a, method: llm/chat, params: { model: "${secrets.KEY}", prompt: "Use ${secrets.KEY}" } }, { id: b, method: llm/chat, params: { prompt: "fail ${secrets.KEY}" } }]'
      )
      assert.lengthOf(spans, 5)
      for (const span of spans) {
        assert.notInclude(JSON.stringify([span.name, attributesOf(span), errorOf(span)]), secret)
      }
      assert.include(JSON.stringify(spans.map(attributesOf)), "***")
    }).pipe(Effect.provide(language({ chat: leaky }, { content: true }, { KEY: secret }).pipe(Layer.provide(layer))))
  })

  it.effect("an agent's calls are inside it: models asked, tools executed", () => {
    const { layer, only } = recorder()
    const agent = () =>
      Effect.flatMap(TaskContext, ({ call }) =>
        Effect.andThen(call("turn", "llm/chat", { model: "tiny" }), call("tool", "data/value", { x: 1 }))
      )
    return Effect.gen(function* () {
      yield* run("tasks: [{ id: act, method: agent/run, params: {} }]")
      const outer = only("invoke_agent")
      assert.strictEqual(parentOf(only("chat tiny")), outer.spanId)
      assert.strictEqual(only("chat tiny").attributes.get("gleitzeit.task.path"), "act/turn")
      const tool = only("execute_tool data/value")
      assert.strictEqual(parentOf(tool), outer.spanId)
      assert.strictEqual(tool.attributes.get("gen_ai.tool.name"), "data/value")
    }).pipe(Effect.provide(language({ agent, chat: () => Effect.succeed(reply) }).pipe(Layer.provide(layer))))
  })

  it.effect("what a simulator answers is said to be simulated, and not counted", () => {
    const { layer, only } = recorder()
    const simulated = { ...reply, simulated: true }
    return Effect.gen(function* () {
      yield* run(ask("{ model: tiny, prompt: a }"))
      assert.strictEqual(only("chat tiny").attributes.get("gleitzeit.simulated"), true)
      assert.isUndefined((yield* histogram("gen_ai.client.token.usage"))[0])
    }).pipe(Effect.provide(language({ chat: () => Effect.succeed(simulated) }).pipe(Layer.provide(layer))))
  })
})

/** Series of a metric. */
const histogram = (id: string): Effect.Effect<ReadonlyArray<{ readonly [name: string]: string | number }>> =>
  Effect.map(Metric.snapshot, (all) =>
    all.flatMap((one) =>
      one.id === id && one.type === "Histogram"
        ? [{ ...one.attributes, sum: one.state.sum, count: one.state.count }]
        : []
    )
  )

describe("metrics", () => {
  const reply = { content: "", model: "tiny:latest", usage: { input_tokens: 20, output_tokens: 5 } }

  it.effect("tokens, and how long models and tasks take, are counted without a tracer where that is asked for", () =>
    Effect.gen(function* () {
      yield* run(ask("{ model: tiny, prompt: a }"))
      const model = {
        unit: "{token}",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "tiny",
        "gen_ai.response.model": "tiny:latest"
      }
      assert.deepStrictEqual(yield* histogram("gen_ai.client.token.usage"), [
        { ...model, "gen_ai.token.type": "input", sum: 20, count: 1 },
        { ...model, "gen_ai.token.type": "output", sum: 5, count: 1 }
      ])
      const [duration = {}] = yield* histogram("gen_ai.client.operation.duration")
      assert.deepInclude(duration, { ...model, unit: "s", count: 1 })
      assert.deepInclude((yield* histogram("gleitzeit.task.duration"))[0] ?? {}, {
        unit: "s",
        "gleitzeit.workflow.name": "Traced",
        "rpc.method": "llm/chat",
        "gleitzeit.task.outcome": "completed",
        count: 1
      })
      assert.deepInclude((yield* histogram("gleitzeit.run.duration"))[0] ?? {}, {
        "gleitzeit.run.status": "completed",
        count: 1
      })
    }).pipe(Effect.provide(language({ chat: () => Effect.succeed(reply) }, { metrics: true })))
  )

  it.effect("a call that fails is counted with its error, and without tokens", () =>
    Effect.gen(function* () {
      yield* run(ask("{ model: tiny, prompt: a }"))
      assert.deepInclude((yield* histogram("gen_ai.client.operation.duration"))[0] ?? {}, {
        "error.type": "TASK_EXECUTION_FAILED",
        count: 1
      })
      assert.isEmpty(yield* histogram("gen_ai.client.token.usage"))
    }).pipe(Effect.provide(language({ chat: () => failing("no") }, { metrics: true })))
  )

  it.effect("nothing is counted when nobody looks, or when it is not wanted", () =>
    Effect.gen(function* () {
      for (const layer of [language({}), language({}, { metrics: false }).pipe(Layer.provide(recorder().layer))]) {
        const counted = Effect.andThen(run(ask("{ prompt: a }")), Metric.snapshot)
        assert.isEmpty(yield* Effect.provide(counted, Layer.fresh(layer)))
      }
    })
  )
})
