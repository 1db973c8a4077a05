import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { LeaseLost, ProviderUnavailable } from "../src/Errors.ts"
import type { Event } from "../src/Event.ts"
import type { Call, Executor, Host, Reply } from "../src/Executor.ts"
import type { Failure } from "../src/Failure.ts"
import * as HostModule from "../src/Host.ts"
import { Graph } from "../src/Graph.ts"
import { type Journal, Writer } from "../src/Journal.ts"
import { Feed, type Live } from "../src/Live.ts"
import { Requests } from "../src/Requests.ts"
import * as Run from "../src/Run.ts"
import type { Usage } from "../src/Task.ts"
import { TaskRun } from "../src/TaskRun.ts"
import { plan, task } from "./Documents.ts"

/** A host of the task `ask` on a run whose journal is a list. */
const make = (
  execute: (call: Call, host: Host) => Effect.Effect<Reply, Failure> = ({ method }) =>
    Effect.succeed({ result: `from ${method}`, provider: "p" }),
  more: { readonly calls?: Map<string, Schema.Json>; readonly lost?: LeaseLost; readonly ended?: () => boolean } = {}
) => {
  const events: Array<Event> = []
  const executed: Array<Call> = []
  const used: Array<Usage> = []
  const live: Array<Live> = []
  const journal: Journal["Service"] = {
    append: (_writer, appended, then) => {
      if (more.lost !== undefined) return then(Exit.fail(more.lost))
      events.push(...appended)
      then(Exit.void)
    },
    sync: () => Effect.void
  }
  const executor: Executor["Service"] = {
    contracts: Effect.succeed([]),
    execute: (call, host) => {
      executed.push(call)
      return execute(call, host)
    },
    survey: () => Effect.succeed({ identity: undefined, estimate: {} }),
    forget: () => Effect.void
  }
  const feed = new Feed()
  feed.listen("run", (one) => live.push(one))
  const calls = more.calls ?? new Map<string, Schema.Json>()
  const from = { ...Run.empty("run"), inputs: {} }
  Run.fold(from, { _tag: "TaskStarted", v: 1, at: 5, task: "ask", attempt: 1 })
  from.tasks.get("ask")!.attempts = 1
  const run = new TaskRun(new Graph(plan([task("ask", { priority: 1 })]), from), 0, undefined, undefined, from, 5)
  const requests = new Requests()
  const host = HostModule.make(
    {
      executor,
      journal,
      writer: new Writer("run", "owner", 3, 100),
      feed,
      calls,
      requests,
      ledgers: () => [],
      waits: () => {},
      secretInputs: new Map([["key", "sk-1"]]),
      used: (usage) => used.push(usage),
      ended: more.ended ?? (() => false)
    },
    run
  )
  return { host, run, requests, events, executed, used, live, calls }
}

