/**
 * One Ollama server, through the `ollama` client. That client is made anew for each call, on a `fetch` of ours: so one
 * call can be stopped without the others and its socket closes at once, nothing the server sends is dropped or printed,
 * no time limit of the transport cuts a slow answer short, and no string is taken for the path of an image.
 * The only file that knows the client and `undici`; both are loaded with the first call.
 */
import { Errors, type Failure } from "@gleitzeit/core"
import { Clock, Data, Effect, Exit, Result, Schema, Scope } from "effect"
import type { ChatRequest, GenerateRequest, Ollama } from "ollama"
import type { Agent, fetch as Fetch } from "undici"
import {
  Broken,
  Garbled,
  isBroken,
  of as failureOf,
  Refused,
  shortened,
  textOf,
  Truncated,
  wordsOf,
  wordsOfError
} from "./OllamaFailure.ts"
import { Embedded, type EmbedRequest, OneEmbedded, Part, Ps, type Request, Tags, Version } from "./OllamaSchema.ts"

export interface Options {
  /** Of the provider, for its failures. */
  readonly name: string
  readonly url: string
  /** Sent with every request. */
  readonly headers: { readonly [name: string]: string }
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds from the request to the first line of the answer: the model may have to be loaded. */
  readonly firstTokenTimeout: number
  /** Milliseconds between two lines. */
  readonly idleTimeout: number
  /** Sockets at once; requests beyond them wait. Default: as many as there are requests. */
  readonly connections?: number
}

export interface Model {
  readonly name: string
  readonly digest?: string
  /** Bytes. */
  readonly size?: number
  /** `completion`, `tools`, `vision`, `thinking`, `embedding`: as the server says, which older ones do not. */
  readonly capabilities?: ReadonlyArray<string>
}

/** A model in memory. */
export interface Loaded {
  readonly name: string
  /** Tokens that fit into its context. */
  readonly context?: number
  /** Bytes of it in the memory of a GPU. */
  readonly vram?: number
}

export interface OllamaClient {
  /** Asks for text and hands on each part of the answer, the last one included. */
  readonly ask: <R>(
    route: "chat" | "generate",
    request: Request,
    each: (part: Part) => Effect.Effect<void, Failure.Failure, R>
  ) => Effect.Effect<void, Refused | Failure.Failure, R>
  /**
   * Vectors of all texts in one request, in their order. A server that knows no `/api/embed` is asked by its older
   * `/api/embeddings`, once for each text.
   */
  readonly embed: (request: EmbedRequest) => Effect.Effect<Embedded, Refused | Failure.Failure>
  readonly version: Effect.Effect<string, Refused | Failure.Failure>
  /** The models that the server has. */
  readonly models: Effect.Effect<ReadonlyArray<Model>, Refused | Failure.Failure>
  /** Those of them that are in memory. */
  readonly loaded: Effect.Effect<ReadonlyArray<Loaded>, Refused | Failure.Failure>
  /** What a refusal means to whoever has no better idea. */
  readonly explain: (refused: Refused) => Effect.Effect<never, Failure.Failure>
}

