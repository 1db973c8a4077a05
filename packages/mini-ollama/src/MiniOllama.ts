/**
 * A server that looks like Ollama, for tests and for trying things by hand. There is no model in it: it says what it is
 * told to say, or what it was asked. Listens on the loopback interface only.
 */
import { Effect, Result, Schema, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Answers from "./Answers.ts"
import * as Catalog from "./Catalog.ts"

export interface Options {
  /** Default: any port that is free. */
  readonly port?: number
  /** Default `Catalog.standard`. */
  readonly models?: ReadonlyArray<string | Catalog.Model>
  /** What the models say. Default: what they were asked. */
  readonly replies?: (asked: Answers.Asked) => Answers.Said
  /** Default `0.12.0`. */
  readonly version?: string
}

/** How one request for text is treated, instead of simply being answered. Chunks are lines of a stream. */
export type Behaviour =
  /** Another answer altogether. Text is sent as it is, anything else as JSON. */
  | { readonly status: number; readonly body?: Schema.Json; readonly headers?: { readonly [name: string]: string } }
  /** Says nothing more, before the headers or after some chunks, until it is released. */
  | { readonly hold: "headers" | number }
  /** The connection breaks. */
  | { readonly cutAfter: number }
  /** The answer ends as if it were whole, without a last line. */
  | { readonly endAfter: number }
  /** A line that is not what belongs there, and nothing after it. */
  | { readonly lineAfter: number; readonly line: string }
  /** A line too many, and then on. */
  | { readonly insertAfter: number; readonly line: string }
  /** These bytes as the body of a stream, as far as possible each in a packet of its own. */
  | { readonly raw: ReadonlyArray<string | Uint8Array> }

export interface Recorded {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  /** Null when there was none. */
  readonly body: Schema.Json
}

export interface MiniOllama {
  readonly url: string
  readonly port: number
  /** In the order in which they came. */
  readonly requests: () => ReadonlyArray<Recorded>
  /** Answers whose client went away before their end. */
  readonly closes: () => number
  /** Sockets that are open. */
  readonly connections: () => number
  /** The next requests to `/api/chat` and `/api/generate` are treated so, one each. */
  readonly script: (...behaviours: ReadonlyArray<Behaviour>) => void
  /** Whatever holds goes on. */
  readonly release: () => void
  /** Ends when the predicate holds; it is asked after everything that happens here. */
  readonly until: (predicate: () => boolean) => Effect.Effect<void>
  /** Goes away at once, with everything that is under way. Comes back never. */
  readonly stop: Effect.Effect<void>
}

/** Listening until the scope closes. A port that is taken is a defect. */
export const start = (options: Options = {}): Effect.Effect<MiniOllama, never, Scope.Scope> =>
  Effect.gen(function* () {
    const state = new State(options)
    const server = createServer((request, response) => state.receive(request, response))
    server.on("connection", (socket) => {
      socket.setNoDelay(true)
      state.connections++
      socket.once("close", () => {
        state.connections--
        state.happened()
      })
    })
    const stop = Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
    const port = yield* Effect.acquireRelease(listen(server, options.port ?? 0), () => stop)
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      requests: () => state.requests,
      closes: () => state.closes,
      connections: () => state.connections,
      script: (...behaviours) => void state.behaviours.push(...behaviours),
      release: () => {
        for (const go of state.held.splice(0)) go()
      },
      until: (predicate) =>
        Effect.callback((resume) => {
          const look = () => {
            if (!predicate()) return
            state.watchers.delete(look)
            resume(Effect.void)
          }
          state.watchers.add(look)
          look()
          return Effect.sync(() => state.watchers.delete(look))
        }),
      stop
    }
  })

// internal

const listen = (server: Server, port: number) =>
  Effect.callback<number>((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const decodeBody = Schema.decodeUnknownResult(Answers.Body)
const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Json))

class State {
  readonly requests: Array<Recorded> = []
  readonly behaviours: Array<Behaviour> = []
  readonly held: Array<() => void> = []
  readonly watchers = new Set<() => void>()
  readonly models: ReadonlyMap<string, Catalog.Model>
  readonly loaded = new Set<string>()
  readonly replies: (asked: Answers.Asked) => Answers.Said
  readonly version: string
  closes = 0
  connections = 0

  constructor({ models = Catalog.standard, replies = Answers.echo, version = "0.12.0" }: Options) {
    this.models = new Map(
      models
        .map((model) => (typeof model === "string" ? { name: model } : model))
        .map((model) => [Catalog.fullName(model.name), model])
    )
    this.replies = replies
    this.version = version
  }

  happened(): void {
    for (const look of this.watchers) look()
  }

