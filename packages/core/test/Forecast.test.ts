import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Schema } from "effect"
import { writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as BuiltIn from "../src/BuiltIn.ts"
import { ModelNotFound, ProviderUnavailable } from "../src/Errors.ts"
import * as Executor from "../src/Executor.ts"
import * as Files from "../src/Files.ts"
import type { Options, Task } from "../src/Forecast.ts"
import * as Gleitzeit from "../src/Gleitzeit.ts"
import { KeyValues } from "../src/KeyValues.ts"
import * as MemoryStore from "../src/MemoryStore.ts"
import * as Method from "../src/Method.ts"
import type { Missing } from "../src/Missing.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Secrets from "../src/Secrets.ts"

const ModelV1 = Protocol.make("model/v1", {
  description: "Words from a model",
  methods: {
    "model/say": Method.make({
      description: "Says what it is given",
      effects: "reads",
      params: Schema.Struct({
        text: Schema.String,
        model: Schema.optionalKey(Protocol.model),
        file: Schema.optionalKey(Protocol.file),
        limit: Schema.optionalKey(Schema.Int)
      }),
      result: Schema.Struct({ text: Schema.String, list: Schema.Array(Schema.String) })
    })
  }
})

interface Asked {
  /** Calls that were made. */
  readonly calls: Array<unknown>
  /** Identities that were asked for. */
  readonly identities: Array<unknown>
}

interface Setup {
  readonly asked?: Asked
  readonly secrets?: { readonly [name: string]: string }
  readonly down?: boolean
  readonly store?: typeof MemoryStore.layer
}

const provider = ({ asked, down = false }: Setup) =>
  Provider.layer(
    ModelV1,
    Effect.succeed({
      name: "parrot",
      handlers: {
        "model/say": ({ text }: { readonly text: string }) =>
          Effect.sync(() => {
            asked?.calls.push(text)
            return { text, list: [text, text] }
          })
      },
      health: Effect.suspend(() =>
        down
          ? Effect.fail(new ProviderUnavailable({ provider: "parrot", reason: "the cage is empty", retryable: false }))
          : Effect.succeed({ status: "healthy" as const })
      ),
      identity: (_method: string, params: Schema.Json) =>
        Effect.suspend(() => {
          asked?.identities.push(params)
          const { model = "small" } = Object(params)
          return model === "small"
            ? Effect.succeed("small/1")
            : Effect.fail(new ModelNotFound({ provider: "parrot", model, available: ["small"], remedy: "feed it" }))
        }),
      estimate: (_method: string, params: Schema.Json) => {
        const { limit } = Object(params)
        return Effect.succeed(limit === undefined ? {} : { input_tokens: 10, output_tokens: limit, cost_usd: 0.5 })
      }
    })
  )

const engine = (setup: Setup = {}) =>
  Gleitzeit.layer().pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(setup.secrets ?? {})),
    Layer.provide(Layer.mergeAll(provider(setup), BuiltIn.layer)),
    Layer.provide(Providers.layer),
    Layer.provideMerge(setup.store ?? MemoryStore.layer)
  )

const plan = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, options: Options = {}) {
  const gleitzeit = yield* Gleitzeit.Gleitzeit
  const { diagnostics, locate, workflow } = yield* gleitzeit.check({ text: lines.join("\n"), file: "f.yaml" })
  if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
  return { workflow, forecast: yield* gleitzeit.plan(workflow, { locate, ...options }) }
})

const foretold = (lines: ReadonlyArray<string>, options?: Options) =>
  Effect.map(plan(lines, options), ({ forecast }) => forecast)

const byId = (tasks: ReadonlyArray<Task>): { readonly [id: string]: Task } =>
  Object.fromEntries(tasks.map((task) => [task.id, task]))

const told = (missing: ReadonlyArray<Missing>) =>
  missing.map(({ column, kind, line, name, tasks }) => `${line}:${column} ${kind} ${name} (${tasks.join(", ")})`)

const test = (name: string, effect: Effect.Effect<void, unknown, Gleitzeit.Gleitzeit | KeyValues>, setup?: Setup) =>
  it.effect(name, () => Effect.provide(effect, engine(setup)))

