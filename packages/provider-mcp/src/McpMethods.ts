/** The methods of `mcp/v1` that are no tools: what the servers have, how they are, what can be read from them. */
import { Diagnostic, Errors, type Failure, Json, JsonRpc, type McpV1, type Provider } from "@gleitzeit/core"
import { Clock, Effect, Result, type Schema } from "effect"
import type { Connection, State } from "./Connection.ts"
import * as McpAnswer from "./McpAnswer.ts"
import type { McpServers, Offered } from "./McpServers.ts"
import * as McpTools from "./McpTools.ts"
import type { Server, Unusable } from "./Server.ts"

export type Handlers = Provider.Handlers<(typeof McpV1.McpV1)["methods"]>

export const make = (servers: McpServers): Handlers => ({
  "mcp/tools/list": ({ server }) =>
    Effect.gen(function* () {
      // who is asked about one server is told why it cannot be asked
      if (server !== undefined) yield* Effect.flatMap(named(servers, "mcp/tools/list", server), ({ tools }) => tools)
      const offered = yield* servers.tools
      const rules = new Map(servers.servers.map((one) => [one.name, one]))
      const unavailable = (yield* states(servers))
        .filter((one) => isDown(one) && (server === undefined || one.name === server))
        .map(({ name, reason = "it is not there" }) => ({ server: name, reason }))
      const tools = offered
        .filter((one) => server === undefined || one.server === server)
        .map((one) => described(one, rules.get(one.server)))
      return { tools, unavailable }
    }),
  "mcp/servers": () => Effect.map(states(servers), (servers) => ({ servers })),
  "mcp/server_info": ({ server }) =>
    Effect.gen(function* () {
      const connection = yield* named(servers, "mcp/server_info", server)
      yield* connection.tools
      const found = (yield* states(servers)).find(({ name }) => name === connection.name)
      return found ?? { name: connection.name, status: "ready" as const, restarts: 0 }
    }),
  "mcp/ping": ({ server }) =>
    Effect.gen(function* () {
      const connection = yield* named(servers, "mcp/ping", server)
      const began = yield* Clock.currentTimeNanos
      // that it does not know what this is says as much as an answer
      yield* orNothing(connection.request("ping", {}))
      const ended = yield* Clock.currentTimeNanos
      return { server: connection.name, duration_ms: Number(ended - began) / 1e6 }
    }),
  "mcp/complete": ({ argument, context, ref, server }) =>
    Effect.gen(function* () {
      const method = "mcp/complete"
      const connection = yield* named(servers, method, server)
      const { completion } = yield* connection.request("completion/complete", {
        ref: { ...ref },
        argument: { ...argument },
        ...(context === undefined ? {} : { context })
      })
      const { hasMore, total, values } = Json.isObject(completion) ? completion : {}
      if (!Json.isArray(values)) return yield* odd(method, connection, "completion.values")
      return {
        server: connection.name,
        values: values.map(String),
        ...(typeof total === "number" && Number.isInteger(total) ? { total } : {}),
        ...(typeof hasMore === "boolean" ? { hasMore } : {})
      }
    }),
  "mcp/resources/list": ({ server }) =>
    Effect.gen(function* () {
      const method = "mcp/resources/list"
      const found = yield* ofAll(servers, method, server, (connection) =>
        Effect.zip(
          listed(connection, "resources/list", "resources"),
          listed(connection, "resources/templates/list", "resourceTemplates"),
          { concurrent: true }
        )
      )
      return {
        resources: found.lists.flatMap(([resources]) => resources),
        templates: found.lists.flatMap(([, templates]) => templates),
        unavailable: found.unavailable
      }
    }),
  "mcp/resources/read": ({ server, uri }) =>
    Effect.gen(function* () {
      const method = "mcp/resources/read"
      const connection = yield* owner(servers, method, server, `the resource ${uri}`, (connection) =>
        Effect.map(listed(connection, "resources/list", "resources"), (all) => all.some((one) => one["uri"] === uri))
      )
      const { contents } = yield* connection.request("resources/read", { uri })
      if (!areObjects(contents)) return yield* odd(method, connection, "contents")
      const size = McpAnswer.bytes(contents)
      if (size > McpAnswer.maxAnswer) {
        return yield* new Errors.ResultTooLarge({ size, limit: McpAnswer.maxAnswer })
      }
      const text = contents.flatMap(({ text }) => (typeof text === "string" ? [text] : [])).join("\n")
      const json = McpAnswer.jsonOf(text)
      return {
        server: connection.name,
        uri,
        contents,
        text,
        output: text,
        ...(json === undefined ? {} : { json })
      }
    }),
  "mcp/prompts/list": ({ server }) =>
    Effect.map(
      ofAll(servers, "mcp/prompts/list", server, (connection) => listed(connection, "prompts/list", "prompts")),
      ({ lists, unavailable }) => ({ prompts: lists.flat(), unavailable })
    ),
  "mcp/prompts/get": ({ arguments: given = {}, name, server }) =>
    Effect.gen(function* () {
      const method = "mcp/prompts/get"
      const connection = yield* owner(servers, method, server, `the prompt "${name}"`, (connection) =>
        Effect.map(listed(connection, "prompts/list", "prompts"), (all) => all.some((one) => one["name"] === name))
      )
      const { description, messages } = yield* connection.request("prompts/get", { name, arguments: given })
      if (!areObjects(messages)) return yield* odd(method, connection, "messages")
      const text = McpAnswer.textOf(messages.flatMap(({ content }) => (Json.isObject(content) ? [content] : [])))
      return {
        server: connection.name,
        name,
        ...(typeof description === "string" ? { description } : {}),
        messages,
        text,
        output: text
      }
    })
})

