/** An agent on the command line, with a model and a tool that are programs of their own. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "../packages/cli/test/program.ts"

/** In a folder of its own. */
const run = (...inputs: ReadonlyArray<string>): unknown => {
  const folder = mkdtempSync(join(tmpdir(), "gleitzeit-"))
  try {
    cpSync(join(import.meta.dirname, "17-agent"), folder, { recursive: true })
    const args = [Program.bin(), "run", "workflow.yaml", ...inputs, "--store", "memory:", "--json"]
    return JSON.parse(execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" })).outputs
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe("17-agent", () => {
  it("calls tools until it can answer", () => {
    const outputs = Object(run())
    assert.deepInclude(outputs, { can_leave: true, under_the_keel: 1.5 })
    assert.deepStrictEqual(outputs.calls, [
      { method: "tide/next", params: { port: "Aberdeen" }, result: { at: "16:41", depth: 3.9 } },
      { method: "data/eval", params: { expr: "3.9 - 2.4" }, result: { result: 1.5 } }
    ])
  })

  it("answers what its inputs ask", () => {
    assert.deepInclude(Object(run("-i", "port=Dover", "-i", "draught=9")), { can_leave: false, under_the_keel: -2.8 })
  })
})
