import { assert, describe, it } from "@effect/vitest"
import type { Gleitzeit, Task } from "@gleitzeit/core"
import { Schema } from "effect"
import { Talk } from "../src/LinesTalk.ts"
import { wrap } from "../src/LinesWrap.ts"
import * as Text from "../src/Text.ts"
import { begin, middle, run } from "./scene.ts"

const options = { run, verbose: false, clock: () => "12:00:00" }

const chunk = (task: string, index: number, text: string, tag: Task.Chunk["_tag"] = "Text"): Gleitzeit.Live => ({
  _tag: "Chunk",
  task,
  attempt: 1,
  index,
  chunk: tag === "Reasoning" ? { _tag: tag, text } : { _tag: "Text", text }
})

const ends = (task: string): Gleitzeit.Live => ({
  _tag: "Event",
  sequence: 9,
  event: { _tag: "TaskCompleted", v: 1, at: begin, task, started: begin, duration: 1200, attempt: 1, result: null }
})

const told = (seen: ReadonlyArray<Gleitzeit.Live>, verbose = false) => {
  const talk = new Talk({ ...options, verbose })
  return seen.flatMap((live) => talk.of(live, begin))
}

const words = Schema.Array(
  Schema.Literals(["a", "of ", "  ", "\n", "tidal", " power ", "潮の", "満ち引き", "👩‍👩‍👧", "é", "x".repeat(30)])
).check(Schema.isMaxLength(40))

describe("wrap", () => {
  it.prop(
    "keeps every line within its width, loses only spaces, and leaves full lines as they are when text follows",
    { words, more: words, columns: Schema.Literals([4, 10, 33]) },
    ({ columns, more, words }) => {
      const text = words.join("")
      const lines = wrap(text, columns)
      for (const line of lines) assert.isAtMost(Text.width(line.trimEnd()), columns, JSON.stringify(line))
      const bare = (text: string) => text.replaceAll(/\s/g, "")
      assert.strictEqual(bare(lines.join("")), bare(text))
      assert.deepStrictEqual(wrap(`${text}${more.join("")}`, columns).slice(0, lines.length - 1), lines.slice(0, -1))
    }
  )

  it("breaks at spaces, and a word only where it is wider than a line", () => {
    assert.deepStrictEqual(wrap("the tide rises and falls", 10), ["the tide", "rises and", "falls"])
    assert.deepStrictEqual(wrap("a https://example.org", 10), ["a", "https://ex", "ample.org"])
    assert.deepStrictEqual(wrap("潮の満ち引き", 5), ["潮の", "満ち", "引き"])
  })
})

describe("Talk", () => {
  it("writes whole words, as soon as a line is full and at its end", () => {
    const seen = Array.from({ length: 40 }, (_, i) => chunk("research", i, i % 2 === 0 ? "tid" : "es "))
    const before = told(seen)
    assert.lengthOf(before, 1)
    assert.strictEqual(before[0], `12:00:00 research | ${"tides ".repeat(16).trimEnd()}`)
    assert.deepStrictEqual(told([...seen, ends("research")]).slice(1), [
      "12:00:00 research | tides tides tides tides",
      "12:00:00 research completed in 1.2 s"
    ])
  })

  it("keeps tasks apart", () => {
    assert.deepStrictEqual(
      told([chunk("a", 0, "one "), chunk("b", 0, "first\nsec"), chunk("a", 1, "two\n"), ends("b"), ends("a")]),
      [
        "12:00:00 b | first",
        "12:00:00 a | one two",
        "12:00:00 b | sec",
        "12:00:00 b completed in 1.2 s",
        "12:00:00 a completed in 1.2 s"
      ]
    )
  })

  it("tells thoughts with verbose only, and marks them", () => {
    const seen = [chunk("a", 0, "hm", "Reasoning"), chunk("a", 1, "Yes."), ends("a")]
    const [end] = told([ends("a")])
    assert.deepStrictEqual(told(seen), ["12:00:00 a | Yes.", end])
    assert.deepStrictEqual(told(seen, true).slice(0, 2), ["12:00:00 a thinks | hm", "12:00:00 a | Yes."])
  })

  it("gives what is logged a line of its own, and tells what is for debugging with verbose only", () => {
    const log = (index: number, level: "debug" | "warning", message: string): Gleitzeit.Live => ({
      _tag: "Chunk",
      task: "a",
      attempt: 1,
      index,
      chunk: { _tag: "Log", level, message }
    })
    const seen = [
      chunk("a", 0, "half a"),
      log(1, "warning", "careful"),
      log(2, "debug", "x = 1"),
      chunk("a", 3, " line")
    ]
    const end = "12:00:00 a completed in 1.2 s"
    const [begun, logged, debug, rest] = ["half a", "careful", "x = 1", " line"].map((text) => `12:00:00 a | ${text}`)
    assert.deepStrictEqual(told([...seen, ends("a")]), [begun, logged, rest, end])
    assert.deepStrictEqual(told([...seen, ends("a")], true).slice(0, 4), [begun, logged, debug, rest])
  })

  it("begins anew with an attempt, and says what is left out", () => {
    assert.deepStrictEqual(
      told([
        { _tag: "Gap", task: "a", attempt: 1, from: 0, to: 1199 },
        chunk("a", 1200, "half a"),
        { _tag: "Started", task: "a", attempt: 2, at: begin },
        chunk("a", 0, "whole\n")
      ]),
      [
        "12:00:00 a | … 1,200 pieces left out",
        "12:00:00 a | half a",
        "12:00:00 a started (attempt 2)",
        "12:00:00 a | whole"
      ]
    )
  })

  it("tells what was begun when the run ends meanwhile", () => {
    const cancelled: Gleitzeit.Live = {
      _tag: "Event",
      sequence: 9,
      event: { _tag: "RunCancelled", v: 1, at: begin }
    }
    assert.deepStrictEqual(told([chunk("a", 0, "half a"), chunk("b", 0, "and"), cancelled]), [
      "12:00:00 a | half a",
      "12:00:00 b | and",
      "12:00:00 run cancelled"
    ])
  })

  it("takes out what a terminal would obey", () => {
    assert.deepStrictEqual(told([chunk("a", 0, "a\u001B]0;title\u0007b\u001B[2Jc\td\n")]), ["12:00:00 a | abc    d"])
  })

  it("tells of the run what is told without it", () => {
    assert.includeMembers(told(middle) as Array<string>, ["12:00:00 research | Async programming has"])
    assert.deepStrictEqual(
      told(middle).filter((line) => !line.includes(" | ")).length,
      told(middle.filter(({ _tag }) => _tag !== "Chunk")).length
    )
  })
})
