/** Servers as configurations name them, started. */
import { assert, describe, it } from "@effect/vitest"
import { Json, Secrets, TaskContext } from "@gleitzeit/core"
import { ConfigProvider, Effect, Logger, References, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as McpConfig from "../src/McpConfig.ts"
import * as McpProvider from "../src/McpProvider.ts"
import * as McpServers from "../src/McpServers.ts"
import { call, context, text } from "./connections.ts"

const modules = join(import.meta.dirname, "../node_modules/@modelcontextprotocol")
const fake = join(import.meta.dirname, "fake/server.mjs")

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-mcp-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A hub over the servers of some files. */
const hub = (folder: string, files: { readonly [name: string]: unknown }, env: Record<string, string>) =>
  Effect.gen(function* () {
    const imports = Object.entries(files).map(([name, content]) => {
      const path = join(folder, name)
      writeFileSync(path, JSON.stringify(content))
      return path
    })
    const configured = yield* McpConfig.read({ servers: [], imports, folder, home: folder })
    return yield* McpServers.make(McpConfig.servers(configured))
  }).pipe(
    Effect.provide(Secrets.layer),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnv({ env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...env } })
    )
  )

describe("a server of a configuration", () => {
  it.live("gets the variables that it is given and no others, and one without a value fails alone", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => void logged.push(JSON.stringify(message)))
      yield* Effect.gen(function* () {
        const everything = { command: process.execPath, args: [join(modules, "server-everything/dist/index.js")] }
        const env = { GITHUB_TOKEN: "${GITHUB_TOKEN}", LEVEL: "${LEVEL:-info}" }
        const servers = {
          any: { ...everything, env },
          unset: { ...everything, env: { TOKEN: "${NOBODY_HAS_SET_THIS}" } }
        }
        const parent = { GITHUB_TOKEN: "ghp_0123456789", OTHER_SECRET: "of-the-parent-alone" }
        const { connection, states, tools } = yield* hub(here, { ".mcp.json": { mcpServers: servers } }, parent)
        const said = text(yield* call(yield* connection("any"), "get-env"))
        const seen: unknown = JSON.parse(said)
        assert.deepInclude(seen, { GITHUB_TOKEN: "ghp_0123456789", LEVEL: "info" })
        assert.notInclude(said, "OTHER_SECRET")
        assert.isAbove((yield* tools).length, 5)
        const [, unset] = yield* states
        assert.strictEqual(unset?.status, "broken")
        const reason = "the environment variable NOBODY_HAS_SET_THIS is not set (unset.env.TOKEN in .mcp.json)"
        assert.strictEqual(unset?.reason, reason)
        const failure = yield* Effect.flip(connection("unset"))
        assert.include(failure.message, reason)
        assert.notInclude(JSON.stringify([yield* states, failure.message, logged]), "ghp_0123456789")
      }).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromEnv({ env: { PATH: process.env["PATH"] ?? "" } })
        )
      )
    }).pipe(Effect.scoped)
  )

  it.live("is the same in `mcp/servers` whichever program's file it comes from", () =>
    Effect.gen(function* () {
      const one = { command: process.execPath, args: [fake, "--name", "one"] }
      const two = { command: process.execPath, args: [fake, "--name", "two", "--mode", "paged"] }
      const of = (files: { readonly [name: string]: unknown }) =>
        Effect.gen(function* () {
          const provider = yield* McpProvider.make({ servers: yield* hub(yield* folder, files, {}) })
          // everybody is asked what it can do
          yield* provider.contracts
          const answer = yield* Effect.provideService(
            provider.call("mcp/servers", {}),
            TaskContext.TaskContext,
            context()
          )
          assert(Json.isObject(answer) && Json.isArray(answer["servers"]))
          assert.strictEqual(answer["servers"].length, 2)
          return JSON.stringify(answer).replaceAll(/"pid":\d+/g, '"pid":0')
        }).pipe(Effect.scoped)
      const claude = yield* of({ "claude_desktop_config.json": { mcpServers: { one, two } } })
      const cursor = yield* of({ "mcp.json": { mcpServers: { one: { type: "stdio", ...one }, two } } })
      const code = yield* of({ "mcp.json": { inputs: [], servers: { one: { type: "stdio", ...one }, two } } })
      assert.include(claude, '"status":"ready"')
      assert.strictEqual(cursor, claude)
      assert.strictEqual(code, claude)
    })
  )
})
