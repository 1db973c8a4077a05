import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { ExecutorTest } from "../../testkit/src/index.ts"
import * as BuiltIn from "../src/BuiltIn.ts"
import { TaskExecutionFailed } from "../src/Errors.ts"
import * as ExecutorModule from "../src/Executor.ts"
import type { Call, Host } from "../src/Executor.ts"
import * as FailureData from "../src/Failure.ts"
import type { Failure } from "../src/Failure.ts"
import * as Files from "../src/Files.ts"
import * as Method from "../src/Method.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Replay from "../src/Replay.ts"
import { write } from "../src/ReplayRecording.ts"
import * as Secrets from "../src/Secrets.ts"
import { Usage } from "../src/Task.ts"
import { TaskContext } from "../src/TaskContext.ts"
import { call, listener } from "./host.ts"

const method = (params: Schema.Codec<unknown, unknown>) =>
  Method.make({ description: "For tests", effects: "reads", params, result: Schema.Json })

const TestV1 = Protocol.make("test/v1", {
  description: "For tests",
  methods: {
    "test/do": method(Schema.Json),
    "test/look": method(Schema.Struct({ pictures: Schema.Array(Protocol.file) })),
    "test/ask": method(Schema.Json)
  }
})

type Handler = (params: unknown, task: TaskContext["Service"]) => Effect.Effect<Schema.Json, Failure>
type Handlers = { readonly [K in keyof typeof TestV1.methods]?: Handler }

const secrets = { TOKEN: "sk-12345678", OTHER: "other-secret" }

interface Process extends Partial<Replay.Options> {
  readonly mode: Replay.Mode
  /** Default: nobody is on duty. */
  readonly handlers?: Handlers
}

/** The executor of a process of its own, for as long as the scope lives. */
const start = (folder: string, { handlers, ...options }: Process) => {
  const unused: Handler = () => Effect.die("nobody is to call this")
  const made = ([name, handler]: readonly [string, Handler]) =>
    [name, (params: unknown) => Effect.flatMap(TaskContext, (task) => handler(params, task))] as const
  const named = { "test/do": unused, "test/look": unused, "test/ask": unused, ...handlers }
  const provider =
    handlers === undefined
      ? Layer.empty
      : Provider.layer(
          TestV1,
          Effect.succeed({
            name: "test",
            identity: () => Effect.succeed("1"),
            estimate: () => Effect.succeed({ output_tokens: 1000 }),
            handlers: Object.fromEntries(Object.entries(named).map(made)) as Provider.Handlers<typeof TestV1.methods>
          })
        )
  return Replay.layer({ folder, ...options }).pipe(
    Layer.provide(ExecutorModule.layerLocal),
    Layer.provide([Layer.fresh(provider), BuiltIn.layer]),
    Layer.provide(Layer.fresh(Providers.layer)),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layerRecord(secrets)),
    Layer.fresh,
    Layer.build,
    Effect.map((context) => Context.get(context, ExecutorModule.Executor))
  )
}

/** A folder that is gone afterwards, in one that is not there yet. */
const temporary = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gleitzeit-replay-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => join(folder, "replay")
)

/** By name, relative to the folder. */
const filesIn = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((one) => {
      const path = join(one.parentPath, one.name)
      return one.isFile() ? [[path.slice(folder.length + 1), readFileSync(path, "utf8")]] : []
    })
  )

const recordings = (folder: string) => [...filesIn(folder).keys()].filter((name) => !name.startsWith("contracts/"))

const only = (folder: string) => {
  const [name, ...more] = recordings(folder)
  assert.deepStrictEqual(more, [])
  return join(folder, name ?? "none")
}

type Running = ExecutorModule.Executor["Service"]

/** Everything that can be seen of a call, as text. */
const outcome = (executor: Running, made: Call) =>
  Effect.suspend(() => {
    const { heard, host } = listener()
    return Effect.map(Effect.exit(executor.execute(made, host)), (exit) =>
      JSON.stringify(
        Exit.isSuccess(exit)
          ? { ...exit.value, ...heard }
          : { failure: FailureData.of(FailureData.fromCause(exit.cause)), ...heard }
      )
    )
  })

const result = (executor: Running, more?: Partial<Call>, host = listener().host) =>
  Effect.map(executor.execute(call(more), host), ({ result }) => result)

const failure = (executor: Running, more?: Partial<Call>) => Effect.flip(executor.execute(call(more), listener().host))

