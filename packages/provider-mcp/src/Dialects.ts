/**
 * Files of other programs that name MCP servers, in the words of our own configuration: `mcpServers` (Claude, Cursor,
 * Windsurf, `.mcp.json`), `servers` with `inputs` (VS Code), `mcp.servers` (VS Code's settings, Gleitzeit). What those
 * programs alone understand is left aside.
 */
import { Diagnostic, Json, JsonSchemaCheck, McpSection } from "@gleitzeit/core"
import { Result, Schema } from "effect"

/** One server as a file has it. */
export interface Imported {
  readonly name: string
  /** In the file: `mcpServers.github`. */
  readonly place: string
  /** The failure says what cannot be understood: each begins with `.KEY: ` or `: `. */
  readonly server: Result.Result<McpSection.Server, ReadonlyArray<string>>
}

/** What a file asks its reader for. */
export interface Input {
  readonly id: string
  readonly password: boolean
  readonly otherwise?: string
}

export interface Document {
  readonly servers: ReadonlyArray<Imported>
  readonly inputs: ReadonlyArray<Input>
}

/** `folder`: the project's, for files that keep servers by project. The failure says what was expected. */
export const read = (value: Schema.Json, folder: string): Result.Result<Document, string> => {
  const root = objectOf(value)
  if (root === undefined) return Result.fail("expected a mapping with `mcpServers` or `servers`")
  const mcp = objectOf(root["mcp"]) ?? {}
  const project = objectOf(objectOf(root["projects"])?.[folder]) ?? {}
  const sections = [
    { place: `projects[${JSON.stringify(folder)}].mcpServers`, value: project["mcpServers"] },
    { place: "mcpServers", value: root["mcpServers"] },
    { place: "servers", value: root["servers"] },
    { place: "mcp.servers", value: mcp["servers"] },
    { place: "mcp.mcpServers", value: mcp["mcpServers"] }
  ].filter(({ value }) => value !== undefined && value !== null)
  if (sections.length === 0 && root["projects"] === undefined) {
    return Result.fail("names no servers: expected `mcpServers`, `servers` or `mcp.servers`")
  }
  const servers: Array<Imported> = []
  for (const { place, value = null } of sections) {
    if (Json.isArray(value)) servers.push(...value.map((one, i) => named(one, `${place}[${i}]`)))
    else if (objectOf(value) === undefined) return Result.fail(`${place}: expected servers by name`)
    else {
      for (const [name, one] of Object.entries(objectOf(value) ?? {})) {
        servers.push({ name, place: `${place}.${name}`, server: serverOf(one) })
      }
    }
  }
  return Result.succeed({ servers, inputs: [...inputsOf(root["inputs"]), ...inputsOf(mcp["inputs"])] })
}

// internal

type Given = { readonly [key: string]: Schema.Json }

const objectOf = (value: Schema.Json | undefined): Given | undefined =>
  value !== undefined && Json.isObject(value) ? value : undefined

const named = (value: Schema.Json, place: string): Imported => {
  const name = objectOf(value)?.["name"]
  return typeof name === "string" && name !== ""
    ? { name, place, server: serverOf(value) }
    : { name: place, place, server: Result.fail([": expected a `name`"]) }
}

const own = new Set(Object.keys(McpSection.Server.fields))

/** Their words for ours. */
const words: { readonly [key: string]: string } = {
  transport: "type",
  transportType: "type",
  envFile: "env_file",
  serverUrl: "url",
  httpUrl: "url",
  http_headers: "headers"
}

const ways: { readonly [way: string]: (typeof McpSection.ways)[number] } = {
  streamableHttp: "http",
  streamable_http: "http",
  local: "stdio",
  remote: "http"
}

const serverOf = (value: Schema.Json): Imported["server"] => {
  const given = objectOf(value)
  if (given === undefined) return Result.fail([": expected a mapping with `command` or `url`"])
  const server: { [key: string]: Schema.Json } = {}
  for (const [key, inner] of Object.entries(given)) {
    const word = own.has(key) ? key : Object.hasOwn(words, key) ? words[key] : undefined
    if (word !== undefined && inner !== null && word !== "tools") server[word] ??= inner
  }
  const { type } = server
  if (typeof type === "string" && Object.hasOwn(ways, type)) server["type"] = ways[type] ?? type
  if (server["connection_type"] !== undefined) delete server["type"]
  // an empty one is how some say that there is none
  for (const key of ["url", "command", "cwd", "env_file"]) if (server[key] === "") delete server[key]
  if (given["enabled"] === false) server["disabled"] ??= true
  const timeout = timeoutOf(given["timeout"])
  if (timeout !== undefined) server["call_timeout"] ??= timeout
  const tools = toolsOf(given)
  if (tools !== undefined) server["tools"] = tools
  const issues = JsonSchemaCheck.check((checked ??= McpSection.jsonSchema()), server, { quote: false })
  if (issues.length > 0) return Result.fail(issues.map(told))
  const decoded = Schema.decodeUnknownResult(McpSection.Server)(server)
  if (Result.isFailure(decoded)) return Result.fail([": cannot be read"])
  const mistakes = McpSection.serverMistakes(decoded.success).map((issue) => `${issue}${meant(given)}`)
  return mistakes.length > 0 ? Result.fail(mistakes) : Result.succeed(decoded.success)
}

let checked: ReturnType<typeof McpSection.jsonSchema> | undefined

const told = ({ message, path }: JsonSchemaCheck.Issue): string =>
  `${path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")}: ${message}`

/** A slip in the one key that must be there. */
const meant = (given: Given): string => {
  if (given["command"] !== undefined || given["url"] !== undefined) return ""
  const found = Object.keys(given).find((key) => !own.has(key) && Diagnostic.nearest(key, ["command", "url"]))
  const suggestion = found === undefined ? undefined : Diagnostic.nearest(found, ["command", "url"])
  return suggestion === undefined ? "" : `; it has "${found}", did you mean "${suggestion}"?`
}

/** Some write seconds and some milliseconds: nobody waits for a thousand seconds, or for less than one. */
const timeoutOf = (value: Schema.Json | undefined): string | undefined =>
  typeof value === "number" && value > 0 ? `${value}${value < 1000 ? "s" : "ms"}` : undefined

/** A list in place of rules names those that are there. */
const toolsOf = (given: Given): Schema.Json | undefined => {
  const { tools } = given
  const include = namesOf(tools) ?? namesOf(given["includeTools"]) ?? namesOf(given["enabledTools"])
  const exclude = namesOf(given["excludeTools"]) ?? namesOf(given["disabledTools"])
  if (tools !== undefined && objectOf(tools) !== undefined) return tools
  if (include === undefined && exclude === undefined) return undefined
  return { ...(include === undefined ? {} : { include }), ...(exclude === undefined ? {} : { exclude }) }
}

const namesOf = (value: Schema.Json | undefined): ReadonlyArray<string> | undefined =>
  value !== undefined && Json.isArray(value) && value.length > 0
    ? value.filter((name) => typeof name === "string")
    : undefined

const inputsOf = (value: Schema.Json | undefined): ReadonlyArray<Input> =>
  value === undefined || !Json.isArray(value)
    ? []
    : value.flatMap((one) => {
        const { default: otherwise, id, password } = objectOf(one) ?? {}
        if (typeof id !== "string") return []
        return [{ id, password: password === true, ...(typeof otherwise === "string" ? { otherwise } : {}) }]
      })
