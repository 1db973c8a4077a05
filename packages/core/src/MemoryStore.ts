/**
 * Store, leases and key-values in this process, gone with it. For tests and for runs that nobody wants back; the other
 * stores are measured against it. Every call is one step of the event loop, so each is atomic.
 */
import { Clock, Effect, type Layer, type Schema } from "effect"
import * as Backend from "./Backend.ts"
import * as Cursor from "./Cursor.ts"
import { StoreError } from "./Errors.ts"
import { Hints } from "./Hints.ts"
import { type Entry, KeyValues } from "./KeyValues.ts"
import { Leases } from "./Leases.ts"
import { type Append, type NewEvent, type RunQuery, type RunSummary, Store, type StoredEvent } from "./Store.ts"
import { isOver } from "./Summary.ts"

/** A backend of its own with every evaluation. */
export const make: Effect.Effect<Backend.Backend> = Effect.sync(() => {
  const state: State = { runs: new Map(), lost: new Map(), hints: new Hints() }
  return { store: store(state), leases: leases(state), keyValues: keyValues() }
})

export const layer: Layer.Layer<Store | Leases | KeyValues> = Backend.layer(make)

// internal

interface Run {
  readonly scope: string
  readonly events: Array<StoredEvent>
  readonly blobs: Map<string, Uint8Array>
  summary: RunSummary
  owner: string | undefined
}

interface State {
  readonly runs: Map<string, Run>
  /** What each owner has lost since it last asked. */
  readonly lost: Map<string, Set<string>>
  /** Topics: `run:` and a run's id, `wake`. */
  readonly hints: Hints
}

const nobody: ReadonlySet<string> = new Set()

const lose = ({ lost }: State, owner: string, run: string) => {
  lost.set(owner, (lost.get(owner) ?? new Set()).add(run))
}

const store = (state: State): Store["Service"] => {
  const { hints, runs } = state

  const add = (id: string, { events }: Run, added: ReadonlyArray<NewEvent>) => {
    for (const { at, json, kind } of added) events.push({ sequence: events.length + 1, at, kind, json })
    hints.notify(`run:${id}`)
  }

  /** False when refused. */
  const write = ({ after, blobs = [], events, owner, run: id, scope = "", summary }: Append): boolean => {
    let run = runs.get(id)
    if (after === 0 && run === undefined && summary !== undefined) {
      run = { scope, events: [], blobs: new Map(), summary, owner }
      runs.set(id, run)
    } else if (after === 0 || run === undefined || run.events.length !== after) return false
    if (summary !== undefined) run.summary = summary
    for (const { bytes, hash } of blobs) run.blobs.set(hash, bytes.slice())
    add(id, run, events)
    if (summary?.due !== undefined) hints.notify("wake")
    return true
  }

  return Store.of({
    durability: "none",
    commit: (appends) =>
      Effect.suspend(() => {
        const bare = appends.find(({ after, summary }) => after === 0 && summary === undefined)
        if (bare !== undefined) return Effect.fail(withoutSummary(bare.run))
        let refused: Set<string> | undefined
        for (const append of appends) if (!write(append)) refused = (refused ?? new Set()).add(append.run)
        return Effect.succeed(refused ?? nobody)
      }),
    post: (id, event) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const run = runs.get(id)
        if (run === undefined) return false
        if (!isOver(run.summary.status)) run.summary = { ...run.summary, due: Math.min(run.summary.due ?? now, now) }
        add(id, run, [event])
        hints.notify("wake")
        return true
      }),
    read: (run, after, limit) =>
      Effect.sync(() => {
        const from = Math.max(0, after)
        return runs.get(run)?.events.slice(from, from + Math.max(0, limit)) ?? []
      }),
    changes: (run) => hints.stream(`run:${run}`),
    list: (query) =>
      Effect.map(Cursor.decode(query.cursor), (cursor) => {
        const limit = Math.max(1, query.limit ?? 100)
        const found = [...runs.values()]
          .map(({ summary }) => summary)
          .filter((summary) => answers(summary, query) && (cursor === undefined || isAfter(summary, cursor)))
          .toSorted((a, b) => b.created_at - a.created_at || Cursor.compareText(b.run, a.run))
        const items = found.slice(0, limit)
        const last = items.at(-1)
        return last !== undefined && found.length > limit ? { items, next: Cursor.encode(last) } : { items }
      }),
    blob: (run, hash) => Effect.sync(() => runs.get(run)?.blobs.get(hash)?.slice()),
    remove: (id) =>
      Effect.sync(() => {
        const run = runs.get(id)
        if (run === undefined) return
        runs.delete(id)
        if (run.owner !== undefined) lose(state, run.owner, id)
        hints.notify(`run:${id}`)
      })
  })
}

