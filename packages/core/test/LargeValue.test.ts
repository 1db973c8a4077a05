/** Values too large for a line of the journal: kept as blobs of their run, and put back byte for byte. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Event } from "../src/Event.ts"
import { encode } from "../src/Event.ts"
import { Gleitzeit } from "../src/Gleitzeit.ts"
import { sha256 } from "../src/Hash.ts"
import { pack, unpack } from "../src/LargeValue.ts"
import { Store } from "../src/Store.ts"
import { engine, type Script, told, workflow } from "./harness.ts"

const limit = 256 * 1024
const base = { v: 1, at: 1, started: 1, duration: 1, attempt: 1 } as const
const done = (result: Schema.Json): Event => ({ _tag: "TaskCompleted", ...base, task: "a", result })

/** What a store has that was given the blobs of an event. */
const store = ({ blobs }: ReturnType<typeof pack>): Store["Service"] =>
  Store.of({
    durability: "none",
    commit: () => Effect.die("not here"),
    post: () => Effect.die("not here"),
    read: () => Effect.die("not here"),
    changes: () => Effect.die("not here") as never,
    list: () => Effect.die("not here"),
    remove: () => Effect.die("not here"),
    blob: (_, hash) => Effect.succeed(blobs.find((blob) => blob.hash === hash)?.bytes)
  })

/** Through the journal and back. */
const back = (event: Event) =>
  Effect.suspend(() => {
    const packed = pack(event)
    return unpack(store(packed), "r", { json: packed.json, kind: event._tag })
  })

/** A result's text, byte for byte. */
const through = (result: Schema.Json) =>
  Effect.map(back(done(result)), (event) => JSON.stringify(event._tag === "TaskCompleted" ? event.result : event))

const large = "x".repeat(limit)

describe("an event", () => {
  it("that is small is written as it is", () => {
    for (const result of [1, "text", { blobs: { result: "hash" } }, '"blobs":', "x".repeat(limit - 200)]) {
      assert.deepStrictEqual(pack(done(result)), { json: encode(done(result)), blobs: [] })
    }
  })

  it("that is large names what is large in it by its content's hash", () => {
    const { blobs, json } = pack(done(large))
    assert.isBelow(json.length, 1000)
    assert.lengthOf(blobs, 1)
    assert.strictEqual(blobs[0]?.hash, sha256(JSON.stringify(large)))
    assert.deepStrictEqual(JSON.parse(json).blobs, { result: blobs[0]?.hash })
    assert.strictEqual(pack(done(large)).json, json)
  })

  it.effect("comes back as it was, whatever is in it", () =>
    Effect.gen(function* () {
      const odd: ReadonlyArray<Schema.Json> = [
        '"blobs":',
        { blobs: { result: "hash" } },
        { blobs: [] },
        JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":null}'),
        "🙂\ud800 \u2028 \\u0000 \u0000",
        [[], {}, null, "", 0, 1e300, 5e-324]
      ]
      for (const value of odd) {
        for (const result of [value, [value, large], { value, large }]) {
          assert.strictEqual(yield* through(result), JSON.stringify(result))
        }
      }
    })
  )

  it.effect.prop("small or large comes back as it was", { value: Schema.Json }, ({ value }) =>
    Effect.gen(function* () {
      for (const result of [value, { value, large }]) {
        assert.strictEqual(yield* through(result), JSON.stringify(result))
      }
    })
  )

  it.effect("has a blob for each of its parts, equal ones kept once", () =>
    Effect.gen(function* () {
      const event: Event = {
        _tag: "RunFailed",
        v: 1,
        at: 1,
        error: { code: 1, name: "NO", message: large, retryable: false },
        outputs: { large },
        warnings: [large]
      }
      assert.lengthOf(pack(event).blobs, 3)
      assert.deepStrictEqual(yield* back(event), event)
      const signal: Event = { _tag: "Signalled", v: 1, at: 1, name: large, value: large }
      assert.lengthOf(pack(signal).blobs, 1)
      assert.deepStrictEqual(yield* back(signal), signal)
    })
  )

  it.effect("whose blob is gone cannot be read, and one whose blob is no JSON neither", () =>
    Effect.gen(function* () {
      const packed = pack(done(large))
      const read = (blobs: typeof packed.blobs) =>
        Effect.flip(unpack(store({ json: "", blobs }), "r", { json: packed.json, kind: "TaskCompleted" }))
      const gone = yield* read([])
      assert.strictEqual(gone._tag, "StoreError")
      assert.include(gone.message, packed.blobs[0]?.hash ?? "?")
      const torn = packed.blobs.map(({ hash }) => ({ hash, bytes: new TextEncoder().encode('"x') }))
      assert.strictEqual((yield* read(torn))._tag, "WrittenByNewer")
    })
  )

  it.effect("of an unknown kind, or that is no JSON, was written by a newer program", () =>
    Effect.gen(function* () {
      for (const json of ['{"blobs":', '{"blobs":{"a":1}}', '{"_tag":"Unheard","blobs":{}}', "[]", '"blobs":']) {
        const error = yield* Effect.flip(unpack(store({ json: "", blobs: [] }), "r", { json, kind: "Unheard" }))
        assert.strictEqual(error._tag, "WrittenByNewer", json)
      }
    })
  )
})

