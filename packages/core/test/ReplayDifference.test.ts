import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { canonical } from "../src/Hash.ts"
import { between } from "../src/ReplayDifference.ts"

const request = (params: Schema.Json) => ({ protocol: "test/v1", method: "test/do", params })

describe("differences", () => {
  it.effect.prop(
    "are there when two calls are not the same, and only then",
    { a: Schema.Json, b: Schema.Json },
    ({ a, b }) =>
      Effect.sync(() => {
        assert.deepStrictEqual(between(request(a), request(a)), [])
        assert.strictEqual(between(request(a), request(b)).length === 0, canonical(a) === canonical(b))
      })
  )

  it("name their places as workflows do", () => {
    const recorded = { a: [{ b: 1 }, 2], "odd key": 1, gone: null }
    const called = { a: [{ b: "1" }], "odd key": 2, come: { deep: true } }
    assert.deepStrictEqual(between(request(recorded), request(called)), [
      { path: "params.a[0].b", recorded: "1", called: '"1"' },
      { path: "params.a[1]", recorded: "2", called: "undefined" },
      { path: 'params["odd key"]', recorded: "1", called: "2" },
      { path: "params.gone", recorded: "null", called: "undefined" },
      { path: "params.come", recorded: "undefined", called: '{"deep":true}' }
    ])
  })

  it("show of long texts where they begin to differ", () => {
    const text = "x".repeat(500)
    const [difference] = between(request(`${text}one${text}`), request(`${text}two${text}`))
    assert.deepStrictEqual(difference, {
      path: "params",
      recorded: `"…${"x".repeat(20)}one${"x".repeat(37)}…"`,
      called: `"…${"x".repeat(20)}two${"x".repeat(37)}…"`
    })
  })
})
