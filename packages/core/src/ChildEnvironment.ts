/** The environment of the child processes that providers start: a list, never all of this process's own. */
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
