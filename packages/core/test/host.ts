/** What a test of an executor gives it: a call, and a host that writes down what it is asked. */
import { Effect } from "effect"
import { SecretMissing } from "../src/Errors.ts"
import type { Call, Host } from "../src/Executor.ts"
import type { Chunk, Usage } from "../src/Task.ts"

export const call = (more: Partial<Call> = {}): Call => ({
  run: "run",
  task: "task",
  attempt: 1,
  method: "test/do",
  params: {},
  priority: 2,
  idempotencyKey: "run/task",
  ...more
})

export const listener = (more: Partial<Host> = {}) => {
  const heard: {
    chunks: Array<Chunk>
    usage: Array<Usage>
    calls: Array<unknown>
    asked: Array<unknown>
  } = {
    chunks: [],
    usage: [],
    calls: [],
    asked: []
  }
  const host: Host = {
    emit: (chunk) => Effect.sync(() => void heard.chunks.push(chunk)),
    usage: (usage) => Effect.sync(() => void heard.usage.push(usage)),
    call: (...args) => Effect.sync(() => (heard.calls.push(args), "from the host")),
    answer: (...args) => Effect.sync(() => (heard.asked.push(args), "yes")),
    waits: () => {},
    secret: (input) => Effect.fail(new SecretMissing({ secret: `inputs.${input}` })),
    ...more
  }
  return { heard, host }
}
