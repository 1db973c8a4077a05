/**
 * Paths that a workflow names: relative to its folder, inside the folders that a run may read, symbolic links resolved
 * before that is judged. One of the two files of core that touch the machine.
 */
import { Context, Effect, Layer } from "effect"
import { realpathSync } from "node:fs"
import { isAbsolute, relative, resolve, sep } from "node:path"
import { FileUnreadable } from "./Errors.ts"

export interface Options {
  /** Folders beside the workflow's own and the current one that may be read. Default: none. */
  readonly roots?: ReadonlyArray<string>
}

export class Files extends Context.Service<
  Files,
  {
    /** The absolute path of what exists there. Fails with `FileUnreadable` when it does not, or lies outside. */
    readonly locate: (folder: string, path: string) => Effect.Effect<string, FileUnreadable>
  }
>()("@gleitzeit/core/Files") {}

export const layer = (options: Options = {}): Layer.Layer<Files> =>
  Layer.succeed(Files, {
    locate: (folder, path) =>
      Effect.suspend(() => {
        const file = resolve(folder, path)
        const found = real(file)
        if (found === undefined) {
          return Effect.fail(new FileUnreadable({ file: path, reason: "missing", detail: `there is no file ${file}` }))
        }
        const roots = [folder === "" ? "." : folder, ".", ...(options.roots ?? [])]
        if (roots.some((root) => contains(real(resolve(root)), found))) return Effect.succeed(found)
        const detail = `lies outside the folders that this run may read (${roots.map((root) => resolve(root)).join(", ")}); add its folder to files.roots`
        return Effect.fail(new FileUnreadable({ file: path, reason: "outside", detail }))
      })
  })

// internal

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
