import { assert, describe, it } from "@effect/vitest"
import { Bounds, type Forecast } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as Style from "../src/Style.ts"
import * as Text from "../src/Text.ts"
import * as Tree from "../src/Tree.ts"

const style = Style.make({ color: false, unicode: true })

const task = (id: string, wave: number, more: Partial<Forecast.Task> = {}): Forecast.Task => ({
  id,
  path: id,
  method: "data/value",
  after: [],
  optional: [],
  wave,
  runs: "certain",
  attempts: 1,
  bounds: { ...Bounds.zero, calls: { least: 1, most: 3 } },
  ...more
})

const drawn = (tasks: ReadonlyArray<Forecast.Task>, columns = 80, lacking: ReadonlyArray<string> = []) =>
  Tree.lines(
    { workflow: "w", tasks, steps: 1, bounds: Bounds.zero, missing: [] },
    { style, columns, lacking: new Set(lacking) }
  ).slice(1)

describe("a tree of tasks", () => {
  it("hangs each task on the one that it waits for longest, and names the others that this has not waited for", () => {
    const tasks = [
      task("join", 3, { after: ["a", "b", "c"] }),
      task("a", 1),
      task("b", 2, { after: ["a"] }),
      task("c", 2, { after: ["a"] }),
      task("x", 1)
    ]
    assert.deepStrictEqual(drawn(tasks), [
      "  ○ a           data/value    1–3",
      "  ○ ├─ b        data/value    1–3",
      "  ○ └─ c        data/value    1–3",
      "  ○    └─ join  data/value    1–3  and after b",
      "  ○ x           data/value    1–3"
    ])
  })

  it("moves a long chain in no further than six times, and names what hangs on what from there", () => {
    const chain = Array.from({ length: 30 }, (_, n) => task(`t${n}`, n + 1, { after: n === 0 ? [] : [`t${n - 1}`] }))
    const lines = drawn(chain)
    assert.lengthOf(lines, 30)
    assert.match(lines[29] ?? "", /└─ t29 .* after t28$/)
    for (const line of lines) assert.isAtMost(Text.width(line), 80)
  })

  it("says beneath a task what does not fit beside it", () => {
    const facts = { if: "size(a.text) > 200 && inputs.topic != 'tides'", foreach: { items: null } }
    assert.deepStrictEqual(
      drawn([task("a task with a name", 1, facts), task("b", 2, { after: ["a task with a name"] })], 44),
      [
        "  ○ a task with a na…  data/value    1–3",
        "    │    each of a list known later · if",
        "    │    size(a.text) > 200 && inputs.topic",
        "    │    != 'tides'",
        "  ○ └─ b               data/value    1–3"
      ]
    )
  })

  it("marks what lacks something, what is kept, and what never runs", () => {
    const kept = { cached: { calls: 1, runs: ["R"] }, bounds: Bounds.zero, provider: "owl" }
    const never = { runs: "never" as const, if: "inputs.x", bounds: Bounds.zero }
    assert.deepStrictEqual(
      drawn([task("a", 1), task("b", 1, kept), task("c", 1, never)], 80, ["a"]).map((line) =>
        line.replaceAll(/ +/g, " ")
      ),
      [
        " ! a data/value 1–3",
        " ✓ b data/value 0 on owl · cached from run R",
        " ↷ c data/value 0 never with these inputs · if inputs.x"
      ]
    )
  })

  it.effect.prop(
    "divides words between lines, none wider than there is room for, and loses none",
    { words: Schema.Array(Schema.String), columns: Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 60 })) },
    ({ columns, words }) =>
      Effect.sync(() => {
        const facts = words.map(Text.flat).filter((word) => word !== "")
        const lines = Tree.wrapped(facts, columns, "·")
        for (const line of lines) assert.isAtMost(Text.width(line), columns)
        const letters = (text: string) => text.replaceAll(/[\s·]/g, "")
        assert.strictEqual(letters(lines.join("")), letters(facts.join("")))
      })
  )
})
