import { assert, describe, it } from "@effect/vitest"
import { KeyValues, MemoryStore, Providers } from "@gleitzeit/core"
import { Effect, Layer, Scope } from "effect"
import { Registry } from "../src/index.ts"
import { call, describe as document, failure, far, peer, reply, script, dead } from "./calls.ts"

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope | Providers.Providers | KeyValues.KeyValues>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.provide(Layer.mergeAll(Providers.layer, MemoryStore.layer))))
const names = Effect.flatMap(Providers.Providers, ({ all }) => Effect.map(all, (all) => all.map(({ name }) => name)))
const choose = (method: string) => Effect.flatMap(Providers.Providers, (providers) => providers.choose(method, {}))
/** On duty until the test's scope closes. */
const serve = (every?: number) =>
  Effect.flatMap(Effect.scope, (scope) =>
    Layer.buildWithScope(Registry.layer(every === undefined ? {} : { every }), scope)
  )

describe("what is registered", () => {
  test(
    "is kept under its name, read back, and gone when it is removed",
    Effect.gen(function* () {
      const rates = { url: "http://127.0.0.1:9/rpc", headers: { authorization: { env: "RATES_KEY" } } }
      yield* Registry.register("rates", rates)
      yield* Registry.register("local", { command: "python3", args: ["rates.py"], cwd: "/tmp" })
      assert.deepStrictEqual(yield* Registry.list, [
        { name: "local", registration: { command: "python3", args: ["rates.py"], cwd: "/tmp" } },
        { name: "rates", registration: rates }
      ])
      assert.isTrue(yield* Registry.remove("local"))
      assert.isFalse(yield* Registry.remove("local"))
      assert.deepStrictEqual(
        (yield* Registry.list).map(({ name }) => name),
        ["rates"]
      )
      for (const name of ["", "Rates", "a b", "9a", "a/b", "x".repeat(65)]) {
        assert.strictEqual((yield* failure(Registry.register(name, rates))).code, -30004)
      }
    })
  )

  test(
    "is on duty from the start, in more than a page too",
    Effect.gen(function* () {
      const all = Array.from({ length: 130 }, (_, number) => `r${number}`)
      for (const name of all) yield* Registry.register(name, { url: "http://127.0.0.1:9/rpc" })
      yield* serve()
      assert.deepStrictEqual((yield* names).toSorted(), all.toSorted())
    })
  )

  test(
    "comes on duty when its method is asked for",
    Effect.gen(function* () {
      yield* serve()
      assert.strictEqual((yield* failure(choose("far/it"))).code, -32601)
      yield* Registry.register("far", { url: yield* far((response, made) => reply(response, made, "well")) })
      assert.strictEqual(yield* call(yield* choose("far/it"), "far/it"), "well")
    })
  )

  test(
    "is looked at again: what was changed is another, what was removed is gone with its process",
    Effect.gen(function* () {
      yield* Registry.register("peer", { command: process.execPath, args: [script] })
      yield* serve(10)
      // Safe: that is what it answers.
      const [pid = 0] = (yield* call(yield* choose("peer/pid"), "peer/pid")) as unknown as ReadonlyArray<number>
      const url = yield* far(
        () => {},
        () => document("peer/new")
      )
      yield* Registry.register("peer", { url })
      yield* Effect.repeat(
        Effect.sync(() => dead(pid)),
        { until: (is) => is, times: 500 }
      )
      assert.isTrue(dead(pid))
      assert.strictEqual((yield* choose("peer/new")).name, "peer")
      yield* Registry.remove("peer")
      yield* Effect.repeat(Effect.andThen(Effect.sleep(5), names), { until: (all) => all.length === 0, times: 100 })
      assert.deepStrictEqual(yield* names, [])
    })
  )

  test(
    "and cannot be used leaves the others working",
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      yield* providers.register(yield* peer({ name: "taken" }))
      yield* Registry.register("taken", { url: "http://127.0.0.1:9/rpc" })
      yield* Registry.register("broken", { url: "ftp://x" })
      yield* Registry.register("keyless", { url: "http://x", headers: { a: { env: "GLEITZEIT_NOT_SET" } } })
      yield* Registry.register("far", { url: yield* far((response, made) => reply(response, made, 1)) })
      const keyValues = yield* KeyValues.KeyValues
      yield* keyValues.put("remote/later", { teleport: true, url: 3 })
      yield* serve()
      assert.deepStrictEqual((yield* names).toSorted(), ["broken", "far", "keyless", "taken", "taken (registered)"])
      const all = yield* providers.all
      const said = yield* Effect.forEach(
        all.filter(({ name }) => name !== "far" && name !== "taken"),
        ({ contracts }) => Effect.map(failure(contracts), ({ message }) => message)
      )
      assert.match(
        said.join("\n"),
        /begins with ftp:.*\n.*GLEITZEIT_NOT_SET.*\n.*"taken" cannot be used: a provider of this/
      )
      assert.strictEqual((yield* choose("far/it")).name, "far")
      assert.strictEqual((yield* choose("peer/echo")).name, "taken")
    })
  )
})
