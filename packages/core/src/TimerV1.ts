/** `timer/v1`: waiting. */
import { Schema } from "effect"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

/** Dates without a time begin at midnight UTC. A time without a zone would be another one on every machine. */
const iso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

export const SleepParams = Schema.Struct({
  seconds: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 3_155_760_000 })).annotate({
      description: "From when the task begins; what a crash takes counts too. At most 100 years."
    })
  ),
  until: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter(
        (text) =>
          (iso.test(text) && !Number.isNaN(Date.parse(text))) ||
          'is no time, expected one such as "2026-12-24T18:00:00Z" or "2026-12-24T18:00:00+01:00"',
        { toJsonSchema: () => ({ pattern: iso.source }) }
      )
    ).annotate({ description: "ISO 8601 with its zone, such as `2026-12-24T18:00:00Z`." })
  )
}).check(
  Schema.makeFilter(
    ({ seconds, until }) =>
      (seconds === undefined) !== (until === undefined) ||
      'needs either `seconds` or `until` (such as "2026-12-24T18:00:00Z")',
    { toJsonSchema: () => ({ oneOf: [{ required: ["seconds"] }, { required: ["until"] }] }) }
  )
)
export type SleepParams = typeof SleepParams.Type

export const TimerV1 = Protocol.make("timer/v1", {
  description: "Waiting for a time",
  methods: {
    "timer/sleep": Method.make({
      description: "Waits for some seconds, or until a time",
      effects: "reads",
      params: SleepParams,
      result: Schema.Struct({
        /** The time that was given; after `seconds`, when they were over. Milliseconds since 1970. */
        until: Schema.Finite
      }),
      examples: [{ params: { until: "2020-01-01T00:00:00Z" }, result: { until: 1577836800000 } }]
    })
  }
})