const counting = () => {
  const seen = { calls: 0 }
  const handler: Handler = () => Effect.sync(() => ({ number: ++seen.calls }))
  return { seen, handlers: { "test/do": handler } }
}

const Drawn = Schema.Struct({
  task: Schema.Literals(["a", "b", "c[0]", "c[1]"]),
  attempt: Schema.Literals([1, 2]),
  /** Few, so that many calls are equal. */
  params: Schema.Literals([1, 2]),
  outcome: Schema.Union([
    Schema.Struct({ result: Schema.Json }),
    Schema.Struct({
      failure: Schema.Struct({
        code: Schema.Literals([-29002, -30003, -30006]),
        name: Schema.String,
        message: Schema.String,
        retryable: Schema.Boolean,
        data: Schema.optionalKey(Schema.Json)
      })
    })
  ]),
  chunks: Schema.Array(
    Schema.Union([
      Schema.Struct({ _tag: Schema.Literals(["Text", "Reasoning"]), text: Schema.String }),
      Schema.Struct({ _tag: Schema.Literal("Progress"), fraction: Schema.optionalKey(Schema.Finite) }),
      Schema.Struct({ _tag: Schema.Literal("Log"), level: Schema.Literals(["debug", "error"]), message: Schema.String })
    ])
  ),
  usage: Schema.Array(
    Schema.Struct({ calls: Schema.optionalKey(Schema.Int), cost_usd: Schema.optionalKey(Schema.Finite) })
  )
})

ExecutorTest.suite(
  "that records",
  Layer.unwrap(Effect.map(temporary, (folder) => Replay.layer({ mode: "record", folder }))).pipe(
    Layer.provide(ExecutorModule.layerLocal),
    Layer.provide(Files.layer())
  ),
  { attaches: false }
)

