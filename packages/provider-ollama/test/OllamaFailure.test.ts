import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as OllamaFailure from "../src/OllamaFailure.ts"

const where = { provider: "ollama", url: "http://gpu-box:11434", connectTimeout: 3000, now: 0 }
const thrown = (code: string) => new TypeError("fetch failed", { cause: Object.assign(new Error("inner"), { code }) })

describe("OllamaFailure", () => {
  for (const [code, name, words] of [
    ["UND_ERR_CONNECT_TIMEOUT", "PROVIDER_TIMEOUT", "connecting to http://gpu-box:11434 took more than 3 s"],
    ["ECONNREFUSED", "PROVIDER_NOT_AVAILABLE", "ollama serve"],
    ["ENOTFOUND", "PROVIDER_NOT_AVAILABLE", "spelled right"],
    ["EAI_AGAIN", "PROVIDER_NOT_AVAILABLE", "spelled right"],
    ["ECONNRESET", "PROVIDER_NOT_AVAILABLE", "broke"],
    ["UND_ERR_SOCKET", "PROVIDER_NOT_AVAILABLE", "broke"],
    ["CERT_HAS_EXPIRED", "PROVIDER_NOT_AVAILABLE", "CERT_HAS_EXPIRED"]
  ] as const) {
    it(`knows ${code}, wherever it hides`, () => {
      const several = new TypeError("fetch failed", { cause: new AggregateError([thrown(code)]) })
      for (const error of [thrown(code), several]) {
        const failure = OllamaFailure.of(error, where)
        assert.strictEqual(failure.name, name)
        assert.isTrue(failure.retryable)
        assert.include(failure.message, words)
      }
    })
  }

  it("does not look for the end of every tag of a page without any", () => {
    assert.isAtMost(OllamaFailure.wordsOf("<".repeat(200_000)).length, 300)
  })

  it.prop("makes a short line of any body, and a failure of any error", { body: Schema.String }, ({ body }) => {
    for (const text of [body, JSON.stringify({ error: body }), JSON.stringify({ error: { message: body } })]) {
      const words = OllamaFailure.wordsOf(text)
      assert.isAtMost(words.length, 300)
      assert.notMatch(words, /\n/)
    }
    for (const error of [body, new Error(body), null, undefined, { code: body }]) {
      assert.strictEqual(OllamaFailure.of(error, where).name, "PROVIDER_NOT_AVAILABLE")
    }
  })
})
