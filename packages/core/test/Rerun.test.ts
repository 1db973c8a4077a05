/** What a retry does again, from a journal alone, and what a run does with it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TaskExecutionFailed } from "../src/Errors.ts"
import type { Event } from "../src/Event.ts"
import * as FailureData from "../src/Failure.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import * as Rerun from "../src/Rerun.ts"
import { isAt } from "../src/Requests.ts"
import * as Run from "../src/Run.ts"
import type { Task } from "../src/Workflow.ts"
import { Choices, Numbers } from "./Choices.ts"
import { plan, task, workflow as document } from "./Documents.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

const base = { v: 1, at: 2, started: 1, duration: 1, attempt: 1 } as const
const no = { code: 1, name: "NO", message: "no", retryable: false }

/** `+a` completed, `-a` failed, `?a` retrying, `/a` skipped for a failure, `<a` expanded to three items. */
const events = (words: string): ReadonlyArray<Event> =>
  words.split(" ").map((word): Event => {
    const task = word.slice(1)
    switch (word[0]) {
      case "+":
        return { _tag: "TaskCompleted", ...base, task, result: 1 }
      case "-":
        return { _tag: "TaskFailed", ...base, task, error: no }
      case "?":
        return { _tag: "TaskRetrying", ...base, task, error: no, due: 9 }
      case "<":
        return { _tag: "TaskExpanded", v: 1, at: 2, task, items: [1, 2, 3] }
      default:
        return { _tag: "TaskSkipped", v: 1, at: 2, task, because: "failed" }
    }
  })

const ended: Event = { _tag: "RunFailed", v: 1, at: 3, error: no, outputs: {}, warnings: [] }
const cancelled: Event = { _tag: "RunCancelled", v: 1, at: 3 }

const state = (tasks: readonly [Task, ...ReadonlyArray<Task>], words: string, end: Event = ended) => {
  const state = Run.empty("r")
  Run.fold(state, {
    _tag: "RunCreated",
    v: 1,
    at: 1,
    workflow: document(tasks),
    inputs: {},
    env: {},
    folder: "",
    engine: "0"
  })
  for (const event of events(words)) Run.fold(state, event)
  return Run.fold(state, end)
}

/** Of a retry of all that failed, or of one task. */
const rerun = (
  tasks: readonly [Task, ...ReadonlyArray<Task>],
  words: string,
  { end = ended, only }: { readonly end?: Event; readonly only?: string } = {}
) => {
  const found = state(tasks, words, end)
  const { again, tasks: paths } =
    only === undefined ? Rerun.failures(plan(tasks), found) : Rerun.one(plan(tasks), found, only)
  return [paths.toSorted().join(" "), again.toSorted().join(" ")]
}

const after = (id: string, ...dependencies: ReadonlyArray<string>) => task(id, { dependencies })

