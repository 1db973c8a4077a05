/** The suite for stores is worth what it finds: a memory store with any of these defects does not pass it. */
import { assert, describe, it } from "@effect/vitest"
import { Backend, KeyValues, Leases, MemoryStore, Store } from "@gleitzeit/core"
import { Effect, type Schema, Stream } from "effect"
import { StoreTest } from "../src/index.ts"
import { holds } from "./holds.ts"

type Mutation = (backend: Backend.Backend) => Backend.Backend

const inStore =
  (change: (store: Store.Store["Service"]) => Partial<Store.Store["Service"]>): Mutation =>
  (backend) => ({ ...backend, store: Store.Store.of({ ...backend.store, ...change(backend.store) }) })

const inLeases =
  (change: (leases: Leases.Leases["Service"]) => Partial<Leases.Leases["Service"]>): Mutation =>
  (backend) => ({ ...backend, leases: Leases.Leases.of({ ...backend.leases, ...change(backend.leases) }) })

const inKeyValues =
  (change: (keyValues: KeyValues.KeyValues["Service"]) => Partial<KeyValues.KeyValues["Service"]>): Mutation =>
  (backend) => ({
    ...backend,
    keyValues: KeyValues.KeyValues.of({ ...backend.keyValues, ...change(backend.keyValues) })
  })

const end = (store: Store.Store["Service"], run: string) =>
  Effect.map(store.read(run, 0, 100_000), (events) => events.length)

const reencoded = (json: string): string => {
  try {
    const value: Schema.Json = JSON.parse(json)
    return JSON.stringify(value)
  } catch {
    return json
  }
}

