import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { current, old, type Run, served, started, type Way } from "./processes.ts"
import { folder } from "./scene.ts"

const steps = `
name: Steps
tasks:
  - { id: a, method: script/do, params: { value: 1 } }
  - { id: b, method: script/do, params: { value: "\${a}", wait: 200 } }
  - { id: c, method: script/do, params: { value: "\${b}", wait: 200 } }
outputs: { c: "\${c}" }
`

const long = "tasks: [{ id: a, method: timer/sleep, params: { seconds: 3600 } }]\n"

const clients: ReadonlyArray<readonly [string, (way: Way) => ReturnType<typeof old>]> = [
  ["SDK 1", old],
  ["SDK 2, era legacy", (way) => current(way, "legacy")],
  ["SDK 2, era 2026-07-28", (way) => current(way, "modern")]
]

const runs = (run: Run) =>
  Effect.gen(function* () {
    const { progress, structured, tools } = yield* Effect.promise(() => run("steps"))
    assert.include(tools, "steps")
    assert.deepStrictEqual(structured, { c: 1 })
    // the SDKs drop a step that they read together with the answer
    assert.deepStrictEqual(progress.slice(0, 2), [1, 2])
  })

/** Processes start from sources, which takes its time on a machine that is busy. */
const live = <E>(name: string, test: () => Effect.Effect<void, E>) => it.live(name, test, 60_000)

describe("a process", () => {
  for (const [name, client] of clients) {
    live(`runs a workflow for a client of ${name} on standard input and output`, () =>
      Effect.gen(function* () {
        yield* runs(yield* client({ folder: yield* folder({ "steps.yaml": steps }) }))
      }).pipe(Effect.scoped)
    )
  }

  live("runs a workflow for clients of every kind over HTTP", () =>
    Effect.gen(function* () {
      const url = yield* served(yield* folder({ "steps.yaml": steps }))
      for (const [, client] of clients) yield* Effect.flatMap(client({ url }), runs)
    }).pipe(Effect.scoped)
  )

  live("prints nothing but messages, whatever it logs, and ends with its input", () =>
    Effect.gen(function* () {
      const path = yield* folder({ "steps.yaml": steps, "long.yaml": long })
      const child = yield* started("stdio", path)
      let logged = ""
      child.stderr.on("data", (text) => (logged += String(text)))
      const lines: Array<Message> = []
      const ended = Effect.callback<number | null>((resume) => {
        child.on("exit", (code) => resume(Effect.succeed(code)))
      })
      const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
      send({ id: 1, method: "initialize", params: hello })
      yield* Stream.fromAsyncIterable(createInterface({ input: child.stdout }), () => "unread" as const).pipe(
        Stream.map((line): Message => JSON.parse(line)),
        Stream.tap((message) =>
          Effect.sync(() => {
            lines.push(message)
            if (message.id === 1) {
              send({ method: "notifications/initialized" })
              send({ id: 2, method: "tools/call", params: { name: "steps", _meta: { progressToken: "t" } } })
              send({ id: 3, method: "tools/call", params: { name: "long" } })
            }
            if (message.id === 2) writeFileSync(join(path, "other.yaml"), steps)
            if (message.method === "notifications/tools/list_changed") child.stdin.end()
          })
        ),
        Stream.runDrain
      )
      assert.strictEqual(child.exitCode ?? (yield* ended), 0)
      assert.isTrue(lines.every(({ jsonrpc }) => jsonrpc === "2.0"))
      assert.deepStrictEqual(
        lines.map(({ id, method }) => method ?? id),
        [
          1,
          "notifications/progress",
          "notifications/progress",
          "notifications/progress",
          2,
          "notifications/tools/list_changed"
        ]
      )
      assert.include(logged, "message=serving")
    }).pipe(Effect.scoped)
  )
})

interface Message {
  readonly jsonrpc: string
  readonly id?: number
  readonly method?: string
}

const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "0" } }
