/** One connection, or a hub, in a scope of its own; calls of a task that nobody watches, or that one test watches. */
import { type Json, type Task, TaskContext } from "@gleitzeit/core"
import { Effect, type Schema } from "effect"
import { kill } from "node:process"
import { existsSync, readFileSync } from "node:fs"
import { context } from "../../core/test/context.ts"
import type { Connection } from "../src/Connection.ts"

export { context }

export const call = (
  connection: Connection,
  tool: string,
  args: Schema.JsonObject = {},
  emit?: (chunk: Task.Chunk) => void
) => Effect.provideService(connection.call(tool, args), TaskContext.TaskContext, context(emit))

/** The tool `fault` of the fake server. */
export const fault = (
  connection: Connection,
  kind: string,
  more: Json.JsonObject = {},
  emit?: (chunk: Task.Chunk) => void
) => call(connection, "fault", { kind, ...more }, emit)

/** The first text of an answer. */
export const text = ({ content }: { readonly content: ReadonlyArray<Schema.JsonObject> }): string =>
  String(content[0]?.["text"])

/** A zombie is not alive: nobody has asked for its end. */
export const isAlive = (pid: number): boolean => {
  try {
    kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** Looks again until it is so. */
export const until = (holds: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(holds, (is) => (is ? Effect.void : Effect.andThen(Effect.sleep(5), until(holds))))

/** Until the fake server with this log has heard it, or has started. */
export const hears = (log: string, word: string): Effect.Effect<void> =>
  until(Effect.sync(() => existsSync(log) && readFileSync(log, "utf8").includes(`"${word}"`)))
