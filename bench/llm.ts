/**
 * What a chat call costs beside the bare `ollama` client: chains of calls as a run on SQLite, and as many calls by the
 * client, in turn against the same server in a process of its own. Goal: less than 2 ms a call. Medians of the rounds.
 *
 *     node --conditions=gz-source bench/llm.ts [ROUNDS] [CALLS]
 */
import { BuiltIn, Executor, Files, Gleitzeit, Providers, Secrets, type Workflow } from "@gleitzeit/core"
import { OllamaProvider } from "@gleitzeit/provider-ollama"
import { SqliteStore } from "@gleitzeit/store-sqlite"
import { Layer, ManagedRuntime } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Ollama } from "ollama"
import { median } from "./Child.ts"

const rounds = Number(process.argv[2] ?? 15)
const calls = Number(process.argv[3] ?? 100)
const words = "A sentence of some words, as a model would say it."

const server = spawn(
  process.execPath,
  ["--conditions=gz-source", resolve(import.meta.dirname, "../packages/mini-ollama/src/bin.ts"), "--port", "0"],
  { stdio: ["ignore", "pipe", "inherit"] }
)
const url = await new Promise<string>((found, failed) => {
  server.stdout.on("data", (data: Buffer) => {
    const [address] = /http:\/\/127\.0\.0\.1:\d+/u.exec(data.toString()) ?? []
    if (address !== undefined) found(address)
  })
  server.once("exit", (code) => failed(new Error(`the server ended with ${code}`)))
})
const folder = mkdtempSync(join(tmpdir(), "gleitzeit-llm-"))

const runtime = ManagedRuntime.make(
  Gleitzeit.layer().pipe(
    Layer.provide(Executor.layerLocal),
    Layer.provide(Files.layer()),
    Layer.provide(Secrets.layer),
    Layer.provide(Layer.mergeAll(OllamaProvider.layer({ url }), BuiltIn.layer)),
    Layer.provide(Providers.layer),
    Layer.provide(SqliteStore.layer({ filename: join(folder, "runs.db"), durability: "process" }))
  )
)

/** Each task asks once the one before has answered. */
const chain: Workflow.Workflow = await runtime
  .runPromise(
    Gleitzeit.Gleitzeit.use((gleitzeit) =>
      gleitzeit.check({
        text: JSON.stringify({
          name: "chain",
          tasks: Array.from({ length: calls }, (_, i) => ({
            id: `t${i}`,
            method: "llm/chat",
            dependencies: i === 0 ? [] : [`t${i - 1}`],
            params: { messages: [{ role: "user", content: words }] }
          }))
        })
      })
    )
  )
  .then(({ diagnostics, workflow }) => {
    if (workflow === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"))
    return workflow
  })

const ours = async (): Promise<number> => {
  const begun = performance.now()
  const { status } = await runtime.runPromise(Gleitzeit.Gleitzeit.use((gleitzeit) => gleitzeit.run(chain)))
  if (status !== "completed") throw new Error(`the run is ${status}`)
  return (performance.now() - begun) / calls
}

const client = new Ollama({ host: url })
const bare = async (): Promise<number> => {
  const begun = performance.now()
  for (let i = 0; i < calls; i++) {
    let text = ""
    const parts = await client.chat({ model: "llama3.2", stream: true, messages: [{ role: "user", content: words }] })
    for await (const part of parts) text += part.message.content
    if (text === "") throw new Error("the client got no text")
  }
  return (performance.now() - begun) / calls
}

const times = { ours: new Array<number>(), bare: new Array<number>() }
for (let round = -2; round < rounds; round++) {
  for (const [name, measure] of Object.entries({ ours, bare })) {
    const took = await measure()
    if (round >= 0) times[name === "ours" ? "ours" : "bare"].push(took)
  }
}
const [a, b] = [median(times.ours), median(times.bare)]
process.stdout.write(
  [
    `${rounds} rounds of ${calls} calls, ms a call (medians)`,
    `bare client        ${b.toFixed(2)}`,
    `engine + provider  ${a.toFixed(2)}`,
    `overhead           ${(a - b).toFixed(2)}  (goal < 2)   ratio ${(a / b).toFixed(2)}`,
    ""
  ].join("\n")
)
await runtime.dispose()
server.kill()
rmSync(folder, { recursive: true, force: true })
