/** The runner of the protocol's own project, against the server as a process. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { served } from "./processes.ts"
import { folder } from "./scene.ts"

const runner = join(import.meta.dirname, "../node_modules/.bin/conformance")

const steps = "tasks: [{ id: a, method: script/do, params: { value: 1 } }]\n"

const run = (url: string, scenario: string) =>
  Effect.callback<{ readonly code: unknown; readonly said: string }>((resume) => {
    const cwd = mkdtempSync(join(tmpdir(), "gleitzeit-conformance-"))
    const child = execFile(
      runner,
      ["server", "--url", url, "--scenario", scenario],
      { cwd },
      (error, stdout, stderr) => {
        rmSync(cwd, { recursive: true, force: true })
        resume(Effect.succeed({ code: error?.code ?? 0, said: `${stdout}${stderr}` }))
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const scenarios = [
  "server-initialize",
  "ping",
  "tools-list",
  "dns-rebinding-protection",
  "logging-set-level",
  "http-header-validation"
]

describe("the conformance runner", () => {
  it.live(
    "finds nothing to complain about",
    () =>
      Effect.gen(function* () {
        const url = yield* served(yield* folder({ "steps.yaml": steps }))
        yield* Effect.forEach(
          scenarios,
          (scenario) =>
            Effect.map(run(url, scenario), ({ code, said }) => {
              assert.match(said, /Passed: (\d+)\/\1, 0 failed, 0 warnings/, `${scenario}: ${said}`)
              assert.strictEqual(code, 0, said)
            }),
          { concurrency: 3 }
        )
      }).pipe(Effect.scoped),
    60_000
  )
})
