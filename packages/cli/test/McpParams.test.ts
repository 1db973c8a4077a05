import { assert, describe, it } from "@effect/vitest"
import { spread } from "../src/McpParams.ts"

describe("params of a tool", () => {
  it("may be written as flags", () => {
    const pairs = ["mcp", "call", "t", "path=./x", "n=-5", "text=a=b"]
    assert.deepStrictEqual(spread(["mcp", "call", "t", "--path", "./x", "--n", "-5", "--text=a=b"]), pairs)
  })

  it("are not what the command's own flags say, nor what stands behind --", () => {
    for (const args of [
      ["--json", "mcp", "call", "t", "--config", "c.yaml", "--no-color", "--args", "{}", "--timeout=5", "--verbose"],
      ["mcp", "call", "t", "--json", "--", "--json", "yes"],
      ["mcp", "call", "t", "--path"],
      ["mcp", "call", "t", "--path", "--json"],
      ["mcp", "tools", "--path", "x"],
      ["run", "a.yaml", "--path", "x"]
    ]) {
      assert.deepStrictEqual(spread(args), args)
    }
  })
})
