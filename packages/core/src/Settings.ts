/**
 * What a process is told from outside, each value with where it came from. The first source that says something wins:
 * flags, then the environment, then the defaults. Nothing is read from files here; a file is one more source.
 */
import { Config, Effect, Option, Result } from "effect"
import { ConfigurationError } from "./Errors.ts"

/** A store as `--store` names it. A filename is as given, with `~` expanded. */
export type StoreUrl = { readonly _tag: "Memory" } | { readonly _tag: "Sqlite"; readonly filename: string }

export interface Setting<A> {
  readonly value: A
  /** `--store`, `GLEITZEIT_SQLITE_PATH`, `default`. */
  readonly from: string
}

export interface Settings {
  readonly store: Setting<StoreUrl>
  /** What a commit survives: `process` kill -9, `power` also a power loss. Default `power`. */
  readonly durability: Setting<"process" | "power">
  /** With scheme, without a path of its own. Default `http://127.0.0.1:11434`. */
  readonly ollama: Setting<string>
  /** An interpreter's path or name; undefined: the first that is found. */
  readonly python: Setting<string | undefined>
  readonly debug: Setting<boolean>
}

/** What one place says, as text under the names of the settings. */
export type Source = { readonly [K in keyof Settings]?: Setting<string> }

/** What the defaults depend on. */
export interface Machine {
  /** The user's folder. */
  readonly home: string
  /** Whether there is a folder. */
  readonly isFolder: (path: string) => boolean
}

/** The settings' own flags, `--store` and so on; those that were not given are undefined. */
export const flags = (given: { readonly [K in keyof Settings]?: string | undefined }): Source => {
  const source: Writable = {}
  for (const key of keys) {
    const value = given[key]
    if (value !== undefined) source[key] = { value, from: `--${key}` }
  }
  return source
}

/** `GLEITZEIT_*`, and `OLLAMA_HOST`. An empty variable says nothing. */
export const environment: Effect.Effect<Source> = Effect.gen(function* () {
  const source: Writable = {}
  for (const key of keys) {
    for (const name of variables[key]) {
      const value = yield* variable(name)
      if (value === undefined) continue
      source[key] = { value: name === "GLEITZEIT_SQLITE_PATH" ? `sqlite:${value}` : value, from: name }
      break
    }
  }
  const backend = yield* variable("GLEITZEIT_PERSISTENCE_BACKEND")
  if (backend !== undefined && source.store?.from !== "GLEITZEIT_STORE") {
    const path = source.store?.value
    if (backend !== "sqlite") source.store = { value: `${backend}:`, from: "GLEITZEIT_PERSISTENCE_BACKEND" }
    else if (path === undefined) source.store = { value: "sqlite:", from: "GLEITZEIT_PERSISTENCE_BACKEND" }
  }
  return source
})

/** The first source wins, value by value. Fails on a value that cannot be used, naming where it came from. */
export const resolve = (
  sources: ReadonlyArray<Source>,
  machine: Machine
): Effect.Effect<Settings, ConfigurationError> =>
  Effect.gen(function* () {
    const file = yield* defaultFile(machine)
    const read = <A>(key: keyof Settings, byDefault: A, parse: (text: string) => Result.Result<A, string>) => {
      const given = sources.find((source) => source[key] !== undefined)?.[key]
      if (given === undefined) return Effect.succeed<Setting<A>>({ value: byDefault, from: "default" })
      const value = parse(given.value)
      return Result.isFailure(value)
        ? Effect.fail(new ConfigurationError({ setting: given.from, issue: value.failure }))
        : Effect.succeed<Setting<A>>({ value: value.success, from: given.from })
    }
    return {
      store: yield* read<StoreUrl>("store", { _tag: "Sqlite", filename: file }, (text) =>
        storeUrl(text, file, machine.home)
      ),
      durability: yield* read<"process" | "power">("durability", "power", durability),
      ollama: yield* read("ollama", "http://127.0.0.1:11434", serverUrl),
      python: yield* read<string | undefined>("python", undefined, (text) =>
        Result.succeed(expand(text, machine.home))
      ),
      debug: yield* read("debug", false, onOff)
    }
  })

