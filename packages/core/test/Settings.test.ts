import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import * as Settings from "../src/Settings.ts"

const machine: Settings.Machine = { home: "/home/ada", folder: "/work/digest", isFolder: () => false }

const load = (
  env: Record<string, string>,
  flags: Parameters<typeof Settings.flags>[0] = {},
  on: Settings.Machine = machine
) =>
  Effect.gen(function* () {
    return yield* Settings.resolve([Settings.flags(flags), yield* Settings.environment], on)
  }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))

const refused = (env: Record<string, string>, flags: Parameters<typeof Settings.flags>[0] = {}) =>
  Effect.map(Effect.flip(load(env, flags)), ({ message }) => message)

describe("Settings", () => {
  it.effect("without flags and variables everything is a default", () =>
    Effect.gen(function* () {
      const settings = yield* load({})
      assert.deepStrictEqual(settings, {
        mcp: { servers: {}, imports: { value: [], from: "default" }, inputs: {} },
        store: {
          value: { _tag: "Sqlite", filename: "/home/ada/.local/share/gleitzeit/gleitzeit.db" },
          from: "default"
        },
        durability: { value: "power", from: "default" },
        debug: { value: false, from: "default" },
        providers: {
          ollama: {
            use: { value: "ollama", from: "default" },
            options: {}
          },
          python: { use: { value: "python", from: "default" }, options: {} },
          agent: { use: { value: "agent", from: "default" }, options: {} }
        },
        stores: {},
        secrets: {},
        roots: { value: [], from: "default" },
        prices: { source: { value: "genai-prices", from: "default" }, table: {} },
        replay: {
          mode: { value: "off", from: "default" },
          folder: { value: "/work/digest/.gleitzeit/replay", from: "default" }
        },
        folder: "/work/digest",
        data: "/home/ada/.local/share/gleitzeit",
        unused: []
      })
    })
  )

  it.effect("a flag wins over a variable, a variable over the default", () =>
    Effect.gen(function* () {
      const env = { GLEITZEIT_STORE: "sqlite:env.db", GLEITZEIT_PYTHON: "/opt/python", GLEITZEIT_DEBUG: "1" }
      const settings = yield* load(env, { store: "memory:" })
      assert.deepStrictEqual(settings.store, { value: { _tag: "Memory" }, from: "--store" })
      assert.deepStrictEqual(settings.providers["python"]?.options, {
        python: { value: "/opt/python", from: "GLEITZEIT_PYTHON" }
      })
      assert.deepStrictEqual(settings.debug, { value: true, from: "GLEITZEIT_DEBUG" })
    })
  )

  it.effect("the default store lies in XDG_DATA_HOME, or in ~/.gleitzeit where that folder exists", () =>
    Effect.gen(function* () {
      const file = (env: Record<string, string>, on?: Settings.Machine) =>
        Effect.map(load(env, {}, on), ({ store }) => Settings.showStore(store.value))
      const owner = { ...machine, isFolder: (path: string) => path === "/home/ada/.gleitzeit" }
      assert.strictEqual(yield* file({ XDG_DATA_HOME: "/data" }), "sqlite:/data/gleitzeit/gleitzeit.db")
      assert.strictEqual(yield* file({ XDG_DATA_HOME: "/data" }, owner), "sqlite:/data/gleitzeit/gleitzeit.db")
      assert.strictEqual(yield* file({}, owner), "sqlite:/home/ada/.gleitzeit/gleitzeit.db")
      assert.strictEqual(
        yield* file({ XDG_DATA_HOME: "relative" }),
        "sqlite:/home/ada/.local/share/gleitzeit/gleitzeit.db"
      )
    })
  )

  it.effect("the backend's variable chooses, the path's variable says where", () =>
    Effect.gen(function* () {
      const store = (env: Record<string, string>) => Effect.map(load(env), ({ store }) => store)
      assert.deepStrictEqual(yield* store({ GLEITZEIT_SQLITE_PATH: "~/runs.db" }), {
        value: { _tag: "Sqlite", filename: "/home/ada/runs.db" },
        from: "GLEITZEIT_SQLITE_PATH"
      })
      const both = { GLEITZEIT_PERSISTENCE_BACKEND: "sqlite", GLEITZEIT_SQLITE_PATH: "runs.db" }
      assert.deepStrictEqual((yield* store(both)).value, { _tag: "Sqlite", filename: "runs.db" })
      for (const backend of ["memory", "none"]) {
        const env = { GLEITZEIT_PERSISTENCE_BACKEND: backend, GLEITZEIT_SQLITE_PATH: "runs.db" }
        assert.deepStrictEqual(yield* store(env), { value: { _tag: "Memory" }, from: "GLEITZEIT_PERSISTENCE_BACKEND" })
      }
      const url = { GLEITZEIT_PERSISTENCE_BACKEND: "redis", GLEITZEIT_STORE: "memory:" }
      assert.deepStrictEqual((yield* store(url)).from, "GLEITZEIT_STORE")
      const alone = yield* store({ GLEITZEIT_PERSISTENCE_BACKEND: "sqlite" })
      assert.deepStrictEqual(alone.value, { _tag: "Sqlite", filename: "/home/ada/.local/share/gleitzeit/gleitzeit.db" })
    })
  )

  it.effect("the URL of Redis counts where Redis is meant, and is refused", () =>
    Effect.gen(function* () {
      const url = { GLEITZEIT_REDIS_URL: "redis://ada:hunter2@localhost" }
      const sqlite = yield* load({ ...url, GLEITZEIT_PERSISTENCE_BACKEND: "sqlite" })
      assert.strictEqual(sqlite.store.value._tag, "Sqlite")
      assert.strictEqual((yield* load({ ...url, GLEITZEIT_SQLITE_PATH: "a.db" })).store.from, "GLEITZEIT_SQLITE_PATH")
      for (const env of [url, { ...url, GLEITZEIT_PERSISTENCE_BACKEND: "redis" }]) {
        assert.strictEqual(
          yield* refused(env),
          "GLEITZEIT_REDIS_URL: a store on Redis is not in this version; use memory: or sqlite:PATH"
        )
      }
    })
  )

  it.effect("a program may be the one server of MCP", () =>
    Effect.gen(function* () {
      const { mcp, providers, unused } = yield* load({ GLEITZEIT_MCP_SERVER_PATH: "/mcp" })
      assert.deepStrictEqual(mcp.program, { value: "/mcp", from: "GLEITZEIT_MCP_SERVER_PATH" })
      assert.deepStrictEqual(unused, [])
      assert.isDefined(providers["mcp"])
      assert.isUndefined((yield* load({})).providers["mcp"])
    })
  )

  it.effect("a store's URL is taken in its spellings", () =>
    Effect.gen(function* () {
      const store = (url: string) =>
        Effect.map(load({}, { store: url }), ({ store }) => Settings.showStore(store.value))
      assert.strictEqual(yield* store("sqlite:a.db"), "sqlite:a.db")
      assert.strictEqual(yield* store("sqlite:///var/a.db"), "sqlite:/var/a.db")
      assert.strictEqual(yield* store("sqlite:~/a.db"), "sqlite:/home/ada/a.db")
      assert.strictEqual(yield* store("memory:"), "memory:")
    })
  )

  it.effect("a value that cannot be used is refused, with its origin and what would work", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refused({}, { store: "runs.db" }),
        '--store: expected memory: or sqlite:PATH, not "runs.db"; for a file write sqlite:runs.db'
      )
      assert.strictEqual(yield* refused({}, { store: "memory" }), '--store: expected a URL, "memory:"')
      assert.include(
        yield* refused({ GLEITZEIT_PERSISTENCE_BACKEND: "redis" }),
        "GLEITZEIT_PERSISTENCE_BACKEND: a store on Redis is not in this version"
      )
      assert.include(yield* refused({ GLEITZEIT_STORE: "redis://localhost" }), "GLEITZEIT_STORE: a store on Redis")
      assert.strictEqual(
        yield* refused({ GLEITZEIT_STORE: "postgres://x" }),
        'GLEITZEIT_STORE: "postgres:" is no store; use memory: or sqlite:PATH'
      )
      assert.include(yield* refused({}, { store: "memory:x" }), "has a path")
      assert.strictEqual(
        yield* refused({}, { durability: "disk" }),
        '--durability: expected process or power, not "disk"'
      )
      assert.strictEqual(
        yield* refused({ GLEITZEIT_DEBUG: "maybe" }),
        'GLEITZEIT_DEBUG: expected true or false, not "maybe"'
      )
      assert.include(yield* refused({}, { ollama: "ftp://x" }), "neither http: nor https:")
      assert.include(yield* refused({}, { ollama: "http://" }), "is no URL")
      assert.include(yield* refused({}, { ollama: "ht!tp://x" }), "is no URL")
      assert.include(yield* refused({}, { ollama: "//x" }), "is no URL")
    })
  )

  it.effect("a refusal shows no password", () =>
    Effect.gen(function* () {
      const cases = [
        { ollama: "ftp://ada:hunter2@x" },
        { ollama: "ada:hunter2@x y" },
        { store: "memory://ada:hunter2@x" },
        { store: "ada://hunter2@x" },
        { store: "x//ada:hunter2@x" }
      ]
      for (const flags of cases) assert.notInclude(yield* refused({}, flags), "hunter2")
    })
  )

  it.effect("OLLAMA_HOST may be a bare host or the address that the server binds", () =>
    Effect.gen(function* () {
      const url = (text: string) =>
        Effect.map(load({ OLLAMA_HOST: text }), ({ providers }) => providers["ollama"]?.options["endpoint"]?.value)
      assert.strictEqual(yield* url("gpu.local"), "http://gpu.local:11434")
      assert.strictEqual(yield* url("gpu.local:8080"), "http://gpu.local:8080")
      assert.strictEqual(yield* url("0.0.0.0"), "http://127.0.0.1:11434")
      assert.strictEqual(yield* url(":1234"), "http://127.0.0.1:1234")
      assert.strictEqual(yield* url("https://llm.example.org/"), "https://llm.example.org")
      const both = yield* load({ OLLAMA_HOST: "a", GLEITZEIT_OLLAMA_URL: "http://b:1" })
      assert.deepStrictEqual(both.providers["ollama"]?.options["endpoint"], {
        value: "http://b:1",
        from: "GLEITZEIT_OLLAMA_URL"
      })
    })
  )

  it.effect("recordings lie where a variable says, and never in a folder that means something else", () =>
    Effect.gen(function* () {
      const env = { GLEITZEIT_REPLAY: "auto", GLEITZEIT_REPLAY_DIR: "~/tapes" }
      assert.deepStrictEqual((yield* load(env)).replay, {
        mode: { value: "auto", from: "GLEITZEIT_REPLAY" },
        folder: { value: "/home/ada/tapes", from: "GLEITZEIT_REPLAY_DIR" }
      })
      const { replay } = yield* load({}, {}, { ...machine, folder: machine.home })
      assert.strictEqual(replay.folder.value, "/home/ada/.local/share/gleitzeit/replay")
      const expected = 'GLEITZEIT_REPLAY: expected off, record, replay or auto, not "play"'
      assert.strictEqual(yield* refused({ GLEITZEIT_REPLAY: "play" }), expected)
    })
  )

  it.effect("an empty variable says nothing", () =>
    Effect.gen(function* () {
      const settings = yield* load({ GLEITZEIT_STORE: "", GLEITZEIT_DEBUG: "" })
      assert.strictEqual(settings.store.from, "default")
      assert.strictEqual(settings.debug.from, "default")
    })
  )
})
