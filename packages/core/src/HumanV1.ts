/** `human/v1`: asking people. Whoever answers does it from outside: the run waits, and no process needs to. */
import { Schema } from "effect"
import * as Expiry from "./Expiry.ts"
import * as Method from "./Method.ts"
import * as Protocol from "./Protocol.ts"

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }))

const prompt = Schema.NonEmptyString.annotate({ description: "The question, for people." })

export const InputParams = Schema.Struct({
  prompt,
  schema: described(Schema.Record(Schema.String, Schema.Json), "JSON Schema of the answer. Default: text."),
  options: described(
    Schema.Array(Schema.Json).check(Schema.isMinLength(1)),
    "The answers to choose from, instead of `schema`."
  ),
  default: described(Schema.Json, "The answer that is offered to whoever is asked."),
  ...Expiry.params(Schema.Json, "What to go on with when nobody has answered. Default: `default`, else null.")
}).check(
  Schema.makeFilter(
    ({ options, schema }) =>
      options === undefined || schema === undefined || "`schema` and `options` both say what can be answered: give one",
    { toJsonSchema: () => ({ not: { required: ["schema", "options"] } }) }
  ),
  Expiry.meant
)
export type InputParams = typeof InputParams.Type

export const ApproveParams = Schema.Struct({
  prompt,
  on_reject: described(
    Schema.Literals(["fail", "value"]),
    "After a no: `fail`, or go on with `approved: false` (`value`, the default)."
  ),
  ...Expiry.params(Schema.Boolean, "Whether no answer is a yes. Default false.")
}).check(Expiry.meant)
export type ApproveParams = typeof ApproveParams.Type

/** What people answer to `human/approve`. */
export const Approval = Schema.Union([
  Schema.Boolean,
  Schema.Literals(["yes", "no", "y", "n", "approve", "reject"]),
  Schema.Struct({
    approved: Schema.Boolean,
    comment: Schema.optionalKey(Schema.String),
    by: Schema.optionalKey(Schema.String)
  })
])
export type Approval = typeof Approval.Type

/** The same as JSON Schema. */
export const approvalSchema: { readonly [key: string]: Schema.Json } = {
  anyOf: [
    { type: "boolean" },
    { type: "string", enum: ["yes", "no", "y", "n", "approve", "reject"] },
    {
      type: "object",
      properties: { approved: { type: "boolean" }, comment: { type: "string" }, by: { type: "string" } },
      required: ["approved"],
      additionalProperties: false
    }
  ]
}

export const HumanV1 = Protocol.make("human/v1", {
  description: "Questions to people",
  methods: {
    "human/input": Method.make({
      description: "Waits until somebody gives a value",
      effects: "reads",
      params: InputParams,
      /** The answer itself: `${ask}` is what was answered, `${ask.city}` a field of it. */
      result: Schema.Json,
      examples: [
        { params: { prompt: "Which city?" }, result: "Bern" },
        {
          params: { prompt: "How loud?", options: [1, 2, 3], default: 2, expires: "1h", on_expire: "value" },
          result: 2
        },
        {
          params: {
            prompt: "Where to?",
            schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
          },
          result: { city: "Bern" }
        }
      ]
    }),
    "human/approve": Method.make({
      description: "Waits until somebody says yes or no",
      effects: "reads",
      params: ApproveParams,
      result: Schema.Struct({
        approved: Schema.Boolean,
        comment: Schema.optionalKey(Schema.String),
        /** As the answer says. */
        by: Schema.optionalKey(Schema.String),
        /** When the task went on. Milliseconds since 1970. */
        at: Schema.Finite
      }),
      examples: [
        {
          params: { prompt: "Send the digest to everybody?", on_reject: "fail", expires: "2d" },
          result: { approved: true, comment: "after lunch", by: "ada", at: 1767225600000 }
        },
        {
          params: { prompt: "Delete the draft?", expires: 3600, on_expire: "value" },
          result: { approved: false, at: 1767225600000 }
        }
      ]
    })
  }
})
