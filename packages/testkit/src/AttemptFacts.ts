/** What goes into an attempt and what comes out of it, whatever the executor. */
import { assert } from "@effect/vitest"
import type { Executor, Failure, Task } from "@gleitzeit/core"
import { Effect, Exit, type Schema } from "effect"
import { by, call, listener, secrets, type Suite } from "./ExecutorSample.ts"
import * as ScriptedProvider from "./ScriptedProvider.ts"

export const define = ({ fact, workshop }: Suite): void => {
  fact(
    "an attempt gives the handler's result and says whose it is",
    Effect.gen(function* () {
      const { execute } = yield* workshop({ name: "mine" })
      const reply = yield* execute({ params: { value: { a: [1, null] } } })
      assert.deepStrictEqual(reply, { result: { a: [1, null] }, provider: "mine" })
      assert.strictEqual((yield* execute({ provider: "mine", method: "script/write" })).result, null)
    })
  )

  fact(
    "a handler knows what it works for",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { execute } = yield* workshop({ calls })
      yield* execute({ run: "r", task: "t[1]~2", attempt: 3, idempotencyKey: "key", params: { value: 7 } })
      assert.deepStrictEqual(calls, [
        { method: "script/do", run: "r", task: "t[1]~2", attempt: 3, idempotencyKey: "key", value: 7 }
      ])
    })
  )

  fact(
    "a result that is no JSON is a failure that trying again does not mend",
    Effect.gen(function* () {
      const circular: { self?: unknown } = {}
      circular.self = circular
      const odd: ReadonlyArray<unknown> = [
        undefined,
        NaN,
        Infinity,
        1n,
        () => 1,
        Symbol("s"),
        new Map([[1, 2]]),
        circular
      ]
      const scripts = Object.fromEntries(
        // Safe: that it is no JSON is the point.
        odd.map((value, n) => [String(n), ScriptedProvider.succeed(value as Schema.Json)])
      )
      const { execute, outcome } = yield* workshop({ scripts })
      for (const n of odd.keys()) {
        isPlain(yield* outcome(by(String(n))), { retryable: false }, String(odd[n]))
      }
      assert.strictEqual((yield* execute({ params: { value: "well" } })).result, "well")
    })
  )

  fact(
    "a failure arrives with all its fields as plain data",
    Effect.gen(function* () {
      const plain: Failure.Failure = {
        code: -29002,
        name: "TASK_EXECUTION_FAILED",
        message: "it said no",
        retryable: true,
        retryAfter: 1500,
        data: { lines: [1, { deep: "er" }] }
      }
      const { outcome } = yield* workshop({
        scripts: {
          class: ScriptedProvider.fail(ScriptedProvider.failure(false)),
          plain: ScriptedProvider.fail(plain)
        }
      })
      assert.deepStrictEqual(yield* outcome(by("plain")), plain)
      assert.deepStrictEqual(yield* outcome(by("class")), {
        code: -29002,
        name: "TASK_EXECUTION_FAILED",
        message: "as the script says",
        retryable: false
      })
    })
  )

  fact(
    "a defect of a handler, or a failure that is none, is an internal error",
    Effect.gen(function* () {
      // Safe: that it is no failure is the point.
      const odd = ScriptedProvider.fail("just text" as never)
      const scripts = { dies: ScriptedProvider.die(new TypeError("x is not a function")), odd }
      const { outcome } = yield* workshop({ scripts })
      for (const [script, message] of [
        ["dies", "x is not a function"],
        ["odd", "just text"]
      ] as const) {
        const failure = isPlain(yield* outcome(by(script)), { code: -32603, retryable: false }, script)
        assert.include(failure.message, message)
      }
    })
  )

  fact(
    "what nobody can call fails without a call",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { outcome } = yield* workshop({ calls })
      isPlain(yield* outcome({ method: "script/other" }), { code: -32601, retryable: false }, "method")
      isPlain(yield* outcome({ provider: "another" }), { code: -30002, retryable: false }, "provider")
      isPlain(yield* outcome({ params: { value: 1, unknown: 2 } }), { code: -32602, retryable: false }, "params")
      isPlain(yield* outcome({ params: { fails: "often" } }), { code: -32602, retryable: false }, "params")
      assert.deepStrictEqual(calls, [])
    })
  )

  fact(
    "chunks reach the host in order, usage in full",
    Effect.gen(function* () {
      const chunks = Array.from({ length: 50 }, (_, n): Task.Chunk => ({ _tag: "Text", text: `${n}` }))
      const more: ReadonlyArray<Task.Chunk> = [
        { _tag: "Reasoning", text: "hm" },
        { _tag: "Progress", fraction: 0.5, message: "half" },
        { _tag: "Log", level: "warning", message: "careful" }
      ]
      const talks: ScriptedProvider.Script = Effect.fnUntraced(function* (value, { emit, usage }) {
        for (const chunk of [...chunks, ...more]) yield* emit(chunk)
        yield* usage({ calls: 1, input_tokens: 10 })
        yield* usage({ output_tokens: 5, cost_usd: 0.25 })
        return value
      })
      const { execute } = yield* workshop({ scripts: { talks } })
      const { heard, host } = listener()
      yield* execute(by("talks"), host)
      assert.deepStrictEqual(heard.chunks, [...chunks, ...more])
      assert.deepStrictEqual(sum(heard.usage), { calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.25 })
    })
  )

  fact(
    "usage counts also when the attempt fails, or is nothing that can be counted",
    Effect.gen(function* () {
      const pays = (then: ScriptedProvider.Script): ScriptedProvider.Script =>
        Effect.fnUntraced(function* (value, context) {
          // Safe: that it is no usage is the point.
          yield* context.usage({ calls: 1, input_tokens: NaN, other: 7 } as Task.Usage)
          return yield* then(value, context)
        })
      const { outcome } = yield* workshop({
        scripts: { fails: pays(ScriptedProvider.fail()), dies: pays(ScriptedProvider.die("odd")) }
      })
      for (const script of ["fails", "dies"]) {
        const { heard, host } = listener()
        yield* outcome(by(script), host)
        assert.deepStrictEqual(sum(heard.usage), { calls: 1 }, script)
      }
    })
  )

  fact(
    "a call of a handler goes to the host and its result or failure comes back",
    Effect.gen(function* () {
      const failure: Failure.Failure = { code: -30007, name: "PROVIDER_OVERLOADED", message: "busy", retryable: true }
      const calls: ScriptedProvider.Script = (value, { call }) =>
        Effect.catch(call("the key", "x/do", { value }), ({ code, message, name, retryable }) =>
          Effect.succeed({ code, message, name, retryable })
        )
      const { execute } = yield* workshop({ scripts: { calls } })
      const { heard, host } = listener()
      assert.strictEqual((yield* execute(by("calls", [1]), host)).result, "called")
      assert.deepStrictEqual(heard.calls, [["the key", "x/do", { value: [1] }]])
      const refuses = listener({ call: () => Effect.fail(failure) })
      assert.deepStrictEqual((yield* execute(by("calls"), refuses.host)).result, { ...failure })
    })
  )

  fact(
    "an answer of the host comes back to the handler that suspends; without one the attempt ends",
    Effect.gen(function* () {
      let further = false
      const question = { kind: "approval", prompt: "Süß?", schema: { type: "boolean" } }
      const asks: ScriptedProvider.Script = (_, { suspend }) =>
        Effect.tap(suspend("the key", question), (answer) => Effect.sync(() => (further ||= answer !== "yes")))
      const { execute } = yield* workshop({ scripts: { asks } })
      const { heard, host } = listener()
      assert.strictEqual((yield* execute(by("asks"), host)).result, "yes")
      assert.deepStrictEqual(heard.asked, [["the key", question]])
      const silent = listener({ answer: () => Effect.undefined })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(execute(by("asks"), silent.host))))
      assert.isFalse(further)
    })
  )

  fact(
    "secrets are filled in where they belong, from the process or from the host, and masked on their way out",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { execute, outcome } = yield* workshop({ calls })
      const { host } = listener({ secret: (input) => Effect.succeed(`value of ${input}`) })
      const value = {
        token: { $secret: "TOKEN" },
        header: { $secret: ["Bearer ", { name: "OTHER" }] },
        input: { $secret: "inputs.key" },
        data: { $secret: "TOKEN" }
      }
      const marked: Partial<Executor.Call> = {
        params: { value },
        secrets: [
          ["value", "token"],
          ["value", "header"],
          ["value", "input"]
        ]
      }
      const reply = yield* execute(marked, host)
      const filled = {
        token: secrets.TOKEN,
        header: `Bearer ${secrets.OTHER}`,
        input: "value of key",
        data: { $secret: "TOKEN" }
      }
      assert.deepStrictEqual(calls.at(-1)?.value, filled)
      assert.deepStrictEqual(reply.result, { token: "***", header: "Bearer ***", input: "***", data: filled.data })
      assert.isTrue(reply.masked)
      const none = { params: { value: { $secret: "NOBODY" } }, secrets: [["value"]] }
      isPlain(yield* outcome(none, host), { code: -29011 }, "missing")
      assert.lengthOf(calls, 1)
    })
  )

  fact(
    "the contracts are those of the providers on duty",
    Effect.gen(function* () {
      const { executor } = yield* workshop()
      const found = (yield* executor.contracts).filter(({ protocol }) => protocol === "script/v1")
      assert.sameDeepMembers(
        found.map(({ effects, method }) => [method, effects]),
        [
          ["script/do", "reads"],
          ["script/write", "writes"]
        ]
      )
      // a contract crosses borders
      for (const { params, result } of found) assert.isObject(JSON.parse(JSON.stringify({ params, result })))
    })
  )

  fact(
    "what is known of a call before it is made is asked without making it",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { executor } = yield* workshop({ calls })
      const known = yield* executor.survey(call({ params: { value: 1 } }))
      assert.deepStrictEqual(known, { identity: undefined, estimate: {} })
      const failure = yield* Effect.flip(executor.survey(call({ method: "script/other" })))
      assert.strictEqual(failure.code, -32601)
      assert.deepStrictEqual(calls, [])
    })
  )

  fact(
    "what is settled may be forgotten, known or not",
    Effect.gen(function* () {
      const { execute, executor } = yield* workshop()
      yield* execute({ run: "r", task: "a" })
      yield* executor.forget("r", [
        { task: "a", attempt: 1 },
        { task: "unknown", attempt: 9 }
      ])
      yield* executor.forget("r")
      yield* executor.forget("unknown")
      assert.strictEqual((yield* execute({ run: "r", task: "a", attempt: 2, params: { value: 2 } })).result, 2)
    })
  )

  fact(
    "values arrive and come back as they are, whatever their keys, however large",
    Effect.gen(function* () {
      const calls: Array<ScriptedProvider.Call> = []
      const { execute } = yield* workshop({ calls })
      const texts = [
        `{"__proto__":{"polluted":true},"constructor":{"prototype":1},"toString":"x","":[]}`,
        JSON.stringify("\u0000 😀 \ud800 é \u2028"),
        `[1e308,-1.5,9007199254740991,0.1]`,
        `${"[".repeat(500)}${"]".repeat(500)}`,
        JSON.stringify({ large: "äöü😀 0123456789".repeat(80_000) })
      ]
      for (const text of texts) {
        const value: Schema.Json = JSON.parse(text)
        const written = JSON.stringify(value)
        const { result } = yield* execute({ params: { value } })
        assert.isTrue(JSON.stringify(result) === written, text.slice(0, 80))
        assert.isTrue(JSON.stringify(calls.at(-1)?.value) === written, text.slice(0, 80))
      }
      assert.isFalse("polluted" in {})
    })
  )
}

// internal

const sum = (all: ReadonlyArray<Task.Usage>): Record<string, number> => {
  const total: Record<string, number> = {}
  for (const usage of all) {
    for (const [key, value] of Object.entries(usage)) total[key] = (total[key] ?? 0) + value
  }
  return total
}

/** It is a failure, of nothing but JSON, with these fields. */
const isPlain = (
  outcome: Schema.Json | Failure.Failure,
  fields: Partial<Failure.Failure>,
  about: string
): Failure.Failure => {
  // Safe: the fields of a failure are looked at below.
  const failure = outcome as Failure.Failure
  assert.isObject(failure, about)
  assert.isTrue(Number.isInteger(failure.code) && failure.code < 0, about)
  assert.isString(failure.name, about)
  assert.isString(failure.message, about)
  assert.deepStrictEqual(JSON.parse(JSON.stringify(failure)), failure, about)
  assert.deepInclude(failure, fields, about)
  return failure
}
