/**
 * Params of a tool that travel in HTTP headers as well, by `x-mcp-header` in its schema: whether they can. A tool whose
 * headers cannot be is not offered.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
 */
import type { Schema } from "effect"

/** Whether it asks for any header. */
export const asks = (schema: Schema.JsonObject): boolean => JSON.stringify(schema).includes(`"${key}":`)

/** Why the headers that it asks for cannot be; undefined when they can, or when it asks for none. */
export const faultOf = (schema: Schema.JsonObject): string | undefined =>
  asks(schema) ? visit(schema, [], new Set(), true) : undefined

// internal

const key = "x-mcp-header"

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const types: ReadonlySet<unknown> = new Set(["string", "integer", "boolean"])

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Down to a property by `properties` alone; below any other word of a schema nothing may ask for a header. */
const visit = (
  node: unknown,
  path: ReadonlyArray<string>,
  seen: Set<string>,
  isProperty: boolean
): string | undefined => {
  if (Array.isArray(node)) return first(node, (one) => visit(one, path, seen, false))
  if (!isRecord(node)) return undefined
  const here = path.join(".")
  if (Object.hasOwn(node, key)) {
    const name = node[key]
    if (!isProperty || path.length === 0) return `${here}: ${key} stands where it may not`
    if (typeof name !== "string" || !token.test(name)) return `${here}: ${key} is no name of a header`
    if (!types.has(node["type"])) return `${here}: ${key} may not stand at a value of this type`
    if (seen.has(name.toLowerCase())) return `${here}: the header ${name} is asked for twice`
    seen.add(name.toLowerCase())
  }
  return first(Object.entries(node), ([word, inner]) => {
    if (word === "properties" && isRecord(inner)) {
      return first(Object.entries(inner), ([name, property]) => visit(property, [...path, name], seen, isProperty))
    }
    return texts.has(word) ? undefined : visit(inner, [...path, word], seen, false)
  })
}

/** Words whose values are no schemas. */
const texts: ReadonlySet<string> = new Set(["default", "const", "enum", "examples", key])

const first = <A>(all: ReadonlyArray<A>, find: (one: A) => string | undefined): string | undefined => {
  for (const one of all) {
    const found = find(one)
    if (found !== undefined) return found
  }
  return undefined
}
