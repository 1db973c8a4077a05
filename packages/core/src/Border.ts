/**
 * What another program made, looked at before it is believed: a plug-in's provider and its store. It may carry a copy of
 * `effect` of its own, and its author may not have had a compiler.
 */
import { Cause, Effect, Fiber, Result, Schema, Stream } from "effect"
import type { Backend } from "./Backend.ts"
import type { Contract } from "./Contract.ts"
import * as Duration from "./Duration.ts"
import { PluginUnusable, StoreError } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import * as Json from "./Json.ts"
import type { Capabilities, Health } from "./ProviderDefaults.ts"
import type { Provider } from "./Provider.ts"
import { Usage } from "./Task.ts"

/** Whose the thing is: its name in the configuration, and the package or the path that it comes from. */
export interface Owner {
  readonly name: string
  readonly use: string
}

/** A field of whatever it is; undefined when reading it throws. */
export const field = (value: unknown, key: string): unknown => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined
  try {
    // Safe: objects and functions have fields, of which nothing is known.
    return (value as { readonly [key: string]: unknown })[key]
  } catch {
    return undefined
  }
}

export const keysOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "object" && value !== null ? Object.keys(value) : []

/** For messages: short, and without what may be secret inside. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 39)}…` : value)
  if (value === undefined) return "nothing"
  if (typeof value === "function") return "a function"
  if (Array.isArray(value)) return "a list"
  if (value instanceof Promise) return "a promise"
  if (Effect.isEffect(value)) return "an effect"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/**
 * The provider under the name that the configuration gives it, each of its answers looked at: contracts of its own
 * protocol alone, effects where effects are wanted. Whether a result is JSON is for whoever carries out the call.
 */
export const provider = (made: unknown, owner: Owner): Result.Result<Provider, PluginUnusable> => {
  const wrong = firstWrong(made, providerFields)
  if (wrong !== undefined) return Result.fail(unusable(owner, `gives no provider: ${wrong}`))
  // Safe: every field has just been looked at.
  const given = made as Provider
  const { name } = owner
  const { concurrency, protocol } = given
  let known: { readonly of: unknown; readonly contracts: ReadonlyArray<Contract> } | undefined
  return Result.succeed({
    name,
    protocol,
    concurrency,
    capabilities: capabilitiesOf(given.capabilities),
    contracts: Effect.flatMap(failing(given.contracts), (list: unknown) => {
      if (known !== undefined && known.of === list) return Effect.succeed(known.contracts)
      const believed = contracts(list, owner, protocol)
      // the same list while theirs is the same: plans are kept by it
      if (Result.isSuccess(believed)) known = { of: list, contracts: believed.success }
      return Effect.fromResult(believed)
    }),
    changes: Stream.catchCause(given.changes, () => Stream.empty),
    call: (method, params) =>
      Effect.suspend((): ReturnType<Provider["call"]> => {
        const called: unknown = given.call(method, params)
        // Safe: what a call gives and fails with is looked at by whoever carries it out.
        return Effect.isEffect(called)
          ? apart(called as ReturnType<Provider["call"]>)
          : Effect.fail(noEffect(owner, `call("${method}")`, called))
      }),
    identity: (method, params) =>
      Effect.map(
        asked(owner, "identity", () => given.identity(method, params)),
        (identity) => (typeof identity === "string" ? identity : undefined)
      ),
    estimate: (method, params) =>
      Effect.match(
        asked(owner, "estimate", () => given.estimate(method, params)),
        { onFailure: () => ({}), onSuccess: countable }
      ),
    health: Effect.match(
      Effect.timeoutOrElse(
        asked(owner, "health", () => given.health),
        { duration: patience, orElse: () => Effect.succeed(silent) }
      ),
      {
        onFailure: (failure): Health => ({ status: "unhealthy", details: failure }),
        onSuccess: (health) => healthOf(health)
      }
    )
  })
}

