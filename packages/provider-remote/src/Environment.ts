/** Values of headers and variables that a configuration gives, or says where to find. */
import { Errors } from "@gleitzeit/core"
import { Config, Effect } from "effect"

/** A value, or the environment variable that holds it: then it stands in no file and no store. */
export type Value = string | { readonly env: string }

/** `what`: in the words of the failure when a variable is not set. Names alone are ever shown. */
export const values = (
  given: { readonly [name: string]: Value },
  provider: string,
  what: string
): Effect.Effect<{ readonly [name: string]: string }, Errors.ProviderRefused> =>
  Effect.map(
    Effect.forEach(Object.entries(given), ([name, value]) =>
      typeof value === "string"
        ? Effect.succeed([name, value] as const)
        : Effect.mapError(
            Effect.map(Config.String(value.env), (text) => [name, text] as const),
            () => {
              const reason = `the environment variable ${value.env}, which ${what} ${JSON.stringify(name)} is taken from, is not set`
              return new Errors.ProviderRefused({ provider, reason })
            }
          )
    ),
    Object.fromEntries
  )