const exactly = (calls: number) => ({ least: calls, most: calls })

describe("the graph of a forecast", () => {
  test(
    "says who waits for whom, and how long the longest way is",
    Effect.gen(function* () {
      const { steps, tasks } = yield* foretold([
        "tasks:",
        "  - { id: a, method: model/say, params: { text: hello } }",
        "  - { id: b, method: model/say, params: { text: '${a.text}' }, if: size(a.text) > 2 }",
        "  - { id: c, method: data/value, params: { text: '${b.text ?? a.text}' } }",
        "  - id: d",
        "    inputs: { text: '${c.text}' }",
        "    workflow:",
        "      inputs: { text: { type: string } }",
        "      tasks:",
        "        - { id: x, method: data/value, params: { text: '${inputs.text}' } }",
        "        - { id: y, method: data/value, params: { text: '${x.text}' } }"
      ])
      assert.strictEqual(steps, 5)
      const { a, b, c, d } = byId(tasks)
      assert.deepStrictEqual([a?.after, b?.after, d?.after], [[], ["a"], ["c"]])
      assert.sameMembers([...(c?.after ?? [])], ["a", "b"])
      assert.sameMembers([...(c?.optional ?? [])], ["a", "b"])
      assert.deepStrictEqual(b?.optional, [])
      assert.deepStrictEqual([a?.wave, b?.wave, c?.wave, d?.wave], [1, 2, 3, 4])
      assert.deepStrictEqual([a?.provider, c?.provider, d?.provider], ["parrot", "data", undefined])
      assert.deepStrictEqual([a?.runs, b?.runs, c?.runs], ["certain", "maybe", "certain"])
      assert.strictEqual(b?.if, "size(a.text) > 2")
      assert.deepStrictEqual(
        d?.tasks?.map(({ after, path, wave }) => [path, wave, after]),
        [
          ["d/x", 1, []],
          ["d/y", 2, ["x"]]
        ]
      )
    })
  )

  test(
    "counts what may be left out, and what needs it, from nothing",
    Effect.gen(function* () {
      const { bounds, tasks } = yield* foretold([
        "tasks:",
        "  - { id: a, method: model/say, params: { text: x } }",
        "  - { id: b, method: model/say, params: { text: x }, if: size(a.text) > 2 }",
        "  - { id: c, method: model/say, params: { text: '${b.text}' } }",
        "  - { id: d, method: model/say, params: { text: '${b.text ?? 1}' } }",
        "  - { id: e, foreach: [x, y], if: item != a.text, method: model/say, params: { text: x } }",
        "  - { id: f, foreach: ['${a.text}', y], if: item != 'x', method: model/say, params: { text: x } }",
        "  - { id: g, foreach: '${f.failures}', method: model/say, params: { text: x } }",
        "  - { id: h, foreach: '${f.text}', method: model/say, params: { text: x } }"
      ])
      assert.deepStrictEqual(
        tasks.map(({ bounds, foreach, id, runs }) => [id, runs, bounds.calls.least, bounds.calls.most, foreach?.items]),
        [
          ["a", "certain", 1, 3, undefined],
          ["b", "maybe", 0, 3, undefined],
          ["c", "maybe", 0, 3, undefined],
          ["d", "certain", 1, 3, undefined],
          ["e", "certain", 0, 6, 2],
          ["f", "certain", 0, 6, 2],
          ["g", "certain", 0, null, null],
          ["h", "certain", 0, 6, null]
        ]
      )
      assert.deepStrictEqual(bounds.calls, { least: 2, most: null })
    })
  )

  test(
    "leaves out what a condition on the inputs rules out, and what needs it",
    Effect.gen(function* () {
      const document = [
        "inputs: { deep: { type: boolean, default: false } }",
        "tasks:",
        "  - { id: a, method: model/say, params: { text: hello }, if: inputs.deep }",
        "  - { id: b, method: model/say, params: { text: '${a.text}' } }",
        "  - { id: c, method: model/say, params: { text: done }, dependencies: [a] }"
      ]
      const shallow = yield* foretold(document)
      assert.deepStrictEqual(
        shallow.tasks.map(({ runs }) => runs),
        ["never", "never", "certain"]
      )
      assert.deepStrictEqual(shallow.bounds.calls, { least: 1, most: 3 })
      const deep = yield* foretold(document, { inputs: { deep: true } })
      assert.deepStrictEqual(
        deep.tasks.map(({ runs }) => runs),
        ["certain", "certain", "certain"]
      )
    })
  )

  test(
    "counts the items of a list that is known before, and of one that is made from it",
    Effect.gen(function* () {
      const { tasks } = yield* foretold(
        [
          "inputs: { list: { type: array } }",
          "tasks:",
          "  - { id: a, foreach: '${inputs.list}', if: item != 'no', method: model/say, params: { text: '${item}' } }",
          "  - { id: b, foreach: '${inputs.list}', method: model/say, params: { text: '${item}' } }",
          "  - { id: c, foreach: '${b.text}', method: model/say, params: { text: '${item}' } }",
          "  - { id: d, foreach: ['${b[0].text}', x], method: model/say, params: { text: '${item}' } }",
          "  - { id: e, foreach: '${b[0].list}', method: model/say, params: { text: '${item}' } }",
          "  - { id: f, repeat: { until: 'size(result.text) > 3', max: 4 }, method: model/say, params: { text: hm } }"
        ],
        { inputs: { list: ["yes", "no", "yes"] } }
      )
      const { a, b, c, d, e, f } = byId(tasks)
      const seen = [a, b, c, d, e].map((task) => [task?.foreach?.items, task?.bounds.calls])
      assert.deepStrictEqual(seen, [
        [3, { least: 2, most: 6 }],
        [3, { least: 3, most: 9 }],
        [3, { least: 3, most: 9 }],
        [2, { least: 2, most: 6 }],
        [null, { least: 0, most: null }]
      ])
      assert.deepStrictEqual([f?.repeat, f?.bounds.calls], [{ max: 4 }, { least: 1, most: 12 }])
    })
  )
})

