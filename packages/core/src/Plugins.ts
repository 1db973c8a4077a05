/**
 * Plug-ins by name: the providers and stores that a configuration names, from packages and files. A module is loaded
 * when something is asked of it. One that cannot be used says so under its own name; the others go on working.
 */
import { Cause, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import type { Backend } from "./Backend.ts"
import * as Border from "./Border.ts"
import * as Duration from "./Duration.ts"
import { PluginUnusable } from "./Errors.ts"
import * as FailureData from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import type { JsonObject } from "./Json.ts"
import * as JsonSchemaCheck from "./JsonSchemaCheck.ts"
import * as Plugin from "./Plugin.ts"
import * as PluginMemory from "./PluginMemory.ts"
import * as PluginModule from "./PluginModule.ts"
import * as Protocol from "./Protocol.ts"
import type { Provider } from "./Provider.ts"
import type { Capabilities } from "./ProviderDefaults.ts"
import { Providers } from "./Providers.ts"
import * as StandIn from "./StandIn.ts"

/** One line of the configuration: `providers.NAME` or `stores.SCHEME`. */
export interface Entry {
  readonly name: string
  /** A bundled kind, the name of a package, or a path. */
  readonly use: string
  readonly options: JsonObject
  /** Where an option comes from, for messages: `--ollama`, `gleitzeit.config.yaml`. Default: nothing is said about it. */
  readonly origins?: { readonly [option: string]: string }
}

/** A plug-in that is a part of the program. */
export interface Bundled {
  readonly load: Effect.Effect<Plugin.Plugin>
  /** What is known of its provider without loading it: a workflow is checked against it at no cost. */
  readonly known?: {
    readonly protocol: Protocol.Protocol
    readonly capabilities: Capabilities
    /** Attempts at once. What the options say about it has not been checked yet. */
    readonly concurrency: (options: JsonObject) => number
  }
}

export interface Options {
  readonly plugins: ReadonlyArray<Entry>
  /** The folder that packages are looked for from, and that paths are relative to. */
  readonly from: string
  /** By kind, as `use` names it. Default: none. */
  readonly bundled?: { readonly [kind: string]: Bundled }
  /** Protocols that none of them is to serve, because something else stands in for them: `llm/v1`. Default: none. */
  readonly except?: ReadonlyArray<string>
  /** What plug-ins from packages have said of themselves before. Default: none, they are loaded to be asked. */
  readonly memory?: PluginMemory.PluginMemory
  /** How long loading and starting one may take. Milliseconds, default 10,000. */
  readonly startTimeout?: number
}

/** Each of them on duty under its name for as long as the layer lives, those that cannot be used too: asked, they say why. */
export const layer = (options: Options): Layer.Layer<never, never, Providers> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const providers = yield* Providers
      const starts: Array<Effect.Effect<unknown>> = []
      // whoever asks one what it can do asks all of them, one by one: so they start together
      const startAll = Effect.suspend(() => Effect.forEach(starts, (start) => start, { discard: true }))
      for (const entry of options.plugins) {
        const known = bundledOf(entry, options)?.known
        if (known !== undefined && isExcept(options, known.protocol.id)) continue
        const { provider, start } = yield* lazy(entry, options, startAll, providers)
        if (start !== undefined) starts.push(start)
        yield* Effect.catch(providers.register(provider), () => {
          const reason = "the name belongs to a provider that is a part of this program"
          const taken = unusable(entry, reason, "give it another name under `providers`")
          // who has the name keeps it; should this one be taken as well, it has been said once
          const one = StandIn.make({
            name: `${entry.name} (${entry.use})`,
            asked: Effect.fail(taken),
            contracts: Effect.fail(taken)
          })
          return Effect.flatMap(one, (one) => Effect.ignore(providers.register(one)))
        })
      }
    })
  )

/** The store for a URL of the scheme that the entry is named after. Closed with the scope. */
export const store = (
  entry: Entry,
  url: string,
  options: Omit<Options, "plugins">
): Effect.Effect<Backend, Failure, Scope.Scope> =>
  started(entry, options, "stores", (plugin) => {
    if (plugin.kind !== "store")
      return Effect.fail(unusable(entry, "is a provider, no store", "name it under `providers`"))
    if (!plugin.schemes.includes(entry.name)) {
      const schemes = plugin.schemes.map((scheme) => `${scheme}:`).join(", ")
      return Effect.fail(unusable(entry, `is a store for ${schemes}, not for ${entry.name}:`))
    }
    const backend = made(entry, () => plugin.make(url, entry.options))
    return Effect.flatMap(backend, (given) => Effect.fromResult(Border.backend(given, entry)))
  })

