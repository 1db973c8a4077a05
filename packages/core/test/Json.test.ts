import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { isArray, isObject, kindOf } from "../src/Json.ts"

it("each kind of JSON has a name for people", () => {
  const kinds: ReadonlyArray<readonly [Schema.Json, string]> = [
    [null, "null"],
    [[], "a list"],
    [{}, "an object"],
    ["", "text"],
    [0, "a number"],
    [false, "a boolean"]
  ]
  for (const [json, kind] of kinds) assert.strictEqual(kindOf(json), kind)
})

it.prop("a value is a list, an object or neither", { json: Schema.Json }, ({ json }) => {
  assert.strictEqual(isArray(json), kindOf(json) === "a list")
  assert.strictEqual(isObject(json), kindOf(json) === "an object")
  assert.isFalse(isArray(json) && isObject(json))
})

it("nothing is neither a list nor an object", () => {
  assert.isFalse(isArray(undefined))
  assert.isFalse(isObject(undefined))
})
