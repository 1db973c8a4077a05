/** `inputs` of a workflow document: what a run may be given, each under its name with a JSON Schema. */
import type { Schema } from "effect"
import type { Complaints } from "./Complaints.ts"
import { nearest } from "./Diagnostic.ts"
import * as Field from "./Field.ts"
import { check } from "./JsonSchemaCheck.ts"
import { found, or } from "./JsonSchemaWords.ts"
import type { Entry, Mapping, Node } from "./Position.ts"
import { inputName, schemaTypes, schemaWords } from "./Spelling.ts"
import type { Input } from "./Workflow.ts"

/** `nested`: of a workflow that another gives its inputs to. */
export const read = (
  entry: Entry | undefined,
  nested: boolean,
  complaints: Complaints
): Record<string, Input> | undefined => {
  const node = Field.mapping(entry, "`inputs`", complaints)
  if (node === undefined) return undefined
  const inputs: Array<readonly [string, Input]> = []
  for (const [name, entry] of node.entries) {
    if (!inputName.test(name)) {
      const expected = "a letter or _ first, then letters, digits, _ and -"
      complaints.add(entry.key, "invalid-name", `"${name}" is no name for an input, expected ${expected}`)
    }
    const spec = Field.mapping(entry, `input "${name}"`, complaints)
    if (spec === undefined) continue
    inputs.push([name, one(spec, complaints)])
    const secret = spec.entries.get("secret")
    if (nested && secret?.value.value === true) {
      complaints.add(secret.key, "misplaced-secret", secretInput)
    }
  }
  return Object.fromEntries(inputs)
}

/** Why an input of a nested workflow is refused. */
export const secretInput = "an input of a nested workflow cannot be secret: list the secret under its own `secrets`"

// internal

const one = (spec: Mapping, complaints: Complaints): Input => {
  const required = spec.entries.get("required")
  // a list of keys is JSON Schema's own
  const isOurs = required?.value.kind !== "list"
  const own = new Set(["default", "secret", ...(isOurs ? ["required"] : [])])
  for (const [key, entry] of spec.entries) {
    if (own.has(key) || schemaWords.has(key) || key.startsWith("x-")) continue
    const suggestion = nearest(key, [...own, "required", ...schemaWords])
    complaints.add(entry.key, "unknown-key", `unknown key "${key}" in an input`, { suggestion })
  }
  const schema = Object.fromEntries(
    [...spec.entries].flatMap(([key, entry]) => (own.has(key) ? [] : [[key, entry.value.value]]))
  )
  const sound = isSchema(spec, complaints)
  const standard = spec.entries.get("default")
  const secret = Field.flag(spec.entries.get("secret"), "`secret`", complaints)
  if (sound && standard !== undefined) addMisfits(schema, standard.value, secret !== true, complaints)
  const given = isOurs ? Field.flag(required, "`required`", complaints) : undefined
  return {
    schema,
    ...(standard === undefined ? {} : { default: standard.value.value }),
    required: given ?? standard === undefined,
    ...(secret === undefined ? {} : { secret })
  }
}

const addMisfits = (schema: Record<string, Schema.Json>, node: Node, quote: boolean, complaints: Complaints): void => {
  for (const { message, path } of check(schema, node.value, { quote })) {
    complaints.add(below(node, path), "invalid-default", `\`default\` does not fit its own schema: ${message}`)
  }
}

/** Where a path leads, as far as it does. */
const below = (node: Node, path: ReadonlyArray<string | number>): Node => {
  let place = node
  for (const step of path) {
    const next =
      place.kind === "list"
        ? place.items[Number(step)]
        : place.kind === "mapping"
          ? place.entries.get(String(step))?.value
          : undefined
    if (next === undefined) break
    place = next
  }
  return place
}

/** Looks at the types and patterns of a schema, also of those inside it; whether all are sound. */
const isSchema = (node: Node, complaints: Complaints): boolean => {
  if (node.kind !== "mapping") return node.kind === "scalar" && typeof node.value === "boolean"
  let sound = true
  const complain = (node: Node, message: string, suggestion?: string) => {
    complaints.add(node, "invalid-schema", message, { suggestion })
    sound = false
  }
  const type = node.entries.get("type")?.value
  for (const one of type === undefined ? [] : type.kind === "list" ? type.items : [type]) {
    const name = one.value
    if (typeof name === "string" && schemaTypes.has(name)) continue
    const suggestion = typeof name === "string" ? (sameType(name) ?? nearest(name, schemaTypes.keys())) : undefined
    complain(one, `expected one of the types ${or([...schemaTypes.keys()])}, found ${found(name)}`, suggestion)
  }
  const pattern = node.entries.get("pattern")?.value
  if (pattern !== undefined && !isPattern(pattern.value)) complain(pattern, "`pattern`: expected a regular expression")
  const choices = node.entries.get("enum")?.value
  if (choices !== undefined && choices.kind !== "list")
    complain(choices, `\`enum\`: expected a list of values, found ${found(choices.value)}`)
  for (const [key, entry] of node.entries) {
    const { value } = entry
    const parts =
      schemaMaps.has(key) && value.kind === "mapping"
        ? [...value.entries.values()].map(({ value }) => value)
        : schemaLists.has(key) && value.kind === "list"
          ? value.items
          : schemaParts.has(key) && value.kind === "mapping"
            ? [value]
            : []
    for (const part of parts) if (!isSchema(part, complaints)) sound = false
  }
  return sound
}

const schemaMaps = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
const schemaLists = new Set(["allOf", "anyOf", "oneOf", "prefixItems"])
const schemaParts = new Set(["items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames"])

const sameType = (name: string): string | undefined =>
  [...schemaTypes].find(([, others]) => others.includes(name.toLowerCase()))?.[0]

const isPattern = (value: Schema.Json): boolean => {
  if (typeof value !== "string") return false
  try {
    new RegExp(value, "u")
    return true
  } catch {
    return false
  }
}
