/**
 * `mcp/v1` over the MCP servers that are configured: a method for each of their tools, and those to look around with.
 * What a tool says of itself is checked, what it gives is data. A server that is not there takes its own tools along,
 * and no others.
 */
import { Errors, type Failure, Json, McpV1, Protocol, Provider, Providers, TaskContext } from "@gleitzeit/core"
import { Effect, Layer, type Schema, Stream } from "effect"
import * as Lock from "./Lock.ts"
import * as McpAnswer from "./McpAnswer.ts"
import * as McpMethods from "./McpMethods.ts"
import type { McpServers, Offered } from "./McpServers.ts"
import * as McpTools from "./McpTools.ts"

export interface Options {
  readonly servers: McpServers
  /** Default `mcp`. */
  readonly name?: string
  /**
   * What was locked. When it knows every server that can be used, none is started before one of its tools is called.
   * A tool that is another than was locked is not called.
   */
  readonly lock?: Lock.Lock
  /** Bytes of an answer, as JSON. Default 16 MiB; `ResultTooLarge` beyond it. */
  readonly maxAnswer?: number
  /** Milliseconds between two looks at servers that could not be asked. Default 30,000. */
  readonly refresh?: number
}

/** Starts nobody: its servers begin with the first call, or the first look at what they can do. */
export const make = (options: Options): Effect.Effect<Provider.Provider, Errors.ProviderRefused> =>
  Effect.gen(function* () {
    const { lock, maxAnswer = McpAnswer.maxAnswer, name = "mcp", refresh = 30_000, servers } = options
    const fixed = yield* Provider.make(McpV1.McpV1, { name, handlers: McpMethods.make(servers) })
    const own = Protocol.contracts(McpV1.McpV1)
    const ownMethods = new Set(own.map(({ method }) => method))
    const rules = new Map(servers.servers.map((server) => [server.name, server]))
    const locked = new Map(
      servers.servers.flatMap(({ name }) => {
        const tools = lock && Lock.offered(lock, name)
        return tools === undefined ? [] : [[name, tools] as const]
      })
    )
    const isLocked =
      lock !== undefined && servers.servers.every((server) => "reason" in server || locked.has(server.name))
    /** What each server had when it was asked last. */
    const before = new Map(locked)
    /** Tools that are told of once: their descriptions are others than were locked. */
    const told = new Set<string>()
    let known: Known | undefined
    /** A server could not be asked. */
    let isPartial = false

    const asked = Effect.gen(function* () {
      const live = yield* servers.tools
      const states = new Map((yield* servers.states).map((state) => [state.name, state]))
      isPartial = [...states.values()].some(McpMethods.isDown)
      return servers.servers.flatMap(({ name }) => {
        const tools = live.filter(({ server }) => server === name)
        if (tools.length > 0 || states.get(name)?.status === "ready") before.set(name, tools)
        // who calls what it had is told why it is not there
        return before.get(name) ?? []
      })
    })

    const tools = Effect.map(isLocked ? Effect.succeed([...locked.values()].flat()) : asked, (offered) => {
      const all = new Map(offered.toReversed().map((one) => [McpTools.methodOf(one.name), one]))
      const list = offered.filter((one) => all.get(McpTools.methodOf(one.name)) === one)
      if (known !== undefined && same(known.list, list)) return known
      return (known = { list, byMethod: all, offers: [...own, ...list.map(McpTools.offer)] })
    })

    /** Whether there is something else than before, of a server that is there again. */
    const look = Effect.gen(function* () {
      yield* Effect.sleep(refresh)
      if (!isPartial) return false
      const before = known
      yield* Effect.ignore(tools)
      return known !== before
    })
    const returned = Stream.fromEffectRepeat(look).pipe(
      Stream.filter((isOther) => isOther),
      Stream.map(() => undefined)
    )

    const call = Effect.fnUntraced(function* (
      { name, server, tool }: Offered,
      args: Json.JsonObject
    ): Effect.fn.Return<Schema.Json, Failure.Failure, TaskContext.TaskContext> {
      const connection = yield* servers.connection(server)
      const was = locked.get(server)?.find((one) => one.name === name)
      if (was !== undefined) {
        const found = (yield* connection.tools).find((one) => one.name === tool.name)
        yield* unchanged(was, found, told)
      }
      const rule = rules.get(server)
      if (rule !== undefined && "approve" in rule && McpTools.asks(rule, tool)) {
        const task = yield* TaskContext.TaskContext
        const prompt = McpTools.question({ name, server, tool }, args)
        yield* task.call("approve", "human/approve", { prompt, on_reject: "fail" })
      }
      const answer = yield* connection.call(tool.name, args)
      return yield* Effect.fromResult(McpAnswer.read(answer, { server, tool: tool.name }, maxAnswer))
    })

    return yield* Provider.open({
      name,
      protocol: McpV1.McpV1.id,
      contracts: Effect.map(tools, ({ offers }) => offers),
      // what was locked stays, whatever the servers say
      changes: isLocked ? Stream.empty : Stream.merge(servers.changes, returned),
      call: (method, params) => {
        if (ownMethods.has(method)) return fixed.call(method, params)
        const offered = known?.byMethod.get(method)
        if (offered === undefined) {
          return Effect.fail(new Errors.MethodNotFound({ method, known: [...(known?.byMethod.keys() ?? [])] }))
        }
        return Json.isObject(params)
          ? call(offered, params)
          : Effect.fail(new Errors.InvalidParams({ method, issue: `expected a mapping, found ${Json.kindOf(params)}` }))
      },
      identity: (method) =>
        Effect.sync(() => {
          const offered = known?.byMethod.get(method)
          return offered?.tool.readOnly === true ? `${offered.server} ${McpTools.digest(offered.tool)}` : undefined
        }),
      health: Effect.map(McpMethods.states(servers), healthOf)
    })
  })

