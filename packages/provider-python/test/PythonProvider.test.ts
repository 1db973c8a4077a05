import { Providers } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, type Schema } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { PythonProvider } from "../src/index.ts"
import { bound, call, execute, failure, value, type Chunk } from "./Tasks.ts"

const isLinux = process.platform === "linux"
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const data = ({ data }: { readonly data?: Schema.Json }) => (data ?? {}) as Schema.JsonObject

/** Not there, or dead and not yet collected by its parent. */
const dead = (pid: number) => {
  try {
    return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .startsWith("Z")
  } catch {
    return true
  }
}
const died = (pid: number) =>
  Effect.sync(() => dead(pid)).pipe(Effect.repeat({ until: (over) => over, times: 200 }), Effect.map(assert.isTrue))

describe("the result", () => {
  it.live("is the variable `result`, falsy values too, whatever is printed", () =>
    Effect.gen(function* () {
      for (const [code, expected] of [
        ["result = 0", 0],
        ["result = ''", ""],
        ["result = []", []],
        ["result = {}\nprint('{\"a\": 1}')", {}],
        ["result = None\nprint(3)", null],
        ["import sys\nresult = 5\nsys.exit(0)", 5]
      ] as const) {
        assert.deepStrictEqual(yield* value(code), expected, code)
      }
    })
  )

  it.live("is what is printed when there is no such variable", () =>
    Effect.gen(function* () {
      for (const [code, expected] of [
        [`import json\nprint("a")\nprint(json.dumps({"n": 1}))\nprint(json.dumps({"n": 2}))\nprint("done")`, { n: 2 }],
        [`import json\nprint("a")\nprint(json.dumps({"n": [1, 2]}, indent=2))`, { n: [1, 2] }],
        ["print(42)", 42],
        ["print(' two words ')", "two words"],
        ["pass", null],
        ["def result(): pass\nprint('text')", "text"]
      ] as const) {
        assert.deepStrictEqual(yield* value(code), expected, code)
      }
    })
  )

  it.live("comes with what was printed", () =>
    Effect.gen(function* () {
      const { duration_ms, max_rss_kb, ...rest } = yield* execute({
        code: "import sys\nprint('out', sys.stdin.read())\nprint('err', file=sys.stderr)",
        stdin: "in\n"
      })
      assert.isAbove(Number(duration_ms), 0)
      if (isLinux) assert.isAbove(Number(max_rss_kb), 1000)
      assert.deepStrictEqual(rest, {
        result: "out in",
        stdout: "out in\n\n",
        output: "out in\n\n",
        stderr: "err\n",
        exit_code: 0,
        success: true
      })
    })
  )

  it.live("keeps what JSON has no form for, as data or by a conversion", () =>
    Effect.gen(function* () {
      const found = yield* value(`
import collections, dataclasses, datetime, decimal, enum, pathlib, uuid
@dataclasses.dataclass
class Point:
    x: int
    y: list
class Color(enum.Enum):
    RED = "red"
class Level(enum.IntEnum):
    LOW = 1
class Words(str): pass
result = {
  "big": 2**70, "edge": [2**53, -(2**53) - 1], "nan": float("nan"), "inf": [float("inf"), -float("inf")],
  "bytes": b"\\x00\\xff", "set": {3, 1, 2}, "mixed": {1, "a"}, "tuple": (1, (2,)), "decimal": decimal.Decimal("1.10"),
  "datetime": datetime.datetime(2026, 1, 2, 3, 4), "date": datetime.date(2026, 1, 2), "point": Point(1, [2]),
  "enum": [Color.RED, Level.LOW], "path": pathlib.Path("/a/b"), "uuid": uuid.UUID(int=1), 1: True, None: False,
  "deque": collections.deque([1]), "ordered": collections.OrderedDict(a=1), "words": Words("w"), "surrogate": "\\ud800",
  "shared": [[1]] * 2, "strange": {"o": 1j},
}`)
      const { strange, mixed, ...rest } = found as Schema.JsonObject
      assert.deepStrictEqual(rest, {
        big: { $type: "int", value: String(2n ** 70n) },
        edge: [2 ** 53, { $type: "int", value: String(-(2n ** 53n) - 1n) }],
        nan: { $type: "float", value: "nan" },
        inf: [
          { $type: "float", value: "inf" },
          { $type: "float", value: "-inf" }
        ],
        bytes: { $type: "bytes", base64: "AP8=" },
        set: [1, 2, 3],
        tuple: [1, [2]],
        decimal: "1.10",
        datetime: "2026-01-02T03:04:00",
        date: "2026-01-02",
        point: { x: 1, y: [2] },
        enum: ["red", 1],
        path: "/a/b",
        uuid: "00000000-0000-0000-0000-000000000001",
        "1": true,
        null: false,
        deque: [1],
        ordered: { a: 1 },
        words: "w",
        surrogate: "\ud800",
        shared: [[1], [1]]
      })
      assert.deepStrictEqual(strange, { o: { $type: "repr", type: "complex", value: "1j" } })
      assert.sameDeepMembers([...(mixed as Schema.JsonArray)], [1, "a"])
    })
  )

  it.live("brings its tagged values back into Python, by reference and by args", () =>
    Effect.gen(function* () {
      const tagged = [
        { $type: "int", value: "1180591620717411303424" },
        { $type: "float", value: "-inf" }
      ]
      const bytes = { $type: "bytes", base64: "AP8=" }
      const code = "result = [${n}, args] == [[2**70, float('-inf')], b'\\x00\\xff'] and b'${b}' == b'\\x00\\xff'"
      assert.isTrue(yield* value(bound(code, { n: tagged, b: bytes }), { args: bytes }))
      const nonsense = [{ $type: "int", value: "x" }, { $type: [] }, { $type: "bytes", base64: 1 }]
      assert.deepStrictEqual(yield* value("result = args", { args: nonsense }), nonsense)
    })
  )

  it.live("that holds itself, or is nested too deeply, is a failure that says so", () =>
    Effect.gen(function* () {
      const circle = yield* failure(value("a = {'b': []}\na['b'].append(a)\nresult = a"))
      assert.include(circle.message, "the result cannot be recorded: result['b'][0] holds itself")
      const deep = yield* failure(value("result = []\nfor _ in range(100_000): result = [result]"))
      assert.include(deep.message, "nested more than 200 levels deep")
    })
  )

  it.live("that would lose a value, as two keys are the same text, is a failure that says so", () =>
    Effect.gen(function* () {
      const { message } = yield* failure(value("result = {'a': {1: 'one', '1': 'two'}}"))
      assert.include(message, "the result cannot be recorded: result['a'] has keys that are the same as text")
    })
  )

  it.live("that is too large is refused with its size", () =>
    Effect.gen(function* () {
      const large = yield* failure(execute({ code: "result = 'x' * 5000" }, { maxResult: 4096 }))
      assert.deepStrictEqual(
        [large.name, large.message],
        ["RESULT_TOO_LARGE", "the result has 5027 bytes, more than the 4096 allowed"]
      )
      assert.strictEqual((yield* failure(execute({ code: "result = 'x' * 20_000_000" }))).name, "RESULT_TOO_LARGE")
    })
  )

  it.live("that nobody can write as JSON is told as a warning", () =>
    Effect.gen(function* () {
      const chunks: Array<Chunk> = []
      yield* execute({ code: "result = object()" }, undefined, (chunk) => chunks.push(chunk))
      assert.deepStrictEqual(
        chunks.map((chunk) => chunk._tag === "Log" && [chunk.level, chunk.message]),
        [["warning", "the result holds a value of type object, which has no JSON form: its repr is recorded"]]
      )
    })
  )
})

