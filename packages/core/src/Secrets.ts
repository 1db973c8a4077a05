/** Where `${secrets.NAME}` comes from, in the process that makes the call. */
import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import { type FileUnreadable, SecretMissing } from "./Errors.ts"
import type { Failure } from "./Failure.ts"

export class Secrets extends Context.Service<
  Secrets,
  {
    /** Fails with `SecretMissing`. */
    readonly get: (name: string) => Effect.Effect<string, Failure>
    /** Those that are configured; the environment may hold more. */
    readonly names: Effect.Effect<ReadonlyArray<string>>
  }
>()("@gleitzeit/core/Secrets") {}

/** The name of an environment variable, or the path of a file. */
export type Source = { readonly env: string } | { readonly file: string }

/** A file as it was found. */
export interface SecretFile {
  readonly text: string
  /** Whether others than its owner may read it. */
  readonly open: boolean
}

/** From the environment variable of the same name. */
export const layer: Layer.Layer<Secrets> = Layer.succeed(Secrets, {
  get: (name) => fromVariable(name, name),
  names: Effect.succeed([])
})

/**
 * Each from where the configuration says, others from the environment variable of the same name. A file is read whenever
 * its secret is asked for, one newline at its end left out; one that others may read gives a warning, once.
 */
export const layerSources = (
  sources: { readonly [name: string]: Source },
  read: (file: string) => Effect.Effect<SecretFile, FileUnreadable>
): Layer.Layer<Secrets> =>
  Layer.sync(Secrets, () => {
    const warned = new Set<string>()
    const fromFile = (secret: string, file: string): Effect.Effect<string, SecretMissing> =>
      Effect.matchEffect(read(file), {
        onFailure: ({ message }) => Effect.fail(new SecretMissing({ secret, issue: `${message}; ${remedy(secret)}` })),
        onSuccess: ({ open, text }) => {
          const value = text.replace(/\r?\n$/, "")
          if (value === "") {
            return Effect.fail(new SecretMissing({ secret, issue: `${file}: is empty; ${remedy(secret)}` }))
          }
          if (!open || warned.has(file)) return Effect.succeed(value)
          warned.add(file)
          const warning = `secret "${secret}": others than its owner may read ${file}; chmod 600 keeps it to them`
          return Effect.as(Effect.logWarning(warning), value)
        }
      })
    return {
      get: (name) => {
        const source = Object.hasOwn(sources, name) ? sources[name] : undefined
        if (source === undefined) return fromVariable(name, name)
        return "file" in source ? fromFile(name, source.file) : fromVariable(name, source.env)
      },
      names: Effect.succeed(Object.keys(sources))
    }
  })

/** From a record, for tests and for apps that have their own vault. */
export const layerRecord = (values: { readonly [name: string]: string }): Layer.Layer<Secrets> =>
  Layer.succeed(Secrets, {
    get: (name) =>
      Object.hasOwn(values, name) ? Effect.succeed(values[name]!) : Effect.fail(new SecretMissing({ secret: name })),
    names: Effect.succeed(Object.keys(values))
  })

// internal

const remedy = (secret: string): string => `\`secrets.${secret}\` in the configuration names it`

const fromVariable = (secret: string, variable: string): Effect.Effect<string, SecretMissing> =>
  Config.Redacted(variable).pipe(
    Config.option,
    Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
    Effect.flatMap(
      Option.match({
        onNone: () =>
          Effect.fail(
            new SecretMissing(
              secret === variable
                ? { secret }
                : { secret, issue: `the environment variable ${variable} is not set; ${remedy(secret)}` }
            )
          ),
        onSome: (value) => Effect.succeed(Redacted.value(value))
      })
    )
  )