/** As `--store` takes it. */
export const showStore = (store: StoreUrl): string => (store._tag === "Memory" ? "memory:" : `sqlite:${store.filename}`)

// internal

type Writable = { -readonly [K in keyof Source]: Source[K] }

const keys = ["store", "durability", "ollama", "python", "debug"] as const

/** The first that is set wins. */
const variables: { readonly [K in keyof Settings]: ReadonlyArray<string> } = {
  store: ["GLEITZEIT_STORE", "GLEITZEIT_SQLITE_PATH"],
  durability: ["GLEITZEIT_DURABILITY"],
  ollama: ["GLEITZEIT_OLLAMA_URL", "OLLAMA_HOST"],
  python: ["GLEITZEIT_PYTHON"],
  debug: ["GLEITZEIT_DEBUG"]
}

const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.String(name).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

const defaultFile = (machine: Machine): Effect.Effect<string> =>
  Effect.map(variable("XDG_DATA_HOME"), (data) => {
    // a relative path is to be ignored, says the XDG Base Directory Specification
    if (data !== undefined && (data.startsWith("/") || /^[a-z]:/i.test(data))) return `${data}/gleitzeit/gleitzeit.db`
    const own = `${machine.home}/.gleitzeit`
    return machine.isFolder(own) ? `${own}/gleitzeit.db` : `${machine.home}/.local/share/gleitzeit/gleitzeit.db`
  })

const expand = (path: string, home: string): string => (/^~(?=$|[/\\])/.test(path) ? home + path.slice(1) : path)

const storeUrl = (text: string, byDefault: string, home: string): Result.Result<StoreUrl, string> => {
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+]+):(.*)$/s.exec(text) ?? []
  switch (scheme) {
    case "memory":
    case "none":
      return rest === ""
        ? Result.succeed({ _tag: "Memory" })
        : Result.fail(`"${text}" has a path, but a store in memory has none; write memory:`)
    case "sqlite": {
      const path = rest.replace(/^\/\/(?=[/~.])/, "")
      return Result.succeed({ _tag: "Sqlite", filename: path === "" ? byDefault : expand(path, home) })
    }
    case "redis":
    case "rediss":
      return Result.fail("a store on Redis is not in this version; use memory: or sqlite:PATH")
    case undefined:
      return Result.fail(
        text === "memory" || text === "sqlite"
          ? `expected a URL, "${text}:"`
          : `expected memory: or sqlite:PATH, not "${text}"; for a file write sqlite:${text}`
      )
    default:
      return Result.fail(`"${scheme}:" is no store; use memory: or sqlite:PATH`)
  }
}

const durability = (text: string): Result.Result<"process" | "power", string> =>
  text === "process" || text === "power"
    ? Result.succeed(text)
    : Result.fail(`expected process or power, not "${text}"`)

/** `OLLAMA_HOST` is often a bare host, or the address that the server binds: all of them. */
const serverUrl = (text: string): Result.Result<string, string> => {
  const hasScheme = text.includes("//")
  const written = hasScheme ? text : `http://${text.startsWith(":") ? "127.0.0.1" : ""}${text}`
  if (!URL.canParse(written)) return Result.fail(`"${text}" is no URL; expected one such as http://127.0.0.1:11434`)
  const url = new URL(written)
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Result.fail(`"${text}" is neither http: nor https:; expected a URL such as http://127.0.0.1:11434`)
  }
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1"
  if (!hasScheme && !/:\d+(?:\/|$)/.test(written)) url.port = "11434"
  return Result.succeed(url.href.replace(/\/+$/, ""))
}

const onOff = (text: string): Result.Result<boolean, string> => {
  const word = text.toLowerCase()
  if (["1", "true", "yes", "on"].includes(word)) return Result.succeed(true)
  if (["0", "false", "no", "off"].includes(word)) return Result.succeed(false)
  return Result.fail(`expected true or false, not "${text}"`)
}
