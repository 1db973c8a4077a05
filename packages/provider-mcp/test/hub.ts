/** Servers that go wrong where they are told to, a hub over them, and an engine that has it on duty. */
import { Gleitzeit, type Json } from "@gleitzeit/core"
import { Engine } from "@gleitzeit/testkit"
import { assert } from "@effect/vitest"
import { Effect, Layer, type Schema, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as McpProvider from "../src/McpProvider.ts"
import * as McpServers from "../src/McpServers.ts"
import type { Server, Unusable } from "../src/Server.ts"
import * as ServerEntry from "../src/ServerEntry.ts"

const script = join(import.meta.dirname, "fake/server.mjs")

/** What has been compiled once starts faster; of this process's environment servers get nothing by themselves. */
const compiled = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    name === "NODE_COMPILE_CACHE" && value !== undefined ? [[name, value]] : []
  )
)

/** The fake server by standard input and output; `mode` and the rest as its file says. */
export const fake = (
  name: string,
  {
    args = [],
    mode = "",
    ...more
  }: Partial<Server> & { readonly mode?: string; readonly args?: ReadonlyArray<string> } = {}
): Server => ({
  ...ServerEntry.plain(
    name,
    { _tag: "Stdio", command: process.execPath, args: [script, "--name", name, "--mode", mode, ...args], env: {} },
    []
  ),
  ...more
})

/** A server of a package, started by its bin. */
export const real = (name: string, bin: string, args: ReadonlyArray<string>, more: Partial<Server> = {}): Server => ({
  ...ServerEntry.plain(
    name,
    { _tag: "Stdio", command: join(import.meta.dirname, "../node_modules/.bin", bin), args, env: compiled },
    []
  ),
  ...more
})

export type Options = Omit<McpProvider.Options, "servers">

/** Everything that is on duty: the hub, and what is built in. */
export const engine = (
  servers: ReadonlyArray<Server | Unusable>,
  options: Options = {},
  secrets: { readonly [name: string]: string } = {}
) => Engine.layer({ provider: layer(servers, options), secrets })

export const layer = (servers: ReadonlyArray<Server | Unusable>, options: Options = {}) =>
  Layer.unwrap(Effect.map(McpServers.make(servers), (hub) => McpProvider.layer({ ...options, servers: hub })))

/** Runs a workflow text to its end, or to where it waits. */
export const run = Effect.fnUntraced(function* (text: string) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "workflow.yaml" })
  assert.deepStrictEqual(
    diagnostics.filter(({ severity }) => severity === "error"),
    []
  )
  if (workflow === undefined) return assert.fail("there is no workflow")
  const { run } = yield* gleitzeit.run(workflow)
  return yield* gleitzeit.get(run)
})

/** One call of a method, through the engine: its result, or the failure. */
export const call = Effect.fnUntraced(function* (method: string, params: Json.JsonObject = {}) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { run } = yield* gleitzeit.call(method, params)
  const report = yield* gleitzeit.get(run)
  const [task] = Object.values(report.tasks)
  return { result: task?.result as Schema.Json | undefined, error: task?.error }
})

export const fault = (server: string, kind: string, more: Json.JsonObject = {}) =>
  call(`mcp/tool.${server}.fault`, { kind, ...more })

export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-mcp-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** What a fake server has noted. */
export const noted = (log: string): ReadonlyArray<{ readonly start?: number; readonly heard?: Json.JsonObject }> =>
  readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

/** The fake server by HTTP, until the scope or `close` ends it. */
export const fakeHttp = Effect.fnUntraced(function* (name: string, mode: string, port = 0) {
  const args = [script, "--http", "--port", String(port), "--name", name, "--mode", mode]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const url = yield* Effect.callback<string>((resume) => {
    child.stdout.once("data", (line) => resume(Effect.succeed(JSON.parse(String(line)).url)))
  })
  const close = Effect.callback<void>((resume) => {
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })
  const server: Server = ServerEntry.plain(name, { _tag: "Http", url, headers: {}, sse: mode === "sse" }, [])
  return { server, close, port: Number(new URL(url).port) }
})
