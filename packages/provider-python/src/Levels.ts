/** How far the code is kept apart from the machine, and which of these levels a machine has. */
import { Effect, Result, Schema, Semaphore } from "effect"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"

/**
 * From loose to tight: nothing · limits of the process, which are no security · no files but those that are named, no
 * network, no programs · that, in namespaces of its own with read-only mounts. See `sandbox.py`.
 */
export const Level = Schema.Literals(["none", "rlimit", "strict", "ns"])
export type Level = typeof Level.Type

/** Why a level is not to be had; null where it is. */
export type Missing = { readonly [level in Level]: string | null }

export interface Levels {
  /** Tried out by that Python, once; asked again when it could not be started. A Python that fails has `none` alone. */
  readonly of: (executable: string) => Effect.Effect<Missing>
}

export interface Options {
  /** The folder of `sandbox.py`. */
  readonly folder: string
  /** All of its environment. */
  readonly env: { readonly [name: string]: string }
}

export const make = ({ env, folder }: Options): Effect.Effect<Levels> =>
  Effect.map(Semaphore.make(1), (semaphore) => {
    const known = new Map<string, Missing>()
    const of = (executable: string) =>
      Effect.gen(function* () {
        if (process.platform !== "linux") return allBut("it is there on Linux alone")
        const found = known.get(executable)
        if (found !== undefined) return found
        const answer = yield* Effect.result(ask(executable, folder, env))
        if (Result.isFailure(answer)) return allBut(answer.failure)
        known.set(executable, answer.success)
        return answer.success
      })
    return { of: (executable) => semaphore.withPermit(of(executable)) }
  })

// internal

const allBut = (reason: string): Missing => ({ none: null, rlimit: reason, strict: reason, ns: reason })

const question =
  "import sys; sys.path[0] = sys.argv[1]; import json, sandbox; print(json.dumps(sandbox.levels()), flush=True)"

const reason = Schema.NullOr(Schema.String)
const decode = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Struct({ none: reason, rlimit: reason, strict: reason, ns: reason }))
)

/** How long it may take to try them out. Milliseconds. */
const patience = 15_000

/** Fails with why nothing is known of them. */
const ask = (executable: string, folder: string, env: Options["env"]): Effect.Effect<Missing, string> =>
  Effect.gen(function* () {
    const stdout = new Output(4096)
    const stderr = new Output(400)
    const { code, signal } = yield* Process.run(
      { executable, args: ["-X", "utf8", "-c", question, folder], env },
      ({ _tag, bytes }) => Effect.sync(() => (_tag === "Stdout" ? stdout : stderr).push(bytes))
    ).pipe(Effect.mapError(({ reason }) => reason))
    const answer = decode(stdout.text.trim())
    if (code === 0 && Result.isSuccess(answer)) return answer.success
    const last = stderr.text.trim().split("\n").at(-1) ?? ""
    const how = code === 0 ? "it does not answer as it should" : `it ended with ${signal ?? `exit code ${code}`}`
    return yield* Effect.fail(last === "" ? how : `${how}: ${last}`)
  }).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(`no answer within ${patience / 1000} s`) })
  )
