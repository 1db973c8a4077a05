/** Workflow files that call tools: read, checked, run, on servers of their own. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit, TaskContext } from "@gleitzeit/core"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as McpProvider from "../src/McpProvider.ts"
import * as McpServers from "../src/McpServers.ts"
import { context as task } from "./connections.ts"
import { call, engine, fake, fault, folder, noted, run } from "./hub.ts"

const context = <A, E>(effect: Effect.Effect<A, E, TaskContext.TaskContext>) =>
  Effect.provideService(effect, TaskContext.TaskContext, task())

const checked = (text: string) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) =>
    Effect.map(gleitzeit.check({ text, file: "workflow.yaml" }), ({ diagnostics }) =>
      diagnostics.map(({ code, message, suggestion }) => `${code}: ${message} [${suggestion ?? ""}]`)
    )
  )

describe("a workflow file", () => {
  it.live("calls tools in each spelling, and hands on what they give", () =>
    Effect.gen(function* () {
      const report = yield* run(`
tasks:
  - name: first
    protocol: "mcp/v1"
    method: "tool.calc.add"
    params: { a: 20, b: 22 }
  - { name: second, method: mcp/tool.words.echo, params: { text: "\${first.output}" } }
  - { name: third, method: mcp/tool.calc.add, params: { a: "\${first.structured.sum}", b: "\${second.result.sum}" } }
outputs:
  sum: \${third.result.sum}
  short: \${third.sum}
  by: \${second.server} \${second.tool}
`)
      assert.deepStrictEqual(report.outputs, { sum: 84, short: 84, by: "words echo" })
    }).pipe(Effect.provide(engine([fake("calc"), fake("words")])))
  )

  it.live("is checked against what the servers say, before anything is sent", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const check = yield* Effect.provide(
        Effect.forEach(
          [
            "{ method: mcp/tool.calc.ad, params: { a: 1, b: 2 } }",
            "{ method: mcp/tool.calc.add, params: { a: 1 } }",
            "{ method: mcp/tool.calc.add, params: { a: 1, b: two } }",
            "{ method: mcp/tool.calc.echo, params: { text: '${t.structured.difference}' }, id: u }\n  - { id: t, method: mcp/tool.calc.add, params: { a: 1, b: 2 } }"
          ],
          (task) => checked(`tasks:\n  - ${task}\n`)
        ),
        engine([fake("calc", { args: ["--log", log] })])
      )
      assert.include(check[0]?.[0], "[mcp/tool.calc.add]")
      assert.deepStrictEqual(check[1], ['missing-param: mcp/tool.calc.add: missing "b" in `params` []'])
      assert.deepStrictEqual(check[2], ['invalid-param: `b`: expected a number, found "two" []'])
      assert.match(check[3]?.join("") ?? "", /difference/)
      assert.notInclude(JSON.stringify(noted(log)), "tools/call")
    }).pipe(Effect.scoped)
  )

  it.live("whose tool says that it failed has failed, at the first attempt", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { workflow = assert.fail("there is none") } = yield* gleitzeit.check({
        text: `
tasks:
  - { id: a, method: mcp/tool.f.fault, params: { kind: is-error }, on_error: continue }
  - { id: b, method: data/value, params: { said: "\${a.error.message}", whole: "\${a.error.data}" } }
`,
        file: "workflow.yaml"
      })
      const { run } = yield* gleitzeit.run(workflow)
      const { tasks } = yield* gleitzeit.get(run)
      assert.strictEqual(tasks["a"]?.attempts, 1)
      assert.deepStrictEqual(tasks["b"]?.result, {
        said: 'the tool fault of "f" failed: the tool failed',
        whole: { server: "f", tool: "fault", content: [{ type: "text", text: "the tool failed" }] }
      })
    }).pipe(Effect.provide(engine([fake("f")])))
  )
})

describe("a server that is not there", () => {
  const servers = [
    fake("well"),
    fake("ill", { mode: "exit-start" }),
    { name: "unset", reason: "the environment variable TOKEN is not set (unset.env.TOKEN)" }
  ]

  it.live("leaves the others theirs, and says why", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      assert.deepInclude((yield* call("mcp/tool.well.echo", { text: "hello" })).result, { text: "hello" })
      const { result } = yield* call("mcp/tools/list")
      const { tools, unavailable } = Object(result)
      assert.deepStrictEqual(
        tools.map(({ method }: { method: string }) => method),
        ["echo", "add", "remove", "fault", "claim"].map((name) => `mcp/tool.well.${name}`)
      )
      assert.deepStrictEqual(
        unavailable.map(({ server }: { server: string }) => server),
        ["ill", "unset"]
      )
      assert.include(unavailable[0].reason, "API_KEY is missing")
      assert.deepStrictEqual(unavailable[1].reason, servers[2] && "reason" in servers[2] ? servers[2].reason : "")
      const health = (yield* gleitzeit.health).find(({ name }) => name === "mcp")?.health
      assert.strictEqual(health?.status, "degraded")
      const details = Object(health?.details)
      assert.match(details.servers.well, /^ready, well 1\.2\.3, MCP .*, 5 tools$/)
      assert.match(details.servers.ill, /^(down|broken): .*API_KEY is missing/)
      assert.strictEqual(details.servers.unset, "broken: the environment variable TOKEN is not set (unset.env.TOKEN)")
    }).pipe(Effect.provide(engine(servers)))
  )

  it.live("keeps the tools it had, and whoever calls one is told", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        assert.include((yield* fault("f", "exit")).error?.message, '"f" ended with exit code 7')
        const text = "tasks:\n  - { id: a, method: mcp/tool.f.echo, params: { text: again } }\n"
        assert.deepStrictEqual((yield* gleitzeit.check({ text, file: "workflow.yaml" })).diagnostics, [])
        const { error } = yield* call("mcp/tool.f.fault", { kind: "pid" })
        assert.match(error?.message ?? "", /server "f".*API_KEY is missing/)
      }).pipe(Effect.provide(engine([fake("f", { mode: "once", args: ["--log", log] })])))
    }).pipe(Effect.scoped)
  )
})

describe("a tool that people are asked about", () => {
  const text = `tasks:\n  - { id: clean, method: mcp/tool.f.remove, params: { path: /data } }\n`
  const scene = Effect.gen(function* () {
    const log = join(yield* folder, "log")
    return { log, layer: engine([fake("f", { approve: "destructive", args: ["--log", log] })]) }
  })
  const calls = (log: string) => noted(log).filter(({ heard }) => heard?.["method"] === "tools/call").length

  const answered = (answer: boolean | { approved: boolean; comment: string }) =>
    Effect.gen(function* () {
      const { layer, log } = yield* scene
      return yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const { run: id, waiting } = yield* run(text)
        const [question] = waiting
        assert.strictEqual(question?.prompt, 'Call the tool remove of the MCP server "f" with {"path":"/data"}?')
        assert.strictEqual(calls(log), 0)
        yield* gleitzeit.respond(id, question?.request ?? "", answer, "the test")
        yield* gleitzeit.wait(id)
        return { task: (yield* gleitzeit.get(id)).tasks["clean"], calls: calls(log) }
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped)

  it.live("is called after a yes", () =>
    Effect.gen(function* () {
      const { calls, task } = yield* answered(true)
      assert.deepInclude(task?.result, { text: "removed /data" })
      assert.strictEqual(calls, 1)
    })
  )

  it.live("is not called after a no, which is its failure", () =>
    Effect.gen(function* () {
      const { calls, task } = yield* answered({ approved: false, comment: "not today" })
      assert.strictEqual(task?.error?.name, "APPROVAL_REJECTED")
      assert.include(task?.error?.message, "not today")
      assert.strictEqual(calls, 0)
    })
  )

  it.live("is one that the configuration names, or one that says so itself", () =>
    Effect.gen(function* () {
      assert.deepInclude((yield* call("mcp/tool.f.remove", { path: "a" })).result, { text: "removed a" })
      const { waiting } = yield* run("tasks:\n  - { id: e, method: mcp/tool.f.echo, params: { text: hi } }\n")
      assert.strictEqual(waiting.length, 1)
    }).pipe(Effect.provide(engine([fake("f", { approve: ["ec*"] })])))
  )
})

describe("a call", () => {
  const counted = (log: string) => noted(log).filter(({ heard }) => heard?.["method"] === "tools/call").length

  it.live("of a tool that only reads can be kept, of another it cannot", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      yield* Effect.gen(function* () {
        const kept = "tasks:\n  - { id: a, method: mcp/tool.f.echo, params: { text: hi }, cache: true }\n"
        assert.isFalse((yield* run(kept)).tasks["a"]?.cached)
        const again = yield* run(kept)
        assert.isTrue(again.tasks["a"]?.cached)
        assert.deepInclude(again.tasks["a"]?.result, { text: "hi" })
        assert.match((yield* checked(kept.replace("echo", "remove").replace("text", "path")))[0] ?? "", /not-cacheable/)
      }).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })])))
      assert.strictEqual(counted(log), 1)
    }).pipe(Effect.scoped)
  )

  it.live("with a secret sends it, and shows it to nobody", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const { run: id, waiting } = yield* run(`
secrets: [TOKEN]
tasks:
  - { id: a, method: mcp/tool.f.echo, params: { text: "it is \${secrets.TOKEN}" } }
`)
        assert.notInclude(JSON.stringify(waiting), "hush-hush-hush")
        yield* gleitzeit.respond(id, waiting[0]?.request ?? "", true, "the test")
        yield* gleitzeit.wait(id)
        const report = yield* gleitzeit.get(id)
        assert.strictEqual(report.status, "completed")
        assert.notInclude(JSON.stringify(report), "hush-hush-hush")
      }).pipe(
        Effect.provide(
          engine([fake("f", { approve: ["echo"], args: ["--log", log] })], {}, { TOKEN: "hush-hush-hush" })
        )
      )
      assert.include(JSON.stringify(noted(log)), "it is hush-hush-hush")
    }).pipe(Effect.scoped)
  )
})

describe("the list of contracts", () => {
  it.live("is the same while nothing has changed, and another once a server says so", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const before = yield* gleitzeit.contracts
      assert.strictEqual(yield* gleitzeit.contracts, before)
      assert.deepInclude((yield* fault("f", "change")).result, { text: "changed" })
      const after = yield* Effect.repeat(gleitzeit.contracts, { until: (now) => now !== before, times: 500 })
      assert.deepStrictEqual(
        after.filter((one) => !before.some(({ method }) => method === one.method)).map(({ method }) => method),
        ["mcp/tool.f.more-5"]
      )
      assert.isUndefined((yield* call("mcp/tool.f.more-5")).error)
    }).pipe(Effect.provide(engine([fake("f")])))
  )

  it.live("has the tools of a server once it is there again, without anybody asking for it", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const server = fake("f", {
        mode: "fail-twice",
        args: ["--log", log],
        restart: { max: 5, backoff: 10, window: 60_000 }
      })
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const has = (contracts: ReadonlyArray<{ readonly method: string }>) =>
          contracts.some(({ method }) => method === "mcp/tool.f.echo")
        assert.isFalse(has(yield* gleitzeit.contracts))
        yield* Effect.repeat(Effect.andThen(Effect.sleep(10), gleitzeit.contracts), {
          until: (now) => has(now),
          times: 500
        })
        assert.isTrue(has(yield* gleitzeit.contracts))
      }).pipe(Effect.provide(engine([server], { refresh: 20 })))
    }).pipe(Effect.scoped)
  )

  it.live("is the same after a server has come again with what it had", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([fake("f")])
      const provider = yield* McpProvider.make({ servers: hub })
      const before = yield* provider.contracts
      const asked = yield* hub.connection("f")
      yield* Effect.flip(context(asked.call("fault", { kind: "exit" })))
      assert.isFalse((yield* context(asked.call("echo", { text: "up" }))).isError)
      assert.strictEqual((yield* hub.states)[0]?.restarts, 1)
      assert.strictEqual(yield* provider.contracts, before)
    }).pipe(Effect.scoped)
  )
})

describe("nothing", () => {
  it.live("is started for mcp/servers alone", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const health = (yield* gleitzeit.health).find(({ name }) => name === "mcp")?.health
        assert.deepStrictEqual(health, { status: "healthy", details: { servers: { f: "idle" } } })
      }).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })])))
      assert.isFalse(existsSync(log))
    }).pipe(Effect.scoped)
  )
})
