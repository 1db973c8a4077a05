/**
 * Which configuration files there are: the project's, in the current folder or above it, and the user's. Looking for
 * them is a few looks at the file system; what reads them is loaded when there is one.
 */
import { Errors, type Settings } from "@gleitzeit/core"
import { Effect } from "effect"
import { existsSync, realpathSync, type Stats, statSync } from "node:fs"
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path"

export interface ConfigFile {
  /** Absolute. */
  readonly path: string
  /** As messages and origins name it: relative to the current folder, or with `~`. */
  readonly name: string
}

/** Where a file was looked for. */
export interface Look {
  readonly level: "project" | "user"
  readonly place: string
  readonly file?: ConfigFile
}

export interface Where {
  /** The current folder. */
  readonly current: string
  readonly home: string
  /** `$XDG_CONFIG_HOME`. */
  readonly config: string | undefined
  /** The project's file where somebody names it, and where that is said: `--config`. */
  readonly named: Settings.Setting<string> | undefined
}

/** In the order in which they win. Fails when two stand side by side, or a named one is not there. */
export const find = (where: Where): Effect.Effect<ReadonlyArray<Look>, Errors.ConfigurationError> =>
  Effect.gen(function* () {
    const { config, home, named } = where
    const project = named === undefined ? yield* inFolders(where) : [yield* asNamed(named, where)]
    const folder = config !== undefined && isAbsolute(config) ? config : join(home, ".config")
    const own = join(home, ".gleitzeit", "config.yaml")
    return [
      ...project,
      yield* inFolder("user", join(folder, "gleitzeit"), "config", userEndings, (path) => tilde(path, home)),
      { level: "user" as const, place: tilde(own, home), ...found(own, (path) => tilde(path, home)) }
    ]
  })

/** What the files say, and the project's folder. */
export const read = Effect.fn("gleitzeit.config.read")(function* (looks: ReadonlyArray<Look>, where: Where) {
  const files = looks.flatMap(({ file }) => file ?? [])
  const project = looks.find(({ file, level }) => level === "project" && file !== undefined)?.file
  const folder = project === undefined ? where.current : dirname(project.path)
  if (files.length === 0) return { sources: [], folder }
  const { source } = yield* Effect.promise(() => import("./ConfigDocument.ts"))
  return { sources: yield* Effect.forEach(files, (file) => source(file, where.home)), folder }
})

// internal

const projectEndings = ["ts", "mts", "mjs", "js", "yaml", "yml", "json"]
const userEndings = ["yaml", "yml", "json"]

/**
 * From the current folder up to the one that has `.git`, or the user's. Where neither is above, nothing above is looked
 * at: a file in `/tmp` is anybody's.
 */
const inFolders = ({ current, home }: Where) =>
  Effect.gen(function* () {
    const looks: Array<Look> = []
    for (const folder of foldersUp(current, home)) {
      const name = (path: string) => relative(current, path) || path
      const look = yield* inFolder("project", folder, "gleitzeit.config", projectEndings, name)
      looks.push(look)
      if (look.file === undefined) continue
      if (folder !== current && isForeign(look.file.path)) {
        return yield* new Errors.ConfigurationError({
          setting: look.file.name,
          issue: `belongs to another user and lies above the current folder, so it is not read; --config ${look.file.name} reads it`
        })
      }
      break
    }
    return looks
  })

const foldersUp = (current: string, home: string): ReadonlyArray<string> => {
  const folders: Array<string> = []
  const ends = new Set([home, real(home)])
  for (let folder = current; ; folder = dirname(folder)) {
    folders.push(folder)
    if (ends.has(folder) || existsSync(join(folder, ".git"))) return folders
    if (dirname(folder) === folder) return [current]
  }
}

const inFolder = (
  level: Look["level"],
  folder: string,
  stem: string,
  endings: ReadonlyArray<string>,
  name: (path: string) => string
): Effect.Effect<Look, Errors.ConfigurationError> =>
  Effect.suspend(() => {
    const files = endings.map((ending) => join(folder, `${stem}.${ending}`)).filter((path) => stat(path)?.isFile())
    const [first, second] = files
    if (first !== undefined && second !== undefined) {
      const names = files.map(name)
      return Effect.fail(
        new Errors.ConfigurationError({
          setting: names[0] ?? first,
          issue: `${names.slice(1).join(", ")} ${names.length > 2 ? "stand" : "stands"} beside it; keep one of them`
        })
      )
    }
    const place = name(join(folder, `${stem}.{${endings.join(",")}}`))
    return Effect.succeed({
      level,
      place,
      ...(first === undefined ? {} : { file: { path: first, name: name(first) } })
    })
  })

const asNamed = (
  { from, value }: Settings.Setting<string>,
  { current, home }: Where
): Effect.Effect<Look, Errors.ConfigurationError> =>
  Effect.suspend(() => {
    const path = absolute(value, current, home)
    const there = stat(path)
    if (there?.isFile() !== true) {
      const issue = there === undefined ? `there is no file ${path}` : `${path} is no file`
      return Effect.fail(new Errors.ConfigurationError({ setting: from, issue }))
    }
    return Effect.succeed({ level: "project", place: value, file: { path, name: value } })
  })

/** `~` is the user's folder. */
export const absolute = (path: string, folder: string, home: string): string =>
  /^~(?=$|[/\\])/.test(path) ? resolve(home, `.${path.slice(1)}`) : resolve(folder, path)

const found = (path: string, name: (path: string) => string): { readonly file?: ConfigFile } =>
  stat(path)?.isFile() === true ? { file: { path, name: name(path) } } : {}

const tilde = (path: string, home: string): string =>
  path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path

const isForeign = (path: string): boolean => {
  const owner = stat(path)?.uid
  const user = process.getuid?.()
  return user !== undefined && owner !== undefined && owner !== user && owner !== 0
}

/** Undefined for what is not there, or not to be seen. */
const stat = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

const real = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
