/**
 * The workflow document as JSON Schema, draft-07, for editors: what people may write, in every spelling that is read,
 * with the methods that contracts promise. What only `Check` can know (references, conditions, cycles) is not in it.
 */
import type { JsonSchema } from "effect"
import type { Contract } from "./Contract.ts"
import * as Field from "./Field.ts"
import { check } from "./JsonSchemaCheck.ts"
import { isRecord } from "./JsonSchemaIssue.ts"
import * as Keys from "./Keys.ts"
import * as Spelling from "./Spelling.ts"
import * as TemplateSchema from "./TemplateSchema.ts"

export interface Options {
  /** Where the schema is published. Default: it has no address. */
  readonly id?: string
}

/** Methods without a contract are mistakes. Of several contracts of one method the last counts, as for `Check`. */
export const make = (contracts: ReadonlyArray<Contract>, { id }: Options = {}): JsonSchema.JsonSchema => {
  const methods = [...new Map(contracts.map((contract) => [contract.method, contract])).values()].map(
    (contract, number): Known => ({ contract, name: `params-${number + 1}`, short: shortOf(contract) })
  )
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    ...(id === undefined ? {} : { $id: id }),
    // without a title, which editors would show above every key
    description: "A workflow of Gleitzeit: tasks that call methods, in the order of what they need of each other.",
    ...Keys.schema(Spelling.workflow, { required: ["tasks"] }),
    definitions: {
      tasks: { type: "array", items: { $ref: "#/definitions/task" }, minItems: 1 },
      task: task(methods),
      nested,
      inputs,
      input,
      schema,
      ...Object.fromEntries(methods.map((known) => [known.name, params(known)]))
    }
  }
}

// internal

interface Known {
  readonly contract: Contract
  /** Of its params among the definitions. */
  readonly name: string
  /** What it is called beside `protocol`, if it may be called so. */
  readonly short: string | undefined
}

const shortOf = ({ method, protocol }: Contract): string | undefined => {
  const short = method.slice(method.indexOf("/") + 1)
  const found = Spelling.methodOf(short, protocol)
  return "method" in found && found.method === method ? short : undefined
}

const spelled = (name: keyof typeof Spelling.task.names): ReadonlyArray<string> => {
  const key: Keys.Key = Spelling.task.names[name]
  return [name, ...(key.also ?? [])]
}

/** A schema under every spelling of a key, of which the first is offered. */
const each = (name: keyof typeof Spelling.task.names, value: JsonSchema.JsonSchema): Record<string, unknown> =>
  Object.fromEntries(spelled(name).map((key, n) => [key, n === 0 ? value : { ...value, doNotSuggest: true }]))

const oneOfThem = (name: keyof typeof Spelling.task.names) => ({
  anyOf: spelled(name).map((key) => ({ required: [key] }))
})

// tasks

const task = (methods: ReadonlyArray<Known>): JsonSchema.JsonSchema => {
  const { allOf = [], properties, ...own } = Keys.schema(Spelling.task)
  const misplaced = Spelling.besideWorkflow.flatMap(([name]) => spelled(name).map((key) => [key, false] as const))
  return {
    ...own,
    properties: { ...properties, id: { ...properties.id, ...Spelling.taskId } },
    dependencies: { concurrency: ["foreach"] },
    allOf: [
      ...allOf,
      // a name alone is the id
      Keys.when({ not: { required: ["id"] } }, { properties: { name: { ...Spelling.taskId, doNotSuggest: true } } })
    ],
    ...Keys.when(
      { required: ["workflow"] },
      {
        properties: Object.fromEntries(misplaced),
        errorMessage: "cannot stand beside `workflow`: it belongs to the tasks inside"
      },
      {
        allOf: [
          {
            properties: { inputs: false },
            errorMessage: "`inputs` are of a task with `workflow`: a method gets `params`"
          },
          oneOfThem("method"),
          calls(methods)
        ]
      }
    )
  }
}

/** Which methods there are, and which params each takes. */
const calls = (methods: ReadonlyArray<Known>): JsonSchema.JsonSchema => {
  const inferred = methods.filter(({ contract: { method, protocol } }) => {
    const found = Spelling.methodOf(method, undefined)
    return "method" in found && found.protocol === protocol
  })
  const protocols = [...new Set(methods.map(({ contract }) => contract.protocol))]
  return Keys.when(
    { required: ["protocol"] },
    {
      properties: { protocol: { enum: protocols } },
      allOf: protocols.map((protocol) => {
        const own = methods.filter((known) => namesIn(protocol, known).length > 0)
        return Keys.when(
          { properties: { protocol: { const: protocol } } },
          called(own, (known) => namesIn(protocol, known))
        )
      })
    },
    called(inferred, ({ contract: { method } }) => [method, ...otherNames(method)])
  )
}

