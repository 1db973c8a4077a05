import { type Progress, ProtocolError } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit } from "@gleitzeit/core"
import { Deferred, Effect, Exit, Fiber, Queue, Schedule, Scope, Stream } from "effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { McpServer } from "../src/index.ts"
import { call, connected, engine, type Era, folder, scene, textOf } from "./scene.ts"

const greet = `
name: Greeting
description: Says hello
inputs:
  who: { type: string, description: Whom to greet }
  times: { type: integer, default: 1, maximum: 3 }
tasks:
  - { id: a, method: script/do, params: { value: "hello \${inputs.who}" } }
  - { id: b, method: data/value, params: { text: "\${a}", times: "\${inputs.times}" } }
outputs: { text: "\${a}", all: "\${b}" }
`

const asks = `
name: Asking
tasks:
  - { id: ask, method: human/approve, params: { prompt: "Send it?" } }
  - { id: send, method: script/write, params: { value: "sent: \${ask.approved}" } }
outputs: { sent: "\${send}" }
`

const fails = `
name: Failing
tasks:
  - { id: good, method: script/do, params: { value: 1 } }
  - { id: bad, method: script/do, params: { fails: 9, retryable: false }, dependencies: [good] }
outputs: { bad: "\${bad}" }
`

const waits = `
name: Waiting
tasks: [{ id: a, method: script/do, params: { script: hang } }]
outputs: { a: "\${a}" }
`

const eras: ReadonlyArray<Era> = ["legacy", "modern"]

/** A script that says when it has begun, and never ends. */
const hanging = Effect.map(Deferred.make<string>(), (begun) => ({
  begun: Deferred.await(begun),
  layer: engine({ hang: (_, { run }) => Effect.andThen(Deferred.succeed(begun, run), Effect.never) })
}))

const statusOf = (run: string) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, (gleitzeit) => Effect.map(gleitzeit.get(run), ({ status }) => status))

const runOf = ({ _meta }: { readonly _meta?: { readonly [key: string]: unknown } | undefined }): string =>
  String(_meta?.["gleitzeit/run"])

describe("a workflow", () => {
  for (const era of eras) {
    it.live(`is a tool that gives its outputs (${era})`, () =>
      Effect.gen(function* () {
        const { client } = yield* scene({ "greet me!.yaml": greet }, era)
        assert.strictEqual(client.getProtocolEra(), era)
        const { tools } = yield* Effect.promise(() => client.listTools())
        assert.deepStrictEqual(
          tools.map(({ name }) => name),
          ["greet_me", "run_workflow", "get_run", "cancel_run", "respond", "list_workflows"]
        )
        const [tool] = tools
        assert.strictEqual(tool?.title, "Greeting")
        assert.strictEqual(tool?.description, "Says hello")
        assert.deepStrictEqual(tool?.inputSchema, {
          type: "object",
          properties: {
            who: { type: "string", description: "Whom to greet" },
            times: { type: "integer", default: 1, maximum: 3 }
          },
          required: ["who"],
          additionalProperties: false
        })
        assert.isTrue(tool?.annotations?.readOnlyHint)
        const answer = yield* call(client, "greet_me", { who: "Ada" })
        assert.deepStrictEqual(answer.structuredContent, { text: "hello Ada", all: { text: "hello Ada", times: 1 } })
        assert.deepStrictEqual(JSON.parse(textOf(answer)), answer.structuredContent)
      }).pipe(Effect.scoped, Effect.provide(engine()))
    )

    it.live(`tells of every task that is over, before it answers (${era})`, () =>
      Effect.gen(function* () {
        const { client } = yield* scene({ "greet.yaml": greet }, era)
        const steps: Array<Progress> = []
        yield* Effect.promise(() =>
          client.callTool({ name: "greet", arguments: { who: "Ada" } }, { onprogress: (step) => steps.push(step) })
        )
        assert.deepStrictEqual(
          steps.map(({ message, progress, total }) => [progress, total, message]),
          [
            [1, 2, '"a" is completed'],
            [2, 2, '"b" is completed']
          ]
        )
      }).pipe(Effect.scoped, Effect.provide(engine()))
    )

    it.live(`is cancelled with the call (${era})`, () =>
      Effect.gen(function* () {
        const { begun, layer } = yield* hanging
        yield* Effect.gen(function* () {
          const gleitzeit = yield* Gleitzeit.Gleitzeit
          const { client } = yield* scene({ "wait.yaml": waits }, era)
          const calling = new AbortController()
          const called = client
            .callTool({ name: "wait" }, { signal: calling.signal })
            .then(() => "answered")
            .catch(() => "aborted")
          const run = yield* begun
          calling.abort("enough")
          assert.strictEqual(yield* Effect.promise(() => called), "aborted")
          assert.strictEqual((yield* gleitzeit.wait(run)).status, "cancelled")
        }).pipe(Effect.scoped, Effect.provide(layer))
      })
    )
  }

  it.live("that fails is an error with the task, its code and the reason", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "fail.yaml": fails })
      const answer = yield* call(client, "fail")
      assert.isTrue(answer.isError)
      assert.strictEqual(
        textOf(answer),
        `run ${runOf(answer)} of "Failing" has failed in task "bad": as the script says (TASK_EXECUTION_FAILED -29002)`
      )
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("that waits for somebody says what for, and goes on with the answer", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "ask.yaml": asks })
      yield* Effect.promise(() => client.listTools())
      const answer = yield* call(client, "ask")
      const run_id = runOf(answer)
      assert.isUndefined(answer.isError)
      assert.include(textOf(answer), `Send it? → respond {"run_id":"${run_id}","request":"ask","value":"…"}`)
      const refused = yield* call(client, "respond", { run_id, request: "ask", value: 7 })
      assert.isTrue(refused.isError)
      assert.include(textOf(refused), "INVALID_ANSWER")
      const lost = yield* call(client, "respond", { run_id, request: "other", value: true })
      assert.include(textOf(lost), "ask")
      const { structuredContent } = yield* call(client, "respond", { run_id, request: "ask", value: true })
      assert.deepInclude(structuredContent, { run_id, status: "completed", outputs: { sent: "sent: true" } })
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("is refused inputs that it does not take, with what was expected", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "greet.yaml": greet })
      const answer = yield* call(client, "greet", { times: "many", whom: "Ada" })
      assert.isTrue(answer.isError)
      assert.strictEqual(
        textOf(answer),
        `inputs of "Greeting": there is no input "whom" (declared: who, times); "who" is required; "times" expected a whole number, found "many" (INVALID_INPUTS -28010)`
      )
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("that changes something outside says so", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "ask.yaml": asks })
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepInclude(tools[0]?.annotations, { readOnlyHint: false, destructiveHint: true })
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )
})

