/**
 * `python/v1` on the Python of this machine: a process for each task, forked from a warm interpreter where that can be
 * had, values bound as data. How far the code is kept apart from the machine is a matter of its level; without one it
 * may do what you may do. POSIX only, levels on Linux only.
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
import { Effect, type Layer, Option, Result, Schema, type Scope } from "effect"
import { existsSync, readFileSync, statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"
import type * as ContainerPool from "./ContainerPool.ts"
import * as Interpreter from "./Interpreter.ts"
import * as Levels from "./Levels.ts"
import { resultOf } from "./Printed.ts"
import * as PythonTask from "./PythonTask.ts"
import * as Runners from "./Runners.ts"

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
  /** The level of tasks that ask for none: true is `strict`, false, the default, is `none`. */
  readonly sandbox?: boolean | PythonV1.Level
  /** Milliseconds that a task may take. Default: as long as it likes. */
  readonly timeout?: number
  /** Bytes of memory that a task may hold. Default: no limit. */
  readonly maxMemory?: number
  /** Processes that a task may start; where the code is isolated none is the default. */
  readonly maxProcesses?: number
  /** Modules that a task may import: a guard rail, no boundary. Default: all. */
  readonly allowedModules?: ReadonlyArray<string>
  /** Of the level `container`. */
  readonly container?: Omit<ContainerPool.Options, "most" | "sources">
  /** Whether tasks are forks of a warm interpreter. Default: on Linux. Elsewhere each is a start of Python. */
  readonly fork?: boolean
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

