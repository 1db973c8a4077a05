/** What this program is made of: the store and the providers that the settings name, and the engine on top of them. */
import {
  AgentV1,
  Backend,
  BuiltIn,
  Executor,
  type Failure,
  Files,
  Gleitzeit,
  Json,
  type KeyValues,
  type Leases,
  LlmV1,
  MemoryStore,
  type Plugin,
  Plugins,
  Prices,
  Provider,
  Providers,
  PythonV1,
  type Settings,
  Simulator,
  type Store
} from "@gleitzeit/core"
import { Effect, Layer } from "effect"
import * as Registry from "@gleitzeit/provider-remote/Registry"
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { Flag } from "./Cli.ts"
import * as Machine from "./Machine.ts"
import * as McpDuty from "./McpDuty.ts"
import * as PriceList from "./PriceList.ts"
import { inFolder } from "./Remembered.ts"
import * as Replaying from "./Replaying.ts"
import * as SecretFile from "./SecretFile.ts"
import * as Telemetry from "./Telemetry.ts"
import { version } from "./Version.ts"

export interface Options {
  /** `none`: for what touches no run. */
  readonly store: "given" | "none"
  /** `llm`: the simulator instead of every provider of `llm/v1`. `auto`: beside them, for when none answers. */
  readonly simulate?: "llm" | "auto" | undefined
  /** The one tool of an MCP server that is wanted: servers that cannot have it are left out. */
  readonly tool?: string
  /** Goes on with runs of this folder that nobody drives: for a process that lives long. Default false. */
  readonly recover?: boolean
  /** `named`: MCP servers are asked once the text that `McpDuty` is given needs them. Default: as everybody is. */
  readonly mcp?: "named"
}

export const simulateFlag = Flag.Literals("simulate", ["llm", "auto"]).pipe(
  Flag.withDescription("Answer LLM calls from a simulator: llm always, auto when Ollama does not answer"),
  Flag.optional
)

/** The engine with everything it needs. What is not called is not loaded. */
export const layer = (options: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const settings = yield* Machine.settings
      const except = options.simulate === "llm" ? [LlmV1.LlmV1.id] : []
      const needed = yield* Replaying.needed(settings, entries(settings.providers), isKnown)
      // what is replayed is known by its recordings
      const isLate = options.mcp === "named" && settings.replay.mode.value !== "replay"
      const late = needed.filter(({ use }) => isLate && use === "mcp")
      const common = {
        from: settings.folder,
        bundled: { ...bundled, mcp: { load: yield* mcp(settings, options.tool) } },
        except,
        memory: inFolder(settings.data)
      }
      const providers = Layer.mergeAll(
        BuiltIn.layer,
        Plugins.layer({ ...common, plugins: needed.filter((entry) => !late.includes(entry)) }),
        late.length === 0 ? McpDuty.always : McpDuty.whenNamed(Plugins.layer({ ...common, plugins: late })),
        options.simulate === undefined
          ? Layer.empty
          : Simulator.layer({ when: options.simulate === "llm" ? "always" : "unavailable" })
      ).pipe(Layer.provideMerge(Providers.layer))
      const { owner, store } = options.store === "none" ? inMemory : yield* kept(settings)
      const registered =
        settings.replay.mode.value === "replay"
          ? Layer.empty
          : options.store === "given"
            ? Registry.layer()
            : isThere(settings)
              ? Registry.layer().pipe(Layer.provide((yield* kept(settings)).store))
              : Layer.empty
      const { recover = false } = options
      return Gleitzeit.layer({ scope: process.cwd(), engine: version, recover, ...owner }).pipe(
        Layer.provide(yield* Replaying.layer(settings, { except, known: ["simulator", ...knownIn(settings)] })),
        Layer.provide(Executor.layerLocal),
        Layer.provideMerge(registered),
        Layer.provideMerge(providers),
        Layer.provide(SecretFile.layer(settings)),
        Layer.provide(Files.layer({ roots: settings.roots.value })),
        Layer.provideMerge(store),
        Layer.provide(Telemetry.layer),
        Layer.provide(Layer.succeed(Prices.Prices, pricing(settings)))
      )
    })
  )

// internal

/** Whether somebody may have registered a provider: to look, no store is made. */
const isThere = ({ store: { value: url } }: Settings.Settings): boolean =>
  url._tag === "Other" || (url._tag === "Sqlite" && existsSync(url.filename))

/** What the table says, then what the list knows. */
const pricing = ({ folder, prices: { source, table } }: Settings.Settings): Prices.Pricing => {
  const own = Prices.fromTable(Object.fromEntries(Object.entries(table).map(([model, { value }]) => [model, value])))
  return source.value === "none" ? own : Prices.orElse(own, PriceList.installed(folder))
}

