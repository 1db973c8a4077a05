import { assert, describe, it } from "@effect/vitest"
import type { Event } from "../src/Event.ts"
import type { Failure } from "../src/Failure.ts"
import { Fan } from "../src/Fan.ts"
import * as Run from "../src/Run.ts"
import type { Task } from "../src/Workflow.ts"
import { Choices, Numbers } from "./Choices.ts"
import { plan, task } from "./Documents.ts"

const error = (message: string): Failure => ({ code: -29002, name: "TASK_EXECUTION_FAILED", message, retryable: true })

const fan = (items: number, more: Partial<Task> = {}, state?: Run.RunState) => {
  const list = Array.from({ length: items }, (_, index) => `item ${index}`)
  return new Fan(0, plan([task("work", { foreach: list, ...more })]).tasks[0]!, "work", list, 5, Infinity, state)
}

const begun = (all: Fan) => {
  const indexes: Array<number> = []
  while (all.ready) indexes.push(all.next()!)
  return indexes
}

describe("the items of a fan", () => {
  it("begin in order, at most `concurrency` at once", () => {
    const all = fan(5, { concurrency: 2 })
    assert.deepStrictEqual(begun(all), [0, 1])
    all.complete(0, "a")
    assert.isFalse(all.ready, "an outcome on its way to the journal still counts")
    all.rest()
    assert.deepStrictEqual(begun(all), [2])
    assert.isFalse(all.over)
  })

  it("begin all at once without a `concurrency` of their own", () => {
    assert.deepStrictEqual(begun(fan(4)), [0, 1, 2, 3])
  })

  it("that are none are over", () => {
    const all = fan(0)
    assert.isTrue(all.over)
    assert.isFalse(all.ready)
    assert.isUndefined(all.next())
    assert.deepStrictEqual(all.results, [])
  })

  it("give the results of those that completed, in order", () => {
    const all = fan(4, { on_error: "continue" })
    begun(all)
    all.complete(3, "d")
    all.fail(1, error("no"))
    all.complete(0, null)
    all.skip()
    assert.isTrue(all.over)
    assert.deepStrictEqual(all.results, [null, "d"])
    assert.deepStrictEqual(all.failures, [{ index: 1, error: error("no") }])
  })

  it("begin no more when one has failed; those under way finish", () => {
    const all = fan(5, { concurrency: 2 })
    begun(all)
    all.fail(1, error("no"))
    all.rest()
    assert.isFalse(all.ready)
    assert.isFalse(all.over)
    all.complete(0, "a")
    assert.isTrue(all.over)
    assert.deepStrictEqual(all.results, ["a"])
  })

  it("begin again after a wait in which they hold nothing, unless one has failed meanwhile", () => {
    const all = fan(3, { concurrency: 1 })
    assert.deepStrictEqual(begun(all), [0])
    all.rest()
    assert.deepStrictEqual(begun(all), [1])
    all.again(0)
    all.complete(1, "b")
    all.rest()
    assert.deepStrictEqual(begun(all), [0])
    all.rest()
    assert.deepStrictEqual(begun(all), [2])
    all.fail(2, error("no"))
    all.rest()
    all.again(0)
    assert.isFalse(all.ready)
    assert.isTrue(all.over)
  })

  it("that failed are listed by index, whichever was first", () => {
    const all = fan(3, { on_error: "continue" })
    begun(all)
    all.fail(2, error("c"))
    all.fail(0, error("a"))
    assert.deepStrictEqual(
      all.failures.map(({ index }) => index),
      [0, 2]
    )
  })
})

/** What a journal tells of a fan's items. */
const recorded = (items: number, outcomes: ReadonlyArray<readonly [number, "completed" | "failed" | "skipped"]>) => {
  const state = Run.empty("run")
  const list = Array.from({ length: items }, (_, index) => `item ${index}`)
  const base = { v: 1, at: 9, started: 5, duration: 1, attempt: 1 } as const
  const events: ReadonlyArray<Event> = [
    { _tag: "TaskExpanded", v: 1, at: 5, task: "work", items: list },
    ...outcomes.map(([index, outcome]): Event => {
      const task = `work[${index}]`
      return outcome === "completed"
        ? { _tag: "TaskCompleted", ...base, task, result: `result ${index}` }
        : outcome === "failed"
          ? { _tag: "TaskFailed", ...base, task, error: error(`no ${index}`) }
          : { _tag: "TaskSkipped", v: 1, at: 9, task, because: "condition" }
    })
  ]
  for (const event of events) Run.fold(state, event)
  return state
}