/** Every server that is configured, as it is; those that cannot be used too. */
export const states = (servers: McpServers): Effect.Effect<ReadonlyArray<McpV1.Server>> =>
  Effect.map(servers.states, (states) => {
    const known = new Map(states.map((state) => [state.name, state]))
    return servers.servers.map((server): McpV1.Server => {
      const prefix = "prefix" in server ? { prefix: server.prefix } : {}
      const state: State | undefined = known.get(server.name)
      if ("reason" in server) return { name: server.name, status: "broken", restarts: 0, reason: server.reason }
      return state === undefined
        ? { name: server.name, status: "idle", ...prefix, restarts: 0 }
        : { ...state, ...prefix }
    })
  })

export const isDown = ({ status }: McpV1.Server): boolean => status === "down" || status === "broken"

// internal

const described = (offered: Offered, server: Server | Unusable | undefined): McpV1.Tool => {
  const { name, tool } = offered
  const { description, input, output, title, ...hints } = McpTools.promised(tool)
  return {
    name,
    method: McpTools.methodOf(name),
    server: offered.server,
    tool: tool.name,
    ...(title === undefined ? {} : { title }),
    description,
    inputSchema: input,
    ...(output === undefined ? {} : { outputSchema: output }),
    ...hints,
    approve: server !== undefined && "approve" in server && McpTools.asks(server, tool)
  }
}

/** The server of that name, or the only one. */
const named = (
  servers: McpServers,
  method: string,
  name: string | undefined
): Effect.Effect<Connection, Failure.Failure> => {
  const names = servers.servers.map(({ name }) => name)
  const [only, ...others] = names
  const wanted = name ?? (others.length === 0 ? only : undefined)
  if (wanted !== undefined && names.includes(wanted)) return servers.connection(wanted)
  const known = names.length === 0 ? "none is configured" : `there are ${names.join(", ")}`
  if (name === undefined) {
    return Effect.fail(new Errors.InvalidParams({ method, issue: `it needs a \`server\`: ${known}` }))
  }
  const near = Diagnostic.nearest(name, names)
  const meant = near === undefined ? "" : `, did you mean "${near}"?`
  return Effect.fail(new Errors.InvalidParams({ method, issue: `there is no server "${name}" (${known})${meant}` }))
}

/** Of one server, or of all: then those that cannot be asked are told of. */
const ofAll = <A>(
  servers: McpServers,
  method: string,
  server: string | undefined,
  ask: (connection: Connection) => Effect.Effect<A, Failure.Failure>
) =>
  Effect.gen(function* () {
    if (server !== undefined) {
      return { lists: [yield* Effect.flatMap(named(servers, method, server), ask)], unavailable: [] }
    }
    const answers = yield* Effect.forEach(
      servers.servers,
      ({ name }) =>
        Effect.map(Effect.result(Effect.flatMap(servers.connection(name), ask)), (answer) => ({ name, answer })),
      { concurrency: "unbounded" }
    )
    return {
      lists: answers.flatMap(({ answer }) => (Result.isSuccess(answer) ? [answer.success] : [])),
      unavailable: answers.flatMap(({ answer, name }) =>
        Result.isFailure(answer) ? [{ server: name, reason: answer.failure.message }] : []
      )
    }
  })

/** The server of that name, the only one, or the only one that has it. `what`: for people. */
const owner = (
  servers: McpServers,
  method: string,
  server: string | undefined,
  what: string,
  has: (connection: Connection) => Effect.Effect<boolean, Failure.Failure>
): Effect.Effect<Connection, Failure.Failure> =>
  Effect.gen(function* () {
    if (server !== undefined || servers.servers.length < 2) return yield* named(servers, method, server)
    const { lists, unavailable } = yield* ofAll(servers, method, undefined, (connection) =>
      Effect.map(has(connection), (itHas) => (itHas ? [connection] : []))
    )
    const [first, ...others] = lists.flat()
    if (first !== undefined && others.length === 0) return first
    const silent = unavailable.map(({ reason, server }) => `; "${server}" cannot be asked: ${reason}`).join("")
    const issue =
      first === undefined
        ? `no server lists ${what}: name one as \`server\`${silent}`
        : `${[first, ...others].map(({ name }) => name).join(" and ")} have ${what}: name one as \`server\``
    return yield* new Errors.InvalidParams({ method, issue })
  })

/** A list of a server, with its name put in. A server that does not know of such things has none. */
const listed = (
  connection: Connection,
  method: string,
  key: string
): Effect.Effect<ReadonlyArray<Schema.JsonObject>, Failure.Failure> =>
  Effect.map(orNothing(connection.request(method, {})), (answer) => {
    const list = answer[key]
    const found = Json.isArray(list) ? list : []
    return found.flatMap((one) => (Json.isObject(one) ? [{ ...one, server: connection.name }] : []))
  })

const orNothing = (
  request: Effect.Effect<Schema.JsonObject, Failure.Failure>
): Effect.Effect<Schema.JsonObject, Failure.Failure> =>
  Effect.catchIf(
    request,
    ({ data }) => Json.isObject(data) && data["code"] === JsonRpc.methodNotFound.code,
    () => Effect.succeed({})
  )

const areObjects = (json: Schema.Json | undefined): json is ReadonlyArray<Schema.JsonObject> =>
  Json.isArray(json) && json.every(Json.isObject)

const odd = (method: string, { name }: Connection, key: string) =>
  new Errors.InvalidResult({ method, issue: `the server "${name}" gives no \`${key}\` that can be read` })
