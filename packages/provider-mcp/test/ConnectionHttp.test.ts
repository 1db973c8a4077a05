import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { join } from "node:path"
import * as Connection from "../src/Connection.ts"
import type { Server } from "../src/Server.ts"
import * as ServerEntry from "../src/ServerEntry.ts"
import { call, fault, hears, text } from "./connections.ts"
import { bodyOf, fakeHttp, freePort, listening, reached, webSocket } from "./http.ts"
import { folder } from "./hub.ts"

const connected = (mode: string, more: Parameters<typeof reached>[1] = {}) =>
  Effect.flatMap(fakeHttp(mode), ({ url }) => Connection.make(reached(url, more)))

describe("a server by Streamable HTTP", () => {
  it.live("is greeted, lists its tools and is called", () =>
    Effect.gen(function* () {
      const connection = yield* connected("")
      assert.lengthOf(yield* connection.tools, 5)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      const state = yield* connection.state
      assert.deepInclude(state, { status: "ready", transport: "http", protocol: "2025-11-25" })
    })
  )

  it.live("may answer without a stream", () =>
    Effect.gen(function* () {
      const connection = yield* connected("json")
      assert.deepStrictEqual((yield* call(connection, "add", { a: 1, b: 2 })).structured, { sum: 3 })
    })
  )

  for (const mode of ["forgetful", "forgetful-400"]) {
    it.live(`is greeted again when it does not know the session any more (${mode})`, () =>
      Effect.gen(function* () {
        const connection = yield* connected(mode)
        for (const word of ["one", "two", "three"]) {
          assert.strictEqual(text(yield* call(connection, "echo", { text: word })), word)
        }
        assert.strictEqual((yield* connection.state).restarts, 2)
      })
    )
  }

  it.live("loses none of the calls that are made at once when it does not know the session any more", () =>
    Effect.gen(function* () {
      const first = yield* fakeHttp()
      const connection = yield* Connection.make(reached(first.url))
      yield* call(connection, "echo", { text: "one" })
      yield* first.stop
      yield* fakeHttp("", first.port)
      const words = Array.from({ length: 10 }, (_, index) => String(index))
      const answers = yield* Effect.forEach(words, (word) => call(connection, "echo", { text: word }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers.map(text), words)
      assert.strictEqual((yield* connection.state).restarts, 1)
    })
  )

  it.live("goes on with the other calls when one of them comes to its timeout", () =>
    Effect.gen(function* () {
      const connection = yield* connected("", { callTimeout: 500 })
      yield* connection.tools
      const late = yield* Effect.forkChild(Effect.flip(fault(connection, "never")), { startImmediately: true })
      // what it tells keeps this one from its timeout
      assert.strictEqual(text(yield* fault(connection, "progress", { ms: 800 })), "progressed")
      assert.strictEqual((yield* Fiber.join(late)).name, "PROVIDER_TIMEOUT")
      assert.deepInclude(yield* connection.state, { status: "ready", restarts: 0 })
    })
  )

  it.live("hears that a call is not wanted any more", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const { url } = yield* fakeHttp("", 0, ["--log", log])
      const connection = yield* Connection.make(reached(url))
      const waiting = yield* Effect.forkChild(fault(connection, "never"))
      yield* hears(log, "tools/call")
      yield* Fiber.interrupt(waiting)
      yield* hears(log, "notifications/cancelled")
    })
  )

  it.live("is missed where none listens", () =>
    Effect.gen(function* () {
      const connection = yield* Connection.make(reached(`http://127.0.0.1:${yield* freePort}/mcp`))
      const { message, retryable } = yield* Effect.flip(connection.tools)
      assert.match(
        message,
        /nothing listens on http:\/\/127\.0\.0\.1:\d+\/mcp, where the greeting at the server "one" goes$/
      )
      assert.isTrue(retryable)
    })
  )

  it.live("may be another one by the next call", () =>
    Effect.gen(function* () {
      const first = yield* fakeHttp()
      const connection = yield* Connection.make(reached(first.url, { restart: { max: 5, backoff: 1, window: 1000 } }))
      yield* call(connection, "echo", { text: "one" })
      yield* first.stop
      const { message, retryable } = yield* Effect.flip(call(connection, "echo", { text: "nobody" }))
      assert.strictEqual(
        message,
        `provider "mcp" is not available: nothing listens on ${first.url}, where the call of "echo" at the server "one" goes`
      )
      assert.isTrue(retryable)
      assert.strictEqual((yield* connection.state).status, "down")
      yield* fakeHttp("", first.port)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "two" })), "two")
      assert.deepInclude(yield* connection.state, { status: "ready", restarts: 1 })
    })
  )

  it.live("has a stream that ends too early told at once", () =>
    Effect.gen(function* () {
      const connection = yield* connected("", { callTimeout: 60_000 })
      const { message } = yield* Effect.flip(fault(connection, "cut"))
      assert.match(message, /the stream of the answer ended before the answer came/)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "on" })), "on")
    })
  )

  for (const mode of ["", "json"]) {
    it.live(`may not send more than the limit in one message (${mode === "" ? "stream" : mode})`, () =>
      Effect.gen(function* () {
        const connection = yield* connected(mode, { maxMessage: 100_000 })
        assert.lengthOf(text(yield* fault(connection, "big", { size: 90_000 })), 90_000)
        const { name } = yield* Effect.flip(fault(connection, "big", { size: 2_000_000 }))
        assert.strictEqual(name, "RESULT_TOO_LARGE")
        assert.strictEqual(text(yield* call(connection, "echo", { text: "on" })), "on")
      })
    )
  }

  it.live("has its timeouts", () =>
    Effect.gen(function* () {
      const connection = yield* connected("", { callTimeout: 200 })
      assert.strictEqual((yield* Effect.flip(fault(connection, "never"))).name, "PROVIDER_TIMEOUT")
      const silent = yield* connected("silent", { startTimeout: 300 })
      assert.match((yield* Effect.flip(silent.tools)).message, /the start of the server "one" took more than 0.3 s/)
    })
  )

  it.live("is told apart from one that is no such server", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip((yield* connected("html")).tools)
      assert.match(message, /Unexpected content type: text\/html/)
    })
  )
})

