/** What runs and their tasks have used: whatever ends an attempt, and however often it is made. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { TaskExecutionFailed } from "../src/Errors.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import type { Report } from "../src/Run.ts"
import { joinUsage, type Total } from "../src/Task.ts"
import { engine, inTime, type Script, told, workflow } from "./harness.ts"

const one = { input_tokens: 10, output_tokens: 5, cost_usd: 0.25 }
const times = (count: number) => ({ input_tokens: 10 * count, output_tokens: 5 * count, cost_usd: 0.25 * count })

/** Says what it uses, then does what its `value` says. */
const uses: Script = (value, { attempt, call, usage }) =>
  Effect.gen(function* () {
    yield* usage(one)
    if (value === "stays") return yield* Effect.never
    if (value === "fails" || (value === "fails once" && attempt === 1))
      return yield* new TaskExecutionFailed({ reason: "no", retryable: true })
    if (value === "asks") {
      for (const key of ["a", "b"]) yield* call(key, "test/run", { script: "uses" })
      return yield* Effect.option(call("c", "test/run", { script: "uses", value: "fails" })).pipe(Effect.as(null))
    }
    return null
  })

/** The same; `begun` opens once so many attempts stay. */
const staying = (count: number) => {
  const begun = Latch.makeUnsafe()
  let stay = 0
  const script: Script = (value, context) =>
    Effect.suspend(() => {
      if (value !== "stays" && stay === count) return uses(value, context)
      const stays = Effect.suspend(() => {
        if (++stay === count) begun.openUnsafe()
        return Effect.never
      })
      // in a turn of its own: who waits for the latch goes on at once
      return context.usage(one).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(stays))
    })
  return { begun, uses: script }
}

const task = (id: string, value: string, more = "") =>
  `{ id: ${id}, method: test/run, params: { script: uses, value: ${value} }${more === "" ? "" : `, ${more}`} }`

const document = (...tasks: ReadonlyArray<string>) => workflow(`{ name: n, tasks: [${tasks.join(", ")}] }`)

const ofTasks = ({ tasks }: Report) =>
  Object.values(tasks).reduce<Total | undefined>((sum, { usage }) => joinUsage(sum, usage), undefined)

/** Has used so much, and so have its tasks together. */
const used = (report: Report, count: number) => {
  assert.deepStrictEqual(report.usage, times(count))
  assert.deepStrictEqual(ofTasks(report), times(count))
}

describe("what a run has used", () => {
  it.effect("is of attempts that fail and of those that follow", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* inTime(
        told(gleitzeit.run(document(task("a", "fails once", "retry: { max_attempts: 2 }"), task("b", "fails"))))
      )
      assert.strictEqual(report.status, "failed")
      assert.deepStrictEqual(report.tasks["a"]?.usage, times(2))
      used(report, 2 + (report.tasks["b"]?.attempts ?? 0))
    }).pipe(Effect.provide(engine({ uses })))
  )

  it.effect("is of the calls that a handler makes, those that fail too, under the task that made them", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* inTime(told(gleitzeit.run(document(task("a", "asks")))))
      assert.strictEqual(report.status, "completed")
      assert.deepStrictEqual(report.tasks["a"]?.usage, times(4))
      used(report, 4)
    }).pipe(Effect.provide(engine({ uses })))
  )

  it.effect("is of what a cancel cuts off", () => {
    const { begun, uses } = staying(4)
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const run = yield* gleitzeit.submit(
        document(
          task("a", "stays"),
          `{ id: sub, workflow: [${task("in", "stays")}] }`,
          task("each", "stays", "foreach: [1, 2]")
        )
      )
      yield* Latch.await(begun)
      yield* inTime(gleitzeit.cancel(run))
      const { status } = yield* inTime(gleitzeit.wait(run))
      assert.strictEqual(status, "cancelled")
      const report = yield* gleitzeit.get(run)
      assert.deepStrictEqual([report.tasks["sub/in"]?.usage, report.tasks["each[1]"]?.usage], [one, one])
      used(report, 4)
      assert.deepStrictEqual((yield* gleitzeit.list({})).items[0]?.usage, times(4))
    }).pipe(Effect.provide(engine({ uses })))
  })

  it.effect("is of what its process interrupts, and counts for the budget when it is resumed", () => {
    const { begun, uses } = staying(2)
    return Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const limited = (id: string, dollars: number) => task(id, "stays once", `budget: { cost_usd: ${dollars} }`)
      const running = yield* Effect.forkChild(gleitzeit.run(document(limited("a", 0.5), limited("b", 0.25))), {
        startImmediately: true
      })
      yield* Latch.await(begun)
      yield* inTime(Fiber.interrupt(running))
      const [{ run, usage } = { run: "", usage: {} }] = (yield* gleitzeit.list({})).items
      const left = yield* gleitzeit.get(run)
      assert.deepStrictEqual([left.status, left.usage, usage], ["running", { ...times(2), calls: 2 }, {}])
      yield* gleitzeit.resume(run)
      const report = yield* inTime(told(gleitzeit.wait(run)))
      assert.deepStrictEqual(
        [report.tasks["a"]?.status, report.tasks["b"]?.error?.name],
        ["completed", "BUDGET_EXCEEDED"]
      )
      assert.deepStrictEqual(report.usage, { ...times(3), calls: 3 })
      assert.deepStrictEqual(ofTasks(report), report.usage)
    }).pipe(Effect.provide(engine({ uses })))
  })

  it.effect("is of what the first failure cuts off", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const report = yield* inTime(
        told(
          gleitzeit.run(
            workflow(
              `{ name: n, fail_fast: true, tasks: [${task("a", "stays")}, ${task("b", "fails", "retry: { max_attempts: 1 }")}] }`
            )
          )
        )
      )
      assert.strictEqual(report.status, "failed")
      used(report, 2)
    }).pipe(Effect.provide(engine({ uses })))
  )

  it.effect("is of all that was used before it is retried", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const first = yield* inTime(
        told(gleitzeit.run(document(task("a", "asks"), task("b", "fails", "retry: { max_attempts: 1 }"))))
      )
      used(first, 5)
      yield* gleitzeit.retry(first.run)
      const second = yield* inTime(told(gleitzeit.wait(first.run)))
      assert.deepStrictEqual(second.tasks["b"]?.usage, times(2))
      used(second, 6)
      yield* gleitzeit.retry(first.run, { task: "a", force: true })
      const third = yield* inTime(told(gleitzeit.wait(first.run)))
      assert.deepStrictEqual(third.tasks["a"]?.usage, times(8))
      used(third, 10)
    }).pipe(Effect.provide(engine({ uses })))
  )
})