describe("a retry of what failed", () => {
  it("does failed tasks again and what was skipped behind them, and nothing beside", () => {
    const tasks = [task("a"), after("b", "a"), after("c", "b"), after("d", "a"), task("e")] as const
    assert.deepStrictEqual(rerun(tasks, "+a -b +d /c +e"), ["b c", ""])
  })

  it("does again what completed behind a failure that was let pass", () => {
    const tasks = [task("a", { on_error: "continue" }), after("b", "a"), after("c", "b"), task("d")] as const
    assert.deepStrictEqual(rerun(tasks, "-a +b +c +d"), ["a b c", "b c"])
  })

  it("does cancelled tasks again; those that had not begun need no word", () => {
    const tasks = [task("a"), task("b"), after("c", "a")] as const
    assert.deepStrictEqual(rerun(tasks, "+a ?b", { end: cancelled }), ["b", ""])
  })

  it("keeps the items that completed, and those whose condition was false", () => {
    const tasks = [task("w", { foreach: [1, 2, 3] }), after("last", "w")] as const
    assert.deepStrictEqual(rerun(tasks, "<w +w[0] -w[1] +w[2] -w /last"), ["last w w[1]", ""])
    assert.deepStrictEqual(rerun(tasks, "<w +w[0] /w[1] -w[2] -w /last"), ["last w w[2]", ""])
  })

  it("goes on with a loop at the iteration that failed", () => {
    const tasks = [task("l", { repeat: { until: "false", max: 9 } }), after("last", "l")] as const
    assert.deepStrictEqual(rerun(tasks, "+l~1 +l~2 -l~3 -l /last"), ["l last l~3", ""])
  })

  it("begins a loop from its first iteration that has come to its last in vain", () => {
    const tasks = [task("l", { repeat: { until: "false", max: 2 } })] as const
    assert.deepStrictEqual(rerun(tasks, "+l~1 +l~2 -l"), ["l l~1 l~2", "l~1 l~2"])
  })

  it("does the same inside items, and in workflows inside workflows", () => {
    const inner = (...tasks: readonly [Task, ...ReadonlyArray<Task>]) => ({ workflow: document(tasks) })
    const tasks = [
      task("s", inner(task("a"), after("b", "a"), task("deep", inner(task("x"), after("y", "x")))))
    ] as const
    assert.deepStrictEqual(rerun(tasks, "+s/a -s/b +s/deep/x +s/deep/y +s/deep -s"), ["s s/b", ""])
    assert.deepStrictEqual(rerun(tasks, "+s/a +s/b +s/deep/x -s/deep/y -s/deep -s"), ["s s/deep s/deep/y", ""])
    const items = [task("s", { foreach: [1, 2, 3], ...inner(task("a"), after("b", "a")) })] as const
    assert.deepStrictEqual(rerun(items, "<s +s[0]/a +s[0]/b +s[0] +s[1]/a -s[1]/b -s[1] +s[2] -s"), [
      "s s[1] s[1]/b",
      ""
    ])
    const loops = [
      task("s", { foreach: [1, 2, 3], repeat: { until: "false", max: 9 }, ...inner(task("a"), after("b", "a")) })
    ] as const
    assert.deepStrictEqual(
      rerun(loops, "<s +s[0] +s[1]~1/a +s[1]~1/b +s[1]~1 +s[1]~2/a -s[1]~2/b -s[1]~2 -s[1] +s[2] -s"),
      ["s s[1] s[1]~2 s[1]~2/b", ""]
    )
  })

  it("knows tasks by their paths, whatever signs are in their ids", () => {
    const tasks = [task("a/b"), task("a"), task("a[0]")] as const
    assert.deepStrictEqual(rerun(tasks, "+a%2Fb -a +a%5B0%5D"), ["a", ""])
  })

  it.prop(
    "does a task again if and only if it had not completed, or depends on one that failed",
    { numbers: Numbers },
    (given) => {
      const choices = new Choices(given.numbers)
      const count = 1 + choices.below(8)
      const tasks: Array<Task> = []
      const bad = new Set<string>()
      const words: Array<string> = []
      for (let i = 0; i < count; i++) {
        const dependencies = tasks.flatMap(({ id }) => (choices.once(3) ? [id] : []))
        tasks.push(task(`t${i}`, { dependencies, on_error: choices.once(2) ? "continue" : "fail" }))
        const behind = dependencies.some((id) => bad.has(id))
        const fails = choices.once(4)
        if (fails) words.push(`-t${i}`)
        else words.push(`${behind && choices.once(2) ? "/" : "+"}t${i}`)
        if (fails || behind) bad.add(`t${i}`)
      }
      const [first = task("t"), ...rest] = tasks
      assert.strictEqual(rerun([first, ...rest], words.join(" "))[0], [...bad].toSorted().join(" "))
    }
  )
})

describe("a retry of one task", () => {
  const tasks = [task("a"), after("b", "a"), task("w", { foreach: [1, 2, 3] }), task("ab")] as const

  it("does it again and what follows, though it completed, and leaves other failures", () => {
    assert.deepStrictEqual(rerun(tasks, "+a +b <w +w[0] -w[1] +w[2] -w +ab", { only: "a" }), ["a b", "a b"])
  })

  it("does all items of a completed one again, and only the missing ones of a failed one", () => {
    assert.deepStrictEqual(rerun(tasks, "-a <w +w[0] +w[1] +w[2] +w", { only: "w" }), [
      "w w[0] w[1] w[2]",
      "w w[0] w[1] w[2]"
    ])
    assert.deepStrictEqual(rerun(tasks, "-a <w +w[0] -w[1] +w[2] -w", { only: "w" }), ["w w[1]", ""])
  })

  it("that has not begun, or that there is none of, does nothing again", () => {
    assert.deepStrictEqual(rerun(tasks, "-a", { only: "w" }), ["", ""])
    assert.deepStrictEqual(rerun(tasks, "-a", { only: "none" }), ["", ""])
  })
})

