import { Errors } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { IncomingMessage } from "node:http"
import { connect, listening, setup } from "./calls.ts"

const hello = { model: "llama3.2", prompt: "hello there" }

/** A call that fails, on a server that behaves so, and says nothing on any channel of its own. */
const failing = Effect.fnUntraced(function* (...behaviours: ReadonlyArray<MiniOllama.Behaviour>) {
  const calls = yield* setup()
  calls.mini.script(...behaviours)
  const printed = yield* silence
  const failure = yield* Effect.flip(calls.chat(hello))
  assert.deepStrictEqual(printed, [])
  return { ...calls, failure }
})

/** What is printed while the scope is open. */
const silence = Effect.acquireRelease(
  Effect.sync(() => {
    const printed: Array<unknown> = []
    const originals = { stdout: process.stdout.write, stderr: process.stderr.write, ...console }
    const note = (...args: Array<unknown>) => {
      printed.push(args)
      return true
    }
    process.stdout.write = note
    process.stderr.write = note
    Object.assign(console, { log: note, warn: note, error: note, info: note, debug: note })
    return { printed, originals }
  }),
  ({ originals: { stderr, stdout, ...methods } }) =>
    Effect.sync(() => {
      process.stdout.write = stdout
      process.stderr.write = stderr
      Object.assign(console, methods)
    })
).pipe(Effect.map(({ printed }) => printed))

describe("a server that cannot be reached", () => {
  it.effect("refuses: the failure names it, and says how to start Ollama", () =>
    Effect.gen(function* () {
      const { chat, mini, used } = yield* setup()
      yield* mini.stop
      const failure = yield* Effect.flip(chat(hello))
      assert.instanceOf(failure, Errors.ProviderUnavailable)
      assert.isTrue(failure.retryable)
      assert.include(failure.message, mini.url)
      assert.include(failure.message, "ollama serve")
      assert.deepStrictEqual(used, [])
    })
  )

  it.effect("has a host that nobody knows", () =>
    Effect.gen(function* () {
      const { chat } = yield* connect({ url: "http://nowhere.invalid:11434" })
      const failure = yield* Effect.flip(chat(hello))
      assert.instanceOf(failure, Errors.ProviderUnavailable)
      assert.include(failure.message, "nowhere.invalid")
    })
  )

  it.effect("breaks off while it works: it is not made to do the same again", () =>
    Effect.gen(function* () {
      const asked: Array<() => void> = []
      const url = yield* listening((message) => void asked.push(() => message.socket.destroy()))
      const { chat } = yield* connect({ url })
      const fiber = yield* Effect.forkChild(Effect.flip(chat(hello)))
      yield* Effect.repeat(Effect.yieldNow, { until: () => asked.length === 1 })
      yield* TestClock.adjust("2 seconds")
      asked[0]?.()
      // were it asked again, that would end it too
      const ending = yield* Effect.forkChild(
        Effect.repeat(Effect.yieldNow, { until: () => asked.length === 2 }).pipe(
          Effect.andThen(Effect.sync(() => asked[1]?.()))
        )
      )
      assert.include((yield* Fiber.join(fiber)).message, "broke")
      yield* Fiber.interrupt(ending)
      assert.lengthOf(asked, 1)
    })
  )

  it.effect("sends requests elsewhere: they do not go there, and neither does what is secret in them", () =>
    Effect.gen(function* () {
      const seen: Array<IncomingMessage["headers"]> = []
      const elsewhere = yield* listening(({ headers }, response) => {
        seen.push(headers)
        response.end()
      })
      const url = yield* listening((_, response) => {
        response.writeHead(307, { location: `${elsewhere}/api/chat` }).end()
      })
      const { chat } = yield* connect({ url, headers: { "x-api-key": "tr0ub4dor&3-horse" } })
      const failure = yield* Effect.flip(chat(hello))
      assert.deepStrictEqual(seen, [])
      assert.instanceOf(failure, Errors.ProviderUnavailable)
      assert.isFalse(failure.retryable)
      assert.include(failure.message, `${url} answers 307`)
    })
  )

  it.effect("quotes the key that was sent to it: nobody is told", () =>
    Effect.gen(function* () {
      const key = "tr0ub4dor&3-horse"
      const { chat, mini } = yield* setup({ headers: { authorization: `Bearer ${key}` } })
      const behaviours: ReadonlyArray<MiniOllama.Behaviour> = [
        { status: 401, body: { error: `the key ${key} is not known` } },
        { status: 500, body: { error: { message: `what is "Bearer ${key}"?` } } },
        { raw: [`no object, but ${key}\n`] },
        { raw: [`${JSON.stringify({ error: `unknown: ${key}` })}\n`] }
      ]
      for (const behaviour of behaviours) {
        mini.script(behaviour)
        const failure = yield* Effect.flip(chat(hello))
        assert.notInclude(JSON.stringify(failure) + failure.message, key)
        assert.include(failure.message, "***")
      }
    })
  )

  it.effect("goes away in the middle of an answer, which counts as a call", () =>
    Effect.gen(function* () {
      const { chat, mini, used } = yield* setup()
      mini.script({ hold: 1 })
      const fiber = yield* Effect.forkChild(Effect.flip(chat(hello)))
      yield* Effect.repeat(Effect.yieldNow, { until: () => used.length === 1 })
      yield* mini.stop
      const failure = yield* Fiber.join(fiber)
      assert.instanceOf(failure, Errors.ProviderUnavailable)
      assert.isTrue(failure.retryable)
      assert.deepStrictEqual(used, [
        { calls: 1 },
        // nobody has counted them, and there were some
        { at_least: ["input_tokens", "output_tokens", "cost_usd"] }
      ])
    })
  )
})

