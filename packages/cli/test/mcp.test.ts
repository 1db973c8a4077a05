import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { chmodSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as McpImport from "../src/McpImport.ts"
import * as McpInsertion from "../src/McpInsertion.ts"
import { place } from "./command.ts"
import { golden } from "./golden.ts"

/** Answers to `greet` with what it is given, and with its variable WORD. */
const greeter = `
import { createInterface } from "node:readline"
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n")
const tool = (name, annotations) => ({
  name,
  description: "Greets somebody. And says more about it.",
  inputSchema: { type: "object", properties: { name: { type: "string" }, times: { type: "integer" } }, required: ["name"] },
  annotations
})
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === "initialize") {
    answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "greeter", version: "1.2.3" } })
  } else if (method === "tools/list") {
    answer(id, { tools: [tool("greet", { readOnlyHint: true }), tool("forget", { destructiveHint: true }), tool("note", {})] })
  } else if (method === "tools/call") {
    answer(id, { content: [{ type: "text", text: (process.env.WORD ?? "Hello") + " " + JSON.stringify(params.arguments) }] })
  } else if (id !== undefined) answer(id, {})
})
`

const project = Effect.gen(function* () {
  const made = yield* place()
  made.file("greeter.mjs", greeter)
  chmodSync(made.file("word.txt", "Moin\n"), 0o600)
  made.file(
    ".mcp.json",
    `{ "mcpServers": {
      "theirs": { "type": "http", "url": "http://127.0.0.1:10/mcp?token=hush" },
      "off": { "command": "x", "disabled": true } // not for now
    } }`
  )
  const config = made.file(
    "gleitzeit.config.yaml",
    `store: "memory:"
secrets: { WORD: { file: word.txt } }
mcp:
  servers:
    - { name: greeter, command: [node, "\${workspaceFolder}/greeter.mjs"], tool_prefix: g., env: { WORD: "\${secrets.WORD}" } }
    - { name: unset, command: node, env: { TOKEN: "\${NOBODY_HAS_SET_THIS}" } }
    - { name: missing, command: nobody-has-this-program }
  import: [.mcp.json]
`
  )
  return {
    ...made,
    config,
    gz: (...args: ReadonlyArray<string>) =>
      Effect.map(made.gz(...args, "--config", config), ({ exit, stderr, stdout }) => {
        const plain = (text: string) => text.replaceAll(made.folder, "FOLDER").replaceAll(config, "CONFIG").trimEnd()
        return { exit, stdout: plain(stdout), stderr: plain(stderr) }
      })
  }
})

describe("gleitzeit mcp", () => {
  it.live("lists the servers that are configured, where they come from, and why one cannot be used", () =>
    Effect.gen(function* () {
      const { gz } = yield* project
      const listed = yield* gz("mcp", "list")
      golden(
        "mcp-list",
        listed.stdout.split("\n").map((line) => line.trimEnd())
      )
      const { servers } = JSON.parse((yield* gz("mcp", "list", "--json")).stdout)
      assert.deepStrictEqual(
        servers.map(({ name, state }: { name: string; state: string }) => [name, state]),
        [
          ["greeter", "usable"],
          ["unset", "unusable"],
          ["missing", "usable"],
          ["theirs", "usable"],
          ["off", "switched off"]
        ]
      )
      assert.notInclude(listed.stdout, "hush")
    }).pipe(Effect.scoped)
  )

  it.live("lists the tools of one, and of all but those that cannot be asked", () =>
    Effect.gen(function* () {
      const { gz } = yield* project
      const one = yield* gz("mcp", "tools", "greeter")
      assert.strictEqual(one.exit, 0, one.stderr)
      golden(
        "mcp-tools",
        one.stdout.split("\n").map((line) => line.trimEnd())
      )
      const all = yield* gz("mcp", "tools", "--json")
      const { tools } = JSON.parse(all.stdout)
      assert.deepStrictEqual(
        tools.map(({ method }: { method: string }) => method),
        ["mcp/tool.g.greet", "mcp/tool.g.forget", "mcp/tool.g.note"]
      )
      assert.include(all.stderr, "unset: the environment variable NOBODY_HAS_SET_THIS is not set")
      const missing = yield* gz("mcp", "tools", "missing")
      assert.strictEqual(missing.exit, 5)
      assert.include(missing.stderr, '"nobody-has-this-program" is not found')
      const nobody = yield* gz("mcp", "tools", "greter")
      assert.strictEqual(nobody.exit, 4)
      assert.strictEqual(
        nobody.stderr,
        'error: there is no MCP server "greter" (configured: greeter, unset, missing, theirs, off)'
      )
    }).pipe(Effect.scoped)
  )

  it.live("calls a tool, whose server has its secret from where the configuration says", () =>
    Effect.gen(function* () {
      const { gz } = yield* project
      for (const params of [
        ["name=Ada", "times=2"],
        ["--args", '{"name":"Ada","times":2}']
      ]) {
        const said = yield* gz("mcp", "call", "g.greet", ...params)
        assert.strictEqual(said.exit, 0, said.stderr)
        assert.strictEqual(said.stdout, 'Moin {"name":"Ada","times":2}')
        // no other server was asked for it
        assert.strictEqual(said.stderr, "")
      }
      const wrong = yield* gz("mcp", "call", "g.greet", "nam=Ada")
      assert.notStrictEqual(wrong.exit, 0)
      assert.include(wrong.stdout + wrong.stderr, '"name"')
      const unset = yield* gz("mcp", "call", "unset.greet")
      assert.strictEqual(unset.exit, 5)
      assert.include(unset.stderr, "the environment variable NOBODY_HAS_SET_THIS is not set (unset.env.TOKEN in")
      const none = yield* gz("mcp", "call", "g.gret")
      assert.strictEqual(none.exit, 2)
      assert.include(none.stderr, 'did you mean "mcp/tool.g.greet"?')
      const both = yield* gz("mcp", "call", "g.greet", "name=Ada", "--args", "{}")
      assert.strictEqual(both.exit, 2)
    }).pipe(Effect.scoped)
  )

  it.live("has params behind -- as flags", () =>
    Effect.gen(function* () {
      const { config, folder } = yield* project
      const { gz } = yield* place({ HOME: folder })
      const said = yield* gz("mcp", "call", "g.greet", "--config", config, "--", "--name", "Ada", "--times=2")
      assert.strictEqual(said.stdout, 'Moin {"name":"Ada","times":2}\n', said.stderr)
    }).pipe(Effect.scoped)
  )

  it.live("says of each server what is wrong and what would help", () =>
    Effect.gen(function* () {
      const { gz } = yield* project
      const { exit, stdout } = yield* gz("mcp", "doctor")
      assert.strictEqual(exit, 5)
      golden(
        "mcp-doctor",
        stdout.split("\n").map((line) => line.replace(/PATH \([^)]*\)/, "PATH (…)").trimEnd())
      )
      assert.strictEqual((yield* gz("mcp", "doctor", "greeter")).exit, 0)
      const { findings, ok } = JSON.parse((yield* gz("mcp", "doctor", "unset", "--json")).stdout)
      assert.strictEqual(ok, false)
      assert.strictEqual(findings.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("names no server where none is configured", () =>
    Effect.gen(function* () {
      const { file, gz } = yield* place()
      const empty = file("empty.yaml", "mcp: { servers: [] }\n")
      const said = yield* gz("mcp", "list", "--config", empty)
      assert.strictEqual(said.exit, 0)
      assert.include(said.stderr, "no MCP server is configured")
      assert.notInclude((yield* gz("providers", "--config", empty)).stdout, "mcp/v1")
    }).pipe(Effect.scoped)
  )
})

const foreign = `{
  "inputs": [
    { "id": "api-key", "type": "promptString", "password": true },
    { "id": "city", "type": "promptString", "default": "Kiel" }
  ],
  "servers": {
    "greeter": { "command": "theirs" },
    "weather": {
      "type": "stdio", "command": "npx", "args": ["-y", "weather", "--api-key", "hush-1", "--city=\${input:city}"],
      "env": { "API_TOKEN": "hush-2", "OTHER_KEY": "\${input:api-key}", "LEVEL": "info" }
    },
    "far away": {
      "url": "https://ada:hush-3@tools.example/mcp", "headers": { "Authorization": "Bearer hush-4", "X-Kind": "a" }
    },
    "slip": { "comand": "x" },
  }
}`

describe("gleitzeit mcp import", () => {
  it.live("shows what would be added, with variables in place of secrets", () =>
    Effect.gen(function* () {
      const { config, file, folder, gz } = yield* project
      const before = readFileSync(config, "utf8")
      const said = yield* gz("mcp", "import", file("foreign.json", foreign))
      assert.strictEqual(said.exit, 0, said.stderr)
      assert.notInclude(said.stdout + said.stderr, "hush")
      golden("mcp-import", `${said.stdout}\n\n${said.stderr}`.split("\n"))
      assert.strictEqual(readFileSync(config, "utf8"), before)
      const none = yield* gz("mcp", "import", join(folder, "none.json"))
      assert.strictEqual(none.exit, 4)
      const odd = yield* gz("mcp", "import", file("odd.json", '{ "a": 1 }'))
      assert.strictEqual(odd.exit, 2)
      assert.include(odd.stderr, "odd.json: names no servers: expected `mcpServers`, `servers` or `mcp.servers`")
    }).pipe(Effect.scoped)
  )

  it.live("adds it to the configuration, where everything else stays as it was", () =>
    Effect.gen(function* () {
      const { config, file, gz } = yield* project
      const before = readFileSync(config, "utf8")
      const said = yield* gz("mcp", "import", file("foreign.json", foreign), "--write", "--quiet")
      assert.strictEqual(said.exit, 0, said.stderr)
      const after = readFileSync(config, "utf8")
      assert.strictEqual(
        after
          .split("\n")
          .filter((line) => before.split("\n").includes(line))
          .join("\n"),
        before
      )
      const { servers } = JSON.parse((yield* gz("mcp", "list", "--json")).stdout)
      const byName = Object.fromEntries(servers.map((one: { name: string }) => [one.name, one]))
      assert.strictEqual(byName["weather"].state, "unusable")
      assert.include(byName["weather"].reason, "the environment variable WEATHER_API_KEY is not set")
      assert.include(byName["far away"].reason, "FAR_AWAY_TOKEN is not set (far away.headers.Authorization in")
      const again = yield* gz("mcp", "import", file("foreign.json", foreign), "--write")
      assert.include(again.stderr, "nothing to add")
      assert.strictEqual(readFileSync(config, "utf8"), after)
    }).pipe(Effect.scoped)
  )

  it.live("refuses to add to a file that is not in YAML", () =>
    Effect.gen(function* () {
      const { file, gz } = yield* place()
      const config = file("gleitzeit.config.json", "{}")
      const said = yield* gz("mcp", "import", file("a.json", foreign), "--write", "--config", config)
      assert.strictEqual(said.exit, 2)
      assert.include(said.stderr, "is not in YAML")
    }).pipe(Effect.scoped)
  )
})

describe("servers put into a configuration", () => {
  const taken = { servers: [{ name: "a", server: { command: "x", args: ["-y", "yes"] } }] }
  const block = 'a:\n      command: x\n      args: ["-y", "yes"]\n'

  for (const [what, before, after] of [
    ["make a section where there is none", "store: a\n", `store: a\n\nmcp:\n  servers:\n    ${block}`],
    ["make the first file", "", `mcp:\n  servers:\n    ${block}`],
    [
      "stand behind those by name",
      "mcp:\n  servers:\n    b:\n      command: y\n\nstore: a\n",
      `mcp:\n  servers:\n    b:\n      command: y\n    ${block}\nstore: a\n`
    ],
    [
      "stand behind those of a list",
      "mcp: # of mine\n  servers:\n  - name: b\n    command: y\n  import: []\n",
      'mcp: # of mine\n  servers:\n  - name: b\n    command: y\n  - name: a\n    command: x\n    args: ["-y", "yes"]\n  import: []\n'
    ],
    ["stand in a section without servers", "mcp:\n  import: []\n", `mcp:\n  servers:\n    ${block}  import: []\n`]
  ] as const) {
    it(`${what}`, () => {
      assert.strictEqual(McpInsertion.into(before, taken), after)
    })
  }

  it("are refused where the section is on one line", () => {
    assert.isUndefined(McpInsertion.into("mcp: { servers: [] }\n", taken))
    assert.isUndefined(McpInsertion.into("mcp:\n  servers: []\n", taken))
  })

  it("keep what refers to something, and drop an input's default that would end the reference", () => {
    const document = {
      inputs: [{ id: "a", password: false, otherwise: "}" }],
      servers: [{ name: "s", place: "servers.s", server: Result.succeed({ command: "$${x} ${input:a} ${env:B:-b}" }) }]
    }
    const [one] = McpImport.of(document, {}).servers
    assert.deepStrictEqual(one?.server, { command: "$${x} ${A} ${B:-b}" })
  })
})