describe("a run that was retried", () => {
  const retried = (tasks: ReadonlyArray<string>, again: ReadonlyArray<string>): Event => ({
    _tag: "RunRetried",
    v: 1,
    at: 4,
    owner: "me",
    tasks,
    again
  })
  const tasks = [task("a"), after("b", "a"), task("w", { foreach: [1, 2, 3] })] as const

  it("goes on: nothing is left of its end", () => {
    const found = Run.fold(state(tasks, "+a -b"), retried(["b"], []))
    assert.strictEqual(found.status, "running")
    assert.deepStrictEqual([found.error, found.outputs, found.finished_at], [undefined, undefined, undefined])
    assert.deepStrictEqual([found.owner, found.cancelling, found.paused], ["me", false, false])
    assert.deepStrictEqual([...found.tasks.keys()], ["a"])
    assert.deepStrictEqual([...found.former], [["b", 1]])
    assert.deepStrictEqual([...found.again], [])
  })

  it("counts how often a completed task was run again", () => {
    const found = Run.fold(state(tasks, "+a +b"), retried(["a", "b"], ["a", "b"]))
    for (const event of [...events("+a -b"), ended, retried(["a", "b"], ["a"])]) Run.fold(found, event)
    assert.deepStrictEqual(
      [...found.again],
      [
        ["a", 2],
        ["b", 1]
      ]
    )
  })

  it("runs a failed fan over the items it had, and a completed one over those it finds", () => {
    const failed = Run.fold(state(tasks, "<w +w[0] -w[1] -w"), retried(["w", "w[1]"], []))
    assert.deepStrictEqual([failed.tasks.get("w")?.items, failed.tasks.get("w")?.status], [[1, 2, 3], "running"])
    const all = ["w", "w[0]"]
    const completed = Run.fold(state(tasks, "<w +w[0] +w"), retried(all, all))
    assert.isFalse(completed.tasks.has("w"))
  })

  it("keeps the calls of a handler that failed, and not of one that had completed; both ask again", () => {
    const asked = (at: string): ReadonlyArray<Event> => [
      { _tag: "CallRecorded", ...base, task: `${at}/call`, result: 1 },
      {
        _tag: "TaskSuspended",
        v: 1,
        at: 2,
        task: at,
        started: 1,
        attempt: 1,
        request: at,
        question: { kind: "input" }
      },
      { _tag: "Answered", v: 1, at: 2, request: at, value: 1 }
    ]
    const found = Run.empty("r")
    for (const event of [...asked("a"), ...asked("b"), ...asked("ab"), ...events("+a -b +ab"), ended]) {
      Run.fold(found, event)
    }
    Run.fold(found, retried(["a", "b"], ["a"]))
    assert.deepStrictEqual([...found.calls.keys()], ["b/call", "ab/call"])
    assert.isUndefined(found.requests.answered("a"))
    assert.isUndefined(found.requests.answered("b"))
    assert.isDefined(found.requests.answered("ab"))
  })

  it.prop("forgets exactly what the retry names, whatever had happened", { numbers: Numbers }, (given) => {
    const choices = new Choices(given.numbers)
    const paths = ["a", "b", "w", "w[0]", "w[1]"]
    const words = paths.map((path) => (path === "w" ? "<w" : `${choices.once(2) ? "+" : "-"}${path}`))
    const before = state(tasks, words.join(" "))
    const named = paths.filter(() => choices.once(2))
    const kept = paths.filter((path) => !named.includes(path)).map((path) => [path, before.tasks.get(path)])
    Run.fold(before, retried(named, []))
    assert.deepStrictEqual(
      [...before.tasks].filter(([path, { items }]) => items === undefined || !named.includes(path)),
      kept as never
    )
    assert.isTrue(named.every((path) => path === "w" || !before.tasks.has(path)))
  })
})

const fails: Script = () => Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: true }))

/** Fails until it is told otherwise, and notes each attempt. */
const unsteady = () => {
  const attempts: Array<readonly [task: string, attempt: number, key: string]> = []
  const world = { broken: true }
  const script: Script = (value, { attempt, idempotencyKey, run, task }) =>
    Effect.suspend(() => {
      attempts.push([task, attempt, idempotencyKey.replace(run, "R")])
      return world.broken && value !== "fine"
        ? Effect.fail(new TaskExecutionFailed({ reason: "no", retryable: true }))
        : Effect.succeed(value ?? null)
    })
  return { attempts, world, script }
}

