/** Types, values and the words of JSON Schema as people say them. */
import type { Schema } from "effect"

/** Types in words: `["string", "null"]` is `text or null`. */
export const typeWords = (types: ReadonlyArray<string>): string =>
  or(types.filter((type) => type !== "integer" || !types.includes("number")).map((type) => words.get(type) ?? type))

/** A value in a few words: `"abc"`, `5`, `a list`. */
export const found = (value: Schema.Json, quote = true): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a mapping"
  if (!quote) return words.get(typeof value) ?? typeof value
  return typeof value === "string"
    ? JSON.stringify(value.length > 40 ? `${value.slice(0, 39)}…` : value)
    : String(value)
}

/** `a, b or c` */
export const or = (parts: ReadonlyArray<string>): string =>
  parts.length < 2 ? (parts[0] ?? "nothing") : `${parts.slice(0, -1).join(", ")} or ${parts.at(-1)}`

/** The same of the first twelve. */
export const some = (names: ReadonlyArray<string>): string =>
  names.length > 12 ? `${names.slice(0, 12).join(", ")} or ${names.length - 12} more` : or(names)

/** A word of a schema that is not met: `limit` is what stands behind it, `value` what was found, `error` the validator's words. */
export const messageOf = (keyword: string, limit: unknown, value: string, error: string): string => {
  switch (keyword) {
    case "type":
      return `expected ${typeWords(Array.isArray(limit) ? limit.map(String) : [String(limit)])}, found ${value}`
    case "required":
      return `missing "${/property "(.*)"\.$/s.exec(error)?.[1] ?? ""}"`
    case "enum":
      return `expected ${Array.isArray(limit) ? or(limit.map((choice) => JSON.stringify(choice))) : "another value"}, found ${value}`
    case "const":
      return `expected ${JSON.stringify(limit)}, found ${value}`
    case "minimum":
      return `expected at least ${String(limit)}, found ${value}`
    case "maximum":
      return `expected at most ${String(limit)}, found ${value}`
    case "exclusiveMinimum":
      return `expected more than ${String(limit)}, found ${value}`
    case "exclusiveMaximum":
      return `expected less than ${String(limit)}, found ${value}`
    case "multipleOf":
      return `expected a multiple of ${String(limit)}, found ${value}`
    case "minLength":
      return limit === 1
        ? "expected text, found an empty one"
        : `expected at least ${String(limit)} characters, found ${value}`
    case "maxLength":
      return `expected at most ${String(limit)} characters, found ${value}`
    case "pattern":
      return `expected text that matches ${String(limit)}, found ${value}`
    case "format":
      return `expected text in the format "${String(limit)}", found ${value}`
    case "minItems":
      return `expected at least ${String(limit)} items`
    case "maxItems":
      return `expected at most ${String(limit)} items`
    case "minProperties":
      return `expected at least ${String(limit)} keys`
    case "maxProperties":
      return `expected at most ${String(limit)} keys`
    case "uniqueItems":
      return "expected items that all differ"
    case "contains":
      return "expected an item that is not there"
    case "not":
      return keysOnly(limit).length === 0
        ? `${value} is excluded here`
        : `${keysOnly(limit).join(" and ")} cannot stand together`
    case "oneOf":
      return keysOnly(limit).length === 0
        ? `${value} has more than one of the forms it may have, expected just one`
        : `expected just one of ${or(keysOnly(limit))}`
    default:
      return error.replace(/\.$/, "")
  }
}

/** The keys, in quotes, of a schema that says nothing but `required`, or of a list of such schemas; else empty. */
export const keysOnly = (schema: unknown): ReadonlyArray<string> => {
  if (Array.isArray(schema)) {
    const keys = schema.map(keysOnly)
    return keys.some(({ length }) => length === 0) ? [] : keys.flat()
  }
  if (typeof schema !== "object" || schema === null || Object.keys(schema).join() !== "required") return []
  const [required]: ReadonlyArray<unknown> = Object.values(schema)
  return Array.isArray(required) ? required.map((key) => JSON.stringify(key)) : []
}

// internal

const words = new Map([
  ["string", "text"],
  ["number", "a number"],
  ["integer", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "a mapping"],
  ["null", "null"]
])
