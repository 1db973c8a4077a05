import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { ChildEnvironment } from "@gleitzeit/core"
import { PythonProvider } from "../src/index.ts"
import * as Interpreter from "../src/Interpreter.ts"
import { fit, installed, isOld } from "./Interpreters.ts"
import { call, execute, failure } from "./Tasks.ts"

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
    const named = program(join(path, "old"), answering("2.7.18", join(path, "old")))
    assert.include((yield* failure(find(named, env))).message, `looked at ${named} (is 2.7.18);`)
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

it.live("the folder of a virtual environment is as good as its interpreter", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const PATH = "/bin:/usr/bin"
    program(join(path, "env", "bin", "python"), answering("3.9.2", "/env/bin/python"))
    const { find, of } = yield* Interpreter.make("python", join(path, "env"), { PATH })
    assert.strictEqual((yield* find).executable, "/env/bin/python")
    assert.strictEqual((yield* of(join(path, "env"))).executable, "/env/bin/python")
    assert.strictEqual((yield* of(join(path, "env", "bin", "python"))).version, "3.9.2")
    const { message } = yield* failure(of(path))
    assert.include(message, `no Python 3.8 or newer: looked at ${join(path, "bin", "python")} (not there)`)
    assert.include(message, "`python` names an interpreter or the folder of a virtual environment")
  })
)

it.live("an environment that has outlived its Python is told with what it leads to", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const bin = join(path, "venv", "bin")
    mkdirSync(bin, { recursive: true })
    symlinkSync("python3.9", join(bin, "python"))
    symlinkSync(join(path, "gone", "python3.9"), join(bin, "python3.9"))
    const { message } = yield* failure(find(join(path, "venv"), { PATH: path }))
    assert.include(message, `${join(bin, "python")} (a link to ${join(path, "gone", "python3.9")}, which is not there)`)
    const broken = yield* failure(find(undefined, { PATH: path, VIRTUAL_ENV: join(path, "venv") }))
    assert.include(broken.message, `a link to ${join(path, "gone", "python3.9")}`)
  })
)

it.live("those of tasks are asked once each, and are kept beside the provider's", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const count = join(path, "count")
    const own = program(join(path, "own"), answering("3.10.0", "/own", count))
    const other = program(join(path, "other"), answering("3.11.0", "/other", count))
    const { find, of } = yield* Interpreter.make("python", own, { PATH: "/bin:/usr/bin" })
    for (const version of ["3.10.0", "3.10.0"]) assert.strictEqual((yield* find).version, version)
    for (const version of ["3.11.0", "3.11.0"]) assert.strictEqual((yield* of(other)).version, version)
    assert.strictEqual(lines(count), 2)
  })
)

it.live("tells its packages with their versions", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const installed = join(path, "site", "tiny_thing-1.2.dist-info")
    mkdirSync(installed, { recursive: true })
    writeFileSync(join(installed, "METADATA"), "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.2\n")
    const env = { ...(yield* ChildEnvironment.inherited), PYTHONPATH: join(path, "site") }
    const { find, packages } = yield* Interpreter.make("python", undefined, env)
    assert.strictEqual((yield* packages(yield* find))["tiny-thing"], "1.2")
    const gone = { executable: "/nope/python", version: "3.9.0", prefix: "/nope" }
    assert.include((yield* failure(packages(gone))).message, "/nope/python does not tell its packages: not there")
  })
)

const outdated = [...installed].filter(([version]) => isOld(version))

it.live.skipIf(outdated.length === 0)("an old Python is refused by its version and its path", () =>
  Effect.gen(function* () {
    for (const [version, path] of outdated) {
      const { message } = yield* failure(find(path, { PATH: "/bin:/usr/bin" }))
      assert.include(message, `no Python 3.8 or newer: looked at ${path} (is ${version}.`, version)
    }
  })
)

it.live.skipIf(fit.length < 2)("each Python from 3.8 on runs a task, at its own `python`", () =>
  Effect.gen(function* () {
    for (const [version, python] of fit) {
      const code = `import sys, asyncio\nawait asyncio.sleep(0)\nresult = "%d.%d" % sys.version_info[:2]`
      assert.strictEqual((yield* execute({ code, python }))["result"], version)
    }
  })
)

const lines = (path: string) => readFileSync(path, "utf8").split("\n").length - 1
