/**
 * Who wants to know when a run changes. What this process commits is told at once; that others have committed is seen
 * by SQLite's `data_version`, asked every 25 ms, backing off to 250 ms while nothing happens, and only while somebody
 * listens.
 */
import { type Errors, Hints } from "@gleitzeit/core"
import { Effect, RcRef, type Scope, type Stream } from "effect"
import type { Database } from "./Database.ts"
import type { Statements } from "./statements.ts"

export interface News {
  readonly changed: (run: string) => void
  readonly woken: () => void
  readonly changes: (run: string) => Stream.Stream<void, Errors.StoreError>
  readonly wakes: Stream.Stream<void, Errors.StoreError>
}

export const make = (database: Database, statements: Statements): Effect.Effect<News, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runs = new Hints.Hints()
    const wakes = new Hints.Hints()
    /** How far each watched run was when the others were last looked at. */
    const positions = new Map<string, string>()

    const version = database.attempt("read", () => Number(statements.version.get()?.["data_version"]))

    const positionOf = (run: string) => {
      const row = statements.position.get(run)
      return row === undefined ? "" : `${row["key"]}:${row["last"]}`
    }

    /** Which run the others have written to is not told, so the watched ones are looked at. */
    const announce = database.attempt("read", () => {
      wakes.notify(everybody)
      const watched = new Set(runs.topics)
      for (const run of positions.keys()) if (!watched.has(run)) positions.delete(run)
      for (const run of watched) {
        const position = positionOf(run)
        if (positions.get(run) === position) continue
        positions.set(run, position)
        runs.notify(run)
      }
    })

    const poll = (known: number): Effect.Effect<never> => {
      let last = known
      let pause = fast
      const look = Effect.flatMap(version, (next) => {
        pause = next === last ? Math.min(pause * 1.5, slow) : fast
        if (next === last) return Effect.void
        last = next
        return announce
      })
      // what fails here fails again where it can be told: whoever is hinted at reads
      const tellAll = Effect.sync(() => {
        pause = slow
        wakes.notify(everybody)
        for (const run of runs.topics) runs.notify(run)
      })
      return Effect.forever(
        Effect.andThen(
          Effect.suspend(() => Effect.sleep(pause)),
          look.pipe(Effect.catch(() => tellAll))
        )
      )
    }
    const poller = yield* RcRef.make({
      acquire: Effect.flatMap(version, (known) => Effect.forkScoped(poll(known)))
    })

    return {
      changed: (run) => runs.notify(run),
      woken: () => wakes.notify(everybody),
      changes: (run) =>
        runs.stream(
          run,
          Effect.andThen(
            RcRef.get(poller),
            database.attempt("read", () => positions.has(run) || positions.set(run, positionOf(run)))
          )
        ),
      wakes: wakes.stream(everybody, RcRef.get(poller))
    }
  })

// internal

const fast = 25
const slow = 250
const everybody = ""
