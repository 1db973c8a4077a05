/**
 * The JSON Schema of a value as that of what people write for it: draft-07, which is what editors read, and a reference
 * may stand for any part. It takes whatever the schema takes, and where draft-07 has no word for something, more.
 */
import type { JsonSchema } from "effect"
import { isNothing, isRecord, nameOf } from "./JsonSchemaIssue.ts"
import { keysOnly, typeWords } from "./JsonSchemaWords.ts"
import { note } from "./Keys.ts"

/**
 * `base` is where it will stand: `#/definitions/x`. The value as a whole is no reference, its parts may be. Refers to
 * nothing outside of itself: an editor would fetch it.
 */
export const make = (schema: JsonSchema.JsonSchema, base: string): JsonSchema.JsonSchema => {
  const made = converted(schema, { base, open: true })
  return isRecord(made) ? pruned(made, base) : {}
}

/** Text with a reference in it. */
export const reference: JsonSchema.JsonSchema = { type: "string", pattern: "\\$\\{" }

// internal

interface Context {
  readonly base: string
  /** References may stand for parts. Not where a schema says what is not to be, or what something depends on. */
  readonly open: boolean
}

type Converted = boolean | Record<string, unknown>

/** A part of the value. */
const part = (schema: unknown, context: Context): Converted => {
  const made = converted(schema, context)
  return context.open ? opened(made) : made
}

/** Another word about the same value. */
const converted = (schema: unknown, context: Context): Converted => {
  if (typeof schema === "boolean") return schema
  if (!isRecord(schema)) return true
  const mark = schema["x-gleitzeit"]
  // sources with their references apart are written by nobody
  if (isRecord(mark) && mark["kind"] === "code") {
    const { description } = schema
    return { ...(typeof description === "string" ? note(description) : {}), type: "string" }
  }
  const closed = { ...context, open: false }
  const one = (value: unknown) => part(value, context)
  const made: Record<string, unknown> = {}
  const all: Array<Converted> = []
  for (const [word, value] of Object.entries(schema)) {
    if (unknownWords.has(word)) continue
    switch (word) {
      case "$ref": {
        const ref = rewritten(value, context.base)
        if (ref !== undefined) all.push({ $ref: ref })
        break
      }
      case "$defs":
      case "definitions":
        made["definitions"] = { ...asRecord(made["definitions"]), ...mapped(value, one) }
        break
      case "properties":
      case "patternProperties":
        made[word] = mapped(value, one)
        break
      case "dependentSchemas":
      case "dependentRequired":
      case "dependencies":
        made["dependencies"] = {
          ...asRecord(made["dependencies"]),
          ...mapped(value, (one) => (Array.isArray(one) ? one : converted(one, context)))
        }
        break
      case "prefixItems":
        made["items"] = Array.isArray(value) ? value.map(one) : true
        if (schema["items"] !== undefined) made["additionalItems"] = one(schema["items"])
        break
      case "items":
        if (schema["prefixItems"] === undefined) made["items"] = Array.isArray(value) ? value.map(one) : one(value)
        break
      case "additionalProperties":
      case "additionalItems":
        made[word] = one(value)
        break
      case "contains":
        // with a number of its own it may be said of none
        if (schema["minContains"] === undefined) made["contains"] = one(value)
        break
      case "allOf":
        for (const member of asList(value)) all.push(converted(member, context))
        break
      case "anyOf":
        made["anyOf"] = asList(value).map((member) => converted(member, context))
        break
      case "oneOf": {
        const members = asList(value)
        // a reference may be taken for more than one of them
        const exact = !context.open || keysOnly(members).length > 0
        const word = exact ? "oneOf" : "anyOf"
        const alternatives = { [word]: members.map((member) => converted(member, context)) }
        if (exact || schema["anyOf"] === undefined) Object.assign(made, alternatives)
        else all.push(alternatives)
        break
      }
      case "not":
        if (isExact(value)) made["not"] = converted(value, closed)
        break
      case "if":
        if (!isExact(value)) break
        made["if"] = converted(value, closed)
        for (const branch of ["then", "else"]) {
          if (schema[branch] !== undefined) made[branch] = converted(schema[branch], context)
        }
        break
      case "then":
      case "else":
        break
      case "propertyNames":
        made[word] = converted(value, closed)
        break
      case "description":
        Object.assign(made, note(String(value)))
        break
      case "deprecated":
        if (value === true) made["deprecationMessage"] = "deprecated"
        break
      default:
        made[word] = value
    }
  }
  return joined(made, all)
}

/** A schema and what stands under its `allOf`, of which whatever can be said beside it is. */
const joined = (made: Record<string, unknown>, all: ReadonlyArray<Converted>): Converted => {
  const left: Array<Converted> = []
  for (const member of all) {
    if (
      isRecord(member) &&
      Object.keys(member).every((word) => notes.has(word) || (lone.has(word) && !(word in made)))
    ) {
      // what is said last is meant for people
      Object.assign(made, member)
    } else left.push(member)
  }
  const [first, second] = left
  if (first === undefined) return made
  if (second === undefined && Object.keys(made).length === 0) return first
  const { definitions, ...rest } = assertions(made)
  // beside a `$ref` nothing counts, and a second `allOf` has no place
  return { ...annotations(made), ...(definitions === undefined ? {} : { definitions }), ...rest, allOf: left }
}

