import { Errors } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setup } from "./calls.ts"

const png = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.from("pixels")])
const base64 = png.toString("base64")

/** A folder with a text, an image, and something that is neither. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "gleitzeit-"))
    writeFileSync(join(path, "notes.txt"), "Grüße, wörld")
    writeFileSync(join(path, "photo.jpg"), png)
    writeFileSync(join(path, "blob.bin"), Buffer.from([0xff, 0xfe, 0, 1]))
    return path
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const prepared = Effect.gen(function* () {
  const path = yield* folder
  const { chat, call, mini } = yield* setup()
  const sent = () =>
    mini.requests().at(-1)?.body as {
      model: string
      messages: ReadonlyArray<unknown>
      prompt: string
      images?: ReadonlyArray<string>
    }
  return { path, chat, call, mini, sent }
})

describe("files and images", () => {
  it.effect("are refused at once when they are blanks without end", () =>
    Effect.gen(function* () {
      const { chat } = yield* setup()
      const image = `${" ".repeat(200_000)}!`
      yield* Effect.flip(chat({ messages: [{ content: "a", images: [image] }] }))
    })
  )

  it.effect("append a text file to the last user message", () =>
    Effect.gen(function* () {
      const { chat, path, sent } = yield* prepared
      const file = join(path, "notes.txt")
      const text = `\n\nFile content from ${file}:\nGrüße, wörld`
      yield* chat({ prompt: "sum up", file_path: file })
      assert.deepStrictEqual(sent().messages, [{ role: "user", content: `sum up${text}` }])
      yield* chat({
        messages: [{ content: "a" }, { role: "assistant", content: "b" }],
        files: [file, file]
      })
      assert.deepStrictEqual(sent().messages, [
        { role: "user", content: `a${text}${text}` },
        { role: "assistant", content: "b" }
      ])
      yield* chat({ messages: [{ role: "system", content: "s" }], file_path: file })
      assert.deepStrictEqual(sent().messages[1], { role: "user", content: text })
    })
  )

  it.effect("send images as base64, and take the vision model for them", () =>
    Effect.gen(function* () {
      const { chat, path, sent } = yield* prepared
      for (const params of [
        { images: [join(path, "photo.jpg")] },
        { file_path: join(path, "photo.jpg") },
        { images: [`data:image/png;base64,${base64}`] }
      ]) {
        yield* chat({ prompt: "what is it", ...params })
        assert.strictEqual(sent().model, "llava")
        assert.deepStrictEqual(sent().messages, [{ role: "user", content: "what is it", images: [base64] }])
      }
    })
  )

  it.effect("are found by a pattern, however many stars it has", () =>
    Effect.gen(function* () {
      const { chat, path, sent } = yield* prepared
      const name = `${"a".repeat(120)}ba`
      writeFileSync(join(path, name), "found")
      const pattern = "*a".repeat(40)
      const none = yield* Effect.flip(chat({ prompt: "a", directory: path, file_pattern: `${pattern}c` }))
      assert.include(none.message, "has a name like")
      for (const file_pattern of [`${pattern}?*`, `${pattern}b*?`, `?${pattern}ba**`, name]) {
        yield* chat({ prompt: "a", directory: path, file_pattern })
        assert.include(JSON.stringify(sent().messages), "found")
      }
      for (const file_pattern of [`${name}?`, `ba*`, `${pattern}bb*`, "a"]) {
        assert.include((yield* Effect.flip(chat({ prompt: "a", directory: path, file_pattern }))).message, "name like")
      }
    })
  )

  it.effect("are those of a folder whose names fit, in the order of their names", () =>
    Effect.gen(function* () {
      const { chat, path, sent } = yield* prepared
      for (const name of ["b.md", "a.md", ".hidden.md", "c+d.md"]) writeFileSync(join(path, name), `text of ${name}`)
      mkdirSync(join(path, "inner.md"))
      symlinkSync("/etc/hostname", join(path, "link.md"))
      const names = () =>
        [...JSON.stringify(sent().messages).matchAll(/text of ([^"\\]+?\.md)/g)].map(([, name]) => name)
      yield* chat({ prompt: "sum up", directory: path, file_pattern: "*.md" })
      assert.deepStrictEqual(names(), ["a.md", "b.md", "c+d.md"])
      assert.notInclude(JSON.stringify(sent().messages), "link.md")
      yield* chat({ prompt: "sum up", directory: path, file_pattern: "?.md" })
      assert.deepStrictEqual(names(), ["a.md", "b.md"])
      yield* chat({ prompt: "sum up", directory: path, file_pattern: "c+*" })
      assert.deepStrictEqual(names(), ["c+d.md"])
      yield* chat({ prompt: "what is it", directory: path, file_pattern: "*.jpg" })
      assert.deepInclude(sent().messages, { role: "user", content: "what is it", images: [base64] })
    })
  )

  it.effect("are looked at with llm/vision, by the vision model", () =>
    Effect.gen(function* () {
      const { call, path, sent } = yield* prepared
      for (const params of [
        { images: [join(path, "photo.jpg")], messages: [{ role: "user", content: "what is it" }] },
        { image_path: join(path, "photo.jpg"), prompt: "what is it" },
        { messages: [{ content: "what is it", images: [base64] }] }
      ]) {
        yield* call("llm/vision", params)
        assert.strictEqual(sent().model, "llava")
        assert.deepStrictEqual(sent().messages, [{ role: "user", content: "what is it", images: [base64] }])
      }
      const failure = yield* Effect.flip(
        call("llm/vision", { prompt: "what is it", file_path: join(path, "notes.txt") })
      )
      assert.include(failure.message, "none of the files is an image")
    })
  )

  it.effect("go along with llm/generate", () =>
    Effect.gen(function* () {
      const { call, path, sent } = yield* prepared
      yield* call("llm/generate", {
        prompt: "what is it",
        file_path: join(path, "notes.txt"),
        images: [join(path, "photo.jpg")]
      })
      assert.match(sent().prompt, /^what is it\n\nFile content from .*notes\.txt:\nGrüße/)
      assert.deepStrictEqual(sent().images, [base64])
    })
  )

  it.effect("may stand in a message as data, and stay with it", () =>
    Effect.gen(function* () {
      const { chat, sent } = yield* prepared
      const params = {
        messages: [{ content: "first", images: [base64, `data:image/png;base64,${base64}`] }, { content: "second" }]
      }
      const before = structuredClone(params)
      yield* chat(params)
      assert.deepStrictEqual(sent().messages, [
        { role: "user", content: "first", images: [base64, base64] },
        { role: "user", content: "second" }
      ])
      assert.deepStrictEqual(params, before)
    })
  )

  it.effect("are refused when they cannot be used, and the server is not asked", () =>
    Effect.gen(function* () {
      const { chat, mini, path } = yield* prepared
      for (const [params, issue] of [
        [{ images: [join(path, "missing.png")] }, "there is no such file"],
        [{ file_path: join(path, "missing.txt") }, "missing.txt: there is no such file"],
        [{ file_path: path }, "not a file"],
        [{ file_path: "notes.txt" }, "is not absolute"],
        [{ images: [join(path, "notes.txt")] }, "is no image"],
        [{ images: ["https://example.com/a.png"] }, "not fetched"],
        [{ images: ["data:image/svg+xml,<svg/>"] }, "data URL"],
        [{ files: [join(path, "blob.bin")] }, "neither UTF-8 text nor an image"],
        [{ file_pattern: "*.txt" }, "`directory`, which is not given"],
        [{ directory: path, file_pattern: "*.none" }, `has a name like "*.none"`],
        [{ directory: path, file_pattern: "../*" }, "expected the name of a file"],
        [{ directory: join(path, "notes.txt") }, "it is no folder"],
        [{ directory: join(path, "nowhere") }, "there is no such file"],
        [{ directory: "." }, "is not absolute"],
        [{ messages: [{ content: "a", images: [join(path, "photo.jpg")] }] }, "paths belong into the param `images`"]
      ] as const) {
        const failure = yield* Effect.flip(chat({ prompt: "what is it", ...params }))
        assert.instanceOf(failure, Errors.InvalidParams)
        assert.include(failure.message, issue)
      }
      assert.lengthOf(mini.requests(), 0)
    })
  )
})
