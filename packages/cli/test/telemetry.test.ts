import { assert, describe, it } from "@effect/vitest"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { ConfigProvider, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { type Wanted, wanted } from "../src/Telemetry.ts"
import * as Collector from "./collector.ts"
import { place } from "./command.ts"
import * as Program from "./program.ts"

const read = (env: Record<string, string>) =>
  Effect.provideService(Effect.result(wanted), ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const target = { headers: {}, format: "protobuf", timeout: 10_000, interval: undefined } as const

describe("the variables of OpenTelemetry", () => {
  const endpoint = "http://127.0.0.1:4318"
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
  const table: ReadonlyArray<
    readonly [fact: string, env: Record<string, string>, wanted: Partial<Wanted> | undefined]
  > = [
    ["without an endpoint nothing is sent", { OTEL_SERVICE_NAME: "me" }, undefined],
    ["an empty variable counts as not set", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, undefined],
    ["OTEL_SDK_DISABLED turns all off", { ...base, OTEL_SDK_DISABLED: "true" }, undefined],
    [
      "the exporter none turns a signal off, and both nothing is left of",
      { ...base, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" },
      undefined
    ],
    ["an exporter turns off its own signal alone", { ...base, OTEL_TRACES_EXPORTER: "none" }, { traces: undefined }],
    [
      "an endpoint turns on both signals, each below a path of its own",
      base,
      {
        traces: { ...target, url: `${endpoint}/v1/traces` },
        metrics: { ...target, url: `${endpoint}/v1/metrics` },
        content: false,
        parent: undefined,
        service: undefined
      }
    ],
    [
      "a path in the endpoint is kept",
      { OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/base/` },
      { traces: { ...target, url: `${endpoint}/base/v1/traces` } }
    ],
    [
      "the endpoint of one signal is taken as it is, and for that signal alone",
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/x` },
      { traces: { ...target, url: `${endpoint}/x` }, metrics: undefined }
    ],
    ["the service may be named by its variable", { ...base, OTEL_SERVICE_NAME: "me" }, { service: "me" }],
    [
      "the service may be named among the attributes",
      { ...base, OTEL_SERVICE_NAME: "", OTEL_RESOURCE_ATTRIBUTES: "a=1,service.name=m%20e" },
      { service: "m e" }
    ],
    [
      "headers, protocol and times are read",
      {
        ...base,
        OTEL_EXPORTER_OTLP_HEADERS: "a=1, b=x%20y",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_TIMEOUT: "500",
        OTEL_BSP_SCHEDULE_DELAY: "100"
      },
      {
        traces: {
          url: `${endpoint}/v1/traces`,
          headers: { a: "1", b: "x y" },
          format: "json",
          timeout: 500,
          interval: 100
        }
      }
    ],
    [
      "content is captured when that is asked for",
      { ...base, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "True" },
      { content: true }
    ],
    [
      "content is not captured when it is asked not to be",
      { ...base, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "NO_CONTENT" },
      { content: false }
    ]
  ]

  for (const [fact, env, expected] of table) {
    it.effect(fact, () =>
      Effect.gen(function* () {
        const result = yield* read(env)
        assert(result._tag === "Success")
        if (expected === undefined) assert.isUndefined(result.success)
        else assert.deepInclude(result.success, expected)
      })
    )
  }

  it.effect("what is wrong with them is named, and no value of theirs is shown", () =>
    Effect.gen(function* () {
      for (const [more, issue] of [
        [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318?key=hidden" }, "OTEL_EXPORTER_OTLP_ENDPOINT is no http URL"],
        [
          { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
          "the protocol is grpc, and only http/protobuf and http/json are spoken here"
        ],
        [
          { OTEL_EXPORTER_OTLP_HEADERS: "key=hidden%zz" },
          "OTEL_EXPORTER_OTLP_HEADERS is no list of name=value, percent-encoded"
        ],
        [{ OTEL_EXPORTER_OTLP_TIMEOUT: "soon" }, "OTEL_EXPORTER_OTLP_TIMEOUT is soon, expected milliseconds"],
        [{ OTEL_RESOURCE_ATTRIBUTES: "a=%zz" }, "OTEL_RESOURCE_ATTRIBUTES is no list of name=value, percent-encoded"]
      ] as const) {
        const result = yield* read({ ...base, ...more })
        assert(result._tag === "Failure")
        assert.strictEqual(result.failure, issue)
      }
    })
  )
})

const greeting = (model = "llama3.2") => `name: Greeting
tasks:
  - { id: greet, method: llm/chat, params: { model: ${model}, prompt: "Greet Ada", temperature: 0 } }
outputs: { text: "\${greet.response}" }
`

const both = `name: Greeting
tasks:
  - { id: greet, method: llm/chat, params: { model: llama3.2, prompt: "Greet Ada" } }
  - id: look
    method: python/execute
    params:
      code: |
        import os
        result = [name for name in os.environ if name.startswith("OTEL_") or name == "TRACEPARENT"]
outputs: { text: "\${greet.response}", seen: "\${look.result}" }
`

const nap = `name: Nap
tasks:
  - { id: nap, method: python/execute, params: { code: "import time; print('here', flush=True); time.sleep(60)" } }
`

const one = `name: One
tasks:
  - { id: a, method: data/value, params: { x: 1 } }
  - { id: b, method: timer/sleep, params: { seconds: 0.1 }, dependencies: [a] }
outputs: { x: "\${a.x}" }
`

/** A folder, a collector and a model, and the command line that knows all three. */
const world = (
  more: Record<string, string>,
  options: { readonly status?: number } = {}
): Effect.Effect<
  { readonly collector: Collector.Collector; readonly url: string } & Effect.Success<ReturnType<typeof place>>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const collector = yield* Collector.start(options.status)
    const ollama = yield* MiniOllama.start({ replies: () => "Hello Ada" })
    const here = yield* place({
      GLEITZEIT_OLLAMA_URL: ollama.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      ...more
    })
    return { ...here, collector, url: ollama.url }
  })

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const only = <A extends { readonly name: string }>(all: ReadonlyArray<A>, name: string): A => {
  const found = all.filter((one) => one.name === name)
  assert.lengthOf(found, 1, `${name} among ${all.map(({ name }) => name).join(", ")}`)
  return found[0]!
}

describe("a run that a collector hears of", () => {
  live(
    "is a trace of run, task and call, in the words of the conventions",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=some" })
      const said = yield* gz("run", file("greeting.yaml", greeting()), "-q")
      assert.deepStrictEqual(said, { exit: 0, stdout: "text:\nHello Ada\n", stderr: "" })
      const spans = collector.spans()
      const [run, task, call] = [only(spans, "run Greeting"), only(spans, "task greet"), only(spans, "chat llama3.2")]
      assert.deepStrictEqual(
        [run.parentSpanId, task.parentSpanId, call.parentSpanId],
        [undefined, run.spanId, task.spanId]
      )
      assert.deepStrictEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([run.traceId]))
      assert.deepStrictEqual([run.kind, task.kind, call.kind], [1, 1, 3])
      assert.deepInclude(call.attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "llama3.2",
        "gen_ai.request.temperature": 0,
        "gen_ai.response.finish_reasons": ["stop"],
        "rpc.method": "llm/chat",
        "gleitzeit.run.id": run.attributes["gleitzeit.run.id"]
      })
      assert.match(String(call.attributes["gen_ai.response.model"]), /^llama3\.2(?::latest)?$/)
      assert.isAbove(Number(call.attributes["gen_ai.usage.input_tokens"]), 0)
      assert.isAbove(Number(call.attributes["gen_ai.usage.output_tokens"]), 0)
      assert.notInclude(JSON.stringify(spans), "Ada")
      assert.isTrue(collector.received().every(({ headers }) => headers["x-key"] === "some"))
      assert.deepInclude(collector.resources()[0], {
        "service.name": "gleitzeit",
        "telemetry.sdk.language": "nodejs"
      })
    })
  )

  live(
    "is counted, in the conventions' units and bounds",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({
        OTEL_TRACES_EXPORTER: "none",
        OTEL_SERVICE_NAME: "",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=night-shift,team=ops"
      })
      yield* gz("run", file("greeting.yaml", greeting()), "-q")
      assert.isTrue(collector.received().every(({ path }) => path === "/v1/metrics"))
      const metrics = collector.metrics()
      const tokens = metrics.get("gen_ai.client.token.usage")
      assert(tokens !== undefined)
      assert.strictEqual(tokens.unit, "{token}")
      assert.deepStrictEqual(tokens.series.map(({ attributes }) => attributes["gen_ai.token.type"]).toSorted(), [
        "input",
        "output"
      ])
      assert.deepStrictEqual(tokens.series[0]?.explicitBounds.slice(0, 4), [1, 4, 16, 64])
      const duration = metrics.get("gen_ai.client.operation.duration")
      assert(duration !== undefined)
      assert.strictEqual(duration.unit, "s")
      const [one] = duration.series
      assert.deepStrictEqual(
        Object.keys(one?.attributes ?? {}).filter((name) => !name.startsWith("server.")),
        ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"]
      )
      assert.isBelow(one?.sum ?? Infinity, 30)
      assert.deepStrictEqual(
        [metrics.get("gleitzeit.task.duration")?.unit, metrics.get("gleitzeit.run.duration")?.unit],
        ["s", "s"]
      )
      assert.deepInclude(collector.resources()[0], { "service.name": "night-shift", team: "ops" })
    })
  )

  live(
    "tells what was said only where that is asked for",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" })
      yield* gz("run", file("greeting.yaml", greeting()), "-q")
      const { attributes } = only(collector.spans(), "chat llama3.2")
      assert.include(String(attributes["gen_ai.input.messages"]), "Greet Ada")
      assert.include(String(attributes["gen_ai.output.messages"]), "Hello Ada")
    })
  )

  live(
    "says how it failed",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({})
      const { exit } = yield* gz("run", file("greeting.yaml", greeting("nowhere")), "-q")
      assert.notStrictEqual(exit, 0)
      const call = only(collector.spans(), "chat nowhere")
      assert.deepStrictEqual([call.status.code, call.attributes["error.type"]], [2, "MODEL_NOT_FOUND"])
      const run = only(collector.spans(), "run Greeting")
      assert.deepStrictEqual([run.status.code, run.attributes["gleitzeit.run.status"]], [2, "failed"])
      assert.strictEqual(
        collector.metrics().get("gen_ai.client.operation.duration")?.series[0]?.attributes["error.type"],
        "MODEL_NOT_FOUND"
      )
      assert.notInclude(JSON.stringify(collector.spans()), ".ts:")
    })
  )

  live(
    "goes on in another trace, with the same id",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({})
      const asking = 'name: Asking\ntasks: [{ id: ask, method: human/input, params: { prompt: "Who?" } }]\n'
      yield* gz("run", file("asking.yaml", asking), "-q")
      yield* gz("respond", "latest", "ask", "Ada", "-q")
      const [before, after] = collector.spans().filter(({ name }) => name === "run Asking")
      assert.deepStrictEqual(
        [before?.attributes["gleitzeit.run.status"], after?.attributes["gleitzeit.run.status"]],
        ["waiting", "completed"]
      )
      assert.strictEqual(after?.attributes["gleitzeit.run.resumed"], true)
      assert.strictEqual(after?.attributes["gleitzeit.run.id"], before?.attributes["gleitzeit.run.id"])
      assert.notStrictEqual(after?.traceId, before?.traceId)
    })
  )

  live(
    "is sent in protobuf unless JSON is asked for, and nothing is sent of what runs nothing",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({ OTEL_EXPORTER_OTLP_PROTOCOL: "" })
      yield* gz("ls")
      assert.isEmpty(collector.received())
      yield* gz("run", file("greeting.yaml", greeting()), "-q")
      const received = collector.received()
      assert.deepStrictEqual(received.map(({ path }) => path).toSorted(), ["/v1/metrics", "/v1/traces"])
      assert.isTrue(received.every(({ headers }) => headers["content-type"] === "application/x-protobuf"))
      assert.isTrue(received.some(({ body }) => body.includes("chat llama3.2")))
    })
  )
})