/** Contracts under the configured name, all of the one protocol. */
export const contracts = (
  list: unknown,
  owner: Owner,
  protocol: string
): Result.Result<ReadonlyArray<Contract>, PluginUnusable> => {
  if (!Array.isArray(list)) {
    return Result.fail(unusable(owner, `has a wrong \`contracts\`: expected a list, found ${shown(list)}`))
  }
  const prefix = protocol.slice(0, protocol.lastIndexOf("/") + 1)
  const found = new Map<string, Contract>()
  for (const one of list) {
    const wrong = firstWrong(one, contractFields) ?? firstWrong(one, writtenOf(one))
    if (wrong !== undefined) return Result.fail(unusable(owner, `has a contract that is none: ${wrong}`))
    // Safe: its fields have just been looked at.
    const contract = one as Contract
    const { method } = contract
    if (contract.protocol !== protocol || !method.startsWith(prefix)) {
      const reason = `claims the method "${method}" (${shown(contract.protocol)}), which is not of its own protocol ${protocol}`
      return Result.fail(unusable(owner, reason, `the methods of ${protocol} begin with "${prefix}"`))
    }
    if (found.has(method)) return Result.fail(unusable(owner, `claims the method "${method}" twice`))
    found.set(method, under(owner.name, contract))
  }
  return Result.succeed([...found.values()])
}

/** The store as it is: its members are there. What they do, `StoreTest.suite` of the testkit looks at. */
export const backend = (made: unknown, owner: Owner): Result.Result<Backend, PluginUnusable> => {
  for (const [key, fields] of Object.entries(backendFields)) {
    const wrong = firstWrong(field(made, key), fields)
    if (wrong !== undefined) return Result.fail(unusable(owner, `gives no store: in its \`${key}\`, ${wrong}`))
  }
  // Safe: every member has just been looked at.
  const { keyValues, leases, store } = made as Backend
  return Result.succeed({
    store: { ...guarded(store, backendFields.store, owner), changes: (run) => store.changes(run) },
    leases: guarded(leases, backendFields.leases, owner),
    keyValues: guarded(keyValues, backendFields.keyValues, owner)
  })
}

// internal

/** The same functions. One that throws, or gives no effect, fails as a store does: the engine knows how to go on. */
const guarded = <A extends object>(members: A, fields: Fields, owner: Owner): A =>
  // Safe: each member takes and gives what it did; those of a class are no keys of its own.
  Object.fromEntries(
    Object.keys(fields).map((key) => {
      const member = field(members, key)
      if (typeof member !== "function") return [key, member]
      const failed = (cause: unknown) => Effect.fail(new StoreError({ operation: key, retryable: false, cause }))
      return [
        key,
        (...given: ReadonlyArray<unknown>) =>
          Effect.suspend((): Effect.Effect<unknown, unknown> => {
            const working: unknown = Reflect.apply(member, members, given)
            // Safe: it needs nothing, or it dies of what is not there.
            return Effect.isEffect(working)
              ? (working as Effect.Effect<unknown, unknown>)
              : failed(new Error(noEffect(owner, `\`${key}\``, working).message))
          }).pipe(Effect.catchDefect(failed))
      ]
    })
  ) as A

/** How long its health is waited for. Milliseconds. */
const patience = 10_000

const silent: Health = {
  status: "unhealthy",
  details: { reason: `it did not say how it is within ${Duration.format(patience)}` }
}

/**
 * In a fiber of its own: one that comes upon what is no effect ends at once, past every finalizer. Whoever calls goes on,
 * and gives back what it holds.
 */
const apart = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(restore(effect), { startImmediately: true }), (fiber) =>
      Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  )

type Fields = { readonly [key: string]: readonly [expected: string, is: (value: unknown) => boolean] }

const aFunction = ["a function", (value: unknown) => typeof value === "function"] as const
const anEffect = ["an effect", Effect.isEffect] as const
const aStream = ["a stream", Stream.isStream] as const

const providerFields: Fields = {
  protocol: [
    `a name and a version such as "weather/v1"`,
    (value) => typeof value === "string" && /^[^/]+\/v\d+$/.test(value)
  ],
  concurrency: [
    "a whole number from 1, or Infinity",
    (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 1)
  ],
  contracts: anEffect,
  changes: aStream,
  call: aFunction,
  identity: aFunction,
  estimate: aFunction,
  health: anEffect
}

const backendFields: { readonly [K in keyof Backend]: Fields } = {
  store: {
    durability: [`"none", "process" or "power"`, (value) => ["none", "process", "power"].includes(String(value))],
    commit: aFunction,
    post: aFunction,
    read: aFunction,
    changes: aFunction,
    list: aFunction,
    blob: aFunction,
    remove: aFunction
  },
  leases: { take: aFunction, idle: aFunction, claim: aFunction, beat: aFunction, release: aFunction, wakes: aStream },
  keyValues: { get: aFunction, put: aFunction, remove: aFunction, list: aFunction }
}

