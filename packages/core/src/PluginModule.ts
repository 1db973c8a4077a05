/**
 * The module of a plug-in: found as an `import` in the project's folder would find it, then beside this program (where a
 * global installation has it), and loaded. TypeScript as Node loads it. One of the files of core that touch the machine.
 */
import { Effect, Result } from "effect"
import { readFileSync, statSync } from "node:fs"
import { registerHooks } from "node:module"
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { field, type Owner } from "./Border.ts"
import { PluginUnusable } from "./Errors.ts"
import { sha256 } from "./Hash.ts"

/** What the module exports. `from`: the folder that a path in `use` is relative to. */
export const load = (owner: Owner, from: string): Effect.Effect<unknown, PluginUnusable> =>
  Effect.flatMap(
    Effect.suspend(() => Effect.fromResult(find(owner, from))),
    (url) =>
      Effect.tryPromise({
        try: (): Promise<unknown> => import(/* @vite-ignore */ url),
        catch: (error) => broken(owner, url, error)
      })
  )

/** The URL of the module that `use` names: a path, a `file:` URL or the name of a package. */
export const find = ({ name, use }: Owner, from: string): Result.Result<string, PluginUnusable> => {
  const refuse = (reason: string, remedy = "") => Result.fail(new PluginUnusable({ plugin: name, use, reason, remedy }))
  if (use.trim() === "") return refuse("`use` is empty", "name a package, or a path such as ./weather.ts")
  const url = isPath(use) ? pathToFileURL(resolve(from, use)).href : use.startsWith("file:") ? use : undefined
  if (url !== undefined) return file(url, refuse)
  if (/^[a-z][a-z0-9+.-]+:/i.test(use)) return refuse(`"${use}" is no package and no path`)
  const places = [from, dirname(fileURLToPath(import.meta.url))]
  let problem: unknown
  for (const place of places) {
    const found = Result.try(() => resolved(use, place))
    if (Result.isSuccess(found)) {
      return found.success.startsWith("file:") ? Result.succeed(found.success) : refuse("is a part of Node, no plug-in")
    }
    // a package that is there and cannot be used says more than one that is not there
    if (problem === undefined || isAbsent(problem)) problem = found.failure
  }
  if (!isAbsent(problem)) return refuse(`cannot be found: ${wordsOf(problem)}`)
  const [package_ = use] = /^(?:@[^/]+\/)?[^/]+/.exec(use) ?? []
  return refuse(
    `there is no package "${package_}" for ${resolve(from)}, nor beside this program`,
    isFile(resolve(from, use))
      ? `a path begins with ./: ./${use}`
      : `install it with "npm install ${package_}", or name a path that begins with ./`
  )
}

/**
 * Of a package that is installed: a hash that changes with its version. Undefined for a path, for a package that is
 * linked from where it is written, and for what cannot be found.
 */
export const fingerprint = (owner: Owner, from: string): string | undefined => {
  const url = find(owner, from)
  if (Result.isFailure(url)) return undefined
  const hash = Result.try(() => {
    const entry = fileURLToPath(url.success)
    const [, folder] = /^(.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+)[/\\]/.exec(entry) ?? []
    if (folder === undefined) return undefined
    return sha256(
      [entry, ...[join(folder, "package.json"), entry].map((file) => readFileSync(file, "utf8"))].join("\0")
    )
  })
  return Result.getOrElse(hash, () => undefined)
}

// internal

type Refuse = (reason: string, remedy?: string) => Result.Result<never, PluginUnusable>

const isPath = (use: string): boolean => /^\.{1,2}(?:$|[/\\])/.test(use) || isAbsolute(use)

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true

const file = (url: string, refuse: Refuse): Result.Result<string, PluginUnusable> => {
  const path = Result.try(() => fileURLToPath(url))
  if (Result.isFailure(path)) return refuse(`"${url}" is no file`)
  const stat = statSync(path.success, { throwIfNoEntry: false })
  if (stat === undefined) {
    const whole = [".ts", ".mts", ".js", ".mjs", ".cjs"].map((ending) => path.success + ending).find(isFile)
    return refuse(`there is no file ${path.success}`, whole === undefined ? "" : `write the whole name: ${whole}`)
  }
  if (stat.isFile()) return Result.succeed(url)
  const inside = ["index.ts", "index.js", "index.mjs", "src/index.ts", "dist/index.js"].find((name) =>
    isFile(join(path.success, name))
  )
  return refuse(
    `${path.success} is no file`,
    inside === undefined ? "name the module itself" : `name the module itself, such as ${join(path.success, inside)}`
  )
}

/** What `import(specifier)` would load in a folder: by the same conditions, which `require.resolve` has not. */
const resolved = (specifier: string, folder: string): string => {
  const alias = `gleitzeit-plugin:${specifier}`
  const parentURL = pathToFileURL(join(resolve(folder), "_")).href
  const hooks = registerHooks({
    resolve: (asked, context, next) =>
      asked === alias ? next(specifier, { ...context, parentURL }) : next(asked, context)
  })
  try {
    return import.meta.resolve(alias)
  } finally {
    hooks.deregister()
  }
}

const codeOf = (error: unknown): unknown => field(error, "code")

const isAbsent = (error: unknown): boolean => codeOf(error) === "ERR_MODULE_NOT_FOUND"

const typeScript: ReadonlySet<string> = new Set([".ts", ".mts", ".cts", ".tsx"])

const broken = ({ name, use }: Owner, url: string, error: unknown): PluginUnusable => {
  const refuse = (reason: string, remedy = "") => new PluginUnusable({ plugin: name, use, reason, remedy })
  const path = fileURLToPath(url)
  switch (codeOf(error)) {
    case "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING":
      return refuse("is TypeScript inside node_modules, which Node does not load", "the package has to ship JavaScript")
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return refuse(
        `has TypeScript that Node cannot strip: ${wordsOf(error)}`,
        "leave out what is more than types (enum, parameter properties), or compile it to JavaScript"
      )
    case "ERR_IMPORT_ATTRIBUTE_MISSING":
    case "ERR_UNKNOWN_FILE_EXTENSION":
      return typeScript.has(extname(path))
        ? refuse(
            `is TypeScript, which this Node (${process.version}) does not load`,
            "use Node 22.18 or later, without --no-strip-types, or compile it to JavaScript"
          )
        : refuse(`${path} is no JavaScript and no TypeScript`)
    case "ERR_MODULE_NOT_FOUND":
      return isFile(path)
        ? refuse(`cannot be loaded: ${wordsOf(error)}`, remedyOf(error))
        : refuse(`its file ${path} is not there`, "build the package, or install it again")
    default:
      return refuse(`throws while it is loaded: ${wordsOf(error)}${placeOf(error)}`)
  }
}

/** What would do where something that it imports is not there. */
const remedyOf = (error: unknown): string => {
  const [, missing] = /^Cannot find module '([^']+)'/.exec(String(field(error, "message"))) ?? []
  if (missing === undefined) return "install what it imports"
  const written = missing.replace(/js$/, "ts")
  return written !== missing && isFile(written)
    ? `import ${basename(written)}: Node takes TypeScript by its own name`
    : "look where that file is"
}

const wordsOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : `${String(field(error, "message") ?? error)}`

/** Where the author has to look: the first place of its stack that is a file. */
const placeOf = (error: unknown): string => {
  const stack = field(error, "stack")
  const place = typeof stack === "string" ? /file:\/\/([^\s()]+)/.exec(stack)?.[1] : undefined
  return place === undefined ? "" : ` (${place})`
}
