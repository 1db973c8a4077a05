/**
 * Which Python runs the tasks: found once, by asking it, so that a task starts the real interpreter and not a shim in
 * front of it.
 */
import { Errors } from "@gleitzeit/core"
import { Effect, Option, Result, Schema, Semaphore } from "effect"
import { lstatSync, readlinkSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
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
  /** The one found before, else the first that is fit. Fails with every place looked at; asks again next time. */
  readonly find: Effect.Effect<Interpreter, Errors.ProviderUnavailable>
  /** A task's own, and nothing else: a path, a name on the PATH, or the folder of a virtual environment. Kept as well. */
  readonly of: (python: string) => Effect.Effect<Interpreter, Errors.ProviderUnavailable>
  /** Versions by name of what is installed for it. Asked each time. */
  readonly packages: (
    interpreter: Interpreter
  ) => Effect.Effect<{ readonly [name: string]: string }, Errors.ProviderUnavailable>
  /** One could not be started: look again next time. */
  readonly forget: Effect.Effect<void>
}

/** Older ones cannot run the code that runs the tasks. */
const oldest = [3, 8] as const

/**
 * `command` (a path, a name on the PATH, the folder of a virtual environment) and nothing else when it is given;
 * otherwise the active virtual environment, `.venv` in the current folder, `python3` and `python` on the PATH.
 */
export const make = (
  provider: string,
  command: string | undefined,
  env: { readonly [name: string]: string }
): Effect.Effect<Finder> =>
  Effect.map(Semaphore.make(1), (semaphore) => {
    const found = new Map<string | undefined, Interpreter>()
    const kept = (command: string | undefined, remedy: string) =>
      semaphore.withPermit(
        Effect.suspend(() => {
          const known = found.get(command)
          if (known !== undefined) return Effect.succeed(known)
          return Effect.tap(search(provider, candidates(command, env), env, remedy), (interpreter) =>
            Effect.sync(() => found.set(command, interpreter))
          )
        })
      )
    return {
      find: kept(command, "install one, or name one by GLEITZEIT_PYTHON"),
      of: (python) => kept(python, "`python` names an interpreter or the folder of a virtual environment"),
      packages: ({ executable }) =>
        ask(executable, packageQuestion, Packages, env).pipe(
          Effect.map((packages) =>
            Object.fromEntries(
              Object.entries(packages).toSorted(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
            )
          ),
          Effect.mapError((why) => {
            const reason = `${executable} does not tell its packages: ${why}`
            return new Errors.ProviderUnavailable({ provider, reason, retryable: true })
          })
        ),
      forget: Effect.sync(() => found.clear())
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
    const path = resolve(command)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return [environment(path)]
    return /[/\\]/.test(command)
      ? [{ executable: path, place: path }]
      : [{ executable: command, place: `${command} on the PATH` }]
  }
  const folders = [env["VIRTUAL_ENV"], resolve(".venv")].filter((folder) => folder !== undefined && folder !== "")
  return [
    ...[...new Set(folders)].map((folder) => environment(folder ?? "")),
    ...["python3", "python"].map((executable) => ({ executable, place: `${executable} on the PATH` }))
  ]
}

const environment = (folder: string): Candidate => {
  const executable = join(folder, "bin", "python")
  return { executable, place: executable }
}

const search = (
  provider: string,
  candidates: ReadonlyArray<Candidate>,
  env: { readonly [name: string]: string },
  remedy: string
): Effect.Effect<Interpreter, Errors.ProviderUnavailable> =>
  Effect.gen(function* () {
    const looked: Array<string> = []
    for (const { executable, place } of candidates) {
      const answer = yield* Effect.result(introduce(executable, env))
      if (Result.isSuccess(answer)) return answer.success
      looked.push(`${place} (${answer.failure})`)
    }
    const reason = `no Python ${oldest.join(".")} or newer: looked at ${looked.join(", ")}; ${remedy}`
    return yield* new Errors.ProviderUnavailable({ provider, reason, retryable: false })
  })

/** Understood by every Python there is. The current folder has no say in it: its `json.py` is not ours. */
const question =
  "import sys; del sys.path[0]; import json; print(json.dumps({'executable': sys.executable, 'version': list(sys.version_info[:3]), 'prefix': sys.prefix}))"

const Answer = Schema.Struct({
  executable: Schema.NullOr(Schema.String),
  version: Schema.Tuple([Schema.Int, Schema.Int, Schema.Int]),
  prefix: Schema.String
})

const packageQuestion =
  "import sys; del sys.path[0]; import json; from importlib import metadata; print(json.dumps({d.metadata['Name']: d.version for d in metadata.distributions() if d.metadata['Name'] and d.version}))"

const Packages = Schema.Record(Schema.String, Schema.String)

const introduce = (executable: string, env: { readonly [name: string]: string }): Effect.Effect<Interpreter, string> =>
  Effect.flatMap(ask(executable, question, Answer, env), ({ executable: own, prefix, version }) => {
    const real = own ?? ""
    const [major, minor] = version
    return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
      ? Effect.fail(`is ${version.join(".")}${real === "" || real === executable ? "" : `, ${real}`}`)
      : Effect.succeed({ executable: real === "" ? executable : real, version: version.join("."), prefix })
  })

/** How long an interpreter may take to answer. Milliseconds. */
const patience = 15_000

/** What it prints as JSON on its last line. Fails with why not. */
const ask = <A>(
  executable: string,
  question: string,
  answer: Schema.Codec<A, unknown>,
  env: { readonly [name: string]: string }
): Effect.Effect<A, string> =>
  Effect.gen(function* () {
    const stdout = new Output(1024 ** 2)
    const stderr = new Output(400)
    const { code, signal } = yield* Process.run({ executable, args: ["-c", question], env }, ({ _tag, bytes }) =>
      Effect.sync(() => (_tag === "Stdout" ? stdout : stderr).push(bytes))
    ).pipe(
      Effect.catchTag("NotStarted", ({ missing, reason }) => Effect.fail(missing ? whyMissing(executable) : reason))
    )
    if (code !== 0) {
      const last = stderr.text.trim().split("\n").at(-1) ?? ""
      return yield* Effect.fail(`ended with ${signal ?? `exit code ${code}`}${last === "" ? "" : `: ${last}`}`)
    }
    const decoded = Schema.decodeUnknownOption(Schema.fromJsonString(answer))(stdout.text.trim().split("\n").at(-1))
    return Option.isSome(decoded) ? decoded.value : yield* Effect.fail("does not answer as Python does")
  }).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(`no answer within ${patience / 1000} s`) })
  )

/** An environment outlives the Python that it was made with: then its `python` is a link to nothing. */
const whyMissing = (executable: string): string => {
  let path = executable
  for (let links = 0; links < 40 && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true; links++) {
    path = resolve(dirname(path), readlinkSync(path))
  }
  return path === executable ? "not there" : `a link to ${path}, which is not there`
}
