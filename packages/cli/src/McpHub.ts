/** The MCP servers of this invocation's settings. What reads and reaches them is loaded with the first question. */
import type { Configured } from "@gleitzeit/provider-mcp/McpConfig"
import { Effect } from "effect"
import * as Machine from "./Machine.ts"
import * as SecretFile from "./SecretFile.ts"

/** As they are written, with everything filled in; nothing is started. */
export const configured = Effect.gen(function* () {
  const settings = yield* Machine.settings
  const { home } = yield* Machine.places
  const { ofSettings, read } = yield* Effect.promise(() => import("@gleitzeit/provider-mcp/McpConfig"))
  return yield* Effect.provide(read(ofSettings(settings, home)), SecretFile.layer(settings))
})

/** A hub of them, for as long as the scope lives. */
export const open = (all: ReadonlyArray<Configured>) =>
  Effect.flatMap(
    Effect.promise(() =>
      Promise.all([import("@gleitzeit/provider-mcp/McpConfig"), import("@gleitzeit/provider-mcp/McpServers")])
    ),
    ([{ servers }, { make }]) => make(servers(all))
  )
