/** `signal/v1`: waiting for what a program tells the run from outside. */
import { Schema } from "effect"
import * as Expiry from "./Expiry.ts"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

export const WaitParams = Schema.Struct({
  name: Schema.NonEmptyString.annotate({ description: "Of the signal." }),
  ...Expiry.params(Schema.Json, "What to go on with when the signal has not come. Default: null.")
}).check(Expiry.meant)
export type WaitParams = typeof WaitParams.Type

export const SignalV1 = Protocol.make("signal/v1", {
  description: "Waiting for a signal",
  methods: {
    "signal/wait": Method.make({
      description: "Waits until a signal is sent to the run; one that was sent before and that nobody has taken counts",
      effects: "reads",
      params: WaitParams,
      result: Schema.Struct({
        /** Of the signal. */
        name: Schema.String,
        /** What was sent with it. */
        value: Schema.Json
      }),
      examples: [{ params: { name: "paid" }, result: { name: "paid", value: { invoice: 7 } } }]
    })
  }
})
