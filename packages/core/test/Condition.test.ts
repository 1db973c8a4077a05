import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Condition from "../src/Condition.ts"
import type * as Reference from "../src/Reference.ts"

const ids = ["count", "a", "b", "work", "my-task", "Load Data", "v1.2", "import", "string", "_0"]
const names: Reference.Names = new Map([...ids.map((id) => [id, id] as const), ["label", "a"]])

const done = (result: Schema.Json): Reference.View => ({ status: "completed", result, error: null })
const skipped: Reference.View = { status: "skipped", result: undefined, error: null }
const broken: Reference.View = { status: "failed", result: undefined, error: { code: 1, name: "E", message: "no" } }
const fan = (results: Schema.Json): Reference.View => ({ ...done(results), fan: { failures: [] } })

const tasks: { readonly [id: string]: Reference.View } = {
  count: done({ words: 250, rows: [1, 2, 3], result: { deep: { x: 1 } }, text: "hi", none: null, flag: true }),
  a: skipped,
  b: broken,
  work: fan([{ content: "x" }, { content: "y" }]),
  "my-task": done({ x: 2, status: "inner" }),
  "Load Data": done({ rows: [{ n: 1 }, { n: 5 }] }),
  "v1.2": done(7),
  import: done({ x: 1 }),
  string: done({ x: "s" }),
  _0: done({ x: 9 })
}
const roots: { readonly [root: string]: Schema.Json } = {
  inputs: { x: "a", limit: 3, list: ["a", "b"], "two words": 1 },
  item: { id: 4, tags: ["t"] },
  index: 1,
  iteration: 2
}
const scope: Reference.Scope = {
  task: (id) => (Object.hasOwn(tasks, id) ? tasks[id] : undefined),
  root: (root) => (Object.hasOwn(roots, root) ? roots[root] : undefined)
}

const evaluate = (expression: string): Schema.Json => {
  const result = Condition.compile(expression, names).evaluate(scope)
  return Result.isSuccess(result) ? result.success : assert.fail(`${expression}: ${result.failure.message}`)
}
const issue = (expression: string): string => {
  const result = Condition.compile(expression, names).evaluate(scope)
  return Result.isFailure(result) ? result.failure.issue : assert.fail(`gives ${JSON.stringify(result.success)}`)
}
const problems = (expression: string) => Condition.compile(expression, names).problems

