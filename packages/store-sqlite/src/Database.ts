/**
 * One open file. `attempt` and `transaction` are the only ways to it: they turn failures into `StoreError`, and wait as
 * an effect while another process writes, because SQLite waits by blocking the event loop.
 */
import type { Errors } from "@gleitzeit/core"
import { Effect, Schedule, type Scope } from "effect"
import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { layoutOf, migrate } from "./migrations.ts"
import { Refusal, toStoreError } from "./SqliteFailure.ts"

export interface Database {
  readonly db: DatabaseSync
  readonly attempt: <A>(operation: string, run: () => A) => Effect.Effect<A, Errors.StoreError>
  /** All that `run` writes or nothing; `undo` is told when it was nothing. */
  readonly transaction: <A>(operation: string, run: () => A, undo?: () => void) => Effect.Effect<A, Errors.StoreError>
}

export interface Settings {
  readonly filename: string
  readonly durability: "process" | "power"
  /** Milliseconds. */
  readonly busyTimeout: number
}

/** A file of this process alone, never on a disk. */
export const inMemory = ":memory:"

/** Makes the file and its folder, for their owner only, where they are missing. */
export const open = (settings: Settings): Effect.Effect<Database, Errors.StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const { filename } = settings
    const attempt = attemptWith(settings)
    const db = yield* Effect.acquireRelease(
      attempt("open", () => {
        if (filename !== inMemory) touch(filename)
        return new DatabaseSync(filename, { timeout: blocking, enableForeignKeyConstraints: true })
      }),
      (db) => Effect.sync(() => db.close())
    )
    yield* attempt("open", () => configure(db, settings))
    const begin = db.prepare("BEGIN IMMEDIATE")
    const commit = db.prepare("COMMIT")
    const rollback = db.prepare("ROLLBACK")
    return {
      db,
      attempt,
      transaction: (operation, run, undo) =>
        attempt(operation, () => {
          begin.run()
          try {
            const value = run()
            commit.run()
            return value
          } catch (cause) {
            undo?.()
            // some failures have rolled back already
            if (db.isTransaction) rollback.run()
            throw cause
          }
        })
    }
  })

// internal

/** How long SQLite may block the event loop for another process, in milliseconds. */
const blocking = 20

const attemptWith = ({ busyTimeout, filename }: Settings): Database["attempt"] => {
  const patience = Schedule.min([Schedule.exponential(5), Schedule.spaced(100)]).pipe(
    Schedule.jittered,
    Schedule.upTo({ duration: busyTimeout })
  )
  return (operation, run) =>
    // plain on the way that nothing goes wrong: this is what a commit costs besides SQLite
    Effect.suspend(() => {
      try {
        return Effect.succeed(run())
      } catch (cause) {
        const error = toStoreError(operation, filename, cause)
        if (!error.retryable || busyTimeout <= 0) return Effect.fail(error)
        const again = Effect.try({ try: run, catch: (cause) => toStoreError(operation, filename, cause) })
        return Effect.delay(Effect.retry(again, { while: isRetryable, schedule: patience }), 5)
      }
    })
}

const isRetryable = (error: Errors.StoreError): boolean => error.retryable

/**
 * A missing file is made here, because SQLite would let everybody read it; it gives the files beside it the same mode.
 * One that is there is not opened: closing it again would take away the locks that this process has on it.
 */
const touch = (filename: string): void => {
  const folder = dirname(filename)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = statSync(filename, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) {
    throw new Refusal(`${filename} is a folder`, `name a file in it, for instance ${filename}/gleitzeit.db`)
  }
  accessSync(folder, constants.W_OK)
  if (found !== undefined) return accessSync(filename, constants.R_OK | constants.W_OK)
  try {
    closeSync(openSync(filename, "wx", 0o600))
  } catch (cause) {
    const made = cause instanceof Error && "code" in cause && cause.code === "EEXIST"
    if (!made) throw cause // else another process was faster
  }
}

const configure = (db: DatabaseSync, { durability, filename }: Settings): void => {
  layoutOf(db, filename) // before anything is changed in a file that is not ours
  const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"]
  if (mode !== "wal" && filename !== inMemory) {
    throw new Refusal(
      `${filename} cannot have a write-ahead log`,
      "it may lie on a network share: name a file on a local disk"
    )
  }
  // fullfsync: on macOS an ordinary fsync leaves the data in the disk's cache
  db.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL; PRAGMA fullfsync = 1" : "NORMAL"}`)
  // pages of the log before they are moved into the file, 16 MB: a hot page is moved once, and one run in many waits for it
  db.exec("PRAGMA wal_autocheckpoint = 4000")
  migrate(db, filename)
}
