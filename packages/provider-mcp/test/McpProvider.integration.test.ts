/** Workflows on the servers that the project of MCP publishes. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit, type McpV1 } from "@gleitzeit/core"
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Lock from "../src/Lock.ts"
import * as McpServers from "../src/McpServers.ts"
import { call, engine, folder, real, run } from "./hub.ts"

describe("server-filesystem", () => {
  it.live("reads a file in the folder that it is told of as a root, and fails once for one outside", () =>
    Effect.gen(function* () {
      const outer = yield* folder
      const root = join(outer, "project")
      mkdirSync(root)
      writeFileSync(join(root, "data.json"), `{"answer":42}`)
      writeFileSync(join(outer, "secret.txt"), "not for you")
      const files = real("filesystem", "mcp-server-filesystem", [], { prefix: "fs.", roots: [root] })
      const reach = { ...files.reach, cwd: root }
      yield* Effect.gen(function* () {
        const report = yield* run(`
tasks:
  - id: load
    method: "mcp/tool.fs.read_file"
    parameters:
      path: "./data.json"
  - { id: count, method: data/eval, params: { expr: "\${load.json.answer} + 1" } }
  - { id: peek, method: mcp/tool.fs.read_file, params: { path: "${join(outer, "secret.txt")}" }, on_error: continue }
outputs: { answer: "\${count}", text: "\${load.text}" }
`)
        assert.deepStrictEqual(report.outputs, { answer: { result: 43 }, text: `{"answer":42}` })
        assert.strictEqual(report.tasks["peek"]?.attempts, 1)
        assert.strictEqual(report.tasks["peek"]?.error?.name, "TASK_EXECUTION_FAILED")
        assert.match(report.tasks["peek"]?.error?.message ?? "", /outside allowed directories/)
        assert.notInclude(JSON.stringify(report), "not for you")
      }).pipe(Effect.provide(engine([{ ...files, reach } as typeof files])))
    }).pipe(Effect.scoped)
  )
})

describe("the servers together", () => {
  it.live("list all their tools, each under its prefix, and read each its own folder", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* folder, yield* folder]
      writeFileSync(join(one, "a.txt"), "of the first")
      writeFileSync(join(two, "a.txt"), "of the second")
      const servers = [
        real("one", "mcp-server-filesystem", [one], { prefix: "fs1." }),
        real("two", "mcp-server-filesystem", [two], { prefix: "fs2." }),
        real("memory", "mcp-server-memory", [])
      ]
      yield* Effect.gen(function* () {
        const { result } = yield* call("mcp/tools/list")
        assert.deepStrictEqual(Object(result).unavailable, [])
        const tools: ReadonlyArray<McpV1.Tool> = Object(result).tools
        const count = (server: string) => tools.filter((one) => one.server === server).length
        assert.deepStrictEqual(["one", "two", "memory"].map(count), [14, 14, 9])
        const prefixes = new Map(servers.map(({ name, prefix }) => [name, prefix]))
        for (const { method, name, server, tool } of tools) {
          assert.strictEqual(name, `${prefixes.get(server)}${tool}`)
          assert.strictEqual(method, `mcp/tool.${name}`)
        }
        const texts = yield* Effect.forEach(
          [
            ["fs1", one],
            ["fs2", two],
            ["fs1", two]
          ],
          ([prefix, folder = ""]) => call(`mcp/tool.${prefix}.read_text_file`, { path: join(folder, "a.txt") })
        )
        assert.deepStrictEqual(
          texts.map(({ error, result }) => Object(result).text ?? error?.name),
          ["of the first", "of the second", "TASK_EXECUTION_FAILED"]
        )
      }).pipe(Effect.provide(engine(servers)))
    }).pipe(Effect.scoped)
  )
})

describe("server-everything and server-memory", () => {
  it.live("give structured values to the tasks that follow", () =>
    Effect.gen(function* () {
      const report = yield* run(`
tasks:
  - { id: w, method: mcp/tool.any.get-structured-content, params: { location: Chicago } }
  - { id: say, method: mcp/tool.any.echo, params: { message: "\${w.structured.temperature} and \${w.conditions}" } }
outputs: { said: "\${say.text}" }
`)
      assert.match(String(Object(report.outputs).said), /^Echo: -?[\d.]+ and \S/)
    }).pipe(Effect.provide(engine([real("any", "mcp-server-everything", [])])))
  )

  it.live("keep from one run to the next what a server keeps", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "memory.jsonl")
      const memory = real("memory", "mcp-server-memory", [])
      const kept = { ...memory, reach: { ...memory.reach, env: { MEMORY_FILE_PATH: file } } } as typeof memory
      yield* run(`
tasks:
  - id: add
    method: mcp/tool.memory.create_entities
    params: { entities: [{ name: Ada, entityType: person, observations: [wrote the first program] }] }
`).pipe(Effect.provide(engine([kept])))
      const report = yield* run(`
tasks:
  - { id: find, method: mcp/tool.memory.search_nodes, params: { query: program } }
outputs: { who: "\${find.structured.entities[0].name}" }
`).pipe(Effect.provide(engine([kept])))
      assert.deepStrictEqual(report.outputs, { who: "Ada" })
    }).pipe(Effect.scoped)
  )

  it.live("have resources, prompts, and completions of their arguments", () =>
    Effect.gen(function* () {
      const { result: resources } = yield* call("mcp/resources/list")
      assert.deepStrictEqual(Object(resources).unavailable, [])
      const [resource] = Object(resources).resources
      assert.strictEqual(resource.server, "any")
      const { result: read } = yield* call("mcp/resources/read", { uri: resource.uri })
      assert.deepInclude(read, { server: "any", uri: resource.uri })
      assert.isNotEmpty(Object(read).contents)
      const { result: prompts } = yield* call("mcp/prompts/list")
      assert.deepStrictEqual(Object(prompts).unavailable, [])
      const names = Object(prompts).prompts.map(({ name }: { name: string }) => name)
      assert.include(names, "simple-prompt")
      const { result: prompt } = yield* call("mcp/prompts/get", { name: "simple-prompt" })
      assert.isAbove(Object(prompt).text.length, 0)
      const { result: info } = yield* call("mcp/server_info", { server: "any" })
      assert.deepInclude(info, { status: "ready", transport: "stdio" })
      assert.isUndefined((yield* call("mcp/ping", { server: "memory" })).error)
      const { error } = yield* call("mcp/ping")
      assert.include(error?.message, "it needs a `server`: there are any, memory")
    }).pipe(Effect.provide(engine([real("any", "mcp-server-everything", []), real("memory", "mcp-server-memory", [])])))
  )
})

describe("a lock of real servers", () => {
  it.live("lets a workflow be checked with no server started, and run with the one that it calls", () =>
    Effect.gen(function* () {
      const servers = [real("memory", "mcp-server-memory", []), real("seq", "mcp-server-sequential-thinking", [])]
      const lock = yield* Effect.flatMap(McpServers.make(servers), (hub) => Lock.of(hub))
      assert.deepStrictEqual(Object.keys(lock.servers), ["memory", "seq"])
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const text = "tasks:\n  - { id: a, method: mcp/tool.memory.read_graph }\n"
        const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "workflow.yaml" })
        assert.deepStrictEqual(diagnostics, [])
        const statuses = Effect.map(call("mcp/servers"), ({ result }) =>
          Object(result).servers.map(({ status }: { status: string }) => status)
        )
        assert.deepStrictEqual(yield* statuses, ["idle", "idle"])
        yield* gleitzeit.run(workflow ?? assert.fail("there is no workflow"))
        assert.deepStrictEqual(yield* statuses, ["ready", "idle"])
      }).pipe(Effect.provide(engine(servers, { lock })))
    }).pipe(Effect.scoped)
  )
})
