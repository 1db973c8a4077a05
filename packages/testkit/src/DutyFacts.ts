/** How a provider is while it is on duty, how it stops, and what is left of it. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { call, listener } from "./ExecutorSample.ts"
import { answering, calling, contractsOf, ending, given, limitOf, short, type Suite } from "./ProviderSample.ts"

export const define = ({ fact, open, options }: Suite): void => {
  const { slow } = options

  fact(
    "says in time how it is",
    Effect.gen(function* () {
      for (const { health, name } of (yield* open).providers) {
        const limit = limitOf(options, "health")
        const said = yield* Effect.timeoutOption(given(`the health of ${name}`, health), limit)
        if (Option.isNone(said)) return assert.fail(`${name} says how it is within ${limit} ms`)
        const { details, status } = said.value
        assert.include(["healthy", "degraded", "unhealthy"], status, `${name}: the status of its health`)
        if (details !== undefined) {
          assert.deepStrictEqual(JSON.parse(JSON.stringify(details)), details, `${name}: the details of its health`)
        }
      }
    })
  )

  fact(
    "ends a call that is interrupted, and answers the next one",
    Effect.gen(function* () {
      if (slow === undefined) return
      const { attempt, executor, providers, samples } = yield* open
      const { after = 300, isGone = Effect.succeed(true), method, params } = slow
      for (const provider of providers) {
        const has = (yield* contractsOf(provider)).some((contract) => contract.method === method)
        if (!has) continue
        const about = `${provider.name} ${method} ${short(params)}`
        const { host } = listener({
          answer: (key, question) => answering(key, question, options),
          call: calling(options)
        })
        const fiber = yield* Effect.forkDetach(
          executor.execute(call({ method, params, provider: provider.name }), host),
          { startImmediately: true }
        )
        yield* Effect.sleep(after)
        const early = fiber.pollUnsafe()
        assert.isUndefined(early, `${about} is to take longer than ${after} ms, but it has ended`)
        fiber.interruptUnsafe()
        const limit = limitOf(options, "interruption")
        const ended = yield* Effect.timeoutOption(Fiber.await(fiber), limit)
        assert.isTrue(Option.isSome(ended), `${about} ends within ${limit} ms of its interruption`)
        assert.isTrue(yield* isGone, `nothing is left of ${about} once it has ended`)
        const [next] = (yield* samples).filter((sample) => sample.provider === provider)
        if (next === undefined) continue
        const came = yield* attempt(provider, next.contract.method, next.params)
        const isFine = came.exit !== undefined && Exit.isSuccess(came.exit)
        assert.isTrue(isFine, `${next.about} is to succeed after ${about} was interrupted, but ${ending(came)}`)
      }
    }),
    slow === undefined ? "no `slow` is given" : undefined
  )

  fact(
    "goes off duty with its layer, and is as good as before when the layer is built once more",
    Effect.gen(function* () {
      const { again, close, providers } = yield* open
      const names = providers.map(({ name }) => name)
      const limit = limitOf(options, "call")
      const left = yield* Effect.timeoutOption(close, limit)
      if (Option.isNone(left)) return assert.fail(`the layer of ${names.join(", ")} closes within ${limit} ms`)
      assert.isEmpty(left.value, `nobody is on duty once the layer of ${names.join(", ")} is closed`)
      const { attempt, samples } = yield* again
      const seen = new Set<string>()
      for (const { about, contract, params, provider } of yield* samples) {
        if (seen.has(provider.name)) continue
        seen.add(provider.name)
        const came = yield* attempt(provider, contract.method, params)
        const isFine = came.exit !== undefined && Exit.isSuccess(came.exit)
        assert.isTrue(isFine, `${about} is to succeed when its layer is built once more, but ${ending(came)}`)
      }
    })
  )
}
