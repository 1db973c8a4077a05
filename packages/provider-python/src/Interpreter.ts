/**
 * Which Python runs the tasks: found once, by asking it, so that a task starts the real interpreter and not a shim in
 * front of it.
 */
import { Errors } from "@gleitzeit/core"
import { Effect, Result, Schema, Semaphore } from "effect"
import { join, resolve } from "node:path"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"

export interface Interpreter {
  /** What to start: absolute. */
  readonly executable: string
  /** `3.12.4` */
  readonly version: string
  /** The environment (venv) or installation that it belongs to. */
  readonly prefix: string
}

export interface Finder {
  /** The one found before, else the first that is new enough. Fails with every place looked at; asks again next time. */
  readonly find: Effect.Effect<Interpreter, Errors.ProviderUnavailable>
  /** It could not be started: look again next time. */
  readonly forget: Effect.Effect<void>
}

/** Older ones cannot run the code that runs the tasks. */
const oldest = [3, 8] as const

/**
 * `command` (a name on the PATH or a path) and nothing else when it is given; otherwise the active virtual environment,
 * `.venv` in the current folder, `python3` and `python` on the PATH.
 */
export const make = (
  provider: string,
  command: string | undefined,
  env: { readonly [name: string]: string }
): Effect.Effect<Finder> =>
  Effect.map(Semaphore.make(1), (semaphore) => {
    let found: Interpreter | undefined
    return {
      find: semaphore.withPermit(
        Effect.suspend(() =>
          found === undefined
            ? Effect.map(search(provider, candidates(command, env), env), (interpreter) => (found = interpreter))
            : Effect.succeed(found)
        )
      ),
      forget: Effect.sync(() => {
        found = undefined
      })
    }
  })

// internal

interface Candidate {
  readonly executable: string
  /** For people. */
  readonly place: string
}

const candidates = (
  command: string | undefined,
  env: { readonly [name: string]: string }
): ReadonlyArray<Candidate> => {
  if (command !== undefined) {
    return /[/\\]/.test(command)
      ? [{ executable: resolve(command), place: resolve(command) }]
      : [{ executable: command, place: `${command} on the PATH` }]
  }
  const folders = [env["VIRTUAL_ENV"], resolve(".venv")].filter((folder) => folder !== undefined && folder !== "")
  const environments = [...new Set(folders)].map((folder) => join(folder ?? "", "bin", "python"))
  return [
    ...environments.map((executable) => ({ executable, place: executable })),
    ...["python3", "python"].map((executable) => ({ executable, place: `${executable} on the PATH` }))
  ]
}

const search = (
  provider: string,
  candidates: ReadonlyArray<Candidate>,
  env: { readonly [name: string]: string }
): Effect.Effect<Interpreter, Errors.ProviderUnavailable> =>
  Effect.gen(function* () {
    const looked: Array<string> = []
    for (const candidate of candidates) {
      const answer = yield* Effect.result(ask(candidate, env))
      if (Result.isSuccess(answer)) return answer.success
      looked.push(`${candidate.place} (${answer.failure})`)
    }
    const wanted = oldest.join(".")
    const reason = `no Python ${wanted} or newer: looked at ${looked.join(", ")}; install one, or name one by GLEITZEIT_PYTHON`
    return yield* new Errors.ProviderUnavailable({ provider, reason, retryable: false })
  })

/** Understood by every Python there is. The current folder has no say in it: its `json.py` is not ours. */
const question =
  "import sys; del sys.path[0]; import json; print(json.dumps({'executable': sys.executable, 'version': list(sys.version_info[:3]), 'prefix': sys.prefix}))"

const Answer = Schema.fromJsonString(
  Schema.Struct({
    executable: Schema.NullOr(Schema.String),
    version: Schema.Tuple([Schema.Int, Schema.Int, Schema.Int]),
    prefix: Schema.String
  })
)

/** How long an interpreter may take to say what it is. Milliseconds. */
const patience = 15_000

/** Fails with why not. */
const ask = ({ executable }: Candidate, env: { readonly [name: string]: string }): Effect.Effect<Interpreter, string> =>
  Effect.gen(function* () {
    const stdout = new Output(4096)
    const stderr = new Output(400)
    const { code, signal } = yield* Process.run({ executable, args: ["-c", question], env }, ({ _tag, bytes }) =>
      Effect.sync(() => (_tag === "Stdout" ? stdout : stderr).push(bytes))
    ).pipe(Effect.catchTag("NotStarted", ({ missing, reason }) => Effect.fail(missing ? "not there" : reason)))
    if (code !== 0) {
      const last = stderr.text.trim().split("\n").at(-1) ?? ""
      return yield* Effect.fail(`ended with ${signal ?? `exit code ${code}`}${last === "" ? "" : `: ${last}`}`)
    }
    const answer = Schema.decodeUnknownResult(Answer)(stdout.text.trim().split("\n").at(-1))
    if (Result.isFailure(answer)) return yield* Effect.fail("does not answer as Python does")
    const { prefix, version } = answer.success
    const real = answer.success.executable ?? ""
    const [major, minor] = version
    if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
      return yield* Effect.fail(`is ${version.join(".")}${real === "" ? "" : `, ${real}`}`)
    }
    return { executable: real === "" ? executable : real, version: version.join("."), prefix }
  }).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(`no answer within ${patience / 1000} s`) })
  )
