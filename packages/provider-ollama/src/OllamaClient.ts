/**
 * One Ollama server, through the `ollama` client. That client is made anew for each call, on a `fetch` of ours: so one
 * call can be stopped without the others and its socket closes at once, nothing the server sends is dropped or printed,
 * no time limit of the transport cuts a slow answer short, and no string is taken for the path of an image.
 */
import { Errors, type Failure } from "@gleitzeit/core"
import { Clock, Data, Effect, Exit, Result, Schema, Scope } from "effect"
import type { ChatRequest, GenerateRequest, Ollama } from "ollama"
import { Garbled, of as failureOf, Refused, shortened, textOf } from "./OllamaFailure.ts"
import { Embedded, type EmbedRequest, OneEmbedded, Part, Ps, type Request, Tags, Version } from "./OllamaSchema.ts"
import { Ahead, fetchOn, type Hide, load, type Pool } from "./OllamaWire.ts"

export interface Options extends Pool {
  /** Of the provider, for its failures. */
  readonly name: string
  readonly url: string
  /** Sent with every request. */
  readonly headers: { readonly [name: string]: string }
  /** Milliseconds from the request to the first line of the answer: the model may have to be loaded. */
  readonly firstTokenTimeout: number
  /** Milliseconds between two lines. */
  readonly idleTimeout: number
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
      const { Ollama, agent } = yield* library
      const ended = Promise.withResolvers<void>()
      let isEnded = false
      const controller = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller, exit) => {
          const close = Effect.sync(() => controller.abort())
          if (Exit.isFailure(exit)) return close
          if (isEnded) return Effect.void
          // read to its end, an answer leaves a socket that a later call can use: nobody has to wait for that
          const read = Effect.timeoutOption(
            Effect.promise(() => ended.promise),
            250
          )
          return Effect.asVoid(Effect.forkIn(Effect.andThen(read, close), scope))
        }
      )
      const now = () => clock.currentTimeMillisUnsafe()
      const fetch = fetchOn({
        agent,
        signal: controller.signal,
        now,
        hide,
        ended: () => {
          isEnded = true
          ended.resolve()
        }
      })
      return new Ollama({ host: url, headers: { ...headers }, fetch })
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

class Thrown extends Data.TaggedError("Thrown")<{ readonly error: unknown }> {}

type Decode<A> = (input: unknown) => Result.Result<A, unknown>

const decodePart: Decode<Part> = Schema.decodeUnknownResult(Part)
const decodeVersion: Decode<typeof Version.Type> = Schema.decodeUnknownResult(Version)
const decodeTags: Decode<typeof Tags.Type> = Schema.decodeUnknownResult(Tags)
const decodePs: Decode<typeof Ps.Type> = Schema.decodeUnknownResult(Ps)
const decodeEmbedded: Decode<Embedded> = Schema.decodeUnknownResult(Embedded)
const decodeOneEmbedded: Decode<typeof OneEmbedded.Type> = Schema.decodeUnknownResult(OneEmbedded)

const begun = (ollama: Ollama, route: "chat" | "generate", request: Request): Promise<AsyncIterable<unknown>> => {
  // Safe: the client only turns the bytes of images into base64, and sends everything else as it is.
  const streamed = { ...request, stream: true } as unknown
  return route === "chat"
    ? ollama.chat(streamed as ChatRequest & { stream: true })
    : ollama.generate(streamed as GenerateRequest & { stream: true })
}

const hiding = (headers: Options["headers"]): Hide => {
  const values = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/u)])
  const hidden = values.filter(({ length }) => length >= shortestSecret).toSorted((a, b) => b.length - a.length)
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, "***"), text)
}

/** Characters. Less is found by chance. */
const shortestSecret = 8
