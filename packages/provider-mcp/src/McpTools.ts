/** The tools of MCP servers as contracts of `mcp/v1`, and what is asked before one of them is called. Pure. */
import { Json, McpV1, type Provider } from "@gleitzeit/core"
import * as Hash from "@gleitzeit/core/Hash"
import type { Schema } from "effect"
import type { Tool } from "./Connection.ts"
import * as McpAnswer from "./McpAnswer.ts"
import type { Offered } from "./McpServers.ts"
import * as SchemaFault from "./SchemaFault.ts"
import type { Server } from "./Server.ts"
import * as TameSchema from "./TameSchema.ts"

export const methodOf = (name: string): string => `${McpV1.toolPrefix}${name}`

/**
 * What a tool takes is what its server says, but for words that could hold up whoever checks it; where nothing can be
 * checked with that it takes anything.
 */
export const offer = ({ name, server, tool }: Offered): Provider.Offer => {
  const input = SchemaFault.of(tool.input)
  const output = tool.output === undefined ? undefined : SchemaFault.of(tool.output)
  const faults = [
    ...(input === undefined ? [] : [`its params cannot be checked: ${input}`]),
    ...(output === undefined ? [] : [`its structured result cannot be checked: ${output}`])
  ]
  const words = tool.description === "" ? (tool.title ?? tool.name) : tool.description
  return {
    method: methodOf(name),
    description: faults.length === 0 ? words : `${words} (${server}: ${faults.join("; ")})`,
    effects: tool.readOnly ? "reads" : "writes",
    params: input === undefined ? TameSchema.ofParams(tool.input) : { type: "object" },
    result: McpAnswer.schema(
      output === undefined && tool.output !== undefined ? TameSchema.ofResult(tool.output) : undefined
    )
  }
}

/** All that a tool promises: the same for equal ones. */
export const digest = (tool: Tool): string => Hash.sha256(Hash.canonical(promised(tool)))

/** What its server says of it but for its name. A schema that is too deep to be written says nothing. */
export const promised = (tool: Tool) => ({
  description: tool.description,
  ...(tool.title === undefined ? {} : { title: tool.title }),
  input: shallow(tool.input),
  ...(tool.output === undefined ? {} : { output: shallow(tool.output) }),
  readOnly: tool.readOnly,
  destructive: tool.destructive,
  idempotent: tool.idempotent
})

/** Whether people are asked before it is called. */
export const asks = ({ approve }: Pick<Server, "approve">, tool: Tool): boolean =>
  approve === "destructive"
    ? tool.destructive && !tool.readOnly
    : approve.some((pattern) => matches(pattern, tool.name))

/** What they are asked. */
export const question = ({ server, tool }: Offered, args: Schema.Json): string =>
  `Call the tool ${tool.name} of the MCP server "${server}" with ${McpAnswer.cut(JSON.stringify(args), maxShown)}?`

/** `*` stands for anything, every other sign for itself. */
export const matches = (pattern: string, name: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  if (!name.startsWith(first)) return false
  const last = rest.pop()
  if (last === undefined) return name === first
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

// internal

const shallow = (schema: Schema.JsonObject): Schema.JsonObject => (Json.isDeep(schema) ? {} : schema)

/** Characters of the arguments in a question. */
const maxShown = 500
