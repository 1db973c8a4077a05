import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Event } from "../src/Event.ts"
import type { Failure } from "../src/Failure.ts"
import * as Run from "../src/Run.ts"
import type { Task } from "../src/Workflow.ts"
import type { Workflow } from "../src/Workflow.ts"
import { task, workflow } from "./Documents.ts"

const error: Failure = { code: -29002, name: "TASK_EXECUTION_FAILED", message: "no", retryable: true }

const created = (
  tasks: readonly [Task, ...ReadonlyArray<Task>] = [task("a"), task("b")],
  more: Partial<Workflow> = {}
): Event => ({
  _tag: "RunCreated",
  v: 1,
  at: 1000,
  workflow: workflow(tasks, more),
  inputs: { x: 1 },
  env: { LANG: "C" },
  folder: "/f",
  engine: "9.9.9"
})
const ended = (name: string, more: { readonly at?: number; readonly attempt?: number } = {}) =>
  ({ v: 1, at: 1500, task: name, started: 1100, duration: 400, attempt: 1, ...more }) as const
const completed = (name: string, result: Schema.Json = name): Event => ({
  _tag: "TaskCompleted",
  ...ended(name),
  result
})

const fold = (...events: ReadonlyArray<Event>) => events.reduce(Run.fold, Run.empty("run"))

describe("a run", () => {
  it("that nothing has happened to is pending", () => {
    const state = fold()
    assert.strictEqual(state.status, "pending")
    assert.strictEqual(state.sequence, 0)
    assert.deepStrictEqual(Run.report(state).progress, { completed: 0, total: 0 })
    assert.strictEqual(Run.summary(state).workflow, "")
  })

  it("that was created is running, with what it was given", () => {
    const state = fold(created())
    assert.strictEqual(state.status, "running")
    assert.deepStrictEqual(
      [state.inputs, state.env, state.folder, state.engine],
      [{ x: 1 }, { LANG: "C" }, "/f", "9.9.9"]
    )
    assert.strictEqual(Run.report(state).tasks["a"]?.status, "pending")
  })

  it("knows who took it over last", () => {
    const resumed = (owner: string): Event => ({ _tag: "RunResumed", v: 1, at: 2000, owner })
    assert.strictEqual(fold(created(), resumed("a"), resumed("b")).owner, "b")
  })

  it("ends completed with outputs and warnings", () => {
    const end: Event = { _tag: "RunCompleted", v: 1, at: 2000, outputs: { o: 1 }, warnings: ["w"] }
    const { finished_at, outputs, status, warnings } = Run.report(fold(created(), completed("a"), completed("b"), end))
    assert.deepStrictEqual(
      { finished_at, outputs, status, warnings },
      { finished_at: 2000, outputs: { o: 1 }, status: "completed", warnings: ["w"] }
    )
  })

  it("ends failed with its error and the outputs there are", () => {
    const end: Event = { _tag: "RunFailed", v: 1, at: 2000, error, outputs: { o: 1 }, warnings: [] }
    const report = Run.report(fold(created(), end))
    assert.deepStrictEqual([report.status, report.error, report.outputs], ["failed", error, { o: 1 }])
    assert.strictEqual(report.tasks["a"]?.status, "cancelled")
  })

  it("ends cancelled with the tasks that were not over", () => {
    const state = fold(
      created([task("a"), task("b"), task("c")]),
      completed("a"),
      { _tag: "TaskRetrying", ...ended("b"), error, due: 9000 },
      { _tag: "CancelRequested", v: 1, at: 1600, by: "ada" },
      { _tag: "RunCancelled", v: 1, at: 1700 }
    )
    assert.isTrue(state.cancelling)
    const { tasks } = Run.report(state)
    assert.deepStrictEqual(
      Object.values(tasks).map(({ status }) => status),
      ["completed", "cancelled", "cancelled"]
    )
  })

  it("counts the time it is driven, not the time between a crash and its resume", () => {
    const state = fold(
      created(),
      { _tag: "TaskSkipped", v: 1, at: 1300, task: "a", because: "condition" },
      { _tag: "RunResumed", v: 1, at: 100_000, owner: "b" },
      { _tag: "TaskSkipped", v: 1, at: 100_050, task: "b", because: "condition" }
    )
    assert.strictEqual(state.active, 350)
    assert.strictEqual(state.updated_at, 100_050)
  })
})