describe("the bounds of a forecast", () => {
  test(
    "take what a provider says of a call, times the attempts, and leave open what it does not say",
    Effect.gen(function* () {
      const limited = yield* foretold([
        "budget: { calls: 2 }",
        "tasks:",
        "  - { id: a, method: model/say, params: { text: x, limit: 100 }, retry: { max_attempts: 2 } }",
        "  - { id: b, method: model/say, params: { text: x, limit: 50 }, effects: writes }",
        "  - { id: c, method: data/value, params: { x: 1 }, retry: { max_attempts: 1 } }"
      ])
      assert.deepStrictEqual(limited.bounds, {
        calls: { least: 3, most: 4 },
        input_tokens: { least: 0, most: 30 },
        output_tokens: { least: 0, most: 250 },
        cost_usd: { least: 0, most: 1.5 }
      })
      assert.deepStrictEqual(limited.budget, { calls: 2 })
      const { a, c } = byId(limited.tasks)
      assert.deepStrictEqual(a?.estimate, { input_tokens: 10, output_tokens: 100, cost_usd: 0.5 })
      assert.isUndefined(c?.estimate)
      const open = yield* foretold([
        "tasks:",
        "  - { id: a, method: model/say, params: { text: x } }",
        "  - { id: b, method: model/say, params: { text: '${a.text}', limit: 10 } }"
      ])
      assert.deepStrictEqual(open.bounds.output_tokens, { least: 0, most: null })
      // what it says depends on what it is given
      assert.isUndefined(byId(open.tasks)["b"]?.estimate)
    })
  )

  test(
    "multiply what is nested by the items and iterations around it",
    Effect.gen(function* () {
      const { bounds, tasks } = yield* foretold([
        "tasks:",
        "  - id: outer",
        "    foreach: [1, 2, 3]",
        "    repeat: { until: iteration == 2, max: 5 }",
        "    workflow:",
        "      tasks:",
        "        - { id: x, method: data/value, params: { a: 1 }, retry: { max_attempts: 1 } }",
        "        - { id: y, method: data/value, params: { a: 1 }, retry: { max_attempts: 2 } }"
      ])
      assert.deepStrictEqual(bounds.calls, { least: 6, most: 45 })
      assert.deepStrictEqual(
        tasks[0]?.tasks?.map(({ bounds }) => bounds.calls),
        [exactly(1), { least: 1, most: 2 }]
      )
    })
  )
})

