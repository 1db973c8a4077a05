/** `timer/v1`: waiting. */
import { Schema } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

export const TimerV1 = Protocol.make("timer/v1", {
  description: "Waiting for a time",
  methods: {
    "timer/sleep": Method.make({
      description: "Waits for some seconds, or until a time",
      effects: "reads",
      params: Schema.Struct({
        /** Seconds. */
        seconds: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
        /** ISO 8601, such as `2026-12-24T18:00:00Z`. */
        until: Schema.optionalKey(Schema.String)
      }),
      result: Schema.Struct({
        /** Milliseconds since 1970. */
        until: Schema.Finite
      }),
      examples: [{ params: { until: "2020-01-01T00:00:00Z" }, result: { until: 1577836800000 } }]
    })
  }
})
