/** One configuration file, read: YAML, JSON, or the default export of a module. Loaded when there is one. */
import { ConfigFile, Errors } from "@gleitzeit/core"
import { Effect } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { dirname, extname } from "node:path"
import { pathToFileURL } from "node:url"
import * as ConfigFiles from "./ConfigFiles.ts"
import * as Documents from "./Documents.ts"

/** Fails with `ConfigurationError`, whatever is wrong with the file. */
export const source = Effect.fnUntraced(function* ({ name, path }: ConfigFiles.ConfigFile, home: string) {
  const resolve = (to: string) => ConfigFiles.absolute(to, dirname(path), home)
  return yield* ConfigFile.read(yield* content(path, name), { file: name, resolve })
})

// internal

const content = (path: string, name: string): Effect.Effect<unknown, Errors.ConfigurationError> => {
  switch (extname(path)) {
    case ".yaml":
    case ".yml":
      return Effect.flatMap(textOf(path, name), (text) => yaml(text, name))
    case ".json":
      return Effect.flatMap(textOf(path, name), (text) => ConfigFile.parseJson(text, name))
    case ".ts":
    case ".mts":
      return process.features.typescript === false
        ? refuse(name, `TypeScript needs Node 22.18 or later, this is ${process.version} without it; use YAML or .mjs`)
        : exported(path, name)
    case ".mjs":
    case ".js":
      return exported(path, name)
    default:
      return refuse(name, `expected a file that ends in .ts, .mts, .mjs, .js, .yaml, .yml or .json`)
  }
}

const refuse = (setting: string, issue: string) => Effect.fail(new Errors.ConfigurationError({ setting, issue }))

const textOf = (path: string, name: string): Effect.Effect<string, Errors.ConfigurationError> =>
  Documents.read(path).pipe(
    Effect.map(({ text }) => text.replace(/^\uFEFF/, "")),
    Effect.catch(({ detail }) => refuse(name, detail))
  )

const yaml = (text: string, name: string): Effect.Effect<unknown, Errors.ConfigurationError> =>
  Effect.try({
    try: (): unknown => Yaml.parse(text),
    catch: (error) => {
      // its words would quote the value
      if (reason(error).startsWith("Unknown YAML alias")) {
        return new Errors.ConfigurationError({ setting: name, issue: "a text that begins with * needs quotes" })
      }
      const [, issue = "", line] = /^(.*?)(?: at line (\d+))?$/s.exec(reason(error)) ?? []
      return new Errors.ConfigurationError({ setting: line === undefined ? name : `${name}:${line}`, issue })
    }
  })

const exported = (path: string, name: string): Effect.Effect<unknown, Errors.ConfigurationError> => {
  return Effect.tryPromise({
    try: (): Promise<unknown> => import(pathToFileURL(path).href),
    catch: (error) =>
      new Errors.ConfigurationError({
        setting: `${name}${placeIn(path, error)}`,
        issue: `cannot be loaded: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
      })
  }).pipe(
    Effect.timeoutOrElse({
      duration: 10_000,
      orElse: () => refuse(name, "is not loaded after 10 s; it may wait for something that never comes")
    }),
    Effect.flatMap((module) => {
      const value: unknown = typeof module === "object" && module !== null ? Reflect.get(module, "default") : undefined
      if (value === undefined) return refuse(name, 'exports no settings; write: export default { store: "memory:" }')
      if (typeof value === "function") return refuse(name, "exports a function, expected the settings themselves")
      return Effect.succeed(value)
    })
  )
}

/** `:3:9`, where the error tells it. */
const placeIn = (path: string, error: unknown): string => {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  for (const file of [pathToFileURL(path).href, path]) {
    const at = stack.indexOf(`${file}:`)
    if (at >= 0) return /^(?::\d+){1,2}/.exec(stack.slice(at + file.length))?.[0] ?? ""
  }
  return ""
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
