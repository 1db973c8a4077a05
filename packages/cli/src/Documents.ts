/** Files that are named on the command line, read and written, and standard input as `-`. */
import { Errors } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { UsageError } from "./ExitCode.ts"

export interface Document {
  readonly text: string
  /** As it was given; `<stdin>` for standard input. */
  readonly file: string
  /** Absolute: what its paths are relative to. */
  readonly folder: string
}

/** At most 10 MB: nobody writes more, and a device never ends. */
export const read = (file: string): Effect.Effect<Document, Errors.FileUnreadable> =>
  file === "-"
    ? Effect.map(standardInput, (text) => ({ text, file: piped, folder: resolve(".") }))
    : Effect.suspend(() => {
        const refuse = (reason: Errors.FileUnreadable["reason"], detail: string) =>
          Effect.fail(new Errors.FileUnreadable({ file, reason, detail }))
        try {
          const found = statSync(file, { throwIfNoEntry: false })
          if (found === undefined) return refuse("missing", "there is no such file")
          if (found.isDirectory()) return refuse("unreadable", "is a folder; name a file in it")
          if (found.size > largest)
            return refuse("too large", `has ${found.size} bytes, more than the ${largest} that are read`)
          return Effect.succeed({ text: readFileSync(file, "utf8"), file, folder: dirname(resolve(file)) })
        } catch (error) {
          return refuse("unreadable", reason(error))
        }
      })

/** A file of values by name, in YAML or JSON. */
export const values = Effect.fn("gleitzeit.values")(function* (file: string) {
  const { text } = yield* read(file)
  const parsed = yield* Effect.try({
    try: (): unknown => (file.endsWith(".json") ? JSON.parse(text) : Yaml.parse(text)),
    catch: (error) => new UsageError({ issue: `${file}: ${reason(error)}` })
  })
  return yield* Schema.decodeUnknownEffect(Values)(parsed ?? {}).pipe(
    Effect.mapError(() => new UsageError({ issue: `${file}: expected names with values, such as topic: tides` }))
  )
})

/** Replaces what was there. `flag` names it when it cannot be written. */
export const write = (flag: string, file: string, text: string): Effect.Effect<void, UsageError> =>
  Effect.try({
    try: () => writeFileSync(file, text),
    catch: (error) => new UsageError({ issue: `${flag} ${file}: ${reason(error)}` })
  })

// internal

const piped = "<stdin>"

const largest = 10_000_000

const Values = Schema.Record(Schema.String, Schema.Json)

const standardInput: Effect.Effect<string, Errors.FileUnreadable> = Effect.callback((resume) => {
  const { stdin } = process
  let text = ""
  const onData = (piece: string) => {
    text += piece
  }
  const onEnd = () => resume(Effect.succeed(text))
  const onError = (error: Error) =>
    resume(Effect.fail(new Errors.FileUnreadable({ file: piped, reason: "unreadable", detail: error.message })))
  stdin.setEncoding("utf8").on("data", onData).on("end", onEnd).on("error", onError)
  // an open input keeps a process alive
  return Effect.sync(() => stdin.off("data", onData).off("end", onEnd).off("error", onError).pause())
})

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