const spec = (
  options: Options
): Effect.Effect<Provider.Spec<(typeof PythonV1.PythonV1)["methods"]>, Errors.ProviderRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { command, concurrency = availableParallelism(), maxOutput = 1024 ** 2, maxResult = 16 * 1024 ** 2 } = options
    const isLinux = process.platform === "linux"
    const { fork = isLinux, sandbox = false } = options
    const missing = isLinux ? undefined : unisolated(levelOf(sandbox))
    if (missing !== undefined) return yield* new Errors.ProviderRefused({ provider: name, reason: missing })
    const folder = places.find((place) => existsSync(place))
    if (folder === undefined) {
      const reason = `its Python sources are missing: looked for ${places.join(", ")}`
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    const inherited = yield* ChildEnvironment.inherited
    const env = { ...inherited, ...options.env }
    const python = yield* Interpreter.make(name, command, env)
    const levels = yield* Levels.make({ folder, env })
    const { container = {}, env: every = {} } = options
    const runners = yield* Runners.make({ fork, folder, inherited, env: every, most: concurrency, container })

    const run = (
      source: PythonTask.Source,
      how: Parameters<typeof PythonTask.run>[2],
      {
        allowed_modules,
        cwd,
        env: more = {},
        max_memory,
        python: own,
        sandbox: asked = sandbox,
        timeout = options.timeout
      }: Confining
    ) =>
      Effect.gen(function* () {
        const limits = limitsOf(max_memory ?? options.maxMemory, options.maxProcesses)
        const level = levelOf(asked) === "none" && Object.keys(limits).length > 0 ? "rlimit" : levelOf(asked)
        const interpreter = own === undefined ? python.find : python.of(own)
        const found = yield* runners.of({ level, limits, interpreter, file: source.file, cwd, env: more })
        const allowedModules = allowed_modules ?? options.allowedModules
        const settings: PythonTask.Settings = {
          ...found,
          maxOutput,
          maxResult,
          ...(allowedModules === undefined ? {} : { allowedModules })
        }
        return yield* within(timeout, PythonTask.run(settings, source, how))
      }).pipe(
        Effect.scoped,
        Effect.catchTag("NotStarted", ({ reason }) =>
          Effect.andThen(
            python.forget,
            Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: true }))
          )
        ),
        Effect.catchTag("Lost", ({ reason }) =>
          Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: true }))
        ),
        Effect.catchTag("NoContainers", ({ reason }) =>
          Effect.fail(new Errors.ProviderUnavailable({ provider: name, reason, retryable: false }))
        )
      )

    return {
      name,
      concurrency,
      handlers: {
        "python/execute": Effect.fnUntraced(function* (params: PythonV1.ExecuteParams) {
          const method = "python/execute"
          const { args = params.context, sandbox: asked = sandbox, stdin } = params
          const level = levelOf(asked)
          const issue = issueOf(params, level) ?? (isLinux ? undefined : unisolated(level))
          if (issue !== undefined) return yield* new Errors.InvalidParams({ method, issue })
          const source = yield* sourceOf(method, params, Runners.isIsolated(level))
          const { milliseconds, report, rss, stderr, stdout } = yield* run(
            source,
            {
              check: false,
              ...(args === undefined ? {} : { args }),
              ...(stdin === undefined ? {} : { stdin })
            },
            params
          )
          const set = report._tag === "Done" ? report.result : undefined
          return {
            result: set === undefined ? resultOf(stdout.text) : set,
            stdout: stdout.text,
            stderr: stderr.text,
            output: stdout.text,
            exit_code: 0,
            duration_ms: milliseconds,
            ...(rss === undefined ? {} : { max_rss_kb: rss }),
            success: true as const,
            ...(stdout.truncated || stderr.truncated ? { truncated: true as const } : {})
          }
        }),
        "python/validate": Effect.fnUntraced(function* (params: PythonV1.ValidateParams) {
          // nothing is run: a container would be a long way to go
          const level = levelOf(sandbox) === "container" ? "none" : sandbox
          const source = yield* sourceOf("python/validate", params, true)
          const { report } = yield* run(source, { check: true }, { ...params, sandbox: level })
          const errors = report._tag === "Checked" ? report.errors : []
          return { valid: errors.length === 0, errors }
        }),
        "python/info": Effect.fnUntraced(function* ({ python: own }: PythonV1.InfoParams) {
          const found = yield* own === undefined ? python.find : python.of(own)
          return { ...found, packages: yield* python.packages(found) }
        })
      },
      capabilities: { sandboxed: Runners.isIsolated(levelOf(sandbox)) },
      health: Effect.gen(function* () {
        const { executable, prefix, version } = yield* python.find
        const found = { ...(yield* levels.of(executable)), container: (yield* runners.lacking) ?? null }
        const level = levelOf(sandbox)
        const details = { executable, prefix, version, levels: found }
        if (found[level] === null) return { status: "healthy", details } as const
        const reason = `tasks are to run at the level ${level}, which is not available: ${found[level]}`
        return { status: "unhealthy", details: { reason, ...details } } as const
      }),
      // code pays for what it asks for by itself, where nobody here sees it
      estimate: () => Effect.succeed({ calls: 1, input_tokens: 0, output_tokens: 0, cost_usd: 0 }),
      identity: (_, params) => {
        const deciding: typeof Deciding.Type = Option.getOrElse(decodeDeciding(params), () => ({}))
        const { python: own, sandbox: asked = sandbox } = deciding
        // what an image holds is not known here
        if (asked === "container") return Effect.undefined
        return (own === undefined ? python.find : python.of(own)).pipe(
          Effect.map(({ executable, version }) => `python ${version} ${executable}`),
          Effect.orElseSucceed(() => undefined)
        )
      }
    }
  })

const Deciding = Schema.Struct({
  python: Schema.optionalKey(Schema.String),
  sandbox: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String]))
})
const decodeDeciding = Schema.decodeUnknownOption(Deciding)

/** The params that say where the code runs, and what it may do there. */
type Confining = Pick<
  PythonV1.ExecuteParams,
  "allowed_modules" | "cwd" | "env" | "max_memory" | "python" | "sandbox" | "timeout"
>

const levelOf = (sandbox: boolean | PythonV1.Level): PythonV1.Level =>
  sandbox === true ? "strict" : sandbox === false ? "none" : sandbox

/** Where this is not Linux. */
const unisolated = (level: PythonV1.Level): string | undefined =>
  level === "none" || level === "container"
    ? undefined
    : `the level ${level} is there on Linux alone; use container, or leave \`sandbox\` out to run without isolation`

const limitsOf = (memory: number | undefined, processes: number | undefined): PythonTask.Confinement["limits"] => ({
  ...(memory === undefined ? {} : { memory }),
  ...(processes === undefined ? {} : { processes })
})

