import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as BuiltIn from "../src/BuiltIn.ts"
import { type Code, marks } from "../src/Contract.ts"
import { DataV1 } from "../src/DataV1.ts"
import { NotSupported, QuestionExpired } from "../src/Errors.ts"
import * as FailureData from "../src/Failure.ts"
import { Approval, approvalSchema, HumanV1 } from "../src/HumanV1.ts"
import { check } from "../src/JsonSchemaCheck.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Providers from "../src/Providers.ts"
import * as Reference from "../src/Reference.ts"
import { SignalV1 } from "../src/SignalV1.ts"
import { callPath, type Question } from "../src/Task.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { TimerV1 } from "../src/TimerV1.ts"

const onDuty = BuiltIn.layer.pipe(Layer.provideMerge(Providers.layer))
const start = Date.parse("2026-01-01")

/** What an engine knows of a task's questions: the first of each, and the answers. */
const host = () => {
  const questions = new Map<string, Question>()
  const answers = new Map<string, Schema.Json>()
  const context: TaskContext["Service"] = {
    run: "run",
    task: "ask",
    attempt: 1,
    idempotencyKey: "run/ask",
    emit: () => Effect.void,
    usage: () => Effect.void,
    call: () => Effect.die("not used"),
    suspend: Effect.fnUntraced(function* (key, question) {
      const request = key === "" ? "ask" : callPath("ask", key)
      const kept = questions.get(request) ?? question
      questions.set(request, kept)
      const answer = answers.get(request)
      if (answer !== undefined) return answer
      if (kept.expires === undefined || (yield* Clock.currentTimeMillis) < kept.expires) return yield* Effect.interrupt
      return yield* Effect.fail(FailureData.of(new QuestionExpired({ request })))
    })
  }
  const attempt = (method: string, params: Schema.Json, within = context) =>
    Effect.gen(function* () {
      const provider = yield* (yield* Providers.Providers).choose(method, params)
      return yield* Effect.provideService(provider.call(method, params), TaskContext, within)
    })
  return {
    context,
    attempt,
    /** An attempt that ends in a question. */
    ask: Effect.fnUntraced(function* (method: string, params: Schema.Json) {
      const exit = yield* Effect.exit(attempt(method, params))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), String(exit))
      assert.deepStrictEqual([...questions.keys()], ["ask"])
      return questions.get("ask")
    }),
    answer: (value: Schema.Json) => void answers.set("ask", value)
  }
}

const call = (method: string, params: Schema.Json) => host().attempt(method, params)

/** Where nobody can be asked. */
const broken = (method: string, params: Schema.Json) => {
  const { attempt, context } = host()
  return attempt(method, params, { ...context, suspend: () => Effect.fail(new NotSupported({ feature: "asking" })) })
}

/** What it comes to once it is answered. */
const answered = Effect.fnUntraced(function* (method: string, params: Schema.Json, answer: Schema.Json) {
  const { ask, attempt, answer: give } = host()
  yield* ask(method, params)
  give(answer)
  return yield* attempt(method, params)
})

/** What it comes to when nobody answers for as long. */
const expired = Effect.fnUntraced(function* (method: string, params: Schema.Json, after: Duration.Input) {
  const { ask, attempt } = host()
  yield* ask(method, params)
  yield* TestClock.adjust(after)
  return yield* attempt(method, params)
})

const refused = Effect.fnUntraced(function* (method: string, params: Schema.Json) {
  const error = yield* Effect.flip(call(method, params))
  assert.strictEqual(error.code, -32602, error.message)
  return error.message
})

const issues = (protocol: Protocol.Protocol, method: string, params: Schema.Json) => {
  const contract = Protocol.contracts(protocol).find((one) => one.method === method)
  return contract === undefined ? ["no contract"] : check(contract.params, params).map(({ message }) => message)
}

