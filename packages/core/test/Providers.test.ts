import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Failure } from "../src/Failure.ts"
import type { Health, Provider } from "../src/Provider.ts"
import * as ProvidersModule from "../src/Providers.ts"

const { Providers } = ProvidersModule

/** A provider by its outside alone, as one from another copy of effect is. */
const provider = (name: string, methods: ReadonlyArray<string>, more: Partial<Provider> = {}): Provider => ({
  name,
  protocol: "x/v1",
  concurrency: Infinity,
  capabilities: { streaming: false, batch: false, caching: false, sandboxed: false },
  contracts: Effect.succeed(contracts(methods)),
  changes: Stream.empty,
  call: () => Effect.succeed(name),
  identity: () => Effect.undefined,
  estimate: () => Effect.succeed({}),
  health: Effect.succeed({ status: "healthy" }),
  ...more
})
const contracts = (methods: ReadonlyArray<string>) =>
  methods.map((method) => ({
    protocol: "x/v1",
    method,
    description: "",
    effects: "reads" as const,
    params: {},
    result: {}
  }))
const health = (status: Health["status"]) => ({ health: Effect.succeed({ status }) })
const down: Failure = { code: -30003, name: "PROVIDER_NOT_AVAILABLE", message: "down", retryable: true }

const test = (name: string, body: Effect.Effect<void, unknown, ProvidersModule.Providers | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, ProvidersModule.layer))
const choose = (method: string, name?: string) =>
  Effect.flatMap(Providers, (providers) => Effect.map(providers.choose(method, {}, name), (chosen) => chosen.name))
const register = (...args: Parameters<typeof provider>) =>
  Effect.flatMap(Providers, (providers) => providers.register(provider(...args)))
const onDuty = Effect.flatMap(Providers, (providers) => Effect.map(providers.all, (all) => all.map(({ name }) => name)))

describe("the providers on duty", () => {
  test(
    "are in the order of registration, each until its scope closes",
    Effect.gen(function* () {
      yield* register("a", ["x/do"])
      const scope = yield* Scope.make()
      yield* Scope.provide(register("b", ["x/do", "x/only"]), scope)
      assert.deepStrictEqual(yield* onDuty, ["a", "b"])
      assert.strictEqual(yield* choose("x/only"), "b")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* onDuty, ["a"])
      assert.strictEqual((yield* Effect.flip(choose("x/only"))).code, -32601)
      yield* register("b", ["x/do"])
    })
  )

  test(
    "have different names",
    Effect.gen(function* () {
      yield* register("a", ["x/do"])
      const error = yield* Effect.flip(Effect.scoped(register("a", ["x/other"])))
      assert.strictEqual(error.code, -30004)
      assert.match(error.message, /"a".*on duty already \(for x\/v1\)/)
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.deepStrictEqual(yield* onDuty, ["a"])
    })
  )
})

