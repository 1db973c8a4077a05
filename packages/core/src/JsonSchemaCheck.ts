/**
 * Values against JSON Schemas, draft 2020-12 and draft-07, and text made into values for them. Never throws: a schema
 * that cannot be used is an issue too. The only file that knows the validator.
 */
import { type Schema as ValidatorSchema, Validator } from "@cfworker/json-schema"
import type { JsonSchema, Schema } from "effect"
import * as JsonSchemaIssue from "./JsonSchemaIssue.ts"
import { isRecord, type Issue, type Options, resolve } from "./JsonSchemaIssue.ts"

export type { Issue, Options } from "./JsonSchemaIssue.ts"

/** What is wrong with a value, 100 issues or so at most; empty when nothing is. Known formats (`date`, `email`, `uri`, …) count. */
export const check = (
  schema: JsonSchema.JsonSchema,
  value: Schema.Json,
  options: Options = {}
): ReadonlyArray<Issue> => {
  const compiled = compile(schema)
  if (typeof compiled === "string") return [unusable(compiled)]
  try {
    return JsonSchemaIssue.of(compiled.validator.validate(value).errors, compiled.schema, value, options)
  } catch (error) {
    // a pattern or a `$ref` that is met only with certain values, or a value that is nested too deeply
    return [unusable(reason(error))]
  }
}

/** An issue with its place in front, as a message inside of another has it. */
export const inWords = ({ message, path }: Pick<Issue, "message" | "path">): string => {
  if (path.length === 0) return message
  const place = `"${path.join(".")}"`
  // what is not known is named by its message
  const own = `"${path.at(-1)}"`
  return message.startsWith(`${own} is not known here`) ? place + message.slice(own.length) : `${place} ${message}`
}

/** What a text given on a command line stands for: `5` is 5 where a number is wanted, JSON where a list or mapping is. */
export const coerce = (schema: JsonSchema.JsonSchema, text: string): Schema.Json => {
  const types = typesOf(schema, schema, 0)
  const value = json(text)
  if (value !== undefined && typeof value !== "string" && types.some((type) => isOf(type, value))) return value
  const choices = [
    ...(Array.isArray(schema["enum"]) ? schema["enum"] : []),
    ...("const" in schema ? [schema["const"]] : [])
  ]
  const choice: unknown =
    choices.find((choice) => choice === text) ?? choices.find((choice) => JSON.stringify(choice) === text)
  // Safe: a schema is JSON, so are its choices.
  return choice === undefined ? text : (choice as Schema.Json)
}

// internal

const unusable = (message: string): Issue => ({
  path: [],
  keyword: "schema",
  message: `the schema cannot be used: ${message}`
})

const reason = (error: unknown): string => {
  if (error instanceof RangeError) return "schema or value are nested too deeply"
  const message = error instanceof Error ? error.message : String(error)
  // the validator lists every schema it knows behind the first line
  return message.split("\n")[0] ?? message
}

interface Compiled {
  readonly validator: Validator
  readonly schema: ValidatorSchema
}

/** A text says why a schema cannot be used. */
const known = new WeakMap<object, Compiled | string>()

const compile = (schema: JsonSchema.JsonSchema): Compiled | string => {
  const former = known.get(schema)
  if (former !== undefined) return former
  let compiled: Compiled | string
  try {
    // a copy: the validator writes into the schema
    const copy: ValidatorSchema = JSON.parse(JSON.stringify(schema))
    compiled = { validator: new Validator(copy, draftOf(schema["$schema"]), false), schema: copy }
  } catch (error) {
    compiled = reason(error)
  }
  known.set(schema, compiled)
  return compiled
}

const draftOf = (uri: unknown): "4" | "7" | "2019-09" | "2020-12" => {
  const text = String(uri)
  return /draft-0[67]/.test(text)
    ? "7"
    : text.includes("draft-04")
      ? "4"
      : text.includes("2019-09")
        ? "2019-09"
        : "2020-12"
}

/** The types a schema allows, as far as it says so; empty when it does not. */
const typesOf = (root: unknown, schema: unknown, depth: number): ReadonlyArray<string> => {
  if (!isRecord(schema) || depth > 8) return []
  const { $ref, anyOf, oneOf, type } = schema
  if (typeof type === "string") return [type]
  if (Array.isArray(type)) return type.map(String)
  if (typeof $ref === "string") return typesOf(root, resolve(root, $ref), depth + 1)
  const members = [...(Array.isArray(anyOf) ? anyOf : []), ...(Array.isArray(oneOf) ? oneOf : [])]
  const types = members.map((member) => typesOf(root, member, depth + 1))
  // a member that says nothing takes anything
  return types.some(({ length }) => length === 0) ? [] : types.flat()
}

const isOf = (type: string, value: Schema.Json): boolean => {
  if (type === "null") return value === null
  if (type === "array") return Array.isArray(value)
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value)
  if (type === "integer") return Number.isInteger(value)
  return typeof value === type && !(typeof value === "number" && !Number.isFinite(value))
}

const json = (text: string): Schema.Json | undefined => {
  try {
    // Safe: JSON.parse gives JSON.
    return JSON.parse(text) as Schema.Json
  } catch {
    return undefined
  }
}
