/**
 * What a server of JSON-RPC can do, as the OpenRPC document that it answers `rpc.discover` with: written from contracts,
 * and read back from whoever wrote it. Extensions begin with `x-gleitzeit`; a document without them is read too.
 *
 * @see https://spec.open-rpc.org
 */
import { type JsonSchema, Result, Schema } from "effect"
import type { Contract } from "./Contract.ts"
import * as Json from "./Json.ts"
import { isRecord, nameOf, resolve, stepOf } from "./JsonSchemaIssue.ts"

export interface Info {
  readonly title: string
  readonly version: string
  /** It takes a `_context` with each call, tells of chunks and usage, and heeds `$/cancelRequest`. */
  readonly context: boolean
}

/** One method, by the name and in the form that its server wants. */
export interface Described {
  /** As it stands on the wire. */
  readonly name: string
  /** Names of the params in their order, when they are sent as a list. */
  readonly positions?: ReadonlyArray<string>
  readonly contract: Contract
}

export interface Description extends Info {
  readonly methods: ReadonlyArray<Described>
}

export const document = (contracts: ReadonlyArray<Contract>, info: Info): Json.JsonObject => {
  const schemas: Record<string, Schema.Json> = {}
  const methods = contracts.map((contract) => methodOf(contract, schemas))
  return {
    openrpc: "1.3.2",
    info: { title: info.title, version: info.version },
    ...(info.context ? { "x-gleitzeit": 1 } : {}),
    methods,
    ...(Object.keys(schemas).length === 0 ? {} : { components: { schemas } })
  }
}

/** Params that are one list, however long. */
export const takesList = (params: JsonSchema.JsonSchema): boolean => params["type"] === "array"

/** Names of params in the order in which the schema gives them. */
export const names = (params: JsonSchema.JsonSchema): ReadonlyArray<string> => {
  const found = new Set<string>()
  const seen = new Set<unknown>()
  const visit = (schema: unknown) => {
    if (!isRecord(schema) || seen.has(schema)) return
    seen.add(schema)
    if (typeof schema["$ref"] === "string") visit(resolve(params, schema["$ref"]))
    for (const name of Object.keys(isRecord(schema["properties"]) ? schema["properties"] : {})) found.add(name)
    for (const key of ["allOf", "anyOf", "oneOf"]) for (const one of listOf(schema[key])) visit(one)
  }
  visit(params)
  return [...found]
}

export interface Owner {
  /** Of the provider. What has no protocol of its own is of `NAME/v1`. */
  readonly name: string
  /** Of methods that do not say theirs. */
  readonly protocol?: string
}

/** Of what a provider offers without naming a protocol. */
export const protocolOf = (provider: string): string => `${prefixOf(provider)}/v1`

/** A text says what is wrong with the document. */
export const read = (json: Schema.Json, owner: Owner): Result.Result<Description, string> => {
  const decoded = decode(json)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure.message)
  const { info, methods } = decoded.success
  const schemas = new Schemas(json)
  const all: Array<Described> = []
  const known = new Map<string, string>()
  for (const method of methods) {
    const found = deref(json, method)
    const read = decodeMethod(found)
    if (Result.isFailure(read)) return Result.fail(`a method of it: ${read.failure.message}`)
    if (read.success.name.startsWith("rpc.")) continue
    const one = described(read.success, json, owner, schemas)
    if (schemas.size > largest) return Result.fail(tooLarge)
    const former = known.get(one.contract.method)
    if (former !== undefined) {
      return Result.fail(`"${former}" and "${one.name}" are both the method "${one.contract.method}"`)
    }
    known.set(one.contract.method, one.name)
    all.push(one)
  }
  return Result.succeed({
    title: info?.title ?? "",
    version: info?.version ?? "",
    context: Json.isObject(json) && json["x-gleitzeit"] === 1,
    methods: all
  })
}

// internal

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

// ── writing

const methodOf = (contract: Contract, schemas: Record<string, Schema.Json>): Json.JsonObject => {
  const { deprecated, description, effects, examples, method, params, protocol, result } = contract
  const takesAny = takesList(params)
  const order = takesAny ? [] : names(params)
  const required = new Set(listOf(params["required"]))
  const shared = hoisted(params, `${method}.params`, schemas)
  const properties = isRecord(params["properties"]) ? params["properties"] : {}
  const schemaOf = (name: string): Schema.Json =>
    !Object.hasOwn(properties, name)
      ? {}
      : shared.isHoisted
        ? { $ref: `${shared.root}/properties/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` }
        : jsonOf(properties[name])
  const firstOptional = order.findIndex((name) => !required.has(name))
  const isOrdered = firstOptional < 0 || order.slice(firstOptional).every((name) => !required.has(name))
  return {
    name: method,
    description,
    paramStructure: takesAny ? "by-position" : isOrdered ? "either" : "by-name",
    params: order.map((name) => ({ name, required: required.has(name), schema: schemaOf(name) })),
    result: { name: "result", schema: hoisted(result, `${method}.result`, schemas).schema },
    ...(deprecated === undefined ? {} : { deprecated: true, "x-gleitzeit-deprecated": deprecated }),
    ...(examples === undefined ? {} : { examples: examples.map(pairOf) }),
    "x-gleitzeit-protocol": protocol,
    "x-gleitzeit-effects": effects,
    ...(isPlain(params) && !shared.isHoisted ? {} : { "x-gleitzeit-params": shared.schema })
  }
}

