/**
 * Store, leases and key-values in one file, for any number of processes of one host. The file lists the calls that
 * changed something; each process carries them out in the file's order on a memory store of its own, and so all have the
 * same. Runs must fit into memory, and the file only grows: a removed run is forgotten, its bytes stay. Every call blocks
 * the event loop for as long as the disk takes.
 */
import { Backend, type Errors, type KeyValues, type Leases, MemoryStore, Plugin, type Store } from "@gleitzeit/core"
import { Clock, Effect, type Exit, type Layer, Schema, type Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import * as Call from "./Call.ts"
import * as Log from "./Log.ts"

/** `durability`: what a commit survives, `process` kill -9, `power` (default) also a power loss. */
export const Options = Schema.Struct({ durability: Schema.optionalKey(Schema.Literals(["process", "power"])) })
export type Options = typeof Options.Type

/** Opens the file, reads it, and closes it with the scope. */
export const make = (
  filename: string,
  { durability = "power" }: Options = {}
): Effect.Effect<Backend.Backend, Errors.StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const log = yield* Log.open(filename, durability === "power")
    const memory = yield* MemoryStore.make
    const turns = yield* Semaphore.make(1)
    let position = 0

    /** Carries out what has come since, whoever called. The answer to the call `id`. */
    const catchUp = Effect.fnUntraced(function* (id?: string) {
      let answer: Exit.Exit<unknown, Errors.StoreError> | undefined
      for (const [line, end] of yield* log.read(position)) {
        const call = yield* Call.decode(line)
        position = end
        if (call === undefined) continue
        const exit = yield* Effect.exit(Effect.provideService(carryOut(memory, call), Clock.Clock, stoppedAt(call.at)))
        if (call.id === id) answer = exit
      }
      return answer
    })

    const inTurn = <A, E>(effect: Effect.Effect<A, E>) => turns.withPermit(Effect.uninterruptible(effect))
    const current = inTurn(catchUp())

    const logged = <S extends keyof Backend.Backend, M extends keyof Backend.Backend[S]>(service: S, member: M) => {
      const append = Effect.fnUntraced(function* (...args: ReadonlyArray<unknown>) {
        const id = randomUUID()
        yield* log.append(yield* Call.encode({ id, at: yield* Clock.currentTimeMillis, service, member, args }))
        return yield* (yield* catchUp(id)) ?? Effect.die(new Error("what was just appended is not in the log"))
      }, inTurn)
      // Safe: the answer is that of `member`, called with `args`.
      return append as unknown as Backend.Backend[S][M]
    }

    const { keyValues, leases, store } = memory
    const take = logged("leases", "take")
    yield* current
    // what others append is seen after 25 ms at most
    yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(current), 25)))
    return {
      store: {
        durability,
        commit: logged("store", "commit"),
        post: logged("store", "post"),
        remove: logged("store", "remove"),
        read: (run, after, limit) => Effect.andThen(current, store.read(run, after, limit)),
        list: (query) => Effect.andThen(current, store.list(query)),
        blob: (run, hash) => Effect.andThen(current, store.blob(run, hash)),
        changes: store.changes
      },
      leases: {
        idle: (scope, n) => Effect.andThen(current, leases.idle(scope, n)),
        // asked every second: what gives nothing is not written down
        take: (owner, scope, n, ttl) =>
          Effect.flatMap(Effect.andThen(current, leases.idle(scope, n)), (idle) =>
            idle.length === 0 ? Effect.succeed(idle) : take(owner, scope, n, ttl)
          ),
        claim: logged("leases", "claim"),
        beat: logged("leases", "beat"),
        release: logged("leases", "release"),
        wakes: leases.wakes
      },
      keyValues: {
        get: (key) => Effect.andThen(current, keyValues.get(key)),
        list: (prefix, cursor) => Effect.andThen(current, keyValues.list(prefix, cursor)),
        put: logged("keyValues", "put"),
        remove: logged("keyValues", "remove")
      }
    }
  })

/** `store: "ledger:runs.ledger"`, once the settings name this package under `stores: { ledger: { use: ... } }`. */
export const plugin = Plugin.store({
  schemes: ["ledger"],
  options: Options,
  make: (url, options) => make(url.slice("ledger:".length), options)
})

export const layer = (
  filename: string,
  options?: Options
): Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, Errors.StoreError> =>
  Backend.layer(make(filename, options))

// internal

const carryOut = (backend: Backend.Backend, { args, member, service }: Call.Call) => {
  type Members = Record<typeof member, (...args: Call.Call["args"]) => Effect.Effect<unknown, Errors.StoreError>>
  // Safe: a call names a member of its service, and has the arguments of that member.
  return (backend[service] as unknown as Members)[member](...args)
}

/** Time is part of a call: whoever carries it out, whenever, comes to the same. */
const stoppedAt = (millis: number): Clock.Clock => {
  const nanos = BigInt(Math.trunc(millis)) * 1_000_000n
  return {
    currentTimeMillisUnsafe: () => millis,
    currentTimeMillis: Effect.succeed(millis),
    currentTimeNanosUnsafe: () => nanos,
    currentTimeNanos: Effect.succeed(nanos),
    monotonicTimeNanosUnsafe: () => nanos,
    monotonicTimeNanos: Effect.succeed(nanos),
    sleep: () => Effect.void
  }
}
