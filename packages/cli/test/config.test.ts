import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Logger, type Scope } from "effect"
import { Secrets } from "@gleitzeit/core"
import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as ConfigFiles from "../src/ConfigFiles.ts"
import * as Origins from "../src/Origins.ts"
import * as SecretFile from "../src/SecretFile.ts"
import { place } from "./command.ts"
import * as Program from "./program.ts"

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "gleitzeit-config-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const write = (...parts: ReadonlyArray<string>) => {
  const path = join(...parts.slice(0, -1))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, parts.at(-1) ?? "")
  return path
}

/** The command line of somebody whose home is a folder of its own. */
const somebody = (env: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const home = yield* folder
    const { gz } = yield* place({ HOME: home, GLEITZEIT_OLLAMA_URL: "", ...env })
    return { home, gz }
  })

const where = (current: string, home: string, named?: string): ConfigFiles.Where => ({
  current,
  home,
  config: undefined,
  named: named === undefined ? undefined : { value: named, from: "--config" }
})

const project = (current: string, home: string) =>
  Effect.map(
    ConfigFiles.find(where(current, home)),
    (looks) => looks.find(({ file }) => file !== undefined)?.file?.name
  )

describe("the project's file", () => {
  it.live("is looked for from the current folder up to the one with .git, or the user's", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const current = join(home, "projects/digest/src")
      mkdirSync(current, { recursive: true })
      assert.isUndefined(yield* project(current, home))
      write(home, "gleitzeit.config.yaml", "")
      assert.strictEqual(yield* project(current, home), "../../../gleitzeit.config.yaml")
      mkdirSync(join(home, "projects/digest/.git"))
      assert.isUndefined(yield* project(current, home))
      write(home, "projects/digest/gleitzeit.config.ts", "")
      assert.strictEqual(yield* project(current, home), "../gleitzeit.config.ts")
      write(current, "gleitzeit.config.json", "")
      assert.strictEqual(yield* project(current, home), "gleitzeit.config.json")
    })
  )

  it.live("is not looked for above the current folder where nothing says where to stop", () =>
    Effect.gen(function* () {
      const anywhere = yield* folder
      const current = join(anywhere, "a")
      mkdirSync(current)
      write(anywhere, "gleitzeit.config.yaml", "")
      assert.isUndefined(yield* project(current, "/home/ada"))
      write(current, "gleitzeit.config.yaml", "")
      assert.strictEqual(yield* project(current, "/home/ada"), "gleitzeit.config.yaml")
    })
  )

  it.live("stands alone", () =>
    Effect.gen(function* () {
      const home = yield* folder
      write(home, "gleitzeit.config.ts", "")
      write(home, "gleitzeit.config.yaml", "")
      const error = yield* Effect.flip(project(home, home))
      assert.strictEqual(error.message, "gleitzeit.config.ts: gleitzeit.config.yaml stands beside it; keep one of them")
    })
  )

  // only root may give a file away
  it.live.skipIf(process.getuid?.() !== 0)("of another user is not read from above, unless it is named", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const file = write(home, "gleitzeit.config.yaml", "")
      const current = join(home, "a")
      mkdirSync(current)
      chownSync(file, 12_345, 12_345)
      assert.include((yield* Effect.flip(project(current, home))).message, "--config ../gleitzeit.config.yaml reads it")
      assert.strictEqual(yield* project(home, home), "gleitzeit.config.yaml")
      const [named] = yield* ConfigFiles.find(where(current, home, "../gleitzeit.config.yaml"))
      assert.strictEqual(named?.file?.path, file)
    })
  )
})

