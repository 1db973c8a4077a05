/** A hub with a lock: what is checked without a server, and what is not called because it is another than was locked. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Lock from "../src/Lock.ts"
import * as McpServers from "../src/McpServers.ts"
import type { Server, Unusable } from "../src/Server.ts"
import { call, engine, fake, fault, folder, noted } from "./hub.ts"

const lockOf = (...servers: ReadonlyArray<Server | Unusable>) =>
  Effect.scoped(Effect.flatMap(McpServers.make(servers), (hub) => Lock.of(hub)))

/** The same with one tool of a server changed. */
const changed = (lock: Lock.Lock, server: string, tool: string, change: Partial<Lock.LockedTool>): Lock.Lock => {
  const tools = lock.servers[server] ?? {}
  const was = tools[tool] ?? assert.fail("there is no such tool")
  return { ...lock, servers: { ...lock.servers, [server]: { ...tools, [tool]: { ...was, ...change } } } }
}

const messages = (text: string) =>
  Effect.flatMap(Gleitzeit.Gleitzeit, ({ check }) =>
    Effect.map(check({ text, file: "workflow.yaml" }), ({ diagnostics }) => diagnostics.map(({ message }) => message))
  )

describe("with a lock", () => {
  it.live("names and arguments of tools are proved offline, of servers that are broken too", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const lock = yield* lockOf(fake("f"), fake("g"))
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(
          yield* messages("tasks:\n  - { id: a, method: mcp/tool.f.add, params: { a: 1, b: 2 } }\n"),
          []
        )
        assert.match(
          (yield* messages("tasks:\n  - { id: a, method: mcp/tool.f.ad, params: {} }\n"))[0] ?? "",
          /no method/
        )
        assert.deepStrictEqual(
          yield* messages("tasks:\n  - { id: a, method: mcp/tool.g.add, params: { a: 1, b: x } }\n"),
          ['`b`: expected a number, found "x"']
        )
        assert.isFalse(existsSync(log))
        // and whoever calls what is there no more is told why
        const { error } = yield* call("mcp/tool.g.add", { a: 1, b: 2 })
        assert.include(error?.message, "TOKEN is not set")
        assert.isFalse(existsSync(log))
        assert.deepInclude((yield* call("mcp/tool.f.add", { a: 1, b: 2 })).result, {
          server: "f",
          structured: { sum: 3 }
        })
        assert.isTrue(noted(log).some(({ start }) => start !== undefined))
      }).pipe(
        Effect.provide(
          engine([fake("f", { args: ["--log", log] }), { name: "g", reason: "TOKEN is not set (g.env.TOKEN)" }], {
            lock
          })
        )
      )
    }).pipe(Effect.scoped)
  )

  it.live("a tool that is gone, or has other schemas or hints, is not called", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const was = yield* lockOf(fake("f"))
      const { "f.echo": echo = assert.fail("there is none") } = was.servers["f"] ?? {}
      const lock = changed(
        changed(
          { ...was, servers: { f: { ...was.servers["f"], "f.gone": { ...echo, tool: "gone" } } } },
          "f",
          "f.add",
          {
            input: { type: "object", properties: { x: { type: "number" } } }
          }
        ),
        "f",
        "f.remove",
        { destructive: false }
      )
      yield* Effect.gen(function* () {
        const said = (method: string, params: { readonly [key: string]: string | number }) =>
          Effect.map(call(method, params), ({ error }) => error?.message)
        assert.include(yield* said("mcp/tool.f.gone", { text: "x" }), '"f" has no tool gone any more')
        assert.include(
          yield* said("mcp/tool.f.add", { x: 1 }),
          'the tool f.add of "f" is another than was locked: its params ("x" is gone, "a" is there, "b" is there)'
        )
        assert.include(yield* said("mcp/tool.f.remove", { path: "x" }), "another than was locked: its hints")
        assert.isUndefined(yield* said("mcp/tool.f.echo", { text: "x" }))
      }).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })], { lock })))
      const calls = noted(log).filter(({ heard }) => heard?.["method"] === "tools/call")
      assert.strictEqual(calls.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("a tool that is described otherwise is called", () =>
    Effect.gen(function* () {
      const lock = changed(yield* lockOf(fake("f")), "f", "f.echo", { description: "As it was" })
      yield* Effect.gen(function* () {
        assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "x" })).result, { text: "x" })
        // a server that changes its mind meanwhile
        assert.deepInclude((yield* fault("f", "shrink")).result, { text: "shrunk" })
        assert.include((yield* call("mcp/tool.f.echo", { text: "x" })).error?.message, "has no tool echo any more")
      }).pipe(Effect.provide(engine([fake("f")], { lock })))
    })
  )

  it.live("that does not know every server, those that it does not know are asked", () =>
    Effect.gen(function* () {
      const lock = yield* lockOf(fake("f"))
      yield* Effect.gen(function* () {
        assert.deepInclude((yield* call("mcp/tool.g.echo", { text: "x" })).result, { server: "g" })
        assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "x" })).result, { server: "f" })
      }).pipe(Effect.provide(engine([fake("f"), fake("g")], { lock })))
      // what it knows of one that cannot be asked stands in for its list
      yield* Effect.gen(function* () {
        assert.deepInclude((yield* call("mcp/tool.g.echo", { text: "x" })).result, { server: "g" })
        assert.match((yield* fault("f", "pid")).error?.message ?? "", /server "f".*API_KEY is missing/)
      }).pipe(Effect.provide(engine([fake("f", { mode: "exit-start" }), fake("g")], { lock })))
    })
  )

  it.live("what has changed is told tool by tool", () =>
    Effect.gen(function* () {
      const lock = yield* lockOf(fake("f"), fake("g"))
      const drift = yield* Effect.scoped(
        Effect.flatMap(McpServers.make([fake("f", { mode: "alike" }), fake("g")]), (hub) =>
          Effect.map(hub.tools, (tools) => Lock.drift(lock, tools))
        )
      )
      assert.deepStrictEqual(drift.map(({ change, tool }) => `${change} ${tool}`).toSorted(), [
        "added f.a.b",
        "added f.b",
        "gone f.add",
        "gone f.claim",
        "gone f.echo",
        "gone f.fault",
        "gone f.remove"
      ])
    })
  )
})
