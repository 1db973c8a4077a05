/**
 * What is known of a value before there is one, as JSON Schemas: of one of several forms, or open. Where a path leads in
 * it follows the schema as `Lookup` follows the value. What is not understood is left open, never narrowed.
 */
import type { Schema } from "effect"
import { isArray, isObject } from "./Json.ts"
import { isRecord, resolve } from "./JsonSchemaIssue.ts"
import type { Path, Step } from "./ReferenceSyntax.ts"

/** A schema with the whole that its `$ref`s are looked up in. Within another schema it may stand where a schema may. */
export class Part {
  readonly root: unknown
  readonly schema: unknown
  /** A value that the document itself holds: its author has seen it. */
  readonly isWritten: boolean

  constructor(root: unknown, schema: unknown, isWritten = false) {
    this.root = root
    this.schema = schema
    this.isWritten = isWritten
  }

  /** A part of it, with the same whole unless it brings its own. */
  inner(schema: unknown): Part {
    return schema instanceof Part ? schema : new Part(this.root, schema, this.isWritten)
  }
}

/** It has one of these forms; empty: there is none. `undefined`: it may be anything. */
export type Value = ReadonlyArray<Part> | undefined

/** A whole schema. */
export const of = (schema: unknown): Value => [new Part(schema, schema)]

export const text: Value = of({ type: "string" })

/** A value of the document. */
export const constant = (json: Schema.Json): Value => written(of({ const: json }))

/** The document itself holds it, at least its outer form. */
export const written = (value: Value): Value => value?.map(({ root, schema }) => new Part(root, schema, true))

/** Any of them. */
export const union = (values: Iterable<Value>): Value => {
  const all: Array<Part> = []
  for (const value of values) {
    if (value === undefined) return undefined
    all.push(...value)
  }
  return all
}

export const list = (items: Value): Value =>
  of({ type: "array", ...(items === undefined ? {} : items.length === 0 ? { maxItems: 0 } : { items: one(items) }) })

/** An object with these fields and no others; those of `open` may be missing. */
export const record = (fields: ReadonlyMap<string, Value>, open: ReadonlySet<string> = new Set()): Value =>
  of({
    type: "object",
    properties: Object.fromEntries([...fields].map(([name, value]) => [name, one(value ?? [])])),
    required: [...fields.keys()].filter((name) => !open.has(name)),
    additionalProperties: false
  })

/** Of the items of a list. */
export const items = (value: Value): Value =>
  value === undefined ? undefined : union(value.map((part) => own(part, 0)))

/** Every step must exist, as in `Lookup.inValue`. */
export const at = (value: Value, path: Path, from = 0): Value => {
  let found = value
  for (let i = from; i < path.length && found !== undefined; i++) found = below(found, path[i]!)
  return found
}

/**
 * In the result of a task, as in `Lookup.inTask`. `each`: of a `foreach`, the value being the result of one item; a step
 * that is no number is taken from every item, a number picks one.
 */
export const inTask = (value: Value, path: Path, each: boolean): Value => {
  if (path[0] === "error" || (each && path[0] === "failures")) return undefined
  if (!each) return inResult(value, path)
  const number = path.findIndex((step) => typeof step === "number")
  if (number >= 0) return inResult(value, path.toSpliced(number, 1))
  const inner = inResult(value, path)
  return inner?.length === 0 ? inner : list(inner)
}

/** As in `Lookup.inResult`. */
export const inResult = (value: Value, path: Path): Value => {
  const [step] = path
  if (step === undefined || value === undefined) return value
  return at(union(value.map((part) => first(part, step))), path, 1)
}

/** What a part stands for: what it refers to, or the part that stands in its place. Words beside a `$ref` do not count. */
export const opened = (part: Part, hops = 20): Part => {
  const { root, schema } = part
  if (schema instanceof Part) return opened(schema, hops)
  if (!isRecord(schema) || typeof schema["$ref"] !== "string") return part
  return hops === 0 ? new Part(root, undefined) : opened(part.inner(resolve(root, schema["$ref"])), hops - 1)
}

/** Schemas that may still be looked into: they refer to themselves, and to others more than once. */
export interface Fuel {
  left: number
}

const enough = (): Fuel => ({ left: 200 })

