import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, type Schema, Scope } from "effect"
import { createServer } from "node:net"
import { call, describe as document, failure, far, http, reply, type Rpc, server } from "./calls.ts"

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(body))

describe("a call over HTTP", () => {
  test(
    "is one POST, its result as it was sent",
    Effect.gen(function* () {
      const seen: Array<Rpc & { readonly type: unknown }> = []
      const url = yield* far((response, call, request) => {
        seen.push({ ...call, type: request.headers["content-type"] })
        reply(response, call, call.params["value"] ?? null)
      })
      const provider = yield* http(url)
      for (const value of [
        null,
        0,
        "",
        false,
        [],
        {},
        "Grüße 👋 \u2028 \u0000",
        2 ** 53,
        1e300,
        { a: [1, { b: null }] }
      ]) {
        assert.deepStrictEqual(yield* call(provider, "far/it", { value }), value)
      }
      const [first] = seen
      assert.deepStrictEqual(
        [first?.method, first?.params, first?.type],
        ["far/it", { value: null }, "application/json"]
      )
      assert.strictEqual(new Set(seen.map(({ id }) => id)).size, seen.length)
    })
  )

  test(
    "sends its headers, credentials of the URL among them, and shows none of them",
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const url = yield* far((response, _, request) => {
        seen.push(request.headers["authorization"], request.headers["x-key"], request.url)
        response.statusCode = 401
        response.end("no")
      })
      const given = `${url.replace("//", "//user:p%40ss@")}?token=t0ken`
      const provider = yield* http(given, { headers: { "x-key": "k3y" } })
      const failed = yield* failure(call(provider, "far/it"))
      assert.deepStrictEqual(seen, [`Basic ${btoa("user:p@ss")}`, "k3y", "/rpc?token=t0ken"])
      assert.include(failed.message, "headers")
      assert.notMatch(JSON.stringify([failed, yield* provider.health]), /k3y|p@ss|p%40ss|t0ken/)
    })
  )

  test(
    "fails as the server says, with its code, facts and whether to try again",
    Effect.gen(function* () {
      const error = { code: 17, message: "no such city", data: { city: "X" } }
      const ours = {
        code: -30007,
        message: "busy",
        data: { name: "PROVIDER_OVERLOADED", retryable: true, retryAfter: 20 }
      }
      const answers: Array<Schema.Json> = [error, ours, { code: -29017, message: "mine" }]
      const url = yield* far((response, { id }) => {
        response.statusCode = 500
        response.end(JSON.stringify({ jsonrpc: "2.0", error: answers.shift() ?? null, id }))
      })
      const provider = yield* http(url)
      assert.deepStrictEqual(yield* failure(call(provider, "far/it")), {
        ...error,
        name: "REMOTE_ERROR",
        retryable: false
      })
      const { data, ...rest } = ours
      assert.deepStrictEqual(yield* failure(call(provider, "far/it")), { ...rest, ...data })
      // that a task waits for somebody is for the engine alone to say
      assert.strictEqual((yield* failure(call(provider, "far/it"))).code, -29002)
    })
  )

  test(
    "is refused before it is made when its params are wrong, and after it when its result is",
    Effect.gen(function* () {
      let made = 0
      const url = yield* far(
        (response, call) => {
          made++
          reply(response, call, 3)
        },
        () => ({
          ...document(),
          methods: [
            {
              name: "far/it",
              params: [{ name: "n", required: true, schema: { type: "integer" } }],
              result: { name: "r", schema: { type: "string" } }
            }
          ]
        })
      )
      const provider = yield* http(url)
      assert.match((yield* failure(call(provider, "far/it", { n: "x" }))).message, /"n" expected a whole number/)
      assert.strictEqual(made, 0)
      const wrong = yield* failure(call(provider, "far/it", { n: 1 }))
      assert.deepStrictEqual([wrong.code, made], [-29007, 1])
      assert.strictEqual((yield* failure(call(provider, "far/other", {}))).code, -32601)
    })
  )

  test(
    "that is interrupted closes its socket, and says so to a server that listens",
    Effect.gen(function* () {
      const begun = yield* Deferred.make<Rpc>()
      const closed = yield* Deferred.make<void>()
      const told = yield* Deferred.make<Rpc>()
      const url = yield* far(
        (response, call) => {
          if (call.method === "$/cancelRequest") {
            response.statusCode = 204
            response.end()
            return Deferred.doneUnsafe(told, Effect.succeed(call))
          }
          response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
          Deferred.doneUnsafe(begun, Effect.succeed(call))
        },
        () => ({ ...document("far/it"), "x-gleitzeit": 1 })
      )
      const provider = yield* http(url)
      const fiber = yield* Effect.forkChild(call(provider, "far/it", { value: 1 }))
      const made = yield* Deferred.await(begun)
      assert.deepStrictEqual(made.params, {
        value: 1,
        _context: { run: "RUN", task: "work[3]", attempt: 2, idempotency_key: "RUN/work[3]" }
      })
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
      const { params } = yield* Deferred.await(told)
      assert.deepStrictEqual(params, { id: made.id })
    })
  )
})

