/**
 * The hub beside taking turns, on three mini-ollamas that differ in speed, load a model in 300 ms and hold one at a time:
 * the same requests at the same times go through both. Goals: less than half of the mean latency, less than 0.6 of the
 * cold loads, and no failure when a server dies on the way.
 *
 *     npm run bench bench/hub.ts [REQUESTS] [SEED]
 */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import * as Hub from "@gleitzeit/provider-ollama/Hub"
import * as HubNode from "@gleitzeit/provider-ollama/HubNode"
import { HubQueue } from "@gleitzeit/provider-ollama/HubQueue"
import * as OllamaClient from "@gleitzeit/provider-ollama/OllamaClient"
import * as OllamaModels from "@gleitzeit/provider-ollama/OllamaModels"
import * as OllamaServer from "@gleitzeit/provider-ollama/OllamaServer"
import { Cause, Clock, Effect, Random } from "effect"

const requests = Number(process.argv[2] ?? 200)
const seed = process.argv[3] ?? "hub"

const models = ["llama3.2:latest", "llava:latest", "qwen3:latest", "phi4:latest"]

/** Milliseconds a token; an answer has ten. */
const tokenDelays = [4, 12, 24]

/** Milliseconds between two requests, on the average. */
const pause = 110

interface Asked {
  readonly model: string
  /** Milliseconds after the start. */
  readonly at: number
}

const plan = Effect.gen(function* () {
  let at = 0
  const all: Array<Asked> = []
  for (let index = 0; index < requests; index++) {
    at += -pause * Math.log(1 - (yield* Random.next))
    all.push({ at, model: yield* Random.choice(models) })
  }
  return all
}).pipe(Random.withSeed(seed))

const ask =
  (model: string) =>
  ({ client, took }: Hub.Slot) => {
    const content = "one two three four five six seven eight nine ten"
    let last: { readonly load: number; readonly total: number } | undefined
    return client
      .ask("chat", { model, messages: [{ role: "user", content }], options: {} }, (part) =>
        Effect.sync(() => {
          const { load_duration, total_duration } = part
          if (typeof total_duration === "number") {
            last = { load: (load_duration ?? 0) / 1e6, total: total_duration / 1e6 }
          }
        })
      )
      .pipe(Effect.tap(() => Effect.sync(() => (last === undefined ? undefined : took(last)))))
  }

/** All requests at their times, on servers of their own. `dies`: one of them goes away after half of the requests. */
const measure = (policy: "hub" | "in turn", dies: boolean) =>
  Effect.gen(function* () {
    const minis = yield* Effect.forEach(tokenDelays, (tokenDelay) =>
      MiniOllama.start({ models, parallel: 1, maxLoaded: 1, loadDelay: 300, tokenDelay })
    )
    const endpoints = yield* Effect.forEach(minis, ({ url }) =>
      Effect.map(
        OllamaClient.make({
          name: "ollama",
          url,
          headers: {},
          connectTimeout: 3000,
          firstTokenTimeout: 300_000,
          idleTimeout: 60_000
        }),
        (client): Hub.Endpoint => ({ url, client })
      )
    )
    const hub = yield* Hub.make({
      name: "ollama",
      endpoints,
      absent: ({ model }, available) => OllamaModels.absent("ollama", model, available)
    })
    let turn = 0
    const inTurn: Hub.Run = (_wish, use) => {
      const { client, url } = endpoints[turn++ % endpoints.length] ?? { client: undefined, url: "" }
      if (client === undefined) return Effect.die(new Error("there are no servers"))
      return Effect.catchTag(use({ url, client, published: () => {}, took: () => {} }), "Refused", client.explain)
    }
    const run = policy === "hub" ? hub.run : inTurn
    const start = yield* Clock.currentTimeMillis
    const latencies: Array<number> = []
    const failures: Array<string> = []
    const all = yield* plan
    yield* Effect.forEach(
      all,
      ({ at, model }, index) =>
        Effect.gen(function* () {
          yield* Effect.sleep(Math.max(0, start + at - (yield* Clock.currentTimeMillis)))
          if (dies && index === Math.floor(requests / 2)) yield* minis[1]?.stop ?? Effect.void
          yield* run({ model }, ask(model))
          latencies.push((yield* Clock.currentTimeMillis) - start - at)
        }).pipe(Effect.catchCause((cause) => Effect.sync(() => failures.push(Cause.pretty(cause))))),
      { concurrency: "unbounded", discard: true }
    )
    const loads = minis.reduce((sum, mini) => sum + mini.loads(), 0)
    return { mean: latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length, loads, failures }
  }).pipe(Effect.scoped)

