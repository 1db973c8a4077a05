/**
 * A server that looks like Ollama, for tests and for trying things by hand. There is no model in it: it says what it is
 * told to say, what it was asked, or what a real runtime behind it says. Listens on the loopback interface only.
 */
import { Effect, Fiber, Result, Schema, type Scope, Stream } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Answers from "./Answers.ts"
import * as Catalog from "./Catalog.ts"
import * as Delivery from "./Delivery.ts"
import * as Pull from "./Pull.ts"
import * as Runner from "./Runner.ts"

/** All times are those of the clock of whoever starts it: under a test clock nothing passes by itself. */
export interface Options extends Runner.Options {
  /** Default: any port that is free. */
  readonly port?: number
  /** Default `Catalog.standard`. */
  readonly models?: ReadonlyArray<string | Catalog.Model>
  /** Models that can be pulled. Default `Catalog.standard`. */
  readonly library?: ReadonlyArray<string | Catalog.Model>
  /** What the models say. Default: what they were asked. */
  readonly replies?: (asked: Answers.Asked) => Answers.Said
  /**
   * What the models say in place of `replies`, token by token: the door for a real runtime. Interrupted when the client
   * goes away, and where the request's own limits end the answer.
   */
  readonly voice?: (asked: Answers.Asked) => Stream.Stream<string, Error>
  /** Milliseconds before each token. Default 0. */
  readonly tokenDelay?: number | ((model: string) => number)
  /** What becomes of a prompt longer than its context: by default the server answers as if nothing were missing. */
  readonly overlong?: "truncate" | "refuse"
  /** An old server, which has `/api/embeddings` and no `/api/embed`. Default false. */
  readonly legacy?: boolean
  /** Default `0.12.0`. */
  readonly version?: string
}

