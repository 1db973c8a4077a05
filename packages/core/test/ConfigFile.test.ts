import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { posix } from "node:path"
import * as ConfigFile from "../src/ConfigFile.ts"
import * as Settings from "../src/Settings.ts"

const place: ConfigFile.Place = {
  file: "gleitzeit.config.yaml",
  resolve: (path) => (path.startsWith("~/") ? `/home/ada/${path.slice(2)}` : posix.resolve("/work/digest", path))
}

const machine: Settings.Machine = { home: "/home/ada", folder: "/work/digest", isFolder: () => false }

const load = (...documents: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const sources = yield* Effect.forEach(documents, (value, i) =>
      ConfigFile.read(value, { ...place, file: i === 0 ? place.file : "~/config.yaml" })
    )
    return yield* Settings.resolve(sources, machine)
  })

const refused = (...documents: ReadonlyArray<unknown>) =>
  Effect.map(Effect.flip(load(...documents)), ({ message }) => message)

const from = "gleitzeit.config.yaml"

describe("a configuration file", () => {
  it.effect("names the store, what a commit survives, and debug", () =>
    Effect.gen(function* () {
      const settings = yield* load({ store: "sqlite:runs.db", durability: "process", debug: true })
      assert.deepStrictEqual(settings.store, { value: { _tag: "Sqlite", filename: "/work/digest/runs.db" }, from })
      assert.deepStrictEqual(settings.durability, { value: "process", from })
      assert.deepStrictEqual(settings.debug, { value: true, from })
    })
  )

  it.effect("says what is recorded or replayed, and where recordings lie", () =>
    Effect.gen(function* () {
      const { replay } = yield* load({ replay: { mode: "replay", folder: "tapes" } })
      assert.deepStrictEqual(replay, { mode: { value: "replay", from }, folder: { value: "/work/digest/tapes", from } })
      assert.include(yield* refused({ replay: { mode: "play" } }), "replay.mode: expected")
    })
  )

  it.effect("that is empty says nothing", () =>
    Effect.gen(function* () {
      for (const empty of [undefined, null, {}, { store: null, providers: null, files: { roots: null } }]) {
        assert.deepStrictEqual(yield* load(empty), yield* load())
      }
    })
  )

  it.effect("has paths relative to itself, and the user's folder as ~", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        store: "sqlite:~/runs.db",
        providers: {
          mine: { use: "./provider.ts" },
          python: { python: ".venv/bin/python" },
          here: { use: "remote", command: "./serve.py", args: ["./x"], cwd: "." },
          there: { use: "remote", command: "node" }
        },
        secrets: { KEY: { file: "~/key" }, OTHER: { env: "X" } },
        files: { roots: ["data", "/srv"] }
      })
      assert.strictEqual(Settings.showStore(settings.store.value), "sqlite:/home/ada/runs.db")
      assert.strictEqual(settings.providers["mine"]?.use.value, "/work/digest/provider.ts")
      assert.strictEqual(settings.providers["python"]?.options["python"]?.value, "/work/digest/.venv/bin/python")
      const here = settings.providers["here"]?.options
      assert.deepStrictEqual(
        [here?.["command"]?.value, here?.["args"]?.value, here?.["cwd"]?.value],
        ["/work/digest/serve.py", ["./x"], "/work/digest"]
      )
      assert.strictEqual(settings.providers["there"]?.options["command"]?.value, "node")
      assert.deepStrictEqual(settings.secrets, {
        KEY: { value: { file: "/home/ada/key" }, from },
        OTHER: { value: { env: "X" }, from }
      })
      assert.deepStrictEqual(settings.roots, { value: ["/work/digest/data", "/srv"], from })
      const kept = yield* load({ store: "sqlite::memory:", providers: { python: { python: "python3.14" } } })
      assert.strictEqual(Settings.showStore(kept.store.value), "sqlite::memory:")
      assert.strictEqual(kept.providers["python"]?.options["python"]?.value, "python3.14")
    })
  )

  it.effect("may be written as for the first Gleitzeit", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        persistence: {
          backend: "sqlite",
          sqlite: { db_path: "~/.gleitzeit/workflows.db" },
          redis: { host: "localhost", port: 6379, db: 0 }
        },
        providers: {
          ollama: {
            enabled: true,
            endpoint: "http://gpu:11434/",
            timeout: 30,
            max_retries: 3,
            default_models: { chat: "llama3.2", vision: "llava", embedding: "nomic-embed-text" }
          },
          python: { enabled: true, timeout: 60, max_memory: "512M", allowed_modules: ["json"], sandbox: true },
          mcp: { enabled: false }
        },
        execution: { max_concurrent_tasks: 5 },
        batch: { max_file_size: 1_000_000 },
        mcp: { servers: [{ name: "fs", command: ["npx", "fs"], env: { TOKEN: "${TOKEN}" } }] }
      })
      assert.strictEqual(Settings.showStore(settings.store.value), "sqlite:/home/ada/.gleitzeit/workflows.db")
      const values = (name: string) =>
        Object.fromEntries(
          Object.entries(settings.providers[name]?.options ?? {}).map(([key, { value }]) => [key, value])
        )
      assert.deepStrictEqual(values("ollama"), {
        endpoint: "http://gpu:11434",
        timeout: 30,
        max_retries: 3,
        default_models: { chat: "llama3.2", vision: "llava", embedding: "nomic-embed-text" }
      })
      assert.deepStrictEqual(values("python"), {
        timeout: 60,
        max_memory: "512M",
        allowed_modules: ["json"],
        sandbox: true
      })
      assert.deepStrictEqual(
        settings.unused.map(({ value }) => value),
        ["execution", "batch"]
      )
      const memory = yield* load({ persistence: { backend: "none" } })
      assert.deepStrictEqual(memory.store.value, { _tag: "Memory" })
      assert.strictEqual(
        yield* refused({ persistence: { backend: "redis", redis: { url: "redis://localhost" } } }),
        `${from}: persistence.redis: a store on Redis is not in this version; use memory: or sqlite:PATH`
      )
    })
  )

  it.effect("names MCP servers as a list or by name, each with the folder that its paths are relative to", () =>
    Effect.gen(function* () {
      const fs = {
        connection_type: "stdio" as const,
        command: ["npx", "fs"],
        env: { TOKEN: "${TOKEN}", DEPTH: 3 },
        cwd: "data"
      }
      const said = { ...fs, folder: "/work/digest" }
      for (const servers of [[{ name: "fs", ...fs }], { fs }]) {
        const { mcp, providers } = yield* load({ mcp: { servers, import: ["~/a.json"], inputs: { key: "${KEY}" } } })
        assert.deepStrictEqual(mcp, {
          servers: { fs: { value: said, from } },
          imports: { value: ["/home/ada/a.json"], from },
          inputs: { key: { value: "${KEY}", from } }
        })
        assert.deepStrictEqual(providers["mcp"], { use: { value: "mcp", from: "default" }, options: {} })
      }
      assert.isUndefined((yield* load({ mcp: {} })).providers["mcp"])
      assert.isUndefined(
        (yield* load({ mcp: { servers: { fs } }, providers: { mcp: { enabled: false } } })).providers["mcp"]
      )
    })
  )

  it.effect("has a server of MCP as a whole: another file of that name adds nothing to it", () =>
    Effect.gen(function* () {
      const { mcp } = yield* load(
        { mcp: { servers: { a: { command: "ours" } } } },
        { mcp: { servers: { a: { command: "theirs", env: { TOKEN: "t" } }, b: { command: "b" } }, import: ["b.json"] } }
      )
      assert.deepStrictEqual(mcp.servers["a"], { value: { command: "ours", folder: "/work/digest" }, from })
      assert.strictEqual(mcp.servers["b"]?.from, "~/config.yaml")
      assert.deepStrictEqual(mcp.imports, { value: ["/work/digest/b.json"], from: "~/config.yaml" })
    })
  )

  it.effect("that has mistakes in a server of MCP names the place, and no value", () =>
    Effect.gen(function* () {
      const mistakes = (servers: unknown) => refused({ mcp: { servers } })
      assert.strictEqual(
        yield* mistakes([{ name: "a", comand: "hush" }]),
        `${from}: mcp.servers[0]: unknown key "comand", did you mean "command"?`
      )
      assert.strictEqual(yield* mistakes([{ command: "hush" }]), `${from}: mcp.servers[0]: missing "name"`)
      const twice = yield* mistakes({ a: { command: "x", url: "http://hush", startup_timeout: "hush" }, b: {} })
      assert.strictEqual(
        twice,
        [
          `${from}: 3 mistakes`,
          "mcp.servers.a.startup_timeout: expected seconds, or a duration such as 250ms, 30s, 5m, 1h or 2d",
          "mcp.servers.a: has a `command` and a `url`, keep one",
          "mcp.servers.b: expected a `command` or a `url`"
        ].join("\n")
      )
      assert.strictEqual(
        yield* mistakes({ a: { command: "x", headers: {} }, b: { url: "http://x", env: {}, args: [] } }),
        [
          `${from}: 3 mistakes`,
          "mcp.servers.a.headers: goes with a `url`, and not with a `command`",
          "mcp.servers.b.args: goes with a `command`, and not with a `url`",
          "mcp.servers.b.env: goes with a `command`, and not with a `url`"
        ].join("\n")
      )
      assert.strictEqual(
        yield* mistakes([
          { name: "a", command: "x" },
          { name: "a", command: "y" }
        ]),
        `${from}: mcp.servers[1]: "a" is the name of mcp.servers[0] too, keep one of them`
      )
      assert.deepStrictEqual(
        yield* load({ mcp: { servers: { a: { disabled: true } } } }).pipe(
          Effect.map(({ mcp }) => Object.keys(mcp.servers))
        ),
        ["a"]
      )
    })
  )

  it.effect("has the options of a bundled kind beside `use`, and those of a plug-in under `options`", () =>
    Effect.gen(function* () {
      const { providers } = yield* load({
        providers: {
          rates: { use: "remote", url: "http://127.0.0.1:9000/rpc" },
          big: { use: "ollama", endpoint: "gpu.local", options: { concurrency: 2 } },
          "@acme/provider": null,
          python: { enabled: false }
        }
      })
      assert.deepStrictEqual(providers["rates"], {
        use: { value: "remote", from },
        options: { url: { value: "http://127.0.0.1:9000/rpc", from } }
      })
      assert.deepStrictEqual(providers["big"]?.options, {
        endpoint: { value: "http://gpu.local:11434", from },
        concurrency: { value: 2, from }
      })
      assert.deepStrictEqual(providers["@acme/provider"], {
        use: { value: "@acme/provider", from: "default" },
        options: {}
      })
      assert.notProperty(providers, "python")
    })
  )

  it.effect("brings stores by the schemes of their URLs", () =>
    Effect.gen(function* () {
      const url = "redis://ada:hunter2hunter2@db/0"
      const settings = yield* load({
        store: url,
        stores: { redis: { use: "@acme/store-redis", options: { prefix: "g" } } }
      })
      assert.deepStrictEqual(settings.store, { value: { _tag: "Other", scheme: "redis", url }, from })
      assert.deepStrictEqual(settings.stores["redis"], {
        use: { value: "@acme/store-redis", from },
        options: { prefix: { value: "g", from } }
      })
    })
  )

  it.effect("with a mistake is refused, with the place, what was expected and what was meant", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [document: unknown, message: string]> = [
        [[], 'expected settings by name, such as `store: "memory:"`'],
        ["store", 'expected settings by name, such as `store: "memory:"`'],
        [{ stor: "memory:" }, 'unknown key "stor", did you mean "store"?'],
        [{ files: { xyz: [] } }, 'files: unknown key "xyz", expected roots'],
        [{ debug: "yes" }, "debug: expected true or false, found text"],
        [{ durability: "disk" }, 'durability: expected "process" or "power", found text'],
        [{ files: { root: [] } }, 'files: unknown key "root", did you mean "roots"?'],
        [{ price: {} }, 'unknown key "price", did you mean "prices"?'],
        [{ prices: { tables: {} } }, 'prices: unknown key "tables", did you mean "table"?'],
        [{ prices: { source: "genai" } }, 'prices.source: expected "genai-prices" or "none", found text'],
        [{ prices: { table: { m: { input: 1 } } } }, 'prices.table.m: missing "output"'],
        [
          { prices: { table: { m: { inputs: 1, input: 1, output: 1 } } } },
          'prices.table.m: unknown key "inputs", did you mean "input"?'
        ],
        [
          { prices: { table: { m: { input: -1, output: 1 } } } },
          "prices.table.m.input: expected at least 0, found a number"
        ],
        [{ providers: { ollama: "http://x" } }, "providers.ollama: expected a mapping, found text"],
        [{ providers: { x: { usee: "y" } } }, 'providers.x: unknown key "usee", did you mean "use"?'],
        [
          { providers: { x: { endpoint: "y" } } },
          'providers.x: unknown key "endpoint", options of a plug-in stand under `options`'
        ],
        [
          { providers: { ollma: { endpoint: "http://x" } } },
          'providers.ollma: unknown key "endpoint", options of a plug-in stand under `options`; did you mean providers.ollama?'
        ],
        [
          { providers: { ollama: { endpoint: "a", options: { endpoint: "b" } } } },
          "providers.ollama: `endpoint` stands here and under `options`, keep one"
        ],
        [
          { providers: { ollama: { endpoint: "ftp://x" } } },
          'providers.ollama.endpoint: "ftp://x" is neither http: nor https:'
        ],
        [
          { secrets: { KEY: { env: "A", file: "b" } } },
          "secrets.KEY: expected one of { env: VARIABLE } and { file: PATH }"
        ],
        [{ secrets: { KEY: "hunter2hunter2" } }, "secrets.KEY: expected a mapping, found text"],
        [{ store: "memory:", persistence: {} }, "`store` and `persistence` say the same, keep one"],
        [{ stores: { sqlite: {} } }, "stores.sqlite: sqlite: is built in, a store of a plug-in needs another scheme"],
        [{ debug: () => true }, "debug: expected JSON, found a value of type function"],
        [JSON.parse('{"providers": {"__proto__": {}}}'), "`__proto__` cannot be the name of a key"]
      ]
      for (const [document, expected] of cases) {
        const message = yield* refused(document)
        assert.isTrue(message.startsWith(`${from}: `), message)
        assert.include(message, expected)
        assert.notInclude(message, "hunter2")
      }
      assert.strictEqual(
        yield* refused({ stor: "x", debug: 1 }),
        `${from}: 2 mistakes\ndebug: expected true or false, found a number\nunknown key "stor", did you mean "store"?`
      )
    })
  )

  it.effect("in JSON says where a slip is, without what stands there", () =>
    Effect.gen(function* () {
      const slip = '{\n  "api_key": "hunter2hunter2",\n  oops\n}'
      const { message } = yield* Effect.flip(ConfigFile.parseJson(slip, "c.json"))
      assert.isTrue(message.startsWith("c.json:3:3: "), message)
      assert.notInclude(message, "hunter2")
      assert.deepStrictEqual(yield* ConfigFile.parseJson('{"debug": true}', "c.json"), { debug: true })
    })
  )

  it("is typed for files in TypeScript", () => {
    const config = {
      store: "sqlite:runs.db",
      providers: { rates: { use: "remote", url: "http://127.0.0.1:9000/rpc", headers: { accept: "*/*" } } },
      stores: { redis: { use: "@acme/store-redis", options: { prefix: "g" } } },
      secrets: { KEY: { env: "MY_KEY" } },
      files: { roots: ["data"] }
    } satisfies Settings.Config
    assert.strictEqual(config.store, "sqlite:runs.db")
    // @ts-expect-error -- a key that there is not
    const wrong = { stor: "memory:" } satisfies Settings.Config
    assert.property(wrong, "stor")
  })
})

