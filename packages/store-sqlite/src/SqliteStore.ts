/**
 * Store, leases and key-values in one SQLite file, on `node:sqlite`, for any number of processes of one host. Every call
 * blocks the event loop for as long as SQLite takes, waiting for another process's write at most 20 ms at a time: a
 * commit costs microseconds with `durability: "process"`, and an fsync (0.1 to 10 ms, by disk) with `"power"`. A file on
 * a network share is not supported.
 */
import { Backend, type Errors, type KeyValues, type Leases, type Store } from "@gleitzeit/core"
import { Effect, type Layer, type Scope } from "effect"
import * as Database from "./Database.ts"
import * as News from "./News.ts"
import * as SqliteKeyValues from "./SqliteKeyValues.ts"
import * as SqliteLeases from "./SqliteLeases.ts"
import * as SqliteRuns from "./SqliteRuns.ts"
import { prepare } from "./statements.ts"

export interface Options {
  /** A path, made with its folder when missing (modes 0600 and 0700); or `:memory:`, gone when the layer closes. */
  readonly filename: string
  /** What a commit survives: `process` kill -9, `power` (default) also a power loss. */
  readonly durability?: "process" | "power"
  /** How long to wait while another process writes, in milliseconds. Default 30,000. */
  readonly busyTimeout?: number
}

/** Opens the file, lays it out or brings it up to date, and closes it with the scope. */
export const make = (options: Options): Effect.Effect<Backend.Backend, Errors.StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const { busyTimeout = 30_000, durability = "power", filename } = options
    const database = yield* Database.open({ filename, durability, busyTimeout })
    const statements = yield* database.attempt("open", () => prepare(database.db))
    const news = yield* News.make(database, statements)
    const survives = filename === Database.inMemory ? "none" : durability
    return {
      store: SqliteRuns.make(database, statements, news, survives),
      leases: SqliteLeases.make(database, statements, news),
      keyValues: SqliteKeyValues.make(database, statements)
    }
  })

export const layer = (
  options: Options
): Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, Errors.StoreError> => Backend.layer(make(options))
