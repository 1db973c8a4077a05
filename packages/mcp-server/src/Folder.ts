/** The workflow files of one folder. Nothing is kept of them: whoever asks gets what stands there, and edits show at once. */
import { Errors } from "@gleitzeit/core"
import { Effect, Queue, Stream } from "effect"
import { readdirSync, readFileSync, statSync, watch } from "node:fs"
import { join } from "node:path"

export interface Source {
  /** In the folder. */
  readonly name: string
  /** The folder as it was given, and the name. */
  readonly file: string
  readonly text: string
}

export interface Unreadable {
  readonly file: string
  readonly issue: string
}

export interface Contents {
  /** In the order of their names. */
  readonly sources: ReadonlyArray<Source>
  readonly unreadable: ReadonlyArray<Unreadable>
}

/**
 * Its files in YAML and JSON that speak of tasks; not those of folders in it, and none whose name begins with a dot. A file
 * of more than 10 MB, or one that is not text in UTF-8, is unreadable.
 */
export const read = (folder: string): Effect.Effect<Contents, Errors.FileUnreadable> =>
  Effect.try({
    try: () => readdirSync(folder).filter((name) => /^[^.].*\.(?:ya?ml|json)$/i.test(name)),
    catch: (error) => new Errors.FileUnreadable({ file: folder, reason: "unreadable", detail: reasonOf(error) })
  }).pipe(
    Effect.map((names) => {
      const sources: Array<Source> = []
      const unreadable: Array<Unreadable> = []
      for (const name of names.toSorted()) {
        const file = join(folder, name)
        const text = textOf(file)
        if (text === undefined) continue
        if (typeof text !== "string") unreadable.push({ file, issue: text.issue })
        else if (speaksOfTasks.test(text)) sources.push({ name, file, text })
      }
      return { sources, unreadable }
    })
  )

/** Something in it may have changed. Ends when the system stops telling. */
export const changes = (folder: string): Stream.Stream<void> =>
  Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          try {
            return watch(folder, { persistent: false }, () => Queue.offerUnsafe(queue, undefined)).on("error", () =>
              Queue.endUnsafe(queue)
            )
          } catch {
            Queue.endUnsafe(queue)
            return undefined
          }
        }),
        (watcher) => Effect.sync(() => watcher?.close())
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

// internal

/** The files of a project (packages, settings) are no broken workflows. */
const speaksOfTasks = /(?:^|[\s{,"'])tasks["']?\s*:/

const largest = 10_000_000

/** Undefined: it is no file, or no longer there. */
const textOf = (file: string): string | { readonly issue: string } | undefined => {
  try {
    const found = statSync(file, { throwIfNoEntry: false })
    if (found === undefined || !found.isFile()) return undefined
    if (found.size > largest) return { issue: `has ${found.size} bytes, more than the ${largest} that are read` }
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    return { issue: reasonOf(error) }
  }
}

const reasonOf = (error: unknown): string => {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
  if (code === "ENOENT") return "there is no such folder"
  if (code === "ENOTDIR") return "is a file, expected a folder"
  if (code === "EACCES") return "may not be read by this user"
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "is not text in UTF-8; save it as UTF-8"
  return error instanceof Error ? error.message : String(error)
}
