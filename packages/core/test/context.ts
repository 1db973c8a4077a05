/** What a test of a provider gives to a call: a task of its own, of which nobody but the test hears. */
import { Effect } from "effect"
import type { Chunk } from "../src/Task.ts"
import type { TaskContext } from "../src/TaskContext.ts"

export const context = (emit: (chunk: Chunk) => void = () => {}): TaskContext["Service"] => ({
  run: "run",
  task: "task",
  attempt: 1,
  idempotencyKey: "run/task",
  emit: (chunk) => Effect.sync(() => emit(chunk)),
  usage: () => Effect.void,
  call: () => Effect.die("not called"),
  suspend: () => Effect.die("not called")
})