describe("a task", () => {
  it("that completed has its result, attempts, times, provider and usage", () => {
    const state = fold(created(), {
      _tag: "TaskCompleted",
      ...ended("a", { attempt: 2 }),
      result: { simulated: true },
      provider: "p",
      usage: { calls: 1, input_tokens: 5 }
    })
    assert.deepStrictEqual(Run.report(state).tasks["a"], {
      path: "a",
      status: "completed",
      attempts: 2,
      result: { simulated: true },
      provider: "p",
      started_at: 1100,
      finished_at: 1500,
      duration_ms: 400,
      cached: false,
      reused: false,
      simulated: true,
      usage: { calls: 1, input_tokens: 5 }
    })
  })

  it("whose result is null has completed", () => {
    assert.isNull(Run.report(fold(created(), completed("a", null))).tasks["a"]?.result)
  })

  it("that is tried again is not over, and counts what all its attempts used", () => {
    const state = fold(created(), { _tag: "TaskRetrying", ...ended("a"), error, due: 3000, usage: { calls: 1 } })
    const waiting = Run.report(state).tasks["a"]
    assert.strictEqual(waiting?.status, "retrying")
    assert.deepStrictEqual(waiting?.error, error)
    assert.isFalse(Object.hasOwn(waiting ?? {}, "finished_at"))
    assert.strictEqual(state.tasks.get("a")?.due, 3000)
    Run.fold(state, { _tag: "TaskCompleted", ...ended("a", { at: 3100, attempt: 2 }), result: 1, usage: { calls: 1 } })
    const over = Run.report(state).tasks["a"]
    assert.isFalse(Object.hasOwn(over ?? {}, "error"))
    assert.deepStrictEqual([over?.attempts, over?.started_at, over?.usage], [2, 1100, { calls: 2 }])
    assert.isUndefined(state.tasks.get("a")?.due)
    assert.deepStrictEqual(state.usage, { calls: 2 })
  })

  it("that failed has its error, and one that was cancelled says so", () => {
    const cancelled = { ...error, code: -29004 }
    const { tasks } = Run.report(
      fold(
        created(),
        { _tag: "TaskFailed", ...ended("a"), error },
        { _tag: "TaskFailed", ...ended("b"), error: cancelled }
      )
    )
    assert.deepStrictEqual([tasks["a"]?.status, tasks["a"]?.error], ["failed", error])
    assert.strictEqual(tasks["b"]?.status, "cancelled")
  })

  it("that was skipped says why", () => {
    const { tasks } = Run.report(
      fold(
        created([task("a"), task("b"), task("c")]),
        { _tag: "TaskSkipped", v: 1, at: 1, task: "a", because: "condition" },
        { _tag: "TaskSkipped", v: 1, at: 1, task: "b", because: "no value", of: "a" },
        { _tag: "TaskSkipped", v: 1, at: 1, task: "c", because: "failed", of: "x" }
      )
    )
    assert.deepStrictEqual(
      Object.values(tasks).map((one) => one.skipped_because),
      ["its condition is false", '"a" has no value', '"x" failed']
    )
  })

  it("marked `once` has begun until it is over", () => {
    const started: Event = { _tag: "TaskStarted", v: 1, at: 1100, task: "a", attempt: 1 }
    const state = fold(created(), started)
    assert.deepStrictEqual([state.tasks.get("a")?.begun, state.tasks.get("a")?.started_at], [true, 1100])
    Run.fold(state, { _tag: "TaskRetrying", ...ended("a"), error, due: 2000 })
    assert.isFalse(state.tasks.get("a")?.begun)
  })

  it("is found under its path, and reported under its id", () => {
    const { tasks } = Run.report(fold(created([task("v1/2 [x]"), task("b")]), completed("v1%2F2 %5Bx%5D", 5)))
    assert.deepStrictEqual([tasks["v1/2 [x]"]?.result, tasks["v1/2 [x]"]?.path], [5, "v1%2F2 %5Bx%5D"])
  })

  it("is reported whatever its id", () => {
    const state = fold(
      created([task("__proto__"), task("constructor")]),
      completed("__proto__", 1),
      completed("constructor", 2)
    )
    assert.deepStrictEqual(
      Object.entries(Run.report(state).tasks).map(([id, { result }]) => [id, result]),
      [
        ["__proto__", 1],
        ["constructor", 2]
      ]
    )
    assert.deepStrictEqual(Run.summary(state).tasks, { total: 2, completed: 2 })
  })
})

