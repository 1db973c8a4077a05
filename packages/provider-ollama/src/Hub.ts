/**
 * Many Ollama servers as one: a request goes to the server that has its model and is expected to be done with it first,
 * and to another one when that goes away or refuses. With one server there is nothing to choose: requests go straight
 * through. Nothing is asked of a server before the first request, and nothing while there is none.
 */
import { Errors, type Failure } from "@gleitzeit/core"
import { Cause, Clock, Deferred, Effect, Exit, Option, PubSub, Random, type Scope, Stream } from "effect"
import * as HubNode from "./HubNode.ts"
import type { Node } from "./HubNode.ts"
import { type Entry, HubQueue, type Outcome } from "./HubQueue.ts"
import * as HubStatus from "./HubStatus.ts"
import * as HubVerdict from "./HubVerdict.ts"
import type { Wish } from "./HubWish.ts"
import type { Model, OllamaClient } from "./OllamaClient.ts"
import { Refused } from "./OllamaFailure.ts"
import * as OllamaModels from "./OllamaModels.ts"
import { fullName } from "./OllamaSchema.ts"

export interface Endpoint extends HubNode.Place {
  readonly client: OllamaClient
}

export interface Options {
  /** Of the provider, for failures. */
  readonly name: string
  readonly endpoints: ReadonlyArray<Endpoint>
  /** Requests that wait for a server; one more fails with `ProviderOverloaded`. Default 512. */
  readonly maxQueue?: number
  /**
   * Milliseconds for which requests wait after the last server that may have their model has failed. Default 10 000.
   * From then on they fail with `ProviderUnavailable`, and what is wrong with each, until one is back.
   */
  readonly patience?: number
  /** The failure when no server has the model. */
  readonly absent: (wish: Wish, available: ReadonlyArray<string>) => Failure.Failure
}

/** A server's promise to work on one request, for as long as `use` runs. */
export interface Slot {
  readonly url: string
  readonly client: OllamaClient
  /** To be called when something was shown to watchers: from here on the request moves to no other server. */
  readonly published: () => void
  /** To be called with the server's own times, in milliseconds, when the answer is complete. */
  readonly took: (times: { readonly load?: number; readonly total: number }) => void
}

/**
 * Runs `use` on a server that has the model, and again on another one when the first fails and nothing was shown yet.
 * A refusal that no other server can mend comes out as a failure.
 */
export type Run = <A, R>(
  wish: Wish,
  use: (slot: Slot) => Effect.Effect<A, Refused | Failure.Failure, R>
) => Effect.Effect<A, Failure.Failure, R>

export interface Hub {
  readonly run: Run
  /** What is known of the servers; asks none of them. */
  readonly status: Effect.Effect<HubStatus.Status>
  /** The same after asking all of them; those that say nothing within 1 s count as `down`. */
  readonly refresh: Effect.Effect<HubStatus.Status>
  /** The same after asking those that are not known to be away. */
  readonly fresh: Effect.Effect<HubStatus.Status>
  /** What happens to the servers' health. Slow listeners miss the older ones. */
  readonly changes: Stream.Stream<HubStatus.Change>
}

