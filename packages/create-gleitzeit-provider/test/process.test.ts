/** What only a process shows: streams, exit codes, who started it, other programs, a terminal. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTerminal } from "./pty.ts"
import { contents, folder } from "./scene.ts"

const root = join(import.meta.dirname, "../../..")

const start = (cwd: string, args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}) => {
  const bin = join(root, "packages/create-gleitzeit-provider/src/bin.ts")
  const { status, stderr, stdout } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: join(tmpdir(), "gleitzeit-compile-cache"), ...env }
  })
  return { code: status, out: stdout, err: stderr }
}

/** A program that writes down how it was called, and ends with the code that it is told. */
const stub = (path: string, name: string, code = 0) => {
  const bin = join(path, "bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(
    join(bin, name),
    `#!/bin/sh\necho "$0 $@ in $(pwd)" >> ${path}/calls\necho said by ${name}\nexit ${code}\n`
  )
  chmodSync(join(bin, name), 0o755)
  return { PATH: `${bin}:${process.env["PATH"]}` }
}

describe("a process", () => {
  it.live("installs with who started it, in the folder, and says so on standard error", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const env = { ...stub(path, "pnpm"), npm_config_user_agent: "pnpm/12.21.0 npm/? node/v24.0.0 linux x64" }
      const { code, err, out } = start(path, ["weather", "--no-git"], env)
      assert.strictEqual(code, 0)
      assert.strictEqual(err, "pnpm install\nsaid by pnpm\n")
      assert.include(readFileSync(join(path, "calls"), "utf8"), `/pnpm install in ${path}/weather\n`)
      assert.match(out, /Next:\n\n {2}cd weather\n {2}pnpm test\n {2}pnpm exec gleitzeit run workflow.yaml\n/)
    })
  )

  it.live("says what is left to do when the installation fails, exit 1", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const failed = start(path, ["weather", "--package-manager", "yarn"], stub(path, "yarn", 3))
      assert.deepStrictEqual([failed.code, failed.out], [1, ""])
      assert.include(failed.err, "error: yarn install ended with 3. The package is there")
      const missing = start(path, ["rain", "--package-manager", "bun", "--json"], { PATH: join(path, "bin") })
      assert.strictEqual(missing.code, 1)
      assert.include(JSON.parse(missing.out).error.message, "there is no bun. The package is there")
      assert.isTrue(existsSync(join(path, "rain/package.json")))
    })
  )

  it.live("begins a repository where there is none, unless told otherwise", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const begun = (args: ReadonlyArray<string>) =>
        JSON.parse(start(path, [...args, "--no-install", "--json"]).out).git
      assert.isTrue(begun(["one"]))
      assert.isTrue(existsSync(join(path, "one/.git")))
      assert.isFalse(begun(["one/two"]))
      assert.isTrue(begun(["one/three", "--git"]))
      assert.isFalse(begun(["four", "--no-git"]))
      assert.isFalse(existsSync(join(path, "four/.git")))
    })
  )

  it.live("ends with 2 and no colors for a command line that cannot be used", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { code, err, out } = start(path, ["Weather"])
      assert.deepStrictEqual([code, out], [2, ""])
      assert.strictEqual(err, `error: "Weather" is no name for a package: it has capital letters, weather would do\n`)
    })
  )
})

describe("a terminal", () => {
  it.live("asks, with what is taken when nothing is typed", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { code, shown } = yield* onTerminal(
        path,
        ["--no-install", "--no-git"],
        [
          ["(provider) ", "store\r"],
          ["(gleitzeit-store-ledger) ", "tape\r"]
        ]
      )
      assert.strictEqual(code, 0)
      assert.include(shown, "gleitzeit-store-tape, a store of tape: URLs")
      assert.property(contents(join(path, "tape")), "src/TapeStore.ts")
    })
  )

  it.live("Ctrl-C and Ctrl-D at a question end it, and nothing was made", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const given = yield* onTerminal(path, [], [["(provider) ", "\u0004"]])
      assert.strictEqual(given.code, 1)
      assert.include(given.shown, "nothing was made: the answers ended before the questions")
      const left = yield* onTerminal(path, [], [["(provider) ", "\u0003"]])
      assert.strictEqual(left.code, 256 - 2)
      assert.deepStrictEqual(contents(path), {})
    })
  )

  it.live("is not asked with --yes", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { code, shown } = yield* onTerminal(path, ["weather", "--yes", "--no-install", "--no-git"], [])
      assert.strictEqual(code, 0)
      assert.notInclude(shown, "?")
    })
  )
})

it.live("what is made under other names type-checks", () =>
  Effect.gen(function* () {
    const path = yield* folder
    start(path, ["log-parser", "--no-install", "--no-git"])
    start(path, ["tape", "--template", "store", "--no-install", "--no-git"])
    symlinkSync(join(root, "templates/store/node_modules"), join(path, "node_modules"))
    // both in one go: what they import is read once
    const include = ["log-parser", "tape"].flatMap((name) => [`${name}/src`, `${name}/test`])
    writeFileSync(join(path, "tsconfig.json"), JSON.stringify({ extends: "./tape/tsconfig.json", include }))
    const { stdout } = spawnSync(
      join(root, "node_modules/.bin/tsc"),
      ["--noEmit", "--pretty", "false", "--customConditions", "gz-source"],
      { cwd: path, encoding: "utf8" }
    )
    // what they import from the workspace is looked at elsewhere
    const ours = stdout.split("\n").filter((line) => /^(?:log-parser|tape)\//.test(line))
    assert.deepStrictEqual(ours, [])
  })
)
