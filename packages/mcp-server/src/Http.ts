/**
 * MCP over Streamable HTTP on this machine only: a page in a browser, another machine, and whoever does not know the token
 * are refused. Nothing is kept between requests: a session id tells whose calls are whose, and does not expire.
 */
import { Errors } from "@gleitzeit/core"
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { createHash, randomUUID, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { McpServer } from "./McpServer.ts"
import * as Withdrawals from "./Withdrawals.ts"

export interface Options {
  /** 0: one that is free. */
  readonly port: number
  /** What `Authorization: Bearer` must bring. Undefined: nobody is asked, and every program on this machine may run workflows. */
  readonly token: Redacted.Redacted | undefined
  /** Bytes of a request. Default 4 MiB. */
  readonly maxBody?: number
}

/** Listens on 127.0.0.1 until the scope closes. */
export const serve = (
  mcp: McpServer,
  { maxBody = 4_194_304, port, token }: Options
): Effect.Effect<{ readonly url: string }, Errors.ConfigurationError, Scope.Scope> =>
  Effect.gen(function* () {
    const handler = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createMcpHandler(mcp.server, { maxRequestBodySize: maxBody, responseMode: "sse", keepAliveMs: heartbeat })
      ),
      (handler) => Effect.promise(() => handler.close())
    )
    // Safe: Node's own request is what it is made for; the types differ in what may be undefined.
    const answer = toNodeHandler({ fetch: named(handler) }, { maxRequestBodySize: maxBody }) as Answering
    const isHost = localhostHostValidation()
    const isOrigin = localhostOriginValidation()
    const isKnown = token === undefined ? () => true : bearer(token)
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      if (!isHost(request, response) || !isOrigin(request, response)) return
      if (pathOf(request) !== path) return refuse(response, 404, `there is nothing here; MCP is at ${path}`)
      if (!isKnown(request)) {
        response.setHeader("www-authenticate", 'Bearer realm="gleitzeit"')
        return refuse(response, 401, "expected the token of this server: Authorization: Bearer TOKEN")
      }
      void answer(request, response)
    }
    const server = yield* Effect.acquireRelease(listen(onRequest, port), close)
    // before the connections close, which looks as if the clients had gone
    yield* Effect.addFinalizer(() => mcp.leave)
    yield* mcp.changes.pipe(
      Stream.runForEach(() => Effect.sync(() => handler.notify.toolsChanged())),
      Effect.forkScoped
    )
    const address = server.address()
    const at = typeof address === "object" && address !== null ? address.port : port
    return { url: `http://${host}:${at}${path}` }
  })

// internal

type Answering = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const host = "127.0.0.1"
const path = "/mcp"

/** Milliseconds between signs of life on a stream where nothing happens. */
const heartbeat = 10_000

/** Clients of the legacy era, who do not name their method in a header, take the id that they get. */
export const named =
  ({ fetch }: Pick<McpHttpHandler, "fetch">): McpHttpHandler["fetch"] =>
  (request, options) =>
    fetch(request, options).then((response) => {
      const { headers } = request
      if (response.ok && !headers.has("mcp-method") && !headers.has(Withdrawals.header)) {
        response.headers.set(Withdrawals.header, randomUUID())
      }
      return response
    })

const pathOf = ({ url = "/" }: IncomingMessage): string => url.split("?", 1)[0] ?? url

/** Of two texts of any lengths the time tells nothing. */
const bearer = (token: Redacted.Redacted): ((request: IncomingMessage) => boolean) => {
  const hash = (text: string) => createHash("sha256").update(text).digest()
  const expected = hash(Redacted.value(token))
  return ({ headers }) => {
    const given = /^bearer +(.*)$/i.exec(headers.authorization ?? "")?.[1]
    return timingSafeEqual(hash(given ?? ""), expected) && given !== undefined
  }
}

const refuse = (response: ServerResponse, status: number, message: string): void => {
  const body = JSON.stringify({ jsonrpc: "2.0", error: { code: -32_000, message }, id: null })
  response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(body)
}

const listen = (
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  port: number
): Effect.Effect<Server, Errors.ConfigurationError> =>
  Effect.callback((resume) => {
    const server = createServer(onRequest)
    server.once("error", (error) => {
      resume(Effect.fail(new Errors.ConfigurationError({ setting: `${host}:${port}`, issue: error.message })))
    })
    server.listen(port, host, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
