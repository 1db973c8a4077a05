/** A workflow run from TypeScript: an engine of hand-picked parts, without a store that outlives the process. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Errors, Executor, Files, Gleitzeit, MemoryStore, Providers, Secrets } from "@gleitzeit/core"
import { PythonProvider } from "@gleitzeit/provider-python"
import { Console, Effect, FileSystem, Layer } from "effect"

const Engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide(PythonProvider.layer()),
  Layer.provide(Providers.layer),
  Layer.provide(MemoryStore.layer),
  Layer.provide(Files.layer()),
  Layer.provide(Secrets.layer)
)

const folder = import.meta.dirname

const program = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const text = yield* files.readFileString(`${folder}/workflow.yaml`)
  const { diagnostics, workflow } = yield* gleitzeit.check({ text, file: "workflow.yaml" })
  if (workflow === undefined) return yield* new Errors.InvalidWorkflow({ diagnostics })
  const report = yield* gleitzeit.run(workflow, { folder, inputs: { text: "Gulls do not mind the lighthouse." } })
  yield* Console.log(report.status, report.outputs)
})

program.pipe(Effect.provide(Layer.merge(Engine, NodeServices.layer)), NodeRuntime.runMain)
