/**
 * The hub beside the bare client of the SDK: the same calls of the same server by standard input and output, in turns.
 * Then six servers that are started and listed at once, beside the slowest of them by itself, and beside six bare clients
 * at once: on few processors no hub can start six processes of Node within the time of one. Goals: a call's p50 at most
 * 1.5 times that of the client, and all six within 1.5 times the slowest one's own start.
 *
 *     npm run bench bench/mcp.ts [CALLS]
 */
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { TaskContext } from "@gleitzeit/core"
import * as Connection from "@gleitzeit/provider-mcp/Connection"
import * as McpServers from "@gleitzeit/provider-mcp/McpServers"
import type { Server } from "@gleitzeit/provider-mcp/Server"
import { plain } from "@gleitzeit/provider-mcp/ServerEntry"
import { Effect } from "effect"
import { join } from "node:path"
import { context } from "../packages/core/test/context.ts"

const calls = Number(process.argv[2] ?? 2000)
const rounds = 5

const bin = (name: string) => join(import.meta.dirname, "../packages/provider-mcp/node_modules/.bin", name)

const server = (name: string, command: string, args: ReadonlyArray<string> = []): Server =>
  plain(name, { _tag: "Stdio", command, args, env: {} }, [])

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

/** Microseconds of each call, one after the other. */
const timed = <E>(call: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const took: Array<number> = []
    for (let index = 0; index < calls; index++) {
      const begun = performance.now()
      yield* call
      took.push((performance.now() - begun) * 1000)
    }
    return took
  })

const args = { message: "hello" }

const overhead = Effect.gen(function* () {
  const connection = yield* Connection.make(server("everything", bin("mcp-server-everything"), ["stdio"]))
  const client = new Client({ name: "bench", version: "0" })
  const transport = new StdioClientTransport({
    command: bin("mcp-server-everything"),
    args: ["stdio"],
    stderr: "ignore"
  })
  yield* Effect.promise(() => client.connect(transport))
  yield* connection.tools
  yield* Effect.promise(() => client.listTools())
  const hub = Effect.provideService(connection.call("echo", args), TaskContext.TaskContext, context())
  const bare = Effect.promise(() => client.callTool({ name: "echo", arguments: args }))
  yield* timed(hub)
  yield* timed(bare)
  const [ofHub, ofBare]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    ofBare.push(...(yield* timed(bare)))
    ofHub.push(...(yield* timed(hub)))
  }
  yield* Effect.promise(() => client.close())
  return { bare: median(ofBare), hub: median(ofHub) }
}).pipe(Effect.scoped)

const six = [
  server("everything", bin("mcp-server-everything"), ["stdio"]),
  server("files", bin("mcp-server-filesystem"), ["/tmp"]),
  server("more-files", bin("mcp-server-filesystem"), ["/usr"]),
  server("memory", bin("mcp-server-memory")),
  server("thinking", bin("mcp-server-sequential-thinking")),
  server("github", bin("mcp-server-github"))
]

/** Milliseconds until all of them are listed. */
const listed = (servers: ReadonlyArray<Server>) =>
  Effect.gen(function* () {
    const begun = performance.now()
    const hub = yield* McpServers.make(servers)
    const { length } = yield* hub.tools
    return { took: performance.now() - begun, tools: length }
  }).pipe(Effect.scoped)

/** The same by bare clients. */
const listedBare = Effect.gen(function* () {
  const begun = performance.now()
  const clients = yield* Effect.forEach(
    six,
    ({ reach }) =>
      Effect.promise(() => {
        const client = new Client({ name: "bench", version: "0" })
        const { args, command } = reach._tag === "Stdio" ? reach : { args: [], command: "" }
        const transport = new StdioClientTransport({ command, args: [...args], stderr: "ignore" })
        return client
          .connect(transport)
          .then(() => client.listTools())
          .then(() => client)
      }),
    { concurrency: "unbounded" }
  )
  const took = performance.now() - begun
  yield* Effect.forEach(clients, (client) => Effect.promise(() => client.close()), { concurrency: "unbounded" })
  return took
})

const starts = Effect.gen(function* () {
  let slowest = 0
  for (const one of six) {
    const all: Array<number> = []
    for (let round = 0; round < 3; round++) all.push((yield* listed([one])).took)
    slowest = Math.max(slowest, median(all))
  }
  const [hubs, clients]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < 5; round++) {
    clients.push(yield* listedBare)
    hubs.push((yield* listed(six)).took)
  }
  return { slowest, together: median(hubs), clients: median(clients) }
})

const { bare, hub } = await Effect.runPromise(overhead)
console.log(`a call by the client   p50 ${bare.toFixed(1).padStart(7)} µs`)
console.log(
  `a call by the hub      p50 ${hub.toFixed(1).padStart(7)} µs  ${(hub / bare).toFixed(2)} of that (goal <= 1.5)`
)
const { clients, slowest, together } = await Effect.runPromise(starts)
console.log(`the slowest server by itself  ${slowest.toFixed(0).padStart(5)} ms`)
console.log(
  `six at once, bare clients     ${clients.toFixed(0).padStart(5)} ms  ${(clients / slowest).toFixed(2)} of that`
)
console.log(
  `six at once, the hub          ${together.toFixed(0).padStart(5)} ms  ${(together / slowest).toFixed(2)} of that (goal <= 1.5), ${(together / clients).toFixed(2)} of the clients'`
)
