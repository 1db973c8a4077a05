/** JSON Schemas and JSON values drawn from decisions, for model checks. Small words, so that they meet often. */
import type { Schema } from "effect"
import type { Choices } from "./Choices.ts"

export type Drawn = { readonly [key: string]: Schema.Json }

const keys = ["a", "b", "result"]
const words = ["x", "y", "longer"]

/** A whole schema, with definitions that it may refer to. */
export const schema = (choices: Choices): Drawn => ({
  ...part(choices, 0, ["#/$defs/one", "#/$defs/two"]),
  $defs: { one: part(choices, 1, ["#/$defs/two"]), two: part(choices, 2, []) }
})

/** Any JSON, as small as the schemas'. */
export const json = (choices: Choices, depth = 0): Schema.Json => {
  switch (choices.below(depth > 2 ? 5 : 8)) {
    case 0:
      return null
    case 1:
      return choices.below(2) === 0
    case 2:
      return choices.below(7) - 3
    case 3:
      return choices.below(7) / 2 - 1
    case 4:
      return words[choices.below(words.length)] ?? ""
    case 5:
      // never empty: the validator takes an empty list for an empty object
      return Array.from({ length: 1 + choices.below(2) }, () => json(choices, depth + 1))
    default:
      return Object.fromEntries(keys.filter(() => choices.below(2) === 0).map((key) => [key, json(choices, depth + 1)]))
  }
}

const types = ["string", "integer", "number", "boolean", "null", "array", "object"]

/** `refs`: what it may refer to, never itself: of that no samples are made. */
const part = (choices: Choices, depth: number, refs: ReadonlyArray<string>): Drawn => {
  const limits = (least: string, most: string): Drawn => ({
    ...(choices.below(3) === 0 ? { [least]: choices.below(5) - 1 } : {}),
    ...(choices.below(3) === 0 ? { [most]: choices.below(5) } : {})
  })
  const inner = () => (choices.below(8) === 0 ? choices.below(2) === 0 : part(choices, depth + 1, refs))
  const some = () => Array.from({ length: 1 + choices.below(2) }, () => part(choices, depth + 1, refs))
  switch (choices.below(depth > 3 ? 8 : 15)) {
    case 0:
      return {}
    case 1:
      return { type: types.filter(() => choices.below(3) === 0) }
    case 2:
      return { const: json(choices, depth) }
    case 3:
      return { enum: [json(choices, depth), json(choices, depth)] }
    case 4:
      return { type: "string", ...limits("minLength", "maxLength") }
    case 5:
      return { type: "integer", ...limits("minimum", "exclusiveMaximum") }
    case 6:
      return { type: "number", ...limits("exclusiveMinimum", "maximum") }
    case 7:
      return { type: types[choices.below(types.length)] ?? "null" }
    case 8:
      return { type: "array", items: inner(), ...limits("minItems", "maxItems") }
    case 9:
    case 10: {
      const named = keys.filter(() => choices.below(2) === 0)
      return {
        ...(choices.below(4) === 0 ? {} : { type: "object" }),
        properties: Object.fromEntries(named.map((key) => [key, inner()])),
        required: keys.filter(() => choices.below(3) === 0),
        ...(choices.below(2) === 0 ? { additionalProperties: inner() } : {})
      }
    }
    case 11:
      return { anyOf: some(), ...(choices.below(3) === 0 ? part(choices, depth + 2, refs) : {}) }
    case 12:
      return { oneOf: some() }
    case 13:
      return { allOf: some(), ...(choices.below(3) === 0 ? part(choices, depth + 2, refs) : {}) }
    default:
      return refs.length === 0 ? {} : { $ref: refs[choices.below(refs.length)] ?? "" }
  }
}
