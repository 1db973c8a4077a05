import { JsonSchemaCheck, type Provider } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import plugin from "../src/index.ts"
import { call, failure } from "./Tasks.ts"

const made = <A, E>(
  options: { readonly [key: string]: Schema.Json },
  use: (provider: Provider.Provider) => Effect.Effect<A, E>
) => Effect.scoped(Effect.flatMap(plugin.make(options, "py"), use))

const seed = { timeout: 60, max_memory: "512M", allowed_modules: ["json", "csv", "math", "datetime"] }

const execute = (options: { readonly [key: string]: Schema.Json }, params: Schema.JsonObject) =>
  made(options, (provider) => call(provider, "python/execute", params))

describe("the plug-in of Python", () => {
  it.live("makes a provider with the variables of `env`", () =>
    Effect.gen(function* () {
      const code = "import os\nresult = os.environ['CITY']"
      assert.propertyVal(yield* execute({ env: { CITY: "Bern" }, sandbox: false }, { code }), "result", "Bern")
    })
  )

  it.live("takes what containers are to be made of, and refuses an engine that is not there", () =>
    Effect.gen(function* () {
      const container = { host: "unix:///nowhere.sock", image: "mine", limits: { memory: "256M", cpus: 0.5 } }
      const refused = yield* failure(execute({ container }, { code: "1", sandbox: "container" }))
      assert.strictEqual(refused.name, "PROVIDER_NOT_AVAILABLE")
      assert.include(refused.message, "/nowhere.sock")
      assert.propertyVal(yield* execute({ container }, { code: "result = 1" }), "result", 1)
    })
  )

  it.live("gives a task up after `timeout`, and the task's own comes first", () =>
    Effect.gen(function* () {
      const code = "import time\ntime.sleep(60)"
      const late = yield* failure(execute({ timeout: 0.2 }, { code }))
      assert.include(late.message, "the task took more than 0.2 s")
      const own = yield* failure(execute({ timeout: "1h" }, { code, timeout: "300ms" }))
      assert.include(own.message, "the task took more than 0.3 s")
    })
  )

  it.live("limits memory as the documents of the format write it", () =>
    Effect.gen(function* () {
      const code = "import resource\nresult = resource.getrlimit(resource.RLIMIT_DATA)[0]"
      assert.propertyVal(yield* execute({ max_memory: "512M" }, { code }), "result", 512 * 1024 ** 2)
      assert.propertyVal(yield* execute({ max_memory: "1G" }, { code, max_memory: "64MB" }), "result", 64 * 1024 ** 2)
    })
  )

  it.live("lets a task import what `allowed_modules` names, and what that imports", () =>
    Effect.gen(function* () {
      yield* made({ allowed_modules: seed.allowed_modules }, (provider) =>
        Effect.gen(function* () {
          const execute = (params: Schema.JsonObject) => call(provider, "python/execute", params)
          const code =
            "import json, csv, math\nfrom json.decoder import JSONDecoder\nresult = json.dumps(math.floor(2.5))"
          assert.propertyVal(yield* execute({ code }), "result", "2")
          const refused = yield* failure(execute({ code: "x = 1\nimport socket" }))
          assert.include(refused.message, "ImportError: socket is not one of the modules that the task may import")
          assert.include(refused.message, "csv, datetime, json, math")
          const own = yield* execute({ code: "import socket\nresult = 1", allowed_modules: ["socket"] })
          assert.propertyVal(own, "result", 1)
        })
      )
    })
  )

  it.live("takes the options that the seeds write, as they write them", () =>
    made({ ...seed, ...(process.platform === "linux" ? { sandbox: true } : {}) }, (provider) =>
      Effect.sync(() => assert.strictEqual(provider.protocol, "python/v1"))
    )
  )

  it("says what its options may be", () => {
    const issues = JsonSchemaCheck.check(plugin.options, {
      python: "",
      env: { A: 1 },
      sandbx: true,
      sandbox: "jail",
      max_memory: "lots",
      allowed_modules: ["os.path"]
    })
    assert.deepStrictEqual([...new Set(issues.map(({ path }) => path.join(".")))].toSorted(), [
      "allowed_modules.0",
      "env.A",
      "max_memory",
      "python",
      "sandbox",
      "sandbx"
    ])
  })
})
