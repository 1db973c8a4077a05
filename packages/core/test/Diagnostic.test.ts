import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Diagnostic, format, nearest } from "../src/Diagnostic.ts"

describe("a diagnostic reads", () => {
  const complaint: Diagnostic = { line: 3, column: 7, severity: "error", code: "x", message: "no such task" }

  it("as place and message", () => {
    assert.strictEqual(format(complaint), "3:7: no such task")
    assert.strictEqual(format({ ...complaint, file: "a/b.yaml" }), "a/b.yaml:3:7: no such task")
  })

  it("with its suggestion, and says when it is a warning", () => {
    assert.strictEqual(
      format({ ...complaint, file: "b.yaml", severity: "warning", suggestion: "research" }),
      'b.yaml:3:7: warning: no such task, did you mean "research"?'
    )
  })
})

describe("the nearest name", () => {
  it("is the one with a slip of the hand", () => {
    for (const [slip, meant] of [
      ["reserch", "research"],
      ["raesearch", "research"],
      ["ersearch", "research"],
      ["prams", "params"],
      ["modle", "model"],
      ["x", "y"]
    ] as const) {
      assert.strictEqual(nearest(slip, ["output", meant, "unrelated"]), meant)
    }
  })

  it("is the one that differs in case and separators alone", () => {
    assert.strictEqual(nearest("MAX_TOKENS", ["max-tokens", "MAX_TOKEN"]), "max-tokens")
    assert.strictEqual(nearest("loaddata", ["Load Data"]), "Load Data")
    assert.strictEqual(nearest("dependsOn", ["depends_on"]), "depends_on")
  })

  it("is the first of two that are as near", () => {
    assert.strictEqual(nearest("cat", ["bat", "hat"]), "bat")
  })

  it("is looked for among many names, and in long ones", () => {
    assert.isUndefined(nearest("b".repeat(50_000), ["a".repeat(50_000)]))
    assert.strictEqual(nearest(`B${"-b".repeat(25_000)}`, ["b".repeat(25_001)]), "b".repeat(25_001))
    const known = Array.from({ length: 20_000 }, (_, n) => `property number ${n}`)
    assert.strictEqual(
      nearest("another thing altogether", [...known, "another thing all together"]),
      "another thing all together"
    )
  })

  it("is none when none is near", () => {
    assert.isUndefined(nearest("research", ["output", "inputs"]))
    assert.isUndefined(nearest("abc", []))
    assert.isUndefined(nearest("ab", ["xy"]))
  })

  /** Optimal string alignment by its definition. */
  const distance = (a: string, b: string): number => {
    const known = new Map<string, number>()
    const from = (i: number, j: number): number => {
      if (i === 0 || j === 0) return i + j
      const key = `${i},${j}`
      const found = known.get(key)
      if (found !== undefined) return found
      let least = Math.min(from(i - 1, j) + 1, from(i, j - 1) + 1, from(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, from(i - 2, j - 2) + 1)
      known.set(key, least)
      return least
    }
    return from(a.length, b.length)
  }

  const Word = Schema.Array(Schema.Literals(["a", "b", "c"])).check(Schema.isMaxLength(9))
  it.prop(
    "is within a third of the name's length, and none is nearer",
    { name: Word, words: Schema.Array(Word) },
    ({ name, words }) => {
      const text = name.join("")
      const known = words.map((word) => word.join(""))
      const most = Math.max(1, Math.floor(text.length / 3))
      const best = Math.min(...known.map((word) => (word === text ? 0 : distance(text, word))), Infinity)
      const found = nearest(text, known)
      if (best > most) assert.isUndefined(found)
      else assert.strictEqual(distance(text, found!), best)
    },
    { arbitrary: { runs: 500 } }
  )
})
