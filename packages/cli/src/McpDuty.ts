/**
 * When MCP servers come on duty. What they can do is known only once they run, and one that is silent holds up whoever
 * asks: a workflow that calls none of their tools starts none of them.
 */
import { Providers } from "@gleitzeit/core"
import { Context, Effect, Layer } from "effect"

export class McpDuty extends Context.Service<
  McpDuty,
  {
    /** Puts them on duty if a workflow of this text may call their tools, itself or through another one. */
    readonly read: (text: string) => Effect.Effect<void>
  }
>()("gleitzeit/McpDuty") {}

/** On duty from the beginning. */
export const always: Layer.Layer<McpDuty> = Layer.succeed(McpDuty, { read: () => Effect.void })

/** On duty once a text or a call needs them. `servers` puts them there. */
export const whenNamed = (
  servers: Layer.Layer<never, never, Providers.Providers>
): Layer.Layer<McpDuty, never, Providers.Providers> =>
  Layer.effect(
    McpDuty,
    Effect.gen(function* () {
      const providers = yield* Providers.Providers
      const scope = yield* Effect.scope
      const begun = yield* Layer.buildWithScope(servers, scope).pipe(
        Effect.provideService(Providers.Providers, providers),
        Effect.asVoid,
        // whoever asks first may go away
        Effect.uninterruptible,
        Effect.cached
      )
      // what a handler calls stands in no text
      yield* providers.discover(begun)
      return { read: (text) => (mayCall.test(text) ? begun : Effect.void) }
    })
  )

// internal

/** Methods and their protocol, agents, whose tools may be any, and workflows in other files. */
const mayCall = /mcp|agent\/|workflow/