describe("who is let in", () => {
  it.live("has a token", () =>
    Effect.gen(function* () {
      const auth = { _tag: "Bearer" as const, token: "let-me-in" }
      const connection = yield* connected("token", { auth })
      assert.strictEqual(text(yield* call(connection, "echo", { text: "in" })), "in")
      const byHeader = yield* connected("token", { headers: { Authorization: "Bearer let-me-in" } })
      assert.lengthOf(yield* byHeader.tools, 5)
    })
  )

  it.live("is told so, without the token, when it is another", () =>
    Effect.gen(function* () {
      const auth = { _tag: "Bearer" as const, token: "wrong-token-1" }
      const { message, retryable } = yield* Effect.flip((yield* connected("token", { auth })).tools)
      assert.match(message, /the greeting at the server "one" was refused: the server wants other credentials/)
      assert.notInclude(message, "wrong-token-1")
      assert.isFalse(retryable)
      const without = yield* Effect.flip((yield* connected("unauthorized")).tools)
      assert.match(without.message, /was answered with HTTP 401.*under `auth` or `headers`/)
    })
  )

  it.live("gets a token for its credentials", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const server = yield* fakeHttp()
      const { origin } = yield* listening((request, response) => {
        const say = (status: number, body: unknown, headers = {}) =>
          response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
        switch (request.url) {
          case "/.well-known/oauth-protected-resource/mcp":
            return void say(200, { resource: `${origin}/mcp`, authorization_servers: [origin] })
          case "/.well-known/oauth-authorization-server":
            return void say(200, {
              issuer: origin,
              authorization_endpoint: `${origin}/authorize`,
              token_endpoint: `${origin}/token`,
              response_types_supported: ["code"],
              grant_types_supported: ["client_credentials"],
              token_endpoint_auth_methods_supported: ["client_secret_basic"]
            })
          case "/token":
            asked.push(request.headers.authorization ?? "")
            return void say(200, { access_token: "let-me-in", token_type: "Bearer", expires_in: 3600 })
          case "/mcp":
            if (request.headers.authorization !== "Bearer let-me-in") {
              const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
              return void say(401, {}, { "www-authenticate": challenge })
            }
            if (request.method !== "POST") return void response.writeHead(405).end()
            return void bodyOf(request)
              .then((body) => {
                const { accept = "", "mcp-session-id": session } = request.headers
                const headers = {
                  accept,
                  "content-type": "application/json",
                  ...(typeof session === "string" ? { "mcp-session-id": session } : {})
                }
                return fetch(server.url, { method: "POST", body, headers })
              })
              .then((answer) =>
                answer.text().then((text) => {
                  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text)
                })
              )
          default:
            return void say(404, {})
        }
      })
      const auth = { _tag: "ClientCredentials" as const, clientId: "me", clientSecret: "my-own-secret" }
      const connection = yield* Connection.make(reached(`${origin}/mcp`, { auth }))
      assert.strictEqual(text(yield* call(connection, "echo", { text: "in" })), "in")
      assert.deepStrictEqual(asked, [`Basic ${Buffer.from("me:my-own-secret").toString("base64")}`])
      const meant = { ...auth, issuer: origin }
      yield* Effect.flatMap(Connection.make(reached(`${origin}/mcp`, { auth: meant })), ({ tools }) => tools)
      assert.lengthOf(asked, 2)
      const other = { ...auth, issuer: "https://other.example" }
      const refused = yield* Connection.make(reached(`${origin}/mcp`, { auth: other }))
      assert.match((yield* Effect.flip(refused.tools)).message, /other\.example/)
      assert.lengthOf(asked, 2)
    })
  )

  it.live("does not carry what it was let in with to another host", () =>
    Effect.gen(function* () {
      const heard: Array<unknown> = []
      const other = yield* listening((request, response) => {
        heard.push(request.headers)
        response.writeHead(404).end()
      })
      const { origin } = yield* listening((_request, response) => {
        response.writeHead(307, { location: `${other.origin}/mcp` }).end()
      })
      const server = reached(`${origin}/mcp`, {
        auth: { _tag: "Bearer", token: "let-me-in" },
        headers: { "x-key": "a-key-of-mine" }
      })
      const { message } = yield* Effect.flip((yield* Connection.make(server)).tools)
      assert.match(message, /Redirect to http:\/\/127\.0\.0\.1:\d+\/mcp not followed/)
      assert.deepStrictEqual(heard, [])
      const within = yield* connected("redirect")
      assert.lengthOf(yield* within.tools, 5)
    })
  )
})

