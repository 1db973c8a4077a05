/** Small things by key. What has expired is not given out, and is deleted with the next `put`. */
import { Cursor, KeyValues } from "@gleitzeit/core"
import { Clock, Effect, type Schema } from "effect"
import type { SQLOutputValue } from "node:sqlite"
import type { Database } from "./Database.ts"
import type { Statements } from "./statements.ts"

export const make = ({ attempt, transaction }: Database, statements: Statements): KeyValues.KeyValues["Service"] => {
  const find = (key: string, now: number): KeyValues.Entry | undefined => {
    const row = statements.get.get(key, now)
    return row === undefined ? undefined : entry(row)
  }

  return KeyValues.KeyValues.of({
    get: (key) => Effect.flatMap(Clock.currentTimeMillis, (now) => attempt("read", () => find(key, now))),
    put: (key, value, options = {}) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        transaction("put", () => {
          if (options.version !== undefined && (find(key, now)?.version ?? 0) !== options.version) return undefined
          statements.expire.run(now)
          const until = options.ttl === undefined ? null : now + options.ttl
          return Number(statements.put.run(key, JSON.stringify(value), until).lastInsertRowid)
        })
      ),
    remove: (key) => attempt("remove", () => void statements.delete.run(key)),
    list: (prefix, cursor) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt("list", () => {
          const from = cursor !== undefined && Cursor.compareText(cursor, prefix) > 0 ? cursor : prefix
          // keys of one prefix stand together: the first other one ends them
          const rows = statements.page.all(from, cursor ?? null, now, page + 1).map(entry)
          const end = rows.findIndex(({ key }) => !key.startsWith(prefix))
          const items = (end < 0 ? rows : rows.slice(0, end)).slice(0, page)
          const last = items.at(-1)
          return last !== undefined && (end < 0 ? rows.length : end) > page ? { items, next: last.key } : { items }
        })
      )
  })
}

// internal

const page = 100

const entry = (row: { readonly [column: string]: SQLOutputValue }): KeyValues.Entry => {
  const value: Schema.Json = JSON.parse(String(row["value"]))
  return { key: String(row["key"]), value, version: Number(row["version"]) }
}
