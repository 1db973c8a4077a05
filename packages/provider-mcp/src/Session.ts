/** One life of a server: from the first greeting to the end of the connection. Restarting it is not its affair. */
import {
  type CallToolRequest,
  Client,
  type RequestOptions,
  SdkHttpError,
  type StandardSchemaV1,
  type Tool as ListedTool,
  type VersionNegotiationMode
} from "@modelcontextprotocol/client"
import type { Failure } from "@gleitzeit/core"
import * as Version from "@gleitzeit/core/Version"
import { Effect, Exit, Schedule, type Schema, Scope } from "effect"
import { basename } from "node:path"
import { pathToFileURL } from "node:url"
import type { Tool } from "./Connection.ts"
import { type Link, silent } from "./Link.ts"
import type { McpFailure } from "./McpFailure.ts"
import type { NotStarted } from "./ProcessGroup.ts"
import type { Server } from "./Server.ts"
import * as Transports from "./Transports.ts"

export interface Session {
  readonly client: Client
  readonly link: Link
  /** It is of the revisions from 2026-07-28 on. */
  readonly isModern: boolean
}

export interface Surroundings {
  readonly failures: McpFailure
  /** What every child gets. */
  readonly env: { readonly [name: string]: string }
  /** The server says that what it offers has changed. */
  readonly changed: (what: "tools" | "prompts" | "resources") => void
  /** The connection has ended, from whichever side. */
  readonly over: () => void
}

/** The connection is closed with the scope. */
export const open = (
  server: Server,
  surroundings: Surroundings
): Effect.Effect<Session, Failure.Failure, Scope.Scope> => {
  const { failures } = surroundings
  let last: Link | undefined
  const attempt = (way: Way) =>
    Effect.gen(function* () {
      const outer = yield* Effect.scope
      const scope = yield* Scope.fork(outer)
      const opening = Effect.gen(function* () {
        const link = yield* way.link
        last = link
        const session = yield* greet(server, way.mode, link, surroundings)
        yield* Effect.forkScoped(keepListening(session.client, surroundings))
        return session
      }).pipe(Scope.provide(scope))
      return yield* Effect.onError(opening, () => Scope.close(scope, Exit.void))
    })
  const [first, second] = waysOf(server, surroundings.env)
  const opened =
    second === undefined
      ? attempt(first)
      : Effect.catch(attempt(first), (broken) =>
          broken._tag === "Broken" && second.follows(broken) ? attempt(second) : Effect.fail(broken)
        )
  return opened.pipe(
    Effect.mapError((broken) =>
      broken._tag === "NotStarted"
        ? failures.notStarted(broken, pathOf(server, surroundings))
        : failures.of(broken.error, starting(server), broken.link)
    ),
    Effect.timeoutOrElse({
      duration: server.startTimeout,
      orElse: () => Effect.fail(failures.slowStart(last?.said() ?? silent))
    })
  )
}

/** Any object, as it came: what it means is decoded by whoever asked. Throws what the client of the protocol throws. */
export const ask = (
  { client }: Session,
  method: string,
  params: Schema.JsonObject,
  options: RequestOptions
): Promise<Schema.JsonObject> => client.request({ method, params }, untouched, options)

/** A call of a tool whose params travel in headers too. */
export const mirrored = (
  { client }: Session,
  { input, name }: Tool,
  params: Schema.JsonObject,
  options: RequestOptions
): Promise<Schema.JsonObject> =>
  client
    // Safe: a tool that was listed has a schema of an object, and its arguments are one.
    .callTool(params as CallToolRequest["params"], {
      ...options,
      toolDefinition: { name, inputSchema: input as ListedTool["inputSchema"] }
    })
    // Safe: it came as JSON.
    .then((result) => result as unknown as Schema.JsonObject)

// internal

interface Way {
  readonly mode: VersionNegotiationMode
  readonly link: Effect.Effect<Link, NotStarted, Scope.Scope>
}

/** Tried when another way failed with what it `follows`. */
interface Another extends Way {
  readonly follows: (broken: Broken) => boolean
}

interface Broken {
  readonly _tag: "Broken"
  readonly error: unknown
  readonly link: Link
}

/** How long a process may keep silent before it is taken for one of the older revisions. Milliseconds. */
const patience = 5000

/** How long a server that has asked for the roots may need to look at them. Milliseconds. */
const moment = 100

const waysOf = (server: Server, env: Surroundings["env"]): readonly [Way, Another?] => {
  const { protocol, reach } = server
  const mode: VersionNegotiationMode = protocol === "2026-07-28" ? { pin: protocol } : protocol
  switch (reach._tag) {
    case "Stdio": {
      const link = Transports.stdio(reach, server, env)
      // some servers leave when they are asked what they do not know
      const follows = ({ link }: Broken) => link.end()?._tag === "Exited"
      return mode === "auto"
        ? [
            { mode, link },
            { mode: "legacy", link, follows }
          ]
        : [{ mode, link }]
    }
    case "WebSocket":
      // no revision has it: nobody there is asked for the newest one first
      return [{ mode: mode === "auto" ? "legacy" : mode, link: Transports.webSocket(reach, server) }]
    case "Http": {
      const events = { mode: "legacy" as const, link: Transports.events(reach, server) }
      if (reach.sse) return [events]
      const first = { mode, link: Transports.streamable(reach, server) }
      return typeof mode === "object" ? [first] : [first, { ...events, follows: isUnknownThere }]
    }
  }
}

