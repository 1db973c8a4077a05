/** One MCP server: started with the first use, asked, restarted, stopped. */
import { type Progress as Progressed, SdkHttpError } from "@modelcontextprotocol/client"
import { ChildEnvironment, type Failure, Json, type Task, TaskContext } from "@gleitzeit/core"
import { Clock, Deferred, Effect, Exit, Fiber, PubSub, type Schema, Scope, Semaphore, Stream } from "effect"
import * as Life from "./Life.ts"
import { McpFailure, networkCodeOf } from "./McpFailure.ts"
import type { Server } from "./Server.ts"
import * as Session from "./Session.ts"
import { Starts } from "./Starts.ts"
import * as ToolList from "./ToolList.ts"

export interface Connection {
  readonly name: string
  /** Its tools as it gives them, in its order; asked again once it has said that they changed. */
  readonly tools: Effect.Effect<ReadonlyArray<Tool>, Failure.Failure>
  /** One call of a tool, by the server's own name for it. Progress is emitted. Interruption tells the server. */
  readonly call: (
    tool: string,
    args: Schema.JsonObject
  ) => Effect.Effect<Answer, Failure.Failure, TaskContext.TaskContext>
  /** Another request of the protocol, such as `resources/list`: its result as JSON, all pages of a list as one. */
  readonly request: (method: string, params: Schema.JsonObject) => Effect.Effect<Schema.JsonObject, Failure.Failure>
  readonly state: Effect.Effect<State>
  /** One element whenever what it offers may have changed. */
  readonly changes: Stream.Stream<void>
}

/** A tool as its server describes it: nothing of that is trusted to be true. */
export interface Tool {
  readonly name: string
  readonly title?: string
  readonly description: string
  readonly input: Schema.JsonObject
  readonly output?: Schema.JsonObject
  readonly readOnly: boolean
  readonly destructive: boolean
  readonly idempotent: boolean
}

export interface Answer {
  readonly content: ReadonlyArray<Schema.JsonObject>
  readonly structured?: Schema.Json
  readonly isError: boolean
}

export interface State {
  readonly name: string
  readonly status: "idle" | "starting" | "ready" | "down" | "broken"
  readonly transport: "stdio" | "http" | "sse" | "websocket"
  readonly pid?: number
  /** The revision that was agreed on. */
  readonly protocol?: string
  readonly server?: { readonly name: string; readonly version: string }
  readonly instructions?: string
  readonly tools?: number
  readonly restarts: number
  /** Why it is down, with its exit and the end of what it wrote to standard error. */
  readonly reason?: string
}

export type Progress = Extract<Task.Chunk, { readonly _tag: "Progress" }>

