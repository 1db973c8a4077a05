import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

/** Calls three times. */
const chatty: Script = (_, { call }) => Effect.forEach(["a", "b", "c"], (key) => call(key, "test/run", { value: key }))

describe("a task's budget", () => {
  const failure = (text: string, task: string) =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(gleitzeit.run(workflow(text)))
      return [report.status, report.tasks[task]?.error?.name, report.tasks[task]?.error?.message]
    })

  it.effect("holds for the calls that its handler makes", () =>
    Effect.gen(function* () {
      const [status, name] = yield* failure(
        "name: b\ntasks: [{ id: t, method: test/run, params: { script: chatty }, budget: { calls: 2 } }]",
        "t"
      )
      assert.deepStrictEqual([status, name], ["failed", "BUDGET_EXCEEDED"])
    }).pipe(Effect.provide(engine({ chatty })))
  )

  it.effect("holds for the tasks of its nested workflow together", () =>
    Effect.gen(function* () {
      const text = (calls: number) => `
name: b
tasks:
  - id: sub
    budget: { calls: ${calls} }
    workflow:
      - { id: a, method: test/run, params: { value: 1 } }
      - { id: b, method: test/run, params: { value: "\${a}" } }
`
      assert.strictEqual((yield* failure(text(2), "sub"))[0], "completed")
      const [status, name, message] = yield* failure(text(1), "sub")
      assert.deepStrictEqual([status, name], ["failed", "NESTED_TASK_FAILED"])
      assert.match(message ?? "", /^"sub\/b" failed: the budget of 1 calls has no room/)
    }).pipe(Effect.provide(engine({})))
  )

  it.effect("holds for all its items together, and for every attempt", () =>
    Effect.gen(function* () {
      const [status, name] = yield* failure(
        "name: b\ntasks: [{ id: t, method: test/run, foreach: [1, 2, 3], params: {}, budget: { calls: 2 } }]",
        "t"
      )
      assert.deepStrictEqual([status, name], ["failed", "ITEMS_FAILED"])
    }).pipe(Effect.provide(engine({})))
  )
})