// internal

/** Milliseconds. */
const usualTimeout = 10_000

/** How long what a plug-in has opened may take to close, in milliseconds. The program ends without it then. */
const grace = 5000

const noContracts = Effect.succeed([])

interface Lazy {
  readonly provider: Provider
  /** When it has to be loaded for its contracts. */
  readonly start: Effect.Effect<unknown> | undefined
}

/** Loaded when something is asked of it that is not known yet. `startAll`: of all that have to be loaded to be asked. */
const lazy = (
  entry: Entry,
  options: Options,
  startAll: Effect.Effect<void>,
  providers: Providers["Service"]
): Effect.Effect<Lazy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    // not what holds for whoever asks first
    const context = yield* Effect.context()
    const bundled = bundledOf(entry, options)
    const note = bundled === undefined ? noteOf(entry, options) : undefined
    const start = started(entry, options, "providers", (plugin) => {
      if (plugin.kind !== "provider") {
        return Effect.fail(unusable(entry, "is a store, no provider", "name it under `stores`"))
      }
      const given = made(entry, () => plugin.make(entry.options, entry.name))
      if (bundled !== undefined) return given
      const believed = Effect.flatMap(given, (provider) => Effect.fromResult(Border.provider(provider, entry)))
      return plugin.closed === true ? Effect.tap(believed, (provider) => note?.keep(provider) ?? Effect.void) : believed
    }).pipe(Effect.provideService(Providers, providers))
    // in a fiber of its own: whoever asks first may go away, whoever asks next still waits for it
    const once = yield* Effect.cached(Effect.forkIn(Effect.provideContext(Scope.provide(start, scope), context), scope))
    const known = knownOf(entry, bundled) ?? note?.remembered
    const join = Effect.flatMap(once, Fiber.join)
    const asked = known === undefined ? Effect.andThen(startAll, join) : join
    const contracts = known && Effect.succeed(isExcept(options, known.protocol) ? [] : known.contracts)
    const asking = Effect.flatMap(asked, ({ contracts, protocol }) =>
      isExcept(options, protocol) ? noContracts : contracts
    )
    return {
      provider: yield* StandIn.make({ name: entry.name, asked, contracts: contracts ?? asking, known }),
      start: known === undefined ? once : undefined
    }
  })

const isExcept = ({ except = [] }: Options, protocol: string): boolean => except.includes(protocol)

const knownOf = ({ name, options }: Entry, bundled: Bundled | undefined): PluginMemory.Remembered | undefined =>
  bundled?.known && {
    protocol: bundled.known.protocol.id,
    capabilities: bundled.known.capabilities,
    concurrency: bundled.known.concurrency(options),
    contracts: Protocol.contracts(bundled.known.protocol, name)
  }

interface Note {
  /** What it said before, as long as nothing has changed. */
  readonly remembered: PluginMemory.Remembered | undefined
  readonly keep: (provider: Provider) => Effect.Effect<void>
}

const noteOf = (entry: Entry, { from, memory }: Options): Note | undefined => {
  const fingerprint = memory && PluginModule.fingerprint(entry, from)
  if (memory === undefined || fingerprint === undefined) return undefined
  const id = PluginMemory.idOf(from, entry.name)
  const key = PluginMemory.keyOf(fingerprint, entry.options)
  const before = memory.read(id)
  return {
    remembered: PluginMemory.read(before, key, entry),
    keep: ({ capabilities, concurrency, contracts, protocol }) =>
      Effect.match(contracts, {
        onFailure: () => undefined,
        onSuccess: (contracts) => {
          const text = PluginMemory.write(key, { capabilities, concurrency, contracts, protocol })
          if (text !== before) memory.write(id, text)
        }
      })
  }
}

const bundledOf = ({ use }: Entry, { bundled = {} }: Omit<Options, "plugins">): Bundled | undefined =>
  Object.hasOwn(bundled, use) ? bundled[use] : undefined