describe("a run with large values", () => {
  const grow: Script = (value) =>
    Effect.succeed({ value: value ?? null, text: large, '"blobs":': JSON.parse('{"__proto__":1}') })
  const chain = workflow(`
name: large
tasks:
  - { id: a, method: test/run, params: { script: grow, value: 1 } }
  - { id: b, method: test/run, params: { value: "\${a}" } }
  - { id: q, method: test/run, params: { script: ask }, dependencies: [b] }
  - { id: each, method: test/run, foreach: "\${inputs.list}", params: { value: "\${item}" } }
outputs: { b: "\${b}", q: "\${q}", each: "\${each}" }
inputs: { list: {} }
`)
  const list = [large, large, "small"]
  const whole = { value: 1, text: large, '"blobs":': JSON.parse('{"__proto__":1}') }

  it.effect("is shown, taken up again, forked and ends with them as they were; no line is long", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const store = yield* Store
      const rested = yield* gleitzeit.run(chain, { inputs: { list } })
      assert.strictEqual(rested.status, "waiting")
      assert.strictEqual(JSON.stringify((yield* gleitzeit.get(rested.run)).tasks["b"]?.result), JSON.stringify(whole))
      yield* gleitzeit.respond(rested.run, "q", large)
      const over = yield* told(gleitzeit.wait(rested.run))
      assert.strictEqual(JSON.stringify(over.outputs), JSON.stringify({ b: whole, q: large, each: list }))
      for (const { json, kind } of yield* store.read(rested.run, 0, 1000)) {
        // what people say is written as they say it
        if (kind !== "Answered") assert.isBelow(json.length, limit, kind)
      }
      const fork = yield* gleitzeit.fork(rested.run)
      yield* gleitzeit.respond(fork, "q", 1).pipe(Effect.ignore)
      const forked = yield* told(gleitzeit.wait(fork))
      assert.isTrue(forked.tasks["a"]?.reused)
      assert.strictEqual(JSON.stringify(forked.tasks["b"]?.result), JSON.stringify(whole))
    }).pipe(Effect.provide(engine({ grow, ask: (_, { suspend }) => suspend("", { kind: "input" }) })))
  )

  it.effect("may be as large itself: its document comes back", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const store = yield* Store
      const tasks = Array.from(
        { length: 3000 },
        (_, i) => `{ id: t${i}, method: test/run, params: { value: "${"x".repeat(100)}" } }`
      )
      const { run, status } = yield* gleitzeit.run(workflow(`{ name: huge, tasks: [${tasks.join(", ")}] }`))
      assert.strictEqual(status, "completed")
      assert.isBelow((yield* store.read(run, 0, 1))[0]?.json.length ?? Infinity, limit)
      assert.lengthOf(Object.keys((yield* gleitzeit.get(run)).tasks), 3000)
    }).pipe(Effect.provide(engine()))
  )

  it.effect("whose blobs are gone says so instead of going on", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit
      const store = yield* Store
      const { run } = yield* gleitzeit.run(chain, { inputs: { list } })
      const lines = yield* store.read(run, 0, 1000)
      const bare = { ...store, blob: () => Effect.undefined }
      assert.isAbove(lines.length, 3)
      const error = yield* Effect.flip(unpack(bare, run, lines[0]!))
      assert.strictEqual(error._tag, "StoreError")
    }).pipe(Effect.provide(engine({ grow, ask: (_, { suspend }) => suspend("", { kind: "input" }) })))
  )
})
