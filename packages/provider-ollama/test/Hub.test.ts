import { Errors } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { createServer } from "node:net"
import * as Hub from "../src/Hub.ts"
import type { OllamaClient } from "../src/OllamaClient.ts"
import { Refused } from "../src/OllamaFailure.ts"
import { clientOf, fleet } from "./fleet.ts"

const one = { mini: { models: ["llama3.2"] } }
const two = [one, one]

const paths = (mini: { readonly requests: () => ReadonlyArray<{ readonly path: string }> }) =>
  mini.requests().map(({ path }) => path)

const chats = (mini: { readonly requests: () => ReadonlyArray<{ readonly path: string }> }) =>
  paths(mini).filter((path) => path === "/api/chat").length

/** A server that takes connections and breaks them. */
const broken = Effect.gen(function* () {
  let count = 0
  const server = createServer((socket) => {
    count++
    socket.destroy()
  })
  const url = yield* Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`))
      })
    }),
    () => Effect.sync(() => server.close())
  )
  const failure = new Errors.ModelNotFound({ provider: "ollama", model: "", available: [], remedy: "" })
  return { endpoint: { url, client: yield* clientOf(url) }, failure, asked: () => count }
})

/** A server that says at once how it is; what requests do there is up to them. */
const said: OllamaClient = {
  ask: () => Effect.void,
  embed: () => Effect.die("not used"),
  version: Effect.succeed("0.1.0"),
  models: Effect.succeed([{ name: "llama3.2" }]),
  loaded: Effect.succeed([]),
  explain: ({ status }) =>
    Effect.fail(new Errors.ProviderOverloaded({ provider: "ollama", reason: `answers ${status}` }))
}

const gone = new Errors.ModelNotFound({ provider: "ollama", model: "llama3.2", available: [], remedy: "" })

/** Ends when all servers are in the state. */
const becomes = (hub: Hub.Hub, wanted: string) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, hub.status), {
    until: ({ endpoints }) => endpoints.every(({ state }) => state === wanted)
  })

describe("a hub", () => {
  it.effect("asks nothing of a server before the first request", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet(two)
      const before = yield* hub.status
      assert.deepStrictEqual(minis.flatMap(paths), [])
      assert.deepStrictEqual(
        before.endpoints.map(({ state }) => state),
        ["unknown", "unknown"]
      )
      yield* ask("llama3.2")
      assert.sameMembers(paths(minis[1]!).slice(0, 3), ["/api/version", "/api/tags", "/api/ps"])
    })
  )

  it.effect("sends a request to a server that has its model", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([{ mini: { models: ["llava"] } }, one])
      assert.deepStrictEqual(yield* Effect.all([ask("llama3.2"), ask("llava"), ask("LLAMA3.2:latest")]), [
        minis[1]!.url,
        minis[0]!.url,
        minis[1]!.url
      ])
    })
  )

  it.effect("goes back to the server that has the model in memory", () =>
    Effect.gen(function* () {
      const { ask } = yield* fleet([one, one, one])
      const first = yield* ask("llama3.2")
      for (let turn = 0; turn < 3; turn++) assert.strictEqual(yield* ask("llama3.2"), first)
    })
  )

  it.effect("learns from what servers say how long they take", () =>
    Effect.gen(function* () {
      const { hub } = yield* fleet(two)
      const slow = (yield* hub.status).endpoints[0]?.url
      const run = hub.run({ model: "llama3.2:latest" }, ({ took, url }) =>
        Effect.as(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => took({ total: url === slow ? 5000 : 10 }))
          ),
          url
        )
      )
      const both = yield* Effect.all([run, run], { concurrency: 2 })
      assert.strictEqual(new Set(both).size, 2)
      for (let turn = 0; turn < 3; turn++) assert.notStrictEqual(yield* run, slow)
    })
  )

  it.effect("gives each server one request at a time, and the next when it is done", () =>
    Effect.gen(function* () {
      const { ask, heard, hub, minis } = yield* fleet(two)
      for (const mini of minis) mini.script({ hold: 1 })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(ask("llama3.2")))
      yield* heard(minis[0], 1)
      yield* heard(minis[1], 1)
      assert.strictEqual((yield* hub.status).queued, 1)
      minis[1]!.release()
      yield* minis[1]!.until(() => chats(minis[1]!) === 2)
      minis[0]!.release()
      const urls = yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(urls[2], minis[1]!.url)
    })
  )

  it.effect("asks no server for a model that it may not be asked for", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([{ ...one, models: { deny: ["llama*"] } }, one])
      yield* Effect.all([ask("llama3.2"), ask("llama3.2")], { concurrency: 2 })
      assert.strictEqual(chats(minis[0]!), 0)
      const denied = yield* fleet([
        { ...one, models: { allow: ["llava"] } },
        { ...one, models: { allow: [] } }
      ])
      assert.instanceOf(yield* Effect.flip(denied.ask("llama3.2")), Errors.ModelNotFound)
    })
  )

  it.effect("refuses what is too much for its queue", () =>
    Effect.gen(function* () {
      const { ask, heard, minis } = yield* fleet([one], { maxQueue: 1 })
      minis[0]!.script({ hold: 1 })
      const first = yield* Effect.forkChild(ask("llama3.2"))
      yield* heard(minis[0], 1)
      const second = yield* Effect.forkChild(ask("llama3.2"), { startImmediately: true })
      const failure = yield* Effect.flip(ask("llama3.2"))
      assert.instanceOf(failure, Errors.ProviderOverloaded)
      assert.isTrue(failure.retryable)
      minis[0]!.release()
      yield* Fiber.join(first)
      yield* Fiber.join(second)
    })
  )

  it.effect("asks a server once for everybody who wants to know at the same time", () =>
    Effect.gen(function* () {
      const { hub, minis } = yield* fleet(two)
      const all = yield* Effect.all([hub.refresh, hub.fresh, hub.refresh], { concurrency: "unbounded" })
      for (const { endpoints } of all) {
        for (const { models, state } of endpoints) assert.deepStrictEqual([state, models?.length], ["healthy", 1])
      }
      for (const mini of minis) assert.lengthOf(paths(mini), 3)
    })
  )

  it.effect("leaves a server in peace that is known to be away, unless all are to be asked", () =>
    Effect.gen(function* () {
      const { asked, endpoint, failure } = yield* broken
      const hub = yield* Hub.make({ name: "ollama", endpoints: [endpoint], absent: () => failure })
      assert.strictEqual((yield* hub.fresh).endpoints[0]?.state, "down")
      const before = asked()
      assert.strictEqual((yield* hub.fresh).endpoints[0]?.state, "down")
      assert.strictEqual(asked(), before)
      yield* hub.refresh
      assert.isAbove(asked(), before)
    })
  )

  it.effect("gives a slot back when the request is interrupted, waiting or at work", () =>
    Effect.gen(function* () {
      const { ask, heard, hub, minis } = yield* fleet([one])
      minis[0]!.script({ hold: 1 })
      const first = yield* Effect.forkChild(ask("llama3.2"))
      yield* heard(minis[0], 1)
      const second = yield* Effect.forkChild(ask("llama3.2"), { startImmediately: true })
      const third = yield* Effect.forkChild(ask("llama3.2"), { startImmediately: true })
      yield* Fiber.interrupt(second)
      assert.strictEqual((yield* hub.status).queued, 1)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(third), minis[0]!.url)
      const { endpoints, queued } = yield* hub.status
      assert.deepStrictEqual([queued, endpoints[0]?.inFlight], [0, 0])
    })
  )

  it.effect("has 50 interrupted requests leave nothing behind", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet([{ ...one, maxConcurrent: 10 }, one])
      for (const mini of minis) mini.script(...Array.from({ length: 50 }, () => ({ hold: 1 })))
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(ask("llama3.2")))
      yield* minis[0]!.until(() => chats(minis[0]!) + chats(minis[1]!) === 11)
      yield* Fiber.interruptAll(fibers)
      const { endpoints, queued } = yield* hub.status
      assert.deepStrictEqual([queued, ...endpoints.map(({ inFlight }) => inFlight)], [0, 0, 0])
    })
  )
})

describe("a hub as time passes", () => {
  it.effect("lets go of a request at once when that is interrupted, also while a server is asked what it has", () =>
    Effect.gen(function* () {
      let listings = 0
      const asked = yield* Deferred.make<void>()
      const client: OllamaClient = {
        ...said,
        models: Effect.suspend(() =>
          listings++ === 0
            ? Effect.succeed([{ name: "llama3.2" }])
            : Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
        )
      }
      const hub = yield* Hub.make({ name: "ollama", endpoints: [{ url: "http://one", client }], absent: () => gone })
      const use = () => Effect.fail(new Refused({ status: 404, words: "", retryAfter: undefined }))
      const fiber = yield* Effect.forkChild(hub.run({ model: "llama3.2:latest" }, use))
      yield* Deferred.await(asked)
      // no time passes: nothing that asks is given up by itself
      yield* Fiber.interrupt(fiber)
      const { endpoints, queued } = yield* hub.status
      assert.deepStrictEqual([queued, endpoints[0]?.inFlight], [0, 0])
    })
  )

  it.effect("works with a server that takes too long to say what it has", () =>
    Effect.gen(function* () {
      const client: OllamaClient = { ...said, models: Effect.never }
      const hub = yield* Hub.make({ name: "ollama", endpoints: [{ url: "http://one", client }], absent: () => gone })
      const run = hub.run({ model: "llama3.2:latest" }, ({ url }) => Effect.succeed(url))
      const fiber = yield* Effect.forkChild(run, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "http://one")
      assert.strictEqual(yield* run, "http://one")
      assert.strictEqual((yield* hub.status).endpoints[0]?.state, "healthy")
    })
  )

  it.effect("rests no longer than an hour, whatever a server asks for", () =>
    Effect.gen(function* () {
      const hub = yield* Hub.make({
        name: "ollama",
        endpoints: [{ url: "http://one", client: said }],
        patience: 0,
        absent: () => gone
      })
      let isBusy = true
      const run = hub.run({ model: "llama3.2:latest" }, () =>
        isBusy ? Effect.fail(new Refused({ status: 503, words: "", retryAfter: "99999999999" })) : Effect.succeed("yes")
      )
      yield* Effect.flip(run)
      assert.strictEqual((yield* hub.status).endpoints[0]?.coolsFor, 3_600_000)
      isBusy = false
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* run, "yes")
    })
  )

  it.effect("sleeps once, however often servers say when to come again", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let asleep = 0
      const counting: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: (...given: Parameters<typeof clock.sleep>) =>
          Effect.suspend(() => {
            asleep++
            return Effect.ensuring(
              clock.sleep(...given),
              Effect.sync(() => asleep--)
            )
          })
      })
      yield* Effect.gen(function* () {
        const [far, near] = ["http://far", "http://near"]
        const door = yield* Deferred.make<void>()
        const hub = yield* Hub.make({
          name: "ollama",
          endpoints: [
            { url: far, client: said },
            { url: near, client: said }
          ],
          patience: 1e9,
          absent: () => gone
        })
        const busy = (retryAfter: string) => Effect.fail(new Refused({ status: 503, words: "", retryAfter }))
        const ask = hub.run({ model: "llama3.2:latest" }, ({ url }) =>
          url === far ? busy("30") : Effect.andThen(Deferred.await(door), busy("1"))
        )
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(ask))
        const settled = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow)
        // the first is refused while the others wait: the hub is to come again in half a minute
        yield* settled
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(door, undefined)
        yield* settled
        for (let second = 0; second < 120; second++) {
          yield* TestClock.adjust("1 second")
          yield* settled
        }
        assert.strictEqual(asleep, 1)
        yield* Fiber.interruptAll(fibers)
      }).pipe(Effect.provideService(Clock.Clock, counting))
    })
  )
})

describe("a server that fails", () => {
  it.effect("is left at once when nothing listens there, and asked again when it is back", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet(two)
      const used = yield* ask("llama3.2")
      const gone = minis.find(({ url }) => url === used)!
      yield* gone.stop
      const other = yield* ask("llama3.2")
      assert.notStrictEqual(other, used)
      const state = (yield* hub.status).endpoints.find(({ url }) => url === used)
      assert.strictEqual(state?.state, "down")
      assert.include(state?.reason, "nothing listens")
    })
  )

  it.effect("is busy: it is left in peace for as long as it says, and the request goes elsewhere", () =>
    Effect.gen(function* () {
      const { ask, heard, hub, minis, parts } = yield* fleet([one, { mini: { models: ["llama3.2", "llava"] } }])
      minis[0]!.script({ status: 503, body: { error: "server busy" }, headers: { "retry-after": "7" } })
      minis[1]!.script({ hold: 1 })
      const slow = yield* Effect.forkChild(ask("llava"))
      yield* heard(minis[1], 1)
      const fiber = yield* Effect.forkChild(ask("llama3.2"))
      yield* minis[0]!.until(() => chats(minis[0]!) === 1)
      minis[1]!.release()
      assert.strictEqual(yield* Fiber.join(fiber), minis[1]!.url)
      yield* Fiber.join(slow)
      const { endpoints } = yield* hub.status
      assert.strictEqual(endpoints[0]?.state, "busy")
      assert.isAtLeast(endpoints[0]?.coolsFor ?? 0, 6000)
      yield* TestClock.adjust("7 seconds")
      minis[1]!.script({ hold: 1 })
      const before = parts(minis[1])
      const held = yield* Effect.forkChild(ask("llava"))
      yield* heard(minis[1], before + 1)
      assert.strictEqual(yield* ask("llama3.2"), minis[0]!.url)
      assert.strictEqual((yield* hub.status).endpoints[0]?.state, "healthy")
      minis[1]!.release()
      yield* Fiber.join(held)
    })
  )
  it.effect("does not have a model that it said it has: the request goes elsewhere", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet(two)
      for (const mini of minis) mini.script({ status: 404, body: { error: "model 'llama3.2' not found" } })
      const failure = yield* Effect.flip(ask("llama3.2"))
      assert.strictEqual(chats(minis[0]!) + chats(minis[1]!), 2)
      assert.include(failure.message, "404")
    })
  )

  it.effect("fails with a fault of its own: another one is asked, once", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([one, one, one])
      minis[0]!.script({ status: 500, body: { error: "llama runner process has terminated" } })
      minis[1]!.script({ status: 500, body: { error: "llama runner process has terminated" } })
      minis[2]!.script({ status: 500, body: { error: "llama runner process has terminated" } })
      const failure = yield* Effect.flip(ask("llama3.2"))
      assert.include(failure.message, "llama runner process has terminated")
      assert.strictEqual(
        minis.reduce((sum, mini) => sum + chats(mini), 0),
        2
      )
      assert.isString(yield* ask("llama3.2"))
    })
  )

  it.effect("is left in peace after three faults in a row, until a request gets through", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet([one])
      minis[0]!.script(...[500, 500, 500].map((status) => ({ status, body: { error: "out of memory" } })))
      for (let turn = 0; turn < 3; turn++) yield* Effect.flip(ask("llama3.2"))
      assert.strictEqual((yield* hub.status).endpoints[0]?.state, "failing")
      const fiber = yield* Effect.forkChild(ask("llama3.2"), { startImmediately: true })
      assert.strictEqual(chats(minis[0]!), 3)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* hub.status).endpoints[0]?.state, "healthy")
    })
  )

  for (const status of [400, 401, 403]) {
    it.effect(`says ${status}: no other is asked`, () =>
      Effect.gen(function* () {
        const { ask, hub, minis } = yield* fleet(two)
        for (const mini of minis) mini.script({ status, body: { error: "no" } })
        const failure = yield* Effect.flip(ask("llama3.2"))
        assert.isFalse(failure.retryable)
        assert.strictEqual(chats(minis[0]!) + chats(minis[1]!), 1)
        assert.isTrue((yield* hub.status).endpoints.every(({ state }) => state === "healthy"))
      })
    )
  }

  it.effect("breaks off in the middle: another one answers, as long as nothing was shown", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet(two)
      for (const mini of minis) mini.script({ cutAfter: 1 })
      const failure = yield* Effect.flip(ask("llama3.2", { shows: true }))
      assert.isTrue(failure.retryable)
      assert.strictEqual(chats(minis[0]!) + chats(minis[1]!), 1)
      assert.isString(yield* ask("llama3.2"))
      assert.strictEqual(chats(minis[0]!) + chats(minis[1]!), 3)
    })
  )

  it.effect("does not answer at all: the first request waits for it no longer than need be", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet(two)
      yield* minis[0]!.stop
      assert.strictEqual(yield* ask("llama3.2"), minis[1]!.url)
    })
  )
})

describe("a hub without a server that can be used", () => {
  it.effect("names what the servers have when none has the model", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([one, { mini: { models: ["llava", "llama3.2"] } }])
      const failure = yield* Effect.flip(ask("lama3.2"))
      assert.instanceOf(failure, Errors.ModelNotFound)
      assert.sameMembers([...failure.available], ["llama3.2:latest", "llava:latest"])
      assert.include(failure.message, "ollama pull lama3.2")
      assert.strictEqual(chats(minis[0]!) + chats(minis[1]!), 0)
    })
  )

  it.effect("waits for one to be back, then says what is wrong with each", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet(two, { patience: 5000 })
      yield* Effect.forEach(minis, ({ stop }) => stop)
      const fiber = yield* Effect.forkChild(Effect.exit(ask("llama3.2")))
      yield* becomes(hub, "down")
      yield* Effect.repeat(TestClock.adjust("1 second"), { until: () => fiber.pollUnsafe() !== undefined })
      const exit = yield* Fiber.join(fiber)
      const failure = Exit.isFailure(exit) ? yield* Effect.flip(exit) : undefined
      assert.instanceOf(failure, Errors.ProviderUnavailable)
      assert.isTrue(failure.retryable)
      for (const { url } of minis) assert.include(failure.message, `nothing listens on ${url}`)
      // whoever comes later does not wait for what others have waited for
      const later = yield* Effect.flip(ask("llama3.2"))
      assert.isAbove(later.retryAfter ?? 0, 0)
    })
  )

  it.effect("does not wait for one that never said what it has, and names what the others have", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([one, { mini: { models: ["llava", "llama3.2"] } }])
      yield* minis[0]!.stop
      const { message } = yield* Effect.flip(ask("lama3.2"))
      assert.include(message, `nothing listens on ${minis[0]!.url}`)
      assert.match(message, /; the others have llama3\.2:latest, llava:latest$/)
    })
  )

  it.effect("waits for nothing where there is no patience", () =>
    Effect.gen(function* () {
      const { ask, minis } = yield* fleet([one], { patience: 0 })
      assert.strictEqual(yield* ask("llama3.2"), minis[0]!.url)
      yield* minis[0]!.stop
      const failure = yield* Effect.flip(ask("llama3.2"))
      assert.include(failure.message, `nothing listens on ${minis[0]!.url}`)
    })
  )

  it.effect("waits while all are busy, and goes on with the first that is not", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet(two)
      for (const mini of minis) mini.script({ status: 503, body: { error: "server busy" } })
      const fiber = yield* Effect.forkChild(ask("llama3.2"))
      yield* becomes(hub, "busy")
      yield* TestClock.adjust("2 seconds")
      assert.isString(yield* Fiber.join(fiber))
    })
  )
})

describe("changes", () => {
  it.effect("tells when a server goes and when it is back", () =>
    Effect.gen(function* () {
      const { ask, hub, minis } = yield* fleet(two)
      const told = yield* Effect.forkChild(
        Stream.runCollect(
          Stream.take(
            Stream.filter(hub.changes, ({ state }) => state !== "healthy"),
            1
          )
        ),
        { startImmediately: true }
      )
      const used = yield* ask("llama3.2")
      yield* minis.find(({ url }) => url === used)!.stop
      yield* ask("llama3.2")
      const [change] = yield* Fiber.join(told)
      assert.deepInclude(change, { url: used, state: "down" })
    })
  )
})
