/** The environment of child processes: a list, never all of this process's own. */
import { Errors } from "@gleitzeit/core"
import { Config, Effect, Option } from "effect"

/** Passed on where they are set. */
export const names = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_MESSAGES",
  "LC_MONETARY",
  "LC_NUMERIC",
  "LC_TIME",
  "TZ",
  "TMPDIR",
  "VIRTUAL_ENV",
  "PYENV_ROOT",
  "PYENV_VERSION",
  "NVM_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR"
] as const

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

/** Those of the list that are set. */
export const inherited: Effect.Effect<{ readonly [name: string]: string }> = Effect.map(
  Effect.forEach(names, (name) =>
    Config.String(name).pipe(
      Config.option,
      Effect.orElseSucceed(() => Option.none<string>()),
      Effect.map((value) => Option.toArray(value).map((text) => [name, text] as const))
    )
  ),
  (all) => Object.fromEntries(all.flat())
)