/** Sockets stay open between calls, and close with the scope. */
export const make = (options: Options): Effect.Effect<OllamaClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { connectTimeout, firstTokenTimeout, headers, idleTimeout, name, url } = options
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const hide = hiding(headers)
    const library = yield* Effect.cached(Scope.provide(load(options), scope))

    const fail = (error: unknown): Effect.Effect<never, Failure.Failure> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.fail(failureOf(error, { provider: name, url, connectTimeout, now }))
      )

    const wire = <A>(run: () => Promise<A>): Effect.Effect<A, Refused | Failure.Failure> =>
      Effect.tryPromise({ try: run, catch: (error) => new Thrown({ error }) }).pipe(
        Effect.catch(({ error }): Effect.Effect<never, Refused | Failure.Failure> =>
          error instanceof Refused ? Effect.fail(error) : fail(error)
        )
      )

    const read = <A>(decode: Decode<A>, input: unknown): Effect.Effect<A, Failure.Failure> =>
      Result.match(decode(input), {
        onFailure: () => fail(new Garbled({ words: shortened(hide(textOf(input))) })),
        onSuccess: (value) => Effect.succeed(value)
      })

    const within = <A, E, R>(effect: Effect.Effect<A, E, R>, milliseconds: number, phase: string) =>
      Effect.timeoutOrElse(effect, {
        duration: milliseconds,
        orElse: () => Effect.fail(new Errors.ProviderTimeout({ provider: name, phase, seconds: milliseconds / 1000 }))
      })

    /** A client for one call. When the scope closes, so does the call's socket. */
    const client = Effect.gen(function* () {
      const { Ollama, agent, fetch } = yield* library
      const ended = Promise.withResolvers<void>()
      const controller = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller, exit) => {
          const close = Effect.sync(() => controller.abort())
          if (Exit.isFailure(exit)) return close
          // read to its end, an answer leaves a socket that a later call can use: nobody has to wait for that
          const read = Effect.timeoutOption(
            Effect.promise(() => ended.promise),
            250
          )
          return Effect.asVoid(Effect.forkIn(Effect.andThen(read, close), scope))
        }
      )
      const now = () => clock.currentTimeMillisUnsafe()
      const guarded = guard({ agent, fetch, signal: controller.signal, now, hide, ended: ended.resolve })
      return new Ollama({ host: url, headers: { ...headers }, fetch: guarded })
    })

    const get = <A>(
      run: (ollama: Ollama) => Promise<unknown>,
      decode: Decode<A>,
      phase: string,
      limit: number = answerTimeout
    ) =>
      Effect.gen(function* () {
        const ollama = yield* client
        return yield* read(
          decode,
          yield* within(
            wire(() => run(ollama)),
            limit,
            phase
          )
        )
      }).pipe(Effect.scoped)

    const oneByOne = ({ input, ...request }: EmbedRequest) =>
      Effect.forEach(input, (prompt) =>
        get(
          (ollama) => ollama.embeddings({ ...request, prompt }),
          decodeOneEmbedded,
          "waiting for a vector",
          firstTokenTimeout
        )
      ).pipe(Effect.map((all): Embedded => ({ embeddings: all.map(({ embedding }) => embedding) })))

    return {
      ask: (route, request, each) =>
        Effect.gen(function* () {
          const ollama = yield* client
          const begin = Effect.gen(function* () {
            const parts = new Ahead(yield* wire(() => begun(ollama, route, request)))
            yield* wire(() => parts.some())
            return parts
          })
          const parts = yield* within(begin, firstTokenTimeout, "waiting for the first token")
          for (;;) {
            // what comes in one packet is taken at one go
            yield* Effect.yieldNow
            for (const part of parts.take()) yield* each(yield* read(decodePart, part))
            if (parts.isOver) break
            yield* within(
              wire(() => parts.some()),
              idleTimeout,
              "waiting for the next token"
            )
          }
        }).pipe(Effect.scoped),
      embed: (request) =>
        get(
          // Safe: the client sends what it is given as it is.
          (ollama) => ollama.embed({ ...request, input: [...request.input] }),
          decodeEmbedded,
          "waiting for the vectors",
          firstTokenTimeout
        ).pipe(
          Effect.catchIf(
            (error): error is Refused => error instanceof Refused && error.status === 404,
            // the same status says that the model is not there: then the older route says it too, and the first is right
            (refused) =>
              Effect.mapError(oneByOne(request), (error) =>
                error instanceof Refused && error.status === 404 ? refused : error
              )
          )
        ),
      version: Effect.map(
        get((ollama) => ollama.version(), decodeVersion, "asking for the version"),
        ({ version }) => version
      ),
      models: Effect.map(
        get((ollama) => ollama.list(), decodeTags, "listing the models"),
        ({ models }) =>
          (models ?? []).map(({ capabilities, digest, name, size }) => ({
            name,
            ...(typeof digest === "string" ? { digest } : {}),
            ...(typeof size === "number" ? { size } : {}),
            ...(Array.isArray(capabilities) ? { capabilities } : {})
          }))
      ),
      loaded: Effect.map(
        get((ollama) => ollama.ps(), decodePs, "asking which models are loaded"),
        ({ models }) =>
          (models ?? []).map(({ context_length, name, size_vram }) => ({
            name,
            ...(typeof context_length === "number" ? { context: context_length } : {}),
            ...(typeof size_vram === "number" ? { vram: size_vram } : {})
          }))
      ),
      explain: fail
    }
  })

