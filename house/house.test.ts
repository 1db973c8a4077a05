/**
 * What a machine can check of the structure: which package may import which, core's floors, what no file may hold.
 * Taste is for readers; lint rules live in `.oxlintrc.json`.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")

/** A package may import those in its row, and nothing else of ours. */
const arrows: Record<string, ReadonlyArray<string>> = {
  core: [],
  testkit: ["core"],
  "store-sqlite": ["core"],
  "provider-ollama": ["core"],
  "provider-python": ["core"],
  "provider-remote": ["core"],
  "provider-agent": ["core"],
  "provider-mcp": ["core"],
  "mcp-server": ["core"],
  "mini-ollama": [],
  cli: [
    "core",
    "store-sqlite",
    "provider-ollama",
    "provider-python",
    "provider-remote",
    "provider-agent",
    "provider-mcp",
    "mcp-server"
  ],
  "create-gleitzeit-provider": []
}

/** What core's files may import from outside besides `effect`. */
const outside: Record<string, ReadonlyArray<string>> = {
  "Cel.ts": ["@marcbachmann/cel-js"],
  "Files.ts": ["node:crypto", "node:fs", "node:path"],
  "Hash.ts": ["node:crypto"],
  "JsonSchemaCheck.ts": ["@cfworker/json-schema"],
  "PluginModule.ts": ["node:fs", "node:module", "node:path", "node:url"],
  "ReplayFolder.ts": ["node:fs", "node:path"],
  "YamlText.ts": ["yaml"]
}

/** Core's floors, lowest first. A file imports from lower floors, and from its own without a cycle. */
const floors: ReadonlyArray<ReadonlyArray<string>> = [
  // words
  [
    "Contract",
    "Diagnostic",
    "Errors",
    "Event",
    "Failure",
    "Hash",
    "Json",
    "JsonRpc",
    "Prices",
    "ProviderErrors",
    "Requests",
    "Run",
    "RunState",
    "StoreErrors",
    "Summary",
    "SystemErrors",
    "Task",
    "TaskErrors",
    "Ulid",
    "Version",
    "Workflow",
    "WorkflowErrors"
  ],
  // reading
  [
    "Bounds",
    "CallCheck",
    "Cel",
    "Check",
    "Complaints",
    "Condition",
    "DocumentFile",
    "Duration",
    "Expression",
    "ExpressionCheck",
    "Field",
    "FormCheck",
    "GenAi",
    "Given",
    "InputFile",
    "Inputs",
    "JsonSchemaCheck",
    "JsonSchemaIssue",
    "JsonSchemaSample",
    "JsonSchemaWords",
    "JsonText",
    "Keys",
    "KnownValues",
    "Library",
    "Lookup",
    "McpSection",
    "Mentions",
    "MethodName",
    "Missing",
    "NestedCheck",
    "OpenRpc",
    "Places",
    "Plan",
    "PolicyFile",
    "Position",
    "Redaction",
    "Reference",
    "ReferenceCheck",
    "ReferenceSyntax",
    "ResultPath",
    "Retry",
    "SchemaMatch",
    "SecretMarker",
    "Spelling",
    "TaskFile",
    "TaskResult",
    "TemplateSchema",
    "ValueSchema",
    "WorkflowFile",
    "WorkflowSchema",
    "YamlText"
  ],
  // seams
  [
    "AgentV1",
    "Backend",
    "Border",
    "ChildEnvironment",
    "BuiltIn",
    "Cursor",
    "DataV1",
    "Executor",
    "Expiry",
    "Files",
    "Hints",
    "HumanV1",
    "KeyValues",
    "Leases",
    "LlmV1",
    "McpV1",
    "MemoryStore",
    "Method",
    "OpenProvider",
    "PromiseProvider",
    "Plugin",
    "Protocol",
    "Provider",
    "ProviderDefaults",
    "Providers",
    "PythonV1",
    "Secrets",
    "SignalV1",
    "Store",
    "TaskContext",
    "Telemetry",
    "TelemetryCall",
    "TelemetryMetrics",
    "TimerV1"
  ],
  // engine
  [
    "Alarm",
    "Answer",
    "Attempt",
    "Budget",
    "Course",
    "Custody",
    "Drive",
    "Driver",
    "Ending",
    "Environment",
    "Fan",
    "Forecast",
    "Graph",
    "Host",
    "Inquiry",
    "Journal",
    "LargeValue",
    "Live",
    "Loop",
    "Opening",
    "Purse",
    "Replay",
    "ReplayDifference",
    "ReplayFolder",
    "ReplayHeard",
    "ReplayRecording",
    "ReplayRequest",
    "Rerun",
    "ResultCache",
    "Reuse",
    "Rounds",
    "RpcServer",
    "Scheduler",
    "Simulator",
    "Slots",
    "Standby",
    "TaskRun",
    "TelemetryRun",
    "Views",
    "Watch",
    "WatchBacklog"
  ],
  // the door
  [
    "ConfigFile",
    "Gleitzeit",
    "PluginMemory",
    "PluginModule",
    "Plugins",
    "SettingSource",
    "SettingText",
    "Settings",
    "StandIn",
    "WorkflowBuilder",
    "index"
  ]
]

