import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Said } from "./command.ts"
import * as ProjectFolder from "./project.ts"

class Project extends Context.Service<Project, ProjectFolder.Project>()("test/Project") {}

const gz = (...args: ReadonlyArray<string>) => Effect.flatMap(Project, ({ gz }) => gz(...args))

const json = (said: Said) => {
  assert.isTrue(said.stdout.startsWith("{"), `${said.stdout}\n${said.stderr}`)
  return JSON.parse(said.stdout)
}

/** Uses what does not cross the border unhurt: schemas with checks, tagged errors, streams, services, scopes. */
const own = `
import { Errors, Method, Plugin, Protocol, TaskContext } from "@gleitzeit/core"
import { Effect, Schema, Stream } from "effect"
import { appendFileSync, writeFileSync } from "node:fs"

globalThis.ownEffect = Effect

const Count = Schema.Struct({
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
  name: Schema.NonEmptyString
})
const nothing = Schema.Struct({})
const method = (params, result, effects = "reads") => Method.make({ description: "d", effects, params, result })

class Odd extends Schema.TaggedError<Odd>()("Odd", { text: Schema.String }) {}

export const OwnV1 = Protocol.make("own/v1", {
  description: "Everything that crosses",
  methods: {
    "own/count": method(Count, Count),
    "own/wrong": method(nothing, Schema.Struct({ count: Schema.Int })),
    "own/fail": method(nothing, nothing),
    "own/odd": method(nothing, nothing),
    "own/stream": method(nothing, Schema.Struct({ sum: Schema.Int })),
    "own/ask": method(nothing, Schema.Struct({ asked: Schema.Json, known: Schema.Json })),
    "own/slow": method(nothing, nothing),
    "own/pair": method(Schema.Struct({ n: Schema.Int }), Schema.Struct({ most: Schema.Int }))
  }
})

export default Plugin.provider({
  name: "own",
  protocol: OwnV1,
  options: Schema.Struct({ log: Schema.NonEmptyString, wait: Schema.optionalKey(Plugin.duration) }),
  make: ({ log, wait = 60_000 }, name) =>
    Effect.gen(function* () {
      const say = (text) => Effect.sync(() => appendFileSync(log, text + "\\n"))
      yield* Effect.acquireRelease(say("open"), () => say("close"))
      let now = 0
      let most = 0
      return {
        name,
        concurrency: 2,
        handlers: {
          "own/count": Effect.succeed,
          "own/wrong": () => Effect.succeed({ count: 1.5 }),
          "own/fail": () => new Errors.TaskExecutionFailed({ reason: "no luck", retryable: false }),
          "own/odd": () => new Odd({ text: "odd" }),
          "own/stream": () =>
            Effect.flatMap(TaskContext.TaskContext, (task) =>
              Stream.range(1, 4).pipe(
                Stream.tap((n) => task.emit({ _tag: "Text", text: String(n) })),
                Stream.runFold(() => 0, (sum, n) => sum + n),
                Effect.tap(() => task.usage({ input_tokens: 7 })),
                Effect.map((sum) => ({ sum }))
              )
            ),
          "own/ask": () =>
            Effect.gen(function* () {
              const task = yield* TaskContext.TaskContext
              const known = yield* task.call("known", "own/count", { count: 3, name: "inner" })
              yield* say("asks")
              const asked = yield* task.suspend("ok", { kind: "input", prompt: "Sure?", schema: { type: "boolean" } })
              return { asked, known }
            }),
          "own/slow": () =>
            Effect.andThen(say("begins"), Effect.sleep(wait)).pipe(Effect.onInterrupt(() => say("interrupted")), Effect.as({})),
          "own/pair": () =>
            Effect.acquireUseRelease(
              Effect.sync(() => (most = Math.max(most, ++now))),
              () => Effect.as(Effect.sleep("20 millis"), { most }),
              () => Effect.sync(() => now--)
            ).pipe(Effect.map(() => ({ most })))
        }
      }
    })
})
`

/** A provider by hand, in plain JavaScript. */
const plain = (protocol: string, methods: ReadonlyArray<string>, call: string) => `
import { Effect, Stream } from "effect"
const contract = (method) => ({ protocol: "${protocol}", method, description: "d", effects: "reads", params: {}, result: {} })
export default {
  gleitzeit: 1, kind: "provider", name: "plain", options: {},
  make: () => Effect.succeed({
    name: "plain", protocol: "${protocol}", concurrency: 4,
    contracts: Effect.succeed(${JSON.stringify(methods)}.map(contract)),
    changes: Stream.never,
    call: ${call},
    identity: () => Effect.succeed(undefined), estimate: () => Effect.succeed({}), health: Effect.succeed({ status: "healthy" })
  })
}
`

