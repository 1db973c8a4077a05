/** A protocol is a named, versioned set of methods. It holds no behaviour: a provider brings that. */
import { Schema } from "effect"
import type { Code, Contract } from "./Contract.ts"
import type { Method } from "./Method.ts"

export interface Protocol<M extends Record<string, Method> = Record<string, Method>> {
  /** Name and major version: `llm/v1`. */
  readonly id: `${string}/v${number}`
  readonly description: string
  /** By full name: `llm/chat`. */
  readonly methods: M
}

export const make = <const M extends Record<string, Method>>(
  id: Protocol["id"],
  protocol: { readonly description: string; readonly methods: M }
): Protocol<M> => ({ id, ...protocol })

/** Source with its references bound as data, never spliced. Plain text is accepted and means no references. */
export const code = (language: string) =>
  Schema.Union([Schema.String, CodeSchema]).annotate({ "x-gleitzeit": { kind: "code", language } })

/** A path: written relative to the workflow's folder, absolute and confined when the handler gets it. */
export const file = Schema.NonEmptyString.annotate({ "x-gleitzeit": { kind: "file" } })

/** A folder: written, confined and handed on as a file is. Its files are no part of a cache's key. */
export const folder = Schema.NonEmptyString.annotate({ "x-gleitzeit": { kind: "file", folder: true } })

/** The same as `file`, or a `data:`, `http:` or `https:` URL, which the handler gets as it is and must not take for a path. */
export const fileOrUrl = Schema.NonEmptyString.annotate({ "x-gleitzeit": { kind: "file", urls: true } })

/** The name of a model. */
export const model = Schema.NonEmptyString.annotate({ "x-gleitzeit": { kind: "model" } })

/** What the protocol promises, as data; `provider`: who carries it out. A schema is written out when somebody looks at it: most are never looked at. */
export const contracts = (protocol: Protocol, provider?: string): ReadonlyArray<Contract> =>
  Object.entries(protocol.methods).map(([method, { description, effects, examples, params, result }]): Contract => {
    const written: { params?: Contract["params"]; result?: Contract["result"] } = {}
    return {
      protocol: protocol.id,
      method,
      description,
      effects,
      ...(examples.length === 0 ? {} : { examples }),
      ...(provider === undefined ? {} : { provider }),
      get params() {
        return (written.params ??= jsonSchema(params))
      },
      get result() {
        return (written.result ??= jsonSchema(result))
      }
    }
  })

// internal

const CodeSchema: Schema.Codec<Code, Code> = Schema.Struct({
  source: Schema.String,
  segments: Schema.Array(Schema.Union([Schema.String, Schema.Struct({ ref: Schema.String, raw: Schema.String })])),
  values: Schema.Record(Schema.String, Schema.Json),
  origin: Schema.optionalKey(Schema.Struct({ file: Schema.String, line: Schema.Int }))
})

/** The JSON Schema of what is written, closed: what it does not name is refused. */
export const jsonSchema = (schema: Schema.Codec<unknown, unknown>): Contract["params"] => {
  const document = Schema.toJsonSchemaDocument(schema, {
    onExcessProperty: "error",
    includeAnnotationKey: (key) => key === "x-gleitzeit"
  })
  return Object.keys(document.definitions).length === 0
    ? document.schema
    : { ...document.schema, $defs: document.definitions }
}
