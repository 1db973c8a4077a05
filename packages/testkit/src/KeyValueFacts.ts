/** What holds of key-values, whatever the store. */
import { assert } from "@effect/vitest"
import { Cursor, KeyValues } from "@gleitzeit/core"
import { Effect } from "effect"
import { fresh, type Suite } from "./StoreSample.ts"

export const define = ({ elapse, fact }: Suite): void => {
  fact(
    "a value comes back with a version, an unknown key gives nothing",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const key = fresh("key")
      assert.isUndefined(yield* keyValues.get(key))
      const value = { list: [1, -2.5, null, true, "süß 😀 \u0000"], empty: {}, text: "" }
      const version = yield* keyValues.put(key, value)
      assert.isNumber(version)
      assert.deepStrictEqual(yield* keyValues.get(key), { key, value, version: version ?? 0 })
      for (const json of [null, false, 0, "", []]) {
        yield* keyValues.put(key, json)
        assert.deepStrictEqual((yield* keyValues.get(key))?.value, json)
      }
    })
  )

  fact(
    "versions grow with every put, also when the key was removed between",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const key = fresh("key")
      const first = (yield* keyValues.put(key, 1)) ?? 0
      const second = (yield* keyValues.put(key, 1)) ?? 0
      yield* keyValues.remove(key)
      yield* keyValues.remove(key)
      assert.isUndefined(yield* keyValues.get(key))
      const third = (yield* keyValues.put(key, 1)) ?? 0
      assert.isTrue(0 < first && first < second && second < third)
      assert.isUndefined(yield* keyValues.put(key, 2, { version: first }))
    })
  )

  fact(
    "a put with a version wins only while the entry still has it, 0 only while there is none",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const key = fresh("key")
      assert.isUndefined(yield* keyValues.put(key, "no", { version: 7 }))
      const first = (yield* keyValues.put(key, "first", { version: 0 })) ?? 0
      assert.isUndefined(yield* keyValues.put(key, "no", { version: 0 }))
      const second = yield* keyValues.put(key, "second", { version: first })
      assert.isNumber(second)
      assert.isUndefined(yield* keyValues.put(key, "no", { version: first }))
      assert.deepStrictEqual(yield* keyValues.get(key), { key, value: "second", version: second ?? 0 })
    })
  )

  fact(
    "of 20 puts of one version exactly one wins",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const key = fresh("key")
      const version = yield* keyValues.put(key, 0)
      const puts = Array.from({ length: 20 }, (_, n) => keyValues.put(key, n, version === undefined ? {} : { version }))
      const versions = yield* Effect.all(puts, { concurrency: "unbounded" })
      const winner = versions.findIndex((won) => won !== undefined)
      assert.strictEqual(versions.filter((won) => won !== undefined).length, 1)
      assert.strictEqual((yield* keyValues.get(key))?.value, winner)
    })
  )

  fact(
    "an entry is gone when its time to live is over",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const key = fresh("key")
      const version = (yield* keyValues.put(key, 1, { ttl: 1000 })) ?? 0
      yield* elapse(500)
      assert.strictEqual((yield* keyValues.get(key))?.value, 1)
      yield* elapse(501)
      assert.isUndefined(yield* keyValues.get(key))
      assert.deepStrictEqual((yield* keyValues.list(key)).items, [])
      assert.isUndefined(yield* keyValues.put(key, 2, { version }))
      assert.isNumber(yield* keyValues.put(key, 2, { version: 0 }))
    })
  )

  fact(
    "the last put says how long an entry lives",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const [longer, forever] = [fresh("key"), fresh("key")]
      for (const key of [longer, forever]) yield* keyValues.put(key, 1, { ttl: 500 })
      yield* keyValues.put(longer, 2, { ttl: 2000 })
      yield* keyValues.put(forever, 2)
      yield* elapse(1000)
      assert.strictEqual((yield* keyValues.get(longer))?.value, 2)
      yield* elapse(100_000)
      assert.isUndefined(yield* keyValues.get(longer))
      assert.strictEqual((yield* keyValues.get(forever))?.value, 2)
    })
  )

  fact(
    "a prefix is taken literally, and keys are listed in the order of their code points",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const prefix = `${fresh("key")}%_*[`
      const ends = ["", "a", "A", "ab", "é", "\uffff", "😀", "\u0000", "z/1", "z/10", "z/2"]
      for (const end of ends) yield* keyValues.put(prefix + end, end)
      yield* keyValues.put(`${prefix.slice(0, -1)}a`, "another prefix")
      const { items, next } = yield* keyValues.list(prefix)
      assert.deepStrictEqual(
        items.map(({ value }) => value),
        ends.toSorted(Cursor.compareText)
      )
      assert.deepStrictEqual(
        items.map(({ key }) => key),
        ends.map((end) => prefix + end).toSorted(Cursor.compareText)
      )
      assert.isUndefined(next)
    })
  )

  fact(
    "a list has pages of 100 and loses and repeats nothing while entries come and go",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const prefix = fresh("key")
      const keys = Array.from({ length: 250 }, (_, n) => `${prefix}/${String(n).padStart(3, "0")}`)
      for (const key of keys) yield* keyValues.put(key, 0)
      const first = yield* keyValues.list(`${prefix}/`)
      assert.strictEqual(first.items.length, 100)
      yield* keyValues.put(`${prefix}/000a`, 0)
      yield* keyValues.remove(`${prefix}/050`)
      const second = yield* keyValues.list(`${prefix}/`, first.next)
      const third = yield* keyValues.list(`${prefix}/`, second.next)
      assert.isUndefined(third.next)
      assert.deepStrictEqual(
        [first, second, third].flatMap(({ items }) => items.map(({ key }) => key)),
        keys
      )
    })
  )

  fact(
    "a list of exactly 100 has no next page",
    Effect.gen(function* () {
      const keyValues = yield* KeyValues.KeyValues
      const prefix = fresh("key")
      for (let n = 0; n < 100; n++) yield* keyValues.put(`${prefix}/${n}`, n)
      yield* keyValues.put(`${prefix}0`, "behind")
      const { items, next } = yield* keyValues.list(`${prefix}/`)
      assert.strictEqual(items.length, 100)
      assert.isUndefined(next)
    })
  )
}
