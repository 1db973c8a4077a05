/**
 * `mcp/v1`: MCP servers. The methods that every hub has; beside them it has one for each tool of its servers,
 * `mcp/tool.NAME`, whose contract is known once the server has told it. Words only: which servers there are is a
 * provider's matter.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const JsonObject = Schema.Record(Schema.String, Schema.Json)

/** Before the name of a tool. */
export const toolPrefix = "mcp/tool."

const server = (otherwise: string) =>
  described(Schema.NonEmptyString, `Its name in the configuration. Default: ${otherwise}.`)

const one = server("the only one")
const all = server("all of them")
const owner = server("the only one that has it")

/** Servers that could not be asked, and why: their part of a list is missing. */
const unavailable = Schema.Array(Schema.Struct({ server: Schema.String, reason: Schema.String }))

export const Tool = Schema.Struct({
  /** As it stands behind `mcp/tool.`. */
  name: Schema.String,
  method: Schema.String,
  server: Schema.String,
  /** The server's own name for it. */
  tool: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.String,
  inputSchema: JsonObject,
  outputSchema: Schema.optionalKey(JsonObject),
  /** What the server says of it, which need not be true. */
  readOnly: Schema.Boolean,
  destructive: Schema.Boolean,
  idempotent: Schema.Boolean,
  /** People are asked before each call. */
  approve: Schema.Boolean
})
export type Tool = typeof Tool.Type

export const Server = Schema.Struct({
  name: Schema.String,
  /** `idle`: nobody has asked anything of it. `broken`: it cannot be used as it is configured, or failed too often. */
  status: Schema.Literals(["idle", "starting", "ready", "down", "broken"]),
  transport: Schema.optionalKey(Schema.Literals(["stdio", "http", "sse", "websocket"])),
  /** Before the names of its tools. */
  prefix: Schema.optionalKey(Schema.String),
  pid: Schema.optionalKey(Schema.Int),
  /** The revision of MCP that was agreed on. */
  protocol: Schema.optionalKey(Schema.String),
  server: Schema.optionalKey(Schema.Struct({ name: Schema.String, version: Schema.String })),
  instructions: Schema.optionalKey(Schema.String),
  /** How many it has. */
  tools: Schema.optionalKey(Schema.Int),
  restarts: Schema.Int,
  /** Why it is not there. */
  reason: Schema.optionalKey(Schema.String)
})
export type Server = typeof Server.Type

export const McpV1 = Protocol.make("mcp/v1", {
  description: "MCP servers and their tools",
  methods: {
    "mcp/tools/list": Method.make({
      description: "The tools of the MCP servers, with their schemas",
      effects: "reads",
      params: Schema.Struct({ server: all }),
      result: Schema.Struct({ tools: Schema.Array(Tool), unavailable })
    }),
    "mcp/servers": Method.make({
      description: "The MCP servers and how they are; none is started for it",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Struct({ servers: Schema.Array(Server) }),
      examples: [
        {
          params: {},
          result: { servers: [{ name: "files", status: "idle", transport: "stdio", prefix: "files.", restarts: 0 }] }
        }
      ]
    }),
    "mcp/server_info": Method.make({
      description: "What an MCP server says of itself; it is started for it",
      effects: "reads",
      params: Schema.Struct({ server: one }),
      result: Server
    }),
    "mcp/ping": Method.make({
      description: "Whether an MCP server answers; it is started for it",
      effects: "reads",
      params: Schema.Struct({ server: one }),
      result: Schema.Struct({ server: Schema.String, duration_ms: Schema.Finite })
    }),
    "mcp/complete": Method.make({
      description: "What an MCP server would complete the beginning of an argument to",
      effects: "reads",
      params: Schema.Struct({
        server: one,
        ref: Schema.Union([
          Schema.Struct({ type: Schema.Literal("ref/prompt"), name: Schema.NonEmptyString }),
          Schema.Struct({ type: Schema.Literal("ref/resource"), uri: Schema.NonEmptyString })
        ]).annotate({ description: "Whose argument it is." }),
        argument: Schema.Struct({ name: Schema.NonEmptyString, value: Schema.String }),
        context: described(JsonObject, "Arguments that are known: `{ arguments: { ... } }`.")
      }),
      result: Schema.Struct({
        server: Schema.String,
        values: Schema.Array(Schema.String),
        total: Schema.optionalKey(Schema.Int),
        hasMore: Schema.optionalKey(Schema.Boolean)
      })
    }),
    "mcp/resources/list": Method.make({
      description: "What can be read from the MCP servers, and the templates of such names",
      effects: "reads",
      params: Schema.Struct({ server: all }),
      /** As the servers tell them, each with the name of its `server`. */
      result: Schema.Struct({ resources: Schema.Array(JsonObject), templates: Schema.Array(JsonObject), unavailable })
    }),
    "mcp/resources/read": Method.make({
      description: "Reads a resource of an MCP server",
      effects: "reads",
      params: Schema.Struct({ uri: Schema.NonEmptyString, server: owner }),
      result: Schema.Struct({
        server: Schema.String,
        uri: Schema.String,
        /** As the server gives them; `blob` is base64. */
        contents: Schema.Array(JsonObject),
        /** Those that are text, one below the other. */
        text: Schema.String,
        /** The same as `text`. */
        output: Schema.String,
        /** The text, read, where it is a JSON object or list. */
        json: Schema.optionalKey(Schema.Json)
      })
    }),
    "mcp/prompts/list": Method.make({
      description: "The prompts of the MCP servers",
      effects: "reads",
      params: Schema.Struct({ server: all }),
      /** As the servers tell them, each with the name of its `server`. */
      result: Schema.Struct({ prompts: Schema.Array(JsonObject), unavailable })
    }),
    "mcp/prompts/get": Method.make({
      description: "A prompt of an MCP server, filled in",
      effects: "reads",
      params: Schema.Struct({
        name: Schema.NonEmptyString,
        server: owner,
        arguments: described(Schema.Record(Schema.String, Schema.String), "By name. Default: none.")
      }),
      result: Schema.Struct({
        server: Schema.String,
        name: Schema.String,
        description: Schema.optionalKey(Schema.String),
        /** As the server gives them: `role`, and `content` as one block. */
        messages: Schema.Array(JsonObject),
        /** Those that are text, one below the other. */
        text: Schema.String,
        /** The same as `text`. */
        output: Schema.String
      })
    })
  }
})
