/** That the pages of `docs/` that are printed from the sources are what the sources say. */
import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"

it("every printed page is what `scripts/docs.mjs` prints", () => {
  const { status, stderr } = spawnSync(process.execPath, ["--conditions=gz-source", "scripts/docs.mjs", "--check"], {
    cwd: join(import.meta.dirname, ".."),
    encoding: "utf8"
  })
  assert.strictEqual(stderr, "")
  assert.strictEqual(status, 0)
})
