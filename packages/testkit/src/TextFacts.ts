/** What is written comes back: a store keeps text and numbers, and makes nothing of them. */
import { assert } from "@effect/vitest"
import { Store } from "@gleitzeit/core"
import { Effect } from "effect"
import { creation, event, fresh, type Suite, summary } from "./StoreSample.ts"

export const define = ({ fact }: Suite): void => {
  for (const [name, json] of texts) {
    fact(
      `${name} comes back as written`,
      Effect.gen(function* () {
        const store = yield* Store.Store
        const run = fresh()
        yield* store.commit([creation(run, { events: [event("RunCreated"), event("Kept", json)] })])
        yield* store.post(run, event("Posted", json))
        const events = yield* store.read(run, 1, 10)
        // compared first by length: a diff of 10 MB helps nobody
        assert.deepStrictEqual(
          events.map((stored) => stored.json.length),
          [json.length, json.length]
        )
        assert.isTrue(events.every((stored) => stored.json === json))
      })
    )
  }

  fact(
    "times come back to the last digit",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const run = fresh()
      const times = [0, 1, 0.5, 1_700_000_000_123, 1_700_000_000_123.456, Number.MAX_SAFE_INTEGER]
      const [first = 0, ...rest] = times
      yield* store.commit([
        creation(run, { events: [event("E", "{}", first), ...rest.map((at) => event("E", "{}", at))] })
      ])
      assert.deepStrictEqual(
        (yield* store.read(run, 0, 10)).map(({ at }) => at),
        times
      )
    })
  )

  fact(
    "ids, kinds and hashes may be any well-formed text",
    Effect.gen(function* () {
      const store = yield* Store.Store
      const run = fresh(`a b'"%_:/\\{}\u0000é😀`)
      yield* store.commit([creation(run, { summary: summary(run, { workflow: run, tags: [run] }) })])
      yield* store.post(run, event(run))
      assert.deepStrictEqual(
        (yield* store.read(run, 1, 10)).map(({ kind }) => kind),
        [run]
      )
      assert.deepStrictEqual((yield* store.list({ workflow: run, tag: run })).items, [
        summary(run, { workflow: run, tags: [run] })
      ])
    })
  )
}

// internal

const texts: ReadonlyArray<readonly [name: string, json: string]> = [
  ["-0 and other numbers", `{"minus":-0,"small":1e-400,"great":1e400,"long":12345678901234567890.10}`],
  ["an astral character", JSON.stringify("😀 𝒳 🏳️‍🌈")],
  // JSON.stringify escapes what is no Unicode. As it is, such text has no UTF-8, and a store need not keep it.
  ["a lone surrogate, as JSON escapes it,", JSON.stringify("\ud800 and \udfff")],
  ["a null character, escaped and as it is,", `"\\u0000 \u0000"`],
  ["a byte order mark and other signs that cannot be seen", '"\ufeff\u200b\u2028\u2029\u00a0\r\n\t"'],
  ["combining characters, composed and not,", `"\u00e9 e\u0301 \uac00 \u1100\u1161"`],
  ["what SQL and Lua would read as their own", `"'; DROP TABLE runs; -- %s ?1 :a @b $c ]]"`],
  ["an empty text", ""],
  ["a text of 10 MB", JSON.stringify("äöü😀 0123456789".repeat(500_000))]
]