export type Behaviour = Delivery.Behaviour

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
  /** Models loaded so far, the same one again included. */
  readonly loads: () => number
  /** Requests that wait for their turn. */
  readonly waiting: () => number
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
    const watchers = new Set<() => void>()
    const happened = () => {
      for (const look of watchers) look()
    }
    const runner = yield* Runner.make(options, happened)
    const state = new State(options, runner, happened)
    const run = Effect.runForkWith(yield* Effect.context())
    const server = createServer((request, response) => state.receive(request, response, run))
    server.on("connection", (socket) => {
      socket.setNoDelay(true)
      state.connections++
      socket.once("close", () => {
        state.connections--
        happened()
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
      loads: runner.loads,
      waiting: runner.waiting,
      script: (...behaviours) => void state.behaviours.push(...behaviours),
      release: () => {
        for (const go of state.held.splice(0)) go()
      },
      until: (predicate) =>
        Effect.callback((resume) => {
          const look = () => {
            if (!predicate()) return
            watchers.delete(look)
            resume(Effect.void)
          }
          watchers.add(look)
          look()
          return Effect.sync(() => watchers.delete(look))
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

const named = (models: ReadonlyArray<string | Catalog.Model>): Map<string, Catalog.Model> =>
  new Map(
    models
      .map((model) => (typeof model === "string" ? { name: model } : model))
      .map((model) => [Catalog.fullName(model.name), model])
  )

type Handled = Effect.Effect<Answers.Answer | Working>

/** An answer that needs a model. */
interface Working {
  readonly wish: Runner.Wish
  readonly answer: (ready: Runner.Ready) => Answers.Answer
}

class State {
  readonly requests: Array<Recorded> = []
  readonly behaviours: Array<Behaviour> = []
  readonly held: Array<() => void> = []
  readonly models: Map<string, Catalog.Model>
  readonly library: ReadonlyMap<string, Catalog.Model>
  readonly options: Options
  readonly runner: Runner.Runner
  readonly happened: () => void
  closes = 0
  connections = 0

  constructor(options: Options, runner: Runner.Runner, happened: () => void) {
    this.models = named(options.models ?? Catalog.standard)
    this.library = named(options.library ?? Catalog.standard)
    this.options = options
    this.runner = runner
    this.happened = happened
  }

  receive(
    request: IncomingMessage,
    response: ServerResponse,
    run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  ): void {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      const fiber = run(this.handle(request, Buffer.concat(parts).toString("utf8"), response))
      response.once("close", () => fiber.interruptUnsafe())
      this.happened()
    })
    response.once("close", () => {
      if (!response.writableFinished) this.closes++
      this.happened()
    })
  }

  handle({ headers, method = "GET", url = "/" }: IncomingMessage, text: string, out: ServerResponse) {
    const path = url.split("?", 1)[0] ?? url
    const parsed = text === "" ? Result.succeed(null) : decodeJson(text)
    const body = Result.isSuccess(parsed) ? parsed.success : text
    this.requests.push({ method, path, headers, body })
    const asksForText = method === "POST" && (path === "/api/chat" || path === "/api/generate")
    const behaviour = asksForText ? this.behaviours.shift() : undefined
    if (behaviour !== undefined && Delivery.isInstead(behaviour)) {
      return Effect.sync(() => Delivery.sendInstead(out, behaviour))
    }
    if (method !== "POST" && path === "/") return Effect.sync(() => void out.end("Ollama is running"))
    const send = (answer: Answers.Answer) => Delivery.send(out, answer, behaviour, this.held)
    return Effect.flatMap(method === "POST" ? this.post(path, text, body) : this.get(path), (handled) =>
      "wish" in handled
        ? Effect.catchTag(
            this.runner.run(handled.wish, (ready) => send(handled.answer(ready))),
            "Busy",
            () => send(Answers.failure(503, "server busy, please try again.  maximum pending requests exceeded"))
          )
        : send(handled)
    )
  }

  get(path: string): Handled {
    if (path === "/api/version") return Effect.succeed(Answers.json({ version: this.options.version ?? "0.12.0" }))
    if (path === "/api/tags") {
      return Effect.succeed(Answers.json({ models: [...this.models.values()].map(Catalog.summary) }))
    }
    if (path === "/api/ps") {
      return Effect.map(this.runner.memory, (memory) =>
        Answers.json({
          models: memory.flatMap(({ context, expires, model }) => {
            const known = this.models.get(model)
            return known === undefined ? [] : [Catalog.running(known, context, expires)]
          })
        })
      )
    }
    return Effect.succeed(nowhere)
  }

  post(path: string, text: string, raw: Schema.Json): Handled {
    const { legacy = false, overlong = "truncate" } = this.options
    if (!routes.includes(path) || (legacy && path === "/api/embed")) return Effect.succeed(nowhere)
    if (text === "") return Effect.succeed(Answers.failure(400, "missing request body"))
    const decoded = decodeBody(raw)
    if (Result.isFailure(decoded)) return Effect.succeed(Answers.failure(400, decoded.failure.message))
    const body = decoded.success
    if (body.model === undefined || body.model === "") return Effect.succeed(Answers.failure(400, "model is required"))
    const name = Catalog.fullName(body.model)
    if (path === "/api/pull") {
      const found = this.models.get(name) ?? this.library.get(name)
      return Effect.succeed(Pull.answer(found, body, (model) => void this.models.set(name, model)))
    }
    const model = this.models.get(name)
    if (model === undefined) return Effect.succeed(Answers.failure(404, `model '${body.model}' not found`))
    if (path === "/api/show") return Effect.succeed(Answers.json(Catalog.description(model)))
    const wish = { model: name, context: Answers.contextOf(model, body), keepAlive: Catalog.stays(body.keep_alive) }
    if (path === "/api/embed" || path === "/api/embeddings") {
      const answer = (ready: Runner.Ready) =>
        path === "/api/embed" ? Answers.embed(body, model, ready) : Answers.embedding(body)
      return Effect.succeed(Answers.embedRefusal(body, model, overlong) ?? { wish, answer })
    }
    const asked: Answers.Asked = {
      route: path === "/api/chat" ? "chat" : "generate",
      model: body.model,
      text: body.prompt ?? body.messages?.findLast(({ role }) => role === "user")?.content ?? "",
      body
    }
    const refusal = Answers.refusal(asked, model, overlong)
    if (refusal !== undefined) return Effect.succeed(refusal)
    if (Answers.isEmpty(asked)) {
      const answer = Answers.empty(asked)
      return body.keep_alive === 0
        ? Effect.as(this.runner.unload(name), answer)
        : Effect.succeed({ wish, answer: () => answer })
    }
    return Effect.succeed({ wish, answer: (ready) => this.speak(asked, model, name, ready) })
  }

  speak(asked: Answers.Asked, model: Catalog.Model, name: string, ready: Runner.Ready): Answers.Answer {
    const { replies = Answers.echo, tokenDelay = 0, voice } = this.options
    const delay = typeof tokenDelay === "number" ? tokenDelay : tokenDelay(name)
    if (voice !== undefined) {
      return Answers.text(
        asked,
        model,
        Answers.late(
          Stream.map(voice(asked), (text) => ({ text })),
          delay
        ),
        ready,
        true
      )
    }
    const said = replies(asked)
    const numbers = typeof said === "string" || said.metrics !== false
    return Answers.text(asked, model, Answers.late(Answers.spoken(said), delay), ready, numbers)
  }
}

const nowhere = Answers.failure(404, "404 page not found")

const routes = ["/api/show", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/pull"]
