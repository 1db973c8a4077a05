import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { place } from "./command.ts"

const twelve = readFileSync(new URL("../../core/test/fixtures/twelve-mistakes.yaml", import.meta.url), "utf8")

it.live("`check --json` of a file with twelve mistakes gives just those, and ends with 3", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const { file, gz } = yield* place()
      const path = file("twelve.yaml", twelve)
      const { exit, stderr, stdout } = yield* gz("check", path, "--json")
      assert.deepStrictEqual([exit, stderr], [3, ""])
      const { diagnostics, ok }: { diagnostics: ReadonlyArray<Record<string, unknown>>; ok: boolean } =
        JSON.parse(stdout)
      assert.isFalse(ok)
      assert.isTrue(diagnostics.every((one) => one["file"] === path && one["severity"] === "error"))
      assert.deepStrictEqual(
        diagnostics.map(({ code, column, line, suggestion = null }) => [line, column, code, suggestion]),
        [
          [8, 13, "unknown-method", "llm/chat"],
          [14, 30, "undeclared-input", "topic"],
          [15, 7, "unknown-param", "temperature"],
          [18, 5, "unknown-key", "retry"],
          [21, 16, "invalid-param", null],
          [23, 9, "type-mismatch", null],
          [25, 5, "missing-param", null],
          [28, 9, "unknown-field", "input_tokens"],
          [31, 22, "unknown-field", "content"],
          [32, 13, "type-mismatch", null],
          [35, 20, "cycle", null],
          [35, 26, "unknown-dependency", null]
        ]
      )
      const told = yield* gz("check", path)
      assert.deepStrictEqual([told.exit, told.stdout], [3, ""])
      assert.include(told.stderr, `${path}:32:13: `)
      assert.match(told.stderr, /\n12 errors\n$/)
    })
  )
)
