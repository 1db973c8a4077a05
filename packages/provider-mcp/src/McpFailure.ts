/**
 * What went wrong with a server, as a failure that names it, says what happened, and what would work. Values that the
 * configuration gives a server (environment, headers, credentials, whatever a reference stands for) are masked in what it
 * says.
 */
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError, UnauthorizedError } from "@modelcontextprotocol/client"
import { Errors, type Failure, JsonRpc } from "@gleitzeit/core"
import * as Redaction from "@gleitzeit/core/Redaction"
import { Schema } from "effect"
import { delimiter } from "node:path"
import type { End, Link, Said } from "./Link.ts"
import type { NotStarted } from "./ProcessGroup.ts"
import type { Server } from "./Server.ts"

/** Of failures; servers are named in their words. */
export const provider = "mcp"

/** What was under way. */
export interface Doing {
  /** With the server as what follows: `the call of "echo"`. */
  readonly words: string
  /** As it stands in failures about results: `tools/call echo`. */
  readonly method: string
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds in all, whatever progress it tells. */
  readonly total?: number | undefined
  /** Doing it twice does no harm, in case that the server has done it already. */
  readonly mayRepeat: boolean
  /** Nothing else was under way. */
  readonly isAlone: boolean
}

export class McpFailure {
  readonly #server: Server
  readonly #masked: Redaction.Mask

  constructor(server: Server) {
    this.#server = server
    this.#masked = Redaction.mask(givenOf(server))
  }

  /** It is being closed from this side. */
  get closed(): Failure.Failure {
    return unavailable(`the server ${this.#name} is being closed`, true)
  }

