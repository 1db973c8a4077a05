/** What every server of the shape of Ollama has to do for this provider, whatever model there is. */
import { Errors, TaskContext } from "@gleitzeit/core"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { connect } from "./calls.ts"

export interface Target {
  readonly url: string
  readonly model: string
  /** A model that makes vectors. Without one they are not asked for. */
  readonly embedder?: string
}

/** What the model is asked. A model that is not real has to have an answer to each. */
export const prompts = {
  count: "Write the numbers from one to ten as words, in one line, without commas.",
  moons: "How many moons has Mars?",
  /** An answer that is long under way. */
  story: "Tell a story of a thousand words."
}

const moons = {
  type: "object",
  properties: { moons: { type: "integer" } },
  required: ["moons"],
  additionalProperties: false
} as const

/** `patience`: milliseconds that one test may take. */
export const suite = (name: string, patience: number, target: Effect.Effect<Target, never, Scope.Scope>): void => {
  const test = (
    fact: string,
    holds: (
      there: Effect.Success<ReturnType<typeof connect>>,
      target: Target
    ) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    it.live(
      fact,
      () =>
        Effect.gen(function* () {
          const there = yield* target
          yield* holds(yield* connect({ url: there.url, models: { default: there.model } }), there)
        }),
      patience
    )
  const count = { prompt: prompts.count, temperature: 0, max_tokens: 40, think: false }

  describe(`${name} behind the provider`, () => {
    test("is healthy, and has the model", ({ models, provider }, { model }) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* provider.health).status, "healthy")
        const names = (yield* models).result.map((name) => name.replace(/:latest$/u, ""))
        assert.include(names, model.replace(/:latest$/u, ""))
      }))

    test("answers, and counts its tokens", ({ chat }) =>
      Effect.gen(function* () {
        const reply = yield* chat(count)
        assert.match(reply.content, /two/iu)
        assert.isAbove(reply.usage.input_tokens ?? 0, 0)
        assert.isAbove(reply.usage.output_tokens ?? 0, 1)
      }))

    test("streams what it says, in more than one piece", ({ chat, chunks, said }) =>
      Effect.gen(function* () {
        const reply = yield* chat(count)
        assert.strictEqual(said(), reply.content)
        assert.isAbove(chunks.length, 1)
      }))

    test("goes on from a prompt", ({ call }) =>
      Effect.gen(function* () {
        assert.notStrictEqual((yield* call("llm/generate", count)).content, "")
      }))

    test("ends at max_tokens, and says so", ({ chat }) =>
      Effect.gen(function* () {
        const reply = yield* chat({ ...count, max_tokens: 3 })
        assert.strictEqual(reply.finish_reason, "length")
        assert.isAtMost(reply.usage.output_tokens ?? 0, 3)
      }))

    test("ends before a stop sign", ({ chat }) =>
      Effect.gen(function* () {
        const { content } = yield* chat(count)
        const sign = content.slice(Math.floor(content.length / 2), Math.floor(content.length / 2) + 3)
        const reply = yield* chat({ ...count, stop: sign })
        assert.strictEqual(reply.content.trimEnd(), content.slice(0, content.indexOf(sign)).trimEnd())
        assert.strictEqual(reply.finish_reason, "stop")
      }))

    test("says the same with the same seed", ({ chat }) =>
      Effect.gen(function* () {
        const seeded = { ...count, temperature: 0.9, seed: 42 }
        assert.strictEqual((yield* chat(seeded)).content, (yield* chat(seeded)).content)
      }))

    test("keeps to a schema", ({ chat }) =>
      Effect.gen(function* () {
        const { result } = yield* chat({ prompt: prompts.moons, schema: moons, temperature: 0, think: false })
        assert.hasAllKeys(result, ["moons"])
      }))

    test("has nothing under a name that nobody has", ({ chat }, { model }) =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(chat({ ...count, model: "nobody-has-it" }))
        assert.instanceOf(failure, Errors.ModelNotFound)
        assert.include(failure.message, model.replace(/:latest$/u, ""))
      }))

    test("stops when a call is interrupted, and serves the next", ({ chat, provider }) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const watched: TaskContext.TaskContext["Service"] = {
          run: "run",
          task: "task",
          attempt: 1,
          idempotencyKey: "run/task",
          emit: () => Effect.asVoid(Deferred.succeed(begun, undefined)),
          usage: () => Effect.void,
          call: () => Effect.die("not used"),
          suspend: () => Effect.die("not used")
        }
        const call = provider.call("llm/chat", { prompt: prompts.story, max_tokens: 5000, think: false })
        const fiber = yield* Effect.forkChild(Effect.provideService(call, TaskContext.TaskContext, watched))
        yield* Effect.raceFirst(Deferred.await(begun), Fiber.join(fiber))
        yield* Fiber.interrupt(fiber)
        assert.match((yield* chat(count)).content, /two/iu)
      }))

    test("makes vectors of length 1, in the order of the texts", ({ embed }, { embedder }) =>
      Effect.gen(function* () {
        if (embedder === undefined) return
        const [cat, dog] = (yield* embed({ model: embedder, texts: ["a cat", "a dog"] })).embeddings
        assert.closeTo(Math.hypot(...(cat ?? [])), 1, 1e-3)
        assert.notDeepEqual(cat, dog)
        const alone = (yield* embed({ model: embedder, text: "a dog" })).embedding
        for (const [index, number] of alone.entries()) assert.closeTo(number, dog?.[index] ?? NaN, 1e-3)
      }))
  })
}
