/** Content hashes. One of the files of core that may import `node:crypto`. */
import { createHash } from "node:crypto"
import type { Schema } from "effect"
import { isArray, isObject } from "./Json.ts"

/** SHA-256, as hex. */
export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

/** The same text for equal values, whatever the order of their keys. */
export const canonical = (value: Schema.Json): string => JSON.stringify(sorted(value))

// internal

const sorted = (value: Schema.Json): Schema.Json =>
  isArray(value)
    ? value.map(sorted)
    : isObject(value)
      ? Object.fromEntries(
          Object.keys(value)
            .toSorted()
            .map((key) => [key, sorted(value[key] ?? null)])
        )
      : value