describe("what code is given", () => {
  it.live("is args, as `args`, as `context` and as JSON in sys.argv[1], of any size", () =>
    Effect.gen(function* () {
      const args = { text: `"quotes" 'and'\nlines`, long: "é".repeat(200_000) }
      const code = "import sys, json\nresult = [args is context, json.loads(sys.argv[1]) == args, len(args['long'])]"
      assert.deepStrictEqual(yield* value(code, { args }), [true, true, 200_000])
      assert.deepStrictEqual(yield* value(code, { context: args }), [true, true, 200_000])
      assert.deepStrictEqual(yield* value("import sys\nresult = [args, context, len(sys.argv)]"), [{}, {}, 1])
      assert.isFalse(yield* value("result = args", { args: false }))
    })
  )

  it.live("is a listed environment, and its own", () =>
    Effect.gen(function* () {
      process.env["PYTHON_PROVIDER_TEST"] = "not for tasks"
      const provider = yield* PythonProvider.make({ env: { A: "provider", B: "provider" } })
      const found = yield* call(provider, "python/execute", {
        code: "import os\nresult = sorted(os.environ), os.environ['A'], os.environ['B'], __name__",
        env: { B: "task" }
      })
      const [names, ...rest] = (found as Schema.JsonObject)["result"] as Schema.JsonArray
      assert.deepStrictEqual(rest, ["provider", "task", "__main__"])
      assert.includeMembers([...(names as ReadonlyArray<string>)], ["A", "B", "PATH"])
      assert.notInclude(names as ReadonlyArray<string>, "PYTHON_PROVIDER_TEST")
      for (const [name, text] of [
        ["A=B", "c"],
        ["A", "c\0"],
        ["A", "c\ud800"]
      ] as const) {
        const wrong = yield* failure(execute({ code: "pass", env: { [name]: text } }))
        assert.include(wrong.message, `\`env\`: ${JSON.stringify(name)} cannot be set`)
      }
    })
  )

  it.live("is top-level await, and its own event loop", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* value(bound("import asyncio\nresult = await asyncio.sleep(0, ${v})", { v: "x" })), "x")
      assert.strictEqual(yield* value("import asyncio\nasync def f(): return 3\nresult = asyncio.run(f())"), 3)
    })
  )

  it.live("is a text that was made to be code, in every kind of string, and it stays text", () =>
    Effect.gen(function* () {
      const t = `"""' + __import__('os').system('exit 9') + '\n\${other.x} " \\`
      const code = `result = ["\${t}", '\${t}', """\${t} """, f"{1}\${t}", \${t}, f"{\${t}}"]`
      assert.deepStrictEqual(yield* value(bound(code, { t })), [t, t, `${t} `, `1${t}`, t, t])
    })
  )

  it.live("is the whole of the code in a sandbox alone", () =>
    Effect.gen(function* () {
      for (const source of ["${t.content}", "\n${t.content}\n", "${t.content}${t.content}"]) {
        const { message, name } = yield* failure(value(bound(source, { "t.content": "print(1)" })))
        assert.strictEqual(name, "INVALID_PARAMS")
        assert.include(message, "generated code is run in a sandbox only, so say `sandbox: true`")
        assert.notInclude(message, "print(1)")
      }
    })
  )
})

