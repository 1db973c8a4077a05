/**
 * A provider in any language: it answers JSON-RPC 2.0 over HTTP, or as a process of ours on its standard input and
 * output, and tells by `rpc.discover` what it can do. Params and results are checked here by the schemas that it tells.
 * What it runs is not confined: it may do what it may do on its own.
 */
import {
  ChildEnvironment,
  type Contract,
  Errors,
  Failure,
  JsonRpc,
  OpenRpc,
  Provider,
  Providers,
  Task,
  TaskContext
} from "@gleitzeit/core"
import { Clock, Deferred, Effect, Layer, Option, PubSub, Result, Schema, type Scope, Stream } from "effect"
import * as Environment from "./Environment.ts"
import * as HttpWire from "./HttpWire.ts"
import * as StdioWire from "./StdioWire.ts"
import type { Told, Wire } from "./Wire.ts"

/** Where it is: one of the two. */
export interface Where {
  /** `http:` or `https:`. */
  readonly url?: string
  /** Sent with every request. Never shown. */
  readonly headers?: { readonly [name: string]: Environment.Value }
  /** The program: a path, or a name on the PATH. */
  readonly command?: string
  readonly args?: ReadonlyArray<string>
  /** Default: the current folder. */
  readonly cwd?: string
  /** Environment variables of the process, beside those of `ChildEnvironment.names`. */
  readonly env?: { readonly [name: string]: Environment.Value }
}

export interface Options extends Where {
  /** Default `remote`. */
  readonly name?: string
  /** Of methods that do not say theirs and have no prefix. Default `NAME/v1`. */
  readonly protocol?: string
  /** Milliseconds for a call. Default 300 000. */
  readonly timeout?: number
  /** Milliseconds for `rpc.discover`. Default 5 000; for a process, which has to start before, 10 000. */
  readonly discoverTimeout?: number
  /** Milliseconds until a connection is there. Default 5 000. */
  readonly connectTimeout?: number
  /** Milliseconds between two looks at what it can do, once it was asked. Default 10 000. */
  readonly refresh?: number
  /** Calls at once. Default 8. */
  readonly concurrency?: number
  /** Bytes of one answer. Default 16 MiB; `ResultTooLarge` beyond it. */
  readonly maxAnswer?: number
}