describe("replay", () => {
  it.effect.prop(
    "gives what was recorded: results, failures, chunks and usage, to the byte, with nobody on duty",
    { drawn: Schema.Array(Drawn).check(Schema.isMaxLength(8)) },
    ({ drawn }) =>
      Effect.gen(function* () {
        const folder = yield* temporary
        // of a place that is drawn twice the last one stays
        const script = new Map(drawn.map((one) => [`${one.task} ${one.attempt} ${one.params}`, one]))
        const handler: Handler = (params, task) =>
          Effect.gen(function* () {
            const one = script.get(`${task.task} ${task.attempt} ${String(params)}`)
            if (one === undefined) return yield* Effect.die("it is not in the script")
            for (const chunk of one.chunks) yield* task.emit(chunk)
            for (const usage of one.usage) yield* task.usage(usage)
            return "failure" in one.outcome ? yield* Effect.fail(one.outcome.failure) : one.outcome.result
          })
        const calls = [...script.values()].map(({ attempt, params, task }) => call({ task, attempt, params }))
        const recording = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
        const first = yield* Effect.forEach(calls, (made) => outcome(recording, made))
        const replaying = yield* start(folder, { mode: "replay" })
        const backwards = calls.toReversed()
        const again = yield* Effect.forEach(backwards, (made) => outcome(replaying, made), { concurrency: "unbounded" })
        assert.deepStrictEqual(again.toReversed(), first)
      }).pipe(Effect.scoped)
  )

  it.effect("writes the same file for the same call, wherever and whenever it is recorded", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* temporary, yield* temporary]
      const handler: Handler = (_, task) => Effect.as(task.emit({ _tag: "Text", text: "tides" }), { z: 1, a: [2] })
      for (const folder of [one, one, other]) {
        const executor = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
        yield* result(executor, { run: folder, params: { b: 1, a: { d: 2, c: 3 } } })
      }
      assert.deepStrictEqual([...filesIn(one)], [...filesIn(other)])
      assert.strictEqual(
        readFileSync(only(one), "utf8"),
        [
          "{",
          '  "recording": 1,',
          '  "protocol": "test/v1",',
          '  "method": "test/do",',
          '  "params": {',
          '    "a": {',
          '      "c": 3,',
          '      "d": 2',
          "    },",
          '    "b": 1',
          "  },",
          '  "task": "task",',
          '  "attempt": 1,',
          '  "by": "test",',
          '  "result": {',
          '    "z": 1,',
          '    "a": [',
          "      2",
          "    ]",
          "  },",
          '  "chunks": [',
          '    {"_tag":"Text","text":"tides"}',
          "  ]",
          "}",
          ""
        ].join("\n")
      )
    })
  )

  it.effect("knows the contracts of providers that are not there, but for those that are known anyway", () =>
    Effect.gen(function* () {
      const contracts = (folder: string) =>
        Effect.flatMap(start(folder, { mode: "replay" }), (executor) => executor.contracts)
      const [folder, other] = [yield* temporary, yield* temporary]
      const { handlers } = counting()
      yield* result(yield* start(folder, { mode: "record", handlers }))
      yield* result(yield* start(other, { mode: "record", handlers, known: ["test"] }))
      const found = (yield* contracts(folder)).find(({ method }) => method === "test/do")
      const [declared] = Protocol.contracts(TestV1, "test")
      assert.deepStrictEqual({ ...found }, { ...declared })
      assert.isUndefined((yield* contracts(other)).find(({ method }) => method === "test/do"))
      assert.deepStrictEqual([...(yield* Replay.replaced(folder))], ["test"])
      const executor = yield* start(folder, { mode: "replay" })
      assert.strictEqual(yield* executor.contracts, yield* executor.contracts)
    })
  )

  it.effect("leaves what the engine answers itself to the engine", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const made = { method: "data/value", params: { a: 1 } }
      assert.deepStrictEqual(yield* result(yield* start(folder, { mode: "replay" }), made), { a: 1 })
      assert.deepStrictEqual(yield* result(yield* start(`${folder}/2`, { mode: "record" }), made), { a: 1 })
      assert.throws(() => readdirSync(folder))
    })
  )

  it.effect("tells before a call what it used, and that nothing is to be kept for other runs", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const handler: Handler = (_, task) =>
        Effect.as(Effect.andThen(task.usage({ calls: 1, input_tokens: 3 }), task.usage({ input_tokens: 4 })), null)
      const recording = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
      const before = { identity: undefined, estimate: { output_tokens: 1000 } }
      assert.deepStrictEqual(yield* recording.survey(call()), before)
      yield* result(recording)
      assert.deepStrictEqual(yield* recording.survey(call()), before)
      const executor = yield* start(folder, { mode: "replay" })
      const survey = yield* executor.survey(call())
      assert.deepInclude(survey, { identity: undefined })
      assert.deepInclude(survey.estimate, { calls: 1, input_tokens: 7 })
      assert.deepStrictEqual(yield* executor.survey(call({ params: 2 })), { identity: undefined, estimate: {} })
    })
  )

  it.effect("counts what it did", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const tallies: Array<Replay.Tally> = []
      const told = (tally: Replay.Tally) => Effect.sync(() => void tallies.push(tally))
      const { handlers } = counting()
      yield* Effect.scoped(
        Effect.flatMap(start(folder, { mode: "record", handlers, told }), (executor) => result(executor))
      )
      yield* Effect.scoped(Effect.flatMap(start(folder, { mode: "replay", told }), (executor) => result(executor)))
      assert.deepStrictEqual(tallies, [
        { recorded: 1, replayed: 0 },
        { recorded: 0, replayed: 1 }
      ])
    })
  )
})

describe("a call that is not recorded", () => {
  it.effect("is told with the nearest recording and what differs", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const { handlers } = counting()
      const executor = yield* start(folder, { mode: "record", handlers })
      const long = "Tell me about the tides of the Atlantic, and about the moon that makes them"
      yield* result(executor, { params: { messages: [{ content: `${long}.` }], seed: 1 } })
      yield* result(executor, { task: "other", params: { messages: [{ content: "Tell me" }], seed: 1 } })
      yield* result(executor, { attempt: 2, params: { a: 1, b: 2, c: 3 } })
      const miss = yield* failure(yield* start(folder, { mode: "replay" }), {
        params: { messages: [{ content: `${long}!` }], temperature: 0 }
      })
      assert.strictEqual(miss.code, -30013)
      const [name = ""] = recordings(folder).filter(
        (name) => name.startsWith("test-do/task.") && filesIn(folder).get(name)?.includes("tides") === true
      )
      assert.deepStrictEqual(FailureData.of(miss).data, {
        folder,
        recorded: 0,
        nearest: join(folder, name),
        differences: [
          {
            path: "params.messages[0].content",
            recorded: '"…moon that makes them."',
            called: '"…moon that makes them!"'
          },
          { path: "params.seed", recorded: "1", called: "undefined" },
          { path: "params.temperature", recorded: "undefined", called: "0" }
        ]
      })
      assert.include(miss.message, 'no recording of test/do of the task "task"')
      assert.include(miss.message, "\nparams.seed: recorded 1, called undefined")
      assert.isFalse(miss.retryable)
    })
  )

  it.effect("fails as one where nothing of its method is there", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const executor = yield* start(folder, { mode: "replay", handlers: {} })
      const { message } = yield* failure(executor)
      assert.strictEqual(
        message,
        `there is no recording of test/do in ${folder}; in the mode \`auto\` what is missing is recorded`
      )
    })
  )

  it.effect("is one whose task asks for another provider", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* result(yield* start(folder, { mode: "record", ...counting() }))
      const executor = yield* start(folder, { mode: "replay" })
      assert.include(
        (yield* failure(executor, { provider: "test" })).message,
        'provider: recorded undefined, called "test"'
      )
    })
  )
})