/** Microseconds that a decision takes, with so many waiting for three servers that are all busy. */
const decision = (waiting: number) => {
  const queue = new HubQueue([{ url: "http://a" }, { url: "http://b" }, { url: "http://c" }], {
    maxQueue: waiting + 3,
    patience: 1000
  })
  const known = new Map(models.map((name) => [name, { name }]))
  for (const { url } of queue.nodes) {
    queue.update(url, (node) => HubNode.found(HubNode.seen(HubNode.told(node, known, 0), [], 0)))
  }
  for (let index = 0; index < waiting + 3; index++) {
    queue.enter({ model: models[index % models.length] ?? "" }, 0)
    if (index < 3) queue.turn(0)
  }
  const rounds = 2000
  const begun = performance.now()
  for (let round = 0; round < rounds; round++) queue.turn(0)
  return ((performance.now() - begun) / rounds) * 1000
}

/** Says at once that it has all models; requests never get to it. */
const ready: OllamaClient.OllamaClient = {
  ask: () => Effect.void,
  embed: () => Effect.succeed({ embeddings: [] }),
  version: Effect.succeed("0"),
  models: Effect.succeed(models.map((name) => ({ name }))),
  loaded: Effect.succeed([]),
  explain: (refused) => Effect.die(refused)
}

/** Microseconds that a request takes on its way to a server and back, without the server. */
const way = (run: Hub.Run) =>
  Effect.gen(function* () {
    const rounds = 20_000
    const once = run({ model: models[0] ?? "" }, () => Effect.void)
    yield* Effect.repeat(once, { times: rounds })
    const begun = performance.now()
    yield* Effect.repeat(once, { times: rounds })
    return ((performance.now() - begun) / rounds) * 1000
  })

const ways = Effect.gen(function* () {
  const hub = yield* Hub.make({
    name: "ollama",
    endpoints: ["http://a", "http://b", "http://c"].map((url) => ({ url, client: ready })),
    absent: ({ model }, available) => OllamaModels.absent("ollama", model, available)
  })
  return { three: yield* way(hub.run), one: yield* way(OllamaServer.one("ollama", "http://a", ready).run) }
}).pipe(Effect.scoped)

const row = (name: string, { failures, loads, mean }: Effect.Success<ReturnType<typeof measure>>) =>
  console.log(
    `${name.padEnd(22)} mean ${mean.toFixed(0).padStart(6)} ms  cold loads ${String(loads).padStart(4)}  failed ${failures.length}`
  )

const hub = await Effect.runPromise(measure("hub", false))
row("hub", hub)
const inTurn = await Effect.runPromise(measure("in turn", false))
row("in turn", inTurn)
const dying = await Effect.runPromise(measure("hub", true))
row("hub, a server dies", dying)
for (const failure of dying.failures.slice(0, 3)) console.log(`  ${failure.split("\n", 1)[0]}`)
console.log(`mean latency ${(hub.mean / inTurn.mean).toFixed(3)} of taking turns (goal < 0.5)`)
console.log(`cold loads   ${(hub.loads / inTurn.loads).toFixed(3)} of taking turns (goal < 0.6)`)
for (const waiting of [0, 10, 500])
  console.log(`a decision with ${waiting} waiting: ${decision(waiting).toFixed(1)} µs`)
const { one, three } = await Effect.runPromise(ways)
console.log(`a request's way through the hub: ${three.toFixed(1)} µs; to one server by itself: ${one.toFixed(1)} µs`)
process.exit(hub.mean < inTurn.mean * 0.5 && hub.loads < inTurn.loads * 0.6 && dying.failures.length === 0 ? 0 : 1)
