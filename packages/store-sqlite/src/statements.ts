/** Every statement of the hot and the warm path, prepared once. What each answers is its reader's business. */
import type { DatabaseSync } from "node:sqlite"

const unfinished = "status IN ('pending', 'running', 'waiting')"

export const prepare = (db: DatabaseSync) => ({
  // runs
  create: db.prepare(`INSERT INTO runs (id, scope, owner, workflow, status, created, due, summary)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`),
  find: db.prepare(`SELECT key, owner, summary, NOT (${unfinished}) AS over, (SELECT max(sequence) FROM events WHERE run = key) AS last
    FROM runs WHERE id = ?`),
  position: db.prepare("SELECT key, (SELECT max(sequence) FROM events WHERE run = key) AS last FROM runs WHERE id = ?"),
  summarise: db.prepare(`UPDATE runs SET workflow = ?, status = ?, created = ?, due = ?, summary = ? WHERE key = ?`),
  remove: db.prepare("DELETE FROM runs WHERE key = ?"),

  // events and blobs
  /** The primary key is the fence: nothing is changed where the number is taken. */
  append: db.prepare(
    "INSERT INTO events (run, sequence, at, kind, json) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
  ),
  read: db.prepare(`SELECT sequence, at, kind, json FROM events
    WHERE run = (SELECT key FROM runs WHERE id = ?) AND sequence > ? ORDER BY sequence LIMIT ?`),
  removeEvents: db.prepare("DELETE FROM events WHERE run = ?"),
  keep: db.prepare("INSERT INTO blobs (run, hash, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
  blob: db.prepare("SELECT bytes FROM blobs WHERE run = (SELECT key FROM runs WHERE id = ?) AND hash = ?"),
  removeBlobs: db.prepare("DELETE FROM blobs WHERE run = ?"),

  // leases
  free: db.prepare(`SELECT key, id, owner FROM runs WHERE scope = ? AND due <= ? AND due IS NOT NULL AND ${unfinished}
    AND NOT EXISTS (SELECT 1 FROM owners WHERE owners.id = runs.owner AND until > ?) ORDER BY due, id LIMIT ?`),
  due: db.prepare(
    `SELECT id, owner FROM runs WHERE scope = ? AND due <= ? AND due IS NOT NULL AND ${unfinished} ORDER BY due, id`
  ),
  own: db.prepare("UPDATE runs SET owner = ? WHERE key = ?"),
  release: db.prepare("UPDATE runs SET owner = NULL WHERE id = ? AND owner = ?"),
  alive: db.prepare("SELECT id FROM owners WHERE until > ?"),
  until: db.prepare("SELECT until FROM owners WHERE id = ?"),
  beat: db.prepare(
    "INSERT INTO owners (id, until) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until"
  ),
  extend: db.prepare(`INSERT INTO owners (id, until) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET until = max(until, excluded.until)`),
  forget: db.prepare("DELETE FROM owners WHERE until < ? RETURNING id"),
  lose: db.prepare("INSERT INTO lost (owner, run) VALUES (?, ?) ON CONFLICT DO NOTHING"),
  regain: db.prepare("DELETE FROM lost WHERE owner = ? AND run = ?"),
  lost: db.prepare("DELETE FROM lost WHERE owner = ? RETURNING run"),

  // key-values
  get: db.prepare("SELECT key, value, version FROM entries WHERE key = ? AND (until IS NULL OR until > ?)"),
  /** A replaced row gets a version above all there ever were. */
  put: db.prepare("INSERT OR REPLACE INTO entries (key, value, until) VALUES (?, ?, ?)"),
  expire: db.prepare("DELETE FROM entries WHERE until IS NOT NULL AND until <= ?"),
  delete: db.prepare("DELETE FROM entries WHERE key = ?"),
  page: db.prepare(`SELECT key, value, version FROM entries
    WHERE key >= ? AND key IS NOT ? AND (until IS NULL OR until > ?) ORDER BY key LIMIT ?`),

  /** Another number whenever another connection has committed. */
  version: db.prepare("PRAGMA data_version")
})

export type Statements = ReturnType<typeof prepare>
