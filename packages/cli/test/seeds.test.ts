/**
 * The documents with which programs of this kind are described, each run to its end by the whole command line, on a
 * server that speaks as Ollama does: what the models are asked, and what becomes of their words, to the letter.
 */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { place } from "./command.ts"

/** What each prompt is answered with. */
type Script = { readonly [prompt: string]: string }

const document = (name: string): string => readFileSync(join(import.meta.dirname, "seeds", name), "utf8")

const models: NonNullable<MiniOllama.Options["models"]> = [
  { name: "llama3.2", capabilities: ["completion", "embedding"] },
  { name: "llava", capabilities: ["completion", "vision"] }
]

/** Runs a document with these files beside it, and gives the results of its tasks. A prompt not foreseen fails the test. */
const run = Effect.fnUntraced(function* (
  name: string,
  script: Script,
  files: { readonly [name: string]: string } = {}
) {
  const strange: Array<string> = []
  const mini = yield* MiniOllama.start({
    models,
    replies: ({ text }) => {
      // where the folder of the test is does not matter
      const prompt = text.replace(/\n\nFile content from \S+:\n/u, " ")
      if (script[prompt] === undefined) strange.push(text)
      return script[prompt] ?? ""
    }
  })
  const { file, gz } = yield* place({ GLEITZEIT_OLLAMA_URL: mini.url })
  for (const [path, text] of Object.entries(files)) file(path, text)
  const { exit, stderr, stdout } = yield* gz("run", file(name, document(name)), "--json")
  assert.deepStrictEqual({ exit, stderr, strange }, { exit: 0, stderr: "", strange: [] }, stdout)
  const tasks: { readonly [task: string]: { readonly result: Record<string, unknown> } } = JSON.parse(stdout).tasks
  const results = Object.fromEntries(Object.entries(tasks).map(([task, { result }]) => [task, result]))
  const sent = (path: string) => mini.requests().flatMap((one) => (one.path === path ? [one.body] : []))
  return { results, sent }
})

const prints = (json: string) => `import json\nprint(json.dumps(${json}))\n`

describe("on a server of the shape of Ollama", () => {
  it.live("chain.yaml: a model goes on from what it has said", () =>
    Effect.gen(function* () {
      const { results } = yield* run("chain.yaml", { Begin: "Once", "Continue from: Once": "upon a time" })
      assert.strictEqual(results["step2"]?.["response"], "upon a time")
    })
  )

  it.live("multi_provider.yaml: models and Python take turns", () =>
    Effect.gen(function* () {
      const { results } = yield* run(
        "multi_provider.yaml",
        {
          "Analyze: [3,1,2]": "It goes up and down.",
          "Create a report with:\nAnalysis: It goes up and down.\nCalculation result: 150\n": "All is well."
        },
        { "generate_data.py": prints(`{"data": [3, 1, 2]}`) }
      )
      assert.strictEqual(results["report"]?.["content"], "All is well.")
    })
  )

  it.live("parallel_processing.json: three sources, two views, one report", () =>
    Effect.gen(function* () {
      const { results } = yield* run(
        "parallel_processing.json",
        { 'Create report from stats: {"mean":2} and predictions: ["up"]': "Up." },
        {
          "fetch_source_a.py": "result = [1]",
          "fetch_source_b.py": "result = [2, 3]",
          "fetch_source_c.py": "result = []",
          "stats_analysis.py": `result = {"mean": 2}`,
          "ml_predict.py": `result = ["up"]`
        }
      )
      assert.deepStrictEqual(results["Merge_Data"]?.["result"], { merged: [1, 2, 3], count: 3 })
      assert.strictEqual(results["Final_Report"]?.["content"], "Up.")
    })
  )

  it.live("topics.yaml: a batch of documents, a batch of their topics, one report", () =>
    Effect.gen(function* () {
      const { results } = yield* run(
        "topics.yaml",
        {
          "Create a 3-sentence summary About tides": "Tides come and go.",
          "Create a 3-sentence summary About moons": "Moons go round.",
          "Extract 5 key topics from: Tides come and go.": "tides",
          "Extract 5 key topics from: Moons go round.": "moons",
          'Create a comprehensive report from these topics: ["tides","moons"]': "Both have to do with each other."
        },
        { "documents/a.md": "About tides", "documents/b.md": "About moons" }
      )
      assert.strictEqual(results["Report"]?.["content"], "Both have to do with each other.")
    })
  )

  it.live("methods.yaml: chat, vision, generate and embeddings, with their params as they are written", () =>
    Effect.gen(function* () {
      const { results, sent } = yield* run(
        "methods.yaml",
        {
          Hello: "Hello yourself",
          "What's in this image?": "A cat on a mat.",
          "Complete this: Once upon a time": ", there was a cat."
        },
        { "photo.jpg": "GIF89a and no more" }
      )
      const content = (task: string) => results[task]?.["content"]
      assert.strictEqual(content("chat"), "Hello yourself")
      assert.strictEqual(content("vision"), "A cat on a mat.")
      assert.strictEqual(content("generate"), ", there was a cat.")
      assert.strictEqual(results["embeddings"]?.["dimensions"], 8)
      assert.deepStrictEqual(results["embeddings"]?.["embedding"], results["embeddings"]?.["result"])
      const [chat, vision] = sent("/api/chat").toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
      assert.nestedInclude(chat, { "options.temperature": 0.7, "options.num_predict": 500, "options.top_p": 0.9 })
      assert.nestedInclude(chat, { "options.top_k": 40, "options.seed": 42, "messages[0].content": "You are helpful" })
      assert.nestedInclude(vision, {
        "messages[0].images[0]": Buffer.from("GIF89a and no more").toString("base64")
      })
      assert.nestedInclude(sent("/api/generate")[0], { "options.temperature": 0.8 })
    })
  )
})