/** The same, or a reference instead. */
const opened = (schema: Converted): Converted => {
  if (typeof schema === "boolean" || isNothing(schema) || takesReference(schema)) return schema
  const { anyOf, type } = schema
  const types = typeof type === "string" ? [type] : Array.isArray(type) ? type.map(String) : []
  const others = Object.keys(assertions(schema))
  // where a pattern can say it no alternative is needed, which editors would have to choose from
  const short = Number(schema["minLength"] ?? 0) <= shortest
  if (types.length > 0 && short && !others.some((word) => combining.has(word) || limits.has(word))) {
    if (!types.includes("string")) {
      return {
        ...schema,
        type: [...types, "string"],
        pattern: reference["pattern"],
        patternErrorMessage: expected(types)
      }
    }
    const { pattern } = schema
    if (typeof pattern === "string") {
      return { ...schema, pattern: `(?:${pattern})|${String(reference["pattern"])}` }
    }
  }
  if (Array.isArray(anyOf) && others.join() === "anyOf") return { ...schema, anyOf: [...anyOf, reference] }
  return { ...annotations(schema), anyOf: [assertions(schema), reference] }
}

/** Any text with a reference fits as it is. */
const takesReference = (schema: Converted): boolean => {
  if (typeof schema === "boolean") return schema
  const rest = assertions(schema)
  const words = Object.keys(rest)
  if (words.length === 0) return true
  // definitions are open
  if (words.join() === "$ref") return true
  if (words.join() === "allOf") return asList(rest["allOf"]).every((one) => takesReference(one as Converted))
  if (words.join() === "anyOf") return asList(rest["anyOf"]).some((one) => takesReference(one as Converted))
  const { minLength, type } = rest
  const text = type === undefined || type === "string" || (Array.isArray(type) && type.includes("string"))
  return (
    text &&
    Number(minLength ?? 0) <= shortest &&
    !words.some((word) => word === "pattern" || combining.has(word) || limits.has(word))
  )
}

const expected = (types: ReadonlyArray<string>): string =>
  `expected ${typeWords(types)}, or a reference such as \${task.field}`

/** Characters of `${a}`. */
const shortest = 4

/** What text may have to be that a reference is not. */
const limits = new Set(["format", "maxLength"])

/** Words that mean the same wherever they stand. */
const lone = new Set(
  `minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format minItems maxItems
   uniqueItems minProperties maxProperties required dependencies enum const anyOf oneOf not`.split(/\s+/)
)

/** Words about values of any type. */
const combining = new Set(["enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "$ref"])

/** What draft-07 does not know, or what would lead out of the document. */
const unknownWords = new Set(
  `$schema $id id $anchor $dynamicAnchor $dynamicRef $recursiveAnchor $recursiveRef $vocabulary $comment unevaluatedItems
   unevaluatedProperties minContains maxContains contentSchema x-gleitzeit`.split(/\s+/)
)

const notes = new Set(
  "title description markdownDescription default examples deprecationMessage readOnly writeOnly".split(" ")
)

const annotations = (schema: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(schema).filter(([word]) => notes.has(word)))

const assertions = (schema: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(schema).filter(([word]) => !notes.has(word)))

/** Nothing is lost when it is written in draft-07: what is lost under a `not` would take less. */
const isExact = (schema: unknown): boolean =>
  Array.isArray(schema)
    ? schema.every(isExact)
    : !isRecord(schema) ||
      Object.entries(schema).every(
        ([word, value]) => word !== "$ref" && (word === "$comment" || !unknownWords.has(word)) && isExact(value)
      )

/** `#/$defs/x` of the schema as it is called where it will stand. */
const rewritten = (ref: unknown, base: string): string | undefined => {
  if (typeof ref !== "string" || !/^#(\/|$)/.test(ref)) return undefined
  return (
    base +
    ref
      .slice(1)
      .replace(/\/\$defs(?=\/)/g, "/definitions")
      .replace(/\/prefixItems(?=\/)/g, "/items")
  )
}

/** Without the definitions that nothing refers to. */
const pruned = (schema: Record<string, unknown>, base: string): Record<string, unknown> => {
  const { definitions, ...rest } = schema
  if (!isRecord(definitions)) return schema
  const kept = new Map<string, unknown>()
  const place = `${base}/definitions/`
  const parts: Array<unknown> = [rest]
  // grows while it is walked
  for (const part of parts) {
    if (typeof part !== "object" || part === null) continue
    for (const [word, value] of Object.entries(part)) {
      if (word !== "$ref" || typeof value !== "string") parts.push(value)
      else if (value.startsWith(place)) {
        const name = nameOf(value.slice(place.length).split("/", 1)[0] ?? "")
        if (kept.has(name) || !Object.hasOwn(definitions, name)) continue
        kept.set(name, definitions[name])
        parts.push(definitions[name])
      }
    }
  }
  return kept.size === 0 ? rest : { ...rest, definitions: Object.fromEntries(kept) }
}

const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})

const asList = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const mapped = (value: unknown, one: (value: unknown) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(asRecord(value)).map(([name, value]) => [name, one(value)]))
