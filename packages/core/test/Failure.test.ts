import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import * as Errors from "../src/Errors.ts"
import { Failure, fromCause, of } from "../src/Failure.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { isDeep, maxDepth } from "../src/Json.ts"
import * as Retry from "../src/Retry.ts"
import { engine } from "./harness.ts"

const plain: Failure = { code: 1, name: "N", message: "m", retryable: true }
const isFailure = Schema.is(Failure)

/** Lists and objects inside each other, by turns. */
const nested = (depth: number): Schema.Json => {
  let json: Schema.Json = 1
  for (let i = 0; i < depth; i++) json = i % 2 === 0 ? [json] : { in: json }
  return json
}

describe("a failure", () => {
  it("of a tagged error is its fields as plain JSON", () => {
    const error = new Errors.ItemsFailed({ task: "work", total: 3, items: [{ index: 1, message: "no" }] })
    const failure = of(error)
    assert.deepStrictEqual(failure, {
      code: -29013,
      name: "ITEMS_FAILED",
      message: '1 of 3 items of "work" failed, first [1]: no',
      retryable: false,
      data: { items: [{ index: 1, message: "no" }] }
    })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(failure)), failure)
  })

  it("keeps when to try again", () => {
    const error = new Errors.ProviderOverloaded({ provider: "p", reason: "busy", retryAfter: 5000 })
    assert.strictEqual(of(error).retryAfter, 5000)
    assert.isFalse(Object.hasOwn(of(plain), "retryAfter"))
  })

  it.prop("that is one already stays as it is", { failure: Failure }, ({ failure }) => {
    assert.deepStrictEqual(of(failure), failure)
    assert.deepStrictEqual(fromCause(Cause.fail(failure)), failure)
  })

  it("of a cause is its first failure", () => {
    assert.deepStrictEqual(fromCause(Cause.combine(Cause.die("x"), Cause.fail(plain))), plain)
  })

  it("of a defect is an internal error that trying again does not mend", () => {
    assert.deepStrictEqual(fromCause(Cause.die(new TypeError("x is undefined"))), {
      code: -32603,
      name: "INTERNAL_ERROR",
      message: "unexpected TypeError: x is undefined",
      retryable: false
    })
    assert.strictEqual(fromCause(Cause.die("odd")).message, "unexpected odd")
  })

  it("of a thing that cannot be put into words is an internal error all the same", () => {
    for (const defect of [
      Object.create(null),
      {
        toString: () => {
          throw new Error("no")
        }
      },
      Symbol("s")
    ]) {
      const failure = fromCause(Cause.die(defect))
      assert.strictEqual(failure.code, -32603)
      assert.match(failure.message, /^unexpected /)
    }
  })

  it.effect("of an interruption is an internal error", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.interrupt)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.strictEqual(fromCause(exit.cause).code, -32603)
    })
  )
})

