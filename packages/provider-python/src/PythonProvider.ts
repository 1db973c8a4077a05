/**
 * `python/v1` on the Python of this machine: one process a task, values bound as data. There is no sandbox: the code
 * may do what you may do. POSIX only.
 */
import {
  ChildEnvironment,
  type Contract,
  Errors,
  type Failure,
  Provider,
  type Providers,
  PythonV1
} from "@gleitzeit/core"
import { Effect, type Layer, Scope } from "effect"
import { existsSync, statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"
import * as Interpreter from "./Interpreter.ts"
import { resultOf } from "./Printed.ts"
import type { Level } from "./Levels.ts"
import * as Process from "./Process.ts"
import * as PythonTask from "./PythonTask.ts"
import * as Zygote from "./Zygote.ts"

export interface Options {
  /**
   * The interpreter: a path, or a name on the PATH. Default: the active virtual environment, `.venv` in the current
   * folder, `python3`, `python`; the first that is 3.8 or newer.
   */
  readonly command?: string
  /** Tasks at once. Default: as many as the machine has cores. */
  readonly concurrency?: number
  /** Environment variables of every task, beside those of `ChildEnvironment.names`. A task's own `env` wins. */
  readonly env?: { readonly [name: string]: string }
  /** True is refused: there is none. */
  readonly sandbox?: boolean
  /** Characters kept of standard output, and of standard error. Default 1,048,576; the middle is left out beyond it. */
  readonly maxOutput?: number
  /** Bytes of a result as JSON. Default 16 MiB; `ResultTooLarge` beyond it. */
  readonly maxResult?: number
}

/** Opens without Python: the interpreter is looked for by the first call, and by `health`. */
export const make = (options: Options = {}): Effect.Effect<Provider.Provider, Failure.Failure, Scope.Scope> =>
  Effect.flatMap(spec(options), (made) => Provider.make(PythonV1.PythonV1, made))

/** Python on duty, under the name `python`. */
export const layer = (options: Options = {}): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Provider.layer(PythonV1.PythonV1, spec(options))

// internal

const name = "python"

const noSandbox = "the Python sandbox is not available in this version; leave `sandbox` out to run without isolation"

const spec = (
  options: Options
): Effect.Effect<Provider.Spec<(typeof PythonV1.PythonV1)["methods"]>, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { command, concurrency = availableParallelism(), maxOutput = 1024 ** 2, maxResult = 16 * 1024 ** 2 } = options
    if (options.sandbox === true) return yield* new Errors.ProviderRefused({ provider: name, reason: noSandbox })
    const folder = places.find((place) => existsSync(place))
    if (folder === undefined) {
      const reason = `its Python sources are missing: looked for ${places.join(", ")}`
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    const env = { ...(yield* ChildEnvironment.inherited), ...options.env }
    const { find, forget } = yield* Interpreter.make(name, command, env)
    const scope = yield* Effect.scope
    const zygotes = new Map<string, Zygote.Zygote>()

    /** A level has a warm interpreter of its own, which the code of a looser one cannot have touched. */
    const warm = (executable: string, level: Level): Effect.Effect<Zygote.Zygote> => {
      const key = `${level} ${executable}`
      const found = zygotes.get(key)
      if (found !== undefined) return Effect.succeed(found)
      return Effect.map(Scope.provide(Zygote.make({ executable, folder, env }), scope), (made) => {
        zygotes.set(key, made)
        return made
      })
    }

    const run = (
      source: PythonTask.Source,
      how: Parameters<typeof PythonTask.run>[2],
      more: { readonly [name: string]: string } = {}
    ) =>
      Effect.gen(function* () {
        const { executable } = yield* find
        const confinement: PythonTask.Confinement = { level: "none", limits: {}, readable: [], writable: [] }
        const forks = process.platform === "linux" && !Object.keys(more).some((name) => readAtStart.test(name))
        const runner = forks ? (yield* warm(executable, confinement.level)).run : Process.run
        const settings = { runner, confinement, executable, folder, env: { ...env, ...more }, maxOutput, maxResult }
        return yield* PythonTask.run(settings, source, how)
      }).pipe(
        Effect.catchTag("NotStarted", ({ reason }) =>
          Effect.andThen(
            forget,
            Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: true }))
          )
        ),
        Effect.catchTag("Lost", ({ reason }) =>
          Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: true }))
        )
      )

    return {
      name,
      concurrency,
      handlers: {
        "python/execute": Effect.fnUntraced(function* (params: PythonV1.ExecuteParams) {
          const method = "python/execute"
          if (params.sandbox === true) return yield* new Errors.InvalidParams({ method, issue: noSandbox })
          const source = yield* sourceOf(method, params)
          const more = params.env ?? {}
          const wrong = Object.entries(more).find(([key, value]) => /^$|[=\0]/.test(key) || value.includes("\0"))
          if (wrong !== undefined) {
            const issue = `\`env\`: ${JSON.stringify(wrong[0])} cannot be set: a name is not empty and has no "=", and neither it nor its value has a NUL`
            return yield* new Errors.InvalidParams({ method, issue })
          }
          const args = params.args ?? params.context
          const { milliseconds, report, stderr, stdout } = yield* run(
            source,
            {
              check: false,
              ...(args === undefined ? {} : { args }),
              ...(params.stdin === undefined ? {} : { stdin: params.stdin })
            },
            more
          )
          const set = report._tag === "Done" ? report.result : undefined
          return {
            result: set === undefined ? resultOf(stdout.text) : set,
            stdout: stdout.text,
            stderr: stderr.text,
            output: stdout.text,
            exit_code: 0,
            duration_ms: milliseconds,
            success: true as const,
            ...(stdout.truncated || stderr.truncated ? { truncated: true as const } : {})
          }
        }),
        "python/validate": Effect.fnUntraced(function* (params: PythonV1.ValidateParams) {
          const { report } = yield* run(yield* sourceOf("python/validate", params), { check: true })
          const errors = report._tag === "Checked" ? report.errors : []
          return { valid: errors.length === 0, errors }
        }),
        "python/info": () => find
      },
      health: Effect.map(find, ({ executable, prefix, version }) => ({
        status: "healthy" as const,
        details: { executable, prefix, version }
      })),
      // code pays for what it asks for by itself, where nobody here sees it
      estimate: () => Effect.succeed({ calls: 1, input_tokens: 0, output_tokens: 0, cost_usd: 0 }),
      identity: () =>
        find.pipe(
          Effect.map(({ executable, version }) => `python ${version} ${executable}`),
          Effect.orElseSucceed(() => undefined)
        )
    }
  })

