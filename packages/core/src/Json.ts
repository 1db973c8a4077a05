/** Telling the kinds of JSON values apart, so that the compiler follows. */
import type { Schema } from "effect"

export type JsonObject = { readonly [key: string]: Schema.Json }
export type JsonArray = ReadonlyArray<Schema.Json>

export const isObject = (json: Schema.Json | undefined): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

export const isArray = (json: Schema.Json | undefined): json is JsonArray => Array.isArray(json)

/** Lists and objects inside each other, in what is recorded. What is deeper than the call stack cannot be written. */
export const maxDepth = 1000

/** Nested more than `maxDepth` deep; what holds itself is. */
export const isDeep = (json: Schema.Json): boolean => reaches(json, maxDepth)

/** For people: "a list", "an object", "null", "text". */
export const kindOf = (json: Schema.Json): string =>
  json === null
    ? "null"
    : Array.isArray(json)
      ? "a list"
      : typeof json === "object"
        ? "an object"
        : typeof json === "string"
          ? "text"
          : `a ${typeof json}`

// internal

const reaches = (json: Schema.Json, left: number): boolean =>
  typeof json === "object" &&
  json !== null &&
  (left === 0 || Object.values(json).some((value: Schema.Json) => reaches(value, left - 1)))
