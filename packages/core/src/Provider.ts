/**
 * A provider implements one protocol. Params and results cross its border as JSON and are checked here, once. Inside
 * the engine a provider is closures and data only: schemas of another copy of `effect` would not decode there.
 */
import { Effect, Layer, Result, Schema, type Scope, Stream } from "effect"
import type { Contract } from "./Contract.ts"
import { InvalidParams, InvalidResult, MethodNotFound, ProviderRefused } from "./Errors.ts"
import type { Failure } from "./Failure.ts"
import * as Json from "./Json.ts"
import type { Method } from "./Method.ts"
import * as Protocol from "./Protocol.ts"
import { type Capabilities, fill, type Health, type Optional, refusal } from "./ProviderDefaults.ts"
import { Providers } from "./Providers.ts"
import type { Usage } from "./Task.ts"
import type { TaskContext } from "./TaskContext.ts"

export { open, type Offer, type Spec as OpenSpec } from "./OpenProvider.ts"
export {
  type Context as PromiseContext,
  fromPromise,
  type PromiseHandlers,
  type Spec as PromiseSpec
} from "./PromiseProvider.ts"
export { type Capabilities, type Health, noCapabilities } from "./ProviderDefaults.ts"

export interface Provider {
  readonly name: string
  /** `llm/v1` */
  readonly protocol: string
  /** Attempts at once in this process. `Infinity`: it queues by itself. */
  readonly concurrency: number
  readonly capabilities: Capabilities
  /** What it can do. Fixed for a closed protocol; an open one asks its servers. */
  readonly contracts: Effect.Effect<ReadonlyArray<Contract>, Failure>
  /** One element whenever `contracts` has become stale. */
  readonly changes: Stream.Stream<void>
  /** One attempt. Checks params and result itself. Interruption ends sockets and process trees before it returns. */
  readonly call: (method: string, params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>
  /** What besides method and params decides the answer (model digest, interpreter); undefined when it cannot serve the call. */
  readonly identity: (method: string, params: Schema.Json) => Effect.Effect<string | undefined, Failure>
  /** Upper bound of what a call may use; `{}` when unknown. */
  readonly estimate: (method: string, params: Schema.Json) => Effect.Effect<Usage>
  readonly health: Effect.Effect<Health>
  /** `make` or `open` has made it: what `call` gives is known to be JSON. Default false. */
  readonly isChecked?: boolean
}

type Handler<M extends Method> = (
  params: M["params"]["Type"]
) => Effect.Effect<M["result"]["Type"], Failure, TaskContext>

/** The methods that a provider may leave out. */
export type Omissible<M extends Record<string, Method>> = {
  [K in keyof M]: M[K]["optional"] extends true ? K : never
}[keyof M]

/** One handler for each method of `M`. Leaving out one that is not optional is a type error. */
export type Handlers<M extends Record<string, Method>> = {
  readonly [K in Exclude<keyof M, Omissible<M>>]: Handler<M[K]>
} & { readonly [K in Omissible<M>]?: Handler<M[K]> }

/** What an author writes. */
export interface Spec<M extends Record<string, Method>> extends Optional<keyof M & string> {
  readonly name: string
  readonly handlers: Handlers<M>
}

/**
 * Fills in what the author left out. `ProviderRefused` for what the compiler does not see in plain JavaScript: a handler
 * that the protocol does not have, one that it wants and that is not there, a name or a limit that is none.
 */
export const make = <M extends Record<string, Method>>(
  protocol: Protocol.Protocol<M>,
  spec: Spec<M>
): Effect.Effect<Provider, ProviderRefused> =>
  Effect.suspend(() => {
    const { handlers, name } = spec
    const refused = refusal(name, spec)
    if (refused !== undefined) return Effect.fail(refused)
    const calls = new Map<string, Call>()
    for (const [method, handler] of Object.entries<AnyHandler | undefined>(handlers)) {
      const declared = Object.hasOwn(protocol.methods, method) ? protocol.methods[method] : undefined
      if (declared === undefined) {
        const reason = `${protocol.id} has no method "${method}" (it has ${Object.keys(protocol.methods).join(", ")})`
        return Effect.fail(new ProviderRefused({ provider: name, reason }))
      }
      if (handler === undefined) continue
      if (typeof handler !== "function") {
        return Effect.fail(new ProviderRefused({ provider: name, reason: `its handler of ${method} is no function` }))
      }
      calls.set(method, checked(method, declared, handler))
    }
    const missing = Object.keys(protocol.methods).filter(
      (method) => !calls.has(method) && protocol.methods[method]?.optional !== true
    )
    if (missing.length > 0) {
      const reason = `${protocol.id} wants a handler for ${missing.join(", ")}`
      return Effect.fail(new ProviderRefused({ provider: name, reason }))
    }
    const contracts = Protocol.contracts(protocol, name).filter(({ method }) => calls.has(method))
    return Effect.succeed<Provider>({
      // Safe: it is asked about methods of its own protocol alone, which are M's.
      ...fill(spec as Optional<string>),
      isChecked: true,
      name,
      protocol: protocol.id,
      contracts: Effect.succeed(contracts),
      changes: Stream.empty,
      call: (method, params) => {
        const call = calls.get(method)
        return call === undefined ? Effect.fail(new MethodNotFound({ method, known: [...calls.keys()] })) : call(params)
      }
    })
  })

/** Puts a provider on duty for as long as the layer lives. What its effect opens is closed with the layer. */
export const layer = <M extends Record<string, Method>, E, R>(
  protocol: Protocol.Protocol<M>,
  spec: Effect.Effect<Spec<M>, E, R>
): Layer.Layer<never, E | Failure, Providers | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const providers = yield* Providers
      yield* providers.register(yield* make(protocol, yield* spec))
    })
  )

// internal

type Call = (params: Schema.Json) => Effect.Effect<Schema.Json, Failure, TaskContext>
type AnyHandler = (params: never) => Effect.Effect<unknown, Failure, TaskContext>

const strict = { onExcessProperty: "error", errors: "all" } as const

const checked = (name: string, method: Method, handler: AnyHandler): Call => {
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(method.params))
  const encode = Schema.encodeUnknownResult(Schema.toCodecJson(method.result))
  return (params) => {
    const input = decode(params, strict)
    if (Result.isFailure(input)) return Effect.fail(new InvalidParams({ method: name, issue: wordsOf(input.failure) }))
    // Safe: `decode` has just proved that the params are what the handler's schema says.
    const working: unknown = handler(input.success as never)
    if (!Effect.isEffect(working)) {
      const given = typeof working === "object" && working !== null && "then" in working ? "a promise" : "no effect"
      const issue = `its handler gives ${given}, expected an effect; Provider.fromPromise takes functions that give promises`
      return Effect.fail(new InvalidResult({ method: name, issue }))
    }
    // Safe: what it fails with and asks for is what the handler's type says.
    return Effect.flatMap(working as ReturnType<AnyHandler>, (result) => {
      const output = encode(result)
      if (Result.isFailure(output)) {
        return Effect.fail(new InvalidResult({ method: name, issue: wordsOf(output.failure) }))
      }
      return Json.isDeep(output.success)
        ? Effect.fail(new InvalidResult({ method: name, issue: `it is nested more than ${Json.maxDepth} deep` }))
        : Effect.succeed(output.success)
    })
  }
}

/** On one line: of each issue what was expected stands on the first, where on the second. */
const wordsOf = ({ message }: { readonly message: string }): string =>
  message.replaceAll(/\n\s+/g, " ").replaceAll("\n", "; ")