describe("a collector", () => {
  live(
    "that is away, refuses or never answers costs a note for each signal, and that with --verbose only",
    Effect.gen(function* () {
      for (const [status, more, words] of [
        [
          200,
          { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_METRIC_EXPORT_INTERVAL: "5" },
          "does not answer"
        ],
        [401, {}, "answers with status 401"],
        [0, { OTEL_EXPORTER_OTLP_TIMEOUT: "50" }, "does not answer within 50 ms"]
      ] as const) {
        const { file, gz } = yield* world(more, { status })
        const path = file("one.yaml", one)
        assert.deepStrictEqual(yield* gz("run", path, "-q"), { exit: 0, stdout: "x: 1\n", stderr: "" })
        const said = yield* gz("run", path, "-v")
        assert.strictEqual(said.exit, 0)
        const notes = said.stderr.split("\n").filter((line) => line.startsWith("telemetry: "))
        assert.lengthOf(notes, 2)
        for (const note of notes)
          assert.match(note, new RegExp(`^telemetry: http://127\\.0\\.0\\.1:\\d+/v1/\\w+ ${words}$`))
      }
    })
  )

  live(
    "that the variables do not describe is not written to, and that is said with --verbose",
    Effect.gen(function* () {
      const { collector, file, gz } = yield* world({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })
      const path = file("one.yaml", one)
      assert.include((yield* gz("run", path, "-v")).stderr, "telemetry: nothing is sent: the protocol is grpc")
      assert.strictEqual((yield* gz("run", path)).stderr.includes("telemetry"), false)
      assert.isEmpty(collector.received())
    })
  )
})