/** What Python and the C library look at once, when they start: a fork does not see it. */
const readAtStart = /^(PYTHON|LC_|LANG|LD_|DYLD_|MALLOC_|GLIBC_)/

/** Beside this file in the source, beside the module or the program that it is built into. */
const places = ["./python/", "./assets/python/"].map((place) => fileURLToPath(new URL(place, import.meta.url)))

/** Exactly one of the three is there: the schema has seen to that. */
const sourceOf = (
  method: string,
  { code, file, script }: PythonV1.ValidateParams
): Effect.Effect<PythonTask.Source, Errors.InvalidParams> => {
  const path = file ?? script
  if (path !== undefined) {
    const param = file === undefined ? "script" : "file"
    // what is not absolute has not been confined
    if (path.includes("\0") || !isAbsolute(path) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
      return Effect.fail(new Errors.InvalidParams({ method, issue: `\`${param}\`: there is no file ${path}` }))
    }
    return Effect.succeed({ file: path })
  }
  if (code === undefined) return Effect.succeed({})
  const generated = typeof code === "string" ? undefined : onlyReferences(code)
  if (generated !== undefined) {
    const issue = `\`code\` is nothing but ${generated}: running generated code needs a sandbox, which this version does not have; write the code into the workflow, and pass values to it by \`args\` or by \`\${...}\` inside it`
    return Effect.fail(new Errors.InvalidParams({ method, issue }))
  }
  return Effect.succeed({ code })
}

const onlyReferences = ({ segments, source }: Contract.Code): string | undefined =>
  segments.some((part) => typeof part !== "string") &&
  segments.every((part) => typeof part !== "string" || part.trim() === "")
    ? source.trim()
    : undefined