describe("what an author of plain JavaScript fails with", () => {
  const fail = (error: unknown) =>
    // Safe: that it is no failure is the point.
    fromCause(Cause.fail(error as Failure))

  it("and is no failure is an internal error, so that the journal can be read again", () => {
    for (const error of [
      "text",
      undefined,
      null,
      new Error("plain"),
      { code: "E1", message: "m" },
      { ...plain, code: 1.5 }
    ]) {
      const failure = fail(error)
      assert.strictEqual(failure.code, -32603, String(error))
      assert.isTrue(isFailure(failure))
    }
    assert.match(fail(new Error("plain")).message, /plain/)
    assert.match(fail("text").message, /text/)
    assert.match(fail({ code: "E1", message: "no such host" }).message, /no such host/)
  })

  it("keeps what is well of a failure that is nearly one", () => {
    assert.deepStrictEqual(fail({ ...plain, retryAfter: NaN }), plain)
    assert.deepStrictEqual(fail({ ...plain, data: { when: new Date(0) } }), plain)
    assert.deepStrictEqual(fail({ ...plain, data: undefined, retryAfter: undefined }), plain)
  })

  it("loses what of its data cannot be written, and nothing else", () => {
    const holding: { [key: string]: unknown } = { rows: [1, 2] }
    holding["self"] = [holding, holding]
    for (const data of [
      nested(50_000),
      JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`),
      nested(maxDepth + 1),
      holding,
      { count: 10n },
      { run: () => 1 },
      Symbol("s"),
      new Map([["a", 1]]),
      {
        get secret() {
          throw new Error("no")
        }
      },
      new Proxy({}, { ownKeys: () => assert.fail("no") })
    ]) {
      const failure = fail({ ...plain, retryAfter: 5, data })
      assert.deepStrictEqual(failure, { ...plain, retryAfter: 5 })
      assert.deepStrictEqual(JSON.parse(JSON.stringify(failure)), failure)
    }
    const data = nested(maxDepth)
    assert.deepStrictEqual(fail({ ...plain, retryAfter: Infinity, data }), { ...plain, data })
    assert.isNotEmpty(JSON.stringify(fail({ ...plain, data })))
  })

  it.effect("ends its run also when its data cannot be written", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.call("test/run", { script: "deep" })
      assert.deepStrictEqual((yield* gleitzeit.get(run)).tasks["call"]?.error, { ...plain, retryable: false })
    }).pipe(Effect.provide(engine({ deep: () => Effect.fail({ ...plain, retryable: false, data: nested(50_000) }) })))
  )

  it("is an internal error when its words are none, or cannot be read", () => {
    const throwing = {
      get message(): string {
        throw new Error("no")
      }
    }
    class Odd extends Error {
      // Safe: that it is no text is the point.
      override readonly name = Symbol("odd") as unknown as string
    }
    for (const error of [
      { ...plain, message: 10n },
      { ...plain, message: () => "m" },
      { ...plain, message: nested(50_000) },
      throwing,
      Object.assign(Object.create(throwing), { code: 1, name: "N", retryable: true }),
      new Odd("m")
    ]) {
      for (const failure of [fail(error), fromCause(Cause.die(error))]) {
        assert.deepStrictEqual([failure.code, failure.message], [-32603, "unexpected object without a message"])
      }
    }
  })
})

describe("what is nested", () => {
  it("is deep past a thousand levels, lists and objects alike", () => {
    assert.isFalse(isDeep(nested(maxDepth)))
    assert.isTrue(isDeep(nested(maxDepth + 1)))
    assert.isTrue(isDeep([1, { a: 1, b: nested(maxDepth) }, 2]))
    assert.isTrue(isDeep(nested(100_000)))
    for (const flat of [null, 1, "a", [], {}]) assert.isFalse(isDeep(flat))
  })

  it("is deep when it holds itself", () => {
    const list: Array<Schema.Json> = []
    list.push(1, list, list)
    assert.isTrue(isDeep(list))
  })

  const Depth = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1100 }))
  it.prop("is as deep as what is deepest in it", { depth: Depth, json: Schema.Json }, ({ depth, json }) => {
    assert.isFalse(isDeep(json))
    assert.strictEqual(isDeep(nested(depth)), depth > maxDepth)
    assert.strictEqual(isDeep([json, { in: nested(depth) }, json]), depth + 2 > maxDepth)
  })
})

describe("when a failure says how long to wait", () => {
  const after = (retryAfter: number) => Retry.next(undefined, "reads", { ...plain, retryAfter }, 1, 0)

  it("an hour of it counts at most", () => {
    assert.strictEqual(after(3_599_999), 3_599_999)
    assert.strictEqual(after(3_600_001), 3_600_000)
    assert.strictEqual(after(Number.MAX_VALUE), 3_600_000)
    assert.strictEqual(after(-5), 1000)
  })

  it("a delay that the task itself asks for is not cut", () => {
    const policy = { ...Retry.standard, delay: 7_200_000, max_delay: 7_200_000, jitter: false }
    assert.strictEqual(Retry.next(policy, "reads", { ...plain, retryAfter: 9_000_000 }, 1, 0), 7_200_000)
  })

  it("what people or nobody answered is not asked for again by itself", () => {
    const policy = { ...Retry.standard, max_attempts: 5 }
    for (const error of [
      new Errors.HumanRejected({ request: "ask" }),
      new Errors.QuestionExpired({ request: "ask" }),
      new Errors.BudgetExceeded({ limit: "calls", used: 1, of: 1 })
    ]) {
      assert.isUndefined(Retry.next(policy, "reads", of(error), 1, 0), error.name)
    }
  })
})
