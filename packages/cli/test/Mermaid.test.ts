import { assert, describe, it } from "@effect/vitest"
import { Bounds, type Forecast } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as Mermaid from "../src/Mermaid.ts"
import * as Text from "../src/Text.ts"
import { parse } from "./flowchart.ts"

const task = (id: string, more: Partial<Forecast.Task> = {}): Forecast.Task => ({
  id,
  path: id,
  method: "data/value",
  after: [],
  optional: [],
  wave: 1,
  runs: "certain",
  attempts: 1,
  bounds: Bounds.zero,
  ...more
})

const drawn = (...tasks: ReadonlyArray<Forecast.Task>) =>
  parse(Mermaid.lines({ workflow: "w", tasks, steps: 1, bounds: Bounds.zero, missing: [] }).join("\n"))

const hostile = ['a"]; b --> c', "%%{init: {}}%%", "`x` <b>#quot;", "end", "click t0 href", "日本 🎉", "subgraph x[y]"]

describe("a flowchart", () => {
  it("has a node for each task, and an edge for each that it waits for, dashed where it may go without", () => {
    const { edges, labels } = drawn(
      task("a"),
      task("b", { after: ["a"], if: "a.x > 2" }),
      task("c", { after: ["a", "b"], optional: ["b"], runs: "never" })
    )
    assert.deepStrictEqual(
      [...labels],
      [
        ["t0", "a\ndata/value"],
        ["t1", "b\ndata/value\nif a.x > 2"],
        ["t2", "c\ndata/value"]
      ]
    )
    assert.deepStrictEqual(edges, [
      ["t0", "-.->", "t1"],
      ["t0", "-->", "t2"],
      ["t1", "-.->", "t2"]
    ])
  })

  it("has a subgraph for a nested workflow, with edges inside and around", () => {
    const { edges, labels, subgraphs } = drawn(
      task("outer", {
        method: "workflow",
        foreach: { items: null },
        repeat: { max: 3 },
        tasks: [task("x"), task("y", { after: ["x"] })]
      }),
      task("after", { after: ["outer"], foreach: { items: 2 }, cached: { calls: 1, runs: ["r"] } })
    )
    assert.deepStrictEqual([...subgraphs], [["t0", ["t0_0", "t0_1"]]])
    assert.strictEqual(labels.get("t0"), "outer\neach of a list known later\nup to 3 times")
    assert.strictEqual(labels.get("t1"), "after\ndata/value\neach of 2 items\n1 cached")
    assert.deepStrictEqual(edges, [
      ["t0_0", "-->", "t0_1"],
      ["t0", "-->", "t1"]
    ])
  })

  it.each(hostile)("keeps %j out of its language", (name) => {
    assert.strictEqual(drawn(task(name)).labels.get("t0"), `${name}\ndata/value`)
  })

  it.effect.prop("says any name as it is, on one line", { name: Schema.String }, ({ name }) =>
    Effect.sync(() => assert.strictEqual(drawn(task(name)).labels.get("t0"), `${Text.flat(name)}\ndata/value`))
  )
})
