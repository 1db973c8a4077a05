/**
 * The layout of the file, in steps. A step that was released is never edited: another is added. Forward only; a file
 * that a later program has laid out is refused, not guessed at.
 */
import type { DatabaseSync } from "node:sqlite"
import { Refusal } from "./SqliteFailure.ts"

const steps: ReadonlyArray<string> = [
  `
  -- "key" is never used again, so an event can not land in a run that took a removed one's place.
  CREATE TABLE runs (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    owner TEXT,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    created REAL NOT NULL,
    due REAL,
    summary TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_created ON runs (created, id);
  CREATE INDEX runs_due ON runs (scope, due, id) WHERE due IS NOT NULL AND status IN ('pending', 'running', 'waiting');

  CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs (key),
    sequence INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (run, sequence)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE blobs (
    run INTEGER NOT NULL REFERENCES runs (key),
    hash TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, hash)
  ) STRICT;

  -- Until when each owner is alive, and what it has lost since it last asked.
  CREATE TABLE owners (id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE lost (owner TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (owner, run)) STRICT, WITHOUT ROWID;

  CREATE TABLE entries (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    until REAL
  ) STRICT;
  CREATE INDEX entries_until ON entries (until) WHERE until IS NOT NULL;
  `
]

/** Brings the file to this program's layout, in one transaction. Whoever comes second finds it done. */
export const migrate = (db: DatabaseSync, filename: string): void => {
  if (layoutOf(db, filename) === steps.length) return
  db.exec("BEGIN IMMEDIATE")
  try {
    for (const step of steps.slice(layoutOf(db, filename))) db.exec(step)
    db.exec(`PRAGMA application_id = ${gleitzeit}; PRAGMA user_version = ${steps.length}; COMMIT`)
  } catch (cause) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw cause
  }
}

/** How many steps the file has behind it. Refuses a file that is not ours, before anything is changed in it. */
export const layoutOf = (db: DatabaseSync, filename: string): number => {
  const layout = pragma(db, "user_version")
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"])
  if (tables > 0 && pragma(db, "application_id") !== gleitzeit) {
    throw new Refusal(`${filename} belongs to another program`, "name another file, for instance gleitzeit.db")
  }
  if (layout > steps.length) {
    throw new Refusal(
      `${filename} has layout ${layout}, and this program knows layouts up to ${steps.length}`,
      "use the version of gleitzeit that wrote it, or a later one"
    )
  }
  return layout
}

// internal

/** "GLZT". */
const gleitzeit = 0x474c5a54

const pragma = (db: DatabaseSync, name: string): number => Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
