/** The suite for executors: core's own passes it, and with any of these defects it does not. */
import { assert, describe, it } from "@effect/vitest"
import { Errors, Executor, Failure, Providers, type Secrets } from "@gleitzeit/core"
import { Deferred, Effect, type Exit, Fiber, Layer, type Schema } from "effect"
import { ExecutorTest } from "../src/index.ts"
import { holds } from "./holds.ts"

ExecutorTest.suite("local", Executor.layerLocal, { attaches: false })

type Service = Executor.Executor["Service"]
type Execute = Service["execute"]
type Mutated = Layer.Layer<Executor.Executor, never, Providers.Providers | Secrets.Secrets>

const executing = (change: (execute: Execute) => Execute): Mutated =>
  Layer.effect(
    Executor.Executor,
    Effect.map(Executor.Executor, (executor) =>
      Executor.Executor.of({ ...executor, execute: change(executor.execute) })
    )
  ).pipe(Layer.provide(Executor.layerLocal))

const hosting = (change: (host: Executor.Host) => Partial<Executor.Host>): Mutated =>
  executing((execute) => (call, host) => execute(call, { ...host, ...change(host) }))

const replying = (change: (reply: Executor.Reply) => Executor.Reply): Mutated =>
  executing((execute) => (call, host) => Effect.map(execute(call, host), change))

const failing = (change: (failure: Failure.Failure) => Failure.Failure): Mutated =>
  executing((execute) => (call, host) => Effect.mapError(execute(call, host), change))

const untimed = (call: Executor.Call): Executor.Call => {
  const { timeout: _, ...rest } = call
  return rest
}

/** What many do that copy an object: `__proto__` sets the prototype of the copy. */
const copied = (value: Schema.Json): Schema.Json => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  const copy: Record<string, Schema.Json> = {}
  for (const [key, field] of Object.entries(value)) copy[key] = field
  return copy
}

const late = (call: Executor.Call) =>
  new Errors.TaskTimeout({ task: call.task, milliseconds: call.timeout ?? Infinity })

