/** SQLite without an engine: what it gives at this moment, and what an engine asks of it. */
import { DatabaseSync, type StatementSync } from "node:sqlite"

/** Single-insert transactions a second (WAL, NORMAL): the median of five times 2,000. Takes about 0.3 s. */
export const raw = (filename: string): number => {
  const db = new DatabaseSync(filename)
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE step(run INT, name TEXT, status TEXT, output TEXT, PRIMARY KEY(run, name)) WITHOUT ROWID`)
  const insert = db.prepare("INSERT INTO step VALUES(?, ?, ?, ?)")
  const rates = Array.from({ length: 5 }, (_, run) => {
    const begun = performance.now()
    for (let i = 0; i < 2000; i++) insert.run(run, `step${run * 2000 + i}`, "done", `{"ok":true}`)
    return 2000 / ((performance.now() - begun) / 1000)
  })
  db.close()
  return rates.toSorted((a, b) => a - b)[2] ?? 0
}

/** Counts transactions that write, from now on, in every database of this process. */
export const countCommits = (): (() => number) => {
  let commits = 0
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql, ...more) {
    const statement = prepare.call(this, sql, ...more)
    const ends = /^\s*commit/i.test(sql)
    const writes = /^\s*(insert|update|delete|replace)/i.test(sql)
    if (!ends && !writes) return statement
    for (const name of ["run", "get", "all"] as const)
      count(statement, name, () => (commits += ends || !this.isTransaction ? 1 : 0))
    return statement
  }
  return () => commits
}

// internal

const count = (statement: StatementSync, name: "run" | "get" | "all", tell: () => void): void => {
  const plain: (...values: ReadonlyArray<never>) => unknown = statement[name].bind(statement)
  Object.defineProperty(statement, name, {
    value: (...values: ReadonlyArray<never>) => {
      tell()
      return plain(...values)
    }
  })
}