describe("a file", () => {
  it.live("gets args, finds its neighbours before ours, and its `result` counts", () =>
    Effect.gen(function* () {
      for (const name of ["file", "script"]) {
        const found = yield* execute({ [name]: fixture("scripts/greet.py"), args: { name: "Ada" } })
        const result = { status: "success", data: "Hello, Ada", same: true }
        assert.deepStrictEqual(found["result"], result)
        assert.deepStrictEqual(JSON.parse(String(found["stdout"])), result)
      }
    })
  )

  it.live("runs beside files that are named like modules of Python", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* execute({ file: fixture("shadow/main.py") }))["result"], "ran")
    })
  )

  it.live("is read in its own encoding", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* execute({ file: fixture("scripts/bom.py") }))["result"], "grüße")
      assert.strictEqual((yield* execute({ file: fixture("scripts/latin1.py") }))["result"], "grüße")
    })
  )

  it.live("that is not there is refused by name", () =>
    Effect.gen(function* () {
      const { message } = yield* failure(execute({ script: "/nowhere/x.py" }))
      assert.strictEqual(message, `params of "python/execute": \`script\`: there is no file /nowhere/x.py`)
      // what comes from core is absolute: anything else has not been confined
      assert.include((yield* failure(execute({ file: "package.json" }))).message, "there is no file package.json")
    })
  )

  it.live("that wants packages is refused", () =>
    Effect.gen(function* () {
      const file = join(mkdtempSync(join(tmpdir(), "gleitzeit-")), "wants.py")
      writeFileSync(file, '# /// script\n# dependencies = ["requests"]\n# ///\n')
      const { message, name } = yield* failure(execute({ file }))
      assert.strictEqual(name, "INVALID_PARAMS")
      assert.include(message, "`file`: the source has inline script metadata")
      rmSync(dirname(file), { recursive: true })
    })
  )

  it.live("fails with the line of its own that led there, and without the library's", () =>
    Effect.gen(function* () {
      const file = fixture("scripts/broken.py")
      const error = yield* failure(execute({ file }))
      assert.match(error.message, new RegExp(`^json.decoder.JSONDecodeError: .* \\(${file}:5\\)\nTraceback`))
      assert.include(error.message, `File "${file}", line 8, in <module>`)
      assert.notInclude(error.message, "json/decoder.py")
      assert.deepInclude(data(error), { file, line: 5, exit_code: 1 })
    })
  )
})

