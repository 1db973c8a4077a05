/**
 * `gleitzeit.lock`: what the tools of MCP servers promised when it was written. With it a workflow is checked without a
 * server being started, and a tool that is another than it was is not called.
 */
import { Errors } from "@gleitzeit/core"
import * as Hash from "@gleitzeit/core/Hash"
import { Effect, Result, Schema } from "effect"
import type { Tool } from "./Connection.ts"
import type { McpServers, Offered } from "./McpServers.ts"
import * as McpTools from "./McpTools.ts"

const JsonObject = Schema.Record(Schema.String, Schema.Json)

export const LockedTool = Schema.Struct({
  /** The server's own name for it. */
  tool: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.String,
  input: JsonObject,
  output: Schema.optionalKey(JsonObject),
  readOnly: Schema.Boolean,
  destructive: Schema.Boolean,
  idempotent: Schema.Boolean,
  /** SHA-256 of all that it promises. */
  digest: Schema.String
})
export type LockedTool = typeof LockedTool.Type

export const Lock = Schema.Struct({
  /** Of this format. */
  version: Schema.Literal(1),
  /** By name; of each its tools, by the names that workflows know them by. */
  servers: Schema.Record(Schema.String, Schema.Record(Schema.String, LockedTool))
})
export type Lock = typeof Lock.Type

/** One difference between what is locked and what is there. */
export interface Drift {
  readonly server: string
  /** By the name that workflows know it by; absent when it is about the server as a whole. */
  readonly tool?: string
  readonly change: "gone" | "added" | "changed" | "unavailable"
  /** Of a tool that has changed: what of it. */
  readonly parts: ReadonlyArray<Part>
  readonly message: string
}

export type Part = "description" | "params" | "result" | "hints" | "name"

/** Starts and asks the servers. One that cannot be asked is left out unless `former` knows it: then that stays. */
export const of = (servers: McpServers, former?: Lock): Effect.Effect<Lock, Effect.Error<McpServers["tools"]>> =>
  Effect.gen(function* () {
    const offered = yield* servers.tools
    const ready = new Set((yield* servers.states).filter(({ status }) => status === "ready").map(({ name }) => name))
    const all = servers.servers.flatMap(({ name }) => {
      const tools = offered.filter(({ server }) => server === name)
      // one that is there and has none is known as well
      if (tools.length > 0 || ready.has(name)) return [[name, Object.fromEntries(tools.map(locked))] as const]
      const kept = former !== undefined && Object.hasOwn(former.servers, name) ? former.servers[name] : undefined
      return kept === undefined ? [] : [[name, kept] as const]
    })
    return { version: 1, servers: Object.fromEntries(all) }
  })

/** The same text for the same tools, whatever order they come in: JSON, sorted by name. */
export const write = (lock: Lock): string => `${JSON.stringify(JSON.parse(Hash.canonical(encode(lock))), null, 2)}\n`

/** `file`: as it is named in the complaint. A tool whose digest is not that of what stands there was edited by hand. */
export const read = (text: string, file: string): Result.Result<Lock, Errors.ConfigurationError> => {
  const refuse = (issue: string) => Result.fail(new Errors.ConfigurationError({ setting: file, issue }))
  const remedy = "`gleitzeit mcp lock` writes it again"
  const decoded = decode(text)
  if (Result.isFailure(decoded)) return refuse(`it is no lock file of this version; ${remedy}`)
  const { servers } = decoded.success
  for (const [server, tools] of Object.entries(servers)) {
    for (const [name, tool] of Object.entries(tools)) {
      if (McpTools.digest(toolOf(tool)) !== tool.digest) {
        return refuse(`the tool ${name} of "${server}" is not what was locked; ${remedy}`)
      }
    }
  }
  return Result.succeed(decoded.success)
}

/** The tools of a server as they were, by name. `undefined` when the lock does not know it. */
export const offered = ({ servers }: Lock, server: string): ReadonlyArray<Offered> | undefined =>
  Object.hasOwn(servers, server)
    ? Object.entries(servers[server] ?? {}).map(([name, tool]) => ({ name, server, tool: toolOf(tool) }))
    : undefined

