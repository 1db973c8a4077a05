import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { type Place, place } from "./command.ts"
import { bin } from "./program.ts"

const program = bin()

/** The program as a client starts it: what it writes to standard output, and a way to ask. */
const served = ({ folder }: Place): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const env = { PATH: process.env["PATH"] ?? "", HOME: folder, GLEITZEIT_STORE: "sqlite:runs.db" }
      const child = spawn(process.execPath, [program, "mcp", "serve", "--debug", "--durability", "process"], {
        cwd: folder,
        env,
        stdio: ["pipe", "pipe", "ignore"]
      })
      const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
        child.on("close", (code, signal) => resolve(signal ?? code))
      )
      const lines: Array<string> = []
      const waiting = new Map<number, (result: unknown) => void>()
      createInterface({ input: child.stdout }).on("line", (line) => {
        lines.push(line)
        const { id, result } = JSON.parse(line)
        waiting.get(id)?.(result)
      })
      let last = 0
      const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
      return {
        lines,
        ask: (method: string, params: object) =>
          Effect.callback<unknown>((resume) => {
            const id = ++last
            waiting.set(id, (result) => resume(Effect.succeed(result)))
            send({ id, method, params })
          }),
        tell: (method: string) => Effect.sync(() => void send({ method })),
        close: Effect.promise(() => {
          child.stdin.end()
          return ended
        }),
        kill: Effect.promise(() => {
          child.kill("SIGKILL")
          return ended
        })
      }
    }),
    ({ kill }) => kill
  )

interface Server {
  readonly lines: ReadonlyArray<string>
  readonly ask: (method: string, params: object) => Effect.Effect<unknown>
  readonly tell: (method: string) => Effect.Effect<void>
  /** Closes its input; how it ended. */
  readonly close: Effect.Effect<unknown>
  readonly kill: Effect.Effect<unknown>
}

const greeted = (server: Server) =>
  Effect.andThen(
    server.ask("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "raw", version: "0" }
    }),
    server.tell("notifications/initialized")
  )

const called = (server: Server, name: string, args: object) =>
  Effect.map(server.ask("tools/call", { name, arguments: args }), (result) =>
    Reflect.get(Object(result), "structuredContent")
  )

describe("gleitzeit mcp serve as a program", () => {
  it.live("writes nothing but JSON-RPC to standard output, and ends with its input", () =>
    Effect.gen(function* () {
      const made = yield* place()
      made.file(
        "add.yaml",
        "inputs: { a: { type: integer } }\ntasks: [{ id: t, method: data/value, params: { x: '${inputs.a}' } }]\noutputs: { x: '${t.x}' }\n"
      )
      made.file("broken.yaml", "tasks: [\n")
      const server = yield* served(made)
      yield* greeted(server)
      const listed = JSON.stringify(yield* server.ask("tools/list", {}))
      assert.include(listed, '"name":"add"')
      assert.include(listed, '"name":"run_workflow"')
      assert.deepStrictEqual(yield* called(server, "add", { a: 2 }), { x: 2 })
      assert.strictEqual(yield* server.close, 0)
      for (const line of server.lines) assert.strictEqual(JSON.parse(line).jsonrpc, "2.0")
    }).pipe(Effect.scoped)
  )

  it.live("goes on with a run that a server before it had begun", () =>
    Effect.gen(function* () {
      const made = yield* place()
      made.file(
        "slow.yaml",
        "tasks:\n  - { id: wait, method: timer/sleep, params: { seconds: 0.5 } }\n  - { id: then, dependencies: [wait], method: data/value, params: { done: true } }\noutputs: { done: '${then.done}' }\n"
      )
      const first = yield* served(made)
      yield* greeted(first)
      const begun = yield* called(first, "run_workflow", { workflow: "slow", wait_ms: 0 })
      assert.notStrictEqual(begun.status, "completed")
      yield* first.kill
      const second = yield* served(made)
      yield* greeted(second)
      const { outputs, status } = yield* called(second, "get_run", { run_id: begun.run_id, wait_ms: 30_000 })
      assert.deepStrictEqual([status, outputs], ["completed", { done: true }])
    }).pipe(Effect.scoped)
  )

  it.live("is a server for the program's own hub", () =>
    Effect.gen(function* () {
      const made = yield* place()
      made.file(
        "flows/hello.yaml",
        "inputs: { name: { type: string } }\ntasks: [{ id: t, method: data/value, params: { text: 'Hello ${inputs.name}' } }]\noutputs: { text: '${t.text}' }\n"
      )
      // with its own configuration: it has no server that is itself
      made.file("flows/none.json", '{ "store": "memory:" }')
      const config = made.file(
        "gleitzeit.config.yaml",
        `store: "memory:"\nmcp:\n  servers:\n    own: { command: [node, ${JSON.stringify(program)}, mcp, serve, flows, --config, flows/none.json], tool_prefix: own. }\n`
      )
      const listed = yield* made.gz("mcp", "tools", "own", "--config", config)
      assert.include(listed.stdout, "own.hello")
      const said = yield* made.gz("mcp", "call", "own.hello", "--name", "Ada", "--config", config)
      assert.include(said.stdout, "Hello Ada", said.stderr)
    }).pipe(Effect.scoped)
  )
})
