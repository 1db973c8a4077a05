import { assert, describe, it } from "@effect/vitest"
import type { Task } from "@gleitzeit/core"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { kill } from "node:process"
import * as Connection from "../src/Connection.ts"
import type { Server } from "../src/Server.ts"
import { call, fault, hears, isAlive, text, until } from "./connections.ts"
import { fake, folder, noted } from "./hub.ts"

type Settings = Parameters<typeof fake>[1]

const connected = (settings: Settings = {}) => Connection.make(fake("one", settings))

const logged = Effect.map(folder, (folder) => join(folder, "log"))

const starts = (log: string) => noted(log).filter(({ start }) => start !== undefined).length

describe("a server that is well", () => {
  it.live("is started by the first use, lists its tools and is called", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      assert.deepStrictEqual(yield* connection.state, { name: "one", status: "idle", transport: "stdio", restarts: 0 })
      const tools = yield* connection.tools
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ["echo", "add", "remove", "fault", "claim"]
      )
      assert.deepInclude(tools[0], { readOnly: true, idempotent: true, destructive: false })
      assert.deepInclude(tools[2], { readOnly: false, idempotent: false, destructive: true })
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      assert.deepStrictEqual((yield* call(connection, "add", { a: 1, b: 2 })).structured, { sum: 3 })
      const { pid, ...state } = yield* connection.state
      assert.isNumber(pid)
      assert.deepStrictEqual(state, {
        name: "one",
        status: "ready",
        transport: "stdio",
        protocol: "2025-11-25",
        server: { name: "one", version: "1.2.3" },
        instructions: "Use it with care.",
        tools: 5,
        restarts: 0
      })
    })
  )

  it.live("is started once by a hundred first calls", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const connection = yield* connected({ args: ["--log", log], concurrency: 100 })
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => String(index)),
        (index) => call(connection, "echo", { text: index }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(text),
        Array.from({ length: 100 }, (_, index) => String(index))
      )
      assert.strictEqual(starts(log), 1)
    })
  )

  it.live("gives all pages of a list as one, and the very same list while nothing has changed", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ mode: "paged" })
      const tools = yield* connection.tools
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ["p0", "p1", "p2", "p3", "p4"]
      )
      assert.strictEqual(yield* connection.tools, tools)
      const { resources } = yield* connection.request("resources/list", {})
      assert.deepStrictEqual(resources, [{ uri: "fake://note", name: "note", mimeType: "text/plain" }])
      assert.deepStrictEqual(yield* connection.request("ping", {}), {})
    })
  )

  it.live("says that its tools have changed, and is asked again", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      yield* connection.tools
      const told = yield* Effect.forkChild(Stream.runHead(connection.changes), { startImmediately: true })
      yield* fault(connection, "change")
      yield* Fiber.join(told)
      assert.deepInclude(
        (yield* connection.tools).map(({ name }) => name),
        "more-5"
      )
    })
  )

  it.live("tells its progress, which begins the timeout anew", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ callTimeout: 600 })
      yield* connection.tools
      const chunks: Array<Task.Chunk> = []
      yield* fault(connection, "progress", { ms: 800 }, (chunk) => chunks.push(chunk))
      assert.deepStrictEqual(
        chunks,
        [1, 2, 3].map((step) => ({ _tag: "Progress", fraction: step / 3, message: `step ${step}` }))
      )
      const late = yield* Effect.flip(fault(connection, "slow", { ms: 1200 }))
      assert.strictEqual(late.name, "PROVIDER_TIMEOUT")
      assert.strictEqual(late.message, `provider "mcp": the call of "fault" at the server "one" took more than 0.6 s`)
    })
  )

  it.live("may not go on for ever by telling progress", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ callTimeout: 450, totalTimeout: 500 })
      yield* connection.tools
      const late = yield* Effect.flip(fault(connection, "progress", { ms: 800 }))
      assert.match(late.message, /took more than 0.5 s/)
    })
  )

  it.live("hears that a call is not wanted any more, by interruption and by a timeout", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const connection = yield* connected({ args: ["--log", log], callTimeout: 300 })
      const waiting = yield* Effect.forkChild(fault(connection, "never"))
      yield* hears(log, "tools/call")
      yield* Fiber.interrupt(waiting)
      yield* hears(log, "notifications/cancelled")
      assert.strictEqual((yield* Effect.flip(fault(connection, "never"))).name, "PROVIDER_TIMEOUT")
      assert.strictEqual(text(yield* call(connection, "echo", { text: "on" })), "on")
      const cancelled = noted(log).filter(({ heard }) => heard?.["method"] === "notifications/cancelled")
      assert.lengthOf(cancelled, 2)
    })
  )

  it.live("is not asked more at once than it may be", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const connection = yield* connected({ args: ["--log", log], concurrency: 1, callTimeout: 400 })
      const first = yield* Effect.forkChild(fault(connection, "never"))
      yield* hears(log, "tools/call")
      assert.strictEqual(text(yield* call(connection, "echo", { text: "second" })), "second")
      assert.isTrue(first.pollUnsafe() !== undefined)
    })
  )

  it.live("gets the roots, has what it asks of people declined, and what it asks of models refused", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ roots: ["/tmp/with space"] })
      assert.deepStrictEqual(JSON.parse(text(yield* fault(connection, "roots"))), {
        roots: [{ uri: "file:///tmp/with%20space", name: "with space" }]
      })
      assert.deepStrictEqual(JSON.parse(text(yield* fault(connection, "elicit"))), { action: "decline" })
      assert.deepInclude(JSON.parse(text(yield* fault(connection, "sample"))), { code: -32_601 })
    })
  )

  it.live("is stopped when nobody has called it for long enough, and started again by the next call", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ idleTimeout: 100 })
      yield* fault(connection, "slow", { ms: 300 })
      const { pid } = yield* connection.state
      yield* until(Effect.map(connection.state, ({ status }) => status === "idle"))
      yield* until(Effect.sync(() => pid !== undefined && !isAlive(pid)))
      assert.strictEqual(text(yield* call(connection, "echo", { text: "again" })), "again")
      assert.strictEqual((yield* connection.state).restarts, 0)
    })
  )

  it.effect("loses no call to its stop, however close they come", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ idleTimeout: 1000 })
      const echo = Effect.map(call(connection, "echo", { text: "on" }), text)
      const passes = TestClock.adjust(1000)
      for (const [first, second] of [
        [echo, passes],
        [passes, echo]
      ] as const) {
        assert.strictEqual(yield* echo, "on")
        const both = yield* Effect.all([first, second], { concurrency: "unbounded" })
        assert.include(both, "on")
        assert.strictEqual(yield* echo, "on")
        yield* passes
        assert.strictEqual((yield* connection.state).status, "idle")
      }
      assert.strictEqual((yield* connection.state).restarts, 0)
    })
  )

  it.live("gets what it was configured with, and nothing else of this process's environment", () =>
    Effect.gen(function* () {
      const { reach, ...rest } = fake("one")
      const own = { OWN: "value" }
      const server: Server = { ...rest, reach: reach._tag === "Stdio" ? { ...reach, env: own } : reach }
      const connection = yield* Connection.make(server)
      const env = JSON.parse(text(yield* fault(connection, "env")))
      assert.strictEqual(env["OWN"], "value")
      assert.isString(env["PATH"])
      assert.notProperty(env, "VITEST")
      assert.notProperty(env, "NODE_ENV")
    })
  )
})

