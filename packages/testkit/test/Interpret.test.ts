/** Any workflow comes to what DESIGN.md says of it: the engine against a plain interpretation, one task at a time. */
import { assert, describe, it } from "@effect/vitest"
import { Backend, type Event, Gleitzeit, MemoryStore, type Run, Store, type Workflow } from "@gleitzeit/core"
import { Arbitrary, Effect, Schema } from "effect"
import { Arbitraries, Engine, ScriptedProvider, StoreSample } from "../src/index.ts"
import { type Ended, interpret } from "./interpret.ts"

const run = Effect.fnUntraced(function* (workflow: Workflow.Workflow) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  return yield* Engine.report(gleitzeit.run(workflow), { step: 1000, steps: 300 })
})

/** What is compared: not times, not words, and the number of attempts where calls were made. */
const seen = (report: Run.TaskReport | undefined, { attempts }: Ended) => ({
  status: report?.status,
  ...(report?.result === undefined ? {} : { result: report.result }),
  ...(report?.error === undefined ? {} : { code: report.error.code }),
  ...(attempts === undefined ? {} : { attempts: report?.attempts })
})

const isAsInterpreted = (workflow: Workflow.Workflow, report: Run.Report) => {
  const expected = interpret(workflow)
  for (const [id, ended] of expected.tasks) {
    assert.deepStrictEqual({ id, ...seen(report.tasks[id], ended) }, { id, ...ended })
    expected.items.get(id)?.forEach((item, index) => {
      const path = `${report.tasks[id]?.path}[${index}]`
      assert.deepStrictEqual({ path, ...seen(report.tasks[path], item) }, { path, ...item })
    })
  }
  assert.deepStrictEqual(report.outputs, expected.outputs)
  assert.strictEqual(report.warnings.length, expected.leftOut.length, report.warnings.join("; "))
  assert.strictEqual(report.status, expected.status)
}

const everything: Arbitraries.Options = { effects: true, nested: true, repeat: true }

const comesToThat = (name: string, options: Arbitraries.Options) =>
  it.effect.prop(
    name,
    { workflow: Arbitraries.workflow(options) },
    ({ workflow }) =>
      Effect.gen(function* () {
        isAsInterpreted(workflow, yield* run(workflow))
      }).pipe(Effect.provide(Engine.layer())),
    { timeout: 60_000, arbitrary: { runs: 250 } }
  )

/** A memory store that notes how long each run's journal was after each of its commits. */
const noting = (lengths: Map<string, Array<number>>) =>
  Backend.layer(
    Effect.map(MemoryStore.make, (backend) => ({
      ...backend,
      store: Store.Store.of({
        ...backend.store,
        commit: (appends) => {
          for (const { after, events, run } of appends) {
            lengths.set(run, [...(lengths.get(run) ?? []), after + events.length])
          }
          return backend.store.commit(appends)
        }
      })
    }))
  )

/** Whether the call has come to an end for good, or its attempt has. */
const isRecorded = (event: Event.Event, { attempt, task }: ScriptedProvider.Call): boolean =>
  event._tag === "TaskCompleted" || event._tag === "TaskFailed"
    ? event.task === task
    : event._tag === "TaskRetrying" && event.task === task && event.attempt === attempt

/** Nobody knows whether a task marked `once` that had begun has come to its end: it does not run again. */
const withoutOnce = (workflow: Workflow.Workflow): Workflow.Workflow => {
  const [first, ...rest] = workflow.tasks
  const plain = (task: Workflow.Task): Workflow.Task => {
    const { once: _, workflow: inner, ...others } = task
    return inner === undefined ? others : { ...others, workflow: withoutOnce(inner) }
  }
  return { ...workflow, tasks: [plain(first), ...rest.map(plain)] }
}

describe("any workflow", () => {
  comesToThat("comes to what its document says", {})

  comesToThat("comes to what its document says, with loops and workflows inside", everything)

  it.effect.prop(
    "left behind after any of its commits and resumed, comes to the same, and repeats nothing that is recorded",
    { workflow: Arbitraries.workflow(everything), place: Schema.Int },
    (drawn) => {
      const workflow = withoutOnce(drawn.workflow)
      const lengths = new Map<string, Array<number>>()
      const calls: Array<ScriptedProvider.Call> = []
      return Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const store = yield* Store.Store
        const whole = yield* run(workflow)
        const places = lengths.get(whole.run) ?? []
        const length = places[Math.abs(drawn.place) % places.length] ?? 1
        const [first, ...rest] = yield* store.read(whole.run, 0, length)
        assert.isDefined(first)
        yield* store.commit([StoreSample.creation("left", { events: [first, ...rest] })])
        const resumed = Effect.andThen(gleitzeit.resume("left"), gleitzeit.wait("left"))
        isAsInterpreted(workflow, yield* Engine.report(resumed, { step: 1000, steps: 300 }))
        const events = [first, ...rest].map(({ json }): Event.Event => JSON.parse(json))
        const again = calls.filter((call) => call.run === "left" && events.some((event) => isRecorded(event, call)))
        assert.deepStrictEqual(again, [])
      }).pipe(Effect.provide(Engine.layer({ store: noting(lengths), provider: ScriptedProvider.layer({ calls }) })))
    },
    { timeout: 60_000, arbitrary: { runs: 100 } }
  )
})

describe("the workflows that are made up", () => {
  it.effect("meet every way in which a task can end", () =>
    Effect.gen(function* () {
      const found = new Set<string>()
      const samples = [
        ...(yield* Arbitrary.sampleEffect(Arbitraries.workflow(), { count: 200 })),
        ...(yield* Arbitrary.sampleEffect(Arbitraries.workflow(everything), { count: 200 }))
      ]
      for (const workflow of samples) {
        const { items, status, tasks } = interpret(workflow)
        found.add(`run ${status}`)
        for (const { attempts = 0, code, status } of tasks.values()) found.add(`${status} ${code ?? ""} ${attempts}`)
        for (const all of items.values()) found.add(`${all.length} items`)
        for (const { status } of [...items.values()].flat()) found.add(`item ${status}`)
      }
      assert.includeMembers(
        [...found],
        [
          "run completed",
          "run failed",
          "completed  1",
          "completed  2",
          "completed  3",
          "completed  0",
          "failed -29002 1",
          "failed -29002 2",
          "failed -29002 3",
          "failed -29006 0",
          "failed -29010 0",
          "failed -29013 0",
          "failed -29016 0",
          "failed -29020 0",
          "skipped  0",
          "0 items",
          "1 items",
          "3 items",
          "item completed",
          "item failed",
          "item skipped"
        ]
      )
    })
  )
})
