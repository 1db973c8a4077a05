/** Servers by HTTP that go wrong, as the tasks of a run see them; and the same workflow by either way. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Server } from "../src/Server.ts"
import { call, engine, fake, fakeHttp, fault, run } from "./hub.ts"

const workflow = `
tasks:
  - { id: a, method: mcp/tool.f.add, params: { a: 1, b: 2 } }
  - { id: b, method: mcp/tool.f.echo, params: { text: "\${a.output}" } }
  - { id: c, method: mcp/tool.f.fault, params: { kind: blocks } }
outputs: { a: "\${a}", b: "\${b}", c: "\${c}" }
`

/** What a single attempt fails with. */
const once = (server: Server) =>
  run("tasks:\n  - { id: a, method: mcp/ping, retry: { max_attempts: 1 } }\n").pipe(
    Effect.provide(engine([server])),
    Effect.map(({ tasks }) => tasks["a"]?.error?.message ?? "it has not failed")
  )

describe("a server by HTTP", () => {
  it.live("gives what it gives by standard input and output, with streams, without, and by the old transport", () =>
    Effect.gen(function* () {
      const { outputs } = yield* run(workflow).pipe(Effect.provide(engine([fake("f")])))
      for (const mode of ["", "json", "sse"]) {
        const { server } = yield* fakeHttp("f", mode)
        const report = yield* run(workflow).pipe(Effect.provide(engine([server])))
        assert.deepStrictEqual(report.outputs, outputs, mode)
      }
    }).pipe(Effect.scoped)
  )

  it.live("that forgets its sessions is greeted again", () =>
    Effect.gen(function* () {
      for (const mode of ["forgetful", "forgetful-400"]) {
        const { server } = yield* fakeHttp("f", mode)
        yield* Effect.gen(function* () {
          for (const text of ["one", "two", "three"]) {
            assert.deepInclude((yield* call("mcp/tool.f.echo", { text })).result, { text }, mode)
          }
        }).pipe(Effect.provide(engine([server])))
      }
    }).pipe(Effect.scoped)
  )

  it.live("that wants credentials gets them, and says so when there are none", () =>
    Effect.gen(function* () {
      const { server } = yield* fakeHttp("f", "token")
      const { reach } = server
      if (reach._tag !== "Http") return assert.fail("it is one by HTTP")
      const known = { ...server, reach: { ...reach, auth: { _tag: "Bearer", token: "let-me-in" } as const } }
      assert.isUndefined((yield* call("mcp/tool.f.echo", { text: "x" }).pipe(Effect.provide(engine([known])))).error)
      const { error } = yield* call("mcp/ping").pipe(Effect.provide(engine([server])))
      assert.match(error?.message ?? "", /401.*credentials/)
    }).pipe(Effect.scoped)
  )

  it.live("that is none, or is not there, says what there is", () =>
    Effect.gen(function* () {
      const { server: html } = yield* fakeHttp("f", "html")
      assert.match(yield* once(html), /text\/html/)
      const { close, server } = yield* fakeHttp("f", "")
      yield* close
      assert.match(yield* once({ ...server, protocol: "legacy" }), /nothing listens on http:\/\/127\.0\.0\.1/)
    }).pipe(Effect.scoped)
  )

  it.live("that breaks a stream off fails that call, and goes on", () =>
    Effect.gen(function* () {
      const { server } = yield* fakeHttp("f", "")
      yield* Effect.gen(function* () {
        const { error } = yield* fault("f", "cut")
        assert.isDefined(error)
        assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "next" })).result, { text: "next" })
      }).pipe(Effect.provide(engine([{ ...server, callTimeout: 2000 }])))
    }).pipe(Effect.scoped)
  )

  it.live("that is another process than before is greeted again", () =>
    Effect.gen(function* () {
      const first = yield* fakeHttp("f", "")
      yield* Effect.gen(function* () {
        assert.isUndefined((yield* call("mcp/tool.f.echo", { text: "x" })).error)
        yield* first.close
        yield* fakeHttp("f", "", first.port)
        assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "again" })).result, { text: "again" })
      }).pipe(Effect.provide(engine([first.server])))
    }).pipe(Effect.scoped)
  )
})