describe("an expression", () => {
  it("speaks of tasks by their names, with the first step chosen as in a reference", () => {
    assert.strictEqual(evaluate(`count.result.deep.x + 1 == 2 && inputs.x == "a"`), true)
    assert.strictEqual(evaluate("count.words > 200"), true)
    assert.strictEqual(evaluate("count.deep.x"), 1)
    assert.strictEqual(evaluate("count.deep.x == 1"), true)
    assert.strictEqual(evaluate("(count).words + 0"), 250)
    assert.strictEqual(evaluate("(count.deep).x + 0"), 1)
    assert.strictEqual(evaluate("label.error == null"), true)
    assert.deepStrictEqual(evaluate("work.content + ['z']"), ["x", "y", "z"])
    assert.strictEqual(evaluate("work[1].content + work.content[0]"), "yx")
    assert.strictEqual(evaluate("size(count) > 1"), true)
  })

  it("speaks of them by references, alone and mixed", () => {
    assert.strictEqual(evaluate("${count.words} > 200"), true)
    assert.strictEqual(evaluate("${ count.words ?? 0 } > 200 && ${a.b ?? 0} < 1"), true)
    assert.strictEqual(evaluate("${Load Data.rows}[1].n == 5"), true)
    assert.strictEqual(evaluate("${my-task.x} + count.rows[0]"), 3)
    assert.strictEqual(evaluate("${count}.words > 200"), true)
    assert.strictEqual(evaluate("size(${count.rows}) == 3"), true)
    assert.strictEqual(evaluate("${a.b ?? 'it\\'s } ok'} == \"it's } ok\""), true)
  })

  it("speaks of any task by key", () => {
    assert.strictEqual(evaluate('tasks["my-task"].x == 2 && tasks["v1.2"] == 7'), true)
    assert.strictEqual(evaluate('tasks["Load Data"].result.rows.exists(r, r.n > 4)'), true)
    assert.strictEqual(evaluate('tasks["a"].status == "skipped" && tasks["b"].error.name == "E"'), true)
    assert.strictEqual(evaluate('tasks["my-task"].status'), "completed")
    assert.strictEqual(evaluate('tasks["my-task"].result.status'), "inner")
    assert.strictEqual(evaluate("tasks.count.words"), 250)
  })

  it("gives the value itself when it is one reference or path", () => {
    const result = tasks["count"]?.result ?? null
    for (const text of ["${count}", " ${ count } ", "count", "(count)", 'tasks["count"]']) {
      assert.strictEqual(evaluate(text), result, text)
    }
    assert.strictEqual(evaluate('${tasks["v1.2"]}'), 7)
    assert.strictEqual(evaluate("count.none"), null)
    assert.strictEqual(evaluate("inputs.list"), evaluate("${inputs.list}"))
    assert.strictEqual(evaluate('inputs["two words"]'), 1)
  })

  it("takes the variables of macros for variables", () => {
    assert.deepStrictEqual(evaluate("count.rows.map(r, r * 2)"), [2, 4, 6])
    assert.deepStrictEqual(evaluate("count.rows.map(count, count * 2)"), [2, 4, 6])
    assert.deepStrictEqual(evaluate("count.rows.map(x, x > 1, x + count.rows[0])"), [3, 4])
    assert.deepStrictEqual(evaluate("count.rows.filter(a, a > index)"), [2, 3])
    assert.strictEqual(evaluate("inputs.list.all(item, item != 'c') && item.id == 4"), true)
    assert.strictEqual(evaluate("cel.bind(b, count.words, b + b)"), 500)
    assert.strictEqual(evaluate("cel.bind(count, count.words, count + 1)"), 251)
    assert.strictEqual(evaluate("count.rows.map(_0, ${_0.x} + _0)[0]"), 10)
    assert.deepStrictEqual(Condition.compile("count.rows.map(a, a * 2)", names).tasks, ["count"])
  })

  it("calculates with JSON's numbers and CEL's integers together", () => {
    for (const [text, value] of Object.entries({
      "count.rows[0] + 1": 2,
      "1 + count.rows[0]": 2,
      "count.words - 50": 200,
      "2 * count.rows[2]": 6,
      "count.words / 100": 2.5,
      "count.words % 100": 50,
      "index * 2 + 1": 3,
      "7 / 2": 3,
      "size(count.rows)": 3,
      "inputs.list[index]": "b",
      "-count.words": -250
    })) {
      assert.strictEqual(evaluate(text), value, text)
    }
  })

  it("gives JSON", () => {
    assert.deepStrictEqual(evaluate(`{"n": size(count.rows), "rows": [1, "x", count.none, 1.5]}`), {
      n: 3,
      rows: [1, "x", null, 1.5]
    })
    assert.strictEqual(evaluate('timestamp("2024-01-02T03:04:05Z")'), "2024-01-02T03:04:05.000Z")
    assert.strictEqual(evaluate('duration("90s")'), "90s")
    assert.strictEqual(evaluate("uint(3)"), 3)
    assert.deepStrictEqual(evaluate("[inputs.?x]"), ["a"])
    assert.match(issue("count.words / 0"), /Infinity/)
    assert.match(issue("9007199254740993"), /2\^53/)
    assert.match(issue("b'x'"), /gives bytes/)
    assert.match(issue("type(1)"), /no form/)
    assert.match(issue("inputs.?nope"), /orValue/)
  })

  it("tells absence from presence", () => {
    assert.strictEqual(
      evaluate("has(count.words) && !has(count.wrds) && has(count.deep.x) && !has(count.deep.y)"),
      true
    )
    assert.strictEqual(evaluate("has(inputs.x) && !has(inputs.y)"), true)
    assert.strictEqual(evaluate("count.?wrds.orValue(3)"), 3)
    assert.strictEqual(evaluate("count.?words.orValue(3)"), 250)
    assert.strictEqual(evaluate("count[?'words'].orValue(3) + count.rows[?9].orValue(1)"), 251)
    assert.strictEqual(evaluate("count.?deep.x.orValue(3)"), 1)
    assert.strictEqual(evaluate("count.?nope.x.orValue(3)"), 3)
    assert.strictEqual(evaluate("count.result.?deep.hasValue()"), true)
    assert.strictEqual(evaluate("has(a.x) || a.?y.orValue(true)"), true)
    assert.match(issue("has(count.nope.x)"), /task "count" has no \.nope/)
    assert.match(issue("count.nope.?x.orValue(1)"), /task "count" has no \.nope/)
  })

  it("may hold comments, strings that look like references, and any spacing", () => {
    assert.strictEqual(evaluate("count\n  .words > 200 // and ${nothing} more\n && true"), true)
    assert.strictEqual(evaluate(`"$\${x}" + '''a"b''' + r"\\\\" == "$\${x}" + 'a"b' + "\\\\\\\\"`), true)
    assert.strictEqual(evaluate(`"// no comment"`), "// no comment")
    assert.strictEqual(evaluate('"a\\" // b"'), 'a" // b')
  })

  it("prefers a task to a word of CEL", () => {
    assert.strictEqual(evaluate("string.x + string(1)"), "s1")
    assert.strictEqual(evaluate("type(count.words) == double"), true)
  })

  it.prop("never reads a value as CEL", { value: Schema.Json }, ({ value }) => {
    const from: Reference.Scope = { task: () => done({ v: value, same: value }), root: () => value }
    const get = (text: string) => Condition.compile(text, names).evaluate(from)
    assert.deepStrictEqual(get("count.v"), Result.succeed(value))
    assert.deepStrictEqual(get("${count.v}"), Result.succeed(value))
    assert.deepStrictEqual(get("inputs"), Result.succeed(value))
    assert.deepStrictEqual(get("[count.v, ${a.same}]"), Result.succeed([value, value]))
  })

  it.prop("calculates as JavaScript does", { x: Schema.Int, y: Schema.Finite }, ({ x, y }) => {
    const from: Reference.Scope = { task: () => done({ x, y }), root: () => undefined }
    const get = (text: string) => Condition.compile(text, names).evaluate(from)
    const small = x % 1000
    assert.deepStrictEqual(get(`count.x + ${small} > count.y`), Result.succeed(x + small > y))
    assert.deepStrictEqual(get("count.x == count.y"), Result.succeed(x === y))
    assert.deepStrictEqual(get("[count.x, count.y].filter(n, n >= 0.0)"), Result.succeed([x, y].filter((n) => n >= 0)))
  })
})

