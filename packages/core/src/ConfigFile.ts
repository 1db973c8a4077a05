/**
 * A configuration document, already parsed, as a source of settings. Also in the words of the first Gleitzeit. Every
 * mistake is told with its place; no message quotes a value, which may be a secret.
 */
import { Effect, type JsonSchema, Result, Schema } from "effect"
import { Complaints } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import { ConfigurationError } from "./Errors.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as JsonText from "./JsonText.ts"
import * as McpSection from "./McpSection.ts"
import { fromValue } from "./Position.ts"
import { Table } from "./Prices.ts"
import type { Source as SecretSource } from "./Secrets.ts"
import { bundled, type Entry, type Said, type Source } from "./SettingSource.ts"
import { sqlitePath } from "./SettingText.ts"

const Options = Schema.Record(Schema.String, Schema.Json)

const Later = Schema.Record(Schema.String, Schema.Json)

/** What a file may say. `satisfies Settings.Config` is for files in TypeScript. */
export const Config = Schema.Struct({
  /** For editors. */
  $schema: Schema.optionalKey(Schema.String),
  /** `memory:`, `sqlite:PATH`, or a URL whose scheme stands under `stores`. */
  store: Schema.optionalKey(Schema.String),
  /** The first Gleitzeit's words for `store`. */
  persistence: Schema.optionalKey(
    Schema.Struct({
      backend: Schema.optionalKey(Schema.Literals(["sqlite", "redis", "memory", "none"])),
      sqlite: Schema.optionalKey(
        Schema.Struct({ path: Schema.optionalKey(Schema.String), db_path: Schema.optionalKey(Schema.String) })
      ),
      redis: Schema.optionalKey(
        Schema.Struct({
          url: Schema.optionalKey(Schema.String),
          host: Schema.optionalKey(Schema.String),
          port: Schema.optionalKey(Schema.Int),
          db: Schema.optionalKey(Schema.Int)
        })
      )
    })
  ),
  /** What a commit survives. */
  durability: Schema.optionalKey(Schema.Literals(["process", "power"])),
  debug: Schema.optionalKey(Schema.Boolean),
  /** By name. */
  providers: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.StructWithRest(
        Schema.Struct({
          use: Schema.optionalKey(Schema.NonEmptyString),
          options: Schema.optionalKey(Options),
          enabled: Schema.optionalKey(Schema.Boolean)
        }),
        [Schema.Record(Schema.String, Schema.Json)]
      )
    )
  ),
  /** By the scheme of their URLs. */
  stores: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({ use: Schema.optionalKey(Schema.NonEmptyString), options: Schema.optionalKey(Options) })
    )
  ),
  secrets: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({
        env: Schema.optionalKey(Schema.NonEmptyString),
        file: Schema.optionalKey(Schema.NonEmptyString)
      })
    )
  ),
  files: Schema.optionalKey(Schema.Struct({ roots: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)) })),
  /** Calls kept in files, and played back. */
  replay: Schema.optionalKey(
    Schema.Struct({
      mode: Schema.optionalKey(Schema.Literals(["off", "record", "replay", "auto"])),
      folder: Schema.optionalKey(Schema.NonEmptyString)
    })
  ),
  /** What calls of models cost, in USD. */
  prices: Schema.optionalKey(
    Schema.Struct({
      /** Who knows what the table does not say. */
      source: Schema.optionalKey(Schema.Literals(["genai-prices", "none"])),
      table: Schema.optionalKey(Table)
    })
  ),
  /** Servers of the Model Context Protocol. */
  mcp: Schema.optionalKey(McpSection.Section),
  /** Accepted, without effect in this version. */
  execution: Schema.optionalKey(Later),
  batch: Schema.optionalKey(Later)
})
export type Config = typeof Config.Type

export interface Place {
  /** As messages and origins name it: `gleitzeit.config.yaml`. */
  readonly file: string
  /** Absolute: `~` is the user's folder, other paths are relative to the file's. */
  readonly resolve: (path: string) => string
}

