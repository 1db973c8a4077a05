/** One run of Python: the job as it travels, what comes back while it runs, and the words for what went wrong. */
import { type Contract, Errors, type Failure, type PythonV1, TaskContext } from "@gleitzeit/core"
import { Clock, Effect, Result, type Schema } from "effect"
import { dirname, resolve } from "node:path"
import { Output } from "./Output.ts"
import type * as Process from "./Process.ts"
import { type LogLevel, type Report, reports as reportsOf } from "./Report.ts"
import { frame } from "./Frames.ts"
import { isIsolated } from "./Runners.ts"
import type { Lost } from "./Zygote.ts"

/** What is to be run or read. One of `code` and `file`. */
export interface Source {
  readonly code?: string | Contract.Code
  readonly file?: string
}

/** What carries a process through: one of its own, or a fork of a warm one. */
export type Runner = <E, R>(
  command: Process.Command,
  take: (piece: Process.Piece) => Effect.Effect<void, E, R>
) => Effect.Effect<Process.Ended, Process.NotStarted | Lost | E, R>

/** What confines the code: see `sandbox.py`. */
export interface Confinement {
  readonly level: PythonV1.Level
  /** Bytes of memory and processes, at most. */
  readonly limits: { readonly memory?: number; readonly processes?: number }
  /** Files and folders that may be read, and those that may be written too. */
  readonly readable: ReadonlyArray<string>
  readonly writable: ReadonlyArray<string>
}

export interface Settings {
  readonly runner: Runner
  readonly confinement: Confinement
  /** Python, absolute. */
  readonly executable: string
  /** The folder of `run.py` and `template.py`. */
  readonly folder: string
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
  /** Where it runs. Default: the folder of the file, `scratch`, that of this process. */
  readonly cwd?: string
  /** A folder of its own, which is there. */
  readonly scratch?: string
  /** Names of modules at their top. Default: all. */
  readonly allowedModules?: ReadonlyArray<string>
  /** Characters of each stream. */
  readonly maxOutput: number
  /** Bytes. */
  readonly maxResult: number
}

export interface Over {
  readonly report: Report
  readonly stdout: Output
  readonly stderr: Output
  readonly milliseconds: number
  /** Most memory that it held at once, in KiB, where that is known. */
  readonly rss: number | undefined
}

/** Runs it (`check`: only reads it) to its end. Fails when it failed. */
export const run = (
  settings: Settings,
  source: Source,
  how: { readonly check: boolean; readonly args?: Schema.Json; readonly stdin?: string }
): Effect.Effect<Over, Failure.Failure | Process.NotStarted | Lost, TaskContext.TaskContext> =>
  Effect.gen(function* () {
    const task = yield* TaskContext.TaskContext
    const began = yield* Clock.currentTimeNanos
    const stdout = new Output(settings.maxOutput)
    const stderr = new Output(settings.maxOutput)
    const reports = reportsOf(settings.maxResult + spare)
    const { job, name } = travelling(source, settings, how)
    const { scratch } = settings
    let final: Report | undefined

    const tell = (level: LogLevel, lines: ReadonlyArray<string>) =>
      Effect.forEach(lines, (message) => task.emit({ _tag: "Log", level, message }), { discard: true })

    const hear = (report: Report): Effect.Effect<void> => {
      if (report._tag === "Progress") return task.emit(report)
      if (report._tag === "Log") return tell(report.level, [report.message])
      final ??= report
      return Effect.void
    }

    const ended = yield* settings.runner(
      {
        executable: settings.executable,
        args: ["-X", "utf8", "-c", boot, settings.folder],
        env: settings.env,
        job,
        ...(scratch === undefined ? {} : { scratch }),
        ...(how.stdin === undefined ? {} : { stdin: how.stdin })
      },
      ({ _tag, bytes }): Effect.Effect<void, Failure.Failure> => {
        if (_tag === "Stdout") return tell("info", stdout.push(bytes))
        if (_tag === "Stderr") return tell("warning", stderr.push(bytes))
        const heard = reports.push(bytes)
        return Result.isSuccess(heard)
          ? Effect.forEach(heard.success, hear, { discard: true })
          : Effect.fail(failed(`the code wrote to file descriptor 4, which is not its own: ${heard.failure}`))
      }
    )
    yield* tell("info", stdout.end())
    yield* tell("warning", stderr.end())

    const report = final
    if (report?._tag === "TooLarge") {
      return yield* new Errors.ResultTooLarge({ size: report.size, limit: settings.maxResult })
    }
    const left = { stdout: stdout.last(tail), stderr: stderr.last(tail), exit_code: ended.code ?? null }
    if (report?._tag === "Unsealed") {
      const reason = `the code was not run: ${report.message}`
      return yield* failed(reason, { level: settings.confinement.level })
    }
    const { memory } = settings.confinement.limits
    if (report?._tag === "Failed") return yield* raised(report, name, left, settings)
    if (report === undefined || ended.code !== 0) return yield* crashed(ended, report !== undefined, left, memory)
    const milliseconds = Math.round(Number((yield* Clock.currentTimeNanos) - began) / 1e6)
    return { report, stdout, stderr, milliseconds, rss: ended.rss }
  })

