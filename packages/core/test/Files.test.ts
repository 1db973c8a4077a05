import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import { format } from "../src/Diagnostic.ts"
import * as FilesModule from "../src/Files.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

const { Files } = FilesModule

/** A folder with `project/in.txt`, `project/sub/deep.txt`, `project/..odd/x.txt`, `outside.txt` and `shared/s.txt`. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const base = realpathSync(mkdtempSync(join(tmpdir(), "gleitzeit-files-")))
    for (const name of ["project/sub", "project/..odd", "shared", "project-two"])
      mkdirSync(join(base, name), { recursive: true })
    for (const name of [
      "project/in.txt",
      "project/sub/deep.txt",
      "project/..odd/x.txt",
      "outside.txt",
      "shared/s.txt",
      "project-two/y.txt"
    ]) {
      writeFileSync(join(base, name), name)
    }
    return base
  }),
  (base) => Effect.sync(() => rmSync(base, { recursive: true }))
)

const locate = (base: string, path: string, options?: FilesModule.Options, from = "project") =>
  Effect.flatMap(Files, (files) => files.locate(join(base, from), path)).pipe(
    Effect.provide(FilesModule.layer(options))
  )
const refusal = (base: string, path: string, options?: FilesModule.Options) =>
  Effect.map(Effect.flip(locate(base, path, options)), (error) => error)

describe("a path inside the workflow's folder", () => {
  it.effect("is found, relative or absolute, as an absolute one", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const file = join(base, "project/in.txt")
      for (const path of ["in.txt", "./in.txt", "sub/../in.txt", "../project/in.txt", file]) {
        assert.strictEqual(yield* locate(base, path), file)
      }
      assert.strictEqual(yield* locate(base, "sub/deep.txt"), join(base, "project/sub/deep.txt"))
    })
  )

  it.effect("may have names that begin with two dots", () =>
    Effect.gen(function* () {
      const base = yield* folder
      assert.strictEqual(yield* locate(base, "..odd/x.txt"), join(base, "project/..odd/x.txt"))
    })
  )

  it.effect("may go through links that stay inside; the folder itself may be one", () =>
    Effect.gen(function* () {
      const base = yield* folder
      symlinkSync(join(base, "project/in.txt"), join(base, "project/link.txt"))
      symlinkSync(join(base, "project"), join(base, "linked"))
      assert.strictEqual(yield* locate(base, "link.txt"), join(base, "project/in.txt"))
      assert.strictEqual(yield* locate(base, "in.txt", {}, "linked"), join(base, "project/in.txt"))
    })
  )
})

describe("a path outside", () => {
  it.effect("is refused with each folder that may be read named once", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const { detail } = yield* refusal(base, "../outside.txt", { roots: [join(base, "project"), "."] })
      assert.include(detail, `(${join(base, "project")}, ${resolve(".")})`)
    })
  )

  it.effect("is refused, however it is written", () =>
    Effect.gen(function* () {
      const base = yield* folder
      for (const path of [
        "../outside.txt",
        join(base, "outside.txt"),
        "sub/../../outside.txt",
        "..",
        "../project-two/y.txt",
        "/"
      ]) {
        const error = yield* refusal(base, path)
        assert.deepStrictEqual([error._tag, error.reason, error.file], ["FileUnreadable", "outside", path])
        assert.match(error.message, /lies outside.*files\.roots/)
        assert.include(error.message, join(base, "project"))
      }
    })
  )

  it.effect("is refused when a link inside leads to it", () =>
    Effect.gen(function* () {
      const base = yield* folder
      symlinkSync(join(base, "outside.txt"), join(base, "project/link.txt"))
      symlinkSync(join(base, "shared"), join(base, "project/dir"))
      symlinkSync("link.txt", join(base, "project/twice.txt"))
      for (const path of ["link.txt", "dir/s.txt", "twice.txt"]) {
        assert.strictEqual((yield* refusal(base, path)).reason, "outside")
      }
    })
  )

  it.effect("is found when its folder is one of the roots", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const roots = { roots: [join(base, "shared"), join(base, "not there")] }
      assert.strictEqual(yield* locate(base, "../shared/s.txt", roots), join(base, "shared/s.txt"))
      assert.strictEqual((yield* refusal(base, "../outside.txt", roots)).reason, "outside")
    })
  )

  it.effect("is found when it lies in the current folder", () =>
    Effect.gen(function* () {
      const base = yield* folder
      assert.strictEqual(yield* locate(base, resolve("package.json")), realpathSync("package.json"))
    })
  )
})

it.effect("a path to nothing is missing, also through a link", () =>
  Effect.gen(function* () {
    const base = yield* folder
    symlinkSync(join(base, "gone"), join(base, "project/dangling"))
    for (const path of ["none.txt", "in.txt/x", "dangling", "a\0b"]) {
      const error = yield* refusal(base, path)
      assert.strictEqual(error.reason, "missing")
      assert.include(error.message, path)
    }
  })
)

it.effect("without a folder paths are relative to the current one", () =>
  Effect.gen(function* () {
    const files = yield* Files
    assert.strictEqual(yield* files.locate("", "package.json"), realpathSync("package.json"))
    assert.strictEqual((yield* Effect.flip(files.locate("", relative(".", "/etc/hosts")))).reason, "outside")
  }).pipe(Effect.provide(FilesModule.layer()))
)

const writtenTo = (path: string) => {
  writeFileSync(path, "")
  return path
}
const readIn = (base: string, path: string) =>
  Effect.flatMap(Files, (files) => files.read(join(base, "project"), path)).pipe(Effect.provide(FilesModule.layer()))
const hashOf = (path: string) =>
  Effect.flatMap(Files, (files) => files.hash(path)).pipe(Effect.provide(FilesModule.layer()))

describe("the text of a file", () => {
  it.effect("is read from the workflow's folder, without its byte order mark", () =>
    Effect.gen(function* () {
      const base = yield* folder
      writeFileSync(join(base, "project/sub/fox.yaml"), "\uFEFFname: 🦊\r\n")
      assert.strictEqual(yield* readIn(base, "sub/../sub/fox.yaml"), "name: 🦊\r\n")
      writeFileSync(join(base, "project/empty"), "")
      assert.strictEqual(yield* readIn(base, "empty"), "")
    })
  )

  it.effect("is refused outside of it, and where there is none", () =>
    Effect.gen(function* () {
      const base = yield* folder
      writeFileSync(join(base, "project/latin"), Buffer.from([0x66, 0xfc, 0x72]))
      truncateSync(writtenTo(join(base, "project/large")), 12_000_001)
      const reasons: ReadonlyArray<readonly [path: string, reason: string, detail: RegExp]> = [
        ["../outside.txt", "outside", /lies outside/],
        ["gone.txt", "missing", /there is no file/],
        ["sub", "unreadable", /is a folder, expected a file/],
        ["latin", "unreadable", /is not text in UTF-8/],
        ["large", "too large", /has 12000001 bytes, more than the 12000000 that are read/]
      ]
      for (const [path, reason, detail] of reasons) {
        const error = yield* Effect.flip(readIn(base, path))
        assert.deepStrictEqual([error._tag, error.file, error.reason], ["FileUnreadable", path, reason])
        assert.match(error.detail, detail)
      }
      const error = yield* Effect.flip(readIn(base, "/dev/zero"))
      assert.strictEqual(error.reason, "outside")
    })
  )
})

it.effect("nested workflows are read from the folder of the document, and from nowhere else", () =>
  Effect.gen(function* () {
    const base = yield* folder
    const one = "tasks: [{ id: one, method: data/value }]"
    writeFileSync(join(base, "project/sub/inner.yaml"), "tasks: [{ id: a, workflow: ../shared.yaml }]")
    writeFileSync(join(base, "project/shared.yaml"), one)
    writeFileSync(join(base, "outside.yaml"), one)
    symlinkSync(join(base, "outside.yaml"), join(base, "project/link.yaml"))
    const files = yield* Files
    const load = (text: string) => WorkflowFile.load({ text, file: join(base, "project/main.yaml") }, files.read)
    const { workflow } = yield* load("tasks: [{ workflow: sub/inner.yaml }]")
    assert.strictEqual(workflow?.tasks[0].workflow?.tasks[0].workflow?.tasks[0].id, "one")
    for (const path of ["../outside.yaml", "link.yaml", "sub/../../outside.yaml"]) {
      const { diagnostics } = yield* load(`tasks: [{ workflow: ${path} }]`)
      assert.match(
        diagnostics.map(format).join(),
        /main\.yaml:1:21: the nested workflow cannot be read: .*lies outside/
      )
    }
  }).pipe(Effect.provide(FilesModule.layer()))
)

describe("the hash of a file", () => {
  it.live("is the SHA-256 of its bytes, whatever its size", () =>
    Effect.gen(function* () {
      const base = yield* folder
      for (const size of [0, 1, 65_536, 3_000_001]) {
        const bytes = Buffer.alloc(size, "gleitzeit\0")
        const path = join(base, "project/bytes")
        writeFileSync(path, bytes)
        assert.strictEqual(yield* hashOf(path), createHash("sha256").update(bytes).digest("hex"))
      }
    })
  )

  it.live("of a folder is of the files in it, by name and content, whatever else lies there", () =>
    Effect.gen(function* () {
      const base = join(yield* folder, "documents")
      mkdirSync(join(base, "deeper"), { recursive: true })
      const put = (name: string, text: string) => writeFileSync(join(base, name), text)
      put("a.txt", "one")
      const first = yield* hashOf(base)
      put("deeper/b.txt", "not in it")
      symlinkSync("/etc/hostname", join(base, "link"))
      assert.strictEqual(yield* hashOf(base), first)
      put("a.txt", "two")
      const second = yield* hashOf(base)
      put("b.txt", "")
      assert.strictEqual(new Set([first, second, yield* hashOf(base)]).size, 3)
    })
  )

  it.live("is none of a device or nothing", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const reason = (path: string) => Effect.map(Effect.flip(hashOf(path)), ({ reason }) => reason)
      assert.strictEqual(yield* reason("/dev/zero"), "unreadable")
      assert.strictEqual(yield* reason(join(base, "gone")), "missing")
    })
  )
})