/** What a method is called beside a protocol, if it is called there at all. */
const namesIn = (protocol: string, { contract, short }: Known): ReadonlyArray<string> => {
  if (contract.protocol === protocol) return short === undefined ? [contract.method] : [contract.method, short]
  const prefix = protocol.slice(0, protocol.indexOf("/") + 1)
  return otherNames(contract.method).flatMap((name) =>
    name.startsWith(prefix) ? [name, name.slice(prefix.length)] : []
  )
}

const otherNames = (method: string): ReadonlyArray<string> =>
  [...Spelling.methods].flatMap(([name, meant]) => (meant.method === method ? [name] : []))

const called = (
  methods: ReadonlyArray<Known>,
  names: (known: Known) => ReadonlyArray<string>
): JsonSchema.JsonSchema => {
  const choices = methods.flatMap((known) => names(known).map((name) => ({ name, known })))
  const method = {
    enum: choices.map(({ name }) => name),
    markdownEnumDescriptions: choices.map(({ known }) => described(known.contract))
  }
  return {
    properties: each("method", method),
    allOf: methods.map((known) =>
      Keys.when(
        { ...oneOfThem("method"), properties: each("method", { enum: names(known) }) },
        {
          properties: {
            ...each("params", { allOf: [{ $ref: `#/definitions/${known.name}` }] }),
            ...(known.contract.deprecated === undefined
              ? {}
              : each("method", { deprecationMessage: deprecated(known) }))
          },
          // what is wrong with none at all is said of the task
          ...(needsParams(known.contract) ? oneOfThem("params") : {})
        }
      )
    )
  }
}

const deprecated = ({ contract: { deprecated, method } }: Known): string =>
  `${method} is deprecated, use ${deprecated} instead`

const described = ({ deprecated, description }: Contract): string =>
  deprecated === undefined ? description : `${description}. **Deprecated**: use \`${deprecated}\`.`

/** A task of `llm/...` may have its model from `defaults`. */
const takesModel = ({ method }: Contract): boolean => method.startsWith("llm/")

const needsParams = (contract: Contract): boolean =>
  check(contract.params, takesModel(contract) ? { model: "any" } : {}).length > 0

const params = ({ contract, name }: Known): JsonSchema.JsonSchema => {
  const made = mapping(TemplateSchema.make(contract.params, `#/definitions/${name}`))
  const { additionalProperties, properties, required, type } = made
  const rest = Array.isArray(required) && takesModel(contract) ? required.filter((key) => key !== "model") : required
  return {
    title: contract.method,
    ...made,
    ...(required === undefined ? {} : { required: rest }),
    // nothing stands for an empty mapping
    ...(type === "object" && !needsParams(contract) ? { type: ["object", "null"] } : {}),
    // the task's own, where the method has no such param
    ...(isRecord(properties) && additionalProperties === false && !Object.hasOwn(properties, "timeout")
      ? { properties: { ...properties, timeout: { ...Field.duration(1).schema, doNotSuggest: true } } }
      : {})
  }
}

/** Params are a mapping, whatever else is said of them. */
const mapping = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  if (schema["type"] !== undefined || schema["$ref"] !== undefined) return schema
  const { not, ...rest } = schema
  return JSON.stringify(not) === `{"type":"null"}` ? { ...rest, type: "object" } : { ...schema, type: "object" }
}

// workflows inside tasks

const nested: JsonSchema.JsonSchema = {
  ...Keys.schema(Spelling.workflow, { without: [...Spelling.ofTheRun, "budget"], required: ["tasks"] }),
  // the tasks alone, or the path of a file
  type: ["array", "object", "string"],
  items: { $ref: "#/definitions/task" },
  minItems: 1,
  minLength: 1
}

// inputs

const inputs: JsonSchema.JsonSchema = {
  type: ["object", "null"],
  propertyNames: {
    pattern: Spelling.inputName.source,
    patternErrorMessage: "a letter or _ first, then letters, digits, _ and -"
  },
  additionalProperties: { $ref: "#/definitions/input" }
}

const words = Object.fromEntries(
  Object.entries(Spelling.input.names).map(([name, key]) => [name, Keys.property(key)] as const)
)

const input: JsonSchema.JsonSchema = {
  type: ["object", "null"],
  properties: {
    ...Object.fromEntries([...Spelling.schemaWords].map((word) => [word, { doNotSuggest: true }] as const)),
    ...words
  },
  patternProperties: { "^x-": {} },
  additionalProperties: false
}

/** A schema inside of another: only its types and patterns are looked at. */
const schema: JsonSchema.JsonSchema = {
  type: ["object", "boolean", "array"],
  properties: Object.fromEntries(
    Object.entries(words).filter(([name]) => !["default", "required", "secret"].includes(name))
  )
}
