/**
 * Whether a value that one JSON Schema describes can be one that another accepts. Says no only when that is certain:
 * words it does not understand never decide. No validator: there is no value yet.
 */
import type { Schema } from "effect"
import { canonical } from "./Hash.ts"
import { isArray, isObject } from "./Json.ts"
import { isRecord } from "./JsonSchemaIssue.ts"
import { some, typeWords } from "./JsonSchemaWords.ts"
import { type Fuel, opened, own, type Part, type Value } from "./ValueSchema.ts"

/** Kinds of JSON values, as bits. Numbers are two: those that are whole, and those that are not. */
export const kind = { text: 1, whole: 2, fraction: 4, flag: 8, nothing: 16, list: 32, mapping: 64 } as const

/** Both kinds of number. */
export const numbers = kind.whole | kind.fraction

/** No value has one of the forms of both. Of what is open, or cannot be there at all, nothing is certain. */
export const isDisjoint = (a: Value, b: Value): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.length > 0 &&
  b.length > 0 &&
  a.every((one) => b.every((other) => apart(one, other, { left: 300 })))

/** The kinds it may be of. */
export const kinds = (value: Value): number =>
  value === undefined ? everything : value.reduce((all, part) => all | kindsOf(part), 0)

/** In words: `text`, `a whole number or null`, `"a" or "b"`. */
export const described = (value: Value): string => {
  const choices: Array<string> = []
  for (const part of value ?? []) {
    const found = choicesOf(part)
    if (found === undefined || found.some((choice) => typeof choice === "object" && choice !== null)) {
      return inWords(kinds(value))
    }
    choices.push(...found.map((choice) => JSON.stringify(choice)))
  }
  return choices.length === 0 ? inWords(kinds(value)) : some(choices)
}

/** The fields that are required in one and cannot be in the other, or the like: why mappings differ. `undefined`: no such thing. */
export const difference = (given: Value, wanted: Value): string | undefined => {
  const [a, more] = given ?? []
  const [b, others] = wanted ?? []
  if (a === undefined || b === undefined || more !== undefined || others !== undefined) return undefined
  if ((kindsOf(a) & kindsOf(b)) !== kind.mapping) return undefined
  for (const name of requiredOf(b)) if (own(a, name)?.length === 0) return `it has no "${name}"`
  for (const name of requiredOf(a)) if (own(b, name)?.length === 0) return `its "${name}" is not known there`
  const name = [...requiredOf(a), ...requiredOf(b)].find((name) => isDisjoint(own(a, name), own(b, name)))
  return name === undefined
    ? undefined
    : `its "${name}" is ${described(own(a, name))}, expected ${described(own(b, name))}`
}

/** `text`, `a number or null`. */
const inWords = (mask: number): string =>
  mask === everything
    ? "anything"
    : typeWords(
        [...bits].flatMap(([type, bit]) =>
          type === "number" ? ((mask & kind.fraction) === 0 ? [] : [type]) : (mask & bit) === 0 ? [] : [type]
        )
      )

// internal

const everything = 127

const bits: ReadonlyMap<string, number> = new Map([
  ["string", kind.text],
  ["integer", kind.whole],
  ["number", numbers],
  ["boolean", kind.flag],
  ["null", kind.nothing],
  ["array", kind.list],
  ["object", kind.mapping]
])

const apart = (a: Part, b: Part, fuel: Fuel): boolean => {
  if (fuel.left-- <= 0) return false
  const x = opened(a)
  const y = opened(b)
  if (!isRecord(x.schema) || !isRecord(y.schema)) return false
  const common = kindsOf(x) & kindsOf(y)
  if (common === 0) return true
  return (
    refusedChoices(x.schema, y, fuel) ||
    refusedChoices(y.schema, x, fuel) ||
    isBranchApart(x, x.schema, y, fuel) ||
    isBranchApart(y, y.schema, x, fuel) ||
    differs(x, x.schema, y, y.schema, common, fuel)
  )
}

/** Through what a schema is put together from: all of `allOf` hold, one of `anyOf` and `oneOf` does. */
const isBranchApart = (
  part: Part,
  { allOf, anyOf, oneOf }: Record<string, unknown>,
  other: Part,
  fuel: Fuel
): boolean => {
  const isApart = (branch: unknown) => apart(part.inner(branch), other, fuel)
  if (Array.isArray(allOf) && allOf.some(isApart)) return true
  return [anyOf, oneOf].some((branches) => Array.isArray(branches) && branches.length > 0 && branches.every(isApart))
}

const refusedChoices = (schema: Record<string, unknown>, other: Part, fuel: Fuel): boolean => {
  const choices = choicesIn(schema)
  return choices !== undefined && choices.length > 0 && choices.every((choice) => refuses(other, choice, fuel))
}

const differs = (
  x: Part,
  a: Record<string, unknown>,
  y: Part,
  b: Record<string, unknown>,
  common: number,
  fuel: Fuel
): boolean => {
  const exceeds = (least: string, most: string) => above(a[least], b[most]) || above(b[least], a[most])
  if ((common & ~numbers) === 0) {
    return exceeds("minimum", "maximum") || touch(a, b) || touch(b, a)
  }
  if (common === kind.text) return exceeds("minLength", "maxLength")
  if (common === kind.list) {
    if (exceeds("minItems", "maxItems")) return true
    return (above(a["minItems"], 0) || above(b["minItems"], 0)) && areApart(own(x, 0), own(y, 0), fuel)
  }
  if (common !== kind.mapping) return false
  const required = new Set([...requiredIn(a), ...requiredIn(b)])
  return [...required].some((name) => {
    const one = own(x, name)
    const other = own(y, name)
    return one?.length === 0 || other?.length === 0 || areApart(one, other, fuel)
  })
}

