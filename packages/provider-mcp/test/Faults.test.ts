/** Servers that go wrong, as the tasks of a run see them. */
import { assert, describe, it } from "@effect/vitest"
import { Gleitzeit } from "@gleitzeit/core"
import { Effect } from "effect"
import { join } from "node:path"
import type { Server } from "../src/Server.ts"
import { call, engine, fake, fault, folder, noted, run } from "./hub.ts"

describe("an answer", () => {
  it.live("is what was meant, whatever else is on the wire", () =>
    Effect.gen(function* () {
      for (const [kind, text] of [
        ["bad-json", "after bad JSON"],
        ["odd-frames", "after odd frames"],
        ["wrong-id", "of this call"],
        ["twice", "first"],
        ["late-progress", "over"],
        ["unicode", "a\u2028b\u2029c \u{1f600} \0 d"],
        ["split-utf8", "a\u{1f600}b"]
      ] as const) {
        assert.deepInclude((yield* fault("f", kind)).result, { text }, kind)
      }
      assert.strictEqual(Object((yield* call("mcp/servers")).result).servers[0].restarts, 0)
    }).pipe(Effect.provide(engine([fake("f", { mode: "banner" })])))
  )

  it.live("that cannot be read fails its task alone", () =>
    Effect.gen(function* () {
      for (const [kind, message] of [
        ["not-object", /expected an object/],
        ["string-code", /boom/],
        ["rpc-error", /-32603.*boom/],
        ["deep", /nested|deep|depth/]
      ] as const) {
        const { error } = yield* fault("f", kind)
        assert.match(error?.message ?? "none", message, kind)
        assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "next" })).result, { text: "next" })
      }
      assert.strictEqual(Object((yield* call("mcp/servers")).result).servers[0].restarts, 0)
    }).pipe(Effect.provide(engine([fake("f")])))
  )

  it.live("keeps what is no text as it came", () =>
    Effect.gen(function* () {
      const { result } = yield* fault("f", "blocks")
      assert.deepInclude(result, { text: "one\nembedded\ntwo" })
      assert.deepInclude(Object(result).content[1], { type: "audio", data: "UklGRg==", mimeType: "audio/wav" })
      const { result: unknown } = yield* fault("f", "unknown-block")
      assert.deepInclude(unknown, { text: "", content: [{ type: "hologram", depth: 3 }] })
      const { result: image } = yield* fault("f", "image")
      assert.deepInclude(Object(image).content[0], { type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" })
    }).pipe(Effect.provide(engine([fake("f")])))
  )

  it.live("that is not what the tool promises is a failure of the server", () =>
    Effect.gen(function* () {
      assert.deepInclude((yield* call("mcp/tool.f.claim", { value: { n: 1 } })).result, { structured: { n: 1 } })
      const { error } = yield* call("mcp/tool.f.claim", { value: { n: "one" } })
      assert.strictEqual(error?.retryable, false)
      assert.match(error?.message ?? "", /claim/)
    }).pipe(Effect.provide(engine([fake("f")])))
  )

  it.live("that is too large fails its task, and no other server's", () =>
    Effect.gen(function* () {
      const large = yield* fault("f", "big", { size: 200_000 })
      assert.strictEqual(large.error?.name, "RESULT_TOO_LARGE")
      assert.deepInclude((yield* call("mcp/tool.g.echo", { text: "next" })).result, { text: "next" })
      assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "next" })).result, { text: "next" })
    }).pipe(Effect.provide(engine([fake("f"), fake("g")], { maxAnswer: 100_000 })))
  )
})

