/** Where `${secrets.NAME}` comes from, in the process that makes the call. */
import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import { SecretMissing } from "./Errors.ts"
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

/** From the environment variable of the same name. */
export const layer: Layer.Layer<Secrets> = Layer.succeed(Secrets, {
  get: (name) =>
    Config.Redacted(name).pipe(
      Config.option,
      Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
      Effect.flatMap(
        Option.match({
          onNone: () => Effect.fail(new SecretMissing({ secret: name })),
          onSome: (value) => Effect.succeed(Redacted.value(value))
        })
      )
    ),
  names: Effect.succeed([])
})

/** From a record, for tests and for apps that have their own vault. */
export const layerRecord = (values: { readonly [name: string]: string }): Layer.Layer<Secrets> =>
  Layer.succeed(Secrets, {
    get: (name) =>
      Object.hasOwn(values, name) ? Effect.succeed(values[name]!) : Effect.fail(new SecretMissing({ secret: name })),
    names: Effect.succeed(Object.keys(values))
  })