const areApart = (a: Value, b: Value, fuel: Fuel): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.length > 0 &&
  b.length > 0 &&
  a.every((one) => b.every((other) => apart(one, other, fuel)))

const above = (least: unknown, most: unknown): boolean =>
  typeof least === "number" && typeof most === "number" && least > most

/** Limits that meet, one of them shut out. */
const touch = (a: Record<string, unknown>, b: Record<string, unknown>): boolean => {
  const reaches = (least: unknown, most: unknown) =>
    typeof least === "number" && typeof most === "number" && least >= most
  return (
    reaches(a["exclusiveMinimum"], b["maximum"]) ||
    reaches(a["minimum"], b["exclusiveMaximum"]) ||
    reaches(a["exclusiveMinimum"], b["exclusiveMaximum"])
  )
}

/** A value that is certainly not accepted. */
const refuses = (whole: Part, value: Schema.Json, fuel: Fuel): boolean => {
  if (fuel.left-- <= 0) return false
  const part = opened(whole)
  const { schema } = part
  if (!isRecord(schema)) return false
  if ((kindsOf(part) & kindOf(value)) === 0) return true
  const choices = choicesIn(schema)
  if (choices !== undefined && !choices.some((choice) => canonical(choice) === canonical(value))) return true
  const isRefused = (branch: unknown) => refuses(part.inner(branch), value, fuel)
  const { allOf, anyOf, oneOf } = schema
  if (Array.isArray(allOf) && allOf.some(isRefused)) return true
  if ([anyOf, oneOf].some((list) => Array.isArray(list) && list.length > 0 && list.every(isRefused))) return true
  if (typeof value === "number") {
    const { exclusiveMaximum, exclusiveMinimum, maximum, minimum } = schema
    return (
      above(minimum, value) ||
      above(value, maximum) ||
      (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) ||
      (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    )
  }
  if (typeof value === "string") {
    const { length } = [...value]
    return above(schema["minLength"], length) || above(length, schema["maxLength"])
  }
  const isRefusedAt = (step: string | number, inner: Schema.Json) => {
    const taken = own(part, step)
    return taken !== undefined && taken.every((form) => refuses(form, inner, fuel))
  }
  if (isArray(value)) {
    if (above(schema["minItems"], value.length) || above(value.length, schema["maxItems"])) return true
    return value.some((item, index) => isRefusedAt(index, item))
  }
  if (!isObject(value)) return false
  return (
    requiredIn(schema).some((name) => !Object.hasOwn(value, name)) ||
    Object.entries(value).some(([name, field]) => isRefusedAt(name, field))
  )
}

const kindOf = (value: Schema.Json): number => {
  if (value === null) return kind.nothing
  if (isArray(value)) return kind.list
  switch (typeof value) {
    case "string":
      return kind.text
    case "number":
      return Number.isInteger(value) ? kind.whole : kind.fraction
    case "boolean":
      return kind.flag
    default:
      return kind.mapping
  }
}

const kindsOf = (whole: Part, fuel: Fuel = { left: 200 }): number => {
  const part = opened(whole)
  const { schema } = part
  if (!isRecord(schema) || fuel.left-- <= 0) return everything
  const { allOf, anyOf, nullable, oneOf, type } = schema
  let mask = everything
  if (typeof type === "string") mask &= bits.get(type) ?? everything
  else if (Array.isArray(type)) mask &= type.reduce((all: number, one) => all | (bits.get(one) ?? everything), 0)
  const choices = choicesIn(schema)
  if (choices !== undefined) mask &= choices.reduce((all: number, choice) => all | kindOf(choice), 0)
  if (Array.isArray(allOf)) for (const branch of allOf) mask &= kindsOf(part.inner(branch), fuel)
  for (const branches of [anyOf, oneOf]) {
    if (!Array.isArray(branches) || branches.length === 0) continue
    mask &= branches.reduce((all: number, branch) => all | kindsOf(part.inner(branch), fuel), 0)
  }
  // not a word of JSON Schema, but of those who mean one
  return nullable === true ? mask | kind.nothing : mask
}

/** The values it may have, where they are counted. */
const choicesIn = (schema: Record<string, unknown>): ReadonlyArray<Schema.Json> | undefined => {
  if (schema["nullable"] === true) return undefined
  // Safe: a schema is JSON, so are its choices.
  if (Object.hasOwn(schema, "const")) return [schema["const"] as Schema.Json]
  return Array.isArray(schema["enum"]) ? (schema["enum"] as ReadonlyArray<Schema.Json>) : undefined
}

const choicesOf = (part: Part): ReadonlyArray<Schema.Json> | undefined => {
  const { schema } = opened(part)
  return isRecord(schema) ? choicesIn(schema) : undefined
}

const requiredIn = ({ required }: Record<string, unknown>): ReadonlyArray<string> =>
  Array.isArray(required) ? required.filter((name) => typeof name === "string") : []

const requiredOf = (part: Part): ReadonlyArray<string> => {
  const { schema } = opened(part)
  return isRecord(schema) ? requiredIn(schema) : []
}
