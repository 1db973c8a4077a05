import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import * as FilesModule from "../src/Files.ts"

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