describe("a server that does not start", () => {
  const failing = (settings: Settings) =>
    Effect.flatMap(connected(settings), (connection) => Effect.flip(call(connection, "echo", { text: "" })))

  it.live("has its exit code and its last words told", () =>
    Effect.gen(function* () {
      const { message, retryable } = yield* failing({ mode: "exit-start" })
      assert.strictEqual(
        message,
        `provider "mcp" is not available: the server "one" ended with exit code 3 during the greeting; it last wrote: "fatal: the variable API_KEY is missing"`
      )
      assert.isTrue(retryable)
    })
  )

  it.live("has what is not there named", () =>
    Effect.gen(function* () {
      const missing = {
        ...fake("one"),
        reach: { _tag: "Stdio" as const, command: "no-such-command", args: [], env: {} }
      }
      const connection = yield* Connection.make(missing)
      const { message, retryable } = yield* Effect.flip(connection.tools)
      assert.match(
        message,
        /the command "no-such-command" is not found, it is in no folder of PATH \(.+\); install it, or give its absolute path$/
      )
      assert.isFalse(retryable)
      assert.strictEqual((yield* connection.state).status, "down")
      const placed = { ...missing, reach: { ...missing.reach, command: process.execPath, cwd: "/no/such/folder" } }
      const elsewhere = yield* Effect.flatMap(Connection.make(placed), ({ tools }) => Effect.flip(tools))
      assert.match(elsewhere.message, /its working folder "\/no\/such\/folder" does not exist$/)
    })
  )

  it.live("is not waited for longer than it may take, and is gone then", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const failure = yield* failing({ mode: "silent,banner", startTimeout: 500, args: ["--log", log] })
      assert.strictEqual(failure.name, "PROVIDER_TIMEOUT")
      assert.match(
        failure.message,
        /the start of the server "one"; on its standard output it wrote what is no message, 5 lines, the first one: "Server starting\.\.\." took more than 0.5 s/
      )
      const [{ start = 0 } = {}] = noted(log)
      yield* until(Effect.sync(() => !isAlive(start)))
    })
  )

  it.live("is refused when it wants a revision that is not known", () =>
    Effect.gen(function* () {
      const { message, retryable } = yield* failing({ mode: "future-protocol" })
      assert.match(message, /protocol version is not supported: 2099-01-01/)
      assert.isFalse(retryable)
    })
  )

  it.live("has its secrets masked in what it wrote", () =>
    Effect.gen(function* () {
      const script = `process.stderr.write("bad token " + process.env.TOKEN); process.exit(1)`
      const reach = {
        _tag: "Stdio" as const,
        command: process.execPath,
        args: ["-e", script],
        env: { TOKEN: "s3cret-value" }
      }
      const connection = yield* Connection.make({ ...fake("one"), reach })
      const { message } = yield* Effect.flip(connection.tools)
      assert.match(message, /it last wrote: "bad token \*\*\*"/)
      assert.notInclude(String((yield* connection.state).reason), "s3cret-value")
    })
  )

  it.live("is tried again after a pause, which a call waits for and a list does not", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const connection = yield* connected({
        mode: "fail-twice",
        args: ["--log", log],
        restart: { max: 5, backoff: 200, window: 60_000 }
      })
      yield* Effect.flip(connection.tools)
      const resting = yield* Effect.flip(connection.tools)
      assert.match(
        resting.message,
        /the server "one" failed to start, and is tried again in 1 s; it was: .* exit code 3/
      )
      assert.isNumber(resting.retryAfter)
      assert.strictEqual(starts(log), 1)
      yield* Effect.flip(call(connection, "echo", { text: "" }))
      assert.strictEqual(starts(log), 2)
      assert.strictEqual(text(yield* call(connection, "echo", { text: "third" })), "third")
    })
  )

  it.live("is left alone for a while when it has failed too often", () =>
    Effect.gen(function* () {
      const log = yield* logged
      const connection = yield* connected({
        mode: "exit-start",
        args: ["--log", log],
        restart: { max: 2, backoff: 1, window: 60_000 }
      })
      const fail = Effect.flip(call(connection, "echo", { text: "" }))
      yield* fail
      yield* fail
      const { message, retryAfter = 0 } = yield* fail
      assert.match(message, /failed to start 2 times, and is tried again in 60 s/)
      assert.isAbove(retryAfter, 50_000)
      assert.strictEqual((yield* connection.state).status, "broken")
      assert.strictEqual(starts(log), 2)
    })
  )
})

