import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"
import * as Scratch from "../src/Scratch.ts"

const deeper = `
import os, sys
os.chdir(sys.argv[1])
for name in ("a", "b"):
    os.mkdir(name)
    open(os.path.join(name, "file"), "w").close()
os.mkdir("closed", 0o300)
open("closed/file", "w").close()
for _ in range(60):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    open("file", "w").close()
`

it.live.skipIf(process.platform === "win32")(
  "a folder goes with all that is in it, however deep, and nothing that it only points at",
  () =>
    Effect.gen(function* () {
      const kept = mkdtempSync(join(tmpdir(), "gleitzeit-scratch-"))
      writeFileSync(join(kept, "file"), "kept")
      const folder = yield* Scratch.make
      assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
      symlinkSync(kept, join(folder, "link"))
      execFileSync("python3", ["-c", deeper, folder])
      yield* Scratch.remove(folder)
      assert.isFalse(existsSync(folder))
      assert.isTrue(existsSync(join(kept, "file")))
      rmSync(kept, { recursive: true })
      yield* Scratch.remove(folder)
    })
)
