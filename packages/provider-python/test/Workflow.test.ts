/** Values on their way through a whole workflow file into Python code: they arrive as they are, and none is executed. */
import { assert, describe, it } from "@effect/vitest"
import { BuiltIn, Executor, Files, Gleitzeit, MemoryStore, Providers, Secrets } from "@gleitzeit/core"
import { Effect, Layer } from "effect"
import { existsSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PythonProvider } from "../src/index.ts"

const engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide(Files.layer()),
  Layer.provide(Secrets.layer),
  Layer.provide(Layer.mergeAll(BuiltIn.layer, PythonProvider.layer())),
  Layer.provide(Providers.layer),
  Layer.provide(MemoryStore.layer)
)

const run = (text: string, inputs: { readonly [name: string]: string }) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "hostile.yaml" })
    if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
    return yield* gleitzeit.get((yield* gleitzeit.run(workflow, { inputs })).run)
  }).pipe(Effect.provide(engine))

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

  it.live("goes unchanged and unexecuted through every way to write a reference in Python", () =>
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
  it.live("names the file's line, skips what depends on it, and lets the rest finish", () =>
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