/** Nothing is started until something is asked. What was started ends with the scope. */
export const make = (server: Server): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { callTimeout, concurrency, idleTimeout, listTimeout, name, reach, totalTimeout } = server
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const env = yield* ChildEnvironment.inherited
    const changes = yield* PubSub.sliding<void>(1)
    const permits = yield* Semaphore.make(concurrency)
    const listing = yield* Semaphore.make(1)
    const failures = new McpFailure(server)
    const starts = new Starts(server.restart)
    let life: Life.Life | undefined
    let starting: Deferred.Deferred<Life.Life, Failure.Failure> | undefined
    let known: Known | undefined
    let isStale = false
    /** Tools that were left out, and why: said once. */
    const told = new Set<string>()
    /** Why it is not there, or why its last start failed. */
    let fault: Failure.Failure | undefined
    /** Lives that began after one that had broken. */
    let restarts = 0
    let hasBroken = false
    /** What is agreed on is remembered while it rests. */
    let last: Life.Life | undefined

    const now = () => clock.currentTimeMillisUnsafe()

    const watch: Life.Watch = { now, answered: () => starts.succeeded() }

    const changed = (what: "tools" | "prompts" | "resources") => {
      if (what === "tools") isStale = true
      PubSub.publishUnsafe(changes, undefined)
    }

    /** It has ended by itself. */
    const broke = (ended: Life.Life) => {
      if (life !== ended) return
      life = undefined
      hasBroken = true
      const { link } = ended.session
      const end = link.end()
      fault = end === undefined ? undefined : failures.ended(end, link.said())
      if (ended.answers === 0) starts.failedAt(now())
    }

    /** It is of no use any more, or not needed for now. */
    const leave = (old: Life.Life) =>
      Effect.suspend(() => {
        if (life === old) life = undefined
        return Scope.close(old.scope, Exit.void)
      })

    /** Others that are under way with it may come to their end. */
    const retire = (old: Life.Life) =>
      Effect.suspend(() => {
        if (life !== old) return Effect.void
        life = undefined
        hasBroken = true
        if (old.active === 0) return leave(old)
        const drained = Deferred.makeUnsafe<void>()
        old.drained = drained
        return Effect.asVoid(Effect.forkIn(Effect.andThen(Deferred.await(drained), leave(old)), scope))
      })

    const watchIdle = (watched: Life.Life, limit: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (life !== watched) return Effect.void
        const rest = watched.active > 0 ? limit : watched.usedAt + limit - now()
        if (rest > 0) return Effect.andThen(Effect.sleep(rest), watchIdle(watched, limit))
        // at once: whoever comes from here on gets another
        life = undefined
        watched.isLeft = true
        // this runs in the scope that is closed
        return Effect.asVoid(Effect.forkIn(leave(watched), scope))
      })

    const begin = Effect.gen(function* () {
      const own = yield* Scope.fork(scope)
      const over = yield* Deferred.make<void>()
      let begun: Life.Life | undefined
      const surroundings = {
        failures,
        env,
        changed,
        over: () => {
          if (begun !== undefined) broke(begun)
          Deferred.doneUnsafe(over, Effect.void)
        }
      }
      const session = yield* Session.open(server, surroundings).pipe(
        Scope.provide(own),
        Effect.onError(() => Scope.close(own, Exit.void))
      )
      begun = { session, scope: own, answers: 0, active: 0, usedAt: now(), isLeft: false }
      if (last !== undefined || fault !== undefined) {
        isStale = true
        yield* PubSub.publish(changes, undefined)
      }
      if (hasBroken) restarts++
      hasBroken = false
      fault = undefined
      life = last = begun
      // it may have ended already
      if (yield* Deferred.isDone(over)) broke(begun)
      const opened = begun
      yield* Effect.forkIn(Effect.andThen(Deferred.await(over), leave(opened)), scope)
      if (idleTimeout !== undefined) yield* Effect.forkIn(watchIdle(opened, idleTimeout), own)
      return opened
    }).pipe(
      Effect.tapError((failure) =>
        Effect.sync(() => {
          fault = failure
          starts.failedAt(now())
        })
      )
    )

    const start = Effect.uninterruptibleMask((restore) => {
      const started = Deferred.makeUnsafe<Life.Life, Failure.Failure>()
      starting = started
      return Effect.flatMap(Effect.forkIn(begin, scope), (fiber) => {
        fiber.addObserver((exit) => {
          starting = undefined
          // a scope that closes interrupts it
          const isClosed = Exit.isFailure(exit) && Exit.hasInterrupts(exit)
          Deferred.doneUnsafe(started, isClosed ? Effect.fail(failures.closed) : exit)
        })
        return restore(Deferred.await(started))
      })
    })

    /** The present life, else another. While it rests after a failure, whoever is not patient is told of that failure. */
    const living = (isPatient: boolean): Effect.Effect<Life.Life, Failure.Failure> =>
      Effect.suspend(() => {
        if (life !== undefined) return Effect.succeed(life)
        if (starting !== undefined) return Deferred.await(starting)
        const rest = starts.restAt(now())
        if (rest === undefined) return start
        const wait = rest.until - now()
        if (fault !== undefined && (rest.isBroken || !isPatient || !fault.retryable)) {
          return Effect.fail(failures.resting(fault, starts.failures, wait, rest.isBroken))
        }
        return Effect.andThen(Effect.sleep(wait), living(isPatient))
      })

    /** Once more where the server has certainly not done it: another runs there now, which does not know the session. */
    const ask = (
      asking: Life.Asking,
      isPatient = true,
      isFirst = true
    ): Effect.Effect<Schema.JsonObject, Failure.Failure> =>
      Effect.flatMap(living(isPatient), (life) =>
        Effect.catch(Life.exchange(life, asking, watch), (error) => {
          if (error === Life.left) return ask(asking, isPatient, isFirst)
          const { session } = life
          const doing = { ...asking.doing, isAlone: life.active === 0 }
          if (isFirst && isSessionLost(error, session)) {
            return Effect.andThen(retire(life), ask(asking, isPatient, false))
          }
          const failure = failures.of(error, doing, session.link)
          if (session.link.kind === "stdio" || networkCodeOf(error) === undefined) return Effect.fail(failure)
          fault = failure
          return Effect.andThen(retire(life), Effect.fail(failure))
        })
      )

    /** All pages of a list. */
    const list = (method: string, items: string, params: Schema.JsonObject, isPatient: boolean) =>
      Effect.gen(function* () {
        const found: Array<Schema.Json> = []
        let cursor: Schema.Json | undefined
        const doing = { words: method, method, timeout: listTimeout, mayRepeat: true, isAlone: true }
        for (let page = 0; page < maxPages; page++) {
          const asked = cursor === undefined ? params : { ...params, cursor }
          const result = yield* ask({ method, params: asked, doing }, isPatient)
          const more = result[items]
          if (Json.isArray(more)) found.push(...more)
          cursor = result["nextCursor"]
          if (typeof cursor !== "string" || cursor === "") return found
        }
        return yield* Effect.fail(failures.tooManyPages(method, maxPages))
      })

    const listTools = Effect.gen(function* () {
      const { session } = yield* living(false)
      // what changes from here on is not in it for certain
      isStale = false
      const hasTools = session.client.getServerCapabilities()?.tools !== undefined
      const listed = hasTools ? yield* list("tools/list", "tools", {}, false) : []
      const { dropped, tools } = ToolList.read(listed, session.isModern && session.link.kind === "http")
      for (const one of dropped) {
        if (told.has(one) || told.size === mostTold) continue
        yield* Effect.logWarning(`MCP server "${name}": a tool is left out, ${one}`)
        told.add(one)
      }
      const text = JSON.stringify(tools)
      // the very same list while it says the same
      if (known?.text !== text) known = { text, tools, byName: new Map(tools.map((tool) => [tool.name, tool])) }
      return known.tools
    }).pipe(Effect.tapError(() => Effect.sync(() => (isStale = true))))

    const tools = Effect.suspend(() => {
      if (known !== undefined && !isStale) return Effect.succeed(known.tools)
      return listing.withPermit(
        Effect.suspend(() => (known !== undefined && !isStale ? Effect.succeed(known.tools) : listTools))
      )
    })

    const call = (tool: string, args: Schema.JsonObject) =>
      permits.withPermit(
        Effect.flatMap(TaskContext.TaskContext, (task) =>
          Effect.flatMap(Effect.context<never>(), (services) => {
            const fork = Effect.runForkWith(services)
            const telling = new Set<Fiber.Fiber<void>>()
            const tell = (progress: Progressed) => {
              const fiber = fork(task.emit(progressOf(progress)))
              telling.add(fiber)
              fiber.addObserver(() => telling.delete(fiber))
            }
            const described = known?.byName.get(tool)
            const asking: Life.Asking = {
              method: "tools/call",
              params: { name: tool, arguments: args },
              tool: described,
              onprogress: tell,
              doing: {
                words: `the call of "${tool}"`,
                method: `tools/call ${tool}`,
                timeout: callTimeout,
                total: totalTimeout,
                mayRepeat: described?.idempotent === true,
                isAlone: false
              }
            }
            return Effect.flatMap(ask(asking), (result) => {
              const answer = answerOf(result)
              return telling.size === 0 ? Effect.succeed(answer) : Effect.as(Fiber.awaitAll(telling), answer)
            })
          })
        )
      )

    const request = (method: string, params: Schema.JsonObject) => {
      const items = lists[method]
      if (items !== undefined) {
        return Effect.map(list(method, items, params, true), (all): Schema.JsonObject => ({ [items]: all }))
      }
      const doing = {
        words: method,
        method,
        timeout: callTimeout,
        total: totalTimeout,
        mayRepeat: true,
        isAlone: false
      }
      return Effect.flatMap(living(true), ({ session }) =>
        // the revisions from 2026-07-28 on have no ping
        ask({ method: method === "ping" && session.isModern ? "server/discover" : method, params, doing })
      )
    }

    return {
      name,
      tools,
      call,
      request: (method, params) => permits.withPermit(Effect.suspend(() => request(method, params))),
      state: Effect.sync((): State => {
        const isBroken = starts.restAt(now())?.isBroken === true
        const session = last?.session
        const version = session?.client.getServerVersion()
        const instructions = session?.client.getInstructions()
        const pid = life?.session.link.pid
        const protocol = session?.client.getNegotiatedProtocolVersion()
        return {
          name,
          status:
            life !== undefined
              ? "ready"
              : starting !== undefined
                ? "starting"
                : isBroken
                  ? "broken"
                  : fault !== undefined
                    ? "down"
                    : "idle",
          transport: session?.link.kind ?? transportOf(reach),
          ...(pid === undefined ? {} : { pid }),
          ...(protocol === undefined ? {} : { protocol }),
          ...(version === undefined ? {} : { server: { name: version.name, version: version.version } }),
          ...(instructions === undefined ? {} : { instructions }),
          ...(known === undefined ? {} : { tools: known.tools.length }),
          restarts,
          ...(life !== undefined || fault === undefined ? {} : { reason: fault.message })
        }
      }),
      changes: Stream.fromPubSub(changes)
    }
  })

