import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { spawn } from "node:child_process"
import { MiniOllama } from "../src/index.ts"

const get = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  })

const post = (url: string, body: unknown) =>
  Effect.promise(async (signal) => {
    const init = { method: "POST", signal, body: typeof body === "string" ? body : JSON.stringify(body) }
    const response = await fetch(url, init)
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("MiniOllama", () => {
  it.effect("greets, and tells its version, its models and what is loaded", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start({ models: ["llama3.2", "a/b:Q4"] })
      assert.strictEqual((yield* get(url)).text, "Ollama is running")
      assert.deepStrictEqual(JSON.parse((yield* get(`${url}/api/version`)).text), { version: "0.12.0" })
      const tags = JSON.parse((yield* get(`${url}/api/tags`)).text)
      assert.deepStrictEqual(
        tags.models.map(({ name }: { name: string }) => name),
        ["llama3.2:latest", "a/b:q4"]
      )
      assert.deepStrictEqual(JSON.parse((yield* get(`${url}/api/ps`)).text), { models: [] })
      yield* post(`${url}/api/generate`, { model: "llama3.2", prompt: "hi" })
      assert.lengthOf(JSON.parse((yield* get(`${url}/api/ps`)).text).models, 1)
    })
  )

  it.effect("streams an echo unless told otherwise", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const answer = yield* post(`${url}/api/chat`, { model: "llama3.2", messages: [{ role: "user", content: "a b" }] })
      assert.strictEqual(answer.type, "application/x-ndjson")
      const parts = lines(answer.text)
      assert.strictEqual(parts.map(({ message }) => message.content).join(""), "Echo: a b")
      assert.deepInclude(parts.at(-1), { done: true, done_reason: "stop", prompt_eval_count: 2, eval_count: 3 })
    })
  )

  it.effect("answers whole when asked to, says what the test wants, and stops at num_predict", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start({ replies: ({ route, text }) => `${route} heard ${text}` })
      const whole = { model: "LLAMA3.2:latest", prompt: "x", stream: false }
      assert.deepInclude(JSON.parse((yield* post(`${url}/api/generate`, whole)).text), {
        response: "generate heard x",
        done_reason: "stop"
      })
      const short = { ...whole, options: { num_predict: 2 } }
      assert.deepInclude(JSON.parse((yield* post(`${url}/api/generate`, short)).text), {
        response: "generate heard",
        done_reason: "length"
      })
    })
  )

  it.effect("complains as Ollama does", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const messages = [{ role: "user", content: "a" }]
      for (const [path, body, status, error] of [
        ["chat", "", 400, "missing request body"],
        ["chat", "{", 400, "Expected"],
        ["chat", { messages }, 400, "model is required"],
        ["chat", { model: "nope", messages }, 404, "model 'nope' not found"],
        ["chat", { model: "llama3.2", messages, think: true }, 400, `"llama3.2" does not support thinking`],
        ["chat", { model: "nomic-embed-text", messages }, 400, `"nomic-embed-text" does not support chat`],
        ["embed", { model: "nomic-embed-text" }, 400, "invalid input type"],
        ["pull", { model: "llama3.2" }, 404, "404 page not found"]
      ] as const) {
        const answer = yield* post(`${url}/api/${path}`, body)
        assert.strictEqual(answer.status, status, error)
        assert.include(JSON.parse(answer.text).error, error)
      }
    })
  )

  it.effect("embeds the same text as the same vector of length 1", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const embed = (input: unknown) =>
        Effect.map(
          post(`${url}/api/embed`, { model: "nomic-embed-text", input }),
          ({ text }) => JSON.parse(text).embeddings as Array<Array<number>>
        )
      const [a, b] = yield* embed(["cat", "dog"])
      assert.closeTo(Math.hypot(...(a ?? [])), 1, 1e-9)
      assert.notDeepEqual(a, b)
      assert.deepStrictEqual(yield* embed("cat"), [a])
      assert.deepStrictEqual(yield* embed([]), [])
    })
  )

  it.effect("follows its script, one behaviour a request", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const ask = post(`${mini.url}/api/generate`, { model: "llama3.2", prompt: "a b" })
      mini.script(
        { status: 503, body: { error: "busy" }, headers: { "retry-after": "2" } },
        { endAfter: 1 },
        { lineAfter: 1, line: "{oops" },
        { insertAfter: 0, line: "{oops" },
        { raw: ['{"done"', ":true}\n"] }
      )
      assert.deepInclude(yield* ask, { status: 503, text: `{"error":"busy"}` })
      assert.lengthOf(lines((yield* ask).text), 1)
      assert.isTrue((yield* ask).text.endsWith("\n{oops\n"))
      assert.isTrue((yield* ask).text.startsWith("{oops\n"))
      assert.strictEqual((yield* ask).text, `{"done":true}\n`)
      assert.lengthOf(lines((yield* ask).text), 4)
      mini.script({ cutAfter: 1 })
      const cut = yield* Effect.exit(
        Effect.tryPromise(() =>
          fetch(`${mini.url}/api/generate`, {
            method: "POST",
            body: JSON.stringify({ model: "llama3.2", prompt: "a b" })
          }).then((response) => response.text())
        )
      )
      assert.strictEqual(cut._tag, "Failure")
    })
  )

  it.effect("holds until released, and counts whoever goes away before", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const ask = post(`${mini.url}/api/generate`, { model: "llama3.2", prompt: "a b" })
      mini.script({ hold: "headers" }, { hold: 1 })
      const patient = yield* Effect.forkChild(ask)
      yield* mini.until(() => mini.requests().length === 1)
      const impatient = yield* Effect.forkChild(ask)
      yield* mini.until(() => mini.requests().length === 2)
      impatient.interruptUnsafe()
      yield* mini.until(() => mini.closes() === 1)
      mini.release()
      const { text } = yield* Fiber.join(patient)
      assert.isTrue(lines(text).at(-1).done)
      assert.strictEqual(mini.closes(), 1)
    })
  )

  it.effect("is gone after its stop", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      yield* mini.stop
      const exit = yield* Effect.exit(Effect.tryPromise(() => fetch(mini.url)))
      assert.strictEqual(exit._tag, "Failure")
    })
  )

  it.live("runs by hand on a port, and ends at a signal", () =>
    Effect.gen(function* () {
      const program = new URL("../src/bin.ts", import.meta.url)
      const child = spawn(process.execPath, [program.pathname, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] })
      const url = yield* Effect.callback<string>((resume) => {
        let output = ""
        child.stdout.on("data", (part) => {
          output += part
          const found = /http:\/\/[\d.:]+/.exec(output)
          if (found !== null) resume(Effect.succeed(found[0]))
        })
      })
      assert.strictEqual((yield* get(url)).text, "Ollama is running")
      const code = yield* Effect.callback<number | null>((resume) => {
        child.once("exit", (code) => resume(Effect.succeed(code)))
        child.kill("SIGTERM")
      })
      assert.strictEqual(code, 0)
    })
  )
})
