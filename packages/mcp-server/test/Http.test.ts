import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit } from "@gleitzeit/core"
import type { ScriptedProvider } from "@gleitzeit/testkit"
import { Deferred, Effect, Exit, Fiber, Queue, Redacted, Schedule, Scope } from "effect"
import { writeFileSync } from "node:fs"
import { request } from "node:http"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { Http, McpServer } from "../src/index.ts"
import { engine, folder, modeOf } from "./scene.ts"

const secret = "0123456789abcdef0123"

const hello = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "0" } }
})

interface Said {
  readonly status: number
  readonly headers: { readonly [name: string]: unknown }
  readonly body: string
}

const post = (url: string, headers: { readonly [name: string]: string } = {}, body = hello): Effect.Effect<Said> =>
  Effect.callback((resume) => {
    const all = { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }
    const sent = request(url, { method: "POST", headers: all }, (response) => {
      let text = ""
      response.on("data", (piece) => (text += String(piece)))
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      )
    })
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end(body)
    return Effect.sync(() => sent.destroy())
  })

const serving = (options: Partial<Http.Options> = {}) =>
  Effect.gen(function* () {
    const mcp = yield* McpServer.make({ folder: yield* folder({}) })
    return yield* Http.serve(mcp, { port: 0, token: undefined, ...options })
  })

interface UnderWay {
  readonly run: string
  readonly called: Fiber.Fiber<Said>
  /** Of the server. */
  readonly end: Effect.Effect<void>
  readonly idle: Effect.Effect<void>
}

/** A call of a workflow that never ends. */
const underWay = <E>(test: (underWay: UnderWay) => Effect.Effect<void, E, Gleitzeit.Gleitzeit>) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<string>()
    const hang: ScriptedProvider.Script = (_, { run }) => Effect.andThen(Deferred.succeed(begun, run), Effect.never)
    yield* Effect.gen(function* () {
      const path = yield* folder({ "wait.yaml": "tasks: [{ id: a, method: script/do, params: { script: hang } }]\n" })
      const own = yield* Scope.make()
      const mcp = yield* McpServer.make({ folder: path })
      const { url } = yield* Scope.provide(Http.serve(mcp, { port: 0, token: undefined }), own)
      const body = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "wait" } })
      const called = yield* Effect.forkChild(post(url, {}, body))
      const run = yield* Deferred.await(begun)
      const end = Scope.close(own, Exit.void)
      yield* Effect.ensuring(test({ run, called, end, idle: mcp.idle }), end)
    }).pipe(Effect.scoped, Effect.provide(engine({ hang })))
  })

describe("over HTTP", () => {
  it.live("whoever has no token, or another one, is refused", () =>
    Effect.gen(function* () {
      const { url } = yield* serving({ token: Redacted.make(secret) })
      const refused = [
        {},
        { authorization: `Bearer ${secret}x` },
        { authorization: "Bearer " },
        { authorization: secret }
      ]
      for (const headers of refused) {
        const said = yield* post(url, headers)
        assert.strictEqual(said.status, 401)
        assert.strictEqual(said.headers["www-authenticate"], 'Bearer realm="gleitzeit"')
        assert.notInclude(said.body, secret)
      }
      assert.strictEqual((yield* post(url, { authorization: `Bearer ${secret}` })).status, 200)
      assert.strictEqual((yield* post(url, { authorization: `bearer ${secret}` })).status, 200)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("pages of other hosts are refused, whatever they bring", () =>
    Effect.gen(function* () {
      const { url } = yield* serving({ token: Redacted.make(secret) })
      const authorization = `Bearer ${secret}`
      assert.strictEqual((yield* post(url, { authorization, host: "evil.example" })).status, 403)
      assert.strictEqual((yield* post(url, { authorization, origin: "http://evil.example" })).status, 403)
      assert.strictEqual((yield* post(url, { authorization, origin: "http://localhost:3000" })).status, 200)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("there is nothing at other paths, and no body beyond the limit is read", () =>
    Effect.gen(function* () {
      const { url } = yield* serving({ maxBody: 1000 })
      assert.strictEqual((yield* post(url.replace("/mcp", "/"))).status, 404)
      assert.strictEqual((yield* post(url, {}, `"${"x".repeat(2000)}"`)).status, 413)
      assert.strictEqual((yield* post(url, {}, "{")).status, 400)
      assert.strictEqual((yield* post(url, { "content-type": "text/plain" })).status, 415)
      assert.strictEqual((yield* post(`${url}?x=1`)).status, 200)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("other machines reach nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* serving()
      const outside = Object.values(networkInterfaces()).flatMap((all) =>
        (all ?? []).flatMap(({ address, family, internal }) => (internal || family !== "IPv4" ? [] : [address]))
      )
      for (const address of outside) {
        const said = yield* Effect.exit(post(url.replace("127.0.0.1", address)))
        assert.strictEqual(said._tag, "Failure")
      }
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("calls end with the server, and leave their runs as they are", () =>
    underWay(({ called, end, idle, run }) =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        yield* end
        yield* Fiber.await(called)
        yield* idle
        assert.strictEqual((yield* gleitzeit.get(run)).status, "running")
      })
    )
  )

  it.live("a stream that the client closes cancels the run", () =>
    underWay(({ called, run }) =>
      Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        yield* Fiber.interrupt(called)
        assert.strictEqual((yield* gleitzeit.wait(run)).status, "cancelled")
      })
    )
  )

  it.live("a client of 2026-07-28 that listens is told when the tools have become others", () =>
    Effect.gen(function* () {
      const path = yield* folder({})
      const mcp = yield* McpServer.make({ folder: path })
      const { url } = yield* Http.serve(mcp, { port: 0, token: undefined })
      const told = yield* Queue.unbounded<ReadonlyArray<string>>()
      const client = new Client(
        { name: "listening", version: "0" },
        {
          versionNegotiation: modeOf("modern"),
          listChanged: {
            tools: {
              // its own 300 ms would begin anew with every file
              debounceMs: 10,
              onChanged: (_, tools) =>
                Queue.offerUnsafe(
                  told,
                  (tools ?? []).map(({ name }) => name)
                )
            }
          }
        }
      )
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(new StreamableHTTPClientTransport(new URL(url)))),
        () => Effect.promise(() => client.close())
      )
      let files = 0
      // whenever watcher and listener begin, one of the files comes after them
      yield* Effect.sync(() =>
        writeFileSync(join(path, `f${files++}.yaml`), "tasks: [{ id: a, method: script/do }]\n")
      ).pipe(Effect.repeat(Schedule.spaced("300 millis")), Effect.forkScoped)
      assert.include(yield* Queue.take(told), "f0")
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("a port that is taken is told", () =>
    Effect.gen(function* () {
      const { url } = yield* serving()
      const refused = yield* Effect.flip(serving({ port: Number(new URL(url).port) }))
      assert.include(refused.message, "EADDRINUSE")
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )
})