describe("gleitzeit config", () => {
  it.live("shows each value with where it comes from: flags, environment, project, user, defaults", () =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody({ GLEITZEIT_PYTHON: "python3.14", GLEITZEIT_MCP_SERVER_PATH: "/mcp" })
      const file = write(
        home,
        "digest/conf.yaml",
        "store: sqlite:runs.db\ndebug: false\nproviders:\n  ollama: { timeout: 30, models: { default: a } }\n"
      )
      write(
        home,
        ".config/gleitzeit/config.yml",
        "durability: process\nproviders: { ollama: { timeout: 60, models: { vision: b } } }\n"
      )
      write(home, ".gleitzeit/config.yaml", "durability: power\nsecrets: { KEY: { env: MY_KEY } }\n")
      const said = yield* gz("config", "--json", "--config", file, "--ollama", "gpu.local")
      assert.strictEqual(said.exit, 0, said.stdout + said.stderr)
      const { settings, unused } = JSON.parse(said.stdout)
      const user = "~/.config/gleitzeit/config.yml"
      assert.deepStrictEqual(settings, {
        mcp: {
          servers: {},
          import: { value: [], from: "default" },
          inputs: {},
          program: { value: "/mcp", from: "GLEITZEIT_MCP_SERVER_PATH" }
        },
        store: { value: `sqlite:${join(home, "digest/runs.db")}`, from: file },
        durability: { value: "process", from: user },
        debug: { value: false, from: file },
        providers: {
          mcp: { use: { value: "mcp", from: "default" }, options: {} },
          ollama: {
            use: { value: "ollama", from: "default" },
            options: {
              endpoint: { value: "http://gpu.local:11434", from: "--ollama" },
              timeout: { value: 30, from: file },
              models: { value: { default: "a", vision: "b" }, from: `${file}, ${user}` }
            }
          },
          python: {
            use: { value: "python", from: "default" },
            options: { python: { value: "python3.14", from: "GLEITZEIT_PYTHON" } }
          },
          agent: { use: { value: "agent", from: "default" }, options: {} }
        },
        stores: {},
        secrets: { KEY: { value: { env: "MY_KEY" }, from: "~/.gleitzeit/config.yaml" } },
        files: { roots: { value: [], from: "default" } },
        prices: { source: { value: "genai-prices", from: "default" }, table: {} },
        replay: {
          mode: { value: "off", from: "default" },
          folder: { value: join(home, "digest/.gleitzeit/replay"), from: "default" }
        }
      })
      assert.deepStrictEqual(unused, [])
      const { stdout } = yield* gz("config", "--config", file)
      assert.match(stdout, /^SETTING +VALUE +FROM\nstore +sqlite:/)
      assert.match(stdout, /\nsecrets\.KEY +variable MY_KEY +~\/\.gleitzeit\/config\.yaml\n/)
      assert.match(stdout, /\nmcp\.servers\.default +\/mcp +GLEITZEIT_MCP_SERVER_PATH\n/)
    })
  )

  it.live("shows no password, token or key", () =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody({ OLLAMA_HOST: "http://ada:hunter2hunter2@gpu.local" })
      const file = write(
        home,
        "conf.json",
        JSON.stringify({
          store: "acme://ada:hunter2hunter2@db/0",
          stores: {
            acme: { use: "@acme/store", options: { password: "hunter2hunter2", replicas: ["x://hunter2@y"] } }
          },
          providers: {
            rates: {
              use: "remote",
              url: "https://rates.example/rpc?api_key=hunter2hunter2",
              headers: {
                Authorization: "Bearer hunter2hunter2",
                "x-acme": "hunter2",
                token: { env: "TOKEN_OF_RATES" }
              },
              command: ["serve", "--token", "hunter2hunter2", "--key=hunter2"]
            }
          }
        })
      )
      for (const format of [[], ["--json"]]) {
        const { exit, stderr, stdout } = yield* gz("config", "--config", file, "--debug", ...format)
        assert.strictEqual(exit, 0, stdout + stderr)
        assert.notInclude(stdout + stderr, "hunter2")
        for (const shown of ["acme://ada:***@db/0", "http://ada:***@gpu.local", "TOKEN_OF_RATES", "--key=***"]) {
          assert.include(stdout, shown)
        }
      }
    })
  )

  it.live("path lists the files that are read, and where others were looked for", () =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody()
      // whatever stands in it
      const file = write(home, "conf.yaml", "- broken")
      const own = write(home, ".gleitzeit/config.yaml", "")
      const { exit, stdout } = yield* gz("config", "path", "--json", "--config", file)
      assert.strictEqual(exit, 0)
      assert.deepStrictEqual(JSON.parse(stdout).files, [
        { level: "project", looked_for: file, file },
        { level: "user", looked_for: "~/.config/gleitzeit/config.{yaml,yml,json}", file: null },
        { level: "user", looked_for: "~/.gleitzeit/config.yaml", file: own }
      ])
      const said = yield* gz("config", "path", "--config", file)
      assert.match(said.stdout, new RegExp(`^project +${file} +read\nuser .* +not there\nuser +${own} +read\n$`))
    })
  )

  it.live("takes the file that GLEITZEIT_CONFIG names, and $XDG_CONFIG_HOME", () =>
    Effect.gen(function* () {
      const elsewhere = yield* folder
      write(elsewhere, "project.yml", "store: 'memory:'")
      write(elsewhere, "xdg/gleitzeit/config.json", '{"durability": "process"}')
      const { gz } = yield* somebody({
        GLEITZEIT_CONFIG: join(elsewhere, "project.yml"),
        XDG_CONFIG_HOME: join(elsewhere, "xdg")
      })
      const { settings } = JSON.parse((yield* gz("config", "--json")).stdout)
      assert.deepStrictEqual(settings.store, { value: "memory:", from: join(elsewhere, "project.yml") })
      assert.deepStrictEqual(settings.durability, {
        value: "process",
        from: join(elsewhere, "xdg/gleitzeit/config.json")
      })
    })
  )
})