const pairOf = ({ params, result }: NonNullable<Contract["examples"]>[number], index: number): Schema.Json => ({
  name: `example ${index + 1}`,
  params: Json.isObject(params) ? Object.entries(params).map(([name, value]) => ({ name, value })) : [],
  result: { name: "result", value: result },
  ...(Json.isObject(params) ? {} : { "x-gleitzeit-params": params })
})

/** Nothing is said in it but what its params say themselves. */
const isPlain = (params: JsonSchema.JsonSchema): boolean =>
  params["type"] === "object" &&
  params["additionalProperties"] === false &&
  Object.keys(params).every((key) => ["type", "properties", "required", "additionalProperties"].includes(key))

/** References of a schema are relative to it; in a document they are relative to that: such a schema gets a place of its own. */
const hoisted = (schema: JsonSchema.JsonSchema, name: string, schemas: Record<string, Schema.Json>) => {
  const key = name.replaceAll(/[^A-Za-z0-9._-]/g, ".")
  const root = `#/components/schemas/${key}`
  let isHoisted = false
  const moved = rewritten(schema, (ref) => {
    isHoisted ||= ref.startsWith("#")
    return ref.startsWith("#") ? `${root}${ref.slice(1)}` : ref
  })
  if (isHoisted) schemas[key] = moved
  return { isHoisted, root, schema: isHoisted ? { $ref: root } : moved }
}

// ── reading

const Document = Schema.Struct({
  openrpc: Schema.String,
  info: Schema.optionalKey(
    Schema.Struct({ title: Schema.optionalKey(Schema.String), version: Schema.optionalKey(Schema.String) })
  ),
  methods: Schema.Array(Schema.Unknown)
})

/** A schema may be a boolean too. */
const AnySchema = Schema.Union([Schema.Boolean, Schema.Record(Schema.String, Schema.Unknown)])

const Descriptor = Schema.Struct({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  required: Schema.optionalKey(Schema.Boolean),
  schema: Schema.optionalKey(AnySchema)
})

const MethodObject = Schema.Struct({
  name: Schema.NonEmptyString,
  summary: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  result: Schema.optionalKey(Schema.Unknown),
  paramStructure: Schema.optionalKey(Schema.Literals(["by-name", "by-position", "either"])),
  deprecated: Schema.optionalKey(Schema.Boolean),
  examples: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  "x-gleitzeit-protocol": Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9_-]*\/v\d+$/))),
  "x-gleitzeit-effects": Schema.optionalKey(Schema.Literals(["reads", "writes"])),
  "x-gleitzeit-params": Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  "x-gleitzeit-deprecated": Schema.optionalKey(Schema.String)
})

const Example = Schema.Struct({
  params: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.Json }))),
  result: Schema.Struct({ value: Schema.Json }),
  "x-gleitzeit-params": Schema.optionalKey(Schema.Json)
})

const decode = Schema.decodeUnknownResult(Document)
const decodeMethod = Schema.decodeUnknownResult(MethodObject)
const decodeDescriptor = Schema.decodeUnknownResult(Descriptor)
const decodeExample = Schema.decodeUnknownResult(Example)

const deref = (document: Schema.Json, value: unknown): unknown =>
  isRecord(value) && typeof value["$ref"] === "string" ? resolve(document, value["$ref"]) : value

const described = (
  method: typeof MethodObject.Type,
  document: Schema.Json,
  owner: Owner,
  schemas: Schemas
): Described => {
  const own = method["x-gleitzeit-protocol"] ?? owner.protocol
  const first = /^([a-z][a-z0-9_-]*)\/./.exec(method.name)?.[1]
  const protocol = own ?? (first === undefined ? protocolOf(owner.name) : `${first}/v1`)
  const prefix = protocol.slice(0, protocol.indexOf("/"))
  const params = (method.params ?? []).flatMap((one) => {
    const found = decodeDescriptor(deref(document, one))
    return Result.isSuccess(found) ? [found.success] : []
  })
  const given = method["x-gleitzeit-params"]
  const isList = given !== undefined && takesList(given)
  const result = decodeDescriptor(deref(document, method.result))
  const examples = (method.examples ?? []).flatMap((one) => {
    const found = decodeExample(deref(document, one))
    if (Result.isFailure(found)) return []
    const { params = [], result } = found.success
    const named = Object.fromEntries(params.map(({ name, value }) => [name, value]))
    return [{ params: found.success["x-gleitzeit-params"] ?? named, result: result.value }]
  })
  const contract: Contract = {
    protocol,
    method: first === prefix ? method.name : `${prefix}/${method.name}`,
    description: method.description ?? method.summary ?? "",
    effects: method["x-gleitzeit-effects"] ?? "writes",
    params: schemas.contained(given ?? schemaOf(params)),
    result: schemas.contained(Result.isSuccess(result) ? asRecord(result.success.schema) : {}),
    provider: owner.name,
    ...(method.deprecated === true ? { deprecated: method["x-gleitzeit-deprecated"] ?? "another method" } : {}),
    ...(examples.length === 0 ? {} : { examples })
  }
  return {
    name: method.name,
    contract,
    ...(method.paramStructure === "by-position" && !isList ? { positions: params.map(({ name }) => name) } : {})
  }
}

