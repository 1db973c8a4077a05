/** What holds of leases, whatever the store. */
import { assert } from "@effect/vitest"
import { Leases, Store } from "@gleitzeit/core"
import { Clock, Effect, Queue, Stream } from "effect"
import { append, creation, event, fresh, resting, type Suite, summary } from "./StoreSample.ts"

export const define = ({ elapse, fact }: Suite): void => {
  fact(
    "a run belongs to who created it for as long as that one is alive",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a, b] = [fresh(), fresh("a"), fresh("b")]
      yield* leases.beat(a, ttl)
      yield* store.commit([creation(run, { owner: a })])
      assert.deepStrictEqual(yield* leases.claim(run, b, { ttl }), { heldBy: a })
      yield* elapse(ttl + 1)
      assert.isTrue(yield* leases.claim(run, b, { ttl }))
      assert.deepStrictEqual(yield* leases.claim(run, a, { ttl }), { heldBy: b })
    })
  )

  fact(
    "a run that nobody holds is given to whoever claims it, again and again",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a, b] = [fresh(), fresh("a"), fresh("b")]
      yield* store.commit([creation(run)])
      assert.isTrue(yield* leases.claim(run, a, { ttl }))
      assert.isTrue(yield* leases.claim(run, a, { ttl }))
      assert.deepStrictEqual(yield* leases.claim(run, b, { ttl }), { heldBy: a })
    })
  )

  fact(
    "an unknown run is held by nobody and cannot be claimed",
    Effect.gen(function* () {
      const { leases } = yield* services
      assert.deepStrictEqual(yield* leases.claim(fresh(), fresh("a"), { ttl }), { heldBy: "" })
      assert.deepStrictEqual(yield* leases.claim(fresh(), fresh("a"), { ttl, force: true }), { heldBy: "" })
    })
  )

  fact(
    "force takes a run from the living, who hear of it once",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, other, a, b] = [fresh(), fresh(), fresh("a"), fresh("b")]
      yield* leases.beat(a, ttl)
      yield* store.commit([creation(run, { owner: a }), creation(other, { owner: a })])
      assert.isTrue(yield* leases.claim(run, b, { ttl, force: true }))
      assert.deepStrictEqual(yield* leases.claim(run, a, { ttl }), { heldBy: b })
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [run])
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [])
      assert.deepStrictEqual(yield* leases.beat(b, ttl), [])
    })
  )

  fact(
    "a run that was won back is not lost",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a, b] = [fresh(), fresh("a"), fresh("b")]
      yield* store.commit([creation(run)])
      for (const owner of [a, b, a]) yield* leases.claim(run, owner, { ttl, force: true })
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [])
      assert.deepStrictEqual(yield* leases.beat(b, ttl), [run])
    })
  )

  fact(
    "a beat keeps all runs of its owner, and one that came late loses nothing that nobody wanted",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [one, two, a, b] = [fresh(), fresh(), fresh("a"), fresh("b")]
      yield* store.commit([creation(one), creation(two)])
      yield* leases.claim(one, a, { ttl })
      yield* leases.claim(two, a, { ttl })
      for (let beat = 0; beat < 5; beat++) {
        yield* elapse(ttl / 2)
        assert.deepStrictEqual(yield* leases.beat(a, ttl), [])
      }
      assert.deepStrictEqual(yield* leases.claim(one, b, { ttl }), { heldBy: a })
      yield* elapse(ttl * 3)
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [])
      assert.deepStrictEqual(yield* leases.claim(two, b, { ttl }), { heldBy: a })
    })
  )

  fact(
    "a claim does not shorten the lease of the owner's other runs",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [one, two, a, b] = [fresh(), fresh(), fresh("a"), fresh("b")]
      yield* store.commit([creation(one), creation(two)])
      yield* leases.claim(one, a, { ttl })
      yield* leases.claim(two, a, { ttl: ttl / 10 })
      yield* elapse(ttl / 2)
      assert.deepStrictEqual(yield* leases.claim(one, b, { ttl }), { heldBy: a })
    })
  )

  fact(
    "only its holder releases a run, and then it is free and not lost",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a, b] = [fresh(), fresh("a"), fresh("b")]
      yield* store.commit([creation(run)])
      yield* leases.claim(run, a, { ttl })
      yield* leases.release([run, fresh()], b)
      assert.deepStrictEqual(yield* leases.claim(run, b, { ttl }), { heldBy: a })
      yield* leases.release([run], a)
      assert.isTrue(yield* leases.claim(run, b, { ttl }))
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [])
    })
  )

  fact(
    "who held a removed run hears of it",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a] = [fresh(), fresh("a")]
      yield* store.commit([creation(run)])
      yield* leases.claim(run, a, { ttl })
      yield* store.remove(run)
      assert.deepStrictEqual(yield* leases.beat(a, ttl), [run])
      assert.deepStrictEqual(yield* leases.claim(run, a, { ttl }), { heldBy: "" })
    })
  )

  fact(
    "take gives runs of the scope that are due and free, the longest due first",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [scope, a, b, dead] = [fresh("scope"), fresh("a"), fresh("b"), fresh("dead")]
      yield* elapse(1000)
      const now = yield* Clock.currentTimeMillis
      const make = (name: string, due: number | undefined, facts: Partial<Store.Append> = {}) => {
        const run = `${name}-${scope}`
        const seen = due === undefined ? resting(run, { status: "waiting" }) : summary(run, { due })
        return creation(run, { scope, summary: seen, ...facts })
      }
      yield* leases.beat(b, ttl)
      yield* store.commit([
        make("ann", now - 1),
        make("zoe", now - 9),
        make("max", now - 5, { owner: dead }),
        make("later", now + 60_000),
        make("resting", undefined),
        make("driven", now - 9, { owner: b }),
        make("elsewhere", now - 9, { scope: fresh("scope") }),
        make("over", now - 9, { summary: summary(`over-${scope}`, { status: "completed", due: now - 9 }) })
      ])
      const names = (runs: ReadonlyArray<string>) => runs.map((run) => run.split("-")[0])
      assert.deepStrictEqual(yield* leases.take(a, scope, 0, ttl), [])
      assert.deepStrictEqual(names(yield* leases.take(a, scope, 2, ttl)), ["zoe", "max"])
      assert.deepStrictEqual(names(yield* leases.take(a, scope, 9, ttl)), ["ann"])
      assert.deepStrictEqual(yield* leases.take(b, scope, 9, ttl), [])
      assert.deepStrictEqual(yield* leases.claim(`zoe-${scope}`, b, { ttl }), { heldBy: a })
    })
  )

  fact(
    "idle names the runs that take would give, the longest due first, and leaves them as they are",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [scope, a, b] = [fresh("scope"), fresh("a"), fresh("b")]
      yield* elapse(1000)
      const now = yield* Clock.currentTimeMillis
      const [early, late, later, driven, elsewhere, over] = [fresh(), fresh(), fresh(), fresh(), fresh(), fresh()]
      const make = (run: string, due: number, facts: Partial<Store.Append> = {}) =>
        creation(run, { scope, summary: summary(run, { due }), ...facts })
      yield* leases.beat(b, ttl)
      yield* store.commit([
        make(late, now - 1),
        make(early, now - 9),
        make(later, now + 60_000),
        make(driven, now - 9, { owner: b }),
        make(elsewhere, now - 9, { scope: fresh("scope") }),
        make(over, now - 9, { summary: summary(over, { status: "failed", due: now - 9 }) })
      ])
      assert.deepStrictEqual(yield* leases.idle(scope, 0), [])
      assert.deepStrictEqual(yield* leases.idle(scope, 1), [early])
      assert.deepStrictEqual(yield* leases.idle(scope, 9), [early, late])
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [early, late])
      assert.deepStrictEqual(yield* leases.idle(scope, 9), [])
      yield* elapse(ttl + 1)
      assert.sameMembers([...(yield* leases.idle(scope, 9))], [early, late, driven])
    })
  )

  fact(
    "take gives a run whose timer is up, whose driver fell silent, that was released or posted to",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [scope, a, b] = [fresh("scope"), fresh("a"), fresh("b")]
      const run = (name: string) => `${name}-${scope}`
      const now = yield* Clock.currentTimeMillis
      yield* leases.beat(b, ttl)
      yield* store.commit([
        creation(run("timer"), { scope, summary: summary(run("timer"), { status: "waiting", due: now + 500 }) }),
        creation(run("posted"), { scope, summary: resting(run("posted"), { status: "waiting" }) }),
        creation(run("released"), { scope, owner: b }),
        creation(run("silent"), { scope, owner: b })
      ])
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [])
      yield* leases.release([run("released")], b)
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [run("released")])
      yield* store.post(run("posted"), event("Answered"))
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [run("posted")])
      yield* elapse(501)
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [run("timer")])
      yield* elapse(ttl)
      yield* leases.beat(a, ttl)
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [run("silent")])
      assert.deepStrictEqual(yield* leases.beat(b, ttl), [run("silent")])
    })
  )

  fact(
    "a run at rest is not taken, and is again once it says when it is due",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, scope, a] = [fresh(), fresh("scope"), fresh("a")]
      yield* store.commit([creation(run, { scope })])
      yield* store.commit([{ ...append(run, 1, "A"), summary: resting(run, { status: "waiting" }) }])
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [])
      yield* store.commit([{ ...append(run, 2, "B"), summary: summary(run) }])
      assert.deepStrictEqual(yield* leases.take(a, scope, 9, ttl), [run])
    })
  )

  fact(
    "of takers at the same time each run goes to one",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const scope = fresh("scope")
      const runs = Array.from({ length: 40 }, () => fresh())
      for (const run of runs) yield* store.commit([creation(run, { scope })])
      const takers = Array.from({ length: 8 }, (_, n) => leases.take(fresh(`taker${n}`), scope, 7, ttl))
      const taken = (yield* Effect.all(takers, { concurrency: "unbounded" })).flat()
      assert.deepStrictEqual(taken.toSorted(), runs.toSorted())
    })
  )

  fact(
    "`wakes` gives one element at once, and one after a new run, a post and a release",
    Effect.gen(function* () {
      const { leases, store } = yield* services
      const [run, a] = [fresh(), fresh("a")]
      const hints = yield* Queue.unbounded<void>()
      yield* Effect.forkScoped(Stream.runForEach(leases.wakes, () => Queue.offer(hints, undefined)))
      yield* Queue.take(hints)
      yield* store.commit([creation(run)])
      yield* Queue.take(hints)
      yield* store.post(run, event("CancelRequested"))
      yield* Queue.take(hints)
      yield* leases.claim(run, a, { ttl })
      yield* leases.release([run], a)
      yield* Queue.take(hints)
    })
  )
}

// internal

const ttl = 1000

const services = Effect.gen(function* () {
  return { store: yield* Store.Store, leases: yield* Leases.Leases }
})
