/**
 * JSON-RPC over HTTP: one POST a call. Nothing is followed, nothing is decompressed, and an answer is read no further
 * than its limit. The only file that knows `node:http`.
 */
import { Errors, type Failure, JsonRpc } from "@gleitzeit/core"
import { Clock, Data, Effect, Fiber, Result, type Schema, type Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  validateHeaderName,
  validateHeaderValue
} from "node:http"
import { Agent as HttpsAgent, request as httpsRequest } from "node:https"
import * as Answer from "./Answer.ts"
import { Bytes } from "./Bytes.ts"
import type { Asking, Wire } from "./Wire.ts"

export interface Options {
  /** Of the provider, for its failures. */
  readonly name: string
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Bytes of an answer. */
  readonly maxAnswer: number
}

/** Fails with `ProviderRefused` when `url` or `headers` cannot be used. Sockets stay open between calls, and close with the scope. */
export const make = (options: Options): Effect.Effect<Wire, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { name } = options
    const target = yield* Effect.fromResult(targetOf(options))
    const { where } = target
    const scope = yield* Effect.scope
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new target.Agent({ keepAlive: true, timeout: idle })),
      (agent) => Effect.sync(() => agent.destroy())
    )

    const post = (body: string): Effect.Effect<Answered, Failure.Failure> =>
      Effect.catchTag(exchange(options, target, agent, body), "Broken", ({ error }) =>
        Effect.fail(brokenOf(error, options, where))
      )

    /** Best effort: who is not reached goes on working. Nobody waits for it but the scope, when it closes meanwhile. */
    const cancel = (id: string) =>
      Effect.forkDetach(Effect.timeoutOption(post(JsonRpc.notification("$/cancelRequest", { id })), 1000)).pipe(
        Effect.flatMap((told) => Effect.forkIn(Effect.uninterruptible(Fiber.await(told)), scope, atOnce))
      )

    const ask = (method: string, params: JsonRpc.Params | undefined, asking: Asking) =>
      Effect.suspend(() => {
        const id = randomUUID()
        const call = Effect.flatMap(post(JsonRpc.request(id, method, params)), (answered) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            Effect.fromResult(read(answered, id, { provider: name, where, method, isExact: asking.isExact }, now))
          )
        )
        return Effect.timeoutOrElse(asking.cancel ? Effect.onInterrupt(call, () => cancel(id)) : call, {
          duration: asking.timeout,
          orElse: () =>
            Effect.fail(
              new Errors.ProviderTimeout({ provider: name, phase: asking.phase, seconds: asking.timeout / 1000 })
            )
        })
      })

    return { where, tells: false, ask, isOpen: Effect.succeed(true), renewed: Stream.empty }
  })

// internal

/** A scope that closes right then finds it under way. */
const atOnce = { startImmediately: true }

/** How long a socket is kept that nobody uses: shorter than servers keep theirs. Milliseconds. */
const idle = 2000

interface Target {
  /** Without what is secret in it. */
  readonly where: string
  readonly url: URL
  readonly headers: { readonly [name: string]: string }
  readonly Agent: typeof HttpAgent
  readonly request: typeof httpRequest
}

const targetOf = ({ headers, name, url }: Options): Result.Result<Target, Errors.ProviderRefused> => {
  const refuse = (reason: string) => Result.fail(new Errors.ProviderRefused({ provider: name, reason }))
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) return refuse(`its \`url\` is none; expected one such as http://127.0.0.1:9000/rpc`)
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return refuse(`its \`url\` begins with ${parsed.protocol}, expected http: or https:`)
  }
  const { password, username } = parsed
  parsed.username = ""
  parsed.password = ""
  parsed.hash = ""
  const credentials =
    username === ""
      ? {}
      : { authorization: `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}` }
  for (const [header, value] of Object.entries(headers)) {
    try {
      validateHeaderName(header)
      validateHeaderValue(header, value)
    } catch {
      // its own words would quote the value
      return refuse(`the header ${JSON.stringify(header)} cannot be sent: it has signs that no header may have`)
    }
  }
  // what stands behind the question mark may be a key
  const where = `${parsed.origin}${parsed.pathname === "/" ? "" : parsed.pathname}`
  const isSecure = parsed.protocol === "https:"
  return Result.succeed({
    where,
    url: parsed,
    headers: { ...credentials, ...headers },
    Agent: isSecure ? HttpsAgent : HttpAgent,
    request: isSecure ? httpsRequest : httpRequest
  })
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface Answered {
  readonly status: number
  readonly location: string | undefined
  readonly retryAfter: string | undefined
  readonly body: Uint8Array
}

class Broken extends Data.TaggedError("Broken")<{ readonly error: unknown }> {}

/** The socket did not come into being in time. */
class NotConnected extends Error {}

/** The answer ended before it was complete. */
class Cut extends Error {}