describe("a socket that was kept, and closed from the other side", () => {
  /** Answers unless it is told to close the socket. */
  const closing = (closes: (request: IncomingMessage) => boolean) =>
    Effect.flatMap(
      listening((request, response) => {
        request.resume()
        if (closes(request)) request.socket.destroy()
        else response.end(`${JSON.stringify({ message: { content: "a" }, done: true })}\n`)
      }),
      (url) => connect({ url })
    )

  it.effect("is given up for another one", () =>
    Effect.gen(function* () {
      const known = new Set<unknown>()
      let [requests, calls, isClosed, isOver] = [0, 0, false, false]
      const { chat } = yield* closing(({ socket }) => {
        requests++
        isClosed ||= known.has(socket)
        const closes = isClosed && !isOver
        isOver = isClosed
        known.add(socket)
        return closes
      })
      while (!isClosed) {
        assert.strictEqual((yield* chat(hello)).content, "a")
        calls++
      }
      assert.strictEqual(requests, calls + 1)
    })
  )

  it.effect("is a failure where the next one is closed too", () =>
    Effect.gen(function* () {
      let requests = 0
      const { chat } = yield* closing(() => ++requests > 0)
      assert.include((yield* Effect.flip(chat(hello))).message, "broke")
      assert.strictEqual(requests, 2)
    })
  )
})

