/** The smallest value that a JSON Schema of the common kind accepts, and null for what it does not know of schemas. */
import { Result, Schema } from "effect"

export const of = (schema: Schema.Json): Schema.Json => {
  const decoded = decode(schema)
  if (Result.isFailure(decoded)) return null
  const { enum: choices, items = null, minItems = 0, properties = {}, required = [], type } = decoded.success
  if (choices !== undefined) return choices[0] ?? null
  switch (type) {
    case "object":
      return Object.fromEntries(required.map((name) => [name, of(properties[name] ?? null)]))
    case "array":
      return Array.from({ length: minItems }, () => of(items))
    case "string":
      return ""
    case "integer":
    case "number":
      return 0
    case "boolean":
      return false
  }
}

// internal

const decode = Schema.decodeUnknownResult(
  Schema.Struct({
    type: Schema.Literals(["object", "array", "string", "integer", "number", "boolean"]),
    enum: Schema.optionalKey(Schema.Array(Schema.Json)),
    properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
    required: Schema.optionalKey(Schema.Array(Schema.String)),
    items: Schema.optionalKey(Schema.Json),
    minItems: Schema.optionalKey(Schema.Int)
  })
)
