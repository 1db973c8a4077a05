/**
 * Every block of code in the documents is what it says: TypeScript compiles, Python and JSON parse, workflows and
 * configurations have no mistake, commands and flags exist, and so does what links lead to. What a block needs and readers
 * do not stands above it in a comment: `<!-- before: ... -->` (declarations, tasks), `<!-- file: src/X.ts -->` (under which
 * another block imports it), `<!-- continues -->` (the block of the same language before it), `<!-- is: PATH -->` (a file
 * of this repository, which it repeats). A block in no language is what a program printed.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Check,
  ConfigFile,
  type Contract,
  DataV1,
  HumanV1,
  LlmV1,
  Protocol,
  PythonV1,
  SignalV1,
  TimerV1,
  WorkflowFile
} from "../packages/core/src/index.ts"
import { Effect } from "effect"
import { Completions } from "effect/cli"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parse as yaml } from "yaml"
import { gleitzeit } from "../packages/cli/src/commands.ts"
import * as Flags from "../packages/cli/src/Flags.ts"

const root = resolve(import.meta.dirname, "..")

interface Block {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly text: string
  readonly before: string
  readonly file: string | undefined
  readonly continues: boolean
  /** The file that it repeats. */
  readonly is: string | undefined
}

const pages = [
  "*.md",
  "llms.txt",
  "docs/**/*.md",
  "packages/*/README.md",
  "examples/*/README.md",
  "templates/*/README.md"
].flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (name) => name.includes("node_modules") }))

const blocks: ReadonlyArray<Block> = pages.toSorted().flatMap((page) => {
  const text = readFileSync(join(root, page), "utf8")
  return [...text.matchAll(/((?:^<!--(?:(?!-->)[\s\S])*-->\n+)*)^( *)```(\w*)[^\n]*\n([\s\S]*?)^ *```$/gm)].map(
    ({ index, 0: all = "", 1: comments = "", 2: indent = "", 3: language = "", 4: code = "" }) => ({
      page,
      line: text.slice(0, index + all.indexOf("```")).split("\n").length,
      language,
      text: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      before: [...comments.matchAll(/<!-- before:([\s\S]*?)-->/g)].map(([, before]) => before).join("\n"),
      file: /<!-- file: (\S+) -->/.exec(comments)?.[1],
      continues: comments.includes("<!-- continues -->"),
      is: /<!-- is: (\S+) -->/.exec(comments)?.[1]
    })
  )
})

const of = (...languages: ReadonlyArray<string>) => blocks.filter(({ language }) => languages.includes(language))
const name = ({ line, page }: Block) => `${page}:${line}`