// internal

/** For what needs no model. Milliseconds. */
const answerTimeout = 5000

/** In which a socket that was closed before it was used shows that. Milliseconds. */
const atOnce = 1000

/** A longer line is not taken for an answer. Characters. */
const longestLine = 32_000_000

/** What is read of an answer that is no stream. Characters. */
const longestBody = 4_000_000

/** The same of vectors: a thousand of 4096 numbers. */
const longestVectors = 64_000_000

/** Parts that are read from the socket before anybody asks for them. */
const ahead = 256

/** Reads parts while earlier ones are worked on, so many and no more. */
class Ahead {
  #parts: Array<unknown> = []
  #failed: { readonly error: unknown } | undefined
  #isRead = false
  #heard: (() => void) | undefined
  #room: (() => void) | undefined

  constructor(parts: AsyncIterable<unknown>) {
    void this.#read(parts)
  }

  /** Nothing is left, and nothing more comes. */
  get isOver(): boolean {
    return this.#isRead && this.#parts.length === 0 && this.#failed === undefined
  }

  /** Until there is something to take, or the end is known. Rejects with what broke the answer off, once all was taken. */
  async some(): Promise<void> {
    while (this.#parts.length === 0 && !this.#isRead) await new Promise<void>((heard) => (this.#heard = heard))
    if (this.#parts.length === 0 && this.#failed !== undefined) throw this.#failed.error
  }

  take(): ReadonlyArray<unknown> {
    const parts = this.#parts
    this.#parts = []
    this.#room?.()
    return parts
  }

  async #read(parts: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const part of parts) {
        this.#parts.push(part)
        this.#heard?.()
        if (this.#parts.length >= ahead) await new Promise<void>((room) => (this.#room = room))
      }
    } catch (error) {
      this.#failed = { error }
    }
    this.#isRead = true
    this.#heard?.()
  }
}

class Thrown extends Data.TaggedError("Thrown")<{ readonly error: unknown }> {}

type Decode<A> = (input: unknown) => Result.Result<A, unknown>

const decodePart: Decode<Part> = Schema.decodeUnknownResult(Part)
const decodeVersion: Decode<typeof Version.Type> = Schema.decodeUnknownResult(Version)
const decodeTags: Decode<typeof Tags.Type> = Schema.decodeUnknownResult(Tags)
const decodePs: Decode<typeof Ps.Type> = Schema.decodeUnknownResult(Ps)
const decodeEmbedded: Decode<Embedded> = Schema.decodeUnknownResult(Embedded)
const decodeOneEmbedded: Decode<typeof OneEmbedded.Type> = Schema.decodeUnknownResult(OneEmbedded)

/** The limits of the transport are off: ours begin and end with what the server says, not with its headers. */
const load = ({ connections, connectTimeout }: Options) =>
  Effect.acquireRelease(
    Effect.promise(() => Promise.all([import("ollama"), import("undici")])).pipe(
      // by its default: a bundle knows no other names of a package that is no module
      Effect.map(
        ([
          { Ollama },
          {
            default: { Agent, fetch }
          }
        ]) => ({
          Ollama,
          fetch,
          agent: new Agent({
            headersTimeout: 0,
            bodyTimeout: 0,
            connect: { timeout: connectTimeout },
            ...(connections === undefined ? {} : { connections })
          })
        })
      )
    ),
    ({ agent }) => Effect.promise(() => agent.destroy())
  )

const begun = (ollama: Ollama, route: "chat" | "generate", request: Request): Promise<AsyncIterable<unknown>> => {
  // Safe: the client only turns the bytes of images into base64, and sends everything else as it is.
  const streamed = { ...request, stream: true } as unknown
  return route === "chat"
    ? ollama.chat(streamed as ChatRequest & { stream: true })
    : ollama.generate(streamed as GenerateRequest & { stream: true })
}