/** What it begins in the background ends with the scope. */
export const make = (options: Options): Effect.Effect<Hub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { absent, endpoints, maxQueue = 512, name, patience = 10_000 } = options
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const changed = yield* PubSub.sliding<HubStatus.Change>(64)
    const clients = new Map(endpoints.map(({ client, url }) => [url, client]))
    const queue = new HubQueue(endpoints, { maxQueue, patience })
    const versions = new Map<string, string>()
    const looking = new Map<string, { readonly models: boolean; readonly done: Deferred.Deferred<void> }>()
    let wakeAt = Infinity

    const now = () => clock.currentTimeMillisUnsafe()
    const background = <A>(effect: Effect.Effect<A>) => Effect.asVoid(Effect.forkIn(effect, scope))

    const nodeOf = (url: string) => queue.nodes.find((node) => node.url === url)

    const update = (url: string, change: (node: Node) => Node): void => {
      const before = nodeOf(url)
      queue.update(url, change)
      const after = nodeOf(url)
      if (before === undefined || after === undefined) return
      if (HubStatus.stateOf(before) !== HubStatus.stateOf(after)) {
        PubSub.publishUnsafe(changed, HubStatus.change(after, now()))
      }
    }

    /** Everything that may have become possible begins. To be run after everything that happens. */
    const turn: Effect.Effect<void> = Effect.suspend(() => {
      const at = now()
      const { due, look } = queue.turn(at)
      const begun = look.filter(({ url }) => !looking.has(url)).map(({ models, url }) => background(ask(url, models)))
      if (due !== undefined && due < wakeAt) {
        wakeAt = due
        const later = Effect.suspend(() => {
          // one that was set for an earlier time has come meanwhile, and has set the next
          if (wakeAt !== due) return Effect.void
          wakeAt = Infinity
          return turn
        })
        begun.push(background(Effect.delay(later, due - at)))
      }
      return begun.length === 0 ? Effect.void : Effect.all(begun, { discard: true })
    })

    const down = (url: string, reason: string) =>
      update(url, (node) =>
        HubNode.cooled(node, { kind: "down", reason, now: now(), jitter: random.nextDoubleUnsafe() })
      )

    /** Asks a server how it is. Of many at once the first asks, and the others wait for what it finds. */
    const look = (url: string, models: boolean): Effect.Effect<void> =>
      Effect.suspend(() => {
        const client = clients.get(url)
        const other = looking.get(url)
        if (client === undefined) return Effect.void
        if (other !== undefined) {
          return Effect.andThen(Deferred.await(other.done), models && !other.models ? look(url, true) : Effect.void)
        }
        const done = Deferred.makeUnsafe<void>()
        looking.set(url, { models, done })
        const alive = Effect.all(
          {
            version: versions.has(url)
              ? Effect.void
              : Effect.asVoid(Effect.tap(client.version, (version) => Effect.sync(() => versions.set(url, version)))),
            loaded: untold(client.loaded)
          },
          { concurrency: 2 }
        ).pipe(Effect.timeoutOrElse({ duration: lookTimeout, orElse: () => Effect.fail(silent) }))
        // a long list on a slow disk says nothing about how the server works
        const listing = models ? Effect.timeoutOption(untold(client.models), lookTimeout) : Effect.succeedNone
        return Effect.all({ alive, listing }, { concurrency: 2 }).pipe(
          Effect.match({
            onFailure: (failure) => {
              const node = nodeOf(url)
              // whoever works may be slow to say how it is
              if (failure === silent && node?.health._tag === "Healthy" && node.active.length > 0) return
              versions.delete(url)
              down(url, HubVerdict.reasonOf(failure, url))
            },
            onSuccess: ({ alive: { loaded = [] }, listing }) => {
              update(url, (node) => {
                // what was known of one that is too slow to say it still counts
                const list = Option.match(listing, { onNone: () => node.models, onSome: listed })
                const known = models ? HubNode.told(node, list, now()) : node
                return HubNode.found(HubNode.seen(known, loaded.map(keyOf), now()))
              })
            }
          }),
          Effect.ensuring(
            Effect.sync(() => {
              looking.delete(url)
              Deferred.doneUnsafe(done, Effect.void)
            })
          )
        )
      })

    const ask = (url: string, models: boolean): Effect.Effect<void> => Effect.andThen(look(url, models), turn)

    /** Waits until there is a server for the request, or a failure. */
    const granted = (entry: Entry, history: History): Effect.Effect<Granted, Failure.Failure> =>
      Effect.flatMap(
        Effect.andThen(
          turn,
          Effect.callback<void>((resume) => {
            entry.wake = () => resume(Effect.void)
            if (entry.outcome !== undefined) entry.wake()
          })
        ),
        () => {
          const { outcome, wish } = entry
          if (outcome?._tag === "Granted") return Effect.succeed(outcome)
          if (outcome?._tag === "Stranded") return Effect.fail(unusable(wish))
          // it was everywhere where the model is
          const somewhere = queue.nodes.some((node) => HubNode.offers(node, wish.model))
          return somewhere && history.last !== undefined ? history.last : Effect.fail(missing(wish))
        }
      )

    const available = (nodes: ReadonlyArray<Node>): ReadonlyArray<string> => [
      ...new Set(nodes.flatMap(({ models }) => [...(models?.values() ?? [])].map(({ name }) => name)))
    ]

    const missing = (wish: Wish): Failure.Failure => absent(wish, available(queue.nodes))

    const unusable = (wish: Wish): Failure.Failure => {
      const asked = wish.asked ?? wish.model
      // the name may be wrong, and not the server
      const others = OllamaModels.nearestFirst(
        asked,
        available(queue.nodes.filter(({ health }) => health._tag !== "Cooling"))
      )
      const instead = others.length === 0 ? "" : `; the others have ${others.slice(0, most).join(", ")}`
      const reason = `no server that may have "${asked}" can be used: ${HubStatus.reasons(queue.nodes)}${instead}`
      const waits = queue.nodes.flatMap(({ health }) => (health._tag === "Cooling" ? [health.until - now()] : []))
      return new Errors.ProviderUnavailable({
        provider: name,
        reason,
        retryable: true,
        ...(waits.length === 0 ? {} : { retryAfter: Math.max(0, Math.min(...waits)) })
      })
    }

    /** Whether the request goes on after a failure; what that says of the server is noted. */
    const goesOn = (
      entry: Entry,
      url: string,
      error: Refused | Failure.Failure,
      history: History
    ): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        const at = now()
        const verdict = HubVerdict.of(error, url, at)
        const jitter = random.nextDoubleUnsafe()
        const unseen = !history.shown
        switch (verdict._tag) {
          case "Well":
            update(url, HubNode.succeeded)
            return Effect.succeed(false)
          case "Busy":
            update(url, (node) => HubNode.cooled(node, { kind: "busy", now: at, jitter, ...verdict }))
            return Effect.succeed(unseen)
          case "Lacking":
            entry.spent.add(url)
            return Effect.as(look(url, true), unseen)
          case "Fault":
            update(url, (node) => HubNode.faulted(node, { now: at, jitter, ...verdict }))
            entry.spent.add(url)
            return Effect.succeed(unseen && history.faults++ === 0 && queue.isPossible(entry, at))
          case "Lost": {
            const { reason } = verdict
            const streak = nodeOf(url)?.streak ?? 0
            down(url, reason)
            if (history.lost.has(url)) entry.spent.add(url)
            history.lost.add(url)
            // it may have been the request, and the server as well as ever
            const check = Effect.sync(() => {
              if (nodeOf(url)?.health._tag !== "Healthy") return
              update(url, (node) => HubNode.faulted({ ...node, streak }, { now: now(), reason, jitter }))
            })
            return Effect.as(background(Effect.andThen(Effect.andThen(look(url, false), check), turn)), unseen)
          }
        }
      })

    const full = new Errors.ProviderOverloaded({
      provider: name,
      reason: `${maxQueue} requests wait already (\`max_queue\`)`
    })

    const many: Run = (wish, use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const entry = queue.enter(wish, now())
          if (entry === undefined) return yield* Effect.fail(full)
          const history: History = { shown: false, faults: 0, lost: new Set(), last: undefined }
          for (;;) {
            const given = yield* Effect.onExit(restore(granted(entry, history)), (exit) =>
              Exit.isFailure(exit) ? Effect.suspend(() => (queue.leave(entry), turn)) : Effect.void
            )
            const { url, work } = given
            const client = clients.get(url)
            if (client === undefined) return yield* Effect.die(new Error(`no server is called ${url}`))
            let times: { readonly load?: number; readonly total: number } | undefined
            const slot: Slot = {
              url,
              client,
              published: () => {
                history.shown = true
              },
              took: (said) => {
                times = said
              }
            }
            const exit = yield* Effect.exit(restore(use(slot)))
            queue.leave(entry)
            if (Exit.isSuccess(exit)) {
              update(url, HubNode.succeeded)
              if (times !== undefined) {
                const said = times
                update(url, (node) => HubNode.learned(node, work, said))
              }
              yield* turn
              return exit.value
            }
            const failed = exit.cause.reasons.find(Cause.isFailReason)
            if (failed === undefined || Cause.hasInterrupts(exit.cause)) {
              yield* turn
              // Safe: a cause without a failure has none of any type.
              return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
            }
            const { error } = failed
            const last = error instanceof Refused ? client.explain(error) : Effect.fail(error)
            const goesOnNow = Effect.onInterrupt(restore(goesOn(entry, url, error, history)), () => turn)
            if (!(yield* goesOnNow)) {
              yield* turn
              return yield* last
            }
            history.last = last
            queue.join(entry)
          }
        })
      )

    const status = Effect.sync(() => HubStatus.of(queue, versions, now()))
    const asking = (which: (node: Node) => boolean) =>
      Effect.suspend(() => {
        const asked = queue.nodes.filter(which)
        return Effect.andThen(
          Effect.forEach(asked, ({ url }) => look(url, true), { concurrency: "unbounded", discard: true }),
          status
        )
      })
    return {
      run: many,
      status,
      refresh: asking(() => true),
      fresh: asking(({ health }) => health._tag !== "Cooling" || health.until <= now()),
      changes: Stream.fromPubSub(changed)
    }
  })

