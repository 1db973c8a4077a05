import { assert, describe, it } from "@effect/vitest"
import type { Plan } from "../src/Plan.ts"
import { Scheduler } from "../src/Scheduler.ts"
import { Choices, Numbers } from "./Choices.ts"
import { plan, task } from "./Documents.ts"

const nothing = () => false
const drain = (scheduler: Scheduler) => {
  const order: Array<number> = []
  for (let next = scheduler.next(); next !== undefined; next = scheduler.next()) order.push(next)
  return order
}

describe("ready tasks", () => {
  it("go in document order", () => {
    const all = plan([task("a"), task("b", { dependencies: ["c"] }), task("c"), task("d")])
    const scheduler = new Scheduler(all, nothing)
    assert.strictEqual(scheduler.peek(), 0)
    assert.deepStrictEqual(drain(scheduler), [0, 2, 3])
    assert.isUndefined(scheduler.peek())
    scheduler.settle(2)
    assert.deepStrictEqual(drain(scheduler), [1])
  })

  it("go the most urgent first, and what an urgent one waits for is urgent", () => {
    const all = plan([
      task("low", { priority: 3 }),
      task("normal"),
      task("base", { priority: 3 }),
      task("urgent", { priority: 0, dependencies: ["base"] })
    ])
    const scheduler = new Scheduler(all, nothing)
    assert.deepStrictEqual(drain(scheduler), [2, 1, 0])
    scheduler.settle(2)
    assert.deepStrictEqual(drain(scheduler), [3])
  })

  it("go again when they are pushed again", () => {
    const scheduler = new Scheduler(plan([task("a"), task("b")]), nothing)
    scheduler.next()
    scheduler.push(0)
    assert.deepStrictEqual(drain(scheduler), [0, 1])
  })
})

describe("a failure", () => {
  it("abandons what depends on it, near and far, once", () => {
    const all = plan([
      task("a"),
      task("b", { dependencies: ["a"] }),
      task("c", { dependencies: ["a", "b"] }),
      task("d", { dependencies: ["c"] }),
      task("e")
    ])
    const scheduler = new Scheduler(all, nothing)
    assert.deepStrictEqual(scheduler.abandon(0).toSorted(), [1, 2, 3])
    assert.deepStrictEqual(scheduler.abandon(0), [])
    scheduler.settle(0)
    assert.deepStrictEqual(drain(scheduler), [0, 4])
  })
})

/** A graph of up to 14 tasks whose dependencies point anywhere in the document, but never in a circle. */
const graph = (choices: Choices): Plan => {
  const size = 1 + choices.below(14)
  const order: Array<number> = []
  const numbers = Array.from({ length: size }, (_, number) => number)
  while (numbers.length > 0) order.push(choices.take(numbers))
  const urgent = choices.once(2)
  const tasks = Array.from({ length: size }, (_, number) => {
    const before = order.slice(0, order.indexOf(number)).filter(() => choices.once(3))
    return task(`t${number}`, {
      dependencies: before.map((dependency) => `t${dependency}`),
      ...(urgent ? { priority: choices.below(4) } : {})
    })
  })
  const [first, ...others] = tasks
  return plan([first!, ...others])
}

/** All that depends on a task, near and far, worked out the slow way. */
const dependentsOf = (all: Plan, task: number): ReadonlySet<number> => {
  const found = new Set<number>()
  for (let size = -1; size !== found.size;) {
    size = found.size
    all.tasks.forEach(({ dependencies }, next) => {
      if (dependencies.some((dependency) => dependency === task || found.has(dependency))) found.add(next)
    })
  }
  return found
}

describe("a run of any graph", () => {
  it.prop(
    "starts every task once, after its dependencies and the most urgent first, but those a failure abandons",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const all = graph(choices)
      const over = new Set<number>()
      // what a former driver has left behind: a task is over only when all before it are
      if (choices.once(3)) {
        for (let round = 0; round < all.tasks.length; round++) {
          all.tasks.forEach(({ dependencies }, task) => {
            if (dependencies.every((dependency) => over.has(dependency)) && choices.once(4)) over.add(task)
          })
        }
      }
      const formerly = new Set(over)
      const scheduler = new Scheduler(all, (task) => formerly.has(task))
      const started: Array<number> = []
      const running: Array<number> = []
      const waiting: Array<number> = []
      const abandoned = new Set<number>()

      /** The ready ones, by the definition. */
      const ready = () =>
        all.tasks
          .map((_, task) => task)
          .filter((task) => !over.has(task) && !running.includes(task) && !waiting.includes(task))
          .filter((task) => all.tasks[task]!.dependencies.every((dependency) => over.has(dependency)))
          .toSorted((a, b) => all.tasks[a]!.priority - all.tasks[b]!.priority || a - b)

      for (let turns = 0; over.size < all.tasks.length; turns++) {
        assert.isBelow(turns, 1000, "the run comes to an end")
        const [first] = ready()
        assert.strictEqual(scheduler.peek(), first)
        if (first !== undefined && (running.length + waiting.length === 0 || choices.once(2))) {
          assert.strictEqual(scheduler.next(), first)
          running.push(first)
          started.push(first)
          continue
        }
        if (waiting.length > 0 && (running.length === 0 || choices.once(3))) {
          scheduler.push(choices.take(waiting))
          continue
        }
        const task = choices.take(running)
        const fate = choices.below(8)
        if (fate === 0 && turns < 500) {
          // another attempt: it begins again
          started.splice(started.indexOf(task), 1)
          waiting.push(task)
          continue
        }
        over.add(task)
        if (fate === 1) {
          const expected = [...dependentsOf(all, task)].filter((one) => !over.has(one))
          const skipped = scheduler.abandon(task)
          assert.deepStrictEqual(
            skipped.toSorted((a, b) => a - b),
            expected.toSorted((a, b) => a - b)
          )
          for (const one of skipped) {
            over.add(one)
            abandoned.add(one)
          }
        }
        scheduler.settle(task)
      }
      assert.isUndefined(scheduler.next())
      const expected = all.tasks.map((_, task) => task).filter((task) => !formerly.has(task) && !abandoned.has(task))
      assert.deepStrictEqual(
        started.toSorted((a, b) => a - b),
        expected
      )
    },
    { arbitrary: { runs: 150 } }
  )

  it.prop("orders any two tasks one way", { numbers: Numbers }, ({ numbers }) => {
    const all = graph(new Choices(numbers))
    const scheduler = new Scheduler(all, nothing)
    all.tasks.forEach(({ priority }, a) =>
      all.tasks.forEach((other, b) => {
        if (a !== b) assert.strictEqual(scheduler.before(a, b), !scheduler.before(b, a))
        if (priority < other.priority) assert.isTrue(scheduler.before(a, b))
      })
    )
  })
})

it("a fan of 50,000 tasks is opened and drained in document order", () => {
  const tasks = Array.from({ length: 50_000 }, (_, number) => task(`t${number}`, { dependencies: ["first"] }))
  const all = plan([task("first"), ...tasks])
  const scheduler = new Scheduler(all, nothing)
  assert.strictEqual(scheduler.next(), 0)
  assert.isUndefined(scheduler.next())
  scheduler.settle(0)
  for (let number = 1; number <= 50_000; number++) if (scheduler.next() !== number) assert.fail(`task ${number}`)
})