  receive(request: IncomingMessage, response: ServerResponse): void {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => this.handle(request, Buffer.concat(parts).toString("utf8"), response))
    response.once("close", () => {
      if (!response.writableFinished) this.closes++
      this.happened()
    })
  }

  handle({ headers, method = "GET", url = "/" }: IncomingMessage, text: string, response: ServerResponse): void {
    const path = url.split("?", 1)[0] ?? url
    const parsed = text === "" ? Result.succeed(null) : decodeJson(text)
    const body = Result.isSuccess(parsed) ? parsed.success : text
    this.requests.push({ method, path, headers, body })
    const asksForText = method === "POST" && (path === "/api/chat" || path === "/api/generate")
    const behaviour = asksForText ? this.behaviours.shift() : undefined
    if (method !== "POST" && path === "/") response.end("Ollama is running")
    else this.send(this.answer(method, path, text, body), response, behaviour)
    this.happened()
  }

  answer(method: string, path: string, text: string, raw: Schema.Json): Answers.Answer {
    const models = [...this.models.values()]
    if (method !== "POST") {
      if (path === "/api/version") return Answers.json({ version: this.version })
      if (path === "/api/tags") return Answers.json({ models: models.map(Catalog.summary) })
      if (path === "/api/ps") {
        const running = models.filter(({ name }) => this.loaded.has(Catalog.fullName(name)))
        return Answers.json({ models: running.map(Catalog.running) })
      }
      return Answers.failure(404, "404 page not found")
    }
    if (!["/api/show", "/api/chat", "/api/generate", "/api/embed"].includes(path)) {
      return Answers.failure(404, "404 page not found")
    }
    if (text === "") return Answers.failure(400, "missing request body")
    const decoded = decodeBody(raw)
    if (Result.isFailure(decoded)) return Answers.failure(400, decoded.failure.message)
    const body = decoded.success
    if (body.model === undefined || body.model === "") return Answers.failure(400, "model is required")
    const name = Catalog.fullName(body.model)
    const model = this.models.get(name)
    if (model === undefined) return Answers.failure(404, `model '${body.model}' not found`)
    if (path === "/api/show") return Answers.json(Catalog.description(model))
    const loaded = this.loaded.has(name)
    if (body.keep_alive === 0) this.loaded.delete(name)
    else this.loaded.add(name)
    if (path === "/api/embed") return Answers.embed(body, model, loaded)
    const asked: Answers.Asked = {
      route: path === "/api/chat" ? "chat" : "generate",
      model: body.model,
      text: body.prompt ?? body.messages?.findLast(({ role }) => role === "user")?.content ?? "",
      body
    }
    return Answers.text(asked, model, loaded, this.replies)
  }

  send(answer: Answers.Answer, response: ServerResponse, behaviour: Behaviour | undefined): void {
    const head = () =>
      response.writeHead(answer.status, {
        "content-type": answer.stream ? "application/x-ndjson" : "application/json; charset=utf-8"
      })
    const write = (lines: ReadonlyArray<string>) => {
      for (const line of lines) response.write(answer.stream ? `${line}\n` : line)
    }
    const first = (count: number) => {
      head()
      write(answer.lines.slice(0, count))
    }
    if (behaviour === undefined) {
      head()
      write(answer.lines)
      response.end()
    } else if ("status" in behaviour) {
      const { body = "", headers = {}, status } = behaviour
      const text = typeof body === "string"
      response.writeHead(status, { "content-type": text ? "text/html" : "application/json", ...headers })
      response.end(text ? body : JSON.stringify(body))
    } else if ("hold" in behaviour) {
      const { hold } = behaviour
      if (hold !== "headers") first(hold)
      this.held.push(() => {
        if (hold === "headers") head()
        write(answer.lines.slice(hold === "headers" ? 0 : hold))
        response.end()
      })
    } else if ("cutAfter" in behaviour) {
      first(behaviour.cutAfter)
      // What was written has to leave before the connection breaks.
      response.write("", () => setImmediate(() => response.destroy()))
    } else if ("endAfter" in behaviour) {
      first(behaviour.endAfter)
      response.end()
    } else if ("lineAfter" in behaviour) {
      first(behaviour.lineAfter)
      write([behaviour.line])
      response.end()
    } else if ("insertAfter" in behaviour) {
      first(behaviour.insertAfter)
      write([behaviour.line, ...answer.lines.slice(behaviour.insertAfter)])
      response.end()
    } else {
      response.writeHead(200, { "content-type": "application/x-ndjson" })
      writeApart([...behaviour.raw], response)
    }
  }
}

const writeApart = (pieces: Array<string | Uint8Array>, response: ServerResponse): void => {
  const piece = pieces.shift()
  if (piece === undefined) response.end()
  else response.write(piece, () => setImmediate(() => writeApart(pieces, response)))
}
