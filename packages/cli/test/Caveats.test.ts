import { assert, describe, it } from "@effect/vitest"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect } from "effect"
import * as Caveats from "../src/Caveats.ts"
import * as Style from "../src/Style.ts"
import { place } from "./command.ts"

const plain = Style.make({ color: false, unicode: false })

const answer = (...warnings: ReadonlyArray<string>) => ({ model: "m", provider_id: "p", warnings })

describe("what answers say against themselves", () => {
  it("is told once, with the names of the tasks that it is of", () => {
    const results = [
      ["a", answer("cut", "lost")],
      ["b", { content: "fine" }],
      ["c", answer("cut")]
    ] as const
    assert.deepStrictEqual(Caveats.lines(results, plain), ["! a, c: cut", "! a: lost"])
  })

  it("is no more than five lines and five names, and how many more there are", () => {
    const same = Array.from({ length: 7 }, (_, i) => [`a[${i}]`, answer("cut")] as const)
    const other = Array.from({ length: 6 }, (_, i) => [`b[${i}]`, answer(`lost ${i}`)] as const)
    const lines = Caveats.lines([...same, ...other], plain)
    assert.strictEqual(lines[0], "! a[0], a[1], a[2], a[3], a[4] and 2 more: cut")
    assert.deepStrictEqual(lines.slice(4), ["! b[3]: lost 3", "! 2 more warnings"])
  })

  it("is neither what other methods mean by warnings nor what the simulator says", () => {
    const results = [
      ["a", { warnings: ["a linter's"] }],
      ["b", [answer("of an item, which has its own entry")]],
      ["c", undefined],
      ["d", { ...answer("simulated: no model was asked"), simulated: true }]
    ] as const
    assert.deepStrictEqual(Caveats.lines(results, plain), [])
  })

  it.live("stands on standard error after `run` and `call`, and in the result alone with --json", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const mini = yield* MiniOllama.start({ replies: () => "one two three four" })
        const { file, gz } = yield* place({ GLEITZEIT_OLLAMA_URL: mini.url })
        const task = "{ id: ask, method: llm/chat, params: { prompt: hi, max_tokens: 2 } }"
        const path = file("cut.yaml", `name: Cut\ntasks:\n  - ${task}\n`)
        const told = "the answer was cut off: it reached max_tokens (2)\n"
        assert.strictEqual((yield* gz("run", "-q", path)).stderr, `! ask: ${told}`)
        assert.include((yield* gz("show", "latest")).stdout, `! ask: ${told}`)
        assert.strictEqual((yield* gz("call", "llm/chat", "prompt=hi", "max_tokens=2")).stderr, `! llm/chat: ${told}`)
        const { stderr, stdout } = yield* gz("run", path, "--json")
        assert.strictEqual(stderr, "")
        assert.strictEqual(`${JSON.parse(stdout).tasks.ask.result.warnings[0]}\n`, told)
      })
    )
  )
})
