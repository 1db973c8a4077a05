/** Telling the kinds of JSON values apart, so that the compiler follows. */
import type { Schema } from "effect"

export type JsonObject = { readonly [key: string]: Schema.Json }
export type JsonArray = ReadonlyArray<Schema.Json>

export const isObject = (json: Schema.Json | undefined): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

export const isArray = (json: Schema.Json | undefined): json is JsonArray => Array.isArray(json)

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