describe("a server by the transport of 2024-11-05", () => {
  it.live("is found where it knows no other", () =>
    Effect.gen(function* () {
      const connection = yield* connected("sse")
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      assert.strictEqual((yield* connection.state).transport, "sse")
    })
  )

  it.live("is asked in that way alone where the configuration says so", () =>
    Effect.gen(function* () {
      const { stop, port, url } = yield* fakeHttp("sse")
      const connection = yield* Connection.make(
        reached(url, { sse: true, restart: { max: 5, backoff: 1, window: 1000 } })
      )
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      const waiting = yield* Effect.forkChild(Effect.flip(fault(connection, "never")), { startImmediately: true })
      yield* call(connection, "echo", { text: "after" })
      yield* stop
      assert.match((yield* Fiber.join(waiting)).message, /its stream of events ended/)
      yield* fakeHttp("sse", port)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "again" })), "again")
    })
  )

  it.live("has a limit for its messages", () =>
    Effect.gen(function* () {
      const connection = yield* connected("sse", { sse: true, maxMessage: 100_000 })
      const { name } = yield* Effect.flip(fault(connection, "big", { size: 2_000_000 }))
      assert.strictEqual(name, "RESULT_TOO_LARGE")
    })
  )
})

describe("a server by WebSocket", () => {
  const answers = (message: string): ReadonlyArray<string> | undefined => {
    const { id, method, params } = JSON.parse(message)
    const say = (result: unknown) => [JSON.stringify({ jsonrpc: "2.0", id, result })]
    switch (method) {
      case "initialize":
        return say({
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "socket", version: "1" }
        })
      case "tools/list":
        return say({ tools: [{ name: "echo", inputSchema: { type: "object" } }] })
      case "tools/call": {
        const { size, text } = params.arguments
        if (text === "leave") return undefined
        return say({ content: [{ type: "text", text: size === undefined ? text : "y".repeat(size) }] })
      }
      default:
        return []
    }
  }

  const server = (url: string, more: Partial<Server> = {}): Server => ({
    ...ServerEntry.plain("one", { _tag: "WebSocket", url }, []),
    protocol: "legacy",
    ...more
  })

  it.live("is greeted, listed, called, and greeted again when it has closed", () =>
    Effect.gen(function* () {
      const url = yield* webSocket(answers)
      const connection = yield* Connection.make(server(url, { maxMessage: 100_000 }))
      assert.lengthOf(yield* connection.tools, 1)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      const { message } = yield* Effect.flip(call(connection, "echo", { text: "leave" }))
      assert.match(message, /the server "one": it closed the WebSocket with 1001 during the call of "echo"/)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "again" })), "again")
      const large = yield* Effect.flip(call(connection, "echo", { size: 200_000 }))
      assert.strictEqual(large.name, "RESULT_TOO_LARGE")
    })
  )

  it.live("is missed where none listens", () =>
    Effect.gen(function* () {
      const connection = yield* Connection.make(server(`ws://127.0.0.1:${yield* freePort}`))
      const { message, retryable } = yield* Effect.flip(connection.tools)
      assert.match(message, /the WebSocket cannot be opened/)
      assert.isTrue(retryable)
    })
  )
})
