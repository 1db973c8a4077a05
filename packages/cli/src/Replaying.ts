/** Calls recorded, or answered from recordings, as the settings say; and what the user is told of it at the end. */
import type { Failure, Files, Plugins, Providers, Replay, Secrets, Settings } from "@gleitzeit/core"
import { Executor } from "@gleitzeit/core"
import { Console, Effect, Layer } from "effect"
import { relative } from "node:path"
import * as Machine from "./Machine.ts"

/** Those that calls may be made of: where calls are replayed, plug-ins need not be there whose recordings say it all. */
export const needed = (
  { replay: { folder, mode } }: Settings.Settings,
  all: ReadonlyArray<Plugins.Entry>,
  isKnown: (use: string) => boolean
): Effect.Effect<ReadonlyArray<Plugins.Entry>> =>
  Effect.gen(function* () {
    if (mode.value !== "replay" || all.every(({ use }) => isKnown(use))) return all
    const { replaced } = yield* loaded
    // what cannot be read is told by the call that wants it
    const names = yield* Effect.orElseSucceed(replaced(folder.value), () => new Set<string>())
    return all.filter((entry) => isKnown(entry.use) || !names.has(entry.name))
  })

/** Around the executor. `except`: protocols; `known`: providers whose contracts need no recording. */
export const layer = (
  { replay: { folder, mode } }: Settings.Settings,
  options: { readonly except: ReadonlyArray<string>; readonly known: ReadonlyArray<string> }
): Effect.Effect<Around, never, Effect.Services<typeof Machine.speech>> =>
  mode.value === "off"
    ? Effect.succeed(Layer.effect(Executor.Executor, Executor.Executor))
    : Effect.map(Effect.all({ replay: loaded, speech: Machine.speech }), ({ replay, speech }) =>
        replay.layer({
          ...options,
          mode: mode.value,
          folder: folder.value,
          told: (tally) => (speech.quiet ? Effect.void : told(tally, mode.value, relative("", folder.value)))
        })
      )

// internal

type Around = Layer.Layer<
  Executor.Executor,
  Failure.Failure,
  Executor.Executor | Files.Files | Providers.Providers | Secrets.Secrets
>

const loaded = Effect.promise(() => import("@gleitzeit/core/Replay"))

/** Says what was replayed and recorded; nothing where nothing was. */
const told = ({ recorded, replayed }: Replay.Tally, mode: Replay.Mode, folder: string): Effect.Effect<void> => {
  const calls = (count: number) => `${count} call${count === 1 ? "" : "s"}`
  const parts = [
    ...(replayed === 0 ? [] : [`${calls(replayed)} answered from ${folder}`]),
    ...(recorded === 0 ? [] : [`${calls(recorded)} recorded in ${folder}`]),
    ...(mode === "replay" && replayed > 0 ? ["none was made"] : [])
  ]
  return parts.length === 0 ? Effect.void : Console.error(`replay: ${parts.join(", ")}`)
}
