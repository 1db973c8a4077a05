import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { setup } from "./calls.ts"

const hello = { model: "llama3.2", prompt: "hello there" }

describe("an interrupted call", () => {
  for (const [method, hold] of [
    ["llm/chat", "headers"],
    ["llm/chat", 1],
    ["llm/generate", "headers"],
    ["llm/generate", 2]
  ] as const) {
    it.effect(`closes its socket: ${method}, held at ${hold}`, () =>
      Effect.gen(function* () {
        const { call, chunks, mini } = yield* setup()
        mini.script({ hold })
        const fiber = yield* Effect.forkChild(call(method, hello))
        yield* mini.until(() => mini.requests().length === 1)
        if (hold !== "headers") yield* Effect.repeat(Effect.yieldNow, { until: () => chunks.length === hold })
        yield* Fiber.interrupt(fiber)
        yield* mini.until(() => mini.closes() === 1)
        yield* mini.until(() => mini.connections() === 0)
      })
    )
  }

  it.effect("closes its socket also where the answer is no stream", () =>
    Effect.gen(function* () {
      const { embed, mini } = yield* setup({ mini: { loadDelay: 60_000 } })
      const fiber = yield* Effect.forkChild(embed({ text: "a" }))
      yield* mini.until(() => mini.requests().length === 1)
      yield* Fiber.interrupt(fiber)
      yield* mini.until(() => mini.closes() === 1)
      yield* mini.until(() => mini.connections() === 0)
    })
  )

  it.effect("leaves the others alone", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      mini.script({ hold: 1 }, { hold: 1 }, { hold: 1 })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(chat(hello)))
      yield* mini.until(() => mini.requests().length === 3)
      yield* Fiber.interrupt(fibers[1]!)
      yield* mini.until(() => mini.closes() === 1)
      mini.release()
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
      assert.strictEqual(mini.closes(), 1)
    })
  )

  it.effect("is one of fifty, and none of them stays open", () =>
    Effect.gen(function* () {
      const { chat, mini } = yield* setup()
      mini.script(...Array.from({ length: 50 }, (_, index) => ({ hold: index % 2 === 0 ? 1 : "headers" }) as const))
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(chat(hello)))
      yield* mini.until(() => mini.requests().length === 50)
      yield* Fiber.interruptAll(fibers)
      yield* mini.until(() => mini.connections() === 0)
      yield* mini.until(() => mini.closes() === 50)
      assert.strictEqual((yield* chat(hello)).content, "Echo: hello there")
    })
  )
})
