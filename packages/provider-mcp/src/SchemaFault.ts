/**
 * Whether a schema that a server tells can be used at all: a type that is none, a pattern that is none, a reference that
 * leads nowhere or out of the document. Nothing is ever fetched.
 */
import { Json, JsonSchemaCheck } from "@gleitzeit/core"
import type { Schema } from "effect"

/** What is wrong, the first of it; `undefined` when it can be used. */
export const of = (schema: Schema.JsonObject): string | undefined => {
  if (Json.isDeep(schema)) return `it is nested more than ${Json.maxDepth} deep`
  const ids = new Set<string>()
  each(schema, (part) => {
    for (const key of ["$id", "$anchor", "$dynamicAnchor"]) if (typeof part[key] === "string") ids.add(part[key])
  })
  let fault: string | undefined
  each(schema, (part) => (fault ??= faultOf(part, schema, ids)))
  if (fault !== undefined) return fault
  const known = new Map<unknown, number>()
  let most = 0
  each(schema, (part) => (most = Math.max(most, steps(part, schema, known))))
  if (most > mostSteps) return `one value takes more than ${mostSteps} steps`
  const issue = JsonSchemaCheck.check(schema, {}).find(({ keyword }) => keyword === "schema")
  return issue?.message
}

/** Every schema in a schema, itself the first. */
export const each = (schema: Schema.Json | undefined, look: (part: Json.JsonObject) => void): void => {
  if (!Json.isObject(schema)) return
  look(schema)
  for (const [key, value] of Object.entries(schema)) {
    if (inside.has(key)) each(value, look)
    if (lists.has(key) && Json.isArray(value)) for (const one of value) each(one, look)
    if (maps.has(key) && Json.isObject(value)) for (const one of Object.values(value)) each(one, look)
  }
}

/** A copy whose references into itself hold when it stands at `pointer` of another document. */
export const moved = (schema: Schema.Json, pointer: string): Schema.Json => {
  if (!Json.isObject(schema)) return schema
  // its references are looked up in itself
  if (typeof schema["$id"] === "string") return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]): [string, Schema.Json] => {
      if (key === "$ref" && typeof value === "string" && /^#(\/|$)/.test(value)) {
        return [key, `#${pointer}${value.slice(1)}`]
      }
      if (inside.has(key) && !Json.isArray(value)) return [key, moved(value, pointer)]
      if ((lists.has(key) || key === "items") && Json.isArray(value)) {
        return [key, value.map((one) => moved(one, pointer))]
      }
      if (maps.has(key) && Json.isObject(value)) {
        const entries = Object.entries(value).map(([name, one]) => [name, moved(one, pointer)] as const)
        return [key, Object.fromEntries(entries)]
      }
      return [key, value]
    })
  )
}

// internal

/** Words that hold a schema. */
const inside = new Set(
  `items additionalItems unevaluatedItems contains additionalProperties unevaluatedProperties propertyNames not if then
   else contentSchema`.split(/\s+/)
)
/** Words that hold a list of them. */
const lists = new Set(["allOf", "anyOf", "oneOf", "prefixItems", "items"])
/** Words that hold them by name. */
const maps = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])

const types = new Set(["null", "boolean", "object", "array", "number", "integer", "string"])

const faultOf = (part: Json.JsonObject, root: Json.JsonObject, ids: ReadonlySet<string>): string | undefined => {
  const { $ref, pattern, patternProperties, type } = part
  for (const one of Json.isArray(type) ? type : type === undefined ? [] : [type]) {
    if (typeof one !== "string" || !types.has(one)) return `${JSON.stringify(one)} is no type`
  }
  const patterns = [
    ...(typeof pattern === "string" ? [pattern] : []),
    ...(Json.isObject(patternProperties) ? Object.keys(patternProperties) : [])
  ]
  const broken = patterns.find((one) => !isPattern(one))
  if (broken !== undefined) return `${JSON.stringify(broken)} is no pattern`
  if (typeof $ref !== "string" || leads($ref, root, ids)) return undefined
  return $ref.startsWith("#")
    ? `the reference ${JSON.stringify($ref)} leads nowhere`
    : `the reference ${JSON.stringify($ref)} leads out of it`
}

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text, "u") instanceof RegExp
  } catch {
    return false
  }
}

/** Of one value, whatever lies in it. */
const mostSteps = 10_000

/** Words whose schemas are held against the very same value. */
const sameLists = ["allOf", "anyOf", "oneOf"]
const same = ["not", "if", "then", "else"]

/** How many schemas one value is held against: references may double them at each turn. */
const steps = (
  part: Schema.Json | undefined,
  root: Json.JsonObject,
  known: Map<unknown, number>,
  depth = 0
): number => {
  if (!Json.isObject(part)) return 1
  const before = known.get(part)
  if (before !== undefined) return before
  if (depth > Json.maxDepth) return mostSteps + 1
  // one that comes back to itself ends by its depth
  known.set(part, 1)
  const { $ref, dependentSchemas } = part
  const inner: ReadonlyArray<Schema.Json | undefined> = [
    ...sameLists.flatMap((word) => {
      const list = part[word]
      return list !== undefined && Json.isArray(list) ? list : []
    }),
    ...same.map((word) => part[word]),
    ...(Json.isObject(dependentSchemas) ? Object.values(dependentSchemas) : []),
    ...(typeof $ref === "string" && $ref.startsWith("#/") ? [target($ref, root)] : [])
  ]
  const sum = inner.reduce<number>(
    (all, one) => (one === undefined ? all : all + steps(one, root, known, depth + 1)),
    1
  )
  known.set(part, sum)
  return sum
}

const leads = (reference: string, root: Json.JsonObject, ids: ReadonlySet<string>): boolean => {
  if (ids.size > 0) {
    const [document = "", fragment = ""] = reference.split("#")
    // which of several documents is meant is the validator's affair
    if ([...ids].some((id) => id === fragment || (document !== "" && id.endsWith(document)))) return true
  }
  return (reference === "#" || reference.startsWith("#/")) && target(reference, root) !== undefined
}

const target = (reference: string, root: Json.JsonObject): Schema.Json | undefined => {
  let value: Schema.Json | undefined = root
  for (const step of unescaped(reference).split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
    if (Json.isArray(value)) value = value[Number(key)]
    else value = Json.isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }
  return value
}

const unescaped = (fragment: string): string => {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}