/** Fails with every mistake that is found. An empty document says nothing. */
export const read = (value: unknown, place: Place): Effect.Effect<Source, ConfigurationError> =>
  Effect.suspend(() => {
    const config = decode(value)
    if (Result.isFailure(config)) return refuse(place, config.failure)
    const issues = mistakes(config.success)
    return issues.length > 0 ? refuse(place, issues) : Effect.succeed(sourceOf(config.success, place))
  })

/** A file in JSON. Fails with the place of the first slip. */
export const parseJson = (text: string, file: string): Effect.Effect<unknown, ConfigurationError> =>
  Effect.suspend(() => {
    const complaints = new Complaints(text, undefined)
    const node = JsonText.read(text, complaints)
    const [first] = complaints.diagnostics
    if (first === undefined) return Effect.succeed(node?.value)
    return Effect.fail(
      new ConfigurationError({ setting: `${file}:${first.line}:${first.column}`, issue: first.message })
    )
  })

/** Draft 2020-12. */
export const jsonSchema = (): JsonSchema.JsonSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Config, { onExcessProperty: "error" })
  return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions }
}

// internal

const refuse = ({ file }: Place, issues: ReadonlyArray<string>) => {
  const [first = ""] = issues
  return Effect.fail(
    issues.length === 1
      ? new ConfigurationError({ setting: file, issue: first })
      : new ConfigurationError({ setting: file, issue: `${issues.length} mistakes\n${issues.join("\n")}` })
  )
}

const decode = (value: unknown): Result.Result<Config, ReadonlyArray<string>> => {
  const complaints = new Complaints("", undefined)
  const json = value === undefined ? null : fromValue(value, complaints)?.value
  if (complaints.failed) return Result.fail(complaints.diagnostics.map(({ message }) => message))
  const said = json === null || json === undefined ? {} : withoutNull(json)
  if (Array.isArray(said) || typeof said !== "object") {
    return Result.fail(['expected settings by name, such as `store: "memory:"`'])
  }
  const issues = JsonSchemaCheck.check((checked ??= jsonSchema()), said, { quote: false })
  if (issues.length > 0) {
    return Result.fail(issues.map(told))
  }
  // the schema has just been checked, so this fails only where the two disagree
  return Result.mapError(Schema.decodeUnknownResult(Config)(said), ({ message }) => [message])
}

let checked: JsonSchema.JsonSchema | undefined

const told = ({ keyword, message, path, suggestion }: JsonSchemaCheck.Issue): string => {
  const stray = keyword === "additionalProperties"
  const place = shown(stray ? path.slice(0, -1) : path)
  // what was probably meant says more than all that there is
  const said = !stray
    ? message
    : suggestion === undefined
      ? message.replace(/^(".*?") is not known here/s, "unknown key $1")
      : `unknown key "${path.at(-1)}"`
  return `${place === "" ? "" : `${place}: `}${said}${suggestion === undefined ? "" : `, did you mean "${suggestion}"?`}`
}

const shown = (path: ReadonlyArray<string | number>): string =>
  path.map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)).join("")

/** A key without a value says nothing, a name without one is named; the options of a plug-in are its own affair. */
const withoutNull = (value: Schema.Json, path: ReadonlyArray<string> = []): Schema.Json => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || path[2] === "options") return value
  const names = path.length === 1 && named.has(path[0] ?? "")
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      inner !== null ? [[key, withoutNull(inner, [...path, key])]] : names ? [[key, {}]] : []
    )
  )
}

const named = new Set(["providers", "stores", "secrets"])

