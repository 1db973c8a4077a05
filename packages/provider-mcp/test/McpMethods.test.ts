/** The methods of `mcp/v1` that are no tools. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import * as ServerEntry from "../src/ServerEntry.ts"
import { call, engine, fake } from "./hub.ts"

describe("resources and prompts", () => {
  it.live("are listed of all servers, each with its server's name, and read where one has them", () =>
    Effect.gen(function* () {
      const { result: resources } = yield* call("mcp/resources/list")
      assert.deepStrictEqual(resources, {
        resources: [{ uri: "fake://note", name: "note", mimeType: "text/plain", server: "f" }],
        templates: [{ uriTemplate: "fake://{name}", name: "any", server: "f" }],
        unavailable: [{ server: "unset", reason: Object(resources).unavailable[0].reason }]
      })
      assert.include(Object(resources).unavailable[0].reason, "TOKEN is not set")
      const read = yield* call("mcp/resources/read", { uri: "fake://note" })
      assert.deepInclude(read.result, { server: "f", text: "A note.", output: "A note." })
      const missing = yield* call("mcp/resources/read", { uri: "fake://other" })
      assert.match(
        missing.error?.message ?? "",
        /no server lists the resource fake:\/\/other: name one as `server`; "unset" cannot be asked/
      )
      const named = yield* call("mcp/resources/read", { uri: "fake://other", server: "f" })
      assert.match(named.error?.message ?? "", /Resource not found/)
      const prompt = yield* call("mcp/prompts/get", { name: "greet", arguments: { who: "Ada" } })
      assert.deepInclude(prompt.result, { server: "f", name: "greet", text: "Greet Ada" })
    }).pipe(Effect.provide(engine([fake("f"), { name: "unset", reason: "TOKEN is not set" }])))
  )

  it.live("that two servers have are read of the one that is named", () =>
    Effect.gen(function* () {
      const both = yield* call("mcp/prompts/get", { name: "greet", arguments: { who: "Ada" } })
      assert.include(both.error?.message, 'f and g have the prompt "greet": name one as `server`')
      const one = yield* call("mcp/prompts/get", { name: "greet", arguments: { who: "Ada" }, server: "g" })
      assert.deepInclude(one.result, { server: "g" })
    }).pipe(Effect.provide(engine([fake("f"), fake("g")])))
  )
})

describe("a server", () => {
  it.live("completes arguments, answers pings and says what it is", () =>
    Effect.gen(function* () {
      const ref = { type: "ref/prompt", name: "greet" }
      const completed = yield* call("mcp/complete", { ref, argument: { name: "who", value: "A" } })
      assert.deepStrictEqual(completed.result, { server: "f", values: ["Ada", "Alan"], total: 2, hasMore: false })
      assert.isAbove(Object((yield* call("mcp/ping")).result).duration_ms, 0)
      const { result } = yield* call("mcp/server_info")
      const { pid, ...info } = Object(result)
      assert.isAbove(pid, 0)
      assert.deepStrictEqual(info, {
        name: "f",
        status: "ready",
        transport: "stdio",
        prefix: "f.",
        protocol: "2025-11-25",
        server: { name: "f", version: "1.2.3" },
        instructions: "Use it with care.",
        tools: 5,
        restarts: 0
      })
    }).pipe(Effect.provide(engine([fake("f")])))
  )

  it.live("of the newest revision has neither pings nor what it does not offer, and is well", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* call("mcp/ping")).error)
      const { result } = yield* call("mcp/prompts/list")
      assert.deepStrictEqual(Object(result).unavailable, [])
      assert.deepInclude((yield* call("mcp/server_info")).result, { protocol: "2026-07-28", status: "ready" })
    }).pipe(
      Effect.provide(
        engine([
          {
            ...ServerEntry.plain(
              "new",
              { _tag: "Stdio", command: process.execPath, args: [join(import.meta.dirname, "modern.mjs")], env: {} },
              []
            ),
            protocol: "2026-07-28"
          }
        ])
      )
    )
  )

  it.live("that nobody has configured is not there, and the nearest is named", () =>
    Effect.gen(function* () {
      const { error } = yield* call("mcp/ping", { server: "file" })
      assert.include(error?.message, 'there is no server "file" (there are files, notes), did you mean "files"?')
      const broken = yield* call("mcp/tools/list", { server: "notes" })
      assert.match(broken.error?.message ?? "", /TOKEN is not set/)
    }).pipe(Effect.provide(engine([fake("files"), { name: "notes", reason: "TOKEN is not set" }])))
  )
})
