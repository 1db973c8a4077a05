/**
 * A small value that a JSON Schema accepts, for the simulator. Pure and repeatable: the same schema, words and seed give
 * the same value. Not a validator, and not complete: `pattern`, `not`, `if` and `contains` are passed over.
 */
import type { Schema } from "effect"
import { isObject, type JsonObject } from "./Json.ts"
import { resolve } from "./JsonSchemaIssue.ts"

export interface Options {
  /** What strings are made of. */
  readonly words: ReadonlyArray<string>
  /** Decides between values that are equally good. */
  readonly seed: number
}

/** Optional properties are filled in too, but not deep down. What refers to itself without end becomes null. */
export const sample = (schema: Schema.Json, options: Options): Schema.Json =>
  value(isObject(schema) ? schema : {}, { ...options, root: schema, made: { count: 0 } }, 0, 0)

// internal

type Context = Options & { readonly root: Schema.Json; readonly made: { count: number } }

/** Below this depth only required properties are filled in. */
const shallow = 4
/** Below this depth everything is null. */
const bottom = 24
/** Behind so many values everything is null: what refers to itself twice doubles at each depth. */
const enough = 10_000

/** `index` makes the items of a list differ. */
const value = (written: JsonObject, context: Context, depth: number, index: number): Schema.Json => {
  if (depth > bottom || ++context.made.count > enough) return null
  const schema = flat(written, context.root, 0)
  if (schema["const"] !== undefined) return schema["const"]
  const choices = list(schema["enum"])
  if (choices.length > 0) return choices[(context.seed + index) % choices.length] ?? null
  switch (typeOf(schema)) {
    case "object":
      return object(schema, context, depth)
    case "array":
      return array(schema, context, depth)
    case "integer":
      return number(schema, index, 1)
    case "number":
      return number(schema, index, undefined)
    case "boolean":
      return (context.seed + index) % 2 === 0
    case "null":
      return null
    default:
      return string(schema, context, index)
  }
}

/** References followed, `allOf` merged, the first branch of `anyOf` and `oneOf` that is not null taken. */
const flat = (written: JsonObject, root: Schema.Json, steps: number): JsonObject => {
  if (steps > bottom) return written
  const { $ref, allOf, anyOf, oneOf, ...own } = written
  const parts: Array<JsonObject> = [own]
  if (typeof $ref === "string") {
    // Safe: what stands in a schema is JSON.
    parts.push(object_(resolve(root, $ref) as Schema.Json | undefined))
  }
  parts.push(...list(allOf).map(object_))
  for (const branches of [list(anyOf), list(oneOf)]) {
    const [first] = [...branches.filter((branch) => object_(branch)["type"] !== "null"), ...branches]
    if (first !== undefined) parts.push(object_(first))
  }
  return parts.length === 1
    ? own
    : parts.map((part, position) => (position === 0 ? part : flat(part, root, steps + 1))).reduce(merge)
}

const merge = (a: JsonObject, b: JsonObject): JsonObject => {
  const both: { [key: string]: Schema.Json } = { ...a, ...b }
  if (isObject(a["properties"]) && isObject(b["properties"])) {
    both["properties"] = { ...a["properties"], ...b["properties"] }
  }
  if (a["required"] !== undefined && b["required"] !== undefined) {
    both["required"] = [...list(a["required"]), ...list(b["required"])]
  }
  for (const [keys, stricter] of [
    [["minimum", "exclusiveMinimum", "minItems", "minLength"], Math.max],
    [["maximum", "exclusiveMaximum", "maxItems", "maxLength"], Math.min]
  ] as const) {
    for (const key of keys) {
      const [x, y] = [numeric(a[key]), numeric(b[key])]
      if (x !== undefined && y !== undefined) both[key] = stricter(x, y)
    }
  }
  return both
}

