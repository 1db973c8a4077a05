import { assert, describe, it } from "@effect/vitest"
import { Plugin, Providers } from "@gleitzeit/core"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Queue, type Schema, Scope, Stream } from "effect"
import remote, { RemoteProvider } from "../src/index.ts"
import { call, describe as document, failure, far, http, peer, reply, type Rpc, server } from "./calls.ts"

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(body))
const methods = (provider: {
  readonly contracts: Effect.Effect<ReadonlyArray<{ readonly method: string }>, unknown>
}) => Effect.map(provider.contracts, (all) => all.map(({ method }) => method))

/** Whoever watches, from the first look on. */
const watched = Effect.fnUntraced(function* (changes: Stream.Stream<void>) {
  const heard = yield* Queue.unbounded<void>()
  yield* Effect.forkScoped(
    Stream.runForEach(changes, () => Queue.offer(heard, undefined)),
    { startImmediately: true }
  )
  return Queue.take(heard)
})

/** A process that has another method each time it is started, and at first dies of calls. */
const counting = (file: string) => `
  const { appendFileSync, readFileSync } = require("node:fs")
  appendFileSync(${JSON.stringify(file)}, "x")
  const name = "peer/m" + readFileSync(${JSON.stringify(file)}).length
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method } = JSON.parse(line)
    if (method !== "rpc.discover" && name === "peer/m1") process.exit(1)
    const result = { openrpc: "1.3.2", info: { title: "", version: "" }, methods: [{ name, params: [] }] }
    console.log(JSON.stringify({ jsonrpc: "2.0", result, id }))
  })`

describe("what a server can do", () => {
  test(
    "is looked at again, and a change is told once it is seen",
    Effect.gen(function* () {
      let names = ["far/it"]
      let looks = 0
      const url = yield* far(
        () => {},
        () => {
          looks++
          return document(...names)
        }
      )
      const provider = yield* http(url, { refresh: 10 })
      const change = yield* watched(provider.changes)
      assert.deepStrictEqual(yield* methods(provider), ["far/it"])
      const first = yield* provider.contracts
      names = ["far/it", "far/other"]
      yield* change
      assert.isAbove(looks, 1)
      assert.deepStrictEqual(yield* methods(provider), ["far/it", "far/other"])
      assert.notStrictEqual(yield* provider.contracts, first)
      assert.strictEqual(yield* provider.contracts, yield* provider.contracts)
    })
  )

  test(
    "is asked by nobody before somebody wants to know",
    Effect.gen(function* () {
      let looks = 0
      const url = yield* server((_, response, body) => {
        looks++
        reply(response, JSON.parse(body), document("far/it"))
      })
      const provider = yield* http(url, { refresh: 1 })
      yield* watched(provider.changes)
      const other = yield* http(url)
      // as long as this takes, the first has had its time
      yield* Effect.repeat(other.health, { times: 19 })
      assert.strictEqual(looks, 20)
    })
  )

  test(
    "is kept while the server is away, and told when it comes for the first time",
    Effect.gen(function* () {
      let isThere = false
      const url = yield* server((_, response, body) => {
        const made: Rpc = JSON.parse(body)
        if (!isThere) return response.destroy()
        reply(response, made, made.method === "rpc.discover" ? document("far/it") : "well")
      })
      const provider = yield* http(url, { refresh: 10 })
      const providers = yield* Providers.Providers
      yield* providers.register(provider)
      assert.strictEqual((yield* failure(providers.choose("far/it", {}))).code, -30003)
      const change = yield* watched(provider.changes)
      isThere = true
      yield* change
      assert.strictEqual((yield* providers.choose("far/it", {})).name, "far")
      isThere = false
      assert.strictEqual((yield* failure(call(provider, "far/it"))).code, -30003)
      assert.deepStrictEqual(yield* methods(provider), ["far/it"])
      assert.strictEqual((yield* provider.health).status, "unhealthy")
    }).pipe(Effect.provide(Providers.layer))
  )

  test(
    "is looked at again when the server does not know a method that it had",
    Effect.gen(function* () {
      let names = ["far/it"]
      const url = yield* far(
        (response, { id }) =>
          response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32601, message: "gone" }, id })),
        () => document(...names)
      )
      const provider = yield* http(url)
      const change = yield* watched(provider.changes)
      yield* provider.contracts
      names = ["far/other"]
      const failed = yield* failure(call(provider, "far/it"))
      assert.deepStrictEqual([failed.code, failed.message], [-32601, `far has no method "far/it": gone`])
      yield* change
      assert.deepStrictEqual(yield* methods(provider), ["far/other"])
    })
  )

  test(
    "is looked at again when a process was started anew",
    Effect.gen(function* () {
      const provider = yield* peer()
      const change = yield* watched(provider.changes)
      yield* provider.contracts
      yield* failure(call(provider, "peer/crash"))
      // the same program says the same: nothing has changed
      yield* call(provider, "peer/echo")
      const fiber = yield* Effect.forkChild(change, { startImmediately: true })
      assert.include(yield* methods(provider), "peer/echo")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    })
  )

  test(
    "is told when the process that was started anew can do something else",
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "gleitzeit-remote-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
      const provider = yield* peer({ args: ["-e", counting(join(folder, "starts"))] })
      const change = yield* watched(provider.changes)
      assert.deepStrictEqual(yield* methods(provider), ["peer/m1"])
      yield* failure(call(provider, "peer/m1"))
      yield* call(provider, "peer/m1")
      yield* change
      assert.deepStrictEqual(yield* methods(provider), ["peer/m2"])
    })
  )

  test(
    "is shown by its health",
    Effect.gen(function* () {
      const url = yield* far(() => {})
      assert.deepStrictEqual(yield* (yield* http(url)).health, {
        status: "healthy",
        details: { where: url, title: "far", version: "1", methods: ["far/it"] }
      })
    })
  )
})