describe("a folder", () => {
  it.live("is read again with each list; a broken file hides no other", () =>
    Effect.gen(function* () {
      const { client, path } = yield* scene({
        "a.yaml": greet,
        "b.yaml": "name: b\ntasks:\n  - { id: x, method: no/such }\n",
        "package.json": "{}"
      })
      const names = Effect.promise(async () => (await client.listTools()).tools.map(({ name }) => name).slice(0, -5))
      assert.deepStrictEqual(yield* names, ["a"])
      writeFileSync(join(path, "c.yaml"), Buffer.from([0xff, 0xfe, 0x00]))
      const listed = yield* call(client, "list_workflows")
      assert.include(textOf(listed), "b.yaml:3:22: ")
      assert.include(textOf(listed), "is not text in UTF-8")
      assert.notInclude(textOf(listed), "package.json")
      for (const workflow of ["b", "b.yaml"]) {
        assert.include(textOf(yield* call(client, "run_workflow", { workflow })), "b.yaml has mistakes:\n")
      }
      assert.include(textOf(yield* call(client, "b")), "b.yaml has mistakes:\n")
      writeFileSync(join(path, "b.yaml"), fails)
      writeFileSync(join(path, "a.json"), '{"tasks": [{"id": "x", "method": "script/do"}]}')
      // one name for two files
      assert.deepStrictEqual(yield* names, ["a", "a_2", "b"])
      rmSync(join(path, "a.yaml"))
      rmSync(join(path, "a.json"))
      assert.deepStrictEqual(yield* names, ["b"])
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("that changes is told, once the tools are others", () =>
    Effect.gen(function* () {
      const path = yield* folder({ "a.yaml": greet })
      const mcp = yield* McpServer.make({ folder: path })
      const heard = yield* Queue.unbounded<void>()
      yield* mcp.changes.pipe(
        Stream.runForEach(() => Queue.offer(heard, undefined)),
        Effect.forkScoped({ startImmediately: true })
      )
      let files = 0
      // whenever the watcher begins, one of the files comes after it
      const writing = yield* Effect.sync(() => writeFileSync(join(path, `f${files++}.yaml`), fails)).pipe(
        Effect.repeat(Schedule.spaced("300 millis")),
        Effect.forkScoped
      )
      yield* Queue.take(heard)
      yield* Fiber.interrupt(writing)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("that is not there makes lists fail, and calls of workflows", () =>
    Effect.gen(function* () {
      const mcp = yield* McpServer.make({ folder: "/no/such/folder" })
      const client = yield* connected(mcp)
      const failed = yield* Effect.flip(Effect.tryPromise(() => client.listTools()))
      assert.include(String(failed.cause), "there is no such folder")
      assert.isTrue((yield* call(client, "list_workflows")).isError)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )
})

describe("runs", () => {
  it.live("are begun, looked at and cancelled by their id", () =>
    Effect.gen(function* () {
      const { begun, layer } = yield* hanging
      yield* Effect.gen(function* () {
        const { client } = yield* scene({ "wait.yaml": waits })
        yield* Effect.promise(() => client.listTools())
        const { structuredContent } = yield* call(client, "run_workflow", { workflow: "Waiting", wait_ms: 0 })
        const run_id = yield* begun
        assert.deepInclude(structuredContent, { run_id, workflow: "Waiting", progress: { completed: 0, total: 1 } })
        // whoever stops looking ends nothing
        const looking = new AbortController()
        const looked = client
          .callTool({ name: "get_run", arguments: { run_id, wait_ms: 60_000 } }, { signal: looking.signal })
          .catch(() => {})
        looking.abort()
        yield* Effect.promise(() => looked)
        const looksAgain = yield* call(client, "get_run", { run_id })
        assert.deepInclude(looksAgain.structuredContent, { status: "running" })
        const cancelled = yield* call(client, "cancel_run", { run_id })
        assert.deepInclude(cancelled.structuredContent, { run_id, status: "cancelled" })
        const again = yield* call(client, "cancel_run", { run_id })
        assert.isTrue(again.isError)
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  )

  it.live("that somebody waits for are left as they are when the server ends", () =>
    Effect.gen(function* () {
      const { begun, layer } = yield* hanging
      yield* Effect.gen(function* () {
        const path = yield* folder({ "wait.yaml": waits })
        const own = yield* Scope.make()
        const mcp = yield* Scope.provide(McpServer.make({ folder: path }), own)
        const client = yield* connected(mcp)
        const called = client.callTool({ name: "wait" }).catch(() => {})
        const run = yield* begun
        yield* Scope.close(own, Exit.void)
        yield* Effect.promise(() => called)
        assert.strictEqual(yield* statusOf(run), "running")
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  )

  it.live("whose caller goes before it has heard their id are cancelled", () =>
    Effect.gen(function* () {
      const { begun, layer } = yield* hanging
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        const { client } = yield* scene({ "wait.yaml": waits })
        const calling = new AbortController()
        const called = client
          .callTool(
            { name: "run_workflow", arguments: { workflow: "wait", wait_ms: 600_000 } },
            { signal: calling.signal }
          )
          .catch(() => {})
        const run = yield* begun
        calling.abort()
        yield* Effect.promise(() => called)
        assert.strictEqual((yield* gleitzeit.wait(run)).status, "cancelled")
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  )

  it.live("that nobody drives are told, with what goes on with them", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { client } = yield* scene({})
      const { workflow } = yield* gleitzeit.check({ text: waits })
      assert.isDefined(workflow)
      if (workflow === undefined) return
      const run_id = yield* gleitzeit.submit(workflow, { detached: true })
      const answer = yield* call(client, "get_run", { run_id })
      assert.deepInclude(answer.structuredContent, { status: "running", interrupted: true })
      assert.include(textOf(answer), `gleitzeit resume ${run_id}`)
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("that nobody knows are told so", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "ask.yaml": asks })
      for (const name of ["get_run", "cancel_run"]) {
        const answer = yield* call(client, name, { run_id: "NONE" })
        assert.isTrue(answer.isError)
        assert.include(textOf(answer), "WORKFLOW_NOT_FOUND")
      }
      const answer = yield* call(client, "run_workflow", { workflow: "greet" })
      assert.strictEqual(textOf(answer), 'there is no workflow "greet" (there: ask)')
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("are refused arguments that nobody knows, with what was expected", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({})
      const answer = yield* call(client, "run_workflow", { wait_ms: "long", workfow: "x" })
      assert.isTrue(answer.isError)
      assert.strictEqual(
        textOf(answer),
        `params of "run_workflow": missing "workflow"; "wait_ms" expected a whole number, found "long"; "workfow" is not known here, expected workflow, inputs or wait_ms (INVALID_PARAMS -32602)`
      )
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )
})

describe("a tool", () => {
  it.live("that is none is the protocol's own error, with what was meant", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({ "greet.yaml": greet })
      const failed = yield* Effect.flip(Effect.tryPromise(() => client.callTool({ name: "great" })))
      assert.instanceOf(failed.cause, ProtocolError)
      assert.deepInclude(failed.cause, { code: -32602, message: 'there is no tool "great" (did you mean "greet"?)' })
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )

  it.live("answers with what went wrong where a handler breaks", () =>
    Effect.gen(function* () {
      const { client } = yield* scene({
        "broken.yaml": "tasks: [{ id: a, method: script/do, params: { script: none } }]\n"
      })
      const answer = yield* call(client, "broken")
      assert.isTrue(answer.isError)
      assert.include(textOf(answer), "INTERNAL_ERROR")
    }).pipe(Effect.scoped, Effect.provide(engine()))
  )
})
