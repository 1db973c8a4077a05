/** A model, Python and two MCP servers on the command line; the model is a server that says what it is told to. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { execFile } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "../packages/cli/test/program.ts"
import { MiniOllama } from "../packages/mini-ollama/src/index.ts"

const copy: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "gleitzeit-"))
    cpSync(join(import.meta.dirname, "18-mcp"), folder, { recursive: true })
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const gleitzeit = (folder: string, url: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly stdout: string; readonly stderr: string }>((resume) => {
    const env = { ...process.env, GLEITZEIT_OLLAMA_URL: url }
    execFile(process.execPath, [Program.bin(), ...args], { cwd: folder, env, encoding: "utf8" }, (_, stdout, stderr) =>
      resume(Effect.succeed({ stdout, stderr }))
    )
  })

describe("18-mcp", () => {
  it.live("mixes a model, Python and the tools of two servers", () =>
    Effect.gen(function* () {
      const folder = yield* copy
      const { requests, url } = yield* MiniOllama.start({ replies: () => "ELEVEN SHIPS STOP LAMP CLEAN" })
      const run = ["run", "workflow.yaml", "--store", "memory:", "--json"]
      const { stderr, stdout } = yield* gleitzeit(folder, url, ...run)
      assert.isNotEmpty(stdout, stderr)
      assert.deepStrictEqual(JSON.parse(stdout).outputs, { slip: "ELEVEN SHIPS STOP LAMP CLEAN, cents: 60", words: 5 })
      assert.include(JSON.stringify(requests()), "eleven ships passed")
    }).pipe(Effect.scoped)
  )

  it.live("is checked against what the servers say", () =>
    Effect.gen(function* () {
      const folder = yield* copy
      const check = ["check", "workflow.yaml", "--json"]
      const { stderr, stdout } = yield* gleitzeit(folder, "http://127.0.0.1:9", ...check)
      assert.isNotEmpty(stdout, stderr)
      assert.deepStrictEqual(JSON.parse(stdout).diagnostics, [])
    }).pipe(Effect.scoped)
  )
})
