/** `gleitzeit mcp list | tools | call | doctor | lock | import | serve | config` */
import { Errors, type McpV1 } from "@gleitzeit/core"
import type { Configured } from "@gleitzeit/provider-mcp/McpConfig"
import type { McpServers } from "@gleitzeit/provider-mcp/McpServers"
import { Effect, Option, Result } from "effect"
import * as Bundle from "../Bundle.ts"
import { Argument, Command, Flag } from "../Cli.ts"
import * as ExitCode from "../ExitCode.ts"
import * as McpHub from "../McpHub.ts"
import * as McpList from "../McpList.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"
import * as Text from "../Text.ts"
import { called } from "./call.ts"
import { type Finding, table } from "./doctor.ts"
import { config } from "./mcpConfig.ts"
import { adopt } from "./mcpImport.ts"
import { lock } from "./mcpLock.ts"
import { serve } from "./mcpServe.ts"

const list = Command.make(
  "list",
  {},
  Effect.fn("gleitzeit.mcp.list")(function* () {
    const output = yield* Output
    const all = yield* McpHub.configured
    if (output.options.json) return yield* output.json({ servers: all.map(McpList.document) })
    if (all.length === 0) return yield* output.note(nobody)
    yield* output.data(McpList.serverTable(all, output.dataStyle).join("\n"))
  })
).pipe(Command.withDescription("List the MCP servers that are configured, and where; none is started"))

const serverArgument = Argument.String("server").pipe(
  Argument.withMetavar("SERVER"),
  Argument.withDescription("Its name in the configuration; without it all of them"),
  Argument.optional
)

const tools = Command.make(
  "tools",
  { server: serverArgument },
  Effect.fn("gleitzeit.mcp.tools")(function* ({ server }) {
    const output = yield* Output
    const asked = yield* chosen(server)
    const found = yield* spinning(
      "asking MCP servers",
      Effect.scoped(
        Effect.gen(function* () {
          const hub = yield* McpHub.open(asked)
          // whoever is named alone has no other to hide behind
          if (Option.isSome(server)) yield* Effect.flatMap(hub.connection(server.value), ({ tools }) => tools)
          return yield* hub.tools
        })
      )
    )
    for (const one of asked) {
      if (one.server !== undefined && "reason" in one.server) {
        yield* output.note(
          output.style.yellow(`${output.style.signs.warning} ${one.name}: ${Text.flat(one.server.reason)}`)
        )
      }
    }
    if (output.options.json) return yield* output.json({ tools: found.map(McpList.toolDocument) })
    if (found.length === 0) return yield* output.note(asked.length === 0 ? nobody : "no tools")
    yield* output.data(McpList.toolTable(found, output.dataStyle).join("\n"))
  })
).pipe(Command.withDescription("List the tools of MCP servers, by the names that workflows call them by"))

const call = Command.make(
  "call",
  {
    tool: Argument.String("tool").pipe(
      Argument.withMetavar("TOOL"),
      Argument.withDescription("Such as fs.read_file; gleitzeit mcp tools lists them")
    ),
    params: Argument.String("params").pipe(
      Argument.withMetavar("PARAMS"),
      Argument.withDescription(
        "NAME=VALUE or --NAME VALUE as often as needed; one that has the name of a flag below stands behind --"
      ),
      Argument.variadic()
    ),
    args: Flag.String("args").pipe(
      Flag.withMetavar("JSON"),
      Flag.withDescription("All params as one JSON object"),
      Flag.optional
    ),
    timeout: Flag.Finite("timeout").pipe(
      Flag.withMetavar("SECONDS"),
      Flag.withDescription("How long it may take (default: as long as the server's configuration lets it)"),
      Flag.filter(
        (seconds) => seconds > 0,
        () => "expected more than 0 seconds"
      ),
      Flag.optional
    )
  },
  Effect.fn("gleitzeit.mcp.call")(function* ({ args, params, timeout, tool }) {
    const written = pairs(params)
    if (Result.isFailure(written)) return yield* new ExitCode.UsageError({ issue: written.failure })
    if (Option.isSome(args) && written.success.length > 0) {
      return yield* new ExitCode.UsageError({ issue: "PARAMS and --args say the same, keep one" })
    }
    if (Option.isSome(args) && !args.value.trimStart().startsWith("{")) {
      return yield* new ExitCode.UsageError({ issue: "--args: expected a JSON object" })
    }
    const reason = whyNot(nameOf(tool), yield* McpHub.configured)
    if (reason !== undefined)
      return yield* new Errors.ProviderUnavailable({ provider: "mcp", reason, retryable: false })
    yield* called(`${toolPrefix}${nameOf(tool)}`, Option.isSome(args) ? [args.value] : written.success, {
      provider: Option.none(),
      timeout
    })
  })
).pipe(
  Command.withDescription("Call one tool of an MCP server, as a run of its own"),
  Command.withShortDescription("Call one tool"),
  Command.withExamples([
    { command: "gleitzeit mcp call fs.read_file path=./data.json", description: "With names and values" },
    { command: `gleitzeit mcp call fs.read_file --args '{"path": "./data.json"}'`, description: "With JSON" }
  ]),
  Command.provide(({ tool }) => Bundle.layer({ store: "given", tool: nameOf(tool) }))
)