/** What it can do is known without loading it. */
const isKnown = (use: string): boolean => Object.hasOwn(bundled, use) && bundled[use]?.known !== undefined

const knownIn = ({ providers }: Settings.Settings): ReadonlyArray<string> =>
  Object.entries(providers).flatMap(([name, { use }]) => (isKnown(use.value) ? [name] : []))

/** A part of the program that is loaded when it is needed. */
const part = <A>(load: () => Promise<A>): Effect.Effect<A> => Effect.promise(load)

interface Kept {
  readonly store: Layer.Layer<Store.Store | Leases.Leases | KeyValues.KeyValues, Failure.Failure>
  readonly owner: { readonly owner?: string }
}

const inMemory: Kept = { store: MemoryStore.layer, owner: {} }

/** The store, and who this process is in it: others can tell at once when it is gone. */
const kept = (settings: Settings.Settings): Effect.Effect<Kept> =>
  Effect.gen(function* () {
    const url = settings.store.value
    switch (url._tag) {
      case "Memory":
        return inMemory
      case "Sqlite": {
        const { Owner, SqliteStore } = yield* part(() => import("@gleitzeit/store-sqlite"))
        return {
          store: SqliteStore.layer({ filename: url.filename, durability: settings.durability.value }),
          owner: { owner: yield* Owner.current }
        }
      }
      case "Other": {
        const [entry] = entries(settings.stores).filter(({ name }) => name === url.scheme)
        const plugin = entry ?? { name: url.scheme, use: url.scheme, options: {} }
        return { store: Backend.layer(Plugins.store(plugin, url.url, { from: settings.folder })), owner: {} }
      }
    }
  })

const entries = (all: Settings.Settings["providers"]): ReadonlyArray<Plugins.Entry> =>
  Object.entries(all).map(([name, { options, use }]) => ({
    name,
    use: use.value,
    options: Object.fromEntries(Object.entries(options).map(([key, { value }]) => [key, value])),
    origins: Object.fromEntries(Object.entries(options).map(([key, { from }]) => [key, from]))
  }))

const capabilities = { ...Provider.noCapabilities, streaming: true, caching: true }

/** The kinds of providers that come with the program, as a configuration names them under `use`. */
const bundled: { readonly [kind: string]: Plugins.Bundled } = {
  ollama: {
    load: defaultOf(() => import("@gleitzeit/provider-ollama")),
    known: { protocol: LlmV1.LlmV1, capabilities, concurrency: atOnce(ofOllama) }
  },
  python: {
    load: defaultOf(() => import("@gleitzeit/provider-python")),
    known: { protocol: PythonV1.PythonV1, capabilities, concurrency: atOnce(availableParallelism) }
  },
  agent: {
    load: defaultOf(() => import("@gleitzeit/provider-agent")),
    known: { protocol: AgentV1.AgentV1, capabilities: Provider.noCapabilities, concurrency: () => Infinity }
  },
  remote: { load: defaultOf(() => import("@gleitzeit/provider-remote")) }
}

function defaultOf(load: () => Promise<{ readonly default: Plugin.Plugin }>): Effect.Effect<Plugin.Plugin> {
  return Effect.map(part(load), (module) => module.default)
}

/** The servers stand in a section of their own: what is under `providers.mcp` is about the provider. */
const mcp = (settings: Settings.Settings, tool: string | undefined) =>
  Effect.map(Machine.places, ({ home }) =>
    Effect.map(
      part(() =>
        Promise.all([import("@gleitzeit/provider-mcp/McpPlugin"), import("@gleitzeit/provider-mcp/McpConfig")])
      ),
      ([McpPlugin, McpConfig]) =>
        McpPlugin.of({ ...McpConfig.ofSettings(settings, home), ...(tool === undefined ? {} : { tool }) })
    )
  )

/** What the option says; one that cannot be used is told when the provider starts. */
function atOnce(byDefault: (options: Json.JsonObject) => number): (options: Json.JsonObject) => number {
  return (options) => {
    const { concurrency } = options
    return Number.isInteger(concurrency) && Number(concurrency) >= 1 ? Number(concurrency) : byDefault(options)
  }
}

/** As the provider itself has it: several servers, and one with a limit of its own, queue what they cannot take. */
function ofOllama({ discover, endpoint, endpoints, pool }: Json.JsonObject): number {
  const servers = [endpoints, pool].flatMap((listed) => (Array.isArray(listed) ? listed : []))
  const [only, ...others] = servers
  if (only !== undefined) return others.length === 0 && isPlain(only) ? 4 : Infinity
  return (discover ?? endpoint === undefined) === true ? Infinity : 4
}

function isPlain(server: Json.JsonObject[string]): boolean {
  return !Json.isObject(server) || (server["max_concurrent"] === undefined && server["models"] === undefined)
}
