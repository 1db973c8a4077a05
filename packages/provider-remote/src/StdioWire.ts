/**
 * JSON-RPC with a process of ours: one message a line, on its standard input and output. It is started by the first
 * call, and again by the next one after it has died. Calls run at once and are answered in any order.
 */
import { Errors, type Failure, Json, JsonRpc } from "@gleitzeit/core"
import {
  Clock,
  Deferred,
  Effect,
  Exit,
  PubSub,
  Queue,
  Result,
  type Schema,
  type Scope,
  Semaphore,
  Stream
} from "effect"
import * as Answer from "./Answer.ts"
import { Bytes } from "./Bytes.ts"
import * as Child from "./Child.ts"
import type { Asking, Told, Wire } from "./Wire.ts"

export interface Options {
  /** Of the provider, for its failures. */
  readonly name: string
  readonly command: Child.Command
  /** Bytes of one line. */
  readonly maxAnswer: number
}

/** The process ends with the scope. */
export const make = (options: Options): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { command, name } = options
    const where = [command.executable, ...command.args].map(word).join(" ")
    const scope = yield* Effect.scope
    const renewed = yield* PubSub.sliding<void>(1)
    const gate = yield* Semaphore.make(1)
    let peer: Peer | undefined
    let starts = 0
    /** Of processes in a row that died without an answer, and when the last one did. */
    let deaths = 0
    let diedAt = 0

    const closed = new Errors.ProviderUnavailable({ provider: name, reason: "it is being closed", retryable: true })

    const start = Effect.gen(function* () {
      const next = new Peer(options, where)
      const running = yield* Deferred.make<void, Failure.Failure>()
      const life = Effect.gen(function* () {
        const child = yield* Child.start(command, next)
        next.child = child
        peer = next
        // it may have spoken already
        if (next.fault !== undefined) child.kill()
        yield* Deferred.succeed(running, undefined)
        yield* Effect.onExit(child.ended, (exit) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            next.end(Exit.isSuccess(exit) ? endOf(exit.value, next.said(), name, where) : closed)
            if (peer === next) peer = undefined
            deaths = next.answers > 0 ? 1 : deaths + 1
            diedAt = now
          })
        )
      }).pipe(
        Effect.catchTag("NotStarted", ({ missing, reason }) => {
          const failure = `${where} cannot be started: ${reason}`
          return Deferred.fail(
            running,
            new Errors.ProviderUnavailable({ provider: name, reason: failure, retryable: !missing })
          )
        }),
        Effect.scoped
      )
      const fiber = yield* Effect.forkIn(life, scope)
      // a scope that closes ends it before it has said anything
      fiber.addObserver(() => Deferred.doneUnsafe(running, Effect.fail(closed)))
      yield* Deferred.await(running)
      if (starts++ > 0) yield* PubSub.publish(renewed, undefined)
      return next
    })

    const living = gate.withPermit(
      Effect.gen(function* () {
        if (peer !== undefined && peer.fault === undefined) return peer
        if (deaths > 0) {
          const wait = Math.min(firstWait * 2 ** (deaths - 1), longestWait)
          yield* Effect.sleep(Math.max(0, diedAt + wait - (yield* Clock.currentTimeMillis)))
        }
        return yield* Effect.uninterruptible(start)
      })
    )

    const ask = (method: string, params: JsonRpc.Params | undefined, asking: Asking) =>
      Effect.timeoutOrElse(
        Effect.flatMap(living, (peer) => peer.ask(method, params, asking)),
        {
          duration: asking.timeout,
          orElse: () =>
            Effect.fail(
              new Errors.ProviderTimeout({ provider: name, phase: asking.phase, seconds: asking.timeout / 1000 })
            )
        }
      )

    return {
      where,
      tells: true,
      ask,
      isOpen: Effect.sync(() => peer !== undefined),
      renewed: Stream.fromPubSub(renewed)
    }
  })

// internal

/** Before a process that died is started again: doubled with each that dies without an answer. Milliseconds. */
const firstWait = 50
const longestWait = 3000

/** Characters of what a process wrote to its standard error that a failure quotes. */
const tail = 1000

const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : JSON.stringify(text))

/** Bytes that a process leaves unread, beyond which what it asks is not answered. */
const unread = 1_048_576

/** Pieces of one answer that wait to be shown, beyond which further ones are not. */
const waiting = 10_000

const endOf = (
  { code, isMute, signal }: Child.Ended,
  said: string,
  provider: string,
  where: string
): Failure.Failure => {
  const how = isMute
    ? "closed its standard output"
    : signal === undefined
      ? `ended with exit code ${code ?? "unknown"}`
      : `ended by ${signal}`
  const words = said === "" ? "" : `; it last wrote: ${said}`
  return new Errors.ProviderUnavailable({ provider, reason: `${where} ${how}${words}`, retryable: true })
}

