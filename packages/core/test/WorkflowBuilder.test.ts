import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import * as BuiltIn from "../src/BuiltIn.ts"
import { DataV1 } from "../src/DataV1.ts"
import * as Executor from "../src/Executor.ts"
import * as Files from "../src/Files.ts"
import * as Gleitzeit from "../src/Gleitzeit.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"
import type { Workflow } from "../src/Workflow.ts"
import * as WorkflowBuilder from "../src/WorkflowBuilder.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

const WordsV1 = Protocol.make("words/v1", {
  description: "Words in a text",
  methods: {
    "words/split": Method.make({
      description: "Splits a text",
      effects: "reads",
      params: Schema.Struct({ text: Schema.String, limit: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({
        words: Schema.Array(Schema.String),
        count: Schema.Int,
        first: Schema.optionalKey(Schema.String),
        extra: Schema.Json
      })
    })
  }
})

const words = Provider.layer(
  WordsV1,
  Effect.succeed({
    name: "words",
    handlers: {
      "words/split": ({ limit = Infinity, text }) => {
        const words = text.split(" ").slice(0, limit)
        return Effect.succeed({ words, count: words.length, extra: null })
      }
    }
  })
)

const Engine = Gleitzeit.layer().pipe(
  Layer.provide(Executor.layerLocal),
  Layer.provide(Layer.mergeAll(words, BuiltIn.layer)),
  Layer.provide(Layer.mergeAll(Providers.layer, Secrets.layerRecord({ TOKEN: "t0ken-of-gold" }), Files.layer())),
  Layer.provide(MemoryStore.layer)
)

const run = (workflow: Effect.Effect<Workflow, unknown>, inputs: { readonly [name: string]: Schema.Json } = {}) =>
  Effect.gen(function* () {
    const gleitzeit = yield* Gleitzeit.Gleitzeit
    const outcome = yield* gleitzeit.run(yield* workflow, { inputs })
    assert.strictEqual(outcome.status, "completed", JSON.stringify(outcome))
    return outcome.outputs
  }).pipe(Effect.provide(Engine))

describe("a workflow in TypeScript", () => {
  it.effect("is the document that the file reader reads", () =>
    Effect.gen(function* () {
      const built = yield* WorkflowBuilder.make(
        "digest",
        (w) => {
          const text = w.input("text", { type: "string", default: "a b" })
          const split = w.task("split", WordsV1, "words/split", { text, limit: 3 })
          const again = w.task(
            "again once",
            WordsV1,
            "words/split",
            { text: `${split.words[0]} of ${split.extra["deep"]!["a-b"]}`, limit: split.count },
            { if: `${split.count} > 1`, dependencies: [split], timeout: "5m", retry: { max_attempts: 2 }, cache: true }
          )
          return { first: WorkflowBuilder.or(again.first, "none"), all: again, home: w.env("HOME"), id: w.run.id }
        },
        { description: "Splits", max_concurrency: 2 }
      )
      const { workflow: read } = WorkflowFile.parse({
        text: `
name: digest
description: Splits
max_concurrency: 2
inputs: { text: { type: string, default: a b } }
env: [HOME]
tasks:
  - id: split
    protocol: words/v1
    method: words/split
    params: { text: "\${inputs.text}", limit: 3 }
  - id: again once
    protocol: words/v1
    method: words/split
    params: { text: '\${split.words[0]} of \${split.extra.deep["a-b"]}', limit: "\${split.count}" }
    if: \${split.count} > 1
    dependencies: [split]
    timeout: 5m
    retry: { max_attempts: 2 }
    cache: true
outputs:
  first: '\${tasks["again once"].first ?? "none"}'
  all: \${tasks["again once"]}
  home: \${env.HOME}
  id: \${run.id}
`
      })
      assert.isDefined(read)
      assert.deepStrictEqual(built, read)
    })
  )

  it.effect("runs", () =>
    Effect.gen(function* () {
      const outputs = yield* run(
        WorkflowBuilder.make("all forms", (w) => {
          const text = w.input("text", { type: "string" })
          const split = w.task("split", WordsV1, "words/split", { text })
          const each = w.each("each", split.words, (word, index) =>
            w.call(WordsV1, "words/split", { text: `${word} ${index}` })
          )
          const grown = w.repeat(
            "grown",
            (previous, iteration) => w.call(DataV1, "data/value", { was: previous, at: iteration }),
            (_, iteration) => `${iteration} == 3`,
            { max: 5 }
          )
          const inner = w.workflow("inner", (inner) => {
            const given = inner.give("text", split.words[1]!)
            const value = inner.task("value", DataV1, "data/value", { given })
            return { value: value["given"]! }
          })
          return { counts: each.count, second: each[1]!.words, at: grown["at"]!, inner: inner.value }
        }),
        { text: "one two" }
      )
      assert.deepStrictEqual(outputs, { counts: [2, 2], second: ["two", "1"], at: 3, inner: "two" })
    })
  )

  it.effect.prop("keeps text as it is, whatever stands in it", { text: Schema.String, other: Schema.String }, (given) =>
    Effect.gen(function* () {
      const [text, other] = [given.text, given.other].map((one) => `${one}\${secrets.X} $`)
      const outputs = yield* run(
        WorkflowBuilder.make("text", (w) => {
          const value = w.task("value", DataV1, "data/value", { text: text!, dollar: "$" })
          const [inner, dollar] = [value["text"]!, value["dollar"]!]
          return { text: inner, around: `${other}${dollar}${text}${dollar}`, signs: `$$${inner}$$$${dollar}` }
        })
      )
      assert.deepStrictEqual(outputs, { text: text!, around: `${other}$${text}$`, signs: `$$${text}$$$$` })
    })
  )

  it.effect("calls what another version of a protocol has, and so does a call without a workflow", () =>
    Effect.gen(function* () {
      const EchoV2 = Protocol.make("echo/v2", {
        description: "Says it again",
        methods: {
          "echo/say": Method.make({
            description: "Says it again",
            effects: "reads",
            params: Schema.Struct({ text: Schema.String }),
            result: Schema.Struct({ text: Schema.String })
          })
        }
      })
      const echo = Provider.layer(EchoV2, Effect.succeed({ name: "echo", handlers: { "echo/say": Effect.succeed } }))
      const Engine = Gleitzeit.layer().pipe(
        Layer.provide(Executor.layerLocal),
        Layer.provide(echo),
        Layer.provide(Layer.mergeAll(Providers.layer, Secrets.layer, Files.layer())),
        Layer.provide(MemoryStore.layer)
      )
      const statuses = yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const workflow = yield* WorkflowBuilder.make("echo", (w) => {
          w.task("say", EchoV2, "echo/say", { text: "a" })
        })
        return [(yield* gleitzeit.run(workflow)).status, (yield* gleitzeit.call("echo/say", { text: "b" })).status]
      }).pipe(Effect.provide(Engine))
      assert.deepStrictEqual(statuses, ["completed", "completed"])
    })
  )

  it.effect("names every mistake that the compiler does not see", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(
        WorkflowBuilder.make("wrong", (w) => {
          w.task("a", DataV1, "data/value", {}, { timeout: "soon" })
          w.task("a", DataV1, "data/value", {}, { priority: "high", retry: { max_attempts: 0 } })
        })
      )
      assert.deepStrictEqual(
        failed.diagnostics.map(({ code }) => code),
        ["wrong-type", "wrong-type", "duplicate-id"]
      )
    })
  )

  it.effect("holds a secret by its name alone", () =>
    Effect.gen(function* () {
      const workflow = yield* WorkflowBuilder.make("secret", (w) => {
        w.task("a", WordsV1, "words/split", { text: `Bearer ${w.secret("TOKEN")}` })
      })
      assert.deepStrictEqual(workflow.secrets, ["TOKEN"])
      assert.deepStrictEqual(workflow.tasks[0].params, { text: "Bearer ${secrets.TOKEN}" })
    })
  )

  it("is checked by the compiler", () => {
    // never run: `tsc` says whether each of these is an error
    const typed = () =>
      WorkflowBuilder.make("types", (w) => {
        const split = w.task("split", WordsV1, "words/split", { text: "a b" })
        // @ts-expect-error a method that the protocol does not have
        w.task("method", WordsV1, "words/join", { text: "" })
        // @ts-expect-error a param that the method does not have
        w.task("param", WordsV1, "words/split", { text: "", limits: 3 })
        // @ts-expect-error a param of another type
        w.task("type", WordsV1, "words/split", { text: 3 })
        // @ts-expect-error a param that is missing
        w.task("missing", WordsV1, "words/split", {})
        // @ts-expect-error a field that the result does not have
        w.task("field", WordsV1, "words/split", { text: split.wrds })
        // @ts-expect-error a field of another type than the param
        w.task("reference", WordsV1, "words/split", { text: split.count })
        // @ts-expect-error a list where one is wanted
        w.task("list", WordsV1, "words/split", { text: split.words })
        // @ts-expect-error an option that no task has
        w.task("option", WordsV1, "words/split", { text: "" }, { timeouts: 3 })
        // @ts-expect-error no list to go through
        w.each("each", split.count, () => w.call(WordsV1, "words/split", { text: "" }))
        w.each("item", split.words, (word) => w.call(WordsV1, "words/split", { text: word }))
        // @ts-expect-error an item of another type than the param
        w.each("wrong item", split.words, (word) => w.call(WordsV1, "words/split", { text: "", limit: word }))
        // @ts-expect-error an input of another type than the param
        w.task("input", WordsV1, "words/split", { text: w.input("n", { type: "integer" }) })
        // what only a run can tell fits everywhere
        w.task("open", WordsV1, "words/split", { text: split.extra["any"]!["thing"]!, limit: split.extra })
      })
    assert.isFunction(typed)
  })
})
