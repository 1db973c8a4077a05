/** `gleitzeit mcp lock [--check]` */
import type { Settings } from "@gleitzeit/core"
import type { Configured } from "@gleitzeit/provider-mcp/McpConfig"
import type { Drift, Lock as Locked } from "@gleitzeit/provider-mcp/Lock"
import { Effect, References } from "effect"
import * as ConfigFiles from "../ConfigFiles.ts"
import { Command, Flag } from "../Cli.ts"
import * as Documents from "../Documents.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Machine from "../Machine.ts"
import * as McpHub from "../McpHub.ts"
import { Output } from "../Output.ts"
import { spinning } from "../Spinner.ts"
import type { Style } from "../Style.ts"
import * as Text from "../Text.ts"

export const lock = Command.make(
  "lock",
  {
    check: Flag.Boolean("check").pipe(
      Flag.withDescription("Write nothing; exit 2 when a tool is another than was locked"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.mcp.lock")(function* ({ check }) {
    const output = yield* Output
    const settings = yield* Machine.settings
    const { home } = yield* Machine.places
    const [Lock, McpPlugin] = yield* Effect.promise(() =>
      Promise.all([import("@gleitzeit/provider-mcp/Lock"), import("@gleitzeit/provider-mcp/McpPlugin")])
    )
    const named = nameIn(settings)
    const file = named ?? McpPlugin.lockName
    const read = McpPlugin.lockOf({ folder: settings.folder, home }, named)
    // one that cannot be read is written again
    const former = yield* check ? read : Effect.orElseSucceed(read, () => undefined)
    if (check && former === undefined) {
      return yield* new ExitCode.UsageError({ issue: `there is no ${file}; gleitzeit mcp lock writes it` })
    }
    const all = yield* McpHub.configured
    const { drift, lock, silent } = yield* spinning("asking MCP servers", compared(all, former))
    if (!check) {
      yield* Documents.write("gleitzeit mcp lock", ConfigFiles.absolute(file, settings.folder, home), Lock.write(lock))
    }
    if (output.options.json) {
      yield* output.json({
        ok: silent.size === 0 && (!check || drift.length === 0),
        file,
        written: !check,
        drift: drift.map(({ change, message, parts, server, tool }) => ({
          server,
          ...(tool === undefined ? {} : { tool }),
          change,
          parts,
          message
        })),
        unavailable: [...silent].map(([server, reason]) => ({ server, reason }))
      })
    } else {
      // all of a file that was not there is there now
      const changes = former === undefined ? [] : drift
      if (changes.length > 0) yield* output.data(changes.map((one) => line(one, output.dataStyle)).join("\n"))
      for (const [server, reason] of silent) {
        const kept = lock.servers[server] === undefined ? "it is not locked" : "what was locked of it stays"
        yield* output.note(
          output.style.yellow(`${output.style.signs.warning} ${server}: ${Text.flat(reason)}; ${kept}`)
        )
      }
      if (!output.options.quiet) {
        if (!check) yield* output.note(`${file}: ${sizeOf(lock)}${changes.length === 0 && former ? ", as before" : ""}`)
        else if (drift.length === 0 && silent.size === 0) yield* output.note(`${file}: nothing has changed`)
      }
    }
    if (check && drift.length > 0) return yield* new ExitCode.Ended({ exit: ExitCode.usage })
    if (silent.size > 0) return yield* new ExitCode.Ended({ exit: ExitCode.unavailable })
  })
).pipe(
  Command.withDescription(
    "Start each MCP server and keep what its tools promise in gleitzeit.lock: workflows are checked against it without a server, and a tool that is another by then is not called"
  ),
  Command.withShortDescription("Keep what the tools promise"),
  Command.withExamples([
    { command: "gleitzeit mcp lock", description: "Write gleitzeit.lock beside the configuration" },
    { command: "gleitzeit mcp lock --check", description: "Say what has changed since then" }
  ])
)

// internal

/** The file that the provider's options name, if they name one. */
const nameIn = ({ providers }: Settings.Settings): string | undefined => {
  const entry = Object.entries(providers).find(([, { use }]) => use.value === "mcp")
  const named = entry?.[1].options["lock"]?.value
  return typeof named === "string" ? named : undefined
}

/** What is there, beside what was; `silent`: those that could not be asked, each with the reason. */
const compared = (all: ReadonlyArray<Configured>, former: Locked | undefined) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [Lock, { isDown }] = yield* Effect.promise(() =>
        Promise.all([import("@gleitzeit/provider-mcp/Lock"), import("@gleitzeit/provider-mcp/McpMethods")])
      )
      const hub = yield* McpHub.open(all)
      const lock = yield* Lock.of(hub, former)
      const present = yield* hub.tools
      const states = yield* hub.states
      const silent = new Map(
        states
          .filter(isDown)
          // it is said of whom
          .map(({ name, reason = "it is not there" }) => [name, reason.replace(/^provider "mcp": /, "")] as const)
      )
      const drift = Lock.drift(former ?? { version: 1, servers: {} }, present, silent)
      return { lock, silent, drift: drift.filter(({ change }) => change !== "unavailable") }
    })
    // who cannot be asked is told of at the end
  ).pipe(Effect.provideService(References.MinimumLogLevel, "Error"))

const sizeOf = ({ servers }: Locked): string => {
  const tools = Object.values(servers).reduce((sum, tools) => sum + Object.keys(tools).length, 0)
  return `${Text.count(tools, "tool")} of ${Text.count(Object.keys(servers).length, "server")}`
}

const line = ({ change, message, server, tool = server }: Drift, { green, red, yellow }: Style): string => {
  switch (change) {
    case "added":
      return green(`+ ${tool}`)
    case "gone":
      return red(`- ${tool}`)
    default:
      return yellow(`~ ${Text.flat(message)}`)
  }
}