describe("a call that a handler makes", () => {
  it.effect("is carried out below its task, and recorded before the handler has the result", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      const { calls, events, executed, host, used } = make((_, { usage }) =>
        Effect.gen(function* () {
          yield* usage({ calls: 1, input_tokens: 2 })
          yield* usage({ input_tokens: 3 })
          yield* TestClock.adjust(40)
          return { result: { n: 1 }, provider: "p" }
        })
      )
      assert.deepStrictEqual(yield* host.call("turn 1/a", "x/do", { p: 1 }), { n: 1 })
      assert.deepStrictEqual(executed, [
        {
          run: "run",
          task: "ask/turn 1%2Fa",
          attempt: 1,
          method: "x/do",
          params: { p: 1 },
          priority: 1,
          idempotencyKey: "run/ask/turn 1%2Fa"
        }
      ])
      const usage = { calls: 1, input_tokens: 5 }
      assert.deepStrictEqual(events, [
        {
          _tag: "CallRecorded",
          v: 1,
          at: 1040,
          task: "ask/turn 1%2Fa",
          started: 1000,
          duration: 40,
          attempt: 1,
          provider: "p",
          result: { n: 1 },
          usage
        }
      ])
      assert.deepStrictEqual(used, [usage])
      assert.deepStrictEqual([...calls], [["ask/turn 1%2Fa", { n: 1 }]])
    })
  )

  it.effect("says where its secrets belong, also in a call that it makes itself", () =>
    Effect.gen(function* () {
      const { executed, host } = make(({ method }, inner) =>
        method === "x/outer"
          ? Effect.map(inner.call("b", "x/inner", {}, [["y"]]), (result) => ({ result, provider: "p" }))
          : Effect.succeed({ result: 1, provider: "p" })
      )
      yield* host.call("a", "x/outer", {}, [["x", 0]])
      yield* host.call("c", "x/inner", {})
      assert.deepStrictEqual(
        executed.map(({ secrets }) => secrets),
        [[["x", 0]], [["y"]], undefined]
      )
    })
  )

  it.effect("is given back when the handler runs again, whatever it asks for under the same key", () =>
    Effect.gen(function* () {
      const first = make()
      yield* first.host.call("k", "x/do", 1)
      const again = make(() => Effect.die("not to be called"), { calls: first.calls })
      assert.strictEqual(yield* again.host.call("k", "x/other", 2), "from x/do")
      assert.deepStrictEqual([again.executed, again.events], [[], []])
    })
  )

  it.effect("is given back when its result was null", () =>
    Effect.gen(function* () {
      const { executed, host } = make(() => Effect.succeed({ result: null, provider: "p" }))
      assert.isNull(yield* host.call("k", "x/do", 1))
      assert.isNull(yield* host.call("k", "x/do", 1))
      assert.lengthOf(executed, 1)
    })
  )

  it.effect("that fails is not recorded, carried out again, and what it used is its task's", () =>
    Effect.gen(function* () {
      let fails = true
      const error = new ProviderUnavailable({ provider: "p", reason: "down", retryable: true })
      const { events, executed, host, run, used } = make((_, { usage }) =>
        Effect.andThen(
          usage({ calls: 1 }),
          Effect.suspend(() => (fails ? Effect.fail(error) : Effect.succeed({ result: 1, provider: "p" })))
        )
      )
      assert.strictEqual(yield* Effect.flip(host.call("k", "x/do", 1)), error)
      assert.deepStrictEqual([events, used, run.usage], [[], [], { calls: 1 }])
      fails = false
      assert.strictEqual(yield* host.call("k", "x/do", 1), 1)
      assert.lengthOf(executed, 2)
      assert.deepStrictEqual([used, run.usage], [[{ calls: 1 }], { calls: 1 }])
    })
  )

  it.effect("that cannot be recorded fails as data, and is not taken for recorded", () =>
    Effect.gen(function* () {
      const { calls, host, used } = make(undefined, { lost: new LeaseLost({ run: "run", heldBy: "other" }) })
      const error = yield* Effect.flip(host.call("k", "x/do", 1))
      assert.deepStrictEqual(error, {
        code: -28008,
        name: "LEASE_LOST",
        message: "run run is driven by other",
        retryable: false
      })
      assert.deepStrictEqual([calls.size, used], [0, []])
    })
  )

  it.effect("that makes calls itself has them below its own place, apart from keys with a slash", () =>
    Effect.gen(function* () {
      const { calls, events, host } = make(({ method }, inner) =>
        method === "x/outer"
          ? Effect.map(inner.call("b", "x/inner", 1), (result) => ({ result: ["outer", result], provider: "p" }))
          : Effect.succeed({ result: "inner", provider: "p" })
      )
      assert.deepStrictEqual(yield* host.call("a", "x/outer", 1), ["outer", "inner"])
      assert.deepStrictEqual(
        events.map((event) => "task" in event && event.task),
        ["ask/a/b", "ask/a"]
      )
      assert.strictEqual(yield* host.call("a/b", "x/other", 1), "inner")
      assert.deepStrictEqual([...calls.keys()], ["ask/a/b", "ask/a", "ask/a%2Fb"])
    })
  )

  it.effect("does not count the time that the wall clock jumps by", () =>
    Effect.gen(function* () {
      const real = yield* Clock.Clock
      let jump = 0n
      const jumping: Clock.Clock = { ...real, currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe() + jump }
      const { events, host } = make(() => Effect.sync(() => ((jump = -5_000_000_000n), { result: 1, provider: "p" })))
      yield* Effect.provideService(host.call("k", "x/do", 1), Clock.Clock, jumping)
      const [event] = events
      assert.strictEqual(event !== undefined && "duration" in event && event.duration, 0)
    })
  )
})

describe("a host", () => {
  it.effect("shows chunks under the task's path and attempt, counted from 0", () =>
    Effect.gen(function* () {
      const { host, live, run } = make()
      yield* host.emit({ _tag: "Text", text: "a" })
      yield* host.emit({ _tag: "Text", text: "b" })
      const chunk = (index: number, text: string): Live => ({
        _tag: "Chunk",
        task: "ask",
        attempt: 2,
        index,
        chunk: { _tag: "Text", text }
      })
      assert.deepStrictEqual(live, [chunk(0, "a"), chunk(1, "b")])
      assert.strictEqual(run.chunks, 2)
    })
  )

  it.effect("adds usage up", () =>
    Effect.gen(function* () {
      const { host, run } = make()
      yield* host.usage({ calls: 1, cost_usd: 0.5 })
      yield* host.usage({ calls: 1, output_tokens: 3 })
      assert.deepStrictEqual(run.usage, { calls: 2, cost_usd: 0.5, output_tokens: 3 })
    })
  )

  it.effect("knows the secret inputs of its run", () =>
    Effect.gen(function* () {
      const { host } = make()
      assert.strictEqual(yield* host.secret("key"), "sk-1")
      const error = yield* Effect.flip(host.secret("other"))
      assert.deepStrictEqual([error.code, error.message.includes("inputs.other")], [-29011, true])
    })
  )

  it.effect("keeps what is asked, at the task's path or below it, until there is an answer", () =>
    Effect.gen(function* () {
      const { host, requests, run } = make()
      assert.isUndefined(yield* host.answer("k", { kind: "x" }))
      assert.deepStrictEqual(run.asked, { request: "ask/k", question: { kind: "x" } })
      requests.ask("ask/k", "ask", { kind: "x" })
      requests.answer("ask/k", 5)
      assert.strictEqual(yield* host.answer("k", { kind: "x" }), 5)
      requests.ask("ask", "ask", { kind: "x" })
      requests.expire("ask")
      assert.strictEqual((yield* Effect.flip(host.answer("", { kind: "x" }))).name, "QUESTION_EXPIRED")
    })
  )
})
