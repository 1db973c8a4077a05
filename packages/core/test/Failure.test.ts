import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import * as Errors from "../src/Errors.ts"
import { Failure, fromCause, of } from "../src/Failure.ts"

const plain: Failure = { code: 1, name: "N", message: "m", retryable: true }
const isFailure = Schema.is(Failure)

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
})
