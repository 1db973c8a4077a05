import { assert, describe, it } from "@effect/vitest"
import { Providers, TaskContext } from "@gleitzeit/core"
import { ConfigProvider, Deferred, Effect, Fiber, Scope } from "effect"
import { call, type Chunk, context, dead, failure, peer, script } from "./calls.ts"

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(body))

/** Looks until it is so. */
const until = (holds: () => boolean) => Effect.repeat(Effect.sync(holds), { until: (is) => is, times: 300 })

describe("a call to a process", () => {
  test(
    "is one line, its result as it was sent, answered in any order",
    Effect.gen(function* () {
      const provider = yield* peer({ maxAnswer: 100_000 })
      for (const value of [
        null,
        0,
        "",
        [],
        "Grüße 👋 \u2028 line\nline",
        "ä".repeat(40_000),
        { a: [1, { b: null }] }
      ]) {
        const sent = yield* call(provider, "peer/slow", { value, ms: 0 })
        assert.deepStrictEqual(sent, value)
      }
      const order: Array<string> = []
      const slow = (value: string, ms: number) =>
        Effect.tap(call(provider, "peer/slow", { value, ms }), (got) => Effect.sync(() => order.push(String(got))))
      assert.deepStrictEqual(yield* Effect.all([slow("long", 60), slow("short", 1)], { concurrency: "unbounded" }), [
        "long",
        "short"
      ])
      assert.deepStrictEqual(order, ["short", "long"])
    })
  )

  test(
    "brings the context, by name alone, to whoever asked for it",
    Effect.gen(function* () {
      const provider = yield* peer()
      assert.deepStrictEqual(yield* call(provider, "peer/echo", { value: 1 }), {
        value: 1,
        _context: { run: "RUN", task: "work[3]", attempt: 2, idempotency_key: "RUN/work[3]" }
      })
      assert.deepStrictEqual(yield* call(provider, "peer/subtract", { a: 1, c: 3 }), [1, null, 3])
      assert.deepStrictEqual(yield* call(provider, "peer/subtract", { a: 1 }), [1])
      const plain = yield* peer({ args: [script, "--plain"] })
      assert.deepStrictEqual(yield* call(plain, "peer/echo", { value: 1 }), { value: 1 })
      const told: Array<Chunk> = []
      assert.strictEqual(yield* call(plain, "peer/chunks", { value: "ab" }, told), "done")
      assert.deepStrictEqual(told, [])
      assert.isFalse(plain.capabilities.streaming)
    })
  )

  test(
    "shows chunks and usage while it is made; what is malformed is left out",
    Effect.gen(function* () {
      const provider = yield* peer()
      const told: Parameters<typeof context>[0] = []
      assert.strictEqual(yield* call(provider, "peer/chunks", { value: "ab" }, told), "done")
      assert.deepStrictEqual(told, [{ _tag: "Text", text: "a" }, { _tag: "Text", text: "b" }, { output_tokens: 2 }])
      assert.isTrue(provider.capabilities.streaming)
    })
  )

  test(
    "that is interrupted is told so, and its late answer is nobody's",
    Effect.gen(function* () {
      const provider = yield* peer()
      assert.deepStrictEqual(yield* call(provider, "peer/cancelled"), [])
      const fiber = yield* Effect.forkChild(call(provider, "peer/wait"))
      // answered after it was sent
      yield* call(provider, "peer/echo")
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(yield* call(provider, "peer/cancelled") as Effect.Effect<Array<number>>, 1)
      assert.strictEqual(yield* call(provider, "peer/slow", { value: "well", ms: 0 }), "well")
    })
  )

  test(
    "is refused before it is made when its params are wrong, and after it when its result is",
    Effect.gen(function* () {
      const provider = yield* peer()
      assert.strictEqual(yield* call(provider, "peer/typed", { n: 1 }), "text")
      assert.strictEqual((yield* failure(call(provider, "peer/typed", { n: "1" }))).code, -32602)
      assert.strictEqual((yield* failure(call(provider, "peer/typed", { n: 0 }))).code, -29007)
      const [typed] = (yield* provider.contracts).filter(({ method }) => method === "peer/typed")
      assert.deepStrictEqual([typed?.effects, typed?.protocol, typed?.provider], ["reads", "peer/v1", "peer"])
    })
  )

  test(
    "has a number refused that cannot be held, and an answer that is too large",
    Effect.gen(function* () {
      const provider = yield* peer({ maxAnswer: 20_000 })
      const number = yield* failure(call(provider, "peer/raw", { value: "9007199254740993" }))
      assert.strictEqual(number.code, -29007)
      assert.strictEqual(yield* call(provider, "peer/raw", { value: "9007199254740992" }), 2 ** 53)
      const large = yield* failure(call(provider, "peer/big", { bytes: 50e6 }))
      assert.strictEqual(large.code, -29012)
      assert.deepStrictEqual(yield* call(provider, "peer/slow", { value: "well", ms: 0 }), "well")
    })
  )

  test(
    "holds a text of any length beside a long number",
    Effect.gen(function* () {
      const provider = yield* peer()
      const value = `["${"x".repeat(12_000_000)}", 9007199254740992]`
      assert.strictEqual(Reflect.get(Object(yield* call(provider, "peer/raw", { value })), 1), 2 ** 53)
    })
  )

  test(
    "shows of a flood what its watcher keeps up with, and counts all of its usage",
    Effect.gen(function* () {
      const provider = yield* peer()
      const answered = yield* Deferred.make<void>()
      let shown = 0
      let used = 0
      const slow = {
        ...context(),
        emit: () => Effect.tap(Deferred.await(answered), () => Effect.sync(() => shown++)),
        usage: () => Effect.sync(() => void used++)
      }
      const flood = Effect.provideService(provider.call("peer/flood", { value: 50_000 }), TaskContext.TaskContext, slow)
      const fiber = yield* Effect.forkChild(flood)
      // answered after it
      yield* call(provider, "peer/echo")
      yield* call(provider, "peer/echo")
      yield* Deferred.succeed(answered, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(used, 1)
      assert.isAtLeast(shown, 10_000)
      assert.isAtMost(shown, 10_001)
    })
  )

  test(
    "that is never answered is given up, and the others go on",
    Effect.gen(function* () {
      const provider = yield* peer({ timeout: 300 })
      const other = yield* Effect.forkChild(call(provider, "peer/slow", { value: 1, ms: 100 }))
      assert.strictEqual((yield* failure(call(provider, "peer/wait"))).code, -30006)
      assert.strictEqual(yield* Fiber.join(other), 1)
    })
  )
})

describe("a process", () => {
  test(
    "is started by the first call, and ends with its children when the scope closes",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const provider = yield* Scope.provide(peer(), scope)
      // Safe: that is what it answers.
      const pids = (yield* call(provider, "peer/pid")) as unknown as ReadonlyArray<number>
      assert.deepStrictEqual(pids.map(dead), [false, false])
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      yield* until(() => pids.every(dead))
      assert.deepStrictEqual(pids.map(dead), [true, true])
    })
  )

  test(
    "that leaves behind a child is killed with it when it is interrupted",
    Effect.gen(function* () {
      const begun = yield* Deferred.make<ReadonlyArray<number>>()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const provider = yield* peer()
            // Safe: that is what it answers.
            yield* Deferred.succeed(begun, (yield* call(provider, "peer/pid")) as unknown as ReadonlyArray<number>)
            yield* call(provider, "peer/wait")
          })
        )
      )
      const pids = yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      yield* until(() => pids.every(dead))
      assert.deepStrictEqual(pids.map(dead), [true, true])
    })
  )

  test(
    "that dies fails what is under way with its last words, and the next call starts another",
    Effect.gen(function* () {
      const provider = yield* peer()
      const [crashed, waited] = yield* Effect.all(
        [failure(call(provider, "peer/crash")), failure(call(provider, "peer/wait"))],
        { concurrency: 2 }
      )
      assert.deepStrictEqual([crashed.code, crashed.retryable], [-30003, true])
      assert.match(crashed.message, /peer\.mjs ended with exit code 3; it last wrote: "Traceback: out of luck"/)
      assert.deepStrictEqual(waited, crashed)
      assert.strictEqual(yield* call(provider, "peer/slow", { value: "well", ms: 0 }), "well")
      assert.strictEqual(yield* call(provider, "peer/leave"), "bye")
    })
  )

  for (const [method, message] of [
    ["noise", /no message of JSON-RPC 2\.0: "Loading the model …"; what people are to read belongs on standard error/],
    ["wrong", /answers the call 999, which nobody made/],
    ["unnamed", /answers without saying what: "Parse error"/]
  ] as const) {
    test(
      `that says what is none of ours is not believed (${method}), and the next call starts another`,
      Effect.gen(function* () {
        const provider = yield* peer()
        const failed = yield* failure(call(provider, `peer/${method}`))
        assert.deepStrictEqual([failed.code, failed.retryable], [-30003, false])
        assert.match(failed.message, message)
        assert.strictEqual(yield* call(provider, "peer/slow", { value: "well", ms: 0 }), "well")
      })
    )
  }

  test(
    "that closes its standard output is ended, and the next call starts another",
    Effect.gen(function* () {
      const provider = yield* peer()
      const failed = yield* failure(call(provider, "peer/mute"))
      assert.deepStrictEqual([failed.code, failed.retryable], [-30003, true])
      assert.match(failed.message, /peer\.mjs closed its standard output/)
      assert.strictEqual(yield* call(provider, "peer/slow", { value: "well", ms: 0 }), "well")
    })
  )

  test(
    "that asks and does not read what it is told is not told for ever",
    Effect.gen(function* () {
      const provider = yield* peer()
      assert.strictEqual(yield* call(provider, "peer/beg", { value: 3 }), "done")
      assert.strictEqual(yield* call(provider, "peer/refused"), 3)
      assert.strictEqual(yield* call(provider, "peer/beg", { value: 100_000 }), "done")
      assert.isBelow(Number(yield* call(provider, "peer/refused")), 50_000)
    })
  )

  test(
    "that cannot be started says so at once",
    Effect.gen(function* () {
      const provider = yield* peer({ command: "gleitzeit-no-such-program", args: ["a b"] })
      const failed = yield* failure(provider.contracts)
      assert.deepStrictEqual([failed.code, failed.retryable], [-30003, false])
      assert.include(failed.message, `gleitzeit-no-such-program "a b" cannot be started`)
      assert.strictEqual((yield* provider.health).status, "unhealthy")
    })
  )

  test(
    "that ends before it has answered quotes what it said",
    Effect.gen(function* () {
      const provider = yield* peer({ args: ["-e", "console.error('no such model'); process.exit(7)"] })
      const failed = yield* failure(provider.contracts)
      assert.match(failed.message, /ended with exit code 7; it last wrote: "no such model"/)
    })
  )

  test(
    "has the environment that is listed, and what was given",
    Effect.gen(function* () {
      const env = { PATH: process.env["PATH"] ?? "", OTHER_SECRET: "s3cret" }
      const provider = yield* Effect.provideService(
        peer({ env: { A: "1", B: { env: "OTHER_SECRET" } } }),
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env })
      )
      assert.deepStrictEqual(yield* call(provider, "peer/environment"), { PATH: env.PATH, A: "1", B: "s3cret" })
    })
  )
})

describe("on duty", () => {
  test(
    "its methods are called by anybody",
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      yield* providers.register(yield* peer())
      const chosen = yield* providers.choose("peer/echo", {})
      assert.deepInclude(yield* call(chosen, "peer/echo", { value: "x" }), { value: "x" })
    }).pipe(Effect.provide(Providers.layer))
  )
})
