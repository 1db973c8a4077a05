/** Large values of an event are kept apart from it, as blobs of its run by content hash, and put back on reading. */
import { Effect, Result, Schema } from "effect"
import { StoreError, WrittenByNewer } from "./Errors.ts"
import * as Event from "./Event.ts"
import { sha256 } from "./Hash.ts"
import type { Append, Store, StoredEvent } from "./Store.ts"

/** Of a value's JSON, in characters. */
const limit = 256 * 1024
/** Tasks of a workflow whose text is long enough to be made in parts. */
const many = 1000

export interface Packed {
  readonly json: string
  readonly blobs: NonNullable<Append["blobs"]>
}

/** The journal's text of an event, without what is large in it. */
export const pack = (event: Event.Event): Packed => {
  const isLarge = event._tag === "RunCreated" && event.workflow.tasks.length > many
  const json = isLarge ? "" : Event.encode(event)
  if (!isLarge && json.length <= limit) return { json, blobs: none }
  const kept: Array<readonly [string, unknown]> = []
  const hashes: Array<readonly [string, string]> = []
  const blobs = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(event)) {
    const text = JSON.stringify(value)
    if (text.length <= limit) kept.push([key, value])
    else {
      const bytes = encoder.encode(text)
      const hash = sha256(bytes)
      blobs.set(hash, bytes)
      hashes.push([key, hash])
    }
  }
  if (hashes.length === 0) return { json: Event.encode(event), blobs: none }
  return {
    json: JSON.stringify(Object.fromEntries([...kept, ["blobs", Object.fromEntries(hashes)]])),
    blobs: [...blobs].map(([hash, bytes]) => ({ hash, bytes }))
  }
}

/** An event as a store gives it back. Fails with `StoreError` when a blob of it is gone. */
export const unpack = (
  store: Store["Service"],
  run: string,
  { json, kind }: Pick<StoredEvent, "json" | "kind">
): Effect.Effect<Event.Event, WrittenByNewer | StoreError> => {
  if (!json.includes(`"blobs":`)) return Event.decode(run, kind, json)
  const parsed = Result.flatMap(
    Result.try(() => JSON.parse(json)),
    decode
  )
  if (Result.isFailure(parsed)) return Event.decode(run, kind, json)
  const { blobs, ...event } = parsed.success
  return Effect.gen(function* () {
    const values: Record<string, unknown> = {}
    for (const [key, hash] of Object.entries(blobs)) {
      const bytes = yield* store.blob(run, hash)
      if (bytes === undefined) {
        return yield* new StoreError({ operation: "blob", retryable: false, cause: `the blob ${hash} is gone` })
      }
      values[key] = yield* Effect.mapError(
        Effect.try(() => JSON.parse(decoder.decode(bytes))),
        () => new WrittenByNewer({ run, kind })
      )
    }
    return yield* Event.fromJson(run, kind, { ...event, ...values })
  })
}

// internal

const none: Packed["blobs"] = []
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const decode = Schema.decodeUnknownResult(
  Schema.StructWithRest(Schema.Struct({ blobs: Schema.Record(Schema.String, Schema.String) }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])
)