  notStarted({ missing, reason }: NotStarted, path: string | undefined): Failure.Failure {
    const { reach } = this.#server
    const command = reach._tag === "Stdio" ? JSON.stringify(this.#mask(reach.command)) : "command"
    const cannot = `the server ${this.#name} cannot be started`
    switch (missing) {
      case "command": {
        const isPath = reach._tag === "Stdio" && reach.command.includes("/")
        const where = isPath ? "there is no such file" : `it is in no folder of PATH (${foldersOf(path)})`
        const remedy = isPath ? "" : "; install it, or give its absolute path"
        return unavailable(`${cannot}: the command ${command} is not found, ${where}${remedy}`, false)
      }
      case "folder": {
        const folder = reach._tag === "Stdio" ? JSON.stringify(this.#mask(reach.cwd ?? "")) : "its folder"
        return unavailable(`${cannot}: its working folder ${folder} does not exist`, false)
      }
      case undefined:
        return unavailable(`${cannot}: ${this.#mask(reason)}`, !/EACCES|EPERM/.test(reason))
    }
  }

  /** Its start took longer than it may. */
  slowStart(said: Said): Failure.Failure {
    return new Errors.ProviderTimeout({
      provider,
      phase: `the start of the server ${this.#name}${this.#heard(said)}`,
      seconds: this.#server.startTimeout / 1000
    })
  }

  /** It cannot be started for now: it has failed too often, or a moment ago. `wait`: milliseconds. */
  resting(last: Failure.Failure, times: number, wait: number, isBroken: boolean): Failure.Failure {
    const seconds = Math.ceil(wait / 1000)
    const often = isBroken ? `failed to start ${times} times` : "failed to start"
    const reason = `the server ${this.#name} ${often}, and is tried again in ${seconds} s; it was: ${wordsOf(last)}`
    return new Errors.ProviderUnavailable({ provider, reason, retryable: last.retryable, retryAfter: wait })
  }

  tooManyPages(method: string, pages: number): Failure.Failure {
    const issue = `the server ${this.#name} gives more than ${pages} pages`
    return new Errors.InvalidResult({ method, issue })
  }

  /** Why nothing more comes of it. */
  ended(end: End, said: Said, doing?: Doing): Failure.Failure {
    const when = doing === undefined ? "" : ` during ${doing.words}`
    switch (end._tag) {
      case "TooLarge": {
        if (doing?.isAlone === true) return new Errors.ResultTooLarge({ size: end.size, limit: end.limit })
        const reason = `the server ${this.#name} sent a message of more than ${end.limit} bytes, and was stopped${when}`
        return unavailable(reason, doing?.mayRepeat ?? true)
      }
      case "Closed":
        return unavailable(`the server ${this.#name}: ${this.#mask(end.words)}${when}`, doing?.mayRepeat ?? true)
      case "Exited": {
        const { code, isMute, signal } = end
        const how = isMute
          ? "closed its standard output"
          : signal === undefined
            ? `ended with exit code ${code ?? "unknown"}`
            : `ended by ${signal}`
        return unavailable(`the server ${this.#name} ${how}${when}${this.#heard(said)}`, doing?.mayRepeat ?? true)
      }
    }
  }

  /** What the client of the protocol threw. */
  of(error: unknown, doing: Doing, link: Link): Failure.Failure {
    const end = link.end()
    if (end !== undefined) return this.ended(end, link.said(), doing)
    const at = `${doing.words} at the server ${this.#name}`
    if (error instanceof ProtocolError) {
      const said = this.#quoted(error.message)
      return new Errors.TaskExecutionFailed({
        reason: `${at} was answered with the error ${error.code}: ${said}`,
        retryable: false,
        data: { code: error.code, ...(isJson(error.data) ? { data: this.#masked(error.data) } : {}) }
      })
    }
    if (error instanceof UnauthorizedError) {
      return unavailable(`${at} was refused: the server wants other credentials, which go under \`auth\``, false)
    }
    if (error instanceof SdkHttpError) return this.#ofHttp(error, at)
    const code = networkCodeOf(error)
    const where = this.#where()
    switch (code) {
      case undefined:
        break
      case "ECONNREFUSED":
        return unavailable(`nothing listens on ${where}, where ${at} goes`, true)
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return unavailable(`the host of ${where} is not known, where ${at} goes; is it spelled right?`, true)
      default:
        return unavailable(`the connection to ${where} broke (${code}) during ${at}`, doing.mayRepeat)
    }
    if (error instanceof SdkError) return this.#ofSdk(error, at, doing)
    return unavailable(`${at} failed: ${this.#quoted(rootOf(error))}`, false)
  }

  /** Of failures that the client tells by a code. */
  #ofSdk(error: SdkError, at: string, { mayRepeat, method, timeout, total }: Doing): Failure.Failure {
    switch (error.code) {
      case SdkErrorCode.RequestTimeout: {
        const isTotal = isRecord(error.data) && "maxTotalTimeout" in error.data && total !== undefined
        return new Errors.ProviderTimeout({ provider, phase: at, seconds: (isTotal ? total : timeout) / 1000 })
      }
      case SdkErrorCode.InvalidResult:
      case SdkErrorCode.UnsupportedResultType:
        return new Errors.InvalidResult({ method, issue: `the server ${this.#name}: ${this.#quoted(error.message)}` })
      case SdkErrorCode.MethodNotSupportedByProtocolVersion:
      case SdkErrorCode.CapabilityNotSupported:
        return new Errors.TaskExecutionFailed({
          reason: `the server ${this.#name} has no ${method}: ${this.#quoted(error.message)}`,
          retryable: false,
          // as a server would answer that is asked all the same
          data: { code: JsonRpc.methodNotFound.code }
        })
      case SdkErrorCode.ConnectionClosed:
      case SdkErrorCode.NotConnected:
      case SdkErrorCode.SendFailed:
        return unavailable(`the connection was closed during ${at}`, mayRepeat)
      default:
        return unavailable(`${at} failed: ${this.#quoted(rootOf(error))}`, false)
    }
  }

  #ofHttp({ message, status }: SdkHttpError, at: string): Failure.Failure {
    const answered = `${at} was answered with HTTP ${status}: ${this.#quoted(message)}`
    if (status === 401 || status === 403) {
      return unavailable(
        `${answered}; the server wants other credentials, which go under \`auth\` or \`headers\``,
        false
      )
    }
    if (status === 429 || status === 503) return new Errors.ProviderOverloaded({ provider, reason: answered })
    return unavailable(answered, status >= 500)
  }

  #mask(text: string): string {
    return String(this.#masked(text))
  }

  get #name(): string {
    return JSON.stringify(this.#server.name)
  }

  /** Without what is secret in it. */
  #where(): string {
    const { reach } = this.#server
    if (reach._tag === "Stdio") return "its process"
    const { host, pathname, protocol } = new URL(reach.url)
    return `${protocol}//${host}${pathname === "/" ? "" : this.#mask(pathname)}`
  }

  /** The end of what it wrote. */
  #heard({ firstNoise, noise, stderr }: Said): string {
    const last = this.#mask(stderr).trim()
    const wrote = last === "" ? "" : `; it last wrote: ${quoted(last.slice(-tail))}`
    if (firstNoise === undefined) return wrote
    const lines = noise === 1 ? "a line" : `${noise} lines, the first one`
    return `${wrote}; on its standard output it wrote what is no message, ${lines}: ${quoted(this.#mask(firstNoise))}`
  }

  #quoted(text: string): string {
    return quoted(this.#mask(text).slice(0, longest))
  }
}

/** What a socket says of its end, such as `ECONNREFUSED`; undefined for what came of anything else. */
export const networkCodeOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  if (error instanceof AggregateError) return networkCodeOf(error.errors[0])
  // the codes of the client's own errors are no codes of sockets
  const isOwn = error instanceof SdkError || error instanceof ProtocolError
  if (!isOwn && "code" in error && typeof error.code === "string") return error.code
  return networkCodeOf(isOwn && isRecord(error.data) ? (error.cause ?? error.data["cause"]) : error.cause)
}

