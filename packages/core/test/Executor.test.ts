import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Layer, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { QuestionExpired, TaskExecutionFailed, TaskSuspended } from "../src/Errors.ts"
import * as ExecutorModule from "../src/Executor.ts"
import type { Call, Host } from "../src/Executor.ts"
import * as FailureData from "../src/Failure.ts"
import type { Failure } from "../src/Failure.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as ProvidersModule from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Chunk, Question, Usage } from "../src/Task.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { call, listener } from "./host.ts"

const { Executor } = ExecutorModule

const TestV1 = Protocol.make("test/v1", {
  description: "For tests",
  methods: {
    "test/do": Method.make({ description: "Does it", effects: "reads", params: Schema.Json, result: Schema.Json })
  }
})
type Handler = (params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>

const secrets = { TOKEN: "sk-12345678", OTHER: "other-secret", SHORT: "abc" }
const local = ExecutorModule.layerLocal.pipe(
  Layer.provideMerge(ProvidersModule.layer),
  Layer.provide(Secrets.layerRecord(secrets))
)

const test = (
  name: string,
  body: Effect.Effect<void, unknown, ExecutorModule.Executor | ProvidersModule.Providers | Scope.Scope>
) => it.effect(name, () => Effect.provide(body, local))

/** Puts a provider with one method on duty for the test. */
const serve = (handler: Handler, more: { readonly name?: string; readonly concurrency?: number } = {}) =>
  Effect.gen(function* () {
    const providers = yield* ProvidersModule.Providers
    yield* providers.register(yield* Provider.make(TestV1, { name: "test", ...more, handlers: { "test/do": handler } }))
  })

const execute = (more: Partial<Call> = {}, host: Host = listener().host) =>
  Effect.flatMap(Executor, (executor) => executor.execute(call(more), host))

/** Waits without heeding its interruption. */
const deaf = (milliseconds: number) => Effect.uninterruptible(Effect.sleep(milliseconds))

describe("an attempt", () => {
  test(
    "gives the provider's result and its name",
    Effect.gen(function* () {
      yield* serve((params) => Effect.succeed([params]))
      yield* serve(() => Effect.succeed("second"), { name: "second" })
      assert.deepStrictEqual(yield* execute({ params: { a: 1 } }), { result: [{ a: 1 }], provider: "test" })
      assert.deepStrictEqual(yield* execute({ provider: "second" }), { result: "second", provider: "second" })
    })
  )

  test(
    "fails as its handler does, and when nobody has the method",
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(execute())).code, -32601)
      const error = new TaskExecutionFailed({ reason: "no", retryable: true })
      yield* serve(() => Effect.fail(error))
      assert.strictEqual(yield* Effect.flip(execute()), error)
      assert.strictEqual(yield* Effect.flip(execute({ timeout: 1000 })), error)
      assert.strictEqual((yield* Effect.flip(execute({ provider: "other" }))).code, -30002)
    })
  )

  test(
    "tells its handler what it works for",
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      yield* serve(() =>
        Effect.map(TaskContext, ({ attempt, deadline, idempotencyKey, run, task }) => [
          run,
          task,
          attempt,
          idempotencyKey,
          deadline ?? null
        ])
      )
      const { result } = yield* execute({ run: "r", task: "t[1]", attempt: 3, idempotencyKey: "r/t[1]" })
      assert.deepStrictEqual(result, ["r", "t[1]", 3, "r/t[1]", null])
      assert.strictEqual(Reflect.get(Object((yield* execute({ timeout: 500 })).result), 4), 1500)
    })
  )

  test(
    "carries what its handler says and asks to the host and back",
    Effect.gen(function* () {
      const chunks: Array<Chunk> = [
        { _tag: "Text", text: "a" },
        { _tag: "Log", level: "info", message: "b" }
      ]
      const question: Question = { kind: "human/approve", prompt: "ok?" }
      yield* serve(() =>
        Effect.gen(function* () {
          const context = yield* TaskContext
          for (const chunk of chunks) yield* context.emit(chunk)
          yield* context.usage({ input_tokens: 2 })
          return [yield* context.call("k", "x/do", { p: 1 }), yield* context.suspend("s", question)]
        })
      )
      const { heard, host } = listener()
      assert.deepStrictEqual((yield* execute({}, host)).result, ["from the host", "yes"])
      assert.deepStrictEqual(heard, {
        chunks,
        usage: [{ input_tokens: 2 }],
        calls: [["k", "x/do", { p: 1 }]],
        asked: [["s", question]]
      })
    })
  )

  test(
    "passes on of its usage only what the journal can hold",
    Effect.gen(function* () {
      // Safe: that it is no usage is the point.
      const odd = {
        calls: 1,
        input_tokens: NaN,
        output_tokens: undefined,
        cost_usd: "0.1",
        other: 5
      } as unknown as Usage
      yield* serve(() => Effect.flatMap(TaskContext, ({ usage }) => Effect.as(usage(odd), null)))
      const { heard, host } = listener()
      yield* execute({}, host)
      assert.deepStrictEqual(heard.usage, [{ calls: 1 }])
    })
  )
})