describe("a failure", () => {
  const origin = { file: "research.yaml", line: 21 }

  it.live("names the line of the workflow's file, with the source as it is written there", () =>
    Effect.gen(function* () {
      const source = `def f(words):\n    raise ValueError(f"x \${secret}")\nf("\${t.content}")\n`
      const error = yield* failure(execute({ code: bound(source, { "t.content": "a\nb", secret: "s3" }, origin) }))
      assert.deepStrictEqual(
        error.message.split("\n").filter((line) => !/^\s*[~^]+$/.test(line)),
        [
          "ValueError: x s3 (research.yaml:22)",
          "Traceback (most recent call last):",
          `  File "research.yaml", line 23, in <module>`,
          `    f("\${t.content}")`,
          `  File "research.yaml", line 22, in f`,
          `    raise ValueError(f"x \${secret}")`,
          "ValueError: x s3"
        ]
      )
      assert.deepStrictEqual([error.code, error.retryable], [-29002, false])
      const { traceback, ...rest } = data(error)
      assert.include(String(traceback), "line 23, in <module>")
      assert.deepStrictEqual(rest, {
        type: "ValueError",
        message: "x s3",
        line: 22,
        file: "research.yaml",
        stdout: "",
        stderr: "",
        exit_code: 1
      })
    })
  )

  it.live("keeps its cause, and what was printed last", () =>
    Effect.gen(function* () {
      const code = "print('x' * 9000)\ntry:\n  1 / 0\nexcept ZeroDivisionError as e:\n  raise KeyError('k') from e"
      const error = yield* failure(execute({ code }))
      assert.match(error.message, /^KeyError: 'k' \(<task>:5\)\nTraceback/)
      assert.include(error.message, "ZeroDivisionError: division by zero\n\nThe above exception was the direct cause")
      assert.strictEqual(String(data(error)["stdout"]).length, 4001)
      assert.notProperty(data(error), "file")
    })
  )

  it.live("of the syntax names line and place", () =>
    Effect.gen(function* () {
      const error = yield* failure(execute({ code: bound(`x = "\${t}"\ny = = 2`, { t: "v" }, origin) }))
      assert.match(
        error.message,
        /^SyntaxError: invalid syntax \(research.yaml:22\)\n {2}File "research.yaml", line 22\n/
      )
      assert.strictEqual(data(error)["line"], 22)
      const name = yield* failure(execute({ code: bound("import os\nos.${t}()", { t: "getcwd" }, origin) }))
      assert.match(name.message, /^SyntaxError: \$\{t\} stands where Python needs a name.* \(research.yaml:22\)\n/)
    })
  )

  it.live("is an exit code that is not 0", () =>
    Effect.gen(function* () {
      const three = yield* failure(execute({ code: bound("import sys\nresult = 1\nsys.exit(3)", {}, origin) }))
      assert.match(three.message, /^SystemExit: 3 \(research.yaml:23\)/)
      assert.strictEqual(data(three)["exit_code"], 3)
      const text = yield* failure(execute({ code: "import sys\nsys.exit('no input')" }))
      assert.deepInclude(data(text), { exit_code: 1, stderr: "no input\n", message: "no input" })
    })
  )

  it.live("is a process that ends under its code", () =>
    Effect.gen(function* () {
      for (const [code, expected] of [
        ["import os\nos._exit(0)", "the Python process ended with exit code 0 before the code had come to its end"],
        ["import os\nos._exit(7)", "the Python process ended with exit code 7 before the code had come to its end"],
        ["import os\nos.abort()", "the Python process was ended by SIGABRT"],
        ["import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "the Python process was ended by SIGSEGV"],
        [
          "import atexit, os\natexit.register(os._exit, 5)",
          "ended with exit code 5, after the code had come to its end"
        ],
        ["import os\nos.write(4, b'\\xff\\xff\\xff\\xff')", "which is not its own: a frame of 4294967295 bytes"],
        ["import os\nos.write(4, b'\\0\\0\\0\\2{}')", "which is not its own: a frame that is no report"]
      ] as const) {
        const error = yield* failure(execute({ code }))
        assert.include(error.message, expected)
        assert.isFalse(error.retryable)
      }
    })
  )

  it.live("is not what a child of the code does", () =>
    Effect.gen(function* () {
      const code = "import os, warnings\npid = os.fork()\nresult = 'child' if pid == 0 else os.waitpid(pid, 0)[1]"
      assert.strictEqual(yield* value(code), 0)
    })
  )
})

describe("output", () => {
  it.live("is told line by line, and so is what the code says of itself", () =>
    Effect.gen(function* () {
      const chunks: Array<Chunk> = []
      const code = `
import sys
print("one")
progress(0.5, "half")
progress(7)
log("note")
log(3, "debug")
print("two", end="")
print("three", file=sys.stderr)`
      yield* execute({ code }, undefined, (chunk) => chunks.push(chunk))
      assert.sameDeepMembers(chunks, [
        { _tag: "Log", level: "info", message: "one" },
        { _tag: "Log", level: "info", message: "two" },
        { _tag: "Log", level: "warning", message: "three" },
        { _tag: "Progress", fraction: 0.5, message: "half" },
        { _tag: "Progress", fraction: 1 },
        { _tag: "Log", level: "info", message: "note" },
        { _tag: "Log", level: "debug", message: "3" }
      ])
      assert.include((yield* failure(execute({ code: "log(1, 'loud')" }))).message, "and not 'loud'")
    })
  )

  it.live("beyond the limit loses its middle, and the result at its end is found", () =>
    Effect.gen(function* () {
      const chunks: Array<Chunk> = []
      const code = "for i in range(50): print('x' * 100_000)\nprint('{\"end\": true}')"
      const found = yield* execute({ code }, undefined, (chunk) => chunks.push(chunk))
      assert.deepStrictEqual(found["result"], { end: true })
      assert.isTrue(found["truncated"])
      assert.isBelow(String(found["stdout"]).length, 1024 ** 2 + 100)
      assert.match(String(found["stdout"]), /^x+\n[^]*… \d+ characters left out …[^]*"end": true}\n$/)
      assert.isBelow(chunks.length, 500)
    })
  )

  it.live("may be any bytes, and any text", () =>
    Effect.gen(function* () {
      const code = "import sys\nsys.stdout.buffer.write(b'\\xff\\x00a')\nprint('\\ud800 é')"
      assert.strictEqual((yield* execute({ code }))["stdout"], "\ufffd\0a\\ud800 é\n")
    })
  )

  it.live("of a process that the code leaves behind is not waited for", () =>
    Effect.gen(function* () {
      const code = "import subprocess\nresult = subprocess.Popen(['sleep', '60']).pid"
      const { duration_ms, result } = yield* execute({ code })
      // without the time that streams which stay open are given
      assert.isBelow(Number(duration_ms), 2000)
      yield* died(Number(result))
    })
  )

  it.live("of a process that has left the group is not waited for either, and that process ends with the task", () =>
    Effect.gen(function* () {
      const code = "import subprocess\nresult = subprocess.Popen(['sleep', '20'], start_new_session=True).pid"
      yield* died(Number(yield* value(code)))
    })
  )
})