/** What has changed of the servers that are there; `silent`: those that could not be asked, with the reason. */
export const drift = (
  lock: Lock,
  present: ReadonlyArray<Offered>,
  silent: ReadonlyMap<string, string> = new Map()
): ReadonlyArray<Drift> => {
  const names = [...new Set([...Object.keys(lock.servers), ...present.map(({ server }) => server)])]
  return names.flatMap((server): ReadonlyArray<Drift> => {
    const reason = silent.get(server)
    if (reason !== undefined) {
      return [{ server, change: "unavailable", parts: [], message: `"${server}" cannot be asked: ${reason}` }]
    }
    const before = new Map((offered(lock, server) ?? []).map((one) => [one.name, one]))
    const now = new Map(present.filter((one) => one.server === server).map((one) => [one.name, one]))
    return [...new Set([...before.keys(), ...now.keys()])].flatMap((name): ReadonlyArray<Drift> => {
      const was = before.get(name)
      const is = now.get(name)
      if (was === undefined) {
        const message = `the tool ${name} of "${server}" is not locked`
        return [{ server, tool: name, change: "added", parts: [], message }]
      }
      if (is === undefined) {
        return [{ server, tool: name, change: "gone", parts: [], message: `"${server}" has no tool ${name} any more` }]
      }
      const parts = changes(was.tool, is.tool)
      if (parts.length === 0) return []
      const message = `the tool ${name} of "${server}" is another than was locked: ${inWords(parts, was.tool, is.tool)}`
      return [{ server, tool: name, change: "changed", parts, message }]
    })
  })
}

/** What of it is another; empty when nothing is. */
export const changes = (was: Tool, is: Tool): ReadonlyArray<Part> => {
  const before: Schema.JsonObject = McpTools.promised(was)
  const now: Schema.JsonObject = McpTools.promised(is)
  const differs = (...keys: ReadonlyArray<string>) =>
    keys.some((key) => Hash.canonical(before[key] ?? null) !== Hash.canonical(now[key] ?? null))
  return [
    ...(was.name === is.name ? [] : (["name"] as const)),
    ...(differs("description", "title") ? (["description"] as const) : []),
    ...(differs("input") ? (["params"] as const) : []),
    ...(differs("output") ? (["result"] as const) : []),
    ...(differs("readOnly", "destructive", "idempotent") ? (["hints"] as const) : [])
  ]
}

/** For people: `its params ("path" is gone, "file" is there), its description`. */
export const inWords = (parts: ReadonlyArray<Part>, was: Tool, is: Tool): string =>
  parts.map((part) => (part === "params" ? `its params${fields(was.input, is.input)}` : `its ${part}`)).join(", ")

// internal

const encode = Schema.encodeSync(Lock)
const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Lock))

const locked = ({ name, tool }: Offered) =>
  [name, { tool: tool.name, ...McpTools.promised(tool), digest: McpTools.digest(tool) }] as const

const toolOf = ({ description, destructive, idempotent, input, output, readOnly, title, tool }: LockedTool): Tool => ({
  name: tool,
  ...(title === undefined ? {} : { title }),
  description,
  input,
  ...(output === undefined ? {} : { output }),
  readOnly,
  destructive,
  idempotent
})

const fields = (was: Schema.JsonObject, is: Schema.JsonObject): string => {
  const before = namesOf(was)
  const now = namesOf(is)
  const said = [
    ...[...before].filter((name) => !now.has(name)).map((name) => `"${name}" is gone`),
    ...[...now].filter((name) => !before.has(name)).map((name) => `"${name}" is there`)
  ]
  return said.length === 0 ? "" : ` (${said.join(", ")})`
}

const namesOf = ({ properties }: Schema.JsonObject): ReadonlySet<string> =>
  new Set(typeof properties === "object" && properties !== null ? Object.keys(properties) : [])
