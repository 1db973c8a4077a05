import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Reference from "../src/Reference.ts"
import * as SecretMarker from "../src/SecretMarker.ts"

const ids = ["a", "b", "t", "work", "Load Data", "v1.2", "v1", "my-task", "Bob's data", "x[0]"]
const names: Reference.Names = new Map([...ids.map((id) => [id, id] as const), ["A Label", "a"]])

/** Text put together from these looks much like references. */
const pieces = Schema.Array(
  Schema.Literals([
    "${",
    "}",
    "$${",
    "a",
    ".x",
    "[0]",
    '["k"]',
    " ?? ",
    "'",
    '"',
    "\\",
    "$",
    "{",
    " ",
    "tasks",
    "🦊",
    "\n",
    "1"
  ])
)

const done = (result: Schema.Json): Reference.View => ({ status: "completed", result, error: null })
const skipped: Reference.View = { status: "skipped", result: undefined, error: null }
const broken: Reference.View = {
  status: "failed",
  result: undefined,
  error: { code: -29002, name: "TASK_EXECUTION_FAILED", message: "no" }
}
const fan = (results: Schema.Json, failures: Schema.Json = []): Reference.View => ({
  ...done(results),
  fan: { failures }
})

const scope = (
  tasks: { readonly [id: string]: Reference.View },
  roots: { readonly [root: string]: Schema.Json } = {}
): Reference.Scope => ({
  task: (id) => (Object.hasOwn(tasks, id) ? tasks[id] : undefined),
  root: (root) => (Object.hasOwn(roots, root) ? roots[root] : undefined)
})

const resolve = (json: Schema.Json, from: Reference.Scope): Schema.Json =>
  Result.getOrThrow(Reference.compile(json, names).resolve(from))
const issue = (json: Schema.Json, from: Reference.Scope): string => {
  const result = Reference.compile(json, names).resolve(from)
  return Result.isFailure(result) ? result.failure.message : assert.fail(`resolved: ${JSON.stringify(result.success)}`)
}
const only = (text: string): Reference.Reference => {
  const [part] = Reference.parse(text, names)
  return typeof part === "object" ? part : assert.fail(`no reference in ${text}`)
}
const alternatives = (text: string) => only(text).alternatives
const issues = (text: string): string =>
  alternatives(text)
    .map((one) =>
      one.kind === "unknown" ? `${one.issue}${one.suggestion === undefined ? "" : ` -> ${one.suggestion}`}` : ""
    )
    .filter((one) => one !== "")
    .join("; ")

describe("the names of a workflow", () => {
  const task = { protocol: "data/v1", method: "data/value", params: {} }

  it("are ids and labels, ids first", () => {
    const known = Reference.names({
      tasks: [
        { ...task, id: "one", label: "two" },
        { ...task, id: "two", label: "Three" },
        { ...task, id: "four", label: "Three" }
      ]
    })
    assert.deepStrictEqual(
      [...known],
      [
        ["one", "one"],
        ["two", "two"],
        ["four", "four"],
        ["Three", "two"]
      ]
    )
  })
})