/** Opens without asking anybody: a server that is away fails the call, not the start. */
export const make = (options: Options): Effect.Effect<Provider.Provider, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { concurrency = 8, name = "remote", refresh = 10_000, timeout = 300_000 } = options
    const { discoverTimeout = options.command === undefined ? 5000 : 10_000 } = options
    const owner = { name, ...(options.protocol === undefined ? {} : { protocol: options.protocol }) }
    const scope = yield* Effect.scope
    const wire = yield* wireOf(options, name)
    const changed = yield* PubSub.sliding<void>(1)
    let known: Known | undefined
    let asking: Deferred.Deferred<Known, Failure.Failure> | undefined
    let isAsked = false
    /** It did not say in time what it can do, and is left alone until then: whoever needs others does not wait for it again. */
    let silent: { readonly failure: Failure.Failure; readonly until: number } | undefined

    const discover: Effect.Effect<Known, Failure.Failure> = Effect.gen(function* () {
      const document = yield* wire.ask(
        "rpc.discover",
        {},
        {
          timeout: discoverTimeout,
          phase: `answering rpc.discover`,
          cancel: false,
          // bounds of a schema may be any
          isExact: false,
          told: () => Effect.void
        }
      )
      const text = JSON.stringify(document)
      if (known?.text === text) return known
      const read = OpenRpc.read(document, owner)
      if (Result.isFailure(read)) {
        const reason = `what ${wire.where} answers to rpc.discover is no OpenRPC document: ${read.failure.replaceAll("\n", " ")}`
        return yield* new Errors.ProviderUnavailable({ provider: name, reason, retryable: false })
      }
      const wasAsked = isAsked
      known = knownOf(text, read.success)
      if (wasAsked) yield* PubSub.publish(changed, undefined)
      return known
    }).pipe(
      Effect.catchIf(
        ({ code }) => code === JsonRpc.methodNotFound.code,
        () => {
          const reason = `${wire.where} has no method rpc.discover, which says what it can do as an OpenRPC document`
          return Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: false }))
        }
      ),
      Effect.tapError((failure) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          silent = failure.code === timedOut ? { failure, until: now + discoverTimeout } : undefined
        })
      ),
      Effect.ensuring(Effect.sync(() => (isAsked = true)))
    )

    /** For all who ask meanwhile; who goes away leaves it to the others. */
    const ask = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (asking !== undefined) return Deferred.await(asking)
      if (silent !== undefined && now < silent.until) {
        return Effect.fail({ ...Failure.of(silent.failure), retryAfter: silent.until - now })
      }
      const answer = (asking = Deferred.makeUnsafe<Known, Failure.Failure>())
      const answered = Effect.onExit(discover, (exit) => {
        asking = undefined
        return Deferred.done(answer, exit)
      })
      return Effect.andThen(Effect.forkIn(answered, scope), Deferred.await(answer))
    })
    const description = Effect.suspend(() => (known === undefined ? ask : Effect.succeed(known)))

    const look = Effect.flatMap(wire.isOpen, (isOpen) => (isAsked && isOpen ? Effect.ignore(ask) : Effect.void))
    const looking = Effect.forever(Effect.andThen(Effect.sleep(refresh), look))
    const renewing = Stream.runForEach(wire.renewed, () =>
      Effect.suspend(() => {
        silent = undefined
        return Effect.ignore(ask)
      })
    )

    const opened = yield* Provider.open({
      name,
      protocol: options.protocol ?? OpenRpc.protocolOf(name),
      concurrency,
      contracts: Effect.map(description, ({ contracts }) => contracts),
      changes: Stream.fromPubSub(changed).pipe(
        Stream.merge(Stream.fromEffectDrain(looking)),
        Stream.merge(Stream.fromEffectDrain(renewing))
      ),
      call: Effect.fnUntraced(function* (method, params) {
        const { byMethod, context } = yield* description
        const described = byMethod.get(method)
        if (described === undefined) return yield* new Errors.MethodNotFound({ method, known: [...byMethod.keys()] })
        const task = yield* TaskContext.TaskContext
        const call = wire.ask(described.name, onWire(params, described, context ? contextOf(task) : undefined), {
          timeout,
          phase: `answering ${described.name}`,
          cancel: context,
          isExact: true,
          told: (told) => (context ? tell(task, told) : Effect.void)
        })
        return yield* Effect.tapError(call, ({ code }) =>
          // it is another than it was
          code === JsonRpc.methodNotFound.code ? Effect.forkIn(Effect.ignore(ask), scope) : Effect.void
        )
      }),
      health: Effect.map(
        Effect.timeoutOption(ask, patience),
        Option.match({
          onNone: (): Provider.Health => ({
            status: "unhealthy",
            details: { where: wire.where, reason: `it does not say within ${patience / 1000} s what it can do` }
          }),
          onSome: ({ contracts, title, version }): Provider.Health => ({
            status: "healthy",
            details: { where: wire.where, title, version, methods: contracts.map(({ method }) => method) }
          })
        })
      )
    })
    return {
      ...opened,
      // these are known when it has said what it can do
      get protocol() {
        return known?.protocol ?? opened.protocol
      },
      get capabilities() {
        return { ...opened.capabilities, streaming: wire.tells && known?.context === true }
      },
      // each method may be of a protocol of its own
      contracts: Effect.map(description, ({ contracts }) => contracts)
    }
  })

/** On duty for as long as the layer lives. */
export const layer = (options: Options): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      yield* providers.register(yield* make(options))
    })
  )

// internal

/** The code of `ProviderTimeout`. */
const timedOut = -30006

