/**
 * Paths that a workflow names, and what they lead to: relative to its folder, inside the folders that a run may read,
 * symbolic links resolved before that is judged. One of the two files of core that touch the machine.
 */
import { Context, Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { createReadStream, readdirSync, readFileSync, realpathSync, statSync } from "node:fs"
import { isAbsolute, relative, resolve, sep } from "node:path"
import { FileUnreadable } from "./Errors.ts"
import { maxLength } from "./Position.ts"

export interface Options {
  /** Folders beside the workflow's own and the current one that may be read. Default: none. */
  readonly roots?: ReadonlyArray<string>
}

export class Files extends Context.Service<
  Files,
  {
    /** The absolute path of what exists there. Fails with `FileUnreadable` when it does not, or lies outside. */
    readonly locate: (folder: string, path: string) => Effect.Effect<string, FileUnreadable>
    /** The text of a file where `locate` finds it: UTF-8, at most 12 MB, a byte order mark left out. */
    readonly read: (folder: string, path: string) => Effect.Effect<string, FileUnreadable>
    /**
     * SHA-256 of the bytes of a file that `locate` has found, in hex. Reads it piece by piece, whatever its size. Of a
     * folder: of the names and hashes of the files in it, without those of its folders.
     */
    readonly hash: (path: string) => Effect.Effect<string, FileUnreadable>
  }
>()("@gleitzeit/core/Files") {}

export const layer = (options: Options = {}): Layer.Layer<Files> =>
  Layer.sync(Files, () => {
    const locate = (folder: string, path: string) => Effect.suspend(() => locateIn(options, folder, path))
    return {
      locate,
      read: (folder, path) => Effect.flatMap(locate(folder, path), (found) => textOf(found, path)),
      hash: (path) => (isFolder(path) ? hashOfFolder(path) : Effect.andThen(regular(path), hashOf(path)))
    }
  })

// internal

const locateIn = ({ roots: others = [] }: Options, folder: string, path: string) => {
  const file = resolve(folder, path)
  const found = real(file)
  if (found === undefined) return refuse(path, "missing", `there is no file ${file}`)
  const roots = [...new Set([folder === "" ? "." : folder, ".", ...others].map((root) => resolve(root)))]
  if (roots.some((root) => contains(real(root), found))) return Effect.succeed(found)
  const detail = `lies outside the folders that this run may read (${roots.join(", ")}); add its folder to files.roots`
  return refuse(path, "outside", detail)
}

const refuse = (file: string, reason: FileUnreadable["reason"], detail: string) =>
  Effect.fail(new FileUnreadable({ file, reason, detail }))

/** In bytes: a sign of a document that may be read has at most 3. */
const largest = 3 * maxLength

/** `path`: as it is written, for messages. */
const textOf = (file: string, path: string): Effect.Effect<string, FileUnreadable> =>
  Effect.flatMap(regular(file, path), (size) => {
    if (size > largest) {
      return refuse(path, "too large", `has ${size} bytes, more than the ${largest} that are read`)
    }
    return attempt(path, () => readFileSync(file)).pipe(
      Effect.flatMap((bytes) =>
        Effect.try({
          try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
          catch: () => new FileUnreadable({ file: path, reason: "unreadable", detail: "is not text in UTF-8" })
        })
      )
    )
  })

/** The size of a file in bytes. A pipe or a device may never end. */
const regular = (file: string, path = file): Effect.Effect<number, FileUnreadable> =>
  Effect.flatMap(
    attempt(path, () => statSync(file)),
    (stat) =>
      stat.isFile()
        ? Effect.succeed(stat.size)
        : refuse(path, "unreadable", stat.isDirectory() ? "is a folder, expected a file" : "is no regular file")
  )

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Links are left out, as whoever reads a folder does: they may lead anywhere. */
const hashOfFolder = (folder: string): Effect.Effect<string, FileUnreadable> =>
  Effect.flatMap(
    attempt(folder, () => readdirSync(folder, { withFileTypes: true })),
    (entries) => {
      const names = entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).toSorted()
      return Effect.map(
        Effect.forEach(names, (name) => Effect.map(hashOf(resolve(folder, name)), (hash) => `${hash} ${name}\n`)),
        (lines) => createHash("sha256").update(lines.join("")).digest("hex")
      )
    }
  )

const hashOf = (file: string): Effect.Effect<string, FileUnreadable> =>
  Effect.callback((resume) => {
    const hash = createHash("sha256")
    const stream = createReadStream(file)
      .on("data", (bytes) => hash.update(bytes))
      .on("end", () => resume(Effect.succeed(hash.digest("hex"))))
      .on("error", (error) => resume(Effect.fail(unreadable(file, error))))
    return Effect.sync(() => stream.destroy())
  })

const attempt = <A>(path: string, run: () => A): Effect.Effect<A, FileUnreadable> =>
  Effect.try({ try: run, catch: (error) => unreadable(path, error) })

const unreadable = (file: string, error: unknown): FileUnreadable => {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined
  if (code === "ENOENT") return new FileUnreadable({ file, reason: "missing", detail: "there is no such file" })
  const detail = code === "EACCES" ? "may not be read by this user" : error instanceof Error ? error.message : `${code}`
  return new FileUnreadable({ file, reason: "unreadable", detail })
}

const real = (path: string): string | undefined => {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

const contains = (root: string | undefined, file: string): boolean => {
  if (root === undefined) return false
  const inside = relative(root, file)
  return inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}
