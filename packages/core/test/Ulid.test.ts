import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { ulid } from "../src/Ulid.ts"

const Time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 48 - 1 }))

it("an id begins with its time as the specification's example does", () => {
  // https://github.com/ulid/spec: 01ARYZ6S41 is 1469918176385
  assert.match(ulid(1469918176385), /^01ARYZ6S41/)
})

it.prop("an id has 26 signs of Crockford's base 32", { time: Time }, ({ time }) => {
  assert.match(ulid(time), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
})

it.prop("ids sort by time", { a: Time, b: Time }, ({ a, b }) => {
  if (a !== b) assert.strictEqual(ulid(a) < ulid(b), a < b)
})

it("10,000 ids of one millisecond are different", () => {
  assert.strictEqual(new Set(Array.from({ length: 10_000 }, () => ulid(1))).size, 10_000)
})