describe("blocks of code", () => {
  it("are in a language that this file knows", () => {
    const known = ["", "ts", "js", "yaml", "json", "sh", "python", "mermaid"]
    assert.deepStrictEqual(blocks.filter(({ language }) => !known.includes(language)).map(name), [])
  })

  it("in TypeScript compile", { timeout: 60_000 }, () => {
    const folder = join(root, "node_modules/.cache/blocks")
    rmSync(folder, { recursive: true, force: true })
    const places = new Map<string, Block>()
    let previous = ""
    for (const block of of("ts")) {
      // that file is compiled where it is
      if (block.is !== undefined) continue
      const text = `${ownNames(block)}${block.before}\n${block.continues ? previous : ""}${block.text}`
      previous = `${text}\n`
      const place = join(folder, block.page.replaceAll("/", "_"), block.file ?? `block-${block.line}.ts`)
      places.set(place.slice(root.length + 1), block)
      mkdirSync(dirname(place), { recursive: true })
      // a module, whatever it holds
      writeFileSync(place, `${text}\nexport {}\n`)
    }
    const tsconfig = {
      extends: join(root, "tsconfig.base.json"),
      include: ["**/*.ts"],
      compilerOptions: {
        rootDir: root,
        composite: false,
        incremental: false,
        emitDeclarationOnly: false,
        declarationMap: false,
        noEmit: true,
        noUnusedLocals: false,
        rewriteRelativeImportExtensions: false,
        allowImportingTsExtensions: true,
        types: ["node"],
        paths: {
          "@gleitzeit/*": [join(root, "packages/*/src/index.ts")],
          "gleitzeit-provider-greet": [join(root, "templates/provider/src/index.ts")],
          "gleitzeit-store-ledger": [join(root, "templates/store/src/index.ts")]
        }
      }
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
    const { stdout } = spawnSync("tsc", ["-p", folder, "--pretty", "false"], { cwd: root, encoding: "utf8" })
    // what is wrong in the sources is told where they are compiled
    const said = stdout.split(/^(?=\S)/m).flatMap((told) => {
      const [, file = "", line = ""] = /^(\S+\.ts)\((\d+)/.exec(told) ?? []
      const block = places.get(file)
      if (block === undefined) return told === "" || file.startsWith("packages/") ? [] : [told]
      const above = readFileSync(join(root, file), "utf8").split(block.text)[0]?.split("\n").length ?? 1
      return [`${block.page}:${block.line + Number(line) - above + 1}${told.slice(`${file}(${line}`.length)}`]
    })
    assert.deepStrictEqual(said, [])
  })

  it.each(blocks.filter(({ is }) => is !== undefined).map((block) => [name(block), block] as const))(
    "%s is the file that it repeats",
    (_, { is = "", text }) => assert.strictEqual(text, readFileSync(join(root, is), "utf8"))
  )

  it.each([
    ["docs/writing-a-provider.md", "templates/provider/", 40],
    ["docs/writing-a-store.md", "templates/store/", 200]
  ] as const)("in %s show all of %s, in at most %d lines", (page, template, most) => {
    const shown = blocks.filter(({ is = "", page: where }) => where === page && is.startsWith(`${template}src/`))
    const files = globSync(`${template}src/*.ts`, { cwd: root })
    assert.sameMembers(
      shown.map(({ is }) => is),
      files.filter((file) => !file.endsWith("/index.ts"))
    )
    const all = files.map((file) => readFileSync(join(root, file), "utf8")).join("")
    assert.isAtMost(linesOfCode(all), most)
  })

  it.each(["examples/15-http-provider/TideService.ts", "examples/16-websocket-provider/StoryService.ts"])(
    "show %s, in at most 60 lines",
    (file) => {
      assert.isDefined(blocks.find(({ is }) => is === file))
      assert.isAtMost(readFileSync(join(root, file), "utf8").trimEnd().split("\n").length, 60)
    }
  )

  it("in Python parse", () => {
    const sources = of("python").map((block) => [name(block), block.text])
    const script = "import ast, json, sys\nfor name, text in json.load(sys.stdin): ast.parse(text, name)"
    const { stderr } = spawnSync("python3", ["-c", script], { input: JSON.stringify(sources), encoding: "utf8" })
    assert.strictEqual(stderr, "")
  })

  it.each(of("json").map((block) => [name(block), block] as const))("%s is JSON", (_, { text }) => {
    assert.doesNotThrow(() => JSON.parse(text))
  })

  it.each(of("yaml").map((block) => [name(block), block] as const))("%s has no mistake", (file, { before, text }) => {
    const value: unknown = yaml(`${before}\n${text}`)
    if (isConfiguration(value)) {
      Effect.runSync(ConfigFile.read(value, { file, resolve: (path) => path }))
      return
    }
    const isTask = Array.isArray(value)
    const isWhole = !isTask && typeof value === "object" && value !== null && "tasks" in value
    // of a part it is known what it says itself, not what stands around it
    const document = isWhole
      ? value
      : isTask
        ? { inputs: anyInputs(text), tasks: value }
        : { ...(value as object), tasks: [{ id: "t", method: "data/value" }] }
    const parsed = isWhole ? WorkflowFile.parse({ text, file: "block.yaml" }) : WorkflowFile.fromValue(document)
    const errors = Check.check(parsed, contracts).filter(({ severity }) => severity === "error")
    assert.deepStrictEqual(
      errors.filter(({ code }) => code !== "no-provider"),
      []
    )
  })

  it.each(commands())("%s: %s is a command that there is", (_, line) => {
    const words = line.split(/\s+/)
    let command: Completions.CommandDescriptor = Completions.fromCommand(gleitzeit)
    let depth = 0
    for (const word of words.slice(1)) {
      const next = command.subcommands.find(({ name }) => name === word)
      if (next === undefined) break
      command = next
      depth++
    }
    const [word = "-"] = words.slice(1 + depth)
    const isComplete = command.subcommands.length === 0 || /^[-[A-Z]/.test(word)
    assert.isTrue(isComplete, `no such command: ${word}`)
    const known = [...Flags.names, "--help", "--version", ...command.flags.map(({ name }) => `--${name}`)]
    const flags = words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/[=,.;)].*$/, ""))
    assert.deepStrictEqual(
      flags.filter((flag) => !known.includes(flag) && !known.includes(flag.replace("--no-", "--"))),
      []
    )
  })
})

describe("links", () => {
  it("lead to files and headings that there are", () => {
    const broken = pages.flatMap((page) =>
      [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
        if (/^[a-z]+:/.test(link)) return []
        const [path = "", heading] = link.split("#")
        const target = path === "" ? page : join(dirname(page), path)
        const isThere = existsSync(join(root, target)) && (heading === undefined || headings(target).includes(heading))
        return isThere ? [] : [`${page}: ${link}`]
      })
    )
    assert.deepStrictEqual(broken, [])
  })
})

