import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { ChildEnvironment } from "@gleitzeit/core"
import { PythonProvider } from "../src/index.ts"
import * as Interpreter from "../src/Interpreter.ts"
import { call, failure } from "./Tasks.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-python-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const program = (path: string, script: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}
const answering = (version: string, executable: string, count?: string) =>
  `${count === undefined ? "" : `echo x >> ${count}\n`}echo '{"executable": "${executable}", "version": [${version.replaceAll(".", ", ")}], "prefix": "/p"}'`

const find = (command: string | undefined, env: { readonly [name: string]: string }) =>
  Effect.flatMap(Interpreter.make("python", command, env), ({ find }) => find)

it.live("the active environment comes before the PATH, and what is too old or broken is passed over", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const PATH = `${join(path, "bin")}:/bin:/usr/bin`
    program(join(path, "bin", "python3"), answering("3.12.1", "/real/python3.12"))
    const venv = program(join(path, "venv", "bin", "python"), answering("3.9.2", "/venv/bin/python"))
    assert.deepStrictEqual(yield* find(undefined, { PATH, VIRTUAL_ENV: join(path, "venv") }), {
      executable: "/venv/bin/python",
      version: "3.9.2",
      prefix: "/p"
    })
    for (const script of [answering("3.7.16", "/old"), "exit 1", "echo hello", ""]) {
      program(venv, script)
      const found = yield* find(undefined, { PATH, VIRTUAL_ENV: join(path, "venv") })
      assert.strictEqual(found.executable, "/real/python3.12", script)
    }
    rmSync(venv)
    assert.strictEqual((yield* find(undefined, { PATH, VIRTUAL_ENV: join(path, "venv") })).version, "3.12.1")
  })
)

it.live("files in the current folder are not taken for modules of Python", () =>
  Effect.gen(function* () {
    const path = yield* folder
    writeFileSync(join(path, "json.py"), "raise RuntimeError('not ours')")
    const command = program(join(path, "python"), `cd ${path}\nexec python3 "$@"`)
    assert.match((yield* find(command, { PATH: "/usr/local/bin:/usr/bin:/bin" })).version, /^3\./)
  })
)

it.live("a missing or old Python is a failure that names every place, and what was there", () =>
  Effect.gen(function* () {
    const path = yield* folder
    program(join(path, "python3"), answering("3.7.16", "/opt/python3.7"))
    program(join(path, "python"), "echo no such module >&2\nexit 4")
    const env = { PATH: `${path}:/bin:/usr/bin`, VIRTUAL_ENV: "/gone" }
    const error = yield* failure(find(undefined, env))
    assert.deepStrictEqual([error.name, error.retryable], ["PROVIDER_NOT_AVAILABLE", false])
    assert.include(error.message, "no Python 3.8 or newer: looked at /gone/bin/python (not there)")
    assert.include(error.message, "python3 on the PATH (is 3.7.16, /opt/python3.7)")
    assert.include(error.message, "python on the PATH (ended with exit code 4: no such module)")
    assert.include(error.message, join(".venv", "bin", "python"))
  })
)

it.live("a command that is given is the only one asked", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const own = program(join(path, "own"), answering("3.10.0", "/own"))
    const PATH = `${path}:/bin:/usr/bin`
    program(join(path, "python3"), answering("3.12.0", "/other"))
    assert.strictEqual((yield* find(own, { PATH })).executable, "/own")
    assert.strictEqual((yield* find("own", { PATH })).executable, "/own")
    assert.include((yield* failure(find("nope", { PATH }))).message, "looked at nope on the PATH (not there)")
    assert.include((yield* failure(find("/nope/python", { PATH }))).message, "looked at /nope/python (not there)")
  })
)

it.live("it is asked once, also by many tasks at a time, and again after it was forgotten or not found", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const count = join(path, "count")
    const { find, forget } = yield* Interpreter.make("python", join(path, "python"), { PATH: "/bin:/usr/bin" })
    yield* failure(find)
    program(join(path, "python"), answering("3.10.0", "/own", count))
    yield* Effect.forEach(Array.from({ length: 5 }), () => find, { concurrency: "unbounded" })
    yield* find
    assert.strictEqual(lines(count), 1)
    yield* forget
    yield* find
    assert.strictEqual(lines(count), 2)
  })
)

it.live("a provider opens without Python, and says what is missing when it is used", () =>
  Effect.gen(function* () {
    const provider = yield* PythonProvider.make({ command: "/nope/python" })
    const error = yield* failure(call(provider, "python/execute", { code: "1" }))
    assert.include(error.message, `provider "python" is not available: no Python 3.8 or newer: looked at /nope/python`)
    const { details, status } = yield* provider.health
    assert.strictEqual(status, "unhealthy")
    assert.include(JSON.stringify(details), "/nope/python")
    assert.isUndefined(yield* provider.identity("python/execute", {}))
  })
)

it.live("an interpreter that is gone when a task starts is looked for again", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const real = (yield* find(undefined, yield* ChildEnvironment.inherited)).executable
    const command = program(join(path, "python"), answering("3.10.0", join(path, "moved")))
    const provider = yield* PythonProvider.make({ command })
    const error = yield* failure(call(provider, "python/execute", { code: "1" }))
    assert.deepStrictEqual([error.name, error.retryable], ["PROVIDER_NOT_AVAILABLE", true])
    program(command, answering("3.10.0", real))
    yield* call(provider, "python/execute", { code: "1" })
  })
)

const lines = (path: string) => readFileSync(path, "utf8").split("\n").length - 1
