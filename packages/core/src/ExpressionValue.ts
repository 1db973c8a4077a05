/** Values as CEL has them, as JSON. CEL's own kinds are known by what they can do, not by their classes. */
import type { Schema } from "effect"

/**
 * Integers become numbers, timestamps and durations text, an optional its value. Throws a `NoJson` for what JSON has
 * no form for. A value that is JSON already is handed on as it is.
 */
export const toJson = (value: unknown): Schema.Json => (isJson(value) ? value : convert(value))

export class NoJson extends Error {}

/** In words, for messages: `a number`, `a list`. */
export const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  switch (typeof value) {
    case "string":
      return "text"
    case "number":
    case "bigint":
      return "a number"
    case "boolean":
      return `${value}`
    default:
      return value instanceof Uint8Array ? "bytes" : isOptional(value) ? "an optional" : "an object"
  }
}

// internal

/** Looks at everything without calling itself: JSON may be deeper than the call stack. */
const isJson = (value: unknown): value is Schema.Json => {
  const stack = [value]
  while (stack.length > 0) {
    const next = stack.pop()
    if (next === null || typeof next === "string" || typeof next === "boolean") continue
    if (typeof next === "number" && Number.isFinite(next)) continue
    if (Array.isArray(next)) for (const item of next) stack.push(item)
    else if (isPlain(next)) for (const key of Object.keys(next)) stack.push(next[key])
    else return false
  }
  return true
}

const convert = (value: unknown): Schema.Json => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value
    throw new NoJson(`it gives ${value}, which is no number in JSON`)
  }
  if (typeof value === "bigint") {
    if (Number.isSafeInteger(Number(value))) return Number(value)
    throw new NoJson("it gives an integer beyond 2^53, which JSON cannot hold exactly: make it text with string(...)")
  }
  if (Array.isArray(value)) return value.map(convert)
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]))
  if (isOptional(value)) {
    if (value.hasValue()) return convert(value.value())
    throw new NoJson("it gives an optional without a value: add .orValue(...)")
  }
  if (value instanceof Date) return value.toISOString()
  if (typeof value === "object" && tagOf(value) === "google.protobuf.Duration") return String(value)
  const plain: unknown = typeof value === "object" && !(value instanceof Uint8Array) ? value.valueOf() : undefined
  if (typeof plain === "bigint") return convert(plain)
  throw new NoJson(`it gives ${kindOf(value)}, which JSON has no form for`)
}

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

interface Optional {
  readonly hasValue: () => boolean
  readonly value: () => unknown
}

const isOptional = (value: unknown): value is Optional =>
  typeof value === "object" && value !== null && tagOf(value) === "optional" && "hasValue" in value && "value" in value

const tagOf = (value: object): unknown => Reflect.get(value, Symbol.toStringTag)