const escaped = (sign: string): string => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`

type News = Told | { readonly outcome: Result.Result<Schema.Json, Failure.Failure> }

interface Pending {
  readonly call: Answer.Call
  readonly news: Queue.Queue<News>
}

/** One process: what it was asked, and what it says. */
class Peer implements Child.Listener {
  child: Child.Child | undefined
  /** Why no more is asked of it. */
  fault: Failure.Failure | undefined
  answers = 0
  readonly #options: Options
  readonly #where: string
  readonly #pending = new Map<number, Pending>()
  #asked = 0
  /** The beginning of a line. */
  readonly #begun = new Bytes()
  #stderr: Uint8Array = new Uint8Array()

  constructor(options: Options, where: string) {
    this.#options = options
    this.#where = where
  }

  ask(
    method: string,
    params: JsonRpc.Params | undefined,
    { cancel, isExact, told }: Asking
  ): Effect.Effect<Schema.Json, Failure.Failure> {
    return Effect.flatMap(Queue.unbounded<News>(), (news) => {
      if (this.fault !== undefined) return Effect.fail(this.fault)
      const id = ++this.#asked
      const call = { provider: this.#options.name, where: this.#where, method, isExact }
      this.#pending.set(id, { call, news })
      this.#write(JsonRpc.request(id, method, params))
      const answer = Effect.gen(function* () {
        while (true) {
          const next = yield* Queue.take(news)
          if ("outcome" in next) return yield* Effect.fromResult(next.outcome)
          yield* told(next)
        }
      })
      const letGo = Effect.sync(() => {
        if (cancel) this.#write(JsonRpc.notification("$/cancelRequest", { id }))
      })
      return Effect.ensuring(
        Effect.onInterrupt(answer, () => letGo),
        Effect.sync(() => this.#pending.delete(id))
      )
    })
  }

  /** Nobody waits any more. */
  end(failure: Failure.Failure): void {
    this.fault ??= failure
    for (const { news } of this.#pending.values()) Queue.offerUnsafe(news, { outcome: Result.fail(this.fault) })
    this.#pending.clear()
  }

  /** The last lines of its standard error, on one line. */
  said(): string {
    const text = new TextDecoder().decode(this.#stderr)
    return text.slice(-tail).trim() === ""
      ? ""
      : Answer.quoted(text.slice(-tail).trim().split("\n").slice(-3).join(" "))
  }

  stderr(bytes: Uint8Array): void {
    this.#stderr = Buffer.concat([this.#stderr, bytes]).subarray(-4 * tail)
  }

  stdout(bytes: Uint8Array): void {
    let rest = bytes
    while (this.fault === undefined) {
      const end = rest.indexOf(10)
      const piece = end < 0 ? rest : rest.subarray(0, end)
      const { maxAnswer } = this.#options
      const size = this.#begun.size + piece.byteLength
      if (size > maxAnswer) return this.#refuse(new Errors.ResultTooLarge({ size, limit: maxAnswer }))
      this.#begun.add(piece)
      if (end < 0) return
      const line = this.#begun.take().toString("utf8").trim()
      if (line !== "") this.#line(line)
      rest = rest.subarray(end + 1)
    }
  }

  #line(text: string): void {
    const parsed = JsonRpc.parse(text)
    const json = Result.getOrUndefined(parsed)
    const response = json === undefined ? undefined : JsonRpc.responseOf(json)
    if (response !== undefined) return this.#answered(response, text)
    const request = json === undefined ? undefined : JsonRpc.requestOf(json)
    if (request === undefined) {
      const reason = `${this.#where} writes to its standard output what is no message of JSON-RPC 2.0: ${Answer.quoted(text)}; what people are to read belongs on standard error`
      return this.#refuse(this.#strange(reason))
    }
    if (request.id === undefined) return this.#told(request)
    const backlog = this.child?.backlog() ?? 0
    if (backlog < unread) this.#write(JsonRpc.failed(request.id, JsonRpc.methodNotFound))
  }

  #answered(response: JsonRpc.Response, text: string): void {
    const { id } = response
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined
    if (pending !== undefined) {
      this.answers++
      Queue.offerUnsafe(pending.news, { outcome: Answer.resultOf(response, text, pending.call) })
      return
    }
    // the call was let go of: its answer comes late
    if (typeof id === "number" && Number.isInteger(id) && id > 0 && id <= this.#asked) return
    const said = "error" in response ? `: ${Answer.quoted(response.error.message)}` : ""
    const reason =
      id === null
        ? `${this.#where} answers without saying what${said}`
        : `${this.#where} answers the call ${JSON.stringify(id)}, which nobody made${said}`
    this.#refuse(this.#strange(reason))
  }

  #told({ method, params }: JsonRpc.Request): void {
    if (params === undefined || Json.isArray(params)) return
    // Safe: what is no list has names.
    const { id, ...rest } = params as Json.JsonObject
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined
    if (pending === undefined) return
    // whoever watches sees less then; what it has used is not forgotten
    if (method === "task/chunk" && Queue.sizeUnsafe(pending.news) >= waiting) return
    Queue.offerUnsafe(pending.news, { event: method, params: rest })
  }

  /** In ASCII alone: readers differ in what they take for the end of a line, and in the encoding that they expect. */
  #write(message: string): void {
    this.child?.write(message.replaceAll(/[\u007f-\uffff]/g, escaped))
  }

  #strange(reason: string): Failure.Failure {
    return new Errors.ProviderUnavailable({ provider: this.#options.name, reason, retryable: false })
  }

  /** What it writes from here on cannot be trusted. */
  #refuse(failure: Failure.Failure): void {
    this.end(failure)
    this.child?.kill()
  }
}