const atOnce = "retry: { max_attempts: 2, delay: 0, jitter: false }"

/** The clock goes on while it runs. */
const running = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

describe("the attempts of a retried task", () => {
  it.effect("go on counting, all of them allowed again, under the same key", () => {
    const { attempts, script, world } = unsteady()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, status } = yield* running(
        gleitzeit.run(workflow(`{ name: r, tasks: [{ id: a, method: test/run, params: { script: s }, ${atOnce} }] }`))
      )
      assert.strictEqual(status, "failed")
      yield* running(Effect.andThen(gleitzeit.retry(run), gleitzeit.wait(run)))
      world.broken = false
      yield* gleitzeit.retry(run)
      assert.strictEqual((yield* running(gleitzeit.wait(run))).status, "completed")
      assert.deepStrictEqual(
        attempts,
        [1, 2, 3, 4, 5].map((attempt) => ["a", attempt, "R/a"] as const)
      )
      assert.strictEqual((yield* gleitzeit.get(run)).tasks["a"]?.attempts, 5)
    }).pipe(Effect.provide(engine({ s: script })))
  })

  it.effect("get other keys each time where the task had completed", () => {
    const { attempts, script, world } = unsteady()
    world.broken = false
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow(
          `{ name: r, tasks: [{ id: a, method: test/run, foreach: [1], params: { script: s, value: "\${item}" } }] }`
        )
      )
      for (let i = 0; i < 2; i++) {
        yield* gleitzeit.retry(run, { task: "a", force: true })
        yield* gleitzeit.wait(run)
      }
      assert.deepStrictEqual(
        attempts.map(([, attempt, key]) => [attempt, key]),
        [
          [1, "R/a[0]"],
          [2, "R/a[0]#1"],
          [3, "R/a[0]#2"]
        ]
      )
    }).pipe(Effect.provide(engine({ s: script })))
  })
})

