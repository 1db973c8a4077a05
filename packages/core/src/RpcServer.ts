/**
 * Answers JSON-RPC 2.0 on behalf of providers, or of functions that have contracts: text in, text out. What carries the
 * text (HTTP, standard input and output, a socket) is the caller's, as are limits on its size.
 */
import { Cause, Deferred, Effect, Result, type Schema } from "effect"
import type { Contract } from "./Contract.ts"
import { InvalidParams, InvalidResult, MethodNotFound, NotSupported, TaskCancelled } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import * as Json from "./Json.ts"
import * as JsonRpc from "./JsonRpc.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as OpenRpc from "./OpenRpc.ts"
import type { Provider } from "./Provider.ts"
import { Providers } from "./Providers.ts"
import { TaskContext } from "./TaskContext.ts"
import { version } from "./Version.ts"

/** What is served. */
export interface Service {
  /** The same list while nothing has changed. */
  readonly contracts: Effect.Effect<ReadonlyArray<Contract>, Failure>
  /** Checks params itself. */
  readonly call: (method: string, params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>
}

/** A function that has a contract. Its params are checked before it sees them. */
export interface Handler {
  readonly contract: Contract
  readonly call: (params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>
}

export interface Options {
  /** In the answer to `rpc.discover`. Default `gleitzeit`. */
  readonly title?: string
  /** Default: that of this package. */
  readonly version?: string
  /**
   * Where notifications go: chunks and usage of calls under way, by the id of the call. With it calls may bring a
   * `_context` and can be cancelled; ids must then be those of one caller. Default: there are none.
   */
  readonly notify?: (text: string) => Effect.Effect<void>
}

/** The answer to one text: a request, a notification or a batch. Undefined when none is to be given. */
export type Answer = (text: string) => Effect.Effect<string | undefined>

export const make = (service: Service, options: Options = {}): Answer => {
  const server = new Server(service, options)
  return (text) => server.answer(text)
}

export const handlers = (all: ReadonlyArray<Handler>): Service => {
  const byMethod = new Map(all.map((handler) => [handler.contract.method, handler]))
  const contracts = all.map(({ contract }) => contract)
  return {
    contracts: Effect.succeed(contracts),
    call: (method, params) => {
      const handler = byMethod.get(method)
      if (handler === undefined) return Effect.fail(new MethodNotFound({ method, known: [...byMethod.keys()] }))
      const issues = JsonSchemaCheck.check(handler.contract.params, params)
      return issues.length === 0
        ? handler.call(params)
        : Effect.fail(new InvalidParams({ method, issue: issues.map(JsonSchemaCheck.inWords).join("; ") }))
    }
  }
}

/** One provider of ours. */
export const ofProvider = ({ call, contracts }: Provider): Service => ({ contracts, call })

/** Everybody on duty; a provider that cannot say what it can do is left out. */
export const ofProviders: Effect.Effect<Service, never, Providers> = Effect.map(Providers, (providers) => {
  let known: ReadonlyArray<ReadonlyArray<Contract>> = []
  let flat: ReadonlyArray<Contract> = []
  return {
    contracts: Effect.gen(function* () {
      const all = yield* providers.all
      const lists = yield* Effect.forEach(all, ({ contracts }) => Effect.orElseSucceed(contracts, () => nothing))
      if (lists.length !== known.length || lists.some((list, index) => list !== known[index])) {
        known = lists
        flat = unique(lists.flat())
      }
      return flat
    }),
    call: (method, params) =>
      Effect.flatMap(providers.choose(method, params), (provider) => provider.call(method, params))
  }
})

// internal

const nothing: ReadonlyArray<Contract> = []

/** Calls of one batch that are under way at once. */
const atOnce = 16

/** Characters of the answers to one batch, beyond which its other calls are not made. */
const largest = 67_108_864

const notMade: JsonRpc.RpcError = {
  code: JsonRpc.invalidRequest.code,
  message: `the call was not made: the answers to the batch have more than ${largest} characters already`
}

const unique = (contracts: ReadonlyArray<Contract>): ReadonlyArray<Contract> =>
  [...new Map(contracts.toReversed().map((contract) => [contract.method, contract])).values()].toReversed()

/** What stands in `_context`, where it is well formed. */
interface Surroundings {
  readonly run: string
  readonly task: string
  readonly attempt: number
  readonly idempotencyKey: string
  readonly deadline?: number
}

class Server {
  readonly #service: Service
  readonly #info: OpenRpc.Info
  readonly #notify: Options["notify"]
  /** By id as JSON: how to stop what is under way. */
  readonly #underWay = new Map<string, Deferred.Deferred<never, Failure>>()
  #index: { readonly of: ReadonlyArray<Contract>; readonly byMethod: ReadonlyMap<string, Contract> } | undefined
  #calls = 0

