/**
 * The same facts on a mini-ollama, on one that speaks with the voice of llama.cpp (`GLEITZEIT_TEST_LLAMA=1`), and on a
 * server that somebody runs (`GLEITZEIT_TEST_OLLAMA_URL`, its model in `GLEITZEIT_TEST_OLLAMA_MODEL`).
 */
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Script } from "./RuntimeGguf.ts"
import * as RuntimeLlama from "./RuntimeLlama.ts"
import { prompts, suite, type Target } from "./RuntimeSuite.ts"

const scripts: ReadonlyArray<Script> = [
  { name: "count", tokens: ["one", " two", " three", " four", " five", " six", " seven", " eight", " nine", " ten"] },
  { name: "moons", tokens: [`{"moons":`, ` 2`, `}`] },
  { name: "story", tokens: ["and", " then", " the", " next", " and "], endless: true }
]

const nameOf = (text: string): string =>
  text.includes(prompts.moons) ? "moons" : text.includes(prompts.story) ? "story" : "count"

/** One place, so that an answer that does not stop leaves none. */
const options = { models: ["scripted", { name: "vectors", capabilities: ["embedding"] }], parallel: 1 } as const

const told: NonNullable<MiniOllama.Options["voice"]> = ({ text }) => {
  const { endless = false, tokens } = scripts.find(({ name }) => name === nameOf(text)) ?? { tokens: [] }
  const once = Stream.fromIterable(tokens)
  return Stream.rechunk(endless ? Stream.forever(once) : once, 1)
}

const target = ({ url }: MiniOllama.MiniOllama): Target => ({ url, model: "scripted", embedder: "vectors" })

suite("a mini-ollama", 20_000, Effect.map(MiniOllama.start({ ...options, voice: told, tokenDelay: 1 }), target))

const llama = process.env["GLEITZEIT_TEST_LLAMA"] === "1"

if (llama) {
  const speaking = Effect.gen(function* () {
    const voice = yield* RuntimeLlama.voice(scripts, ({ text }) => nameOf(text))
    return target(yield* MiniOllama.start({ ...options, voice }))
  })
  suite("llama.cpp", 60_000, speaking)
}

const url = process.env["GLEITZEIT_TEST_OLLAMA_URL"]

if (url !== undefined) {
  const embedder = process.env["GLEITZEIT_TEST_OLLAMA_EMBEDDER"]
  const model = process.env["GLEITZEIT_TEST_OLLAMA_MODEL"] ?? "llama3.2"
  suite(url, 600_000, Effect.succeed({ url, model, ...(embedder === undefined ? {} : { embedder }) }))
}

describe("real runtimes", () => {
  it.skipIf(!llama)("llama.cpp is asked too: GLEITZEIT_TEST_LLAMA=1 installs it (85 MB) and asks it", () => {
    assert.isTrue(llama)
  })
  it.skipIf(url === undefined)("a real server is asked too: GLEITZEIT_TEST_OLLAMA_URL=http://127.0.0.1:11434", () => {
    assert.isString(url)
  })
})
