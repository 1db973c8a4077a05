/**
 * `@gleitzeit/provider-python` by its name in a configuration: the options as files write them, with units, made into
 * those of `PythonProvider`. What is also a param of `python/execute` is the default of it.
 */
import { Plugin, PythonV1 } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as PythonProvider from "./PythonProvider.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const atLeast = (least: number) => Schema.Int.check(Schema.isGreaterThanOrEqualTo(least))

export const Options = Schema.Struct({
  python: described(
    Schema.NonEmptyString,
    "The interpreter: a path, a name, or the folder of a virtual environment. Default: the first that is found."
  ),
  concurrency: described(atLeast(1), "Tasks at once. Default: one a core."),
  timeout: Schema.optionalKey(
    PythonV1.duration("Longest time of a task: seconds, or text such as `30s`. Default: none.")
  ),
  env: described(Schema.Record(Schema.String, Schema.String), "Environment variables of every task."),
  max_output: described(atLeast(0), "Characters kept of standard output, and of standard error. Default 1048576."),
  max_result: described(atLeast(1), "Bytes of a result. Default 16777216."),
  sandbox: described(
    Schema.Union([Schema.Boolean, PythonV1.Level]),
    "How tasks are isolated: a level, true for `strict`, false for `none`. Default false."
  ),
  max_memory: Schema.optionalKey(
    PythonV1.memory("Memory that a task may hold: bytes, or text such as `512M`. Default: no limit.")
  ),
  max_processes: described(
    atLeast(1),
    "Processes that a task may start. Default: none where it is isolated, else no limit."
  ),
  allowed_modules: described(
    PythonV1.Modules,
    "Modules that a task may import: a guard rail, no boundary. Default: all."
  ),
  container: described(
    Schema.Struct({
      host: described(
        Schema.NonEmptyString,
        "The engine's socket, `unix:///path`. Default: `DOCKER_HOST`, then the usual ones."
      ),
      image: described(
        Schema.NonEmptyString,
        "Default `docker.io/library/python:3.13-slim`. Never pulled; it has Python 3.8 or newer."
      ),
      python: described(Schema.NonEmptyString, "Python in the image. Default `python3`."),
      limits: described(
        Schema.Struct({
          memory: Schema.optionalKey(PythonV1.memory("Default 512 MiB.")),
          cpus: described(Schema.Finite.check(Schema.isGreaterThan(0)), "Default 1."),
          processes: described(atLeast(1), "Default 64."),
          scratch: Schema.optionalKey(PythonV1.memory("Of `/tmp`. Default 64 MiB."))
        }),
        "Of each container."
      )
    }),
    "Of the level `container`."
  )
})
export type Options = typeof Options.Type

export const plugin: Plugin.ProviderPlugin = Plugin.open({
  name: "python",
  options: Options,
  make: (options: Options) =>
    Effect.suspend(() => {
      const { allowed_modules, env, max_memory, max_output, max_processes, max_result, python } = options
      const { concurrency, container, sandbox, timeout } = options
      return PythonProvider.make({
        ...(python === undefined ? {} : { command: python }),
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(timeout === undefined ? {} : { timeout }),
        ...(env === undefined ? {} : { env }),
        ...(max_output === undefined ? {} : { maxOutput: max_output }),
        ...(max_result === undefined ? {} : { maxResult: max_result }),
        ...(sandbox === undefined ? {} : { sandbox }),
        ...(max_memory === undefined ? {} : { maxMemory: max_memory }),
        ...(max_processes === undefined ? {} : { maxProcesses: max_processes }),
        ...(allowed_modules === undefined ? {} : { allowedModules: allowed_modules }),
        ...(container === undefined ? {} : { container })
      })
    })
})
