/** The providers in ten lines are ten lines, and the command line runs them as their READMEs say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, type Scope } from "effect"
import { execFile, spawn } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "../packages/cli/test/program.ts"

const root = import.meta.dirname
const bin = Program.bin()

/** An example in a folder of its own. */
const copy = (example: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "gleitzeit-"))
      cpSync(join(root, example), folder, { recursive: true })
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

const outputs = (folder: string) =>
  Effect.callback<unknown>((resume) => {
    const args = [bin, "run", "workflow.yaml", "--store", "memory:", "--json"]
    execFile(process.execPath, args, { cwd: folder, encoding: "utf8" }, (_, stdout, stderr) => {
      resume(Effect.sync(() => (assert.isNotEmpty(stdout, stderr), JSON.parse(stdout).outputs)))
    })
  })

/** A port that nobody has. */
const port = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** Until it listens. */
const serving = (file: string, url: string) =>
  Effect.andThen(
    Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [file], { stdio: "inherit" })),
      (child) => Effect.sync(() => child.kill())
    ),
    Effect.retry(
      Effect.tryPromise(() => fetch(url, { method: "POST", body: `{"method":"rpc.discover","id":1}` })),
      { times: 200, schedule: Schedule.spaced(20) }
    )
  )

describe("a remote provider", () => {
  it.each(["12-remote-python/stats.py", "13-remote-node/clock.mjs"])("%s has at most ten lines", (file) => {
    const lines = readFileSync(join(root, file), "utf8").trimEnd().split("\n")
    assert.isAtMost(lines.length, 10)
    assert.isEmpty(lines.filter((line) => line.length > 120))
  })

  it.live("12-remote-python is started and called", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* copy("12-remote-python")
        assert.deepStrictEqual(yield* outputs(folder), {
          notice: "Half of the days the ferry was more than 12 minutes late"
        })
      })
    )
  )

  it.live("13-remote-node is called where it listens", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* copy("13-remote-node")
        const own = yield* port
        for (const file of ["clock.mjs", "gleitzeit.config.yaml"]) {
          const text = readFileSync(join(folder, file), "utf8")
          assert.include(text, "9013")
          writeFileSync(join(folder, file), text.replace("9013", String(own)))
        }
        yield* serving(join(folder, "clock.mjs"), `http://127.0.0.1:${own}/rpc`)
        assert.deepStrictEqual(yield* outputs(folder), { clocks: ["16:41:00", "10:41:00", "00:41:00"] })
      })
    )
  )
})
