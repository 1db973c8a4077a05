/**
 * What one place says of the settings (the flags, the environment, a file), and how places are laid over each other:
 * value by value, the first wins; maps merge, lists replace.
 */
import type { Schema } from "effect"
import type * as McpSection from "./McpSection.ts"
import type { Price } from "./Prices.ts"
import type { Source as SecretSource } from "./Secrets.ts"

export interface Setting<A> {
  readonly value: A
  /** `--store`, `GLEITZEIT_SQLITE_PATH`, `gleitzeit.config.yaml`, `~/.config/gleitzeit/config.yaml`, `default`. */
  readonly from: string
}

/** A value that was said. */
export interface Said<A> extends Setting<A> {
  /** Where in a file: `providers.ollama.endpoint`. */
  readonly key?: string
}

/** A provider or a store, by its name or scheme. */
export interface Entry {
  /** What it is: a kind, a package, a path. */
  readonly use?: Said<string>
  /** False: it is left out. */
  readonly enabled?: Said<boolean>
  readonly options?: Options
}

export type Options = { readonly [key: string]: Said<Schema.Json> }

/** Who knows prices that no table says. */
export type PriceSource = "genai-prices" | "none"

/** A server of MCP as a file has it. */
export interface McpServer extends McpSection.Server {
  /** Absolute: what its paths are relative to. */
  readonly folder: string
}

export interface Source {
  /** A URL. */
  readonly store?: Said<string>
  /** The same in the words of the first Gleitzeit: which kind, and where each kind would be. */
  readonly persistence?: {
    readonly backend?: Said<string>
    readonly sqlite?: Said<string>
    readonly redis?: Said<string>
  }
  readonly durability?: Said<string>
  readonly debug?: Said<string>
  readonly providers?: { readonly [name: string]: Entry }
  readonly stores?: { readonly [scheme: string]: Entry }
  readonly secrets?: { readonly [name: string]: Said<SecretSource> }
  readonly roots?: Said<ReadonlyArray<string>>
  /** Recordings of calls. */
  readonly replay?: { readonly mode?: Said<string>; readonly folder?: Said<string> }
  readonly prices?: {
    readonly source?: Said<PriceSource>
    readonly table?: { readonly [model: string]: Said<Price> }
  }
  readonly mcp?: {
    readonly servers?: { readonly [name: string]: Said<McpServer> }
    /** Files, absolute. */
    readonly imports?: Said<ReadonlyArray<string>>
    readonly inputs?: { readonly [name: string]: Said<string> }
    /** A program that is the server `default`. */
    readonly program?: Said<string>
  }
  /** Keys that are accepted and have no effect. */
  readonly unused?: ReadonlyArray<Setting<string>>
}

/** Kinds of providers that come with the command line. What stands beside their `use` is an option too. */
export const bundled: ReadonlyArray<string> = ["ollama", "python", "remote", "agent", "mcp"]

/**
 * The URL that the first source chooses which says anything of the store. A source that only names a kind takes the
 * place from whoever says where that kind is.
 */
export const store = (sources: ReadonlyArray<Source>): Said<string> | undefined => {
  for (const { persistence, store } of sources) {
    if (store !== undefined) return store
    if (persistence === undefined) continue
    const { backend, redis, sqlite } = persistence
    const kind = backend?.value ?? (sqlite !== undefined ? "sqlite" : redis !== undefined ? "redis" : undefined)
    if (kind === "sqlite" || kind === "redis") {
      return placeOf(sources, kind) ?? (backend === undefined ? undefined : { ...backend, value: `${kind}:` })
    }
    if (backend !== undefined) return { ...backend, value: `${backend.value}:` }
  }
  return undefined
}

/** By name; those that are disabled are left out. */
export const entries = (
  all: ReadonlyArray<{ readonly [name: string]: Entry } | undefined>
): ReadonlyMap<string, { readonly use: Said<string>; readonly options: Options }> => {
  const named = new Map<string, Array<Entry>>()
  for (const some of all) {
    for (const [name, entry] of Object.entries(some ?? {})) {
      const known = named.get(name)
      if (known === undefined) named.set(name, [entry])
      else known.push(entry)
    }
  }
  return new Map(
    [...named].flatMap(([name, layers]) => {
      if (layers.find(({ enabled }) => enabled !== undefined)?.enabled?.value === false) return []
      const use = layers.find(({ use }) => use !== undefined)?.use ?? { value: name, from: "default" }
      // what was said of one thing is no option of another of the same name
      const meant = layers.filter((entry) => (entry.use?.value ?? ownKind(name) ?? use.value) === use.value)
      return [[name, { use, options: merged(meant, use.value) }] as const]
    })
  )
}

/** Of each name what the first says who says something. */
export const firsts = <A>(all: ReadonlyArray<{ readonly [name: string]: A } | undefined>): ReadonlyMap<string, A> =>
  new Map(all.toReversed().flatMap((some) => Object.entries(some ?? {})))

// internal

const placeOf = (sources: ReadonlyArray<Source>, kind: "sqlite" | "redis"): Said<string> | undefined => {
  for (const { persistence, store } of sources) {
    const said = persistence?.[kind]
    if (said !== undefined) return { ...said, value: kind === "sqlite" ? `sqlite:${said.value}` : said.value }
    if (store?.value.startsWith(`${kind}:`) === true) return store
  }
  return undefined
}

const ownKind = (name: string): string | undefined => (bundled.includes(name) ? name : undefined)

/** Options that name servers of Ollama. */
const servers: ReadonlyArray<string> = ["endpoint", "endpoints", "pool"]

const merged = (layers: ReadonlyArray<Entry>, kind: string): Options => {
  const options = new Map<string, Said<Schema.Json>>()
  for (const { options: lower = {} } of layers) {
    const named = kind === "ollama" && servers.some((key) => options.has(key))
    for (const [key, low] of Object.entries(lower)) {
      const high = options.get(key)
      if (high !== undefined) options.set(key, over(high, low))
      // one server or many: whoever names servers names all of them
      else if (!(named && servers.includes(key))) options.set(key, low)
    }
  }
  return Object.fromEntries(options)
}

const over = (high: Said<Schema.Json>, low: Said<Schema.Json>): Said<Schema.Json> => {
  if (!isMap(high.value) || !isMap(low.value)) return high
  const value = mapOver(high.value, low.value)
  return JSON.stringify(value) === JSON.stringify(high.value)
    ? high
    : { ...high, value, from: `${high.from}, ${low.from}` }
}

const mapOver = (high: Schema.JsonObject, low: Schema.JsonObject): Schema.JsonObject => {
  const value = new Map(Object.entries(high))
  for (const [key, lower] of Object.entries(low)) {
    const upper = value.get(key)
    if (upper === undefined) value.set(key, lower)
    else if (isMap(upper) && isMap(lower)) value.set(key, mapOver(upper, lower))
  }
  return Object.fromEntries(value)
}

const isMap = (value: Schema.Json): value is Schema.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