/** What no schema says. */
const mistakes = (config: Config): ReadonlyArray<string> => {
  const { mcp = {}, persistence, providers = {}, secrets = {}, store, stores = {} } = config
  const { path, db_path } = persistence?.sqlite ?? {}
  const both = (place: string, one: string, other: string) =>
    `${place}: \`${one}\` and \`${other}\` say the same, keep one`
  return [
    ...(store !== undefined && persistence !== undefined ? ["`store` and `persistence` say the same, keep one"] : []),
    ...(path !== undefined && db_path !== undefined ? [both("persistence.sqlite", "path", "db_path")] : []),
    ...Object.entries(providers).flatMap(([name, entry]) => providerMistakes(name, entry)),
    ...McpSection.mistakes(mcp),
    ...Object.keys(stores).flatMap((scheme) =>
      scheme === "memory" || scheme === "none" || scheme === "sqlite"
        ? [`stores.${scheme}: ${scheme}: is built in, a store of a plug-in needs another scheme`]
        : /^[a-z][a-z0-9+.-]+$/.test(scheme)
          ? []
          : [`stores.${scheme}: expected the scheme of a URL: small letters, digits, "+", "." and "-"`]
    ),
    ...Object.entries(secrets).flatMap(([name, { env, file }]) =>
      (env === undefined) === (file === undefined)
        ? [`secrets.${name}: expected one of { env: VARIABLE } and { file: PATH }`]
        : []
    )
  ]
}

type Provider = NonNullable<Config["providers"]>[string]

const own = ["use", "options", "enabled"]

/** What stands beside them. */
const beside = (entry: Provider): { readonly [key: string]: Schema.Json } =>
  Object.fromEntries(Object.entries(entry).filter(([key]) => !own.includes(key)))