/** One request, and its answer as far as it may be read. Interruption closes the socket. */
const exchange = (
  { connectTimeout, maxAnswer }: Options,
  target: Target,
  agent: HttpAgent,
  body: string
): Effect.Effect<Answered, Broken | Errors.ResultTooLarge> =>
  Effect.callback((resume) => {
    const bytes = Buffer.from(body)
    const fail = (error: unknown) => resume(Effect.fail(new Broken({ error })))
    const read = (response: IncomingMessage) => {
      const body = new Bytes()
      const refuse = (size: number) => {
        resume(Effect.fail(new Errors.ResultTooLarge({ size, limit: maxAnswer })))
        request.destroy()
      }
      const announced = Number(response.headers["content-length"] ?? 0)
      if (announced > maxAnswer) return refuse(announced)
      response.on("data", (chunk: Uint8Array) => {
        const size = body.size + chunk.byteLength
        if (size > maxAnswer) return refuse(size)
        body.add(chunk)
      })
      response.on("end", () => {
        const { location, "retry-after": retryAfter } = response.headers
        resume(Effect.succeed({ status: response.statusCode ?? 0, location, retryAfter, body: body.take() }))
      })
      response.on("error", fail)
      response.on("close", () => fail(new Cut()))
    }
    let request: ClientRequest
    try {
      request = target.request(
        target.url,
        {
          agent,
          method: "POST",
          timeout: connectTimeout,
          headers: {
            accept: "application/json",
            "user-agent": "gleitzeit",
            ...target.headers,
            "content-type": "application/json",
            "content-length": bytes.byteLength
          }
        },
        read
      )
    } catch (error) {
      return fail(error)
    }
    request.on("timeout", () => {
      // a call may be silent for as long as it takes; getting there may not
      if (request.socket?.connecting === true) request.destroy(new NotConnected())
    })
    request.on("error", fail)
    // also without an answer: the server may have begun to speak another protocol
    request.on("close", () => fail(new Cut()))
    request.end(bytes)
    return Effect.sync(() => request.destroy())
  })

const brokenOf = (error: unknown, { connectTimeout, name }: Options, where: string): Failure.Failure => {
  const unavailable = (reason: string, retryable = true) =>
    new Errors.ProviderUnavailable({ provider: name, reason, retryable })
  const code = codeOf(error)
  if (error instanceof NotConnected || code === "ETIMEDOUT") {
    return new Errors.ProviderTimeout({
      provider: name,
      phase: `connecting to ${where}`,
      seconds: connectTimeout / 1000
    })
  }
  if (error instanceof Cut) return unavailable(`the answer of ${where} ended before it was complete`)
  if (code === "ECONNREFUSED") return unavailable(`nothing listens on ${where}`)
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return unavailable(`the host of ${where} is not known; is it spelled right?`)
  }
  if (code === "ECONNRESET" || code === "EPIPE") return unavailable(`the connection to ${where} broke`)
  if (code.startsWith("HPE_")) return unavailable(`what ${where} sends is not HTTP`, false)
  const words = error instanceof Error ? error.message : String(error)
  return unavailable(`${where} cannot be asked: ${words}`, !/CERT|TLS|SSL/.test(code))
}

/** Of an error, or of what caused it. */
const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return ""
  if ("code" in error && typeof error.code === "string") return error.code
  return error instanceof AggregateError ? codeOf(error.errors[0]) : codeOf(error.cause)
}

/** The answer, whatever its status: servers differ in what status goes with an error. */
const read = (
  answered: Answered,
  id: string,
  call: Answer.Call,
  now: number
): Result.Result<Schema.Json, Failure.Failure> => {
  const { body, status } = answered
  const { provider, where } = call
  const text = textOf(body)
  const json = text === undefined ? undefined : Result.getOrUndefined(JsonRpc.parse(text))
  const response = json === undefined ? undefined : JsonRpc.responseOf(json)
  if (text !== undefined && response !== undefined) {
    if (response.id === id || (response.id === null && "error" in response)) {
      return Answer.resultOf(response, text, call)
    }
    const said = `it answers the call ${JSON.stringify(response.id)}, the call was ${JSON.stringify(id)}`
    return Result.fail(Answer.strange(call, `${where} answers another call than it was asked: ${said}`))
  }
  const words =
    text === undefined ? "bytes that are not UTF-8" : text.trim() === "" ? "nothing" : Answer.quoted(bare(text))
  const reason = `${where} answers ${status} with ${words}`
  if (status >= 300 && status < 400) {
    const to = answered.location === undefined ? "" : ` and points to ${answered.location}`
    return Result.fail(
      Answer.strange(call, `${where} answers ${status}${to}; redirects are not followed, give the address itself`)
    )
  }
  if (status === 401 || status === 403 || status === 407) {
    return Result.fail(Answer.strange(call, `${reason} (are its \`headers\` right?)`))
  }
  const wait = waitOf(answered.retryAfter, now)
  const after = wait === undefined ? {} : { retryAfter: wait }
  if (status === 429 || status === 503) {
    return Result.fail(new Errors.ProviderOverloaded({ provider, reason, ...after }))
  }
  if (status === 408 || status >= 500) {
    return Result.fail(new Errors.ProviderUnavailable({ provider, reason, retryable: true, ...after }))
  }
  return Result.fail(Answer.strange(call, `${reason}, expected an answer of JSON-RPC 2.0`))
}

const textOf = (body: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

/** The words of a page without its markup. */
const bare = (text: string): string =>
  /^\s*</.test(text)
    ? text
        .slice(0, 8000)
        .replaceAll(/<(script|style)[\s\S]*?<\/\1>/giu, " ")
        .replaceAll(/<[^>]*>/gu, " ")
    : text

/** Milliseconds that `Retry-After` names, in seconds or as a date. */
const waitOf = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined || header.trim() === "") return undefined
  const seconds = Number(header)
  const wait = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