/** Of whoever asks how it is. Milliseconds. */
const patience = 4000

interface Known extends OpenRpc.Info {
  /** As it was sent: the same text, the same description. */
  readonly text: string
  readonly contracts: ReadonlyArray<Contract.Contract>
  /** Of all of them, where it is one. */
  readonly protocol: string | undefined
  readonly byMethod: ReadonlyMap<string, OpenRpc.Described>
}

const knownOf = (text: string, { methods, ...info }: OpenRpc.Description): Known => {
  const contracts = methods.map(({ contract }) => contract)
  const [protocol, ...others] = new Set(contracts.map(({ protocol }) => protocol))
  return {
    ...info,
    text,
    contracts,
    protocol: others.length === 0 ? protocol : undefined,
    byMethod: new Map(methods.map((method) => [method.contract.method, method]))
  }
}

const wireOf = (options: Options, name: string): Effect.Effect<Wire, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const {
      args = [],
      command,
      connectTimeout = 5000,
      cwd,
      env = {},
      headers = {},
      maxAnswer = 16 * 1024 ** 2,
      url
    } = options
    if (url !== undefined && command === undefined) {
      const sent = yield* Environment.values(headers, name, "the header")
      return yield* HttpWire.make({ name, url, headers: sent, connectTimeout, maxAnswer })
    }
    if (command === undefined || url !== undefined) {
      const reason = "it needs a `url` or a `command`, and not both"
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    const own = yield* Environment.values(env, name, "the variable")
    const all = { ...(yield* ChildEnvironment.inherited), ...own }
    const process = { executable: command, args, env: all, ...(cwd === undefined ? {} : { cwd }) }
    return yield* StdioWire.make({ name, command: process, maxAnswer })
  })

const contextOf = ({ attempt, deadline, idempotencyKey, run, task }: TaskContext.TaskContext["Service"]) => ({
  run,
  task,
  attempt,
  idempotency_key: idempotencyKey,
  ...(deadline === undefined ? {} : { deadline })
})

/** In the form that the method wants; a context has no place in a list. */
const onWire = (
  params: Schema.Json,
  { positions }: OpenRpc.Described,
  context: ReturnType<typeof contextOf> | undefined
): JsonRpc.Params | undefined => {
  if (typeof params !== "object" || params === null) return undefined
  // Safe: what is no list has names.
  const named = params as { readonly [name: string]: Schema.Json }
  if (Array.isArray(params)) return params
  if (positions === undefined) return context === undefined ? named : { ...named, _context: context }
  const last = positions.findLastIndex((name) => Object.hasOwn(named, name))
  return positions.slice(0, last + 1).map((name) => named[name] ?? null)
}

const Chunk = Schema.Struct({
  chunk: Schema.Union([
    Schema.TaggedStruct("Text", { text: Schema.String }),
    Schema.TaggedStruct("Reasoning", { text: Schema.String }),
    Schema.TaggedStruct("Progress", {
      fraction: Schema.optionalKey(Schema.Finite),
      message: Schema.optionalKey(Schema.String)
    }),
    Schema.TaggedStruct("Log", {
      level: Schema.Literals(["debug", "info", "warning", "error"]),
      message: Schema.String
    })
  ])
})
const decodeChunk = Schema.decodeUnknownOption(Chunk)
const decodeUsage = Schema.decodeUnknownOption(Schema.Struct({ usage: Task.Usage }))

/** What is malformed is left out: it says nothing about the answer. */
const tell = (task: TaskContext.TaskContext["Service"], { event, params }: Told): Effect.Effect<void> => {
  switch (event) {
    case "task/chunk":
      return Option.match(decodeChunk(params), { onNone: () => Effect.void, onSome: ({ chunk }) => task.emit(chunk) })
    case "task/usage":
      return Option.match(decodeUsage(params), { onNone: () => Effect.void, onSome: ({ usage }) => task.usage(usage) })
    default:
      return Effect.void
  }
}
