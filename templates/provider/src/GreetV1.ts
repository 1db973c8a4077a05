/** `greet/v1`: the words that workflows and providers share. It holds no behaviour. */
import { Method, Protocol } from "@gleitzeit/core"
import { Schema } from "effect"

export const GreetV1 = Protocol.make("greet/v1", {
  description: "Welcomes people",
  methods: {
    "greet/hello": Method.make({
      description: "A word of welcome for somebody",
      effects: "reads",
      params: Schema.Struct({
        name: Schema.NonEmptyString,
        /** Default `en`. */
        language: Schema.optionalKey(Schema.String)
      }),
      result: Schema.Struct({ text: Schema.String }),
      examples: [{ params: { name: "Ada" }, result: { text: "Hello, Ada!" } }]
    })
  }
})
