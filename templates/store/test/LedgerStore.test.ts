import { assert, it } from "@effect/vitest"
import { StoreSample, StoreTest } from "@gleitzeit/testkit"
import { Effect, Layer, Stream } from "effect"
import { fork } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LedgerStore } from "../src/index.ts"

const { append, creation, event } = StoreSample

const file = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "ledger-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => join(folder, "runs", "runs.ledger")
)

const open = (filename: string) => LedgerStore.make(filename, { durability: "process" })

StoreTest.suite(
  "ledger",
  Layer.unwrap(Effect.map(file, (path) => LedgerStore.layer(path, { durability: "process" }))),
  {
    sequences: 20
  }
)

it.effect("what was written is there when the file is opened again, byte for byte", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const blobs = [{ hash: "all", bytes: Uint8Array.from({ length: 256 }, (_, n) => n) }] as const
    const written = Effect.flatMap(LedgerStore.make(filename), ({ store }) => store.commit([creation("a", { blobs })]))
    yield* Effect.scoped(written)
    const { store } = yield* open(filename)
    assert.lengthOf(yield* store.read("a", 0, 10), 1)
    assert.deepStrictEqual(yield* store.blob("a", "all"), blobs[0].bytes)
    assert.strictEqual(statSync(filename).mode & 0o777, 0o600)
  })
)

it.effect("wherever a crash cuts a line short, what stands before it is kept and the file goes on", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const { store } = yield* open(filename)
    yield* store.commit([creation("a")])
    const whole = statSync(filename).size
    yield* store.commit([append("a", 1, "Cut", "Cut")])
    const bytes = readFileSync(filename)
    for (let size = whole; size < bytes.length; size++) {
      writeFileSync(filename, bytes)
      truncateSync(filename, size)
      const reopened = Effect.flatMap(open(filename), ({ store }) =>
        Effect.gen(function* () {
          assert.lengthOf(yield* store.read("a", 0, 10), 1)
          assert.strictEqual((yield* store.commit([append("a", 1, "Next")])).size, 0)
          return (yield* store.read("a", 0, 10)).map(({ kind }) => kind)
        })
      )
      assert.deepStrictEqual(yield* Effect.scoped(reopened), ["RunCreated", "Next"])
    }
  })
)

it.live("two that have the file open see what the other writes", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const [one, two] = [yield* open(filename), yield* open(filename)]
    yield* one.store.commit([creation("a")])
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(50), one.store.commit([append("a", 1, "Seen")])))
    const seen = two.store.changes("a").pipe(
      Stream.mapEffect(() => two.store.read("a", 0, 10)),
      Stream.takeUntil((events) => events.length === 2),
      Stream.runDrain
    )
    yield* seen
  })
)

it.effect("readers that come at the same time carry out what others wrote once", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const [one, two] = [yield* open(filename), yield* open(filename)]
    yield* one.store.commit([creation("a")])
    for (let n = 0; n < 1000; n++) yield* one.store.post("a", event(`${n}`))
    const readers = Array.from({ length: 3 }, () => two.store.read("a", 0, 10_000))
    for (const events of yield* Effect.all(readers, { concurrency: "unbounded" })) assert.lengthOf(events, 1001)
  })
)

it.live("two processes that write to one run lose nothing and leave no gap, one of them killed", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const { store } = yield* open(filename)
    yield* store.commit([creation("shared")])
    const [p, q, killed] = yield* Effect.all(
      [writer(filename, "p", 200), writer(filename, "q", 200), writer(filename, "killed", Infinity, 50)],
      { concurrency: "unbounded" }
    )
    assert.deepStrictEqual([p.code, q.code, killed.signal], [0, 0, "SIGKILL"])
    const events = yield* store.read("shared", 1, 100_000)
    assert.deepStrictEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, n) => n + 2)
    )
    const of = (name: string) => events.filter(({ kind }) => kind.startsWith(`${name} `)).map(({ kind }) => kind)
    for (const name of ["p", "q"]) {
      assert.deepStrictEqual(
        of(name),
        Array.from({ length: 200 }, (_, n) => `${name} ${n}`)
      )
    }
    assert.isAtLeast(of("killed").length, killed.acknowledged)
  })
)

it.effect("a file of another program or of a later layout is refused and left as it is", () =>
  Effect.gen(function* () {
    const filename = yield* file
    yield* Effect.scoped(open(filename))
    for (const content of ["# Notes\n", "#2\n{}\n"]) {
      writeFileSync(filename, content)
      const error = yield* Effect.flip(open(filename))
      assert.strictEqual(error.operation, "open")
      assert.include(error.message, JSON.stringify(content.slice(0, 3)))
      assert.strictEqual(readFileSync(filename, "utf8"), content)
    }
  })
)

it.effect("a file that was deleted takes nothing more: nobody would find it again", () =>
  Effect.gen(function* () {
    const filename = yield* file
    const { store } = yield* open(filename)
    yield* store.commit([creation("a")])
    rmSync(filename)
    const error = yield* Effect.flip(store.commit([append("a", 1, "Lost")]))
    assert.include(error.message, "the file was deleted")
  })
)

it.effect("a call that another version wrote stops the reading, with what would help", () =>
  Effect.gen(function* () {
    const filename = yield* file
    yield* Effect.scoped(open(filename))
    writeFileSync(filename, `#1\n{"id":"1","at":1,"service":"store","member":"archive","args":[]}\n`)
    const error = yield* Effect.flip(open(filename))
    assert.strictEqual(error.hint, "the log was written by another version")
  })
)

/** Runs a writer to its end, or kills it once it has acknowledged so many events. */
const writer = (filename: string, name: string, count: number, killAfter = Infinity) =>
  Effect.callback<{ readonly code: number | null; readonly signal: string | null; readonly acknowledged: number }>(
    (resume) => {
      const child = fork(join(import.meta.dirname, "fixtures", "writer.ts"), [filename, name, String(count)])
      let acknowledged = 0
      child.on("message", () => ++acknowledged === killAfter && child.kill("SIGKILL"))
      child.on("close", (code, signal) => resume(Effect.succeed({ code, signal, acknowledged })))
      return Effect.sync(() => child.kill("SIGKILL"))
    }
  )
