/**
 * The section `mcp` of a configuration file, as it is written: which MCP servers there are, and how each is reached.
 * What it means is the affair of `@gleitzeit/provider-mcp`.
 */
import { type JsonSchema, Result, Schema } from "effect"
import * as Duration from "./Duration.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const Names = Schema.Array(Schema.NonEmptyString)
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
const Span = Schema.Union([Schema.String, Schema.Finite])
const Texts = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))

/** How a server may be reached; the first of each row is its own name. */
export const ways = ["stdio", "http", "streamable-http", "sse", "websocket", "ws"] as const
const Way = Schema.Literals(ways)

const fields = {
  connection_type: described(Way, "Default: `stdio` with a `command`, else as the URL says."),
  type: described(Way, "The same as `connection_type`."),
  command: described(
    Schema.Union([Schema.NonEmptyString, Schema.Array(Schema.String).check(Schema.isMinLength(1))]),
    "The program, a path or a name on the PATH; as a list with its arguments."
  ),
  args: described(Schema.Array(Schema.String), "Behind those of `command`."),
  env: described(Texts, "Environment variables of the process, beside PATH, HOME and the like."),
  env_file: described(Schema.NonEmptyString, "A file of lines NAME=VALUE; `env` wins over it."),
  cwd: described(Schema.NonEmptyString, "Default: the project's folder."),
  url: described(Schema.NonEmptyString, "In place of `command`: where it answers."),
  headers: described(Texts, "Sent with every request. Never shown."),
  auth: described(
    Schema.Union([
      Schema.Struct({ bearer: Schema.NonEmptyString }),
      Schema.Struct({
        client_id: Schema.NonEmptyString,
        client_secret: Schema.NonEmptyString,
        scope: Schema.optionalKey(Schema.NonEmptyString),
        issuer: described(
          Schema.NonEmptyString,
          "The one authorization server that may see them. Default: whichever the server names."
        )
      })
    ]),
    "A bearer token, or the client credentials of OAuth."
  ),
  tool_prefix: described(Schema.String, "Before the name of each of its tools. Default: its name and a dot."),
  tools: described(
    Schema.Struct({
      include: described(Names, "Patterns of the tools that are there. Default: all."),
      exclude: described(Names, "Patterns of those that are not. Default: none."),
      aliases: described(Schema.Record(Schema.String, Schema.NonEmptyString), "Other names, by its own.")
    }),
    "By the server's own names, without the prefix."
  ),
  protocol: described(
    Schema.Literals(["auto", "legacy", "2026-07-28"]),
    "`auto` asks for the newest revision first. Default: `legacy` by stdio, else `auto`."
  ),
  start: described(Schema.Literals(["lazy", "eager"]), "`lazy` with the first use. Default."),
  startup_timeout: described(Span, "Until it has answered the first time. Default 30s."),
  list_timeout: described(Span, "Until it has listed what it has. Default 30s."),
  call_timeout: described(Span, "Of a call, beginning anew with each progress. Default 60s."),
  total_timeout: described(Span, "Of a call in all. Default: none."),
  idle_timeout: described(Span, "Without a call, until it is stopped. Default: never."),
  max_message_bytes: described(Count, "Of one message. Default 10485760."),
  max_concurrency: described(Count, "Calls at once. Default 16."),
  restart: described(
    Schema.Struct({
      max: described(Count, "Starts that may fail within `window`. Default 5."),
      backoff: described(Span, "Before the second, doubled each time. Default 500ms."),
      window: described(Span, "Default 60s.")
    }),
    "When it does not start, or ends by itself."
  ),
  roots: described(Names, "Folders that it is told of. Default: `cwd`."),
  approve: described(
    Schema.Union([Schema.Literal("destructive"), Names]),
    "Patterns of tools that a person has to approve; `destructive`: those that say so of themselves. Default: none."
  ),
  disabled: described(Schema.Boolean, "`true` leaves it out.")
}