describe("timer/sleep", () => {
  it.effect("leaves its process until the time is over", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const { ask, attempt } = host()
      const params = { seconds: 2.5 }
      assert.deepStrictEqual(yield* ask("timer/sleep", params), { kind: "timer", expires: start + 2500 })
      yield* TestClock.adjust("2499 millis")
      assert.deepStrictEqual(yield* ask("timer/sleep", params), { kind: "timer", expires: start + 2500 })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* attempt("timer/sleep", params), { until: start + 2500 })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("waits until a time, which is its result however late it goes on", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2026-12-24T17:59:00Z"))
      const until = Date.parse("2026-12-24T18:00:00Z")
      const { ask, attempt } = host()
      const params = { until: "2026-12-24T19:00:00+01:00" }
      assert.deepStrictEqual(yield* ask("timer/sleep", params), { kind: "timer", expires: until })
      yield* TestClock.adjust("2 days")
      assert.deepStrictEqual(yield* attempt("timer/sleep", params), { until })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("goes on after its time also where the clock is behind", () =>
    Effect.gen(function* () {
      const { ask, answer, attempt } = host()
      const params = { until: "2026-12-24T18:00:00Z" }
      yield* ask("timer/sleep", params)
      answer(null)
      assert.deepStrictEqual(yield* attempt("timer/sleep", params), { until: Date.parse("2026-12-24T18:00:00Z") })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("stays in its process for a tenth of a second", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const sleep = yield* Effect.forkChild(call("timer/sleep", { seconds: 0.1 }))
      yield* TestClock.adjust("99 millis")
      assert.isUndefined(sleep.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(sleep), { until: start + 100 })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("is over at once when the time is past, or after 0 seconds", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      assert.deepStrictEqual(yield* call("timer/sleep", { until: "2020-01-01T00:00:00Z" }), { until: 1577836800000 })
      assert.deepStrictEqual(yield* call("timer/sleep", { until: "2026-01-01" }), { until: start })
      assert.deepStrictEqual(yield* call("timer/sleep", { seconds: 0 }), { until: start })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("passes on what else goes wrong", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(broken("timer/sleep", { seconds: 60 }))).name, "METHOD_NOT_SUPPORTED")
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("needs either seconds or a time that is one, with its zone", () =>
    Effect.gen(function* () {
      for (const params of [{}, { seconds: 1, until: "2026-01-01" }]) {
        assert.match(
          yield* refused("timer/sleep", params),
          /either `seconds` or `until` \(such as "2026-12-24T18:00:00Z"\)/
        )
        assert.isNotEmpty(issues(TimerV1, "timer/sleep", params))
      }
      for (const until of ["tomorrow", "", "2026", "2026-12-24T18:00", "2026-12-24 18:00:00Z", "1"]) {
        assert.match(
          yield* refused("timer/sleep", { until }),
          /is no time, expected one such as "2026-12-24T18:00:00Z"/
        )
        assert.isNotEmpty(issues(TimerV1, "timer/sleep", { until }), until)
      }
      assert.match(yield* refused("timer/sleep", { until: "2026-13-01" }), /is no time/)
      for (const params of [{ seconds: -1 }, { seconds: 1e12 }, { seconds: "1" }, { second: 1 }]) {
        yield* refused("timer/sleep", params)
        assert.isNotEmpty(issues(TimerV1, "timer/sleep", params))
      }
      assert.deepStrictEqual(issues(TimerV1, "timer/sleep", { until: "2026-12-24T18:00:00.5+01:00" }), [])
    }).pipe(Effect.provide(onDuty))
  )
})

describe("human/input", () => {
  it.effect("asks for text, and gives the answer itself", () =>
    Effect.gen(function* () {
      const params = { prompt: "Which city?" }
      assert.deepStrictEqual(yield* host().ask("human/input", params), {
        kind: "input",
        prompt: "Which city?",
        schema: { type: "string" }
      })
      assert.strictEqual(yield* answered("human/input", params, "Bern"), "Bern")
    }).pipe(Effect.provide(onDuty))
  )

  it.effect.prop("gives any answer back as it is", { answer: Schema.Json }, ({ answer }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* answered("human/input", { prompt: "?", schema: {} }, answer), answer)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("asks for what its schema or its options say, and offers the default", () =>
    Effect.gen(function* () {
      const asked = (params: { readonly [name: string]: Schema.Json }) =>
        Effect.map(host().ask("human/input", { prompt: "?", ...params }), (question) => question?.schema)
      assert.deepStrictEqual(yield* asked({ schema: { type: "integer" } }), { type: "integer" })
      assert.deepStrictEqual(yield* asked({ options: ["a", 2, null] }), { enum: ["a", 2, null] })
      assert.deepStrictEqual(yield* asked({ default: "Bern" }), { type: "string", default: "Bern" })
      assert.deepStrictEqual(yield* asked({ options: [null, 1], default: null }), { enum: [null, 1], default: null })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("asks nobody what cannot be answered", () =>
    Effect.gen(function* () {
      const issue = (params: { readonly [name: string]: Schema.Json }) =>
        refused("human/input", { prompt: "?", ...params })
      assert.match(yield* issue({ schema: {}, options: [1] }), /`schema` and `options` both say/)
      assert.match(
        yield* issue({ schema: { type: "object", default: {} }, default: 5 }),
        /`default`: expected a mapping/
      )
      assert.match(yield* issue({ options: ["a", "b"], default: "c" }), /`default`: expected "a" or "b", found "c"/)
      assert.match(yield* issue({ schema: { $ref: "#/nowhere" } }), /`schema`: the schema cannot be used/)
      yield* issue({ options: [] })
      yield* issue({ prompt: "" })
      yield* refused("human/input", {})
      assert.isNotEmpty(issues(HumanV1, "human/input", { prompt: "?", schema: {}, options: [1] }))
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("fails when nobody has answered in time, counted from the first asking", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      for (const [expires, milliseconds] of [
        [90, 90_000],
        ["1h", 3_600_000],
        ["1.5", 1500]
      ] as const) {
        const { ask, attempt } = host()
        const params = { prompt: "?", expires }
        const first = yield* Clock.currentTimeMillis
        assert.strictEqual((yield* ask("human/input", params))?.expires, first + milliseconds)
        yield* TestClock.adjust(milliseconds - 1)
        assert.strictEqual((yield* ask("human/input", params))?.expires, first + milliseconds)
        yield* TestClock.adjust(1)
        const error = yield* Effect.flip(attempt("human/input", params))
        assert.strictEqual(error.name, "QUESTION_EXPIRED")
      }
      const error = yield* Effect.flip(
        expired("human/input", { prompt: "?", expires: 1, on_expire: "fail" }, "1 second")
      )
      assert.strictEqual(error.name, "QUESTION_EXPIRED")
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("goes on with a value when nobody has answered and it is told so", () =>
    Effect.gen(function* () {
      const value = (params: { readonly [name: string]: Schema.Json }) =>
        expired("human/input", { prompt: "?", expires: 60, on_expire: "value", ...params }, "1 minute")
      assert.strictEqual(yield* value({}), null)
      assert.strictEqual(yield* value({ default: "Bern" }), "Bern")
      assert.deepStrictEqual(yield* value({ default: "Bern", value: { no: "answer" } }), { no: "answer" })
      assert.strictEqual(yield* value({ default: "Bern", value: null }), null)
      const params = { prompt: "?", expires: 60, on_expire: "value", value: "none" }
      assert.strictEqual(yield* answered("human/input", params, "Rome"), "Rome")
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("refuses a time that is none, and what says nothing without one", () =>
    Effect.gen(function* () {
      for (const params of [
        { expires: "soon" },
        { expires: "" },
        { expires: -1 },
        { expires: [] },
        { on_expire: "value" },
        { value: 1 },
        { expires: 1, on_expire: "ignore" }
      ]) {
        yield* refused("human/input", { prompt: "?", ...params })
        assert.isNotEmpty(issues(HumanV1, "human/input", { prompt: "?", ...params }), JSON.stringify(params))
      }
      for (const params of [{ expires: 1e300 }, { expires: "40000d" }, { expires: 1, value: 1, on_expire: "fail" }]) {
        yield* refused("human/input", { prompt: "?", ...params })
      }
      for (const expires of [0, 1.5, "90", "30s", "1h 30m", "1.5h", "250ms", " 2d "]) {
        yield* host().ask("human/input", { prompt: "?", expires }).pipe(Effect.exit)
        assert.deepStrictEqual(issues(HumanV1, "human/input", { prompt: "?", expires }), [])
      }
    }).pipe(Effect.provide(onDuty))
  )
})

describe("human/approve", () => {
  const params = { prompt: "Send it?" }

  it.effect("asks for a yes or a no", () =>
    Effect.gen(function* () {
      const question = yield* host().ask("human/approve", params)
      assert.deepStrictEqual(question, { kind: "approval", prompt: "Send it?", schema: approvalSchema })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("takes each of them as it is said, and says when", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      for (const yes of [true, "yes", "y", "approve", { approved: true }]) {
        assert.deepStrictEqual(yield* answered("human/approve", params, yes), { approved: true, at: start })
      }
      for (const no of [false, "no", "n", "reject", { approved: false }]) {
        assert.deepStrictEqual(yield* answered("human/approve", params, no), { approved: false, at: start })
        assert.deepStrictEqual(yield* answered("human/approve", { ...params, on_reject: "value" }, no), {
          approved: false,
          at: start
        })
      }
      assert.deepStrictEqual(yield* answered("human/approve", params, { approved: true, comment: "go", by: "ada" }), {
        approved: true,
        comment: "go",
        by: "ada",
        at: start
      })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("fails after a no when it is told so", () =>
    Effect.gen(function* () {
      const strict = { ...params, on_reject: "fail" }
      const no = (answer: Schema.Json) =>
        Effect.map(Effect.flip(answered("human/approve", strict, answer)), FailureData.of)
      assert.deepStrictEqual(yield* no({ approved: false, comment: "too long", by: "ada" }), {
        code: -29019,
        name: "APPROVAL_REJECTED",
        message: '"ask" was rejected by ada: too long',
        retryable: false,
        data: { by: "ada", comment: "too long" }
      })
      assert.strictEqual((yield* no("no")).message, '"ask" was rejected')
      assert.propertyVal(yield* answered("human/approve", strict, true), "approved", true)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("that nobody has answered in time fails, or is what its value says", () =>
    Effect.gen(function* () {
      const open = { ...params, expires: 60 }
      const error = yield* Effect.flip(expired("human/approve", open, "1 minute"))
      assert.strictEqual(error.name, "QUESTION_EXPIRED")
      const on = { ...open, on_expire: "value" }
      assert.propertyVal(yield* expired("human/approve", on, "1 minute"), "approved", false)
      assert.propertyVal(yield* expired("human/approve", { ...on, value: true }, "1 minute"), "approved", true)
      const rejected = yield* Effect.flip(expired("human/approve", { ...on, on_reject: "fail" }, "1 minute"))
      assert.strictEqual(rejected.name, "APPROVAL_REJECTED")
      yield* refused("human/approve", { ...on, value: "yes" })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("fails for an answer that nobody has checked and that is neither", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(answered("human/approve", params, "maybe"))
      assert.deepStrictEqual([error.name, error.retryable], ["TASK_EXECUTION_FAILED", false])
      assert.match(error.message, /^the answer is neither yes nor no: /)
    }).pipe(Effect.provide(onDuty))
  )

  it.prop(
    "asks people for exactly what it understands",
    { approval: Approval, other: Schema.Json },
    ({ approval, other }) => {
      assert.deepStrictEqual(check(approvalSchema, approval), [])
      const understood = Schema.is(Approval)
      for (const answer of [other, { approved: other }, { approved: true, by: other }, { ok: true }, "YES", null]) {
        assert.strictEqual(check(approvalSchema, answer).length === 0, understood(answer), JSON.stringify(answer))
      }
    }
  )
})

describe("signal/wait", () => {
  it.effect("waits for a signal by its name and gives what was sent with it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* host().ask("signal/wait", { name: "paid" }), {
        kind: "signal",
        data: { name: "paid" }
      })
      assert.deepStrictEqual(yield* answered("signal/wait", { name: "paid" }, { invoice: 7 }), {
        name: "paid",
        value: { invoice: 7 }
      })
      assert.deepStrictEqual(yield* answered("signal/wait", { name: "paid" }, null), { name: "paid", value: null })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("that has not come in time fails, or goes on with a value", () =>
    Effect.gen(function* () {
      const params = { name: "paid", expires: "1h" }
      assert.strictEqual((yield* Effect.flip(expired("signal/wait", params, "1 hour"))).name, "QUESTION_EXPIRED")
      const on = { ...params, on_expire: "value" }
      assert.deepStrictEqual(yield* expired("signal/wait", on, "1 hour"), { name: "paid", value: null })
      assert.deepStrictEqual(yield* expired("signal/wait", { ...on, value: 0 }, "1 hour"), { name: "paid", value: 0 })
      assert.strictEqual((yield* Effect.flip(broken("signal/wait", on))).name, "METHOD_NOT_SUPPORTED")
      yield* refused("signal/wait", { name: "" })
      yield* refused("signal/wait", {})
    }).pipe(Effect.provide(onDuty))
  )
})

describe("data/value", () => {
  it.effect.prop(
    "gives its params back as they are",
    { params: Schema.Record(Schema.String, Schema.Json) },
    ({ params }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* call("data/value", params), params)
      }).pipe(Effect.provide(onDuty))
  )

  it.effect("also with fields of odd names", () =>
    Effect.gen(function* () {
      const json = '{"__proto__":{"a":1},"constructor":2}'
      assert.strictEqual(JSON.stringify(yield* call("data/value", JSON.parse(json))), json)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("takes an object and nothing else", () =>
    Effect.gen(function* () {
      for (const params of [[], "text", null]) {
        assert.strictEqual((yield* Effect.flip(call("data/value", params))).code, -32602)
      }
    }).pipe(Effect.provide(onDuty))
  )
})

describe("data/eval", () => {
  /** As the engine hands it over: the references of the source bound to the results of tasks. */
  const bind = (source: string, results: { readonly [task: string]: Schema.Json }): Effect.Effect<Schema.Json> => {
    const names = new Map(Object.keys(results).map((id) => [id, id]))
    const code = Reference.compileCode(source, names).resolve({
      task: (id) => ({ status: "completed", result: results[id], error: null }),
      root: () => undefined
    })
    return Effect.orDie(Effect.fromResult(code))
  }
  const evaluate = (source: string, results: { readonly [task: string]: Schema.Json } = {}) =>
    Effect.gen(function* () {
      return yield* call("data/eval", { expr: yield* bind(source, results) })
    })
  const issue = (source: string, results: { readonly [task: string]: Schema.Json } = {}) =>
    Effect.map(Effect.flip(evaluate(source, results)), ({ message, name, retryable }) => {
      assert.deepStrictEqual([name, retryable], ["TASK_CONDITION_FAILED", false])
      return message
    })

  it("has its param marked as code", () => {
    const contract = Protocol.contracts(DataV1).find(({ method }) => method === "data/eval")
    if (contract === undefined) return assert.fail("no contract")
    assert.deepStrictEqual(marks(contract).get("expr"), { kind: "code", language: "cel" })
  })

  it.effect("computes with the values of references", () =>
    Effect.gen(function* () {
      const results = { count: { result: { words: 250 } }, rows: [{ n: 1 }, { n: 2 }, { n: 5 }], "my task": "x" }
      for (const [source, result] of [
        ["${count.words} > 200", true],
        ["${count.words} + 1", 251],
        ["${rows}.filter(r, r.n > 1).map(r, r.n * 2)", [4, 10]],
        ["${rows}[0].n + ${rows}[1].n", 3],
        ["${rows.missing ?? 'none'} + '!'", "none!"],
        ["{'total': ${rows}.size(), 'name': ${my task}}", { total: 3, name: "x" }],
        ["'a' + \"b\" // and nothing else", "ab"]
      ] as const) {
        assert.deepStrictEqual(yield* evaluate(source, results), { result }, source)
      }
    }).pipe(Effect.provide(onDuty))
  )

  it.effect.prop("gives the value of a lone reference as it is", { value: Schema.Json }, ({ value }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* evaluate("${a}", { a: value }), { result: value })
      assert.deepStrictEqual(yield* evaluate("[${a}, ${a}]", { a: value }), { result: [value, value] })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect.prop("never reads a value as an expression", { text: Schema.String }, ({ text }) =>
    Effect.gen(function* () {
      for (const value of [text, `' + "x" + '${text}`, `\${a}${text}`, `1 + 1 ${text}`]) {
        assert.deepStrictEqual(yield* evaluate("${a} + '!'", { a: value }), { result: `${value}!` })
      }
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("gives plain JSON, or says why it cannot", () =>
    Effect.gen(function* () {
      for (const [source, result] of [
        ["9007199254740991", Number.MAX_SAFE_INTEGER],
        ["timestamp('2026-01-01T00:00:00Z')", "2026-01-01T00:00:00.000Z"],
        ["duration('90s')", "90s"],
        ["{'a': {'b': [1, 2u, null]}}", { a: { b: [1, 2, null] } }],
        ["string(9007199254740993)", "9007199254740993"]
      ] as const) {
        assert.deepStrictEqual(yield* evaluate(source), { result }, source)
      }
      assert.match(yield* issue("9007199254740993"), /beyond 2\^53.*string\(/)
      assert.match(yield* issue("b'bytes'"), /gives bytes, which JSON has no form for/)
      assert.match(yield* issue("1.0 / 0.0"), /no number in JSON/)
      assert.match(yield* issue("type(1)"), /JSON has no form for/)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("says what is wrong with an expression, as it is written", () =>
    Effect.gen(function* () {
      assert.match(yield* issue("1 +"), /^1 \+: /)
      assert.match(yield* issue(""), /: /)
      assert.match(yield* issue("${a} + 'x'", { a: 1 }), /^\$\{a\} \+ 'x': no such overload/)
      assert.match(yield* issue("${a.b}.c", { a: { b: {} } }), /^\$\{a\.b\}\.c: no such field: c/)
      assert.match(yield* issue("'${a}'", { a: 1 }), /a reference in quotes is text/)
      assert.match(yield* issue("[1].map(${a}, 1)", { a: 1 }), /: \$\{a\} stands where no value can stand$/)
      assert.match(yield* issue("${a} +", { a: 1 }), /^\$\{a\} \+: Unexpected token: EOF$/)
      const long = `1 + ${"1 + ".repeat(2000)}1`
      assert.match(yield* issue(long), /^.{199}…: an expression has at most 4096 characters/)
      assert.strictEqual((yield* Effect.flip(call("data/eval", { expr: 5 }))).code, -32602)
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("knows no names but those it declares: a reference has to be written as one", () =>
    Effect.gen(function* () {
      for (const [source, name] of [
        ["count.words > 1", "count"],
        ["inputs.limit > 1", "inputs.limit"],
        ['tasks["count"].words > 1', "count"],
        ["item", "item"],
        ["value0 + ${a}", "value0"],
        ['tasks["value0"] + ${a}', 'tasks["value0"]'],
        ["vlue0 + ${a}", "vlue0"]
      ] as const) {
        const words = `"${name}" has no value here: write it as a reference, in \`\${...}\``
        assert.strictEqual(yield* issue(source, { a: 1 }), `${source}: ${words}`)
      }
      assert.deepStrictEqual(yield* evaluate("[1].map(inputs, inputs + ${a})", { a: 1 }), { result: [2] })
      // text means no references
      assert.include((yield* Effect.flip(call("data/eval", { expr: "${a}" }))).message, "Unexpected character: $")
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("keeps the signs of a reference that are text", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* evaluate("'$${a} costs $' + ${a}", { a: "5" }), { result: "${a} costs $5" })
      assert.deepStrictEqual(yield* call("data/eval", { expr: "'${a}'" }), { result: "${a}" })
    }).pipe(Effect.provide(onDuty))
  )

  it.effect("fails for code whose reference has no value", () =>
    Effect.gen(function* () {
      const code: Code = { source: "${a}", segments: [{ ref: "constructor", raw: "${a}" }], values: {} }
      // Safe: a `Code` is JSON.
      const error = yield* Effect.flip(call("data/eval", { expr: code as unknown as Schema.Json }))
      assert.strictEqual(error.message, "${a}: ${a} gave no value")
    }).pipe(Effect.provide(onDuty))
  )
})

describe("the built-in methods", () => {
  const protocols: ReadonlyArray<Protocol.Protocol> = [TimerV1, DataV1, HumanV1, SignalV1]
  const methods = protocols.flatMap(({ methods }) => Object.entries(methods))
  const strict = { onExcessProperty: "error" } as const

  it.each(methods)(
    "%s only reads, and has examples of params and results",
    (_, { effects, examples, params, result }) => {
      assert.strictEqual(effects, "reads")
      assert.isNotEmpty(examples)
      for (const example of examples) {
        Schema.decodeUnknownSync(Schema.toCodecJson(params))(example.params, strict)
        Schema.decodeUnknownSync(Schema.toCodecJson(result))(example.result, strict)
      }
    }
  )

  it("accept their examples as contracts too", () => {
    for (const protocol of protocols) {
      for (const [method, { examples }] of Object.entries(protocol.methods)) {
        for (const { params } of examples) assert.deepStrictEqual(issues(protocol, method, params), [], method)
      }
    }
  })

  it.effect("that ask nobody give the results of their examples", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      for (const { methods } of [TimerV1, DataV1]) {
        for (const [method, { examples }] of Object.entries(methods)) {
          for (const { params, result } of examples) assert.deepStrictEqual(yield* call(method, params), result)
        }
      }
    }).pipe(Effect.provide(onDuty))
  )
})
