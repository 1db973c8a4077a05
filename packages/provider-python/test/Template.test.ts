import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { bound, execute, value } from "./Tasks.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const Outcomes = Schema.Struct({
  version: Schema.Tuple([Schema.Int, Schema.Int]),
  outcomes: Schema.Array(
    Schema.Union([
      Schema.Struct({ value: Schema.Json }),
      Schema.Struct({ error: Schema.String, line: Schema.Int, column: Schema.Int, text: Schema.NullOr(Schema.String) }),
      Schema.Struct({ raised: Schema.String })
    ])
  )
})

/** Binds and runs all of them in one process. */
const outcomes = (cases: ReadonlyArray<ReturnType<typeof bound>>) =>
  Effect.map(
    execute({ file: path("fixtures/bind.py"), args: { folder: path("../src/python"), cases } }),
    ({ result }) => Schema.decodeUnknownSync(Outcomes)(result)
  )

const each = (v: Schema.Json) => ({ v })

describe("a value inside a string of Python", () => {
  const shapes: ReadonlyArray<readonly [string, (text: string) => string]> = [
    [`result = "\${v}"`, (text) => text],
    [`result = '\${v}'`, (text) => text],
    [`result = """\${v}"""`, (text) => text],
    [`result = '''a\${v}b'''`, (text) => `a${text}b`],
    [`result = r"\\d\${v}"`, (text) => `\\d${text}`],
    [`k = 1\nresult = f"{k}\${v}{{}}"`, (text) => `1${text}{}`],
    [`result = rf'\\{1}\${v}'`, (text) => `\\1${text}`],
    [`result = ("p" "\${v}" 's')`, (text) => `p${text}s`],
    [`result = "\\\${v}"`, (text) => `\\${text}`],
    [`result = "a\\t\${v}\\\\"`, (text) => `a\t${text}\\`],
    [`result = b"x\${v}"`, (text) => `x${text}`],
    [`result = f"{'\${v}'}"`, (text) => text],
    [`def f():\n  return "\${v}\${v}"\nresult = f()`, (text) => text + text],
    [`result = \${v}`, (text) => text],
    [`result = f"{\${v}}"`, (text) => text],
    [`# \${v}\nresult = 0`, () => "0"]
  ]
  const pieces = Schema.Literals([
    `"`,
    `'`,
    `"""`,
    "'''",
    "\\",
    "\n",
    "\r",
    "{",
    "}",
    "$",
    "${v}",
    "${",
    "#",
    "%s",
    "\0",
    "é",
    "\u2028",
    "🦊",
    "\ud800",
    "_",
    "x",
    " ",
    "\t",
    ")",
    "]",
    `__import__('os').system('exit 3')`,
    "result = 1"
  ])
  const texts = Schema.Array(Schema.Array(pieces)).check(Schema.isMinLength(40))

  it.live.prop(
    "comes out unchanged and unexecuted, whatever it is and however it is quoted",
    { texts },
    ({ texts }) =>
      Effect.gen(function* () {
        const cases = texts.flatMap((one) =>
          shapes.map(([source, expected]) => ({ text: one.join(""), source, expected }))
        )
        const found = yield* outcomes(cases.map(({ source, text }) => bound(source, each(text))))
        for (const [index, { expected, source, text }] of cases.entries()) {
          const outcome = found.outcomes[index]
          const wanted = source.startsWith("#") ? 0 : expected(text)
          assert.deepStrictEqual(outcome, { value: wanted }, `${source} with ${JSON.stringify(text)}`)
        }
      }),
    { arbitrary: { runs: 3 } }
  )
})

it.live("a reference is a value wherever Python takes one", () =>
  Effect.gen(function* () {
    const cases: ReadonlyArray<readonly [Schema.Json, string, { readonly [name: string]: Schema.Json }]> = [
      [
        { t: true, n: null, f: 1.5 },
        "result = ${Load Data.result}",
        { "Load Data.result": { t: true, n: null, f: 1.5 } }
      ],
      [2, `data = \${Load Data.result}; result = len(data["rows"])`, { "Load Data.result": { rows: [1, 2] } }],
      ["v=3", `result = f"v={len(\${v})}"`, each([1, 2, 3])],
      ["v=7", `result = f'v={\${v}["k"]}'`, each({ k: 7 })],
      ["    5", `result = f"{5:\${v}}"`, each(5)],
      ["{x} 'it'", `result = f"{{x}} {\${v}!r}"`, each("it")],
      [-8, "result = ${v}**3", each(-2)],
      ["5", "result = ${v}.__str__()", each(5)],
      [{ a: [1, null, `"'`] }, "import json\nresult = json.loads('${v}')", each({ a: [1, null, `"'`] })],
      [`{"a":[1,null,true]}`, `result = "\${v}"`, each({ a: [1, null, true] })],
      [["${w}|2", "x"], `result = ["\${v}|\${w}", "\${x}"]`, { v: "${w}", w: 2, x: "x" }],
      [[[1, 9], [1]], "x = ${v}\nx.append(9)\nresult = (x, ${v})", each([1])],
      [`d"'\\`, `def f():\n  "d\${v}"\nresult = f.__doc__`, each(`"'\\`)],
      [[{ k: 1 }, "b", 3], `result = ({\${v}: 1}, "abc"[\${i}], (lambda q=\${n}: q)())`, { v: "k", i: 1, n: 3 }],
      [[1, 2], "result = [x for x in ${v} if x in ${v}]", each([1, 2])],
      [3, "class A:\n  n = ${v}\n  def f(self): return self.n + ${v}\nresult = A().f() - ${v}", each(3)],
      [null, "${v}", each("result = 1")],
      [[1, 2, 3, 4], "result = ${a} + ${b}", { a: [1, 2], b: [3, 4] }]
    ]
    const { outcomes: found } = yield* outcomes(cases.map(([, source, values]) => bound(source, values)))
    for (const [index, [value, source]] of cases.entries()) assert.deepStrictEqual(found[index], { value }, source)
  })
)