const contractFields: Fields = {
  method: ["text", (value) => typeof value === "string" && value !== ""],
  description: ["text", (value) => typeof value === "string"],
  effects: [`"reads" or "writes"`, (value) => value === "reads" || value === "writes"]
}

const contractSchemas: Fields = { params: ["a JSON Schema", isSchema], result: ["a JSON Schema", isSchema] }

const firstWrong = (value: unknown, fields: Fields): string | undefined => {
  if (typeof value !== "object" || value === null) return `expected an object, found ${shown(value)}`
  for (const [key, [expected, is]] of Object.entries(fields)) {
    const found = field(value, key)
    if (!is(found)) return `\`${key}\` is ${shown(found)}, expected ${expected}`
  }
  return undefined
}

function isSchema(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

const unusable = ({ name, use }: Owner, reason: string, remedy = ""): PluginUnusable =>
  new PluginUnusable({ plugin: name, use, reason, remedy })

const noEffect = (owner: Owner, what: string, found: unknown): PluginUnusable =>
  unusable(owner, `its ${what} gives ${shown(found)}, expected an effect`)

const asked = (owner: Owner, what: string, ask: () => unknown): Effect.Effect<unknown, Failure> =>
  failing(
    Effect.suspend((): Effect.Effect<unknown, unknown> => {
      const effect = ask()
      // Safe: it needs nothing, or it dies of what is not there.
      return Effect.isEffect(effect)
        ? (effect as Effect.Effect<unknown, unknown>)
        : Effect.fail(noEffect(owner, `\`${what}\``, effect))
    })
  )

/** Whatever it fails with, or dies of, is a failure as data. */
const failing = <A>(effect: Effect.Effect<A, unknown>): Effect.Effect<A, Failure> =>
  Effect.catchCauseIf(
    effect,
    (cause) => !Cause.hasInterrupts(cause),
    // Safe: what it failed with is looked at there.
    (cause) => Effect.fail(FailureData.fromCause(cause as Cause.Cause<Failure>))
  ) as Effect.Effect<A, Failure>

/** A schema that is written out when somebody looks at it is looked at then. */
const writtenOf = (contract: object): Fields =>
  Object.fromEntries(
    Object.entries(contractSchemas).filter(([key]) => Object.getOwnPropertyDescriptor(contract, key)?.get === undefined)
  )

const schemaOf = (contract: Contract, key: "params" | "result"): Contract["params"] => {
  const schema = field(contract, key)
  // Safe: a mapping is all that a JSON Schema is here. Without one, anything goes.
  return isSchema(schema) ? (schema as Contract["params"]) : {}
}

const under = (provider: string, contract: Contract): Contract => ({
  protocol: contract.protocol,
  method: contract.method,
  description: contract.description,
  effects: contract.effects,
  ...(typeof contract.deprecated === "string" ? { deprecated: contract.deprecated } : {}),
  ...(Array.isArray(contract.examples) ? { examples: contract.examples } : {}),
  provider,
  get params() {
    return schemaOf(contract, "params")
  },
  get result() {
    return schemaOf(contract, "result")
  }
})

/** A plug-in of an older version may not know all of them. */
const capabilitiesOf = (given: unknown): Capabilities => ({
  streaming: field(given, "streaming") === true,
  batch: field(given, "batch") === true,
  caching: field(given, "caching") === true,
  sandboxed: field(given, "sandboxed") === true
})

const isJson = Schema.is(Schema.Json)

const healthOf = (health: unknown): Health => {
  const status = field(health, "status")
  if (status !== "healthy" && status !== "degraded" && status !== "unhealthy") {
    return { status: "unhealthy", details: { reason: `its health is ${shown(status)}, expected "healthy"` } }
  }
  const details = field(health, "details")
  return { status, ...(isJson(details) && !Json.isDeep(details) ? { details } : {}) }
}

const counts = Object.keys(Usage.fields)

const countable = (usage: unknown): Usage =>
  Object.fromEntries(
    counts.flatMap((key) => {
      const count = field(usage, key)
      return typeof count === "number" && Number.isFinite(count) && count >= 0 ? [[key, count]] : []
    })
  )
