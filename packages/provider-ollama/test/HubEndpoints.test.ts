import { Errors } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as HubEndpoints from "../src/HubEndpoints.ts"
import { asking } from "./fleet.ts"

const opened = (options: Partial<HubEndpoints.Options>) =>
  HubEndpoints.make({
    name: "ollama",
    headers: {},
    endpoints: [],
    client: { connectTimeout: 3000, firstTokenTimeout: 300_000, idleTimeout: 60_000 },
    ...options
  })

const sent = (mini: MiniOllama.MiniOllama) => mini.requests().map(({ headers }) => headers)

describe("HubEndpoints", () => {
  it.effect("asks a server by itself without any detour", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const { run } = yield* opened({ endpoints: [mini.url, `${mini.url}/`] })
      assert.strictEqual(yield* asking(run)("llama3.2"), mini.url)
      assert.deepStrictEqual(
        mini.requests().map(({ path }) => path),
        ["/api/chat"]
      )
    })
  )

  it.effect("takes one server under several names for one", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const local = url.replace("127.0.0.1", "localhost")
      assert.isFalse((yield* opened({ endpoints: [url, local, `${url}/`] })).queues)
      assert.isTrue((yield* opened({ endpoints: [url, `${local}/other`] })).queues)
    })
  )

  it.effect("sends each server its own headers, and no other's", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([
        MiniOllama.start({ models: ["llama3.2"] }),
        MiniOllama.start({ models: ["llava"] })
      ])
      const [first, second] = minis
      const { run } = yield* opened({
        headers: { "x-all": "all" },
        endpoints: [
          { url: first.url, headers: { "x-own": "first" } },
          second.url.replace("http://", "http://ada:secret@")
        ]
      })
      yield* Effect.all([asking(run)("llama3.2"), asking(run)("llava")])
      for (const headers of sent(first)) {
        assert.deepInclude(headers, { "x-all": "all", "x-own": "first" })
        assert.notProperty(headers, "authorization")
      }
      for (const headers of sent(second)) {
        assert.deepInclude(headers, { "x-all": "all", authorization: `Basic ${btoa("ada:secret")}` })
        assert.notProperty(headers, "x-own")
      }
    })
  )

  it.effect("refuses an address that is none, and a header that cannot be sent, without its value", () =>
    Effect.gen(function* () {
      const address = yield* Effect.flip(opened({ endpoints: ["http://127.0.0.1:1", "ftp://gpu"] }))
      assert.instanceOf(address, Errors.ProviderRefused)
      assert.include(address.message, "ftp")
      assert.include((yield* Effect.flip(opened({}))).message, "no server")
      const endpoints = [{ url: "http://127.0.0.1:1", headers: { "x-key": "sec\nret" } }]
      const header = yield* Effect.flip(opened({ endpoints }))
      assert.include(header.message, "x-key")
      assert.notInclude(header.message, "sec")
    })
  )

  it.effect("is degraded while one of several servers is away, and says why", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([MiniOllama.start(), MiniOllama.start()])
      const { health } = yield* opened({ endpoints: minis.map(({ url }) => url) })
      assert.strictEqual((yield* health).status, "healthy")
      yield* minis[1].stop
      const one = yield* health
      assert.strictEqual(one.status, "degraded")
      const text = JSON.stringify(one.details)
      assert.include(text, `nothing listens on ${minis[1].url}`)
      assert.include(text, "llama3.2:latest")
      assert.include(text, "0.12.0")
      yield* minis[0].stop
      assert.strictEqual((yield* health).status, "unhealthy")
    })
  )

  it.effect("lists each model once with where it is, and its digest where the servers agree", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([
        MiniOllama.start({ models: ["llama3.2", "llava"] }),
        MiniOllama.start({ models: ["llama3.2"] })
      ])
      const { listed, run } = yield* opened({ endpoints: minis.map(({ url }) => url) })
      const url = yield* asking(run)("llama3.2")
      const all = yield* listed
      assert.deepStrictEqual(
        all.map(({ endpoints, loaded, name }) => ({ endpoints, loaded, name })),
        [
          { name: "llama3.2:latest", loaded: true, endpoints: minis.map((mini) => mini.url) },
          { name: "llava:latest", loaded: false, endpoints: [minis[0].url] }
        ]
      )
      assert.isString(all[0]?.digest)
      assert.include(
        minis.map((mini) => mini.url),
        url
      )
    })
  )

  it.effect("says what is wrong with each when none can list its models", () =>
    Effect.gen(function* () {
      const minis = yield* Effect.all([MiniOllama.start(), MiniOllama.start()])
      const { models } = yield* opened({ endpoints: minis.map(({ url }) => url) })
      yield* Effect.forEach(minis, ({ stop }) => stop)
      const failure = yield* Effect.flip(models)
      assert.isTrue(failure.retryable)
      for (const { url } of minis) assert.include(failure.message, url)
    })
  )

  it.live("finds servers with the first request, and looks again while there are none", () =>
    Effect.gen(function* () {
      const gone = yield* MiniOllama.start()
      yield* gone.stop
      const minis = yield* Effect.all([MiniOllama.start(), MiniOllama.start()])
      const ports = minis.map(({ port }) => port)
      const { health, listed, run } = yield* opened({ endpoints: [gone.url], discover: true, ports })
      assert.deepStrictEqual(
        minis.flatMap((mini) => mini.requests()),
        []
      )
      assert.include(ports, Number(new URL(yield* asking(run)("llama3.2")).port))
      assert.strictEqual((yield* health).status, "healthy")
      const [model] = yield* listed
      assert.sameMembers(
        [...(model?.endpoints ?? [])],
        minis.map(({ url }) => url)
      )
      const none = yield* opened({ endpoints: [gone.url], discover: true, ports: [gone.port] })
      const failure = yield* Effect.flip(asking(none.run)("llama3.2"))
      assert.include(failure.message, gone.url)
      assert.include(failure.message, "ollama serve")
      assert.strictEqual((yield* none.health).status, "unhealthy")
      yield* MiniOllama.start({ port: gone.port })
      assert.strictEqual(yield* asking(none.run)("llama3.2"), gone.url)
    })
  )

  it.effect("has a queue for several servers, and for one with limits of its own", () =>
    Effect.gen(function* () {
      const queues = (...endpoints: HubEndpoints.Options["endpoints"]) =>
        Effect.map(opened({ endpoints }), ({ queues }) => queues)
      assert.isFalse(yield* queues("http://a"))
      assert.isFalse(yield* queues("http://a", "http://a/"))
      assert.isFalse(yield* queues({ url: "http://a", weight: 2 }))
      assert.isTrue(yield* queues({ url: "http://a", maxConcurrent: 2 }))
      assert.isTrue(yield* queues("http://a", "http://b"))
    })
  )
})