const defects: { readonly [defect: string]: Mutated } = {
  "chunks are lost": hosting(() => ({ emit: () => Effect.void })),
  "usage is lost": hosting(() => ({ usage: () => Effect.void })),
  "usage of an attempt that fails is lost": executing((execute) => (call, host) => {
    const used: Array<Effect.Effect<void>> = []
    return Effect.tap(
      execute(call, { ...host, usage: (usage) => Effect.sync(() => void used.push(host.usage(usage))) }),
      () => Effect.all(used)
    )
  }),
  "a handler's call that fails is a defect": hosting(({ call }) => ({
    call: (...args) => Effect.orDie(call(...args))
  })),
  "a handler's call loses its params": hosting(({ call }) => ({ call: (key, method) => call(key, method, null) })),
  "answers are lost": hosting(() => ({ answer: () => Effect.undefined })),
  "a secret input is asked of nobody": hosting(() => ({ secret: () => Effect.succeed("") })),
  "secrets are not filled in": executing((execute) => (call, host) => {
    const { secrets: _, ...rest } = call
    return execute(rest, host)
  }),
  "the mask is not told of": replying(({ provider, result }) => ({ provider, result })),
  "the provider is not named": replying((reply) => ({ ...reply, provider: "" })),
  "a key of a result is taken for its prototype": replying((reply) => ({ ...reply, result: copied(reply.result) })),
  "a large result is cut": replying((reply) =>
    JSON.stringify(reply.result).length > 1_000_000 ? { ...reply, result: null } : reply
  ),
  "a failure loses its data": failing(({ code, message, name, retryable }) => ({ code, name, message, retryable })),
  "a failure is always worth another try": failing((failure) => ({ ...Failure.of(failure), retryable: true })),
  "the attempt's number is lost": executing((execute) => (call, host) => execute({ ...call, attempt: 1 }, host)),
  "an interruption does not reach the handler": executing(
    (execute) => (call, host) => Effect.flatMap(Effect.forkDetach(execute(call, host)), Fiber.join)
  ),
  "a timeout is not heeded": executing((execute) => (call, host) => execute(untimed(call), host)),
  "a timeout does not end the handler": executing(
    (execute) => (call, host) =>
      Effect.flatMap(Effect.forkDetach(execute(untimed(call), host)), (fiber) =>
        Effect.timeoutOrElse(Fiber.join(fiber), {
          duration: call.timeout ?? Infinity,
          orElse: () => Effect.fail(late(call))
        })
      )
  ),
  "a timeout counts while the provider has no room": executing(
    (execute) => (call, host) =>
      Effect.timeoutOrElse(execute(call, host), {
        duration: call.timeout ?? Infinity,
        orElse: () => Effect.fail(late(call))
      })
  ),
  "what a handler says that was left behind is heard": executing((execute) => (call, host) => {
    const words: Array<Effect.Effect<void>> = []
    return Effect.ensuring(
      execute(call, { ...host, emit: (chunk) => Effect.sync(() => void words.push(host.emit(chunk))) }),
      Effect.suspend(() => Effect.all([...words, host.emit({ _tag: "Text", text: "late" })]))
    )
  }),
  "the limit of a provider is not heeded": Executor.layerLocal.pipe(
    Layer.provide(
      Layer.effect(
        Providers.Providers,
        Effect.map(Providers.Providers, (providers) =>
          Providers.Providers.of({
            ...providers,
            choose: (method, params, name) =>
              Effect.map(providers.choose(method, params, name), (provider) => ({ ...provider, concurrency: Infinity }))
          })
        )
      )
    )
  ),
  "a handler's call waits for its own place": executing(
    (execute) => (call, host) => execute({ ...call, task: call.task.replaceAll("/", "|") }, host)
  ),
  "another attempt of a task is taken for the first": executing((execute) => {
    const known = new Map<string, Executor.Reply>()
    return (call, host) => {
      const reply = known.get(`${call.run} ${call.task}`)
      if (reply !== undefined) return Effect.succeed(reply)
      return Effect.tap(execute(call, host), (reply) => Effect.sync(() => known.set(`${call.run} ${call.task}`, reply)))
    }
  }),
  "contracts are not known": Layer.effect(
    Executor.Executor,
    Effect.map(Executor.Executor, (executor) => Executor.Executor.of({ ...executor, contracts: Effect.succeed([]) }))
  ).pipe(Layer.provide(Executor.layerLocal))
}

/** Carries out an attempt once for all who ask for it. */
const attaching = executing((execute) => {
  const underWay = new Map<string, Deferred.Deferred<Executor.Reply, Failure.Failure>>()
  return (call, host) =>
    Effect.suspend(() => {
      const key = `${call.run} ${call.task} ${call.attempt}`
      const known = underWay.get(key)
      if (known !== undefined) return Deferred.await(known)
      const done = Deferred.makeUnsafe<Executor.Reply, Failure.Failure>()
      underWay.set(key, done)
      return Effect.onExit(execute(call, host), (exit: Exit.Exit<Executor.Reply, Failure.Failure>) => {
        underWay.delete(key)
        return Deferred.done(done, exit)
      })
    })
})

const broken = (layer: Mutated, attaches = false) =>
  Effect.map(
    Effect.forEach(ExecutorTest.facts(layer, { attaches }), ({ body, name }) =>
      Effect.map(holds(body), (held) => (held ? [] : [name]))
    ),
    (names) => names.flat()
  )

/** Looks no further than to the first fact that does not hold. */
const isBroken = (layer: Mutated) =>
  Effect.gen(function* () {
    for (const { body } of ExecutorTest.facts(layer, { attaches: false })) if (!(yield* holds(body))) return true
    return false
  })

describe("the suite for executors", () => {
  it.effect("finds nothing in one that is as it must be", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* broken(executing((execute) => execute)), [])
      assert.deepStrictEqual(yield* broken(attaching, true), [])
    })
  )

  it.effect("finds that an attempt given twice is carried out twice", () =>
    Effect.gen(function* () {
      const names = yield* broken(Executor.layerLocal, true)
      assert.deepStrictEqual(names, ["the same attempt given twice is carried out once, and both are told"])
    })
  )

  for (const [defect, layer] of Object.entries(defects)) {
    it.effect(`finds that ${defect}`, () =>
      Effect.gen(function* () {
        assert.isTrue(yield* isBroken(layer))
      })
    )
  }
})
