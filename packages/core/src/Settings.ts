/**
 * What a process is told from outside, each value with where it came from. The first source that says something wins:
 * flags, then the environment, then the project's file, then the user's, then the defaults. Nothing is read from files
 * here: `ConfigFile` makes a source of what was read.
 */
import { Config as Variables, Effect, Option, Result, type Schema } from "effect"
import { ConfigurationError } from "./Errors.ts"
import type { Price } from "./Prices.ts"
import type { Mode } from "./Replay.ts"
import type { Source as SecretSource } from "./Secrets.ts"
import * as SettingSource from "./SettingSource.ts"
import type { Entry, Said, Setting, Source } from "./SettingSource.ts"
import * as SettingText from "./SettingText.ts"
import type { StoreUrl } from "./SettingText.ts"

export type { Config } from "./ConfigFile.ts"
export type { Setting, Source } from "./SettingSource.ts"
export { withoutPassword } from "./SettingText.ts"
export type { StoreUrl } from "./SettingText.ts"

/** A provider, or the plug-in of a store. */
export interface ProviderSetting {
  /** A kind that comes with the program (`ollama`, `python`, `agent`, `remote`, `mcp`), a package, or a path. Default: the name. */
  readonly use: Setting<string>
  readonly options: { readonly [key: string]: Setting<Schema.Json> }
}

export interface Settings {
  readonly store: Setting<StoreUrl>
  /** What a commit survives: `process` kill -9, `power` also a power loss. Default `power`. */
  readonly durability: Setting<"process" | "power">
  readonly debug: Setting<boolean>
  /**
   * By name. `ollama`, `python` and `agent` are there unless a file says `enabled: false`, and so is `mcp` where there
   * is a server. `ollama.endpoint` is a URL with scheme and without a path of its own; `python.python` an interpreter's
   * path or name.
   */
  readonly providers: { readonly [name: string]: ProviderSetting }
  /** Stores of plug-ins, by the scheme of their URLs. */
  readonly stores: { readonly [scheme: string]: ProviderSetting }
  readonly secrets: { readonly [name: string]: Setting<SecretSource> }
  /** Folders beside the workflow's own and the current one that a run may read. */
  readonly roots: Setting<ReadonlyArray<string>>
  readonly prices: {
    /** Who knows what the table does not say. Default `genai-prices`, when that package is installed. */
    readonly source: Setting<SettingSource.PriceSource>
    /** By model, as in `Prices.Table`. */
    readonly table: { readonly [model: string]: Setting<Price> }
  }
  /** Servers of the Model Context Protocol. */
  readonly mcp: {
    /** By name. One that two files have is the first one's alone. */
    readonly servers: { readonly [name: string]: Setting<SettingSource.McpServer> }
    /** Files of other programs that name servers, absolute. */
    readonly imports: Setting<ReadonlyArray<string>>
    /** What stands for `${input:NAME}`. */
    readonly inputs: { readonly [name: string]: Setting<string> }
    /** A program that is the server `default`. */
    readonly program?: Setting<string>
  }
  readonly replay: {
    /** Whether calls are recorded, or answered from recordings. Default `off`. */
    readonly mode: Setting<Mode>
    /** Default `.gleitzeit/replay` in the project's folder; beside the default database where that is the user's own. */
    readonly folder: Setting<string>
  }
  /** The project's: of its configuration file, else the current one. A `use` that is a path is relative to it. */
  readonly folder: string
  /** Where the default database lies. */
  readonly data: string
  /** Keys that were read and have no effect in this version. */
  readonly unused: ReadonlyArray<Setting<string>>
}

/** What the defaults depend on. */
export interface Machine {
  /** The user's folder. */
  readonly home: string
  /** The project's folder. */
  readonly folder: string
  /** Whether there is a folder. */
  readonly isFolder: (path: string) => boolean
}

/** The settings' own flags, as they were given. */
export interface Flags {
  readonly store?: string | undefined
  readonly durability?: string | undefined
  readonly debug?: string | undefined
  readonly ollama?: string | undefined
  readonly python?: string | undefined
}

/** Those that were not given say nothing. */
export const flags = (given: Flags): Source => {
  const said = (key: keyof Flags): Said<string> | undefined => {
    const value = given[key]
    return value === undefined ? undefined : { value, from: `--${key}` }
  }
  return {
    ...known({ store: said("store"), durability: said("durability"), debug: said("debug") }),
    providers: bundledProviders(said("ollama"), said("python"))
  }
}