describe("a server that refuses", () => {
  it.effect("does not have the model: the failure lists those it has, the nearest first", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup({ mini: { models: ["llama3.2", "llava", "mistral"] } })
      const failure = yield* Effect.flip(chat({ ...hello, model: "mixtral" }))
      assert.instanceOf(failure, Errors.ModelNotFound)
      assert.isFalse(failure.retryable)
      for (const part of [`"mixtral"`, "mistral:latest, llama3.2:latest, llava:latest", "ollama pull mixtral"]) {
        assert.include(failure.message, part)
      }
      const available = ["mistral:latest", "llama3.2:latest", "llava:latest"]
      assert.deepStrictEqual(failure.data, { model: "mixtral", available })
    })
  )

  it.effect("is busy, and then is not", () =>
    Effect.gen(function* () {
      const { chat, failure } = yield* failing({ status: 503, body: { error: "server busy,  please try again" } })
      assert.instanceOf(failure, Errors.ProviderOverloaded)
      assert.isTrue(failure.retryable)
      assert.isUndefined(failure.retryAfter)
      assert.include(failure.message, "server busy, please try again")
      assert.strictEqual((yield* chat(hello)).content, "Echo: hello there")
    })
  )

  for (const [header, wait] of [
    ["7", 7000],
    ["Thu, 01 Jan 1970 00:01:30 GMT", 90_000],
    ["Wed, 31 Dec 1969 23:00:00 GMT", 0],
    ["soon", undefined]
  ] as const) {
    it.effect(`says when to come back: ${header}`, () =>
      Effect.gen(function* () {
        const { failure } = yield* failing({ status: 429, body: { error: "slow" }, headers: { "retry-after": header } })
        assert.instanceOf(failure, Errors.ProviderOverloaded)
        assert.strictEqual(failure.retryAfter, wait)
      })
    )
  }

  for (const [status, retryable] of [
    [400, false],
    [401, false],
    [403, false],
    [499, true],
    [500, true],
    [502, true]
  ] as const) {
    it.effect(`answers ${status} with words of its own`, () =>
      Effect.gen(function* () {
        for (const body of [{ error: "the words" }, { error: { message: "the words" } }, "<h1>the</h1> words\n"]) {
          const { failure } = yield* failing({ status, body })
          assert.strictEqual(failure.retryable, retryable)
          assert.match(failure.message, new RegExp(`answers ${status}: the words`))
        }
      })
    )
  }

  it.effect("answers 404 as if it were no Ollama server", () =>
    Effect.gen(function* () {
      const { failure } = yield* failing({ status: 404, body: { error: "model 'llama3.2' not found" } })
      assert.include(failure.message, "answers 404: model 'llama3.2' not found")
      assert.isFalse(failure.retryable)
    })
  )

  it.effect("never gets a header that cannot be sent, and nobody sees its value", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(connect({ url: "http://a", headers: { authorization: "Bearer hush\nhush" } }))
      assert.instanceOf(failure, Errors.ProviderRefused)
      assert.include(failure.message, "authorization")
      assert.notInclude(JSON.stringify(failure), "hush")
    })
  )

  it.effect("does not show the password of its URL", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const { chat, provider } = yield* connect({
        url: mini.url.replace("//", "//ada:hush@"),
        headers: { authorization: "Bearer hush" }
      })
      for (const behaviour of [
        { status: 401, body: { error: "no" } },
        { status: 500, body: "" }
      ]) {
        mini.script(behaviour)
        assert.notInclude(JSON.stringify(yield* Effect.flip(chat(hello))), "hush")
      }
      assert.notInclude(JSON.stringify(yield* provider.health), "hush")
      yield* mini.stop
      assert.notInclude((yield* Effect.flip(chat(hello))).message, "hush")
      assert.notInclude(JSON.stringify(yield* provider.health), "hush")
    })
  )
})

describe("an answer that breaks", () => {
  for (const [what, behaviour, words] of [
    ["an error in the middle", { lineAfter: 2, line: `{"error":"out of memory"}` }, "out of memory"],
    ["an error that is an object", { lineAfter: 1, line: `{"error":{"message":"out of memory"}}` }, "out of memory"],
    ["no last line", { endAfter: 2 }, "ended before it was complete"],
    ["nothing at all", { endAfter: 0 }, "ended before it was complete"],
    ["half a last line", { raw: [`{"message":{"content":"a"},"done":false}\n{"mess`] }, "ended before it was complete"],
    ["a line that is no JSON", { insertAfter: 1, line: "{oops" }, "{oops"],
    ["a line that is no object", { insertAfter: 1, line: "12" }, "not what an Ollama server sends"],
    ["a part that is no part", { insertAfter: 1, line: `{"message":{"content":7}}` }, "content"],
    ["HTML in place of an answer", { status: 200, body: "<html>welcome</html>" }, "<html>welcome"],
    ["a socket that breaks", { cutAfter: 2 }, "broke"]
  ] as const satisfies ReadonlyArray<readonly [string, MiniOllama.Behaviour, string]>) {
    it.effect(`fails so that it can be tried again: ${what}`, () =>
      Effect.gen(function* () {
        const { chat, failure } = yield* failing(behaviour)
        assert.instanceOf(failure, Errors.ProviderUnavailable)
        assert.isTrue(failure.retryable)
        assert.include(failure.message.replaceAll(`\\"`, `"`), words)
        assert.strictEqual((yield* chat(hello)).content, "Echo: hello there")
      })
    )
  }
})