describe("a file in TypeScript", () => {
  it.live("says what its default export says", () =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody()
      const file = write(
        home,
        "gleitzeit.config.ts",
        'import type { Settings } from "@gleitzeit/core"\nconst file: string = "runs.db"\nexport default { store: `sqlite:${file}` } satisfies Settings.Config\n'
      )
      const { exit, stderr, stdout } = yield* gz("config", "--json", "--config", file)
      assert.strictEqual(exit, 0, stdout + stderr)
      assert.strictEqual(JSON.parse(stdout).settings.store.value, `sqlite:${join(home, "runs.db")}`)
    })
  )

  it.live("that ends the program is said to have done so, and what it prints is no data", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const env = { HOME: home, PATH: process.env["PATH"] ?? "" }
      const config = () =>
        spawnSync(process.execPath, [Program.bin(), "config", "--json"], { cwd: home, env, encoding: "utf8" })
      write(home, "gleitzeit.config.mjs", "console.log('noise'); export default { debug: false }")
      const noisy = config()
      assert.strictEqual(noisy.status, 0)
      assert.doesNotThrow(() => JSON.parse(noisy.stdout))
      assert.include(noisy.stderr, "noise")
      write(home, "gleitzeit.config.mjs", "process.exit(0)")
      const ended = config()
      assert.deepStrictEqual([ended.status, ended.stdout], [1, ""])
      assert.include(ended.stderr, "has ended the program")
    })
  )

  it.live("is found and read by the program itself, from a folder below", () =>
    Effect.gen(function* () {
      const home = yield* folder
      write(home, "gleitzeit.config.mts", "export default { files: { roots: ['data' as string] } }")
      const current = join(home, "a/b")
      mkdirSync(current, { recursive: true })
      const env = { HOME: home, PATH: process.env["PATH"] ?? "" }
      const args = [Program.bin(), "config", "--json"]
      const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd: current, env, encoding: "utf8" })
      assert.strictEqual(status, 0, stdout + stderr)
      assert.deepStrictEqual(JSON.parse(stdout).settings.files.roots, {
        value: [join(home, "data")],
        from: "../../gleitzeit.config.mts"
      })
    })
  )
})

describe("a file that cannot be used", () => {
  const cases: ReadonlyArray<readonly [name: string, text: string, message: string]> = [
    ["throws.mjs", "const a = 1\nthrow new Error('no disk')", "throws.mjs:2:7: cannot be loaded: Error: no disk"],
    ["syntax.ts", "export default {", "syntax.ts"],
    ["nothing.mjs", "export const store = 1", "nothing.mjs: exports no settings; write: export default"],
    ["function.mjs", "export default () => ({})", "function.mjs: exports a function, expected the settings themselves"],
    ["list.mjs", "export default [1]", "list.mjs: expected settings by name"],
    ["class.mjs", "export default new Map()", "class.mjs: expected JSON, found an object of a class"],
    [
      "import.mjs",
      "import '@acme/none'\nexport default {}",
      "cannot be loaded: Error: Cannot find package '@acme/none'"
    ],
    ["tabs.yaml", "store: x\n\tdebug: true", "tabs.yaml:2: Tabs cannot be used"],
    ["twice.yaml", "debug: true\ndebug: false", "twice.yaml:2: Duplicate key 'debug'"],
    ["alias.yaml", "store: *hunter2", "alias.yaml: a text that begins with * needs quotes"],
    ["key.yaml", "provider: {}", 'key.yaml: unknown key "provider", did you mean "providers"?'],
    ["slip.json", '{"store": "memory:",}', "slip.json:1:21: "],
    ["conf.toml", "", "conf.toml: expected a file that ends in .ts, "]
  ]

  it.live.each(cases)("%s says what and where, and exits 2", ([name, text, message]) =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody()
      const file = write(home, name, text)
      const { exit, stderr, stdout } = yield* gz("ls", "--config", file)
      assert.deepStrictEqual([exit, stdout], [2, ""], stderr)
      assert.include(stderr, message)
      assert.notInclude(stderr, "hunter2")
    })
  )

  it.live("that is not there or is a folder is refused", () =>
    Effect.gen(function* () {
      const { gz, home } = yield* somebody()
      const missing = yield* gz("config", "--config", join(home, "none.yaml"))
      assert.deepStrictEqual(missing, {
        exit: 2,
        stdout: "",
        stderr: `error: --config: there is no file ${join(home, "none.yaml")}\n`
      })
      assert.include((yield* gz("config", "--config", home)).stderr, `--config: ${home} is no file`)
      const { exit, stdout } = yield* gz("config", "--json", "--config", home)
      assert.deepStrictEqual([exit, JSON.parse(stdout).error.name], [2, "CONFIGURATION_ERROR"])
    })
  )
})

