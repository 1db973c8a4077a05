/**
 * The server as a program of its own: `stdio FOLDER`, or `http FOLDER`, which prints its address to standard error. It logs
 * all there is to log.
 */
import * as Engine from "@gleitzeit/testkit/Engine"
import * as ScriptedProvider from "@gleitzeit/testkit/ScriptedProvider"
import { Console, Effect, Layer, Logger, References, Runtime } from "effect"
import { Http, McpServer, Stdio } from "../src/index.ts"

const [kind, folder = "."] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const mcp = yield* McpServer.make({ folder })
  yield* Effect.logDebug("serving")
  if (kind === "stdio") return yield* Stdio.serve(mcp)
  const { url } = yield* Http.serve(mcp, { port: 0, token: undefined })
  yield* Console.error(url)
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(Engine.layer({ provider: ScriptedProvider.layer() })),
  Effect.provide(
    Layer.merge(
      Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void process.stderr.write(`${line}\n`))]),
      Layer.succeed(References.MinimumLogLevel, "All")
    )
  )
)

Runtime.makeRunMain(({ fiber }) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => fiber.interruptUnsafe(fiber.id))
  fiber.addObserver(() => process.exit(0))
})(program)