// internal

/** The folder takes the place of the current one until the task begins, so that nothing there is taken for Python's own. */
const boot = "import sys; sys.path[0] = sys.argv[1]; import run; run.main()"

/** Bytes of a report beside its result. */
const spare = 256 * 1024

/** Characters of each stream that a failure keeps. */
const tail = 4000

const unnamed = "<task>"

const travelling = (
  { code = "", file }: Source,
  { allowedModules, confinement, cwd, maxResult, scratch }: Settings,
  { args, check }: { readonly check: boolean; readonly args?: Schema.Json }
): { readonly job: Uint8Array; readonly name: string } => {
  const path = file === undefined ? undefined : resolve(file)
  const { origin, segments, source, values } =
    typeof code === "string" ? { source: code, segments: [code], values: {}, origin: undefined } : code
  const name = path ?? origin?.file ?? unnamed
  const line = Math.max(origin?.line ?? 1, 1)
  const place = cwd ?? (path === undefined ? scratch : dirname(path)) ?? null
  const job = {
    check,
    name,
    file: path ?? null,
    source,
    segments,
    values,
    line,
    cwd: place,
    max_result: maxResult,
    allowed_modules: allowedModules ?? null,
    ...confinement
  }
  return { job: frame(args === undefined ? job : { ...job, args }), name }
}

interface Left {
  readonly stdout: string
  readonly stderr: string
  readonly exit_code: number | null
}

const failed = (reason: string, data?: Schema.Json): Errors.TaskExecutionFailed =>
  new Errors.TaskExecutionFailed({ reason, retryable: false, ...(data === undefined ? {} : { data }) })

/** The code raised: first what and where, then the traceback. */
const raised = (
  { line, message, traceback = "", type }: Extract<Report, { readonly _tag: "Failed" }>,
  name: string,
  left: Left,
  settings: Settings
): Errors.TaskExecutionFailed => {
  const [first = ""] = message.split("\n")
  const where = line === undefined ? "" : ` (${name}:${line})`
  const what = `${[type, first, causeOf(type, first, left, settings)].filter((part) => part !== "").join(": ")}${where}`
  return failed(traceback === "" ? what : `${what}\n${traceback}`, {
    type,
    message,
    traceback,
    ...(line === undefined ? {} : { line }),
    ...(name === unnamed ? {} : { file: name }),
    ...left
  })
}

/** What the exception itself does not tell: which limit, which Python, which level it has met, what a script said last. */
const causeOf = (type: string, message: string, left: Left, { confinement, executable }: Settings): string => {
  const { level, limits } = confinement
  const isContainer = executable === ""
  // those of libraries have longer names
  if (limits.memory !== undefined && type.endsWith("MemoryError")) return limitOf(limits.memory)
  if (type === "ModuleNotFoundError") {
    return isContainer ? "the container's image has it not" : `${executable} has it not, \`python\` names another`
  }
  if (type === "SystemExit") {
    const said = left.stderr.trimEnd().split("\n").at(-1) ?? ""
    return said === message ? "" : said.slice(0, 200)
  }
  return isIsolated(level) && refusals.test(message) ? `\`sandbox\` is ${isContainer ? "container" : level}` : ""
}

/** Of files, system calls and names of hosts, the last as a resolver without a network says it. */
const refusals = /\[Errno (1|13|30|-2|-3)\]/

/** The process ended without a word, or after it. */
const crashed = (
  ended: Process.Ended,
  reported: boolean,
  left: Left,
  memory: number | undefined
): Errors.TaskExecutionFailed => {
  const how = ended.signal === undefined ? `ended with exit code ${ended.code}` : `was ended by ${ended.signal}`
  const why =
    ended.signal === "SIGKILL"
      ? " (the machine may be out of memory)"
      : ended.signal === undefined && !reported
        ? " before the code had come to its end (os._exit, or a library that ends the process)"
        : ""
  const limit = memory === undefined ? "" : `; ${limitOf(memory)}, and it had held ${ended.rss ?? "?"} KiB`
  const message = `the Python process ${how}${why}${reported ? ", after the code had come to its end" : ""}${limit}`
  const last = left.stderr.trim()
  return failed(last === "" ? message : `${message}\n${last}`, {
    type: "Crashed",
    message,
    traceback: "",
    ...(ended.signal === undefined ? {} : { signal: ended.signal }),
    ...left
  })
}

const limitOf = (memory: number): string => `\`max_memory\` is ${Math.round(memory / 1024 ** 2)} MiB`
