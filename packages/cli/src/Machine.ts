/** The settings of this invocation: flags, environment, defaults. */
import { Settings } from "@gleitzeit/core"
import { Config, Effect, Option } from "effect"
import { statSync } from "node:fs"
import { homedir, userInfo } from "node:os"
import * as Flags from "./Flags.ts"

export const settings = Effect.gen(function* () {
  const given = Settings.flags({
    store: Option.getOrUndefined(yield* Flags.Store),
    durability: Option.getOrUndefined(yield* Flags.Durability),
    ollama: Option.getOrUndefined(yield* Flags.Ollama),
    python: Option.getOrUndefined(yield* Flags.Python),
    debug: (yield* Flags.Debug) ? "true" : undefined
  })
  return yield* Settings.resolve([given, yield* Settings.environment], { home: home(), isFolder })
})

/** `GLEITZEIT_DEBUG`, for whoever cannot wait for the settings. */
export const debugging: Effect.Effect<boolean> = Config.String("GLEITZEIT_DEBUG").pipe(
  Config.option,
  Effect.orElseSucceed(() => Option.none<string>()),
  Effect.map(Option.exists((text) => /^(?:1|true|yes|on)$/i.test(text)))
)

/** How this invocation is to speak. */
export const speech = Effect.gen(function* () {
  return {
    json: yield* Flags.Json,
    verbose: yield* Flags.Verbose,
    quiet: yield* Flags.Quiet,
    debug: (yield* Flags.Debug) || (yield* debugging),
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

/** An empty variable HOME says nothing. */
const home = (): string => homedir() || userInfo().homedir

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