describe("a secret in a file", () => {
  const logged: Array<unknown> = []
  const logger = Logger.layer([Logger.make(({ message }) => void logged.push(message))])

  const get = (file: string, ...names: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const secrets = yield* Secrets.Secrets
      return yield* Effect.forEach(names, secrets.get)
    }).pipe(
      Effect.provide(
        SecretFile.layer({
          secrets: {
            KEY: { value: { file }, from: "x.yaml" },
            OTHER: { value: { env: "THEIR_KEY" }, from: "x.yaml" }
          }
        })
      ),
      Effect.provide(logger),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env: { PLAIN: "p", OTHER: "no", THEIR_KEY: "t" } })
      )
    )

  it.live("is the file without its last newline; others come from the environment", () =>
    Effect.gen(function* () {
      const file = write(yield* folder, "key", " sk-1234\n\n")
      chmodSync(file, 0o600)
      logged.length = 0
      assert.deepStrictEqual(yield* get(file, "KEY", "OTHER", "PLAIN"), [" sk-1234\n", "t", "p"])
      assert.lengthOf(logged, 0)
      chmodSync(file, 0o644)
      yield* get(file, "KEY", "KEY")
      assert.lengthOf(logged, 1)
      assert.include(String(logged[0]), `chmod 600`)
      assert.notInclude(JSON.stringify(logged), "sk-1234")
    })
  )

  it.live("that is missing, empty, too large or no text is told with the file, and never with what stands in it", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const message = (file: string) =>
        Effect.map(Effect.flip(get(file, "KEY")), ({ message, name }) => `${name} ${message}`)
      const none = join(home, "none")
      assert.strictEqual(
        yield* message(none),
        `SECRET_MISSING secret "KEY" has no value here: ${none}: there is no such file; \`secrets.KEY\` in the configuration names it`
      )
      assert.include(yield* message(write(home, "empty", "\n")), "is empty")
      assert.include(yield* message(home), "is no regular file")
      assert.include(yield* message(write(home, "large", "x".repeat(70_000))), "has 70000 bytes")
      const bytes = join(home, "bytes")
      writeFileSync(bytes, Buffer.from([0xff, 0xfe, 0x41]))
      assert.include(yield* message(bytes), "is not text in UTF-8")
    })
  )
})

it("what is masked is what is named as a secret, and passwords in URLs", () => {
  assert.deepStrictEqual(Origins.masked("options", { max_tokens: 5, model: "a@b", api_key: "x", list: ["-k", "v"] }), {
    max_tokens: 5,
    model: "a@b",
    api_key: "***",
    list: ["-k", "v"]
  })
  assert.deepStrictEqual(Origins.masked("env", { API_KEY: "a", LANG: "b", PWD: "/c", DB_PWD: "d", DSN: "e" }), {
    API_KEY: "***",
    LANG: "b",
    PWD: "/c",
    DB_PWD: "***",
    DSN: "***"
  })
  assert.deepStrictEqual(Origins.masked("options", { bearer: "a", pat: "b", path: "c", connection_string: "d" }), {
    bearer: "***",
    pat: "***",
    path: "c",
    connection_string: "***"
  })
  const urls: ReadonlyArray<readonly [url: string, shown: string]> = [
    ["redis://:p@ss/w@host:1/0", "redis://:***@host:1/0"],
    ["https://ghp_1234@example.org/x", "https://***@example.org/x"],
    ["http://127.0.0.1:9000/@acme?a=b", "http://127.0.0.1:9000/@acme?a=b"],
    ["https://example.org/rpc?access_token=1234&a=b", "https://example.org/rpc?access_token=***&a=b"],
    ["llama3:8b@sha256", "llama3:8b@sha256"]
  ]
  for (const [url, shown] of urls) assert.strictEqual(Origins.masked("url", url), shown)
  // says where a secret is; a default may be one
  const references = { authorization: "Bearer ${secrets.A}", token: "${env:A}", key: "${A:-b}", secret: "a${A}" }
  assert.deepStrictEqual(Origins.masked("env", references), { ...references, key: "***", secret: "***" })
})
