import { assert, describe, it } from "@effect/vitest"
import { ReplayFolder } from "@gleitzeit/core/ReplayFolder"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect } from "effect"
import { fork } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { place, type Said } from "./command.ts"

const workflow = `
name: Replayed
secrets: [CITY]
tasks:
  - id: first
    method: llm/chat
    params: { model: llama3.2, prompt: 'Tell me about \${secrets.CITY}', temperature: 0 }
  - id: ideas
    method: llm/chat
    foreach: [1, 2, 3]
    params: { model: llama3.2, prompt: One idea }
  - id: count
    method: python/execute
    params:
      code: |
        import random
        result = { "z": random.random(), "a": len(\${first.content}) }
  - id: tide
    method: tide/next
    params: { city: Bergen }
outputs:
  first: \${first.content}
  ideas: \${ideas}
  count: \${count.result}
  tide: \${tide}
`

/** It says when it is started. */
const tide = (log: string) => `
import { Effect, Stream } from "effect"
import { appendFileSync } from "node:fs"
const contract = {
  protocol: "tide/v1", method: "tide/next", description: "When", effects: "reads",
  params: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  result: {}
}
export default {
  gleitzeit: 1, kind: "provider", name: "tide", options: {},
  make: () => Effect.sync(() => appendFileSync(${JSON.stringify(log)}, "started\\n")).pipe(Effect.as({
    name: "tide", protocol: "tide/v1", concurrency: 4,
    contracts: Effect.succeed([contract]), changes: Stream.never,
    call: (method, params) => Effect.succeed({ at: "12:04", for: params.city }),
    identity: () => Effect.succeed(undefined), estimate: () => Effect.succeed({}),
    health: Effect.succeed({ status: "healthy" })
  }))
}
`

const report = (said: Said) => {
  assert.strictEqual(said.exit, 0, `${said.stdout}\n${said.stderr}`)
  const { outputs, tasks } = JSON.parse(said.stdout)
  const results = Object.entries<Record<string, unknown>>(tasks).map(([path, { result, usage }]) => [
    path,
    result,
    usage
  ])
  return JSON.stringify({ outputs, results })
}

/** Places of one folder: each with an environment of its own. */
const at = (folder: string, env: Record<string, string>) =>
  Effect.map(place({ GLEITZEIT_REPLAY_DIR: join(folder, "replay"), CITY: "Atlantis-on-Sea", ...env }), ({ gz }) => gz)

