import { assert, describe, it } from "@effect/vitest"
import { TaskContext } from "@gleitzeit/core"
import { Effect, Fiber, Stream } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { kill } from "node:process"
import * as McpServers from "../src/McpServers.ts"
import type { Server, Unusable } from "../src/Server.ts"
import { context, fault, isAlive, text, until } from "./connections.ts"
import { everythingHttp, freePort, reached } from "./http.ts"
import { fake, folder, noted, real } from "./hub.ts"

const names = (hub: McpServers.McpServers) => Effect.map(hub.tools, (all) => all.map(({ name }) => name))

/** One call by the name that all know the tool by. */
const called = Effect.fnUntraced(function* (hub: McpServers.McpServers, name: string, args: Record<string, string>) {
  const found = (yield* hub.tools).find((one) => one.name === name)
  if (found === undefined) return assert.fail(`there is no ${name}`)
  const connection = yield* hub.connection(found.server)
  return yield* Effect.provideService(connection.call(found.tool.name, args), TaskContext.TaskContext, context())
})

const everything = (more: Partial<Server> = {}) => real("everything", "mcp-server-everything", ["stdio"], more)

describe("servers of npm", () => {
  it.live("are one hub: each with its own prefix, in the order of the configuration", () =>
    Effect.gen(function* () {
      const place = yield* folder
      for (const side of ["left", "right"]) {
        mkdirSync(join(place, side))
        writeFileSync(join(place, side, "data.txt"), side)
      }
      const files = (side: string) =>
        real(side, "mcp-server-filesystem", [join(place, side)], { prefix: `${side}.fs.`, roots: [join(place, side)] })
      const hub = yield* McpServers.make([
        files("left"),
        files("right"),
        real("memory", "mcp-server-memory", []),
        real("thinking", "mcp-server-sequential-thinking", []),
        everything(),
        real("github", "mcp-server-github", [])
      ])
      const all = yield* names(hub)
      const of = (prefix: string) => all.filter((name) => name.startsWith(prefix)).length
      const counts = ["left.fs.", "right.fs.", "memory.", "thinking.", "everything.", "github."].map(of)
      assert.deepStrictEqual(counts, [14, 14, 9, 1, 15, 26])
      assert.strictEqual(all.length, 79)
      assert.strictEqual(new Set(all).size, 79)
      assert.isTrue(all[0]?.startsWith("left.fs."))
      assert.strictEqual(yield* hub.tools, yield* hub.tools)

      for (const side of ["left", "right"]) {
        const path = join(place, side, "data.txt")
        assert.strictEqual(text(yield* called(hub, `${side}.fs.read_text_file`, { path })), side)
      }
      const path = join(place, "left", "data.txt")
      const denied = yield* called(hub, "right.fs.read_text_file", { path })
      assert.isTrue(denied.isError)
      assert.match(text(denied), /outside allowed directories/)
      assert.strictEqual((yield* hub.states).find(({ name }) => name === "github")?.protocol, "2024-11-05")
    })
  )

  it.live("read in the folders that they are told of, without any in their arguments", () =>
    Effect.gen(function* () {
      const place = yield* folder
      writeFileSync(join(place, "data.json"), "{}")
      const { reach, ...rest } = real("fs", "mcp-server-filesystem", [], { roots: [place] })
      const hub = yield* McpServers.make([
        { ...rest, reach: reach._tag === "Stdio" ? { ...reach, cwd: place } : reach }
      ])
      assert.strictEqual(text(yield* called(hub, "fs.read_file", { path: "./data.json" })), "{}")
    })
  )

  it.live("die, and the next call is answered by another", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([everything()])
      yield* hub.tools
      const connection = yield* hub.connection("everything")
      const { pid = 0 } = yield* connection.state
      const long = Effect.provideService(
        connection.call("trigger-long-running-operation", { duration: 30, steps: 3 }),
        TaskContext.TaskContext,
        context()
      )
      const waiting = yield* Effect.forkChild(Effect.flip(long), { startImmediately: true })
      kill(pid, "SIGKILL")
      assert.match((yield* Fiber.join(waiting)).message, /"everything" ended by SIGKILL during the call/)
      assert.match(text(yield* called(hub, "everything.echo", { message: "on" })), /on/)
      const state = yield* connection.state
      assert.strictEqual(state.restarts, 1)
      assert.notStrictEqual(state.pid, pid)
    })
  )

  it.live("tell progress, which keeps a call from its timeout", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([everything({ callTimeout: 700 })])
      yield* hub.tools
      const connection = yield* hub.connection("everything")
      const seen: Array<unknown> = []
      const long = connection.call("trigger-long-running-operation", { duration: 1, steps: 4 })
      const answer = yield* Effect.provideService(
        long,
        TaskContext.TaskContext,
        context((chunk) => seen.push(chunk))
      )
      assert.match(text(answer), /completed/)
      assert.lengthOf(seen, 4)
    })
  )

  it.live("say the same by either transport, and by HTTP after a restart as well", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const first = yield* everythingHttp(port)
      const http = { ...reached(`http://127.0.0.1:${port}/mcp`), name: "everything", prefix: "everything." }
      const [here, there] = [yield* McpServers.make([everything()]), yield* McpServers.make([http])]
      const args = { location: "Chicago" }
      const expected = yield* called(here, "everything.get-structured-content", args)
      assert.isObject(expected.structured)
      assert.deepStrictEqual(yield* called(there, "everything.get-structured-content", args), expected)
      assert.sameMembers([...(yield* names(there))], [...(yield* names(here))])
      yield* first.stop
      yield* everythingHttp(port)
      assert.deepStrictEqual(yield* called(there, "everything.get-structured-content", args), expected)
    })
  )
})