// internal

/** A page without its blocks. */
function prose(page: string): string {
  return readFileSync(join(root, page), "utf8").replaceAll(/^ *```[\s\S]*?^ *```/gm, "")
}

/** As a link names them. */
const headings = (page: string): ReadonlyArray<string> =>
  [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-")
  )

/** The README of a package speaks of what the package exports. */
const ownNames = ({ page, text }: Block): string => {
  const [folder] = /^(?:packages|templates)\/[^/]+/.exec(page) ?? []
  const index = `${folder}/src/index.ts`
  if (folder === undefined || text.includes("import ") || !existsSync(join(root, index))) return ""
  const exported = [...readFileSync(join(root, index), "utf8").matchAll(/^export \* as (\w+)/gm)].map(([, one]) => one)
  return `import { ${exported.join(", ")} } from "${join(root, index)}"\n`
}

/** What has to be read: neither empty lines nor comments. */
const linesOfCode = (text: string): number =>
  text
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, "")
    .split("\n")
    .filter((line) => !/^\s*(?:\/\/.*)?$/.test(line)).length

const contracts: ReadonlyArray<Contract.Contract> = [
  LlmV1.LlmV1,
  PythonV1.PythonV1,
  DataV1.DataV1,
  HumanV1.HumanV1,
  SignalV1.SignalV1,
  TimerV1.TimerV1
].flatMap((protocol) => Protocol.contracts(protocol))

/** In blocks of a shell, in what programs print, and in the text: without what is quoted, behind `--` and in comments. */
function commands(): ReadonlyArray<readonly [name: string, line: string]> {
  const found = new Map<string, string>()
  const add = (where: string, line: string) => {
    const plain = line.replaceAll(/'[^']*'|"[^"]*"/g, "QUOTED").replace(/ (?:#|<|>|\||--) .*$/, "")
    if (!found.has(plain)) found.set(plain, where)
  }
  for (const block of of("sh", "")) {
    for (const [, line = ""] of block.text.matchAll(
      /^(?:\$ )?(?:npx )?(?:npm run -s (?=gleitzeit --))?(gleitzeit(?: .*)?)$/gm
    ))
      add(name(block), line.replace(/^gleitzeit -- /, "gleitzeit "))
  }
  for (const page of pages) {
    for (const [, line = ""] of prose(page).matchAll(/`(gleitzeit [a-z][^`]*)`/g)) add(page, line.replaceAll("\n", " "))
  }
  return [...found].map(([line, where]) => [where, line])
}

/** `providers` of a workflow is a list of names. */
const isConfiguration = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  (["store", "persistence", "stores", "secrets"].some(
    (key) => key in value && !Array.isArray(Reflect.get(value, key))
  ) ||
    ("providers" in value && !Array.isArray(value.providers)))

/** What the references of a part speak of. */
const anyInputs = (text: string) =>
  Object.fromEntries([...text.matchAll(/inputs\.(\w+)/g)].map(([, input]) => [input, { required: false }]))
