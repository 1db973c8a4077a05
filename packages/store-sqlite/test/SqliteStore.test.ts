import { assert, describe, it } from "@effect/vitest"
import { Store } from "@gleitzeit/core"
import { StoreSample, StoreTest } from "@gleitzeit/testkit"
import { Effect, Exit, Fiber, Layer, Queue, Stream } from "effect"
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { SqliteStore } from "../src/index.ts"
import { file, folder } from "./folder.ts"

const { append, creation, event, summary } = StoreSample

StoreTest.suite("sqlite in memory", SqliteStore.layer({ filename: ":memory:" }))
StoreTest.suite(
  "sqlite in a file",
  Layer.unwrap(Effect.map(file, (filename) => SqliteStore.layer({ filename, durability: "process" }))),
  { sequences: 20 }
)

const open = (filename: string, options: Partial<SqliteStore.Options> = {}) =>
  SqliteStore.make({ filename, durability: "process", ...options })

const kinds = (store: Store.Store["Service"], run: string) =>
  Effect.map(store.read(run, 0, 1000), (events) => events.map(({ kind }) => kind))

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe("SqliteStore", () => {
  it.effect("what was committed is there when the file is opened again", () =>
    Effect.gen(function* () {
      const filename = yield* file
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { keyValues, leases, store } = yield* open(filename)
          yield* store.commit([creation("a", { blobs: [{ hash: "x", bytes: new Uint8Array([7]) }] })])
          yield* store.commit([append("a", 1, "A")])
          yield* leases.claim("a", "me", { ttl: 1000 })
          yield* keyValues.put("key", { value: 1 })
        })
      )
      const { keyValues, leases, store } = yield* open(filename)
      assert.deepStrictEqual(yield* kinds(store, "a"), ["RunCreated", "A"])
      assert.deepStrictEqual(yield* store.blob("a", "x"), new Uint8Array([7]))
      assert.deepStrictEqual((yield* store.list({})).items, [summary("a")])
      assert.deepStrictEqual(yield* leases.claim("a", "you", { ttl: 1000 }), { heldBy: "me" })
      assert.deepStrictEqual((yield* keyValues.get("key"))?.value, { value: 1 })
      assert.strictEqual((yield* store.commit([append("a", 2, "B")])).size, 0)
    })
  )

  it.effect("durability is what was asked for, `power` when nothing was, and none in memory", () =>
    Effect.gen(function* () {
      const path = yield* folder
      assert.strictEqual((yield* open(`${path}/a.db`)).store.durability, "process")
      assert.strictEqual((yield* SqliteStore.make({ filename: `${path}/b.db` })).store.durability, "power")
      assert.strictEqual((yield* open(":memory:")).store.durability, "none")
    })
  )

  it.effect("the file, what stands beside it and its folder are for their owner only", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { store } = yield* open(filename)
      yield* store.commit([creation("a")])
      for (const path of [filename, `${filename}-wal`, `${filename}-shm`]) assert.strictEqual(modeOf(path), "600")
      assert.strictEqual(modeOf(dirname(filename)), "700")
    })
  )

  it.effect("a folder and a file that are there keep their modes", () =>
    Effect.gen(function* () {
      const filename = yield* file
      mkdirSync(dirname(filename))
      chmodSync(dirname(filename), 0o755)
      writeFileSync(filename, "")
      chmodSync(filename, 0o640)
      yield* (yield* open(filename)).store.commit([creation("a")])
      assert.strictEqual(modeOf(filename), "640")
      assert.strictEqual(modeOf(dirname(filename)), "755")
    })
  )

  it.effect("a writer is refused when another connection was faster, removed the run, or made it again", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const ours = (yield* open(filename)).store
      const theirs = (yield* open(filename)).store
      yield* ours.commit([creation("a"), creation("b"), creation("c")])
      yield* theirs.post("a", event("CancelRequested"))
      yield* theirs.remove("b")
      yield* theirs.remove("c")
      yield* theirs.commit([creation("c", { events: [event("Another")] })])
      const refused = yield* ours.commit([append("a", 1, "A"), append("b", 1, "A"), append("c", 1, "A"), creation("d")])
      assert.deepStrictEqual(refused, new Set(["a", "b", "c"]))
      assert.deepStrictEqual(yield* kinds(theirs, "a"), ["RunCreated", "CancelRequested"])
      assert.deepStrictEqual(yield* kinds(theirs, "b"), [])
      assert.deepStrictEqual(yield* kinds(ours, "c"), ["Another"])
      assert.deepStrictEqual(yield* kinds(theirs, "d"), ["RunCreated"])
      // it reads on, and then it may
      assert.strictEqual((yield* ours.commit([append("a", 2, "A")])).size, 0)
    })
  )

  it.live("`changes` and `wakes` hear of other connections' commits, of their own run only", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const ours = yield* open(filename)
      const theirs = yield* open(filename)
      yield* theirs.store.commit([creation("a"), creation("b")])
      const heard = yield* Queue.unbounded<string>()
      const listen = (name: string, hints: Stream.Stream<void, unknown>) =>
        Effect.forkScoped(Stream.runForEach(hints, () => Queue.offer(heard, name)))
      yield* listen("a", ours.store.changes("a"))
      yield* listen("wake", ours.leases.wakes)
      assert.sameMembers([yield* Queue.take(heard), yield* Queue.take(heard)], ["a", "wake"])
      yield* theirs.store.commit([append("b", 1, "B")])
      assert.strictEqual(yield* Queue.take(heard), "wake")
      yield* theirs.store.commit([append("a", 1, "A")])
      assert.sameMembers([yield* Queue.take(heard), yield* Queue.take(heard)], ["a", "wake"])
      yield* theirs.store.remove("a")
      assert.sameMembers([yield* Queue.take(heard), yield* Queue.take(heard)], ["a", "wake"])
      assert.strictEqual(yield* Queue.size(heard), 0)
    })
  )

  it.live("while another connection writes, a commit waits and the event loop goes on", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { store } = yield* open(filename)
      const other = new DatabaseSync(filename)
      other.exec("BEGIN IMMEDIATE")
      const commit = yield* Effect.forkChild(store.commit([creation("a")]))
      let ticks = 0
      while (ticks < 5) {
        yield* Effect.sleep(20)
        ticks++
        assert.isUndefined(commit.pollUnsafe())
      }
      other.exec("COMMIT")
      other.close()
      assert.strictEqual((yield* Fiber.join(commit)).size, 0)
      assert.deepStrictEqual(yield* kinds(store, "a"), ["RunCreated"])
    })
  )

  it.live("a file that stays busy is a failure worth another try", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { store } = yield* open(filename, { busyTimeout: 100 })
      yield* store.commit([creation("a")])
      const other = new DatabaseSync(filename)
      other.exec("BEGIN IMMEDIATE")
      const error = yield* Effect.flip(store.commit([append("a", 1, "A")]))
      assert.isTrue(error.retryable)
      assert.include(error.message, "locked")
      assert.include(error.hint ?? "", filename)
      // reading does not wait
      assert.deepStrictEqual(yield* kinds(store, "a"), ["RunCreated"])
      other.exec("ROLLBACK")
      other.close()
      assert.strictEqual((yield* store.commit([append("a", 1, "A")])).size, 0)
    })
  )

  it.effect("an append that the file cannot hold leaves nothing of its commit, and the next one goes well", () =>
    Effect.gen(function* () {
      const { store } = yield* open(yield* file)
      yield* store.commit([creation("a")])
      const error = yield* Effect.flip(
        store.commit([creation("b"), append("a", 1, "A"), { ...append("a", 2, "B"), events: [event("B", "{}", NaN)] }])
      )
      assert.isFalse(error.retryable)
      assert.deepStrictEqual(yield* kinds(store, "a"), ["RunCreated"])
      assert.deepStrictEqual(yield* kinds(store, "b"), [])
      assert.deepStrictEqual(yield* store.commit([append("a", 2, "A")]), new Set(["a"]))
      assert.strictEqual((yield* store.commit([append("a", 1, "A"), creation("b")])).size, 0)
    })
  )

  it.effect("a closed store fails instead of losing what it is given", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { store } = yield* Effect.scoped(open(filename))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(store.commit([creation("a")]))))
      assert.isFalse(existsSync(`${filename}-wal`))
    })
  )

  describe("refuses to open", () => {
    const refusal = (filename: string) => Effect.flip(Effect.scoped(open(filename)))

    it.effect("a file laid out by a later program, naming both layouts", () =>
      Effect.gen(function* () {
        const filename = yield* file
        yield* Effect.scoped(Effect.flatMap(open(filename), ({ store }) => store.commit([creation("a")])))
        const db = new DatabaseSync(filename)
        db.exec("PRAGMA user_version = 99")
        db.close()
        const before = readFileSync(filename)
        const error = yield* refusal(filename)
        assert.strictEqual(error.code, -26001)
        assert.isFalse(error.retryable)
        assert.match(error.message, /layout 99.*up to 1/)
        assert.isDefined(error.hint)
        assert.deepStrictEqual(readFileSync(filename), before)
      })
    )

    it.effect("another program's database, and leaves it as it is", () =>
      Effect.gen(function* () {
        const filename = `${yield* folder}/other.db`
        const db = new DatabaseSync(filename)
        db.exec("CREATE TABLE bookmarks (url TEXT)")
        db.close()
        const before = readFileSync(filename)
        assert.include((yield* refusal(filename)).message, "another program")
        assert.deepStrictEqual(readFileSync(filename), before)
      })
    )

    it.effect("a file that is no database, and leaves it as it is", () =>
      Effect.gen(function* () {
        const filename = `${yield* folder}/notes.txt`
        const notes = "Dear diary, today I learnt about databases. ".repeat(10)
        writeFileSync(filename, notes)
        const error = yield* refusal(filename)
        assert.include(error.message, "not a database")
        assert.include(error.hint ?? "", filename)
        assert.strictEqual(readFileSync(filename, "utf8"), notes)
      })
    )

    it.effect("a folder, and a path that goes through a file", () =>
      Effect.gen(function* () {
        const path = yield* folder
        const error = yield* refusal(path)
        assert.include(error.message, "is a folder")
        assert.include(error.hint ?? "", `${path}/gleitzeit.db`)
        writeFileSync(`${path}/file`, "")
        for (const filename of [`${path}/file/gleitzeit.db`, `${path}/file/deeper/gleitzeit.db`]) {
          assert.include((yield* refusal(filename)).hint ?? "", "no folder")
        }
      })
    )

    it.effect("a damaged file, and leaves it as it is", () =>
      Effect.gen(function* () {
        const filename = yield* file
        yield* Effect.scoped(Effect.flatMap(open(filename), ({ store }) => store.commit([creation("a")])))
        const bytes = readFileSync(filename)
        bytes.fill(0xff, 100, bytes.length)
        writeFileSync(filename, bytes)
        const error = yield* refusal(filename)
        assert.isFalse(error.retryable)
        assert.include(error.hint ?? "", ".recover")
        assert.deepStrictEqual(readFileSync(filename), bytes)
      })
    )
  })
})
