/** What the tests share: a provider on a mini-ollama, and what a call told its task while it ran. */
import { LlmV1, Provider, Providers, TaskContext, type Task } from "@gleitzeit/core"
import { MiniOllama } from "@gleitzeit/mini-ollama"
import { Effect, Layer, type Schema, type Scope } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { context } from "../../core/test/context.ts"
import { OllamaProvider } from "../src/index.ts"

/** A context that nobody listens to. */
export const quiet = context()

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

/**
 * A provider on duty for `ProviderTest.suite`, and a call of it that is slow: its server, the first of them, answers
 * what says "wait for it" only in part.
 */
export const onDuty = (
  start: Effect.Effect<readonly [MiniOllama.MiniOllama, ...ReadonlyArray<MiniOllama.MiniOllama>], never, Scope.Scope>
) => {
  let mini: MiniOllama.MiniOllama | undefined
  const layer = Layer.effectDiscard(
    Effect.gen(function* () {
      const servers = yield* start
      const [first] = servers
      mini = first
      const made = OllamaProvider.make(
        servers.length === 1 ? { url: first.url } : { endpoints: servers.map(({ url }) => url) }
      )
      const provider = yield* Provider.make(LlmV1.LlmV1, yield* made)
      const { register } = yield* Providers.Providers
      yield* register({
        ...provider,
        call: (method, params) => {
          if (JSON.stringify(params).includes("wait for it")) first.script({ hold: 1 })
          return provider.call(method, params)
        }
      })
    })
  )
  const slow = {
    method: "llm/chat",
    params: { model: "llama3.2", prompt: "wait for it" },
    isGone: Effect.suspend(() => Effect.as(mini?.until(() => mini?.closes() === 1) ?? Effect.void, true))
  }
  return { layer, slow }
}

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
