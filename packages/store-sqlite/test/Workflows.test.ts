/** The engine on this store: any workflow comes to the same as on the memory store, and is there when the file is opened again. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit, type Run } from "@gleitzeit/core"
import { Arbitraries, Engine } from "@gleitzeit/testkit"
import { Effect } from "effect"
import { SqliteStore } from "../src/index.ts"
import { file } from "./folder.ts"

/** Without names and times. */
const essence = ({ outputs, status, tasks, warnings }: Run.Report) => ({
  status,
  outputs,
  warnings,
  tasks: Object.entries(tasks).flatMap(([id, { attempts, error, path, result, status }]) => {
    const fan = tasks[path.replace(/\[\d+\]$/, "")]
    // which items of a fan that fails have begun is a matter of time
    const fails = fan?.error?.name === "ITEMS_FAILED"
    return fails && path.endsWith("]") ? [] : [{ id, status, attempts, result, error: fails ? error?.code : error }]
  })
})

describe("any workflow", () => {
  it.effect.prop(
    "comes to the same as on the memory store, and is the same when the file is opened again",
    { workflow: Arbitraries.workflow({ effects: true, nested: true, repeat: true }) },
    ({ workflow }) =>
      Effect.gen(function* () {
        const run = Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) =>
          Engine.report(gleitzeit.run(workflow), { step: 1000 })
        )
        const expected = yield* Effect.provide(run, Engine.layer())
        const store = SqliteStore.layer({ filename: yield* file, durability: "process" })
        const report = yield* Effect.provide(run, Engine.layer({ store }))
        assert.deepStrictEqual(essence(report), essence(expected))
        const again = Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => gleitzeit.get(report.run))
        assert.deepStrictEqual(yield* Effect.provide(again, Engine.layer({ store })), report)
      }),
    { timeout: 60_000, arbitrary: { runs: 25 } }
  )
})
