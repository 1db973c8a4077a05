import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { resultOf } from "../src/Printed.ts"

it("what is printed is its last JSON, else its text", () => {
  for (const [stdout, expected] of [
    ["", null],
    [" \n\n", null],
    ["hello\n", "hello"],
    ["42\n", 42],
    ["null\n", null],
    [`"text"\n`, "text"],
    ["log\n42\n", 42],
    ["42\nbye\n", "42\nbye"],
    [`{"a": 1}\nbye\n`, { a: 1 }],
    [`{"a": 1}\n{"a": 2}\nlog [1, 2\n`, { a: 2 }],
    [`[1]\r\n{"a": 2}\r\n`, { a: 2 }],
    [`log\n{\n  "a": [\n    1,\n    2\n  ]\n}\n`, { a: [1, 2] }],
    [`[\n  1,\n  2\n]\n`, [1, 2]],
    [`[\n  1,\n  2\n]\nbye\n`, "[\n  1,\n  2\n]\nbye"],
    [`{'a': 1}\n`, "{'a': 1}"],
    ["NaN\n", "NaN"]
  ] as const) {
    assert.deepStrictEqual(resultOf(stdout), expected, JSON.stringify(stdout))
  }
})

it.prop(
  "printed JSON is the value, on one line or on many, whatever was printed before",
  { value: Schema.Json },
  ({ value }) => {
    const json = JSON.stringify(value)
    for (const stdout of [json, `${json}\n`, `log\n${json}\n`, JSON.stringify(value, null, 2)]) {
      assert.deepStrictEqual(resultOf(stdout), JSON.parse(json))
    }
  }
)
