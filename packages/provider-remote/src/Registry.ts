/**
 * Remote providers that are registered at run time: kept in the store under their names, put on duty by every process
 * that has `layer`, and gone when they are removed. Whoever may write to the store decides which programs those processes
 * start. Values of headers and variables are not kept here, only the names of the environment variables that hold them.
 */
import { Errors, type Failure, KeyValues, Providers } from "@gleitzeit/core"
import * as StandIn from "@gleitzeit/core/StandIn"
import { Effect, Exit, Layer, Result, Schema, Scope, Semaphore } from "effect"

const FromEnvironment = Schema.Record(Schema.String, Schema.Struct({ env: Schema.NonEmptyString }))

/** Where it is, and how to get in. */
export const Registration = Schema.Struct({
  url: Schema.optionalKey(Schema.NonEmptyString),
  headers: Schema.optionalKey(FromEnvironment),
  command: Schema.optionalKey(Schema.NonEmptyString),
  args: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Absolute: whoever starts it may be in another folder. */
  cwd: Schema.optionalKey(Schema.NonEmptyString),
  env: Schema.optionalKey(FromEnvironment),
  protocol: Schema.optionalKey(Schema.String)
})
export type Registration = typeof Registration.Type

export interface Registered {
  readonly name: string
  readonly registration: Registration
}

/** In place of what was registered under the name. `ProviderRefused` for a name that is none. */
export const register = (
  name: string,
  registration: Registration
): Effect.Effect<void, Failure.Failure, KeyValues.KeyValues> =>
  Effect.gen(function* () {
    if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name)) {
      const reason = `it is no name: small letters, digits, "-" and "_", a letter first, 64 at most`
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    const keyValues = yield* KeyValues.KeyValues
    yield* keyValues.put(`${prefix}${name}`, encode(registration))
  })

/** False when nothing is registered under the name. */
export const remove = (name: string): Effect.Effect<boolean, Failure.Failure, KeyValues.KeyValues> =>
  Effect.gen(function* () {
    const keyValues = yield* KeyValues.KeyValues
    if ((yield* keyValues.get(`${prefix}${name}`)) === undefined) return false
    yield* keyValues.remove(`${prefix}${name}`)
    return true
  })

/** By name. What cannot be read is left out: a later version may have written it. */
export const list: Effect.Effect<ReadonlyArray<Registered>, Failure.Failure, KeyValues.KeyValues> = Effect.gen(
  function* () {
    const keyValues = yield* KeyValues.KeyValues
    const found: Array<Registered> = []
    let cursor: string | undefined
    do {
      const page: Effect.Success<ReturnType<typeof keyValues.list>> = yield* keyValues.list(prefix, cursor)
      for (const { key, value } of page.items) {
        const registration = decode(value)
        if (Result.isSuccess(registration)) {
          found.push({ name: key.slice(prefix.length), registration: registration.success })
        }
      }
      cursor = page.next
    } while (cursor !== undefined)
    return found
  }
)

export interface Options {
  /** Milliseconds between two looks into the store. Default 10 000. */
  readonly every?: number
}

/**
 * On duty is what is registered: read at the start, every 10 s, and before a method is said to be unknown. A registration
 * that cannot be used, such as one whose name is taken, is on duty to say why.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<never, Failure.Failure, Providers.Providers | KeyValues.KeyValues> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { every = 10_000 } = options
      const providers = yield* Providers.Providers
      const keyValues = yield* KeyValues.KeyValues
      const scope = yield* Effect.scope
      const gate = yield* Semaphore.make(1)
      const onDuty = new Map<string, Duty>()

      const open = Effect.fnUntraced(function* ({ name, registration }: Registered) {
        const own = yield* Scope.fork(scope)
        // also what cannot be used: it is tried again when it has changed
        onDuty.set(name, { text: JSON.stringify(registration), scope: own })
        // not before somebody is registered: most runs have nobody
        const remote = yield* Effect.promise(() => import("./RemoteProvider.ts"))
        const refused = (shown: string) => (failure: Failure.Failure) =>
          StandIn.make({ name: shown, asked: Effect.fail(failure), contracts: Effect.fail(failure) })
        yield* remote.make({ ...registration, name }).pipe(
          Effect.catch(refused(name)),
          Effect.flatMap(providers.register),
          Effect.catch((failure) => Effect.flatMap(refused(`${name} (registered)`)(failure), providers.register)),
          // taken as well: it has been said once
          Effect.ignore,
          Scope.provide(own)
        )
      })

      const read = Effect.gen(function* () {
        const all = yield* Effect.provideService(list, KeyValues.KeyValues, keyValues)
        const wanted = new Map(all.map((one) => [one.name, one]))
        for (const [name, duty] of onDuty) {
          const one = wanted.get(name)
          if (one !== undefined && JSON.stringify(one.registration) === duty.text) continue
          onDuty.delete(name)
          yield* Scope.close(duty.scope, Exit.void)
        }
        for (const one of all) if (!onDuty.has(one.name)) yield* open(one)
      })
      // who asks may go away: a look is not left half done
      const look = gate.withPermit(Effect.uninterruptible(read))
      const tried = Effect.catch(look, ({ message }) => Effect.logWarning(`registered providers: ${message}`))

      yield* look
      yield* providers.discover(tried)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), tried)))
    })
  )

// internal

const prefix = "remote/"

const decode = Schema.decodeUnknownResult(Registration)
const encode = Schema.encodeSync(Registration)

interface Duty {
  /** What was registered. */
  readonly text: string
  readonly scope: Scope.Closeable
}
