/** `node src/bin.ts [--port 11434]`: a mini-ollama in the foreground, until it is interrupted. */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import * as MiniOllama from "./MiniOllama.ts"

const { values } = parseArgs({ options: { port: { type: "string", default: "11434" } } })

const main = Effect.gen(function* () {
  const { url } = yield* MiniOllama.start({ port: Number(values.port) })
  yield* Effect.log(`mini-ollama listens on ${url}`)
  return yield* Effect.never
})

const fiber = Effect.runFork(Effect.scoped(main))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => fiber.interruptUnsafe())
