/** What is foretold of a workflow holds for its runs. */
import { assert, describe, it } from "@effect/vitest"
import { type Bounds, Gleitzeit, type Run, type Workflow } from "@gleitzeit/core"
import { Arbitrary, Effect } from "effect"
import { Arbitraries, Engine, ScriptedProvider } from "../src/index.ts"

/** The task at the top of the workflow that a path lies in. */
const topOf = (path: string): string => path.replace(/[[~/].*$/s, "")

const foretold = Effect.fnUntraced(function* (workflow: Workflow.Workflow, calls: Array<ScriptedProvider.Call>) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const forecast = yield* gleitzeit.plan(workflow)
  assert.lengthOf(calls, 0)
  const report = yield* Engine.report(gleitzeit.run(workflow), { step: 1000, steps: 300 })
  return { forecast, report }
})

/** Whether so many calls are foretold, `least` only where nothing has failed. */
const isWithin = (calls: number, { least, most }: Bounds.Range, fails: boolean): boolean =>
  (fails || calls >= least) && (most === null || calls <= most)

const hasFailed = ({ tasks }: Run.Report): boolean => Object.values(tasks).some(({ status }) => status === "failed")

describe("a forecast", () => {
  it.effect.prop(
    "bounds the calls of any workflow, and those of each of its tasks",
    { workflow: Arbitraries.workflow({ effects: true, nested: true, repeat: true }) },
    ({ workflow }) => {
      const calls: Array<ScriptedProvider.Call> = []
      return Effect.gen(function* () {
        const { forecast, report } = yield* foretold(workflow, calls)
        const fails = hasFailed(report)
        const told = JSON.stringify(forecast.bounds.calls)
        assert.isTrue(isWithin(calls.length, forecast.bounds.calls, fails), `${calls.length} calls, foretold: ${told}`)
        for (const { bounds, id, path, runs } of forecast.tasks) {
          const made = calls.filter(({ task }) => topOf(task) === path).length
          assert.isTrue(isWithin(made, bounds.calls, fails), `${id}: ${made}, foretold: ${JSON.stringify(bounds)}`)
          if (runs === "never") assert.notStrictEqual(report.tasks[id]?.status, "completed")
        }
      }).pipe(Effect.provide(Engine.layer({ provider: ScriptedProvider.layer({ calls }) })))
    },
    { timeout: 60_000, arbitrary: { runs: 100 } }
  )

  it.effect(
    "is put to the test by runs that fail, that do not, that need every attempt, and lists that are not known",
    () =>
      Effect.gen(function* () {
        const found = new Set<string>()
        const made = Arbitraries.workflow({ effects: true, nested: true, repeat: true })
        for (const workflow of yield* Arbitrary.sampleEffect(made, { count: 150 })) {
          const calls: Array<ScriptedProvider.Call> = []
          yield* Effect.gen(function* () {
            const { forecast, report } = yield* foretold(workflow, calls)
            const { least, most } = forecast.bounds.calls
            const fails = hasFailed(report)
            found.add(most === null ? "no end" : calls.length === most ? "most" : "less than most")
            if (!fails) found.add(calls.length === least ? "least" : "more than least")
            found.add(fails ? "fails" : "fails not")
            for (const { runs } of forecast.tasks) found.add(runs)
          }).pipe(Effect.provide(Engine.layer({ provider: ScriptedProvider.layer({ calls }) })))
        }
        assert.deepStrictEqual([...found].toSorted(), [
          "certain",
          "fails",
          "fails not",
          "least",
          "less than most",
          "maybe",
          "more than least",
          "most",
          "never",
          "no end"
        ])
      })
  )
})