describe("tools", () => {
  const methods = Effect.map(
    Effect.flatMap(Gleitzeit.Gleitzeit, ({ contracts }) => contracts),
    (contracts) =>
      contracts.flatMap(({ method }) => (method.startsWith("mcp/tool.") ? [method.slice("mcp/tool.".length)] : []))
  )

  it.live("that are malformed are left out, and schemas that are none do not stop a call", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* methods,
        ["echo", "add", "remove", "fault", "claim", "odd-input", "odd-output"].map((name) => `f.${name}`)
      )
      assert.deepInclude((yield* call("mcp/tool.f.odd-input", { x: 1 })).result, { text: "odd-input" })
      assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "the first of two" })).result, {
        text: "the first of two"
      })
    }).pipe(Effect.provide(engine([fake("f", { mode: "bad-tools" })])))
  )

  it.live("of all pages are there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* methods, ["f.p0", "f.p1", "f.p2", "f.p3", "f.p4"])
    }).pipe(Effect.provide(engine([fake("f", { mode: "paged" })])))
  )

  it.live("of a server whose list has no end, or is refused, are not there; the others are", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        (yield* methods).filter((name) => !name.startsWith("ok.")),
        []
      )
      assert.include(yield* methods, "ok.echo")
    }).pipe(Effect.provide(engine([fake("e", { mode: "endless" }), fake("r", { mode: "no-list" }), fake("ok")])))
  )

  it.live("are told apart by the longest prefix", () =>
    Effect.gen(function* () {
      assert.deepInclude((yield* call("mcp/tool.a.b.echo", { text: "x" })).result, { server: "inner" })
      assert.deepInclude((yield* call("mcp/tool.a.echo", { text: "x" })).result, { server: "outer" })
    }).pipe(Effect.provide(engine([fake("outer", { prefix: "a." }), fake("inner", { prefix: "a.b." })])))
  )

  it.live("of one name are told of with both servers", () =>
    Effect.gen(function* () {
      const gleitzeit = yield* Gleitzeit.Gleitzeit
      const { diagnostics } = yield* gleitzeit.check({
        text: "tasks:\n  - { id: a, method: mcp/tool.echo, params: { text: x } }\n",
        file: "workflow.yaml"
      })
      const said = diagnostics.map(({ message }) => message).join("\n")
      assert.match(said, /one.*two|two.*one/s)
    }).pipe(Effect.provide(engine([fake("one", { prefix: "" }), fake("two", { prefix: "" })])))
  )
})

describe("a run", () => {
  it.live("has all its calls to a server that dies failed, and goes on with another", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      yield* Effect.gen(function* () {
        const report = yield* run(`
tasks:
  - { id: a, method: mcp/tool.f.fault, params: { kind: never }, on_error: continue }
  - { id: b, method: mcp/tool.f.fault, params: { kind: never }, on_error: continue }
  - { id: kill, method: mcp/tool.f.fault, params: { kind: kill }, on_error: continue }
  - { id: next, method: mcp/tool.f.echo, params: { text: alive }, dependencies: [a, b, kill] }
`)
        for (const id of ["a", "b", "kill"]) assert.include(report.tasks[id]?.error?.message, "SIGKILL")
        assert.deepInclude(report.tasks["next"]?.result, { text: "alive" })
        assert.strictEqual(Object((yield* call("mcp/servers")).result).servers[0].restarts, 1)
      }).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })])))
      assert.strictEqual(noted(log).filter(({ start }) => start !== undefined).length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("that is cancelled tells the server", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const has = (method: string, tool?: string) =>
        noted(log).some(({ heard }) => {
          const params = heard?.["params"]
          return heard?.["method"] === method && (tool === undefined || Object(params).name === tool)
        })
      yield* Effect.gen(function* () {
        const gleitzeit = yield* Gleitzeit.Gleitzeit
        assert.isUndefined((yield* call("mcp/tool.f.echo", { text: "it is up" })).error)
        const { workflow = assert.fail("there is none") } = yield* gleitzeit.check({
          text: "tasks:\n  - { id: a, method: mcp/tool.f.fault, params: { kind: never } }\n",
          file: "workflow.yaml"
        })
        const run = yield* gleitzeit.submit(workflow)
        yield* until(() => has("tools/call", "fault"))
        yield* gleitzeit.cancel(run)
        yield* until(() => has("notifications/cancelled"))
      }).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })])))
    }).pipe(Effect.scoped)
  )

  it.live("shows the progress of its tools, which keeps them from their timeout", () =>
    Effect.gen(function* () {
      const { error, result } = yield* fault("f", "progress", { ms: 700 })
      assert.isUndefined(error)
      assert.deepInclude(result, { text: "progressed" })
      const slow = yield* fault("f", "never")
      assert.strictEqual(slow.error?.name, "PROVIDER_TIMEOUT")
      assert.deepInclude((yield* call("mcp/tool.f.echo", { text: "next" })).result, { text: "next" })
    }).pipe(Effect.provide(engine([fake("f", { callTimeout: 500 })])))
  )

  it.live("answers what a server asks of whoever calls it: roots, and no to the rest", () =>
    Effect.gen(function* () {
      assert.match(String(Object((yield* fault("f", "roots")).result).text), /"uri":"file:\/\/\/tmp"/)
      for (const kind of ["sample", "elicit"]) {
        const { error, result } = yield* fault("f", kind)
        assert.isUndefined(error)
        assert.match(String(Object(result).text), /decline|cancel|-32601|not/i)
      }
    }).pipe(Effect.provide(engine([fake("f", { roots: ["/tmp"] })])))
  )
})

