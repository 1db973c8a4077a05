/** A model that follows a script, a shop whose methods are tools, and an engine with an agent between them. */
import { type Failure, LlmV1, Errors, Method, Protocol, Provider, type Providers, Workflow } from "@gleitzeit/core"
import { Engine } from "@gleitzeit/testkit"
import { Effect, Layer, Schema } from "effect"
import { AgentProvider } from "../src/index.ts"

/** What the model says: JSON, or text as it is. */
export type Say = (params: LlmV1.ChatParams, turn: number) => Schema.Json | Effect.Effect<Schema.Json, Failure.Failure>

/** Its turns are counted by what it has said before in the conversation. */
export const model = (
  say: Say,
  heard: Array<LlmV1.ChatParams> = []
): Layer.Layer<never, Failure.Failure, Providers.Providers> => {
  const chat = (params: LlmV1.ChatParams) =>
    Effect.gen(function* () {
      heard.push(params)
      const turn = 1 + (params.messages ?? []).filter(({ role }) => role === "assistant").length
      const said = say(params, turn)
      const json = Effect.isEffect(said) ? yield* said : said
      const content = typeof json === "string" ? json : JSON.stringify(json)
      return LlmV1.reply({
        content,
        result: json,
        model: params.model ?? "scripted",
        provider: "scripted-model",
        usage: { input_tokens: 10, output_tokens: 2 },
        timing: { total_ms: 1 }
      })
    })
  return Provider.layer(
    LlmV1.LlmV1,
    Effect.succeed({
      name: "scripted-model",
      handlers: {
        "llm/chat": chat,
        "llm/generate": ({ prompt }: LlmV1.GenerateParams) => chat({ prompt })
      }
    })
  )
}

export const ShopV1 = Protocol.make("shop/v1", {
  description: "A shop",
  methods: {
    "shop/stock": Method.make({
      description: "How many pieces of a thing there are",
      effects: "reads",
      params: Schema.Struct({ item: Schema.NonEmptyString, shelf: Schema.optionalKey(Schema.Int) }),
      result: Schema.Struct({ item: Schema.String, pieces: Schema.Int })
    }),
    "shop/order": Method.make({
      description: "Orders pieces of a thing",
      effects: "writes",
      params: Schema.Struct({ item: Schema.NonEmptyString, pieces: Schema.Int }),
      result: Schema.Struct({ order: Schema.Int })
    }),
    "shop/fail": Method.make({
      description: "Fails",
      effects: "reads",
      params: Schema.Struct({}),
      result: Schema.Struct({})
    }),
    "shop/tell": Method.make({
      description: "A long story",
      effects: "reads",
      params: Schema.Struct({ characters: Schema.Int }),
      result: Schema.String
    }),
    "shop/read": Method.make({
      description: "Reads a price list",
      effects: "reads",
      params: Schema.Struct({ file: Schema.optionalKey(Protocol.file), title: Schema.String }),
      result: Schema.String
    })
  }
})

/** What happens as a call begins. */
export type Begins = (line: string) => Effect.Effect<void>

export const shop = (begins: Begins = () => Effect.void): Layer.Layer<never, Failure.Failure, Providers.Providers> =>
  Provider.layer(
    ShopV1,
    Effect.succeed({
      name: "shop",
      handlers: {
        "shop/stock": ({ item }) => Effect.as(begins(`stock ${item}`), { item, pieces: 3 }),
        "shop/order": ({ item, pieces }) => Effect.as(begins(`order ${pieces} ${item}`), { order: 7 }),
        "shop/fail": () =>
          Effect.andThen(
            begins("fail"),
            Effect.fail(new Errors.TaskExecutionFailed({ reason: "the till is closed", retryable: false }))
          ),
        "shop/tell": ({ characters }) => Effect.succeed("x".repeat(characters)),
        "shop/read": ({ title }) => Effect.succeed(title)
      }
    })
  )

export interface Scene {
  readonly say: Say
  readonly heard?: Array<LlmV1.ChatParams>
  /** What the shop was asked. */
  readonly log?: Array<string>
  readonly options?: AgentProvider.Options
  readonly also?: Layer.Layer<never, Failure.Failure, Providers.Providers>
  readonly secrets?: { readonly [name: string]: string }
}

export const engine = ({ also = Layer.empty, heard, log = [], options, say, secrets = {} }: Scene) =>
  Engine.layer({
    provider: Layer.mergeAll(
      model(say, heard),
      shop((line) => Effect.sync(() => void log.push(line))),
      AgentProvider.layer(options),
      also
    ),
    secrets
  })

/** A workflow of one task, `ask`. */
export const ask = (
  params: { readonly [name: string]: Schema.Json },
  more: Partial<Workflow.Task> = {}
): Workflow.Workflow => ({
  name: "asking",
  tasks: [{ id: "ask", protocol: "agent/v1", method: "agent/run", params, ...more }]
})

export const call = (tool: string, args: { readonly [name: string]: Schema.Json } = {}): Schema.Json => ({
  tool,
  arguments: args
})
