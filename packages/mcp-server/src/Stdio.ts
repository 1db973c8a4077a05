/** MCP over standard input and output: one client, who has started this process. Nothing else may write to standard output. */
import type { Server, Transport } from "@modelcontextprotocol/server"
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { Deferred, Effect, Stream } from "effect"
import type { McpServer } from "./McpServer.ts"

export interface Options {
  /** Default: standard input and output of this process, in messages of at most 10 MB. */
  readonly transport?: Transport
}

/** Until the client closes standard input: what it still waits for is cancelled then. */
export const serve = (mcp: McpServer, { transport = new StdioServerTransport() }: Options = {}): Effect.Effect<void> =>
  Effect.gen(function* () {
    /** The last one is the one that is connected: those before were asked what there is. */
    let live: Server | undefined
    const closed = yield* Deferred.make<void>()
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const handle = serveStdio(() => (live = mcp.server()), { transport })
        const { onclose } = transport
        transport.onclose = () => {
          onclose?.()
          Deferred.doneUnsafe(closed, Effect.void)
        }
        return handle
      }),
      (handle) => Effect.promise(() => handle.close())
    )
    // before the transport closes, which looks as if the client had gone
    yield* Effect.addFinalizer(() => mcp.leave)
    yield* mcp.changes.pipe(
      // a client that is not there yet, or no longer, has no list
      Stream.runForEach(() => Effect.ignore(Effect.tryPromise(() => live?.sendToolListChanged() ?? Promise.resolve()))),
      Effect.forkScoped
    )
    yield* Deferred.await(closed)
    // what was cancelled with the connection ends in order
    yield* mcp.idle
  }).pipe(Effect.scoped)
