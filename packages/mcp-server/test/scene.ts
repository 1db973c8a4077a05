/** What the tests share: a folder of workflows, an engine on a scripted provider, and clients that reach the server without a socket. */
import { Client, type ClientOptions, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { createMcpHandler } from "@modelcontextprotocol/server"
import { Engine, ScriptedProvider } from "@gleitzeit/testkit"
import { Effect, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Http, McpServer } from "../src/index.ts"

/** A folder with these files. It is gone afterwards. */
export const folder = (files: { readonly [name: string]: string }): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "gleitzeit-mcp-"))
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )

export const engine = (scripts: ScriptedProvider.Options["scripts"] = {}) =>
  Engine.layer({ provider: ScriptedProvider.layer({ scripts }) })

export type Era = "legacy" | "modern"

/** A client of the server, connected until the scope closes. */
export const connected = (mcp: McpServer.McpServer, era: Era = "modern", options: ClientOptions = {}) =>
  Effect.gen(function* () {
    const handler = yield* Effect.acquireRelease(
      Effect.sync(() => createMcpHandler(mcp.server, { responseMode: "sse" })),
      (handler) => Effect.promise(() => handler.close())
    )
    const fetch = Http.named(handler)
    const transport = new StreamableHTTPClientTransport(new URL("http://localhost/mcp"), {
      fetch: (url, init) => fetch(new Request(url, init))
    })
    const client = new Client({ name: "test", version: "0" }, { ...options, versionNegotiation: modeOf(era) })
    return yield* Effect.acquireRelease(
      Effect.as(
        Effect.promise(() => client.connect(transport)),
        client
      ),
      (client) => Effect.promise(() => client.close())
    )
  })

export const modeOf = (era: Era): NonNullable<ClientOptions["versionNegotiation"]> =>
  era === "legacy" ? { mode: "legacy" } : { mode: { pin: "2026-07-28" } }

/** The server over a folder of these files, and a client of it. */
export const scene = (files: { readonly [name: string]: string }, era?: Era) =>
  Effect.gen(function* () {
    const path = yield* folder(files)
    const mcp = yield* McpServer.make({ folder: path })
    return { path, mcp, client: yield* connected(mcp, era) }
  })

export const call = (client: Client, name: string, given: { readonly [name: string]: unknown } = {}) =>
  Effect.promise(() => client.callTool({ name, arguments: given }))

export const textOf = ({ content }: { readonly content: ReadonlyArray<{ readonly type: string }> }): string =>
  content.flatMap((block) => ("text" in block && typeof block.text === "string" ? [block.text] : [])).join("\n")