describe("a provider is chosen", () => {
  test(
    "by method; without one the error names the methods there are",
    Effect.gen(function* () {
      assert.match((yield* Effect.flip(choose("x/do"))).message, /on duty: none/)
      yield* register("a", ["x/do"])
      yield* register("b", ["x/other"])
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.strictEqual(yield* choose("x/other"), "b")
      assert.match((yield* Effect.flip(choose("x/d"))).message, /"x\/d" \(on duty: x\/do, x\/other\)/)
    })
  )

  test(
    "by name where the task gives one, whatever its health",
    Effect.gen(function* () {
      yield* register("a", ["x/do"])
      yield* register("b", ["x/do"], health("unhealthy"))
      yield* register("c", ["x/other"])
      assert.strictEqual(yield* choose("x/do", "b"), "b")
      const error = yield* Effect.flip(choose("x/do", "c"))
      assert.strictEqual(error.code, -30002)
      assert.match(error.message, /"c".*those that have it: a, b/)
    })
  )

  test(
    "by health: the first that is healthy, else degraded, else the first",
    Effect.gen(function* () {
      for (const [name, status, chosen] of [
        ["a", "unhealthy", "a"],
        ["b", "unhealthy", "a"],
        ["c", "degraded", "c"],
        ["d", "healthy", "d"],
        ["e", "healthy", "d"]
      ] as const) {
        yield* register(name, ["x/do"], health(status))
        assert.strictEqual(yield* choose("x/do"), chosen)
      }
    })
  )

  test(
    "without asking for its health when there is no other",
    Effect.gen(function* () {
      yield* register("a", ["x/do"], { health: Effect.die("asked") })
      assert.strictEqual(yield* choose("x/do"), "a")
    })
  )

  test(
    "by what it said of its health in the last 5 s",
    Effect.gen(function* () {
      let asked = 0
      let status: Health["status"] = "healthy"
      yield* register("a", ["x/do"], { health: Effect.sync(() => ({ status, asked: asked++ })) })
      yield* register("b", ["x/do"])
      assert.strictEqual(yield* choose("x/do"), "a")
      status = "unhealthy"
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.strictEqual(asked, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* choose("x/do"), "b")
      assert.strictEqual(asked, 2)
    })
  )

  test(
    "without waiting for a health check that does not end",
    Effect.gen(function* () {
      yield* register("a", ["x/do"], { health: Effect.never })
      yield* register("b", ["x/do"])
      const chosen = yield* Effect.forkChild(choose("x/do"))
      yield* TestClock.adjust(5000)
      assert.strictEqual(yield* Fiber.join(chosen), "b")
    })
  )

  test(
    "also after a choice that was interrupted while it asked for health",
    Effect.gen(function* () {
      const answer = yield* Deferred.make<Health>()
      yield* register("a", ["x/do"], { health: Deferred.await(answer) })
      yield* register("b", ["x/do"])
      const first = yield* Effect.forkChild(choose("x/do"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(answer, { status: "healthy" })
      assert.strictEqual(yield* choose("x/do"), "a")
    })
  )
})

describe("the methods of a provider", () => {
  test(
    "are asked for once, and again when it says that they have changed",
    Effect.gen(function* () {
      const changes = yield* Queue.unbounded<void>()
      let asked = 0
      let methods = ["x/do"]
      yield* register("a", [], {
        contracts: Effect.sync(() => {
          asked++
          return contracts(methods)
        }),
        changes: Stream.fromQueue(changes)
      })
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.strictEqual(asked, 1)
      methods = ["x/new"]
      yield* Queue.offer(changes, undefined)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* choose("x/new"), "a")
      assert.strictEqual((yield* Effect.flip(choose("x/do"))).code, -32601)
      assert.strictEqual(asked, 2)
    })
  )

  test(
    "that comes while the others are asked are not missed",
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      yield* register("slow", [], { contracts: Effect.as(Deferred.await(gate), contracts(["x/slow"])) })
      const first = yield* Effect.forkChild(choose("x/slow"), { startImmediately: true })
      yield* register("late", ["x/late"])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(first), "slow")
      assert.strictEqual(yield* choose("x/late"), "late")
    })
  )

  test(
    "that cannot say them leave the others to serve, and are asked again when they may have what is missing",
    Effect.gen(function* () {
      let working = false
      yield* register("open", [], {
        contracts: Effect.suspend(() => (working ? Effect.succeed(contracts(["x/open"])) : Effect.fail(down)))
      })
      yield* register("closed", ["x/do"])
      assert.strictEqual(yield* choose("x/do"), "closed")
      assert.strictEqual((yield* Effect.flip(choose("x/do", "other"))).code, -30002)
      assert.deepStrictEqual(yield* Effect.flip(choose("x/open")), down)
      assert.deepStrictEqual(yield* Effect.flip(choose("x/open", "open")), down)
      working = true
      assert.strictEqual(yield* choose("x/open"), "open")
    })
  )
})

describe("who looks for further providers", () => {
  test(
    "is asked once before a method or a name is said to be unknown, and never for what is known",
    Effect.gen(function* () {
      const providers = yield* Providers
      let looked = 0
      const look = Effect.sync(() => void looked++)
      const scope = yield* Scope.make()
      yield* Scope.provide(providers.discover(look), scope)
      yield* register("a", ["x/do"])
      assert.strictEqual(yield* choose("x/do"), "a")
      assert.strictEqual(yield* choose("x/do", "a"), "a")
      assert.strictEqual(looked, 0)
      assert.strictEqual((yield* Effect.flip(choose("x/other"))).code, -32601)
      assert.strictEqual((yield* Effect.flip(choose("x/do", "b"))).code, -30002)
      assert.strictEqual(looked, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(choose("x/other"))).code, -32601)
      assert.strictEqual(looked, 2)
    })
  )

  test(
    "may put on duty who has it",
    Effect.gen(function* () {
      const providers = yield* Providers
      const scope = yield* Effect.scope
      const comes = Effect.ignore(Scope.provide(providers.register(provider("far", ["x/far"])), scope))
      yield* providers.discover(comes)
      assert.strictEqual(yield* choose("x/far"), "far")
      assert.deepStrictEqual(yield* onDuty, ["far"])
    })
  )
})

test(
  "whoever watches hears when somebody comes, goes, or changes",
  Effect.gen(function* () {
    const providers = yield* Providers
    const heard = yield* Queue.unbounded<void>()
    yield* Effect.forkScoped(Stream.runForEach(providers.changes, () => Queue.offer(heard, undefined)))
    yield* TestClock.adjust(1)
    const changes = yield* Queue.unbounded<void>()
    const scope = yield* Scope.make()
    yield* Scope.provide(register("a", ["x/do"], { changes: Stream.fromQueue(changes) }), scope)
    yield* Queue.take(heard)
    yield* Queue.offer(changes, undefined)
    yield* Queue.take(heard)
    yield* Scope.close(scope, Exit.void)
    yield* Queue.take(heard)
    yield* TestClock.adjust(1)
    assert.strictEqual(yield* Queue.size(heard), 0)
  })
)