interface Transport {
  readonly agent: Agent
  readonly fetch: typeof Fetch
  /** Closes the socket. */
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly now: () => number
  readonly hide: Hide
  /** To be called once an answer was read to its end. */
  readonly ended: () => void
}

/** Requests on our own agent; answers are read, and refused, before the `ollama` client sees them. */
const guard =
  ({ agent, ended, fetch, hide, now, signal }: Transport): typeof globalThis.fetch =>
  async (input, init = {}) => {
    const url = input instanceof globalThis.Request ? input.url : String(input)
    const ask = () =>
      fetch(url, {
        method: init.method ?? "GET",
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(typeof init.body === "string" ? { body: init.body } : {}),
        signal,
        dispatcher: agent,
        // Ollama has nothing elsewhere, and what stands in headers is for this server alone
        redirect: "manual"
      })
    const began = now()
    // A socket that was kept may have been closed from the other side meanwhile: that says nothing about the server. It
    // shows at once; a server that breaks off later has worked on the request, and is not made to do so twice.
    const response = await ask().catch((error: unknown) =>
      isBroken(error) && !signal.aborted && now() - began < atOnce ? ask() : Promise.reject(error)
    )
    if (!response.ok) {
      const retryAfter = response.headers.get("retry-after") ?? undefined
      throw new Refused({ status: response.status, words: wordsOf(hide(await beginning(response))), retryAfter })
    }
    if (/\/api\/(?:chat|generate)$/u.test(url) && response.body !== null) {
      return new Response(response.body.pipeThrough(lines(ended, hide)))
    }
    const text = await beginning(response, url.includes("/api/embed") ? longestVectors : longestBody)
    if (!isRecord(parsed(text))) throw new Garbled({ words: shortened(hide(text)) })
    ended()
    return new Response(text)
  }

/** Takes what was sent in headers out of what the server says: some proxies quote the key that they refuse. */
type Hide = (text: string) => string

const hiding = (headers: Options["headers"]): Hide => {
  const values = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/u)])
  const hidden = values.filter(({ length }) => length >= shortestSecret).toSorted((a, b) => b.length - a.length)
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, "***"), text)
}

/** Characters. Less is found by chance. */
const shortestSecret = 8

/** A body, as far as it is read. */
const beginning = async ({ body }: Awaited<ReturnType<typeof Fetch>>, most = longestBody): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  for await (const bytes of body ?? []) {
    text += decoder.decode(bytes, { stream: true })
    if (text.length > most) break
  }
  return text
}

/** Passes on whole lines, each a JSON object, until one is the last; anything else ends the stream with its failure. */
const lines = (ended: () => void, hide: Hide): TransformStream<Uint8Array, Uint8Array> => {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let rest = ""
  let done = false
  const pass = (line: string, controller: TransformStreamDefaultController<Uint8Array>) => {
    const text = line.trim()
    if (text === "" || done) return
    const value = parsed(text)
    if (!isRecord(value)) throw new Garbled({ words: shortened(hide(text)) })
    if (value["error"] !== undefined && value["error"] !== null) {
      throw new Broken({ words: hide(wordsOfError(value["error"])) })
    }
    done = value["done"] === true
    controller.enqueue(encoder.encode(`${text}\n`))
  }
  return new TransformStream<Uint8Array, Uint8Array>(
    {
      transform: (bytes, controller) => {
        const text = decoder.decode(bytes, { stream: true })
        // a line that comes in many pieces is gone through once, when it is whole
        const end = text.lastIndexOf("\n")
        const whole = end < 0 ? [] : (rest + text.slice(0, end)).split("\n")
        rest = end < 0 ? rest + text : text.slice(end + 1)
        if (rest.length > longestLine) throw new Garbled({ words: shortened(hide(rest.slice(0, 300))) })
        for (const line of whole) pass(line, controller)
      },
      flush: (controller) => {
        rest += decoder.decode()
        // What begins as a part and is none was cut off; anything else never was one.
        if (rest.trim().startsWith("{") && parsed(rest) === undefined) throw new Truncated()
        pass(rest, controller)
        if (!done) throw new Truncated()
        ended()
      }
    },
    undefined,
    { highWaterMark: ahead }
  )
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
