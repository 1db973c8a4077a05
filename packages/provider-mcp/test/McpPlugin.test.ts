import { assert, describe, it } from "@effect/vitest"
import { Plugin, type Provider } from "@gleitzeit/core"
import { Effect, Result, type Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Lock from "../src/Lock.ts"
import * as McpConfig from "../src/McpConfig.ts"
import * as McpPlugin from "../src/McpPlugin.ts"
import * as McpServers from "../src/McpServers.ts"
import { fake } from "./hub.ts"

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-mcp-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const args = (log: string) => [join(import.meta.dirname, "fake/server.mjs"), "--name", "a", "--log", log]

const source = (folder: string): McpConfig.Source => ({
  servers: [
    { name: "a", from: "c.yaml", server: { command: process.execPath, args: args(join(folder, "log")) }, folder }
  ],
  folder,
  home: folder
})

const methods = (provider: Provider.Provider) =>
  Effect.map(provider.contracts, (contracts) => contracts.map(({ method }) => method))

describe("the plug-in of MCP", () => {
  it("is one that a configuration can name", () => {
    const read = Plugin.read({ default: McpPlugin.plugin }, "mcp")
    assert.isTrue(Result.isSuccess(read))
  })

  it.live("has its servers in its options", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const servers = { a: { command: process.execPath, args: args(log), tool_prefix: "x." } }
      const provider = yield* McpPlugin.plugin.make({ servers }, "hub")
      assert.strictEqual(provider.name, "hub")
      assert.include(yield* methods(provider), "mcp/tool.x.echo")
      const twice = [
        { name: "a", command: "hush" },
        { name: "a", command: "x" }
      ]
      const failure = yield* Effect.flip(McpPlugin.plugin.make({ servers: twice }, "hub"))
      assert.strictEqual(
        failure.message,
        'the options of "hub": mcp.servers[1]: "a" is the name of mcp.servers[0] too, keep one of them'
      )
    }).pipe(Effect.scoped)
  )

  it.live("starts nobody to say what a lock file knows, and uses none that was edited", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const lock = yield* Effect.flatMap(McpServers.make([fake("a")]), (hub) => Lock.of(hub)).pipe(Effect.scoped)
      const file = join(here, McpPlugin.lockName)
      writeFileSync(file, Lock.write(lock))
      const provider = yield* McpPlugin.of(source(here)).make({})
      assert.include(yield* methods(provider), "mcp/tool.a.echo")
      assert.throws(() => readFileSync(join(here, "log")))
      writeFileSync(file, Lock.write(lock).replace(/"description": "/, '"description": "Other. '))
      const edited = yield* Effect.flip(McpPlugin.of(source(here)).make({}))
      assert.match(edited.message, /^gleitzeit\.lock: /)
      const named = yield* Effect.flip(McpPlugin.of(source(here)).make({ lock: "none.lock" }))
      assert.strictEqual(named.message, "none.lock: there is no such file")
    }).pipe(Effect.scoped)
  )
})
