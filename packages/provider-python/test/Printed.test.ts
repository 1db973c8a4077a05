import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { resultOf } from "../src/Printed.ts"

const int = (value: string) => ({ $type: "int", value })

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
    [`[\n{"a": 1},\n{"a": 2}\n]\nbye\n`, `[\n{"a": 1},\n{"a": 2}\n]\nbye`],
    [`[\n… 9 characters left out …\n{"a": 2}\n]\n`, `[\n… 9 characters left out …\n{"a": 2}\n]`],
    [`{'a': 1}\n`, "{'a': 1}"],
    ["NaN\n", "NaN"]
  ] as const) {
    assert.deepStrictEqual(resultOf(stdout), expected, JSON.stringify(stdout))
  }
})

it("a number that would be rounded is kept, as the variable `result` keeps it", () => {
  for (const [stdout, expected] of [
    ["12345678901234567890", int("12345678901234567890")],
    [`{"id": [-9007199254740993, 9007199254740992]}`, { id: [int("-9007199254740993"), 2 ** 53] }],
    [
      `[1e999, -1E+999, 1e300, 0.12345678901234567890]`,
      [{ $type: "float", value: "inf" }, { $type: "float", value: "-inf" }, 1e300, 0.12345678901234568]
    ],
    [`"12345678901234567890"`, "12345678901234567890"]
  ] as const) {
    assert.deepStrictEqual(resultOf(stdout), expected, stdout)
  }
})

it.prop(
  "printed JSON is the value, on one line or on many, whatever was printed before",
  { value: Schema.Json },
  ({ value }) => {
    const json = JSON.stringify(value)
    const isLarge = (value: unknown) => typeof value === "number" && Math.abs(value) > 2 ** 53 && Math.abs(value) < 1e21
    const expected: unknown = JSON.parse(json, (_, value: unknown) => (isLarge(value) ? int(String(value)) : value))
    for (const stdout of [json, `${json}\n`, `log\n${json}\n`, JSON.stringify(value, null, 2)]) {
      assert.deepStrictEqual(resultOf(stdout), expected)
    }
  }
)