describe("a server that dies", () => {
  it.live("fails all calls under way at once, and the next call finds another", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      yield* connection.tools
      const { pid } = yield* connection.state
      const waiting = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.forkChild(Effect.flip(fault(connection, "never")), { startImmediately: true })
      )
      const died = yield* Effect.flip(fault(connection, "kill"))
      assert.strictEqual(
        died.message,
        `provider "mcp" is not available: the server "one" ended by SIGKILL during the call of "fault"`
      )
      assert.isFalse(died.retryable)
      for (const fiber of waiting) assert.strictEqual((yield* Fiber.join(fiber)).message, died.message)
      const { reason, status } = yield* connection.state
      assert.deepStrictEqual(
        { reason, status },
        { reason: `provider "mcp" is not available: the server "one" ended by SIGKILL`, status: "down" }
      )
      assert.strictEqual(text(yield* call(connection, "echo", { text: "on" })), "on")
      const state = yield* connection.state
      assert.strictEqual(state.restarts, 1)
      assert.notStrictEqual(state.pid, pid)
      assert.notProperty(state, "reason")
    })
  )

  it.live("may be asked again for what it has read alone", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      yield* connection.tools
      const { pid = 0 } = yield* connection.state
      kill(pid, "SIGSTOP")
      const waiting = yield* Effect.forkChild(Effect.flip(call(connection, "echo", { text: "x" })), {
        startImmediately: true
      })
      kill(pid, "SIGKILL")
      assert.isTrue((yield* Fiber.join(waiting)).retryable)
    })
  )

  it.live("leaves half a message behind that nobody reads", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      const { message } = yield* Effect.flip(fault(connection, "half"))
      assert.match(message, /ended with exit code 1 during the call of "fault"/)
    })
  )

  it.live("is asked by nobody when the scope closes meanwhile", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const log = yield* logged
      const fiber = yield* Effect.gen(function* () {
        const connection = yield* connected({ mode: "slow-start", args: ["--log", log] })
        yield* Deferred.succeed(begun, undefined)
        return yield* connection.tools
      }).pipe(Effect.scoped, Effect.forkChild)
      yield* Deferred.await(begun)
      yield* hears(log, "start")
      yield* Fiber.interrupt(fiber)
      const [{ start = 0 } = {}] = noted(log)
      assert.isFalse(isAlive(start))
    })
  )
})

