/** Runs whose tasks keep their results across runs. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Backend from "../src/Backend.ts"
import { StoreError, TaskExecutionFailed } from "../src/Errors.ts"
import * as Executor from "../src/Executor.ts"
import * as Files from "../src/Files.ts"
import { Gleitzeit, layer as layerGleitzeit, type RunOptions } from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import { told, workflow } from "./harness.ts"

const AskV1 = Protocol.make("ask/v1", {
  description: "Gives what it is given, and counts",
  methods: {
    "ask/run": Method.make({
      description: "Gives its value",
      effects: "reads",
      params: Schema.Struct({ value: Schema.optionalKey(Schema.Json), token: Schema.optionalKey(Schema.String) }),
      result: Schema.Json
    })
  }
})

/** `identity` may change, and `fails` ends. */
const make = (store = MemoryStore.layer) => {
  const world = { calls: 0, identity: "one" as string | undefined, fails: false, takes: 0, changes: false }
  const provider = Provider.layer(
    AskV1,
    Effect.succeed({
      name: "ask",
      identity: () => Effect.sync(() => world.identity),
      handlers: {
        "ask/run": ({ token, value = null }) =>
          Effect.gen(function* () {
            world.calls++
            yield* Effect.sleep(world.takes)
            if (world.changes) world.identity = "other"
            if (world.fails) return yield* new TaskExecutionFailed({ reason: "no", retryable: false })
            return token === undefined ? value : { value, token }
          })
      }
    })
  )
  const engine = layerGleitzeit({}).pipe(
    Layer.provideMerge(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord({ TOKEN: "tok-12345678" })),
    Layer.provide(provider),
    Layer.provideMerge(Providers.layer),
    Layer.provideMerge(store)
  )
  return { world, engine }
}

const one = (more: string) =>
  workflow(`{ name: c, tasks: [{ id: a, method: ask/run, ${more} }], outputs: { o: "\${a}" } }`)

const run = (document: ReturnType<typeof workflow>, options?: RunOptions) =>
  Effect.flatMap(Gleitzeit, (gleitzeit) => told(gleitzeit.run(document, options)))

describe("a cached task", () => {
  const cached = one("params: { value: 1 }, cache: true")

  it.effect("is called once, and later runs say that its result was kept, and from which run", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const first = yield* run(cached)
      const second = yield* run(cached)
      assert.deepStrictEqual([first.outputs, second.outputs, world.calls], [{ o: 1 }, { o: 1 }, 1])
      assert.deepStrictEqual([first.tasks["a"]?.cached, second.tasks["a"]?.cached], [false, true])
      const events = yield* Stream.runCollect(gleitzeit.events(second.run))
      assert.deepStrictEqual(
        events.flatMap(({ event }) => (event._tag === "TaskCompleted" ? [[event.cached, event.provider]] : [])),
        [[first.run, "ask"]]
      )
    }).pipe(Effect.provide(engine))
  })

  it.effect("is called again when it is told to, other params are given, or its time is over", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      const short = one("params: { value: 1 }, cache: { ttl: 1h }")
      yield* run(short)
      yield* run(one("params: { value: 2 }, cache: true"))
      assert.strictEqual(world.calls, 2)
      yield* run(short, { fresh: true })
      assert.strictEqual(world.calls, 3)
      yield* run(short)
      assert.strictEqual(world.calls, 3)
      yield* TestClock.adjust("1 hour")
      yield* run(short)
      assert.strictEqual(world.calls, 4)
    }).pipe(Effect.provide(engine))
  })

  it.effect("is called every time where nobody knows what decides its answer, or that changes", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      world.identity = undefined
      yield* run(cached)
      yield* run(cached)
      assert.strictEqual(world.calls, 2)
      world.identity = "one"
      world.changes = true
      yield* run(cached)
      world.identity = "one"
      yield* run(cached)
      assert.strictEqual(world.calls, 4)
      world.changes = false
      world.identity = "two"
      yield* run(cached)
      yield* run(cached)
      assert.strictEqual(world.calls, 5)
    }).pipe(Effect.provide(engine))
  })

  it.effect("that failed is called again", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      world.fails = true
      assert.strictEqual((yield* run(cached)).status, "failed")
      world.fails = false
      assert.strictEqual((yield* run(cached)).status, "completed")
      assert.strictEqual(world.calls, 2)
    }).pipe(Effect.provide(engine))
  })

  it.effect("is one call for all equal items and runs at once", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      world.takes = 1000
      const document = one("foreach: [1, 1, 2, 1], params: { value: '${item}' }, cache: true")
      const both = yield* Effect.forkChild(Effect.all([run(document), run(document)], { concurrency: 2 }), {
        startImmediately: true
      })
      for (let i = 0; i < 5; i++) yield* TestClock.adjust("1 second")
      const reports = yield* Fiber.join(both)
      for (const { outputs } of reports) assert.deepStrictEqual(outputs, { o: [1, 1, 2, 1] })
      assert.strictEqual(world.calls, 2)
      const called = reports.flatMap(({ tasks }) => Object.values(tasks).filter(({ path }) => path !== "a"))
      assert.lengthOf(
        called.filter(({ cached }) => cached),
        6
      )
    }).pipe(Effect.provide(engine))
  })

  it.effect("with a key of its own is known by that, whatever its params", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      const keyed = (key: string, value: number) =>
        workflow(
          `{ name: c, inputs: { day: {} }, tasks: [{ id: a, method: ask/run, params: { value: ${value} }, cache: { key: "${key}" } }], outputs: { o: "\${a}" } }`
        )
      yield* run(keyed("d-${inputs.day}", 1), { inputs: { day: 1 } })
      assert.deepStrictEqual((yield* run(keyed("d-${inputs.day}", 2), { inputs: { day: 1 } })).outputs, { o: 1 })
      assert.deepStrictEqual((yield* run(keyed("d-${inputs.day}", 3), { inputs: { day: 2 } })).outputs, { o: 3 })
      assert.strictEqual(world.calls, 2)
    }).pipe(Effect.provide(engine))
  })

  it.effect("whose result holds a secret is called every time", () => {
    const { engine, world } = make()
    return Effect.gen(function* () {
      const secret = workflow(`
name: c
secrets: [TOKEN]
tasks: [{ id: a, method: ask/run, params: { token: "\${secrets.TOKEN}" }, cache: { key: same } }]
outputs: { o: "\${a.token}" }
`)
      assert.deepStrictEqual((yield* run(secret)).outputs, { o: "***" })
      yield* run(secret)
      assert.strictEqual(world.calls, 2)
    }).pipe(Effect.provide(engine))
  })

  it.effect("is called every time where the store's key-values fail", () => {
    const broken = () => Effect.fail(new StoreError({ operation: "get", retryable: false, cause: "gone" }))
    const store = Effect.map(MemoryStore.make, (backend) => ({
      ...backend,
      keyValues: { ...backend.keyValues, get: broken, put: broken }
    }))
    const { engine, world } = make(Backend.layer(store))
    return Effect.gen(function* () {
      assert.deepStrictEqual((yield* run(cached)).outputs, { o: 1 })
      assert.deepStrictEqual((yield* run(cached)).outputs, { o: 1 })
      assert.strictEqual(world.calls, 2)
    }).pipe(Effect.provide(engine))
  })
})
