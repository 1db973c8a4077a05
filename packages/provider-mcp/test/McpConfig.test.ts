import { assert, describe, it } from "@effect/vitest"
import { ConfigFile, Secrets, Settings } from "@gleitzeit/core"
import { ConfigProvider, Effect, type Scope } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import * as McpConfig from "../src/McpConfig.ts"
import type { Server, Unusable } from "../src/Server.ts"

interface Place {
  readonly folder: string
  readonly file: (name: string, text: string) => string
}

const place: Effect.Effect<Place, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-mcp-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => ({
    folder,
    file: (name, text) => {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      return path
    }
  })
)

const env = { GITHUB_TOKEN: "ghp_secret", HOST: "tools.example" }

const all = (source: Omit<McpConfig.Source, "home" | "servers"> & Partial<McpConfig.Source>, more = {}) =>
  McpConfig.read({ home: "/home/ada", servers: [], ...source }).pipe(
    Effect.provide(Secrets.layer),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...env, ...more } }))
  )

/** Our own configuration, as the settings have it. */
const written = (text: string, folder: string, more = {}) =>
  Effect.gen(function* () {
    const resolved = (path: string) => resolve(folder, path)
    const source = yield* ConfigFile.read(Yaml.parse(text), { file: "gleitzeit.config.yaml", resolve: resolved })
    const { mcp } = yield* Settings.resolve([source], { home: "/home/ada", folder, isFolder: () => false })
    return yield* all(McpConfig.ofSettings({ mcp, folder }, "/home/ada"), more)
  })

const servers = (configured: ReadonlyArray<McpConfig.Configured>) => McpConfig.servers(configured)

const reasons = (configured: ReadonlyArray<McpConfig.Configured>) =>
  Object.fromEntries(McpConfig.servers(configured).flatMap((one) => ("reason" in one ? [[one.name, one.reason]] : [])))

/** The three servers that every dialect here names. */
const expected = (folder: string): ReadonlyArray<Server> => {
  const common = {
    tools: { include: ["*"], exclude: [], aliases: {} },
    start: "lazy" as const,
    startTimeout: 30_000,
    listTimeout: 30_000,
    callTimeout: 60_000,
    maxMessage: 10_485_760,
    concurrency: 16,
    restart: { max: 5, backoff: 500, window: 60_000 },
    approve: []
  }
  return [
    {
      name: "filesystem",
      reach: { _tag: "Stdio", command: "npx", args: ["-y", "fs", `${folder}/data`], env: {}, cwd: folder },
      prefix: "filesystem.",
      protocol: "legacy",
      roots: [folder],
      ...common
    },
    {
      name: "github",
      reach: {
        _tag: "Stdio",
        command: "npx",
        args: ["-y", "gh"],
        env: { FROM_FILE: "f ${X}", GITHUB_TOKEN: "ghp_secret", LEVEL: "info" },
        cwd: join(folder, "gh")
      },
      prefix: "github.",
      protocol: "legacy",
      roots: [join(folder, "gh")],
      hidden: ["ghp_secret"],
      ...common
    },
    {
      name: "remote",
      reach: {
        _tag: "Http",
        url: "https://tools.example/mcp",
        headers: { Authorization: "Bearer ghp_secret" },
        sse: false
      },
      prefix: "remote.",
      protocol: "auto",
      roots: [folder],
      hidden: ["tools.example", "ghp_secret"],
      ...common
    }
  ]
}

const seeds = `
mcp:
  servers:
    - name: filesystem
      connection_type: stdio
      command: [npx, -y, fs, "\${workspaceFolder}/data"]
    - name: github
      connection_type: stdio
      command: npx
      args: [-y, gh]
      env: { GITHUB_TOKEN: "\${GITHUB_TOKEN}", LEVEL: "\${LEVEL:-info}" }
      env_file: gh/.env
      cwd: gh
    - name: remote
      connection_type: http
      url: "https://\${HOST}/mcp"
      headers: { Authorization: "Bearer \${env:GITHUB_TOKEN}" }
`

const mcpServers = `{
  // of Claude, Cursor, Windsurf
  "mcpServers": {
    "filesystem": { "command": "npx", "args": ["-y", "fs", "\${workspaceFolder}/data"], },
    "github": {
      "type": "stdio",
      "command": "npx",
      "args": ["-y", "gh"],
      "env": { "GITHUB_TOKEN": "\${GITHUB_TOKEN}", "LEVEL": "\${LEVEL:-info}", },
      "envFile": "\${workspaceFolder}/gh/.env",
      "cwd": "\${workspaceFolder}/gh",
      "disabled": false,
      "autoApprove": ["search"], /* of another program */
    },
    "remote": {
      "type": "streamable-http",
      "url": "https://\${HOST}/mcp",
      "headers": { "Authorization": "Bearer \${env:GITHUB_TOKEN}" }
    }
  }
}`