// internal

/** Models that are named to whoever may have meant another one. */
const most = 5

/** What became of a request so far. */
interface History {
  /** Somebody has seen a part of the answer. */
  shown: boolean
  /** Servers that failed with a fault of their own. */
  faults: number
  /** Servers that were lost during it, by URL. */
  readonly lost: Set<string>
  /** Its last failure. */
  last: Effect.Effect<never, Failure.Failure> | undefined
}

type Granted = Extract<Outcome, { readonly _tag: "Granted" }>

/** Milliseconds in which a server says how it is. */
const lookTimeout = 1000

const silent = new Errors.ProviderUnavailable({
  provider: "",
  reason: `does not answer within ${lookTimeout / 1000} s`,
  retryable: true
})

/** Not every server tells everything. */
const untold = <A>(effect: Effect.Effect<A, Refused | Failure.Failure>) =>
  Effect.catchIf(
    effect,
    (error): error is Refused => error instanceof Refused && error.status === 404,
    () => Effect.undefined
  )

const listed = (models: ReadonlyArray<Model> | undefined): ReadonlyMap<string, Model> | undefined =>
  models === undefined ? undefined : new Map(models.map((model) => [fullName(model.name), model]))

const keyOf = ({ context, name }: { readonly name: string; readonly context?: number }): string =>
  HubNode.keyOf({ model: fullName(name), ...(context === undefined ? {} : { context }) })