/** Words of the language or the platform that have no place in `src`, but for the files named. */
const forbidden: ReadonlyArray<readonly [pattern: RegExp, why: string, except: ReadonlyArray<string>]> = [
  [/(?<!\.)\bany\b/, "any", []],
  [/\basync\b|(?<!\.)\bawait\b/, "a Promise", ["cli/src/bin.ts", "provider-ollama/src/OllamaWire.ts"]],
  [/\bconsole\./, "console", []],
  [/\bDate\.now\(|\bnew Date\(\)/, "the wall clock", []],
  [/\bMath\.random\(/, "chance", []],
  [/\bprocess\.env\b/, "the environment", []],
  [/\bsetTimeout\(|\bsetInterval\(/, "a timer", []],
  [/\.toLocale\w*String\(/, "language data, which take 10 ms to load", []]
]

const files = Object.keys(arrows).flatMap((home) =>
  readdirSync(join(root, "packages", home, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => ({ home, file, path: join(root, "packages", home, "src", file) }))
)

const read = (path: string) => readFileSync(path, "utf8")

interface Import {
  readonly target: string
  readonly type: boolean
}

const imports = (path: string): ReadonlyArray<Import> =>
  [...read(path).matchAll(/^(?:import|export)\s+(type\s)?[^"']*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm)].map(
    (match) => ({
      target: match[2] ?? match[3] ?? "",
      type: match[1] !== undefined
    })
  )

const code = (path: string) =>
  read(path).replaceAll(
    /\/\*[\s\S]*?\*\/|\/\/.*|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"|\/(?:\\.|[^/\\\n])+\/[a-z]*(?=[.,)])/g,
    ""
  )

describe("every file", () => {
  it.each(files)("$home/src/$file opens with what it is", ({ path }) => {
    assert.match(read(path), /^(#!.*\n)?\/\*\*/)
  })

  it.each(files)("$home/src/$file imports only what its package may", ({ home, path }) => {
    for (const { target } of imports(path)) {
      if (target.startsWith(".")) {
        const inside = relative(join(root, "packages", home, "src"), resolve(dirname(path), target))
        assert.isFalse(inside.startsWith(".."), `${target} leaves the package`)
      } else if (target.startsWith("@gleitzeit/") || target === "gleitzeit") {
        assert.include([...(arrows[home] ?? [])], target.replace(/^@gleitzeit\/([^/]+).*/, "$1"))
      }
    }
  })

  it.each(files)("$home/src/$file holds nothing forbidden", ({ file, home, path }) => {
    const text = code(path)
    for (const [pattern, why, except] of forbidden) {
      if (!except.includes(`${home}/src/${file}`)) assert.notMatch(text, pattern, why)
    }
  })
})

describe("core", () => {
  const core = files.filter(({ home }) => home === "core")
  const floorOf = (file: string) => floors.findIndex((floor) => floor.includes(file.replace(".ts", "")))

  it.each(core)("$file stands on a floor", ({ file }) => assert.isAtLeast(floorOf(file), 0))

  it.each(core)("$file imports from its own floor and those below", ({ file, path }) => {
    for (const { target } of imports(path)) {
      if (target.startsWith("./")) assert.isAtMost(floorOf(target.slice(2)), floorOf(file), target)
    }
  })

  it.each(core)("$file reaches outside only where it may", ({ file, path }) => {
    for (const { target } of imports(path)) {
      if (!target.startsWith(".") && target !== "effect") assert.include([...(outside[file] ?? [])], target)
    }
  })

  it("has no cycle of imports", () => {
    const graph = new Map(
      core.map(({ file, path }) => [
        file,
        imports(path).flatMap(({ target, type }) => (target.startsWith("./") && !type ? [target.slice(2)] : []))
      ])
    )
    const done = new Set<string>()
    const visit = (file: string, trail: ReadonlyArray<string>): void => {
      assert.notInclude(trail, file, `${[...trail, file].join(" -> ")}`)
      if (done.has(file)) return
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file])
      done.add(file)
    }
    for (const file of graph.keys()) visit(file, [])
  })
})

describe("the version", () => {
  it("is one for all packages, and core's constant says it", () => {
    const manifests = Object.keys(arrows).map((home) => JSON.parse(read(join(root, "packages", home, "package.json"))))
    const versions = new Set(manifests.filter((one) => one.private !== true).map(({ version }) => version))
    assert.lengthOf([...versions], 1)
    assert.include(read(join(root, "packages/core/src/Version.ts")), `"${[...versions][0]}"`)
  })
})