const within = <A, E, R>(
  timeout: number | undefined,
  task: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Errors.ProviderTimeout, R> => {
  if (timeout === undefined) return task
  const late = new Errors.ProviderTimeout({ provider: name, phase: "the task", seconds: timeout / 1000 })
  return Effect.timeoutOrElse(task, { duration: timeout, orElse: () => Effect.fail(late) })
}

/** Beside this file in the source, beside the module or the program that it is built into. */
const places = ["./python/", "./assets/python/"].map((place) => fileURLToPath(new URL(place, import.meta.url)))

/** What the schema does not see. Paths that are not absolute have not been confined. */
const issueOf = ({ cwd, env = {}, python }: PythonV1.ExecuteParams, level: PythonV1.Level): string | undefined => {
  if (python !== undefined && level === "container") {
    return "`python` names a Python of this machine, and a container has the one of its image: leave one of them out"
  }
  const wrong = Object.entries(env).find(([key, value]) => /^$|=/.test(key) || !isSettable(key) || !isSettable(value))
  if (wrong !== undefined) {
    return `\`env\`: ${JSON.stringify(wrong[0])} cannot be set: a name is not empty and has no "=", and neither it nor its value has a NUL or half of a surrogate pair`
  }
  if (cwd === undefined || (isThere(cwd) && statSync(cwd).isDirectory())) return undefined
  return `\`cwd\`: there is no folder ${cwd}`
}

const isSettable = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

const isThere = (path: string): boolean => !path.includes("\0") && isAbsolute(path) && existsSync(path)

/** Exactly one of the three is there: the schema has seen to that. `generated`: whether code may be all of a value. */
const sourceOf = (
  method: string,
  { code, file, script }: PythonV1.ValidateParams,
  generated: boolean
): Effect.Effect<PythonTask.Source, Errors.InvalidParams> => {
  const path = file ?? script
  if (path !== undefined) {
    const param = file === undefined ? "script" : "file"
    if (!isThere(path) || !statSync(path).isFile()) {
      return Effect.fail(new Errors.InvalidParams({ method, issue: `\`${param}\`: there is no file ${path}` }))
    }
    // closed to this user, or larger than a text can be
    const read = Result.try(() => readFileSync(path, "latin1"))
    const refused = Result.isFailure(read) ? whyUnread(path, read.failure) : PythonV1.refusal(read.success)
    if (refused !== undefined) {
      return Effect.fail(new Errors.InvalidParams({ method, issue: `\`${param}\`: ${refused}` }))
    }
    return Effect.succeed({ file: path })
  }
  if (code === undefined) return Effect.succeed({})
  const whole = typeof code === "string" ? undefined : onlyReferences(code)
  if (whole === undefined) return Effect.succeed({ code })
  if (!generated) {
    const issue = `\`code\` is nothing but ${whole.written}: generated code is run in a sandbox only, so say \`sandbox: true\`; or write the code into the workflow, and pass values to it by \`args\` or by \`\${...}\` inside it`
    return Effect.fail(new Errors.InvalidParams({ method, issue }))
  }
  const { text, written } = whole
  if (text === undefined) {
    const issue = `\`code\` is nothing but ${written}, and its value is no text`
    return Effect.fail(new Errors.InvalidParams({ method, issue }))
  }
  const refused = PythonV1.refusal(text)
  if (refused !== undefined) return Effect.fail(new Errors.InvalidParams({ method, issue: `\`code\`: ${refused}` }))
  return Effect.succeed({ code: text })
}

const whyUnread = (path: string, error: unknown): string =>
  `the file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`

/** How it is written, and the source that its values make; without one where a value is no text. */
const onlyReferences = ({
  segments,
  source,
  values
}: Contract.Code): { readonly written: string; readonly text: string | undefined } | undefined => {
  if (segments.every((part) => typeof part === "string")) return undefined
  if (segments.some((part) => typeof part === "string" && part.trim() !== "")) return undefined
  const parts = segments.map((part) => (typeof part === "string" ? part : values[part.ref]))
  return { written: source.trim(), text: parts.every((part) => typeof part === "string") ? parts.join("") : undefined }
}