/** A server of 2024-11-05 does not know what a POST to its stream of events is for. */
const isUnknownThere = ({ error }: Broken): boolean =>
  error instanceof SdkHttpError && (error.status === 400 || error.status === 404 || error.status === 405)

const greet = (
  { roots, startTimeout }: Server,
  mode: VersionNegotiationMode,
  link: Link,
  { changed, over }: Surroundings
): Effect.Effect<Session, Broken> => {
  const told = (what: "tools" | "prompts" | "resources") => ({
    autoRefresh: false,
    debounceMs: 0,
    onChanged: () => changed(what)
  })
  // the whole of it has a timeout of its own, which is to come first
  const never = startTimeout * 2
  const isPipe = link.kind === "stdio"
  const client = new Client(
    { name: "gleitzeit", version: Version.version },
    {
      // Sampling is not offered: the client answers that it has no such method.
      capabilities: { roots: {}, elicitation: { form: {} } },
      versionNegotiation: { mode, probe: { timeoutMs: isPipe ? Math.min(patience, startTimeout / 3) : never } },
      listChanged: { tools: told("tools"), prompts: told("prompts"), resources: told("resources") }
    }
  )
  let hasAsked = false
  client.setRequestHandler("roots/list", () => {
    hasAsked = true
    return { roots: roots.map((path) => ({ uri: pathToFileURL(path).href, name: basename(path) })) }
  })
  client.setRequestHandler("elicitation/create", () => ({ action: "decline" as const }))
  // those that do not announce that they tell of changes may tell of them all the same
  client.setNotificationHandler("notifications/tools/list_changed", () => changed("tools"))
  client.setNotificationHandler("notifications/prompts/list_changed", () => changed("prompts"))
  client.setNotificationHandler("notifications/resources/list_changed", () => changed("resources"))
  return Effect.gen(function* () {
    yield* Effect.tryPromise({
      try: (signal) => client.connect(link.transport, { signal, timeout: never }),
      catch: (error): Broken => ({ _tag: "Broken", error, link })
    })
    const isModern = client.getProtocolEra() === "modern"
    if (!isModern && isPipe && roots.length > 0) yield* takeIn(client, () => hasAsked)
    client.onclose = over
    // it may have ended already
    if (client.transport === undefined) over()
    return { client, link, isModern }
  })
}

/**
 * A server of the older era that wants to know the roots asks as soon as it is greeted, and refuses what lies in them
 * until it has taken in the answer. It does not say when that is: it is given a moment.
 */
const takeIn = (client: Client, hasAsked: () => boolean): Effect.Effect<void> => {
  const ping = Effect.ignore(
    Effect.tryPromise((signal) => client.request({ method: "ping" }, { signal, timeout: moment * 2 }))
  )
  return Effect.andThen(
    ping,
    Effect.suspend(() => (hasAsked() ? Effect.andThen(Effect.sleep(moment), ping) : Effect.void))
  )
}

/**
 * From 2026-07-28 on a server tells of changes by a stream that may be cut off: then it is opened again, and what it
 * offers may have changed meanwhile. Given up when that fails for half a minute; older servers have none.
 */
const keepListening = (client: Client, { changed }: Surroundings): Effect.Effect<void> =>
  Effect.gen(function* () {
    let subscription = client.autoOpenedSubscription
    while (subscription !== undefined) {
      const { closed, honoredFilter } = subscription
      if ((yield* Effect.promise(() => closed)) === "local") return
      subscription = yield* Effect.tryPromise((signal) => client.listen(honoredFilter, { signal })).pipe(
        Effect.retry({ schedule: Schedule.exponential(500), times: 6 })
      )
      changed("tools")
    }
  }).pipe(Effect.ignore)

const starting = ({ startTimeout }: Server) => ({
  words: "the greeting",
  method: "initialize",
  timeout: startTimeout,
  mayRepeat: true,
  isAlone: false
})

const pathOf = ({ reach }: Server, { env }: Surroundings): string | undefined =>
  reach._tag === "Stdio" ? (reach.env["PATH"] ?? env["PATH"]) : undefined

/** The client has no result but objects, made from JSON. */
const untouched: StandardSchemaV1<Schema.JsonObject> = {
  "~standard": {
    version: 1,
    vendor: "gleitzeit",
    // Safe: see above.
    validate: (value) => ({ value: value as Schema.JsonObject })
  }
}