describe("a provider with a limit", () => {
  test(
    "works at no more attempts at once, and gets to all",
    Effect.gen(function* () {
      let running = 0
      let most = 0
      yield* serve(
        () =>
          Effect.acquireUseRelease(
            Effect.sync(() => (most = Math.max(most, ++running))),
            () => Effect.as(Effect.sleep(100), null),
            () => Effect.sync(() => running--)
          ),
        { concurrency: 2 }
      )
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 5 }, () => execute()),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust(250)
      assert.strictEqual(all.pollUnsafe(), undefined)
      yield* TestClock.adjust(50)
      assert.lengthOf(yield* Fiber.join(all), 5)
      assert.strictEqual(most, 2)
    })
  )

  test(
    "begins again after attempts that failed, timed out or were interrupted",
    Effect.gen(function* () {
      const fates: ReadonlyArray<Effect.Effect<Schema.Json, Failure>> = [
        Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: true })),
        Effect.die("odd"),
        Effect.never,
        Effect.never,
        Effect.succeed("well")
      ]
      let next = 0
      yield* serve(() => Effect.suspend(() => fates[next++]!), { concurrency: 1 })
      yield* Effect.exit(execute())
      yield* Effect.exit(execute())
      const timed = yield* Effect.forkChild(Effect.exit(execute({ timeout: 100 })), { startImmediately: true })
      yield* TestClock.adjust(100)
      yield* Fiber.join(timed)
      yield* Fiber.interrupt(yield* Effect.forkChild(execute(), { startImmediately: true }))
      assert.strictEqual((yield* execute()).result, "well")
    })
  )

  test(
    "measures the timeout of an attempt from when it begins",
    Effect.gen(function* () {
      const began = yield* Clock.currentTimeMillis
      yield* serve(
        () => Effect.flatMap(TaskContext, ({ deadline }) => Effect.as(Effect.sleep(800), deadline ?? null)),
        {
          concurrency: 1
        }
      )
      const all = yield* Effect.forkChild(
        Effect.all([execute({ timeout: 1000 }), execute({ timeout: 1000 })], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1600)
      const deadlines = (yield* Fiber.join(all)).map(({ result }) => result)
      assert.deepStrictEqual(deadlines, [began + 1000, began + 1800])
    })
  )
})

