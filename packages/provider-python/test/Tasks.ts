/** What the tests share: tasks on a provider of their own, and code with references as core hands it over. */
import { type Contract, type Failure, Provider, TaskContext } from "@gleitzeit/core"
import { Effect, Result, type Schema, Scope } from "effect"
import { context } from "../../core/test/context.ts"
import { PythonProvider } from "../src/index.ts"
import { real } from "./Interpreters.ts"

export type Chunk = Parameters<TaskContext.TaskContext["Service"]["emit"]>[0]

export { context }

export const call = (
  provider: Provider.Provider,
  method: string,
  params: Schema.Json,
  emit?: (chunk: Chunk) => void
): Effect.Effect<Schema.Json, Failure.Failure> =>
  Effect.provideService(provider.call(method, params), TaskContext.TaskContext, context(emit))

/** One for all tests: the interpreter is looked for once. */
export const standard = Effect.runSync(
  Scope.provide(PythonProvider.make({ command: real }), Effect.runSync(Scope.make()))
)

/** `python/execute`, with options on a provider of its own. */
export const execute = (
  params: Schema.Json,
  options?: PythonProvider.Options,
  emit?: (chunk: Chunk) => void
): Effect.Effect<Schema.JsonObject, Failure.Failure> =>
  Effect.flatMap(
    options === undefined ? Effect.succeed(standard) : PythonProvider.make({ command: real, ...options }),
    (provider) =>
      Effect.map(call(provider, "python/execute", params, emit), (result) => {
        if (typeof result !== "object" || result === null || Array.isArray(result)) throw new Error("no object")
        // Safe: neither null nor a list.
        return result as Schema.JsonObject
      })
  ).pipe(Effect.scoped)

/** The `result` of some code. */
export const value = (code: Schema.Json, more: Schema.JsonObject = {}): Effect.Effect<Schema.Json, Failure.Failure> =>
  Effect.map(execute({ code, ...more }), ({ result }) => result ?? null)

/** The failure of what must fail. */
export const failure = <A>(effect: Effect.Effect<A, Failure.Failure>): Effect.Effect<Failure.Failure> =>
  Effect.map(Effect.result(effect), (result) => {
    if (Result.isSuccess(result)) throw new Error(`did not fail: ${JSON.stringify(result.success)}`)
    return result.failure
  })

/** Code with `${name}` for each of the values, taken apart. */
export const bound = (
  source: string,
  values: { readonly [name: string]: Schema.Json },
  origin?: Contract.Code["origin"]
) => {
  const segments = source
    .split(/(\$\{[^}]*\})/)
    .filter((part) => part !== "")
    .map((part) => (part.startsWith("${") ? { ref: part.slice(2, -1), raw: part } : part))
  return { source, segments, values, ...(origin === undefined ? {} : { origin }) }
}