describe("a condition", () => {
  const test = (expression: string) => Condition.compile(expression, names).test(scope)

  it("is true or false", () => {
    assert.deepStrictEqual(test("count.words > 200"), Result.succeed(true))
    assert.deepStrictEqual(test("count.flag"), Result.succeed(true))
    assert.deepStrictEqual(test("!${count.flag}"), Result.succeed(false))
  })

  it("fails on everything else", () => {
    for (const [text, expected] of [
      ["count.words", /gives a number, a condition gives true or false/],
      ["count.text", /gives text/],
      ["count.none", /gives null/],
      ["count.rows", /gives a list/],
      ["a.x", /task "a" was skipped and has no value/],
      ["a.x > 1", /task "a" was skipped and has no value/],
      ["b.x || false", /task "b" failed and has no value/],
      ["count.wrds > 1", /task "count" has no \.wrds \(.*\), did you mean "words"\?/],
      ["count.result.deep.y > 1", /has no \.result\.deep\.y \(\.result\.deep has x\)/],
      ["count.rows[7] > 1", /\.rows is a list of 3/],
      ["inputs.limt > 1", /`inputs` has no \.limt .*did you mean "limit"/],
      ["previous.x == 1", /there is no `previous` here/],
      ["count.text > 1", /no such overload: string > int/],
      ["count.rows.exists(r, r.x == 1)", /no such field: x/],
      ["1 / 0 == 1", /division by zero/],
      ["${a.b} == 1", /task "a" was skipped/]
    ] as const) {
      const result = test(text)
      assert.match(Result.isFailure(result) ? result.failure.issue : "passes", expected, text)
    }
  })

  it("asks for a value only where it is looked at", () => {
    assert.deepStrictEqual(test('tasks["a"].status != "completed" || a.x > 1'), Result.succeed(true))
    assert.deepStrictEqual(test("has(count.wrds) && count.wrds > 1"), Result.succeed(false))
  })
})