describe("a timeout", () => {
  test(
    "ends the attempt, once its handler has cleaned up",
    Effect.gen(function* () {
      let cleaned = false
      yield* serve(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (cleaned = true))))
      const attempt = yield* Effect.forkChild(Effect.flip(execute({ timeout: 1500 })))
      yield* TestClock.adjust(1499)
      assert.isUndefined(attempt.pollUnsafe())
      assert.isFalse(cleaned)
      yield* TestClock.adjust(1)
      assert.isTrue(cleaned)
      const error = yield* Fiber.join(attempt)
      assert.deepStrictEqual(
        [error.code, error.message, error.retryable],
        [-29003, 'task "task" took longer than 1.5 s', true]
      )
    })
  )

  test(
    "does not touch an attempt that is in time",
    Effect.gen(function* () {
      yield* serve(() => Effect.as(Effect.sleep(999), "done"))
      const attempt = yield* Effect.forkChild(execute({ timeout: 1000 }))
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* Fiber.join(attempt)).result, "done")
    })
  )

  test(
    "leaves a handler behind that does not end within 5 s, and hears no more of it",
    Effect.gen(function* () {
      let ended = false
      const { heard, host } = listener()
      yield* serve(() =>
        Effect.gen(function* () {
          const { call, emit, usage } = yield* TaskContext
          yield* emit({ _tag: "Text", text: "in time" })
          yield* Effect.sleep(60_000)
          yield* emit({ _tag: "Text", text: "late" })
          yield* usage({ calls: 1 })
          ended = true
          return yield* call("k", "x/do", {})
        }).pipe(Effect.uninterruptible)
      )
      const attempt = yield* Effect.forkChild(Effect.flip(execute({ timeout: 1000 }, host)))
      yield* TestClock.adjust(5999)
      assert.isUndefined(attempt.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(attempt)).code, -29003)
      assert.isFalse(ended)
      yield* TestClock.adjust(60_000)
      assert.isTrue(ended)
      assert.deepStrictEqual(heard, { chunks: [{ _tag: "Text", text: "in time" }], usage: [], calls: [], asked: [] })
    })
  )
})

