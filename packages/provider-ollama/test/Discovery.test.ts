import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { createServer as createHttpServer } from "node:http"
import { createServer, type Server } from "node:net"
import * as Discovery from "../src/Discovery.ts"

/** The port where the server listens until the scope closes. */
const listening = (server: Server, host = "127.0.0.1") =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, host, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const urls = (options: Partial<Discovery.Options>) =>
  Effect.map(Discovery.find({ name: "ollama", hosts: ["127.0.0.1"], ...options }), (found) =>
    found.map(({ url }) => url)
  )

describe("Discovery", () => {
  it("looks at six ports of the loopback interface, by both of its addresses", () => {
    const all = Discovery.addresses({ name: "ollama" }).map(({ url }) => url)
    assert.strictEqual(all.length, 12)
    assert.strictEqual(all[0], "http://127.0.0.1:11434")
    assert.strictEqual(all.at(-1), "http://[::1]:11439")
  })

  it("looks first at an address of one's own, and at none twice", () => {
    const looked = (also: string) => Discovery.addresses({ name: "ollama", also }).map(({ url }) => url)
    assert.strictEqual(looked("gpu:4000")[0], "http://gpu:4000")
    assert.strictEqual(looked("gpu:4000").length, 13)
    assert.strictEqual(looked("0.0.0.0:11436")[0], "http://127.0.0.1:11436")
    assert.strictEqual(looked("0.0.0.0:11436").length, 12)
    assert.strictEqual(looked("ftp://gpu").length, 12)
  })

  it.live("finds the servers that answer as Ollama does", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([MiniOllama.start(), MiniOllama.start()])
      const ports = minis.map(({ port }) => port)
      assert.deepStrictEqual(
        yield* urls({ ports }),
        minis.map(({ url }) => url)
      )
    })
  )

  it.live("passes over other servers and closed ports", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const gone = yield* MiniOllama.start()
      yield* gone.stop
      const site = yield* listening(createHttpServer((_request, response) => response.end("<html>hello</html>")))
      const json = yield* listening(createHttpServer((_request, response) => response.end('{"status":"up"}')))
      assert.deepStrictEqual(yield* urls({ ports: [gone.port, site, json, mini.port] }), [mini.url])
    })
  )

  it.effect("waits half a second for what accepts and never answers", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const accepted = yield* Deferred.make<void>()
      const mute = yield* listening(createServer(() => Deferred.doneUnsafe(accepted, Effect.void)))
      const finding = yield* Effect.forkChild(urls({ ports: [mute, mini.port] }))
      yield* Deferred.await(accepted)
      yield* mini.until(() => mini.requests().length === 2)
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(finding), [mini.url])
    })
  )

  it.live("counts a server once that has several names", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const found = yield* urls({ ports: [mini.port], hosts: ["127.0.0.1", "localhost"] })
      assert.deepStrictEqual(found, [mini.url])
      const also = `localhost:${mini.port}`
      assert.deepStrictEqual(yield* urls({ ports: [mini.port], also }), [`http://${also}`])
    })
  )

  it.live("counts servers twice that have the same models on two ports", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([MiniOllama.start(), MiniOllama.start()])
      assert.strictEqual((yield* urls({ ports: minis.map(({ port }) => port) })).length, 2)
    })
  )

  it.live("finds nothing where there is nothing", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      yield* mini.stop
      assert.deepStrictEqual(yield* urls({ ports: [mini.port] }), [])
    })
  )
})
