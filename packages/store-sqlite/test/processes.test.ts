/** What only real processes show: several of them on one file, killed in the middle of a commit, out of room or rights. */
import { assert, describe, it } from "@effect/vitest"
import { StoreSample } from "@gleitzeit/testkit"
import { Clock, Effect, Fiber, Schema, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, statSync } from "node:fs"
import { platform } from "node:os"
import { dirname, join } from "node:path"
import { SqliteStore } from "../src/index.ts"
import { type Child, start as startProgram } from "./child.ts"
import { file, folder } from "./folder.ts"

const { append, creation, event } = StoreSample

const start = (
  args: ReadonlyArray<string>,
  options?: { readonly shell?: string; readonly uid?: number }
): Effect.Effect<Child, never, Scope.Scope> => startProgram("journals.ts", args, options)

const read = Effect.fnUntraced(function* (filename: string, run: string) {
  const { store } = yield* SqliteStore.make({ filename, durability: "process" })
  return yield* store.read(run, 0, 1_000_000)
}, Effect.scoped)

const gapless = (count: number) => Array.from({ length: count }, (_, n) => n + 1)

describe("processes", () => {
  it.live("four that start on one new file all lay it out and write to it", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const names = ["p", "q", "r", "s"]
      const children = yield* Effect.forEach(names, (name) => start(["share", filename, name, "1"]))
      for (const child of children) {
        const { code, stderr } = yield* child.end
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
      }
      for (const name of names) assert.strictEqual((yield* read(filename, name)).length, 2)
      assert.strictEqual((yield* read(filename, "shared")).length, 5)
    })
  )

  it.live("two that write to the same run and to their own lose nothing and leave no gap", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const count = 1000
      const children = yield* Effect.forEach(["pq", "qp"], ([name = "", peer = ""]) =>
        start(["share", filename, name, String(count), peer])
      )
      const ends = yield* Effect.forEach(children, ({ end }) => end)
      assert.deepStrictEqual(
        ends.map(({ code, stderr }) => [code, stderr]),
        [
          [0, ""],
          [0, ""]
        ]
      )
      const Refused = Schema.Struct({ refused: Schema.Finite })
      const refusals = yield* Effect.forEach(ends, ({ lines }) => Schema.decodeUnknownEffect(Refused)(lines[0]))
      assert.isAbove(
        refusals.reduce((sum, { refused }) => sum + refused, 0),
        0,
        "they came into each other's way"
      )
      const shared = yield* read(filename, "shared")
      assert.deepStrictEqual(
        shared.map(({ sequence }) => sequence),
        gapless(1 + 2 * count)
      )
      for (const name of ["p", "q"]) {
        const theirs = shared.filter(({ kind }) => kind.startsWith(`${name} `)).map(({ kind }) => kind)
        assert.deepStrictEqual(
          theirs,
          Array.from({ length: count }, (_, n) => `${name} ${n}`)
        )
        assert.deepStrictEqual(
          (yield* read(filename, name)).map(({ sequence }) => sequence),
          gapless(1 + count)
        )
      }
    })
  )

  it.live("kill -9 leaves whole commits, all that were acknowledged, and a file that goes on", () =>
    Effect.gen(function* () {
      const filename = yield* file
      for (const commits of [1, 60, 400]) {
        const child = yield* start(["endless", filename])
        yield* child.lines(commits)
        child.process.kill("SIGKILL")
        const { lines } = yield* child.end
        const acknowledged = yield* Schema.decodeUnknownEffect(Schema.Finite)(lines.at(-1))
        const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (run) => read(filename, run))
        const events = a?.map(({ kind, sequence }) => [sequence, kind])
        const length = events?.length ?? 0
        assert.isAtLeast(length, acknowledged)
        assert.strictEqual((length - 1) % 4, 0)
        assert.deepStrictEqual(
          events,
          gapless(length).map((n) => [n, n === 1 ? "RunCreated" : `${n}`])
        )
        assert.deepStrictEqual(b, a)
        assert.deepStrictEqual(c, a)
      }
    })
  )

  it.live("the runs of a killed process are free at once, those of a living one are not", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { leases, store } = yield* SqliteStore.make({ filename, durability: "process" })
      yield* store.commit([creation("a", { scope: "here" }), creation("b", { scope: "here" })])
      const [one, two] = [yield* start(["hold", filename, "a"]), yield* start(["hold", filename, "b"])]
      const owner = String((yield* one.lines(1))[0])
      yield* two.lines(1)
      assert.deepStrictEqual(yield* leases.take("me", "here", 9, 1000), [])
      assert.deepStrictEqual(yield* leases.claim("a", "me", { ttl: 1000 }), { heldBy: owner })
      one.process.kill("SIGKILL")
      yield* one.end
      assert.deepStrictEqual(yield* leases.take("me", "here", 9, 1000), ["a"])
      two.process.kill("SIGKILL")
      yield* two.end
      assert.isTrue(yield* leases.claim("b", "me", { ttl: 1000 }))
    })
  )

  for (const how of ["take", "claim"] as const) {
    it.live(`of two that ${how} the same runs at the same time none is driven twice, and none is left`, () =>
      Effect.gen(function* () {
        const filename = yield* file
        const { store } = yield* SqliteStore.make({ filename, durability: "process" })
        const runs = Array.from({ length: 200 }, (_, n) => `${n}`)
        for (const run of runs) yield* store.commit([creation(run, { scope: "here" })])
        const children = yield* Effect.forEach(["p", "q"], (name) => start([how, filename, name, String(runs.length)]))
        for (const { lines } of children) assert.deepStrictEqual(yield* lines(1), ["ready"])
        const at = (yield* Clock.currentTimeMillis) + 500
        yield* store.commit([creation("go", { scope: "elsewhere", events: [event("RunCreated", "{}", at)] })])
        const driven: Array<ReadonlyArray<string>> = []
        for (const { end } of children) {
          const { code, lines, stderr } = yield* end
          assert.deepStrictEqual([code, stderr], [0, ""])
          driven.push(yield* Schema.decodeUnknownEffect(Schema.Array(Schema.String))(lines[1]))
        }
        assert.sameMembers(driven.flat(), runs)
        for (const run of runs) assert.lengthOf(yield* store.read(run, 0, 10), 2)
      })
    )
  }

  it.live("one that locks the file for two seconds delays what is written, and nothing fails", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { keyValues, leases, store } = yield* SqliteStore.make({ filename, durability: "process" })
      yield* store.commit([creation("a", { scope: "here" }), creation("b", { scope: "here" }), creation("gone")])
      const child = yield* start(["lock", filename, "-", "2000"])
      assert.deepStrictEqual(yield* child.lines(1), ["locked"])
      const began = yield* Clock.currentTimeMillis
      const written = Effect.all(
        [
          store.commit([append("a", 1, "A")]),
          store.post("b", event("CancelRequested")),
          store.remove("gone"),
          leases.claim("a", "me", { ttl: 60_000 }),
          leases.take("me", "here", 9, 60_000),
          leases.beat("me", 60_000),
          keyValues.put("key", 1)
        ],
        { concurrency: "unbounded" }
      )
      const writing = yield* Effect.forkChild(written)
      // reading does not wait
      assert.lengthOf(yield* store.read("a", 0, 10), 1)
      assert.isBelow((yield* Clock.currentTimeMillis) - began, 1000)
      yield* Fiber.join(writing)
      assert.isAbove((yield* Clock.currentTimeMillis) - began, 1500)
      assert.lengthOf(yield* store.read("a", 0, 10), 2)
      assert.lengthOf(yield* store.read("b", 0, 10), 2)
      assert.deepStrictEqual(yield* leases.claim("b", "you", { ttl: 1 }), { heldBy: "me" })
      assert.strictEqual((yield* child.end).code, 0)
    })
  )

  const Full = Schema.Struct({
    last: Schema.Finite,
    readable: Schema.Finite,
    again: Schema.Finite,
    message: Schema.String,
    hint: Schema.String,
    retryable: Schema.Boolean
  })

  const full = Effect.fnUntraced(function* (child: Child) {
    const { lines, stderr } = yield* child.end
    assert.strictEqual(stderr, "")
    const answer = yield* Schema.decodeUnknownEffect(Full)(lines[0])
    assert.isAbove(answer.last, 3)
    assert.strictEqual(answer.readable, answer.last)
    assert.strictEqual(answer.again, answer.last)
    assert.isFalse(answer.retryable)
    assert.include(answer.hint, "what was recorded before is safe")
    return answer
  })

  it.live.skipIf(platform() === "win32")("a file that may not grow fails the commit and keeps what it has", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const answer = yield* full(yield* start(["fill", filename], { shell: `ulimit -f 4000; exec "$@"` }))
      assert.include(answer.message, "disk I/O error")
    })
  )

  const mount = (path: string) => `unshare -rm sh -c 'mount -t tmpfs -o size=3m tmpfs ${path} && exec "$@"' sh "$@"`
  const mounts = spawnSync("sh", ["-c", mount("/mnt"), "sh", "true"]).status === 0

  it.live.skipIf(!mounts)("a full disk fails the commit and keeps what it has", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const answer = yield* full(yield* start(["fill", join(path, "gleitzeit.db")], { shell: mount(path) }))
      assert.include(answer.message, "full")
      assert.include(answer.hint, "make room")
    })
  )

  // root may write everywhere, so the process is somebody else
  const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {}

  it.live.skipIf(platform() === "win32")("a file and a folder that may not be written to are refused with a hint", () =>
    Effect.gen(function* () {
      const filename = yield* file
      yield* Effect.scoped(SqliteStore.make({ filename }))
      chmodSync(dirname(dirname(filename)), 0o755)
      chmodSync(dirname(filename), 0o755)
      chmodSync(filename, 0o444)
      const refused = Effect.fnUntraced(function* (path: string) {
        const { lines, stderr } = yield* (yield* start(["open", path], uid)).end
        assert.strictEqual(stderr, "")
        const answer = yield* Schema.decodeUnknownEffect(
          Schema.Struct({ code: Schema.Finite, hint: Schema.String, message: Schema.String, retryable: Schema.Boolean })
        )(lines[0])
        assert.strictEqual(answer.code, -26001)
        assert.isFalse(answer.retryable)
        assert.include(answer.hint, "must be allowed to write")
      })
      const closed = join(dirname(filename), "closed")
      mkdirSync(closed)
      chmodSync(closed, 0o555)
      yield* Effect.forEach([filename, join(closed, "new.db"), join(closed, "deeper", "new.db")], refused, {
        concurrency: "unbounded"
      })
      assert.strictEqual(statSync(filename).mode & 0o777, 0o444)
    })
  )
})