describe("the tasks and roots of an expression", () => {
  const facts = (expression: string) => {
    const { needs, roots, tasks } = Condition.compile(expression, names)
    return { tasks, needs, roots }
  }

  it("are those it speaks of, needed unless they have a way out", () => {
    assert.deepStrictEqual(facts("count.words > 1 && ${a.x ?? 0} > item.x + index + index"), {
      tasks: ["count", "a"],
      needs: ["count"],
      roots: ["item", "index"]
    })
    assert.deepStrictEqual(facts('tasks["my-task"].x == 1 && label.y == 1').needs, ["my-task", "a"])
    assert.deepStrictEqual(facts('tasks["a"].status == "failed" && tasks["b"].error == null && a.error == null'), {
      tasks: ["a", "b"],
      needs: [],
      roots: []
    })
    assert.deepStrictEqual(facts("has(a.x) || b.?y.orValue(true)"), { tasks: ["a", "b"], needs: [], roots: [] })
    assert.deepStrictEqual(facts("has(a.x.y) || b.x.?y.orValue(true)").needs, ["a", "b"])
    assert.deepStrictEqual(facts("inputs.list[count.rows[index]] == run.name"), {
      tasks: ["count"],
      needs: ["count"],
      roots: ["index", "inputs", "run"]
    })
    assert.deepStrictEqual(facts("count"), { tasks: ["count"], needs: ["count"], roots: [] })
    assert.deepStrictEqual(facts("[a, {'k': b}].size() > (count ? 1 : 2)").tasks, ["a", "b", "count"])
  })
})

describe("an expression in `until`", () => {
  const test = (expression: string, given: { readonly [root: string]: Schema.Json }) =>
    Condition.compile(expression, names).test({
      task: scope.task,
      root: (root) => (Object.hasOwn(given, root) ? given[root] : undefined)
    })

  it("sees result, previous and iteration, of any type", () => {
    const { problems, roots } = Condition.compile("result.score > 8 || previous == result || iteration >= 3", names)
    assert.deepStrictEqual([problems, roots], [[], ["result", "previous", "iteration"]])
    assert.deepStrictEqual(
      test("result.score > 8 && iteration < 3", { result: { score: 9 }, iteration: 2 }),
      Result.succeed(true)
    )
    assert.deepStrictEqual(test("result > 8", { result: 8.5 }), Result.succeed(true))
    assert.deepStrictEqual(
      test("result == previous", { result: { a: [1] }, previous: { a: [1] } }),
      Result.succeed(true)
    )
    assert.deepStrictEqual(test("previous == null", { previous: null }), Result.succeed(true))
  })

  it("looks into a result as a reference looks into that of a task", () => {
    const result = { result: { score: 9 }, stdout: "" }
    for (const text of ["result.score == 9", "result.result.score == 9", "result.stdout == ''", "has(result.score)"]) {
      assert.deepStrictEqual(test(text, { result }), Result.succeed(true), text)
    }
    const failure = test("result.scor == 9", { result })
    assert.match(
      Result.isFailure(failure) ? failure.failure.issue : "passes",
      /`result` has no \.scor .*, did you mean "score"\?/
    )
  })
})

