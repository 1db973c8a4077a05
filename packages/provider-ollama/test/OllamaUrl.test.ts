import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { parse } from "../src/OllamaUrl.ts"

const url = (text: string) => Result.getOrThrow(parse(text)).url

describe("OllamaUrl", () => {
  for (const [written, expected] of [
    ["http://localhost:11434", "http://localhost:11434"],
    ["http://localhost:11434/", "http://localhost:11434"],
    ["localhost", "http://localhost:11434"],
    ["gpu-box:1234", "http://gpu-box:1234"],
    [" 10.0.0.7 ", "http://10.0.0.7:11434"],
    [":1234", "http://127.0.0.1:1234"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["0.0.0.0:1234", "http://127.0.0.1:1234"],
    ["http://0.0.0.0:11434", "http://127.0.0.1:11434"],
    ["[::]:11434", "http://[::1]:11434"],
    ["::1", "http://[::1]:11434"],
    ["[::1]:80", "http://[::1]"],
    ["gpu-box:80", "http://gpu-box"],
    ["http://gpu-box", "http://gpu-box"],
    ["https://ollama.example.com", "https://ollama.example.com"],
    ["https://example.com:8443/ollama/", "https://example.com:8443/ollama"],
    ["example.com/ollama", "http://example.com:11434/ollama"]
  ] as const) {
    it(`reads ${written.trim()}`, () => {
      assert.strictEqual(url(written), expected)
    })
  }

  it("reads what it has read in the same way", () => {
    for (const text of ["localhost", "::1", "https://a.b/c", ":80", "0.0.0.0"])
      assert.strictEqual(url(url(text)), url(text))
  })

  it("makes a header of a user and a password", () => {
    const { headers, url } = Result.getOrThrow(parse("https://ada:p%40ss@example.com"))
    assert.strictEqual(url, "https://example.com")
    assert.deepStrictEqual(headers, { authorization: `Basic ${btoa("ada:p@ss")}` })
  })

  it("takes a password as it is where it stands for nothing else, in any letters", () => {
    for (const [written, meant] of [
      ["http://ada:100%@a", "ada:100%"],
      ["http://ada:%E4@a", "ada:%E4"],
      ["http://ada:€@a", "ada:€"]
    ] as const) {
      const { headers } = Result.getOrThrow(parse(written))
      assert.deepStrictEqual(headers, { authorization: `Basic ${Buffer.from(meant).toString("base64")}` })
    }
  })

  for (const text of [
    "",
    "  ",
    "http://",
    "ftp://example.com",
    "http://a:99999",
    "http://ada:hush@:0:0",
    "ada:hush@gpu-box:99999",
    "http://ada:pass/hush@gpu-box"
  ]) {
    it(`refuses ${JSON.stringify(text)}, and says what it expected`, () => {
      const address = parse(text)
      assert.isTrue(Result.isFailure(address))
      if (Result.isFailure(address)) {
        assert.include(address.failure, "http://127.0.0.1:11434")
        assert.notInclude(address.failure, "hush")
      }
    })
  }

  it.prop("gives a URL or a reason for any text, never an exception", { text: Schema.String }, ({ text }) => {
    const address = parse(text)
    if (Result.isSuccess(address)) assert.isTrue(URL.canParse(address.success.url))
  })
})
