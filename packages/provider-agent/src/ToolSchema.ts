/**
 * The params of a tool as a model is told to write them: the JSON Schema of its contract, without what servers make no
 * grammar of. It takes whatever the contract takes, and more: what the model gives is checked against the contract.
 */
import { type Contract, Json } from "@gleitzeit/core"
import type { Schema } from "effect"

type Words = Contract.Contract["params"]

/**
 * `base` is where it will stand in a larger schema: `#/$defs/x`. The second is whether it has to stand there: it refers to
 * parts of itself.
 */
export const make = (schema: Words, base: string): { readonly schema: Json.JsonObject; readonly refers: boolean } => {
  const context = { base, root: schema, refers: false }
  const made = loose(schema, context)
  return { schema: Json.isObject(made) ? made : {}, refers: context.refers }
}

/** The same schema with its references to itself moved to where it will stand. */
export const moved = (
  schema: Json.JsonObject,
  base: string
): { readonly schema: Json.JsonObject; readonly refers: boolean } => {
  let refers = false
  const named = (json: Schema.Json): Schema.Json =>
    Json.isObject(json) ? Object.fromEntries(Object.entries(json).map(([name, value]) => [name, visit(value)])) : json
  const visit = (json: Schema.Json): Schema.Json => {
    if (Json.isArray(json)) return json.map(visit)
    if (!Json.isObject(json)) return json
    return Object.fromEntries(
      Object.entries(json).map(([word, value]) => {
        if (word === "$ref" && typeof value === "string" && value.startsWith("#")) {
          refers = true
          return [word, `${base}${value.slice(1)}`]
        }
        return [word, values.has(word) ? value : maps.has(word) ? named(value) : visit(value)]
      })
    )
  }
  const { $id: _, $schema: __, ...own } = schema
  const made = visit(own)
  return { schema: Json.isObject(made) ? made : {}, refers }
}

// internal

interface Context {
  readonly base: string
  readonly root: Words
  refers: boolean
}

/** Words that hold values, no schemas. */
const values = new Set(["enum", "const", "default", "examples", "required"])

/** Words that hold schemas by name. */
const maps = new Set(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"])

const asTheyAre = new Set([
  "type",
  "enum",
  "const",
  "required",
  "description",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength"
])

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const loose = (schema: unknown, context: Context): Schema.Json => {
  if (typeof schema === "boolean") return schema
  if (!isRecord(schema)) return true
  const mark = schema["x-gleitzeit"]
  const { description } = schema
  // sources with their references apart are written by nobody
  if (isRecord(mark) && mark["kind"] === "code") {
    return { type: "string", ...(typeof description === "string" ? { description } : {}) }
  }
  const made: { [word: string]: Schema.Json } = {}
  for (const [word, value] of Object.entries(schema)) {
    // Safe: what stands in a schema is JSON.
    if (asTheyAre.has(word)) made[word] = value as Schema.Json
    else if (word === "properties") made[word] = each(value, context, (inner) => !isNever(inner))
    else if (word === "$defs" || word === "definitions") made[word] = each(value, context)
    else if (word === "items" || word === "additionalProperties") made[word] = loose(value, context)
    else if (word === "prefixItems" || word === "anyOf" || word === "allOf") made[word] = all(value, context)
    // one of several that take more may be two of them
    else if (word === "oneOf") made["anyOf"] = all(value, context)
    else if (word === "$ref") Object.assign(made, reference(value, context))
  }
  // names that a pattern allows are not looked at
  if (schema["patternProperties"] !== undefined) delete made["additionalProperties"]
  if (schema["oneOf"] !== undefined && schema["anyOf"] !== undefined) delete made["anyOf"]
  return made
}

const each = (value: unknown, context: Context, isKept: (schema: unknown) => boolean = () => true): Json.JsonObject =>
  isRecord(value)
    ? Object.fromEntries(
        Object.entries(value).flatMap(([name, inner]) => (isKept(inner) ? [[name, loose(inner, context)]] : []))
      )
    : {}

/** A name that is there to say that it is not: no model has to know. */
const isNever = (schema: unknown): boolean =>
  isRecord(schema) && isRecord(schema["not"]) && Object.keys(schema["not"]).length === 0

const all = (value: unknown, context: Context): ReadonlyArray<Schema.Json> =>
  Array.isArray(value) ? value.map((inner) => loose(inner, context)) : []

/** Nothing, which is anything, where it leads out of the schema or to what is not kept. */
const reference = (value: unknown, context: Context): Json.JsonObject => {
  if (typeof value !== "string" || !(value === "#" || /^#(?:\/(?:\$defs|definitions)\/[^/]+)+$/.test(value))) return {}
  if (!leads(context.root, value)) return {}
  context.refers = true
  return { $ref: `${context.base}${value.slice(1)}` }
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
const leads = (root: unknown, pointer: string): boolean => {
  let found = root
  for (const step of pointer.split("/").slice(1)) {
    const key = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~")
    found = isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined
  }
  return isRecord(found) || typeof found === "boolean"
}

const decoded = (step: string): string => {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}
