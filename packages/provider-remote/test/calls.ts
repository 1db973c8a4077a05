/** What the tests share: calls with a context that can be looked at, servers on loopback, a process that misbehaves on demand. */
import { type Failure, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Result, type Schema, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { fileURLToPath } from "node:url"
import { RemoteProvider } from "../src/index.ts"

export type Chunk = Parameters<TaskContext.TaskContext["Service"]["emit"]>[0]
type Usage = Parameters<TaskContext.TaskContext["Service"]["usage"]>[0]

export const context = (told: Array<Chunk | Usage> = []): TaskContext.TaskContext["Service"] => ({
  run: "RUN",
  task: "work[3]",
  attempt: 2,
  idempotencyKey: "RUN/work[3]",
  emit: (chunk) => Effect.sync(() => void told.push(chunk)),
  usage: (usage) => Effect.sync(() => void told.push(usage)),
  call: () => Effect.die("not called"),
  suspend: () => Effect.die("not called")
})

export const call = (
  provider: Provider.Provider,
  method: string,
  params: Schema.Json = {},
  told?: Array<Chunk | Usage>
): Effect.Effect<Schema.Json, Failure.Failure> =>
  Effect.provideService(provider.call(method, params), TaskContext.TaskContext, context(told))

/** The failure of what must fail. */
export const failure = <A, R>(effect: Effect.Effect<A, Failure.Failure, R>): Effect.Effect<Failure.Failure, never, R> =>
  Effect.map(Effect.result(effect), (result) => {
    if (Result.isSuccess(result)) throw new Error(`did not fail: ${JSON.stringify(result.success)}`)
    return result.failure
  })

/** A server on loopback until the scope closes; its URL. */
export const server = (
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((request, response) => {
          const chunks: Array<Uint8Array> = []
          request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
          request.on("end", () => handle(request, response, Buffer.concat(chunks).toString("utf8")))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/rpc`
    }
  )

export interface Rpc {
  readonly id: string
  readonly method: string
  readonly params: { readonly [name: string]: Schema.Json }
}

/** What a document says of methods without any schema. */
export const describe = (...names: ReadonlyArray<string>) => ({
  openrpc: "1.3.2",
  info: { title: "far", version: "1" },
  methods: names.map((name) => ({ name, params: [{ name: "value", schema: {} }], result: { name: "r", schema: {} } }))
})

/** A server of JSON-RPC that has `far/it`; `answer` gets the calls of it. */
export const far = (
  answer: (response: ServerResponse, call: Rpc, request: IncomingMessage) => void,
  document: () => Schema.Json = () => describe("far/it")
): Effect.Effect<string, never, Scope.Scope> =>
  server((request, response, body) => {
    const call: Rpc = JSON.parse(body)
    if (call.method === "rpc.discover") return reply(response, call, document())
    answer(response, call, request)
  })

export const reply = (response: ServerResponse, { id }: Rpc, result: Schema.Json) => {
  response.setHeader("content-type", "application/json")
  response.end(JSON.stringify({ jsonrpc: "2.0", result, id }))
}

export const http = (url: string, options: Partial<RemoteProvider.Options> = {}) =>
  RemoteProvider.make({ name: "far", url, ...options })

export const script = fileURLToPath(new URL("fixtures/peer.mjs", import.meta.url))

/** It as a process. */
export const peer = (options: Partial<RemoteProvider.Options> = {}) =>
  RemoteProvider.make({
    name: "peer",
    command: process.execPath,
    args: [script],
    ...options
  })

/** Not there, or dead and not yet collected by its parent. */
export const dead = (pid: number): boolean => {
  try {
    return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .startsWith("Z")
  } catch {
    return true
  }
}