const odd = `(method) => {
  let deep = []
  for (let i = 0; i < 5000; i++) deep = [deep]
  switch (method) {
    case "odd/date": return Effect.succeed(new Date(0))
    case "odd/nothing": return Effect.succeed(undefined)
    case "odd/deep": return Effect.succeed(deep)
    case "odd/promise": return Promise.resolve(1)
    case "odd/throws": throw new Error("thrown")
    case "odd/text": return Effect.fail("just text")
    default: return Effect.succeed(1)
  }
}`

/** What it can do depends on nothing but itself; it says when it is loaded. */
const packed = (folder: string, methods: ReadonlyArray<string>) =>
  plain("packed/v1", methods, '() => Effect.succeed("packed")').replace(
    "export default {",
    `import { appendFileSync } from "node:fs"
appendFileSync(${JSON.stringify(join(folder, "loaded.txt"))}, "loaded\\n")
export default {
  closed: true,`
  )

const oddMethods = ["date", "nothing", "deep", "promise", "throws", "text"].map((name) => `odd/${name}`)

const config = (log: string) => `
providers:
  own: { use: ./own.ts, options: { log: ${JSON.stringify(log)} } }
  odd: { use: ./odd.mjs }
  packed: { use: packed }
stores:
  slate: { use: ./slate.ts }
`

const broken = `
providers:
  odd: { use: ./odd.mjs }
  throws: { use: ./throws.mjs }
  empty: { use: ./empty.mjs }
  absent: { use: ./absent.ts }
  nowhere: { use: gleitzeit-provider-nowhere }
  newer: { use: ./newer.mjs }
  claims: { use: ./claims.mjs }
  fails: { use: ./fails.mjs }
  syntax: { use: ./syntax.ts }
  options: { use: ./own.ts, options: { log: 5, wiat: 1 } }
  import: { use: ./import.mjs }
  stripped: { use: stripped }
  unbuilt: { use: unbuilt }
  asJs: { use: ./asJs.mjs }
  away: { use: ./away.mjs }
  document: { use: ./data.json }
  async: { use: ./async.mjs }
  human: { use: ./odd.mjs }
`

const layer = Layer.effect(
  Project,
  Effect.tap(ProjectFolder.make, ({ file, folder }) =>
    Effect.sync(() => {
      file("gleitzeit.config.yaml", config(join(folder, "log.txt")))
      file("broken.yaml", broken)
      file("own.ts", own)
      file("odd.mjs", plain("odd/v1", oddMethods, odd))
      file("claims.mjs", plain("claims/v1", ["claims/fine", "llm/chat"], "() => Effect.succeed(1)"))
      file("throws.mjs", 'throw new Error("boom")\n')
      file("empty.mjs", "export const layer = 1\n")
      file("newer.mjs", "export default { gleitzeit: 2 }\n")
      file("import.mjs", 'import "not-there"\n')
      file("asJs.mjs", 'import "./own.js"\n')
      file("away.mjs", 'import "./away/there.mjs"\n')
      file("data.json", "{}\n")
      file("node_modules/unbuilt/package.json", '{ "name": "unbuilt", "exports": "./dist/index.js" }')
      file(
        "async.mjs",
        `import { Plugin } from "@gleitzeit/core"
import { Schema } from "effect"
import { OwnV1 } from "./own.ts"
export default Plugin.provider({ name: "a", protocol: OwnV1, options: Schema.Struct({}), make: async () => ({}) })
`
      )
      file("syntax.ts", "enum Color { Red }\nexport default Color\n")
      file(
        "fails.mjs",
        `import { Effect } from "effect"
export default { gleitzeit: 1, kind: "provider", name: "f", options: {}, make: () => Effect.fail(new Error("no key")) }
`
      )
      file(
        "slate.ts",
        `import { MemoryStore, Plugin } from "@gleitzeit/core"
import { Schema } from "effect"
export default Plugin.store({ schemes: ["slate"], options: Schema.Struct({}), make: () => MemoryStore.make })
`
      )
      file("node_modules/stripped/package.json", '{ "name": "stripped", "type": "module", "exports": "./index.ts" }')
      file("node_modules/stripped/index.ts", "export default 1 as number\n")
      // nothing but an `import` condition, which `require.resolve` does not know
      file(
        "node_modules/packed/package.json",
        '{ "name": "packed", "type": "module", "exports": { ".": { "import": "./main.js" } } }'
      )
      file("node_modules/packed/main.js", packed(folder, ["packed/do"]))
    })
  )
)

const call = Effect.fnUntraced(function* (method: string, ...args: ReadonlyArray<string>) {
  const said = yield* gz("call", method, "--json", ...args)
  const report = json(said)
  return { exit: said.exit, report, task: report.tasks?.call }
})

