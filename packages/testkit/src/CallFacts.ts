/** What comes of calls to a provider, and what it knows of a call before it is made. */
import { assert } from "@effect/vitest"
import { type Contract, type Executor, Failure, Json, Task } from "@gleitzeit/core"
import { Cause, Effect, Exit, Fiber, Option, Schema } from "effect"
import { call, failureOf, listener } from "./ExecutorSample.ts"
import {
  answering,
  type Attempt,
  calling,
  contractsOf,
  ending,
  failureIn,
  given,
  issueOf,
  limitOf,
  type Sample,
  short,
  type Suite
} from "./ProviderSample.ts"

export const define = ({ fact, open, options }: Suite): void => {
  fact(
    "answers a call of each method with JSON that its schema allows, and leaves the params as they were",
    Effect.gen(function* () {
      const { attempt, samples } = yield* open
      for (const { about, contract, params, provider } of yield* samples) {
        const before = JSON.stringify(params)
        const came = yield* attempt(provider, contract.method, params)
        if (came.exit === undefined || Exit.isFailure(came.exit)) {
          return assert.fail(`${about} is to succeed, but ${ending(came)}`)
        }
        const result = came.exit.value
        assert.isTrue(isJson(result), `${about} gives what is not JSON: ${String(result)}`)
        const issue = issueOf(contract.result, result)
        assert.isUndefined(issue, `${about} gives ${short(result)}, which its schema does not allow: ${issue}`)
        assert.isTrue(JSON.stringify(params) === before, `${about} changes its params to ${short(params)}`)
      }
    })
  )

  fact(
    "refuses params that a method does not take before its handler begins",
    Effect.gen(function* () {
      const { attempt, samples } = yield* open
      for (const { about, contract, params, provider } of yield* samples) {
        for (const { params: wrong, why } of wrongParams(contract, params)) {
          const came = yield* attempt(provider, contract.method, wrong)
          const failure = failureIn(came)
          const wanted = `${about} is to be refused with -32602 when ${why}, but `
          assert.strictEqual(failure?.code, -32602, wanted + ending(came))
          assert.isFalse(failure?.retryable, `${wanted}is said to be worth another try`)
          assert.isFalse(came.isBegun, `${wanted}its handler began`)
        }
      }
    })
  )

  fact(
    "refuses a method that it does not have",
    Effect.gen(function* () {
      const { attempt, providers } = yield* open
      for (const provider of providers) {
        const prefix = provider.protocol.split("/")[0]
        for (const method of [`${prefix}/no-such-method`, "constructor", "__proto__", ""]) {
          const came = yield* attempt(provider, method, {})
          const wanted = `${provider.name} is to refuse the method "${method}" with -32601, but `
          assert.strictEqual(failureIn(came)?.code, -32601, wanted + ending(came))
        }
      }
    })
  )

  fact(
    "fails with plain data: a code of the catalogue's ranges, a name, words, and whether trying again can help",
    Effect.gen(function* () {
      const { attempt, providers, samples } = yield* open
      const looked = (about: string, came: Attempt) => {
        if (came.exit === undefined || Exit.isSuccess(came.exit)) {
          return assert.fail(`${about} is to fail, but ${ending(came)}`)
        }
        const failed = came.exit.cause.reasons.find(Cause.isFailReason)
        assert.isDefined(failed, `${about} is to fail, but it died: ${Cause.pretty(came.exit.cause)}`)
        const wrong = complaint(failed?.error)
        assert.isUndefined(wrong, `${about} fails with ${short(failed?.error)}: ${wrong}`)
      }
      for (const provider of providers) {
        looked(`${provider.name} no/such-method`, yield* attempt(provider, "no/such-method", {}))
      }
      for (const { about, contract, provider } of yield* samples) {
        looked(`${about} without params`, yield* attempt(provider, contract.method, null))
      }
      for (const { method, params } of options.failing ?? []) {
        for (const provider of providers) {
          const has = (yield* contractsOf(provider)).some((contract) => contract.method === method)
          if (has) looked(`${provider.name} ${method} ${short(params)}`, yield* attempt(provider, method, params))
        }
      }
    })
  )

  fact(
    "takes as many calls at once as it says, and more when they wait for each other",
    Effect.gen(function* () {
      const { executor, samples } = yield* open
      for (const { about, contract, params, provider } of firsts(yield* samples)) {
        const n = Math.min(provider.concurrency, 4) + 1
        const made = (k: number): Executor.Call =>
          call({ task: `task[${k}]`, method: contract.method, provider: provider.name, params })
        const { host } = listener({
          answer: (key, question) => answering(key, question, options),
          call: calling(options)
        })
        const fiber = yield* Effect.forkDetach(
          Effect.forEach(
            Array.from({ length: n }, (_, k) => made(k)),
            (call) => Effect.exit(executor.execute(call, host)),
            { concurrency: "unbounded" }
          )
        )
        const ended = yield* Effect.timeoutOption(Fiber.join(fiber), limitOf(options, "call"))
        if (Option.isNone(ended)) fiber.interruptUnsafe()
        assert.isTrue(Option.isSome(ended), `${about}, called ${n} times at once, has not ended in time`)
        for (const exit of Option.getOrElse(ended, () => [])) {
          const failure = Exit.isFailure(exit) ? failureOf(exit.cause) : undefined
          assert.isUndefined(failure, `${about}, called ${n} times at once, fails: ${short(failure)}`)
        }
      }
    })
  )

  fact(
    "says the same about what the answers to equal calls depend on",
    Effect.gen(function* () {
      for (const { about, contract, params, provider } of yield* (yield* open).samples) {
        const ask = (params: Schema.Json) => given(`${about}: its identity`, provider.identity(contract.method, params))
        const first = yield* ask(params)
        if (first !== undefined) assert.isNotEmpty(first, `${about}: its identity is text, or undefined`)
        const copy: Schema.Json = JSON.parse(JSON.stringify(params))
        for (const [equal, which] of [
          [params, "asked twice"],
          [copy, "for a copy"],
          [reversed(copy), "with the params in another order"]
        ] as const) {
          assert.strictEqual(yield* ask(equal), first, `${about}: its identity, ${which}`)
        }
      }
    })
  )

  fact(
    "estimates what a call uses at most, and says what it has used, in numbers from 0",
    Effect.gen(function* () {
      const { attempt, samples } = yield* open
      for (const { about, contract, params, provider } of yield* samples) {
        const estimate = yield* given(`${about}: its estimate`, provider.estimate(contract.method, params))
        const { usage } = yield* attempt(provider, contract.method, params)
        for (const [told, what] of [
          [estimate, "its estimate"],
          ...usage.map((one) => [one, "its usage"] as const)
        ] as const) {
          for (const [key, number] of Object.entries(told)) {
            assert.include(Object.keys(Task.Usage.fields), key, `${about}: ${what}`)
            assert.isTrue(Number.isFinite(number) && number >= 0, `${about}: ${key} of ${what} is ${number}`)
          }
        }
        const used = usage.reduce<Task.Usage>((sum, one) => Task.addUsage(sum, one) ?? sum, {})
        for (const [key, most] of Object.entries(estimate)) {
          const number = Object.entries(used).find(([name]) => name === key)?.[1] ?? 0
          assert.isAtMost(number, most, `${about}: ${key} of its usage, which it has estimated`)
        }
      }
    })
  )

  fact(
    "can do what its capabilities say: keeps answers only with an identity, shows parts of them only when it streams",
    Effect.gen(function* () {
      const { attempt, samples } = yield* open
      const all = yield* samples
      for (const provider of new Set(all.map((sample) => sample.provider))) {
        const { caching, streaming } = provider.capabilities
        const own = all.filter((sample) => sample.provider === provider)
        const identities = yield* Effect.forEach(own, ({ about, contract, params }) =>
          given(`${about}: its identity`, provider.identity(contract.method, params))
        )
        const has = identities.some((identity) => identity !== undefined)
        assert.strictEqual(has, caching, `${provider.name}: an identity of some call, where \`caching\` is ${caching}`)
        const attempts = yield* Effect.forEach(own, ({ contract, params }) =>
          attempt(provider, contract.method, params)
        )
        const shows = attempts.some(({ chunks }) => chunks.some(({ _tag }) => _tag === "Text" || _tag === "Reasoning"))
        assert.strictEqual(
          shows,
          streaming,
          `${provider.name}: parts of some answer, where \`streaming\` is ${streaming}`
        )
      }
    })
  )
}