describe("a server that starts", () => {
  /** What a single ping comes to. */
  const ping = (server: Server) =>
    run("tasks:\n  - { id: a, method: mcp/ping, retry: { max_attempts: 1 } }\n").pipe(
      Effect.provide(engine([server])),
      Effect.map(({ tasks }) => tasks["a"]?.error?.message ?? "it answers")
    )

  it.live("in an odd way can be used", () =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(
        ["old-protocol", "banner", "stderr-flood"],
        (mode) => ping(fake("f", { mode, startTimeout: 10_000 })),
        { concurrency: 3 }
      )
      assert.deepStrictEqual([...new Set(all)], ["it answers"])
    })
  )

  it.live("in a way that does not work says what happened", () =>
    Effect.gen(function* () {
      const nothing = {
        ...fake("f"),
        reach: { _tag: "Stdio", command: "no-such-program-here", args: [], env: {} }
      } as const
      for (const [server, message] of [
        [fake("f", { mode: "exit-start" }), /"f" ended with exit code 3.*API_KEY is missing/],
        [fake("f", { mode: "silent", startTimeout: 400 }), /the start of the server "f".*0\.4 s/],
        [fake("f", { mode: "future-protocol" }), /2099-01-01/],
        [nothing, /"no-such-program-here" is not found.*PATH/]
      ] as const) {
        assert.match(yield* ping(server), message)
      }
    })
  )

  it.live("at the third time is tried again by a task that is", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const server = fake("f", {
        mode: "fail-twice",
        args: ["--log", log],
        restart: { max: 5, backoff: 20, window: 60_000 }
      })
      const report = yield* run(
        "tasks:\n  - { id: a, method: mcp/ping, retry: { max_attempts: 10, delay: 50ms, backoff: fixed } }\n"
      ).pipe(Effect.provide(engine([server])))
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(noted(log).filter(({ start }) => start !== undefined).length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("is one, however many calls come first", () =>
    Effect.gen(function* () {
      const log = join(yield* folder, "log")
      const report = yield* run(`
tasks:
  - id: list
    method: data/value
    params: { all: [${Array.from({ length: 50 }, (_, i) => i).join(", ")}] }
  - { id: a, foreach: "\${list.all}", method: mcp/tool.f.echo, params: { text: "\${item}!" } }
`).pipe(Effect.provide(engine([fake("f", { args: ["--log", log] })])))
      assert.strictEqual(report.status, "completed")
      assert.strictEqual(noted(log).filter(({ start }) => start !== undefined).length, 1)
    }).pipe(Effect.scoped)
  )
})

/** Looks until it is so. */
const until = (holds: () => boolean) =>
  Effect.repeat(Effect.andThen(Effect.sleep(10), Effect.sync(holds)), { until: (is) => is, times: 500 })
