/**
 * Who drives which run. An owner's lease is one row for all its runs; a dead process of this host is found out before
 * its lease ends. Time is the `Clock`'s, and all processes of a host share it.
 */
import { Leases } from "@gleitzeit/core"
import { Clock, Effect } from "effect"
import type { Database } from "./Database.ts"
import type { News } from "./News.ts"
import * as Owner from "./Owner.ts"
import type { Statements } from "./statements.ts"

export const make = (
  { attempt, transaction }: Database,
  statements: Statements,
  news: News
): Leases.Leases["Service"] => {
  const give = (key: number, run: string, former: string | undefined, owner: string, until: number) => {
    if (former !== undefined && former !== owner) statements.lose.run(former, run)
    statements.regain.run(owner, run)
    statements.own.run(owner, key)
    statements.extend.run(owner, until)
  }

  const free = (scope: string, now: number, n: number) =>
    statements.free.all(scope, now, now, n).map((row) => ({
      key: Number(row["key"]),
      run: String(row["id"]),
      former: row["owner"] === null ? undefined : String(row["owner"])
    }))

  /** Owners whose lease runs on although their process is gone. */
  const dead = (now: number) =>
    statements.alive
      .all(now)
      .map((row) => String(row["id"]))
      .filter((owner) => !Owner.isAlive(owner))

  const isAlive = (owner: string, now: number) =>
    Number(statements.until.get(owner)?.["until"] ?? 0) > now && Owner.isAlive(owner)

  return Leases.Leases.of({
    take: (owner, scope, n, ttl) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const take = transaction("take", () => {
          for (const id of dead(now)) statements.beat.run(id, 0)
          const taken = free(scope, now, Math.max(0, n))
          for (const { former, key, run } of taken) give(key, run, former, owner, now + ttl)
          return taken.map(({ run }) => run)
        })
        // asked every second: takes the write lock only when there is something to take
        return Effect.flatMap(
          attempt("take", () => dead(now).length > 0 || free(scope, now, 1).length > 0),
          (some) => (some ? take : Effect.succeed([]))
        )
      }),
    idle: (scope, n) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt("idle", () =>
          statements.due
            .all(scope, now)
            .filter(({ owner }) => owner === null || !isAlive(String(owner), now))
            .slice(0, Math.max(0, n))
            .map((row) => String(row["id"]))
        )
      ),
    claim: (run, owner, { force = false, ttl }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        transaction("claim", () => {
          const row = statements.find.get(run)
          if (row === undefined) return { heldBy: "" }
          const former = row["owner"] === null ? undefined : String(row["owner"])
          const isFree = force || row["over"] === 1
          if (!isFree && former !== undefined && former !== owner && isAlive(former, now)) return { heldBy: former }
          give(Number(row["key"]), run, former, owner, now + ttl)
          return true
        })
      ),
    beat: (owner, ttl) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        transaction("beat", () => {
          statements.beat.run(owner, now + ttl)
          for (const row of statements.forget.all(now - day)) statements.lost.all(row["id"] ?? null)
          return statements.lost.all(owner).map((row) => String(row["run"]))
        })
      ),
    release: (runs, owner) =>
      runs.length === 0
        ? Effect.void
        : Effect.map(
            transaction("release", () => {
              for (const run of runs) statements.release.run(run, owner)
            }),
            news.woken
          ),
    wakes: news.wakes
  })
}

// internal

/** How long a silent owner is remembered. */
const day = 24 * 60 * 60 * 1000
