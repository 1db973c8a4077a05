/** A program with one server, which it says is up; then it ends itself as it is told to, or waits to be ended. */
import { Effect } from "effect"
import * as Connection from "../src/Connection.ts"
import * as ServerEntry from "../src/ServerEntry.ts"

const [script = "", mode = "", log = "", end = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const args = [script, "--mode", mode, "--log", log]
  const reach = { _tag: "Stdio" as const, command: process.execPath, args, env: {} }
  const connection = yield* Connection.make(ServerEntry.plain("one", reach, []))
  yield* connection.tools
  console.log("up")
  if (end === "exit") process.exit(0)
  return yield* Effect.never
}).pipe(Effect.scoped)

const fiber = Effect.runFork(program)
process.on("SIGINT", () => fiber.interruptUnsafe())
fiber.addObserver(() => process.exit(130))
