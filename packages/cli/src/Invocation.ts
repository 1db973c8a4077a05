/** Command lines that people are told to type: with the configuration and the store that this one was given, quoted for a shell. */
import { Effect, Option } from "effect"
import * as Flags from "./Flags.ts"

/** `gleitzeit resume 01K…` */
export const of = (...words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const given = Object.entries({ config: yield* Flags.Config, store: yield* Flags.Store }).flatMap(([name, value]) =>
      Option.isNone(value) ? [] : [`--${name}`, value.value]
    )
    return ["gleitzeit", ...words, ...given].map(quoted).join(" ")
  })

/** A word that a shell takes as it is, or in single quotes. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