describe("what the cache has", () => {
  const document = [
    "inputs: { word: { type: string, default: one } }",
    "tasks:",
    "  - { id: a, method: model/say, params: { text: '${inputs.word}' }, cache: true }",
    "  - { id: b, foreach: ['${inputs.word}', two], method: model/say, params: { text: '${item}' }, cache: true }",
    "  - { id: c, method: model/say, params: { text: '${a.text}' }, cache: true }"
  ]
  const asked: Asked = { calls: [], identities: [] }

  test(
    "is found for calls that are known before, without making them",
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const first = yield* plan(document)
      assert.deepStrictEqual(asked.calls, [])
      assert.isUndefined(first.forecast.tasks.find(({ cached }) => cached !== undefined))
      // the first item of `b` is the call of `a`; what `c` is given may be any of these
      assert.deepStrictEqual(first.forecast.bounds.calls, { least: 2, most: 12 })
      const { run } = yield* gleitzeit.run(first.workflow)
      const made = asked.calls.length
      const { a, b, c } = byId((yield* foretold(document)).tasks)
      assert.deepStrictEqual([a?.cached, a?.bounds.calls], [{ calls: 1, runs: [run] }, exactly(0)])
      assert.deepStrictEqual([b?.cached, b?.bounds.calls], [{ calls: 2, runs: [run] }, exactly(0)])
      assert.deepStrictEqual([c?.cached, c?.bounds.calls], [undefined, { least: 0, most: 3 }])
      const fresh = byId((yield* foretold(document, { fresh: true })).tasks)
      assert.deepStrictEqual([fresh["a"]?.cached, fresh["a"]?.bounds.calls], [undefined, { least: 1, most: 3 }])
      const other = byId((yield* foretold(document, { inputs: { word: "three" } })).tasks)
      assert.deepStrictEqual([other["a"]?.cached, other["b"]?.cached], [undefined, { calls: 1, runs: [run] }])
      assert.strictEqual(asked.calls.length, made)
      assert.lengthOf((yield* gleitzeit.list({})).items, 1)
    }),
    { asked }
  )
})

describe("a call that is kept once it is made", () => {
  test(
    "may be the only one of all that are equal",
    Effect.gen(function* () {
      const { bounds } = yield* foretold([
        "tasks:",
        "  - id: each",
        "    foreach: [1, 2, 3]",
        "    workflow:",
        "      tasks:",
        "        - { id: x, method: model/say, params: { text: same }, cache: true }",
        "  - { id: b, method: model/say, params: { text: other }, cache: true }",
        "  - { id: c, method: model/say, params: { text: other }, cache: true }",
        "  - { id: d, method: model/say, params: { text: other }, cache: { key: mine } }"
      ])
      assert.deepStrictEqual(bounds.calls, { least: 2, most: 18 })
    })
  )
})

