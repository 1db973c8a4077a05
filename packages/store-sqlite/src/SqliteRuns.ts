/**
 * The store's runs: one row an event. On the hot path no row is read and no counter is kept: the primary key
 * (run, sequence) refuses a number that somebody else has used.
 */
import { Cursor, Run, Store } from "@gleitzeit/core"
import { Clock, Effect, Schema } from "effect"
import type { SQLInputValue } from "node:sqlite"
import type { Database } from "./Database.ts"
import type { News } from "./News.ts"
import { isForeignKey } from "./SqliteFailure.ts"
import type { Statements } from "./statements.ts"

export const make = (
  { attempt, db, transaction }: Database,
  statements: Statements,
  news: News,
  durability: Store.Store["Service"]["durability"]
): Store.Store["Service"] => {
  /** Keys and last sequences of runs written lately. They may be out of date, and then the fence says so. */
  const written = new Map<string, Place>()

  const find = (run: string): Place | undefined => {
    const row = statements.position.get(run)
    return row === undefined ? undefined : { key: Number(row["key"]), last: Number(row["last"]) }
  }

  const remember = (run: string, place: Place): Place => {
    if (written.size >= remembered) written.clear()
    written.set(run, place)
    return place
  }

  const create = ({ owner, run, scope = "", summary }: Store.Append): Place | undefined => {
    if (summary === undefined) throw new Error(`the append that creates run "${run}" has no summary`)
    const { changes, lastInsertRowid } = statements.create.run(
      run,
      scope,
      owner ?? null,
      summary.workflow,
      summary.status,
      summary.created_at,
      summary.due ?? null,
      JSON.stringify(summary)
    )
    return changes === 0 ? undefined : remember(run, { key: Number(lastInsertRowid), last: 0 })
  }

  const summarise = (key: number, summary: Store.RunSummary) =>
    statements.summarise.run(
      summary.workflow,
      summary.status,
      summary.created_at,
      summary.due ?? null,
      JSON.stringify(summary),
      key
    )

  /** Where the append goes, if that is where the run ends as far as this process knows. */
  const placeOf = (append: Store.Append): Place | undefined => {
    if (append.after === 0) return create(append)
    const known = written.get(append.run)
    if (known?.last === append.after) return known
    const found = find(append.run)
    return found?.last === append.after ? remember(append.run, found) : undefined
  }

  const append = (key: number, sequence: number, { at, json, kind }: Store.NewEvent): boolean => {
    try {
      return statements.append.run(key, sequence, at, kind, json).changes === 1
    } catch (cause) {
      if (isForeignKey(cause)) return false // the run was removed by another process
      throw cause
    }
  }

  /** False when refused. Sequences have no gaps: when the first number is free all are, so nothing is written in vain. */
  const write = (next: Store.Append): boolean => {
    const place = placeOf(next)
    if (place === undefined) return false
    for (const event of next.events) {
      if (!append(place.key, place.last + 1, event)) {
        written.delete(next.run)
        return false
      }
      place.last++
    }
    for (const { bytes, hash } of next.blobs ?? []) statements.keep.run(place.key, hash, bytes)
    if (next.after > 0 && next.summary !== undefined) summarise(place.key, next.summary)
    return true
  }

  const forget = () => written.clear()

  return Store.Store.of({
    durability,
    commit: (appends) =>
      Effect.map(
        transaction(
          "commit",
          () => {
            let refused: Set<string> | undefined
            for (const next of appends) if (!write(next)) refused = (refused ?? new Set()).add(next.run)
            return refused ?? nobody
          },
          forget
        ),
        (refused) => {
          for (const { run, summary } of appends) {
            news.changed(run)
            if (summary?.due !== undefined) news.woken()
          }
          return refused
        }
      ),
    post: (run, event) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(
          transaction("post", () => {
            const row = statements.find.get(run)
            if (row === undefined) return false
            const key = Number(row["key"])
            append(key, Number(row["last"]) + 1, event)
            const summary = decodeSummary(row["summary"])
            if (!Run.isOver(summary.status)) summarise(key, { ...summary, due: Math.min(summary.due ?? now, now) })
            return true
          }),
          (known) => {
            if (known) {
              news.changed(run)
              news.woken()
            }
            return known
          }
        )
      ),
    read: (run, after, limit) =>
      attempt("read", () =>
        statements.read.all(run, after, Math.max(0, limit)).map((row) => ({
          sequence: Number(row["sequence"]),
          at: Number(row["at"]),
          kind: String(row["kind"]),
          json: String(row["json"])
        }))
      ),
    changes: news.changes,
    list: (query) =>
      Effect.flatMap(Cursor.decode(query.cursor), (cursor) =>
        attempt("list", () => {
          const { params, where } = conditions(query, cursor)
          const limit = Math.max(1, query.limit ?? 100)
          const found = db
            .prepare(`SELECT summary FROM runs WHERE ${where} ORDER BY created DESC, id DESC LIMIT ?`)
            .all(...params, limit + 1)
          const items = found.slice(0, limit).map((row) => decodeSummary(row["summary"]))
          const last = items.at(-1)
          return last !== undefined && found.length > limit ? { items, next: Cursor.encode(last) } : { items }
        })
      ),
    blob: (run, hash) =>
      attempt("read", () => {
        const bytes = statements.blob.get(run, hash)?.["bytes"]
        return bytes instanceof Uint8Array ? bytes : undefined
      }),
    remove: (run) =>
      Effect.map(
        transaction("remove", () => {
          const row = statements.find.get(run)
          if (row === undefined) return
          const key = Number(row["key"])
          statements.removeEvents.run(key)
          statements.removeBlobs.run(key)
          statements.remove.run(key)
          if (row["owner"] !== null) statements.lose.run(String(row["owner"]), run)
          written.delete(run)
        }),
        () => news.changed(run)
      )
  })
}

// internal

/** A run's integer key, 20 bytes a row less than its id, and the last sequence in use. */
interface Place {
  readonly key: number
  last: number
}

/** Places kept in memory. */
const remembered = 10_000
const nobody: ReadonlySet<string> = new Set()

const decodeSummary = Schema.decodeUnknownSync(Schema.fromJsonString(Store.RunSummary))

const conditions = (
  { due, since, status, tag, workflow }: Store.RunQuery,
  cursor: Cursor.Cursor | undefined
): { readonly where: string; readonly params: ReadonlyArray<SQLInputValue> } => {
  const parts: ReadonlyArray<readonly [sql: string, values: ReadonlyArray<SQLInputValue> | undefined]> = [
    [`status IN (${status?.map(() => "?").join(", ")})`, status],
    ["workflow = ?", workflow === undefined ? undefined : [workflow]],
    ["EXISTS (SELECT 1 FROM json_each(summary, '$.tags') WHERE value = ?)", tag === undefined ? undefined : [tag]],
    ["created >= ?", since === undefined ? undefined : [since]],
    ["due <= ?", due === undefined ? undefined : [due]],
    ["(created, id) < (?, ?)", cursor]
  ]
  const asked = parts.filter(([, values]) => values !== undefined)
  return {
    where: asked.map(([sql]) => sql).join(" AND ") || "true",
    params: asked.flatMap(([, values]) => values ?? [])
  }
}