describe("equal calls", () => {
  const record = (folder: string, tasks: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const executor = yield* start(folder, { mode: "record", ...counting() })
      for (const task of tasks) yield* result(executor, { task })
    }).pipe(Effect.scoped)

  it.effect("get each what its own place got, however they race", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const tasks = Array.from({ length: 12 }, (_, i) => `work[${i}]`)
      yield* record(folder, tasks)
      const executor = yield* start(folder, { mode: "replay" })
      const results = yield* Effect.forEach(tasks.toReversed(), (task) => result(executor, { task }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.toReversed(),
        tasks.map((_, i) => ({ number: i + 1 }))
      )
    })
  )

  it.effect("of other tasks get what is left, in order, and one more is a miss", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* record(folder, ["work[2]", "work[10]", "ask"])
      const executor = yield* start(folder, { mode: "replay" })
      const results = yield* Effect.forEach(["x", "y", "z"], (task) => result(executor, { task }))
      assert.deepStrictEqual(results, [{ number: 3 }, { number: 1 }, { number: 2 }])
      const miss = yield* failure(executor, { task: "one more" })
      assert.include(miss.message, "is recorded 3 times")
      // what has been given answers its own place all the same, and any place of another run
      assert.deepStrictEqual(yield* result(executor, { task: "ask" }), { number: 3 })
      assert.deepStrictEqual(yield* result(executor, { run: "next", task: "x" }), { number: 3 })
      yield* executor.forget("run")
      assert.deepStrictEqual(yield* result(executor, { task: "x" }), { number: 3 })
    })
  )

  it.effect("are recorded each, though they are made at once", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const executor = yield* start(folder, { mode: "auto", ...counting() })
      const tasks = ["a", "b", "c"]
      yield* Effect.forEach(tasks, (task) => result(executor, { task }), { concurrency: "unbounded" })
      assert.lengthOf(recordings(folder), 3)
    })
  )
})

describe("attempts", () => {
  it.effect("fail as they failed, and succeed as they succeeded", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const handler: Handler = (_, { attempt }) =>
        attempt < 3
          ? Effect.fail(new TaskExecutionFailed({ reason: `no ${attempt}`, retryable: true }))
          : Effect.succeed("yes")
      const attempts = [1, 2, 3].map((attempt) => call({ attempt }))
      const recording = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
      const first = yield* Effect.forEach(attempts, (made) => outcome(recording, made))
      const replaying = yield* start(folder, { mode: "replay" })
      assert.deepStrictEqual(yield* Effect.forEach(attempts, (made) => outcome(replaying, made)), first)
      assert.include(first[1], "no 2")
    })
  )

  it.effect("that are interrupted are not recorded; one whose time is up is", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const begun = yield* Deferred.make<void>()
      const handler: Handler = (_, task) =>
        Effect.andThen(
          Effect.andThen(task.emit({ _tag: "Text", text: "half" }), Deferred.succeed(begun, undefined)),
          Effect.never
        )
      const executor = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
      const fiber = yield* Effect.forkChild(result(executor))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(recordings(folder), [])
      const limited = yield* Effect.forkChild(Effect.flip(result(executor, { timeout: 1000 })), {
        startImmediately: true
      })
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* Fiber.join(limited)).name, "TASK_TIMEOUT")
      assert.include(readFileSync(only(folder), "utf8"), "TASK_TIMEOUT")
    })
  )

  it.effect("that never came to a provider are not recorded, and neither is a simulated answer", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const handlers: Handlers = { "test/do": () => Effect.succeed({ simulated: true }) }
      const executor = yield* start(folder, { mode: "record", handlers })
      yield* failure(executor, { params: { $secret: "NOBODY" }, secrets: [[]] })
      yield* failure(executor, { provider: "nobody" })
      yield* result(executor)
      assert.deepStrictEqual(recordings(folder), [])
    })
  )
})

