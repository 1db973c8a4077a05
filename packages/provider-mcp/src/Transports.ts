/** From what is configured to a live link: by process, by Streamable HTTP, by the older HTTP with events, by WebSocket. */
import {
  type AuthProvider,
  ClientCredentialsProvider,
  isJSONRPCRequest,
  type OAuthClientProvider,
  SseError,
  SSEClientTransport,
  StreamableHTTPClientTransport
} from "@modelcontextprotocol/client"
import { Effect, type Scope } from "effect"
import * as BoundedFetch from "./BoundedFetch.ts"
import * as Frame from "./Frame.ts"
import { type End, type Link, silent } from "./Link.ts"
import * as ProcessGroup from "./ProcessGroup.ts"
import type { Auth, Reach, Server } from "./Server.ts"
import { WebSocketTransport } from "./WebSocketTransport.ts"

type Http = Extract<Reach, { readonly _tag: "Http" }>

/** `env`: what every child gets beside its own. */
export const stdio = (
  reach: Extract<Reach, { readonly _tag: "Stdio" }>,
  { maxMessage }: Server,
  env: { readonly [name: string]: string }
): Effect.Effect<Link, ProcessGroup.NotStarted, Scope.Scope> =>
  ProcessGroup.start({ ...reach, env: { ...env, ...reach.env }, maxMessage })

export const streamable = (reach: Http, { maxMessage }: Server): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { kept, options, url } = reached(reach, maxMessage)
        const transport = new StreamableHTTPClientTransport(url, options)
        kept.close = () => transport.close()
        const send = transport.send.bind(transport)
        transport.send = (message, options) => {
          if (!isJSONRPCRequest(message) || options?.onRequestStreamEnd !== undefined) return send(message, options)
          const { id } = message
          // an answer that came before makes this one of an unknown id, which is left out
          const onRequestStreamEnd = () =>
            transport.onmessage?.(Frame.failed(id, "the stream of the answer ended before the answer came"))
          return send(message, { ...options, onRequestStreamEnd })
        }
        return { kept, transport }
      }),
      ({ transport }) =>
        Effect.andThen(
          transport.sessionId === undefined
            ? Effect.void
            : Effect.timeoutOption(Effect.ignore(Effect.tryPromise(() => transport.terminateSession())), goodbye),
          closing(transport)
        )
    ),
    ({ kept, transport }): Link => ({ kind: "http", transport, end: () => kept.end, said: () => silent })
  )

export const events = (reach: Http, { maxMessage }: Server): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { kept, options, url } = reached(reach, maxMessage)
        const transport = new SSEClientTransport(url, options)
        kept.close = () => transport.close()
        // it would come back with a session that nobody has greeted
        transport.onerror = (error) => {
          if (!(error instanceof SseError) || kept.end !== undefined) return
          kept.end = { _tag: "Closed", words: `its stream of events ended: ${error.message}` }
          void kept.close().catch(() => {})
        }
        return { kept, transport }
      }),
      ({ transport }) => closing(transport)
    ),
    ({ kept, transport }): Link => ({ kind: "sse", transport, end: () => kept.end, said: () => silent })
  )

export const webSocket = (
  { url }: Extract<Reach, { readonly _tag: "WebSocket" }>,
  { maxMessage }: Server
): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new WebSocketTransport(url, maxMessage)),
      closing
    ),
    (transport): Link => ({ kind: "websocket", transport, end: () => transport.end, said: () => silent })
  )

// internal

/** Where it is, and how it is asked. */
const reached = ({ auth, headers, url: text }: Http, maxMessage: number) => {
  const kept = new Kept(maxMessage)
  const url = new URL(text)
  const fetch = BoundedFetch.make({ url, headers, maxMessage, tooLarge: kept.tooLarge })
  return { kept, url, options: { fetch, ...authOf(auth) } }
}

/** How long the end of a session may take. Milliseconds. */
const goodbye = 500

/** Why an HTTP link ended, and what ends it. */
class Kept {
  end: End | undefined
  close: () => Promise<void> = () => Promise.resolve()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  readonly tooLarge = (size: number): void => {
    this.end ??= { _tag: "TooLarge", size, limit: this.#limit }
    void this.close().catch(() => {})
  }
}

const closing = (transport: { readonly close: () => Promise<void> }): Effect.Effect<void> =>
  Effect.ignore(Effect.tryPromise(() => transport.close()))

const authOf = (auth: Auth | undefined): { readonly authProvider?: AuthProvider | OAuthClientProvider } => {
  switch (auth?._tag) {
    case undefined:
      return {}
    case "Bearer":
      return { authProvider: { token: () => Promise.resolve(auth.token) } }
    case "ClientCredentials": {
      const { clientId, clientSecret, issuer, scope } = auth
      const credentials = {
        clientId,
        clientSecret,
        clientName: "gleitzeit",
        ...(scope === undefined ? {} : { scope }),
        ...(issuer === undefined ? {} : { expectedIssuer: issuer })
      }
      return { authProvider: new ClientCredentialsProvider(credentials) }
    }
  }
}