const mutations: { readonly [defect: string]: Mutation } = {
  "a commit ignores that somebody else has written": inStore((store) => ({
    commit: Effect.fnUntraced(function* (appends) {
      const refused = yield* store.commit(appends)
      for (const append of appends) {
        const after = refused.has(append.run) ? yield* end(store, append.run) : 0
        if (after > 0) yield* store.commit([{ ...append, after }])
      }
      return new Set<string>()
    })
  })),
  "a refused append is partly written": inStore((store) => ({
    commit: Effect.fnUntraced(function* (appends) {
      const refused = yield* store.commit(appends)
      for (const { events, run } of appends) if (refused.has(run)) yield* store.post(run, events[0])
      return refused
    })
  })),
  "a refused append leaves its blobs": inStore((store) => {
    const kept = new Map<string, Uint8Array>()
    return {
      commit: (appends) => {
        for (const { blobs = [], run } of appends)
          for (const { bytes, hash } of blobs) kept.set(`${run} ${hash}`, bytes)
        return store.commit(appends)
      },
      blob: (run, hash) => Effect.map(store.blob(run, hash), (bytes) => bytes ?? kept.get(`${run} ${hash}`)),
      remove: (run) =>
        Effect.andThen(
          Effect.sync(() => [...kept.keys()].forEach((key) => key.startsWith(`${run} `) && kept.delete(key))),
          store.remove(run)
        )
    }
  }),
  "a refused append takes its neighbours with it": inStore((store) => ({
    commit: Effect.fnUntraced(function* (appends) {
      for (const { after, run } of appends) {
        if (after !== (yield* end(store, run))) return new Set(appends.map(({ run }) => run))
      }
      return yield* store.commit(appends)
    })
  })),
  "what stands before a wrong append is written": inStore((store) => ({
    commit: Effect.fnUntraced(function* (appends) {
      const refused: Array<string> = []
      for (const append of appends) refused.push(...(yield* store.commit([append])))
      return new Set(refused)
    })
  })),
  "a summary is not updated": inStore((store) => ({
    commit: ([first, ...rest]) => {
      const old = ({ summary, ...append }: Store.Append) =>
        append.after > 0 || summary === undefined ? append : { ...append, summary }
      return store.commit([old(first), ...rest.map(old)])
    }
  })),
  "a post does not make the run due": inStore((store) => ({
    post: Effect.fnUntraced(function* (run, event) {
      const after = yield* end(store, run)
      return after > 0 && (yield* store.commit([{ run, after, events: [event] }])).size === 0
    })
  })),
  "a post to an unknown run is said to have gone well": inStore((store) => ({
    post: (run, event) => Effect.as(store.post(run, event), true)
  })),
  "events come back encoded anew": inStore((store) => ({
    read: (run, after, limit) =>
      Effect.map(store.read(run, after, limit), (events) =>
        events.map((event) => ({ ...event, json: reencoded(event.json) }))
      )
  })),
  "a page of events has one too many": inStore((store) => ({
    read: (run, after, limit) => store.read(run, after, limit + 1)
  })),
  "a page of a list loses its first run": inStore((store) => ({
    list: (query) =>
      Effect.map(store.list(query), (page) =>
        query.cursor === undefined ? page : { ...page, items: page.items.slice(1) }
      )
  })),
  "`changes` gives its first hint alone": inStore((store) => ({
    changes: (run) => Stream.concat(Stream.take(store.changes(run), 1), Stream.never)
  })),
  "remove leaves blobs": inStore((store) => {
    const kept = new Map<string, Uint8Array>()
    return {
      commit: (appends) =>
        Effect.tap(store.commit(appends), (refused) =>
          Effect.sync(() => {
            for (const { blobs = [], run } of appends) {
              for (const { bytes, hash } of blobs) if (!refused.has(run)) kept.set(`${run} ${hash}`, bytes)
            }
          })
        ),
      blob: (run, hash) => Effect.sync(() => kept.get(`${run} ${hash}`)?.slice())
    }
  }),
  "take gives a run twice": inLeases((leases) => ({
    take: (owner, scope, n, ttl) => Effect.tap(leases.take(owner, scope, n, ttl), (runs) => leases.release(runs, owner))
  })),
  "idle takes what it names": inLeases((leases) => ({
    idle: (scope, n) => leases.take("idle", scope, n, 60_000)
  })),
  "idle names the latest first": inLeases((leases) => ({
    idle: (scope, n) => Effect.map(leases.idle(scope, n), (runs) => runs.toReversed())
  })),
  "take gives runs of every owner": inLeases((leases) => ({
    beat: (owner) => leases.beat(owner, 0)
  })),
  "a claim without force steals": inLeases((leases) => ({
    claim: (run, owner, options) => leases.claim(run, owner, { ...options, force: true })
  })),
  "a claim with force does not take": inLeases((leases) => ({
    claim: (run, owner, { ttl }) => leases.claim(run, owner, { ttl })
  })),
  "nobody hears of what was lost": inLeases((leases) => ({
    beat: (owner, ttl) => Effect.as(leases.beat(owner, ttl), [])
  })),
  "anybody may release a run": inLeases((leases) => ({
    release: (runs, owner) =>
      Effect.andThen(
        Effect.forEach(runs, (run) => leases.claim(run, owner, { ttl: 0, force: true })),
        leases.release(runs, owner)
      )
  })),
  "a put ignores the version": inKeyValues((keyValues) => ({
    put: (key, value, { ttl } = {}) => keyValues.put(key, value, ttl === undefined ? {} : { ttl })
  })),
  "an entry lives for ever": inKeyValues((keyValues) => ({
    put: (key, value, { version } = {}) => keyValues.put(key, value, version === undefined ? {} : { version })
  }))
}

const mutated = (mutation: Mutation) => Backend.layer(Effect.map(MemoryStore.make, mutation))

const holdsFor = (mutation: Mutation) => (fact: StoreTest.Fact) => holds(Effect.provide(fact.body, mutated(mutation)))

/** Looks no further than to the first fact that does not hold. */
const isBroken = (mutation: Mutation) =>
  Effect.gen(function* () {
    for (const fact of StoreTest.facts()) if (!(yield* holdsFor(mutation)(fact))) return true
    return false
  })

describe("the suite for stores", () => {
  it.effect("finds nothing in a store that is as it must be", () =>
    Effect.gen(function* () {
      for (const fact of StoreTest.facts()) {
        assert.isTrue(yield* holdsFor((backend) => backend)(fact), fact.name)
      }
    })
  )

  for (const [defect, mutation] of Object.entries(mutations)) {
    it.effect(`finds that ${defect}`, () =>
      Effect.gen(function* () {
        assert.isTrue(yield* isBroken(mutation))
      })
    )
  }
})
