import { assert, describe, it } from "@effect/vitest"
import { Slots, type Taker } from "../src/Slots.ts"
import { Choices, Numbers } from "./Choices.ts"

/** Wants slots like a run does: takes as many as it gets, up to its own limit, and comes again when one of its is free. */
class Run implements Taker {
  wants: number
  running = 0
  inLine = false
  served = 0
  readonly #slots: Slots
  readonly #limit: number
  readonly #onServed: (run: Run) => void

  constructor(slots: Slots, wants: number, limit = Infinity, onServed: (run: Run) => void = () => {}) {
    this.#slots = slots
    this.wants = wants
    this.#limit = limit
    this.#onServed = onServed
  }

  readonly pump = (): void => {
    this.inLine = false
    while (this.wants > 0 && this.running < this.#limit) {
      if (!this.#slots.take(this)) {
        this.inLine = true
        return
      }
      this.wants--
      this.running++
      this.served++
      this.#onServed(this)
    }
  }

  finish(): void {
    this.running--
    this.#slots.give()
    this.pump()
  }
}

it("there are as many slots as the limit says", () => {
  const slots = new Slots(2)
  const run = new Run(slots, 5)
  run.pump()
  assert.strictEqual(run.running, 2)
  run.finish()
  run.finish()
  assert.deepStrictEqual([run.running, run.wants], [2, 1])
})

it("runs in line take turns", () => {
  const slots = new Slots(1)
  const order: Array<string> = []
  const run = (name: string, wants: number) => new Run(slots, wants, Infinity, () => order.push(name))
  const [a, b, c] = [run("a", 100), run("b", 3), run("c", 3)]
  for (const one of [a, b, c]) one.pump()
  for (let i = 0; i < 8; i++) [a, b, c].find(({ running }) => running === 1)?.finish()
  // the first stood in line before the others came
  assert.strictEqual(order.join(""), "aabcabcab")
})

it("a slot that nobody wants is kept for whoever comes", () => {
  const slots = new Slots(1)
  const a = new Run(slots, 1)
  a.pump()
  a.finish()
  const b = new Run(slots, 1)
  b.pump()
  assert.strictEqual(b.running, 1)
})

it("a run that leaves is not called any more", () => {
  const slots = new Slots(1)
  const [a, b, c] = [new Run(slots, 1), new Run(slots, 1), new Run(slots, 1)]
  for (const one of [a, b, c]) one.pump()
  slots.leave(b)
  a.finish()
  assert.deepStrictEqual([b.running, c.running], [0, 1])
})

it("a run that gives its slot back at once gives it to the next in line", () => {
  const slots = new Slots(1)
  const first = new Run(slots, 1)
  first.pump()
  let calls = 0
  // it finds that it has nothing to do
  const idle: Taker = {
    pump: () => {
      calls++
      if (slots.take(idle)) slots.give()
    }
  }
  idle.pump()
  const last = new Run(slots, 1)
  last.pump()
  first.finish()
  assert.strictEqual(calls, 2)
  assert.strictEqual(last.running, 1)
})

it("a line of 50,000 runs that give their slots back at once is served without growing the stack", () => {
  const slots = new Slots(1)
  const first = new Run(slots, 1)
  first.pump()
  let calls = 0
  const idle = (): Taker => {
    const taker = {
      pump: () => {
        calls++
        if (slots.take(taker)) slots.give()
      }
    }
    return taker
  }
  for (let i = 0; i < 50_000; i++) idle().pump()
  first.finish()
  assert.strictEqual(calls, 100_000)
})

describe("whatever runs come and go", () => {
  it.prop(
    "no more run than the limit, no slot lies idle while a run wants it, and nobody in line is passed twice",
    { numbers: Numbers },
    ({ numbers }) => {
      const choices = new Choices(numbers)
      const limit = 1 + choices.below(4)
      const slots = new Slots(limit)
      const runs: Array<Run> = []
      /** For each run in line: who was served since it is. */
      const passed = new Map<Run, Map<Run, number>>()
      const onServed = (served: Run) => {
        assert.isAtMost(
          runs.reduce((sum, { running }) => sum + running, 0),
          limit
        )
        passed.delete(served)
        for (const [waiting, by] of passed) {
          const times = (by.get(served) ?? 0) + 1
          assert.isAtMost(times, 1, "a run in line is served before another is served twice")
          by.set(served, times)
          assert.isTrue(waiting.inLine)
        }
      }
      for (let turn = 0; turn < 40; turn++) {
        const busy = runs.filter(({ running }) => running > 0)
        const act = choices.below(4)
        if (act === 0 || busy.length === 0) {
          const run = new Run(slots, 1 + choices.below(6), choices.once(2) ? 1 + choices.below(3) : Infinity, onServed)
          runs.push(run)
          run.pump()
        } else if (act === 1 && runs.some(({ inLine }) => inLine) && choices.once(3)) {
          const leaving = choices.take(runs.filter(({ inLine }) => inLine))
          leaving.wants = 0
          leaving.inLine = false
          passed.delete(leaving)
          slots.leave(leaving)
        } else choices.take(busy).finish()
        for (const run of runs) {
          if (!run.inLine) passed.delete(run)
          else if (!passed.has(run)) passed.set(run, new Map())
        }
        const running = runs.reduce((sum, one) => sum + one.running, 0)
        if (runs.some(({ inLine }) => inLine)) assert.strictEqual(running, limit)
      }
      // with nobody coming any more everybody gets what it wants
      for (let turn = 0; runs.some(({ running, wants }) => running + wants > 0); turn++) {
        assert.isBelow(turn, 1000)
        choices.take(runs.filter(({ running }) => running > 0)).finish()
      }
    },
    { arbitrary: { runs: 80 } }
  )
})
