import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit, type Workflow } from "@gleitzeit/core"
import { Effect, Fiber, Queue, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Following from "../src/Following.ts"
import { engine } from "./scene.ts"

const workflow: Workflow.Workflow = {
  name: "long",
  tasks: [{ id: "a", protocol: "script/v1", method: "script/do", params: { script: "hang" } }]
}

describe("whoever waits", () => {
  it.effect("hears every 10 s that the run is still under way", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const run = yield* gleitzeit.submit(workflow)
      const steps = yield* Queue.unbounded<Following.Step>()
      const waiting = yield* Effect.forkChild(
        Following.until(run, { tell: (step) => Queue.offer(steps, step), isGone: () => false }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Queue.take(steps), { progress: 0.5, total: 1, message: "still under way" })
      yield* TestClock.adjust("10 seconds")
      assert.isAbove((yield* Queue.take(steps)).progress, 0.5)
      yield* Fiber.interrupt(waiting)
    }).pipe(Effect.provide(engine({ hang: () => Effect.never })))
  )
})

describe("what is told", () => {
  it.prop(
    "grows with every step, and is never more than all",
    { total: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })), done: Schema.Array(Schema.Boolean) },
    ({ done, total }) => {
      const pace = new Following.Pace()
      let completed = 0
      let last = 0
      for (const isDone of done) {
        if (isDone && completed < total) completed++
        const next = pace.next(completed, total)
        if (next === undefined) continue
        assert.isAbove(next, last)
        assert.isAtMost(next, total)
        last = next
      }
    }
  )
})
