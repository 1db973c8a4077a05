import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PluginModule from "../src/PluginModule.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "gleitzeit-module-"))
    writeFileSync(join(folder, "good.ts"), "export default 1\n")
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe("the module of a plug-in", () => {
  it.effect.each<readonly [use: string, expected: string]>([
    ["./good", "there is no file FOLDER/good; write the whole name: FOLDER/good.ts"],
    ["./bad.ts", "there is no file FOLDER/bad.ts"],
    ["good.ts", 'there is no package "good.ts" for FOLDER, nor beside this program; a path begins with ./: ./good.ts'],
    [
      "nowhere",
      'there is no package "nowhere" for FOLDER, nor beside this program; install it with "npm install nowhere", or name a path that begins with ./'
    ]
  ])("that is not there: %s", ([use, expected]) =>
    Effect.gen(function* () {
      const at = yield* folder
      const found = PluginModule.find({ name: "x", use }, at)
      const { reason, remedy } = yield* Effect.flip(Effect.fromResult(found))
      assert.strictEqual([reason, remedy].filter(Boolean).join("; "), expected.replaceAll("FOLDER", at))
    }).pipe(Effect.scoped)
  )
})
