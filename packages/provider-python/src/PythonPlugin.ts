/**
 * `@gleitzeit/provider-python` by its name in a configuration: the options as files write them, with units, made into
 * those of `PythonProvider`. What would confine the code is refused: there is nothing here that confines it.
 */
import { Errors, Plugin, type Provider } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as PythonProvider from "./PythonProvider.ts"

export const Options = Schema.Struct({
  python: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The interpreter: a path or a name. Default: the first that is found."
    })
  ),
  concurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Tasks at once. Default: one a core." })
  ),
  timeout: Schema.optionalKey(Plugin.duration.annotate({ description: "Of a whole task. Default: none." })),
  env: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "Environment variables of every task." })
  ),
  max_output: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({
      description: "Characters kept of standard output, and of standard error. Default 1048576."
    })
  ),
  max_result: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Bytes of a result. Default 16777216." })
  ),
  sandbox: Schema.optionalKey(Schema.Boolean.annotate({ description: "True is refused: there is none." })),
  max_memory: Schema.optionalKey(
    Schema.Union([Schema.String, Schema.Finite]).annotate({ description: "Refused: memory is not limited." })
  ),
  allowed_modules: Schema.optionalKey(
    Schema.Array(Schema.String).annotate({ description: "Refused: imports are not limited." })
  )
})
export type Options = typeof Options.Type

export const plugin: Plugin.ProviderPlugin = Plugin.open({
  name: "python",
  options: Options,
  make: Effect.fnUntraced(function* (options: Options, name: string) {
    for (const promise of ["max_memory", "allowed_modules"] as const) {
      if (options[promise] === undefined) continue
      const reason = `\`${promise}\` cannot be kept: this version runs Python without isolation; leave it out to run without`
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    const provider = yield* PythonProvider.make({
      ...(options.python === undefined ? {} : { command: options.python }),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.sandbox === undefined ? {} : { sandbox: options.sandbox }),
      ...(options.max_output === undefined ? {} : { maxOutput: options.max_output }),
      ...(options.max_result === undefined ? {} : { maxResult: options.max_result })
    })
    return { ...provider, call: within(name, options.timeout, provider.call) }
  })
})

// internal

type Call = Provider.Provider["call"]

const within = (provider: string, timeout: number | undefined, call: Call): Call => {
  if (timeout === undefined) return call
  const late = new Errors.ProviderTimeout({ provider, phase: "the task", seconds: timeout / 1000 })
  return (method, params) =>
    Effect.timeoutOrElse(call(method, params), { duration: timeout, orElse: () => Effect.fail(late) })
}