describe("the plug-in", () => {
  const opened = (options: Schema.Json, name?: string) => {
    if (remote.kind !== "provider") throw new Error("no provider")
    return remote.make(options, name)
  }

  test(
    "makes a provider of options as files write them, under the name that the configuration gives",
    Effect.gen(function* () {
      const url = yield* far(
        () => {},
        () => document("convert", "tide/next")
      )
      const provider = yield* opened({ url, timeout: "20ms", discover_timeout: 1, concurrency: 2 }, "rates")
      assert.deepStrictEqual([provider.name, provider.protocol, provider.concurrency], ["rates", "rates/v1", 2])
      const contracts = yield* provider.contracts
      assert.deepStrictEqual(
        contracts.map(({ method, protocol, provider }) => [method, protocol, provider]),
        [
          ["rates/convert", "rates/v1", "rates"],
          ["tide/next", "tide/v1", "rates"]
        ]
      )
      const failed = yield* failure(call(provider, "rates/convert"))
      assert.include(failed.message, "answering convert took more than 0.02 s")
    })
  )

  test(
    "refuses what it does not know",
    Effect.gen(function* () {
      assert.strictEqual((yield* failure(opened({ ulr: "http://x" }))).code, -31003)
      assert.strictEqual((yield* failure(opened({ url: "http://x", timeout: "soon" }))).code, -31003)
      assert.strictEqual((yield* failure(opened({}))).code, -30004)
      assert.isTrue(Plugin.read({ default: remote }, "remote")._tag === "Success")
      assert.property(remote.options["properties"], "url")
    })
  )

  test(
    "is a layer too",
    Effect.gen(function* () {
      const url = yield* far((response, made) => reply(response, made, "well"))
      const chosen = Effect.flatMap(Providers.Providers, (providers) => providers.choose("far/it", {}))
      const said = yield* Effect.flatMap(chosen, (provider) => call(provider, "far/it")).pipe(
        Effect.provide(RemoteProvider.layer({ url, name: "far" })),
        Effect.provide(Providers.layer)
      )
      assert.strictEqual(said, "well")
    })
  )
})