describe("a `foreach` task", () => {
  const expanded: Event = { _tag: "TaskExpanded", v: 1, at: 1100, task: "a", items: ["x", "y", "z"] }

  it("runs once its items are fixed, which are reported after it", () => {
    const state = fold(created([task("a", { foreach: [] }), task("b")]), expanded, completed("a[1]", "Y"))
    const report = Run.report(state)
    assert.deepStrictEqual(
      Object.entries(report.tasks).map(([id, { status }]) => `${id} ${status}`),
      ["a running", "a[0] pending", "a[1] completed", "a[2] pending", "b pending"]
    )
    assert.deepStrictEqual(report.progress, { completed: 0, total: 2 })
  })

  it("gathers the results of the items that completed, in order", () => {
    const state = fold(
      created([task("a", { foreach: [] })]),
      expanded,
      completed("a[2]", "Z"),
      { _tag: "TaskFailed", ...ended("a[1]"), error },
      completed("a[0]", null),
      { _tag: "TaskGathered", ...ended("a") }
    )
    assert.deepStrictEqual(state.tasks.get("a")?.result, [null, "Z"])
    assert.strictEqual(state.tasks.get("a")?.status, "completed")
  })

  it("without items gathers none", () => {
    const state = fold(created(), { ...expanded, items: [] }, { _tag: "TaskGathered", ...ended("a") })
    assert.deepStrictEqual(state.tasks.get("a")?.result, [])
    assert.deepStrictEqual(fold(created(), { _tag: "TaskGathered", ...ended("a") }).tasks.get("a")?.result, [])
  })
})

it("a recorded call gives its result by path, and counts", () => {
  const state = fold(
    created(),
    { _tag: "CallRecorded", ...ended("a/turn-1"), result: 5, usage: { output_tokens: 2 } },
    { _tag: "CallRecorded", ...ended("a/turn-2"), result: null }
  )
  assert.deepStrictEqual(
    [...state.calls],
    [
      ["a/turn-1", 5],
      ["a/turn-2", null]
    ]
  )
  assert.deepStrictEqual(state.usage, { output_tokens: 2 })
  assert.strictEqual(Object.keys(Run.report(state).tasks).join(), "a,b")
})

describe("a summary", () => {
  it("counts tasks by status and is due while the run goes on", () => {
    const state = fold(created([task("a"), task("b"), task("c")], { tags: ["t"] }), completed("a"), {
      _tag: "TaskFailed",
      ...ended("b"),
      error
    })
    assert.deepStrictEqual(Run.summary(state), {
      run: "run",
      workflow: "test",
      status: "running",
      tags: ["t"],
      created_at: 1000,
      updated_at: 1500,
      tasks: { total: 3, completed: 1, failed: 1 },
      waiting: [],
      usage: {},
      engine: "9.9.9",
      due: 1500
    })
  })

  it("of a run that is over is not due", () => {
    const state = fold(created(), { _tag: "RunCancelled", v: 1, at: 2000 })
    assert.isFalse(Object.hasOwn(Run.summary(state), "due"))
  })
})

describe("of any events", () => {
  const Events = Schema.Array(Event)

  it.prop("the sequence counts all, and time never goes back", { events: Events }, ({ events }) => {
    const state = Run.empty("run")
    let before = 0
    for (const event of events) {
      Run.fold(state, event)
      assert.isAtLeast(state.updated_at, before)
      assert.isAtLeast(state.active, 0)
      before = state.updated_at
    }
    assert.strictEqual(state.sequence, events.length)
  })

  it.prop("none but a retry changes a run that is over", { events: Events }, ({ events }) => {
    for (const end of [
      { _tag: "RunCancelled", v: 1, at: 5000 },
      { _tag: "RunCompleted", v: 1, at: 5000, outputs: {}, warnings: [] },
      { _tag: "RunFailed", v: 1, at: 5000, error, outputs: {}, warnings: [] }
    ] satisfies ReadonlyArray<Event>) {
      const state = fold(created(), completed("a"), end)
      assert.isTrue(Run.isOver(state.status))
      const [report, summary] = [Run.report(state), Run.summary(state)]
      const others = events.filter(({ _tag }) => _tag !== "RunRetried")
      others.forEach((event) => Run.fold(state, event))
      assert.deepStrictEqual([Run.report(state), Run.summary(state)], [report, summary])
      assert.strictEqual(state.sequence, 3 + others.length)
    }
  })

  it.prop("the report is JSON", { events: Events }, ({ events }) => {
    const report = Run.report(fold(...events))
    assert.deepStrictEqual(JSON.stringify(JSON.parse(JSON.stringify(report))), JSON.stringify(report))
  })
})
