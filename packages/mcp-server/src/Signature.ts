/**
 * What a workflow says of itself to somebody who knows tools only: what it takes and gives as JSON Schemas, and whether
 * it changes anything. Pure.
 */
import { type Contract, Json, type Workflow } from "@gleitzeit/core"
import * as CallCheck from "@gleitzeit/core/CallCheck"
import * as KnownValues from "@gleitzeit/core/KnownValues"
import * as ValueSchema from "@gleitzeit/core/ValueSchema"
import type { Schema } from "effect"

/** A schema whose values are objects: nothing else goes into a tool, or comes out of it. */
export interface ObjectSchema {
  readonly type: "object"
  readonly [word: string]: Schema.Json
}

export interface Hints {
  /** Nothing outside is changed by it. */
  readonly readOnlyHint: boolean
  /** What it changes may be lost. Without knowledge: it may. */
  readonly destructiveHint: boolean
  /** Twice is the same as once. */
  readonly idempotentHint: boolean
  /** It may reach models, programs and servers outside. */
  readonly openWorldHint: boolean
}

/** Closed: a name that is not declared is refused. */
export const inputs = ({ inputs: declared = {} }: Workflow.Workflow): ObjectSchema => {
  const all = Object.entries(declared)
  const required = all.filter(([, input]) => input.required && input.default === undefined).map(([name]) => name)
  return {
    type: "object",
    properties: Object.fromEntries(all.map(([name, input]) => [name, inputOf(input)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false
  }
}

/**
 * Of the outputs, as far as the contracts of what is called tell. Never narrower than what comes: words that not every
 * reader of schemas knows are left out, and no output is required, for its task may be skipped.
 */
export const outputs = (workflow: Workflow.Workflow, contracts: ReadonlyArray<Contract.Contract>): ObjectSchema => {
  const catalog = CallCheck.catalog(contracts)
  const values = KnownValues.make(workflow, (task) => CallCheck.contractsOf(task, catalog))
  const fuel = { left: mostParts }
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(workflow.outputs ?? {}).map(([name, output]) => [
        name,
        written(values.template(output, undefined), fuel)
      ])
    )
  }
}

export const hints = (workflow: Workflow.Workflow, contracts: ReadonlyArray<Contract.Contract>): Hints => {
  const catalog = CallCheck.catalog(contracts)
  const reads = (inner: Workflow.Workflow): boolean =>
    inner.tasks.every((task) => {
      if (task.workflow !== undefined) return reads(task.workflow)
      if (task.effects !== undefined) return task.effects === "reads"
      const able = CallCheck.contractsOf(task, catalog)
      return able.length > 0 && able.every(({ effects }) => effects === "reads")
    })
  const readOnly = reads(workflow)
  return { readOnlyHint: readOnly, destructiveHint: !readOnly, idempotentHint: readOnly, openWorldHint: true }
}

// internal

const inputOf = ({ default: standard, schema, secret }: Workflow.Input): Schema.Json => ({
  ...schema,
  ...(standard === undefined ? {} : { default: standard }),
  ...(secret === true ? { writeOnly: true } : {})
})

/** Parts of schemas that are written out; what is beyond is left open. */
const mostParts = 300
const deepest = 6

interface Fuel {
  left: number
}

const written = (value: ValueSchema.Value, fuel: Fuel, depth = 0): Schema.Json => {
  if (value === undefined || value.length === 0) return {}
  const [only, other] = value
  if (only !== undefined && other === undefined) return part(only, fuel, depth)
  return either(value.map((one) => part(one, fuel, depth)))
}

/** One that is open makes the whole open. */
const either = (branches: ReadonlyArray<Schema.Json>): Schema.Json =>
  branches.some((branch) => Json.isObject(branch) && Object.keys(branch).length === 0) ? {} : { anyOf: branches }

const part = (whole: ValueSchema.Part, fuel: Fuel, depth: number): Schema.Json => {
  const opened = ValueSchema.opened(whole)
  // Safe: a schema is JSON but for the parts that stand in it, which are opened before they are written.
  const schema = opened.schema as Schema.Json | undefined
  if (!Json.isObject(schema) || depth > deepest || fuel.left-- <= 0) return {}
  const inner = (json: Schema.Json | undefined) => part(opened.inner(json), fuel, depth + 1)
  const { additionalProperties, anyOf, const: constant, description, items, oneOf, properties, type } = schema
  const branches = Json.isArray(anyOf) ? anyOf : Json.isArray(oneOf) ? oneOf : undefined
  if (branches !== undefined) return either(branches.map(inner))
  if (constant !== undefined) return ofConstant(constant)
  return {
    ...(isType(type) ? { type } : {}),
    ...(typeof description === "string" ? { description } : {}),
    ...(Json.isArray(schema["enum"]) ? { enum: schema["enum"] } : {}),
    ...(Json.isObject(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, inner(one)])) }
      : {}),
    ...(Json.isObject(items) || items instanceof ValueSchema.Part ? { items: inner(items) } : {}),
    ...(Json.isObject(additionalProperties) ? { additionalProperties: inner(additionalProperties) } : {})
  }
}

/** A constant of the document may be long, and is no help to whoever wants to know what comes. */
const ofConstant = (json: Schema.Json): Schema.Json => {
  if (json === null) return { type: "null" }
  if (Json.isArray(json)) return { type: "array" }
  switch (typeof json) {
    case "object":
      return { type: "object" }
    case "string":
    case "number":
    case "boolean":
      return { type: typeof json }
    default:
      return {}
  }
}

const types = new Set(["array", "boolean", "integer", "null", "number", "object", "string"])

const isType = (type: Schema.Json | undefined): type is Schema.Json =>
  Json.isArray(type)
    ? type.length > 0 && type.every((one) => typeof one === "string" && types.has(one))
    : typeof type === "string" && types.has(type)
