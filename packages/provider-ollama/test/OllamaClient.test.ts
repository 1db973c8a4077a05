import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"
import { listening } from "./calls.ts"
import { clientOf } from "./fleet.ts"

const request = { model: "llama3.2", messages: [{ role: "user", content: "hello there" }], options: {} } as const
const line = (part: { readonly done: boolean; readonly content: string }) =>
  `${JSON.stringify({ message: { role: "assistant", content: part.content }, done: part.done })}\n`

describe("an answer", () => {
  it.live("is over with its last line, and its socket is closed when the server does not end it", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const url = yield* listening((_, response) => {
        response.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
        response.write(line({ done: true, content: "that is all" }))
      })
      const client = yield* clientOf(url)
      let said = ""
      yield* client.ask("chat", request, (part) => Effect.sync(() => void (said += part.message?.content ?? "")))
      assert.strictEqual(said, "that is all")
      yield* Deferred.await(closed)
    })
  )

  it.live("is not read far ahead of whoever takes its parts", () =>
    Effect.gen(function* () {
      const packet = line({ done: false, content: "x".repeat(65_000) })
      const whole = 1000
      let written = 0
      const url = yield* listening((_, response) => {
        const write = () => {
          while (written < whole) {
            written += 1
            if (!response.write(packet)) return void response.once("drain", write)
          }
          response.end(line({ done: true, content: "" }))
        }
        write()
      })
      const client = yield* clientOf(url)
      const goOn = Latch.makeUnsafe(false)
      let taken = 0
      const asking = yield* Effect.forkChild(
        client.ask("chat", request, () => Effect.map(goOn.await, () => void (taken += 1)))
      )
      const turns = Effect.repeat(Effect.yieldNow, { times: 100 })
      yield* Effect.repeat(
        Effect.gen(function* () {
          const before = written
          yield* turns
          return written > 0 && written === before
        }),
        { until: (isStill) => isStill }
      )
      assert.isBelow(written, whole / 2)
      yield* goOn.open
      yield* Fiber.join(asking)
      assert.strictEqual(taken, whole + 1)
    })
  )
})