describe("a limit", () => {
  it.live("of time ends the whole tree, also in a loop that never yields, and can be tried again", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const code = `
import os, subprocess
print(os.getpid(), subprocess.Popen(["sleep", "60"]).pid, subprocess.Popen(["sleep", "60"], start_new_session=True).pid)
sum(iter(int, 1))`
      const late = yield* failure(
        execute({ code, timeout: 1 }, undefined, (chunk) => chunk._tag === "Log" && said.push(chunk.message))
      )
      assert.deepStrictEqual([late.name, late.retryable], ["PROVIDER_TIMEOUT", true])
      assert.include(late.message, "the task took more than 1 s")
      const pids = said.join(" ").split(" ").map(Number)
      assert.lengthOf(pids, 3)
      for (const pid of isLinux ? pids : pids.slice(0, 2)) assert.isTrue(dead(pid), String(pid))
      const every = yield* failure(execute({ code: "while True: pass" }, { timeout: 300 }))
      assert.include(every.message, "the task took more than 0.3 s")
    })
  )

  it.live.skipIf(!isLinux)("of memory is a failure that says so, and leaves room for threads", () =>
    Effect.gen(function* () {
      const error = yield* failure(value("result = len(bytearray(600 * 1024 ** 2))", { max_memory: "512M" }))
      assert.match(error.message, /^MemoryError: `max_memory` is 512 MiB \(<task>:1\)/)
      const threads = `
import threading
over = threading.Event()
threads = [threading.Thread(target=over.wait) for _ in range(64)]
for thread in threads: thread.start()
over.set()
result = len(threads)`
      assert.strictEqual(yield* value(threads, { max_memory: "1G" }), 64)
      const every = yield* failure(execute({ code: "bytearray(99_000_000)" }, { maxMemory: 64 * 1024 ** 2 }))
      assert.include(every.message, "`max_memory` is 64 MiB")
    })
  )

  it.live("of what may be imported is told where the code imports, and not where a library does", () =>
    Effect.gen(function* () {
      const allowed = { allowed_modules: ["json", "statistics"] }
      assert.strictEqual(yield* value("import json\nfrom statistics import mean\nresult = mean([1, 3])", allowed), 2)
      const error = yield* failure(value("import json\nimport os.path", allowed))
      assert.match(
        error.message,
        /^ImportError: os.path is not one of the modules that the task may import \(json, statistics\) \(<task>:2\)/
      )
      assert.notInclude(error.message, "run.py")
      const none = yield* failure(execute({ code: "def f():\n  import re\nf()" }, { allowedModules: [] }))
      assert.include(none.message, "re is not one of the modules that the task may import (none)")
    })
  )
})