/** What may stand under a step: empty when nothing can. */
export const own = (whole: Part, step: Step, fuel = enough()): Value => {
  const part = opened(whole)
  const { schema } = part
  if (schema === false) return []
  if (!isRecord(schema) || fuel.left-- <= 0) return undefined
  const { allOf, anyOf, oneOf } = schema
  if (Object.hasOwn(schema, "const")) return ofConstant(schema["const"], step, part.isWritten)
  const branches = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined
  const direct = ownOf(part, schema, step)
  if (branches === undefined && allOf === undefined) return direct
  const others = [
    ...(branches === undefined ? [] : [union(branches.map((branch) => own(part.inner(branch), step, fuel)))]),
    ...(Array.isArray(allOf) ? allOf.map((branch) => own(part.inner(branch), step, fuel)) : [])
  ]
  // all of them hold at once: what one knows, another that leaves it open does not undo
  const known = [direct, ...others].filter((value) => value !== undefined)
  return known.find((value) => value.length > 0) ?? known[0]
}

/** Whether there is no such value without the field. */
const promises = (whole: Part, step: Step, fuel = enough()): boolean => {
  const part = opened(whole)
  const { schema } = part
  if (!isRecord(schema) || fuel.left-- <= 0) return false
  const { allOf, anyOf, oneOf, required } = schema
  const all = (branches: unknown) =>
    Array.isArray(branches) &&
    branches.length > 0 &&
    branches.every((branch) => promises(part.inner(branch), step, fuel))
  if (Object.hasOwn(schema, "const")) return ofConstant(schema["const"], step, part.isWritten).length > 0
  if (isRequired(required, step) && schema["type"] === "object") return true
  if (Array.isArray(allOf) && allOf.some((branch) => promises(part.inner(branch), step, fuel))) return true
  return all(anyOf) || all(oneOf)
}

/** Names of the fields that are spoken of. */
export const fieldsOf = (whole: Part, fuel = enough()): ReadonlyArray<string> => {
  const part = opened(whole)
  const { schema } = part
  if (!isRecord(schema) || fuel.left-- <= 0) return []
  const { allOf, anyOf, oneOf, properties } = schema
  const branches = [allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []))
  return [
    ...new Set([
      ...(isRecord(properties) ? Object.keys(properties) : []),
      ...(isRecord(schema["const"]) ? Object.keys(schema["const"]) : []),
      ...branches.flatMap((branch) => fieldsOf(part.inner(branch), fuel))
    ])
  ]
}

/** What the first step of a path into a result chooses. */
export const first = (part: Part, step: Step): Value => {
  const direct = own(part, step)
  if (direct === undefined || (direct.length > 0 && promises(part, step))) return direct
  const inner = at(own(part, "result"), [step])
  if (inner === undefined) return undefined
  return [...direct, ...inner, ...(step === "result" || step === "output" ? [part] : [])]
}

// internal

/** What cannot be there is told where that is found: as a part of something it is open. */
const one = (value: ReadonlyArray<Part>): unknown =>
  value.length === 0 ? {} : value.length === 1 ? value[0] : { anyOf: value }

const below = (value: ReadonlyArray<Part>, step: Step): Value => union(value.map((part) => own(part, step)))

const isRequired = (required: unknown, step: Step): boolean => Array.isArray(required) && required.includes(step)

const ofConstant = (value: unknown, step: Step, isWritten: boolean): ReadonlyArray<Part> => {
  // Safe: a schema is JSON, so is its constant.
  const json = value as Schema.Json
  const field = isArray(json)
    ? json[Number(step)]
    : isObject(json) && Object.hasOwn(json, step)
      ? json[step]
      : undefined
  if (field === undefined || (isArray(json) && typeof step !== "number")) return []
  const schema = { const: field }
  return [new Part(schema, schema, isWritten)]
}

const ownOf = (part: Part, schema: Record<string, unknown>, step: Step): Value => {
  const { additionalProperties, items, patternProperties, prefixItems, properties, type } = schema
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type]
  const isList = types.includes("array")
  const isMapping = types.includes("object") || (types.length === 0 && isRecord(properties))
  if (types.length > 0 && !isList && !isMapping) return []
  if (isList && isMapping) return undefined
  if (isList) {
    if (typeof step !== "number") return []
    return prefixItems !== undefined || items === undefined || Array.isArray(items) ? undefined : [part.inner(items)]
  }
  // where no type is said it may be a list as well
  if (!isMapping || (types.length === 0 && typeof step === "number")) return undefined
  if (isRecord(properties) && Object.hasOwn(properties, step)) return [part.inner(properties[step])]
  if (patternProperties !== undefined) return undefined
  return additionalProperties === false
    ? []
    : isRecord(additionalProperties)
      ? [part.inner(additionalProperties)]
      : undefined
}
