/**
 * What stands in params where a secret belongs, until the process that makes the call fills it in: `{"$secret": "NAME"}`,
 * or `{"$secret": ["Bearer ", {"name": "NAME"}]}` for text around secrets. Only the places that a call lists are
 * markers: a value of the same shape anywhere else is data.
 */
import type { Schema } from "effect"
import { isArray, isObject } from "./Json.ts"
import { least } from "./Redaction.ts"

export type Place = ReadonlyArray<string | number>
export type Part = string | { readonly name: string }

export const whole = (name: string): Schema.Json => ({ $secret: name })

export const text = (parts: ReadonlyArray<Part>): Schema.Json => ({ $secret: parts })

/** The secrets that the marker at a place speaks of. */
export const names = (params: Schema.Json, place: Place): ReadonlyArray<string> =>
  parts(at(params, place)).flatMap((part) => (typeof part === "string" ? [] : [part.name]))

/** A copy of the params with the markers replaced; what holds no marker is shared. */
export const fill = (
  params: Schema.Json,
  places: ReadonlyArray<Place>,
  values: ReadonlyMap<string, string>
): Schema.Json => {
  let filled = params
  for (const place of places) {
    const made = parts(at(params, place))
    if (made.length === 0) continue
    const value = made.map((part) => (typeof part === "string" ? part : (values.get(part.name) ?? ""))).join("")
    filled = replace(filled, place, 0, value)
  }
  return filled
}

/**
 * The other way round: markers where values of secrets stand, and their places. So params that a handler made of its own
 * travel without them. Values too short to be masked stay, and so do names of fields.
 */
export const conceal = (
  params: Schema.Json,
  values: ReadonlyMap<string, string>
): { readonly params: Schema.Json; readonly places: ReadonlyArray<Place> } => {
  const places: Array<Place> = []
  // longest first, as they are masked
  const secrets = [...values]
    .filter(([, { length }]) => length >= least)
    .toSorted(([, a], [, b]) => b.length - a.length)
  const visit = (json: Schema.Json, place: Place): Schema.Json => {
    if (typeof json === "string") {
      const found = secrets.reduce<ReadonlyArray<Part>>((parts, [name, value]) => split(parts, name, value), [json])
      if (found.every((part) => typeof part === "string")) return json
      places.push(place)
      return text(found.filter((part) => part !== ""))
    }
    if (isArray(json)) return json.map((item, i) => visit(item, [...place, i]))
    if (!isObject(json)) return json
    return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, visit(item, [...place, key])]))
  }
  const concealed = visit(params, [])
  return { params: places.length === 0 ? params : concealed, places }
}

// internal

const split = (parts: ReadonlyArray<Part>, name: string, value: string): ReadonlyArray<Part> =>
  parts.flatMap((part) =>
    typeof part === "string" ? part.split(value).flatMap((piece, i) => (i === 0 ? [piece] : [{ name }, piece])) : [part]
  )

const at = (json: Schema.Json, place: Place): Schema.Json | undefined => {
  let value: unknown = json
  for (const step of place) {
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, step) ? Reflect.get(value, step) : undefined
  }
  // Safe: what stands in JSON is JSON.
  return value as Schema.Json | undefined
}

const parts = (marker: Schema.Json | undefined): ReadonlyArray<Part> => {
  if (typeof marker !== "object" || marker === null || !Object.hasOwn(marker, "$secret")) return []
  const secret: unknown = Reflect.get(marker, "$secret")
  if (typeof secret === "string") return [{ name: secret }]
  // Safe: markers are made by `whole` and `text` alone.
  return Array.isArray(secret) ? (secret as ReadonlyArray<Part>) : []
}

const replace = (json: Schema.Json, place: Place, depth: number, value: string): Schema.Json => {
  if (depth === place.length) return value
  const step = place[depth]!
  if (Array.isArray(json)) {
    return json.map((item: Schema.Json, i) => (i === step ? replace(item, place, depth + 1, value) : item))
  }
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(
    Object.entries(json).map(([key, item]: [string, Schema.Json]) =>
      key === String(step) ? [key, replace(item, place, depth + 1, value)] : [key, item]
    )
  )
}
