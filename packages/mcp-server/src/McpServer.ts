/**
 * Gleitzeit as an MCP server: one definition for clients of both eras, whatever the transport. Tools only; there are no
 * resources and no prompts. The one file where the engine's effects become the promises that the SDK asks for.
 */
import { Diagnostic, Failure, Gleitzeit, type Json } from "@gleitzeit/core"
import {
  type CallToolResult,
  type McpRequestContext,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
  type Tool
} from "@modelcontextprotocol/server"
import { Cause, Effect, FiberSet, type Scope, Stream } from "effect"
import * as Answer from "./Answer.ts"
import * as Folder from "./Folder.ts"
import * as Following from "./Following.ts"
import * as RunTools from "./RunTools.ts"
import * as Tools from "./Tools.ts"
import * as Withdrawals from "./Withdrawals.ts"

export interface Options {
  /** Where the workflows are: its YAML and JSON files, not those of folders in it. */
  readonly folder: string
  /** Of the program, for clients. Default "0.0.0". */
  readonly version?: string
}

export interface McpServer {
  /** One for a connection, or for a request where there are no connections. */
  readonly server: (context?: Pick<McpRequestContext, "era" | "requestInfo">) => Server
  /** The tools have become others. */
  readonly changes: Stream.Stream<void>
  /** Once no call is under way. */
  readonly idle: Effect.Effect<void>
  /** Ends the calls that are under way. Their runs are left to be resumed: whoever asked has not gone, this server does. */
  readonly leave: Effect.Effect<void>
}

/** Calls that are under way end with the scope; runs that they wait for are left to be resumed. */
export const make = ({
  folder,
  version = "0.0.0"
}: Options): Effect.Effect<McpServer, never, Gleitzeit.Gleitzeit | Scope.Scope> =>
  Effect.gen(function* () {
    const calls = yield* FiberSet.make<unknown, unknown>()
    const run = yield* FiberSet.runtimePromise(calls)<Gleitzeit.Gleitzeit>()
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const library = Tools.library(folder, RunTools.names)
    const definitions = Effect.map(library.all, ({ tools }): Array<Tool> => [
      ...tools.map(({ definition }) => definition),
      ...RunTools.all.map(({ definition }) => definition)
    ])

    const call = Effect.fn("McpServer.call")(
      function* (name: string, given: Json.JsonObject, caller: Following.Caller) {
        const own = RunTools.all.find(({ definition }) => definition.name === name)
        if (own !== undefined) return yield* own.call(given, caller, library)
        const tool = yield* library.one(name)
        if (tool === undefined) return yield* Effect.fail(unknownTool(name, yield* library.all))
        if ("issues" in tool) return Answer.broken(tool)
        return yield* ofWorkflow(tool, given, caller)
      },
      Effect.catchCause((cause) => answered(cause))
    )

    const withdrawals = new Withdrawals.Withdrawals()

    const server: McpServer["server"] = ({ era, requestInfo } = { era: "modern" }) => {
      const server = new Server(
        { name: "gleitzeit", title: "Gleitzeit", version },
        { capabilities: { tools: { listChanged: true }, logging: {} }, instructions }
      )
      server.setRequestHandler("tools/list", (_, { mcpReq }) =>
        run(
          Effect.map(Effect.mapError(definitions, internal), (tools) => ({ tools })),
          { signal: mcpReq.signal }
        )
      )
      const session = era === "legacy" ? requestInfo?.headers.get(Withdrawals.header) : undefined
      const caller = (context: ServerContext) => {
        if (typeof session !== "string") return { signal: context.mcpReq.signal, done: () => {} }
        const { done, signal } = withdrawals.open(session, context.mcpReq.id)
        return { signal: AbortSignal.any([context.mcpReq.signal, signal]), done }
      }
      server.setRequestHandler("tools/call", ({ params }, context) => {
        const { done, signal } = caller(context)
        // Safe: what came as JSON is JSON.
        const given = (params.arguments ?? {}) as Json.JsonObject
        return run(call(params.name, given, callerOf(context, signal)), { signal }).finally(done)
      })
      if (typeof session === "string") {
        server.setNotificationHandler("notifications/cancelled", ({ params }) => {
          if (params.requestId !== undefined) withdrawals.withdraw(session, params.requestId)
        })
      }
      return server
    }

    return {
      server,
      changes: Folder.changes(folder).pipe(
        Stream.debounce("100 millis"),
        Stream.merge(Stream.make(undefined)),
        Stream.mapEffect(() => Effect.orElseSucceed(Effect.map(definitions, JSON.stringify), () => "")),
        Stream.changes,
        Stream.drop(1),
        Stream.map(() => undefined),
        Stream.provideService(Gleitzeit.Gleitzeit, gleitzeit)
      ),
      idle: FiberSet.awaitEmpty(calls),
      leave: FiberSet.clear(calls)
    }
  })

// internal

const instructions =
  "Each workflow is a tool. One that takes minutes, or asks people, is better begun with `run_workflow`: it gives a run_id for `get_run`, `respond` and `cancel_run`. `list_workflows` tells what there is, and which files have mistakes."

const ofWorkflow = (tool: Tools.WorkflowTool, given: Json.JsonObject, caller: Following.Caller) =>
  Following.begun(RunTools.start(tool, given), caller, (run) => Effect.map(Following.until(run, caller), Answer.ofRun))

const callerOf = ({ mcpReq }: ServerContext, signal: AbortSignal): Following.Caller => {
  const token = mcpReq._meta?.progressToken
  return {
    tell:
      token === undefined
        ? undefined
        : (step) =>
            Effect.ignore(
              Effect.tryPromise(() =>
                mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, ...step } })
              )
            ),
    isGone: () => signal.aborted
  }
}

const unknownTool = (name: string, { broken, tools }: Tools.Shelf): ProtocolError => {
  const known = [...tools.map((tool) => tool.name), ...RunTools.names]
  const near = Diagnostic.nearest(name, known)
  const meant = near === undefined ? `there: ${known.join(", ")}` : `did you mean "${near}"?`
  const bad = broken.length === 0 ? "" : "; `list_workflows` tells of files with mistakes"
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool "${name}" (${meant}${bad})`)
}

const internal = ({ code, message, name }: Failure.Failure): ProtocolError =>
  new ProtocolError(ProtocolErrorCode.InternalError, message, { code, name })

/** What goes wrong is the answer of a tool; what is no tool is the protocol's own error. */
const answered = (
  cause: Cause.Cause<Failure.Failure | ProtocolError>
): Effect.Effect<CallToolResult, ProtocolError> => {
  if (Cause.hasInterrupts(cause)) return Effect.interrupt
  const failed = cause.reasons.find(Cause.isFailReason)?.error
  if (failed instanceof ProtocolError) return Effect.fail(failed)
  // Safe: the protocol's errors have been taken out.
  return Effect.succeed(Answer.ofFailure(Failure.fromCause(cause as Cause.Cause<Failure.Failure>)))
}