describe("a fan that is taken over", () => {
  it("begins only what was not over", () => {
    const all = fan(
      4,
      {},
      recorded(4, [
        [2, "completed"],
        [0, "skipped"]
      ])
    )
    assert.deepStrictEqual(begun(all), [1, 3])
    all.complete(1, "b")
    all.complete(3, "d")
    assert.isTrue(all.over)
    assert.deepStrictEqual(all.results, ["b", "result 2", "d"])
  })

  it("begins none when one had failed", () => {
    const all = fan(
      4,
      {},
      recorded(4, [
        [1, "failed"],
        [3, "completed"]
      ])
    )
    assert.isFalse(all.ready)
    assert.isTrue(all.over)
  })

  it("goes on after a failure under `on_error: continue`", () => {
    const all = fan(3, { on_error: "continue" }, recorded(3, [[1, "failed"]]))
    assert.deepStrictEqual(begun(all), [0, 2])
    all.complete(0, "a")
    all.complete(2, "c")
    assert.isTrue(all.over)
  })

  it("lists its failures as if it had never stopped", () => {
    const all = fan(
      4,
      { on_error: "continue" },
      recorded(4, [
        [2, "failed"],
        [0, "failed"]
      ])
    )
    begun(all)
    all.fail(1, error("no 1"))
    assert.deepStrictEqual(
      all.failures.map(({ error, index }) => [index, error.message]),
      [
        [0, "no 0"],
        [1, "no 1"],
        [2, "no 2"]
      ]
    )
  })
})

describe("whatever becomes of the items", () => {
  it.prop(
    "each is over once, never more than `concurrency` run, and none begins after a failure that stops the fan",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const size = choices.below(12)
      const limit = choices.once(2) ? 1 + choices.below(4) : Infinity
      const stops = choices.once(2)
      const fates: Array<string> = Array.from({ length: size }, () => "new")
      const former = Array.from({ length: size }, (_, index) => index).flatMap((index) => {
        const fate = choices.once(2)
          ? (["completed", "skipped", "failed"] as const)[choices.below(stops ? 2 : 3)]
          : undefined
        if (fate === undefined) return []
        fates[index] = fate
        return [[index, fate] as const]
      })
      const all = fan(
        size,
        { on_error: stops ? "fail" : "continue", ...(limit === Infinity ? {} : { concurrency: limit }) },
        choices.once(2) ? recorded(size, former) : (fates.fill("new"), undefined)
      )
      const running: Array<number> = []
      const committing: Array<number> = []
      const waiting: Array<number> = []
      let stopped = false

      for (let turn = 0; running.length + committing.length + waiting.length > 0 || all.ready; turn++) {
        assert.isBelow(turn, 1000)
        if (all.ready && (running.length === 0 || choices.once(2))) {
          assert.isFalse(stopped)
          const index = all.next()!
          assert.strictEqual(fates[index], "new")
          fates[index] = "begun"
          running.push(index)
          assert.isAtMost(running.length + committing.length, limit)
        } else if (committing.length > 0 && choices.once(2)) {
          choices.take(committing)
          all.rest()
        } else if (waiting.length > 0 && (running.length === 0 || choices.once(3))) {
          const index = choices.take(waiting)
          fates[index] = stopped ? "given up" : "new"
          all.again(index)
        } else if (running.length > 0) {
          const index = choices.take(running)
          const fate = choices.below(8)
          if (fate === 0 && turn < 500) {
            waiting.push(index)
            all.rest()
            continue
          }
          committing.push(index)
          if (fate === 1) {
            fates[index] = "failed"
            all.fail(index, error(`no ${index}`))
            stopped ||= stops
          } else if (fate === 2) {
            fates[index] = "skipped"
            all.skip()
          } else {
            fates[index] = "completed"
            all.complete(index, `result ${index}`)
          }
        }
        if (!stopped)
          assert.strictEqual(
            all.over,
            fates.every((fate) => !["new", "begun"].includes(fate))
          )
      }

      assert.isTrue(all.over)
      const having = (wanted: string) => fates.flatMap((fate, index) => (fate === wanted ? [index] : []))
      assert.deepStrictEqual(
        all.results,
        having("completed").map((index) => `result ${index}`)
      )
      assert.deepStrictEqual(
        all.failures.map(({ index }) => index),
        having("failed")
      )
      if (!stopped) assert.deepStrictEqual(having("new"), [])
    },
    { arbitrary: { runs: 150 } }
  )
})
