/** Tables of the keys that a mapping may have: what reads them, editors and `docs/workflow-format.md` are all made from them. */
import type { JsonSchema } from "effect"
import type { Complaints } from "./Complaints.ts"
import type * as Field from "./Field.ts"
import type { Entry } from "./Position.ts"

export interface Key {
  /** What it means, in Markdown: whole sentences, the first of them short. */
  readonly description: string
  /** What holds where it is not given, in Markdown. */
  readonly otherwise?: string
  /** Other spellings that are read. */
  readonly also?: ReadonlyArray<string>
  /** The section of `docs/workflow-format.md`, or the page beside it, that says more. */
  readonly see?: string
  /** What can stand under it. */
  readonly is: Field.Reader<unknown> | Block
}

/** What takes more than one reader. */
export interface Block {
  readonly read?: never
  readonly schema: JsonSchema.JsonSchema
}

export interface Names {
  readonly [name: string]: Key
}

export interface Keys<N extends Names = Names> {
  /** In messages: `a task`. */
  readonly owner: string
  /** By the names that are used inside. */
  readonly names: N
  /** What belongs to the document and is refused by this version. */
  readonly unsupported?: ReadonlyArray<string>
  /** What is read only to be refused with words of its own. */
  readonly refused?: ReadonlyArray<string>
}

/** Keeps the table's own type, from which the types of its values follow. */
export const make = <const N extends Names>(keys: Keys<N>): Keys<N> => keys

/** By the keys' own names. */
export type Fields = ReadonlyMap<string, Entry>

/** What a key's own reader gives. */
export type Value<K> = K extends { readonly is: Field.Reader<infer A> } ? A : never

/** Keys with a reader of their own. */
export type Readable<N extends Names> = {
  [K in keyof N & string]: N[K] extends { readonly is: Field.Reader<unknown> } ? K : never
}[keyof N & string]

export interface Reading<N extends Names> {
  /** `undefined`: it is not there, or wrong, which is a complaint then. */
  readonly value: <K extends Readable<N>>(name: K) => Value<N[K]> | undefined
  /** An object with the key, or without it where there is no value. */
  readonly part: <K extends Readable<N>>(name: K) => { readonly [_ in K]?: Value<N[K]> }
}

/** Reads values by the table. */
export const reading = <N extends Names>(given: Fields, { names }: Keys<N>, complaints: Complaints): Reading<N> => {
  const value = <K extends Readable<N>>(name: K): Value<N[K]> | undefined => {
    // Safe: `Readable` are the keys whose `is` is a reader, and `Value` is what that gives.
    const read = names[name]?.is as Field.Reader<Value<N[K]>>
    return read(given.get(name), `\`${name}\``, complaints)
  }
  return {
    value,
    part: <K extends Readable<N>>(name: K) => {
      const found = value(name)
      // Safe: the one key that is there is K.
      return (found === undefined ? {} : { [name]: found }) as { readonly [_ in K]?: Value<N[K]> }
    }
  }
}

export interface MappingSchema extends JsonSchema.JsonSchema {
  readonly properties: { readonly [name: string]: JsonSchema.JsonSchema }
  readonly allOf?: ReadonlyArray<JsonSchema.JsonSchema>
}

export interface SchemaOptions {
  /** Names that are left out. */
  readonly without?: ReadonlyArray<string>
  /** Names that must be there: such as have one spelling. */
  readonly required?: ReadonlyArray<string>
}

/** The mapping as JSON Schema, draft-07: each key under all its spellings, of which editors offer the first. */
export const schema = (keys: Keys, { required = [], without = [] }: SchemaOptions = {}): MappingSchema => {
  const names = Object.entries(keys.names).filter(([name]) => !without.includes(name) && !keys.refused?.includes(name))
  const twice = names.flatMap(([name, { also = [] }]) => pairs([name, ...also]))
  return {
    type: "object",
    properties: Object.fromEntries(
      names.flatMap(([name, key]) => [
        [name, property(key)],
        ...(key.also ?? []).map((other) => [other, { ...property(key), doNotSuggest: true }])
      ])
    ),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    ...(twice.length === 0
      ? {}
      : {
          allOf: twice.map(([one, other]) =>
            when(
              { required: [one, other] },
              { properties: { [other]: false }, errorMessage: `says the same as \`${one}\`, expected one of them` }
            )
          )
        })
  }
}

/** A key as editors show it. */
export const property = ({ description, is, otherwise }: Key): JsonSchema.JsonSchema => {
  const text = otherwise === undefined ? description : `${description} Default: ${otherwise}.`
  // beside a `$ref` nothing counts
  return { ...note(text), ...("$ref" in is.schema ? { allOf: [is.schema] } : is.schema) }
}

/** What editors show, as text and, where that is not the same, as Markdown. */
export const note = (text: string): JsonSchema.JsonSchema => ({
  description: text.replaceAll("`", ""),
  ...(text.includes("`") ? { markdownDescription: text } : {})
})

/** A schema that holds where another does, and one that holds where it does not. */
export const when = (
  condition: JsonSchema.JsonSchema,
  consequence: JsonSchema.JsonSchema,
  otherwise?: JsonSchema.JsonSchema
): JsonSchema.JsonSchema => ({
  if: condition,
  // oxlint-disable-next-line no-thenable -- a word of JSON Schema
  then: consequence,
  ...(otherwise === undefined ? {} : { else: otherwise })
})

// internal

const pairs = (names: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  names.flatMap((one, n) => names.slice(n + 1).map((other) => [one, other] as const))
