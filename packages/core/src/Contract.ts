/** What a method promises, as data: it crosses every border, where schema objects cross none. */
import type { JsonSchema, Schema } from "effect"

export interface Contract {
  /** `llm/v1` */
  readonly protocol: string
  /** `llm/chat` */
  readonly method: string
  readonly description: string
  readonly effects: "reads" | "writes"
  /** Draft 2020-12. Marks of params travel as `x-gleitzeit`. */
  readonly params: JsonSchema.JsonSchema
  readonly result: JsonSchema.JsonSchema
  /** What to use instead. */
  readonly deprecated?: string
  /** Calls as they might be, and what comes back. */
  readonly examples?: ReadonlyArray<{ readonly params: Schema.Json; readonly result: Schema.Json }>
  /** Who carries it out, by name, where that is known. Of several who serve one method each has a contract. */
  readonly provider?: string
}

/** How a param is treated before it reaches the handler. */
export type Mark =
  /** Source of a language: arrives as `Code`, its references bound, never spliced. */
  | { readonly kind: "code"; readonly language: string }
  /** A path: resolved against the workflow's folder, confined, absolute when it arrives. */
  | {
      readonly kind: "file"
      /** `data:`, `http:` and `https:` URLs are let through as they are. */
      readonly urls?: true
      /** It is a folder: what is in it does not count for what the call is given. */
      readonly folder?: true
    }
  /** The name of a model. */
  | { readonly kind: "model" }

/** Source with its references apart. `segments` and the texts of the references are the source as it was written. */
export interface Code {
  readonly source: string
  readonly segments: ReadonlyArray<string | { readonly ref: string; readonly raw: string }>
  readonly values: { readonly [ref: string]: Schema.Json }
  /** Where the source stands, when its lines are lines of a file: the file, and the line of its first (from 1). */
  readonly origin?: { readonly file: string; readonly line: number }
}

/**
 * The marks of a method's params by name, through unions and references; params further down cannot be marked, but the
 * items of a list can.
 */
export const marks = (contract: Contract): ReadonlyMap<string, Mark> => {
  const found = new Map<string, Mark>()
  for (const schema of parts(contract.params, contract.params, [])) {
    const properties = schema["properties"]
    for (const [name, property] of isRecord(properties) ? Object.entries(properties) : []) {
      for (const part of parts(property, contract.params, ["items", "prefixItems"])) {
        const mark = markOf(part["x-gleitzeit"])
        if (mark !== undefined && !found.has(name)) found.set(name, mark)
      }
    }
  }
  return found
}

// internal

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const markOf = (mark: unknown): Mark | undefined => {
  if (!isRecord(mark)) return undefined
  const { folder, kind, language, urls } = mark
  switch (kind) {
    case "file":
      return { kind, ...(urls === true ? { urls } : {}), ...(folder === true ? { folder } : {}) }
    case "model":
      return { kind }
    case "code":
      return { kind, language: String(language) }
    default:
      return undefined
  }
}

/** A schema, what it is put together from and refers to, and what stands under the given keys of those. */
const parts = (schema: unknown, root: unknown, keys: ReadonlyArray<string>): Iterable<Record<string, unknown>> => {
  // a set walks on while it grows, and holds each once: a schema may refer to itself
  const found = new Set<Record<string, unknown>>()
  const add = (part: unknown) => isRecord(part) && found.add(part)
  add(schema)
  for (const part of found) {
    for (const key of ["anyOf", "oneOf", "allOf", ...keys]) {
      const inner = part[key]
      for (const one of Array.isArray(inner) ? inner : [inner]) add(one)
    }
    const reference = part["$ref"]
    if (typeof reference === "string" && reference.startsWith("#")) add(pointed(root, reference))
  }
  return found
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
const pointed = (root: unknown, pointer: string): unknown => {
  let value = root
  for (const step of unescaped(pointer).split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
    value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined
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
