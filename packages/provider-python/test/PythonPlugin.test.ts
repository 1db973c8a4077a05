import { JsonSchemaCheck } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import plugin from "../src/index.ts"
import { call } from "./Tasks.ts"

const execute = (options: { readonly [key: string]: Schema.Json }, code: string) =>
  Effect.scoped(Effect.flatMap(plugin.make(options, "py"), (provider) => call(provider, "python/execute", { code })))

describe("the plug-in of Python", () => {
  it.live("makes a provider with the variables of `env`", () =>
    Effect.gen(function* () {
      const result = yield* execute({ env: { CITY: "Bern" }, sandbox: false }, "import os\nresult = os.environ['CITY']")
      assert.propertyVal(result, "result", "Bern")
    })
  )

  it.live("gives a task up after `timeout`", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(execute({ timeout: 0.2 }, "import time\ntime.sleep(60)"))
      assert.strictEqual(failure.message, 'provider "py": the task took more than 0.2 s')
    })
  )

  it.effect.each([
    ["sandbox", true, "the Python sandbox is not available in this version"],
    ["max_memory", "512MB", "`max_memory` cannot be kept: this version runs Python without isolation"],
    ["allowed_modules", ["json"], "`allowed_modules` cannot be kept"]
  ] as const)("refuses to promise %s", ([option, value, expected]) =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(execute({ [option]: value }, "result = 1"))
      assert.strictEqual(failure.name, "PROVIDER_INITIALIZATION_FAILED")
      assert.include(failure.message, expected)
    })
  )

  it("says what its options may be", () => {
    const issues = JsonSchemaCheck.check(plugin.options, { python: "", env: { A: 1 }, sandbx: true })
    assert.deepStrictEqual(issues.map(({ path }) => path.join(".")).toSorted(), ["env.A", "python", "sandbx"])
  })
})