describe("where a task runs", () => {
  it.live("is the folder that it names", () =>
    Effect.gen(function* () {
      const cwd = fixture("scripts")
      const code = "import os, values\nresult = [os.getcwd(), os.path.dirname(os.path.abspath(values.__file__))]"
      assert.deepStrictEqual(yield* value(code, { cwd }), [cwd, cwd])
      const file = fixture("shadow/main.py")
      const found = yield* execute({ file, cwd })
      assert.strictEqual(found["result"], "ran")
    })
  )

  it.live.skipIf(!isLinux)(
    "is a folder of its own in a sandbox, the only one that it may write to, and then it is gone",
    () =>
      Effect.gen(function* () {
        const code = `
import os, tempfile
open("a", "w").write("x")
os.mkdir("deep")
with tempfile.NamedTemporaryFile(delete=False) as file: file.write(b"y")
try:
    open(args, "w")
    said = "written"
except OSError as error:
    said = type(error).__name__
result = [os.getcwd(), sorted(os.listdir("."))[0], os.path.dirname(file.name) == os.getcwd(), said]`
        for (const sandbox of [true, "strict", "ns"]) {
          const outside = join(tmpdir(), "gleitzeit-not-to-be-written")
          const [folder, ...rest] = (yield* value(code, { sandbox, args: outside })) as Schema.JsonArray
          assert.deepStrictEqual(rest, ["a", true, sandbox === "ns" ? "OSError" : "PermissionError"])
          assert.isFalse(existsSync(String(folder)))
          assert.isFalse(existsSync(outside))
        }
      })
  )

  it.live.skipIf(!isLinux)("is isolated as it asks, or it does not run", () =>
    Effect.gen(function* () {
      const reads = "result = open('/etc/passwd').read(4)"
      assert.strictEqual(yield* value(reads), "root")
      assert.strictEqual(yield* value(reads, { sandbox: "rlimit" }), "root")
      for (const sandbox of [true, "ns"]) {
        assert.match((yield* failure(value(reads, { sandbox }))).message, /^PermissionError: .*'\/etc\/passwd'/)
      }
      const generated = bound("${t}", { t: "result = 6 * 7" })
      const program = "import os\nresult = os.system('true')"
      assert.notStrictEqual(yield* value(program, { sandbox: true }), 0)
      assert.strictEqual(yield* value(program), 0)
      assert.strictEqual(yield* value(generated, { sandbox: true }), 42)
      const file = fixture("scripts/greet.py")
      const found = yield* execute({ file, args: { name: "Ada" }, sandbox: true })
      assert.deepStrictEqual(found["result"], { status: "success", data: "Hello, Ada", same: true })
    })
  )

  it.live("is a container, or nothing, where it asks for one", () =>
    Effect.gen(function* () {
      const container = { host: "unix:///nowhere/engine.sock" }
      const none = yield* failure(execute({ code: "result = 1", sandbox: "container" }, { container }))
      assert.deepStrictEqual([none.name, none.retryable], ["PROVIDER_NOT_AVAILABLE", false])
      assert.include(none.message, "/nowhere/engine.sock")
      const both = yield* failure(execute({ code: "1", sandbox: "container", python: "python3" }, { container }))
      assert.include(both.message, "`python` names a Python of this machine")
      const provider = yield* PythonProvider.make({ container, sandbox: "container" })
      const { details, status } = yield* provider.health
      assert.strictEqual(status, "unhealthy")
      assert.match(
        String(data({ data: details as Schema.Json })["reason"]),
        /^tasks are to run at the level container, which is not available: /
      )
      assert.isUndefined(yield* provider.identity("python/execute", { code: "1" }))
      assert.deepStrictEqual(yield* call(provider, "python/validate", { code: "1" }), { valid: true, errors: [] })
    })
  )

  it.live("may be a start of Python of its own", () =>
    Effect.gen(function* () {
      const found = yield* execute({ code: "import os\nresult = os.getppid()" }, { fork: false })
      assert.strictEqual(found["result"], process.pid)
      assert.notProperty(found, "max_rss_kb")
      if (isLinux) assert.notStrictEqual(yield* value("import os\nresult = os.getppid()"), process.pid)
    })
  )

  it.live("knows what Python looks at when it starts", () =>
    Effect.gen(function* () {
      const env = { PYTHONPATH: fixture("scripts"), PYTHONHASHSEED: "0" }
      const code = "import sys\nresult = [args in sys.path, sys.flags.hash_randomization]"
      const args = fixture("scripts")
      assert.deepStrictEqual(yield* value(code, { args }), [false, 1])
      assert.deepStrictEqual(yield* value(code, { args, env }), [true, 0])
      assert.deepStrictEqual((yield* execute({ code, args }, { env }))["result"], [true, 0])
    })
  )
})

