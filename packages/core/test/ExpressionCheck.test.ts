import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import * as Condition from "../src/Condition.ts"
import * as ExpressionCheck from "../src/ExpressionCheck.ts"
import type * as Reference from "../src/Reference.ts"
import * as ValueSchema from "../src/ValueSchema.ts"
import { Choices, Numbers } from "./Choices.ts"

const number = { type: "number" }
const text = { type: "string" }
const row = {
  type: "object",
  properties: { id: number, name: text },
  required: ["id", "name"],
  additionalProperties: false
}
const result = {
  type: "object",
  properties: {
    n: number,
    s: text,
    ok: { type: "boolean" },
    rows: { type: "array", items: row },
    tags: { type: "array", items: text },
    map: { type: "object", additionalProperties: number },
    mode: { enum: ["fast", "slow"] },
    open: {},
    either: { type: ["number", "string"] },
    maybe: { type: ["string", "null"] }
  },
  required: ["n", "s", "ok", "rows", "tags", "map", "mode", "open", "either", "maybe"],
  additionalProperties: false
}
const names: Reference.Names = new Map([["t", "t"]])

const valueOf = ({ alternatives }: Pick<Reference.Reference, "alternatives">) =>
  ValueSchema.union(
    alternatives.map((one) =>
      one.kind === "task"
        ? ValueSchema.inTask(ValueSchema.of(result), one.path, false)
        : one.kind === "literal"
          ? ValueSchema.constant(one.value)
          : undefined
    )
  )

const read = (expression: string) => ExpressionCheck.read(expression, names, valueOf)

const issues = (expression: string) =>
  read(expression).issues.map(({ code, message, offset, suggestion }) =>
    [offset, code, message, ...(suggestion === undefined ? [] : [suggestion])].join(" | ")
  )

describe("an expression", () => {
  it("does with values what CEL can do with their types", () => {
    for (const well of [
      "t.n == 3 && t.n > 2.5 && 1 + t.n < t.n * 2",
      "t.s.size() > 3 || t.s.contains('x') || t.s in ['a', 'b']",
      "t.n in [1, 2] && t.n == size(t.s) && t.rows[t.n].id == 1",
      "t.rows == [] || t.map == {} || t.tags == ['x']",
      "t.open > 3 && t.open == 'x' && t.open.a.b",
      "t.either == 3 || t.either == 'x'",
      "t.ok ? t.n == 1 : t.s == 'x'",
      "[t.n, t.s, 1][0] == 1",
      "t.rows.map(r, r.id + 1) == [1, 2]",
      "1 in t.rows.map(r, r.id)",
      "${t.n ?? 'x'} == 3",
      "cel.bind(r, t.rows[0], r.name == 'x')"
    ]) {
      assert.deepStrictEqual(issues(well), [], well)
    }
  })

  it("of other types is told where, and what was found", () => {
    assert.deepStrictEqual(issues("t.ok && t.n > t.s"), ["8 | type-mismatch | `>` cannot take a number and text"])
    assert.deepStrictEqual(issues("t.n + t.s == 'x'"), ["0 | type-mismatch | `+` cannot take a number and text"])
    assert.deepStrictEqual(issues("t.ok || t.n"), ["0 | type-mismatch | `||` takes true or false, found a number"])
    assert.deepStrictEqual(issues("!t.s"), ["0 | type-mismatch | `!` takes true or false, found text"])
    assert.deepStrictEqual(issues("t.n ? 1 : 2"), [
      "0 | type-mismatch | a condition takes true or false, found a number"
    ])
    assert.deepStrictEqual(issues("size(t.n) > 1"), [
      "0 | type-mismatch | found no matching overload for 'size(number)'"
    ])
    assert.deepStrictEqual(issues("t.s in [1]"), ["0 | type-mismatch | text is never in a list of numbers"])
    // what is well does not hide what stands behind it
    for (const well of ["t.n == 3", "t.n in [1]", "1 in [t.n]", "(t.ok ? t.n : 1) > 1", "t.s != null"]) {
      assert.deepStrictEqual(issues(`(${well}) && -t.s > 1`), [
        `${well.length + 6} | type-mismatch | \`-\` takes a number, found text`
      ])
    }
    assert.deepStrictEqual(issues("${t.n} > 'x'"), ["0 | type-mismatch | `>` cannot take a number and text"])
  })

  it("compares what can be equal", () => {
    assert.deepStrictEqual(issues(`t.ok && t.result.n == "three"`), [
      '8 | type-mismatch | a number is never equal to "three"'
    ])
    assert.deepStrictEqual(issues("t.mode != 'fst'"), ['0 | type-mismatch | "fast" or "slow" is never equal to "fst"'])
    assert.deepStrictEqual(issues("t.rows.exists(r, r.name == r.id)"), [
      "17 | type-mismatch | text is never equal to a number"
    ])
  })

  it("may look for null wherever it likes", () => {
    for (const one of ["n", "s", "ok", "rows", "map", "open", "maybe"]) {
      assert.deepStrictEqual(issues(`t.${one} != null && null == t.${one}`), [])
    }
  })

  it("takes the fields that the items have", () => {
    assert.deepStrictEqual(issues("t.rows.all(r, r.id > 1 && has(r.nme) && r.?x.orValue(1) == 1)"), [])
    assert.deepStrictEqual(issues("t.rows.all(r, r.nme == 'x')"), [
      '14 | unknown-field | there is no "nme", expected id or name | name'
    ])
    assert.deepStrictEqual(issues("t.rows.filter(r, r.id > 1)[0].nme == 'x'"), [
      '0 | unknown-field | there is no "nme", expected id or name | name'
    ])
    assert.deepStrictEqual(issues("t.tags.map(t, t.x)"), ['14 | unknown-field | there is no "x"'])
  })

  it("that is a condition gives true or false, one of `foreach` a list", () => {
    const condition = (expression: string) => ExpressionCheck.noCondition(read(expression))
    assert.strictEqual(condition("t.n"), "it gives a number, a condition gives true or false")
    assert.strictEqual(condition("t.s + 'x'"), "it gives text, a condition gives true or false")
    for (const well of ["t.ok", "t.open", "t.n > 1", "t.open.x", "t.nowhere +"]) assert.isUndefined(condition(well))
    const list = (expression: string) => ExpressionCheck.noList(read(expression))
    assert.strictEqual(list("t.map"), "it gives a mapping, `foreach` takes a list")
    for (const well of ["t.rows", "t.rows.map(r, r.id)", "[1]", "t.open", "t.?rows"]) assert.isUndefined(list(well))
  })
})

