/** Values on their way through a whole workflow file into Python code: they arrive as they are, and none is executed. */
import { assert, describe, it } from "@effect/vitest"
import { BuiltIn, Executor, Files, Gleitzeit, MemoryStore, Providers, Secrets } from "@gleitzeit/core"
import { Effect, Layer } from "effect"
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PythonProvider } from "../src/index.ts"
import { real } from "./Interpreters.ts"

const engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide(Files.layer()),
  Layer.provide(Secrets.layer),
  Layer.provide(Layer.mergeAll(BuiltIn.layer, PythonProvider.layer({ command: real }))),
  Layer.provide(Providers.layer),
  Layer.provide(MemoryStore.layer)
)

const run = (text: string, inputs: { readonly [name: string]: string } = {}, folder = ".") =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "hostile.yaml" })
    if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
    return yield* gleitzeit.get((yield* gleitzeit.run(workflow, { inputs, folder })).run)
  })

const folder = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "gleitzeit-python-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const messages = (report: Effect.Success<ReturnType<typeof run>>, ids: ReadonlyArray<string>) =>
  ids.map((id) => report.tasks[id]?.error?.message ?? `${id}: no error`)

it.layer(engine, { excludeTestServices: true })("a workflow", (it) => {
  describe("a text that was made to break out", () => {
    const mark = join(mkdtempSync(join(tmpdir(), "gleitzeit-hostile-")), "executed")
    const payload = `__import__('os').system('touch ${mark}')`
    const hostile = [
      `"`,
      `'`,
      `"""`,
      `'''`,
      `\\`,
      `\n`,
      `\${other.x}`,
      `$\${t}`,
      `{${payload}}`,
      payload,
      `" + ${payload} + "`,
      `' + ${payload} + '`,
      `""" + ${payload} + """`,
      `{0} {x!r} %s \u{1F600} \u0000 #`,
      `\\"""\\`
    ].join(" ")

    it.effect("goes unchanged and unexecuted through every way to write a reference in Python", () =>
      Effect.gen(function* () {
        const report = yield* run(
          `
name: hostile
inputs: { text: { type: string } }
tasks:
  - { id: t, method: data/value, params: { content: "\${inputs.text}" } }
  - id: double
    method: python/execute
    params: { code: 'result = "\${t.content}"' }
  - id: single
    method: python/execute
    params: { code: "result = '\${t.content}'" }
  - id: triple
    method: python/execute
    params:
      code: |
        result = """\${t.content}"""
  - id: formatted
    method: python/execute
    params:
      code: |
        result = f"{1 + 1}\${t.content}{'!'}"
  - id: raw
    method: python/execute
    params:
      code: |
        result = r'\${t.content}'
  - id: bare
    method: python/execute
    params:
      code: |
        text = \${t.content}
        result = text  # \${t.content}
  - id: args
    method: python/execute
    params: { code: "result = args['text']", args: { text: "\${t.content}" } }
  - id: again
    method: python/execute
    params: { code: "result = \${bare.result}" }
`,
          { text: hostile }
        )
        assert.strictEqual(report.status, "completed", JSON.stringify(report.error))
        const result = (id: string) => Reflect.get(Object(report.tasks[id]?.result), "result")
        for (const id of ["double", "single", "triple", "raw", "bare", "args", "again"]) {
          assert.strictEqual(result(id), hostile, id)
        }
        assert.strictEqual(result("formatted"), `2${hostile}!`)
        assert.isFalse(existsSync(mark), "something was executed")
      })
    )
  })

  describe("a task that raises", () => {
    it.effect("names the file's line, skips what depends on it, and lets the rest finish", () =>
      Effect.gen(function* () {
        const report = yield* run(
          `name: raises
tasks:
  - id: bad
    method: python/execute
    params:
      code: |
        values = [1, 2]
        result = values[5]
  - { id: after, method: data/value, params: { of: "\${bad.result}" } }
  - { id: other, method: python/execute, params: { code: "result = 1" } }
`,
          {}
        )
        const { bad, after, other } = report.tasks
        assert.deepStrictEqual(
          [report.status, bad?.status, after?.status, other?.status],
          ["failed", "failed", "skipped", "completed"]
        )
        assert.include(bad?.error?.message, "IndexError: list index out of range (hostile.yaml:8)")
        assert.include(bad?.error?.message, `File "hostile.yaml", line 8`)
        assert.include(bad?.error?.message, "result = values[5]")
      })
    )
  })

  describe("an error in code", () => {
    it.effect("has the line of the file where the code stands line by line, else that of the code", () =>
      Effect.gen(function* () {
        const report = yield* run(`name: places
tasks:
  - id: block
    method: python/execute
    params:
      code: |
        def inner(n):
            return 1 / n

        def outer():
            return inner(0)
        result = outer()
  - id: kept
    method: python/execute
    params:
      code: |2-

        x = = 2
  - id: folded
    method: python/execute
    params:
      code: >
        x = 1

        raise ValueError(x)
  - id: quoted
    method: python/execute
    params: { code: "x = 1\\nraise ValueError(x)" }
  - { id: v, method: data/value, params: { value: 1 } }
  - id: named
    method: python/execute
    params:
      code: |
        import os
        # $\${v} is no reference
        os.\${v.value}
`)
        const ids = ["block", "kept", "folded", "quoted", "named"]
        const [block = "", kept = "", folded = "", quoted = "", named = ""] = messages(report, ids)
        assert.match(block, /^ZeroDivisionError: division by zero \(hostile\.yaml:8\)\n/)
        for (const frame of ["line 12, in <module>", "line 11, in outer", "line 8, in inner"]) {
          assert.include(block, `File "hostile.yaml", ${frame}`)
        }
        assert.notInclude(block, "run.py")
        assert.match(kept, /^SyntaxError: invalid syntax \(hostile\.yaml:18\)\n/)
        assert.match(folded, /^ValueError: 1 \(<task>:2\)\n/)
        assert.match(quoted, /^ValueError: 1 \(<task>:2\)\n/)
        assert.match(
          named,
          /^SyntaxError: \$\{v\.value\} stands where Python needs a name, and it is a value \(hostile\.yaml:36\)/
        )
      })
    )

    it.effect("is found without running it, at the same line", () =>
      Effect.gen(function* () {
        const report = yield* run(`name: validates
tasks:
  - id: look
    method: python/validate
    params:
      code: |
        x = 1
        for = 3
`)
        assert.deepStrictEqual(report.tasks["look"]?.result, {
          valid: false,
          errors: [{ line: 8, column: 5, message: "invalid syntax" }]
        })
      })
    )
  })

  describe("a file of a task", () => {
    it.effect("`cwd` is a folder of the workflow's, and no other", () =>
      Effect.gen(function* () {
        const path = yield* folder
        mkdirSync(join(path, "flow", "data"), { recursive: true })
        writeFileSync(join(path, "flow", "data", "x.txt"), "x")
        const folders = { inside: "data", above: "..", file: "data/x.txt", none: "gone" }
        const tasks = Object.entries(folders).map(
          ([id, cwd]) =>
            `  - { id: ${id}, method: python/execute, params: { code: "import os; result = os.listdir()", cwd: ${cwd} } }`
        )
        const report = yield* run(`name: folders\ntasks:\n${tasks.join("\n")}\n`, {}, join(path, "flow"))
        assert.deepInclude(report.tasks["inside"]?.result, { result: ["x.txt"] })
        const [above = "", file = "", none = ""] = messages(report, ["above", "file", "none"])
        assert.include(above, "lies outside the folders that this run may read")
        assert.include(file, "`cwd`: there is no folder")
        assert.include(none, "there is no file")
      })
    )
    it.effect("is one of the workflow's folder, also by a link, and no other", () =>
      Effect.gen(function* () {
        const path = yield* folder
        mkdirSync(join(path, "flow"))
        writeFileSync(join(path, "outside.py"), "result = 1")
        writeFileSync(join(path, "flow", "inside.py"), "result = args")
        symlinkSync("inside.py", join(path, "flow", "alias.py"))
        symlinkSync("../outside.py", join(path, "flow", "escape.py"))
        const files = {
          inside: "inside.py",
          alias: "./alias.py",
          above: "../outside.py",
          escape: "escape.py",
          none: "none.py"
        }
        const tasks = Object.entries(files).map(
          ([id, file]) => `  - { id: ${id}, method: python/execute, params: { file: ${file}, args: 3 } }`
        )
        const report = yield* run(`name: files\ntasks:\n${tasks.join("\n")}\n`, {}, join(path, "flow"))
        assert.propertyVal(report.tasks["inside"]?.result, "result", 3)
        assert.propertyVal(report.tasks["alias"]?.result, "result", 3)
        const [above = "", escape = "", none = ""] = messages(report, ["above", "escape", "none"])
        assert.include(above, "lies outside the folders that this run may read")
        assert.include(escape, "lies outside the folders that this run may read")
        assert.include(none, "there is no file")
      })
    )
  })

  describe("the documents of the format", () => {
    it.effect("work as they are written", () =>
      Effect.gen(function* () {
        const path = yield* folder
        writeFileSync(
          join(path, "generate_data.py"),
          `#!/usr/bin/env python3
import sys
import json

args = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
print("working")
print(json.dumps({"status": "success", "data": [1, 2, args.get("n")]}))
`
        )
        const report = yield* run(
          `name: "Multi-Provider Example"
tasks:
  - id: "generate"
    method: "python/execute"
    parameters:
      script: "generate_data.py"
      args: { n: 3 }
      timeout: 30
      env: { PYTHONPATH: "/custom/path" }
  - id: "check"
    method: "python/validate"
    parameters: { script: "generate_data.py" }
  - name: "Load Data"
    protocol: "python/v1"
    method: "python/execute"
    dependencies: ["generate"]
    params:
      code: "import math; data = \${generate.data}; result = {'records': data, 'root': math.sqrt(16)}"
  - name: "Transform Data"
    protocol: "python/v1"
    method: "python/execute"
    dependencies: ["Load Data"]
    params:
      code: "data = \${Load Data.result}; # Transform data here"
  - id: "calculate"
    method: "python/execute"
    parameters:
      code: |
        result = 100 + 50
        print({"result": result})
  - name: "Save Results"
    method: "python/execute"
    dependencies: ["Load Data", "calculate"]
    params:
      context: { who: "context" }
      timeout: 5
      max_memory: "512M"
      allowed_modules: [json, datetime]
      code: |
        import json
        from datetime import datetime

        data = \${Load Data.result}
        report = "\${generate.status}"
        output = {
            'timestamp': datetime.now().isoformat(),
            'data': data,
            'analysis': report
        }
        result = f"Saved {len(data)} records with {report} by {context['who']}: \${calculate.result}"
`,
          {},
          path
        )
        assert.strictEqual(report.status, "completed", JSON.stringify(report.error))
        const result = (id: string) => Reflect.get(Object(report.tasks[id]?.result), "result")
        assert.deepStrictEqual(result("generate"), { status: "success", data: [1, 2, 3] })
        assert.deepStrictEqual(report.tasks["check"]?.result, { valid: true, errors: [] })
        assert.deepStrictEqual(result("Load Data"), { records: [1, 2, 3], root: 4 })
        assert.isNull(result("Transform Data"))
        assert.strictEqual(result("calculate"), 150)
        assert.strictEqual(result("Save Results"), "Saved 2 records with success by context: 150")
      })
    )

    it.effect("that ask for packages are refused with what to do", () =>
      Effect.gen(function* () {
        const report = yield* run(`name: packages
tasks:
  - id: inline
    method: python/execute
    params:
      code: |
        # /// script
        # dependencies = ["requests"]
        # ///
        result = 1
`)
        const [inline = ""] = messages(report, ["inline"])
        assert.include(inline, "the source has inline script metadata (`# /// script`)")
        assert.include(inline, "install them into a virtual environment and name that by `python`")
        const { diagnostics } = yield* Effect.flatMap(Gleitzeit.Gleitzeit, ({ check }) =>
          check({
            text: "tasks: [{ id: a, method: python/execute, params: { code: result = 1, requirements: [requests] } }]",
            file: "w.yaml"
          })
        )
        assert.include(diagnostics.map(({ message }) => message).join("\n"), "requirements")
      })
    )
  })
})
