/** Servers by HTTP and by WebSocket: the fake one as a process, and small ones within the test. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Reach, Server } from "../src/Server.ts"
import * as ServerEntry from "../src/ServerEntry.ts"

type Http = Extract<Reach, { readonly _tag: "Http" }>

export const reached = (
  url: string,
  { auth, headers = {}, sse = false, ...more }: Partial<Http> & Partial<Server> = {}
): Server => ({
  ...ServerEntry.plain("one", { _tag: "Http", url, headers, sse, ...(auth === undefined ? {} : { auth }) }, []),
  ...more
})

export interface Started {
  readonly url: string
  readonly port: number
  readonly stop: Effect.Effect<void>
}

/** A program that says on its first line, as JSON or within words, where it listens. */
export const program = (
  command: string,
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = {}
): Effect.Effect<Started, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } })),
      ended
    )
    const port = yield* Effect.callback<number>((resume) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          const found = /127\.0\.0\.1:(\d+)|port (\d+)/.exec(line)
          if (found !== null) resume(Effect.succeed(Number(found[1] ?? found[2])))
        })
      }
    })
    return { url: `http://127.0.0.1:${port}/mcp`, port, stop: ended(child) }
  })

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** The fake server; `port` 0 is a free one. */
export const fakeHttp = (mode = "", port = 0, args: ReadonlyArray<string> = []) =>
  program(process.execPath, [
    join(import.meta.dirname, "fake/server.mjs"),
    "--http",
    "--port",
    String(port),
    "--mode",
    mode,
    ...args
  ])

/** A server of npm that takes its port from the environment. */
export const everythingHttp = (port: number) =>
  program(join(import.meta.dirname, "../node_modules/.bin/mcp-server-everything"), ["streamableHttp"], {
    PORT: String(port)
  })

/** Listens on a free port for as long as the scope lives. */
export const listening = (
  listener: RequestListener
): Effect.Effect<{ readonly origin: string; readonly port: number }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(listener)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    ),
    (server) => {
      // Safe: it listens on a port.
      const { port } = server.address() as AddressInfo
      return { origin: `http://127.0.0.1:${port}`, port }
    }
  )

export const freePort = Effect.scoped(
  Effect.map(
    listening(() => {}),
    ({ port }) => port
  )
)

export const bodyOf = (request: IncomingMessage): Promise<string> =>
  request.toArray().then((parts) => Buffer.concat(parts).toString())

/** Answers texts of a WebSocket with the subprotocol `mcp`; undefined closes it. */
export const webSocket = (answer: (text: string) => ReadonlyArray<string> | undefined) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer()
        server.on("upgrade", (request, socket) => {
          const accept = createHash("sha1")
            .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64")
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${request.headers["sec-websocket-protocol"]}\r\n\r\n`
          )
          let begun = Buffer.alloc(0)
          socket.on("error", () => {})
          socket.on("data", (bytes: Buffer) => {
            begun = Buffer.concat([begun, bytes])
            for (;;) {
              const frame = unmasked(begun)
              if (frame === undefined) return
              begun = begun.subarray(frame.size)
              if (frame.isClose) return void socket.end(Buffer.from([0x88, 0]))
              const answers = answer(frame.text)
              if (answers === undefined) return void socket.end(Buffer.from([0x88, 2, 0x03, 0xe9]))
              for (const text of answers) socket.write(framed(text))
            }
          })
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    ),
    // Safe: it listens on a port.
    (server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  )

/** One frame of a client, of less than 64 KiB. */
const unmasked = (bytes: Buffer) => {
  if (bytes.length < 6) return undefined
  const isLong = ((bytes[1] ?? 0) & 127) === 126
  const length = isLong ? bytes.readUInt16BE(2) : (bytes[1] ?? 0) & 127
  const start = (isLong ? 4 : 2) + 4
  if (bytes.length < start + length) return undefined
  const key = bytes.subarray(start - 4, start)
  const text = Buffer.from(bytes.subarray(start, start + length).map((byte, index) => byte ^ (key[index % 4] ?? 0)))
  return { text: text.toString(), size: start + length, isClose: ((bytes[0] ?? 0) & 15) === 8 }
}

const framed = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(10)
  head[0] = 0x81
  head[1] = 127
  head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}