describe("the tools of a hub", () => {
  it.live("are those that the rules let through, by the names that they give", () =>
    Effect.gen(function* () {
      const rules = { include: ["e*", "re?ove", "fault"], exclude: ["fa*"], aliases: { remove: "delete", echo: "say" } }
      const hub = yield* McpServers.make([fake("one", { prefix: "", tools: rules })])
      assert.deepStrictEqual(yield* names(hub), ["say", "delete"])
      assert.strictEqual(text(yield* called(hub, "say", { text: "hello" })), "hello")
    })
  )

  it.live("may not have one name twice", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([fake("one", { prefix: "x." }), fake("two", { prefix: "x." })])
      assert.strictEqual(
        (yield* Effect.flip(hub.tools)).message,
        `mcp.servers: the tools "echo" of the server "one" and "echo" of the server "two" are both named "x.echo"; give one of them another \`tool_prefix\` or an alias`
      )
    })
  )

  it.live("are there without those of a server that is broken, and of one that is not usable", () =>
    Effect.gen(function* () {
      const unusable: Unusable = { name: "unset", reason: "the environment variable TOKEN is not set" }
      const hub = yield* McpServers.make([
        fake("broken", { mode: "exit-start" }),
        unusable,
        fake("silent", { mode: "silent", startTimeout: 300 }),
        fake("well")
      ])
      assert.lengthOf(yield* names(hub), 5)
      const states = yield* hub.states
      assert.deepStrictEqual(
        states.map(({ name, status }) => `${name} ${status}`),
        ["broken down", "unset broken", "silent down", "well ready"]
      )
      assert.match(String(states[0]?.reason), /exit code 3.*API_KEY is missing/)
      assert.strictEqual(states[1]?.reason, "the environment variable TOKEN is not set")
      const failure = yield* Effect.flip(hub.connection("unset"))
      assert.match(failure.message, /the server "unset" cannot be used: the environment variable TOKEN is not set/)
      assert.match((yield* Effect.flip(hub.connection("wel"))).message, /\(configured: broken, unset, silent, well\)/)
    })
  )

  it.live("are told to have changed", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([fake("one"), fake("two")])
      const before = yield* hub.tools
      const told = yield* Effect.forkChild(Stream.runHead(hub.changes), { startImmediately: true })
      const two = yield* hub.connection("two")
      // whenever the listener begins, one of the changes comes after it
      yield* Effect.repeat(fault(two, "change"), { until: () => told.pollUnsafe() !== undefined })
      assert.isAbove((yield* hub.tools).length, before.length)
    })
  )

  it.live("are asked for at once where a server is to be there from the start", () =>
    Effect.gen(function* () {
      const hub = yield* McpServers.make([fake("eager", { start: "eager" }), fake("lazy")])
      yield* until(Effect.map(hub.states, ([eager]) => eager?.tools === 5))
      assert.strictEqual((yield* hub.states)[1]?.status, "idle")
    })
  )

  it.effect("belong to servers whose names differ", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(McpServers.make([fake("one"), fake("one")]))
      assert.strictEqual(message, `mcp.servers: two servers are named "one"; each needs a name of its own`)
    })
  )
})

describe("a hub that is closed", () => {
  it.live("leaves no process behind, whatever its servers do about it", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const log = (name: string) => join(place, name)
      const servers = ["well", "ignore-term", "ignore-term,grandchild", "stderr-flood"].map((mode, index) =>
        fake(`server-${index}`, { mode, args: ["--log", log(`server-${index}`)] })
      )
      const { reach } = fake("wrapped", { mode: "ignore-term", args: ["--log", log("wrapped")] })
      const [command, args] = reach._tag === "Stdio" ? [reach.command, reach.args] : ["", []]
      const line = [command, ...args].map((word) => `'${word}'`).join(" ")
      const wrapped = fake("wrapped", {
        reach: { _tag: "Stdio", command: "sh", args: ["-c", `${line}; true`], env: {} }
      })
      const all = [...servers, wrapped]
      yield* Effect.scoped(
        Effect.gen(function* () {
          const hub = yield* McpServers.make(all)
          assert.lengthOf(yield* hub.tools, 25)
          assert.deepStrictEqual(new Set((yield* hub.states).map(({ status }) => status)), new Set(["ready"]))
        })
      )
      const pids = all
        .flatMap(({ name }) => noted(log(name)).flatMap((entry) => Object.values(entry)))
        .filter(Number.isInteger)
      assert.lengthOf(pids, 6)
      // what was killed may be a moment away from its end
      yield* until(Effect.sync(() => !pids.some((pid) => isAlive(Number(pid)))))
    })
  )
})