describe("the mode `auto`", () => {
  it.effect("gives what is there, records what is missing, and asks again what failed", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      let isAway = true
      let calls = 0
      const handler: Handler = () =>
        Effect.suspend(() => {
          calls++
          return isAway
            ? Effect.fail(new TaskExecutionFailed({ reason: "away", retryable: true }))
            : Effect.succeed(calls)
        })
      const handlers = { "test/do": handler }
      yield* failure(yield* start(folder, { mode: "auto", handlers }))
      isAway = false
      const executor = yield* start(folder, { mode: "auto", handlers })
      assert.strictEqual(yield* result(executor), 2)
      assert.strictEqual(yield* result(executor), 2)
      assert.strictEqual(yield* result(executor, { params: "other" }), 3)
      assert.strictEqual(calls, 3)
      assert.lengthOf(recordings(folder), 2)
      const replaying = yield* start(folder, { mode: "replay" })
      assert.strictEqual(yield* result(replaying), 2)
    })
  )
})

describe("the mode `record`", () => {
  it.effect("makes every call, and replaces what was recorded", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const { handlers, seen } = counting()
      for (const _ of [1, 2]) yield* result(yield* start(folder, { mode: "record", handlers }))
      assert.strictEqual(seen.calls, 2)
      assert.deepStrictEqual(yield* result(yield* start(folder, { mode: "replay" })), { number: 2 })
      assert.lengthOf(recordings(folder), 1)
    })
  )

  it.effect("makes no call whose recording could not be written", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      writeFileSync(folder, "a file")
      const { handlers, seen } = counting()
      const { code, message } = yield* failure(yield* start(folder, { mode: "record", handlers }))
      assert.strictEqual(code, -31007)
      assert.include(message, folder)
      assert.strictEqual(seen.calls, 0)
    })
  )
})

describe("the mode `off`", () => {
  it.effect("is no replay at all", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* result(yield* start(folder, { mode: "off", ...counting() }))
      assert.throws(() => readdirSync(folder))
    })
  )
})

describe("a call made of other calls", () => {
  it.effect("is carried out again, on what the others gave", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const { handlers: inner, seen } = counting()
      const handlers: Handlers = {
        ...inner,
        "test/ask": (_, task) =>
          Effect.gen(function* () {
            const approved = yield* task.suspend("ok", { kind: "input" })
            return { approved, called: yield* task.call("one", "test/do", { inner: true }) }
          })
      }
      const run = (executor: Running, answer: Schema.Json) => {
        const { host } = listener({
          answer: () => Effect.succeed(answer),
          call: (key, method, params) => result(executor, { task: `task/${key}`, method, params })
        })
        return result(executor, { method: "test/ask" }, host)
      }
      const recording = yield* start(folder, { mode: "record", handlers })
      assert.deepStrictEqual(yield* run(recording, "yes"), { approved: "yes", called: { number: 1 } })
      const replaying = yield* start(folder, { mode: "replay", handlers: { "test/ask": handlers["test/ask"]! } })
      assert.deepStrictEqual(yield* run(replaying, "no"), { approved: "no", called: { number: 1 } })
      assert.strictEqual(seen.calls, 1)
      assert.deepStrictEqual([...(yield* Replay.replaced(folder))], [])
    })
  )
})