test(
  "a call that is interrupted does not wait for a server that does not listen",
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const told = yield* Deferred.make<void>()
    const url = yield* far(
      (_, { method }) => Deferred.doneUnsafe(method === "$/cancelRequest" ? told : begun, Effect.void),
      () => ({ ...document("far/it"), "x-gleitzeit": 1 })
    )
    const scope = yield* Scope.make()
    const provider = yield* Scope.provide(http(url), scope)
    const fiber = yield* Effect.forkChild(call(provider, "far/it"))
    yield* Deferred.await(begun)
    assert.isTrue(Option.isSome(yield* Effect.timeoutOption(Fiber.interrupt(fiber), 500)))
    // it is told all the same, before the provider goes
    yield* Scope.close(scope, Exit.void)
    assert.isTrue(yield* Deferred.isDone(told))
  })
)

describe("a server that", () => {
  /** What `far/it` fails with, and whether it may be tried again. */
  const fails = (
    name: string,
    answer: Parameters<typeof far>[0],
    expected: readonly [code: number, retryable: boolean, message: RegExp],
    options: Parameters<typeof http>[1] = {}
  ) =>
    test(
      name,
      Effect.gen(function* () {
        const url = yield* far(answer)
        const provider = yield* http(url, options)
        yield* provider.contracts
        const failed = yield* failure(call(provider, "far/it"))
        const [code, retryable, message] = expected
        assert.deepStrictEqual([failed.code, failed.retryable], [code, retryable], failed.message)
        assert.match(failed.message, message)
        // a result that is wrong or too large names its method and its limit, a time limit its phase
        if (![-29007, -29012, -30006].includes(code)) assert.include(failed.message, url)
      })
    )
  const status =
    (code: number, body: string, headers: Record<string, string> = {}): Parameters<typeof far>[0] =>
    (response) => {
      response.writeHead(code, headers)
      response.end(body)
    }

  const page = "<html><head><style>p{}</style><title>Welcome</title></head><body>to nginx</body></html>"
  fails("answers HTML is quoted", status(200, page, { "content-type": "text/html" }), [
    -30003,
    false,
    /answers 200 with "Welcome to nginx", expected an answer of JSON-RPC 2.0/
  ])
  fails("answers HTML and 502 may be tried again", status(502, "<h1>Bad Gateway</h1>"), [
    -30003,
    true,
    /answers 502 with "Bad Gateway"/
  ])
  fails("has too much to do says when", status(429, "slow down", { "retry-after": "2" }), [-30007, true, /slow down/])
  fails("redirects is not followed", status(302, "", { location: "http://10.0.0.1/x" }), [
    -30003,
    false,
    /302 and points to http:\/\/10\.0\.0\.1\/x; redirects are not followed/
  ])
  fails("does not let us in names the headers", status(403, "no"), [-30003, false, /are its `headers` right/])
  fails("answers nothing is not believed", status(200, ""), [-30003, false, /answers 200 with nothing/])
  fails("answers other JSON is not believed", status(200, `{"result": 1}`), [-30003, false, /answers 200 with "\{/])
  fails("answers no UTF-8 is not believed", (response) => response.end(Buffer.from([0x22, 0xff, 0x22])), [
    -30003,
    false,
    /not UTF-8/
  ])
  fails(
    "answers a batch is not believed",
    (response, { id }) => response.end(JSON.stringify([{ jsonrpc: "2.0", result: 1, id }])),
    [-30003, false, /expected an answer of JSON-RPC/]
  )
  fails(
    "answers another call is not believed",
    (response, { id }) => reply(response, { id: `${id}x`, method: "", params: {} }, 1),
    [-30003, false, /answers another call than it was asked/]
  )
  fails("answers without an id is not believed", (response) => response.end(`{"jsonrpc":"2.0","result":1}`), [
    -30003,
    false,
    /expected an answer of JSON-RPC/
  ])
  fails(
    "could not read the call says so",
    (response) => response.end(`{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}`),
    [-32700, false, /cannot read what it is sent: Parse error/]
  )
  fails(
    "sends a number that cannot be held has its result refused",
    (response, { id }) => response.end(`{"jsonrpc":"2.0","result":{"id":9007199254740993},"id":"${id}"}`),
    [-29007, false, /9007199254740993 in it cannot be held/]
  )
  fails(
    "breaks off may be tried again",
    (response) => {
      response.writeHead(200, { "content-length": "100" })
      response.write("{")
      setImmediate(() => response.destroy())
    },
    [-30003, true, /ended before it was complete|broke/]
  )
  fails("hangs up may be tried again", (response) => response.destroy(), [-30003, true, /the connection to .* broke/])
  fails(
    "begins to speak another protocol is left",
    (response) => response.socket?.write("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    [-30003, true, /ended before it was complete|broke/]
  )
  fails("never answers is given up", () => {}, [-30006, true, /"far": answering far\/it took more than 0.05 s/], {
    timeout: 50
  })
  fails(
    "announces 50 MB is refused at once",
    (response) => {
      response.writeHead(200, { "content-length": String(50e6) })
      response.write("{")
    },
    [-29012, false, /50000000 bytes, more than the 16777216 allowed/]
  )

  test(
    "sends 50 MB without saying so is read to the limit and no further",
    Effect.gen(function* () {
      let sent = 0
      const closed = yield* Deferred.make<void>()
      const piece = Buffer.alloc(1024 ** 2, 120)
      const url = yield* far((response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        const more = () => {
          if (sent >= 50 * piece.length || response.destroyed) return
          sent += piece.length
          response.write(piece, more)
        }
        more()
      })
      const failed = yield* failure(call(yield* http(url), "far/it"))
      assert.strictEqual(failed.code, -29012)
      yield* Deferred.await(closed)
      assert.isBelow(sent, 30 * piece.length)
    })
  )

  test(
    "is not there may be tried again",
    Effect.gen(function* () {
      const provider = yield* http("http://127.0.0.1:9/rpc")
      const failed = yield* failure(provider.contracts)
      assert.deepStrictEqual([failed.code, failed.retryable], [-30003, true])
      assert.include(failed.message, "nothing listens on http://127.0.0.1:9/rpc")
      assert.strictEqual((yield* provider.health).status, "unhealthy")
      assert.include((yield* failure(call(provider, "far/it"))).message, "nothing listens")
    })
  )

  test(
    "speaks something else than HTTP is no server for us",
    Effect.gen(function* () {
      const port = yield* Effect.map(
        Effect.acquireRelease(
          Effect.callback<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((socket) => socket.end("220 mail ready\r\n"))
            server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => server.close())
        ),
        (server) => {
          const address = server.address()
          return typeof address === "object" && address !== null ? address.port : 0
        }
      )
      const failed = yield* failure((yield* http(`http://127.0.0.1:${port}/`)).contracts)
      assert.match(failed.message, /is not HTTP/)
    })
  )

  for (const [name, document, message] of [
    ["has no rpc.discover", undefined, /has no method rpc\.discover/],
    ["describes itself in other words", { openapi: "3.1.0" }, /is no OpenRPC document: .*openrpc/]
  ] as const) {
    test(
      name,
      Effect.gen(function* () {
        const url = yield* server((_, response, body) => {
          const call: Rpc = JSON.parse(body)
          if (document !== undefined) return reply(response, call, document)
          response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32601, message: "no" }, id: call.id }))
        })
        const failed = yield* failure((yield* http(url)).contracts)
        assert.deepStrictEqual([failed.code, failed.retryable], [-30003, false])
        assert.match(failed.message, message)
      })
    )
  }

  test(
    "answers rpc.discover too late is left alone for as long as it was waited for",
    Effect.gen(function* () {
      let asked = 0
      const url = yield* server((_, response, body) => {
        if (++asked > 1) reply(response, JSON.parse(body), document("far/it"))
      })
      const provider = yield* http(url, { discoverTimeout: 200 })
      assert.strictEqual((yield* failure(provider.contracts)).code, -30006)
      const again = yield* failure(provider.contracts)
      assert.deepStrictEqual([again.code, again.retryable, asked], [-30006, true, 1])
      assert.isAtMost(again.retryAfter ?? Infinity, 200)
      yield* Effect.delay(Effect.void, again.retryAfter ?? 0)
      assert.lengthOf(yield* provider.contracts, 1)
    })
  )

  test(
    "answers rpc.discover never is given up, once for all who ask",
    Effect.gen(function* () {
      let asked = 0
      const url = yield* server(() => void asked++)
      const provider = yield* http(url, { discoverTimeout: 50 })
      const failed = yield* Effect.all([failure(provider.contracts), failure(provider.contracts)], { concurrency: 2 })
      assert.deepStrictEqual(
        failed.map(({ code }) => code),
        [-30006, -30006]
      )
      assert.strictEqual(asked, 1)
    })
  )
})

describe("options", () => {
  for (const [name, options, message] of [
    ["without a url or a command", {}, /a `url` or a `command`/],
    ["with both", { url: "http://x", command: "x" }, /not both/],
    ["with a url that is none", { url: "localhost:9" }, /expected http: or https:/],
    ["with a file", { url: "file:///etc/passwd" }, /expected http: or https:/],
    ["with a header that cannot be sent", { url: "http://x", headers: { "x-a": "secret\n" } }, /the header "x-a"/],
    [
      "with a variable that is not set",
      { url: "http://x", headers: { "x-a": { env: "GLEITZEIT_NOT_SET" } } },
      /the environment variable GLEITZEIT_NOT_SET, which the header "x-a"/
    ]
  ] as const) {
    test(
      `${name} are refused`,
      Effect.gen(function* () {
        const failed = yield* failure(http("", { url: undefined, ...options } as never))
        assert.strictEqual(failed.code, -30004)
        assert.match(failed.message, message)
        assert.notInclude(failed.message, "secret")
      })
    )
  }
})