const doctor = Command.make(
  "doctor",
  { server: serverArgument },
  Effect.fn("gleitzeit.mcp.doctor")(function* ({ server }) {
    const output = yield* Output
    const asked = yield* chosen(server)
    if (asked.length === 0 && !output.options.json) return yield* output.note(nobody)
    const findings = yield* spinning("starting MCP servers", examined(asked))
    const ok = findings.every(({ status }) => status !== "failed")
    if (output.options.json) {
      yield* output.json({ ok, findings: findings.map(({ detail, status, what }) => ({ what, status, detail })) })
    } else yield* output.data(table(findings, output.dataStyle).join("\n"))
    if (!ok) return yield* new ExitCode.Ended({ exit: ExitCode.unavailable })
  })
).pipe(
  Command.withDescription(
    "Start each MCP server, say what is wrong and what would help; exit 5 when one cannot be used"
  ),
  Command.withShortDescription("Look whether MCP servers work")
)

export const mcp = Command.make("mcp").pipe(
  Command.withDescription("Look at the MCP servers of the configuration, call their tools, and be a server oneself"),
  Command.withShortDescription("MCP servers and their tools"),
  Command.withSubcommands([list, tools, call, doctor, lock, adopt, serve, config])
)

// internal

const nobody =
  "no MCP server is configured; `mcp.servers` in the configuration names them, and gleitzeit mcp import takes them over"

/** The one that is named, else those that are not switched off. */
const chosen = Effect.fnUntraced(function* (named: Option.Option<string>) {
  const all = yield* McpHub.configured
  if (Option.isNone(named)) return all.filter(({ server }) => server !== undefined)
  const found = all.filter(({ name }) => name === named.value)
  if (found.length > 0 && found[0]?.server !== undefined) return found
  const known = all.map(({ name }) => name).join(", ") || "none"
  const issue =
    found.length > 0
      ? `the server "${named.value}" is switched off (${found[0]?.from})`
      : `there is no MCP server "${named.value}" (configured: ${known})`
  return yield* new ExitCode.NotFound({ issue })
})

// as it is there, which is not loaded for the sake of a word
const toolPrefix: typeof McpV1.toolPrefix = "mcp/tool."

/** Without what stands before it in a workflow. */
function nameOf(tool: string): string {
  return tool.startsWith(toolPrefix) ? tool.slice(toolPrefix.length) : tool
}

/** Why a tool is not there whose server is configured and cannot be used. */
const whyNot = (tool: string, all: ReadonlyArray<Configured>): string | undefined => {
  const servers = all.flatMap(({ server }) => server ?? [])
  if (servers.some((server) => "prefix" in server && tool.startsWith(server.prefix))) return undefined
  const found = servers.find(({ name }) => tool.startsWith(`${name}.`))
  return found === undefined || !("reason" in found) ? undefined : found.reason
}

/** `--path ./x` as `path=./x`; the others as they are. */
const pairs = (written: ReadonlyArray<string>): Result.Result<ReadonlyArray<string>, string> => {
  const all: Array<string> = []
  for (let i = 0; i < written.length; i++) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(written[i] ?? "") ?? []
    if (name === undefined) all.push(written[i] ?? "")
    else {
      const next = value ?? written[++i]
      if (next === undefined) return Result.fail(`--${name}: expected a value`)
      all.push(`${name}=${next}`)
    }
  }
  return Result.succeed(all)
}

/** Each by itself and all at once: what one does takes nothing from another. */
const examined = (all: ReadonlyArray<Configured>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const hub = yield* McpHub.open(all)
      const findings = yield* Effect.forEach(all, (one) => finding(one, hub), { concurrency: "unbounded" })
      const failed = findings.some(({ status }) => status === "failed")
      const clash = failed ? undefined : yield* Effect.flip(hub.tools).pipe(Effect.orElseSucceed(() => undefined))
      return clash === undefined
        ? findings
        : [...findings, { what: "names of tools", status: "failed" as const, detail: Text.flat(clash.message) }]
    })
  )

const finding = ({ from, name, server }: Configured, hub: McpServers): Effect.Effect<Finding> =>
  Effect.gen(function* () {
    if (server === undefined || "reason" in server) {
      const detail = Text.flat(server?.reason ?? "switched off")
      return { what: name, status: "failed" as const, detail: `${detail}${remedy(detail, from)}` }
    }
    const connection = yield* hub.connection(name)
    const tools = yield* connection.tools
    const { protocol, server: told } = yield* connection.state
    const detail = [
      ...(told === undefined ? [] : [`${told.name} ${told.version}`]),
      ...(protocol === undefined ? [] : [`MCP ${protocol}`]),
      Text.count(tools.length, "tool"),
      McpList.reachOf(server)
    ]
    return { what: name, status: "ok" as const, detail: Text.flat(detail.join(", ")) }
  }).pipe(
    Effect.catch((failure) => {
      // each line is about one server: it need not be said who
      const detail = Text.flat(failure instanceof Errors.ProviderUnavailable ? failure.reason : failure.message)
      return Effect.succeed<Finding>({
        what: name,
        status: "failed",
        detail: `${detail}${remedy(detail, from, failure)}`
      })
    })
  )

/** What would help, where the failure does not say it itself. */
const remedy = (reason: string, from: string, failure?: { readonly code: number }): string => {
  const [, variable] = /environment variable (\w+) is not set/.exec(reason) ?? []
  if (variable !== undefined) return `; set ${variable}, or write \${${variable}:-DEFAULT} in ${from}`
  if (failure?.code === new Errors.ProviderTimeout({ provider: "", phase: "", seconds: 0 }).code) {
    return "; `startup_timeout` or `list_timeout` gives it more time"
  }
  return ""
}
