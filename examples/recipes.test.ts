/** The recipes of `docs/writing-a-provider.md`, against servers that answer, refuse, stall, break off and talk nonsense. */
import { assert, describe, it } from "@effect/vitest"
import { type Failure, type Plugin, type Task, TaskContext } from "@gleitzeit/core"
import { Effect, Fiber, Layer, type Schema, type Scope } from "effect"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
// by its path: the recipes themselves need no testkit
import { ProviderTest } from "@gleitzeit/testkit"
import * as TideService from "./15-http-provider/TideService.ts"
import * as StoryService from "./16-websocket-provider/StoryService.ts"

/** Calls that have come to a server, and those whose caller has gone before the answer was whole. */
class Seen {
  came = 0
  left = 0

  until(holds: () => boolean): Effect.Effect<boolean> {
    return Effect.sync(holds).pipe(
      Effect.delay(2),
      Effect.repeat({ until: (held) => held }),
      Effect.timeout(2000),
      Effect.orDie
    )
  }
}

/** Until the scope closes; where it is. */
const listening = (attach: (server: Server) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly server: Server; readonly sockets: Set<Socket> }>((resume) => {
        const server = createServer()
        const sockets = new Set<Socket>()
        server.on("connection", (socket) => sockets.add(socket))
        attach(server)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ server }) => {
      const address = server.address()
      return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
    }
  )

interface Told {
  readonly result: Schema.Json
  readonly chunks: ReadonlyArray<Task.Chunk>
}

/** A call of the provider as the plug-in makes it. */
const call = (plugin: Plugin.ProviderPlugin, options: Schema.Json, method: string, params: Schema.Json) =>
  Effect.gen(function* () {
    const chunks: Array<Task.Chunk> = []
    const provider = yield* plugin.make(options)
    const result = yield* Effect.provideService(provider.call(method, params), TaskContext.TaskContext, {
      run: "run",
      task: "task",
      attempt: 1,
      idempotencyKey: "run/task",
      emit: (chunk) => Effect.sync(() => void chunks.push(chunk)),
      usage: () => Effect.void,
      call: () => Effect.die("not used"),
      suspend: () => Effect.die("not used")
    })
    return { result, chunks } satisfies Told
  })

/** What whoever decides about another attempt looks at. */
const refusal = <R>(effect: Effect.Effect<Told, Failure.Failure, R>) =>
  Effect.map(Effect.flip(effect), ({ name, retryable, retryAfter = 0 }) => [name, retryable, retryAfter])

describe("the HTTP recipe", () => {
  const times = ["2026-11-21T15:41:00Z", "2026-11-22T04:06:00Z"]
  const ports: { readonly [port: string]: (response: ServerResponse) => unknown } = {
    Husum: (response) => response.end(JSON.stringify({ times: times.slice(0, 1) })),
    "St. Peter/Ording?": (response) => response.end(JSON.stringify({ times })),
    Busy: (response) => response.writeHead(429, { "retry-after": "7" }).end(),
    Broken: (response) => response.writeHead(503, { "retry-after": "2" }).end("<html>"),
    Odd: (response) => response.end(`{"times": "soon"}`),
    Endless: (response) => response.writeHead(500).write("<html>"),
    Cut: (response) => response.destroy(),
    Silent: () => undefined,
    Halfway: (response) => response.write(`{"times": [`)
  }
  const seen = new Seen()
  const service = listening((server) =>
    server.on("request", ({ url = "" }, response) => {
      seen.came++
      response.on("close", () => response.writableEnded || seen.left++)
      const [, kind, port = ""] = url.split(/[/?]/)
      const answer = ports[decodeURIComponent(port)]
      if (kind === "health") response.end(`"up"`)
      else if (answer === undefined) response.writeHead(404).end()
      else answer(response)
    })
  )
  const next = (port: string, options = {}) =>
    Effect.flatMap(service, (host) =>
      call(TideService.default, { url: `http://${host}`, ...options }, "tide/next", { port, count: 2 })
    )

  ProviderTest.suite(
    "of the HTTP recipe",
    Layer.unwrap(Effect.map(service, (host) => TideService.layer({ url: `http://${host}` }))),
    {
      slow: { method: "tide/next", params: { port: "Halfway" }, isGone: seen.until(() => seen.left > 0) },
      failing: ["Bern", "Busy", "Broken", "Odd", "Cut"].map((port) => ({ method: "tide/next", params: { port } }))
    }
  )

  it.live("sends a port as a part of the path, whatever is in it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* next("St. Peter/Ording?")).result, { times })
    })
  )

  it.live("tells by its failure whether it is worth while to come back, and when", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal(next("Bern")), ["TASK_EXECUTION_FAILED", false, 0])
      assert.deepStrictEqual(yield* refusal(next("Busy")), ["PROVIDER_OVERLOADED", true, 7000])
      assert.deepStrictEqual(yield* refusal(next("Broken")), ["PROVIDER_NOT_AVAILABLE", true, 2000])
      assert.deepStrictEqual(yield* refusal(next("Odd")), ["PROVIDER_NOT_AVAILABLE", false, 0])
      assert.deepStrictEqual(yield* refusal(next("Cut")), ["PROVIDER_NOT_AVAILABLE", true, 0])
    })
  )

  it.live("leaves an answer that it has no use for", () =>
    Effect.gen(function* () {
      const { left } = seen
      assert.deepStrictEqual(yield* refusal(next("Endless")), ["PROVIDER_NOT_AVAILABLE", true, 0])
      yield* seen.until(() => seen.left > left)
    })
  )

  it.live("waits no longer than its timeout, also for an answer that has begun", () =>
    Effect.gen(function* () {
      const options = { timeout: 0.1 }
      assert.deepStrictEqual(yield* refusal(next("Silent", options)), ["PROVIDER_TIMEOUT", true, 0])
      assert.deepStrictEqual(yield* refusal(next("Halfway", options)), ["PROVIDER_TIMEOUT", true, 0])
    })
  )

  it.live("is unhealthy, and worth another attempt, where nobody listens", () =>
    Effect.gen(function* () {
      const options = { url: "http://127.0.0.1:1" }
      assert.strictEqual((yield* (yield* TideService.default.make(options)).health).status, "unhealthy")
      const called = call(TideService.default, options, "tide/next", { port: "Husum" })
      assert.deepStrictEqual(yield* refusal(called), ["PROVIDER_NOT_AVAILABLE", true, 0])
    })
  )

  it.live("closes the socket of a call that is interrupted, before and within the answer", () =>
    Effect.forEach(["Silent", "Halfway"], (port) => interrupted(next(port), seen))
  )
})