it.live("a reference where Python needs a name is an error that shows where", () =>
  Effect.gen(function* () {
    const sources = [
      "x${v} = 1",
      "${v} = 1",
      "import os\nos.${v}",
      "dict(${v}=1)",
      "import ${v}",
      "from os import ${v}",
      "def ${v}(): pass",
      "class A(${v}x): pass",
      "for ${v} in []: pass",
      "global ${v}",
      "del ${v}",
      "lambda ${v}: 1",
      "result = ${v}${v}",
      "try:\n  pass\nexcept Exception as ${v}:\n  pass"
    ]
    const numbers = ["result = 1${v}", "result = 0x${v}", "result = 0b1${v}", "result = 1.5${v}"]
    const { outcomes: found } = yield* outcomes(
      [...sources, ...numbers].map((source) => bound(source, each("__import__('os')")))
    )
    for (const [index, source] of sources.entries()) {
      const outcome = found[index]
      if (outcome === undefined || !("error" in outcome)) return assert.fail(`${source}: ${JSON.stringify(outcome)}`)
      const line = source.split("\n").findIndex((line) => line.includes("${v}"))
      const column = (source.split("\n")[line] ?? "").indexOf("${v}") + 1
      assert.strictEqual(outcome.error, "${v} stands where Python needs a name, and it is a value", source)
      assert.deepStrictEqual([outcome.line, outcome.column], [line + 1, column], source)
      assert.include(outcome.text ?? "", "${v}")
    }
    for (const [index, source] of numbers.entries()) {
      const outcome = found[sources.length + index]
      assert.isTrue(outcome !== undefined && "error" in outcome, `${source}: ${JSON.stringify(outcome)}`)
    }
  })
)

it.live("a syntax error stands where it stands, and shows the references as they were written", () =>
  Effect.gen(function* () {
    const source = `x = 1\ny = "\${some task.content}" + + = 2`
    const { outcomes: found } = yield* outcomes([bound(source, { "some task.content": "a\nb\nc" })])
    const [outcome] = found
    if (outcome === undefined || !("error" in outcome)) return assert.fail(JSON.stringify(outcome))
    assert.deepStrictEqual([outcome.line, outcome.column], [2, source.split("\n")[1]!.lastIndexOf("=") + 1])
    assert.include(outcome.text ?? "", "${some task.content}")
  })
)

it.live("whatever names are drawn, none goes on with a number, and a value that is one of them stays a text", () =>
  Effect.gen(function* () {
    const found = yield* value(
      `
import sys
sys.path.insert(0, args)
import template

def bind(segments, values, drawn):
    template.os.urandom = lambda size: bytes([drawn(size)]) * size
    return template.bind(segments, values, "<task>", 1, lambda value: value)

taken = []
for number in ["1", "0x", "0xa", "0b1", "0o7", "1.5", "1e5", "1_0", "0"]:
    for byte in range(256):
        try:
            bind(["x = " + number, {"ref": "v", "raw": "$\x7bv}"}], {"v": 1}, lambda size: byte)
            taken.append([number, byte])
        except SyntaxError:
            pass
letters = template.LETTERS
segments = ["x = '", {"ref": "a", "raw": "$\x7ba}"}, {"ref": "b", "raw": "$\x7bbb}"}, "'"]
values = {"a": "_" + letters[4] * 4, "b": "_" + letters[3] * 3}
tree, _ = bind(segments, values, lambda size: size)
scope = {}
exec(compile(tree, "<task>", "exec"), scope)
result = [taken, scope["x"] == values["a"] + values["b"]]`,
      { args: path("../src/python") }
    )
    assert.deepStrictEqual(found, [[], true])
  })
)
