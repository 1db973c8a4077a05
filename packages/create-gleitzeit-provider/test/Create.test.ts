import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { catalog } from "../src/Catalog.ts"
import { contents, folder, run } from "./scene.ts"

const root = join(import.meta.dirname, "../../..")
const { version } = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8"))

/** What has to be read: neither empty lines nor comments. */
const linesOfCode = (files: { readonly [file: string]: string }): number =>
  Object.entries(files)
    .filter(([file]) => file.startsWith("src/"))
    .flatMap(([, text]) => text.replaceAll(/\/\*\*[\s\S]*?\*\//g, "").split("\n"))
    .filter((line) => !/^\s*(?:\/\/.*)?$/.test(line)).length

describe("a provider", () => {
  it.effect("is written under its own name, and nothing of the template's is left", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { code, err, out } = yield* run(path, ["log-parser", "--protocol", "parse-log/v2"])
      assert.deepStrictEqual([code, err], [0, ""])
      const files = contents(join(path, "log-parser"))
      assert.deepStrictEqual(Object.keys(files).toSorted(), [
        ".gitignore",
        "README.md",
        "gleitzeit.config.yaml",
        "package.json",
        "src/ParseLogProvider.ts",
        "src/ParseLogV2.ts",
        "src/index.ts",
        "test/ParseLogProvider.test.ts",
        "tsconfig.build.json",
        "tsconfig.json",
        "workflow.yaml"
      ])
      for (const text of Object.values(files)) assert.notMatch(text, /greet|workspace:|catalog:/i)
      assert.include(files["src/ParseLogV2.ts"], `export const ParseLogV2 = Protocol.make("parse-log/v2"`)
      assert.include(files["workflow.yaml"], "    protocol: parse-log/v2\n    method: parse-log/hello\n")
      assert.include(out, "gleitzeit-provider-log-parser, a provider of parse-log/v2")
    })
  )

  it.effect("has real versions and may be published", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* run(path, ["@acme/weather"])
      const manifest = JSON.parse(contents(join(path, "weather"))["package.json"] ?? "")
      assert.strictEqual(manifest.name, "@acme/weather")
      assert.notProperty(manifest, "private")
      assert.deepStrictEqual(manifest.dependencies, { "@gleitzeit/core": `^${version}` })
      assert.strictEqual(manifest.devDependencies.gleitzeit, `^${version}`)
      assert.strictEqual(manifest.devDependencies.effect, `^${catalog["effect"]}`)
    })
  )

  it.effect("is at most 40 lines of code", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* run(path, ["weather"])
      assert.isAtMost(linesOfCode(contents(join(path, "weather"))), 40)
    })
  )
})

describe("a store", () => {
  it.effect("is written under its own name, in at most 200 lines of code", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { code, out } = yield* run(path, ["tape", "-t", "store", "--json"])
      assert.strictEqual(code, 0)
      const { files: names, ...rest } = JSON.parse(out)
      assert.deepStrictEqual(rest, {
        name: "gleitzeit-store-tape",
        template: "store",
        folder: join(path, "tape"),
        scheme: "tape",
        packageManager: "npm",
        installed: false,
        git: false,
        overwritten: [],
        next: ["cd tape", "npm install", "npm test", "npx gleitzeit run workflow.yaml"]
      })
      const files = contents(join(path, "tape"))
      assert.deepStrictEqual(names, Object.keys(files).toSorted())
      assert.include(names, "src/TapeStore.ts")
      for (const text of Object.values(files)) assert.notMatch(text, /ledger|workspace:|catalog:/i)
      assert.include(files["gleitzeit.config.yaml"], "store: tape:runs.tape")
      assert.isAtMost(linesOfCode(files), 200)
    })
  )

  it.effect("is not called as one of Gleitzeit's, and has no protocol", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const taken = yield* run(path, ["sqlite", "--template", "store"])
      assert.strictEqual(taken.code, 2)
      assert.include(taken.err, "sqlite: is a store of Gleitzeit: give yours another name, such as my-sqlite")
      const digit = yield* run(path, ["3d", "--template", "store"])
      assert.include(digit.err, `URLs of a store cannot begin with "3d"`)
      const protocol = yield* run(path, ["tape", "--template", "store", "--protocol", "tape/v1"])
      assert.strictEqual(protocol.code, 2)
      assert.include(protocol.err, "--protocol is for providers")
      assert.deepStrictEqual(contents(path), {})
    })
  )
})

it("the versions of the catalog are those of the workspace", () => {
  const text = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
  for (const [name, range] of Object.entries(catalog)) {
    assert.strictEqual(new RegExp(`^  "?${name}"?: (\\S+)$`, "m").exec(text)?.[1], range, name)
  }
  for (const template of ["provider", "store"]) {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(root, "templates", template, "package.json"), "utf8")
    )
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      if (range === "catalog:") assert.property(catalog, name)
    }
  }
})