describe("interruption", () => {
  it.live("ends the whole tree before it returns, also in a loop that never yields", () =>
    Effect.gen(function* () {
      const pids = yield* Deferred.make<ReadonlyArray<number>>()
      const code = `
import os, subprocess
child = subprocess.Popen(["sh", "-c", "sleep 60; echo"])
print(os.getpid(), child.pid)
sum(iter(int, 1))`
      const fiber = yield* Effect.forkChild(
        execute({ code }, undefined, (chunk) => {
          if (chunk._tag === "Log") Deferred.doneUnsafe(pids, Effect.succeed(chunk.message.split(" ").map(Number)))
        })
      )
      const [python, child] = yield* Deferred.await(pids)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(dead(python ?? 0))
      yield* died(child ?? 0)
    })
  )

  it.live.skipIf(process.platform !== "linux")("is not needed where the process that runs tasks is killed", () =>
    Effect.gen(function* () {
      const owner = spawn(process.execPath, ["--conditions=gz-source", fixture("owner.ts")], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const said = yield* Effect.callback<string>((resume) => {
        owner.stdout.once("data", (bytes: Buffer) => resume(Effect.succeed(bytes.toString())))
      })
      const [place = "", ...pids] = said.trim().split(" ")
      assert.lengthOf(pids, 3)
      for (const pid of pids) assert.isFalse(dead(Number(pid)))
      assert.isTrue(existsSync(place))
      owner.kill("SIGKILL")
      for (const pid of pids) yield* died(Number(pid))
      yield* Effect.sync(() => existsSync(dirname(place))).pipe(Effect.repeat({ until: (there) => !there }))
    })
  )
})

describe("params", () => {
  it.live("hold exactly one source, and args once", () =>
    Effect.gen(function* () {
      for (const [params, expected] of [
        [{}, "needs exactly one of `code`, `file` and `script`, and has none of them"],
        [{ code: "1", file: "a.py" }, "has `code` and `file`"],
        [{ code: "1", args: 1, context: 2 }, "`args` and `context` are the same param"],
        [{ code: "1", sandbox: "very" }, `["sandbox"]`],
        [{ code: "1", cwd: "/nowhere/at/all" }, "`cwd`: there is no folder /nowhere/at/all"],
        [{ code: "1", nonsense: 3 }, `["nonsense"]`]
      ] as const) {
        const { message, name } = yield* failure(execute(params))
        assert.strictEqual(name, "INVALID_PARAMS")
        assert.include(message, expected)
      }
      assert.strictEqual(yield* value("result = 1", { sandbox: false }), 1)
    })
  )
})

describe("a provider of python/v1", () => {
  it.live("validates without running", () =>
    Effect.gen(function* () {
      const provider = yield* PythonProvider.make()
      const validate = (params: Schema.Json) => call(provider, "python/validate", params)
      assert.deepStrictEqual(yield* validate({ code: "import os\nos._exit(1)" }), { valid: true, errors: [] })
      assert.deepStrictEqual(yield* validate({ code: "x = 1\nfor = 3" }), {
        valid: false,
        errors: [{ line: 2, column: 5, message: "invalid syntax" }]
      })
      const origin = { file: "w.yaml", line: 8 }
      assert.deepStrictEqual(yield* validate({ code: bound("x = ${a}\nx.${b}", { a: 1, b: 2 }, origin) }), {
        valid: false,
        errors: [{ line: 9, column: 3, message: "${b} stands where Python needs a name, and it is a value" }]
      })
      const { errors } = (yield* validate({ code: "return 1" })) as { readonly errors: ReadonlyArray<unknown> }
      assert.lengthOf(errors, 1)
      const nul = (yield* validate({ code: "a\0b" })) as { readonly valid: boolean }
      assert.isFalse(nul.valid)
      assert.deepStrictEqual(yield* validate({ file: fixture("scripts/broken.py") }), { valid: true, errors: [] })
    })
  )

  it.live("goes on duty under the name python, and says which Python it is", () =>
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      const python = yield* providers.choose("python/execute", {})
      const { packages, ...info } = (yield* call(python, "python/info", {})) as Schema.JsonObject
      assert.match(String(info["version"]), /^3\.\d+\.\d+$/)
      assert.isObject(packages)
      const { details, status } = yield* python.health
      const { levels, ...rest } = details as Schema.JsonObject
      assert.deepStrictEqual([status, rest], ["healthy", info])
      assert.isNull((levels as Schema.JsonObject)["none"])
      assert.strictEqual(
        yield* python.identity("python/execute", {}),
        `python ${info["version"]} ${info["executable"]}`
      )
      assert.strictEqual(yield* value("import sys\nresult = sys.executable"), info["executable"])
      assert.deepStrictEqual(
        (yield* python.contracts).map(({ effects, method }) => [method, effects]),
        [
          ["python/execute", "writes"],
          ["python/validate", "reads"],
          ["python/info", "reads"]
        ]
      )
    }).pipe(Effect.provide(PythonProvider.layer().pipe(Layer.provideMerge(Providers.layer))))
  )

  it.live("takes as many tasks at once as it is told, and says whether they are isolated", () =>
    Effect.gen(function* () {
      assert.isAbove((yield* PythonProvider.make({ sandbox: false })).concurrency, 0)
      const { capabilities, concurrency } = yield* PythonProvider.make({ concurrency: 3, sandbox: "rlimit" })
      assert.deepStrictEqual([concurrency, capabilities.sandboxed], [3, false])
      if (isLinux) assert.isTrue((yield* PythonProvider.make({ sandbox: true })).capabilities.sandboxed)
    })
  )

  it.live.skipIf(isLinux)("is refused with a level that is there on Linux alone", () =>
    Effect.gen(function* () {
      const error = yield* failure(Effect.scoped(PythonProvider.make({ sandbox: true })))
      assert.strictEqual(error.name, "PROVIDER_INITIALIZATION_FAILED")
      assert.include(error.message, "the level strict is there on Linux alone")
    })
  )
})
