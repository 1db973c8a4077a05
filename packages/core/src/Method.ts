/** One method of a protocol: what goes in and what comes out, as schemas, with words for people and models. */
import type { Schema } from "effect"

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

/** Keeps the two schemas' own types. `optional` is false and `examples` empty unless given. */
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
  // Safe: O is `false` exactly when `optional` is left out.
  optional: (method.optional ?? false) as O,
  examples: method.examples ?? []
})
