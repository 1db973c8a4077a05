/** The server as a process, and clients of both SDKs that reach it by standard input and output or by HTTP. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect, type Scope } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { bundled } from "../../provider-mcp/test/bundled.ts"
import { modeOf } from "./scene.ts"

const argumentsOf = (kind: "stdio" | "http", folder: string): Effect.Effect<Array<string>> =>
  Effect.map(bundled("server"), (program) => ["--disable-warning=ExperimentalWarning", program, kind, folder])

/** A process of the server; killed with the scope, if it still is there. */
export const started = (
  kind: "stdio" | "http",
  folder: string
): Effect.Effect<ChildProcessWithoutNullStreams, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(argumentsOf(kind, folder), (args) => spawn(process.execPath, args)),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The address of a server of its own. */
export const served = (folder: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.flatMap(started("http", folder), (child) =>
    Effect.callback<string>((resume) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (line.startsWith("http://")) resume(Effect.succeed(line))
      })
    })
  )

export interface Answer {
  readonly tools: ReadonlyArray<string>
  readonly structured: unknown
  readonly progress: ReadonlyArray<number>
}

/** Lists the tools and runs one. */
export type Run = (name: string) => Promise<Answer>

/** How a server is reached. */
export type Way = { readonly folder: string } | { readonly url: string }

/** The client of SDK 1. */
export const old = (way: Way): Effect.Effect<Run, never, Scope.Scope> =>
  Effect.gen(function* () {
    const client = new OldClient({ name: "old", version: "1" })
    // Safe: the transports of that SDK leave `undefined` where their interface leaves it out.
    const transport = (
      "url" in way
        ? new OldHttp(new URL(way.url))
        : new OldStdio({ command: process.execPath, args: yield* argumentsOf("stdio", way.folder), stderr: "ignore" })
    ) as OldStdio
    yield* opened(() => client.connect(transport), client)
    return async (name) => {
      const progress: Array<number> = []
      const { tools } = await client.listTools()
      const answer = await client.callTool({ name }, undefined, { onprogress: (step) => progress.push(step.progress) })
      return { tools: tools.map((tool) => tool.name), structured: answer["structuredContent"], progress }
    }
  })

/** The client of SDK 2 in one of its eras. */
export const current = (way: Way, era: "legacy" | "modern"): Effect.Effect<Run, never, Scope.Scope> =>
  Effect.gen(function* () {
    const client = new Client({ name: "current", version: "2" }, { versionNegotiation: modeOf(era) })
    const transport =
      "url" in way
        ? new StreamableHTTPClientTransport(new URL(way.url))
        : new StdioClientTransport({
            command: process.execPath,
            args: yield* argumentsOf("stdio", way.folder),
            stderr: "ignore"
          })
    yield* opened(() => client.connect(transport), client)
    return async (name) => {
      const progress: Array<number> = []
      const { tools } = await client.listTools()
      const answer = await client.callTool({ name }, { onprogress: (step) => progress.push(step.progress) })
      return { tools: tools.map((tool) => tool.name), structured: answer.structuredContent, progress }
    }
  })

// internal

const opened = (connect: () => Promise<void>, client: { readonly close: () => Promise<void> }) =>
  Effect.acquireRelease(Effect.promise(connect), () => Effect.promise(() => client.close()))