/** A process of its own, which is told to stop when it says `until`. */
const started = (folder: string, args: ReadonlyArray<string>, more: Record<string, string>, until?: string) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = spawn(process.execPath, [Program.bin(), ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, XDG_DATA_HOME: join(folder, "data"), ...more }
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (piece) => void (stdout += String(piece)))
    child.stderr.on("data", (piece) => {
      stderr += String(piece)
      if (until === undefined || !stderr.includes(until)) return
      until = undefined
      child.kill("SIGINT")
    })
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the process", () => {
  live(
    "hands everything over before it ends, under the span it was started in, and tells its children nothing of it",
    Effect.gen(function* () {
      const { collector, file, folder, url } = yield* world({})
      const path = file("both.yaml", both)
      const child = yield* started(folder, ["run", path, "--json"], {
        GLEITZEIT_OLLAMA_URL: url,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      })
      assert.deepStrictEqual([child.code, child.stderr], [0, ""])
      assert.deepStrictEqual(JSON.parse(child.stdout).outputs, { seen: [], text: "Hello Ada" })
      const run = only(collector.spans(), "run Greeting")
      assert.deepStrictEqual([run.traceId, run.parentSpanId], ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"])
      assert.lengthOf(collector.spans(), 5)
      assert.deepStrictEqual([...collector.metrics().keys()].toSorted(), [
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gleitzeit.run.duration",
        "gleitzeit.task.duration"
      ])
    })
  )

  live(
    "hands over what was under way when it is interrupted",
    Effect.gen(function* () {
      const { collector, file, folder } = yield* world({})
      const path = file("nap.yaml", nap)
      const more = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }
      const ended = yield* started(folder, ["run", path, "-v"], more, "| here")
      assert.strictEqual(ended.code, 130)
      const spans = collector.spans()
      assert.deepStrictEqual(
        [
          only(spans, "run Nap").attributes["gleitzeit.run.status"],
          only(spans, "task nap").attributes["gleitzeit.task.outcome"]
        ],
        ["interrupted", "interrupted"]
      )
      assert.deepStrictEqual(
        spans.map(({ status }) => status.code),
        [0, 0, 0]
      )
    })
  )
})
