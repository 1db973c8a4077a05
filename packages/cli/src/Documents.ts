/** Files that are named on the command line, read and written, and standard input as `-`. */
import { Errors } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { isUtf8 } from "node:buffer"
import { accessSync, closeSync, constants, openSync, readSync, statSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { UsageError } from "./ExitCode.ts"

export interface Document {
  readonly text: string
  /** As it was given; `<stdin>` for standard input. */
  readonly file: string
  /** Absolute: what its paths are relative to. */
  readonly folder: string
}

/** At most 10 MB of UTF-8: nobody writes more, and a device never ends. */
export const read = (file: string): Effect.Effect<Document, Errors.FileUnreadable> =>
  file === "-"
    ? Effect.map(Effect.flatMap(standardInput, decoded(piped)), (text) => ({ text, file: piped, folder: resolve(".") }))
    : Effect.suspend(() => {
        const refuse = refused(file === "" ? '""' : file)
        try {
          const found = statSync(file, { throwIfNoEntry: false })
          if (found === undefined) return refuse("missing", "there is no such file")
          if (found.isDirectory()) return refuse("unreadable", "is a folder; name a file in it")
          if (found.size > largest)
            return refuse("too large", `has ${found.size} bytes, more than the ${largest} that are read`)
          return Effect.map(decoded(file)(bytes(file)), (text) => ({ text, file, folder: dirname(resolve(file)) }))
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

/** Before anything is done whose outcome would have no place to go. `flag` names it when it cannot be written. */
export const writable = (flag: string, file: string): Effect.Effect<void, UsageError> =>
  Effect.suspend(() => {
    const refuse = (issue: string) => Effect.fail(new UsageError({ issue: `${flag} ${file}: ${issue}` }))
    if (file === "") return refuse("expected a file")
    const folder = dirname(resolve(file))
    try {
      const found = statSync(file, { throwIfNoEntry: false })
      if (found?.isDirectory() === true) return refuse("is a folder; name a file in it")
      if (found === undefined && statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
        return refuse(`there is no folder ${folder}`)
      }
      accessSync(found === undefined ? folder : file, constants.W_OK)
      return Effect.void
    } catch (error) {
      return refuse(reason(error))
    }
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

const refused = (file: string) => (reason: Errors.FileUnreadable["reason"], detail: string) =>
  Effect.fail(new Errors.FileUnreadable({ file, reason, detail }))

/** A byte in another encoding would be read as a sign that nobody wrote. */
const decoded =
  (file: string) =>
  (bytes: Buffer): Effect.Effect<string, Errors.FileUnreadable> =>
    bytes.length > largest
      ? refused(file)("too large", `has more than the ${largest} bytes that are read`)
      : isUtf8(bytes)
        ? Effect.succeed(bytes.toString())
        : refused(file)("unreadable", "is not text in UTF-8; save it as UTF-8")

/** A little more than what is allowed, if there is more. */
const bytes = (file: string): Buffer => {
  const handle = openSync(file, "r")
  try {
    const pieces: Array<Buffer> = []
    let size = 0
    while (size <= largest) {
      const piece = Buffer.allocUnsafe(65_536)
      const length = readSync(handle, piece)
      if (length === 0) break
      pieces.push(piece.subarray(0, length))
      size += length
    }
    return Buffer.concat(pieces)
  } finally {
    closeSync(handle)
  }
}

const standardInput: Effect.Effect<Buffer, Errors.FileUnreadable> = Effect.callback((resume) => {
  const { stdin } = process
  const pieces: Array<Buffer> = []
  let size = 0
  const onData = (piece: Buffer) => {
    pieces.push(piece)
    size += piece.length
    if (size > largest) onEnd()
  }
  const onEnd = () => {
    stdin.pause()
    resume(Effect.succeed(Buffer.concat(pieces)))
  }
  const onError = (error: Error) => resume(refused(piped)("unreadable", error.message))
  stdin.on("data", onData).on("end", onEnd).on("error", onError)
  // an open input keeps a process alive
  return Effect.sync(() => stdin.off("data", onData).off("end", onEnd).off("error", onError).pause())
})

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