describe("a folder", () => {
  it.effect("that is not empty is left as it is, and what is in the way is told", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(join(path, "weather/notes"), { recursive: true })
      writeFileSync(join(path, "weather/package.json"), "{}")
      const before = contents(path)
      const { code, err } = yield* run(path, ["weather"])
      assert.strictEqual(code, 1)
      assert.include(
        err,
        "is not empty: notes/, package.json. Name another folder; --force writes beside what is there, and overwrites package.json"
      )
      assert.deepStrictEqual(contents(path), before)
    })
  )

  it.effect("with --force gets the package beside what is there; nothing is deleted", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(join(path, "weather/src"), { recursive: true })
      writeFileSync(join(path, "weather/package.json"), "{}")
      writeFileSync(join(path, "weather/src/mine.ts"), "// mine")
      const { code, out } = yield* run(path, ["weather", "--force"])
      assert.strictEqual(code, 0)
      assert.include(out, "package.json (overwritten)")
      const files = contents(join(path, "weather"))
      assert.strictEqual(files["src/mine.ts"], "// mine")
      assert.include(files["package.json"], "gleitzeit-provider-weather")
    })
  )

  it.effect("where something else is called as a file is left as it is, also with --force", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(join(path, "weather/package.json"), { recursive: true })
      mkdirSync(join(path, "elsewhere"))
      symlinkSync(join(path, "elsewhere"), join(path, "weather/src"))
      const { code, err } = yield* run(path, ["weather", "--force"])
      assert.strictEqual(code, 1)
      assert.include(err, "something else is called so: package.json, src. Move it away")
      assert.deepStrictEqual(contents(path), {})
    })
  )

  it.effect("that is a file is refused", () =>
    Effect.gen(function* () {
      const path = yield* folder
      writeFileSync(join(path, "weather"), "sunny")
      const { code, err } = yield* run(path, ["weather", "--force"])
      assert.strictEqual(code, 1)
      assert.include(err, "weather is a file: name another folder")
      assert.deepStrictEqual(contents(path), { weather: "sunny" })
    })
  )

  it.effect("may be the current one, deep, and hold a repository", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "here")
      mkdirSync(join(path, ".git"), { recursive: true })
      const here = yield* run(path, ["."])
      assert.deepStrictEqual([here.code, here.err], [0, ""])
      assert.notInclude(here.out, "  cd ")
      assert.include(contents(path)["package.json"], "gleitzeit-provider-here")
      const deep = yield* run(path, ["a/b c/weather"])
      assert.include(deep.out, `  cd "a/b c/weather"`)
      assert.include(contents(join(path, "a/b c/weather"))["package.json"], "gleitzeit-provider-weather")
    })
  )
})

describe("without anybody there", () => {
  it.effect("what is not said is the default", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { asked, code, out } = yield* run(path, [])
      assert.deepStrictEqual([code, asked], [0, []])
      assert.include(out, "gleitzeit-provider-greet, a provider of greet/v1")
    })
  )

  it.effect("what cannot be used is exit code 2, and nothing is written", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const mistakes: ReadonlyArray<readonly [args: ReadonlyArray<string>, said: string]> = [
        [["My Weather"], "my-weather would do"],
        [["weather", "--protocol", "weather"], "such as weather/v1"],
        [["weather", "--template", "queue"], `--template is one of provider, store, found "queue"`],
        [["weather", "--package-manager", "cargo"], "--package-manager is one of npm, pnpm, yarn, bun"],
        [["weather", "--colour"], "unknown option '--colour'"],
        [["weather", "--template"], "option '--template' argument is ambiguous"],
        [["weather", "rain"], "one name or folder is enough, found weather, rain"],
        [["3d"], "is no protocol"]
      ]
      for (const [args, said] of mistakes) {
        const { code, err, out } = yield* run(path, args)
        assert.deepStrictEqual([code, out], [2, ""])
        assert.include(err, said)
        const json = yield* run(path, [...args, "--json"])
        assert.deepStrictEqual([json.code, json.err], [2, ""])
        assert.strictEqual(JSON.parse(json.out).error.name, "Usage")
      }
      assert.deepStrictEqual(contents(path), {})
    })
  )

  it.effect("help and version are answered", () =>
    Effect.gen(function* () {
      const path = yield* folder
      assert.include((yield* run(path, ["--help"])).out, "npm create gleitzeit-provider [NAME|DIR]")
      assert.strictEqual((yield* run(path, ["--version"])).out, `create-gleitzeit-provider ${version}\n`)
    })
  )
})

describe("where somebody sits", () => {
  it.effect("what is not said is asked, and an answer that cannot be used is asked for again", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { asked, code, out } = yield* run(path, [], ["shop", "", "Weather", "weather", "llm/v1", ""])
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(asked, [
        "? Provider or store? (provider) ",
        `  expected provider or store, found "shop"\n? Provider or store? (provider) `,
        "? Name of the package, or a folder? (gleitzeit-provider-greet) ",
        `  "Weather" is no name for a package: it has capital letters, weather would do\n? Name of the package, or a folder? (gleitzeit-provider-greet) `,
        "? Name and version of its protocol? (weather/v1) ",
        "  llm/v1 is a protocol of Gleitzeit: give yours another name, such as my-llm/v1\n? Name and version of its protocol? (weather/v1) "
      ])
      assert.include(out, "a provider of weather/v1")
    })
  )

  it.effect("what is said, --yes and --json leave nothing to ask", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const all = ["weather", "--template", "provider", "--protocol", "weather/v1"]
      for (const args of [all, ["rain", "--yes"], ["snow", "--json"]]) {
        const { asked, code } = yield* run(path, args, [])
        assert.deepStrictEqual([code, asked], [0, []])
      }
    })
  )
})
