/** Values and sources at the edge of what there is. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fit } from "./Interpreters.ts"
import { missing } from "./LevelsHere.ts"
import { bound, call, execute, failure, standard, value, type Chunk } from "./Tasks.ts"

const [, newest] = fit.findLast(([version]) => Number(version.split(".")[1]) >= 12) ?? []

const big = { $type: "int", value: "1180591620717411303424" }
const infinite = { $type: "float", value: "-inf" }
const bytes = { $type: "bytes", base64: "AP8=" }

describe("a value in code", () => {
  it.live("that ends in a backslash or a quote ends no string", () =>
    Effect.gen(function* () {
      for (const end of ["\\", "\\\\", `"`, `'`, `"""`, `\\"`, `\\'`, "\\\n"]) {
        const code = `result = ["\${v}", '\${v}', r"\${v}", f'\${v}', """\${v}""", b"\${v}".decode()]`
        assert.deepStrictEqual(yield* value(bound(code, { v: `x${end}` })), Array(6).fill(`x${end}`), end)
      }
    })
  )

  it.live("that looks like another reference, or like its name in the tree, stays what it is", () =>
    Effect.gen(function* () {
      const values = { a: "${b} ${a} $${b}", b: "_ghikmn" }
      assert.deepStrictEqual(yield* value(bound('result = ["${a}${b}", ${a}]', values)), [
        "${b} ${a} $${b}_ghikmn",
        "${b} ${a} $${b}"
      ])
    })
  )

  it.live("is found by any name that a task may have", () =>
    Effect.gen(function* () {
      const values = { "Load Data.result": 1, "größe.x": 2, "🦊[0].y": 3, "a ?? 'b'": 4 }
      const code = "result = [${Load Data.result}, ${größe.x}, ${🦊[0].y}, ${a ?? 'b'}]"
      assert.deepStrictEqual(yield* value(bound(code, values)), [1, 2, 3, 4])
    })
  )

  it.live("may hold half a character, or NUL", () =>
    Effect.gen(function* () {
      const strange = "a\ud800\0\udfffz"
      const code = 'result = ["${v}", ${v}, f"{1}${v}", args]'
      assert.deepStrictEqual(yield* value(bound(code, { v: strange }), { args: strange }), [
        strange,
        strange,
        `1${strange}`,
        strange
      ])
    })
  )

  it.live("that JSON has no number for is that number in a text too", () =>
    Effect.gen(function* () {
      const code = "import json\nresult = ['${n}', json.loads('${n}') == ${n}, \"${f}\", '${l}']"
      assert.deepStrictEqual(yield* value(bound(code, { n: big, f: infinite, l: [big, bytes] })), [
        big.value,
        true,
        "-Infinity",
        `[${big.value},${JSON.stringify(bytes)}]`
      ])
      const whole = { n: big, i: infinite, b: bytes, s: 2 ** 53 }
      assert.deepStrictEqual(yield* value(bound("result = ${v}", { v: whole })), whole)
    })
  )

  it.live("is text in bytes, and bytes are bytes there", () =>
    Effect.gen(function* () {
      const code = "result = [b'${t}' == 'grüße'.encode(), b'<${b}>' == b'<\\x00\\xff>', ${b} == b'\\x00\\xff']"
      assert.deepStrictEqual(yield* value(bound(code, { t: "grüße", b: bytes })), [true, true, true])
    })
  )

  it.live.skipIf(newest === undefined)("stands in a string within an expression of a string of the same quotes", () =>
    Effect.gen(function* () {
      const code = `result = [f"{"\${v}"}", f"{f"{\${v}!r:>5}"}", f'{'''\${v}'''}\\N{EN DASH}']`
      const options = newest === undefined ? {} : { python: newest }
      assert.deepStrictEqual(yield* value(bound(code, { v: `"'` }), options), [`"'`, `'"\\''`.padStart(5), `"'\u2013`])
    })
  )

  it.live("does not make Python warn of an escape that nobody wrote", () =>
    Effect.gen(function* () {
      for (const [version, python] of fit) {
        const { result, stderr } = yield* execute({ code: bound('result = "\\${v}"', { v: "x" }), python })
        assert.deepStrictEqual([result, stderr], ["\\x", ""], version)
      }
    })
  )
})

describe("a source that is no Python", () => {
  const origin = { file: "w.yaml", line: 5 }
  const errorOf = (source: string, values: { readonly [name: string]: Schema.Json }, python?: string) =>
    Effect.map(
      failure(execute({ code: bound(source, values, origin), ...(python === undefined ? {} : { python }) })),
      ({ message }) => message
    )

  it.live("is told as such when it holds NUL or half a character", () =>
    Effect.gen(function* () {
      assert.include(yield* failure(value("x = 'a\0'")).pipe(Effect.map(({ message }) => message)), "null bytes")
      const half = yield* failure(value("x = 'a\ud800'"))
      assert.include(half.message, "surrogates not allowed")
    })
  )

  it.live("points at the sign where it goes wrong, also behind a name with letters of many bytes", () =>
    Effect.gen(function* () {
      const message = yield* errorOf("x = 1\ny = ${größe} ${größe}.größe = 2", { größe: 1 })
      const lines = message.split("\n")
      assert.match(lines[0] ?? "", /^SyntaxError: .*\(w\.yaml:6\)$/)
      const shown = lines.find((line) => line.includes("y = ")) ?? ""
      const mark = lines.find((line) => /^\s*\^/.test(line)) ?? ""
      // from version to version it is the first reference, or what follows it
      assert.oneOf(shown.slice(mark.indexOf("^")).split(" ")[0], ["${größe}", "${größe}.größe", "="])
      const wrong = yield* errorOf("a = ${größe}; b.${größe}", { größe: 1 })
      assert.include(wrong, "${größe} stands where Python needs a name, and it is a value (w.yaml:5)")
      const [, text = "", marks = ""] = wrong.split("\n").slice(1)
      assert.strictEqual(text.slice(marks.indexOf("^")), "${größe}")
    })
  )

  it.live("points at it in the code, whatever the file of that name has there", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "gleitzeit-python-"))
      const file = join(folder, "w.yaml")
      writeFileSync(file, "      code: |\n        for = 3 + ${v}\n")
      const marked = (source: string) =>
        Effect.map(failure(execute({ code: bound(source, { v: 1 }, { file, line: 2 }) })), ({ message }) => {
          const [shown = "", marks = ""] = message.split("\n").slice(-3)
          return shown.slice(marks.search(/[~^]/))
        })
      assert.strictEqual(yield* marked("for = 3"), "= 3")
      assert.strictEqual(yield* marked("for = 3 + ${v}\n"), "= 3 + ${v}")
      // whatever else is shown of it, the last line has an end
      const raised = (yield* failure(execute({ code: "1 / 0" }))).message.split("\n")
      assert.include(["    1 / 0", "    ~~^~~"], raised.at(-2))
      rmSync(folder, { recursive: true })
    })
  )

  it.live("has its line also where it stands within a string, on each Python", () =>
    Effect.gen(function* () {
      for (const [version, python] of fit) {
        const message = yield* errorOf('x = "${v}"\ny = f"{1 +} ${v}"', { v: "x" }, python)
        assert.match(message, /^SyntaxError: .*\(w\.yaml:6\)/, version)
        const named = yield* errorOf('x = "${v}"\n\ny = f"{x${v}}"', { v: "x" }, python)
        assert.include(named, "${v} stands where Python needs a name, and it is a value (w.yaml:7)", version)
      }
    })
  )

  it.live("has the line of a reference that goes over several", () =>
    Effect.gen(function* () {
      const code = {
        source: "x = 1\ny = ${a ??\n1}",
        segments: ["x = 1\ny = ", { ref: "r", raw: "${a ??\n1}" }],
        values: { r: 1 },
        origin
      }
      assert.include((yield* failure(execute({ code }))).message, "does not stand on one line (w.yaml:6)")
    })
  )
})

describe("generated code", () => {
  const made = (text: Schema.Json) => bound("${draft.content}\n", { "draft.content": text })

  it.live("is run where it is isolated, and only there", () =>
    Effect.gen(function* () {
      const code = made("x = [n * n for n in args]\nresult = sum(x)")
      assert.strictEqual(yield* value(code, { args: [1, 2, 3], sandbox: true }), 14)
      for (const sandbox of [false, "none", "rlimit"]) {
        assert.include((yield* failure(value(code, { sandbox }))).message, "generated code is run in a sandbox only")
      }
      const network = yield* failure(value(made("import socket\nsocket.socket()"), { sandbox: true }))
      assert.include(network.message, "PermissionError")
      const wrong = yield* failure(value(made("x = = 1"), { sandbox: true }))
      assert.match(wrong.message, /^SyntaxError: invalid syntax \(<task>:1\)/)
      const list = yield* failure(value(made([1]), { sandbox: true }))
      assert.include(list.message, "`code` is nothing but ${draft.content}, and its value is no text")
      const packages = yield* failure(value(made("# /// script\n# ///\n"), { sandbox: true }))
      assert.include(packages.message, "inline script metadata")
      const read = yield* call(standard, "python/validate", { code: made("x = = 1") })
      assert.deepInclude(read, { valid: false })
    }).pipe(process.platform === "linux" ? (effect) => effect : () => Effect.void)
  )
})

describe("a failure", () => {
  it.live("is told however long its words are", () =>
    Effect.gen(function* () {
      const long = `type("E" * 100_000, (Exception,), {})("💥" * 100_000)`
      const { data } = yield* failure(execute({ code: `raise ${long}` }))
      assert.deepInclude(data, { type: "E".repeat(400), line: 1 })
      const code = `progress(message="💥" * 100_000)\nlog("💥" * 100_000)\nresult = 1`
      assert.strictEqual(yield* value(code), 1)
    })
  )

  it.live("names the Python that lacks a module, what a script said last, and the level that refuses", () =>
    Effect.gen(function* () {
      const module = yield* failure(execute({ code: "import nowhere_at_all" }))
      assert.match(
        module.message,
        /^ModuleNotFoundError: No module named 'nowhere_at_all': \/\S+ has it not, `python` names another \(<task>:1\)/
      )
      const ended = yield* failure(value("import sys\nprint('a\\nno such table', file=sys.stderr)\nsys.exit(2)"))
      assert.match(ended.message, /^SystemExit: 2: no such table \(<task>:3\)\n/)
      const told = yield* failure(value("import sys\nsys.exit('no such table')"))
      assert.match(told.message, /^SystemExit: no such table \(<task>:2\)\n/)
      const round = yield* failure(value("result = []\nresult.append(result)"))
      assert.match(round.message, /^ValueError: the result cannot be recorded: result\[0\] holds itself/)
      if (missing.strict !== null) return
      const refused = (sandbox: boolean) =>
        Effect.map(failure(value("raise PermissionError(13, 'no')", { sandbox })), ({ message }) => message)
      assert.match(yield* refused(true), /^PermissionError: \[Errno 13\] no: `sandbox` is strict \(<task>:1\)\n/)
      assert.notInclude(yield* refused(false), "sandbox")
    })
  )
})

describe("a file", () => {
  it.live("that asks for packages is refused with what to do", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "gleitzeit-python-"))
      const file = join(folder, "a.py")
      writeFileSync(file, '# /// script\n# dependencies = ["requests"]\n# ///\nresult = 1\n')
      const { message, name } = yield* failure(execute({ file })).pipe(
        Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true })))
      )
      assert.strictEqual(name, "INVALID_PARAMS")
      assert.include(message, "`file`: the source has inline script metadata")
    })
  )

  it.live("that is too large to be read is refused with why", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "gleitzeit-python-"))
      const file = join(folder, "large.py")
      writeFileSync(file, "")
      // it takes no room
      truncateSync(file, 3 * 1024 ** 3)
      const { message, name } = yield* failure(execute({ file })).pipe(
        Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true })))
      )
      assert.strictEqual(name, "INVALID_PARAMS")
      assert.include(message, `\`file\`: the file ${file} cannot be read: `)
    })
  )
})

describe("a result", () => {
  it.live("keeps what is like a list, a mapping or a length of time", () =>
    Effect.gen(function* () {
      const found = yield* value(`
import array, collections, datetime, enum, types
class Color(str, enum.Enum):
    RED = "red"
d = {"a": 1}
result = {
  "range": range(3), "keys": d.keys(), "values": d.values(), "items": d.items(), "proxy": types.MappingProxyType(d),
  "array": array.array("i", [1, 2]), "view": memoryview(b"\\x00\\xff"), "user": collections.UserDict(d),
  "chain": collections.ChainMap(d), "counter": collections.Counter("aab"), "took": datetime.timedelta(minutes=1.5),
  Color.RED: Color.RED, datetime.date(2026, 1, 2): 1, 1.5: 2, (1, 2): 3,
}`)
      assert.deepStrictEqual(found, {
        range: [0, 1, 2],
        keys: ["a"],
        values: [1],
        items: [["a", 1]],
        proxy: { a: 1 },
        array: [1, 2],
        view: bytes,
        user: { a: 1 },
        chain: { a: 1 },
        counter: { a: 2, b: 1 },
        took: 90,
        red: "red",
        "2026-01-02": 1,
        "1.5": 2,
        "(1, 2)": 3
      })
    })
  )

  it.live("is 200 levels deep at most, on each Python", () =>
    Effect.gen(function* () {
      const code = "result = 1\nfor _ in range(args): result = [result] if args % 2 else {'k': result}"
      for (const [version, python] of fit) {
        for (const depth of [199, 200]) {
          const { success } = yield* execute({ code, args: depth, python })
          assert.isTrue(success, `${version} ${depth}`)
        }
        const { message } = yield* failure(execute({ code, args: 201, python }))
        assert.include(message, "nested more than 200 levels deep", version)
      }
    })
  )

  it.live("of numpy becomes numbers, lists and dates, where numpy is installed", () =>
    Effect.gen(function* () {
      const found = yield* value(`
try:
    import numpy
except ImportError:
    result = None
else:
    result = {
      "numbers": [numpy.int64(2**60), numpy.uint8(3), numpy.float32(0.5), numpy.bool_(True), numpy.longdouble(2)],
      "array": numpy.arange(6).reshape(2, 3), "point": numpy.array(7), "nan": numpy.float64("nan"),
      "dates": numpy.array(["2026-01-02T03:04:05.123456789", "NaT"], dtype="datetime64[ns]"),
      "grid": numpy.array([["2026-01-02"]], dtype="datetime64[D]"), "took": numpy.timedelta64(1500, "ms"),
      "text": numpy.array(["a"]), "row": numpy.array([(1, "x")], dtype=[("n", "i4"), ("t", "U1")]),
      "hidden": numpy.ma.masked_array([1, 2], mask=[False, True]), numpy.int64(5): numpy.str_("s"),
    }`)
      if (found === null) return
      assert.deepStrictEqual(found, {
        numbers: [{ $type: "int", value: String(2n ** 60n) }, 3, 0.5, true, 2],
        array: [
          [0, 1, 2],
          [3, 4, 5]
        ],
        point: 7,
        nan: { $type: "float", value: "nan" },
        dates: ["2026-01-02T03:04:05.123456789", null],
        grid: [["2026-01-02"]],
        took: 1.5,
        text: ["a"],
        row: [[1, "x"]],
        hidden: [1, null],
        "5": "s"
      })
    })
  )

  it.live("of pandas becomes rows and lists, where pandas is installed", () =>
    Effect.gen(function* () {
      const found = yield* value(`
try:
    import pandas
except ImportError:
    result = None
else:
    frame = pandas.DataFrame({"n": [1, 2], "t": ["a", None], "d": pandas.to_datetime(["2026-01-02", None])})
    result = {
      "frame": frame, "series": frame["n"], "index": frame.index, "columns": frame.columns, "dict": frame["n"].to_dict(),
      "kinds": pandas.Categorical(["x", "y"]), "none": [pandas.NA, pandas.NaT], "took": pandas.Timedelta("90s"),
      "month": pandas.Period("2026-01"), "empty": pandas.DataFrame(),
    }`)
      if (found === null) return
      assert.deepStrictEqual(found, {
        frame: [
          { n: 1, t: "a", d: "2026-01-02T00:00:00" },
          { n: 2, t: null, d: null }
        ],
        series: [1, 2],
        index: [0, 1],
        columns: ["n", "t", "d"],
        dict: { "0": 1, "1": 2 },
        kinds: ["x", "y"],
        none: [null, null],
        took: 90,
        month: "2026-01",
        empty: []
      })
    })
  )

  it.live("of a kind that nobody knows is told once for each kind", () =>
    Effect.gen(function* () {
      const chunks: Array<Chunk> = []
      const code = "class Odd: pass\nresult = [1j, 2j, Odd(), (n for n in [1]), print]"
      const { result } = yield* execute({ code }, undefined, (chunk) => chunks.push(chunk))
      assert.deepStrictEqual(
        chunks.map((chunk) => chunk._tag === "Log" && /of type (\S+),/.exec(chunk.message)?.[1]),
        ["__main__.Odd", "builtin_function_or_method", "complex", "generator"]
      )
      assert.lengthOf([...(result as Schema.JsonArray)], 5)
    })
  )
})
