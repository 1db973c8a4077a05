/** The bodies are what Ollama's own description of its API says, where that description lies beside the project. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { parse } from "yaml"
import { Validator } from "../../core/node_modules/@cfworker/json-schema/dist/esm/index.js"
import { MiniOllama } from "../src/index.ts"

const file = resolve(import.meta.dirname, "../../../../shared/data/ollama-openapi.yaml")
const described = existsSync(file)
const { components } = described ? parse(readFileSync(file, "utf8")) : { components: {} }

/** Fails too when the body has what the description does not know, unless that is listed. */
const check = (name: string, text: string, unlisted: ReadonlyArray<string> = []) => {
  const { properties } = components.schemas[name]
  const body = JSON.parse(text)
  const { errors, valid } = new Validator({ $ref: `#/components/schemas/${name}`, components }, "2020-12").validate(
    body
  )
  assert.isTrue(valid, `${name} refuses ${text}: ${JSON.stringify(errors)}`)
  for (const key of Object.keys(body))
    assert.isTrue(key in properties || unlisted.includes(key), `${name} has no ${key}`)
}

const lines = (text: string) => text.trim().split("\n")

/** The description leaves these out of the last event of a stream; real servers send them. */
const last = "done_reason total_duration load_duration prompt_eval_count prompt_eval_duration eval_count eval_duration"

describe.skipIf(!described)("MiniOllama and the description of Ollama's API", () => {
  const ask = Effect.fnUntraced(function* (path: string, body?: unknown, options: MiniOllama.Options = {}) {
    const { url } = yield* MiniOllama.start(options)
    return yield* Effect.promise(async () => {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
      return (await fetch(`${url}/api/${path}`, init)).text()
    })
  })
  const messages = [{ role: "user", content: "one two" }]

  it.effect("chat", () =>
    Effect.gen(function* () {
      check("ChatResponse", yield* ask("chat", { model: "llama3.2", messages, stream: false }))
      check("ChatResponse", yield* ask("chat", { model: "llama3.2", messages: [], keep_alive: 0 }))
      const replies = () => ({ chunks: ["a"], thinking: "hm hm" })
      for (const model of ["llama3.2", "deepseek-r1"]) {
        const text = yield* ask("chat", { model, messages }, { replies })
        for (const line of lines(text)) check("ChatStreamEvent", line, last.split(" "))
      }
    })
  )

  it.effect("generate", () =>
    Effect.gen(function* () {
      check("GenerateResponse", yield* ask("generate", { model: "llama3.2", prompt: "a", stream: false }))
      check("GenerateResponse", yield* ask("generate", { model: "llama3.2" }))
      const text = yield* ask("generate", { model: "llama3.2", prompt: "a b" })
      for (const line of lines(text)) check("GenerateStreamEvent", line)
    })
  )

  it.effect("everything else", () =>
    Effect.gen(function* () {
      check("VersionResponse", yield* ask("version"))
      check("ListResponse", yield* ask("tags"))
      check("PsResponse", yield* ask("ps"))
      check("ShowResponse", yield* ask("show", { model: "llama3.2" }), ["modelfile"])
      check("EmbedResponse", yield* ask("embed", { model: "nomic-embed-text", input: ["a", "b"] }))
      check("ErrorResponse", yield* ask("chat", { model: "nope", messages }))
      check("ErrorResponse", yield* ask("chat", {}))
      check("ErrorResponse", yield* ask("generate", { model: "llama3.2", prompt: "a" }, { maxQueue: 0, parallel: 0 }))
      check("ErrorResponse", yield* ask("pull", { model: "nope", stream: false }))
    })
  )

  it.effect("a pull", () =>
    Effect.gen(function* () {
      for (const line of lines(yield* ask("pull", { model: "llama3.2" }))) check("StatusEvent", line)
      check("StatusResponse", yield* ask("pull", { model: "llama3.2", stream: false }))
      const [first = "", last = ""] = lines(yield* ask("pull", { model: "nope" }))
      check("StatusEvent", first)
      check("ErrorResponse", last)
    })
  )

  it.effect("what goes wrong in the middle", () =>
    Effect.gen(function* () {
      const voice = () => Stream.concat(Stream.make("a"), Stream.fail(new Error("broken")))
      const [first = "", last = ""] = lines(yield* ask("chat", { model: "llama3.2", messages }, { voice }))
      check("ChatStreamEvent", first)
      check("ErrorResponse", last)
    })
  )

  it.effect("what runs is described as it is when something runs", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const text = yield* Effect.promise(async () => {
        await fetch(`${url}/api/chat`, { method: "POST", body: JSON.stringify({ model: "llama3.2", messages }) })
        return (await fetch(`${url}/api/ps`)).text()
      })
      assert.lengthOf(JSON.parse(text).models, 1)
      check("PsResponse", text)
    })
  )
})
