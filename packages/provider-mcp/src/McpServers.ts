/** The hub: all MCP servers that are configured. One that is broken does not keep the others from their work. */
import { Errors, type Failure } from "@gleitzeit/core"
import { Effect, Exit, Scope, Stream } from "effect"
import * as Connection from "./Connection.ts"
import type { State, Tool } from "./Connection.ts"
import { provider } from "./McpFailure.ts"
import type { Server, ToolRules, Unusable } from "./Server.ts"

export interface McpServers {
  /**
   * Every tool that the rules let through, in the order of the servers; the very same list while nothing has changed. A
   * server that cannot be asked is left out. Fails when two tools have one name.
   */
  readonly tools: Effect.Effect<ReadonlyArray<Offered>, Failure.Failure>
  readonly servers: ReadonlyArray<Server | Unusable>
  readonly connection: (server: string) => Effect.Effect<Connection.Connection, Failure.Failure>
  readonly states: Effect.Effect<ReadonlyArray<State>>
  readonly changes: Stream.Stream<void>
}

export interface Offered {
  /** Prefix and name, or prefix and alias: unique among all. */
  readonly name: string
  readonly server: string
  readonly tool: Tool
}

/** All servers end with the scope, at once. `ConfigurationError` when two have one name. */
export const make = (
  servers: ReadonlyArray<Server | Unusable>
): Effect.Effect<McpServers, Errors.ConfigurationError, Scope.Scope> =>
  Effect.gen(function* () {
    const names = servers.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) {
      return yield* new Errors.ConfigurationError({
        setting: "mcp.servers",
        issue: `two servers are named "${twice}"; each needs a name of its own`
      })
    }
    const scope = yield* Effect.acquireRelease(Scope.make("parallel"), (scope) => Scope.close(scope, Exit.void))
    const members = new Map<string, Member>()
    for (const server of servers) {
      if (!isUsable(server)) continue
      const connection = yield* Scope.provide(Connection.make(server), scope)
      members.set(server.name, new Member(server, connection))
    }
    const all = [...members.values()]
    for (const { connection, server } of all) {
      if (server.start === "eager") yield* Effect.forkIn(Effect.ignore(connection.tools), scope)
    }

    let known: { readonly parts: ReadonlyArray<ReadonlyArray<Offered>>; readonly offered: ReadonlyArray<Offered> } = {
      parts: [],
      offered: []
    }
    const tools = Effect.gen(function* () {
      const parts = yield* Effect.forEach(
        all,
        (member) => Effect.catch(member.offered, ({ message }) => Effect.as(member.warn(message), [])),
        { concurrency: "unbounded" }
      )
      const whole = parts.filter(({ length }) => length > 0)
      if (whole.length === known.parts.length && whole.every((part, index) => part === known.parts[index])) {
        return known.offered
      }
      const offered = whole.flat()
      const clash = clashOf(offered)
      if (clash !== undefined) return yield* clash
      known = { parts: whole, offered }
      return offered
    })

    return {
      servers,
      tools,
      connection: (name) => {
        const member = members.get(name)
        if (member !== undefined) return Effect.succeed(member.connection)
        const written = servers.find((server) => server.name === name)
        const reason =
          written !== undefined && !isUsable(written)
            ? `the server "${name}" cannot be used: ${written.reason}`
            : `there is no MCP server "${name}" (configured: ${names.join(", ") || "none"})`
        return Effect.fail(new Errors.ProviderUnavailable({ provider, reason, retryable: false }))
      },
      states: Effect.forEach(servers, (server): Effect.Effect<State> => {
        const member = members.get(server.name)
        if (member !== undefined) return member.connection.state
        const reason = isUsable(server) ? "" : server.reason
        return Effect.succeed({ name: server.name, status: "broken", transport: "stdio", restarts: 0, reason })
      }),
      changes: Stream.mergeAll(
        all.map(({ connection }) => connection.changes),
        { concurrency: "unbounded" }
      )
    }
  })

// internal

const isUsable = (server: Server | Unusable): server is Server => "reach" in server

/** One server, and what it offers under which names. */
class Member {
  readonly server: Server
  readonly connection: Connection.Connection
  #known: { readonly tools: ReadonlyArray<Tool>; readonly offered: ReadonlyArray<Offered> } | undefined

  #warned: string | undefined

  constructor(server: Server, connection: Connection.Connection) {
    this.server = server
    this.connection = connection
  }

  /** Once while the reason is the same one. Of a server that rests it is the failure before, however long it still rests. */
  warn(message: string): Effect.Effect<void> {
    return Effect.flatMap(this.connection.state, ({ reason = message }) => {
      if (this.#warned === reason) return Effect.void
      this.#warned = reason
      return Effect.logWarning(`the tools of the MCP server "${this.server.name}" are left out: ${message}`)
    })
  }

  get offered(): Effect.Effect<ReadonlyArray<Offered>, Failure.Failure> {
    return Effect.map(this.connection.tools, (tools) => {
      if (this.#known?.tools !== tools) this.#known = { tools, offered: offersOf(this.server, tools) }
      return this.#known.offered
    })
  }
}

const offersOf = ({ name, prefix, tools: rules }: Server, tools: ReadonlyArray<Tool>): ReadonlyArray<Offered> =>
  tools
    .filter((tool) => isLetThrough(rules, tool.name))
    .map((tool) => {
      const alias = Object.hasOwn(rules.aliases, tool.name) ? rules.aliases[tool.name] : undefined
      return { name: `${prefix}${alias ?? tool.name}`, server: name, tool }
    })

/** Without any `include` all are. */
const isLetThrough = ({ exclude, include }: ToolRules, name: string): boolean =>
  (include.length === 0 || include.some((pattern) => fits(pattern, name))) &&
  !exclude.some((pattern) => fits(pattern, name))

/** `*` stands for signs, `?` for one. */
const fits = (pattern: string, name: string): boolean => {
  const source = pattern.replaceAll(/[\\^$.*+?()[\]{}|]/g, (sign) => {
    if (sign === "*") return ".*"
    return sign === "?" ? "." : `\\${sign}`
  })
  return new RegExp(`^${source}$`, "su").test(name)
}

const clashOf = (offered: ReadonlyArray<Offered>): Errors.ConfigurationError | undefined => {
  const seen = new Map<string, Offered>()
  for (const one of offered) {
    const other = seen.get(one.name)
    if (other !== undefined) {
      const [first, second] = [other, one].map(({ server, tool }) => `"${tool.name}" of the server "${server}"`)
      const remedy = "give one of them another `tool_prefix` or an alias"
      return new Errors.ConfigurationError({
        setting: "mcp.servers",
        issue: `the tools ${first} and ${second} are both named "${one.name}"; ${remedy}`
      })
    }
    seen.set(one.name, one)
  }
  return undefined
}