describe("secrets", () => {
  it.effect("keep a call out of the recordings that tells one where no marker can stand", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const handlers: Handlers = {
        // in the name of a field there is no place for a marker
        "test/ask": (params, { call }) => call("inner", "test/do", { [String(params)]: 1 }),
        "test/do": () => Effect.succeed("done")
      }
      const executor = yield* start(folder, { mode: "record", handlers })
      const host: Host = {
        ...listener().host,
        call: (key, name, params, places) =>
          Effect.map(
            executor.execute(
              call({ task: `task/${key}`, method: name, params, ...(places === undefined ? {} : { secrets: places }) }),
              listener().host
            ),
            ({ result }) => result
          )
      }
      const outer: Partial<Call> = { method: "test/ask", params: { $secret: "TOKEN" }, secrets: [[]] }
      assert.strictEqual(yield* result(executor, outer, host), "done")
      for (const [name, text] of filesIn(folder)) assert.notInclude(name + text, secrets.TOKEN)
      assert.isFalse(recordings(folder).some((name) => name.startsWith("test-do/")))
      // nothing is left behind: the same names without a secret are recorded
      assert.strictEqual(yield* result(executor, { task: "task/inner", params: { [secrets.TOKEN]: 1 } }), "done")
      assert.isTrue(recordings(folder).some((name) => name.startsWith("test-do/")))
    })
  )

  it.effect("stand in recordings by name, wherever their values came out, also in pieces", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const values = [...Object.values(secrets), "input-secret"]
      const handler: Handler = (params, task) =>
        Effect.gen(function* () {
          const text = JSON.stringify(params)
          for (const value of values) assert.include(text, value)
          for (const value of values) {
            yield* task.emit({ _tag: "Text", text: value.slice(0, 4) })
            yield* task.emit({ _tag: "Log", level: "info", message: `uses ${value}` })
            yield* task.emit({ _tag: "Text", text: value.slice(4) })
          }
          if (task.attempt === 2) return yield* new TaskExecutionFailed({ reason: text, retryable: false })
          return { said: text }
        })
      const params = {
        token: { $secret: "TOKEN" },
        header: { $secret: ["Bearer ", { name: "OTHER" }] },
        input: { $secret: "inputs.key" }
      }
      const more: Partial<Call> = { params, secrets: [["token"], ["header"], ["input"]] }
      const { host } = listener({ secret: () => Effect.succeed("input-secret") })
      const executor = yield* start(folder, { mode: "record", handlers: { "test/do": handler } })
      yield* executor.execute(call(more), host)
      yield* Effect.flip(executor.execute(call({ ...more, attempt: 2 }), host))
      const all = [...filesIn(folder).values()].join("\n")
      for (const value of values) {
        assert.notInclude(all, value)
        assert.notInclude(all, value.slice(4))
      }
      assert.include(all, '"$secret": "TOKEN"')
      assert.lengthOf(recordings(folder), 2)
      // where calls are replayed nobody needs to know them
      const replaying = yield* start(folder, { mode: "replay" })
      const reply = yield* replaying.execute(call(more), listener().host)
      assert.isTrue(reply.masked)
      assert.include(JSON.stringify(reply.result), "Bearer ***")
    })
  )
})

describe("params", () => {
  it.effect("that are files count by name and content, wherever they lie", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const picture = (place: string, text: string) => {
        const path = join(dirname(folder), place, "cat.png")
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
        return { method: "test/look", params: { pictures: [path] } }
      }
      const handlers: Handlers = { "test/look": () => Effect.succeed("a cat") }
      yield* result(yield* start(folder, { mode: "record", handlers }), picture("here", "cat"))
      const executor = yield* start(folder, { mode: "replay" })
      assert.strictEqual(yield* result(executor, picture("there", "cat")), "a cat")
      const miss = yield* failure(executor, picture("there", "dog"))
      assert.include(miss.message, 'params.pictures[0]: recorded "cat.png sha256:')
      assert.notInclude(readFileSync(only(folder), "utf8"), dirname(folder))
    })
  )

  it.effect("that say how long to wait do not count, nor does where code stands", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const code = (line: number) => ({ source: "1", segments: ["1"], values: {}, origin: { file: "w.yaml", line } })
      const params = { code: code(1), timeout: 30, stream: true }
      yield* result(yield* start(folder, { mode: "record", ...counting() }), { params })
      const executor = yield* start(folder, { mode: "replay" })
      const timed = { code: code(7), timeout: "1m", stream: true }
      assert.deepStrictEqual(yield* result(executor, { params: timed }), { number: 1 })
      // in other protocols than `llm/v1` it may be anything
      const miss = yield* failure(executor, { params: { ...params, stream: false } })
      assert.include(miss.message, "params.stream: recorded true, called false")
    })
  )
})