// internal

const firsts = (samples: ReadonlyArray<Sample>): ReadonlyArray<Sample> =>
  samples.filter(
    ({ contract, provider }, n) =>
      samples.findIndex((other) => other.provider === provider && other.contract.method === contract.method) === n
  )

const isJsonValue = Schema.is(Schema.Json)

const isJson = (value: Schema.Json): boolean =>
  isJsonValue(value) &&
  !Json.isDeep(value) &&
  JSON.stringify(JSON.parse(JSON.stringify(value))) === JSON.stringify(value)

/** The same params, their keys the other way round. */
const reversed = (params: Schema.Json): Schema.Json =>
  Json.isObject(params) ? Object.fromEntries(Object.entries(params).reverse()) : params

interface Wrong {
  readonly params: Schema.Json
  readonly why: string
}

/** Of what the schema refuses, each kind: no object, something missing, of another type, or not known. */
const wrongParams = ({ params: schema }: Contract.Contract, params: Schema.Json): ReadonlyArray<Wrong> => {
  const isWrong = (params: Schema.Json) => issueOf(schema, params) !== undefined
  const found: Array<Wrong> = [null, true, 7, "text", [], [params]].map((wrong) => ({
    params: wrong,
    why: `its params are ${short(wrong)}`
  }))
  if (!Json.isObject(params)) return found
  const properties = schema["properties"]
  const known = typeof properties === "object" && properties !== null ? Object.keys(properties) : Object.keys(params)
  for (const key of known) {
    const { [key]: _, ...without } = params
    if (key in params) found.push({ params: without, why: `"${key}" is missing` })
    const other = [{ un: "known" }, [{}], 0.5, true, "", null].find((value) => isWrong({ ...params, [key]: value }))
    if (other !== undefined) found.push({ params: { ...params, [key]: other }, why: `"${key}" is ${short(other)}` })
  }
  for (const key of ["no_such_param", "constructor", "__proto__"]) {
    // `__proto__` as JSON has it: a key like any other
    const more: Schema.JsonObject = JSON.parse(`{${JSON.stringify(key)}: 1}`)
    found.push({
      params: Object.fromEntries([...Object.entries(params), ...Object.entries(more)]),
      why: `it has "${key}"`
    })
  }
  return found.filter(({ params }) => isWrong(params))
}

const isFailure = Schema.is(Failure.Failure)

/** Of JSON-RPC, or in the hundred of a part: see `docs/errors.md`. */
const isLegal = (code: number): boolean =>
  (code <= -32000 && code >= -32768) ||
  [31, 30, 29, 28, 27, 26, 25].some((part) => code <= -part * 1000 && code > -part * 1000 - 100)

/** What is wrong with a failure; undefined when nothing is. */
const complaint = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return "it has no fields"
  // Safe: what is read of it is looked at.
  const failure = Failure.of(error as Failure.Failure)
  if (!isFailure(failure)) return "it lacks `code`, `name`, `message` or `retryable`, or they are of another type"
  if (!isLegal(failure.code)) return `${failure.code} is in none of the ranges of docs/errors.md`
  if (!/^[A-Z][A-Z0-9_]*$/.test(failure.name)) return `"${failure.name}" is no name such as TASK_TIMEOUT`
  return failure.message.trim() === "" ? "it says nothing" : undefined
}
