/**
 * Where a page of runs ends, for stores. Runs are listed by time of creation, then by id, both descending, so that a
 * place in the list stays the same place while runs are added.
 */
import { Effect, Schema } from "effect"
import { StoreError } from "./Errors.ts"
import type { RunSummary } from "./Store.ts"

/** `created_at` and id of the last run of a page. */
export type Cursor = readonly [createdAt: number, run: string]

export const encode = ({ created_at, run }: RunSummary): string => JSON.stringify([created_at, run])

/** Fails with what a reader did wrong: a cursor is given back as it was. */
export const decode = (cursor: string | undefined): Effect.Effect<Cursor | undefined, StoreError> =>
  cursor === undefined
    ? Effect.succeed(undefined)
    : Effect.mapError(
        decodeText(cursor),
        () =>
          new StoreError({
            operation: "list",
            retryable: false,
            cause: new Error(`${JSON.stringify(cursor)} is not a cursor`),
            hint: "give back the `next` of a page as it was, or leave it out for the first page"
          })
      )

/** Text in the order of its code points, as SQLite and Redis have it. */
export const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// internal

const decodeText = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Tuple([Schema.Finite, Schema.String])))

/** UTF-16 puts the halves of astral characters before U+E000, where the characters themselves come last. */
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)
