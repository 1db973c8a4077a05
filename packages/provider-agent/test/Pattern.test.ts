import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Pattern from "../src/Pattern.ts"

const Name = Schema.String.check(Schema.isPattern(/^[a-c/.*]{0,12}$/))

/** The same by another way: slower, and only for short names. */
const reference = (pattern: string, name: string): boolean =>
  new RegExp(
    `^${pattern.replaceAll(/\*\*|[^]/g, (sign) =>
      sign === "**" ? "[^]*" : sign === "*" ? "[^/]*" : `\\u{${sign.codePointAt(0)?.toString(16)}}`
    )}$`,
    "u"
  ).test(name)

describe("a pattern", () => {
  it.each([
    ["weather/*", "weather/now", true],
    ["weather/*", "weather/now/here", false],
    ["weather/*", "weather", false],
    ["mcp/tool.fs.*", "mcp/tool.fs.read_file", true],
    ["mcp/tool.fs.*", "mcp/tool.web.read_file", false],
    ["mcp/resource.**", "mcp/resource.file://a/b", true],
    ["**", "data/eval", true],
    ["*", "data/eval", false],
    ["data/eval", "data/eval", true],
    ["data/eval", "data/evaluate", false],
    ["data.eval", "data/eval", false]
  ] as const)("%s and %s: %s", (pattern, name, expected) => {
    assert.strictEqual(Pattern.matches(pattern, name), expected)
  })

  it.effect.prop("means what a regular expression would", { pattern: Name, name: Name }, ({ name, pattern }) =>
    Effect.sync(() => assert.strictEqual(Pattern.matches(pattern, name), reference(pattern, name)))
  )

  it.effect.prop("without a star means one name", { name: Name, other: Name }, ({ name, other }) =>
    Effect.sync(() => {
      if (Pattern.isExact(name)) assert.strictEqual(Pattern.matches(name, other), name === other)
    })
  )

  it("with many stars takes no longer than its length", () => {
    assert.isFalse(Pattern.matches(`${"*a".repeat(200)}b`, "a".repeat(400)))
  })
})
