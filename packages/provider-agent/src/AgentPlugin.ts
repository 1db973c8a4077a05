/**
 * `@gleitzeit/provider-agent` by its name in a configuration: the options as files write them, made into those of
 * `AgentProvider`.
 */
import { AgentV1, Errors, Plugin, Providers } from "@gleitzeit/core"
import { Effect, Option, Schema } from "effect"
import * as AgentProvider from "./AgentProvider.ts"

export const Options = Schema.Struct({
  max_result: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Characters of a tool's result that are kept and that the model is told. Default 65536."
    })
  ),
  max_depth: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })).annotate({
      description: "Agents that may work inside each other. Default 3."
    })
  )
})
export type Options = typeof Options.Type

export const plugin: Plugin.ProviderPlugin = Plugin.provider({
  name: "agent",
  protocol: AgentV1.AgentV1,
  options: Options,
  make: Effect.fnUntraced(function* (options: Options, name: string) {
    const providers = yield* Effect.serviceOption(Providers.Providers)
    if (Option.isNone(providers)) {
      const reason = "whoever loads it does not say who is on duty: its tools are their methods"
      return yield* new Errors.ProviderRefused({ provider: name, reason })
    }
    return yield* Effect.provideService(
      AgentProvider.make({
        name,
        ...(options.max_result === undefined ? {} : { maxResult: options.max_result }),
        ...(options.max_depth === undefined ? {} : { maxDepth: options.max_depth })
      }),
      Providers.Providers,
      providers.value
    )
  })
})
