/**
 * What can go wrong between here and an Ollama server, in the words of the failures that everybody knows. Nothing is
 * taken from the `ollama` client's own errors: the answers are read before that client sees them.
 */
import { Errors, type Failure } from "@gleitzeit/core"
import { Data } from "effect"

/** An answer other than 2xx. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  /** The server's words, shortened. */
  readonly words: string
  /** The header `Retry-After`, as it came. */
  readonly retryAfter: string | undefined
}> {}

/** Something came that cannot be read: its beginning. */
export class Garbled extends Data.TaggedError("Garbled")<{ readonly words: string }> {}

/** The server began to answer, and then said what went wrong. */
export class Broken extends Data.TaggedError("Broken")<{ readonly words: string }> {}

/** The answer ended without its last line. */
export class Truncated extends Data.TaggedError("Truncated") {}

export interface Where {
  /** The provider's name. */
  readonly provider: string
  readonly url: string
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds since 1970. */
  readonly now: number
}

/** `error`: one of the above, or what `fetch` throws. */
export const of = (error: unknown, where: Where): Failure.Failure => {
  if (error instanceof Refused) return refused(error, where)
  const { connectTimeout, provider, url } = where
  const unavailable = (reason: string) => new Errors.ProviderUnavailable({ provider, reason, retryable: true })
  if (error instanceof Garbled) {
    return unavailable(`what ${url} sends is not what an Ollama server sends: ${quoted(error.words)}`)
  }
  if (error instanceof Broken) return unavailable(`${url} gave up in the middle of its answer: ${error.words}`)
  if (error instanceof Truncated) return unavailable(`the answer of ${url} ended before it was complete`)
  const codes = codesOf(error)
  if (codes.includes("UND_ERR_CONNECT_TIMEOUT") || codes.includes("ETIMEDOUT")) {
    return new Errors.ProviderTimeout({ provider, phase: `connecting to ${url}`, seconds: connectTimeout / 1000 })
  }
  if (codes.includes("ECONNREFUSED")) {
    return unavailable(`nothing listens on ${url}; start Ollama ("ollama serve"), or say where it is`)
  }
  if (codes.some((code) => code === "ENOTFOUND" || code === "EAI_AGAIN")) {
    return unavailable(`the host of ${url} is not known; is it spelled right?`)
  }
  if (isBroken(error)) return unavailable(`the connection to ${url} broke`)
  const words = [messageOf(error), ...codes].filter((word) => word !== "").join(", ")
  return unavailable(`${url} cannot be asked: ${words}`)
}

/** Whether `fetch` had a connection, and lost it. */
export const isBroken = (error: unknown): boolean =>
  codesOf(error).some((code) => code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE")

/** The words of an error body: `{"error": "..."}`, `{"error": {"message": "..."}}`, or whatever text it is. */
export const wordsOf = (body: string): string => {
  const json = parsed(body)
  const error = isRecord(json) ? json["error"] : undefined
  return error === undefined ? shortened(body.slice(0, 8000).replaceAll(/<[^>]*>/gu, " ")) : wordsOfError(error)
}

/** The same for the value of `error` alone. */
export const wordsOfError = (error: unknown): string => {
  if (typeof error === "string") return shortened(error)
  const message = isRecord(error) ? error["message"] : undefined
  return shortened(typeof message === "string" ? message : textOf(error))
}

/** The JSON text of what came as JSON; empty for what is nested too deeply to be written. */
export const textOf = (json: unknown): string => {
  try {
    return JSON.stringify(json)
  } catch {
    return ""
  }
}

/** The value of a JSON text; undefined for what is none. */
export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** One line, at most 300 characters. */
export const shortened = (text: string): string => {
  const line = text.replaceAll(/\s+/gu, " ").trim()
  return line.length > 300 ? `${line.slice(0, 299)}…` : line
}

/** Milliseconds from now that `Retry-After` names, in seconds or as a date; undefined when it names none. */
export const retryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined || header.trim() === "") return undefined
  const seconds = Number(header)
  const wait = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}

// internal

const refused = (error: Refused, { now, provider, url }: Where): Failure.Failure => {
  const { status } = error
  const words = error.words === "" ? "" : `: ${error.words}`
  const answer = `${url} answers ${status}${words}`
  const wait = retryAfter(error.retryAfter, now)
  const after = wait === undefined ? {} : { retryAfter: wait }
  if (status === 429 || status === 503) return new Errors.ProviderOverloaded({ provider, reason: answer, ...after })
  if (status === 401 || status === 403 || status === 407) {
    return new Errors.ProviderUnavailable({
      provider,
      reason: `${answer} (are its \`headers\` right?)`,
      retryable: false
    })
  }
  if (status >= 300 && status < 400) {
    return new Errors.ProviderUnavailable({
      provider,
      reason: `${answer} (it sends requests elsewhere, which are not followed: is the URL right?)`,
      retryable: false
    })
  }
  if (status === 408 || status >= 499) {
    return new Errors.ProviderUnavailable({ provider, reason: answer, retryable: true, ...after })
  }
  return new Errors.TaskExecutionFailed({ reason: answer, retryable: false, data: { status, error: error.words } })
}

const quoted = (words: string): string => (words === "" ? "nothing" : JSON.stringify(words))

/** The codes of an error and of all that caused it. */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!isRecord(error) || depth > 4) return []
  const inner = Array.isArray(error["errors"]) ? error["errors"] : []
  const code = error["code"]
  return [
    ...(typeof code === "string" ? [code] : []),
    ...[error["cause"], ...inner].flatMap((cause) => codesOf(cause, depth + 1))
  ]
}

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return shortened(String(error))
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ""
  return shortened(`${error.message}${cause}`)
}