describe("files laid over each other", () => {
  it.effect("merge maps, each value with its own origin, and replace lists", () =>
    Effect.gen(function* () {
      const { prices, providers, roots, secrets } = yield* load(
        {
          providers: { ollama: { models: { default: "a" }, timeout: 1 } },
          files: { roots: ["/a"] },
          prices: { table: { "gpt-4o": { input: 1, output: 2 } } }
        },
        {
          prices: {
            source: "none",
            table: { "gpt-4o": { input: 3, output: 4, cache_read: 1 }, "my-*": { input: 5, output: 6 } }
          },
          providers: { ollama: { models: { default: "b", vision: "c" }, max_retries: 2 }, mine: { use: "@acme/mine" } },
          files: { roots: ["/b"] },
          secrets: { KEY: { env: "X" } }
        }
      )
      assert.deepStrictEqual(providers["ollama"]?.options, {
        models: { value: { default: "a", vision: "c" }, from: `${from}, ~/config.yaml` },
        timeout: { value: 1, from },
        max_retries: { value: 2, from: "~/config.yaml" }
      })
      assert.deepStrictEqual(providers["mine"]?.use, { value: "@acme/mine", from: "~/config.yaml" })
      assert.deepStrictEqual(roots, { value: ["/a"], from })
      assert.deepStrictEqual(prices, {
        source: { value: "none", from: "~/config.yaml" },
        table: {
          "gpt-4o": { value: { input: 1, output: 2 }, from },
          "my-*": { value: { input: 5, output: 6 }, from: "~/config.yaml" }
        }
      })
      assert.deepStrictEqual(secrets["KEY"], { value: { env: "X" }, from: "~/config.yaml" })
    })
  )

  it.effect("leave out what was said of another thing of the same name", () =>
    Effect.gen(function* () {
      const { providers } = yield* load(
        { providers: { rates: { use: "./mine.ts", options: { a: 1 } }, ollama: { use: "./other.ts" } } },
        { providers: { rates: { use: "remote", url: "http://x" }, ollama: { endpoint: "http://x" } } }
      )
      assert.deepStrictEqual(Object.keys(providers["rates"]?.options ?? {}), ["a"])
      assert.deepStrictEqual(providers["ollama"]?.options, {})
      const same = yield* load(
        { providers: { rates: { options: { timeout: 1 } } } },
        { providers: { rates: { use: "remote", url: "http://x" } } }
      )
      assert.deepStrictEqual(Object.keys(same.providers["rates"]?.options ?? {}), ["timeout", "url"])
    })
  )

  it.effect("take servers from whoever names servers first", () =>
    Effect.gen(function* () {
      const many = { providers: { ollama: { endpoints: ["a:1", "b:2"] } } }
      const one = { providers: { ollama: { endpoint: "c:3" } } }
      const named = (...documents: ReadonlyArray<unknown>) =>
        Effect.map(load(...documents), ({ providers }) =>
          Object.entries(providers["ollama"]?.options ?? {}).map(([key, { value }]) => [key, value])
        )
      assert.deepStrictEqual(yield* named(many, one), [["endpoints", ["http://a:1", "http://b:2"]]])
      assert.deepStrictEqual(yield* named(one, many), [["endpoint", "http://c:3"]])
      const pool = { providers: { ollama: { pool: ["d:4"] } } }
      assert.deepStrictEqual(yield* named(one, pool), [["endpoint", "http://c:3"]])
      assert.deepStrictEqual(yield* named(pool, one), [["pool", ["http://d:4"]]])
    })
  )

  it.effect("let one choose the kind of store and another say where it is", () =>
    Effect.gen(function* () {
      const store = (...documents: ReadonlyArray<unknown>) =>
        Effect.map(load(...documents), ({ store }) => [Settings.showStore(store.value), store.from])
      const kind = { persistence: { backend: "sqlite" } }
      assert.deepStrictEqual(yield* store(kind, { store: "sqlite:/runs.db" }), ["sqlite:/runs.db", "~/config.yaml"])
      assert.deepStrictEqual(yield* store(kind, { store: "memory:" }), [
        "sqlite:/home/ada/.local/share/gleitzeit/gleitzeit.db",
        from
      ])
      assert.deepStrictEqual(yield* store({ persistence: {} }, { store: "memory:" }), ["memory:", "~/config.yaml"])
      assert.deepStrictEqual(yield* store({ store: "memory:" }, { persistence: { sqlite: { path: "/x" } } }), [
        "memory:",
        from
      ])
    })
  )

  const Leaves = Schema.Record(Schema.Literals(["a", "b", "c"]).pipe(Schema.toType), Schema.Int)
  const Layers = Schema.Array(Schema.Struct({ options: Leaves, secrets: Leaves, models: Leaves }))

  it.effect.prop("give each value as the first says it who says it", { layers: Layers }, ({ layers }) =>
    Effect.gen(function* () {
      const sources = yield* Effect.forEach(layers, ({ models, options, secrets }, i) =>
        ConfigFile.read(
          {
            providers: { ollama: { ...options, models } },
            secrets: Object.fromEntries(Object.entries(secrets).map(([key, n]) => [key, { env: `V${n}` }]))
          },
          { ...place, file: `${i}` }
        )
      )
      const settings = yield* Settings.resolve(sources, machine)
      const first = (part: "options" | "secrets" | "models", key: "a" | "b" | "c") => {
        const i = layers.findIndex((layer) => layer[part][key] !== undefined)
        return i < 0 ? undefined : { value: layers[i]?.[part][key], from: `${i}` }
      }
      const found = settings.providers["ollama"]?.options ?? {}
      for (const key of ["a", "b", "c"] as const) {
        assert.deepStrictEqual<unknown>(found[key], first("options", key))
        const secret = first("secrets", key)
        assert.deepStrictEqual<unknown>(
          settings.secrets[key],
          secret === undefined ? undefined : { ...secret, value: { env: `V${secret.value}` } }
        )
      }
      const models = (["a", "b", "c"] as const).flatMap((key) => {
        const model = first("models", key)
        return model === undefined ? [] : [[key, model.value]]
      })
      assert.deepStrictEqual<unknown>(found["models"]?.value ?? {}, Object.fromEntries(models))
    })
  )
})