const visualStudio = `{
  "inputs": [
    { "type": "promptString", "id": "token", "description": "A token", "password": true },
    { "type": "pickString", "id": "level", "options": ["info", "debug"], "default": "info" }
  ],
  "servers": {
    "filesystem": { "type": "stdio", "command": "npx", "args": ["-y", "fs", "\${workspaceFolder}/data"] },
    "github": {
      "command": "npx",
      "args": ["-y", "gh"],
      "env": { "GITHUB_TOKEN": "\${input:token}", "LEVEL": "\${input:level}" },
      "envFile": "\${workspaceFolder}/gh/.env",
      "cwd": "\${workspaceFolder}/gh",
      "dev": { "watch": "src/**" }
    },
    "remote": {
      "type": "http",
      "url": "https://\${env:HOST}/mcp",
      "headers": { "Authorization": "Bearer \${input:token}" }
    },
  },
}`

describe("servers of MCP", () => {
  for (const [dialect, name, text] of [
    ["mcpServers", ".mcp.json", mcpServers],
    ["servers of VS Code", ".vscode/mcp.json", visualStudio],
    ["mcp.servers of VS Code's settings", "settings.json", `{ "mcp": ${visualStudio} }`],
    ["mcp.servers in YAML", "other.yaml", seeds.replace("gh/.env", "${workspaceFolder}/gh/.env")]
  ] as const) {
    it.effect(`are the same when they are written as ${dialect}`, () =>
      Effect.gen(function* () {
        const { file, folder } = yield* place
        file("gh/.env", "# a comment\nFROM_FILE='f ${X}'\nLEVEL=debug\n")
        const found = yield* all({ folder, imports: [file(name, text)] }, { TOKEN: "ghp_secret" })
        assert.deepStrictEqual(servers(found), expected(folder))
        assert.deepStrictEqual(
          found.map(({ from }) => from),
          [name, name, name]
        )
      })
    )
  }

  it.effect("are the same when they are our own, as a list and by name", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      file("gh/.env", "FROM_FILE='f ${X}'\n")
      assert.deepStrictEqual(servers(yield* written(seeds, folder)), expected(folder))
      const byName = seeds.replaceAll(/- name: (\w+)\n      /g, "$1:\n      ")
      assert.deepStrictEqual(servers(yield* written(byName, folder)), expected(folder))
    })
  )

  it.effect("of whom one has no value for a variable can be used but for that one", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const text = `{ "mcpServers": {
        "github": { "command": "gh", "args": ["\${SUB}"], "env": { "GITHUB_TOKEN": "\${TOKEN_THAT_IS_NOT}" } },
        "asks": { "command": "a", "env": { "KEY": "\${input:key}" } },
        "other": { "command": "o" } } }`
      const found = yield* all({ folder, imports: [file(".mcp.json", text)] })
      assert.deepStrictEqual(reasons(found), {
        github:
          "the environment variable SUB is not set (github.args[0] in .mcp.json); " +
          "the environment variable TOKEN_THAT_IS_NOT is not set (github.env.GITHUB_TOKEN in .mcp.json)",
        asks: 'the input "key" has no value; `mcp.inputs` in the configuration may give one (asks.env.KEY in .mcp.json)'
      })
      assert.strictEqual(servers(found).length, 3)
    })
  )

  it.effect("are ours where another program has one of the same name, and the first file's of two", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const imports = ["one", "two"].map((name) =>
        file(`${name}.json`, `{ "mcpServers": { "a": { "command": "${name}" }, "b": { "command": "${name}" } } }`)
      )
      const own = { name: "a", from: "gleitzeit.config.yaml", server: { command: "ours" }, folder }
      const found = yield* all({ folder, servers: [own], imports })
      assert.deepStrictEqual(
        found.map(({ from, name }) => [name, from]),
        [
          ["a", "gleitzeit.config.yaml"],
          ["b", "one.json"]
        ]
      )
    })
  )

  it.effect("of one name in one file are an error that names both places", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const twice = file(
        "twice.json",
        `{ "servers": { "a": { "command": "x" } }, "mcpServers": { "a": { "url": "http://x" } } }`
      )
      const keys = file("keys.json", `{ "mcpServers": {\n "a": { "command": "x" },\n "a": { "command": "y" } } }`)
      assert.deepStrictEqual(reasons(yield* all({ folder, imports: [twice, keys] })), {
        a: "twice.json has it twice, as mcpServers.a and as servers.a; keep one of them",
        "keys.json": 'keys.json:3:2: the key "a" is given twice, first on line 2'
      })
      const own = yield* Effect.flip(
        written("mcp: { servers: [{ name: a, command: x }, { name: a, command: y }] }", folder)
      )
      assert.strictEqual(
        own.message,
        'gleitzeit.config.yaml: mcp.servers[1]: "a" is the name of mcp.servers[0] too, keep one of them'
      )
    })
  )

  it.effect("that are switched off are listed and not there", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const text = `{ "mcpServers": { "a": { "command": "x", "disabled": true }, "b": { "command": "\${NO}", "enabled": false } } }`
      const found = yield* all({ folder, imports: [file("a.json", text)] })
      assert.deepStrictEqual(found, [
        { name: "a", from: "a.json" },
        { name: "b", from: "a.json" }
      ])
      assert.deepStrictEqual(servers(found), [])
    })
  )

  it.effect("that cannot be understood say what was expected, each for itself", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const text = `{ "mcpServers": {
        "slip": { "comand": "x" },
        "wrong": { "command": "x", "args": "-y", "env": { "SECRET": ["s3cret"] } },
        "both": { "command": "x", "url": "http://x" },
        "way": { "type": "carrier-pigeon", "url": "http://x" },
        "spaces": { "command": "npx -y fs" },
        "address": { "url": "tools.example" },
        "socket": { "url": "ws://x", "headers": { "a": "b" } },
        "text": "npx",
        "fine": { "command": "x" } } }`
      const found = yield* all({
        folder,
        imports: [file("a.json", text), join(folder, "none.json"), file("empty.json", "{}")]
      })
      assert.deepStrictEqual(reasons(found), {
        slip: 'slip: expected a `command` or a `url`; it has "comand", did you mean "command"? (mcpServers.slip in a.json)',
        wrong:
          "wrong.args: expected a list, found text (mcpServers.wrong in a.json); " +
          "wrong.env.SECRET: expected text, a number or true or false, found a list (mcpServers.wrong in a.json)",
        both: "both: has a `command` and a `url`, keep one (mcpServers.both in a.json)",
        way: 'way.type: expected "stdio", "http", "streamable-http", "sse", "websocket" or "ws", found text (mcpServers.way in a.json)',
        spaces: 'the command has spaces: write it as a list that begins with "npx" (spaces.command in a.json)',
        address: "expected a URL that begins with http:// or https:// (address.url in a.json)",
        socket: "a WebSocket takes no headers (socket.headers in a.json)",
        text: "text: expected a mapping with `command` or `url` (mcpServers.text in a.json)",
        "none.json": "none.json: there is no such file",
        "empty.json": "empty.json: names no servers: expected `mcpServers`, `servers` or `mcp.servers`"
      })
    })
  )

  it.effect("have every key of their own", () =>
    Effect.gen(function* () {
      const { folder } = yield* place
      const [server] = servers(
        yield* written(
          `
mcp:
  servers:
    a:
      command: ./bin/serve
      cwd: ~/a
      tool_prefix: ""
      tools: { include: ["read_*"], aliases: { read_file: read } }
      protocol: auto
      start: eager
      startup_timeout: 5
      list_timeout: 250ms
      call_timeout: 1m
      total_timeout: 1h
      idle_timeout: 5m
      max_message_bytes: 1000
      max_concurrency: 2
      restart: { max: 2, backoff: 1s }
      roots: [., ~/b]
      approve: destructive
`,
          folder
        )
      )
      assert.deepStrictEqual(server, {
        name: "a",
        reach: { _tag: "Stdio", command: join(folder, "bin/serve"), args: [], env: {}, cwd: "/home/ada/a" },
        prefix: "",
        tools: { include: ["read_*"], exclude: [], aliases: { read_file: "read" } },
        protocol: "auto",
        start: "eager",
        startTimeout: 5000,
        listTimeout: 250,
        callTimeout: 60_000,
        totalTimeout: 3_600_000,
        idleTimeout: 300_000,
        maxMessage: 1000,
        concurrency: 2,
        restart: { max: 2, backoff: 1000, window: 60_000 },
        roots: [folder, "/home/ada/b"],
        approve: "destructive"
      })
    })
  )

  it.effect("have the words of other programs: names of keys, times, lists of tools, servers by project", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const user = {
        mcpServers: {
          windsurf: { serverUrl: "https://a/sse", type: "sse" },
          gemini: { httpUrl: "https://a/mcp", timeout: 600_000, includeTools: ["a"], excludeTools: ["b"], trust: true },
          copilot: { type: "local", command: "c", args: [], tools: ["*"], cwd: null },
          cline: { command: "c", url: "", timeout: 90, alwaysAllow: ["x"], disabledTools: ["y"] },
          number: { command: "c", env: { PORT: 8080, DEBUG: true } }
        },
        projects: { [folder]: { mcpServers: { ofProject: { command: "p" } } }, "/other": { mcpServers: { not: {} } } }
      }
      const found = servers(yield* all({ folder, imports: [file("claude.json", JSON.stringify(user))] }))
      const by = new Map(found.flatMap((one) => ("reach" in one ? [[one.name, one] as const] : [])))
      assert.deepStrictEqual([...by.keys()], ["ofProject", "windsurf", "gemini", "copilot", "cline", "number"])
      assert.deepInclude(by.get("windsurf")?.reach, { _tag: "Http", url: "https://a/sse", sse: true })
      assert.deepInclude(by.get("gemini")?.reach, { _tag: "Http", url: "https://a/mcp", sse: false })
      assert.strictEqual(by.get("gemini")?.callTimeout, 600_000)
      assert.deepStrictEqual(by.get("gemini")?.tools, { include: ["a"], exclude: ["b"], aliases: {} })
      assert.deepStrictEqual(by.get("copilot")?.tools, { include: ["*"], exclude: [], aliases: {} })
      assert.strictEqual(by.get("cline")?.callTimeout, 90_000)
      assert.deepStrictEqual(by.get("cline")?.tools.exclude, ["y"])
      assert.deepInclude(by.get("number")?.reach, { env: { PORT: "8080", DEBUG: "true" } })
    })
  )

  it.effect("take tokens from secrets", () =>
    Effect.gen(function* () {
      const { folder } = yield* place
      const text = `
mcp:
  servers:
    a: { url: "http://a", auth: { bearer: "\${secrets.A_TOKEN}" } }
    b: { type: sse, url: "http://b", auth: { client_id: me, client_secret: "\${secrets.B}", scope: all } }
    c: { url: "wss://c" }
    d: { url: "http://d", auth: { bearer: "\${secrets.NONE}" } }
`
      const found = yield* written(text, folder, { A_TOKEN: "aaa", B: "bbb" })
      const reach = (one: Server | Unusable) => ("reach" in one ? one.reach : one.reason)
      assert.deepStrictEqual(servers(found).slice(0, 3).map(reach), [
        { _tag: "Http", url: "http://a", headers: {}, sse: false, auth: { _tag: "Bearer", token: "aaa" } },
        {
          _tag: "Http",
          url: "http://b",
          headers: {},
          sse: true,
          auth: { _tag: "ClientCredentials", clientId: "me", clientSecret: "bbb", scope: "all" }
        },
        { _tag: "WebSocket", url: "wss://c" }
      ])
      assert.include(reasons(found)["d"], "(d.auth.bearer in gleitzeit.config.yaml)")
    })
  )

  it.effect("are one named default where a program is named, run by what its ending says", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place
      const command = (path: string) =>
        Effect.map(all({ folder, program: path }), (found) => {
          const [one] = servers(found)
          assert.strictEqual(found[0]?.name, "default")
          assert.strictEqual(found[0]?.from, "GLEITZEIT_MCP_SERVER_PATH")
          return one === undefined || !("reach" in one) || one.reach._tag !== "Stdio"
            ? one
            : [one.reach.command, ...one.reach.args]
        })
      const js = file("a.mjs", "")
      assert.deepStrictEqual(yield* command(js), [process.execPath, js])
      const py = file("a.py", "")
      assert.deepStrictEqual(yield* command(py), ["python3", py])
      const own = file("a", "")
      assert.deepStrictEqual(yield* command(own), [own])
      assert.deepStrictEqual(yield* command(join(folder, "none")), {
        name: "default",
        reason: `GLEITZEIT_MCP_SERVER_PATH: there is no file ${join(folder, "none")}`
      })
    })
  )
})