const unusable = ({ name, use }: Entry, reason: string, remedy = ""): PluginUnusable =>
  new PluginUnusable({ plugin: name, use, reason, remedy })

/**
 * Loads, checks the options and starts, all within the limit. What was opened is closed with the scope, or at once when
 * it did not work out. Whatever hangs there, and does not let itself be interrupted, is left behind.
 */
const started = <A>(
  entry: Entry,
  options: Omit<Options, "plugins">,
  section: "providers" | "stores",
  start: (plugin: Plugin.Plugin) => Effect.Effect<A, Failure, Scope.Scope>
): Effect.Effect<A, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { startTimeout = usualTimeout } = options
    const own = yield* Scope.make()
    const bundled = bundledOf(entry, options)
    const plugin =
      bundled?.load ??
      Effect.flatMap(PluginModule.load(entry, options.from), (module) =>
        Effect.fromResult(Plugin.read(module, entry.name, entry.use))
      )
    const starting = Effect.flatMap(plugin, (plugin): Effect.Effect<A, Failure, Scope.Scope> => {
      const issues = issuesOf(entry, plugin.options, section)
      return issues.length === 0
        ? start(plugin)
        : Effect.fail(unusable(entry, `has options that cannot be used: ${issues.join("; ")}`))
    }).pipe(Scope.provide(own))
    let isGivenUp = false
    const close = (fiber: Fiber.Fiber<unknown, unknown>, exit: Exit.Exit<unknown, unknown>) =>
      leavable(Effect.andThen(Fiber.interrupt(fiber), Scope.close(own, exit)))
    const fiber = yield* Effect.acquireRelease(Effect.forkDetach(starting), (fiber, exit) =>
      isGivenUp ? Effect.void : close(fiber, exit)
    )
    const exit = Option.getOrUndefined(yield* Effect.timeoutOption(Fiber.await(fiber), startTimeout))
    if (exit !== undefined && Exit.isSuccess(exit)) return exit.value
    isGivenUp = true
    yield* Effect.forkDetach(close(fiber, Exit.void))
    // named here: what comes upon no effect ends its fiber, past everything that would catch it there
    return yield* exit === undefined
      ? unusable(entry, `is not ready within ${Duration.format(startTimeout)}`)
      : Effect.fail(named(entry, exit.cause, bundled !== undefined))
  })

/** Waited for, but not for ever. */
const leavable = (closing: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkDetach(closing), (fiber) =>
    Effect.asVoid(Effect.timeoutOption(Effect.interruptible(Fiber.await(fiber)), grace))
  )

/** A stranger's failure is told as the plug-in's; one of our own names its provider itself. */
const named = (entry: Entry, cause: Cause.Cause<Failure>, ours: boolean): Failure => {
  const [failed] = cause.reasons.filter(Cause.isFailReason)
  if (failed?.error instanceof PluginUnusable) return failed.error
  const failure = FailureData.fromCause(cause)
  return ours && failed !== undefined ? failed.error : unusable(entry, `does not start: ${failure.message}`)
}

/** What `make` gives, which may be no effect at all. */
const made = <A>(entry: Entry, make: () => Effect.Effect<A, Failure, Scope.Scope>) =>
  Effect.suspend((): Effect.Effect<A, Failure, Scope.Scope> => {
    const effect: unknown = make()
    return Effect.isEffect(effect)
      ? // Safe: what comes of it is looked at.
        (effect as ReturnType<typeof make>)
      : Effect.fail(unusable(entry, `its \`make\` gives ${Border.shown(effect)}, expected an effect`))
  })

/** All that is wrong with its options, each with its place in the configuration. Values may be secret: they are not shown. */
const issuesOf = (entry: Entry, schema: Plugin.Plugin["options"], section: string): ReadonlyArray<string> =>
  JsonSchemaCheck.check(schema, entry.options, { quote: false }).map(({ message, path, suggestion }) => {
    const [key] = path
    const origin = entry.origins?.[String(key)]
    const place = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
    const meant = suggestion === undefined ? "" : `, did you mean "${suggestion}"?`
    const from = origin === undefined ? "" : ` (${origin})`
    return `${section}.${entry.name}.options${place}${from}: ${message}${meant}`
  })
