/** What this program is made of: the store and the providers that the settings name, and the engine on top of them. */
import {
  BuiltIn,
  Executor,
  Files,
  Gleitzeit,
  LlmV1,
  MemoryStore,
  Provider,
  Providers,
  PythonV1,
  Secrets,
  Settings,
  Simulator
} from "@gleitzeit/core"
import { Effect, Layer } from "effect"
import { Flag } from "./Cli.ts"
import * as LazyProvider from "./LazyProvider.ts"
import * as Machine from "./Machine.ts"
import { version } from "./Version.ts"

export interface Options {
  /** `none`: for what touches no run. */
  readonly store: "given" | "none"
  /** `llm`: the simulator instead of Ollama. `auto`: beside it, for when it does not answer. */
  readonly simulate?: "llm" | "auto" | undefined
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
      const providers = Layer.mergeAll(
        BuiltIn.layer,
        python(settings),
        options.simulate === "llm" ? simulator("always") : ollama(settings),
        options.simulate === "auto" ? simulator("unavailable") : Layer.empty
      ).pipe(Layer.provideMerge(Providers.layer))
      const { owner, store } = options.store === "none" ? inMemory : yield* kept(settings)
      return Gleitzeit.layer({ scope: process.cwd(), engine: version, ...owner }).pipe(
        Layer.provide(Executor.layerLocal),
        Layer.provideMerge(providers),
        Layer.provide(Secrets.layer),
        Layer.provide(Files.layer()),
        Layer.provideMerge(store)
      )
    })
  )

// internal

/** A part of the program that is loaded when it is needed. */
const part = <A>(load: () => Promise<A>): Effect.Effect<A> => Effect.promise(load)

const inMemory = { store: MemoryStore.layer, owner: {} }

/** The store, and who this process is in it: others can tell at once when it is gone. */
const kept = (settings: Settings.Settings) =>
  Effect.gen(function* () {
    const url = settings.store.value
    if (url._tag === "Memory") return inMemory
    const { Owner, SqliteStore } = yield* part(() => import("@gleitzeit/store-sqlite"))
    return {
      store: SqliteStore.layer({ filename: url.filename, durability: settings.durability.value }),
      owner: { owner: yield* Owner.current }
    }
  })

const simulator = (when: Simulator.Options["when"]) => Simulator.layer({ when })

const ollama = (settings: Settings.Settings) =>
  LazyProvider.layer({
    name: "ollama",
    protocol: LlmV1.LlmV1,
    capabilities: { ...Provider.noCapabilities, streaming: true, caching: true },
    load: Effect.map(
      part(() => import("@gleitzeit/provider-ollama")),
      ({ OllamaProvider }) => OllamaProvider.layer({ url: settings.ollama.value })
    )
  })

const python = (settings: Settings.Settings) =>
  LazyProvider.layer({
    name: "python",
    protocol: PythonV1.PythonV1,
    capabilities: { ...Provider.noCapabilities, streaming: true, caching: true },
    load: Effect.map(
      part(() => import("@gleitzeit/provider-python")),
      ({ PythonProvider }) =>
        PythonProvider.layer(settings.python.value === undefined ? {} : { command: settings.python.value })
    )
  })
