/** Writes a package into its folder. What is there stays: nothing is deleted, and overwritten only where that is asked. */
import { Effect } from "effect"
import { type Dirent, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Failed } from "./Refusal.ts"
import { type File, files } from "./Template.ts"
import type { Wish } from "./Wish.ts"

export interface Written {
  /** Relative to the folder. */
  readonly files: ReadonlyArray<string>
  readonly overwritten: ReadonlyArray<string>
}

/** `force`: the folder need not be empty. Looks at everything before it writes anything. */
export const create = (wish: Wish, force: boolean): Effect.Effect<Written, Failed> =>
  Effect.gen(function* () {
    const { folder } = wish
    const made = yield* attempt(() => files(wish))
    const found = yield* attempt(() => entries(folder))
    if (found === undefined) return yield* new Failed({ message: `${folder} is a file: name another folder` })
    const there = made.map(({ path }) => path).filter((path) => existsSync(join(folder, path)))
    // a repository that was begun is no reason to stop
    if (!force && found.some(({ name }) => name !== ".git")) {
      return yield* new Failed({ message: occupied(folder, found, there) })
    }
    const blocked = [...new Set(made.flatMap(({ path }) => inTheWay(folder, path)))]
    if (blocked.length > 0) {
      return yield* new Failed({ message: `in ${folder} something else is called so: ${list(blocked)}. Move it away` })
    }
    yield* attempt(() => made.forEach((file) => write(folder, file)))
    return { files: made.map(({ path }) => path), overwritten: there }
  })

// internal

const attempt = <A>(run: () => A): Effect.Effect<A, Failed> =>
  Effect.try({
    try: run,
    catch: (cause) => new Failed({ message: cause instanceof Error ? cause.message : String(cause) })
  })

/** Empty when there is no such folder, undefined when it is none. */
const entries = (folder: string): ReadonlyArray<Dirent> | undefined => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined
    if (code === "ENOENT") return []
    if (code === "ENOTDIR") return undefined
    throw cause
  }
}

/** A folder or a link where a file is to be, a file or a link where a folder is to be. */
const inTheWay = (folder: string, path: string): ReadonlyArray<string> => {
  const parts = path.split("/")
  return parts.flatMap((_, n) => {
    const part = parts.slice(0, n + 1).join("/")
    const found = lstatSync(join(folder, part), { throwIfNoEntry: false })
    const fits = found === undefined || (n + 1 === parts.length ? found.isFile() : found.isDirectory())
    return fits ? [] : [part]
  })
}

const occupied = (folder: string, found: ReadonlyArray<Dirent>, there: ReadonlyArray<string>): string => {
  const names = found.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted()
  const would = there.length === 0 ? "overwrites none of it" : `overwrites ${list(there)}`
  return `${folder} is not empty: ${list(names)}. Name another folder; --force writes beside what is there, and ${would}`
}

const list = (names: ReadonlyArray<string>): string =>
  names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`

const write = (folder: string, { path, text }: File): void => {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
