import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import * as ProcessGroup from "../src/ProcessGroup.ts"
import { bundled } from "./bundled.ts"
import { isAlive, until } from "./connections.ts"
import { folder, noted } from "./hub.ts"

/** A program of ours with a server of the given mode; it is up when this returns. */
const parent = Effect.fnUntraced(function* (mode: string, end = "") {
  const log = join(yield* folder, "log")
  const args = [yield* bundled("parent"), join(import.meta.dirname, "fake/server.mjs"), mode, log, end]
  const program = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })),
    (program) => Effect.sync(() => program.kill("SIGKILL"))
  )
  yield* Effect.callback<void>((resume) => {
    program.stdout.once("data", () => resume(Effect.void))
  })
  const pids = noted(log).flatMap((entry) => Object.values(entry).filter((value) => typeof value === "number"))
  return { program, pids }
})

const gone = (pids: ReadonlyArray<number>) => until(Effect.sync(() => !pids.some(isAlive)))

const ended = (program: ChildProcess) =>
  until(Effect.sync(() => program.exitCode !== null || program.signalCode !== null))

describe("a server whose program", () => {
  it.live("is killed leaves by itself", () =>
    Effect.gen(function* () {
      const { pids, program } = yield* parent("")
      assert.lengthOf(pids, 1)
      program.kill("SIGKILL")
      yield* gone(pids)
    })
  )

  it.live("is interrupted does not outlive it, be it as stubborn as it likes", () =>
    Effect.gen(function* () {
      const { pids, program } = yield* parent("ignore-term,grandchild")
      assert.lengthOf(pids, 2)
      program.kill("SIGINT")
      yield* ended(program)
      yield* gone(pids)
    })
  )

  it.live("ends without closing anything does not outlive it either", () =>
    Effect.gen(function* () {
      const { pids, program } = yield* parent("ignore-term,grandchild", "exit")
      yield* ended(program)
      yield* gone(pids)
    })
  )
})

describe("a process", () => {
  const script = (source: string): ProcessGroup.Command => ({
    command: process.execPath,
    args: ["-e", source],
    env: {},
    maxMessage: 1000
  })

  const exited = (source: string) =>
    Effect.gen(function* () {
      const link = yield* ProcessGroup.start(script(source))
      yield* Effect.promise(() => link.transport.start())
      yield* until(Effect.sync(() => link.end() !== undefined))
      return link
    })

  it.live("has its end and the end of what it wrote known", () =>
    Effect.gen(function* () {
      const link = yield* exited(`process.stderr.write("x".repeat(20_000) + "last words", () => process.exit(3))`)
      assert.deepStrictEqual(link.end(), { _tag: "Exited", code: 3, isMute: false })
      const { stderr } = link.said()
      assert.lengthOf(stderr, 8192)
      assert.isTrue(stderr.endsWith("last words"))
    })
  )

  it.live("that closes its output is of no use any more", () =>
    Effect.gen(function* () {
      const link = yield* exited(`require("node:fs").closeSync(1); setInterval(() => {}, 1000)`)
      assert.deepStrictEqual(link.end(), { _tag: "Exited", signal: "SIGKILL", isMute: true })
    })
  )

  it.live("that closes its input is of no use either", () =>
    Effect.gen(function* () {
      const say = `console.log(JSON.stringify({ jsonrpc: "2.0", method: "deaf" }))`
      const source = `require("node:fs").closeSync(0); ${say}; setInterval(() => {}, 1000)`
      const { end, transport } = yield* ProcessGroup.start(script(source))
      const deaf = Effect.callback<void>((resume) => {
        transport.onmessage = () => resume(Effect.void)
      })
      yield* Effect.promise(() => transport.start())
      yield* deaf
      const send = Effect.ignore(Effect.tryPromise(() => transport.send({ jsonrpc: "2.0", method: "ping", id: 1 })))
      yield* send
      yield* send
      yield* until(Effect.sync(() => end() !== undefined))
      assert.deepStrictEqual(end(), { _tag: "Exited", signal: "SIGKILL", isMute: false })
    })
  )

  it.live("that reads nothing is not told more than fits", () =>
    Effect.gen(function* () {
      const { transport } = yield* ProcessGroup.start(script("setInterval(() => {}, 1000)"))
      const params = { text: "x".repeat(10_000_000) }
      const send = Effect.tryPromise(() => transport.send({ jsonrpc: "2.0", method: "ping", id: 1, params }))
      assert.isUndefined(yield* send)
      const { cause } = yield* Effect.flip(Effect.replicateEffect(send, 8))
      assert.match(String(cause), /it does not read its input/)
    })
  )

  it.live("is heard to its end, however little it hears", () =>
    Effect.gen(function* () {
      const heard: Array<unknown> = []
      const scope = yield* Scope.make()
      const say = (id: number) => `console.log(JSON.stringify({ jsonrpc: "2.0", id: ${id}, result: {} }))`
      const { transport } = yield* Scope.provide(
        ProcessGroup.start(script(`${say(1)}; process.exitCode = 1; ${say(2)}`)),
        scope
      )
      transport.onmessage = (message) => void heard.push(message)
      const over = Effect.callback<void>((resume) => {
        transport.onclose = () => resume(Effect.void)
      })
      yield* Effect.promise(() => transport.start())
      yield* over
      assert.deepStrictEqual(
        heard,
        [1, 2].map((id) => ({ jsonrpc: "2.0", id, result: {} }))
      )
      const refused = yield* Effect.promise(() =>
        transport.send({ jsonrpc: "2.0", method: "ping", id: 3 }).then(
          () => "",
          (error: Error) => error.message
        )
      )
      assert.strictEqual(refused, "its input is closed")
      yield* Scope.close(scope, Exit.void)
    })
  )
})
