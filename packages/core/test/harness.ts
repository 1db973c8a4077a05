/** An engine in this process with a scripted provider, for tests. */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as BuiltIn from "../src/BuiltIn.ts"
import { encode, type Event } from "../src/Event.ts"
import * as Executor from "../src/Executor.ts"
import type { Failure } from "../src/Failure.ts"
import * as Files from "../src/Files.ts"
import * as Gleitzeit from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Outcome } from "../src/Run.ts"
import { Store } from "../src/Store.ts"
import { TaskContext } from "../src/TaskContext.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

const TestV1 = Protocol.make("test/v1", {
  description: "Whatever a test wants",
  methods: {
    "test/run": Method.make({
      description: "Runs a script by name",
      effects: "reads",
      params: Schema.Struct({ script: Schema.optionalKey(Schema.String), value: Schema.optionalKey(Schema.Json) }),
      result: Schema.Json
    }),
    "test/write": Method.make({
      description: "Runs a script by name, with consequences",
      effects: "writes",
      params: Schema.Struct({ script: Schema.optionalKey(Schema.String), value: Schema.optionalKey(Schema.Json) }),
      result: Schema.Json
    })
  }
})

export type Script = (
  value: Schema.Json | undefined,
  context: TaskContext["Service"]
) => Effect.Effect<Schema.Json, Failure>

/** `test/run` returns its `value`, or does what the script of that name says. */
export const provider = (scripts: { readonly [name: string]: Script } = {}, concurrency?: number) => {
  const handler = ({ script, value }: { readonly script?: string; readonly value?: Schema.Json }) =>
    Effect.flatMap(TaskContext, (context) =>
      script === undefined
        ? Effect.succeed(value ?? null)
        : (scripts[script] ?? (() => Effect.succeed(null)))(value, context)
    )
  return Provider.layer(
    TestV1,
    Effect.succeed({
      name: "test",
      ...(concurrency === undefined ? {} : { concurrency }),
      handlers: { "test/run": handler, "test/write": handler }
    })
  )
}

/** The whole report of a run that has come to rest. */
export const told = <E, R>(outcome: Effect.Effect<Outcome, E, R>) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => Effect.flatMap(outcome, ({ run }) => gleitzeit.get(run)))

export const engine = (
  scripts: { readonly [name: string]: Script } = {},
  options: Gleitzeit.Options & {
    readonly secrets?: { readonly [name: string]: string }
    readonly store?: typeof MemoryStore.layer
    readonly concurrency?: number
  } = {}
) =>
  Gleitzeit.layer(options).pipe(
    Layer.provideMerge(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(options.secrets ?? {})),
    Layer.provide(Layer.mergeAll(provider(scripts, options.concurrency), BuiltIn.layer)),
    Layer.provideMerge(Providers.layer),
    Layer.provideMerge(options.store ?? MemoryStore.layer)
  )

/** Lets seconds pass until the effect is done. */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 60) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < seconds && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
    assert.isDefined(fiber.pollUnsafe(), "it hangs")
    return yield* Fiber.join(fiber)
  })

/** A workflow from YAML; what is wrong with it fails the test. */
export const workflow = (text: string) => {
  const parsed = WorkflowFile.parse({ text })
  if (parsed.workflow === undefined) throw new Error(parsed.diagnostics.map(({ message }) => message).join("\n"))
  return parsed.workflow
}

/** A run that a process left behind after some events: created, claimed by nobody who lives. */
export const orphan = (id: string, document: string, events: ReadonlyArray<Event> = []) =>
  Effect.gen(function* () {
    const store = yield* Store
    const created: Event = {
      _tag: "RunCreated",
      v: 1,
      at: 1,
      workflow: workflow(`name: orphan\n${document}`),
      inputs: {},
      env: {},
      folder: "",
      engine: "0"
    }
    const stored = (event: Event) => ({ at: event.at, kind: event._tag, json: encode(event) })
    yield* store.commit([
      {
        run: id,
        after: 0,
        scope: "",
        events: [stored(created), ...events.map(stored)],
        summary: {
          run: id,
          workflow: "orphan",
          status: "running",
          tags: [],
          created_at: 1,
          updated_at: 1,
          tasks: {},
          waiting: [],
          usage: {},
          engine: "0",
          due: 1
        }
      }
    ])
  })