describe("an answer without end", () => {
  const part = `${JSON.stringify({ message: { content: "x".repeat(1_000_000) }, done: false })}\n`

  it.effect("is given up", () =>
    Effect.gen(function* () {
      const { failure } = yield* failing({ raw: Array.from({ length: 20 }, () => part) })
      assert.instanceOf(failure, Errors.ResultTooLarge)
    })
  )

  it.effect("is given up when it is a refusal, or no answer at all", () =>
    Effect.gen(function* () {
      const page = "a ".repeat(8_000_000)
      for (const status of [200, 500]) {
        const { failure } = yield* failing({ status, body: page })
        assert.instanceOf(failure, Errors.ProviderUnavailable)
      }
    })
  )

  it.effect("is read without going over the same line again and again", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      mini.script({ raw: [JSON.stringify({ message: { content: "x".repeat(15_000_000) }, done: true })] })
      assert.lengthOf((yield* chat(hello)).content, 15_000_000)
    })
  )
})

describe("lines that come in pieces", () => {
  const part = (content: string) => JSON.stringify({ message: { role: "assistant", content }, done: false })
  const last = JSON.stringify({ message: { role: "assistant", content: "" }, done: true, done_reason: "stop" })
  const bytes = (text: string) => new TextEncoder().encode(text)

  for (const [what, raw, expected] of [
    ["cut inside a character", [...bytes(`${part("a 🦉 b")}\n${last}\n`)].map((byte) => Uint8Array.of(byte)), "a 🦉 b"],
    ["all at once", [`${part("a")}\n${part("b")}\n${last}\n`], "ab"],
    ["with CRLF and blank lines", [`${part("a")}\r\n\r\n\n${part("b")}\r\n${last}\r\n\r\n`], "ab"],
    ["without a last line break", [`${part("a")}\n${last}`], "a"],
    ["with something after the end", [`${part("a")}\n${last}\n${part("never")}\n`], "a"],
    [
      "with nulls for what is not there",
      [`{"message":{"content":"a","thinking":null},"eval_count":null}\n${last}\n`],
      "a"
    ],
    ["with things nobody knows", [`{"message":{"content":"a","tool_calls":[{}]},"new":{}}\n${last}\n`], "a"]
  ] as const satisfies ReadonlyArray<readonly [string, ReadonlyArray<string | Uint8Array>, string]>) {
    it.effect(`are read: ${what}`, () =>
      Effect.gen(function* () {
        const { chat, mini } = yield* setup()
        mini.script({ raw })
        const reply = yield* chat(hello)
        assert.strictEqual(reply.content, expected)
        assert.strictEqual(reply.finish_reason, "stop")
      })
    )
  }
})

describe("a server that is slow", () => {
  for (const [hold, wait, phase] of [
    ["headers", 300_000, "waiting for the first token"],
    [0, 300_000, "waiting for the first token"],
    [1, 60_000, "waiting for the next token"]
  ] as const) {
    it.effect(`is given up after ${wait / 1000} s, at ${hold}, and its socket is closed`, () =>
      Effect.gen(function* () {
        const { chat, mini, used } = yield* setup()
        mini.script({ hold })
        const fiber = yield* Effect.forkChild(Effect.flip(chat(hello)))
        yield* mini.until(() => mini.requests().length === 1)
        if (hold === 1) yield* Effect.repeat(Effect.yieldNow, { until: () => used.length === 1 })
        yield* TestClock.adjust(wait - 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        const failure = yield* Fiber.join(fiber)
        assert.instanceOf(failure, Errors.ProviderTimeout)
        assert.isTrue(failure.retryable)
        assert.include(failure.message, phase)
        assert.include(failure.message, `${wait / 1000} s`)
        yield* mini.until(() => mini.closes() === 1)
      })
    )
  }

  it.effect("may take its time for the first token", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      mini.script({ hold: "headers" })
      const fiber = yield* Effect.forkChild(chat(hello))
      yield* mini.until(() => mini.requests().length === 1)
      yield* TestClock.adjust(299_000)
      mini.release()
      const { timing } = yield* Fiber.join(fiber)
      assert.strictEqual(timing.first_token_ms, 299_000)
      assert.strictEqual(timing.total_ms, 299_000)
    })
  )

  it.effect("is unhealthy when it does not answer within a second", () =>
    Effect.gen(function* () {
      const mini = yield* MiniOllama.start()
      const { provider } = yield* connect({ url: `${mini.url}/elsewhere` })
      assert.strictEqual((yield* provider.health).status, "unhealthy")
    })
  )
})
