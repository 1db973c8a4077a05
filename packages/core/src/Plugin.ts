/**
 * What a plug-in module exports as its default: a provider or a store as plain values, closures and JSON Schema. A
 * plug-in may carry a copy of `effect` of its own. Effects, streams, scopes and services cross that border; schemas and
 * class instances do not, so options are decoded on the plug-in's side. It does not look for modules: `Plugins` does.
 */
import { Cause, Effect, type JsonSchema, Result, Schema, SchemaGetter, type Scope } from "effect"
import type { Backend } from "./Backend.ts"
import { field, keysOf, shown } from "./Border.ts"
import * as DurationText from "./Duration.ts"
import { ConfigurationError, PluginUnusable } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { Method } from "./Method.ts"
import * as Protocol from "./Protocol.ts"
import * as Provider from "./Provider.ts"

/** Of the border between this program and its plug-ins. */
export const version = 1

export interface ProviderPlugin {
  readonly gleitzeit: 1
  readonly kind: "provider"
  /** Of the provider, unless the configuration calls it otherwise. */
  readonly name: string
  /** Draft 2020-12: what may stand under `options`. */
  readonly options: JsonSchema.JsonSchema
  /**
   * `name`: what the configuration calls it. What it opens is closed with the scope. Whose work is to call others finds
   * those on duty as `Effect.serviceOption(Providers)`.
   */
  readonly make: (options: Schema.Json, name?: string) => Effect.Effect<Provider.Provider, Failure, Scope.Scope>
  /** What it can do depends on the package and the options alone: it may be remembered. Default false. */
  readonly closed?: boolean
}

export interface StorePlugin {
  readonly gleitzeit: 1
  readonly kind: "store"
  /** Of the URLs that it opens, without the colon: `postgres`. */
  readonly schemes: ReadonlyArray<string>
  /** Draft 2020-12: what may stand under `options`. */
  readonly options: JsonSchema.JsonSchema
  readonly make: (url: string, options: Schema.Json) => Effect.Effect<Backend, Failure, Scope.Scope>
}

export type Plugin = ProviderPlugin | StorePlugin

type Options = Schema.Codec<unknown, unknown>

/** A provider of a protocol. Whatever `make` fails with becomes a `Failure`. */
export const provider = <M extends Record<string, Method>, O extends Options, E>(plugin: {
  readonly name: string
  readonly protocol: Protocol.Protocol<M>
  readonly options: O
  /** `name`: what the configuration calls it; what this gives need not repeat it. */
  readonly make: (options: O["Type"], name: string) => Effect.Effect<Provider.Spec<M>, E, Scope.Scope>
}): ProviderPlugin => {
  const { make, name, options, protocol } = plugin
  const opened = open({
    name,
    options,
    make: (given, configured) =>
      Effect.flatMap(
        effectOf(() => make(given, configured)),
        (spec) => Provider.make(protocol, spec)
      )
  })
  // not by spreading it: its options are written out when somebody looks at them
  return Object.assign(opened, { closed: true })
}

/** A provider as it is, such as `Provider.open` gives for a protocol that is known at run time alone. */
export const open = <O extends Options, E>(plugin: {
  readonly name: string
  readonly options: O
  readonly make: (options: O["Type"], name: string) => Effect.Effect<Provider.Provider, E, Scope.Scope>
}): ProviderPlugin => {
  const read = reader(plugin.options)
  return {
    gleitzeit: version,
    kind: "provider",
    name: plugin.name,
    get options() {
      return Protocol.jsonSchema(plugin.options)
    },
    make: (options, name = plugin.name) =>
      failing(Effect.flatMap(read(options, name), (given) => effectOf(() => plugin.make(given, name))))
  }
}

/** A store for the URLs of some schemes. Whatever `make` fails with becomes a `Failure`. */
export const store = <O extends Options, E>(plugin: {
  readonly schemes: ReadonlyArray<string>
  readonly options: O
  readonly make: (url: string, options: O["Type"]) => Effect.Effect<Backend, E, Scope.Scope>
}): StorePlugin => {
  const read = reader(plugin.options)
  return {
    gleitzeit: version,
    kind: "store",
    schemes: plugin.schemes,
    get options() {
      return Protocol.jsonSchema(plugin.options)
    },
    make: (url, options) =>
      failing(
        Effect.flatMap(read(options, plugin.schemes.join(", ")), (given) => effectOf(() => plugin.make(url, given)))
      )
  }
}

/** For options: milliseconds, written as a number of seconds or as text such as `30s`, `5m`, `1h`. */
export const duration: Schema.Codec<number, number | string> = Schema.Union([Schema.Finite, Schema.String])
  .annotate({ description: "Seconds, or a duration such as 30s, 5m or 1h." })
  .check(
    Schema.makeFilter((written: number | string) => {
      const milliseconds = DurationText.parse(written)
      return Result.isFailure(milliseconds) ? milliseconds.failure : undefined
    })
  )
  .pipe(
    Schema.decodeTo(Schema.Finite, {
      decode: SchemaGetter.transform((written) => Result.getOrElse(DurationText.parse(written), () => 0)),
      encode: SchemaGetter.transform((milliseconds) => milliseconds / 1000)
    })
  )