describe("the problems of an expression", () => {
  it("name the place and what was meant", () => {
    assert.deepStrictEqual(problems("true && cuont.words > 1"), [
      {
        offset: 8,
        message:
          '"cuont" is neither a task nor one of inputs, env, secrets, item, index, previous, iteration, result, run, tasks',
        suggestion: "count"
      }
    ])
    assert.deepStrictEqual(problems("1 + (2 * "), [{ offset: 9, message: "Unexpected token: EOF" }])
    assert.deepStrictEqual(problems("count.words > 1 &&  coutn(1)"), [
      { offset: 20, message: "found no matching overload for 'coutn(int)'" }
    ])
    const several = problems("aaaa > ${conut.x} && bbbb").map(({ offset, suggestion }) => [offset, suggestion])
    assert.deepStrictEqual(several, [
      [0, undefined],
      [7, "count"],
      [21, undefined]
    ])
  })

  it("show how a task is reached whose name CEL cannot spell", () => {
    const suggestion = (text: string) => problems(text)[0]?.suggestion
    assert.strictEqual(suggestion("my-task.x > 1"), 'tasks["my-task"]')
    assert.strictEqual(suggestion("Load Data.rows[0] > 1"), 'tasks["Load Data"]')
    assert.strictEqual(suggestion("import.x > 1"), 'tasks["import"]')
    assert.strictEqual(suggestion('tasks["my_task"].x > 1'), "my-task")
  })

  it("are references where no value can stand", () => {
    for (const [text, expected] of [
      [`"\${count.words}" == "5"`, /in quotes is text/],
      ["count.${a.x} > 1", /no value can stand/],
      ["x${a.x} > 1", /no value can stand|neither a task/],
      ["count.rows.map(${a.x}, 1)", /no value can stand/],
      ["${count.words > 1", /cannot stand in a reference|without its/],
      ["tasks[inputs.x].y", /tasks\["id"\]/],
      ["tasks", /tasks\["id"\]/]
    ] as const) {
      assert.match(
        problems(text)
          .map(({ message }) => message)
          .join("; "),
        expected,
        text
      )
    }
  })

  it("are secrets", () => {
    for (const text of ["secrets.T == 'x'", "${secrets.T} == 'x'", "inputs.key == 1", "${inputs.key ?? 1} == 1"]) {
      const found = Condition.compile(text, names, new Set(["key"])).problems
      assert.match(found.map(({ message }) => message).join("; "), /a secret cannot be looked at/, text)
    }
    assert.match(problems("secrets == 1")[0]?.message ?? "", /secrets\.NAME/)
  })

  it("keep it from being evaluated", () => {
    const { evaluate, test } = Condition.compile("nothing || true", names)
    assert.isTrue(Result.isFailure(evaluate(scope)))
    assert.isTrue(Result.isFailure(test(scope)))
  })

  it("are length and depth", () => {
    assert.match(problems(" ".repeat(4097))[0]?.message ?? "", /at most 4096 characters/)
    assert.strictEqual(problems(`count.words == ${"1".repeat(15)}${" ".repeat(4000)}`).length, 0)
    for (const deep of [
      `1${"+1".repeat(2047)} == 2048`,
      `${"!".repeat(4000)}true`,
      `${"-".repeat(4000)}1 == 1`,
      `${"(".repeat(2000)}true${")".repeat(2000)}`,
      `${"[".repeat(2000)}${"]".repeat(2000)} == []`,
      `count${".x".repeat(2000)}`,
      `${"true ? ".repeat(500)}true${" : true".repeat(4)}`,
      `true${" && true".repeat(500)}`
    ]) {
      const result = Condition.compile(deep, names).test(scope)
      assert.isTrue(Result.isSuccess(result) || result.failure._tag === "ConditionFailed")
    }
  })

  it.prop(
    "are found in any text without a defect",
    {
      pieces: Schema.Array(
        Schema.Literals([
          ...'count|.words|.rows|${|}|$${|a.x| ?? |0|tasks|["my-task"]|(|)|[|]|\'|"|.map(r, r)|has(|&&|!|>| == |1|null'.split(
            "|"
          ),
          "||",
          "//",
          "\n",
          "inputs.x",
          "?",
          ":",
          "{",
          ",",
          "${count.words}",
          "🦊"
        ])
      )
    },
    ({ pieces }) => {
      const { evaluate, problems, test } = Condition.compile(pieces.join(""), names)
      const result = test(scope)
      assert.isTrue(Result.isSuccess(result) || result.failure._tag === "ConditionFailed")
      if (problems.length > 0) assert.isTrue(Result.isFailure(evaluate(scope)))
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("values of great depth", () => {
  let deep: Schema.Json = 1
  for (let i = 0; i < 20_000; i++) deep = [deep]
  const from: Reference.Scope = { task: () => done({ deep, ok: true, n: 1 }), root: () => undefined }
  const get = (text: string) => Condition.compile(text, names).evaluate(from)

  it("are handed on, alone and in lists", () => {
    assert.isTrue(Result.isSuccess(get("count.deep")))
    assert.isTrue(Result.isSuccess(get("[count].filter(c, c.ok)[0].deep")))
  })

  it("fail without a defect where CEL walks through them", () => {
    const equal = get("count.deep == a.deep && [count.deep] != [[1]]")
    assert.isTrue(Result.isSuccess(equal) || equal.failure._tag === "ConditionFailed")
    const mixed = get("[count.deep, 1]")
    assert.isTrue(Result.isSuccess(mixed) || /nested too deeply/.test(mixed.failure.issue))
  })
})
