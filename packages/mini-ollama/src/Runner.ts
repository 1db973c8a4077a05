/**
 * What works in a mini-ollama, and what waits. Requests begin in the order in which they came. A model is loaded for
 * the first that wants it, and again when one wants another context; whatever was unused longest makes room. No model
 * that is at work goes: who needs its place waits, and so does everybody behind.
 */
import { Clock, Data, Deferred, Effect, type Scope } from "effect"

export interface Options {
  /** Requests at work at once. Default: no limit. */
  readonly parallel?: number
  /** Models in memory. Default: no limit. */
  readonly maxLoaded?: number
  /** Requests that wait; one more is refused. Default 512, as in Ollama. */
  readonly maxQueue?: number
  /** Milliseconds until a model is in memory. Default 0. */
  readonly loadDelay?: number | ((model: string) => number)
}

/** What a request needs before it begins. */
export interface Wish {
  /** The full name. */
  readonly model: string
  /** Tokens. */
  readonly context: number
  /** Milliseconds for which the model stays when the request has ended. */
  readonly keepAlive: number
}

/** How a request has begun. */
export interface Ready {
  /** The model was loaded for it. */
  readonly cold: boolean
  /** Milliseconds since the request came. */
  readonly waited: number
}

/** A model in memory. */
export interface Loaded {
  readonly model: string
  /** Tokens. */
  readonly context: number
  /** When it goes, in milliseconds; `Infinity` for never. */
  readonly expires: number
}

/** There are as many waiting as may wait. */
export class Busy extends Data.TaggedError("Busy")<{}> {}

export interface Runner {
  /** Waits for its turn and for the model. Interrupted, it gives its place free at once, waiting or at work. */
  readonly run: <A, E, R>(wish: Wish, use: (ready: Ready) => Effect.Effect<A, E, R>) => Effect.Effect<A, E | Busy, R>
  /** The model goes, at once or when it is done. */
  readonly unload: (model: string) => Effect.Effect<void>
  /** In memory, the one unused longest first. */
  readonly memory: Effect.Effect<ReadonlyArray<Loaded>>
  /** Models loaded so far. */
  readonly loads: () => number
  /** Requests that wait for their turn. */
  readonly waiting: () => number
}

/** `happened` is called when something has begun, ended or been loaded. */
export const make = (options: Options, happened: () => void): Effect.Effect<Runner, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { loadDelay = 0, maxLoaded = Infinity, maxQueue = 512, parallel = Infinity } = options
    const scope = yield* Effect.scope
    // in the order of their last use
    const memory = new Map<string, Entry>()
    const queue: Array<Place> = []
    let working = 0
    let loads = 0

    /** The last used is the last in order. */
    const touch = (model: string, entry: Entry) => {
      memory.delete(model)
      memory.set(model, entry)
    }

    /** Drops what has stayed long enough. */
    const expire = Effect.map(Clock.currentTimeMillis, (now) => {
      for (const [model, { expires, users }] of memory) if (users === 0 && expires <= now) memory.delete(model)
    })

    /** Whether there is a place for the model, made by sending another one away if need be. */
    const makeRoom = (model: string): boolean => {
      if ((memory.get(model)?.users ?? 0) > 0) return false
      memory.delete(model)
      for (const [other, { users }] of memory) {
        if (memory.size < maxLoaded) break
        if (users === 0) memory.delete(other)
      }
      return memory.size < maxLoaded
    }

    const load = ({ context, model }: Wish): Effect.Effect<Entry> =>
      Effect.gen(function* () {
        const delay = typeof loadDelay === "number" ? loadDelay : loadDelay(model)
        const entry: Entry = {
          context,
          users: 0,
          expires: Infinity,
          unload: false,
          ready: yield* Deferred.make<void>()
        }
        memory.set(model, entry)
        loads++
        if (delay === 0) {
          yield* Deferred.succeed(entry.ready, undefined)
          return entry
        }
        entry.users++
        const loading = Effect.gen(function* () {
          yield* Effect.sleep(delay)
          yield* Deferred.succeed(entry.ready, undefined)
          yield* leave(entry)
        })
        // It goes on when the one who wanted it has gone.
        yield* Effect.forkIn(loading, scope, { startImmediately: true })
        return entry
      })

    /** Begins whatever can begin. */
    const begin: Effect.Effect<void> = Effect.gen(function* () {
      yield* expire
      for (let place = queue[0]; place !== undefined && working < parallel; place = queue[0]) {
        const { context, model } = place.wish
        const found = memory.get(model)
        const cold = found?.context !== context
        if (cold && !makeRoom(model)) return
        queue.shift()
        working++
        const entry = cold ? yield* load(place.wish) : found
        entry.users++
        touch(model, entry)
        place.entry = entry
        yield* Deferred.succeed(place.begun, { entry, cold })
      }
    })

    const leave = (entry: Entry) =>
      Effect.gen(function* () {
        entry.users--
        yield* begin
        happened()
      })

    return {
      run: (wish, use) =>
        Effect.acquireUseRelease(
          Effect.gen(function* () {
            const place: Place = { wish, begun: yield* Deferred.make<Begun>(), since: yield* Clock.currentTimeMillis }
            queue.push(place)
            yield* begin
            if (queue.length > maxQueue && queue.at(-1) === place) {
              queue.pop()
              return yield* new Busy()
            }
            happened()
            return place
          }),
          ({ begun, since }) =>
            Effect.gen(function* () {
              const { cold, entry } = yield* Deferred.await(begun)
              yield* Deferred.await(entry.ready)
              return yield* use({ cold, waited: (yield* Clock.currentTimeMillis) - since })
            }),
          (place) =>
            Effect.gen(function* () {
              const { entry } = place
              if (entry === undefined) {
                queue.splice(queue.indexOf(place), 1)
                return yield* begin
              }
              working--
              entry.expires = entry.unload ? 0 : (yield* Clock.currentTimeMillis) + wish.keepAlive
              touch(wish.model, entry)
              return yield* leave(entry)
            })
        ),
      unload: (model) =>
        Effect.gen(function* () {
          const entry = memory.get(model)
          if (entry !== undefined) Object.assign(entry, { unload: true, expires: 0 })
          yield* begin
        }),
      memory: Effect.map(expire, () =>
        Array.from(memory, ([model, { context, expires }]) => ({ model, context, expires }))
      ),
      loads: () => loads,
      waiting: () => queue.length
    }
  })

// internal

interface Entry {
  readonly context: number
  /** Requests at work with it, and its loading. */
  users: number
  expires: number
  /** It goes when the last request is done, whatever that wants. */
  unload: boolean
  readonly ready: Deferred.Deferred<void>
}

interface Begun {
  readonly entry: Entry
  readonly cold: boolean
}

/** A request, from its coming to its end. */
interface Place {
  readonly wish: Wish
  /** Milliseconds. */
  readonly since: number
  readonly begun: Deferred.Deferred<Begun>
  /** Once it has begun. */
  entry?: Entry
}
