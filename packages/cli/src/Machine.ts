/** The settings of this invocation: flags, environment, configuration files, defaults. */
import { Settings } from "@gleitzeit/core"
import { Config, Effect, Option } from "effect"
import { statSync } from "node:fs"
import { homedir, userInfo } from "node:os"
import * as ConfigFiles from "./ConfigFiles.ts"
import * as Flags from "./Flags.ts"

export const settings = Effect.gen(function* () {
  const given = Settings.flags({
    store: Option.getOrUndefined(yield* Flags.Store),
    durability: Option.getOrUndefined(yield* Flags.Durability),
    ollama: Option.getOrUndefined(yield* Flags.Ollama),
    python: Option.getOrUndefined(yield* Flags.Python),
    debug: (yield* Flags.Debug) ? "true" : undefined
  })
  const where = yield* places
  const { folder, sources } = yield* ConfigFiles.read(yield* ConfigFiles.find(where), where)
  const all = [given, yield* Settings.environment, ...sources]
  return yield* Settings.resolve(all, { home: where.home, folder, isFolder })
})

/** Where configuration files are looked for. */
export const places = Effect.gen(function* () {
  const flag = yield* Flags.Config
  const variable = yield* text("GLEITZEIT_CONFIG")
  return {
    current: process.cwd(),
    home: yield* home,
    config: yield* text("XDG_CONFIG_HOME"),
    named: Option.isSome(flag)
      ? { value: flag.value, from: "--config" }
      : variable === undefined
        ? undefined
        : { value: variable, from: "GLEITZEIT_CONFIG" }
  }
})

/** `GLEITZEIT_DEBUG`, for whoever cannot wait for the settings. */
export const debugging: Effect.Effect<boolean> = Effect.map(
  Effect.suspend(() => text("GLEITZEIT_DEBUG")),
  (value) => value !== undefined && /^(?:1|true|yes|on)$/i.test(value)
)

/** How this invocation is to speak. */
export const speech = Effect.gen(function* () {
  const asked = (yield* Flags.Debug) || (yield* debugging)
  return {
    json: yield* Flags.Json,
    verbose: yield* Flags.Verbose,
    quiet: yield* Flags.Quiet,
    // settings that cannot be read are told by the command that needs them
    debug:
      asked || (yield* Effect.matchEager(settings, { onFailure: () => false, onSuccess: ({ debug }) => debug.value })),
    noColor: yield* Flags.NoColor
  }
})

/** Whoever started this process, for the record; undefined when the system does not know. */
export const user = (): string | undefined => {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

// internal

const text = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

/** An empty variable HOME says nothing. Windows has another one. */
const home: Effect.Effect<string> = Effect.map(
  process.platform === "win32" ? Effect.undefined : text("HOME"),
  (home) => home ?? (homedir() || userInfo().homedir)
)

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