  constructor(service: Service, options: Options) {
    this.#service = service
    this.#notify = options.notify
    this.#info = {
      title: options.title ?? "gleitzeit",
      version: options.version ?? version,
      context: options.notify !== undefined
    }
  }

  answer(text: string): Effect.Effect<string | undefined> {
    const parsed = JsonRpc.parse(text)
    if (Result.isFailure(parsed)) return Effect.succeed(JsonRpc.failed(null, JsonRpc.parseError))
    const message = parsed.success
    if (!Json.isArray(message)) return this.#one(message)
    if (message.length === 0) return Effect.succeed(JsonRpc.failed(null, JsonRpc.invalidRequest))
    let size = 0
    const answered = (one: Schema.Json) =>
      Effect.tap(this.#one(one, size > largest), (answer) => Effect.sync(() => (size += answer?.length ?? 0)))
    return Effect.map(Effect.forEach(message, answered, { concurrency: atOnce }), (answers) => {
      const given = answers.filter((answer) => answer !== undefined)
      return given.length === 0 ? undefined : `[${given.join(",")}]`
    })
  }

  /** `isFull`: there is no room for a result any more. */
  #one(message: Schema.Json, isFull = false): Effect.Effect<string | undefined> {
    const request = JsonRpc.requestOf(message)
    if (request === undefined) return Effect.succeed(JsonRpc.failed(JsonRpc.idOf(message), JsonRpc.invalidRequest))
    const { id } = request
    if (id === undefined) return Effect.as(Effect.exit(this.#notified(request)), undefined)
    if (isFull) return Effect.succeed(JsonRpc.failed(id, notMade))
    return Effect.matchCauseEffect(this.#called(request, id), {
      onFailure: (cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : Effect.succeed(JsonRpc.failed(id, errorOf(FailureData.fromCause(cause)))),
      onSuccess: (result) => Effect.succeed(JsonRpc.succeeded(id, result))
    })
  }

  #notified(request: JsonRpc.Request): Effect.Effect<unknown, Failure> {
    if (request.method !== "$/cancelRequest" || this.#notify === undefined) return this.#called(request, undefined)
    const { params } = request
    const id = Json.isObject(params) ? params["id"] : undefined
    const call = this.#underWay.get(JSON.stringify(id))
    return call === undefined
      ? Effect.void
      : Deferred.fail(call, FailureData.of(new TaskCancelled({ task: String(id) })))
  }

  #called(request: JsonRpc.Request, id: JsonRpc.Id | undefined): Effect.Effect<Schema.Json, Failure> {
    const { method } = request
    return Effect.flatMap(this.#service.contracts, (contracts): Effect.Effect<Schema.Json, Failure> => {
      if (method === "rpc.discover") return Effect.succeed(OpenRpc.document(contracts, this.#info))
      const contract = method.startsWith("rpc.") ? undefined : this.#contracts(contracts).get(method)
      if (contract === undefined) return Effect.fail(notFound)
      const { context, params } = this.#apart(request.params)
      const given = inForm(contract, params)
      if (Result.isFailure(given)) return Effect.fail(new InvalidParams({ method, issue: given.failure }))
      const call = Effect.flatMap(
        Effect.provideService(
          this.#service.call(method, given.success),
          TaskContext,
          this.#context(method, id, context)
        ),
        // a handler of plain JavaScript may give nothing
        (result: Schema.Json | undefined) =>
          result !== undefined && Json.isDeep(result)
            ? Effect.fail(new InvalidResult({ method, issue: `it is nested more than ${Json.maxDepth} deep` }))
            : Effect.succeed(result ?? null)
      )
      return id === undefined || this.#notify === undefined ? call : this.#cancellable(id, call)
    })
  }

  #cancellable(id: JsonRpc.Id, call: Effect.Effect<Schema.Json, Failure>): Effect.Effect<Schema.Json, Failure> {
    return Effect.suspend(() => {
      const key = JSON.stringify(id)
      const cancelled = Deferred.makeUnsafe<never, Failure>()
      this.#underWay.set(key, cancelled)
      return Effect.ensuring(
        Effect.raceFirst(call, Deferred.await(cancelled)),
        Effect.sync(() => {
          if (this.#underWay.get(key) === cancelled) this.#underWay.delete(key)
        })
      )
    })
  }

  #contracts(of: ReadonlyArray<Contract>): ReadonlyMap<string, Contract> {
    if (this.#index?.of !== of) {
      this.#index = { of, byMethod: new Map(of.map((contract) => [contract.method, contract])) }
    }
    return this.#index.byMethod
  }

  /** `_context` is not the method's. */
  #apart(params: JsonRpc.Params | undefined): {
    readonly context?: Surroundings
    readonly params: JsonRpc.Params | undefined
  } {
    if (this.#notify === undefined || !isNamed(params) || !Object.hasOwn(params, "_context")) return { params }
    const { _context, ...rest } = params
    const context = surroundings(_context)
    return context === undefined ? { params: rest } : { context, params: rest }
  }

  #context(method: string, id: JsonRpc.Id | undefined, context: Surroundings | undefined): TaskContext["Service"] {
    const notify = this.#notify
    const number = ++this.#calls
    const tell = (event: string, what: Json.JsonObject) =>
      notify === undefined || id === undefined ? Effect.void : notify(JsonRpc.notification(event, { id, ...what }))
    const refuse = (feature: string) => Effect.fail(new NotSupported({ feature }))
    return {
      ...(context ?? { run: "rpc", task: method, attempt: 1, idempotencyKey: `rpc/${method}/${number}` }),
      emit: (chunk) => tell("task/chunk", { chunk: { ...chunk } }),
      usage: (usage) => tell("task/usage", { usage: { ...usage } }),
      call: () => refuse("a call of another provider's method through JSON-RPC"),
      suspend: () => refuse("a question to people through JSON-RPC")
    }
  }
}

const isNamed = (params: JsonRpc.Params | undefined): params is Json.JsonObject =>
  params !== undefined && !Array.isArray(params)

const surroundings = (json: Schema.Json | undefined): Surroundings | undefined => {
  if (!Json.isObject(json)) return undefined
  const { attempt, deadline, idempotency_key, run, task } = json
  if (typeof run !== "string" || typeof task !== "string" || typeof idempotency_key !== "string") return undefined
  return {
    run,
    task,
    attempt: typeof attempt === "number" ? attempt : 1,
    idempotencyKey: idempotency_key,
    ...(typeof deadline === "number" ? { deadline } : {})
  }
}

/** Params as the method's schema has them; a text says why they cannot be that. */
const inForm = (contract: Contract, params: JsonRpc.Params | undefined): Result.Result<Schema.Json, string> => {
  const isList = OpenRpc.takesList(contract.params)
  if (params === undefined) return Result.succeed(isList ? [] : {})
  if (isList || isNamed(params)) return Result.succeed(params)
  const names = OpenRpc.names(contract.params)
  // Safe: what has no names is a list.
  const values = params as Json.JsonArray
  if (values.length > names.length) {
    const known = names.length === 0 ? "none" : `${names.length} at most: ${names.join(", ")}`
    return Result.fail(`${values.length} params by position, expected ${known}`)
  }
  return Result.succeed(Object.fromEntries(values.map((value, index) => [names[index], value])))
}

/** In the words of JSON-RPC, which are all there is to say. */
const notFound: Failure = { ...JsonRpc.methodNotFound, name: "METHOD_NOT_FOUND", retryable: false }

const errorOf = (failure: Failure): JsonRpc.RpcError =>
  failure.code === notFound.code && failure.message === notFound.message
    ? JsonRpc.methodNotFound
    : JsonRpc.errorOf(failure)