describe("GLEITZEIT_REPLAY", () => {
  it.live("replays a run to the byte without its servers, its interpreter and its plug-ins", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place()
      const server = yield* MiniOllama.start({ replies: ({ text }) => `Nothing is known of ${text}` })
      const path = file("replayed.yaml", workflow)
      const config = file("gleitzeit.config.yaml", "providers: { tide: { use: ./tide.mjs } }\n")
      const log = join(folder, "log.txt")
      file("tide.mjs", tide(log))
      const args = ["run", path, "--json", "--config", config]
      const recording = yield* at(folder, { GLEITZEIT_REPLAY: "record", GLEITZEIT_OLLAMA_URL: server.url })
      const recorded = yield* recording(...args)
      report(recorded)
      assert.include(recorded.stderr, "6 calls recorded in ")
      const files = readdirSync(join(folder, "replay"), { recursive: true, encoding: "utf8" })
      const all = files
        .filter((name) => name.endsWith(".json"))
        .map((name) => readFileSync(join(folder, "replay", name), "utf8"))
      assert.notInclude(all.join(), "Atlantis-on-Sea")
      assert.lengthOf(
        files.filter((name) => /^llm-chat.ideas-\d-\./.test(name)),
        3
      )

      yield* server.stop
      const replaying = yield* at(folder, { GLEITZEIT_REPLAY: "replay", GLEITZEIT_PYTHON: "/nowhere", CITY: "" })
      const replayed = yield* replaying(...args)
      assert.strictEqual(report(replayed), report(recorded))
      assert.include(replayed.stderr, "6 calls answered from ")
      assert.include(replayed.stderr, ", none was made")
      assert.strictEqual(readFileSync(log, "utf8"), "started\n")
      assert.notInclude((yield* replaying(...args, "--quiet")).stderr, "replay:")
    })
  )

  it.live("says what was recorded where a call is not, and records it in the mode auto", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place()
      const server = yield* MiniOllama.start()
      const one = (text: string) =>
        file("one.yaml", `tasks:\n  - { id: a, method: llm/chat, params: { model: llama3.2, prompt: ${text} } }\n`)
      const env = { GLEITZEIT_OLLAMA_URL: server.url }
      const recording = yield* at(folder, { ...env, GLEITZEIT_REPLAY: "record" })
      assert.strictEqual((yield* recording("run", one("Tides"))).exit, 0)
      const replaying = yield* at(folder, { ...env, GLEITZEIT_REPLAY: "replay" })
      const missed = yield* replaying("run", one("Waves"))
      assert.strictEqual(missed.exit, 5)
      assert.include(missed.stderr, 'params.prompt: recorded "Tides", called "Waves"')
      const auto = yield* at(folder, { ...env, GLEITZEIT_REPLAY: "auto" })
      assert.include((yield* auto("run", one("Waves"))).stderr, "1 call recorded in ")
      const asked = server.requests().length
      assert.strictEqual((yield* replaying("run", one("Waves"))).exit, 0)
      assert.strictEqual((yield* auto("run", one("Tides"))).exit, 0)
      assert.lengthOf(server.requests(), asked)
    })
  )

  it.live("carries an agent out again, on what its model and its tools said", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* place()
      const example = join(import.meta.dirname, "../../../examples/17-agent")
      for (const name of readdirSync(example)) {
        file(name, readFileSync(join(example, name), "utf8").replaceAll("command: node,", "command: node, cwd: .,"))
      }
      const args = ["run", join(folder, "workflow.yaml"), "--json", "--config", join(folder, "gleitzeit.config.yaml")]
      const recorded = yield* (yield* at(folder, { GLEITZEIT_REPLAY: "record" }))(...args)
      const first = report(recorded)
      for (const server of ["model.mjs", "tides.mjs"]) file(server, "throw new Error()")
      const replayed = yield* (yield* at(folder, { GLEITZEIT_REPLAY: "replay" }))(...args)
      assert.strictEqual(report(replayed), first)
    })
  )

  it.live("does not record what a simulator says", () =>
    Effect.gen(function* () {
      const { folder } = yield* place()
      const gz = yield* at(folder, { GLEITZEIT_REPLAY: "record" })
      const said = yield* gz("call", "llm/chat", "prompt=Tides", "--simulate", "llm")
      assert.strictEqual(said.exit, 0)
      assert.notInclude(said.stderr, "recorded")
      assert.isFalse(existsSync(join(folder, "replay")))
    })
  )

  it.live("refuses a mode that it does not know", () =>
    Effect.gen(function* () {
      const { folder } = yield* place()
      const said = yield* (yield* at(folder, { GLEITZEIT_REPLAY: "play" }))("call", "data/value")
      assert.strictEqual(said.exit, 2)
      assert.include(said.stderr, 'GLEITZEIT_REPLAY: expected off, record, replay or auto, not "play"')
    })
  )
})

describe("recordings", () => {
  it.live("are whole though two processes write the same ones at once", () =>
    Effect.gen(function* () {
      const { folder } = yield* place()
      const record = (n: number) =>
        Effect.callback<number | null>((resume) => {
          const child = fork(join(import.meta.dirname, "recorder.ts"), [folder, String(n)])
          child.on("exit", (code) => resume(Effect.succeed(code)))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
      assert.deepStrictEqual(yield* Effect.all([record(1), record(2)], { concurrency: "unbounded" }), [0, 0])
      const recordings = new ReplayFolder(folder)
      const entries = yield* recordings.entries("test/do")
      assert.lengthOf(readdirSync(join(folder, "test-do")), entries.length)
      assert.lengthOf(entries, 3)
      for (const entry of entries) assert.lengthOf(String((yield* recordings.read(entry)).result), 100_000)
    })
  )
})
