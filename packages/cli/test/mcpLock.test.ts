import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { place } from "./command.ts"

/** Has the tools that stand in the file beside it, and says in another one that it was started. */
const server = `
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { join } from "node:path"
const beside = (name) => join(import.meta.dirname, name)
appendFileSync(beside("starts.txt"), "started\\n")
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n")
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === "initialize") {
    answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } })
  } else if (method === "tools/list") answer(id, { tools: JSON.parse(readFileSync(beside("tools.json"), "utf8")) })
  else if (method === "tools/call") answer(id, { content: [{ type: "text", text: "done" }] })
  else if (id !== undefined) answer(id, {})
})
`

const tool = (name: string, ...params: ReadonlyArray<string>) => ({
  name,
  description: name,
  inputSchema: { type: "object", properties: Object.fromEntries(params.map((param) => [param, { type: "string" }])) }
})

const project = Effect.gen(function* () {
  const made = yield* place()
  made.file("server.mjs", server)
  const tools = (...all: ReadonlyArray<object>) => void made.file("tools.json", JSON.stringify(all))
  tools(tool("greet", "name"), tool("note"))
  const config = made.file(
    "gleitzeit.config.yaml",
    `store: "memory:"\nmcp: { servers: { s: { command: [node, "\${workspaceFolder}/server.mjs"], tool_prefix: s. } } }\n`
  )
  const starts = join(made.folder, "starts.txt")
  return {
    ...made,
    config,
    tools,
    lock: join(made.folder, "gleitzeit.lock"),
    starts: () => (existsSync(starts) ? readFileSync(starts, "utf8").split("\n").length - 1 : 0),
    gz: (...args: ReadonlyArray<string>) => made.gz(...args, "--config", config)
  }
})

describe("gleitzeit mcp lock", () => {
  it.live("writes what the tools promise beside the configuration, the same text each time", () =>
    Effect.gen(function* () {
      const { gz, lock } = yield* project
      const first = yield* gz("mcp", "lock")
      assert.deepStrictEqual(first, { exit: 0, stdout: "", stderr: "gleitzeit.lock: 2 tools of 1 server\n" })
      const text = readFileSync(lock, "utf8")
      assert.deepStrictEqual(Object.keys(JSON.parse(text).servers.s), ["s.greet", "s.note"])
      assert.strictEqual(statSync(lock).mode & 0o777 & ~0o022, 0o644)
      assert.strictEqual((yield* gz("mcp", "lock")).stderr, "gleitzeit.lock: 2 tools of 1 server, as before\n")
      assert.strictEqual(readFileSync(lock, "utf8"), text)
      assert.strictEqual((yield* gz("mcp", "lock", "--check")).exit, 0)
    }).pipe(Effect.scoped)
  )

  it.live("names what has changed; --check writes nothing and exits 2", () =>
    Effect.gen(function* () {
      const { gz, lock, tools } = yield* project
      const none = yield* gz("mcp", "lock", "--check")
      assert.strictEqual(none.exit, 2)
      assert.include(none.stderr, "there is no gleitzeit.lock; gleitzeit mcp lock writes it")
      yield* gz("mcp", "lock", "--quiet")
      const before = readFileSync(lock, "utf8")
      tools(tool("greet", "who"), tool("wave"))
      const changes = [
        '~ the tool s.greet of "s" is another than was locked: its params ("name" is gone, "who" is there)',
        "- s.note",
        "+ s.wave",
        ""
      ].join("\n")
      const checked = yield* gz("mcp", "lock", "--check")
      assert.deepStrictEqual([checked.exit, checked.stdout], [2, changes])
      const { drift, ok, written } = JSON.parse((yield* gz("mcp", "lock", "--check", "--json")).stdout)
      assert.deepStrictEqual([ok, written], [false, false])
      assert.deepStrictEqual(
        drift.map((one: { tool: string; change: string }) => [one.tool, one.change]),
        [
          ["s.greet", "changed"],
          ["s.note", "gone"],
          ["s.wave", "added"]
        ]
      )
      assert.strictEqual(readFileSync(lock, "utf8"), before)
      const written2 = yield* gz("mcp", "lock")
      assert.deepStrictEqual([written2.exit, written2.stdout], [0, changes])
      assert.strictEqual((yield* gz("mcp", "lock", "--check")).exit, 0)
    }).pipe(Effect.scoped)
  )

  it.live("keeps what it knew of a server that cannot be started, names it and exits 5", () =>
    Effect.gen(function* () {
      const { file, gz, lock } = yield* project
      yield* gz("mcp", "lock", "--quiet")
      const before = readFileSync(lock, "utf8")
      file("server.mjs", "process.stderr.write('no key\\n'); process.exit(3)")
      for (const flags of [[], ["--check"]]) {
        const said = yield* gz("mcp", "lock", ...flags)
        assert.strictEqual(said.exit, 5)
        assert.include(said.stderr, "no key")
        assert.include(said.stderr, "what was locked of it stays")
      }
      assert.strictEqual(readFileSync(lock, "utf8"), before)
    }).pipe(Effect.scoped)
  )

  it.live("proves calls without a server being started", () =>
    Effect.gen(function* () {
      const { file, gz, starts } = yield* project
      yield* gz("mcp", "lock", "--quiet")
      const before = starts()
      const right = file("right.yaml", "tasks: [{ id: a, method: mcp/tool.s.greet, params: { name: Ada } }]\n")
      assert.strictEqual((yield* gz("check", right)).exit, 0)
      const wrong = yield* gz("check", file("wrong.yaml", "tasks: [{ id: a, method: mcp/tool.s.gret }]\n"))
      assert.strictEqual(wrong.exit, 3)
      assert.include(wrong.stderr, 'did you mean "mcp/tool.s.greet"?')
      assert.strictEqual(starts(), before)
      assert.strictEqual((yield* gz("run", right)).exit, 0)
      assert.strictEqual(starts(), before + 1)
    }).pipe(Effect.scoped)
  )

  it.live("writes a lock again that was edited by hand", () =>
    Effect.gen(function* () {
      const { file, gz, lock } = yield* project
      yield* gz("mcp", "lock", "--quiet")
      const text = readFileSync(lock, "utf8")
      file("gleitzeit.lock", text.replace('"description": "note"', '"description": "other"'))
      const checked = yield* gz("mcp", "lock", "--check")
      assert.strictEqual(checked.exit, 2)
      assert.include(checked.stderr, "is not what was locked")
      assert.strictEqual((yield* gz("mcp", "lock")).exit, 0)
      assert.strictEqual(readFileSync(lock, "utf8"), text)
    }).pipe(Effect.scoped)
  )
})