const log = Effect.map(Project, ({ folder }) => {
  const path = join(folder, "log.txt")
  return existsSync(path) ? readFileSync(path, "utf8") : ""
})

describe("plug-ins, loaded by the bundled command line", () => {
  it.layer(layer, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("that are broken name themselves and leave the others working", () =>
      Effect.gen(function* () {
        const said = yield* gz("providers", "health", "--json", "--config", "broken.yaml")
        assert.strictEqual(said.exit, 5)
        const all: ReadonlyArray<{ name: string; health: { status: string; details?: { reason?: string } } }> =
          json(said).providers
        const status = new Map(all.map(({ health, name }) => [name, health.status]))
        for (const name of ["odd", "human", "timer"]) assert.strictEqual(status.get(name), "healthy", name)
        const expected: Record<string, string> = {
          throws: "throws while it is loaded: Error: boom (",
          empty: "has no default export (it exports layer); ",
          absent: "there is no file ",
          nowhere: 'install it with "npm install gleitzeit-provider-nowhere", or name a path that begins with ./',
          newer:
            "speaks version 2 of the border between program and plug-in, this program speaks version 1; use a newer",
          claims: 'claims the method "llm/chat" ("claims/v1"), which is not of its own protocol claims/v1',
          fails: "does not start: unexpected Error: no key",
          syntax: "has TypeScript that Node cannot strip: ",
          options:
            'providers.options.options.log (broken.yaml): expected text, found a number; providers.options.options.wiat (broken.yaml): "wiat" is not known here, expected log or wait, did you mean "wait"?',
          import: "Cannot find package 'not-there'",
          stripped: "is TypeScript inside node_modules, which Node does not load; the package has to ship JavaScript",
          unbuilt: "node_modules/unbuilt/dist/index.js is not there; build the package, or install it again",
          asJs: "; import own.ts: Node takes TypeScript by its own name",
          away: "away/there.mjs' imported from ",
          document: "data.json is no JavaScript and no TypeScript",
          async: "does not start: unexpected TypeError: `make` gives a promise, expected an effect"
        }
        for (const [name, words] of Object.entries(expected)) {
          const health = all.find((one) => one.name === name)?.health
          assert.strictEqual(health?.status, "unhealthy", name)
          assert.include(health?.details?.reason, `plug-in "${name}"`)
          assert.include(health?.details?.reason, words)
        }
        const taken = all.find(({ name }) => name.startsWith("human ("))
        assert.include(taken?.health.details?.reason, "the name belongs to a provider that is a part of this program")
      })
    )

    it.effect("that are broken are named where their methods are missed", () =>
      Effect.gen(function* () {
        const why = '! provider fails: plug-in "fails" (FOLDER/fails.mjs) cannot be used: does not start: '
        const { folder } = yield* Project
        for (const command of [["schema", "--out", "schema.json"], ["protocols"], ["protocols", "show", "fails/v1"]]) {
          const { stderr } = yield* gz(...command, "--config", "broken.yaml")
          assert.include(stderr, why.replace("FOLDER", folder), command.join(" "))
        }
      })
    )

    it.effect("and stores that cannot be used leave doctor its words", () =>
      Effect.gen(function* () {
        const { file } = yield* Project
        file("store.yaml", "store: 'slate:x'\nstores: { slate: { use: ./throws.mjs } }\n")
        const { findings } = json(yield* gz("doctor", "--json", "--config", "store.yaml"))
        assert.deepInclude(
          findings.map(({ status, what }: { readonly status: string; readonly what: string }) => [what, status]),
          ["store", "failed"]
        )
      })
    )

    it.effect("decode params and encode results with schemas of their own copy", () =>
      Effect.gen(function* () {
        const fine = yield* call("own/count", "count=3", "name=x")
        assert.deepStrictEqual(fine.task.result, { count: 3, name: "x" })
        assert.strictEqual(fine.task.provider, "own")
        const wrong = yield* gz("call", "own/count", "count=0", "name=")
        assert.strictEqual(wrong.exit, 2)
        const bad = yield* call("own/wrong")
        assert.strictEqual(bad.task.error.name, "TASK_RESULT_INVALID")
      })
    )

    it.effect("come from packages too, by the conditions of `import`", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* call("packed/do")).task.result, "packed")
      })
    )

    it.effect("from packages are loaded to be called, and once to be known", () =>
      Effect.gen(function* () {
        const { file, folder } = yield* Project
        const loads = () => readFileSync(join(folder, "loaded.txt"), "utf8").split("\n").length - 1
        yield* call("packed/do")
        const before = loads()
        yield* call("data/value", "value=1")
        file("packed.yaml", "tasks: [{ id: a, method: packed/od }]\n")
        assert.include((yield* gz("check", "packed.yaml")).stderr, 'did you mean "packed/do"?')
        assert.strictEqual(loads(), before)
        // another version of it
        file("node_modules/packed/main.js", packed(folder, ["packed/do", "packed/more"]))
        assert.strictEqual((yield* call("packed/more")).task.result, "packed")
        assert.strictEqual(loads(), before + 1)
      })
    )

    it.effect("are checked against before anything runs", () =>
      Effect.gen(function* () {
        const { file } = yield* Project
        file("check.yaml", "tasks: [{ id: a, method: own/count, params: { count: 1, nmae: x } }]\n")
        const said = yield* gz("check", "check.yaml")
        assert.strictEqual(said.exit, 3)
        assert.include(said.stderr, "check.yaml:1:")
        assert.include(said.stderr, 'did you mean "name"?')
      })
    )

    it.effect("fail with errors of their own: those with the fields of a failure as such, others as unexpected", () =>
      Effect.gen(function* () {
        const fail = yield* call("own/fail")
        assert.deepInclude(fail.task.error, { code: -29002, message: "no luck" })
        const odd = yield* call("own/odd")
        assert.strictEqual(odd.task.error.name, "INTERNAL_ERROR")
        const expected: Record<string, string> = {
          date: 'result of "odd/date": it is no JSON, or nested too deeply',
          nothing: 'result of "odd/nothing": it is no JSON, or nested too deeply',
          deep: 'result of "odd/deep": it is no JSON, or nested too deeply',
          promise: 'its call("odd/promise") gives a promise, expected an effect',
          throws: "unexpected Error: thrown",
          text: "unexpected just text"
        }
        const { file } = yield* Project
        const names = Object.keys(expected)
        file("odd.json", JSON.stringify({ tasks: names.map((id) => ({ id, method: `odd/${id}` })) }))
        const { tasks } = json(yield* gz("run", "odd.json", "--json"))
        for (const name of names) assert.include(tasks[name].error.message, expected[name])
      })
    )

    it.effect("stream, and tell what they use", () =>
      Effect.gen(function* () {
        const { file } = yield* Project
        file("stream.yaml", "tasks: [{ id: a, method: own/stream, params: {} }]\noutputs: { sum: '${a.sum}' }\n")
        const { exit, stdout } = yield* gz("run", "stream.yaml", "--json", "--watch")
        assert.strictEqual(exit, 0)
        assert.deepStrictEqual(
          [...stdout.matchAll(/"text":"(\d)"/g)].map(([, text]) => text),
          ["1", "2", "3", "4"]
        )
        assert.include(stdout, '"input_tokens":7')
        assert.match(stdout, /"sum":10/)
      })
    )

    it.effect("call other methods and wait for answers; run again, they get what is recorded", () =>
      Effect.gen(function* () {
        const asked = yield* gz("call", "own/ask", "--json")
        assert.strictEqual(asked.exit, 6, asked.stderr)
        const { run } = json(asked)
        const answered = yield* gz("respond", run, "call/ok", "true", "--json")
        assert.strictEqual(answered.exit, 0, answered.stderr)
        assert.deepStrictEqual(json(yield* gz("show", run, "--json")).tasks.call.result, {
          asked: true,
          known: { count: 3, name: "inner" }
        })
      })
    )

    it.effect("are interrupted with their task, and closed with the program", () =>
      Effect.gen(function* () {
        const { file } = yield* Project
        file("slow.yaml", "tasks: [{ id: a, method: own/slow, timeout: 0.3, retry: { max_attempts: 1 } }]\n")
        const { tasks } = json(yield* gz("run", "slow.yaml", "--json"))
        assert.strictEqual(tasks.a.error.name, "TASK_TIMEOUT")
        assert.match(yield* log, /open\nbegins\ninterrupted\nclose\n$/)
      })
    )

    it.effect("do as many attempts at once as they say", () =>
      Effect.gen(function* () {
        const { file } = yield* Project
        file(
          "pair.yaml",
          "tasks: [{ id: a, method: own/pair, foreach: [1, 2, 3, 4, 5, 6], params: { n: '${item}' } }]\noutputs: { most: '${a.most}' }\n"
        )
        const { outputs } = json(yield* gz("run", "pair.yaml", "--json"))
        assert.strictEqual(Math.max(...outputs.most), 2)
      })
    )

    it.effect("that are stores keep runs", () =>
      Effect.gen(function* () {
        const said = yield* gz("call", "own/count", "count=1", "name=x", "--json", "--store", "slate:here")
        assert.strictEqual(said.exit, 0, said.stderr)
        assert.deepStrictEqual(json(said).tasks.call.result, { count: 1, name: "x" })
      })
    )
  })
})
