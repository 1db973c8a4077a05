/** Prices: the ones that the settings bring, and the list of a package that may be installed. */
import { Prices } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PriceList from "../src/PriceList.ts"
import { place } from "./command.ts"

const million = { input_tokens: 1_000_000, output_tokens: 1_000_000 }

const usd = (pricing: Prices.Pricing, provider: string, model: string, usage: Prices.Counted = million) =>
  pricing.costOf({ provider, model, usage })?.usd

/** Where the package is installed. */
const here = join(import.meta.dirname, "..")

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-prices-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("the list of @pydantic/genai-prices", () => {
  const list = PriceList.installed(here)

  it("has prices of models of openai, anthropic, google and aws, dated versions too", () => {
    for (const [provider, model, other] of [
      ["openai", "gpt-4o", "gpt-4o-2024-08-06"],
      ["openai", "openai:gpt-4o-mini", "gpt-4o-mini-2024-07-18"],
      ["anthropic", "claude-sonnet-4-0", "claude-sonnet-4-20250514"],
      ["google", "gemini-2.5-flash", "gemini-2.5-pro"],
      ["aws", "amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"]
    ] as const) {
      const found = list.costOf({ provider, model, usage: million })
      assert.strictEqual(found?.source, "genai-prices")
      assert.isAbove(found?.usd ?? 0, 0, model)
      assert.isAbove(usd(list, provider, other) ?? 0, 0, other)
    }
    // 1,000 tokens in and 100 out, as its own documentation counts
    assert.strictEqual(usd(list, "openai", "gpt-4o", { input_tokens: 1000, output_tokens: 100 }), 0.0035)
  })

  it("counts what a cache holds at its own price, and refuses more of it than there is input", () => {
    const usage = { input_tokens: 4740, cache_read_tokens: 4000, output_tokens: 0 }
    const whole = usd(list, "anthropic", "claude-sonnet-4-20250514", { ...usage, cache_read_tokens: 0 }) ?? 0
    assert.isBelow(usd(list, "anthropic", "claude-sonnet-4-20250514", usage) ?? Infinity, whole)
    assert.isUndefined(usd(list, "openai", "gpt-4o", { ...usage, cache_read_tokens: 9999 }))
  })

  it("knows no price of a model or a provider that it does not have, nor of tokens that are not known", () => {
    assert.isUndefined(usd(list, "openai", "my-own-model"))
    assert.isUndefined(usd(list, "on-prem", "gpt-4o"))
    assert.isUndefined(usd(list, "ollama", "llama3.2"))
    for (const usage of [{}, { input_tokens: 5 }, { output_tokens: 5 }]) {
      assert.isUndefined(usd(list, "openai", "gpt-4o", usage))
    }
  })

  it("comes after the table of the settings", () => {
    const own = Prices.fromTable({ "openai/gpt-4o": { input: 1, output: 1 } })
    const both = Prices.orElse(own, list)
    assert.deepStrictEqual(both.costOf({ provider: "openai", model: "gpt-4o", usage: million }), {
      usd: 2,
      source: "table"
    })
    assert.strictEqual(
      both.costOf({ provider: "openai", model: "gpt-4o-mini", usage: million })?.source,
      "genai-prices"
    )
  })

  it.live("is taken from the project first, and one that cannot be used is left out", () =>
    Effect.gen(function* () {
      const project = yield* folder
      const install = (text: string) => {
        const at = join(project, "node_modules/@pydantic/genai-prices")
        mkdirSync(at, { recursive: true })
        writeFileSync(join(at, "package.json"), "{}")
        writeFileSync(join(at, "index.js"), text)
      }
      install("exports.calcPrice = () => ({ total_price: 42, model_price: {} })")
      assert.strictEqual(usd(PriceList.installed(project), "openai", "gpt-4o"), 42)
      const broken = yield* folder
      mkdirSync(join(broken, "node_modules/@pydantic/genai-prices"), { recursive: true })
      writeFileSync(join(broken, "node_modules/@pydantic/genai-prices/index.js"), "throw new Error('no')")
      // beside this program there is one
      assert.isAbove(usd(PriceList.installed(broken), "openai", "gpt-4o") ?? 0, 0)
    })
  )
})

describe("the setting `prices`", () => {
  it.live("is shown by `config`, with where each comes from", () =>
    Effect.gen(function* () {
      const { file, gz } = yield* place()
      const config = file("prices.yaml", "prices:\n  source: none\n  table:\n    llama3*: { input: 1, output: 2 }\n")
      const said = yield* gz("config", "--config", config, "--json")
      assert.strictEqual(said.exit, 0, said.stderr)
      const { prices } = JSON.parse(said.stdout).settings
      assert.deepInclude(prices.source, { value: "none" })
      assert.deepInclude(prices.table["llama3*"], { value: { input: 1, output: 2 } })
      const rows = (yield* gz("config", "--config", config)).stdout
      assert.match(rows, /prices\.source +none/)
      assert.match(rows, /prices\.table\.llama3\* +\{"input":1,"output":2\}/)
    })
  )

  it.live("prices what a model of one's own says, and a budget of dollars rests the run until it is raised", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const { file, gz } = yield* place({ GLEITZEIT_OLLAMA_URL: mini.url })
      const config = file("prices.yaml", "prices: { table: { llama3.2: { input: 1000000, output: 2000000 } } }\n")
      const workflow = file(
        "costs.yaml",
        `
name: costs
max_concurrency: 1
tasks:
  - { id: ask, method: llm/chat, foreach: [1, 2, 3], params: { prompt: say it again } }
`
      )
      const read = (text: string) => JSON.parse(text)
      const flags = ["--config", config, "--json"]
      const rested = yield* gz("run", workflow, "--budget", "cost_usd=22", ...flags)
      assert.strictEqual(rested.exit, 7, rested.stdout + rested.stderr)
      const { run, usage, waiting } = read(rested.stdout)
      assert.deepStrictEqual(usage, { calls: 2, input_tokens: 6, output_tokens: 8, cost_usd: 22 })
      assert.deepStrictEqual(waiting[0].data, { limit: "cost_usd", used: 22, of: 22 })
      const raised = yield* gz("respond", run, "budget", "cost_usd=50", ...flags)
      assert.strictEqual(raised.exit, 0, raised.stdout + raised.stderr)
      const shown = read((yield* gz("show", run, ...flags)).stdout)
      assert.deepStrictEqual([shown.status, shown.usage.cost_usd], ["completed", 33])
      assert.deepStrictEqual(shown.tasks["ask[2]"].usage.cost_usd, 11)
      assert.deepInclude(shown.tasks["ask[2]"].result.cost, { usd: 11, source: "table" })
      const listed = read((yield* gz("ls", ...flags)).stdout)
      assert.strictEqual(listed.runs[0].usage.cost_usd, 33)
    })
  )
})