describe("the WebSocket recipe", () => {
  const stories: { readonly [about: string]: (socket: WebSocket) => void } = {
    Busy: (socket) => socket.close(1013, "come back later"),
    Forbidden: (socket) => socket.close(1008, "not for you"),
    Cut: (socket) => socket.terminate(),
    Odd: (socket) => socket.send("Once upon"),
    Silent: () => undefined,
    Halfway: (socket) => socket.send(piece("Once", false))
  }
  const piece = (piece: string, last: boolean) => JSON.stringify({ piece, last })
  const seen = new Seen()
  const service = listening((server) =>
    new WebSocketServer({ server }).on("connection", (socket) => {
      let isTold = false
      socket.on("close", () => isTold || seen.left++)
      socket.once("message", (message) => {
        seen.came++
        const about: string = JSON.parse(String(message)).about
        const tell = stories[about]
        if (tell !== undefined) return tell(socket)
        isTold = true
        for (const word of ["Once upon a ", about]) socket.send(piece(word, false))
        socket.send(piece(".", true))
      })
    })
  )
  const tell = (about: string, options = {}) =>
    Effect.flatMap(service, (host) =>
      call(StoryService.default, { url: `ws://${host}`, ...options }, "story/tell", { about })
    )

  ProviderTest.suite(
    "of the WebSocket recipe",
    Layer.unwrap(Effect.map(service, (host) => StoryService.layer({ url: `ws://${host}` }))),
    {
      slow: { method: "story/tell", params: { about: "Halfway" }, isGone: seen.until(() => seen.left > 0) },
      failing: ["Busy", "Forbidden", "Odd", "Cut"].map((about) => ({ method: "story/tell", params: { about } }))
    }
  )

  it.live("shows the pieces while they come, and gives the whole", () =>
    Effect.gen(function* () {
      const { chunks, result } = yield* tell("tide")
      assert.deepStrictEqual(result, { text: "Once upon a tide." })
      assert.deepStrictEqual(
        chunks,
        ["Once upon a ", "tide", "."].map((text) => ({ _tag: "Text", text }))
      )
    })
  )

  it.live("tells by its failure whether it is worth while to come back", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal(tell("Busy")), ["PROVIDER_OVERLOADED", true, 0])
      assert.deepStrictEqual(yield* refusal(tell("Forbidden")), ["PROVIDER_NOT_AVAILABLE", false, 0])
      assert.deepStrictEqual(yield* refusal(tell("Odd")), ["PROVIDER_NOT_AVAILABLE", false, 0])
      assert.deepStrictEqual(yield* refusal(tell("Cut")), ["PROVIDER_NOT_AVAILABLE", true, 0])
      const nowhere = call(StoryService.default, { url: "ws://127.0.0.1:1" }, "story/tell", { about: "a" })
      assert.deepStrictEqual(yield* refusal(nowhere), ["PROVIDER_NOT_AVAILABLE", true, 0])
    })
  )

  it.live("waits no longer than its patience, for the first piece and for each after it", () =>
    Effect.gen(function* () {
      const options = { patience: 0.1 }
      assert.deepStrictEqual(yield* refusal(tell("Silent", options)), ["PROVIDER_TIMEOUT", true, 0])
      assert.deepStrictEqual(yield* refusal(tell("Halfway", options)), ["PROVIDER_TIMEOUT", true, 0])
    })
  )

  it.live("closes the socket of a call that is interrupted", () =>
    Effect.forEach(["Silent", "Halfway"], (about) => interrupted(tell(about), seen))
  )
})

// internal

/** Interrupts a call once the server has it, and waits until the server has seen that nobody is there any more. */
function interrupted<A, E, R>(effect: Effect.Effect<A, E, R>, seen: Seen) {
  return Effect.gen(function* () {
    const { came, left } = seen
    const fiber = yield* Effect.forkChild(effect)
    yield* seen.until(() => seen.came > came)
    yield* Fiber.interrupt(fiber)
    yield* seen.until(() => seen.left > left)
  })
}
