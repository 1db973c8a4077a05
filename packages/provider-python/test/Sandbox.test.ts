/** What `sandbox.py` lets a task do, and how it says no. What it holds back is in Escape.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { levels, missing, why } from "./LevelsHere.ts"
import { execute, failure, type Chunk } from "./Tasks.ts"

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const facts = path("fixtures/escape/facts.py")

/** By fact null, or what the machine lacks for it, or what went wrong. */
type Outcome = { readonly lacking: string } | { readonly failed: string } | null

const titles = [...readFileSync(facts, "utf8").matchAll(/^def (\w+)\((level)?\):\n {4}"""(.*)"""$/gm)].flatMap(
  ([, name = "", level, title = ""]) =>
    level === undefined
      ? [{ name, title }]
      : levels.map((each) => ({ name: `${name} ${each}`, title: `at ${each} ${title}` }))
)

describe.skipIf(process.platform !== "linux")("in the sandbox", () => {
  let outcomes: Record<string, Outcome> = {}

  beforeAll(() => {
    const written = execFileSync("python3", ["-B", facts, path("../src/python/")], { encoding: "utf8" })
    outcomes = JSON.parse(written)
  })

  it.for(titles)("$title", ({ name }, { skip }) => {
    const outcome = outcomes[name]
    if (outcome !== null && outcome !== undefined && "lacking" in outcome) skip(outcome.lacking)
    assert.isNull(outcome, JSON.stringify(outcome))
  })

  it("there is a test for every fact", () => {
    assert.deepStrictEqual(
      titles.map(({ name }) => name),
      Object.keys(outcomes)
    )
  })
})

const folder = mkdtempSync(join(tmpdir(), "gleitzeit-sandbox-"))
const file = join(folder, "scripts", "script.py")

beforeAll(() => {
  mkdirSync(join(folder, "scripts"))
  writeFileSync(join(folder, "scripts", "beside.py"), "words = 3")
  writeFileSync(join(folder, "above"), "above")
  writeFileSync(
    file,
    `import beside, tempfile
with tempfile.TemporaryFile("w+") as scratch:
  scratch.write("kept")
try:
  open("../above")
except OSError as error:
  result = [beside.words, type(error).__name__]
`
  )
})

afterAll(() => rmSync(folder, { recursive: true }))

for (const sandbox of levels) {
  describe.skipIf(missing[sandbox] !== null)(`a task at ${sandbox}${why(missing[sandbox])}`, () => {
    it.live(`prints, tells how far it is, waits and has a result`, () =>
      Effect.gen(function* () {
        const chunks: Array<Chunk> = []
        const code = `import asyncio, sys
print("out")
print("err", file=sys.stderr)
progress(0.5, "half")
await asyncio.sleep(0)
result = args["n"] + 1
`
        const { result, stderr, stdout } = yield* execute({ code, sandbox, args: { n: 1 } }, undefined, (chunk) =>
          chunks.push(chunk)
        )
        assert.deepStrictEqual([result, stdout, stderr], [2, "out\n", "err\n"])
        assert.deepInclude(chunks, { _tag: "Progress", fraction: 0.5, message: "half" })
      })
    )

    it.live(`is a file with what stands beside it, and nothing above`, () =>
      Effect.gen(function* () {
        const { result } = yield* execute({ file, sandbox })
        assert.deepStrictEqual(result, [3, "PermissionError"])
      })
    )

    it.live(`fails as it does anywhere`, () =>
      Effect.gen(function* () {
        const raised = yield* failure(execute({ code: "x = 1\nraise ValueError('no')", sandbox }))
        assert.deepInclude(raised.data, { type: "ValueError", message: "no", line: 2, exit_code: 1 })
        const killed = yield* failure(execute({ code: "import ctypes\nctypes.string_at(0)", sandbox }))
        assert.deepInclude(killed.data, { type: "Crashed", signal: "SIGSEGV" })
        const left = yield* failure(execute({ code: "import os\nos._exit(7)", sandbox }))
        assert.deepInclude(left.data, { type: "Crashed", exit_code: 7 })
      })
    )
  })
}
