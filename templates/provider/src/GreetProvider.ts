/** Carries out `greet/v1`, from a table of words. Params are checked before a handler sees them, results after it. */
import { Errors, Plugin, Provider } from "@gleitzeit/core"
import { Effect, Schema } from "effect"
import { GreetV1 } from "./GreetV1.ts"

/** `words` by language. Default: English and German. */
export const Options = Schema.Struct({ words: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)) })
export type Options = typeof Options.Type

/** What is opened here, such as a client, is closed with the provider. */
const make = ({ words = { en: "Hello", de: "Guten Tag" } }: Options) =>
  Effect.succeed<Provider.Spec<typeof GreetV1.methods>>({
    name: "greet",
    handlers: {
      "greet/hello": Effect.fnUntraced(function* ({ language = "en", name }) {
        if (Object.hasOwn(words, language)) return { text: `${words[language]}, ${name}!` }
        const reason = `no word in "${language}" (known: ${Object.keys(words).join(", ")})`
        return yield* new Errors.TaskExecutionFailed({ reason, retryable: false })
      })
    }
  })

/** For programs. */
export const layer = (options: Options = {}) => Provider.layer(GreetV1, make(options))

/** For `use` in a configuration. */
export const plugin = Plugin.provider({ name: "greet", protocol: GreetV1, options: Options, make })
