import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { bundled } from "./bundled.ts"
import { folder } from "./hub.ts"

const here = import.meta.dirname

/** The official runner starts our program, which goes through the hub, and looks at what it sends. */
const passes = (program: string, scenario: string) =>
  Effect.gen(function* () {
    const cwd = yield* folder
    const command = `${process.execPath} ${program}`
    const args = ["client", "--command", command, "--scenario", scenario]
    const said = yield* Effect.callback<string>((resume) => {
      const runner = execFile(join(here, "../node_modules/.bin/conformance"), args, { cwd }, (error, stdout, stderr) =>
        resume(Effect.succeed(error === null ? "" : `${stdout}${stderr}`))
      )
      return Effect.sync(() => runner.kill())
    })
    assert.strictEqual(said, "", scenario)
  })

const scenarios = [
  "initialize",
  "tools_call",
  "sse-retry",
  "request-metadata",
  "http-standard-headers",
  "http-invalid-tool-headers",
  "json-schema-ref-no-deref"
]

describe("the hub as a client", () => {
  it.live("conforms in every scenario", () =>
    Effect.flatMap(bundled("conformance"), (program) =>
      Effect.forEach(scenarios, (scenario) => Effect.scoped(passes(program, scenario)), { concurrency: 3 })
    )
  )
})