/** `GLEITZEIT_*`, and `OLLAMA_HOST`. An empty variable says nothing. */
export const environment: Effect.Effect<Source> = Effect.gen(function* () {
  const mcp = yield* said("GLEITZEIT_MCP_SERVER_PATH")
  const persistence = known({
    backend: yield* said("GLEITZEIT_PERSISTENCE_BACKEND"),
    sqlite: yield* said("GLEITZEIT_SQLITE_PATH"),
    redis: yield* said("GLEITZEIT_REDIS_URL")
  })
  return {
    ...known({
      store: yield* said("GLEITZEIT_STORE"),
      durability: yield* said("GLEITZEIT_DURABILITY"),
      debug: yield* said("GLEITZEIT_DEBUG")
    }),
    persistence,
    replay: known({ mode: yield* said("GLEITZEIT_REPLAY"), folder: yield* said("GLEITZEIT_REPLAY_DIR") }),
    providers: bundledProviders(
      (yield* said("GLEITZEIT_OLLAMA_URL")) ?? (yield* said("OLLAMA_HOST")),
      yield* said("GLEITZEIT_PYTHON")
    ),
    ...(mcp === undefined ? {} : { mcp: { program: mcp } })
  }
})

/** The first source wins, value by value. Fails on a value that cannot be used, naming where it came from. */
export const resolve = (
  sources: ReadonlyArray<Source>,
  machine: Machine
): Effect.Effect<Settings, ConfigurationError> =>
  Effect.gen(function* () {
    const { folder, home } = machine
    const data = yield* dataFolder(machine)
    const file = `${data}/gleitzeit.db`
    const read = <A>(
      given: Said<string> | undefined,
      byDefault: A,
      parse: (text: string) => Result.Result<A, string>
    ): Effect.Effect<Setting<A>, ConfigurationError> =>
      given === undefined ? Effect.succeed({ value: byDefault, from: "default" }) : used(given, parse)
    const stores = SettingSource.entries(sources.map(({ stores }) => stores))
    const mcp = mcpOf(sources)
    const isServed = mcp.program !== undefined || mcp.imports.value.length > 0 || Object.keys(mcp.servers).length > 0
    const providers = SettingSource.entries([
      ...sources.map(({ providers }) => providers),
      isServed ? { ...defaults, mcp: {} } : defaults
    ])
    const first = <K extends "durability" | "debug" | "roots">(key: K): Source[K] | undefined =>
      sources.find((source) => source[key] !== undefined)?.[key]
    const made = Object.fromEntries(
      yield* Effect.forEach(inOrder(providers), ([name, entry]) =>
        Effect.map(providerSetting(entry, home), (setting) => [name, setting] as const)
      )
    )
    return {
      store: yield* read<StoreUrl>(SettingSource.store(sources), { _tag: "Sqlite", filename: file }, (text) =>
        SettingText.storeUrl(text, { file, home, others: [...stores.keys()] })
      ),
      durability: yield* read<"process" | "power">(first("durability"), "power", SettingText.durability),
      debug: yield* read(first("debug"), false, SettingText.onOff),
      providers: made,
      stores: Object.fromEntries([...stores].map(([scheme, entry]) => [scheme, plain(entry)])),
      secrets: settings(sources.map(({ secrets }) => secrets)),
      roots: setting(first("roots") ?? { value: [], from: "default" }),
      prices: {
        source: setting(
          sources.find(({ prices }) => prices?.source !== undefined)?.prices?.source ?? {
            value: "genai-prices",
            from: "default"
          }
        ),
        table: settings(sources.map(({ prices }) => prices?.table))
      },
      mcp,
      replay: {
        mode: yield* read<Mode>(
          sources.find(({ replay }) => replay?.mode !== undefined)?.replay?.mode,
          "off",
          SettingText.replayMode
        ),
        folder: yield* read(
          sources.find(({ replay }) => replay?.folder !== undefined)?.replay?.folder,
          // a folder of that name in the user's own would be taken for the first Gleitzeit's
          folder === home ? `${data}/replay` : `${folder}/.gleitzeit/replay`,
          (text) => Result.succeed(SettingText.expand(text, home))
        )
      },
      folder,
      data,
      unused: sources.flatMap(({ unused = [] }) => unused)
    }
  })

/** As `--store` takes it. May hold a password: `withoutPassword` of it is for people. */
export const showStore = (store: StoreUrl): string =>
  store._tag === "Memory" ? "memory:" : store._tag === "Sqlite" ? `sqlite:${store.filename}` : store.url

// internal

const defaults: { readonly [name: string]: Entry } = {
  python: {},
  ollama: { options: {} },
  agent: {}
}

/** Those that are always there first, whoever says something of them. */
const inOrder = <A>(all: ReadonlyMap<string, A>): ReadonlyArray<readonly [name: string, value: A]> => {
  const own = Object.keys(defaults)
  const rank = (name: string) => (own.includes(name) ? own.indexOf(name) : own.length)
  return [...all].toSorted(([a], [b]) => rank(a) - rank(b))
}

