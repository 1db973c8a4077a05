import { assert, describe, it } from "@effect/vitest"
import type { Task } from "@gleitzeit/core"
import { Effect, Fiber, Stream } from "effect"
import { join } from "node:path"
import * as Connection from "../src/Connection.ts"
import type { Server } from "../src/Server.ts"
import * as ServerEntry from "../src/ServerEntry.ts"
import { call, text } from "./connections.ts"
import { program, reached } from "./http.ts"
import { fake } from "./hub.ts"

const script = join(import.meta.dirname, "modern.mjs")

const modern = (protocol: Server["protocol"]): Server => ({
  ...ServerEntry.plain("one", { _tag: "Stdio", command: process.execPath, args: [script], env: {} }, []),
  protocol
})

const worksAs = (protocol: string) =>
  Effect.fnUntraced(function* (connection: Connection.Connection) {
    const names = (yield* connection.tools).map(({ name }) => name)
    assert.includeMembers([...names], ["echo", "headed", "steps"])
    assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
    const chunks: Array<Task.Chunk> = []
    assert.strictEqual(text(yield* call(connection, "steps", {}, (chunk) => chunks.push(chunk))), "done")
    assert.deepStrictEqual(
      chunks,
      [0.5, 1].map((fraction) => ({ _tag: "Progress", fraction }))
    )
    yield* connection.request("ping", {})
    assert.strictEqual((yield* connection.state).protocol, protocol)
    return names
  })

describe("a server of both eras", () => {
  it.live("is spoken to as the configuration says, by standard input and output", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(Connection.make(modern("auto")), worksAs("2026-07-28"))
      yield* Effect.flatMap(Connection.make(modern("2026-07-28")), worksAs("2026-07-28"))
      yield* Effect.flatMap(Connection.make(modern("legacy")), worksAs("2025-11-25"))
    })
  )

  it.live("is spoken to as the configuration says, by HTTP", () =>
    Effect.gen(function* () {
      const { url } = yield* program(process.execPath, [script, "--http"])
      const connection = yield* Connection.make(reached(url))
      const names = yield* worksAs("2026-07-28")(connection)
      assert.notInclude(names, "bad-header")
      assert.strictEqual(text(yield* call(connection, "headed", { region: "eu" })), "eu eu")
      yield* Effect.flatMap(Connection.make(reached(url, { protocol: "legacy" })), worksAs("2025-11-25"))
    })
  )
})

describe("a stream of changes", () => {
  it.live("tells of them, and is opened again when it was cut off", () =>
    Effect.gen(function* () {
      const { url } = yield* program(process.execPath, [script, "--http"])
      const connection = yield* Connection.make(reached(url))
      const change = (tool: string) =>
        Effect.gen(function* () {
          const told = yield* Effect.forkChild(Stream.runHead(connection.changes), { startImmediately: true })
          yield* call(connection, tool)
          yield* Fiber.join(told)
          return (yield* connection.tools).map(({ name }) => name)
        })
      yield* connection.tools
      assert.include(yield* change("more"), "more-0")
      assert.notInclude(yield* change("cut"), "more-1")
      assert.include(yield* change("more"), "more-1")
    })
  )
})

describe("a server of the older era", () => {
  it.live("is found when it is asked for the newer one first", () =>
    Effect.gen(function* () {
      const connection = yield* Connection.make({ ...fake("one"), protocol: "auto" })
      assert.strictEqual(text(yield* call(connection, "echo", { text: "hello" })), "hello")
      const oldest = yield* Connection.make(fake("one", { mode: "old-protocol" }))
      yield* oldest.tools
      assert.strictEqual((yield* oldest.state).protocol, "2024-11-05")
    })
  )

  it.live("may leave when it is asked what it does not know", () =>
    Effect.gen(function* () {
      const leaves = `
        require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
          const { id, method } = JSON.parse(line)
          if (method === "server/discover") process.exit(1)
          const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "shy", version: "1" } }
          if (method === "initialize") console.log(JSON.stringify({ jsonrpc: "2.0", id, result }))
        })`
      const reach = { _tag: "Stdio" as const, command: process.execPath, args: ["-e", leaves], env: {} }
      const connection = yield* Connection.make({ ...ServerEntry.plain("one", reach, []), protocol: "auto" })
      assert.deepStrictEqual(yield* connection.tools, [])
      assert.strictEqual((yield* connection.state).protocol, "2025-06-18")
    })
  )

  it.live("is refused where nothing but the newer one will do", () =>
    Effect.gen(function* () {
      const connection = yield* Connection.make({ ...fake("one"), protocol: "2026-07-28" })
      const { message, retryable } = yield* Effect.flip(connection.tools)
      assert.match(message, /2026-07-28/)
      assert.isFalse(retryable)
    })
  )
})