describe("what is missing", () => {
  test(
    "are models, secrets, variables, files and inputs, each once, with who needs it and where",
    Effect.gen(function* () {
      const { missing } = yield* foretold(
        [
          "inputs:",
          "  topic: { type: string }",
          "  given: { type: string }",
          "secrets: [THERE, NOT_THERE]",
          "env: [GZ_THERE, GZ_NOT_THERE, GZ_OPTIONAL]",
          "tasks:",
          "  - id: a",
          "    method: model/say",
          "    params:",
          "      text: ${secrets.NOT_THERE} ${secrets.THERE}",
          "      model: huge",
          "  - id: b",
          "    method: model/say",
          "    params: { text: '${a.text} ${secrets.NOT_THERE}', model: huge, file: no/such/file }",
          "  - id: c",
          "    method: data/value",
          "    params: { x: '${inputs.topic} ${inputs.given} ${env.GZ_NOT_THERE} ${env.GZ_OPTIONAL ?? 1}' }",
          "  - id: d",
          "    if: '1 > 2'",
          "    method: model/say",
          "    params: { text: a, model: never asked for }"
        ],
        { inputs: { given: "g" } }
      ).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { GZ_THERE: "here" } }))
      )
      assert.deepStrictEqual(told(missing), [
        "2:10 input topic ()",
        "11:14 model huge (a, b)",
        "10:13 secret NOT_THERE (a, b)",
        "17:51 env GZ_NOT_THERE (c)",
        "14:74 file no/such/file (b)"
      ])
      assert.match(missing[1]?.reason ?? "", /parrot.*"huge" \(it has small\); feed it/)
      assert.notInclude(JSON.stringify(missing), "s3cret")
    }),
    { secrets: { THERE: "s3cret-value" } }
  )

  test(
    "is a file of any item of a list that is known",
    Effect.gen(function* () {
      const there = join(tmpdir(), `gleitzeit-forecast-${process.pid}.txt`)
      writeFileSync(there, "x")
      const { missing } = yield* foretold(
        [
          "tasks:",
          `  - { id: a, foreach: [${JSON.stringify(there)}, gone.txt], method: model/say, params: { text: a, file: '\${item}' } }`
        ],
        { folder: tmpdir() }
      )
      assert.deepStrictEqual(
        missing.map(({ kind, name }) => [kind, name]),
        [["file", "gone.txt"]]
      )
    })
  )

  const asked: Asked = { calls: [], identities: [] }

  test(
    "is a provider that cannot work, and then it is asked nothing more",
    Effect.gen(function* () {
      const { bounds, missing } = yield* foretold([
        "tasks:",
        "  - { id: a, method: model/say, params: { text: a, model: huge } }",
        "  - { id: b, method: model/say, params: { text: a }, cache: true }"
      ])
      assert.deepStrictEqual(told(missing), ["2:22 provider parrot (a, b)"])
      assert.match(missing[0]?.reason ?? "", /the cage is empty/)
      assert.deepStrictEqual(asked.identities, [])
      assert.deepStrictEqual(bounds.calls, { least: 1, most: 6 })
    }),
    { asked, down: true }
  )

  test(
    "is not what is there: a workflow that has all it needs lacks nothing",
    Effect.gen(function* () {
      const { missing } = yield* foretold([
        "tasks:",
        "  - { id: a, method: model/say, params: { text: a } }",
        "  - { id: b, method: human/approve, params: { prompt: 'Go on with ${a.text}?' } }"
      ])
      assert.deepStrictEqual(missing, [])
    })
  )
})

describe("a forecast", () => {
  test(
    "fails for inputs of the wrong kind, and for a workflow with mistakes",
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const document = ["inputs: { n: { type: integer } }", "tasks:", "  - { id: a, method: data/value, params: {} }"]
      const { workflow } = yield* plan(document)
      const wrong = yield* Effect.flip(gleitzeit.plan(workflow, { inputs: { n: "many", m: 1 } }))
      assert.match(wrong.message, /"n" .*integer.*|there is no input "m"/)
      const [task] = workflow.tasks
      const broken = yield* Effect.flip(gleitzeit.plan({ ...workflow, tasks: [{ ...task, method: "data/nothing" }] }))
      assert.strictEqual(broken.name, "WORKFLOW_VALIDATION_FAILED")
    })
  )

  test(
    "of five thousand tasks in one chain is made",
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const task = (n: number) => ({
        id: `t${n}`,
        protocol: "data/v1",
        method: "data/value",
        params: { x: n === 0 ? 0 : `\${t${n - 1}.x}` }
      })
      const rest = Array.from({ length: 4999 }, (_, n) => task(n + 1))
      const { bounds, steps } = yield* gleitzeit.plan({ name: "long", tasks: [task(0), ...rest] })
      assert.deepStrictEqual([steps, bounds.calls], [5000, { least: 5000, most: 15_000 }])
    })
  )
})