const bundledProviders = (
  endpoint: Said<string> | undefined,
  python: Said<string> | undefined
): Source["providers"] & {} => ({
  ...(endpoint === undefined ? {} : { ollama: { options: { endpoint } } }),
  ...(python === undefined ? {} : { python: { options: { python } } })
})

const mcpOf = (sources: ReadonlyArray<Source>): Settings["mcp"] => {
  const imports = sources.find(({ mcp }) => mcp?.imports !== undefined)?.mcp?.imports
  const program = sources.find(({ mcp }) => mcp?.program !== undefined)?.mcp?.program
  return {
    servers: settings(sources.map(({ mcp }) => mcp?.servers)),
    imports: setting(imports ?? { value: [], from: "default" }),
    inputs: settings(sources.map(({ mcp }) => mcp?.inputs)),
    ...(program === undefined ? {} : { program: setting(program) })
  }
}

/** Of each name what the first says who says something. */
const settings = <A>(
  all: ReadonlyArray<{ readonly [name: string]: Said<A> } | undefined>
): { readonly [name: string]: Setting<A> } =>
  Object.fromEntries([...SettingSource.firsts(all)].map(([name, said]) => [name, setting(said)]))

/** Without what was not said. */
const known = <K extends string, A>(all: { readonly [k in K]: A | undefined }): { readonly [k in K]?: A } => {
  const some: { [k in K]?: A } = {}
  for (const key in all) if (all[key] !== undefined) some[key] = all[key]
  return some
}

const setting = <A>({ from, value }: Said<A>): Setting<A> => ({ value, from })

const plain = ({
  options,
  use
}: {
  readonly use: Said<string>
  readonly options: SettingSource.Options
}): ProviderSetting => ({
  use: setting(use),
  options: Object.fromEntries(Object.entries(options).map(([key, said]) => [key, setting(said)]))
})

const used = <A>(given: Said<string>, parse: (text: string) => Result.Result<A, string>) => {
  const value = parse(given.value)
  return Result.isFailure(value)
    ? Effect.fail(new ConfigurationError({ setting: placeOf(given), issue: value.failure }))
    : Effect.succeed<Setting<A>>({ value: value.success, from: given.from })
}

const placeOf = ({ from, key }: Said<unknown>): string => (key === undefined ? from : `${from}: ${key}`)

/** The addresses of servers in one spelling; what else an option may be, its provider knows. */
const providerSetting = (
  entry: { readonly use: Said<string>; readonly options: SettingSource.Options },
  home: string
) =>
  Effect.gen(function* () {
    const { options, use } = plain(entry)
    const text = (key: string, value: unknown): Said<string> | undefined =>
      typeof value === "string"
        ? { ...entry.options[key], value, from: entry.options[key]?.from ?? "default" }
        : undefined
    const changed: { [key: string]: Setting<Schema.Json> } = {}
    if (use.value === "ollama") {
      const endpoint = text("endpoint", options["endpoint"]?.value)
      if (endpoint !== undefined) changed["endpoint"] = yield* used(endpoint, SettingText.serverUrl)
      for (const key of ["endpoints", "pool"]) {
        const several = options[key]
        if (several === undefined || !Array.isArray(several.value)) continue
        const value = yield* Effect.forEach(several.value, (one: Schema.Json) => {
          const given = text(key, one)
          return given === undefined
            ? Effect.succeed(one)
            : Effect.map(used(given, SettingText.serverUrl), ({ value }): Schema.Json => value)
        })
        changed[key] = { ...several, value }
      }
    }
    const python = use.value === "python" ? options["python"] : undefined
    if (typeof python?.value === "string")
      changed["python"] = { ...python, value: SettingText.expand(python.value, home) }
    return { use, options: { ...options, ...changed } }
  })

const said = (name: string): Effect.Effect<Said<string> | undefined> =>
  Effect.map(variable(name), (value) => (value === undefined ? undefined : { value, from: name }))

const variable = (name: string): Effect.Effect<string | undefined> =>
  Variables.String(name).pipe(
    Variables.option,
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")))
  )

const dataFolder = (machine: Machine): Effect.Effect<string> =>
  Effect.map(variable("XDG_DATA_HOME"), (data) => {
    // a relative path is to be ignored, says the XDG Base Directory Specification
    if (data !== undefined && (data.startsWith("/") || /^[a-z]:/i.test(data))) return `${data}/gleitzeit`
    const own = `${machine.home}/.gleitzeit`
    return machine.isFolder(own) ? own : `${machine.home}/.local/share/gleitzeit`
  })