const prefixOf = (name: string): string => {
  const small = name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, "-")
  return /^[a-z]/.test(small) ? small : `remote-${small}`
}

const asRecord = (schema: boolean | JsonSchema.JsonSchema | undefined): JsonSchema.JsonSchema =>
  schema === undefined || schema === true ? {} : schema === false ? { not: {} } : schema

const schemaOf = (params: ReadonlyArray<typeof Descriptor.Type>): JsonSchema.JsonSchema => {
  const required = params.flatMap(({ name, required }) => (required === true ? [name] : []))
  return {
    type: "object",
    properties: Object.fromEntries(
      params.map(({ description, name, schema }) => {
        const own = asRecord(schema)
        return [name, description === undefined || "description" in own ? own : { ...own, description }]
      })
    ),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false
  }
}

const components = "#/components/schemas/"

/** Parts of schemas and references to components, all methods together. */
const largest = 1_000_000

const tooLarge = `its schemas have more than ${largest} parts, those that are referred to counted for each method`

interface Component {
  readonly schema: JsonSchema.JsonSchema
  /** Names of the components that it refers to. */
  readonly needs: ReadonlySet<string>
}

/** The schemas of one document, made into such as need it no more: what they refer to comes with them. */
class Schemas {
  readonly #document: Schema.Json
  /** Each is made once, whoever refers to it. */
  readonly #known = new Map<string, Component>()
  /** How much was made. Nothing more is made once that is more than `largest`. */
  size = 0

  constructor(document: Schema.Json) {
    this.#document = document
  }

  contained(schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema {
    const { needs, schema: moved } = this.#moved(schema)
    if (needs.size === 0) return moved
    const found = new Map<string, JsonSchema.JsonSchema>()
    // grows while it is walked
    const names = new Set(needs)
    for (const name of names) {
      if (this.size++ > largest) break
      const component = this.#component(name)
      found.set(name, component.schema)
      for (const other of component.needs) names.add(other)
    }
    const $defs = { ...(isRecord(moved["$defs"]) ? moved["$defs"] : {}), ...Object.fromEntries(found) }
    const root = { ...moved, $defs }
    // whoever looks for properties does not look behind a reference
    const whole =
      Object.keys(moved).length === 1 && typeof moved["$ref"] === "string" ? resolve(root, moved["$ref"]) : undefined
    return isRecord(whole)
      ? { ...whole, $defs: { ...(isRecord(whole["$defs"]) ? whole["$defs"] : {}), ...$defs } }
      : root
  }

  #component(name: string): Component {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const found = resolve(this.#document, `${components}${stepOf(name)}`)
    const made = this.#moved(isRecord(found) ? found : {})
    this.#known.set(name, made)
    return made
  }

  #moved(schema: JsonSchema.JsonSchema): Component {
    const needs = new Set<string>()
    const move = (ref: string): string => {
      if (!ref.startsWith(components)) return ref
      const steps = ref.slice(components.length).split("/").map(nameOf)
      needs.add(steps[0] ?? "")
      return `#/$defs/${steps.map(stepOf).join("/")}`
    }
    return { needs, schema: rewritten(schema, move, () => this.size++ <= largest) }
  }
}

/** Words of a schema under which there is data and no schema. */
const data = new Set(["const", "enum", "default", "examples", "x-gleitzeit"])

/** A copy with other references. `isLeft`: whether a further part is to be copied; without it all are. */
const rewritten = (
  schema: JsonSchema.JsonSchema,
  rewrite: (ref: string) => string,
  isLeft: () => boolean = () => true
): Json.JsonObject => {
  const copy = (value: unknown, key: string, isNames: boolean): Schema.Json => {
    if (key === "$ref" && typeof value === "string" && !isNames) return rewrite(value)
    if (data.has(key) && !isNames) return jsonOf(value)
    if (typeof value !== "object" || value === null) return jsonOf(value)
    if (!isLeft()) return true
    if (Array.isArray(value)) return value.map((one) => copy(one, "", false))
    // under these the keys are names of an author
    const named = !isNames && /^(properties|patternProperties|\$defs|definitions|dependentSchemas)$/.test(key)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner, key, named)]))
  }
  // Safe: an object's copy is an object, the first is always made.
  return copy(schema, "", false) as Json.JsonObject
}

// Safe: what stands in a JSON Schema is JSON.
const jsonOf = (value: unknown): Schema.Json => value as Schema.Json