// internal

/** Characters of standard error, and of a message from elsewhere, that a failure quotes. */
const tail = 1000
const longest = 1000
/** Folders of a PATH. */
const shown = 3

const isJson = Schema.is(Schema.Json)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

const unavailable = (reason: string, retryable: boolean): Failure.Failure =>
  new Errors.ProviderUnavailable({ provider, reason, retryable })

/** On one line, in quotes. */
const quoted = (text: string): string => JSON.stringify(text.replaceAll(/\s+/gu, " ").trim())

/** Without the name of the provider, which stands before it already. */
const wordsOf = (failure: Failure.Failure): string =>
  failure instanceof Errors.ProviderUnavailable ? failure.reason : failure.message

const givenOf = ({ hidden = [], reach }: Server): ReadonlyArray<string> => {
  switch (reach._tag) {
    case "Stdio":
      return [...hidden, ...Object.values(reach.env)]
    case "WebSocket":
      return [...hidden, ...ofUrl(reach.url)]
    case "Http": {
      const { auth, headers, url } = reach
      // of `Bearer X` the X as well
      const sent = Object.values(headers).flatMap((value) => [value, ...value.split(" ")])
      const own = auth === undefined ? [] : [auth._tag === "Bearer" ? auth.token : auth.clientSecret]
      return [...hidden, ...sent, ...own, ...ofUrl(url)]
    }
  }
}

/** As they are meant, and as they stand there. */
const ofUrl = (url: string): ReadonlyArray<string> => {
  const { search, searchParams } = new URL(url)
  return [...searchParams.values(), ...search.slice(1).split(/[&=]/)]
}

/** What was at the bottom of it: above that stands only that something failed. */
const rootOf = (error: unknown): string => {
  let words = String(error)
  let at = error
  for (let depth = 0; at instanceof Error && depth < 10; depth++) {
    if (at.message !== "") words = at.message
    at = at.cause ?? (at instanceof SdkError && isRecord(at.data) ? at.data["cause"] : undefined)
  }
  return words
}

/** The first few. */
const foldersOf = (path: string | undefined): string => {
  if (path === undefined) return "which is not set"
  const folders = path.split(delimiter)
  const more = folders.length - shown
  return more > 1 ? `${folders.slice(0, shown).join(delimiter)} and ${more} more` : folders.join(delimiter)
}