// internal

/** Of one list. */
const maxPages = 64

/** A server may think of others for as long as it lives. */
const mostTold = 100

/** What is listed page by page, and under which name. */
const lists: { readonly [method: string]: string | undefined } = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates"
}

interface Known {
  readonly text: string
  readonly tools: ReadonlyArray<Tool>
  readonly byName: ReadonlyMap<string, Tool>
}

const transportOf = (reach: Server["reach"]): State["transport"] => {
  switch (reach._tag) {
    case "Stdio":
      return "stdio"
    case "WebSocket":
      return "websocket"
    case "Http":
      return reach.sse ? "sse" : "http"
  }
}

/** What a server says when it does not know the session: nothing was done. */
const isSessionLost = (error: unknown, { isModern, link }: Session.Session): boolean =>
  !isModern &&
  link.transport.sessionId !== undefined &&
  error instanceof SdkHttpError &&
  (error.status === 404 || (error.status === 400 && /session/i.test(error.message)))

const progressOf = ({ message, progress, total }: Progressed): Progress => ({
  _tag: "Progress",
  ...(total === undefined || !(total > 0) ? {} : { fraction: Math.min(Math.max(progress / total, 0), 1) }),
  ...(message === undefined ? {} : { message })
})

/** What is no list of objects is not there. */
const answerOf = ({ content, isError, structuredContent }: Schema.JsonObject): Answer => ({
  content: Json.isArray(content) ? content.filter((block) => Json.isObject(block)) : [],
  ...(structuredContent === undefined ? {} : { structured: structuredContent }),
  isError: isError === true
})
