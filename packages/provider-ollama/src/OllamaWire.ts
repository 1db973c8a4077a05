/**
 * What the `ollama` client asks and is answered through: a `fetch` on sockets of our own, which reads and refuses answers
 * before that client sees them. The one file of promises; it and the client's own package are loaded with the first call.
 */
import { Effect } from "effect"
import type { Agent, Dispatcher } from "undici"
import {
  Broken,
  Garbled,
  isBroken,
  isRecord,
  parsed,
  Refused,
  shortened,
  Truncated,
  wordsOf,
  wordsOfError
} from "./OllamaFailure.ts"

/** Takes what was sent in headers out of what the server says: some proxies quote the key that they refuse. */
export type Hide = (text: string) => string

export interface Pool {
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Sockets at once; requests beyond them wait. Default: as many as there are requests. */
  readonly connections?: number
}

/**
 * The client's class, and sockets that stay open between calls and close with the scope. The limits of the transport are
 * off: ours begin and end with what the server says, not with its headers.
 */
export const load = ({ connections, connectTimeout }: Pool) =>
  Effect.acquireRelease(
    Effect.promise(() => Promise.all([import("ollama"), import("undici")])).pipe(
      // by its default: a bundle knows no other names of a package that is no module
      Effect.map(
        ([
          { Ollama },
          {
            default: { Agent }
          }
        ]) => ({
          Ollama,
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

export interface Wire {
  readonly agent: Agent
  /** Closes the socket. */
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly now: () => number
  readonly hide: Hide
  /** To be called once an answer was read to its end. */
  readonly ended: () => void
}

/** Throws `Refused`, `Garbled`, `Broken`, `Truncated`, or what `undici` throws. */
export const fetchOn =
  ({ agent, ended, hide, now, signal }: Wire): typeof globalThis.fetch =>
  async (input, init = {}) => {
    const { origin, pathname, search } = new URL(input instanceof globalThis.Request ? input.url : input)
    // redirects are not followed: Ollama has nothing elsewhere, and what stands in headers is for this server alone
    const ask = () =>
      agent.request({
        origin,
        path: pathname + search,
        method: init.method === "POST" ? "POST" : "GET",
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(typeof init.body === "string" ? { body: init.body } : {}),
        signal
      })
    const began = now()
    // A socket that was kept may have been closed from the other side meanwhile: that says nothing about the server. It
    // shows at once; a server that breaks off later has worked on the request, and is not made to do so twice.
    const { body, headers, statusCode } = await ask().catch((error: unknown) =>
      isBroken(error) && !signal.aborted && now() - began < atOnce ? ask() : Promise.reject(error)
    )
    if (statusCode < 200 || statusCode > 299) {
      const [retryAfter] = [headers["retry-after"]].flat()
      throw new Refused({ status: statusCode, words: wordsOf(hide(await beginning(body, longestBody))), retryAfter })
    }
    if (/\/api\/(?:chat|generate)$/u.test(pathname)) return new Response(lines(body, ended, hide))
    const text = await beginning(body, pathname.includes("/api/embed") ? longestVectors : longestBody)
    if (!isRecord(parsed(text))) throw new Garbled({ words: shortened(hide(text)) })
    ended()
    return new Response(text)
  }

/** Reads parts while earlier ones are worked on, so many and no more. */
export class Ahead {
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

// internal

type Body = Dispatcher.ResponseData["body"]

/** In which a socket that was closed before it was used shows that. Milliseconds. */
const atOnce = 1000

/** A longer line is not taken for an answer. Characters. */
const longestLine = 32_000_000

/** What is read of an answer that is no stream. Characters. */
const longestBody = 4_000_000

/** The same of vectors: a thousand of 4096 numbers. */
const longestVectors = 64_000_000

/** Parts that wait to be taken. */
const ahead = 256

/** Packets that wait to be read as parts. */
const packets = 16

/** A body, as far as it is read. */
const beginning = async (body: Body, most: number): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  for await (const bytes of body) {
    // Safe: nobody has given the stream an encoding, so it gives bytes.
    text += decoder.decode(bytes as Uint8Array, { stream: true })
    if (text.length > most) break
  }
  return text
}

/** Passes on whole lines, each a JSON object, until one is the last; anything else ends the stream with its failure. */
const lines = (body: Body, ended: () => void, hide: Hide): ReadableStream<Uint8Array> => {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let rest = ""
  let done = false

  /** Throws. */
  const checked = (line: string): boolean => {
    if (line === "" || done) return false
    const value = parsed(line)
    if (!isRecord(value)) throw new Garbled({ words: shortened(hide(line)) })
    if (value["error"] !== undefined && value["error"] !== null) {
      throw new Broken({ words: hide(wordsOfError(value["error"])) })
    }
    done = value["done"] === true
    return true
  }
  const pass = (lines: ReadonlyArray<string>, to: ReadableStreamDefaultController<Uint8Array>) => {
    const whole = lines.map((line) => line.trim()).filter(checked)
    if (whole.length > 0) to.enqueue(encoder.encode(`${whole.join("\n")}\n`))
  }
  const packet = (bytes: Uint8Array, to: ReadableStreamDefaultController<Uint8Array>) => {
    const text = decoder.decode(bytes, { stream: true })
    // a line that comes in many pieces is gone through once, when it is whole
    const end = text.lastIndexOf("\n")
    const whole = end < 0 ? [] : (rest + text.slice(0, end)).split("\n")
    rest = end < 0 ? rest + text : text.slice(end + 1)
    if (rest.length > longestLine) throw new Garbled({ words: shortened(hide(rest.slice(0, 300))) })
    pass(whole, to)
  }
  const finish = (to: ReadableStreamDefaultController<Uint8Array>) => {
    rest += decoder.decode()
    // What begins as a part and is none was cut off; anything else never was one.
    if (rest.trim().startsWith("{") && parsed(rest) === undefined) throw new Truncated()
    pass([rest], to)
    if (!done) throw new Truncated()
    ended()
    to.close()
  }

  return new ReadableStream<Uint8Array>(
    {
      start: (to) => {
        const orFail = (work: () => void) => {
          try {
            work()
          } catch (error) {
            to.error(error)
          }
        }
        body.on("data", (bytes: Uint8Array) =>
          orFail(() => {
            packet(bytes, to)
            // what follows the last line is read for the sake of the socket, which ends with it
            if (to.desiredSize === 0 && !done) body.pause()
          })
        )
        body.once("end", () => orFail(() => finish(to)))
        body.once("error", (error) => to.error(error))
      },
      pull: () => void body.resume()
    },
    { highWaterMark: packets }
  )
}
