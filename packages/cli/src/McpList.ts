/** MCP servers and their tools as `gleitzeit mcp` lists them: as documents, and as tables. */
import type { Configured } from "@gleitzeit/provider-mcp/McpConfig"
import type { Offered } from "@gleitzeit/provider-mcp/McpServers"
import type { Server } from "@gleitzeit/provider-mcp/Server"
import type { Style } from "./Style.ts"
import * as Text from "./Text.ts"

/** As `--json` prints one. */
export const document = (one: Configured) => {
  const { from, name, server } = one
  const said = { name, state: stateOf(one), from }
  if (server === undefined) return said
  if ("reason" in server) return { ...said, reason: server.reason }
  return { ...said, reached_by: reachOf(server), prefix: server.prefix, protocol: server.protocol, roots: server.roots }
}

/** As `--json` prints one. */
export const toolDocument = ({ name, server, tool }: Offered) => ({
  name,
  method: `mcp/tool.${name}`,
  server,
  ...(tool.title === undefined ? {} : { title: tool.title }),
  description: tool.description,
  read_only: tool.readOnly,
  destructive: tool.destructive,
  idempotent: tool.idempotent,
  input: tool.input,
  ...(tool.output === undefined ? {} : { output: tool.output })
})

/** As people read it. */
export const serverTable = (all: ReadonlyArray<Configured>, style: Style): ReadonlyArray<string> => {
  const rows = all.map((one) => {
    const { name, from, server } = one
    const how = server === undefined || "reason" in server ? ["-", "-"] : [reachOf(server), `${server.prefix}*`]
    return [name, stateOf(one), ...how, from]
  })
  const [head = "", ...lines] = Text.table([["SERVER", "STATE", "REACHED BY", "TOOLS", "FROM"], ...rows])
  return [
    style.dim(head),
    ...lines.flatMap((line, i) => {
      const server = all[i]?.server
      if (server === undefined) return [style.dim(line)]
      return "reason" in server ? [style.red(line), `    ${Text.flat(server.reason)}`] : [line]
    })
  ]
}

/** As people read it. */
export const toolTable = (all: ReadonlyArray<Offered>, style: Style): ReadonlyArray<string> => {
  const rows = all.map(({ name, server, tool }) => [
    name,
    server,
    tool.readOnly ? "reads" : tool.destructive ? "destroys" : "writes",
    sentence(tool.description === "" ? (tool.title ?? "") : tool.description)
  ])
  const [head = "", ...lines] = Text.table([["TOOL", "SERVER", "EFFECTS", "DESCRIPTION"], ...rows])
  return [style.dim(head), ...lines]
}

/** Neither arguments nor paths of a URL: secrets may have been filled in there. */
export const reachOf = ({ reach }: Server): string => {
  switch (reach._tag) {
    case "Stdio":
      return `stdio ${reach.command}`
    case "Http":
      return `${reach.sse ? "sse" : "http"} ${new URL(reach.url).origin}`
    case "WebSocket":
      return `websocket ${new URL(reach.url).host}`
  }
}

// internal

const stateOf = ({ server }: Configured): string =>
  server === undefined ? "switched off" : "reason" in server ? "unusable" : "usable"

/** The first, as far as it fits beside the rest. */
const sentence = (text: string): string => {
  const [first = ""] = Text.flat(text).split(/(?<=[.!?]) /, 1)
  return Text.fit(first, 80, "…")
}