const providerMistakes = (name: string, entry: Provider): ReadonlyArray<string> => {
  const { options = {}, use = name } = entry
  return Object.keys(beside(entry)).flatMap((key) => {
    const place = `providers.${name}`
    if (Object.hasOwn(options, key)) return [`${place}: \`${key}\` stands here and under \`options\`, keep one`]
    if (bundled.includes(use)) return []
    const suggestion = nearest(key, own)
    const kind = entry.use === undefined ? nearest(name, bundled) : undefined
    const meant = kind === undefined ? "" : `; did you mean providers.${kind}?`
    return [
      `${place}: unknown key "${key}", ${
        suggestion === undefined
          ? `options of a plug-in stand under \`options\`${meant}`
          : `did you mean "${suggestion}"?`
      }`
    ]
  })
}

const later = ["execution", "batch"] as const

const sourceOf = (config: Config, { file, resolve }: Place): Source => {
  const said = <A>(key: string, value: A): Said<A> => ({ value, from: file, key })
  const { debug, durability, files, mcp, persistence, prices, providers = {}, replay, secrets, store, stores } = config
  const sqlite = persistence?.sqlite?.path ?? persistence?.sqlite?.db_path
  const redis = persistence?.redis === undefined ? undefined : redisUrl(persistence.redis)
  const unused = later.filter((key) => config[key] !== undefined)
  return {
    ...(store === undefined ? {} : { store: said("store", storeOf(store, resolve)) }),
    ...(persistence === undefined
      ? {}
      : {
          persistence: {
            ...(persistence.backend === undefined ? {} : { backend: said("persistence.backend", persistence.backend) }),
            ...(sqlite === undefined ? {} : { sqlite: said("persistence.sqlite", fileOf(sqlite, resolve)) }),
            ...(redis === undefined ? {} : { redis: said("persistence.redis", redis) })
          }
        }),
    ...(durability === undefined ? {} : { durability: said("durability", durability) }),
    ...(debug === undefined ? {} : { debug: said("debug", String(debug)) }),
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, entry]) => [name, providerOf(name, entry, said, resolve)])
    ),
    ...(stores === undefined
      ? {}
      : {
          stores: Object.fromEntries(
            Object.entries(stores).map(([scheme, entry]) => [
              scheme,
              // `use` is said here also where it is the scheme: options are of what the entry means
              entryOf(`stores.${scheme}`, entry.use, entry.options ?? {}, said, resolve)
            ])
          )
        }),
    ...(secrets === undefined
      ? {}
      : {
          secrets: Object.fromEntries(
            Object.entries(secrets).map(([name, secret]) => [name, said(`secrets.${name}`, secretOf(secret, resolve))])
          )
        }),
    ...(files?.roots === undefined ? {} : { roots: said("files.roots", files.roots.map(resolve)) }),
    ...(mcp === undefined ? {} : { mcp: mcpOf(mcp, said, resolve) }),
    ...(prices === undefined ? {} : { prices: pricesOf(prices, said) }),
    ...(replay === undefined
      ? {}
      : {
          replay: {
            ...(replay.mode === undefined ? {} : { mode: said("replay.mode", replay.mode) }),
            ...(replay.folder === undefined ? {} : { folder: said("replay.folder", resolve(replay.folder)) })
          }
        }),
    ...(unused.length === 0 ? {} : { unused: unused.map((key) => ({ value: key, from: file })) })
  }
}

type Say = <A>(key: string, value: A) => Said<A>
type Resolve = Place["resolve"]

const pricesOf = ({ source, table }: NonNullable<Config["prices"]>, said: Say): NonNullable<Source["prices"]> => ({
  ...(source === undefined ? {} : { source: said("prices.source", source) }),
  ...(table === undefined
    ? {}
    : {
        table: Object.fromEntries(
          Object.entries(table).map(([model, price]) => [model, said(`prices.table.${model}`, price)])
        )
      })
})

/** Paths of a server are made absolute where they are filled in. */
const mcpOf = (section: McpSection.Section, said: Say, resolve: Resolve): NonNullable<Source["mcp"]> => ({
  servers: Object.fromEntries(
    McpSection.servers(section).map(({ name, place, server }) => [
      name,
      said(place, { ...server, folder: resolve(".") })
    ])
  ),
  ...(section.import === undefined ? {} : { imports: said("mcp.import", section.import.map(resolve)) }),
  ...(section.inputs === undefined
    ? {}
    : {
        inputs: Object.fromEntries(
          Object.entries(section.inputs).map(([name, value]) => [name, said(`mcp.inputs.${name}`, value)])
        )
      })
})

const providerOf = (name: string, entry: Provider, said: Say, resolve: Resolve): Entry => {
  const { enabled, use } = entry
  const kind = use ?? name
  const options = { ...readable(kind, beside(entry), resolve), ...readable(kind, entry.options ?? {}, resolve) }
  return {
    ...entryOf(`providers.${name}`, use, options, said, resolve),
    ...(enabled === undefined ? {} : { enabled: said(`providers.${name}.enabled`, enabled) })
  }
}

const entryOf = (
  key: string,
  use: string | undefined,
  options: { readonly [key: string]: Schema.Json },
  said: Say,
  resolve: Resolve
): Entry => ({
  ...(use === undefined ? {} : { use: said(`${key}.use`, isPath(use) ? resolve(use) : use) }),
  options: Object.fromEntries(
    Object.entries(options).map(([option, value]) => [option, said(`${key}.${option}`, value)])
  )
})

/** Options that are paths: a folder, and programs, which are looked for on the PATH when they are names. */
const readable = (
  kind: string,
  options: { readonly [key: string]: Schema.Json },
  resolve: Resolve
): { readonly [key: string]: Schema.Json } =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      const isProgram = (kind === "python" && key === "python") || (kind === "remote" && key === "command")
      const isOne = isProgram ? /[/\\]/.test(String(value)) : kind === "remote" && key === "cwd"
      return [key, isOne && typeof value === "string" ? resolve(value) : value]
    })
  )

const isPath = (use: string): boolean => /^(?:\.{0,2}[/\\]|~(?:[/\\]|$)|[a-z]:[/\\])/i.test(use)

const fileOf = (path: string, resolve: Resolve): string => (path === "" || path === ":memory:" ? path : resolve(path))

const storeOf = (url: string, resolve: Resolve): string => {
  const path = sqlitePath(url)
  return path === undefined ? url : `sqlite:${fileOf(path, resolve)}`
}

const secretOf = ({ env, file }: { readonly env?: string; readonly file?: string }, resolve: Resolve): SecretSource =>
  file === undefined ? { env: env ?? "" } : { file: resolve(file) }

const redisUrl = ({
  db,
  host = "localhost",
  port = 6379,
  url
}: NonNullable<NonNullable<Config["persistence"]>["redis"]>): string =>
  url ?? `redis://${host}:${port}${db === undefined ? "" : `/${db}`}`
