/** One method of a protocol: what goes in and what comes out, as schemas, with words for people and models. */
import { Schema } from "effect"

export interface Method<
  P extends Schema.Codec<unknown, unknown> = Schema.Codec<unknown, unknown>,
  R extends Schema.Codec<unknown, unknown> = Schema.Codec<unknown, unknown>,
  O extends boolean = boolean
> {
  readonly description: string
  /** `writes`: calling it twice is not calling it once. Such a call is made once unless its task says otherwise. */
  readonly effects: "reads" | "writes"
  readonly params: P
  readonly result: R
  /** A provider may leave it out. */
  readonly optional: O
  readonly examples: ReadonlyArray<{ readonly params: Schema.Json; readonly result: Schema.Json }>
}

/**
 * Keeps the two schemas' own types. `optional` is false and `examples` empty unless given. `params: Schema.Struct({})` is
 * an object without fields, and nothing else.
 */
export const make = <
  P extends Schema.Codec<unknown, unknown>,
  R extends Schema.Codec<unknown, unknown>,
  const O extends boolean = false
>(method: {
  readonly description: string
  readonly effects: "reads" | "writes"
  readonly params: P
  readonly result: R
  readonly optional?: O
  readonly examples?: ReadonlyArray<{ readonly params: Schema.Json; readonly result: Schema.Json }>
}): Method<P, R, O> => ({
  ...method,
  // Safe: nothing is in an object without fields, in either form.
  params: isNothing(method.params) ? (nothing as unknown as P) : method.params,
  // Safe: O is `false` exactly when `optional` is left out.
  optional: (method.optional ?? false) as O,
  examples: method.examples ?? []
})

// internal

/** As a schema, `{}` is anything but null. */
const isNothing = ({ ast }: Schema.Top): boolean =>
  ast._tag === "Objects" &&
  ast.propertySignatures.length + ast.indexSignatures.length === 0 &&
  ast.checks === undefined &&
  ast.encoding === undefined

const nothing = Schema.Record(Schema.String, Schema.Never.annotate({ message: "Expected no excess property" }))
