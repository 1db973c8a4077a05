/** `gleitzeit mcp import` */
import { Json } from "@gleitzeit/core"
import * as Hash from "@gleitzeit/core/Hash"
import { Effect, Result, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { extname, join, resolve } from "node:path"
import { Argument, Command, Flag } from "../Cli.ts"
import * as ConfigFiles from "../ConfigFiles.ts"
import * as Documents from "../Documents.ts"
import * as ExitCode from "../ExitCode.ts"
import * as Machine from "../Machine.ts"
import { Output } from "../Output.ts"
import * as Text from "../Text.ts"

export const adopt = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("Such as .mcp.json, .cursor/mcp.json, .vscode/mcp.json or claude_desktop_config.json")
    ),
    write: Flag.Boolean("write").pipe(
      Flag.withDescription("Add them to the project's configuration instead of showing them"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("gleitzeit.mcp.import")(function* ({ file, write }) {
    const output = yield* Output
    const settings = yield* Machine.settings
    const [ImportFile, McpImport] = yield* Effect.promise(() =>
      Promise.all([import("@gleitzeit/provider-mcp/ImportFile"), import("../McpImport.ts")])
    )
    // says it better than an import does when there is none
    yield* Documents.read(file)
    const document = ImportFile.read(resolve(file), file, settings.folder)
    if (Result.isFailure(document)) return yield* new ExitCode.UsageError({ issue: document.failure })
    const known = Object.entries(settings.mcp.servers).map(([name, { from }]) => [name, from] as const)
    const taken = McpImport.of(document.success, Object.fromEntries(known))
    const { left, servers, variables } = taken
    const written = write && servers.length > 0 ? yield* added(taken) : undefined
    if (output.options.json) {
      const all = Object.fromEntries(servers.map(({ name, server }) => [name, server]))
      return yield* output.json({ servers: all, variables, left, written: written ?? null })
    }
    if (servers.length > 0 && written === undefined) {
      yield* output.data(["mcp:", "  servers:", ...McpImport.lines(taken).map((line) => `    ${line}`)].join("\n"))
    }
    const { signs, yellow } = output.style
    for (const { name, place } of variables) {
      yield* output.note(yellow(`${signs.warning} ${place} holds a secret: set the environment variable ${name} to it`))
    }
    for (const reason of left) yield* output.note(yellow(`${signs.warning} left out: ${Text.flat(reason)}`))
    if (output.options.quiet) return
    if (written !== undefined) yield* output.note(`added ${Text.count(servers.length, "server")} to ${written}`)
    else if (servers.length === 0) yield* output.note("nothing to add")
  })
).pipe(
  Command.withDescription(
    "Show the MCP servers of another program's file as this configuration would have them; secrets are left out"
  ),
  Command.withShortDescription("Take over another program's MCP servers"),
  Command.withExamples([
    { command: "gleitzeit mcp import .mcp.json", description: "Look at what would be added" },
    { command: "gleitzeit mcp import ~/.cursor/mcp.json --write", description: "Add it" }
  ])
)

// internal

type Taken = ReturnType<(typeof import("../McpImport.ts"))["of"]>

/** The file that has them then, as it is named. */
const added = Effect.fnUntraced(function* (taken: Taken) {
  const looks = yield* ConfigFiles.find(yield* Machine.places)
  const project = looks.find(({ file, level }) => level === "project" && file !== undefined)?.file
  const { name, path } = project ?? {
    name: "gleitzeit.config.yaml",
    path: join(process.cwd(), "gleitzeit.config.yaml")
  }
  const refuse = (issue: string) => new ExitCode.UsageError({ issue: `--write: ${name} ${issue}` })
  if (![".yaml", ".yml"].includes(extname(path))) return yield* refuse("is not in YAML: without --write they are shown")
  const { into } = yield* Effect.promise(() => import("../McpInsertion.ts"))
  const before = project === undefined ? "" : (yield* Documents.read(path)).text
  const after = into(before, taken)
  const byHand = "has its servers in a form that nothing can be added to: without --write they are shown"
  if (after === undefined || !isSame(before, after, taken)) return yield* refuse(byHand)
  yield* Documents.write("--write", path, after)
  return name
})

/** They are there, and nothing else has changed. */
const isSame = (before: string, after: string, { servers }: Taken): boolean => {
  const was = parsed(before) ?? {}
  const is = parsed(after)
  const mcp = Json.isObject(was["mcp"]) ? was["mcp"] : {}
  const old = mcp["servers"]
  const all = Json.isArray(old)
    ? [...old, ...servers.map(({ name, server }) => ({ name, ...server }))]
    : { ...(Json.isObject(old) ? old : {}), ...Object.fromEntries(servers.map(({ name, server }) => [name, server])) }
  return is !== undefined && Hash.canonical(is) === Hash.canonical({ ...was, mcp: { ...mcp, servers: all } })
}

const parsed = (text: string): Json.JsonObject | undefined => {
  const value = Result.getOrUndefined(Result.try((): unknown => Yaml.parse(text)))
  return isJson(value) && Json.isObject(value) ? value : undefined
}

const isJson = Schema.is(Schema.Json)
