/** When attempts end, and how many there are at once, whatever the executor. */
import { assert } from "@effect/vitest"
import { type Executor, Failure } from "@gleitzeit/core"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { by, call, listener, type Suite, type Workshop } from "./ExecutorSample.ts"
import * as ScriptedProvider from "./ScriptedProvider.ts"

export interface Options extends Suite {
  /** The same attempt, given again while it is under way, is not carried out again. */
  readonly attaches: boolean
}

export const define = ({ attaches, elapse, fact, workshop }: Options): void => {
  for (const timeout of [undefined, 600_000]) {
    const given = timeout === undefined ? {} : { timeout }
    fact(
      `an interruption reaches the handler, ${timeout === undefined ? "without" : "with"} a timeout`,
      Effect.gen(function* () {
        const { cleaned, door, script } = yield* cleanly
        const { execute } = yield* workshop({ scripts: { script }, concurrency: 1 })
        const attempt = yield* begin(execute({ ...by("script"), ...given }))
        yield* Deferred.await(door.reached)
        yield* Fiber.interrupt(attempt)
        yield* Deferred.await(cleaned)
        const exit = yield* Fiber.await(attempt)
        assert.isTrue(Exit.isFailure(exit) && Exit.hasInterrupts(exit))
        // and its place is free
        assert.strictEqual((yield* execute({ params: { value: "next" } })).result, "next")
      })
    )
  }

  fact(
    "an attempt that takes longer than its timeout is interrupted, and may be tried again",
    Effect.gen(function* () {
      const { cleaned, door, script } = yield* cleanly
      const { execute, outcome } = yield* workshop({ scripts: { script }, concurrency: 1 })
      const attempt = yield* begin(outcome({ ...by("script"), task: "slow", timeout: 300 }))
      yield* Deferred.await(door.reached)
      assert.isUndefined(attempt.pollUnsafe())
      yield* elapse(300)
      const failure = yield* Fiber.join(attempt)
      assert.deepInclude(failure, { code: -29003, name: "TASK_TIMEOUT", retryable: true })
      yield* Deferred.await(cleaned)
      assert.strictEqual((yield* execute({ params: { value: "next" } })).result, "next")
    })
  )

  fact(
    "an attempt that ends before its timeout is left alone",
    Effect.gen(function* () {
      const { execute } = yield* workshop()
      const attempt = yield* begin(execute({ params: { value: 1, wait: 100 }, timeout: 5000 }))
      yield* elapse(100)
      assert.strictEqual((yield* Fiber.join(attempt)).result, 1)
    })
  )

  fact(
    "a timeout counts from when the provider has room",
    Effect.gen(function* () {
      const { execute } = yield* workshop({ concurrency: 1 })
      const one = execute({ params: { value: 1, wait: 300 }, timeout: 500 })
      const both = yield* begin(Effect.all([one, one], { concurrency: "unbounded" }))
      yield* elapse(300)
      yield* elapse(300)
      assert.lengthOf(yield* Fiber.join(both), 2)
    })
  )

  fact(
    "a handler that is deaf to its timeout is left behind after 5 s, and no more is heard of it",
    Effect.gen(function* () {
      const over = yield* Deferred.make<void>()
      const script: ScriptedProvider.Script = Effect.fnUntraced(function* (_, { call, emit, usage }) {
        yield* emit({ _tag: "Text", text: "in time" })
        yield* Effect.sleep(7000)
        yield* emit({ _tag: "Text", text: "late" })
        yield* usage({ calls: 1 })
        yield* Deferred.succeed(over, undefined)
        return yield* call("late", "x/do", {})
      })
      const { outcome } = yield* workshop({ scripts: { deaf: ScriptedProvider.deaf(script) } })
      const { heard, host } = listener()
      const attempt = yield* begin(outcome({ ...by("deaf"), timeout: 500 }, host))
      yield* elapse(500)
      yield* elapse(5000)
      assert.deepInclude(yield* Fiber.join(attempt), { code: -29003 })
      assert.isFalse(yield* Deferred.isDone(over))
      yield* elapse(2000)
      yield* Deferred.await(over)
      assert.deepStrictEqual(heard, { chunks: [{ _tag: "Text", text: "in time" }], usage: [], calls: [], asked: [] })
    })
  )

  fact(
    "what was used counts also when the attempt is out of time",
    Effect.gen(function* () {
      const door = yield* ScriptedProvider.door
      const hangs = ScriptedProvider.hang(door)
      const pays: ScriptedProvider.Script = (value, context) =>
        Effect.andThen(context.usage({ input_tokens: 3 }), hangs(value, context))
      const { outcome } = yield* workshop({ scripts: { pays } })
      const { heard, host } = listener()
      const attempt = yield* begin(outcome({ ...by("pays"), timeout: 200 }, host))
      yield* Deferred.await(door.reached)
      yield* elapse(200)
      yield* Fiber.join(attempt)
      assert.deepStrictEqual(heard.usage, [{ input_tokens: 3 }])
    })
  )

  fact(
    "a provider with a limit works at no more attempts at once, and gets to all",
    Effect.gen(function* () {
      let running = 0
      let most = 0
      const two = yield* Deferred.make<void>()
      const open = yield* Deferred.make<void>()
      const counts: ScriptedProvider.Script = (value) =>
        Effect.acquireUseRelease(
          Effect.suspend(() => {
            most = Math.max(most, ++running)
            return running === 2 ? Deferred.succeed(two, undefined) : Effect.void
          }),
          () => Effect.as(Deferred.await(open), value),
          () => Effect.sync(() => running--)
        )
      const { execute } = yield* workshop({ scripts: { counts }, concurrency: 2 })
      const attempts = Array.from({ length: 7 }, (_, n) => execute({ ...by("counts", n), task: `t${n}` }))
      const all = yield* begin(Effect.all(attempts, { concurrency: "unbounded" }))
      yield* Deferred.await(two)
      yield* elapse(100)
      assert.strictEqual(running, 2)
      yield* Deferred.succeed(open, undefined)
      assert.deepStrictEqual(
        (yield* Fiber.join(all)).map(({ result }) => result),
        [0, 1, 2, 3, 4, 5, 6]
      )
      assert.strictEqual(most, 2)
    })
  )

  fact(
    "a provider with a limit has room again after attempts that failed, died or were out of time",
    Effect.gen(function* () {
      const door = yield* ScriptedProvider.door
      const scripts = {
        fails: ScriptedProvider.fail(),
        dies: ScriptedProvider.die(new Error("odd")),
        hangs: ScriptedProvider.hang(door)
      }
      const { execute, outcome } = yield* workshop({ scripts, concurrency: 1 })
      yield* outcome(by("fails"))
      yield* outcome(by("dies"))
      const timed = yield* begin(outcome({ ...by("hangs"), timeout: 200 }))
      yield* Deferred.await(door.reached)
      // one that waits for its turn, and gives it up
      const waits = yield* begin(execute({ task: "waits" }))
      yield* Fiber.interrupt(waits)
      yield* elapse(200)
      yield* Fiber.join(timed)
      assert.strictEqual((yield* execute({ params: { value: "well" } })).result, "well")
    })
  )

  fact(
    "calls that handlers make of their own provider do not wait for themselves",
    Effect.gen(function* () {
      const outer: ScriptedProvider.Script = (value, { call }) =>
        Effect.map(call("in", "script/do", { script: "inner", value }), (result) => ["outer", result])
      const inner: ScriptedProvider.Script = (value, { call }) =>
        Effect.map(call("most", "script/do", { value }), (result) => ["inner", result])
      const shop = yield* workshop({ scripts: { outer, inner }, concurrency: 1 })
      const run = call().run
      const task = (n: number) => shop.execute({ run, task: `t${n}`, ...by("outer", n) }, caller(shop, run, `t${n}`))
      const all = yield* begin(Effect.all([task(0), task(1), task(2)], { concurrency: "unbounded" }))
      assert.deepStrictEqual(
        (yield* Fiber.join(all)).map(({ result }) => result),
        [0, 1, 2].map((n) => ["outer", ["inner", n]])
      )
      assert.strictEqual((yield* shop.execute({ params: { value: "next" } })).result, "next")
    })
  )

  if (attaches) {
    fact(
      "the same attempt given twice is carried out once, and both are told",
      Effect.gen(function* () {
        const door = yield* ScriptedProvider.door
        const calls: Array<ScriptedProvider.Call> = []
        const { execute } = yield* workshop({ calls, scripts: { hangs: ScriptedProvider.hang(door) } })
        const same = { run: call().run, task: "same", ...by("hangs", "once") }
        const first = yield* begin(execute(same))
        yield* Deferred.await(door.reached)
        const second = yield* begin(execute(same))
        yield* elapse(10)
        yield* Deferred.succeed(door.open, undefined)
        assert.strictEqual((yield* Fiber.join(first)).result, "once")
        assert.strictEqual((yield* Fiber.join(second)).result, "once")
        assert.lengthOf(calls, 1)
      })
    )
  }

  fact(
    "attempts of other numbers, tasks and runs are carried out each for itself",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { execute } = yield* workshop({ calls })
      const { run } = call()
      const others: ReadonlyArray<Partial<Executor.Call>> = [
        { run, task: "a", attempt: 1 },
        { run, task: "a", attempt: 2 },
        { run, task: "a[1]", attempt: 1 },
        { run: `${run}2`, task: "a", attempt: 1 }
      ]
      const attempts = others.map((other, n) => execute({ ...other, params: { value: n } }))
      const replies = yield* Effect.all(attempts, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        replies.map(({ result }) => result),
        [0, 1, 2, 3]
      )
      assert.lengthOf(calls, 4)
    })
  )
}

// internal

const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })

/** A script that hangs, and says when it has been interrupted. */
const cleanly = Effect.gen(function* () {
  const door = yield* ScriptedProvider.door
  const cleaned = yield* Deferred.make<void>()
  const hangs = ScriptedProvider.hang(door)
  const script: ScriptedProvider.Script = (value, context) =>
    Effect.onInterrupt(hangs(value, context), () => Deferred.succeed(cleaned, undefined))
  return { door, cleaned, script }
})

/** A host that has calls of handlers carried out where the handler is, as a driver does. */
const caller = (shop: Workshop, run: string, task: string): Executor.Host =>
  listener({
    call: (key, method, params) => {
      const path = `${task}/${key}`
      return Effect.mapBoth(shop.execute({ run, task: path, method, params }, caller(shop, run, path)), {
        onSuccess: ({ result }) => result,
        onFailure: (failure) => Failure.of(failure)
      })
    }
  }).host
