import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Levels from "../src/Levels.ts"

const folder = fileURLToPath(new URL("../src/python/", import.meta.url))
const env = { PATH: process.env["PATH"] ?? "" }
const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim()

describe("the levels of a machine", () => {
  it.live("are told by its Python, one by one", () =>
    Effect.gen(function* () {
      const { of } = yield* Levels.make({ folder, env })
      const levels = yield* of(python)
      assert.deepStrictEqual(Object.keys(levels), [...Levels.Level.literals])
      assert.isNull(levels.none)
      if (process.platform === "linux") assert.isNull(levels.rlimit)
      for (const reason of Object.values(levels)) assert.notStrictEqual(reason, "")
      assert.strictEqual(yield* of(python), levels)
    })
  )

  it.live.skipIf(process.platform !== "linux")(
    "are `none` alone where Python cannot be asked, with the reason, and are asked for again",
    () =>
      Effect.gen(function* () {
        const { of } = yield* Levels.make({ folder, env })
        const nobody = yield* of("/there/is/no/python")
        assert.isNull(nobody.none)
        for (const level of ["rlimit", "strict", "ns"] as const) assert.include(nobody[level] ?? "", "ENOENT")
        const broken = yield* of("/bin/false")
        assert.strictEqual(broken.strict, "it ended with exit code 1")
        assert.notStrictEqual(yield* of("/bin/false"), broken)
      })
  )
})
