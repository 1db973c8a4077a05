/**
 * Results kept across runs, in the store's key-values. A store that fails is a cache without the entry. Equal calls of
 * this process that are under way at once are one call.
 */
import { Deferred, Effect, Exit, Option, Schema } from "effect"
import type { Reply } from "./Executor.ts"
import type { Failure } from "./Failure.ts"
import { canonical, sha256 } from "./Hash.ts"
import type { KeyValues } from "./KeyValues.ts"
import type { Taken } from "./TaskRun.ts"

export interface Lookup {
  readonly key: string
  readonly run: string
  /** Milliseconds that a result is good for; absent: for ever. */
  readonly ttl?: number
  /** What is kept is not looked at, but replaced. */
  readonly fresh: boolean
  readonly execute: Effect.Effect<Reply, Failure>
  /** Whether what decides the answer is still what the key says. */
  readonly unchanged: Effect.Effect<boolean>
}

/** Of a call. `identity`: what besides decides the answer. */
export const keyOf = (method: string, params: Schema.Json, identity: string, files: ReadonlyArray<string>): string =>
  sha256(canonical([method, params, identity, files]))

/** What is kept under a key. */
export const find = (
  keyValues: KeyValues["Service"],
  key: string
): Effect.Effect<Option.Option<{ readonly result: Schema.Json; readonly provider: string; readonly run: string }>> =>
  Effect.map(Effect.option(keyValues.get(prefix + key)), (found) =>
    Option.isSome(found) && found.value !== undefined ? decode(found.value.value) : Option.none()
  )

export class ResultCache {
  readonly #keyValues: KeyValues["Service"]
  readonly #flights = new Map<string, Deferred.Deferred<Taken | undefined>>()

  constructor(keyValues: KeyValues["Service"]) {
    this.#keyValues = keyValues
  }

  /** The kept result, or that of the call, which is kept then. Failures are not. */
  through(lookup: Lookup): Effect.Effect<Taken, Failure> {
    const { key } = lookup
    return Effect.suspend(() => {
      const flight = this.#flights.get(key)
      if (flight !== undefined && !lookup.fresh) {
        return Effect.flatMap(Deferred.await(flight), (taken) =>
          taken === undefined ? this.through(lookup) : Effect.succeed(taken)
        )
      }
      const own = Deferred.makeUnsafe<Taken | undefined>()
      this.#flights.set(key, own)
      return Effect.onExit(this.#ask(lookup), (exit) =>
        Effect.suspend(() => {
          if (this.#flights.get(key) === own) this.#flights.delete(key)
          const taken = Exit.isSuccess(exit) ? { cached: lookup.run, ...exit.value } : undefined
          return Deferred.succeed(own, taken)
        })
      )
    })
  }

  // internal

  #ask({ execute, fresh, key, run, ttl, unchanged }: Lookup): Effect.Effect<Taken, Failure> {
    const keyValues = this.#keyValues
    return Effect.gen(function* () {
      if (!fresh) {
        const entry = yield* find(keyValues, key)
        if (Option.isSome(entry)) {
          const { provider, result, run } = entry.value
          return { result, provider, cached: run }
        }
      }
      const reply = yield* execute
      if (reply.masked !== true && (yield* unchanged)) {
        const entry = { result: reply.result, provider: reply.provider, run }
        yield* Effect.ignore(keyValues.put(prefix + key, entry, ttl === undefined ? {} : { ttl }))
      }
      return reply
    })
  }
}

// internal

const prefix = "cache/"

const Entry = Schema.Struct({ result: Schema.Json, provider: Schema.String, run: Schema.String })
const decode = Schema.decodeUnknownOption(Entry)
