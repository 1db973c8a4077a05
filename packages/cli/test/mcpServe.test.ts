import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Console, Deferred, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { CliConfig, Command } from "../src/Cli.ts"
import { config, snippet } from "../src/commands/mcpConfig.ts"
import { serve } from "../src/commands/mcpServe.ts"
import * as Flags from "../src/Flags.ts"
import * as Machine from "../src/Machine.ts"
import * as Output from "../src/Output.ts"
import { unused } from "../src/start.ts"

const root = Command.make("gleitzeit").pipe(
  Command.withSubcommands([serve, config]),
  Command.provide(Output.logging.pipe(Layer.provideMerge(Output.layer(Machine.speech)))),
  Command.withGlobalFlags(Flags.all)
)

interface Told {
  readonly stdout: Array<string>
  readonly stderr: Array<string>
}

/** The commands, with what they have said; `heard` is called for each line to standard error. */
const gz = (args: ReadonlyArray<string>, heard: (line: string) => void = () => {}) => {
  const told: Told = { stdout: [], stderr: [] }
  const console = {
    log: (text: unknown) => void told.stdout.push(String(text)),
    error: (text: unknown) => {
      told.stderr.push(String(text))
      heard(String(text))
    }
  }
  const env = { HOME: tmpdir(), PATH: process.env["PATH"] ?? "", GLEITZEIT_STORE: "memory:" }
  return Command.runWith(root, { version: "0.0.0" })(args).pipe(
    Effect.provide(Layer.merge(unused, CliConfig.layer({ builtIns: [] }))),
    Effect.provideService(Console.Console, Object.assign(Object.create(globalThis.console), console)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })),
    Effect.exit,
    Effect.map((exit) => ({ ...told, failure: Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : undefined }))
  )
}

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-serve-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const secret = "0123456789abcdef0123"

const post = (url: string, token: string): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`
    }
    const sent = request(url, { method: "POST", headers }, (response) => {
      response.resume().on("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
    })
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "0" } }
    sent.end(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }))
  })

describe("mcp serve", () => {
  it.live("serves the workflows of a folder to whoever has the token, until it is interrupted", () =>
    Effect.gen(function* () {
      const path = yield* folder
      writeFileSync(join(path, "a.yaml"), "tasks: [{ id: a, method: data/value, params: { x: 1 } }]\n")
      writeFileSync(join(path, "b.yaml"), "tasks: [\n")
      writeFileSync(join(path, "token"), `${secret}\n`)
      chmodSync(join(path, "token"), 0o600)
      const first = yield* Deferred.make<string>()
      const serving = yield* Effect.forkChild(
        gz(["serve", path, "--http", "0", "--token-file", join(path, "token")], (line) =>
          Deferred.doneUnsafe(first, Effect.succeed(line))
        ),
        { startImmediately: true }
      )
      const said = yield* Deferred.await(first)
      const url = /http:\S+/.exec(said)?.[0] ?? ""
      assert.strictEqual(said, `serving 1 workflow of ${path} at ${url} (1 file with mistakes: gleitzeit check tells)`)
      assert.strictEqual(yield* post(url, secret), 200)
      assert.strictEqual(yield* post(url, "another"), 401)
      yield* Fiber.interrupt(serving)
      assert.strictEqual((yield* Effect.exit(Effect.tryPromise(() => fetch(url))))._tag, "Failure")
    }).pipe(Effect.scoped)
  )

  it.live("refuses what would leave the door open, and says how to close it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const token = join(path, "token")
      writeFileSync(token, "short")
      const refusals = [
        [["--http", "0"], "--http needs --token-file FILE"],
        [["--http", "0", "--token-file", token], "expected one word of at least 16 characters"],
        [["--http", "0", "--token-file", join(path, "none")], "there is no such file"],
        [["--http", "0", "--token-file", token, "--no-token"], "exclude each other"],
        [["--no-token"], "go with --http"]
      ] as const
      for (const [flags, issue] of refusals) {
        const { failure, stdout } = yield* gz(["serve", path, ...flags])
        assert.include(failure, issue)
        assert.notInclude(failure, "short")
        assert.deepStrictEqual(stdout, [])
      }
      assert.include((yield* gz(["serve", join(path, "no")])).failure, "there is no such folder")
    }).pipe(Effect.scoped)
  )
})

describe("mcp config", () => {
  const place = { folder: "/flows", config: undefined, port: undefined }
  const args = ["-y", "gleitzeit", "mcp", "serve", "/flows"]

  it("gives each client what it reads", () => {
    const started = { command: "npx", args }
    assert.deepStrictEqual(JSON.parse(snippet("claude", place).text), { mcpServers: { gleitzeit: started } })
    assert.deepStrictEqual(JSON.parse(snippet("cursor", place).text), { mcpServers: { gleitzeit: started } })
    assert.deepStrictEqual(JSON.parse(snippet("vscode", place).text), {
      servers: { gleitzeit: { type: "stdio", ...started } }
    })
    assert.strictEqual(
      snippet("codex", { ...place, config: "/flows/gleitzeit.config.yaml" }).text,
      `[mcp_servers.gleitzeit]
command = "npx"
args = ["-y","gleitzeit","mcp","serve","/flows","--config","/flows/gleitzeit.config.yaml"]
tool_timeout_sec = 600`
    )
  })

  it("of a server that runs holds no token, but says where the client takes it from", () => {
    const running = { ...place, port: 7345 }
    const url = "http://127.0.0.1:7345/mcp"
    const headers = (token: string) => ({ Authorization: `Bearer ${token}` })
    assert.deepStrictEqual(JSON.parse(snippet("claude", running).text), {
      mcpServers: { gleitzeit: { type: "http", url, headers: headers("${GLEITZEIT_MCP_TOKEN}") } }
    })
    assert.deepStrictEqual(JSON.parse(snippet("cursor", running).text), {
      mcpServers: { gleitzeit: { url, headers: headers("${env:GLEITZEIT_MCP_TOKEN}") } }
    })
    assert.deepInclude(JSON.parse(snippet("vscode", running).text), {
      servers: { gleitzeit: { type: "http", url, headers: headers("${input:gleitzeit-token}") } }
    })
    assert.include(snippet("codex", running).text, 'bearer_token_env_var = "GLEITZEIT_MCP_TOKEN"')
  })

  it.live("prints the snippet alone to standard output, with the folder's whole path", () =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* gz(["config", "--client", "cursor", "flows"])
      const { mcpServers } = JSON.parse(stdout.join("\n"))
      assert.include(mcpServers.gleitzeit.args, resolve("flows"))
      assert.deepStrictEqual(stderr, ["for .cursor/mcp.json:"])
    })
  )
})