/**
 * The plug-in in what `import()` gave. `name`: what the configuration calls it, `use`: where it is from. Every field is
 * looked at before it is believed: it was made by another program.
 */
export const read = (module: unknown, name: string, use = name): Result.Result<Plugin, PluginUnusable> => {
  const refuse = (reason: string, remedy = "") => Result.fail(new PluginUnusable({ plugin: name, use, reason, remedy }))
  const found = exported(module)
  if (found === undefined) {
    const others = keysOf(module).filter((key) => key !== "default" && key !== "module.exports")
    return refuse(
      `has no default export (it exports ${others.length === 0 ? "nothing" : some(others)})`,
      "export what Plugin.provider or Plugin.store gives as its default"
    )
  }
  if (typeof found !== "object" || found === null || field(found, "gleitzeit") === undefined) {
    return refuse(
      `exports ${shown(found)} as its default, which is no plug-in`,
      "export what Plugin.provider or Plugin.store gives"
    )
  }
  const spoken = field(found, "gleitzeit")
  if (spoken !== version) {
    return refuse(
      `speaks version ${shown(spoken)} of the border between program and plug-in, this program speaks version ${version}`,
      typeof spoken === "number" && spoken > version
        ? "use a newer gleitzeit, or an older version of the plug-in"
        : "use a newer version of the plug-in"
    )
  }
  const kind = field(found, "kind")
  const wrong = (key: string, expected: string) =>
    refuse(`has a wrong \`${key}\`: expected ${expected}, found ${shown(field(found, key))}`)
  const options = field(found, "options")
  if (kind !== "provider" && kind !== "store") return wrong("kind", `"provider" or "store"`)
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return wrong("options", "a JSON Schema")
  }
  if (typeof field(found, "make") !== "function") return wrong("make", "a function")
  const schemes = field(found, "schemes")
  if (kind === "provider" && !isName(field(found, "name"))) return wrong("name", "a name")
  if (kind === "store" && !(Array.isArray(schemes) && schemes.length > 0 && schemes.every(isScheme))) {
    return wrong("schemes", `a list such as ["postgres"]`)
  }
  // Safe: every field has just been looked at; what `make` gives is looked at when it is called.
  return Result.succeed(found as Plugin)
}

// internal

/** The first of them: a library that is named by mistake exports hundreds. */
const some = (names: ReadonlyArray<string>): string =>
  names.slice(0, 8).join(", ") + (names.length > 8 ? ` and ${names.length - 8} more` : "")

/** An author without a compiler may give what is no effect, such as the promise of an async function. */
const effectOf = <A, E, R>(make: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const found: unknown = make()
    // Safe: what comes of it is looked at.
    if (Effect.isEffect(found)) return found as Effect.Effect<A, E, R>
    return Effect.die(new TypeError(`\`make\` gives ${shown(found)}, expected an effect`))
  })

const strict = { onExcessProperty: "error", errors: "all" } as const

/** The host has checked them by their JSON Schema: what is left are the rules that no JSON Schema can say. */
const reader = <O extends Options>(options: O) => {
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(options))
  return (given: Schema.Json, owner: string): Effect.Effect<O["Type"], ConfigurationError> =>
    Effect.suspend(() => {
      const decoded = decode(given, strict)
      if (Result.isSuccess(decoded)) return Effect.succeed(decoded.success)
      return Effect.fail(
        new ConfigurationError({ setting: `the options of "${owner}"`, issue: flat(decoded.failure.message) })
      )
    })
}

/** On one line. */
const flat = (issue: string): string => issue.replaceAll(/\n\s+at /g, " at ").replaceAll("\n", "; ")

/** What a `Config` of the author's wants and does not find is no surprise. */
const unset = (error: unknown): unknown => {
  if (field(error, "_tag") !== "ConfigError") return error
  const issue = flat(String(field(error, "message"))).replace(/^SchemaError\((.*)\)$/, "$1")
  return new ConfigurationError({ setting: "the environment", issue })
}

const failing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Failure, R> =>
  Effect.catchCauseIf(
    Effect.mapError(effect, unset),
    (cause) => !Cause.hasInterrupts(cause),
    // Safe: what an author fails with is looked at there.
    (cause) => Effect.fail(FailureData.fromCause(cause as Cause.Cause<Failure>))
  ) as Effect.Effect<A, Failure, R>

/** A module that was CommonJS once keeps its default one level further down. */
const exported = (module: unknown): unknown => {
  const outer = field(module, "default")
  return field(outer, "gleitzeit") === undefined ? (field(outer, "default") ?? outer) : outer
}

const isName = (value: unknown): boolean => typeof value === "string" && value !== ""

const isScheme = (value: unknown): boolean => typeof value === "string" && /^[a-z][a-z0-9+.-]*$/.test(value)