/** One server. */
export const Server = Schema.Struct(fields)
export type Server = typeof Server.Type

export const Section = Schema.Struct({
  /** A list with names, or by name. */
  servers: Schema.optionalKey(
    Schema.Union([
      Schema.Array(Schema.Struct({ name: Schema.NonEmptyString, ...fields })),
      Schema.Record(Schema.String, Server)
    ])
  ),
  /** Files of other programs that name servers. */
  import: Schema.optionalKey(Names),
  /** What stands for `${input:NAME}`. */
  inputs: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
export type Section = typeof Section.Type

/** A server with its name, and where it is written: `mcp.servers[0]`. */
export interface Placed {
  readonly name: string
  readonly place: string
  readonly server: Server
}

/** In the order in which they are written. */
export const servers = (section: Section): ReadonlyArray<Placed> => {
  const written = section.servers ?? []
  return isList(written)
    ? written.map(({ name, ...server }, i) => ({ name, place: `mcp.servers[${i}]`, server }))
    : Object.entries(written).map(([name, server]) => ({ name, place: `mcp.servers.${name}`, server }))
}

/** What no schema says. No message quotes a value. */
export const mistakes = (section: Section): ReadonlyArray<string> => {
  const all = servers(section)
  const first = new Map<string, string>()
  return all.flatMap(({ name, place, server }) => {
    const before = first.get(name)
    if (before === undefined) first.set(name, place)
    return [
      ...(name.trim() === "" ? [`${place}: the name is empty`] : []),
      ...(before === undefined ? [] : [`${place}: "${name}" is the name of ${before} too, keep one of them`]),
      ...[...serverMistakes(server), ...strays(server)].map((issue) => `${place}${issue}`)
    ]
  })
}

/** Of one server: each begins with `.KEY: ` or `: `. */
export const serverMistakes = (server: Server): ReadonlyArray<string> => [
  ...spans.flatMap((key) => spanMistake(key, server[key])),
  ...spanMistake("restart.backoff", server.restart?.backoff),
  ...spanMistake("restart.window", server.restart?.window),
  ...(server.command !== undefined && server.url !== undefined ? [": has a `command` and a `url`, keep one"] : []),
  ...(server.command === undefined && server.url === undefined && server.disabled !== true
    ? [": expected a `command` or a `url`"]
    : []),
  ...(server.connection_type !== undefined && server.type !== undefined
    ? [": `connection_type` and `type` say the same, keep one"]
    : [])
]

/** Of one server, draft 2020-12. */
export const jsonSchema = (): JsonSchema.JsonSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Server, { onExcessProperty: "error" })
  return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions }
}

// internal

/** What has no use for the server as it is reached. Other programs leave it standing. */
const strays = (server: Server): ReadonlyArray<string> => {
  const { command, url } = server
  if ((command === undefined) === (url === undefined)) return []
  const [keys, goes, here] =
    command === undefined ? [ofCommand, "command", "url"] : ([ofUrl, "url", "command"] as const)
  return keys.flatMap((key) =>
    server[key] === undefined ? [] : [`.${key}: goes with a \`${goes}\`, and not with a \`${here}\``]
  )
}

const ofCommand = ["args", "env", "env_file"] as const
const ofUrl = ["headers", "auth"] as const

const spans = ["startup_timeout", "list_timeout", "call_timeout", "total_timeout", "idle_timeout"] as const

const spanMistake = (key: string, written: string | number | undefined): ReadonlyArray<string> => {
  if (written === undefined) return []
  const milliseconds = Duration.parse(written)
  if (Result.isFailure(milliseconds)) return [`.${key}: expected ${Duration.expected}`]
  return milliseconds.success > 0 ? [] : [`.${key}: expected more than 0`]
}

const isList = <A, B>(value: ReadonlyArray<A> | B): value is ReadonlyArray<A> => Array.isArray(value)