/** Nothing here lets CEL pass over a mistake: no `&&`, no `||`, no macro over what may be empty. */
const expression = (choices: Choices, depth = 0): string => {
  const inner = () => expression(choices, depth + 1)
  const one = (...texts: ReadonlyArray<string>) => texts[choices.below(texts.length)] ?? ""
  if (depth > 2 || choices.below(3) === 0) {
    const field = one("n", "s", "ok", "rows", "tags", "map", "mode", "open", "either", "maybe", "rows[0].id", "tags[0]")
    return one(`t.${field}`, `t.${field}`, `t.${field}`, "3", "0.5", "'x'", "true", "[1]", "['x', 2]", "{'a': 1}")
  }
  switch (choices.below(8)) {
    case 0:
    case 1:
    case 2:
      return `(${inner()} ${one("+", "-", "*", "/", "%", "<", "<=", ">", ">=")} ${inner()})`
    case 3:
      return `${one("!", "-")}(${inner()})`
    case 4:
      return `${one("size", "string", "int", "double", "type")}(${inner()})`
    case 5:
      return `(${inner()}).${one("size()", "startsWith('x')", "contains('y')", "trim()", "id", "name", "a")}`
    case 6:
      return `(${inner()})[${inner()}]`
    default:
      return `(${inner()}).${one("map", "filter")}(r, ${one("r.id", "r", "r.name", "r.id > 1", "r == 1", "true")})`
  }
}

describe("what is said of an expression", () => {
  const scope = (choices: Choices): Reference.Scope => {
    const words = ["x", "y", ""]
    const word = () => words[choices.below(3)] ?? ""
    const one = <A>(...all: ReadonlyArray<A>) => all[choices.below(all.length)]
    const n = () => choices.below(4) / 2
    const value: Schema.Json = {
      n: n(),
      s: word(),
      ok: choices.below(2) === 0,
      rows: Array.from({ length: 1 + choices.below(2) }, () => ({ id: n(), name: word() })),
      tags: Array.from({ length: 1 + choices.below(2) }, word),
      map: { a: n() },
      mode: one("fast", "slow") ?? "fast",
      open: one<Schema.Json>(1, "x", [1], { a: 1 }, null, true) ?? 1,
      either: one<Schema.Json>(1, "x") ?? 1,
      maybe: one("x", null) ?? null
    }
    return { task: () => ({ status: "completed", result: value, error: null }), root: () => undefined }
  }

  it.prop(
    "is true: one that gives a value has no mistakes, and its type is the value's",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const source = expression(choices)
      const value = Condition.compile(source, names).evaluate(scope(choices))
      if (Result.isFailure(value)) return
      const reading = read(source)
      // that two things are never equal is no failure of CEL's
      const found = reading.issues.filter(({ message }) => !message.includes("is never equal to"))
      assert.deepStrictEqual(found, [], source)
      if (typeof value.success === "boolean") assert.isUndefined(ExpressionCheck.noCondition(reading), source)
      if (Array.isArray(value.success)) assert.isUndefined(ExpressionCheck.noList(reading), source)
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "is true of what is never equal",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const source = `${expression(choices, 2)} == ${expression(choices, 2)}`
      if (source.includes("r == 1") || read(source).issues.length === 0) return
      const value = Condition.compile(source, names).evaluate(scope(choices))
      if (Result.isSuccess(value)) assert.strictEqual(value.success, false, source)
    },
    { arbitrary: { runs: 1000 } }
  )
})
