/** What the tests share: a provider on a mini-ollama, and what a call told its task while it ran. */
import { LlmV1, Provider, TaskContext, type Task } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect, type Schema } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { OllamaProvider } from "../src/index.ts"

/** A context that nobody listens to. */
export const quiet: TaskContext.TaskContext["Service"] = {
  run: "run",
  task: "task",
  attempt: 1,
  idempotencyKey: "run/task",
  emit: () => Effect.void,
  usage: () => Effect.void,
  call: () => Effect.die("not used"),
  suspend: () => Effect.die("not used")
}

/** The URL of a server that answers so. */
export const listening = (answer: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly url: string }>((resume) => {
      const server = createServer(answer)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : 0
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(Effect.map(({ url }) => url))

export interface Setup extends OllamaProvider.Options {
  readonly mini?: MiniOllama.Options
}

export const setup = Effect.fnUntraced(function* ({ mini: options, ...provider }: Setup = {}) {
  const mini = yield* MiniOllama.start(options)
  return { mini, ...(yield* connect({ url: mini.url, ...provider })) }
})

/** A provider, whatever there is at its URL. */
export const connect = Effect.fnUntraced(function* (options: OllamaProvider.Options) {
  const provider = yield* Provider.make(LlmV1.LlmV1, yield* OllamaProvider.make(options))
  const chunks: Array<Task.Chunk> = []
  const used: Array<Task.Total> = []
  const context = {
    ...quiet,
    emit: (chunk: Task.Chunk) => Effect.sync(() => void chunks.push(chunk)),
    usage: (usage: Task.Total) => Effect.sync(() => void used.push(usage))
  }
  const answer = (method: string, params: Schema.Json) =>
    Effect.provideService(provider.call(method, params), TaskContext.TaskContext, context)
  // Safe: the provider has encoded them with these schemas.
  const call = (method: string, params: Schema.Json) =>
    Effect.map(answer(method, params), (result) => result as LlmV1.Reply)
  const embed = (params: Schema.Json) =>
    Effect.map(answer("llm/embeddings", params), (result) => result as LlmV1.Embedding)
  return {
    provider,
    chunks,
    used,
    call,
    chat: (params: Schema.Json) => call("llm/chat", params),
    embed,
    models: Effect.map(answer("llm/models", {}), (result) => result as LlmV1.Models),
    hello: call("llm/chat", { model: "llama3.2", prompt: "hello there" }),
    said: () => chunks.map((chunk) => (chunk._tag === "Text" ? chunk.text : "")).join("")
  }
})
