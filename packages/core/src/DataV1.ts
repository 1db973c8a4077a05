/** `data/v1`: values without a call. */
import { Schema } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

export const DataV1 = Protocol.make("data/v1", {
  description: "Values put together from other values",
  methods: {
    "data/value": Method.make({
      description: "Returns its params as they are, references resolved",
      effects: "reads",
      params: Schema.Record(Schema.String, Schema.Json),
      result: Schema.Record(Schema.String, Schema.Json),
      examples: [{ params: { name: "Ada", born: 1815 }, result: { name: "Ada", born: 1815 } }]
    }),
    "data/eval": Method.make({
      description: "Computes a value with an expression in CEL",
      effects: "reads",
      params: Schema.Struct({
        expr: Protocol.code("cel").annotate({
          description: "CEL. `${...}` in it is a value, outside quotes; names of tasks alone are unknown here."
        })
      }),
      result: Schema.Struct({
        /** Integers are numbers, timestamps and durations text. */
        result: Schema.Json
      }),
      examples: [{ params: { expr: "[1, 2, 3].map(n, n * n)" }, result: { result: [1, 4, 9] } }]
    })
  }
})