describe("a reference is read", () => {
  it("as text and references in order", () => {
    const parts = Reference.parse("a ${a.x} b ${ b } c", names)
    assert.deepStrictEqual(
      parts.map((part) => (typeof part === "string" ? part : [part.raw, part.offset])),
      ["a ", ["${a.x}", 2], " b ", ["${ b }", 11], " c"]
    )
  })

  it("with the longest known name in front", () => {
    assert.deepStrictEqual(alternatives("${v1.3.x}"), [{ kind: "task", task: "v1", path: [3, "x"] }])
    assert.deepStrictEqual(alternatives("${Load Data.rows}"), [{ kind: "task", task: "Load Data", path: ["rows"] }])
    assert.deepStrictEqual(alternatives("${Load Data}"), [{ kind: "task", task: "Load Data", path: [] }])
    assert.deepStrictEqual(alternatives("${Bob's data.x}"), [{ kind: "task", task: "Bob's data", path: ["x"] }])
    assert.deepStrictEqual(alternatives("${A Label.x}"), [{ kind: "task", task: "a", path: ["x"] }])
    assert.deepStrictEqual(alternatives("${\n  a\n  ?? b }"), [
      { kind: "task", task: "a", path: [] },
      { kind: "task", task: "b", path: [] }
    ])
  })

  it("with ids that hold a step's sign by key alone, so that no other task changes what a path means", () => {
    assert.deepStrictEqual(alternatives("${v1.2.x}"), [{ kind: "task", task: "v1", path: [2, "x"] }])
    assert.deepStrictEqual(alternatives('${tasks["x[0]"][1]}'), [{ kind: "task", task: "x[0]", path: [1] }])
    const [one] = alternatives("${x[0][1]}")
    assert.deepInclude(one, { kind: "unknown", suggestion: 'tasks["x[0]"]' })
  })

  it("with fields, numbers and quoted keys as steps", () => {
    assert.deepStrictEqual(alternatives(`\${a.b[0].0["any } key"]['it\\'s "x"'].größe.c-d}`), [
      { kind: "task", task: "a", path: ["b", 0, 0, "any } key", `it's "x"`, "größe", "c-d"] }
    ])
    assert.deepStrictEqual(alternatives('${a["0"]}'), [{ kind: "task", task: "a", path: ["0"] }])
  })

  it("with roots, secrets and tasks by key", () => {
    assert.deepStrictEqual(alternatives("${inputs.limit}"), [{ kind: "root", root: "inputs", path: ["limit"] }])
    assert.deepStrictEqual(alternatives("${item}"), [{ kind: "root", root: "item", path: [] }])
    assert.deepStrictEqual(alternatives("${secrets.TOKEN}"), [{ kind: "secret", name: "TOKEN" }])
    assert.deepStrictEqual(alternatives('${tasks["v1.2"].x}'), [{ kind: "task", task: "v1.2", path: ["x"] }])
    assert.deepStrictEqual(alternatives('${tasks["v1.2"].status}'), [
      { kind: "task", task: "v1.2", path: [], status: true }
    ])
  })

  it("with a literal at its end, in which a brace does not end it", () => {
    const last = (text: string) => alternatives(text).at(-1)
    assert.deepStrictEqual(last("${a.x ?? 'te}xt'}"), { kind: "literal", value: "te}xt" })
    assert.deepStrictEqual(last(`\${a.x ?? "te}x\\"t"}`), { kind: "literal", value: 'te}x"t' })
    assert.deepStrictEqual(last("${a.x ?? {\"k\": ['}', 1.5e3, null]} }"), {
      kind: "literal",
      value: { k: ["}", 1500, null] }
    })
    assert.deepStrictEqual(last("${a.x ?? 'a ?? b'}"), { kind: "literal", value: "a ?? b" })
    assert.deepStrictEqual(last("${a.x ?? -0}"), { kind: "literal", value: -0 })
    assert.deepStrictEqual(last("${a??false}"), { kind: "literal", value: false })
    assert.deepStrictEqual(alternatives("${'$'}"), [{ kind: "literal", value: "$" }])
  })

  it("as unknown when it names nothing, with the nearest name", () => {
    assert.match(issues("${Lod Data.rows}"), /"Lod Data" is neither a task nor one of inputs, .* -> Load Data/)
    assert.match(issues("${input.x}"), /-> inputs/)
    assert.match(issues('${tasks["my_task"].x}'), /there is no task "my_task" -> my-task/)
    assert.match(issues("${HOME_DIRECTORY}"), /for the text itself write `\$\$\{`/)
    assert.match(issues("${}"), /names nothing/)
    assert.match(issues("${ ?? 'x'}"), /names nothing/)
  })

  it("as unknown when it is malformed", () => {
    assert.match(issues("${a.}"), /name of a field/)
    assert.match(issues("${a[x]}"), /whole number from 0/)
    assert.match(issues("${a[-1]}"), /whole number from 0/)
    assert.match(issues("${a.x + 1}"), /"\+ 1" cannot stand in a reference/)
    assert.match(issues("${a ?? 'x' ?? b}"), /comes last/)
    assert.match(issues("${a ?? 'x' 'y'}"), /no JSON value/)
    assert.match(issues("${1}"), /for the text itself/)
    assert.match(issues("${secrets}"), /secrets\.NAME/)
    assert.match(issues("${secrets.A ?? 'x'}"), /stands alone/)
    assert.match(issues("${tasks.t.status.x}"), /nothing can stand behind it/)
  })

  it("as unknown to the end of the text when it does not end", () => {
    const reference = only("${a.x and more")
    assert.strictEqual(reference.raw, "${a.x and more")
    assert.match(issues("${a.x and more"), /without its `}`.*`\$\$\{`/)
    assert.match(issues("${a.x ?? 'y"), /without its `}`|no JSON value/)
  })

  it.prop(
    "so that what it was taken from can be put together again",
    { pieces },
    ({ pieces }) => {
      const text = pieces.join("")
      const parts = Reference.parse(text, names)
      const whole = parts
        .map((part) => (typeof part === "string" ? part.replaceAll("${", () => "$${") : part.raw))
        .join("")
      assert.strictEqual(whole, text)
      for (const part of parts) {
        if (typeof part === "object") assert.strictEqual(text.slice(part.offset).indexOf(part.raw), 0)
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("a path", () => {
  const at = (result: Schema.Json, text: string) => resolve(text, scope({ t: done(result) }))

  it("begins with an own field of the result, else one of its `result`, else the value itself", () => {
    assert.strictEqual(at({ content: 1, result: { content: 2 } }, "${t.content}"), 1)
    assert.strictEqual(at({ result: { content: 2 } }, "${t.content}"), 2)
    assert.strictEqual(at({ content: 1 }, "${t.result.content}"), 1)
    assert.strictEqual(at({ content: 1 }, "${t.output.content}"), 1)
    assert.strictEqual(at({ result: 3 }, "${t.result}"), 3)
    assert.strictEqual(at(7, "${t.result}"), 7)
    assert.strictEqual(at([5, 6], "${t[1]}"), 6)
    assert.strictEqual(at({ result: [5, 6] }, "${t.1}"), 6)
    assert.deepStrictEqual(at({ result: { output: 1 }, x: 2 }, "${t.result}"), { output: 1 })
    assert.strictEqual(at({ result: { output: 1 }, x: 2 }, "${t.output}"), 1)
  })

  it("has no second try further down", () => {
    assert.match(
      issue("${t.a.b}", scope({ t: done({ a: { result: { b: 1 } } }) })),
      /task "t" has no \.a\.b \(\.a has result\)/
    )
    assert.match(issue("${t.a.result}", scope({ t: done({ a: { b: 1 } }) })), /has no \.a\.result/)
    assert.match(issue("${inputs.result}", scope({}, { inputs: { a: 1 } })), /`inputs` has no \.result/)
  })

  it("sees own fields only, and of a list only its items", () => {
    for (const key of ["__proto__", "constructor", "toString", "length", "hasOwnProperty"]) {
      assert.match(issue(`\${t.${key}}`, scope({ t: done({ a: 1 }) })), /has no/)
      assert.match(issue(`\${t.a.${key}}`, scope({ t: done({ a: [1] }) })), /\.a is a list of 1/)
      assert.match(issue(`\${t.a.${key}}`, scope({ t: done({ a: "text" }) })), /\.a is text/)
    }
    const own: Schema.Json = JSON.parse('{"__proto__": {"constructor": 1}, "length": 2}')
    assert.strictEqual(at(own, "${t.__proto__.constructor}"), 1)
    assert.strictEqual(at(own, "${t.length}"), 2)
    assert.match(issue('${t["0"]}', scope({ t: done([1]) })), /list of 1/)
  })

  it("finds `null`, which is a value", () => {
    assert.strictEqual(at({ a: null }, "${t.a ?? 'x'}"), null)
    assert.strictEqual(at(null, "${t}"), null)
    assert.strictEqual(at({ a: null, result: { a: 1 } }, "${t.a}"), null)
  })

  it.prop(
    "of own fields reads what stands there",
    {
      value: Schema.Json,
      keys: Schema.Array(Schema.Union([Schema.String, Schema.Literals(["__proto__", "a b", "]"])]))
    },
    ({ keys, value }) => {
      const result = [...keys].reverse().reduce((inner: Schema.Json, key) => Object.fromEntries([[key, inner]]), value)
      const path = keys.map((key) => `[${JSON.stringify(key)}]`).join("")
      assert.strictEqual(at(result, `\${t${path}}`), value)
    }
  )
})

describe("a path into `previous` or `result`", () => {
  it("begins as one into the result of a task does", () => {
    const from = scope({}, { previous: { result: { score: 9 } }, result: { content: 1 }, item: { result: { x: 1 } } })
    assert.strictEqual(resolve("${previous.score}", from), 9)
    assert.strictEqual(resolve("${previous.result.score}", from), 9)
    assert.strictEqual(resolve("${result.result.content}", from), 1)
    assert.deepStrictEqual(resolve("${previous}", from), { result: { score: 9 } })
    assert.match(issue("${previous.scor}", from), /`previous` has no \.scor .*, did you mean "score"\?/)
    assert.match(issue("${item.x}", from), /`item` has no \.x/)
    const first = scope({}, { previous: null })
    assert.strictEqual(resolve("${previous}", first), null)
    assert.strictEqual(resolve("${previous.score ?? 0}", first), 0)
    assert.match(issue("${previous.score}", first), /`previous` has no \.score \(it is null\)/)
  })
})

describe("a reference resolves", () => {
  const { prop } = it

  prop("to the value itself when a string is nothing else", { value: Schema.Json }, ({ value }) => {
    assert.strictEqual(resolve("${t}", scope({ t: done(value) })), value)
    assert.strictEqual(resolve("${ t.result }", scope({ t: done({ result: value }) })), value)
    assert.strictEqual(resolve("${inputs.x}", scope({}, { inputs: { x: value } })), value)
  })

  prop("into text as it is when it is text, else as JSON", { value: Schema.Json }, ({ value }) => {
    const written = typeof value === "string" ? value : JSON.stringify(value)
    assert.strictEqual(resolve("<${t}|${t}>", scope({ t: done(value) })), `<${written}|${written}>`)
  })

  prop("once: what a value holds stays text", { pieces }, ({ pieces }) => {
    const value = pieces.join("")
    const text = resolve("1${a}2${b}3", scope({ a: done(`${value}\${b}`), b: done("$${a}") }))
    assert.strictEqual(text, `1${value}\${b}2$\${a}3`)
  })

  it("and leaves an escaped one as text", () => {
    assert.strictEqual(resolve("$${a} ${a} $$${a} $", scope({ a: done(1) })), "${a} 1 $${a} $")
    assert.strictEqual(resolve("${'$'}${a}", scope({ a: done(1) })), "$1")
  })

  it("with astral characters and -0 unharmed", () => {
    assert.strictEqual(resolve("🦊${a}🦊", scope({ a: done("𝒳") })), "🦊𝒳🦊")
    assert.isTrue(Object.is(resolve("${a}", scope({ a: done(-0) })), -0))
  })

  it("to a value of any depth", () => {
    let deep: Schema.Json = 1
    for (let i = 0; i < 20_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep }
    assert.strictEqual(resolve("${t}", scope({ t: done(deep) })), deep)
    assert.match(issue("text ${t}", scope({ t: done(deep) })), /nested too deeply/)
  })

  it("from the first alternative that has a value", () => {
    const from = scope({ a: skipped, b: done({ x: 1 }), t: broken })
    assert.strictEqual(resolve("${a.x ?? b.x}", from), 1)
    assert.strictEqual(resolve("${a ?? t ?? b.x ?? 2}", from), 1)
    assert.strictEqual(resolve("${b.y ?? 'no'}", from), "no")
    assert.strictEqual(resolve("<${b.y ?? 5}>", from), "<5>")
    assert.match(issue("${a.x ?? b.y}", from), /task "a" was skipped and has no value; task "b" has no \.y/)
  })

  it("never from what stands behind an unknown name", () => {
    assert.match(issue("${c ?? 'x'}", scope({})), /"c" is neither a task/)
  })

  it("to a task's failure and status", () => {
    const from = scope({ a: skipped, b: done({ error: "own" }), t: broken, work: done({ x: 1 }) })
    assert.strictEqual(resolve("${t.error}", from), broken.error)
    assert.strictEqual(resolve("${t.error.name}", from), "TASK_EXECUTION_FAILED")
    assert.strictEqual(resolve("${a.error}", from), null)
    assert.strictEqual(resolve("${work.error}", from), null)
    assert.strictEqual(resolve("${b.error}", from), "own")
    assert.strictEqual(resolve('${tasks["t"].error.code}', from), -29002)
    assert.strictEqual(resolve('${tasks["a"].status}', from), "skipped")
    assert.strictEqual(resolve("${tasks.t.status}/${tasks.b.status}", from), "failed/completed")
    assert.match(issue("${work.error.name}", from), /\.error is null/)
  })

  it("over the items of a foreach", () => {
    const items = [{ content: { x: 1 } }, { result: { content: { x: 2 } } }]
    const from = scope({ work: fan(items, [{ index: 1, error: { name: "E" } }]), t: fan([1, 2]) })
    assert.strictEqual(resolve("${work}", from), items)
    assert.deepStrictEqual(resolve("${work.content}", from), [{ x: 1 }, { x: 2 }])
    assert.deepStrictEqual(resolve("${work.content.x}", from), [1, 2])
    assert.deepStrictEqual(resolve("${work[1].content}", from), { x: 2 })
    assert.strictEqual(resolve("${work[1].content.x}", from), 2)
    assert.strictEqual(resolve("${work.content[1].x}", from), 2)
    assert.strictEqual(resolve("${work.failures[0].error.name}", from), "E")
    assert.strictEqual(resolve("${work.error}", from), null)
    assert.deepStrictEqual(resolve("${t.result}", from), [1, 2])
    assert.match(issue("${work.contnt}", from), /item \[0\] of task "work" has no \.contnt .*did you mean "content"/)
    assert.match(issue("${work.content.y}", scope({ work: fan([{ content: { result: { y: 1 } } }]) })), /has no/)
    assert.match(issue("${work[2].content}", from), /has no \[2\] \(it is a list of 2\)/)
    assert.deepStrictEqual(resolve("${work.x}", scope({ work: fan([]) })), [])
  })

  it("or says what is missing, what is there and what is near", () => {
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`f${i}`, i]))
    const from = scope(
      { t: done({ words: 1, result: { lines: 2 } }), a: done(many), b: skipped },
      { inputs: { limit: 1 } }
    )
    assert.strictEqual(
      issue("${t.wrds}", from),
      '${t.wrds}: task "t" has no .wrds (it has words, result, lines), did you mean "words"?'
    )
    assert.match(issue("${t.line}", from), /did you mean "lines"/)
    assert.match(issue("${a.x}", from), /\(it has f0, f1, f2, f3, f4, f5, f6, f7 and 3 more\)/)
    assert.match(issue("${inputs.limt}", from), /`inputs` has no \.limt \(it has limit\), did you mean "limit"/)
    assert.match(issue("${item.x}", from), /there is no `item` here/)
    assert.match(issue("${b.x}", from), /task "b" was skipped and has no value/)
    assert.match(issue("${work.x}", from), /task "work" is not over/)
  })
})

describe("a reference to a whole task", () => {
  const Id = Schema.Array(
    Schema.Literals(["a", "b", "5", "null", "🦊", " ", ".", "[", "]", "??", "'", '"', "-", "\\", "inputs", "tasks"])
  )

  it.prop(
    "is written so that it means that task, whatever its id",
    { parts: Id, more: Schema.Array(Id) },
    ({ more, parts }) => {
      const id = `i${parts.join("")}`
      for (const one of [id, parts.join("")].filter((one) => !["", "inputs", "tasks"].includes(one))) {
        const known = new Map([one, ` ${one}`, `${one}.x`, ...more.map((one) => one.join(""))].map((id) => [id, id]))
        const [part, ...others] = Reference.parse(Reference.ofTask(one, known), known)
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual(typeof part === "object" ? part.alternatives : part, [
          { kind: "task", task: one, path: [] }
        ])
      }
    }
  )
})

describe("a tree", () => {
  const { prop } = it

  prop("without references is handed on as it is", { tree: Schema.Json }, ({ tree }) => {
    if (!JSON.stringify(tree).includes("${")) assert.strictEqual(resolve(tree, scope({})), tree)
  })

  prop(
    "is resolved in place, and else is what it was",
    { tree: Schema.Json, other: Schema.Json },
    ({ other, tree }) => {
      const template = Reference.compile({ a: [tree, { b: "${t}" }], other }, names)
      const before = JSON.stringify({ tree, other })
      const value = { found: true }
      const resolved = Result.getOrThrow(template.resolve(scope({ t: done(value) })))
      assert.deepStrictEqual(resolved, { a: [tree, { b: value }], other })
      assert.strictEqual(JSON.stringify({ tree, other }), before)
      assert.deepStrictEqual(
        template.references.map(({ at }) => at),
        [["a", 1, "b"]]
      )
      assert.isTrue(typeof resolved === "object" && resolved !== null && Reflect.get(resolved, "other") === other)
    }
  )

  it("stays a template", () => {
    const tree = { a: [{ b: "${a}" }] }
    const template = Reference.compile(tree, names)
    for (const value of [1, 2]) {
      assert.deepStrictEqual(template.resolve(scope({ a: done(value) })), Result.succeed({ a: [{ b: value }] }))
    }
    assert.deepStrictEqual(tree, { a: [{ b: "${a}" }] })
  })

  it("keeps its order, and keys are no templates", () => {
    const tree = { z: "${a}", "${a}": 1, y: ["${b}", "${a}"] }
    const template = Reference.compile(tree, names)
    const resolved = Result.getOrThrow(template.resolve(scope({ a: done(1), b: done(2) })))
    assert.strictEqual(JSON.stringify(resolved), '{"z":1,"${a}":1,"y":[2,1]}')
    assert.deepStrictEqual(
      template.references.map(({ at, raw }) => [at, raw]),
      [
        [["z"], "${a}"],
        [["y", 0], "${b}"],
        [["y", 1], "${a}"]
      ]
    )
  })

  it("may have a key `__proto__`", () => {
    const tree: Schema.Json = JSON.parse('{"__proto__": {"x": "${a}"}, "y": "${a}"}')
    const resolved = resolve(tree, scope({ a: done(1) }))
    assert.strictEqual(JSON.stringify(resolved), '{"__proto__":{"x":1},"y":1}')
    assert.isUndefined(Reflect.get({}, "x"))
  })

  it("may be deeper than the call stack", () => {
    let deep: Schema.Json = "${a}"
    for (let i = 0; i < 20_000; i++) deep = [deep]
    let found = resolve(deep, scope({ a: done("end") }))
    while (Array.isArray(found)) found = found[0]
    assert.strictEqual(found, "end")
  })

  it("fails with the first reference that has no value", () => {
    assert.match(issue({ a: "${a}", b: ["${t}"] }, scope({ a: skipped, t: skipped })), /task "a"/)
  })
})

describe("a secret", () => {
  const compile = (json: Schema.Json) => Reference.compile(json, names, new Set(["key", "a b"]))
  const resolved = (template: Reference.Template, from = scope({ a: done("you") }, { inputs: { open: 1 } })) =>
    Result.getOrThrow(template.resolve(from))

  it("is a marker until the call is made", () => {
    const template = compile({
      x: "${secrets.T}",
      y: ["Bearer ${secrets.T} for ${a}", "${inputs.open}"],
      z: "${inputs.key}",
      w: '${inputs["a b"]}:${secrets.T}'
    })
    assert.deepStrictEqual(template.secrets, [["x"], ["y", 0], ["z"], ["w"]])
    assert.deepStrictEqual(resolved(template), {
      x: { $secret: "T" },
      y: [{ $secret: ["Bearer ", { name: "T" }, " for you"] }, 1],
      z: { $secret: "inputs.key" },
      w: { $secret: [{ name: "inputs.a b" }, ":", { name: "T" }] }
    })
    const values = new Map([
      ["T", "s3"],
      ["inputs.key", "k"],
      ["inputs.a b", "ab"]
    ])
    assert.deepStrictEqual(SecretMarker.fill(resolved(template), template.secrets, values), {
      x: "s3",
      y: ["Bearer s3 for you", 1],
      z: "k",
      w: "ab:s3"
    })
  })

  it("cannot be forged by a value", () => {
    const template = compile({ x: "${a}", y: "${secrets.T}${a}" })
    const forged = { $secret: "OTHER" }
    assert.deepStrictEqual(template.secrets, [["y"]])
    assert.deepStrictEqual(resolved(template, scope({ a: done(forged) })), {
      x: forged,
      y: { $secret: [{ name: "T" }, JSON.stringify(forged)] }
    })
  })

  it("has no path and no alternative", () => {
    const failing = (json: Schema.Json) => compile(json).references.flatMap(({ alternatives }) => alternatives)
    for (const text of ["${inputs.key.x}", "${inputs.key ?? 'x'}", "${a ?? inputs.key}", "${a ?? secrets.T}"]) {
      assert.isTrue(
        failing(text).some(({ kind }) => kind === "unknown"),
        text
      )
      assert.isTrue(Result.isFailure(compile(text).resolve(scope({ a: done(1) }))), text)
      assert.deepStrictEqual(compile(text).secrets, [], text)
    }
  })
})

describe("code", () => {
  const code = (source: string, from: Reference.Scope) =>
    Result.getOrThrow(Reference.compileCode(source, names).resolve(from))

  it("gets its references as values beside it", () => {
    assert.deepStrictEqual(code("x = ${a.x}\ny = '${b}' + ${a.x}", scope({ a: done({ x: "'; rm" }), b: done(2) })), {
      source: "x = ${a.x}\ny = '${b}' + ${a.x}",
      segments: [
        "x = ",
        { ref: "r0", raw: "${a.x}" },
        "\ny = '",
        { ref: "r1", raw: "${b}" },
        "' + ",
        { ref: "r0", raw: "${a.x}" }
      ],
      values: { r0: "'; rm", r1: 2 }
    })
  })

  it("stays code when it is one reference, or has none", () => {
    assert.deepStrictEqual(code("${a}", scope({ a: done("print(1)") })), {
      source: "${a}",
      segments: [{ ref: "r0", raw: "${a}" }],
      values: { r0: "print(1)" }
    })
    assert.deepStrictEqual(code("f'$${x}'", scope({})), { source: "f'${x}'", segments: ["f'${x}'"], values: {} })
  })

  it("knows where it stands, and where its secrets are", () => {
    const template = Reference.compileCode("k = ${secrets.T}\n${a}", names, new Set(), { file: "w.yaml", line: 7 })
    assert.deepStrictEqual(template.secrets, [["values", "r0"]])
    assert.deepStrictEqual(Result.getOrThrow(template.resolve(scope({ a: done(1) }))), {
      source: "k = ${secrets.T}\n${a}",
      segments: ["k = ", { ref: "r0", raw: "${secrets.T}" }, "\n", { ref: "r1", raw: "${a}" }],
      origin: { file: "w.yaml", line: 7 },
      values: { r0: { $secret: "T" }, r1: 1 }
    })
    assert.isTrue(Result.isFailure(template.resolve(scope({ a: skipped }))))
  })

  it.prop("is the source again, put together from its segments", { pieces }, ({ pieces }) => {
    const source = pieces.join("")
    const template = Reference.compileCode(source, names)
    if (template.references.some(({ alternatives }) => alternatives.some(({ kind }) => kind === "unknown"))) return
    const everything = scope({ a: done({ x: 1, k: 1, "0": 1 }) }, {})
    const resolved = template.resolve(everything)
    if (Result.isFailure(resolved)) return
    const { segments } = Schema.decodeUnknownSync(
      Schema.Struct({ segments: Schema.Array(Schema.Union([Schema.String, Schema.Struct({ raw: Schema.String })])) })
    )(resolved.success)
    const whole = segments
      .map((one) => (typeof one === "string" ? one.replaceAll("${", () => "$${") : one.raw))
      .join("")
    assert.strictEqual(whole, source)
  })
})

describe("the tasks of a reference", () => {
  const needs = (text: string) => Reference.needs(only(text))

  it("are those it speaks of", () => {
    assert.deepStrictEqual(Reference.tasks(only("${A Label.x ?? b.y ?? a.z ?? inputs.q ?? 1}")), ["a", "b"])
  })

  it("are needed when it can have no value without them", () => {
    assert.deepStrictEqual(needs("${a.x}"), ["a"])
    assert.deepStrictEqual(needs('${tasks["v1.2"].x}'), ["v1.2"])
    assert.deepStrictEqual(needs("${a.x ?? a.y}"), ["a"])
    assert.deepStrictEqual(needs("${a.x ?? b.x}"), [])
    assert.deepStrictEqual(needs("${a.x ?? 'x'}"), [])
    assert.deepStrictEqual(needs("${a.error.name}"), [])
    assert.deepStrictEqual(needs('${tasks["a"].status}'), [])
    assert.deepStrictEqual(needs("${inputs.x}"), [])
    assert.deepStrictEqual(needs("${a.x ?? a.error}"), [])
  })
})