describe("an interruption", () => {
  for (const timeout of [undefined, 60_000]) {
    const given = timeout === undefined ? {} : { timeout }
    test(
      `reaches the handler, ${timeout === undefined ? "without" : "with"} a timeout`,
      Effect.gen(function* () {
        const began = yield* Deferred.make<void>()
        let cleaned = false
        yield* serve(() =>
          Effect.onInterrupt(Effect.andThen(Deferred.succeed(began, undefined), Effect.never), () =>
            Effect.sync(() => (cleaned = true))
          )
        )
        const attempt = yield* Effect.forkChild(execute(given))
        yield* Deferred.await(began)
        const exit = yield* Fiber.await(attempt).pipe((awaited) => Effect.andThen(Fiber.interrupt(attempt), awaited))
        assert.isTrue(cleaned)
        assert.isTrue(Exit.isFailure(exit) && Exit.hasInterrupts(exit))
      })
    )
  }

  test(
    "waits for a deaf handler with a timeout at most 5 s",
    Effect.gen(function* () {
      yield* serve(() => Effect.as(deaf(60_000), null))
      const attempt = yield* Effect.forkChild(execute({ timeout: 30_000 }), { startImmediately: true })
      yield* TestClock.adjust(1)
      attempt.interruptUnsafe()
      yield* TestClock.adjust(4999)
      assert.isUndefined(attempt.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isDefined(attempt.pollUnsafe())
    })
  )
})

describe("secrets", () => {
  const echo: Handler = (params) => Effect.succeed(params)
  /** What the handler got: the outcome is masked, a copy beside it is not. */
  const spy = () => {
    const seen: Array<Schema.Json> = []
    return { seen, handler: (params: Schema.Json) => Effect.sync(() => (seen.push(params), null)) }
  }

  test(
    "are filled in at the listed places alone",
    Effect.gen(function* () {
      const { handler, seen } = spy()
      yield* serve(handler)
      const params = {
        key: { $secret: "TOKEN" },
        header: { $secret: ["Bearer ", { name: "OTHER" }, "!"] },
        data: { $secret: "TOKEN" },
        list: [{ $secret: "TOKEN" }, { $secret: "TOKEN" }]
      }
      yield* execute({ params, secrets: [["key"], ["header"], ["list", 1]] })
      yield* execute({ params })
      assert.deepStrictEqual(seen, [
        {
          key: secrets.TOKEN,
          header: `Bearer ${secrets.OTHER}!`,
          data: { $secret: "TOKEN" },
          list: [{ $secret: "TOKEN" }, secrets.TOKEN]
        },
        params
      ])
    })
  )

  test(
    "that are inputs come from the host",
    Effect.gen(function* () {
      const { handler, seen } = spy()
      yield* serve(handler)
      const { host } = listener({ secret: (input) => Effect.succeed(`value of ${input}`) })
      yield* execute({ params: [{ $secret: "inputs.key" }], secrets: [[0]] }, host)
      assert.deepStrictEqual(seen, [["value of key"]])
      const error = yield* Effect.flip(execute({ params: [{ $secret: "inputs.key" }], secrets: [[0]] }))
      assert.strictEqual(error.code, -29011)
    })
  )

  test(
    "that are missing fail the attempt before the handler runs",
    Effect.gen(function* () {
      const { handler, seen } = spy()
      yield* serve(handler)
      const error = yield* Effect.flip(execute({ params: [{ $secret: "NONE" }], secrets: [[0]] }))
      assert.deepStrictEqual([error.code, error.name], [-29011, "SECRET_MISSING"])
      assert.match(error.message, /NONE/)
      assert.deepStrictEqual(seen, [])
    })
  )

  const withToken = { params: { key: { $secret: "TOKEN" } }, secrets: [["key"]] }

  test(
    "are masked in the result, which says so",
    Effect.gen(function* () {
      yield* serve(echo)
      assert.deepStrictEqual(yield* execute(withToken), { result: { key: "***" }, provider: "test", masked: true })
    })
  )

  test(
    "that the result does not hold leave it alone",
    Effect.gen(function* () {
      yield* serve(() => Effect.succeed({ fine: true }))
      assert.deepStrictEqual(yield* execute(withToken), { result: { fine: true }, provider: "test" })
    })
  )

  test(
    "of fewer than 8 characters are not looked for",
    Effect.gen(function* () {
      yield* serve(echo)
      const reply = yield* execute({ params: [{ $secret: "SHORT" }], secrets: [[0]] })
      assert.deepStrictEqual(reply, { result: ["abc"], provider: "test" })
    })
  )

  test(
    "are masked in failures, be they errors or defects",
    Effect.gen(function* () {
      const text = `bad ${secrets.TOKEN}`
      let fate: Effect.Effect<Schema.Json, Failure> = Effect.fail(
        new TaskExecutionFailed({ reason: text, retryable: true, data: { text } })
      )
      yield* serve(() => Effect.suspend(() => fate))
      const error = yield* Effect.flip(execute(withToken))
      assert.deepStrictEqual(FailureData.of(error), {
        code: -29002,
        name: "TASK_EXECUTION_FAILED",
        message: "bad ***",
        retryable: true,
        data: { text: "bad ***" }
      })
      fate = Effect.die(new Error(text))
      const defect = yield* Effect.exit(execute(withToken))
      assert.isTrue(Exit.isFailure(defect))
      if (Exit.isFailure(defect))
        assert.strictEqual(FailureData.fromCause(defect.cause).message, "unexpected Error: bad ***")
    })
  )

  test(
    "do not keep an interruption from being one",
    Effect.gen(function* () {
      yield* serve(() => Effect.never)
      const attempt = yield* Effect.forkChild(execute(withToken), { startImmediately: true })
      yield* Fiber.interrupt(attempt)
      const exit = yield* Fiber.await(attempt)
      assert.isTrue(Exit.isFailure(exit) && Exit.hasInterrupts(exit))
    })
  )

  test(
    "are masked in chunks",
    Effect.gen(function* () {
      yield* serve(() =>
        Effect.gen(function* () {
          const { emit } = yield* TaskContext
          yield* emit({ _tag: "Text", text: `<${secrets.TOKEN}>` })
          yield* emit({ _tag: "Log", level: "debug", message: secrets.TOKEN })
          return null
        })
      )
      const { heard, host } = listener()
      yield* execute(withToken, host)
      assert.deepStrictEqual(heard.chunks, [
        { _tag: "Text", text: "<***>" },
        { _tag: "Log", level: "debug", message: "***" }
      ])
    })
  )
})

describe("a secret that a handler passes on to a call", () => {
  test(
    "travels as a marker, and everything else as it is",
    Effect.gen(function* () {
      yield* serve((params) =>
        Effect.gen(function* () {
          const { call } = yield* TaskContext
          yield* call("a", "x/do", {
            auth: `Bearer ${String(Reflect.get(Object(params), "key"))}`,
            data: { $secret: "OTHER" }
          })
          yield* call("b", "x/do", { data: { $secret: "OTHER" } })
          return null
        })
      )
      const { heard, host } = listener()
      yield* execute({ params: { key: { $secret: "TOKEN" } }, secrets: [["key"]] }, host)
      assert.deepStrictEqual(heard.calls, [
        ["a", "x/do", { auth: { $secret: ["Bearer ", { name: "TOKEN" }] }, data: { $secret: "OTHER" } }, [["auth"]]],
        ["b", "x/do", { data: { $secret: "OTHER" } }]
      ])
    })
  )
})

describe("a handler that suspends", () => {
  const asks: Handler = () => Effect.flatMap(TaskContext, ({ suspend }) => suspend("k", { kind: "x" }))
  const { host } = listener({ answer: () => Effect.undefined })

  test(
    "ends its attempt, also under a timeout and a limit",
    Effect.gen(function* () {
      yield* serve(asks, { concurrency: 1 })
      assert.strictEqual((yield* Effect.flip(execute({}, host))).name, "TASK_SUSPENDED")
      assert.strictEqual((yield* Effect.flip(execute({ timeout: 1000 }, host))).name, "TASK_SUSPENDED")
    })
  )

  test(
    "runs no further, whatever it makes of failures, but cleans up",
    Effect.gen(function* () {
      let cleaned = false
      let further = false
      yield* serve((params) =>
        asks(params).pipe(
          Effect.catch(() => Effect.succeed("caught")),
          Effect.tap(() => Effect.sync(() => (further = true))),
          Effect.ensuring(Effect.sync(() => (cleaned = true)))
        )
      )
      assert.strictEqual((yield* Effect.flip(execute({}, host))).name, "TASK_SUSPENDED")
      assert.deepStrictEqual([cleaned, further], [true, false])
    })
  )

  test(
    "may catch that nobody has answered in time",
    Effect.gen(function* () {
      yield* serve((params) => Effect.catch(asks(params), ({ name }) => Effect.succeed(name)))
      const expired = listener({ answer: (request) => Effect.fail(new QuestionExpired({ request })) })
      assert.strictEqual((yield* execute({}, expired.host)).result, "QUESTION_EXPIRED")
    })
  )

  test(
    "is not there to catch that a call it makes waits",
    Effect.gen(function* () {
      yield* serve(() =>
        Effect.catch(
          Effect.flatMap(TaskContext, ({ call }) => call("k", "x/do", {})),
          () => Effect.succeed("caught")
        )
      )
      const waits = listener({ call: () => Effect.fail(new TaskSuspended({ request: "ask/k" })) })
      assert.strictEqual((yield* Effect.flip(execute({}, waits.host))).name, "TASK_SUSPENDED")
    })
  )
})

describe("what can be called", () => {
  test(
    "is the contracts of the providers on duty, the same list while nobody's have changed",
    Effect.gen(function* () {
      const executor = yield* Executor
      assert.deepStrictEqual(yield* executor.contracts, [])
      yield* serve(() => Effect.succeed(null))
      const first = yield* executor.contracts
      assert.deepStrictEqual(
        first.map(({ method, protocol }) => [protocol, method]),
        [["test/v1", "test/do"]]
      )
      assert.strictEqual(yield* executor.contracts, first)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* serve(() => Effect.succeed(null), { name: "second" })
          assert.lengthOf(yield* executor.contracts, 2)
        })
      )
      assert.lengthOf(yield* executor.contracts, 1)
      yield* executor.forget("run")
    })
  )
})
