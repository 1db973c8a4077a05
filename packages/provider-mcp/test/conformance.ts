/** What the conformance runner starts, with the address of its server as the last argument: it lists, and calls all. */
import { TaskContext } from "@gleitzeit/core"
import { Effect, type Schema } from "effect"
import * as McpServers from "../src/McpServers.ts"
import { context } from "./connections.ts"
import { reached } from "./http.ts"

/** Params that a schema of an object may have. */
const sample = (schema: Schema.JsonObject): Schema.JsonObject => {
  const properties = schema["properties"]
  if (typeof properties !== "object" || properties === null) return {}
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]: [string, Schema.Json]) => {
      const type = typeof property === "object" && property !== null && "type" in property ? property["type"] : ""
      return [name, type === "number" || type === "integer" ? 1 : type === "boolean" ? true : "text"]
    })
  )
}

const program = Effect.gen(function* () {
  const hub = yield* McpServers.make([reached(process.argv.at(-1) ?? "", { name: "it", callTimeout: 10_000 })])
  for (const { server, tool } of yield* hub.tools) {
    const connection = yield* hub.connection(server)
    yield* Effect.exit(connection.call(tool.name, sample(tool.input)))
  }
}).pipe(Effect.scoped, Effect.provideService(TaskContext.TaskContext, context()))

await Effect.runPromise(program)
process.exit(0)