/** On duty for as long as the layer lives. */
export const layer = (options: Options): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      yield* providers.register(yield* make(options))
    })
  )

// internal

interface Known {
  readonly list: ReadonlyArray<Offered>
  readonly byMethod: ReadonlyMap<string, Offered>
  readonly offers: ReadonlyArray<Provider.Offer>
}

/** Lists that promise the same: a server that is asked again need not have changed its mind. */
const same = (some: ReadonlyArray<Offered>, others: ReadonlyArray<Offered>): boolean =>
  some.length === others.length &&
  some.every((one, i) => {
    const other = others[i]
    if (other === undefined || one.name !== other.name || one.server !== other.server) return false
    return one.tool === other.tool || Lock.changes(one.tool, other.tool).length === 0
  })

/** What is called is what was locked; another description is no reason not to, and worth a word. */
const unchanged = Effect.fnUntraced(function* (
  { name, server, tool }: Offered,
  found: Offered["tool"] | undefined,
  told: Set<string>
): Effect.fn.Return<void, Failure.Failure, TaskContext.TaskContext> {
  const remedy = "`gleitzeit mcp lock` locks what is there"
  if (found === undefined) {
    const reason = `"${server}" has no tool ${tool.name} any more; ${remedy}`
    return yield* new Errors.ProviderUnavailable({ provider: server, reason, retryable: false })
  }
  const parts = Lock.changes(tool, found)
  if (parts.length === 0) return
  const words = `the tool ${name} of "${server}" is another than was locked: ${Lock.inWords(parts, tool, found)}; ${remedy}`
  if (parts.some((part) => part !== "description")) {
    return yield* new Errors.ProviderUnavailable({ provider: server, reason: words, retryable: false })
  }
  if (told.has(name)) return
  told.add(name)
  const { emit } = yield* TaskContext.TaskContext
  yield* emit({ _tag: "Log", level: "warning", message: words })
})

/** A line for each server. */
const healthOf = (servers: ReadonlyArray<McpV1.Server>): Provider.Health => {
  const down = servers.filter(McpMethods.isDown)
  const status = down.length === 0 ? "healthy" : down.length === servers.length ? "unhealthy" : "degraded"
  const lines = Object.fromEntries(servers.map((server) => [server.name, lineOf(server)]))
  const reason = down.map((server) => `${server.name} is ${lineOf(server)}`).join("; ")
  return { status, details: { ...(reason === "" ? {} : { reason }), servers: lines } }
}

const lineOf = ({ protocol, reason, server, status, tools }: McpV1.Server): string =>
  reason === undefined
    ? [
        status,
        ...(server === undefined ? [] : [`${server.name} ${server.version}`]),
        ...(protocol === undefined ? [] : [`MCP ${protocol}`]),
        ...(tools === undefined ? [] : [`${tools} tool${tools === 1 ? "" : "s"}`])
      ].join(", ")
    : `${status}: ${reason}`