const answers = (summary: RunSummary, { due, since, status, tag, workflow }: RunQuery): boolean =>
  (status === undefined || status.includes(summary.status)) &&
  (workflow === undefined || summary.workflow === workflow) &&
  (tag === undefined || summary.tags.includes(tag)) &&
  (since === undefined || summary.created_at >= since) &&
  (due === undefined || (summary.due !== undefined && summary.due <= due))

const isAfter = (summary: RunSummary, [createdAt, run]: Cursor.Cursor): boolean =>
  summary.created_at < createdAt || (summary.created_at === createdAt && Cursor.compareText(summary.run, run) < 0)

const withoutSummary = (run: string) =>
  new StoreError({
    operation: "commit",
    retryable: false,
    cause: new Error(`the append that creates run "${run}" has no summary`),
    hint: "give `summary` wherever `after` is 0"
  })

const leases = (state: State): Leases["Service"] => {
  const { hints, lost, runs } = state
  const until = new Map<string, number>()
  const isAlive = (owner: string | undefined, now: number) =>
    owner !== undefined && (until.get(owner) ?? -Infinity) > now
  const dueAt = ({ summary }: Run) => (isOver(summary.status) ? Infinity : (summary.due ?? Infinity))

  const give = (id: string, run: Run, owner: string, end: number) => {
    if (run.owner !== undefined && run.owner !== owner) lose(state, run.owner, id)
    lost.get(owner)?.delete(id)
    run.owner = owner
    until.set(owner, Math.max(until.get(owner) ?? 0, end))
  }

  const free = (scope: string, n: number, now: number) =>
    [...runs]
      .filter(([, run]) => run.scope === scope && dueAt(run) <= now && !isAlive(run.owner, now))
      .toSorted(([a, x], [b, y]) => dueAt(x) - dueAt(y) || Cursor.compareText(a, b))
      .slice(0, Math.max(0, n))

  return Leases.of({
    take: (owner, scope, n, ttl) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const taken = free(scope, n, now)
        for (const [id, run] of taken) give(id, run, owner, now + ttl)
        return taken.map(([id]) => id)
      }),
    idle: (scope, n) => Effect.map(Clock.currentTimeMillis, (now) => free(scope, n, now).map(([id]) => id)),
    claim: (id, owner, { force = false, ttl }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const run = runs.get(id)
        if (run === undefined) return { heldBy: "" }
        if (
          !force &&
          !isOver(run.summary.status) &&
          run.owner !== undefined &&
          run.owner !== owner &&
          isAlive(run.owner, now)
        ) {
          return { heldBy: run.owner }
        }
        give(id, run, owner, now + ttl)
        return true
      }),
    beat: (owner, ttl) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        until.set(owner, now + ttl)
        const gone = [...(lost.get(owner) ?? [])]
        lost.delete(owner)
        return gone
      }),
    release: (ids, owner) =>
      Effect.sync(() => {
        for (const id of ids) {
          const run = runs.get(id)
          if (run?.owner === owner) run.owner = undefined
        }
        hints.notify("wake")
      }),
    wakes: hints.stream("wake")
  })
}

const keyValues = (): KeyValues["Service"] => {
  const entries = new Map<string, { readonly json: string; readonly version: number; readonly until: number }>()
  let version = 0

  const find = (key: string, now: number): Entry | undefined => {
    const entry = entries.get(key)
    if (entry === undefined || entry.until <= now) return undefined
    const value: Schema.Json = JSON.parse(entry.json)
    return { key, value, version: entry.version }
  }

  return KeyValues.of({
    get: (key) => Effect.map(Clock.currentTimeMillis, (now) => find(key, now)),
    put: (key, value, options = {}) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (options.version !== undefined && (find(key, now)?.version ?? 0) !== options.version) return undefined
        // kept as text: what is given back is nobody else's object
        entries.set(key, { json: JSON.stringify(value), version: ++version, until: now + (options.ttl ?? Infinity) })
        return version
      }),
    remove: (key) => Effect.sync(() => void entries.delete(key)),
    list: (prefix, cursor) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const items = [...entries.keys()]
          .filter((key) => key.startsWith(prefix) && (cursor === undefined || Cursor.compareText(key, cursor) > 0))
          .toSorted(Cursor.compareText)
          .flatMap((key) => find(key, now) ?? [])
        const page = items.slice(0, 100)
        const last = page.at(-1)
        return last !== undefined && items.length > 100 ? { items: page, next: last.key } : { items: page }
      })
  })
}