describe("a retry through the engine", () => {
  const handler =
    (counts: Array<string>, world: { readonly broken: boolean }): Script =>
    (_, { call, suspend }) =>
      Effect.gen(function* () {
        yield* call("paid", "test/run", { script: "count" })
        counts.push("asked")
        const answer = yield* suspend("", { kind: "input" })
        return world.broken ? yield* new TaskExecutionFailed({ reason: "no", retryable: false }) : answer
      })

  it.effect("pays for no call of a failed handler twice, and asks again", () => {
    const counts: Array<string> = []
    const world = { broken: true }
    const count: Script = () => Effect.sync(() => counts.push("paid"))
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow(
          `{ name: r, tasks: [{ id: a, method: test/run, params: { script: handler } }], outputs: { o: "\${a}" } }`
        )
      )
      yield* gleitzeit.respond(run, "a", "first")
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "failed")
      world.broken = false
      yield* gleitzeit.retry(run)
      assert.deepStrictEqual(
        (yield* gleitzeit.wait(run)).waiting.map(({ request }) => request),
        ["a"]
      )
      yield* gleitzeit.respond(run, "a", "second")
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { o: "second" })
      assert.deepStrictEqual(
        counts.filter((word) => word === "paid"),
        ["paid"]
      )
      yield* gleitzeit.retry(run, { task: "a", force: true })
      yield* gleitzeit.wait(run)
      assert.lengthOf(
        counts.filter((word) => word === "paid"),
        2
      )
    }).pipe(Effect.provide(engine({ handler: handler(counts, world), count })))
  })

  it.effect("does only the missing items and iterations, in nested workflows too", () => {
    const { attempts, script, world } = unsteady()
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run, status } = yield* gleitzeit.run(
        workflow(`
name: parts
tasks:
  - id: sub
    foreach: [fine, bad]
    inputs: { v: "\${item}" }
    workflow:
      inputs: { v: {} }
      tasks:
        - { id: before, method: test/run, params: { script: s, value: fine } }
        - id: loop
          method: test/write
          dependencies: [before]
          params: { script: s, value: "\${inputs.v}" }
          repeat: { until: iteration == 2, max: 3 }
      outputs: { v: "\${loop}" }
outputs: { v: "\${sub.v}" }
`)
      )
      assert.strictEqual(status, "failed")
      attempts.length = 0
      world.broken = false
      yield* gleitzeit.retry(run)
      assert.deepStrictEqual((yield* gleitzeit.wait(run)).outputs, { v: ["fine", "bad"] })
      assert.deepStrictEqual(
        attempts.map(([task]) => task),
        ["sub[1]/loop~1", "sub[1]/loop~2"]
      )
    }).pipe(Effect.provide(engine({ s: script })))
  })

  it.effect("is refused for a run that is not over, an unknown task, and a completed one without force", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const { run } = yield* gleitzeit.run(
        workflow(
          `{ name: r, tasks: [{ id: a, method: test/run }, { id: q, method: test/run, params: { script: ask } }] }`
        )
      )
      const name = (options?: Parameters<typeof gleitzeit.retry>[1]) =>
        Effect.map(Effect.flip(gleitzeit.retry(run, options)), (error) => FailureData.of(error as never).name)
      assert.strictEqual(yield* name(), "WORKFLOW_INVALID_STATE")
      yield* gleitzeit.cancel(run)
      assert.strictEqual(yield* name({ task: "aa" }), "TASK_NOT_FOUND")
      assert.strictEqual(yield* name({ task: "a" }), "WORKFLOW_INVALID_STATE")
      assert.strictEqual((yield* gleitzeit.get(run)).status, "cancelled")
      yield* gleitzeit.retry(run)
      assert.deepStrictEqual(
        (yield* gleitzeit.wait(run)).waiting.map(({ request }) => request),
        ["q"]
      )
    }).pipe(Effect.provide(engine({ ask: (_, { suspend }) => suspend("", { kind: "input" }) })))
  )

  it.effect("of one task leaves the others' failures, and the run fails again", () => {
    const calls: Array<Schema.Json | undefined> = []
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* told(
        gleitzeit.run(
          workflow(`
name: two
tasks:
  - { id: a, method: test/write, params: { script: fails, value: a } }
  - { id: b, method: test/write, params: { script: note, value: b } }
  - { id: c, method: test/write, params: { script: note, value: c }, dependencies: [b] }
`)
        )
      )
      calls.length = 0
      yield* gleitzeit.retry(report.run, { task: "b", force: true })
      const over = yield* told(gleitzeit.wait(report.run))
      assert.deepStrictEqual([over.status, calls], ["failed", ["b", "c"]])
      assert.deepStrictEqual(over.tasks["a"], report.tasks["a"])
      const kinds = yield* Stream.runCollect(gleitzeit.events(report.run))
      assert.lengthOf(
        kinds.filter(({ event }) => "task" in event && isAt(event.task, "a")),
        1
      )
    }).pipe(Effect.provide(engine({ fails, note: (value) => Effect.sync(() => (calls.push(value), value ?? null)) })))
  })
})

describe("a retried run", () => {
  it.effect("runs what failed and all that depends on it, and nothing else", () => {
    const calls: Array<string> = []
    let broken = true
    const note: Script = (value) =>
      Effect.suspend(() => {
        calls.push(String(value))
        return broken && value === "b"
          ? Effect.fail({ code: 1, name: "NO", message: "no", retryable: false })
          : Effect.succeed(value ?? null)
      })
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const task = (id: string, needs = "") =>
        `  - { id: ${id}, method: test/run, params: { script: note, value: ${id} }${needs} }\n`
      const { run, status } = yield* gleitzeit.run(
        workflow(
          `name: r\ntasks:\n${task("a")}${task("b", ", dependencies: [a]")}${task("c", ", dependencies: [b]")}${task("d", ", dependencies: [a]")}`
        )
      )
      assert.strictEqual(status, "failed")
      broken = false
      calls.length = 0
      yield* gleitzeit.retry(run)
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "completed")
      assert.deepStrictEqual(calls, ["b", "c"])
      const refused = yield* Effect.flip(gleitzeit.retry(run))
      assert.strictEqual(FailureData.of(refused as never).name, "WORKFLOW_INVALID_STATE")
      calls.length = 0
      yield* gleitzeit.retry(run, { task: "b", force: true })
      assert.strictEqual((yield* gleitzeit.wait(run)).status, "completed")
      assert.deepStrictEqual(calls, ["b", "c"])
    }).pipe(Effect.provide(engine({ note })))
  })
})
