/** What a run waits for and what it was told: a fold, so the order of the words decides everything. */
import { assert, describe, it } from "@effect/vitest"
import { isAt, Requests } from "../src/Requests.ts"
import { Choices, Numbers } from "./Choices.ts"

const input = { kind: "input" }
const signal = (name: string) => ({ kind: "signal", data: { name } })

const answered = (value: string | number | null) => ({ _tag: "Answered" as const, value })

describe("a question", () => {
  it("is answered once: the first answer stays, and says who may go on", () => {
    const requests = new Requests()
    requests.ask("ask/middle", "ask", input)
    assert.strictEqual(requests.answer("ask/middle", "yes"), "ask")
    assert.isUndefined(requests.answer("ask/middle", "no"))
    assert.isUndefined(requests.expire("ask/middle"))
    assert.deepStrictEqual(requests.answered("ask/middle"), answered("yes"))
    assert.strictEqual(requests.open.size, 0)
  })

  it("that has expired is answered no more", () => {
    const requests = new Requests()
    requests.ask("a", "a", { ...input, expires: 5 })
    assert.strictEqual(requests.expire("a"), "a")
    assert.isUndefined(requests.answer("a", "late"))
    assert.deepStrictEqual(requests.answered("a"), { _tag: "Expired" })
  })

  it("that nobody has asked takes no answer, and neither does one that was withdrawn", () => {
    const requests = new Requests()
    assert.isUndefined(requests.answer("a", 1))
    assert.isUndefined(requests.answered("a"))
    requests.ask("a", "a", input)
    requests.withdraw("a")
    assert.isUndefined(requests.answer("a", 1))
    assert.isUndefined(requests.answered("a"))
  })

  it("takes null for an answer", () => {
    const requests = new Requests()
    requests.ask("a", "a", input)
    assert.strictEqual(requests.answer("a", null), "a")
    assert.deepStrictEqual(requests.answered("a"), answered(null))
  })
})

describe("a signal", () => {
  it("goes to whoever has waited longest for its name", () => {
    const requests = new Requests()
    requests.ask("input", "input", input)
    requests.ask("other", "other", signal("stop"))
    requests.ask("first", "first", signal("go"))
    requests.ask("second", "second", signal("go"))
    assert.strictEqual(requests.signal("go", 1), "first")
    assert.strictEqual(requests.signal("go", 2), "second")
    assert.isUndefined(requests.signal("go", 3))
    assert.deepStrictEqual([...requests.open.keys()], ["input", "other"])
  })

  it("that nobody waits for is kept, in order, and answers at once: null too", () => {
    const requests = new Requests()
    requests.signal("go", null)
    requests.signal("go", 2)
    requests.ask("a", "a", signal("go"))
    requests.ask("b", "b", signal("go"))
    requests.ask("c", "c", signal("go"))
    assert.deepStrictEqual(requests.answered("a"), answered(null))
    assert.deepStrictEqual(requests.answered("b"), answered(2))
    assert.deepStrictEqual([...requests.open.keys()], ["c"])
  })

  it("answers no question of another kind, whatever that carries", () => {
    const requests = new Requests()
    requests.ask("a", "a", { ...input, data: { name: "go" } })
    assert.isUndefined(requests.signal("go", 1))
    assert.strictEqual(requests.open.size, 1)
  })

  /** A queue a name, of those who wait or of what was sent: never both. */
  it.prop("of many is taken by exactly one, in the order of sending and of waiting", { numbers: Numbers }, (given) => {
    const choices = new Choices(given.numbers)
    const requests = new Requests()
    const sent = { a: [] as Array<number>, b: [] as Array<number> }
    const waiting = { a: [] as Array<string>, b: [] as Array<string> }
    for (let step = 0; step < given.numbers.length; step++) {
      const name = choices.once(2) ? "a" : "b"
      if (choices.once(2)) {
        waiting[name].push(`t${step}`)
        requests.ask(`t${step}`, `t${step}`, signal(name))
      } else {
        sent[name].push(step)
        requests.signal(name, step)
      }
    }
    for (const name of ["a", "b"] as const) {
      waiting[name].forEach((task, place) => {
        const value = sent[name][place]
        assert.deepStrictEqual(requests.answered(task), value === undefined ? undefined : answered(value))
        assert.strictEqual(requests.open.has(task), value === undefined)
      })
    }
  })
})

describe("what lies below a path", () => {
  it("is its items, iterations, nested tasks and calls, and nothing that only begins alike", () => {
    for (const below of ["a", "a[0]", "a~1", "a/b", "a[3]~2/x"]) assert.isTrue(isAt(below, "a"), below)
    for (const other of ["ab", "b", "b/a", "", "a%2Fb", "a.b"]) assert.isFalse(isAt(other, "a"), other)
    assert.isFalse(isAt("a[10]", "a[1]"))
    assert.isFalse(isAt("a~10", "a~1"))
  })

  const some = () => {
    const requests = new Requests()
    for (const task of ["a", "ab", "a[1]", "a[10]", "a/x", "b"]) {
      requests.ask(task, task, input)
      requests.ask(`${task}/done`, task, input)
      requests.answer(`${task}/done`, 1)
    }
    return requests
  }
  const answers = (requests: Requests) =>
    ["a", "ab", "a[1]", "a[10]", "a/x", "b"].filter((task) => requests.answered(`${task}/done`) !== undefined)

  it("is withdrawn with it; what was answered stays", () => {
    const requests = some()
    requests.withdraw("a[1]")
    assert.deepStrictEqual([...requests.open.keys()], ["a", "ab", "a[10]", "a/x", "b"])
    requests.withdraw("a")
    assert.deepStrictEqual([...requests.open.keys()], ["ab", "b"])
    assert.lengthOf(answers(requests), 6)
  })

  it("is forgotten with it, answers too, and may be asked and answered again", () => {
    const requests = some()
    requests.forget("a")
    assert.deepStrictEqual([...requests.open.keys()], ["ab", "b"])
    assert.deepStrictEqual(answers(requests), ["ab", "b"])
    requests.ask("a/done", "a", input)
    assert.strictEqual(requests.answer("a/done", 2), "a")
    assert.deepStrictEqual(requests.answered("a/done"), answered(2))
  })
})

describe("the time after which something happens by itself", () => {
  it("is the earliest of what is open", () => {
    const requests = new Requests()
    assert.isUndefined(requests.due)
    requests.ask("never", "never", input)
    assert.isUndefined(requests.due)
    requests.ask("late", "late", { kind: "timer", expires: 90 })
    requests.ask("early", "early", { ...input, expires: 30 })
    requests.ask("first", "first", { ...input, expires: 0 })
    assert.strictEqual(requests.due, 0)
    requests.expire("first")
    assert.strictEqual(requests.due, 30)
    requests.answer("early", 1)
    assert.strictEqual(requests.due, 90)
    requests.withdraw("late")
    assert.isUndefined(requests.due)
  })
})
