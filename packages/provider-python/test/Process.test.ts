import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { Readable } from "node:stream"
import * as Process from "../src/Process.ts"

describe("a stream", () => {
  it.live("is not read while much of what it has brought waits, and loses nothing", () =>
    Effect.gen(function* () {
      const events = yield* Queue.unbounded<Process.Event>()
      let made = 0
      const stream = new Readable({
        highWaterMark: 1,
        read() {
          this.push(made < 1000 ? Buffer.from([made++ % 256]) : null)
        }
      })
      Process.pour(stream, "Stdout", events)
      yield* Effect.callback<void>((resume) => {
        stream.once("pause", () => resume(Effect.void))
      })
      const most = made
      assert.isBelow(most, 100)
      stream.once("end", () => {
        Queue.offerUnsafe(events, { _tag: "Exited", code: 0, signal: undefined })
        Queue.offerUnsafe(events, { _tag: "Closed", code: 0, signal: undefined })
      })
      const found: Array<number> = []
      yield* Process.follow(events, ({ bytes }) => Effect.sync(() => found.push(...bytes)))
      assert.deepStrictEqual(
        found,
        Array.from({ length: 1000 }, (_, at) => at % 256)
      )
    })
  )
})