const typeOf = (schema: JsonObject): string => {
  const { type } = schema
  if (typeof type === "string") return type
  const [first] = [...list(type).filter((name) => name !== "null"), ...list(type)]
  if (typeof first === "string") return first
  if (schema["properties"] !== undefined || schema["required"] !== undefined) return "object"
  if (schema["items"] !== undefined || schema["prefixItems"] !== undefined) return "array"
  return schema["minimum"] !== undefined || schema["maximum"] !== undefined ? "number" : "string"
}

const object = (schema: JsonObject, context: Context, depth: number): Schema.Json => {
  const properties = object_(schema["properties"])
  const required = list(schema["required"]).filter((name) => typeof name === "string")
  const names = new Set([...(depth < shallow ? Object.keys(properties) : []), ...required])
  return Object.fromEntries(
    [...names].map((name, index) => {
      const own = Object.hasOwn(properties, name) ? properties[name] : schema["additionalProperties"]
      return [name, value(object_(own), { ...context, seed: context.seed + index }, depth + 1, 0)]
    })
  )
}

const array = (schema: JsonObject, context: Context, depth: number): Schema.Json => {
  const first = list(schema["prefixItems"])
  const most = numeric(schema["maxItems"]) ?? Infinity
  const wanted = schema["items"] === undefined || schema["items"] === false ? first.length : first.length + 1
  const length = Math.min(Math.max(wanted, numeric(schema["minItems"]) ?? 0), most, 1000)
  return Array.from({ length }, (_, index) =>
    value(object_(first[index] ?? schema["items"]), context, depth + 1, index)
  )
}

/** `step` is 1 for integers. */
const number = (schema: JsonObject, index: number, step: number | undefined): number => {
  const unit = numeric(schema["multipleOf"]) ?? step
  const above = numeric(schema["exclusiveMinimum"])
  const below = numeric(schema["exclusiveMaximum"])
  const least = Math.max(numeric(schema["minimum"]) ?? -Infinity, above ?? -Infinity)
  const most = Math.min(numeric(schema["maximum"]) ?? Infinity, below ?? Infinity)
  const start = least > -Infinity ? least : most < 1 ? most : Math.min(1, most)
  if (unit === undefined) {
    if (least > -Infinity && most < Infinity) return least + (most - least) / (2 + index)
    return start === least ? start + 1 + index : start - 1 - index
  }
  const lowest = Math.ceil(start / unit) * unit
  if (least === -Infinity && lowest > most) return Math.floor(most / unit) * unit - (most === below ? unit : 0)
  const first = above !== undefined && lowest <= above ? lowest + unit : lowest
  const next = first + index * unit
  return next < most || (next === most && below !== most) ? next : first
}

const formats: { readonly [format: string]: (index: number) => string } = {
  date: (index) => `2026-01-${String((index % 28) + 1).padStart(2, "0")}`,
  "date-time": (index) => `2026-01-${String((index % 28) + 1).padStart(2, "0")}T12:00:00Z`,
  time: () => "12:00:00Z",
  email: (index) => `person${index + 1}@example.com`,
  uri: (index) => `https://example.com/${index + 1}`,
  uuid: (index) => `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`
}

const string = (schema: JsonObject, { seed, words }: Context, index: number): string => {
  const format = schema["format"]
  const formatted = typeof format === "string" && Object.hasOwn(formats, format) ? formats[format]?.(index) : undefined
  if (formatted !== undefined) return formatted
  const word = words[(seed + index) % Math.max(1, words.length)] ?? "text"
  const round = Math.floor(index / Math.max(1, words.length))
  const text = round === 0 ? word : `${word}${round + 1}`
  const least = numeric(schema["minLength"]) ?? 0
  // Lengths in JSON Schema count code points.
  const signs = [...text.padEnd(least, `${index % 10}`)]
  return signs.slice(0, numeric(schema["maxLength"]) ?? Infinity).join("")
}

const object_ = (value: Schema.Json | undefined): JsonObject => (isObject(value) ? value : {})

const list = (value: Schema.Json | undefined): ReadonlyArray<Schema.Json> => (Array.isArray(value) ? value : [])

const numeric = (value: Schema.Json | undefined): number | undefined => (typeof value === "number" ? value : undefined)