describe("an answer that is odd", () => {
  it.live("is told from noise, from answers to others and from those that come twice", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ mode: "banner" })
      const said = (kind: string) => Effect.map(fault(connection, kind), text)
      assert.strictEqual(yield* said("bad-json"), "after bad JSON")
      assert.strictEqual(yield* said("odd-frames"), "after odd frames")
      assert.strictEqual(yield* said("wrong-id"), "of this call")
      assert.strictEqual(yield* said("twice"), "first")
      assert.strictEqual(yield* said("late-progress"), "over")
      assert.strictEqual(yield* said("unicode"), "a\u2028b\u2029c \u{1f600} \0 d")
      assert.strictEqual(yield* said("split-utf8"), "a\u{1f600}b")
    })
  )

  it.live("is handed on as far as it can be understood", () =>
    Effect.gen(function* () {
      const connection = yield* connected()
      assert.deepStrictEqual(yield* fault(connection, "no-content"), {
        content: [],
        structured: { a: 1 },
        isError: false
      })
      assert.deepStrictEqual((yield* fault(connection, "unknown-block")).content, [{ type: "hologram", depth: 3 }])
      assert.isTrue((yield* fault(connection, "is-error")).isError)
    })
  )

  it.live("is a failure at once when it is malformed", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ callTimeout: 60_000 })
      const { message } = yield* Effect.flip(fault(connection, "not-object"))
      assert.match(
        message,
        /the call of "fault" at the server "one" was answered with the error -32603: "the result is a string, expected an object"/
      )
      assert.match((yield* Effect.flip(fault(connection, "string-code"))).message, /"boom"/)
      const failed = yield* Effect.flip(fault(connection, "rpc-error"))
      assert.deepStrictEqual(failed.data, { code: -32_603, data: { k: 1 } })
      assert.isFalse(failed.retryable)
    })
  )

  it.live("ends the connection when it is larger than it may be, and no other", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ maxMessage: 100_000 })
      assert.lengthOf(text(yield* fault(connection, "big", { size: 90_000 })), 90_000)
      const failure = yield* Effect.flip(fault(connection, "big", { size: 200_000 }))
      assert.strictEqual(failure.name, "RESULT_TOO_LARGE")
      assert.strictEqual(text(yield* call(connection, "echo", { text: "on" })), "on")
    })
  )

  it.live("leaves out the tools that cannot be, and keeps the others", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ mode: "bad-tools" })
      const names = (yield* connection.tools).map(({ name }) => name)
      assert.deepStrictEqual(names, ["echo", "add", "remove", "fault", "claim", "odd-input", "odd-output"])
    })
  )

  it.live("is no list when it has no end", () =>
    Effect.gen(function* () {
      const connection = yield* connected({ mode: "endless" })
      const { message } = yield* Effect.flip(connection.tools)
      assert.strictEqual(message, `result of "tools/list": the server "one" gives more than 64 pages`)
    })
  )
})