describe("a recording", () => {
  const recorded = Effect.gen(function* () {
    const folder = yield* temporary
    const executor = yield* start(folder, { mode: "record", ...counting() })
    yield* result(executor, { params: { text: "one" } })
    const path = only(folder)
    return {
      folder,
      path,
      edit: (change: (text: string) => string) => writeFileSync(path, change(readFileSync(path, "utf8"))),
      told: Effect.flatMap(start(folder, { mode: "replay" }), (executor) =>
        failure(executor, { params: { text: "one" } })
      )
    }
  })

  it.effect("may be edited by hand: what stands in it is given", () =>
    Effect.gen(function* () {
      const { edit, folder, path } = yield* recorded
      edit((text) => text.replace('"number": 1', '"number": 1000'))
      renameSync(path, path.replace("task.", "by-hand."))
      const executor = yield* start(folder, { mode: "replay" })
      assert.deepStrictEqual(yield* result(executor, { params: { text: "one" } }), { number: 1000 })
    })
  )

  it.effect("with a slip is told with its place", () =>
    Effect.gen(function* () {
      const slips: ReadonlyArray<readonly [change: (text: string) => string, place: string, words: string]> = [
        [() => "", ":1:1", "it is empty"],
        [(text) => text.slice(0, text.indexOf('"by"')), ":10:3", "found the end of the file"],
        [(text) => text.replace("{\n", "<<<<<<< mine\n{\n"), ":1:1", "expected a value"],
        [(text) => text.replace('"number": 1\n', '"number": 1,\n'), ":13:3", "expected a key"],
        [(text) => text.replace('"attempt": 1', '"attempt": "one"'), ":9:14", '"attempt"'],
        [(text) => text.replace('"result"', '"resutl"'), "", 'did you mean "result"'],
        [
          (text) => text.replace('"result"', '"chunks": [\n    {"_tag":"Txt","text":"a"}\n  ],\n  "result"'),
          ":12:13",
          "chunks.0"
        ],
        [(text) => text.replace('"result"', '"composed": true,\n  "result"'), ":1:1", "found `result` and `composed`"],
        [
          (text) => text.replace('"text": "one"', '"text": "two"'),
          ":5:13",
          "the call that it describes has another key"
        ]
      ]
      for (const [change, place, words] of slips) {
        const { edit, path, told } = yield* recorded
        edit(change)
        const { code, message } = yield* told
        assert.strictEqual(code, -31007)
        assert.isTrue(message.startsWith(`${path}${place}`), message)
        assert.include(message, words)
      }
    })
  )

  it.effect("is replaced as a whole: who reads it meanwhile reads the one that was", () =>
    Effect.gen(function* () {
      const { folder, path } = yield* recorded
      const before = readFileSync(path, "utf8")
      const reader = openSync(path, "r")
      const handlers: Handlers = { "test/do": () => Effect.succeed("another") }
      yield* result(yield* start(folder, { mode: "record", handlers }), { params: { text: "one" } })
      assert.include(readFileSync(path, "utf8"), "another")
      assert.strictEqual(readFileSync(reader, "utf8"), before)
      closeSync(reader)
      assert.lengthOf(recordings(folder), 1)
    })
  )

  it.effect("that was half written is under another name, which nobody reads", () =>
    Effect.gen(function* () {
      const { folder, path } = yield* recorded
      writeFileSync(`${path}.17.0.tmp`, '{ "recording": 1,')
      assert.deepStrictEqual(yield* result(yield* start(folder, { mode: "replay" }), { params: { text: "one" } }), {
        number: 1
      })
    })
  )

  it.effect("that cannot be read holds up no other call", () =>
    Effect.gen(function* () {
      const { edit, folder } = yield* recorded
      yield* result(yield* start(folder, { mode: "record", ...counting() }), { params: { text: "two" } })
      edit(() => "{")
      const executor = yield* start(folder, { mode: "replay" })
      assert.deepStrictEqual(yield* result(executor, { params: { text: "two" } }), { number: 1 })
      const miss = yield* failure(executor, { params: { text: "three" } })
      assert.include(miss.message, 'params.text: recorded "two", called "three"')
    })
  )

  it.effect.prop(
    "is the same after it was read and written",
    { usage: Schema.Array(Usage), data: Schema.Json },
    (drawn) =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const handler: Handler = (_, task) => Effect.as(Effect.forEach(drawn.usage, task.usage), drawn.data)
        yield* result(yield* start(folder, { mode: "record", handlers: { "test/do": handler } }), {
          params: drawn.data
        })
        const text = readFileSync(only(folder), "utf8")
        assert.strictEqual(write(JSON.parse(text)), text)
      }).pipe(Effect.scoped)
  )
})
