/** The folder of one task, which nobody else may enter; and how it goes, whatever code has made of it. */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { chmod, mkdtemp, readdir, rename, rmdir, unlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NotStarted } from "./Process.ts"

export const make: Effect.Effect<string, NotStarted> = Effect.tryPromise({
  try: () => mkdtemp(join(tmpdir(), "gleitzeit-task-")),
  catch: (error) => new NotStarted({ reason: error instanceof Error ? error.message : String(error), missing: false })
})

/** Once nobody works in it. What cannot be removed is no reason for a task to fail. */
export const remove = (folder: string): Effect.Effect<void> =>
  Effect.ignore(Effect.catch(removed(folder), () => Effect.andThen(emptied(folder), removed(folder))))

// internal

const removed = (folder: string) => Effect.tryPromise(() => rmdir(folder))

/** Folders may be deeper than a path may be long, and closed to their owner: opened and moved to the top, each is emptied. */
const emptied = (folder: string) =>
  Effect.gen(function* () {
    const folders = [folder]
    for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
      const at = path
      yield* Effect.tryPromise(() => chmod(at, 0o700))
      for (const entry of yield* Effect.tryPromise(() => readdir(at, { withFileTypes: true }))) {
        const inner = join(at, entry.name)
        if (!entry.isDirectory()) {
          yield* Effect.tryPromise(() => unlink(inner))
          continue
        }
        const top = join(folder, randomUUID())
        // who moves a folder has to be able to write to it
        yield* Effect.tryPromise(() => chmod(inner, 0o700))
        yield* Effect.tryPromise(() => rename(inner, top))
        folders.push(top)
      }
      if (at !== folder) yield* removed(at)
    }
  })
