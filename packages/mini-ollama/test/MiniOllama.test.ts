import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
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

/** The names and contexts of what is loaded. */
const running = (url: string) =>
  Effect.map(get(`${url}/api/ps`), ({ text }) =>
    JSON.parse(text).models.map((one: { name: string; context_length: number }) => `${one.name} ${one.context_length}`)
  )

/** What a stream has brought up to now. */
const reading = Effect.fnUntraced(function* (url: string, body: unknown) {
  const response = yield* Effect.promise((signal) => fetch(url, { method: "POST", signal, body: JSON.stringify(body) }))
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const next = Effect.map(
    Effect.promise(() => reader.read()),
    ({ value = "" }) => value
  )
  return { next, leave: Effect.promise(() => reader.cancel()) }
})

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

  it.effect("answers a schema with the smallest value that fits", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const format = {
        type: "object",
        required: ["name", "size", "tags", "kind", "open"],
        properties: {
          name: { type: "string" },
          size: { type: "integer" },
          tags: { type: "array", minItems: 1, items: { type: "number" } },
          kind: { type: "string", enum: ["a", "b"] },
          open: { type: "boolean" },
          more: { type: "string" }
        }
      }
      const { text } = yield* post(`${url}/api/generate`, { model: "llama3.2", prompt: "x", format, stream: false })
      const value = { name: "", size: 0, tags: [0], kind: "a", open: false }
      assert.deepStrictEqual(JSON.parse(JSON.parse(text).response), value)
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
        ["embed", { model: "llama3.2", input: "a" }, 400, `"llama3.2" does not support embeddings`],
        ["push", { model: "llama3.2" }, 404, "404 page not found"]
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

  it.effect("sends a token when it is there, and takes load and generation into its numbers", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start({
        loadDelay: 2000,
        tokenDelay: (model) => (model === "llama3.2:latest" ? 50 : 1)
      })
      const fiber = yield* Effect.forkChild(reading(`${mini.url}/api/generate`, { model: "llama3.2", prompt: "a b" }))
      yield* mini.until(() => mini.loads() === 1)
      yield* TestClock.adjust(2050)
      const { next } = yield* Fiber.join(fiber)
      assert.strictEqual(lines(yield* next)[0].response, "Echo:")
      yield* TestClock.adjust(50)
      assert.strictEqual(lines(yield* next)[0].response, " a")
      yield* TestClock.adjust(50)
      const rest = lines((yield* next) + (yield* next))
      assert.deepInclude(rest.at(-1), {
        load_duration: 2_000_000_000,
        eval_duration: 150_000_000,
        total_duration: 2_154_000_000
      })
    })
  )

  it.effect("frees its only place as soon as the client at work goes away", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start({ parallel: 1, maxQueue: 1 })
      const ask = { model: "llama3.2", prompt: "a b" }
      mini.script({ hold: 1 })
      const atWork = yield* reading(`${mini.url}/api/generate`, ask)
      yield* atWork.next
      const waits = yield* Effect.forkChild(post(`${mini.url}/api/generate`, ask))
      yield* mini.until(() => mini.waiting() === 1)
      const refused = yield* post(`${mini.url}/api/generate`, ask)
      assert.deepInclude(refused, {
        status: 503,
        text: `{"error":"server busy, please try again.  maximum pending requests exceeded"}`
      })
      yield* atWork.leave
      assert.strictEqual((yield* Fiber.join(waits)).status, 200)
      assert.strictEqual(mini.closes(), 1)
    })
  )

  it.effect("holds as many models as it may, each with the context last asked for", () =>
    Effect.gen(function* () {
      const models = ["a", "b", { name: "c", context: 2048 }]
      const { loads, url } = yield* MiniOllama.start({ models, maxLoaded: 2 })
      const ask = (body: object) => post(`${url}/api/generate`, { prompt: "x", stream: false, ...body })
      yield* ask({ model: "a" })
      yield* ask({ model: "b" })
      yield* ask({ model: "a", options: { num_ctx: 8192 } })
      assert.deepStrictEqual(yield* running(url), ["b:latest 4096", "a:latest 8192"])
      yield* ask({ model: "c", options: { num_ctx: 8192 } })
      assert.deepStrictEqual(yield* running(url), ["a:latest 8192", "c:latest 2048"])
      assert.strictEqual(loads(), 4)
      yield* ask({ model: "c", keep_alive: 0, options: { num_ctx: 8192 } })
      yield* ask({ model: "a", prompt: "", keep_alive: 0 })
      assert.deepStrictEqual(yield* running(url), [])
    })
  )

  it.effect("takes only the end of a prompt too long and says nothing of it, or refuses", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start()
      const body = { model: "llama3.2", prompt: "a b c d e", stream: false, options: { num_ctx: 3 } }
      const { text } = yield* post(`${url}/api/generate`, body)
      assert.strictEqual(JSON.parse(text).prompt_eval_count, 3)
      const refused = { status: 400, text: `{"error":"the input length exceeds the context length"}` }
      assert.deepInclude(yield* post(`${url}/api/generate`, { ...body, truncate: false }), refused)
      const strict = yield* MiniOllama.start({ overlong: "refuse" })
      assert.deepInclude(yield* post(`${strict.url}/api/generate`, body), refused)
      const batch = { model: "nomic-embed-text", input: ["a", "a b c d"], options: { num_ctx: 3 } }
      assert.deepInclude(yield* post(`${strict.url}/api/embed`, batch), refused)
    })
  )

  it.effect("pulls what its library has, and says at status 200 what it has not", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start({ models: [], library: ["llama3.2"] })
      const progress = lines((yield* post(`${url}/api/pull`, { model: "llama3.2" })).text)
      assert.deepStrictEqual(progress[0], { status: "pulling manifest" })
      assert.isTrue(progress.some(({ completed, total }) => total !== undefined && completed === total))
      assert.deepStrictEqual(progress.at(-1), { status: "success" })
      assert.strictEqual((yield* post(`${url}/api/show`, { model: "llama3.2" })).status, 200)
      const absent = yield* post(`${url}/api/pull`, { model: "nope" })
      assert.strictEqual(absent.status, 200)
      assert.deepStrictEqual(lines(absent.text).at(-1), { error: "pull model manifest: file does not exist" })
      const whole = yield* post(`${url}/api/pull`, { model: "nope", stream: false })
      assert.strictEqual(whole.status, 500)
    })
  )

  it.effect("is an old server when asked to be, with one vector at a time", () =>
    Effect.gen(function* () {
      const { url } = yield* MiniOllama.start({ legacy: true })
      const model = "nomic-embed-text"
      assert.strictEqual((yield* post(`${url}/api/embed`, { model, input: "a" })).status, 404)
      const { text } = yield* post(`${url}/api/embeddings`, { model, prompt: "a" })
      assert.lengthOf(JSON.parse(text).embedding, 8)
    })
  )

  it.effect("lends its voice to whatever speaks, and stops that when it has heard enough", () =>
    Effect.gen(function* () {
      let stopped = 0
      const { url } = yield* MiniOllama.start({
        voice: ({ text }) =>
          Stream.fromIterable([text, " 1", " 2", " 3"]).pipe(
            Stream.ensuring(Effect.sync(() => void stopped++)),
            Stream.rechunk(1)
          )
      })
      const body = { model: "llama3.2", prompt: "count", stream: false }
      const { text } = yield* post(`${url}/api/generate`, { ...body, options: { stop: ["2"] } })
      assert.deepInclude(JSON.parse(text), { response: "count 1 ", done_reason: "stop" })
      const streamed = yield* post(`${url}/api/generate`, { ...body, stream: true, options: { num_predict: 1 } })
      assert.deepInclude(lines(streamed.text).at(-1), { done_reason: "length", eval_count: 1 })
      assert.strictEqual(stopped, 2)
    })
  )

  it.effect("says what went wrong with its voice: as a status, or as the last line", () =>
    Effect.gen(function* () {
      const broken = Stream.fail(new Error("CUDA error: out of memory"))
      const { url } = yield* MiniOllama.start({
        voice: ({ text }) => (text === "at once" ? broken : Stream.concat(Stream.make("well,"), broken))
      })
      const ask = (prompt: string) => post(`${url}/api/generate`, { model: "llama3.2", prompt })
      const error = { error: "CUDA error: out of memory" }
      const atOnce = yield* ask("at once")
      assert.strictEqual(atOnce.status, 500)
      assert.deepStrictEqual(JSON.parse(atOnce.text), error)
      const later = yield* ask("later")
      assert.strictEqual(later.status, 200)
      assert.deepStrictEqual(lines(later.text).at(-1), error)
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
      const flags = ["--port", "0", "--model", "phi4", "--model", "llava:13b", "--say", "42", "--max-loaded", "1"]
      const child = spawn(process.execPath, [program.pathname, ...flags], { stdio: ["ignore", "pipe", "inherit"] })
      const url = yield* Effect.callback<string>((resume) => {
        let output = ""
        child.stdout.on("data", (part) => {
          output += part
          const found = /http:\/\/[\d.:]+/.exec(output)
          if (found !== null) resume(Effect.succeed(found[0]))
        })
      })
      for (const model of ["phi4", "llava:13b"]) {
        const { text } = yield* post(`${url}/api/generate`, { model, prompt: "What is it?", stream: false })
        assert.strictEqual(JSON.parse(text).response, "42")
      }
      assert.deepStrictEqual(yield* running(url), ["llava:13b 4096"])
      const code = yield* Effect.callback<number | null>((resume) => {
        child.once("exit", (code) => resume(Effect.succeed(code)))
        child.kill("SIGTERM")
      })
      assert.strictEqual(code, 0)
    })
  )
})
