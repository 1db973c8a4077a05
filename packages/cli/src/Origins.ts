/** Settings with where each came from, as people and programs see them: without passwords, tokens and the like. */
import { type Secrets, Settings } from "@gleitzeit/core"
import type { Schema } from "effect"

/** One value, in words. */
export interface Row {
  /** As a configuration file writes it: `providers.ollama.endpoint`. */
  readonly key: string
  readonly value: string
  readonly from: string
}

/** As `--json` prints them. */
export const document = (settings: Settings.Settings) => ({
  store: storeOf(settings),
  durability: settings.durability,
  debug: settings.debug,
  providers: mapped(settings.providers, providerOf),
  stores: mapped(settings.stores, providerOf),
  secrets: settings.secrets,
  files: { roots: settings.roots },
  mcp: {
    servers: mapped(settings.mcp.servers, mcpServer),
    import: settings.mcp.imports,
    inputs: mapped(settings.mcp.inputs, ({ from, value }, name) => ({ value: masked(name, value), from })),
    ...(settings.mcp.program === undefined ? {} : { program: settings.mcp.program })
  },
  prices: settings.prices,
  replay: settings.replay
})

export const rows = (settings: Settings.Settings): ReadonlyArray<Row> => {
  const { debug, durability, mcp, prices, providers, replay, roots, secrets, stores } = settings
  return [
    { key: "store", ...storeOf(settings) },
    { key: "durability", ...durability },
    { key: "debug", value: String(debug.value), from: debug.from },
    { key: "files.roots", value: roots.value.join(", ") || "none", from: roots.from },
    { key: "replay.mode", ...replay.mode },
    { key: "replay.folder", ...replay.folder },
    { key: "prices.source", ...prices.source },
    ...Object.entries(prices.table).map(([model, { from, value }]) => ({
      key: `prices.table.${model}`,
      value: JSON.stringify(value),
      from
    })),
    ...(mcp.program === undefined ? [] : [{ key: "mcp.servers.default", ...mcp.program }]),
    ...Object.entries(mapped(mcp.servers, mcpServer)).map(([name, { from, value }]) => ({
      key: `mcp.servers.${name}`,
      value: JSON.stringify(value),
      from
    })),
    ...(mcp.imports.value.length === 0
      ? []
      : [{ key: "mcp.import", value: mcp.imports.value.join(", "), from: mcp.imports.from }]),
    ...Object.entries(mcp.inputs).map(([name, { from, value }]) => ({
      key: `mcp.inputs.${name}`,
      value: String(masked(name, value)),
      from
    })),
    ...rowsOf("providers", providers),
    ...rowsOf("stores", stores),
    ...Object.entries(secrets).map(([name, { from, value }]) => ({ key: `secrets.${name}`, value: words(value), from }))
  ]
}

/** A URL may hold a password. */
export const storeOf = ({ store }: Pick<Settings.Settings, "store">): Settings.Setting<string> => ({
  value: Settings.withoutPassword(Settings.showStore(store.value)),
  from: store.from
})

/** `name`: what the value is of. */
export const masked = (name: string, value: Schema.Json): Schema.Json => {
  if (typeof value === "string") {
    return isSecret(name) && !isReference(value) ? hidden : Settings.withoutPassword(value)
  }
  if (typeof value !== "object" || value === null) return value
  if (!isList(value)) {
    // says where a secret is, not what it is
    if (isPlace(value)) return value
    return mapped(value, (inner, key) => masked(isSecret(name) ? name : key, inner))
  }
  return value.map((item, i) => {
    const before = value[i - 1]
    // `["--token", "…"]` and `["--token=…"]` of a command
    if (typeof before === "string" && before.startsWith("-") && isSecret(before)) return masked(before, item)
    const [flag = "", ...rest] = typeof item === "string" && item.startsWith("-") ? item.split("=") : []
    return rest.length > 0 && isSecret(flag) ? `${flag}=${hidden}` : masked(name, item)
  })
}

// internal

const hidden = "***"

const isList = (value: Schema.JsonArray | Schema.JsonObject): value is Schema.JsonArray => Array.isArray(value)

const isPlace = (value: Schema.JsonObject): boolean =>
  Object.keys(value).length === 1 && (typeof value["env"] === "string" || typeof value["file"] === "string")

/** `${TOKEN}`, `Bearer ${secrets.TOKEN}`: says where a secret is, not what it is. A default may be one. */
const isReference = (value: string): boolean => /^(?:bearer )?\$\{(?!.*:-)[\w:.-]+\}$/i.test(value)

const isSecret = (name: string): boolean =>
  /token|secret|passw|passphrase|passcode|[-_]pwd$|bearer|api[-_ ]?key|private[-_ ]?key|access[-_ ]?key|auth|credential|cookie|connection[-_ ]?string|^headers$|^(?:-*|.*[-_])(?:key|pat|dsn)$/i.test(
    name
  )

const mapped = <A, B>(
  all: { readonly [key: string]: A },
  to: (value: A, key: string) => B
): { readonly [key: string]: B } => Object.fromEntries(Object.entries(all).map(([key, value]) => [key, to(value, key)]))

const providerOf = ({ options, use }: Settings.ProviderSetting): Settings.ProviderSetting => ({
  use,
  options: mapped(options, ({ from, value }, key) => ({ value: masked(key, value), from }))
})

/** Without the folder that its paths are relative to: that is where it comes from. */
const mcpServer = ({ from, value }: Settings.Settings["mcp"]["servers"][string]) => {
  const written = Object.fromEntries(Object.entries(value).filter(([key]) => key !== "folder"))
  return { value: masked("", written), from }
}

const rowsOf = (section: string, all: Settings.Settings["providers"]): ReadonlyArray<Row> =>
  Object.entries(all).flatMap(([name, setting]) => {
    const { options, use } = providerOf(setting)
    return [
      { key: `${section}.${name}.use`, ...use },
      ...Object.entries(options).map(([option, { from, value }]) => ({
        key: `${section}.${name}.${option}`,
        value: typeof value === "string" ? value : JSON.stringify(value),
        from
      }))
    ]
  })

const words = (source: Secrets.Source): string => ("env" in source ? `variable ${source.env}` : `file ${source.file}`)
