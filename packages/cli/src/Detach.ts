/**
 * A run in the background: this same program with `resume`, in a session of its own, so that it outlives the terminal.
 * What it says goes to a file beside the database.
 */
import { Settings } from "@gleitzeit/core"
import { Effect, Option, type Schema } from "effect"
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { UsageError } from "./ExitCode.ts"
import * as Flags from "./Flags.ts"
import * as Invocation from "./Invocation.ts"
import * as Machine from "./Machine.ts"

export interface Options {
  readonly run: string
  /** Inputs that are not recorded; they go through a pipe, where no other user sees them. */
  readonly secrets: { readonly [name: string]: Schema.Json }
  readonly simulate: string | undefined
}

/** Fails when the store ends with this process. */
export const possible = Effect.gen(function* () {
  const settings = yield* Machine.settings
  const { store } = settings
  if (logs(settings) !== undefined) return
  return yield* new UsageError({
    issue: `--detach: ${Settings.showStore(store.value)} ends with this process; --store sqlite:PATH keeps runs in a file`
  })
})

/** Returns once the process is there; gives the file it writes to. */
export const start = Effect.fn("gleitzeit.detach")(function* ({ run, secrets, simulate }: Options) {
  const settings = yield* Machine.settings
  const { store } = settings
  const resume = yield* Invocation.of("resume", run)
  const log = logOf(settings, run)
  const refuse = (reason: string) =>
    new UsageError({ issue: `--detach: cannot start a process: ${reason}; the run is there, go on with: ${resume}` })
  if (log === undefined) return yield* refuse("the store ends with this one")
  const given = Object.keys(secrets).length > 0
  const args = [
    ...process.execArgv,
    process.argv[1] ?? "",
    "resume",
    run,
    // what a plug-in's URL holds stands in a file or in the environment, and other users see this line
    ...(store.value._tag !== "Other" || store.from === "--store" ? ["--store", Settings.showStore(store.value)] : []),
    ...(simulate === undefined ? [] : ["--simulate", simulate]),
    ...(given ? ["--inputs", "-"] : []),
    ...(yield* ownFlags)
  ]
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  yield* Effect.callback<void, UsageError>((resume) => {
    try {
      mkdirSync(dirname(log), { recursive: true, mode: 0o700 })
      const file = openSync(log, "a", 0o600)
      const child = spawn(process.execPath, args, { detached: true, stdio: [given ? "pipe" : "ignore", file, file] })
      closeSync(file)
      child.once("error", ({ message }) => resume(refuse(message)))
      child.once("spawn", () => {
        child.unref()
        if (child.stdin === null) return resume(Effect.void)
        child.stdin.on("error", () => {})
        child.stdin.end(JSON.stringify(secrets), () => resume(Effect.void))
      })
    } catch (error) {
      resume(refuse(error instanceof Error ? error.message : String(error)))
    }
  })
  return log
})

/** Of a run that is removed. There need not be one. */
export const removeLog = (run: string) =>
  Effect.flatMap(Machine.settings, (settings) =>
    Effect.sync(() => {
      const log = logOf(settings, run)
      if (log !== undefined) rmSync(log, { force: true })
    })
  )

// internal

/** The folder of such files. */
const logs = ({ data, store: { value } }: Settings.Settings): string | undefined => {
  if (value._tag === "Other") return join(data, "logs")
  return value._tag === "Memory" || value.filename === ":memory:" ? undefined : join(dirname(value.filename), "logs")
}

const logOf = (settings: Settings.Settings, run: string): string | undefined => {
  const folder = logs(settings)
  return folder === undefined ? undefined : join(folder, `${run}.log`)
}

/** What this command line was given besides the store. */
const ownFlags = Effect.gen(function* () {
  const texts = {
    config: yield* Flags.Config,
    durability: yield* Flags.Durability,
    ollama: yield* Flags.Ollama,
    python: yield* Flags.Python
  }
  const switches = { verbose: yield* Flags.Verbose, quiet: yield* Flags.Quiet, debug: yield* Flags.Debug }
  return [
    ...Object.entries(texts).flatMap(([name, value]) => (Option.isNone(value) ? [] : [`--${name}`, value.value])),
    ...Object.entries(switches).flatMap(([name, on]) => (on ? [`--${name}`] : []))
  ]
})
