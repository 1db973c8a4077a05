/** Gleitzeit on SQLite, as a program would use it: the door of core, and a provider of one method. */
import {
  BuiltIn,
  Executor,
  Files,
  Gleitzeit,
  Method,
  Protocol,
  Provider,
  Providers,
  Secrets,
  type Workflow
} from "@gleitzeit/core"
import { SqliteStore } from "@gleitzeit/store-sqlite"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import type { Options, Subject } from "./Subject.ts"
import { document, yaml } from "./Workflows.ts"

export interface Engine extends Subject {
  /** Milliseconds to read the YAML of a workflow and to find nothing wrong with it. */
  readonly read: (...of: Parameters<typeof yaml>) => Promise<number>
  /** Goes on with the one run that is under way, to its end. */
  readonly resume: () => Promise<void>
}

export const open = async (options: Options): Promise<Engine> => {
  const runtime = ManagedRuntime.make(layer(options))
  const gleitzeit = await runtime.runPromise(Gleitzeit.Gleitzeit)
  const run = async (workflow: Workflow.Workflow) => finished(await runtime.runPromise(gleitzeit.run(workflow)))
  const check = async (text: string) => {
    const { diagnostics, workflow } = await runtime.runPromise(gleitzeit.check({ text }))
    if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
    return workflow
  }
  return {
    ready: async (shape, size) => {
      const workflow = await check(JSON.stringify(document(shape, size)))
      return () => run(workflow)
    },
    whole: (shape, size) => run(document(shape, size)),
    read: async (shape, size) => {
      const text = yaml(shape, size)
      const begun = performance.now()
      await check(text)
      return performance.now() - begun
    },
    resume: async () => {
      const { items } = await runtime.runPromise(gleitzeit.list({ status: ["running"] }))
      if (items.length !== 1 || items[0] === undefined) throw new Error(`${items.length} runs are under way`)
      await runtime.runPromise(gleitzeit.resume(items[0].run))
      finished(await runtime.runPromise(gleitzeit.wait(items[0].run)))
    },
    close: () => runtime.dispose()
  }
}

// internal

const BenchV1 = Protocol.make("bench/v1", {
  description: "Steps that count themselves",
  methods: {
    "bench/step": Method.make({
      description: "Counts",
      effects: "reads",
      params: Schema.Struct({ n: Schema.Int, before: Schema.optionalKey(Schema.Boolean) }),
      result: Schema.Struct({ ok: Schema.Boolean })
    })
  }
})

const bench = (hit: () => void) =>
  Provider.layer(
    BenchV1,
    Effect.succeed({
      name: "bench",
      handlers: {
        "bench/step": () =>
          Effect.sync(() => {
            hit()
            return { ok: true }
          })
      }
    })
  )

const layer = ({ durability, filename, hit }: Options) =>
  Gleitzeit.layer().pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(Layer.mergeAll(bench(hit), BuiltIn.layer)),
    Layer.provide(Providers.layer),
    Layer.provide(SqliteStore.layer({ filename, durability }))
  )

const finished = ({ outputs, status }: { readonly status: string; readonly outputs?: unknown }): void => {
  const told = JSON.stringify(outputs)
  if (status !== "completed" || told !== `{"last":true}`) throw new Error(`the run is ${status} with ${told}`)
}
